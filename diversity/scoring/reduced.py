"""Vectors of any number reduced as they come: their moments, and a sample of rows that shards can be merged by.

Each row draws a number; the rows with the smallest are the sample. So the sample of several shards is that of all of them
together, in whatever order they are merged.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diversity import store
from diversity.moments import moments, packed, single_moments, unit_rows, unpacked
from diversity.scoring.embedded import ROWS_KEPT
from diversity.types import Array, InputError, Moments

HALF = np.float16  # of kept rows, as in saved moments
Products = Literal["fp64", "fp32"]


@dataclass(frozen=True)
class Reduced:
    """Moments of so many vectors, and of `keep` of them the unit rows (k, d), with the numbers (k,) that they drew.

    `blocks` were read, with texts that were `blank`, and so left out, and `longer` than the encoder reads.
    """

    moments: Moments | None = None
    rows: NDArray[np.float16] = field(default_factory=lambda: np.zeros((0, 0), HALF))
    drawn: Array = field(default_factory=lambda: np.zeros(0))
    blocks: int = 0
    blank: int = 0
    longer: int = 0

    def __add__(self, other: Reduced) -> Reduced:
        """Those of both."""
        if self.moments is None or other.moments is None:
            known = other if self.moments is None else self
            whole, rows, drawn = known.moments, known.rows, known.drawn
        else:
            whole = self.moments + other.moments
            rows, drawn = self.rows, self.drawn
            if len(other.drawn):
                rows, drawn = _smallest(np.concatenate([rows, other.rows]), np.concatenate([drawn, other.drawn]))
        return Reduced(
            whole, rows, drawn, self.blocks + other.blocks, self.blank + other.blank, self.longer + other.longer
        )

    def of_block(self, vectors: ArrayLike, seed: int, products: Products = "fp64") -> Reduced:
        """These vectors (n, d) alone, as the block that comes next; `seed` is that of the shard."""
        block = np.asarray(vectors)
        drawn = np.random.default_rng([seed, self.blocks]).random(len(block))
        few = np.argsort(drawn, kind="stable")[:ROWS_KEPT]
        if len(self.drawn) == ROWS_KEPT:  # of the others none is among the smallest
            few = few[drawn[few] < self.drawn[-1]]
        whole = (
            moments(block) if products == "fp64" else single_moments(block)
        )  # first: they name a bad row by its place
        rows = unit_rows(block[few]).astype(HALF) if len(few) else np.zeros((0, block.shape[1]), HALF)
        return Reduced(whole, rows, drawn[few], 1)

    def save(self, path: Path) -> None:
        """Write to a file, whole or not at all."""
        whole = self.moments or Moments(0, np.zeros(0), np.zeros((0, 0)))
        with store.replacing(path) as stream:
            np.savez(
                stream,
                n=whole.n,
                mean=whole.mean,
                second=packed(whole.second),
                rows=self.rows,
                drawn=self.drawn,
                counts=np.array([self.blocks, self.blank, self.longer]),
            )


def _smallest(rows: NDArray[np.float16], drawn: Array) -> tuple[NDArray[np.float16], Array]:
    order = np.argsort(drawn, kind="stable")[:ROWS_KEPT]
    return rows[order], drawn[order]


def load(path: Path) -> Reduced:
    """What was saved; raises InputError where it is not whole."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            mean, upper, n = archive["mean"], archive["second"], int(archive["n"])
            rows, drawn, counts = archive["rows"], archive["drawn"], archive["counts"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected saved moments, found: {str(error).splitlines()[0]}") from error
    return Reduced(Moments(n, mean, unpacked(upper, len(mean))) if n else None, rows, drawn, *counts)


def reduced(
    blocks: Iterable[tuple[ArrayLike, int, int]],
    seed: int,
    *,
    done: Reduced = Reduced(),  # frozen
    products: Products = "fp64",
    every: int = 0,
    save: Callable[[Reduced], object] = lambda _: None,
) -> Reduced:
    """Blocks of vectors reduced, each with its counts of texts that are blank and too long; on from what is `done`.

    `products` that moments are sums of are in double or single precision (`single_moments`; the sums are in double).
    What was done is given to `save` after `every` rows (0: never). A block may have no row at all.

    >>> [f.moments.n for f in [reduced([(np.eye(2), 0, 0), (np.ones((3, 2)), 0, 0)], seed=0)]]
    [5]
    """
    saved = done.moments.n if done.moments else 0
    for vectors, blank, longer in blocks:
        rows = done.moments.n if done.moments else 0
        try:
            done = done + (done.of_block(vectors, seed, products) if len(np.asarray(vectors)) else Reduced(blocks=1))
        except InputError as error:
            raise InputError(f"{error} of those from row {rows} on" if rows else str(error)) from error
        done = done + Reduced(blank=blank, longer=longer)
        rows = done.moments.n if done.moments else 0
        if every and rows - saved >= every:
            save(done)
            saved = rows
    return done
