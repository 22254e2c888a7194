"""The slope of a study and its test: which one a design gets, its p-value and its interval, and the verdict.

Diversity grows with the number of tasks, and so may accuracy, on whatever curve; relabelling tasks keeps that number. So the
effect is one within mixtures of the same size: a mean for each size, always. Which test a design gets follows from the
design alone, and `primary_test` says it to `fit`, to `compare` and to the planning of a design.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from diversity import catalog
from diversity.stats.analysis import Analysis
from diversity.stats.interactions import MOST, with_interactions
from diversity.stats.multimembership import Slopes, basis, slopes
from diversity.stats.permutation import LabelTest, Partialled, Relabelled, label_test
from diversity.stats.relabelling import Relabelling
from diversity.studies.scores import Scores
from diversity.studies.study import Study
from diversity.studies.tables import Mask
from diversity.studies.weights import closed, size_groups, size_means
from diversity.types import Array, InputError

Verdict = Literal["positive", "negative", "not established"]
Test = Literal["labels", "bootstrap", "none"]

FEW = 1999  # relabellings for the tables of many outcomes
LEAST_TASKS = 5  # for the bootstrap of REML: with fewer, the variance between tasks is a guess
TASKS = "tasks"  # the covariate that is the shares of all tasks
WEIGHTS_ALONE = (
    "is of the weights alone, whichever task bears which: nothing tells it from each task's own diminishing returns"
)
LEAST_CONTRASTS = 6  # mixtures beyond one of each size and the slope, for the same


@dataclass(frozen=True)
class TestChoice:
    """Which test a design gets: `labels` (task-label permutation), `bootstrap` (REML with its t simulated) or `none`."""

    test: Test
    why: str = ""

    __test__ = False  # no class of tests

    @property
    def name(self) -> str:
        """The test in words."""
        words = {"labels": "task-label permutation", "bootstrap": "multi-membership REML, parametric bootstrap"}
        return words.get(self.test, "no test")


def primary_test(
    weights: Array, *, relabelled: bool, chosen_by_diversity: bool = False, covariates: int = 0, moved: bool = False
) -> TestChoice:
    """The test of a design of mixtures with weights (M, T), by the design alone.

    Task labels are permuted where the scores of relabelled mixtures can be had (`relabelled`), unless the design was
    chosen by its diversity or a covariate moves with the labels in a way that is not known (`moved`). Else REML with a
    parametric bootstrap, for equal weights and as many mixtures as its level was shown for: enough to fit, and no more
    than there are pairs of tasks, whose interactions would pass for diversity. Else there is no test, and `why` says so.

    >>> primary_test(np.eye(9), relabelled=True).test
    'labels'
    """
    is_closed = closed(weights)
    if relabelled and not moved and (is_closed or not chosen_by_diversity):
        return TestChoice("labels")
    member = weights > 0
    alike = np.allclose(weights[member], np.repeat(1 / member.sum(axis=1), member.sum(axis=1)), atol=1e-6)
    groups = len(np.unique(size_groups(weights)))
    contrasts = len(weights) - groups - covariates - 1
    if weights.shape[1] < LEAST_TASKS or contrasts < LEAST_CONTRASTS:
        return TestChoice(
            "none",
            f"too few mixtures for a verdict: {len(weights)} mixtures of {weights.shape[1]} tasks; where labels are "
            f"not permuted it takes at least {LEAST_TASKS} tasks and {groups + covariates + 1 + LEAST_CONTRASTS} "
            "mixtures",
        )
    if not alike and not chosen_by_diversity:
        return TestChoice(
            "none",
            "with unequal weights nothing but the scores of relabelled mixtures tells diversity from each task's own "
            "diminishing returns",
        )
    if len(weights) > MOST:
        return TestChoice(
            "none", f"{len(weights)} mixtures are more than the {MOST} that REML with interactions is fitted to"
        )
    pairs = weights.shape[1] * (weights.shape[1] - 1) // 2
    if (several := int((member.sum(axis=1) > 1).sum())) > pairs:
        return TestChoice(
            "none",
            f"{several} mixtures of {weights.shape[1]} tasks share so many pairs of tasks that interactions would pass for "
            "diversity",
        )
    return TestChoice("bootstrap")


@dataclass(frozen=True)
class DesignMatrix:
    """Fixed effects (M, c) of a study by name. `varies`: has diversity any freedom given them? `moved`: those of them that
    are scores of diversity, which relabelling moves."""

    fixed: Array
    terms: tuple[str, ...]
    varies: bool
    moved: tuple[str, ...]
    notes: tuple[str, ...] = ()


def beyond_sizes(weights: Array, fixed: Array) -> int:
    """How many columns of the fixed effects (M, c) say more than the sizes of the mixtures (M, T)."""
    return int(np.linalg.matrix_rank(fixed)) - len(np.unique(size_groups(weights)))


def design_matrix(study: Study, covariates: Sequence[str] = ()) -> DesignMatrix:
    """A mean for each size, and covariates by name, `tasks` being the shares of all of them.

    Raises InputError where a covariate leaves diversity no freedom that sizes left.
    """
    fixed, notes = size_means(study.weights), list[str]()
    sizes = fixed.sum(axis=0)
    terms = (["size"] if len(sizes) > 1 else []) + list(covariates)
    if alone := int((sizes == 1).sum()) if len(sizes) > 1 else 0:
        names = [str(int(k)) for k in sorted({study.k[i] for i in np.flatnonzero(fixed[:, sizes == 1].any(axis=1))})]
        notes.append(
            f"{alone} {'mixture is' if alone == 1 else 'mixtures are'} alone of {'its' if alone == 1 else 'their'} number "
            f"of tasks ({', '.join(names)}) and {'says' if alone == 1 else 'say'} nothing of the slope"
        )
    varies = _varies(study.x, fixed)
    if not varies:
        notes.append(
            f"{study.metric} is a function of the number of tasks in these mixtures: its effect cannot be told apart from "
            "that of the number of tasks"
        )
    for name in covariates:
        if name == TASKS:  # relabelling leaves what the shares span as it is
            fixed = np.column_stack([fixed, study.weights])
            continue
        column = study.covariate(name)
        if np.ptp(column) <= 1e-12 * max(1e-300, float(np.abs(column).max())):
            notes.append(f"the covariate {name} is the same for all mixtures")
        fixed = np.column_stack([fixed, (column - column.mean()) / (column.std() or 1.0)])
    if varies and not _varies(study.x, fixed):
        raise InputError(
            f"expected {study.metric} to be more than a linear function of {', '.join(terms)}, found that it is one"
        )
    moved = tuple(name for name in covariates if name in study.scored)
    return DesignMatrix(fixed, tuple(terms), varies, moved, tuple(notes))


def _varies(x: Array, fixed: Array) -> bool:
    q = basis(fixed)
    centred = x - x.mean()
    return float(np.linalg.norm(centred - q @ (q.T @ centred))) > 1e-7 * float(np.linalg.norm(centred))


@dataclass(frozen=True)
class Estimates:
    """Slopes of D outcomes per standard deviation of diversity within sizes, by one test: each field (D,).

    nan where there is no test (`choice.why`). `gaps`: some slopes within the interval are rejected. `labels` is the test of
    task labels, where it is that.
    """

    choice: TestChoice
    slope: Array
    se: Array
    low: Array
    high: Array
    p: Array
    p_error: Array
    gaps: Mask
    labels: LabelTest | None = None

    @property
    def method(self) -> str:
        """The test in words."""
        if self.labels is not None:
            count = self.labels.count
            return f"{self.choice.name} ({'all' if self.labels.exact else 'drawn,'} {count:,})"
        return self.choice.name


@dataclass(frozen=True)
class Question:
    """How one slope is tested: its fixed effects, the test, and relabelled diversity where labels are permuted."""

    design: DesignMatrix
    choice: TestChoice
    relabelled: Relabelled | Partialled | None = None


@dataclass(frozen=True)
class Tester:
    """How the questions of one analysis are tested: the relabelling of its metric, and of those that are covariates."""

    relabelling: Relabelling
    analysis: Analysis
    others: Mapping[str, Relabelling] = field(default_factory=dict)

    def estimates(
        self, study: Study, outcomes: Array | None = None, covariates: Sequence[str] = (), *, few: bool = False
    ) -> Estimates:
        """The slopes of the study's outcome, or of several (M, D), given covariates; with `few` relabellings for tables.

        Raises InputError where a covariate cannot be had or leaves no freedom.
        """
        given = study.y if outcomes is None else outcomes
        asked = self.question(study, covariates, few=few)
        if asked.relabelled is not None:
            return _by_labels(asked.relabelled, given, asked.design, asked.choice, self.analysis.alpha)
        if asked.choice.test == "bootstrap":
            rng = np.random.default_rng(self.analysis.seed)
            return _by_bootstrap(study, given, asked.design, asked.choice, self.analysis.alpha, rng, few)
        return _untested(given, asked.choice)

    def question(self, study: Study, covariates: Sequence[str] = (), *, few: bool = False) -> Question:
        """How the slope of a study given covariates is tested.

        Raises InputError where a covariate cannot be had or leaves no freedom.
        """
        design = design_matrix(study, covariates)
        if not design.varies:
            return Question(design, TestChoice("none", design.notes[-1]))
        if _of_weights_alone(study.metric):
            return Question(design, TestChoice("none", f"{study.metric} {WEIGHTS_ALONE}"))
        relabelled = self.relabelled(study, few=few)
        moved: Relabelled | Partialled | str = relabelled
        if design.moved and isinstance(relabelled, Relabelled):
            moved = self._given(study, relabelled, design.moved)
        choice = primary_test(
            study.weights,
            relabelled=isinstance(relabelled, Relabelled),
            chosen_by_diversity=self.chosen(study),
            covariates=beyond_sizes(study.weights, design.fixed),
            moved=isinstance(moved, str),
        )
        if choice.test == "labels" and not isinstance(moved, str):
            return Question(design, choice, moved)
        if choice.test == "none" and isinstance(moved, str) and not self.chosen(study):
            choice = TestChoice("none", f"{choice.why}; {moved}")
        return Question(design, choice)

    def _given(self, study: Study, relabelled: Relabelled, names: Sequence[str]) -> Partialled | str:
        """Relabelled diversity given other scores, which move with the labels; or why theirs cannot be had."""
        moving = []
        for name in names:
            x = study.covariate(name)
            own = replace(study, metric=name, x=x, sd=float(x.std()) or 1.0)
            other = self.others.get(name, Relabelling()).moved_with(own, relabelled)
            if isinstance(other, str):
                return f"of the covariate {name}, {other}"
            moving.append(other)
        return Partialled(relabelled, tuple(moving))

    def chosen(self, study: Study) -> bool:
        """Was the design chosen by its diversity?"""
        given = self.analysis.chosen_by_diversity
        return study.chosen_by_diversity if given is None else given

    def relabelled(self, study: Study, *, few: bool = False) -> Relabelled | str:
        """The study under relabellings, or why they cannot be had."""
        key = (study.mixtures, study.tasks)
        if key not in self._known:
            rng = np.random.default_rng(self.analysis.seed)
            self._known[key] = self.relabelling.relabelled(study, self.analysis.permutations, rng)
        known = self._known[key]
        return (
            known.fewer(FEW, np.random.default_rng(self.analysis.seed)) if few and not isinstance(known, str) else known
        )

    @cached_property
    def _known(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], Relabelled | str]:
        return {}


@dataclass(frozen=True)
class Testers:
    """The tester of each metric and encoder of a table of scores, made once."""

    scores: Scores
    analysis: Analysis = field(default_factory=Analysis)

    def of(self, metric: str, encoder: str) -> Tester:
        """The tester of one metric."""
        if (metric, encoder) not in self._known:
            scored = [n for n in self.analysis.covariates if (n, encoder) in self.scores.pairs]
            own, *others = (
                Relabelling.of(self.scores, name, encoder, self.analysis.scorers) for name in (metric, *scored)
            )
            self._known[metric, encoder] = Tester(own, self.analysis, dict(zip(scored, others, strict=True)))
        return self._known[metric, encoder]

    @cached_property
    def _known(self) -> dict[tuple[str, str], Tester]:
        return {}


def _of_weights_alone(metric: str) -> bool:
    """Is a metric a function of the weights, so that relabelling the tasks leaves it as it is?"""
    try:
        return catalog.parse_metric(metric)[0].takes == "weights"
    except InputError:  # a score of the user's
        return False


def _untested(outcomes: Array, choice: TestChoice) -> Estimates:
    none = np.full(outcomes.reshape(len(outcomes), -1).shape[1], np.nan)
    return Estimates(choice, none, none, none, none, none, none, np.zeros(len(none), dtype=bool))


def _by_labels(
    relabelled: Relabelled | Partialled, outcomes: Array, design: DesignMatrix, choice: TestChoice, alpha: float
) -> Estimates:
    test = label_test(relabelled, outcomes, design.fixed)
    p, interval = test.p(), test.interval(alpha)
    return Estimates(
        choice, test.slope, test.se, interval.low, interval.high, p, test.p_error(p), interval.gaps, labels=test
    )


def _by_bootstrap(
    study: Study, outcomes: Array, design: DesignMatrix, choice: TestChoice, alpha: float, rng: np.random.Generator,
    few: bool,
) -> Estimates:  # fmt: skip
    draws = 499 if few else 1999
    fitted = with_interactions(study.weights, study.z, outcomes, design.fixed, draws=draws, rng=rng)
    p, (low, high) = fitted.p(), fitted.interval(alpha)
    none = np.zeros(len(p), dtype=bool)
    return Estimates(choice, fitted.slope, fitted.se, low, high, p, np.sqrt(p * (1 - p) / draws), none)


def reml(study: Study, design: DesignMatrix) -> Slopes:
    """The multi-membership model of the study's outcome."""
    return slopes(study.weights, study.z, study.y, design.fixed)


