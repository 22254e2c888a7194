"""The mean difference of matched pairs, and its tests: pairs share tasks, so they are no independent observations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from diversity.stats.multimembership import Contrasts, contrasts, variance_ratio
from diversity.stats.permutation import Relabelled
from diversity.studies.weights import size_means
from diversity.types import Array, InputError

Pairs = Sequence[tuple[int, int]]  # of mixtures: the diverse and the homogeneous one
FLIPS = 14  # pairs up to which all signs are tried
RATIOS = 13  # values of theta that the statistic is simulated for


@dataclass(frozen=True)
class PairedTest:
    """Tests of hypotheses about the mean difference, with the differences that they do not reject.

    `statistic(d)` is the squared difference over its variance for a true difference of d; `reference(d)` what it is
    compared with: its values among relabellings, or simulated ones. `difference` and its standard error `se`.
    """

    difference: float
    se: float
    statistic: Callable[[float], float]
    reference: Callable[[float], Array]
    exact: bool

    def p(self, difference: float = 0.0) -> float:
        """The two-sided p-value of a true difference."""
        return float(np.mean(self.reference(difference) >= self.statistic(difference) * (1 - 1e-9) - 1e-300))

    def interval(self, alpha: float) -> tuple[float, float]:
        """The differences that are not rejected; infinite where nothing can be rejected."""
        low, high = (self._end(side, alpha) for side in (-1, 1))
        return low, high

    def _end(self, side: int, alpha: float) -> float:
        step = max(self.se, 1e-12 * max(abs(self.difference), 1e-300))
        far = 0.25 * 1.5 ** np.arange(26)
        kept = [self.p(self.difference + side * step * f) > alpha for f in far]
        if kept[-1]:
            return side * math.inf
        last = max((i for i, keep in enumerate(kept) if keep), default=-1)
        inside = self.difference + side * step * (far[last] if last >= 0 else 0.0)
        outside = self.difference + side * step * far[last + 1]
        for _ in range(22):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if self.p(middle) > alpha else (inside, middle)
        return inside


def contrast(pairs: Pairs, mixtures: int) -> Array:
    """The weights (M,) of the mixtures in the mean difference of the pairs; their number of pairs where one is in several."""
    weights = np.zeros(mixtures)
    for diverse, homogeneous in pairs:
        weights[diverse] += 1 / len(pairs)
        weights[homogeneous] -= 1 / len(pairs)
    return weights


@dataclass(frozen=True)
class _Variance:
    """The variance of contrasts of outcomes whose mixtures share tasks, as a study's mixtures show it.

    Fitted to the outcomes less the groups and a mean for each size, over all mixtures, the single tasks above all.
    """

    design: Contrasts
    weights: Array

    @staticmethod
    def of(weights: Array, groups: Array | None) -> _Variance:
        """Of mixtures with weights (M, T), less the column `groups` (M,) where it is given."""
        fixed = size_means(weights)
        return _Variance(contrasts(weights, fixed if groups is None else np.column_stack([fixed, groups])), weights)

    def fitted(self, outcomes: Array) -> tuple[Array, Array]:
        """The ratio of the variances of tasks and noise (D,) and the variance of noise (D,) of outcomes (M, D)."""
        left = self.design.residual(outcomes)
        squares = np.maximum(self.design.products(left, left), 0)
        return self.fitted_to(squares)

    def fitted_to(self, squares: Array) -> tuple[Array, Array]:
        """The same of squares (r + 1, D) along the directions in which mixtures share tasks, and in the rest."""
        eigenvalues, counts = self.design.spectrum
        theta = variance_ratio(eigenvalues, counts, squares)
        noise = (squares / (1 + theta * eigenvalues[:, None])).sum(axis=0) / counts.sum()
        return theta, noise

    def of_contrasts(self, contrasts: Array) -> tuple[Array, Array]:
        """The variance of contrasts (B, M): their tasks' part (B,), in units of the tasks' variance, and the noise's (B,)."""
        return ((contrasts @ self.weights) ** 2).sum(axis=1), (contrasts**2).sum(axis=1)


