"""What the weights of a design say: is it closed under relabelling, and which mixtures are of one size?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from diversity.types import Array

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


def size_groups(weights: Array) -> Index:
    """The group of each mixture (M,) that has a mean of its own: its number of tasks.

    In a closed design of unequal weights also their pattern, which relabelling keeps.

    >>> size_groups(np.array([[1, 0], [0.5, 0.5], [0.2, 0.8]])).tolist()
    [0, 1, 1]
    """
    if closed(weights):
        pattern = np.round(np.sort(weights, axis=1), 9)
        return np.asarray(np.unique(pattern, axis=0, return_inverse=True)[1]).reshape(-1)
    return np.asarray(np.unique((weights > 0).sum(axis=1), return_inverse=True)[1])


def size_means(weights: Array) -> Array:
    """Fixed effects (M, groups): a mean for each size."""
    group = size_groups(weights)
    return np.asarray((group[:, None] == np.arange(group.max() + 1)).astype(float))
