"""`diversity compare`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._analysis import AnalysisOptions, Rope, grid_files, with_analysis
from diversity.cli._common import names_in, note
from diversity.cli._options import (
    ResultsOption,
)
from diversity.cli._output import TablesWriter, json_text, with_tables_writer
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.stats.compare import Comparison

app = typer.Typer()


@app.command()
@with_tables_writer
@with_analysis
def compare(
    writer: TablesWriter,
    options: AnalysisOptions,
    results: ResultsOption,
    scores: Annotated[
        Path | None,
        typer.Option(help="Diversity, as `diversity score` writes it (default: none)."),
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            "--metric",
            "--metrics",
            help="Metric of the scores that tells diverse from homogeneous; required with --scores.",
        ),
    ] = None,
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            "--group-column",
            help="The groups: a column of the results, a CSV with mixture, group (diverse, homogeneous), or metric: by the "
            "metric (default: the column role, where the results declare groups; else metric).",
        ),
    ] = None,
    share: Annotated[
        float,
        typer.Option(help="Share of each stratum that is diverse, and that is homogeneous.", show_default="a third"),
    ] = 1 / 3,
    match: Annotated[
        str,
        typer.Option(
            help="What pairs have in common: k, budget, columns of numbers (default: declared pairs, else k,budget)."
        ),
    ] = "",
    rope: Rope = None,
) -> None:
    """Compare diverse with homogeneous mixtures, in pairs.

    Groups and pairs are those that a grid declares in its results. Without them, pairs have the same number of tasks and the
    same budget.

    diversity compare --results results.csv

    diversity compare --results results.csv --scores scores.csv --metric "vendi(q=2)" --groups metric
    """
    from diversity.reporting import exports
    from diversity.reporting.analyses import compare as comparing
    from diversity.studies.scores import read_scores

    plan = options.commitment(results)
    results, scores = grid_files(results, scores)
    known = None if scores is None else read_scores(scores)
    analysis = options.of(known, plan, rope=rope)
    compared = comparing(
        results, known, metric=metric, groups=_groups(groups), share=share,
        match=names_in(match) or None, analysis=analysis,
    )  # fmt: skip
    document = json_text(compared.to_dict())
    writer.save("compare", lambda: exports.blocks(compared), document)
    pairs = [{str(k): v for k, v in r.items()} for r in compared.tables["pairs"].to_dict("records")]
    writer.show(pairs, _text(compared), document=document)
    for line in compared.notes:
        note(f"note: {line}")


def _groups(given: str | None) -> dict[str, str] | str | None:
    """The groups of a file by mixture; a column's name, and nothing, as they are."""
    from diversity.studies import tables

    if given is None or not (Path(given).suffix or Path(given).is_file()):
        return given
    path = Path(given)
    rows = tables.read_columns(path, ("mixture", "group"), "groups")
    names, sides = ([tables.text(cell) for cell in rows[column]] for column in ("mixture", "group"))
    if repeated := next((name for name, count in Counter(names).items() if count > 1), None):
        raise InputError(f"{path}: expected each mixture once, found {repeated!r} more often")
    return dict(zip(names, sides, strict=True))


SHOWN = ("diverse", "homogeneous", "stratum", "difference", "shared")  # of the table of pairs
MOST = 40  # pairs that are printed


def _text(compared: Comparison) -> str:
    from diversity.display.columns import as_text
    from diversity.stats import sentences

    pairs = compared.tables["pairs"].sort_values("difference")
    table = as_text(pairs[list(SHOWN)].head(MOST), points=compared.in_points)
    more = f"  the first {MOST} of {compared.n_pairs} pairs\n" if compared.n_pairs > MOST else ""
    return f"{compared.summary()}\n\n{table}{more}\n" + "".join(f"{s}\n" for s in sentences.other_tests(compared))
