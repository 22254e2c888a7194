"""A partition of the sphere, fitted once on a reference by k-means, into which any rows are then sorted."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array

from diversity.metrics._pairwise import Indices, pair, similarities, to_distances
from diversity.types import Array, InputError, Option

CLUSTERS, SEED = Option(int, 50, low=1), Option(int, 0)
ROUNDS = 100
CANDIDATES = 16  # for a centre, compared with all rows at a time


def sort(x: ArrayLike, reference: ArrayLike, clusters: int, seed: int) -> tuple[Array, Array, Indices, Array]:
    """Unit rows of x (n, d), the reference's centres (clusters, d), the cell of each row and its squared distance."""
    clusters, seed = CLUSTERS.checked("clusters", clusters), SEED.checked("seed", seed)
    rows, target = pair(x, reference)
    if len(target) < clusters:
        raise InputError(
            f"expected a reference of at least {clusters} rows for {clusters} clusters, found {len(target)}"
        )
    centres = fitted_means(target.tobytes(), target.shape, clusters, seed)
    cells = assign(rows, centres)
    return rows, centres, cells, squares(rows, centres[cells])


def squares(a: Array, b: Array) -> Array:
    """Squared Euclidean distances of rows of a and b (n, d)."""
    difference = a - b
    return np.asarray(np.einsum("ij,ij->i", difference, difference))


def assign(rows: Array, centres: Array) -> Indices:
    """The nearest centre of each row, the first of equally near ones."""
    cells = np.empty(len(rows), dtype=np.intp)
    half = np.einsum("ij,ij->i", centres, centres) / 2
    for part, block in similarities(rows, centres):
        cells[part] = np.argmax(block - half, axis=1)
    return cells


@lru_cache(maxsize=2)
def fitted_means(raw: bytes, shape: tuple[int, int], clusters: int, seed: int) -> Array:
    """Centres of the rows: kept, because many sets are sorted by the partition of one reference."""
    return kmeans(np.frombuffer(raw).reshape(shape), clusters, np.random.default_rng(seed))


def kmeans(rows: Array, clusters: int, rng: np.random.Generator) -> Array:
    """Lloyd's k-means from a k-means++ start: centres (clusters, d); a cell that empties keeps its centre.

    scikit-learn's starts from other rows and moves the centres of empty cells, so that its values are others. After the
    first rounds few rows move: only the centres that they leave or join are computed and compared again.
    """
    centres, changed = start_rows(rows, clusters, rng), np.arange(clusters)
    nearness, cells = np.empty((clusters, len(rows))), np.full(len(rows), -1)
    sums, sizes = np.zeros_like(centres), np.zeros(clusters)
    for _ in range(ROUNDS):
        moving = centres[changed]
        nearness[changed] = moving @ rows.T - np.einsum("ij,ij->i", moving, moving)[:, None] / 2
        now = nearness.argmax(axis=0)
        moved = np.flatnonzero(now != cells)
        if not len(moved):
            break
        known = moved[cells[moved] >= 0]
        change = _members(now[moved], moved, len(rows), clusters) - _members(cells[known], known, len(rows), clusters)
        sums, sizes = sums + change @ rows, sizes + change.sum(axis=1)
        touched = np.union1d(cells[known], now[moved])
        changed = touched[sizes[touched] > 0]
        centres[changed], cells = sums[changed] / sizes[changed, None], now
    return centres


def _members(cells: Indices, rows: Indices, n: int, clusters: int) -> Any:
    """Ones where a row is in a cell, (clusters, n), sparse."""
    return csr_array((np.ones(len(rows)), (cells, rows)), shape=(clusters, n))


def start_rows(rows: Array, clusters: int, rng: np.random.Generator) -> Array:
    """Rows as first centres, each drawn in proportion to its squared distance to those before (k-means++).

    Candidates are drawn by the distances of the moment, some at a time, and each is then kept with the probability by
    which its distance has fallen through those kept before it: the same distribution, in products of matrices.
    """
    chosen = [int(rng.integers(len(rows)))]
    to_nearest = to_distances(rows @ rows[chosen[0]])
    while len(chosen) < clusters:
        total = np.cumsum(to_nearest)
        if not total[-1] > 0:  # fewer distinct rows than clusters: the rest of the cells stay empty
            return rows[chosen + [chosen[0]] * (clusters - len(chosen))]
        drawn = np.searchsorted(total, rng.random(CANDIDATES) * total[-1], side="right")
        bars = rng.random(CANDIDATES) * to_nearest[drawn]
        for row, bar, block in zip(drawn.tolist(), bars, to_distances(rows[drawn] @ rows.T), strict=True):
            if to_nearest[row] > bar and len(chosen) < clusters:
                chosen.append(row)
                np.minimum(to_nearest, block, out=to_nearest)
    return rows[chosen]
