"""Second moments of mixtures about the origin or about their mean, and the influence of rows on functions of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from diversity.moments import mix
from diversity.types import Array, Influence, TaskMoments


def about(tasks: TaskMoments, weights: Array, *, centred: bool) -> tuple[Array, Array]:
    """A centre (d,) and the second moment about it (d, d): the mean and the covariance, or 0 and C."""
    mean, second = mix(tasks, weights)
    return (mean, second - np.outer(mean, mean)) if centred else (np.zeros_like(mean), second)


def rows_of(tasks: TaskMoments, weights: Array) -> float:
    """How many rows the tasks of a mixture have."""
    return float(tasks.n[weights > 0].sum())


def spectrum(matrix: Array, n: float) -> tuple[Array, Array]:
    """Nonzero eigenvalues (k,) and eigenvectors (d, k) of a second moment of n unit rows.

    A covariance is the difference of C, of trace 1, and m m': its eigenvalues below max(n, d) eps are rounding, however
    large the largest of them is.
    """
    values, vectors = np.linalg.eigh(matrix)
    keep = values > max(n, len(matrix)) * np.finfo(float).eps
    return values[keep], vectors[:, keep]


def influence_of(weights: Array, rows: Sequence[Array], gradient: Callable[[int], tuple[Array, Array]]) -> Influence:
    """The influence w_a (x - c)' G (x - c) of the rows x of task a on a function of mixture m's second moment about c.

    `gradient(m)` gives c (d,) and the derivative G by that moment: (d, d), or (d,) where only the diagonal counts.
    """
    at = lru_cache(maxsize=64)(gradient)

    def of(m: int, a: int) -> Array:
        centre, slope = at(m)
        y = rows[a] - centre
        forms = y**2 @ slope if slope.ndim == 1 else np.einsum("ij,ij->i", y @ slope, y)
        return np.asarray(weights[m, a] * forms)

    return of
