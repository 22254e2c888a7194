"""Values that are equal but for the rounding of how they were computed."""

from __future__ import annotations

import numpy as np

from diversity.types import Array

ROUNDING = 1e-9  # of the largest value; scores of one mixture by two ways of computing them differ by 1e-13


def tied(x: Array) -> Array:
    """The values (n,) with those that differ by rounding alone made equal: ranks must not hang on the last digits.

    Of values whose gaps are at most 1e-9 of the largest, each becomes the least. What is not a number stays.

    >>> tied(np.array([1.0, 2.0, 1.0 + 1e-14])).tolist()
    [1.0, 2.0, 1.0]
    """
    x = np.asarray(x, dtype=float)
    order = np.argsort(x, kind="stable")
    finite = order[np.isfinite(x[order])]
    ordered = x[finite]
    apart = np.diff(ordered, prepend=-np.inf) > ROUNDING * float(np.abs(ordered).max(initial=0))
    found = x.copy()
    found[finite] = ordered[apart][np.cumsum(apart) - 1]
    return found
