"""Leinster-Cobbold diversities of mixtures, and the influence of rows on them.

The ordinariness of a row x in a mixture, (1 + x . m_w)/2, needs the tasks' means alone, which are of all rows; what it is
then averaged over are the rows that are kept of each task, which stand for all of them: O(n_w T) for a mixture, once the
products X m_a are known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from diversity.metrics._influence import projections
from diversity.metrics._ordinariness import Partition, distinctness, number
from diversity.metrics._spectrum import LARGE, ORDER
from diversity.types import Array, Influence, InputError, TaskMoments


def valued(tasks: TaskMoments, weights: Array, value: Callable[[Partition], float]) -> Array:
    """A value of the partition of each mixture (M,); raises InputError where no rows are kept."""
    if not tasks.rows:
        raise InputError("expected rows of the tasks to average over, found their moments only")
    w = np.asarray(weights, dtype=float)
    dots = projections(tasks, tasks.rows)
    return np.array([value(partition(tasks, v, dots)) for v in w])


def partition(tasks: TaskMoments, w: Array, dots: Sequence[Array]) -> Partition:
    """The kept rows of a mixture's tasks, each task's share spread over them; `dots` are their products with the means."""
    present = [int(a) for a in np.flatnonzero(w)]
    sizes = np.array([len(dots[a]) for a in present])
    task = np.repeat(np.arange(len(present), dtype=np.intp), sizes)
    itself = 1 / np.repeat(tasks.n[present], sizes)  # a row is like itself: rounding must not make it less so
    total = np.concatenate([(1 + dots[a] @ w) / 2 for a in present])
    within = np.concatenate([(1 + dots[a][:, a]) / 2 for a in present])
    shares = np.repeat(w[present] / sizes, sizes)
    whole = np.repeat(w[present], sizes) * itself
    return Partition(shares, task, w[present], np.maximum(total, whole), np.maximum(within, itself))


def alpha(tasks: TaskMoments, weights: Array, *, q: float = 1.0) -> Array:
    """Reeve's normalised alpha of each mixture."""
    return valued(tasks, weights, lambda p: number(p.shares, p.within, q))


def beta(tasks: TaskMoments, weights: Array, *, q: float = 1.0) -> Array:
    """Reeve's normalised beta of each mixture."""
    return valued(tasks, weights, lambda p: distinctness(p, q))


def gamma(tasks: TaskMoments, weights: Array, *, q: float = 1.0) -> Array:
    """Leinster-Cobbold diversity of each whole mixture."""
    return valued(tasks, weights, lambda p: number(p.shares, p.total, q))


# --- Influence ----------------------------------------------------------------------------------------
#
# With p the shares, Z a row's ordinariness in the mixture and Y that in its task, gamma is S^(1/(1-q)) with S = sum p
# Z^(q-1): a row x of task a adds w_a Z(x)^(q-1) to it by being averaged over, and moves every Z by w_a x . x_i / 2.


def gamma_influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], *, q: float = 1.0) -> Influence:
    """d gamma by a row of task a, by way of the mean vector and of the mean over rows, (k, 2)."""

    def prepare(p: Partition, kept: Kept) -> Of:
        scale = number(p.shares, p.total, q) ** q
        pull = kept.sum(p.shares * p.total ** (q - 2))
        return lambda a, w: _columns(-scale * w * (rows[a] @ pull) / 2, scale * w * _slope(kept.of(a, p.total), q))

    return _by_mixture(tasks, weights, rows, q, prepare)


def alpha_influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], *, q: float = 1.0) -> Influence:
    """d alpha by a row of task a, by way of the task's mean vector and of the mean over rows, (k, 2)."""

    def prepare(p: Partition, kept: Kept) -> Of:
        scale = number(p.shares, p.within, q) ** q

        def of(a: int, w: float) -> Array:
            mine = kept.of(a, p.within)
            pull = mine ** (q - 2) @ rows[a] / len(mine)
            return _columns(-scale * w * (rows[a] @ pull) / 2, scale * w * _slope(mine, q))

        return of

    return _by_mixture(tasks, weights, rows, q, prepare)


def beta_influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], *, q: float = 1.0) -> Influence:
    """d beta by a row of task a, by way of both mean vectors and of the mean over rows, (k, 2).

    With r = Z/Y and t_a the mean of r^(1-q) over task a, beta is (sum w_a / t_a)^(1/(1-q)).
    """

    def prepare(p: Partition, kept: Kept) -> Of:
        scale, ratio = distinctness(p, q) ** q, p.total / p.within
        inside = p.shares / p.weights[p.task]
        powers = np.asarray(
            np.bincount(p.task, inside * ratio ** (1 - q))[p.task], dtype=np.float64
        )  # t of a row's task
        by_whole = kept.sum(p.shares / powers**2 * ratio**-q / p.within)
        of_task = inside * ratio ** (1 - q) / p.within

        def of(a: int, w: float) -> Array:
            t = kept.of(a, powers)[0]
            pull = (kept.of(a, of_task) @ rows[a]) / t**2 - by_whole
            return _columns(scale * w * (rows[a] @ pull) / 2, scale * w / t**2 * _slope(kept.of(a, ratio), 2 - q))

        return of

    return _by_mixture(tasks, weights, rows, q, prepare)


Of = Callable[[int, float], Array]  # the influence of a task's rows, from the task and its weight


@dataclass(frozen=True)
class Kept:
    """The kept rows of the tasks of one mixture, where they stand in its partition."""

    rows: Sequence[Array]
    present: Sequence[int]

    def slices(self) -> Iterator[tuple[int, slice]]:
        """Each task and the place of its rows."""
        start = 0
        for a in self.present:
            yield a, slice(start, start + len(self.rows[a]))
            start += len(self.rows[a])

    def of(self, task: int, values: Array) -> Array:
        """Those of all rows' values that are of one task."""
        return values[dict(self.slices())[task]]

    def sum(self, values: Array) -> Array:
        """The sum (d,) of all rows times their values."""
        return np.asarray(sum(values[place] @ self.rows[a] for a, place in self.slices()))


def _slope(values: Array, q: float) -> Array:
    """values^(q-1) / (1-q), minus a constant where that would grow beyond bounds: -log values at q = 1."""
    if q == 1:
        return np.asarray(-np.log(values))
    return np.asarray(np.expm1((q - 1) * np.log(values)) / (1 - q))


def _columns(means: Array, averaged: Array) -> Array:
    return np.stack([means, averaged], axis=1)


def _by_mixture(
    tasks: TaskMoments, weights: Array, rows: Sequence[Array], q: float, prepare: Callable[[Partition, Kept], Of]
) -> Influence:
    """Influence as a function of mixture and task; at q = infinity one row decides, whose influence is not known: nan."""
    dots = projections(tasks, rows)

    @lru_cache(maxsize=64)
    def at(m: int) -> Of:
        kept = Kept(rows, [int(b) for b in np.flatnonzero(weights[m])])
        return prepare(partition(tasks, weights[m], dots), kept)

    def of(m: int, a: int) -> Array:
        if ORDER.checked("q", q) > LARGE:
            return np.full((len(rows[a]), 2), np.nan)
        return at(m)(a, float(weights[m, a]))

    return of
