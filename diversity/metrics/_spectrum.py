"""Spectra of second moments: effective numbers of any order, and their derivatives.

lambda are the eigenvalues of C = X'X/n (trace 1), which are the nonzero ones of K/n. Those below max(n, d) eps
lambda_max are zero to rounding and are dropped: with q < 1 they would otherwise be counted as dimensions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from diversity.types import Array


def eigenvalues(second: Array, n: float) -> Array:
    """Nonzero eigenvalues of a second moment of n rows, scaled to sum 1."""
    return _nonzero(np.asarray(np.linalg.eigvalsh(second)), n, len(second))


def eigensystem(second: Array, n: float) -> tuple[Array, Array]:
    """Nonzero eigenvalues, scaled to sum 1, and their eigenvectors (d, k)."""
    values, vectors = np.linalg.eigh(second)
    keep = values > max(n, len(second)) * np.finfo(float).eps * values[-1]
    return values[keep] / values[keep].sum(), vectors[:, keep]


def of_rows(x: Array) -> Array:
    """Nonzero eigenvalues of unit rows (n, d), from the smaller of the n x n and the d x d matrix."""
    n, d = x.shape
    return _nonzero(np.linalg.eigvalsh((x @ x.T if n < d else x.T @ x) / n), n, d)


def _nonzero(values: Array, n: float, d: int) -> Array:
    keep = values[values > max(n, d) * np.finfo(float).eps * values[-1]]
    return np.asarray(keep / keep.sum())


def trace_power(values: Array, q: float) -> float:
    """What a mixture averages: sum lambda^q; for q = 1 the entropy -sum lambda log lambda."""
    return float(-(values * np.log(values)).sum() if q == 1 else (values**q).sum())


def number(values: Array, q: float) -> float:
    """Effective number (Hill number) of order q of a distribution: (sum p^q)^(1/(1-q)); q = 1, infinity as limits.

    Near q = 1 the formula loses digits: there log sum p^q is computed by expm1 of (q - 1) log p.
    """
    if q == 0:
        return float(len(values))
    if np.isinf(q):
        return float(1 / values.max())
    logs = np.log(values)
    if q == 1:
        return float(np.exp(-(values * logs).sum()))
    return float(np.exp(_log_power_sum(logs, values, q) / (1 - q)))


def _log_power_sum(logs: Array, shares: Array, q: float) -> float:
    """log sum_i share_i exp((q - 1) log_i), for shares that sum to 1: close to 0 where q is close to 1."""
    if abs(q - 1) < 0.01:
        return float(np.log1p((shares * np.expm1((q - 1) * logs)).sum()))
    top = ((q - 1) * logs).max()
    return float(top + np.log((shares * np.exp((q - 1) * logs - top)).sum()))


def derivative(values: Array, q: float) -> Array:
    """d number / d lambda, one for each eigenvalue: the gradient with respect to C is V diag(.) V'."""
    f = number(values, q)
    if np.isinf(q):
        return np.where(values == values.max(), -(f**2), 0.0)
    if q == 1:
        return np.asarray(-f * (np.log(values) + 1))
    return np.asarray(q / (1 - q) * f**q * values ** (q - 1))


def power_mean(numbers: Any, weights: Any, q: float) -> float:
    """The mean of effective numbers that makes gamma >= alpha at order q: (sum w D^(1-q))^(1/(1-q))."""
    w, d = np.asarray(weights, dtype=float), np.asarray(numbers, dtype=float)
    w, d = w[w > 0], d[w > 0]
    if np.isinf(q):
        return float(d.min())
    logs = np.log(d)
    if q == 1:
        return float(np.exp((w * logs).sum()))
    return float(np.exp(_log_power_sum(-logs, w, q) / (1 - q)))
