"""A partition of the sphere, fitted once on a reference by k-means, into which any rows are then sorted."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
from scipy.sparse import csr_array

from diversity.metrics._pairwise import Indices, pair, similarities, to_distances, whole
from diversity.types import Array, InputError

ROUNDS = 100


def sort(x: Any, reference: Any, clusters: float, seed: float) -> tuple[Array, Array, Indices, Array]:
    """Unit rows of x (n, d), the reference's centres (clusters, d), the cell of each row and its squared distance."""
    clusters, seed = whole("clusters", clusters), whole("seed", seed, least=0)
    rows, target = pair(x, reference)
    if len(target) < clusters:
        raise InputError(
            f"expected a reference of at least {clusters} rows for {clusters} clusters, found {len(target)}"
        )
    centres = _fitted(target.tobytes(), target.shape, clusters, seed)
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
def _fitted(raw: bytes, shape: tuple[int, int], clusters: int, seed: int) -> Array:
    """Centres of the rows: kept, because many sets are sorted by the partition of one reference."""
    return kmeans(np.frombuffer(raw).reshape(shape), clusters, np.random.default_rng(seed))


def kmeans(rows: Array, clusters: int, rng: np.random.Generator) -> Array:
    """Lloyd's k-means from a k-means++ start: centres (clusters, d); a cell that empties keeps its centre."""
    centres = _start(rows, clusters, rng)
    before = None
    for _ in range(ROUNDS):
        cells = assign(rows, centres)
        if before is not None and np.array_equal(cells, before):
            break
        before = cells
        members = csr_array((np.ones(len(rows)), (cells, np.arange(len(rows)))), shape=(clusters, len(rows)))
        sizes = np.bincount(cells, minlength=clusters)[:, None]
        centres = np.where(sizes > 0, members @ rows / np.maximum(sizes, 1), centres)
    return centres


def _distances(rows: Array, i: int) -> Array:
    """Distances of unit rows to one of them, in proportion to their squared Euclidean ones."""
    return to_distances(rows @ rows[i])


def _start(rows: Array, clusters: int, rng: np.random.Generator) -> Array:
    """Rows as first centres, each drawn in proportion to its squared distance to those before (k-means++)."""
    chosen = [int(rng.integers(len(rows)))]
    to_nearest = _distances(rows, chosen[0])
    for _ in range(clusters - 1):
        total = np.cumsum(to_nearest)
        if total[-1] > 0:
            chosen.append(int(np.searchsorted(total, rng.random() * total[-1], side="right")))
        else:  # fewer distinct rows than clusters: the rest of the cells stay empty
            chosen.append(chosen[0])
        np.minimum(to_nearest, _distances(rows, chosen[-1]), out=to_nearest)
    return rows[chosen]
