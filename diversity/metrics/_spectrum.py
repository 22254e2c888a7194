"""Spectra of second moments: effective numbers of any order, and their derivatives.

lambda are the eigenvalues of C = X'X/n (trace 1), which are the nonzero ones of K/n. Those below max(n, d) eps
lambda_max are zero to rounding and are dropped: with q < 1 they would otherwise be counted as dimensions.
"""

from __future__ import annotations

import numpy as np

from diversity.moments import in_threads, mix
from diversity.types import INFINITY, Array, Option, TaskMoments

ORDER = Option(float, 1.0, high=INFINITY, title="an order q")
System = tuple[Array, Array]  # eigenvalues (k,) and eigenvectors (d, k)
STACK, BESIDE = 16, 8  # matrices that a thread solves at a time: numpy lets other threads run only beside a stack
LARGE = 1e12  # an order beyond it is infinity to 11 digits, and its powers would overflow


def eigenvalues(second: Array, n: float) -> Array:
    """Nonzero eigenvalues of a second moment of n rows, scaled to sum 1."""
    return _nonzero(np.asarray(np.linalg.eigvalsh(second)), n, len(second))


def eigensystem(second: Array, n: float) -> System:
    """Nonzero eigenvalues of a second moment of n rows, scaled to sum 1, and their eigenvectors (d, k)."""
    return _nonzero_system(*np.linalg.eigh(second), n)


def _nonzero_system(values: Array, vectors: Array, n: float) -> System:
    keep = values > max(n, len(vectors)) * np.finfo(float).eps * values[-1]
    return values[keep] / values[keep].sum(), vectors[:, keep]


def of_rows(x: Array) -> Array:
    """Nonzero eigenvalues of unit rows (n, d), from the smaller of the n x n and the d x d matrix."""
    n, d = x.shape
    return _nonzero(np.linalg.eigvalsh((x @ x.T if n < d else x.T @ x) / n), n, d)


def system_of(tasks: TaskMoments, weights: Array, m: int) -> System:
    """`eigensystem` of mixture m of those with weights (M, T); its neighbours are solved along with it and kept."""
    known = tasks.systems.get(weights[m].tobytes())
    if known is not None:
        return known
    first = m // BESIDE * BESIDE
    part = weights[first : first + BESIDE]
    solved = np.linalg.eigh(np.stack([mix(tasks, w)[1] for w in part]))
    systems = [
        tasks.systems.put(w.tobytes(), _nonzero_system(values, vectors, float(tasks.n[w > 0].sum())))
        for w, values, vectors in zip(part, *solved, strict=True)
    ]
    return systems[m - first]


def of_mixtures(tasks: TaskMoments, weights: Array) -> list[Array]:
    """Nonzero eigenvalues of each mixture's second moment, computed once for a set of tasks.

    One matrix of d x d is too small for several threads to share: with many mixtures each processor takes its own.
    """
    missing = list({w.tobytes(): w for w in weights if tasks.memo.get(w.tobytes()) is None}.values())
    flat, d = tasks.seconds.reshape(len(tasks.names), -1), tasks.seconds.shape[-1]

    def solve(start: int) -> None:
        part = np.stack(missing[start : start + STACK])
        for w, values in zip(part, np.linalg.eigvalsh((part @ flat).reshape(-1, d, d)), strict=True):
            tasks.memo.put(w.tobytes(), _nonzero(values, float(tasks.n[w > 0].sum()), d))

    in_threads(solve, range(0, len(missing), STACK), describe="spectra")
    return [known for w in weights if (known := tasks.memo.get(w.tobytes())) is not None]


def _nonzero(values: Array, n: float, d: int) -> Array:
    keep = values[values > max(n, d) * np.finfo(float).eps * values[-1]]
    return np.asarray(keep / keep.sum())


def numbers(shares: Array, q: float) -> Array:
    """Effective numbers (Hill numbers) of order q of distributions along the last axis: (sum p^q)^(1/(1-q)).

    q = 1 and infinity are limits. Near q = 1 the formula loses digits: there log sum p^q is computed by expm1 of
    (q - 1) log p. Shares of 0 count for nothing at every order.
    """
    if q == 0:
        return np.asarray(np.count_nonzero(shares, axis=-1).astype(float))
    if q > LARGE:
        return np.asarray(1 / shares.max(axis=-1))
    logs = np.log(np.where(shares > 0, shares, 1.0))
    if q == 1:
        return np.asarray(np.exp(-(shares * logs).sum(axis=-1)))
    return np.exp(_log_power_sum(logs, shares, q) / (1 - q))


def number(shares: Array, q: float) -> float:
    """The effective number of one distribution."""
    return float(numbers(shares, q))


def _log_power_sum(logs: Array, shares: Array, q: float) -> Array:
    """log sum_i share_i exp((q - 1) log_i) along the last axis, for shares that sum to 1; near 0 where q is near 1."""
    if abs(q - 1) < 0.01:
        return np.asarray(np.log1p((shares * np.expm1((q - 1) * logs)).sum(axis=-1)))
    powers = np.where(shares > 0, (q - 1) * logs, -np.inf)
    top = powers.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)  # infinite numbers alone: their sum of powers is 0
    with np.errstate(divide="ignore"):
        return np.asarray(top[..., 0] + np.log((shares * np.exp(powers - top)).sum(axis=-1)))


def derivative(values: Array, q: float) -> Array:
    """d number / d lambda, one for each eigenvalue: the gradient with respect to C is V diag(.) V'."""
    f = number(values, q)
    if q > LARGE:
        return np.where(values == values.max(), -(f**2), 0.0)
    if q == 1:
        return np.asarray(-f * (np.log(values) + 1))
    return np.asarray(q / (1 - q) * np.exp(q * np.log(f) + (q - 1) * np.log(values)))


def power_means(values: Array, weights: Array, q: float) -> Array:
    """Means of effective numbers (T,), one for each row of weights (M, T), that make gamma >= alpha at order q.

    (sum w D^(1-q))^(1/(1-q)); q = 1 is the geometric mean, q = infinity the minimum of those present.
    """
    if q > LARGE:
        return np.asarray(np.where(weights > 0, values, np.inf).min(axis=-1))
    logs = np.broadcast_to(np.log(values), weights.shape)
    present = np.where(weights > 0, logs, 0.0)
    if q == 1:
        return np.asarray(np.exp((weights * present).sum(axis=-1)))
    return np.exp(_log_power_sum(-present, weights, q) / (1 - q))
