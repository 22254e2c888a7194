"""`diversity fit`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._analysis import AnalysisOptions, with_analysis
from diversity.cli._common import Format, check_writable, emit, metrics_in, note, show, text_table
from diversity.cli._options import (
    BootstrapOption,
    CovariatesOption,
    OutOption,
    ResultsOption,
    ScoresOption,
)
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.fit import Fit

app = typer.Typer()


@app.command()
@with_analysis
def fit(
    options: AnalysisOptions,
    results: ResultsOption,
    scores: ScoresOption,
    metric: Annotated[str, typer.Option(help="Metric of the scores, such as cosine or vendi(q=2).")],
    covariates: CovariatesOption = "",
    bootstrap: BootstrapOption = 1000,
    json_file: Annotated[Path | None, typer.Option("--json", help="File for the numbers of the fit, as JSON.")] = None,
    tables: Annotated[Path | None, typer.Option(help="Folder to write every table to, as CSV.")] = None,
    format: Annotated[Format, typer.Option(help="Form of the table of methods.")] = Format.table,
    out: OutOption = None,
) -> None:
    """Test whether more diverse mixtures score higher.

    The default test allows for tasks that several mixtures share.

    diversity fit --results results.csv --scores scores.csv --metric "vendi(q=2)" --json fit.json
    """
    from diversity.stats import fit as fitting
    from diversity.studies.scores import read_scores

    for file in (f for f in (json_file, out) if f is not None):
        check_writable(file)
    if tables is not None and (tables.is_file() or not tables.absolute().parent.is_dir()):
        raise InputError(f"{tables}: expected a folder to write to")
    known = read_scores(scores)
    analysis = options.of(known, covariates=tuple(metrics_in(covariates)), bootstrap=bootstrap)
    fitted = fitting.fit(results, known, metric=metric, analysis=analysis)
    if json_file is not None:
        emit(json.dumps(fitted.to_dict(), indent=1, ensure_ascii=False, allow_nan=False) + "\n", json_file)
    if tables is not None:
        write_tables(fitted.tables, tables)
    methods = [{str(k): v for k, v in r.items()} for r in fitted.to_frame().to_dict("records")]
    show(methods, format, out, _text(fitted))
    for line in fitted.notes:
        note(f"note: {line}")


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Each table as a CSV of its name."""
    from diversity import store

    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        store.write(folder / f"{name}.csv", table.to_csv(index=False))
    note(f"wrote the tables to {folder}")


def number(value: float, form: str = ".4f") -> str:
    """A number; `-` where there is none."""
    return f"{value + 0.0:{form}}" if math.isfinite(value) else "-"


def _text(fitted: Fit) -> str:
    from diversity.stats import sentences

    rows = []
    for line in fitted.to_frame().to_dict("records"):
        name = ("* " if line["primary"] else "  ") + line["method"]
        ends = f"{number(line['low'])} to {number(line['high'])}"
        rows.append(
            [name, number(line["slope"]), ends, number(line["p"], ".2g"), number(line["df"], ".1f"), line["note"]]
        )
    header = ["  method (* primary)", "slope per SD", f"{sentences.level(fitted.alpha)} interval", "p", "df", ""]
    known = {"diversity": fitted.r2_leave_one_task_out, **fitted.baselines}
    r2 = ", ".join(f"{n} {number(math.nan if v is None else v, '.3f')}" for n, v in known.items())
    r = (number(v, ".3f") for v in (fitted.pearson, fitted.spearman, fitted.kendall))
    least = number(fitted.minimum_detectable_slope, ".3g")
    return (
        f"{fitted.sentence}\n\n{text_table(header, rows, right=(1, 2, 3, 4))}\n"
        f"{'Pearson {}, Spearman {}, Kendall {}'.format(*r)}; least slope that the verdict shows with 80 % power: {least}\n"
        f"Predictive R^2, each task left out in turn: {r2}\n"
    )
