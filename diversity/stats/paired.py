"""The mean difference of matched pairs, and its tests: pairs share tasks, so they are no independent observations."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from diversity.stats.interactions import Components
from diversity.stats.multimembership import Contrasts, basis, contrasts, variance_ratio
from diversity.stats.permutation import Relabelled
from diversity.studies.weights import Index, size_means
from diversity.types import Array, InputError

Pairs = Sequence[tuple[int, int]]  # of mixtures: the diverse and the homogeneous one
FLIPS = 14  # pairs up to which all signs are tried


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
class RelabelledPairs:
    """The pairs of each relabelling: `table` (B, M) has the weights of mixtures in their mean differences, the study first.

    Groups and pairs are formed again from the diversity of each relabelling, as they were of the first. Relabellings without
    a pair are left out. `weights` (M, T) are the mixtures' shares.
    """

    table: Array
    weights: Array
    exact: bool

    @staticmethod
    def of(relabelled: Relabelled, pairs: Pairs, pairs_of: Callable[[Array], Pairs]) -> RelabelledPairs:
        """From the study's pairs, and how diversity (M,) makes pairs."""
        mixtures = len(relabelled.weights)
        formed = [pairs_of(x) for part in relabelled.chunks() for x in part][1:]  # the first is the study itself
        table = np.array([contrast(pairs, mixtures), *(contrast(p, mixtures) for p in formed if p)])
        return RelabelledPairs(table, relabelled.weights, relabelled.exact)

    @cached_property
    def side(self) -> Array:
        """What a difference of 1 adds to each mixture (M,): half up, half down."""
        return np.asarray(np.sign(self.table[0]) / 2)

    @cached_property
    def _contrasts(self) -> Contrasts:
        return contrasts(self.weights, size_means(self.weights))

    def test(self, y: Array) -> PairedTest:
        """The test of outcomes (M,), exact where labels do not matter to them.

        The variance is that of outcomes whose mixtures share tasks, less a mean for each size, over all mixtures, the single
        tasks above all. It is fitted without the groups, so that relabelling keeps the test exact.
        """
        design = self._contrasts
        on_y, on_side = self.table @ y, self.table @ self.side
        shared, own = ((self.table @ self.weights) ** 2).sum(axis=1), (self.table**2).sum(axis=1)
        parts = design.residual(np.column_stack([y, self.side]))
        yy, ys, ss = (design.products(parts[:, a], parts[:, b]) for a, b in ((0, 0), (0, 1), (1, 1)))
        eigenvalues, counts = design.spectrum

        def spread(difference: float) -> Array:
            squares = np.maximum(yy - 2 * difference * ys + difference**2 * ss, 0)[:, None]
            theta = variance_ratio(eigenvalues, counts, squares)
            noise = float((squares / (1 + theta * eigenvalues[:, None])).sum() / counts.sum())
            return np.asarray((theta[0] * shared + own) * max(noise, 1e-300))

        def values(difference: float) -> Array:
            return np.asarray((on_y - difference * on_side) ** 2 / spread(difference))

        se = math.sqrt(float(spread(0.0)[0]))
        return PairedTest(float(on_y[0]), se, lambda d: float(values(d)[0]), values, self.exact)

    def given_tasks(self, y: Array) -> PairedTest:
        """The same given what each task is worth: its shares are fixed effects, which relabelling leaves as they are.

        What is left of the outcomes has one variance, which all relabellings share, so it cancels. Raises InputError where
        the groups are a function of the tasks' shares.
        """
        q = basis(np.column_stack([size_means(self.weights), self.weights]))
        table = self.table - (self.table @ q) @ q.T
        own, size = (table**2).sum(axis=1), (self.table**2).sum(axis=1)
        alike = own <= 1e-9 * size  # a relabelling whose groups the shares explain says nothing
        if alike[0]:
            raise InputError("the groups are a function of what tasks the mixtures have")
        on_y, on_side = table @ y, table @ self.side

        def values(difference: float) -> Array:
            return np.where(alike, 0.0, (on_y - difference * on_side) ** 2 / np.where(alike, 1.0, own))

        scale, left = float(on_side[0]), y - q @ (q.T @ y)
        free = max(len(y) - q.shape[1] - 1, 1)
        se = math.sqrt(float(own[0]) * float(left @ left) / free) / scale
        return PairedTest(float(on_y[0]) / scale, se, lambda d: float(values(d)[0]), values, self.exact)


