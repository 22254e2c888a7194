"""`diversity report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diversity.cli._analysis import AnalysisOptions, Rope, with_analysis
from diversity.cli._common import metrics_in
from diversity.cli._common import note as say
from diversity.cli._options import (
    BootstrapOption,
    CovariatesOption,
    ResultsOption,
    ScoresOption,
)

app = typer.Typer()


@app.command()
@with_analysis
def report(
    options: AnalysisOptions,
    results: ResultsOption,
    scores: ScoresOption,
    metric: Annotated[
        str, typer.Option("--metric", "--metrics", help="The primary metric, chosen before the results were seen.")
    ],
    output: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report/report.html"),
    covariates: CovariatesOption = "",
    title: Annotated[str, typer.Option(help="Title of the report.")] = "",
    rope: Rope = None,
    bootstrap: BootstrapOption = 1000,
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups", "--group-column", help="Column of the results with declared groups, such as the grid's role."
        ),
    ] = None,
    note: Annotated[
        str, typer.Option("--note", "--remark", help="What a reader has to know first: stands before the verdict.")
    ] = "",
    exports: Annotated[bool, typer.Option(help="Tables as CSV and LaTeX, figures as PNG, SVG and PDF.")] = True,
) -> None:
    """Write the whole analysis as one HTML page.

    Its tables and figures are written beside it.

    diversity report --results results.csv --scores scores.csv --metric "vendi(q=2)" --output report/report.html
    """
    from diversity.reporting import report as reporting
    from diversity.studies.scores import read_scores

    known = read_scores(scores)
    analysis = options.of(known, rope=rope, covariates=tuple(metrics_in(covariates)), bootstrap=bootstrap)
    presentation = reporting.Presentation(title or reporting.TITLE, note, exports)
    written = reporting.report(
        results, scores, metric=metric, output=output, groups=groups, analysis=analysis,
        presentation=presentation,
    )  # fmt: skip
    print(written.html)
    if written.files:
        say(f"wrote {len(written.files)} tables and figures beside it")
    print(written.fit if isinstance(written.fit, str) else written.fit.sentence)
