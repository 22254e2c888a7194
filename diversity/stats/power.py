"""What a design can show: correlations by closed forms, slopes by trying how often the verdict shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats import paired
from diversity.stats.model import TestChoice, primary_test
from diversity.stats.multimembership import basis
from diversity.stats.permutation import Relabelled, SetScores, labels
from diversity.stats.trials import RELABELLINGS, Spread, Trials, bootstraps, by_labels
from diversity.studies.study import sd_within
from diversity.studies.weights import closed, size_means
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd


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


def least_of(tried: Sequence[tuple[float, float]] | None, power: float = 0.8) -> float:
    """The smallest slope of a curve that is shown with that power; infinite where none is, nan where there is no curve.

    >>> least_of([(1.0, 0.5), (2.0, 0.9), (1.5, 0.8)])
    1.5
    """
    return math.nan if tried is None else min((slope for slope, share in tried if share >= power), default=math.inf)


def curve(trials: Trials, *, power: float = 0.8, alpha: float = 0.05) -> list[tuple[float, float]]:
    """Slopes, and how often the verdict shows each, up to one that is shown with that power, and near it."""
    tried: list[tuple[float, float]] = []
    unit = float(trials.none.std(axis=0).mean()) or 1.0

    def shown(slope: float) -> bool:
        share = trials.shown(slope, alpha)
        tried.append((slope, share))
        return share >= power

    high = unit / 8
    if shown(high):
        while high > 1e-6 * unit and shown(high / 2):
            high /= 2
    else:
        while not shown(high := 2 * high):
            if high > 1e3 * unit:
                return tried
    low = high / 2
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
    spread: Spread,
    *,
    alpha: float = 0.05,
    chosen_by_diversity: bool = False,
    draws: int = 400,
    rng: np.random.Generator | None = None,
) -> list[tuple[float, float]] | None:
    """Slopes per standard deviation of the score (M,) within sizes, and how often the verdict on a design shows each.

    Outcomes are simulated with that spread. The test is the one that `fit` will use (`model.primary_test`): task labels
    where the design is closed, unless it was `chosen_by_diversity`; the verdict also asks that the slope holds
    given what each task is worth, where every task is in the design alone. None where the design gets no test. Raises
    InputError for a score that does not differ between mixtures of one size.

    >>> z = np.eye(12)
    >>> round(least_of(detection_curve(z, np.arange(12.0), Spread(task=0, noise=1), draws=200)), 2)
    0.96
    """
    rng = rng or np.random.default_rng(0)
    fixed, sd = size_means(weights), sd_within(score, weights)
    q = basis(fixed)
    z = (score - score.mean()) / sd
    if np.ptp(score) == 0 or np.abs(z - q @ (q.T @ z)).max() < 1e-7:
        raise InputError("expected a score that differs between mixtures of one size, found that it does not")
    choice = promised(weights, chosen_by_diversity=chosen_by_diversity)
    if choice.test == "none":
        return None
    single = (weights > 0).sum(axis=1) == 1
    members = bool((weights[single] > 0).any(axis=0).all()) and not single.all()
    given = [fixed, np.column_stack([fixed, weights])] if members else [fixed]
    if choice.test == "labels":
        orders, exact = labels(weights.shape[1], 4 * RELABELLINGS, rng)
        sets = SetScores.of(weights > 0, score)
        every = Relabelled(weights, orders, exact, sets, centre=float(score.mean()), scale=sd)
        few = every.fewer(RELABELLINGS, rng)
        tests = tuple(by_labels(few, columns) for columns in given)
    else:
        tests = bootstraps(weights, z, given, rng)
    return curve(Trials(spread.outcomes(weights, draws, rng), z[:, None], tests), alpha=alpha)


def detectable_difference(
    weights: Array, pairs: paired.Pairs, spread: Spread, *, alpha: float = 0.05, draws: int = 400,
    rng: np.random.Generator | None = None,
) -> float:  # fmt: skip
    """The mean difference of matched pairs (diverse, homogeneous) that `compare` shows with 80 % power, in outcome units.

    Of a design of mixtures with weights (M, T) that was chosen by its diversity, so the test is the parametric bootstrap;
    nan where it gets none.

    >>> eight = [(i, i + 8) for i in range(8)]
    >>> bool(1.2 < detectable_difference(np.eye(24), eight, Spread(task=0, noise=1), draws=200) < 1.8)
    True
    """
    if primary_test(weights, relabelled=False, chosen_by_diversity=True).test == "none" or len(pairs) < 3:
        return math.nan
    rng = rng or np.random.default_rng(0)
    none = spread.outcomes(weights, draws, rng)
    several = bool(((weights > 0).sum(axis=1) > 1).any())
    return paired.detectable_difference(weights, pairs, none, given_tasks=several, alpha=alpha, rng=rng)


def effective_sample_size(weights: Array, score: Array, spread: Spread) -> float:
    """How many independent mixtures the ordinary slope on the score (M,) is worth, of the M there are.

    M times the variance that ordinary regression believes the slope to have, over that which shared tasks give it:
    s^2 x'x / x'V x, with V the covariance of the outcomes and s^2 their expected sample variance.

    >>> effective_sample_size(np.eye(5), np.arange(5.0), Spread(task=1, noise=1))
    5.0
    """
    x, v = score - score.mean(), spread.covariance(weights)
    believed = (np.trace(v) - v.mean(axis=0).sum()) / (len(x) - 1)  # expected sample variance of outcomes
    true = float(x @ v @ x)
    return len(x) * float(believed) * float(x @ x) / true if true > 0 else math.nan


def design_table(weights: Array, score: Array, spread: Spread, *, least: float) -> pd.DataFrame:
    """What is to be known of a design before anything is trained: columns `quantity, value, meaning`.

    `least` is its minimum detectable slope, as `least_of` gives it.
    """
    import pandas as pd

    n = len(weights)
    rows = [
        ("tasks", weights.shape[1], "the units that chance is over"),
        ("mixtures", n, "the naive sample size"),
        (
            "effective mixtures", effective_sample_size(weights, score, spread),
            "independent mixtures that the ordinary slope is worth: more than there are where shared tasks cancel",
        ),
        ("critical |r|", critical_r(n), "of as many independent points, for p < .05"),
        ("detectable |r|", detectable_r(n), "of as many independent points, with 80 % power"),
        ("minimum detectable slope", least, "per standard deviation of diversity, with 80 % power, in outcome units"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "value", "meaning"])