@dataclass(frozen=True)
class RelabelledPairs:
    """The pairs of each relabelling: `table` (B, M) has the weights of mixtures in their mean differences, the study first.

    Groups and pairs are formed again from the diversity of each relabelling, as they were of the first. Relabellings without
    a pair are left out.
    """

    table: Array
    variance: _Variance
    exact: bool

    @staticmethod
    def of(relabelled: Relabelled, pairs: Pairs, pairs_of: Callable[[Array], Pairs]) -> RelabelledPairs:
        """From the study's pairs, and how diversity (M,) makes pairs."""
        mixtures = len(relabelled.weights)
        formed = [pairs_of(x) for part in relabelled.chunks() for x in part][1:]  # the first is the study itself
        table = np.array([contrast(pairs, mixtures), *(contrast(p, mixtures) for p in formed if p)])
        return RelabelledPairs(table, _Variance.of(relabelled.weights, None), relabelled.exact)

    @cached_property
    def _spread(self) -> tuple[Array, Array]:
        return self.variance.of_contrasts(self.table)

    def test(self, y: Array) -> PairedTest:
        """The test of outcomes (M,), exact where labels do not matter to them.

        The variance is that of outcomes without the groups, so that relabelling keeps the test exact.
        """
        side = np.sign(self.table[0]) / 2  # a difference of 1 is half up, half down
        on_y, on_side = self.table @ y, self.table @ side
        shared, own = self._spread
        parts = self.variance.design.residual(np.column_stack([y, side]))
        yy, ys, ss = (self.variance.design.products(parts[:, a], parts[:, b]) for a, b in ((0, 0), (0, 1), (1, 1)))

        def values(difference: float) -> Array:
            squares = np.maximum(yy - 2 * difference * ys + difference**2 * ss, 0)[:, None]
            theta, noise = self.variance.fitted_to(squares)
            spread = (theta[0] * shared + own) * max(float(noise[0]), 1e-300)
            return np.asarray((on_y - difference * on_side) ** 2 / spread)

        theta, noise = self.variance.fitted_to(np.maximum(yy, 0)[:, None])
        se = math.sqrt(float((theta[0] * shared[0] + own[0]) * noise[0]))
        return PairedTest(float(on_y[0]), se, lambda d: float(values(d)[0]), values, self.exact)


def by_bootstrap(y: Array, weights: Array, pairs: Pairs, *, draws: int, rng: np.random.Generator) -> PairedTest:
    """The variance of the difference from all mixtures of the study, its t simulated under the fitted model.

    Raises InputError where there are too few mixtures to fit the variances of tasks and noise.
    """
    first = contrast(pairs, len(y))
    variance = _Variance.of(weights, np.sign(first))
    if variance.design.n < 3:
        raise InputError(f"{len(y)} mixtures are too few for the variances of tasks and noise")
    theta, noise = (float(v[0]) for v in variance.fitted(y[:, None]))
    shared, own = (float(part[0]) for part in variance.of_contrasts(first[None]))
    se = math.sqrt((theta * shared + own) * noise)
    ratios = np.append(0.0, np.logspace(-2, 3.5, RATIOS - 1) / max(float(variance.design.eigenvalues.mean()), 1e-12))
    at = min(int(np.searchsorted(ratios, theta)), RATIOS - 1)
    nearest = ratios[at] if at == 0 or ratios[at] - theta < theta - ratios[at - 1] else ratios[at - 1]
    outcomes = weights @ rng.normal(0, math.sqrt(nearest), (weights.shape[1], draws)) + rng.normal(size=(len(y), draws))
    again, scale = variance.fitted(outcomes)
    simulated = (first @ outcomes) ** 2 / ((again * shared + own) * np.maximum(scale, 1e-300))
    difference = float(first @ y)

    def statistic(d: float) -> float:
        if se == 0:
            return math.inf if abs(difference - d) > 1e-12 * max(abs(difference), 1e-300) else 0.0
        return (difference - d) ** 2 / se**2

    return PairedTest(difference, se, statistic, lambda _: np.append(simulated, math.inf), False)


def detectable_difference(
    weights: Array, pairs: Pairs, outcomes: Array, *, power: float = 0.8, alpha: float = 0.05, rng: np.random.Generator
) -> float:
    """The mean difference of pairs that the parametric bootstrap shows with that power.

    `outcomes` (M, D) are simulated ones without a difference. A difference that is added leaves the variance as it is, for
    the groups are taken out of it: so each outcome says from which difference on it is shown. nan where there is no test.
    """
    try:
        tests = [by_bootstrap(y, weights, pairs, draws=199, rng=rng) for y in outcomes.T]
    except InputError:
        return math.nan
    least = [math.sqrt(float(np.quantile(t.reference(0.0), 1 - alpha))) * t.se - t.difference for t in tests]
    return float(np.quantile(least, power))


def sign_flip_p(difference: Array, draws: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of differences (n,) whose signs are exchanged, all ways up to 14 pairs, else `draws` times."""
    n = len(difference)
    if n <= FLIPS:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    else:
        signs = np.concatenate([np.ones((1, n)), rng.choice([-1.0, 1.0], (draws, n))])
    statistic = np.abs(signs @ difference)
    return float(np.mean(statistic >= statistic[0] * (1 - 1e-9)))
