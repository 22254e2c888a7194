"""The options that `fit`, `compare` and `report` share: what is asked of the results, and how it is tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diversity.cli._common import pairs
from diversity.cli._options import (
    AlphaOption,
    EnglishOption,
    OutcomeOption,
    PermutationsOption,
    ScoresEncoderOption,
    SeedOption,
    WhereOption,
    with_options,
)

if TYPE_CHECKING:
    from diversity.scoring.scorer import MomentScorer
    from diversity.stats.analysis import Analysis
    from diversity.studies.scores import Scores

LowerIsBetter = Annotated[
    bool | None,
    typer.Option(
        help="Whether lower outcomes are better (default: as a column of that name or the metric's name says)."
    ),
]
Chosen = Annotated[
    bool | None,
    typer.Option(help="Whether the mixtures were chosen by their diversity (default: as the column role says)."),
]
Rope = Annotated[
    float | None, typer.Option(help="A difference up to this is practically none (default: half a point of 100).")
]
Moments = Annotated[
    Path | None, typer.Option(help="Folder of saved moments for the scores of relabelled mixtures (default: shipped).")
]
Embeddings = Annotated[list[str] | None, typer.Option(help="A task's vectors for the same: NAME=FILE.npy. Repeatable.")]


@dataclass(frozen=True)
class AnalysisOptions:
    """What all three commands ask of the results, and how they test it."""

    outcome: OutcomeOption = ""
    encoder: ScoresEncoderOption = None
    english: EnglishOption = True
    where: WhereOption = None
    lower_is_better: LowerIsBetter = None
    chosen_by_diversity: Chosen = None
    moments: Moments = None
    embeddings: Embeddings = None
    permutations: PermutationsOption = 10_000
    alpha: AlphaOption = 0.05
    seed: SeedOption = 0

    def of(self, scores: Scores | None, **own: Any) -> Analysis:
        """The analysis of these scores; `own` are options that not all commands have."""
        from diversity.stats.analysis import Analysis

        return Analysis(
            outcome=self.outcome,
            encoder=self.encoder,
            english=self.english,
            where=dict(pairs(self.where, "--where COLUMN=VALUE")),
            lower_is_better=self.lower_is_better,
            chosen_by_diversity=self.chosen_by_diversity,
            permutations=self.permutations,
            alpha=self.alpha,
            seed=self.seed,
            scorers=None if scores is None else self._scorers(scores),
            **own,
        )

    def _scorers(self, scores: Scores) -> Callable[[str, str], MomentScorer | None]:
        """What computes the scores of relabelled mixtures: vectors, saved moments, or the shipped ones."""
        from diversity.scoring.scorer import scorers

        files = {name: Path(file) for name, file in pairs(self.embeddings, "--embeddings NAME=FILE.npy").items()}
        return scorers(scores, moments=self.moments, embeddings=files)


with_analysis = with_options("options", AnalysisOptions)
