"""Principal axes of a reference, onto which any rows are then projected: the same axes for all sets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.linalg import eigh

from diversity.metrics._pairwise import pair, unit
from diversity.types import Array, InputError


def project(x: ArrayLike, reference: ArrayLike | None, dims: int) -> tuple[Array, Array]:
    """Unit rows of x (n, d) and of a reference (m, d), x where it is None, on the reference's `dims` first principal axes.

    Where eigenvalues tie the axes are arbitrary. Raises InputError for d below `dims`.
    """
    rows, target = (unit(x),) * 2 if reference is None else pair(x, reference)
    if rows.shape[1] < dims:
        raise InputError(f"expected rows of dimension {dims} or more, found {rows.shape[1]}")
    mean, d = target.mean(axis=0), rows.shape[1]
    scatter = target.T @ target - len(target) * np.outer(mean, mean)
    axes = eigh(scatter, subset_by_index=(d - dims, d - 1))[1][:, ::-1]
    points = rows @ axes - mean @ axes
    return points, points if target is rows else target @ axes - mean @ axes
