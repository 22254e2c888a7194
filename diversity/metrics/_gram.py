"""Second-degree statistics of the means: the Gram matrix m_a . m_b, from which Rao's diversities follow exactly."""

from __future__ import annotations

import numpy as np

from diversity.types import Array, TaskMoments


def gram(tasks: TaskMoments, *, unbiased: bool) -> Array:
    """m_a . m_b for all pairs of tasks (T, T); unbiased, the pairs of a row with itself are left out of the diagonal.

    For unit rows the diagonal is then (n |m|^2 - 1) / (n - 1), the mean cosine of distinct rows. One row has none: nan.
    """
    g = tasks.means @ tasks.means.T
    if unbiased:
        with np.errstate(invalid="ignore", divide="ignore"):
            np.fill_diagonal(g, (tasks.n * np.diag(g) - 1) / (tasks.n - 1))
            np.fill_diagonal(g, np.where(tasks.n > 1, np.diag(g), np.nan))
    return np.asarray(g)


def form(weights: Array, g: Array) -> Array:
    """w' g w for each row of weights (M, T); an absent task (weight 0) cannot spoil it with a nan."""
    if np.isnan(g).any():
        return np.array([_present(w, g) for w in weights])
    return np.asarray(np.einsum("ma,ab,mb->m", weights, g, weights, optimize=True))


def _present(w: Array, g: Array) -> float:
    keep = w > 0
    return float(w[keep] @ g[np.ix_(keep, keep)] @ w[keep])


def diagonal(weights: Array, values: Array) -> Array:
    """sum_a w_a values_a for each row of weights, absent tasks left out."""
    return np.asarray((weights * np.where(weights > 0, values, 0.0)).sum(axis=1))
