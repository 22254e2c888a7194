"""The options that `fit`, `compare` and `report` share: what is asked of the results, and how it is tested."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diversity.cli._common import note, pairs
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
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.scoring.scorer import MomentScorer
    from diversity.stats.analysis import Analysis
    from diversity.stats.declared import Commitment
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
PlanOption = Annotated[
    Path | None,
    typer.Option(help="The plan that binds, TOML or a grid's folder (default: what is frozen beside the results)."),
]
Reason = Annotated[str, typer.Option(help="Why the analysis departs from its plan (default: no reason is given).")]


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
    plan: PlanOption = None
    reason: Reason = ""

    def commitment(self, results: Path) -> Commitment | None:
        """What binds the analysis: the plan that is given, or what is frozen where the results lie."""
        from diversity.planning.commitment import read_commitment

        plan, notes = read_commitment(self.plan, results=results, reason=self.reason)
        for line in notes:
            note(f"note: {line}")
        if plan is None and self.reason:
            raise InputError("expected --reason with a plan to depart from, found none: --plan names it")
        return plan

    @property
    def chosen_rows(self) -> dict[str, object]:
        """Which rows of the results are used, by column."""
        return dict[str, object](pairs(self.where, "--where COLUMN=VALUE"))

    @property
    def vectors(self) -> dict[str, Path]:
        """The files of vectors by task."""
        return {name: Path(file) for name, file in pairs(self.embeddings, "--embeddings NAME=FILE.npy").items()}

    def of(self, scores: Scores | None, plan: Commitment | None = None, **own: Any) -> Analysis:
        """The analysis of these scores; `own` are options that not all commands have."""
        from diversity.stats.analysis import Analysis

        return Analysis(
            outcome=self.outcome,
            encoder=self.encoder,
            english=self.english,
            where=self.chosen_rows,
            lower_is_better=self.lower_is_better,
            chosen_by_diversity=self.chosen_by_diversity,
            permutations=self.permutations,
            alpha=self.alpha,
            seed=self.seed,
            plan=plan,
            scorers=None if scores is None else self._scorers(scores),
            **own,
        )

    def _scorers(self, scores: Scores) -> Callable[[str, str], MomentScorer | None]:
        """What computes the scores of relabelled mixtures: vectors, saved moments, or the shipped ones."""
        from diversity.scoring.scorer import scorers

        return scorers(scores, moments=self.moments, embeddings=self.vectors)


def grid_files(results: Path, scores: Path | None) -> tuple[Path, Path | None]:
    """The tables of a grid, where its folder stands for the results."""
    if not results.is_dir():
        return results, scores
    tables = [results / "results.csv", results / "results.parquet"]
    if (file := next((t for t in tables if t.is_file()), None)) is None:
        raise InputError(
            f"{results}: expected a table of results, or the folder of a grid with results.csv, found neither"
        )
    own = results / "scores.csv"
    return file, own if scores is None and own.is_file() else scores


with_analysis = with_options("options", AnalysisOptions)
