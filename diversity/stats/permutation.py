"""Task-label permutation: the names of the tasks are exchanged, and the mixtures carry their diversity along.

Under no relation it does not matter which task bears which diversity. Where the design is closed under relabelling (all
subsets of given sizes, say), relabelled scores are those of other mixtures of the same design, and the test is exact
whatever the tasks' effects are. Relabelling keeps the size of a mixture, so the test compares mixtures of one size.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diversity.stats.multimembership import basis, whitened
from diversity.types import Array

MOST = 9  # tasks whose labels are permuted in all ways: 9! = 362,880
CHUNK = 512  # so that a chunk stays in the processor's cache
Index = NDArray[np.intp]


def closed(weights: Array) -> bool:
    """Is the design closed under relabelling: does every exchange of tasks send each mixture (M, T) to one of them?

    >>> closed(np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1]])), closed(np.array([[1, 0, 0], [0, 1, 0]]))
    (True, False)
    """
    count = weights.shape[1]
    if count > 52 or len(np.unique(weights > 0, axis=0)) < len(weights):
        return False
    tasks = np.arange(count)
    swap, turn = tasks.copy(), np.roll(tasks, 1)  # these two generate all permutations
    swap[:2] = swap[:2][::-1]
    rounded = np.round(weights, 9)
    rows = np.unique(rounded, axis=0)
    return all(np.array_equal(np.unique(rounded[:, order], axis=0), rows) for order in (swap, turn))


def orbits(weights: Array) -> Index:
    """Which mixtures (M,) relabelling sends to one another: those of equal weights up to order, so of equal size."""
    ordered = np.round(np.sort(weights, axis=1), 9)
    return np.asarray(np.unique(ordered, axis=0, return_inverse=True)[1]).reshape(-1)


def labels(tasks: int, draws: int, rng: np.random.Generator) -> tuple[NDArray[np.int8], bool]:
    """Permutations of the labels, the identity first: all of them up to 9 tasks (exact), else as many as drawn."""
    if tasks <= MOST:
        found = np.zeros((1, 1), dtype=np.int8)
        for new in range(1, tasks):  # the new label goes to each place of each shorter permutation
            found = np.concatenate([np.insert(found, place, new, axis=1) for place in range(new, -1, -1)])
        return found, True
    return _drawn(tasks, draws, rng), False


def _drawn(tasks: int, draws: int, rng: np.random.Generator) -> NDArray[np.int8]:
    order = np.tile(np.arange(tasks, dtype=np.int8), (draws + 1, 1))
    order[1:] = rng.permuted(order[1:], axis=1)
    return order


def relabelled(weights: Array, permutations: NDArray[np.int8], values: Array) -> Iterator[Array]:
    """For chunks of permutations (B, T), the value (M,) of the mixture that each mixture becomes, (b, M)."""
    member, count = weights > 0, weights.shape[1]
    precision: type = (
        np.float32 if count <= 20 else np.float64
    )  # codes of sets up to 2^24 are exact in single precision
    bits: NDArray[Any] = (2.0 ** np.arange(count)).astype(precision)
    columns: NDArray[Any] = member.T.astype(precision)
    codes = bits @ columns
    order = np.argsort(codes)
    table = np.zeros(2**count) if count <= 20 else values[order]
    if count <= 20:
        table[codes.astype(np.intp)] = values
    for start in range(0, len(permutations), CHUNK):
        found = bits[permutations[start : start + CHUNK]] @ columns
        place = found.astype(np.intp) if count <= 20 else np.searchsorted(codes[order], found)
        yield table.take(place, mode="clip")


@dataclass(frozen=True)
class LabelTest:
    """The exact test of no relation, with the slope's interval: all hypothetical slopes that it does not reject.

    The statistic is the slope of generalised least squares within sizes: y'V^-1 x, V being estimated from y without x
    (so that permuting x keeps the test exact). In a closed design V^-1 needs one number, the shrinkage `kappa`.
    `a, b` (B,) are sums over mixtures of y and of x with relabelled x, `c, d` (B,) the same over the tasks' totals.
    """

    a: Array
    b: Array
    c: Array
    d: Array
    parts: tuple[Array, Array]  # sums yy, xy, xx between tasks, and all in all
    balance: tuple[float, int, int]  # g, degrees of freedom between tasks and within
    exact: bool

    def kappa(self, slope: float) -> float:
        """How far the tasks' means are taken out, 0 to 1/g: 1 - MS(within) / MS(between), from y less slope times x."""
        g, between, within = self.balance
        tasks, total = (s[0] - 2 * slope * s[1] + slope**2 * s[2] for s in self.parts)
        if within <= 0 or tasks <= 0 or between <= 0:
            return 0.0
        return float(max(0.0, 1 - max(total - tasks, 0.0) / within / (tasks / between)) / g)

    def p(self, slope: float = 0.0) -> float:
        """Two-sided p-value of the hypothesis of that slope, at least 1 / number of permutations."""
        statistic = np.abs(self.a - slope * self.b - self.kappa(slope) * (self.c - slope * self.d))
        return float(np.mean(statistic >= statistic[0] * (1 - 1e-9) - 1e-300))

    @cached_property
    def slope(self) -> float:
        """The slope that the data favour: the hypothesis with p = 1, found by iteration."""
        slope = 0.0
        for _ in range(50):
            kappa = self.kappa(slope)
            new = float((self.a[0] - kappa * self.c[0]) / (self.b[0] - kappa * self.d[0]))
            if abs(new - slope) <= 1e-12 * (abs(new) + 1e-300):
                break
            slope = new
        return slope

    def interval(self, alpha: float = 0.05) -> tuple[float, float]:
        """The slopes not rejected at alpha; infinite where so few permutations can reject nothing."""
        return self.end(-1, alpha), self.end(1, alpha)

    def end(self, side: int, alpha: float = 0.05) -> float:
        """The lower (side -1) or upper (1) end of the interval."""
        scale = math.sqrt(max(float(self.parts[1][0]), 1e-300) / float(self.parts[1][2]))
        step, inside = scale / 64, self.slope
        while self.p(outside := self.slope + side * step) > alpha:
            inside, step = outside, 2 * step
            if step > 1e4 * scale:
                return side * math.inf
        for _ in range(20):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if self.p(middle) > alpha else (inside, middle)
        return inside


