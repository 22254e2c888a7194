"""Task-label permutation: the tasks exchange their texts, the mixtures keep their outcomes, and their diversity moves.

If diversity does nothing, it does not matter which task bears which texts. So the outcomes stay as they are, the labels of
the tasks are exchanged in all ways (or in many), and the diversity of each relabelled mixture is looked up in a table that
has it, or computed. The test is exact for that null, whatever the tasks, their interactions and the noise are like, for any
weights and any design that was not chosen by its diversity. Relabelling keeps the size of a mixture, so the test compares
mixtures of one size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diversity.stats.multimembership import Contrasts, basis, contrasts, variance_ratio
from diversity.studies.weights import Index, size_means
from diversity.types import Array

ALL = 9  # tasks whose labels are permuted in all ways: 9! = 362,880
CHUNK = 512  # relabellings at a time, so that they stay in the processor's cache
DIRECT = 20  # tasks up to which the scores of sets stand in a table of all sets
COARSE = 20_000  # relabellings that the ends of an interval are first looked for with
Labels = NDArray[np.int8]


def labels(tasks: int, draws: int, rng: np.random.Generator) -> tuple[Labels, bool]:
    """Permutations of the labels, the identity first: all of them up to 9 tasks (exact), else as many as drawn."""
    if tasks > ALL:
        return drawn_labels(tasks, draws, rng), False
    orders = np.zeros((1, 1), dtype=np.int8)
    for new in range(1, tasks):  # the new label goes to each place of each shorter permutation
        orders = np.concatenate([np.insert(orders, place, new, axis=1) for place in range(new, -1, -1)])
    return orders, True


def drawn_labels(tasks: int, draws: int, rng: np.random.Generator) -> Labels:
    """The identity and so many random permutations, (draws + 1, tasks)."""
    order = np.tile(np.arange(tasks, dtype=np.int8), (draws + 1, 1))
    order[1:] = rng.permuted(order[1:], axis=1)
    return order


def _with_identity(count: int, draws: int, rng: np.random.Generator) -> Index:
    """The numbers of the identity and of so many of the other relabellings, ascending."""
    return np.append(0, 1 + np.sort(rng.choice(count - 1, draws, replace=False)))


@dataclass(frozen=True)
class SetScores:
    """The diversity of sets of tasks: `codes` (S,) ascending, the sum of 2^i over the tasks of a set, and `values` (S,)."""

    codes: NDArray[np.int64]
    values: Array

    @staticmethod
    def of(member: NDArray[np.bool_], values: Array) -> SetScores:
        """From the members (S, T) of each set."""
        codes = member @ (1 << np.arange(member.shape[1], dtype=np.int64))
        order = np.argsort(codes)
        return SetScores(codes[order], values[order])


@dataclass(frozen=True)
class Relabelled:
    """The diversity of M mixtures after each of B relabellings, the first of which changes nothing.

    `weights` (M, T); `permutations` (B, T): task i takes the texts of task `permutations[b, i]`; `exact` says that these
    are all there are. Diversity is that of `sets`, or a function of permutations (B, T) that gives (B, M), in units of
    `scale` from `centre`.
    """

    weights: Array
    permutations: Labels
    exact: bool
    sets: SetScores | None = None
    function: Callable[[Labels], Array] | None = None
    centre: float = 0.0
    scale: float = 1.0

    def __len__(self) -> int:
        return len(self.permutations)

    def fewer(self, draws: int, rng: np.random.Generator) -> Relabelled:
        """The identity and so many of the others, at random; all of them where there are no more."""
        return self if len(self) <= draws + 1 else self.at(_with_identity(len(self), draws, rng))

    def at(self, chosen: Index) -> Relabelled:
        """Some of the relabellings, by their numbers."""
        some = replace(self, permutations=self.permutations[chosen], exact=False)
        if self.sets is None:
            some.__dict__["computed"] = self.computed[chosen]  # what was computed is not computed again
        return some

    def of(self, keep: NDArray[np.bool_]) -> Relabelled:
        """The same relabellings of some of the mixtures (M,) bool, whose tasks stay all of them."""
        some = replace(self, weights=self.weights[keep])
        if self.sets is None:
            some.__dict__["computed"] = self.computed[:, keep]
        return some

    @cached_property
    def computed(self) -> Array:
        """The diversity (B, M) by the function."""
        assert self.function is not None
        return self.function(self.permutations)

    def chunks(self) -> Iterator[Array]:
        """The diversity (b, M) of some relabellings at a time."""
        if self.sets is not None:
            return self._looked_up(self.sets.codes, (self.sets.values - self.centre) / self.scale)
        slices = (self.computed[start : start + CHUNK] for start in range(0, len(self), CHUNK))
        return ((part - self.centre) / self.scale for part in slices)

    def _looked_up(self, known: NDArray[np.int64], values: Array) -> Iterator[Array]:
        member, tasks = self.weights > 0, self.weights.shape[1]
        # codes of sets of up to 24 tasks are exact in single precision
        precision: type = np.float32 if tasks <= DIRECT else np.float64
        bits: NDArray[Any] = (2.0 ** np.arange(tasks)).astype(precision)
        columns: NDArray[Any] = member.T.astype(precision)
        table = np.zeros(2**tasks if tasks <= DIRECT else 0)
        if tasks <= DIRECT:
            table[known] = values
        for start in range(0, len(self), CHUNK):
            codes = bits[self.permutations[start : start + CHUNK]] @ columns
            if tasks <= DIRECT:
                yield table.take(codes.astype(np.intp), mode="clip")
            else:
                yield values.take(np.searchsorted(known, codes.astype(np.int64)), mode="clip")


@dataclass(frozen=True)
class Partialled:
    """Relabelled diversity less what each relabelling leaves of it to other scores, `moving` with the labels as it does.

    Of each relabelling the least-squares fit on these and a mean for each size is taken out. The scores as they are have to
    be among the fixed effects of the test, too: then level and power are those of a covariate that does not move.
    """

    diversity: Relabelled
    moving: tuple[Relabelled, ...]

    @property
    def weights(self) -> Array:
        """The shares (M, T)."""
        return self.diversity.weights

    @property
    def exact(self) -> bool:
        """Are these all relabellings?"""
        return self.diversity.exact

    def fewer(self, draws: int, rng: np.random.Generator) -> Partialled:
        """The identity and so many of the others, at random; all of them where there are no more."""
        if len(self.diversity) <= draws + 1:
            return self
        chosen = _with_identity(len(self.diversity), draws, rng)
        return Partialled(self.diversity.at(chosen), tuple(other.at(chosen) for other in self.moving))

    def chunks(self) -> Iterator[Array]:
        """What is left of diversity (b, M), some relabellings at a time."""
        sizes = basis(size_means(self.weights))
        for x, *others in zip(self.diversity.chunks(), *(m.chunks() for m in self.moving), strict=True):
            left, *columns = (part - (part @ sizes) @ sizes.T for part in (x, *others))
            given = np.stack(columns, axis=-1)  # (b, M, moving)
            squares, products = given.swapaxes(1, 2) @ given, given.swapaxes(1, 2) @ left[:, :, None]
            yield left - (given @ (np.linalg.pinv(squares, rcond=1e-9, hermitian=True) @ products))[:, :, 0]


@dataclass(frozen=True)
class Interval:
    """The slopes (D,) that are not rejected: from `low` to `high`, some of those between rejected where `gaps`."""

    low: Array
    high: Array
    gaps: NDArray[np.bool_]


@dataclass(frozen=True)
class LabelTest:
    """The test of no relation for each of D outcomes, with the slopes' intervals: all slopes that it does not reject.

    The statistic is the studentised slope of generalised least squares: (x'Py)^2 / (x'Px y'Py), P taking out the fixed
    effects and weighing by the inverse of V, the covariance of outcomes whose mixtures share tasks. V is estimated by
    REML from y without x, so that exchanging the labels of x keeps the test exact. A slope b is tested by y - b x.

    Of relabelled diversity x (B relabellings) along the r directions in which mixtures share tasks: `x` (r, B); in the
    rest, its squares `x_rest` (B,), its products with the diversity itself `x0_rest` (B,) and with the outcomes `y_rest`
    (D, B). `y` (r, D) are the outcomes along the directions, `yy` (D,) their squares in the rest.
    """

    contrasts: Contrasts
    x: Array
    x_rest: Array
    x0_rest: Array
    y_rest: Array
    y: Array
    yy: Array
    exact: bool

    @property
    def count(self) -> int:
        """How many relabellings there are, the one that changes nothing among them."""
        return self.x_rest.size

    def theta(self, slope: Array) -> Array:
        """The ratio of the variances of tasks and noise (..., D), of y less the slope (..., D) times x."""
        along = (self.y - slope[..., None, :] * self.x[:, :1]) ** 2
        rest = self.yy - 2 * slope * self.y_rest[:, 0] + slope**2 * self.x_rest[0]
        squares = np.concatenate([along, np.maximum(rest, 0)[..., None, :]], axis=-2)
        flat = np.moveaxis(squares, -2, 0).reshape(squares.shape[-2], -1)
        return variance_ratio(*self.contrasts.spectrum, flat).reshape(slope.shape)

    def _statistic(self, slope: Array, theta: Array) -> Array:
        """The squared statistic (D, B) of the hypotheses of these slopes (D,), up to a factor of each outcome."""
        shrunk = 1 / (1 + theta[:, None] * self.contrasts.eigenvalues)
        left = (self.y - slope * self.x[:, :1]).T * shrunk
        product = left @ self.x + self.y_rest - slope[:, None] * self.x0_rest
        square = shrunk @ self._squares + self.x_rest
        fixed = square <= 1e-12 * square[:, :1]  # a relabelling that leaves diversity no freedom says nothing
        return np.where(fixed, 0.0, product**2 / np.where(fixed, 1.0, square))

    @cached_property
    def _squares(self) -> Array:
        return np.asarray(self.x**2)

    def p(self, slope: Array | float = 0.0) -> Array:
        """Two-sided p-values of the hypotheses of slopes (D,) or (G, D), at least 1 / number of relabellings."""
        slope = np.asarray(slope, dtype=float)
        given = np.broadcast_to(slope, np.broadcast_shapes(slope.shape, self.yy.shape))
        rows = np.atleast_2d(given)
        squares = (self._statistic(row, theta) for row, theta in zip(rows, self.theta(rows), strict=True))
        p = [_share_reached(s, np.zeros(len(s), dtype=np.intp)) for s in squares]
        return np.array(p).reshape(given.shape)

    @property
    def sign(self) -> Array:
        """The sign of the slopes (D,), as the test of no slope has them."""
        return np.sign(self._estimate(np.zeros_like(self.yy))[0])

    def of_labelling(self, labelling: Index) -> tuple[Array, Array]:
        """p-values of no slope and signs of the slopes (D,), had the labels of each outcome been those of a relabelling (D,).

        Labelling 0 is the one that is: then these are `p()` and `sign`.
        """
        none, each = np.zeros_like(self.yy), np.arange(len(self.yy))
        p = _share_reached(self._statistic(none, self.theta(none)), labelling)
        return p, np.sign(self.relabelled_slopes(none)[0][each, labelling])

    def p_error(self, p: Array) -> Array:
        """The Monte-Carlo standard error of p-values (D,): 0 where all relabellings are tried."""
        return np.zeros_like(p) if self.exact else np.sqrt(p * (1 - p) / self.count)

    @cached_property
    def slope(self) -> Array:
        """The slopes (D,) that the data favour, by generalised least squares with V of what they leave."""
        slope = np.zeros(len(self.yy))
        for _ in range(50):
            before, slope = slope, self._estimate(slope)[0]
            if np.allclose(before, slope, rtol=1e-9, atol=0):
                break
        return slope

    @cached_property
    def se(self) -> Array:
        """The standard error (D,) that the model of shared tasks gives these slopes."""
        return self._estimate(self.slope)[1]

    def _estimate(self, slope: Array) -> tuple[Array, Array]:
        """Slope and standard error (D,) with V of y less the slope times x."""
        shrunk = 1 / (1 + self.theta(slope)[:, None] * self.contrasts.eigenvalues)
        x0 = self.x[:, 0]
        information = shrunk @ x0**2 + self.x_rest[0]
        better = ((self.y.T * shrunk) @ x0 + self.y_rest[:, 0]) / information
        rest = ((self.y.T**2) * shrunk).sum(axis=1) + self.yy - better**2 * information
        return better, np.sqrt(np.maximum(rest, 0) / max(self.contrasts.n - 1, 1) / information)

    def relabelled_slopes(self, slope: Array) -> tuple[Array, Array]:
        """Slopes and standard errors (D, B) of y less the slopes (D,) times x, on relabelled diversity."""
        shrunk = 1 / (1 + self.theta(slope)[:, None] * self.contrasts.eigenvalues)
        left = (self.y - slope * self.x[:, :1]).T
        product = (left * shrunk) @ self.x + self.y_rest - slope[:, None] * self.x0_rest
        square = np.maximum(shrunk @ self._squares + self.x_rest, 1e-300)
        rest = self.yy - 2 * slope * self.y_rest[:, 0] + slope**2 * self.x_rest[0]
        total = (left**2 * shrunk).sum(axis=1) + np.maximum(rest, 0)
        error = np.maximum(total[:, None] - product**2 / square, 0) / max(self.contrasts.n - 1, 1)
        return product / square, np.sqrt(error / square)

    def interval(self, alpha: float = 0.05) -> Interval:
        """The slopes not rejected at alpha; infinite where so few relabellings can reject nothing."""
        if self.count > 2 * COARSE:
            return self._refined(alpha)
        size = np.maximum(np.abs(self.y).max(axis=0, initial=0), np.sqrt(self.yy))
        step = np.maximum(self.se, 1e-9 * np.maximum(size, 1e-300))
        far = 0.2 * 1.2 ** np.arange(66)  # in standard errors, up to 28,000
        sides = np.array([[-1.0], [1.0]])
        offsets = sides[:, :, None] * far[None, :, None] * step  # (sides, far, D)
        kept = self.p((self.slope + offsets).reshape(-1, len(step))).reshape(offsets.shape) > alpha
        last = np.where(
            kept.any(axis=1), len(far) - kept[:, ::-1].argmax(axis=1), 0
        )  # the first that is wholly outside
        inside = self.slope + sides * step * np.where(last > 0, far[last - 1], 0.0)
        outside = self.slope + sides * step * far[np.minimum(last, len(far) - 1)]
        ends = self._between(inside, outside, alpha, 10)
        low, high = np.where(last == len(far), sides * math.inf, ends)
        return Interval(low, high, (kept.sum(axis=1) < last).any(axis=0))

    def _refined(self, alpha: float) -> Interval:
        """The ends by some of the relabellings, and from there by all."""
        chosen = _with_identity(self.count, COARSE, np.random.default_rng(0))
        some = replace(
            self, x=self.x[:, chosen], x_rest=self.x_rest[chosen], x0_rest=self.x0_rest[chosen],
            y_rest=self.y_rest[:, chosen],
        )  # fmt: skip
        coarse, sides = some.interval(alpha), np.array([[-1.0], [1.0]])
        ends = np.array([coarse.low, coarse.high])
        near = np.where(np.isfinite(ends), ends, self.slope)
        reach = np.maximum(0.03 * np.abs(near - self.slope), 1e-9 * self.se)
        inside, outside = near - sides * reach, near + sides * reach
        for _ in range(12):  # of ends that lie elsewhere
            out, inner = self.p(outside) > alpha, self.p(inside) <= alpha
            if not (out | inner).any():
                break
            reach = 2 * reach
            outside, inside = outside + sides * reach * out, inside - sides * reach * inner
        low, high = np.where(np.isfinite(ends), self._between(inside, outside, alpha, 6), ends)
        return Interval(low, high, coarse.gaps)

    def _between(self, inside: Array, outside: Array, alpha: float, rounds: int) -> Array:
        """Where slopes (G, D) stop being kept, between some that are and some that are not, four times closer each round."""
        shares = np.arange(4)[:, None, None] / 4
        for _ in range(rounds):
            points = inside + shares * (outside - inside)
            kept = self.p(points[1:].reshape(-1, inside.shape[1])).reshape(3, *inside.shape) > alpha
            last = np.where(kept.any(axis=0), 3 - kept[::-1].argmax(axis=0), 0)[None]
            step = (outside - inside) / 4
            inside = np.take_along_axis(points, last, axis=0)[0]
            outside = inside + step
        return inside


def _share_reached(statistics: Array, own: Index) -> Array:
    """Of each row of statistics (D, B) the share that is at least that of its own column (D,)."""
    reached = statistics[np.arange(len(own)), own][:, None] * (1 - 1e-9) - 1e-300
    return np.asarray((statistics >= reached).mean(axis=1))


def label_test(relabelled: Relabelled | Partialled, outcomes: Array, fixed: Array | None = None) -> LabelTest:
    """Permute the tasks' labels: one outcome (M,) or several (M, D), given fixed effects (M, c) of the mixtures.

    The fixed effects, by default a mean for each size, stay with the outcomes. Raises InputError where they leave too few
    mixtures.

    >>> eye, x = np.eye(4), np.array([1.0, 2, 3, 4])
    >>> every = Relabelled(eye, labels(4, 0, np.random.default_rng(0))[0], True, SetScores.of(eye > 0, x))
    >>> label_test(every, np.array([1.0, 2, 3, 5])).p()  # the identity and its reverse
    array([0.08333333])
    """
    design = contrasts(relabelled.weights, size_means(relabelled.weights) if fixed is None else fixed)
    given = outcomes.reshape(len(outcomes), -1)
    y = design.residual(given)
    y = np.where(np.linalg.norm(y, axis=0) > 1e-12 * np.linalg.norm(given, axis=0), y, 0.0)  # rounding is no outcome
    x0 = design.residual(next(relabelled.chunks())[0])
    groups, directions = design.fixed.shape[1], design.rotation.shape[1]
    columns = np.column_stack([design.fixed, design.rotation, x0, y])
    parts = [np.column_stack([p @ columns, np.einsum("ij,ij->i", p, p)]) for p in relabelled.chunks()]
    products = np.concatenate(parts).T
    x, others = products[groups : groups + directions], products[groups + directions : -1]
    square = products[-1] - (products[:groups] ** 2).sum(axis=0) - (x**2).sum(axis=0)
    rotated = design.rotation.T @ np.column_stack([x0, y])
    rest = others - rotated.T @ x
    yy = np.maximum((y**2).sum(axis=0) - (rotated[:, 1:] ** 2).sum(axis=0), 0)
    return LabelTest(design, x, np.maximum(square, 0), rest[0], rest[1:], rotated[:, 1:], yy, relabelled.exact)
