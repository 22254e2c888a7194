"""What a design can show: correlations by closed forms, slopes by simulation of tasks that mixtures share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diversity.stats import paired
from diversity.stats.interactions import Components, at_components
from diversity.stats.model import TestChoice, primary_test
from diversity.stats.multimembership import basis
from diversity.stats.permutation import Relabelled, SetScores, label_test, labels
from diversity.studies.study import sd_within
from diversity.studies.weights import closed, size_means
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

RELABELLINGS = 299  # of a simulated verdict


def critical_r(n: int, alpha: float = 0.05) -> float:
    """The |r| of n independent points that p < alpha needs, two-sided.

    >>> round(critical_r(9), 3), round(critical_r(36), 2)
    (0.666, 0.33)
    """
    from scipy.special import stdtrit

    if n < 3:
        return math.nan
    value = float(stdtrit(n - 2, 1 - alpha / 2))
    return value / math.sqrt(n - 2 + value**2)


def detectable_r(n: int, power: float = 0.8, alpha: float = 0.05) -> float:
    """The |r| that n independent points show with that power (Fisher's z).

    >>> round(detectable_r(9), 2), round(detectable_r(36), 2)
    (0.82, 0.45)
    """
    from scipy.special import ndtri

    return math.tanh(float(ndtri(1 - alpha / 2) + ndtri(power)) / math.sqrt(n - 3)) if n > 3 else math.nan


def interval_r(r: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Fisher's interval of a correlation of n independent points.

    >>> [round(v, 2) for v in interval_r(0.5, 9)], [round(v, 2) for v in interval_r(0.5, 36)]
    ([-0.25, 0.87], [0.21, 0.71])
    """
    from scipy.special import ndtri

    if n <= 3:
        return -1.0, 1.0
    half = float(ndtri((1 + level) / 2)) / math.sqrt(n - 3)
    middle = math.atanh(min(max(r, -1 + 1e-15), 1 - 1e-15))
    return math.tanh(middle - half), math.tanh(middle + half)


def outcomes(weights: Array, *, sd_task: float, sd_noise: float, draws: int, rng: np.random.Generator) -> Array:
    """Simulated outcomes (M, draws) under no relation: Z u + e, with normal effects of the tasks and normal noise."""
    effects = rng.normal(0, sd_task, (weights.shape[1], draws))
    return np.asarray(weights @ effects + rng.normal(0, sd_noise, (len(weights), draws)))


@dataclass(frozen=True)
class Setting:
    """A design as its verdict will be given: weights (M, T), diversity `z` (M,), and what outcomes are like.

    `relabelled` holds the diversity of relabelled mixtures, for the test of task labels; without it the test is REML with a
    parametric bootstrap. `sd_task` is the standard deviation of the tasks' effects on the outcome, `sd_noise` that of one
    mixture's rest. With `members` the slope has to hold given what each task is worth, too.
    """

    weights: Array
    z: Array
    relabelled: Relabelled | None
    sd_task: float
    sd_noise: float
    members: bool

    def rejected(self, outcomes: Array, alpha: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        """Of outcomes (M, D), which give the verdict that diversity does good (D,)."""
        sizes = size_means(self.weights)
        good = self._positive(outcomes, sizes, alpha, rng)
        if self.members and good.any():
            given = np.column_stack([sizes, self.weights])
            good[good] = self._positive(outcomes[:, good], given, alpha, rng)
        return good

    def _positive(self, outcomes: Array, fixed: Array, alpha: float, rng: np.random.Generator) -> NDArray[np.bool_]:
        try:
            if self.relabelled is not None:
                test = label_test(self.relabelled, outcomes, fixed)
                return np.asarray((test.p() <= alpha) & (test.sign > 0))
            if (columns := fixed.shape[1]) not in self._components:
                self._components[columns] = Components.of(self.weights, self.z, fixed)
            fitted = at_components(self._components[columns], outcomes, draws=299, rng=rng)
            return np.asarray((fitted.p() <= alpha) & (fitted.slope > 0))
        except InputError:
            return np.zeros(outcomes.reshape(len(outcomes), -1).shape[1], dtype=bool)

    @cached_property
    def _components(self) -> dict[int, Components]:
        """By the number of columns of the fixed effects."""
        return {}


def detectable(
    setting: Setting,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    draws: int = 400,
    rng: np.random.Generator | None = None,
) -> float:
    """The slope on `z` that a verdict shows with that power; infinite where no slope does (see `curve`)."""
    return least_of(curve(setting, power=power, alpha=alpha, draws=draws, rng=rng), power)


def least_of(tried: Sequence[tuple[float, float]] | None, power: float = 0.8) -> float:
    """The smallest slope of a curve that is shown with that power; infinite where none is, nan where there is no curve.

    >>> least_of([(1.0, 0.5), (2.0, 0.9), (1.5, 0.8)])
    1.5
    """
    return math.nan if tried is None else min((slope for slope, share in tried if share >= power), default=math.inf)


def curve(
    setting: Setting,
    *,
    power: float = 0.8,
    alpha: float = 0.05,
    draws: int = 400,
    rng: np.random.Generator | None = None,
) -> list[tuple[float, float]]:
    """Slopes on `z`, and how often a verdict shows each, up to one that is shown with that power, and near it.

    Simulated: the same `draws` outcomes under no relation, a slope added, and the verdict given as `fit` gives it.
    """
    tried: list[tuple[float, float]] = []
    rng = rng or np.random.default_rng(0)
    weights, z = setting.weights, setting.z
    none = outcomes(weights, sd_task=setting.sd_task, sd_noise=setting.sd_noise, draws=draws, rng=rng)
    few = replace(setting, relabelled=setting.relabelled and setting.relabelled.fewer(RELABELLINGS, rng))
    unit = math.hypot(setting.sd_task, setting.sd_noise) or 1.0

    def shown(slope: float) -> bool:
        share = float(few.rejected(none + slope * z[:, None], alpha, np.random.default_rng(0)).mean())
        tried.append((slope, share))
        return share >= power

    high = 0.125 * unit
    while not shown(high):
        high *= 2
        if high > 1e3 * unit:
            return tried
    low = high / 2 if high > 0.125 * unit else 0.0
    for _ in range(5):
        middle = (low + high) / 2
        low, high = (low, middle) if shown(middle) else (middle, high)
    return tried


def promised(weights: Array, *, chosen_by_diversity: bool) -> TestChoice:
    """The test that `fit` will give a design of mixtures with weights (M, T), by the design alone.

    >>> promised(np.eye(9), chosen_by_diversity=False).name
    'task-label permutation'
    """
    return primary_test(weights, relabelled=closed(weights), chosen_by_diversity=chosen_by_diversity)


def detection_curve(
    weights: Array,
    score: Array,
    *,
    sd_task: float,
    sd_noise: float,
    alpha: float = 0.05,
    chosen_by_diversity: bool = False,
    draws: int = 400,
    rng: np.random.Generator | None = None,
) -> list[tuple[float, float]] | None:
    """Slopes per standard deviation of the score (M,) within sizes, and how often the verdict on a design shows each.

    `sd_task` is the standard deviation of the tasks' effects on the outcome, `sd_noise` that of one mixture's rest, both
    in outcome units. The test is the one that `fit` will use (`model.primary_test`): task labels where the design is
    closed, unless it was `chosen_by_diversity`; the verdict also asks that the slope holds
    given what each task is worth, where every task is in the design alone. None where the design gets no test. Raises
    InputError for a score that does not differ between mixtures of one size.

    >>> z = np.eye(12)
    >>> round(least_of(detection_curve(z, np.arange(12.0), sd_task=0.0, sd_noise=1.0, draws=200)), 2)
    0.95
    """
    rng = rng or np.random.default_rng(0)
    fixed, sd = size_means(weights), sd_within(score, weights)
    q = basis(fixed)
    z = (score - score.mean()) / sd
    if np.ptp(score) == 0 or np.abs(z - q @ (q.T @ z)).max() < 1e-7:
        raise InputError("expected a score that differs between mixtures of one size, found that it does not")
    relabelled: Relabelled | None = None
    if closed(weights):
        orders, exact = labels(weights.shape[1], 4 * RELABELLINGS, rng)
        sets = SetScores.of(weights > 0, score)
        relabelled = Relabelled(weights, orders, exact, sets, centre=float(score.mean()), scale=sd)
    choice = promised(weights, chosen_by_diversity=chosen_by_diversity)
    if choice.test == "none":
        return None
    single = (weights > 0).sum(axis=1) == 1
    members = bool((weights[single] > 0).any(axis=0).all()) and not single.all()
    used = relabelled if choice.test == "labels" else None
    setting = Setting(weights, z, used, sd_task=sd_task, sd_noise=sd_noise, members=members)
    return curve(setting, alpha=alpha, draws=draws, rng=rng)


def detectable_difference(
    weights: Array, pairs: paired.Pairs, *, sd_task: float, sd_noise: float, alpha: float = 0.05, draws: int = 400,
    rng: np.random.Generator | None = None,
) -> float:  # fmt: skip
    """The mean difference of matched pairs (diverse, homogeneous) that `compare` shows with 80 % power, in outcome units.

    Of a design of mixtures with weights (M, T) that was chosen by its diversity, so the test is the parametric bootstrap;
    nan where it gets none.

    >>> eight = [(i, i + 8) for i in range(8)]
    >>> bool(1.2 < detectable_difference(np.eye(24), eight, sd_task=0.0, sd_noise=1.0, draws=200) < 1.8)
    True
    """
    if primary_test(weights, relabelled=False, chosen_by_diversity=True).test == "none" or len(pairs) < 3:
        return math.nan
    rng = rng or np.random.default_rng(0)
    none = outcomes(weights, sd_task=sd_task, sd_noise=sd_noise, draws=draws, rng=rng)
    several = bool(((weights > 0).sum(axis=1) > 1).any())
    return paired.detectable_difference(weights, pairs, none, given_tasks=several, alpha=alpha, rng=rng)


def effective_sample_size(weights: Array, score: Array, *, sd_task: float, sd_noise: float) -> float:
    """How many independent mixtures the ordinary slope on the score (M,) is worth, of the M there are.

    M times the variance that ordinary regression believes the slope to have, over that which shared tasks give it:
    s^2 x'x / x'V x, with V = sd_task^2 Z Z' + sd_noise^2 I and s^2 the expected sample variance of the outcomes.

    >>> effective_sample_size(np.eye(5), np.arange(5.0), sd_task=1, sd_noise=1)
    5.0
    """
    x = score - score.mean()
    z = weights - weights.mean(axis=0)
    believed = sd_task**2 * float((z**2).sum()) / (len(x) - 1) + sd_noise**2  # expected sample variance of outcomes
    true = sd_task**2 * float(((weights.T @ x) ** 2).sum()) + sd_noise**2 * float(x @ x)
    return len(x) * believed * float(x @ x) / true if true > 0 else math.nan


def design_table(weights: Array, score: Array, *, sd_task: float, sd_noise: float, least: float) -> pd.DataFrame:
    """What is to be known of a design before anything is trained: columns `quantity, value, meaning`.

    `least` is its minimum detectable slope, as `minimum_detectable` gives it.
    """
    import pandas as pd

    n = len(weights)
    rows = [
        ("tasks", weights.shape[1], "the units that chance is over"),
        ("mixtures", n, "the naive sample size"),
        (
            "effective mixtures", effective_sample_size(weights, score, sd_task=sd_task, sd_noise=sd_noise),
            "independent mixtures that the ordinary slope is worth: more than there are where shared tasks cancel",
        ),
        ("critical |r|", critical_r(n), "of as many independent points, for p < .05"),
        ("detectable |r|", detectable_r(n), "of as many independent points, with 80 % power"),
        ("minimum detectable slope", least, "per standard deviation of diversity, with 80 % power, in outcome units"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "value", "meaning"])