def label_test(
    weights: Array, x: Array, y: Array, permutations: int = 10_000, rng: np.random.Generator | None = None
) -> LabelTest:
    """Permute the tasks' labels of a closed design: weights (M, T), diversity (M,), outcome (M,).

    All T! permutations up to nine tasks, else so many drawn at random, the identity counted among them. Means of each
    size are taken out of both. The caller sees to it that `closed(weights)`, and that x varies within a size.

    >>> eye = np.eye(4)
    >>> label_test(eye, np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 5])).p()  # only the identity is that extreme
    0.08333333333333333
    """
    drawn, exact = labels(weights.shape[1], permutations, rng or np.random.default_rng(0))
    return _tests(weights, x, y[:, None], drawn, exact)[0]


def label_tests(weights: Array, x: Array, outcomes: Array, draws: int, rng: np.random.Generator) -> list[LabelTest]:
    """The test of each outcome (M, D) with the same permutations: the identity and `draws` more, at random."""
    return _tests(weights, x, outcomes, _drawn(weights.shape[1], draws, rng), False)


def _tests(weights: Array, x: Array, outcomes: Array, drawn: NDArray[np.int8], exact: bool) -> list[LabelTest]:
    group = orbits(weights)
    columns = _within(np.column_stack([x, outcomes]), group)
    x, totals = columns[:, 0], weights.T @ columns
    gram = weights.T @ weights
    g = float(gram[0, 0] - gram[0, 1]) if weights.shape[1] > 1 else 1.0
    a = np.concatenate([moved @ columns for moved in relabelled(weights, drawn, x)]).T
    c = (totals[:, 0][drawn] @ totals).T
    df = weights.shape[1] - 1
    balance = (g, df, int(len(weights) - (group.max() + 1) - df))
    tests = []
    for i in range(1, columns.shape[1]):
        y, u, v = columns[:, i], totals[:, i], totals[:, 0]
        parts = (np.array([u @ u, v @ u, v @ v]) / g, np.array([y @ y, x @ y, x @ x]))
        tests.append(LabelTest(a[i], a[0], c[i], c[0], parts, balance, exact))
    return tests


def _within(columns: Array, group: Index) -> Array:
    """Columns (M, D) less the means of their group."""
    member = (group[:, None] == np.arange(group.max() + 1)).astype(float)
    return np.asarray(columns - member @ ((member.T @ columns) / member.sum(axis=0)[:, None]))


def freedman_lane(
    weights: Array,
    x: Array,
    y: Array,
    covariates: Array,
    permutations: int = 10_000,
    rng: np.random.Generator | None = None,
) -> float:
    """Approximate p-value given covariates (M, c), the intercept among them: residuals of y move with the labels.

    The statistic is |t| of x in the generalised regression on x and the covariates, with V of the model without x, as
    in `label_test`. Freedman & Lane 1983. `permutations` labels are drawn (all of them where they are fewer); the
    design must be closed, so that V is the same for every labelling.
    """
    x, y, *rest = whitened(weights, y, covariates, np.column_stack([x, y, covariates])).T
    covariates = np.column_stack(rest)
    rng = rng or np.random.default_rng(0)
    drawn = labels(weights.shape[1], permutations, rng)[0]
    if len(drawn) > permutations + 1:
        drawn = _drawn(weights.shape[1], permutations, rng)
    q = basis(covariates)
    e, r = y - q @ (q.T @ y), x - q @ (q.T @ x)
    columns = np.column_stack([r / np.linalg.norm(r), q])
    found = np.concatenate([moved @ columns for moved in relabelled(weights, drawn, e)]) ** 2
    rest = np.maximum(e @ e - found.sum(axis=1), 1e-14 * (e @ e))
    statistic = found[:, 0] / rest
    return float(np.mean(statistic >= statistic[0] * (1 - 1e-9)))
