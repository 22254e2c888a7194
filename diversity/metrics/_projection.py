"""Principal axes of a reference, onto which any rows are then projected: the same axes for all sets."""

from __future__ import annotations

from typing import Any

import numpy as np

from diversity.metrics._pairwise import pair
from diversity.moments import moments
from diversity.types import Array, InputError


def project(x: Any, reference: Any, dims: int) -> tuple[Array, Array]:
    """Unit rows of x (n, d) and of a reference (m, d), x where it is None, on the reference's `dims` first principal axes.

    Where eigenvalues tie the axes are arbitrary. Raises InputError for d below `dims`.
    """
    rows, target = pair(x, x if reference is None else reference)
    if rows.shape[1] < dims:
        raise InputError(f"expected rows of dimension {dims} or more, found {rows.shape[1]}")
    m = moments(target)
    axes = np.linalg.eigh(m.second - np.outer(m.mean, m.mean))[1][:, : -dims - 1 : -1]
    return (rows - m.mean) @ axes, (target - m.mean) @ axes
