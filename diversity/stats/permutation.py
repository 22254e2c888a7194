"""Task-label permutation: the names of the tasks are exchanged, and the mixtures carry their diversity along.

Under no relation it does not matter which task bears which diversity. Where the design is closed under relabelling (all
subsets of given sizes, say), relabelled scores are those of other mixtures of the same design, and the test is exact
whatever the tasks' effects are. Relabelling keeps the size of a mixture, so the test compares mixtures of one size.
"""

from __future__ import annotations

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
    """The test of no relation for each of D outcomes, with the slopes' intervals: all slopes that it does not reject.

    The statistic is the slope of generalised least squares within sizes: y'V^-1 x, V being estimated from y without x
    (so that permuting x keeps the test exact). In a closed design V^-1 needs one number, the shrinkage `kappa`.
    `a` (D, B) and `b` (B,) are sums over mixtures of y and of x with relabelled x, `c` and `d` the same over the tasks'
    totals. `parts` are the sums (3, D) yy, xy, xx between tasks, and all in all; `balance` has g and the degrees of
    freedom between tasks and within; `exact` says that all permutations are there.
    """

    a: Array
    b: Array
    c: Array
    d: Array
    parts: tuple[Array, Array]
    balance: tuple[float, int, int]
    exact: bool

    def kappa(self, slope: Array) -> Array:
        """How far the tasks' means are taken out, 0 to 1/g: 1 - MS(within) / MS(between), of y less slope (D,) times x."""
        g, between, within = self.balance
        tasks, total = (yy - 2 * slope * xy + slope**2 * xx for yy, xy, xx in self.parts)
        if within <= 0 or between <= 0:
            return np.zeros_like(slope)
        ratio = np.maximum(total - tasks, 0.0) / within / np.maximum(tasks / between, 1e-300)
        return np.asarray(np.clip(1 - ratio, 0.0, 1 - 1e-6) / g)  # never all: then nothing would be left to test

    def p(self, slope: Array | float = 0.0) -> Array:
        """Two-sided p-values (D,) of the hypotheses of these slopes, at least 1 / number of permutations."""
        s = np.broadcast_to(np.asarray(slope, dtype=float), self.a.shape[:1])
        statistic = np.abs(self.a - s[:, None] * self.b - self.kappa(s)[:, None] * (self.c - s[:, None] * self.d))
        return np.asarray((statistic >= statistic[:, :1] * (1 - 1e-9) - 1e-300).mean(axis=1))

    @cached_property
    def slope(self) -> Array:
        """The slopes (D,) that the data favour, the hypotheses of p = 1: found by iteration."""
        slope = np.zeros(len(self.a))
        for _ in range(50):
            kappa = self.kappa(slope)
            slope = (self.a[:, 0] - kappa * self.c[:, 0]) / (self.b[0] - kappa * self.d[0])
        return slope

    def interval(self, alpha: float = 0.05) -> tuple[Array, Array]:
        """The ends (D,) of the slopes not rejected at alpha; infinite where so few permutations can reject nothing."""
        return self.end(-1, alpha), self.end(1, alpha)

    def end(self, side: int, alpha: float = 0.05) -> Array:
        """The lower (side -1) or upper (1) ends (D,) of the intervals."""
        yy, _, xx = self.parts[1]
        scale = np.sqrt(np.maximum(yy, 1e-300) / xx)
        step, inside, outside = scale / 64, self.slope, self.slope + side * scale / 64
        while (short := (self.p(outside) > alpha) & (step <= 1e4 * scale)).any():
            inside, step = np.where(short, outside, inside), np.where(short, 2 * step, step)
            outside = np.where(short, self.slope + side * step, outside)
        for _ in range(20):
            middle = (inside + outside) / 2
            kept = self.p(middle) > alpha
            inside, outside = np.where(kept, middle, inside), np.where(kept, outside, middle)
        return np.where(step > 1e4 * scale, side * np.inf, inside)


def label_test(
    weights: Array, x: Array, y: Array, permutations: int = 10_000, rng: np.random.Generator | None = None
) -> LabelTest:
    """Permute the tasks' labels of a closed design: weights (M, T), diversity (M,), one outcome (M,) or several (M, D).

    All T! permutations up to nine tasks, else so many drawn at random, the identity counted among them. Means of each
    size are taken out of both. The caller sees to it that `closed(weights)`, and that x varies within a size.

    >>> eye = np.eye(4)
    >>> label_test(eye, np.array([1.0, 2, 3, 4]), np.array([1.0, 2, 3, 5])).p()  # the identity and its reverse
    array([0.08333333])
    """
    drawn, exact = labels(weights.shape[1], permutations, rng or np.random.default_rng(0))
    return _tested(weights, x, y.reshape(len(y), -1), drawn, exact)


def drawn_test(weights: Array, x: Array, outcomes: Array, draws: int, rng: np.random.Generator) -> LabelTest:
    """The same for many outcomes (M, D), with few permutations: the identity and `draws` more, at random."""
    return _tested(weights, x, outcomes, _drawn(weights.shape[1], draws, rng), False)


def _tested(weights: Array, x: Array, outcomes: Array, drawn: NDArray[np.int8], exact: bool) -> LabelTest:
    group = orbits(weights)
    columns = _within(np.column_stack([x, outcomes]), group)
    x, y, totals = columns[:, 0], columns[:, 1:], weights.T @ columns
    u, v = totals[:, 1:], totals[:, 0]
    gram = weights.T @ weights
    g = float(gram[0, 0] - gram[0, 1]) if weights.shape[1] > 1 else 1.0
    a = np.concatenate([moved @ columns for moved in relabelled(weights, drawn, x)]).T
    c = (v[drawn] @ totals).T
    between = np.array([(u * u).sum(axis=0), v @ u, np.full(u.shape[1], v @ v)]) / g
    whole = np.array([(y * y).sum(axis=0), x @ y, np.full(y.shape[1], x @ x)])
    df = weights.shape[1] - 1
    balance = (g, df, int(len(weights) - (group.max() + 1) - df))
    return LabelTest(a[1:], a[0], c[1:], c[0], (between, whole), balance, exact)


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
