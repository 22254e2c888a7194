"""Cosine distances in blocks: O(block n) memory, never an n x n matrix.

Pairs are searched for in single precision, and the distances of those found are then computed in double precision as
|x - y|^2 / 2, which is exactly 0 for equal rows; a choice among pairs may so be off by single-precision rounding (2e-7).
Sums over all pairs that need more than that are computed from rows in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from diversity.moments import checked, unit_rows
from diversity.types import Array, InputError

BLOCK = 512  # rows: at n = 20,000 a block of similarities in single precision is 41 MB
NUMBERS = 1 << 25  # of a block at most: 134 MB; blocks of more than 65,000 rows' similarities are lower
PAIRS = 1 << 16  # numbers of the differences of pairs that are held at once: they stay in the cache
ROUNDING = 1e-14  # a distance below it, as 1 - x . y in double precision, is that of equal rows

Block = tuple[slice, NDArray[Any]]
Indices = NDArray[np.intp]


def unit(x: ArrayLike, *, least: int = 1, dtype: DTypeLike = np.float64) -> Any:
    """Rows x (n, d) scaled to unit length; raises InputError for fewer than `least` rows and as `unit_rows` does."""
    n = len(checked(x))
    if n < least:
        raise InputError(f"expected at least {least} rows, found {n}")
    return unit_rows(x, dtype=dtype)


def pair(x: ArrayLike, reference: ArrayLike, *, least: int = 1) -> tuple[Array, Array]:
    """Unit rows of both x (n, d) and a reference (m, d) of at least `least` rows; raises InputError where d differs."""
    rows, others = checked(x), checked(reference)
    if rows.shape[1] != others.shape[1]:
        raise InputError(f"expected a reference of dimension {rows.shape[1]}, found {others.shape[1]}")
    target = unit(others, least=least)
    return target if rows is others else unit(rows), target


def blocks(n: int, width: int) -> Iterator[slice]:
    """Successive rows, so many that a block of this width has no more numbers than it may."""
    height = max(1, min(BLOCK, NUMBERS // width))
    for start in range(0, n, height):
        yield slice(start, min(start + height, n))


def similarities(a: NDArray[Any], b: NDArray[Any]) -> Iterator[Block]:
    """Blocks of rows of a (n, d) and their dot products with all of b (m, d), in the precision given."""
    for rows in blocks(len(a), len(b)):
        yield rows, a[rows] @ b.T


def upper(a: NDArray[Any]) -> Iterator[Block]:
    """Blocks of rows of a and their dot products with these and all later rows: half the work where pairs count once."""
    for rows in blocks(len(a), len(a)):
        yield rows, a[rows] @ a[rows.start :].T


def both_sums(rows: slice, block: NDArray[Any], sums: Array) -> None:
    """Add a block of `upper`, of a symmetric function of pairs, to the sums over whole rows (n,): products with ones."""
    height, width = block.shape
    sums[rows] += block @ np.ones(width, dtype=block.dtype)
    sums[rows.stop :] += np.ones(height, dtype=block.dtype) @ block[:, height:]


def distances(a: Array, b: Array) -> Iterator[Block]:
    """Blocks of rows of a and their distances to all of b, in double precision; those of equal rows are 0."""
    for rows, block in similarities(a, b):
        yield rows, to_distances(block)


def to_distances(block: Array) -> Array:
    """Dot products in double precision as distances, in place; those of equal rows are 0."""
    np.subtract(1, block, out=block)
    block[block < ROUNDING] = 0
    return block


def exact(a: Array, b: Array) -> Array:
    """Distances |x - y|^2 / 2 of rows of a (..., d) and b (..., d), 0 where they are equal."""
    difference = a - b
    return np.asarray(np.einsum("...i,...i->...", difference, difference) / 2)


def to_chosen(a: Array, b: Array, chosen: Indices) -> Array:
    """Distances (n, k) of rows of a (n, d) to the rows of b chosen for each (n, k), a few MB of differences at a time."""
    step = max(1, PAIRS // (chosen.shape[1] * a.shape[1]))
    parts = [slice(start, start + step) for start in range(0, len(a), step)]
    return np.concatenate([exact(a[part, None], b[chosen[part]]) for part in parts])


def nearest(a: Array, b: Array, k: int, *, itself: bool = False) -> tuple[Indices, Array]:
    """Indices and distances (n, k) of the k rows of b (m, d) nearest to each of a (n, d), in increasing order.

    `itself` says that a and b are the same rows, none of which is its own neighbour.
    """
    indices, by_row = np.empty((len(a), k), dtype=np.intp), np.empty((len(a), k))
    for rows, block in similarities(a.astype(np.float32), b.astype(np.float32)):
        if itself:
            block[np.arange(len(block)), np.arange(rows.start, rows.stop)] = -np.inf
        chosen = block.argmax(axis=1)[:, None] if k == 1 else np.argpartition(block, -k, axis=1)[:, -k:]
        lengths = to_chosen(a[rows], b, chosen)
        order = np.argsort(lengths, axis=1, kind="stable")
        indices[rows] = np.take_along_axis(chosen, order, axis=1)
        by_row[rows] = np.take_along_axis(lengths, order, axis=1)
    return indices, by_row


def farthest(a: Array) -> Array:
    """Distance (n,) of each row to the one farthest from it."""
    by_row = np.empty(len(a))
    single = a.astype(np.float32)
    for rows, block in similarities(single, single):
        by_row[rows] = exact(a[rows], a[block.argmin(axis=1)])
    return by_row
