"""What each task adds to the diversity of a mixture: marginal gains and Shapley values over the lattice of its subsets.

The values of all 2^T subsets are one array: the tasks of subset s are the bits of s, task i being bit i. So v[0] is the
empty mixture's and v[-1] that of all tasks. Gains and Shapley values are linear in them: a matrix each.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diversity.types import Array, InputError

MOST = 16  # tasks: 65,536 subsets


def members(tasks: int) -> NDArray[np.bool_]:
    """Which of T tasks each subset has, (2^T, T); raises InputError for fewer than 1 and more than 16 tasks.

    >>> members(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    if not 1 <= tasks <= MOST:
        raise InputError(f"expected 1 to {MOST} tasks, of which every subset is valued, found {tasks}")
    return np.asarray(np.arange(2**tasks)[:, None] >> np.arange(tasks) & 1, dtype=bool)


def subset_weights(weights: ArrayLike) -> Array:
    """The weights (T,) of a mixture scaled to sum 1 within each of its non-empty subsets, (2^T - 1, T).

    Raises InputError for weights that are not above 0.

    >>> subset_weights([0.25, 0.75]).tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.25, 0.75]]
    """
    w = np.asarray(weights, dtype=float)
    if w.ndim != 1 or not np.isfinite(w).all() or not (w > 0).all():
        raise InputError(f"expected weights above 0, found {weights!r}")
    chosen = members(w.size)[1:] * w
    return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))


def gain_matrix(tasks: int) -> Array:
    """The matrix (T, 2^T) that takes the values of all subsets to `gains`."""
    matrix = np.zeros((tasks, len(members(tasks))))
    matrix[:, -1] = 1
    matrix[np.arange(tasks), 2**tasks - 1 - 2 ** np.arange(tasks)] -= 1
    return matrix


def shapley_matrix(tasks: int) -> Array:
    """The matrix (T, 2^T) that takes the values of all subsets to the `shapley` values."""
    has = members(tasks)
    size = has.sum(axis=1)
    weight = np.array([1 / (tasks * math.comb(tasks - 1, k)) for k in range(tasks)])  # of a set that a task joins
    joined, left = weight[np.maximum(size - 1, 0)], weight[np.minimum(size, tasks - 1)]
    return np.asarray(np.where(has, joined[:, None], -left[:, None]).T)


def gains(values: ArrayLike) -> Array:
    """What the whole mixture loses without each task, v(N) - v(N \\ i), (T,), from the values of all subsets (2^T,).

    Raises InputError for a number of values that is no power of 2.

    >>> gains([0, 1, 2, 4]).tolist()
    [2.0, 3.0]
    """
    v, tasks = _checked(values)
    return np.asarray(gain_matrix(tasks) @ v)


def shapley(values: ArrayLike) -> Array:
    """Shapley value of each task, (T,), from the values of all subsets (2^T,): its mean gain over all orders of arrival.

    sum over subsets S without i of |S|! (T - |S| - 1)! / T! (v(S + i) - v(S)); they sum to v(N) - v(0). Exact, O(T
    2^T). Raises InputError for a number of values that is no power of 2. Shapley 1953.

    >>> shapley([0, 1, 2, 4]).tolist()
    [1.5, 2.5]
    """
    v, tasks = _checked(values)
    return np.asarray(shapley_matrix(tasks) @ v)


def _checked(values: ArrayLike) -> tuple[Array, int]:
    v = np.asarray(values, dtype=float)
    tasks = v.size.bit_length() - 1
    if v.ndim != 1 or v.size < 2 or v.size != 2**tasks:
        raise InputError(f"expected the values of all 2^T subsets of T tasks, found shape {v.shape}")
    return v, tasks
