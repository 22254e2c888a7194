"""`diversity report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diversity.cli._common import metrics_in, note
from diversity.cli.fit import choices

app = typer.Typer()


@app.command()
def report(
    results: Annotated[
        Path, typer.Option(help="Results: CSV or Parquet with mixture, target, language, seed, metric, value.")
    ],
    scores: Annotated[
        Path, typer.Option(help="Diversity: CSV or Parquet with mixture, metric, value, as `diversity score` writes.")
    ],
    metric: Annotated[str, typer.Option(help="The primary metric, chosen before the results were seen.")],
    output: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report/report.html"),
    outcome: Annotated[
        str, typer.Option(help="mean9, mean7 (without retrieval), retrieval, mean (of all there are), or a target.")
    ] = "mean9",
    covariates: Annotated[
        str, typer.Option(help="k, entropy, log_budget, single_mean, columns of numbers, other metrics; by commas.")
    ] = "",
    encoder: Annotated[str | None, typer.Option(help="Encoder of the scores, where there are several.")] = None,
    english: Annotated[bool, typer.Option(help="Whether English counts among a target's languages.")] = True,
    where: Annotated[
        list[str] | None, typer.Option(help="Use the results with COLUMN=VALUE; any number of times.")
    ] = None,
    title: Annotated[str, typer.Option(help="Title of the report.")] = "",
    alpha: Annotated[float, typer.Option(help="Level of the tests.")] = 0.05,
    rope: Annotated[float, typer.Option(help="Points within which mixtures are practically equal.")] = 0.5,
    permutations: Annotated[
        int, typer.Option(min=100, help="Task labels drawn; up to nine tasks, all are used.")
    ] = 10_000,
    bootstrap: Annotated[int, typer.Option(min=100, help="Draws for the intervals of correlations.")] = 1000,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything drawn.")] = 0,
    group_column: Annotated[
        str | None, typer.Option(help="Column of the results with declared groups, such as the grid's role.")
    ] = None,
    remark: Annotated[str, typer.Option(help="What a reader has to know first: stands before the verdict.")] = "",
    exports: Annotated[bool, typer.Option(help="Tables as CSV and LaTeX, figures as PNG, SVG and PDF.")] = True,
) -> None:
    """Write one self-contained HTML report, with its tables and figures beside it.

    diversity report --results results.csv --scores scores.csv --metric "vendi(q=2)" --output report/report.html
    """
    from diversity.reporting import report as reporting
    from diversity.stats.analysis import Analysis

    analysis = Analysis(
        outcome=outcome, encoder=encoder, english=english, where=choices(where), covariates=tuple(metrics_in(covariates)),
        alpha=alpha, permutations=permutations, bootstrap=bootstrap, seed=seed,
    )  # fmt: skip
    heading = reporting.Heading(title or reporting.TITLE, remark)
    written = reporting.report(
        results, scores, metric=metric, output=output, groups=group_column, rope=rope, analysis=analysis,
        heading=heading, exports=exports,
    )  # fmt: skip
    print(written.html)
    if written.files:
        note(f"wrote {len(written.files)} tables and figures beside it")
    print(written.fit if isinstance(written.fit, str) else written.fit.sentence)
