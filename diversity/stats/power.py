"""What a design can show: correlations by closed forms, slopes by simulation of tasks that mixtures share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

import numpy as np

from diversity.stats.multimembership import basis, slopes
from diversity.stats.permutation import closed, drawn_test, orbits
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["auto", "permutation", "reml"]


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


def _sizes(weights: Array) -> Array:
    """A mean for each size where relabelling keeps sizes apart, as `fit` has it."""
    group = orbits(weights)
    return np.asarray((group[:, None] == np.arange(group.max() + 1)).astype(float))


def outcomes(weights: Array, *, sd_task: float, sd_noise: float, draws: int, rng: np.random.Generator) -> Array:
    """Simulated outcomes (M, draws) under no relation: Z u + e, with normal effects of the tasks and normal noise."""
    effects = rng.normal(0, sd_task, (weights.shape[1], draws))
    return np.asarray(weights @ effects + rng.normal(0, sd_noise, (len(weights), draws)))


def detectable(
    weights: Array,
    z: Array,
    fixed: Array,
    *,
    sd_task: float,
    sd_noise: float,
    method: Method,
    power: float = 0.8,
    alpha: float = 0.05,
    draws: int = 400,
    rng: np.random.Generator | None = None,
) -> float:
    """The slope on z (M,) that is shown with that power, given fixed effects (M, c); see `minimum_detectable`."""
    rng = rng or np.random.default_rng(0)
    simulated = outcomes(weights, sd_task=sd_task, sd_noise=sd_noise, draws=draws, rng=rng)
    if method == "permutation":
        low = drawn_test(weights, z, simulated, 499, rng).end(-1, alpha)
    else:
        low = slopes(weights, z, simulated, fixed).interval(1 - alpha)[0]
    return float(np.quantile(-low, power, method="higher"))


def minimum_detectable(
    weights: Array,
    score: Array,
    *,
    sd_task: float,
    sd_noise: float,
    power: float = 0.8,
    alpha: float = 0.05,
    method: Method = "auto",
    draws: int = 400,
    rng: np.random.Generator | None = None,
) -> float:
    """The slope, per standard deviation of the score (M,), that a design with weights (M, T) shows with that power.

    `sd_task` is the standard deviation of the tasks' effects on the outcome, `sd_noise` that of one mixture's rest, both
    in outcome units. Adding a slope b moves the interval up by b, so the slope needed in one draw is minus the lower end
    of its interval under no relation, and the answer is a quantile of these. `method` is the test: permutation where
    the design is closed under relabelling, else reml (auto). Infinite where no permutation can reject. Raises
    InputError for a score that does not differ between mixtures (of one size, where the design is closed).

    >>> z = np.eye(12)
    >>> 0.7 < minimum_detectable(z, np.arange(12.0), sd_task=0, sd_noise=1, method="reml") < 1.1
    True
    """
    if method not in ("auto", "permutation", "reml"):
        raise InputError(f"expected a method among auto, permutation and reml, found {method!r}")
    whole = closed(weights)
    if method == "permutation" and not whole:
        raise InputError("expected a design that is closed under relabelling for method permutation, found another")
    fixed = _sizes(weights) if whole else np.column_stack([np.ones(len(score)), (weights > 0).sum(axis=1)])
    sd = float(np.std(score, ddof=1))
    z = (score - score.mean()) / (sd or 1.0)
    q = basis(fixed)
    if sd == 0 or np.abs(z - q @ (q.T @ z)).max() < 1e-9:
        raise InputError("expected a score that differs between mixtures of one size, found that it does not")
    test: Method = method if method != "auto" else "permutation" if whole else "reml"
    spread = {"sd_task": sd_task, "sd_noise": sd_noise, "power": power, "alpha": alpha}
    return detectable(weights, z, fixed, **spread, method=test, draws=draws, rng=rng)


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
            "independent mixtures that the ordinary slope is worth",
        ),
        ("critical |r|", critical_r(n), "of as many independent points, for p < .05"),
        ("detectable |r|", detectable_r(n), "of as many independent points, with 80 % power"),
        ("minimum detectable slope", least, "per standard deviation of diversity, with 80 % power, in outcome units"),
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["quantity", "value", "meaning"])
