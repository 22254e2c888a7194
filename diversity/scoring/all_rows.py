"""All rows of a mixture, in memory or on the disk, and rows drawn from them: for the metrics that compare each with all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diversity.moments import CHUNK, rows_at, unit_chunks
from diversity.scoring.embedded import EmbeddedTask, EmbeddedTasks
from diversity.types import Array, DrawnRows, InputError

NUMBERS = 1 << 22  # products of drawn rows and a block: 34 MB in double precision


@dataclass(frozen=True)
class TaskPart:
    """The rows of a task that a mixture has: all of its vectors, or those of increasing indices `kept`."""

    vectors: Any
    centre: Array | None
    kept: NDArray[np.intp] | None

    def __len__(self) -> int:
        return len(self.vectors if self.kept is None else self.kept)

    def blocks(self, chunk: int) -> Iterator[Array]:
        """The unit rows in order. One block is to be used before the next is taken: it is written over."""
        start = 0
        for block in unit_chunks(self.vectors, centre=self.centre, chunk=chunk, reuse=True):
            if self.kept is None:
                yield block
            else:
                first, last = np.searchsorted(self.kept, [start, start + len(block)])
                if last > first:
                    yield block[self.kept[first:last] - start]
            start += len(block)

    def at(self, places: NDArray[np.intp]) -> Array:
        """The unit rows (m, d) at some places of this part."""
        chosen = rows_at(self.vectors, places if self.kept is None else self.kept[places])
        return np.concatenate([np.zeros((0, chosen.shape[1])), *unit_chunks(chosen, centre=self.centre)])


@dataclass(frozen=True)
class AllRows:
    """The rows of a mixture, task by task."""

    parts: tuple[TaskPart, ...]

    @staticmethod
    def of(space: EmbeddedTasks, counts: NDArray[np.int_], generator: np.random.Generator) -> AllRows:
        """So many rows of each task in the space, drawn where they are not all; InputError where not all are at hand."""
        parts = []
        for name, count in zip(space.stacked.names, counts.tolist(), strict=True):
            if count:
                vectors, centre = _vectors(name, space.tasks[name])
                kept = None
                if count < len(vectors):
                    kept = np.sort(generator.choice(len(vectors), count, replace=False, shuffle=False))
                parts.append(TaskPart(vectors, centre, kept))
        return AllRows(tuple(parts))

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def at(self, places: NDArray[np.intp]) -> Array:
        """The unit rows (m, d) at some places, in increasing order."""
        ends = np.cumsum([0, *map(len, self.parts)])
        by_part = np.split(places, np.searchsorted(places, ends[1:-1]))
        chosen = [part.at(of - start) for part, of, start in zip(self.parts, by_part, ends, strict=False) if len(of)]
        return np.concatenate(chosen)

    def drawn(self, m: int, generator: np.random.Generator, reference: AllRows | None = None) -> DrawnRows:
        """At most m rows, drawn from these or from a reference, to be compared with all of these."""
        whole = self if reference is None else reference
        places = np.sort(generator.choice(len(whole), min(m, len(whole)), replace=False, shuffle=False))
        chunk = max(64, min(CHUNK, NUMBERS // len(places)))

        def blocks() -> Iterator[Array]:
            for part in self.parts:
                yield from part.blocks(chunk)

        own = places if reference is None else np.full(len(places), -1)
        return DrawnRows(whole.at(places), own, len(whole), len(self), blocks)


def _vectors(name: str, task: EmbeddedTask) -> tuple[Any, Array | None]:
    if len(task.rows) == task.moments.n:
        return task.rows, None
    if task.vectors is None:
        raise InputError(
            f"expected all rows of {name} to compare those drawn with, found {len(task.rows):,} of {task.moments.n:,}: "
            "give its texts or vectors, or leave all_rows out, for the value of a sample"
        )
    return task.vectors, task.centre
