"""Which training instances are trained on at which step: a schedule of batches that is a function of seed and step.

Nothing is kept from one step to the next, so a run goes on from any step by asking the schedule for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import NDArray

from diversity.moments import largest_remainders

Ints = NDArray[np.int64]


def allotment(shares: Sequence[float], total: int) -> Ints:
    """Whole numbers that sum to `total`, each within 1 of its share of it (largest remainders).

    >>> allotment([0.5, 0.3, 0.2], 7).tolist()
    [4, 2, 1]
    """
    exact = np.asarray(shares, dtype=np.float64) / np.sum(shares) * total
    return largest_remainders(exact, total)


def generator(seed: int, *key: int | str) -> np.random.Generator:
    """A generator for each key, the same on every machine."""
    words = [int.from_bytes(hashlib.sha256(str(k).encode()).digest()[:8], "big") for k in key]
    return np.random.default_rng([seed, *words])


@lru_cache(maxsize=16)
def permutation(seed: int, task: str, epoch: int, size: int) -> Ints:
    """The order in which an epoch of a task is drawn."""
    order = generator(seed, "order", task, epoch).permutation(size)
    order.flags.writeable = False
    return order


def stream(seed: int, task: str, size: int, positions: Ints) -> Ints:
    """The training instances at these positions of a task's endless stream: one permutation after the other, one an epoch."""
    epochs = positions // size
    return np.concatenate(
        [permutation(seed, task, int(e), size)[positions[epochs == e] % size] for e in np.unique(epochs)]
        or [np.zeros(0, np.int64)]
    )


@dataclass(frozen=True)
class BatchSchedule:
    """The batches of a run: `sampled` training instances in steps of `batch_size`, of tasks with `shares` that sum to 1.

    `sizes` are the numbers of training instances of the tasks. Each step is given to one task; where batches are `mixed`,
    each instance of a step may be of any task. Each task gets its share to within one step (or instance), in an order drawn
    with the seed.
    """

    tasks: tuple[str, ...]
    sizes: tuple[int, ...]
    shares: tuple[float, ...]
    batch_size: int
    sampled: int
    seed: int = 0
    mixed: bool = False

    @property
    def steps(self) -> int:
        """Optimiser steps; the last one may be smaller than the others."""
        return -(-self.sampled // self.batch_size)

    @cached_property
    def _slots(self) -> tuple[NDArray[np.int16], Ints]:
        """Of each slot (a step, or an instance where batches are mixed): its task, and the earlier slots of that task."""
        number = self.sampled if self.mixed else self.steps
        counts = allotment(self.shares, number)
        slots = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
        generator(self.seed, "tasks").shuffle(slots)
        before = np.empty(number, dtype=np.int64)
        for task in range(len(counts)):
            before[slots == task] = np.arange(counts[task])
        return slots, before

    def instances_sampled(self) -> Ints:
        """Training instances that each task gives in the whole run."""
        slots, _ = self._slots
        counts = np.bincount(slots, minlength=len(self.tasks)).astype(np.int64)
        if not self.mixed:
            counts *= self.batch_size
            counts[slots[-1]] -= self.steps * self.batch_size - self.sampled
        return counts

    def step(self, number: int) -> list[tuple[str, Ints]]:
        """The training instances of one step, by task; steps are counted from 0."""
        slots, before = self._slots
        size = min(self.batch_size, self.sampled - number * self.batch_size)
        if self.mixed:
            part = slice(number * self.batch_size, number * self.batch_size + size)
            positions = [(t, before[part][slots[part] == t]) for t in np.unique(slots[part])]
        else:
            positions = [(slots[number], before[number] * self.batch_size + np.arange(size))]
        return [(self.tasks[t], stream(self.seed, self.tasks[t], self.sizes[t], p)) for t, p in positions]
