"""Balls around the rows of a reference that reach to their k-th nearest neighbours, and which rows they hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._pairwise import distances, nearest, pair
from diversity.types import Array, Option

NEIGHBOURS = Option(int, 5, low=1)
MARGIN = 1e-12  # a row must be inside by more than rounding: one on the boundary is outside


def neighbourhoods(x: ArrayLike, reference: ArrayLike, k: int) -> tuple[int, Array, int]:
    """How often a row of x (n, d) lies in a ball of the reference (m, d), which balls (m,) hold any, and n."""
    k = NEIGHBOURS.checked("k", k)
    rows, target = pair(x, reference, least=k + 1)
    radii = nearest(target, target, k, itself=True)[1][:, -1]
    covered, hits = np.zeros(len(target), dtype=bool), 0
    for part, block in distances(target, rows):
        inside = block < radii[part, None] - MARGIN
        covered[part] = inside.any(axis=1)
        hits += int(np.count_nonzero(inside))
    return hits, covered, len(rows)
