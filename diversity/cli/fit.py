"""`diversity fit`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._analysis import AnalysisOptions, grid_files, with_analysis
from diversity.cli._common import check_figure, metrics_in, note
from diversity.cli._options import BootstrapOption, CovariatesOption, ResultsOption
from diversity.cli._output import TablesWriter, check_folder, json_text, with_tables_writer, write_tables
from diversity.cli._wide import AnyMetric, AnyScores, WideOptions, scores_for, with_wide

if TYPE_CHECKING:
    from diversity.stats.fit import Fit

app = typer.Typer()


@app.command()
@with_tables_writer
@with_analysis
@with_wide
def fit(
    writer: TablesWriter,
    options: AnalysisOptions,
    wide: WideOptions,
    results: ResultsOption,
    scores: AnyScores = None,
    metric: AnyMetric = "",
    covariates: CovariatesOption = "",
    bootstrap: BootstrapOption = 1000,
    plot: Annotated[
        Path | None,
        typer.Option(help="File of a figure to write, each mixture's diversity and outcome: .png, .svg or .pdf."),
    ] = None,
    tables: Annotated[Path | None, typer.Option(hidden=True, help="Old: the tables as CSV.")] = None,
) -> None:
    """Test whether more diverse mixtures score higher.

    The default test allows for tasks that several mixtures share.

    diversity fit --results results.csv --scores scores.csv --metric "vendi(q=2)" --output fit.json

    diversity fit --results results.csv --scores scores.csv --metric "vendi(q=2)" --output tables --plot fit.png

    diversity fit --results runs.csv --weights "train_*" --outcomes "valid_*" --lower-is-better
    """
    from diversity.reporting import exports
    from diversity.reporting.analyses import fit as fitting

    if tables is not None:
        check_folder(tables)
    if plot is not None:
        check_figure("--plot", plot)
    plan = options.commitment(results)
    results, scores = grid_files(results, scores)
    runs = wide.read(results, options)
    known, metric = scores_for(runs, scores, metric or (plan.declared.metric if plan else ""), options)
    analysis = options.of(known, plan, covariates=tuple(metrics_in(covariates)), bootstrap=bootstrap)
    fitted = fitting(runs, known, metric=metric, analysis=analysis)
    document = json_text(fitted.to_dict())
    writer.save("fit", lambda: exports.blocks(fitted), document)
    if tables is not None:
        write_tables(fitted.tables, tables)
    if plot is not None:
        from diversity.reporting.plot import plot as draw
        from diversity.reporting.plots import save

        note(f"wrote {save(draw(fitted, 'mixtures'), plot)}")
    methods = [{str(k): v for k, v in r.items()} for r in fitted.to_frame().to_dict("records")]
    writer.show(methods, _text(fitted), document=document)
    for line in fitted.notes:
        note(f"note: {line}")


SHOWN = ("method", "slope", "low", "high", "p", "note")  # of the table of methods


def _text(fitted: Fit) -> str:
    from diversity.display.columns import as_text
    from diversity.display.numbers import level
    from diversity.stats import sentences

    methods = fitted.to_frame()
    marked = methods.assign(method=methods["primary"].map({True: "* ", False: "  "}) + methods["method"])
    table = as_text(marked[list(SHOWN)], points=fitted.in_points, level=level(fitted.alpha))
    lines = sentences.of_baselines(fitted)
    return f"{fitted.summary()}\n\n{table}  * the primary test, which the design decides\n\n" + "".join(
        f"{s}\n" for s in lines
    )
