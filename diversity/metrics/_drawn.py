"""Some rows compared with all rows of a set, which is read block by block: O(m block) memory for m rows.

A metric that is a mean (or a sum) over rows of what a row makes of all others is the mean of so many numbers, one a
row. Those of rows drawn at random are a sample of them, without bias at the set's own size, and with a standard error
as any sample has. Searches are in single precision and distances in double, as in `_pairwise`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.special import stdtrit

from diversity.metrics._pairwise import Indices, exact, to_chosen, to_distances
from diversity.types import Array, DrawnRows, InputError

Bounded = tuple[float, float, float]


def mean(drawn: DrawnRows, values: Array) -> Bounded:
    """The mean of the values (m,) of the drawn rows, and its 95 % interval for the mean over the whole population.

    Student's t, with the correction of a finite population; nan of a single row, and where all have one value: such a
    spread of 0 says nothing of the rows that were not drawn. All rows have no error.
    """
    m, value = len(values), float(values.mean())
    if m == drawn.population:
        return value, value, value
    if m < 2 or not np.ptp(values) > 0:
        return value, np.nan, np.nan
    half = float(stdtrit(m - 1, 0.975) * values.std(ddof=1) * np.sqrt((1 - m / drawn.population) / m))
    return value, value - half, value + half


def products_of(drawn: DrawnRows, dtype: DTypeLike = np.float32) -> Iterator[tuple[Array, NDArray[Any], Indices]]:
    """Blocks (k, d) of the set, their dot products (m, k) with the drawn rows, and where (2, l) a row meets itself."""
    rows, start = drawn.rows.astype(dtype, copy=False), 0
    for block in drawn.blocks():
        inside = np.flatnonzero((drawn.places >= start) & (drawn.places < start + len(block)))
        yield block, rows @ block.astype(dtype, copy=False).T, np.stack([inside, drawn.places[inside] - start])
        start += len(block)


def distances_of(drawn: DrawnRows, itself: float) -> Iterator[Array]:
    """Distances (m, k) of the drawn rows to each block, in double precision; what those to themselves are is given."""
    for _, products, (rows, columns) in products_of(drawn, np.float64):
        to_distances(products)[rows, columns] = itself
        yield products


def nearest_of(drawn: DrawnRows, k: int = 1) -> Array:
    """Distances (m, k) of the drawn rows to the k nearest others of the set, in no order.

    Only rows that find something nearer than the k-th so far are looked at again: after a few blocks hardly any. Raises
    InputError for fewer than k others.
    """
    if drawn.n - int((drawn.places >= 0).any()) < k:
        raise InputError(f"expected more than {k} rows to find {k} neighbours among, found {drawn.n}")
    most, lengths = (np.full((len(drawn.rows), k), fill) for fill in (np.float32(-np.inf), np.inf))
    for block, products, itself in products_of(drawn):
        products[tuple(itself)] = -np.inf
        again = np.flatnonzero(products.max(axis=1) > most.min(axis=1))
        if not len(again):
            continue
        some = products[again]
        few = min(k, some.shape[1])
        chosen = some.argmax(axis=1)[:, None] if few == 1 else np.argpartition(some, -few, axis=1)[:, -few:]
        both = np.concatenate([most[again], np.take_along_axis(some, chosen, axis=1)], axis=1)
        away = np.concatenate([lengths[again], to_chosen(drawn.rows[again], block, chosen)], axis=1)
        best = np.argpartition(both, -k, axis=1)[:, -k:]
        most[again], lengths[again] = (np.take_along_axis(a, best, axis=1) for a in (both, away))
    return lengths


def farthest_of(drawn: DrawnRows) -> tuple[Array, Array]:
    """Distances (m,) of the drawn rows to the row of the set that is farthest from each, and these rows (m, d)."""
    least, rows = np.full(len(drawn.rows), np.inf, dtype=np.float32), drawn.rows.copy()
    for block, products, _ in products_of(drawn):
        again = np.flatnonzero(products.min(axis=1) < least)
        chosen = products[again].argmin(axis=1)
        least[again], rows[again] = products[again, chosen], block[chosen]
    return exact(drawn.rows, rows), rows
