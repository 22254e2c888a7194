"""Similarity-sensitive diversity (Leinster & Cobbold 2012, Reeve et al. 2016) with the similarity Z = (1 + cos)/2.

What is needed of Z is the ordinariness (Zp)_i = sum_j Z_ij p_j of each row: (1 + x_i . m)/2 with the weighted mean m of
the rows, in O(n d). The matrix Z is never made.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diversity.metrics._spectrum import ORDER, power_means
from diversity.moments import checked, unit_chunks
from diversity.types import Array, InputError


@dataclass(frozen=True)
class Partition:
    """Shares of rows in tasks: `shares` (n,) sum to 1; `task` (n,) are indices into `weights` (T,), which sum to 1.

    `total` (n,) is the ordinariness of each row in the whole, `within` (n,) that in its task, its shares scaled to sum
    1.
    """

    shares: Array
    task: NDArray[np.intp]
    weights: Array
    total: Array
    within: Array


def shares_of(weights: ArrayLike | None, n: int) -> Array:
    """Weights (n,) scaled to sum 1, equal ones where they are None; raises InputError for weights that cannot be."""
    if weights is None:
        return np.full(n, 1 / n)
    w = np.asarray(weights, dtype=float)
    if w.shape != (n,) or not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise InputError(f"expected {n} weights of at least 0 and not all 0, found {weights!r}")
    return np.asarray(w / w.sum())


def ordinariness(x: ArrayLike, shares: Array) -> Array:
    """(Zp)_i of rows x (n, d) with shares (n,), in (0, 1]; at least p_i, as a row is like itself."""
    return partition(x, np.zeros(len(shares), dtype=np.intp), shares).total


def partition(x: ArrayLike, task: NDArray[np.intp], shares: Array) -> Partition:
    """Ordinariness of rows x (n, d) with shares (n,) in the whole and in their tasks (n,), 0 .. T - 1: two passes."""
    weights = np.asarray(np.bincount(task, weights=shares), dtype=np.float64)
    with np.errstate(invalid="ignore"):
        inside = np.nan_to_num(shares / weights[task])
    means, start = np.zeros((len(weights), checked(x).shape[1])), 0
    for part in unit_chunks(x):
        block = slice(start, start + len(part))
        np.add.at(means, task[block], inside[block, None] * part)
        start = block.stop
    within, total, start = np.empty(len(shares)), np.empty(len(shares)), 0
    mean = weights @ means
    for part in unit_chunks(x):
        block = slice(start, start + len(part))
        total[block] = (1 + part @ mean) / 2
        within[block] = (1 + np.einsum("ij,ij->i", part, means[task[block]])) / 2
        start = block.stop
    return Partition(shares, task, weights, np.maximum(total, shares), np.maximum(within, inside))


def of_tasks(x: ArrayLike, labels: ArrayLike, weights: Mapping[str, float] | None) -> Partition:
    """The partition of rows x (n, d) by their tasks `labels` (n,), with a weight for each task, or by its rows."""
    n, names = len(checked(x)), np.asarray(labels)
    if names.shape != (n,):
        raise InputError(f"expected a task for each of {n} rows, found shape {names.shape}")
    tasks, task = np.unique(names, return_inverse=True)
    if weights is None:
        return partition(x, task, np.full(n, 1 / n))
    if set(weights) != {str(t) for t in tasks}:
        raise InputError(f"expected weights of the tasks {', '.join(map(str, tasks))}, found {', '.join(weights)}")
    w = shares_of([weights[str(t)] for t in tasks], len(tasks))
    return partition(x, task, (w / np.bincount(task))[task])


def number(shares: Array, ordinary: Array, q: float) -> float:
    """Effective number of order q: (sum p_i (Zp)_i^(q-1))^(1/(1-q)); where (Zp)_i = p_i, the Hill number."""
    keep = shares > 0
    return _mean(1 / ordinary[keep], shares[keep], ORDER.checked("q", q))


def distinctness(parts: Partition, q: float) -> float:
    """Reeve's normalised beta of the whole: the power mean over tasks of 1 / representativeness."""
    present = np.flatnonzero(parts.weights > 0)
    ratio, numbers = parts.total / parts.within, []
    for a in present:
        mine = (parts.task == a) & (parts.shares > 0)
        numbers.append(1 / _mean(ratio[mine], parts.shares[mine] / parts.weights[a], ORDER.checked("q", q)))
    return _mean(np.array(numbers), parts.weights[present], ORDER.checked("q", q))


def _mean(values: Array, shares: Array, q: float) -> float:
    return float(power_means(values, shares[None, :], q)[0])
