"""`diversity report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diversity.cli import _analysis as options
from diversity.cli._common import metrics_in, note
from diversity.cli._options import (
    AlphaOption,
    BootstrapOption,
    CovariatesOption,
    EnglishOption,
    OutcomeOption,
    PermutationsOption,
    ResultsOption,
    ScoresEncoderOption,
    ScoresOption,
    SeedOption,
    WhereOption,
)

app = typer.Typer()


@app.command()
def report(
    results: ResultsOption,
    scores: ScoresOption,
    metric: Annotated[str, typer.Option(help="The primary metric, chosen before the results were seen.")],
    output: Annotated[Path, typer.Option(help="The HTML file to write.")] = Path("report/report.html"),
    outcome: OutcomeOption = "",
    covariates: CovariatesOption = "",
    encoder: ScoresEncoderOption = None,
    english: EnglishOption = True,
    where: WhereOption = None,
    lower_is_better: options.LowerIsBetter = None,
    chosen_by_diversity: options.Chosen = None,
    moments: options.Moments = None,
    embeddings: options.Embeddings = None,
    title: Annotated[str, typer.Option(help="Title of the report.")] = "",
    alpha: AlphaOption = 0.05,
    rope: options.Rope = None,
    permutations: PermutationsOption = 10_000,
    bootstrap: BootstrapOption = 1000,
    seed: SeedOption = 0,
    group_column: Annotated[
        str | None, typer.Option(help="Column of the results with declared groups, such as the grid's role.")
    ] = None,
    remark: Annotated[str, typer.Option(help="What a reader has to know first: stands before the verdict.")] = "",
    exports: Annotated[bool, typer.Option(help="Tables as CSV and LaTeX, figures as PNG, SVG and PDF.")] = True,
) -> None:
    """Write the whole analysis as one HTML page.

    Its tables and figures are written beside it.

    diversity report --results results.csv --scores scores.csv --metric "vendi(q=2)" --output report/report.html
    """
    from diversity.reporting import report as reporting
    from diversity.stats.analysis import Analysis
    from diversity.studies.scores import read_scores

    known = read_scores(scores)
    analysis = Analysis(
        rope=rope,
        outcome=outcome, encoder=encoder, english=english, where=options.choices(where),
        covariates=tuple(metrics_in(covariates)),
        alpha=alpha, permutations=permutations, bootstrap=bootstrap, seed=seed,
        lower_is_better=lower_is_better, chosen_by_diversity=chosen_by_diversity,
        scorers=options.scorers_of(known, moments, embeddings),
    )  # fmt: skip
    presentation = reporting.Presentation(title or reporting.TITLE, remark, exports)
    written = reporting.report(
        results, scores, metric=metric, output=output, groups=group_column, analysis=analysis,
        presentation=presentation,
    )  # fmt: skip
    print(written.html)
    if written.files:
        note(f"wrote {len(written.files)} tables and figures beside it")
    print(written.fit if isinstance(written.fit, str) else written.fit.sentence)