def verdict(
    estimate: Estimates, members: Estimates | None, *, alpha: float = 0.05, lower_is_better: bool = False
) -> Verdict:
    """Established where the primary test rejects, and, where it can be asked, also given what each task is worth.

    With `members`, the slope given the shares of the tasks must have the same sign and reject as well: a mixture's accuracy
    is mostly the mean of its members'. `positive` is better: where lower outcomes are better, that is a negative slope.
    """
    both = [estimate] if members is None else [estimate, members]
    slope = float(estimate.slope[0])
    if all(e.p[0] <= alpha and e.slope[0] * slope > 0 for e in both):
        return "positive" if (slope > 0) != lower_is_better else "negative"
    return "not established"


def against_members(study: Study, tester: Tester, tested: Estimates) -> tuple[Estimates | None, str]:
    """The slope given what each task is worth, its shares being fixed effects; or why there is none.

    Tasks that are good and happen to be diverse make diverse mixtures good: that is no effect of mixing. What a task is worth
    is fitted to all mixtures, the single tasks among them, so that it need not be known without error. Asked where the effect
    itself was `tested` and every task was trained alone; with nan as its p-value where it is to be asked and these mixtures
    are too few.
    """
    covariates = tester.analysis.covariates
    if math.isnan(tested.p[0]):
        return None, ""
    if TASKS in covariates or "single_mean" in covariates:
        return None, "what the tasks are worth is among the covariates"
    if not np.isfinite(study.single_mean).all():
        return (
            None,
            "not every task was trained alone, so the effect is not compared with what its tasks are worth alone",
        )
    if not (study.k > 1).any():
        return None, (
            "each mixture is one task: its diversity is that of its texts, and there are no members to compare with"
        )
    try:
        estimate = tester.estimates(study, covariates=[*covariates, TASKS])
    except InputError as error:
        estimate = _untested(study.y, TestChoice("none", str(error)))
    untested = "the effect cannot be told apart from what its tasks are worth, so none is established"
    return estimate, f"{untested}: {estimate.choice.why}" if math.isnan(estimate.p[0]) else ""