@dataclass(frozen=True)
class PairedComponents:
    """The mean difference of pairs where tasks, pairs of tasks and noise have variances, as a study's mixtures show them.

    `contrast` (n,) has the weights of the difference along the error contrasts of `components`, whose x is what a difference
    of 1 adds to each mixture. `known` has what was simulated, by draws and point.
    """

    components: Components
    contrast: Array
    known: dict[tuple[int, int], Array] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(weights: Array, pairs: Pairs, *, given_tasks: bool = False) -> PairedComponents:
        """Of mixtures with shares (M, T); given what each task is worth, the shares are fixed effects.

        Raises InputError where there are too few mixtures for the variances, or too many.
        """
        first, sizes = contrast(pairs, len(weights)), size_means(weights)
        fixed = np.column_stack([sizes, weights]) if given_tasks else sizes
        components = Components.of(weights, np.sign(first) / 2, fixed)
        along = components.contrasts.T @ first
        return PairedComponents(components, along / (along @ components.x))

    @cached_property
    def _spread(self) -> Array:
        """The variance (G,) of the difference at each point, in units of noise."""
        return np.asarray(((self.components.factor.swapaxes(1, 2) @ self.contrast) ** 2).sum(axis=1))

    def fitted(self, y: Array) -> tuple[Array, Array, Index]:
        """Differences, standard errors and best points (D,) of outcomes (n, D) along the error contrasts."""
        at, noise = self.components.noise(self.components.of_x[0] @ y, self.components.squares(y))
        return self.contrast @ y, np.sqrt(self._spread[at] * noise), at

    def simulated(self, point: int, draws: int, rng: np.random.Generator) -> Array:
        """The squared t of no difference (draws,), of outcomes with the variances of a point."""
        if (point, draws) not in self.known:
            y = self.components.factor[point] @ rng.normal(size=(self.components.n, draws))
            difference, se, _ = self.fitted(y)
            self.known[point, draws] = (difference / se) ** 2
        return self.known[point, draws]

    def test(self, y: Array, *, draws: int, rng: np.random.Generator) -> PairedTest:
        """The test of outcomes (M,): t is compared with its own distribution under the fitted variances."""
        differences, errors, at = self.fitted(self.components.contrasts.T @ y[:, None])
        difference, se = float(differences[0]), float(errors[0])
        reference = np.append(self.simulated(int(at[0]), draws, rng), math.inf)

        def statistic(d: float) -> float:
            if se <= 1e-150:
                return math.inf if abs(difference - d) > 1e-12 * max(abs(difference), 1e-300) else 0.0
            return (difference - d) ** 2 / se**2

        return PairedTest(difference, se, statistic, lambda _: reference, False)


def detectable_difference(
    weights: Array,
    pairs: Pairs,
    outcomes: Array,
    *,
    given_tasks: bool,
    power: float = 0.8,
    alpha: float = 0.05,
    rng: np.random.Generator,
) -> float:
    """The mean difference of pairs that the parametric bootstrap shows with that power.

    `outcomes` (M, D) are simulated ones without a difference. A difference that is added leaves the variance as it is, for
    the groups are taken out of it: so each outcome says from which difference on it is shown, also given what each task is
    worth where that is asked. nan where there is no test.
    """
    least = np.full(outcomes.shape[1], -math.inf)
    for given in (False, True) if given_tasks else (False,):
        try:
            model = PairedComponents.of(weights, pairs, given_tasks=given)
        except InputError:
            return math.nan
        differences, errors, points = model.fitted(model.components.contrasts.T @ outcomes)
        critical = {p: float(np.quantile(model.simulated(p, 1999, rng), 1 - alpha)) for p in set(points.tolist())}
        least = np.maximum(least, np.sqrt([critical[p] for p in points.tolist()]) * errors - differences)
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
