"""The options of an analysis: what is asked of the tables, and how it is tested."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from diversity.stats.declared import Commitment
from diversity.types import InputError, Scorer

Scorers = Callable[[str, str], Scorer | None]  # of a metric and an encoder


@dataclass(frozen=True)
class Analysis:
    """What is asked of a table of results, and how it is tested: the same object for `fit`, `compare` and `report`.

    `outcome` is mean9, mean7 (without retrieval), retrieval, mean (of the targets of the table) or one target; without it,
    mean9 where all nine targets are there, the target where there is one, else mean. `encoder` is that
    of the scores, where there are several; with `english` false the languages of a target are the others; `where`
    chooses rows of the results by their columns. `covariates` are k, entropy, log_budget, single_mean, tasks (the shares
    of all of them), numeric columns, or other metrics of the scores. `alpha` is the level of the tests, `permutations`
    the task labels that are drawn (all of them up to nine tasks), `bootstrap` the draws of intervals (1000 of
    correlations and 10,000 of pairs where it is None), `seed` that of everything drawn. `rope` counts as
    practically none: of a comparison's difference (None: half a point where the outcomes are in points of 100), and of a
    slope (None: not judged).
    `lower_is_better` says so of the outcomes (None: as a column of that name or the metric's name says);
    `chosen_by_diversity` that the mixtures were chosen by their diversity, as matched pairs are (None: as a column `role`
    of the results says). `scorers` compute the scores of relabelled mixtures that a table lacks: a Scorer of the metric,
    or a function of metric and encoder that gives one, such as `diversity.scorers(scores)`. `plan` is what the study declared
    (`diversity.read_commitment`): it takes the place of what is left at its default, and what departs from it is marked.

    Raises InputError for a level outside (0, 1) and for fewer than 100 draws.

    >>> Analysis(outcome="retrieval").changed(seed=3).outcome
    'retrieval'
    """

    outcome: str = ""
    encoder: str | None = None
    english: bool = True
    where: Mapping[str, object] = field(default_factory=dict)
    covariates: tuple[str, ...] = ()
    alpha: float = 0.05
    permutations: int = 10_000
    bootstrap: int | None = None
    seed: int = 0
    lower_is_better: bool | None = None
    rope: float | None = None
    chosen_by_diversity: bool | None = None
    scorers: Scorer | Scorers | None = field(default=None, repr=False, compare=False)
    plan: Commitment | None = None

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise InputError(f"expected alpha between 0 and 1, found {self.alpha}")
        if self.rope is not None and not 0 <= self.rope < math.inf:
            raise InputError(f"expected a region of practical equivalence of at least 0, found {self.rope}")
        fewest = min(self.permutations, self.permutations if self.bootstrap is None else self.bootstrap)
        if fewest < 100:
            raise InputError(f"expected at least 100 permutations and draws, found {fewest}")

    def changed(
        self, *, outcome: str | None = None, covariates: Sequence[str] | None = None, seed: int | None = None
    ) -> Analysis:
        """The same with another outcome, other covariates or another seed; None leaves it as it is."""
        return replace(
            self,
            outcome=self.outcome if outcome is None else outcome,
            covariates=self.covariates if covariates is None else tuple(covariates),
            seed=self.seed if seed is None else seed,
        )
