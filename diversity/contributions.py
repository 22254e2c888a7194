"""What each task adds to the diversity of a mixture: marginal gains and Shapley values over the lattice of its subsets.

The values of all 2^T subsets are one array: the tasks of subset s are the bits of s, task i being bit i. So v[0] is the
empty mixture's and v[-1] that of all tasks.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diversity.types import Array, InputError, TaskMoments

if TYPE_CHECKING:
    import pandas as pd

MOST = 16  # tasks: 65,536 subsets


def members(tasks: int) -> NDArray[np.bool_]:
    """Which of T tasks each subset has, (2^T, T); raises InputError for fewer than 1 and more than 16 tasks.

    >>> members(2).astype(int).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    if not 1 <= tasks <= MOST:
        raise InputError(f"expected 1 to {MOST} tasks, of which every subset is valued, found {tasks}")
    return np.asarray(np.arange(2**tasks)[:, None] >> np.arange(tasks) & 1, dtype=bool)


def lattice(
    tasks: TaskMoments, mixtures: Callable[..., Array], *, weights: Any = None, empty: float = 0.0, **options: Any
) -> Array:
    """A diversity of every subset of the tasks, (2^T,), by the `mixtures` of a metric; `empty` is that of no task.

    Each subset has the tasks' `weights` (T,), scaled to sum 1 within it; equal ones by default. Raises InputError for
    weights that are not above 0. For effective numbers (Vendi, Hill) the gain of the first task depends on what the
    empty mixture is said to have: 0, or 1 so that only variety counts.

    >>> from diversity.metrics import hill
    >>> from diversity.moments import moments, stack
    >>> lattice(stack({"a": moments([[1, 0]]), "b": moments([[0, 1]])}), hill.mixtures).tolist()
    [0.0, 1.0, 1.0, 2.0]
    """
    count = len(tasks.names)
    w = np.ones(count) if weights is None else np.asarray(weights, dtype=float)
    if w.shape != (count,) or not np.isfinite(w).all() or not (w > 0).all():
        raise InputError(f"expected {count} weights above 0, found {weights!r}")
    chosen = members(count)[1:] * w
    return np.concatenate([[empty], mixtures(tasks, chosen / chosen.sum(axis=1, keepdims=True), **options)])


def gains(values: Any) -> Array:
    """What the whole mixture loses without each task, v(N) - v(N \\ i), (T,), from the values of all subsets (2^T,).

    Raises InputError for a number of values that is no power of 2.

    >>> gains([0, 1, 2, 4]).tolist()
    [2.0, 3.0]
    """
    v, count = _checked(values)
    return np.asarray(v[-1] - v[2**count - 1 - 2 ** np.arange(count)])


def shapley(values: Any) -> Array:
    """Shapley value of each task, (T,), from the values of all subsets (2^T,): its mean gain over all orders of arrival.

    sum over subsets S without i of |S|! (T - |S| - 1)! / T! (v(S + i) - v(S)); they sum to v(N) - v(0). Exact, O(T
    2^T). Raises InputError for a number of values that is no power of 2. Shapley 1953.

    >>> shapley([0, 1, 2, 4]).tolist()
    [1.5, 2.5]
    """
    v, count = _checked(values)
    size = members(count).sum(axis=1)
    weight = np.array([1 / (count * math.comb(count - 1, k)) for k in range(count)])
    found = np.empty(count)
    for i in range(count):
        # axis 1 is bit i: absent, present
        split, sizes = v.reshape(-1, 2, 2**i), size.reshape(-1, 2, 2**i)
        found[i] = (weight[sizes[:, 0]] * (split[:, 1] - split[:, 0])).sum()
    return found


def _checked(values: Any) -> tuple[Array, int]:
    v = np.asarray(values, dtype=float)
    count = v.size.bit_length() - 1
    if v.ndim != 1 or v.size < 2 or v.size != 2**count:
        raise InputError(f"expected the values of all 2^T subsets of T tasks, found shape {v.shape}")
    members(count)
    return v, count


def frame(
    tasks: TaskMoments, mixtures: Callable[..., Array], *, weights: Any = None, empty: float = 0.0, **options: Any
) -> pd.DataFrame:
    """Task, its diversity alone, its gain to the whole mixture, its Shapley value: one row a task (see `lattice`).

    >>> from diversity.metrics import hill
    >>> from diversity.moments import moments, stack
    >>> frame(stack({"a": moments([[1, 0]]), "b": moments([[0, 1]])}), hill.mixtures).values.tolist()
    [['a', 1.0, 1.0, 1.0], ['b', 1.0, 1.0, 1.0]]
    """
    import pandas as pd

    v = lattice(tasks, mixtures, weights=weights, empty=empty, **options)
    alone = v[2 ** np.arange(len(tasks.names))]
    return pd.DataFrame({"task": list(tasks.names), "alone": alone, "gain": gains(v), "shapley": shapley(v)})
