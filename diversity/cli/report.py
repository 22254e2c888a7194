"""`diversity report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diversity.cli._analysis import AnalysisOptions, Rope, grid_files, with_analysis
from diversity.cli._common import metrics_in
from diversity.cli._common import note as say
from diversity.cli._options import BootstrapOption, CovariatesOption, ResultsOption
from diversity.cli._wide import AnyMetric, AnyScores, WideOptions, scores_for, with_wide

app = typer.Typer()


@app.command()
@with_analysis
@with_wide
def report(
    options: AnalysisOptions,
    wide: WideOptions,
    results: ResultsOption,
    scores: AnyScores = None,
    metric: AnyMetric = "",
    output: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report/report.html"),
    covariates: CovariatesOption = "",
    title: Annotated[str, typer.Option(help="Title of the report (default: one that fits any).")] = "",
    rope: Rope = None,
    bootstrap: BootstrapOption = 1000,
    groups: Annotated[
        str | None,
        typer.Option(
            "--groups",
            "--group-column",
            help="Column of the results with declared groups (default: role, where there is one).",
        ),
    ] = None,
    note: Annotated[
        str,
        typer.Option(
            "--note", "--remark", help="What a reader has to know first: stands before the verdict (default: none)."
        ),
    ] = "",
    exports: Annotated[bool, typer.Option(help="Tables as CSV and LaTeX, figures as PNG, SVG and PDF.")] = True,
) -> None:
    """Write the whole analysis as one HTML page.

    Its tables and figures are written beside it. The metric is the primary one, chosen before the results were seen.

    diversity report --results results.csv --scores scores.csv --metric "vendi(q=2)" --output report/report.html

    diversity report --results runs.csv --weights "train_*" --outcomes "valid_*" --lower-is-better
    """
    from diversity.reporting import report as reporting

    plan = options.commitment(results)
    results, scores = grid_files(results, scores)
    runs = wide.read(results, options)
    known, metric = scores_for(runs, scores, metric or (plan.declared.metric if plan else ""), options)
    analysis = options.of(known, plan, rope=rope, covariates=tuple(metrics_in(covariates)), bootstrap=bootstrap)
    presentation = reporting.Presentation(title or reporting.TITLE, note, exports)
    written = reporting.report(
        runs, known, metric=metric, output=output, groups=groups, analysis=analysis,
        presentation=presentation,
    )  # fmt: skip
    print(written.html)
    if written.files:
        say(f"wrote {len(written.files)} tables and figures beside it")
    print(written.fit if isinstance(written.fit, str) else written.fit.sentence)
