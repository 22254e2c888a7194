"""Which units are trained on at which step: sampling rates, and a plan of batches that is a function of seed and step.

Nothing here is kept from one step to the next, so a run goes on from any step by asking the plan for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diversity import catalog
from diversity.moments import largest_remainders
from diversity.types import InputError

Rule = Literal["proportional", "examples-proportional", "temperature", "uniform", "weights"]
RULES: tuple[str, ...] = get_args(Rule)
CAP = 2**17  # of examples-proportional mixing (Raffel et al. 2020, section 3.5.2; Phang et al. 2020)

Ints = NDArray[np.int64]


def rates(
    sizes: Mapping[str, int],
    rule: str = "examples-proportional",
    *,
    cap: int | None = None,
    temperature: float = 2.0,
    weights: Mapping[str, float] | None = None,
) -> dict[str, float]:
    """The share of examples that is drawn from each task; they sum to 1.

    p_a is proportional to n_a (`proportional`), min(n_a, cap) with cap 2^17 (`examples-proportional`),
    min(n_a, cap)^(1/T) without a cap unless one is given (`temperature`), 1 (`uniform`), or is given (`weights`).
    Raises InputError for an unknown rule, an empty task, or weights that are not those of the tasks.

    Source: Raffel et al. 2020 (JMLR 21:140), section 3.5.2.

    >>> rates({"mnli": 400_000, "csqa": 10_000}, "uniform")
    {'mnli': 0.5, 'csqa': 0.5}
    >>> rates({"a": 400, "b": 100}, "temperature", temperature=2)["a"]
    0.6666666666666666
    """
    _check(rule, cap, temperature)
    if empty := [t for t, n in sizes.items() if n < 1]:
        raise InputError(f"{empty[0]}: expected rows to train on, found none")
    if rule == "weights":
        raw = _given(sizes, weights)
    elif rule == "uniform":
        raw = dict.fromkeys(sizes, 1.0)
    else:
        limit = cap or (CAP if rule == "examples-proportional" else None)
        power = 1 / temperature if rule == "temperature" else 1.0
        largest = max(sizes.values())
        raw = {t: (min(n, limit or n) / largest) ** power for t, n in sizes.items()}
    total = sum(raw.values())
    return {t: r / total for t, r in raw.items()}


def _check(rule: str, cap: int | None, temperature: float) -> None:
    if rule not in RULES:
        raise catalog.near(rule, list(RULES), "sampling rule")
    if cap is not None and cap < 1:
        raise InputError(f"expected a cap of at least 1 example, found {cap}")
    if not 0 < temperature < float("inf"):
        raise InputError(f"expected a temperature above 0, found {temperature}")


def _given(sizes: Mapping[str, int], weights: Mapping[str, float] | None) -> dict[str, float]:
    if not weights or set(weights) != set(sizes):
        expected, found = ", ".join(sorted(sizes)), ", ".join(sorted(weights or {})) or "none"
        raise InputError(f"expected weights of {expected}, found {found}")
    if wrong := [t for t, w in weights.items() if not 0 < w < float("inf")]:
        raise InputError(f"expected weights above 0, found {weights[wrong[0]]:g} for {wrong[0]}")
    return {t: float(weights[t]) for t in sizes}


def allotment(shares: Sequence[float], total: int) -> Ints:
    """Whole numbers that sum to `total`, each within 1 of its share of it (largest remainders).

    >>> allotment([0.5, 0.3, 0.2], 7).tolist()
    [4, 2, 1]
    """
    exact = np.asarray(shares, dtype=np.float64) / np.sum(shares) * total
    return largest_remainders(exact, total)


def generator(seed: int, *key: int | str) -> np.random.Generator:
    """A generator of its own for each key, the same on every machine."""
    words = [int.from_bytes(hashlib.sha256(str(k).encode()).digest()[:8], "big") for k in key]
    return np.random.default_rng([seed, *words])


@lru_cache(maxsize=16)
def permutation(seed: int, task: str, epoch: int, size: int) -> Ints:
    """The order in which an epoch of a task is drawn."""
    order = generator(seed, "order", task, epoch).permutation(size)
    order.flags.writeable = False
    return order


def stream(seed: int, task: str, size: int, positions: Ints) -> Ints:
    """The units at these positions of a task's endless stream: one permutation after the other, one an epoch."""
    epochs = positions // size
    return np.concatenate(
        [permutation(seed, task, int(e), size)[positions[epochs == e] % size] for e in np.unique(epochs)]
        or [np.zeros(0, np.int64)]
    )


@dataclass(frozen=True)
class Plan:
    """The batches of a run: `drawn` units in steps of `batch`, from tasks of `sizes` units with `shares` that sum to 1.

    A homogeneous plan gives each step to one task; a `mixed` one draws each unit of a step from any task. Each task gets
    its share to within one step (or unit), in an order drawn with the seed.
    """

    tasks: tuple[str, ...]
    sizes: tuple[int, ...]
    shares: tuple[float, ...]
    batch: int
    drawn: int
    seed: int = 0
    mixed: bool = False

    @property
    def steps(self) -> int:
        """Optimiser steps; the last one may be smaller than the others."""
        return -(-self.drawn // self.batch)

    @cached_property
    def _slots(self) -> tuple[NDArray[np.int16], Ints]:
        """Of each slot (a step, or a unit where batches are mixed): its task, and how many slots that task had before."""
        number = self.drawn if self.mixed else self.steps
        counts = allotment(self.shares, number)
        slots = np.repeat(np.arange(len(counts), dtype=np.int16), counts)
        generator(self.seed, "tasks").shuffle(slots)
        before = np.empty(number, dtype=np.int64)
        for task in range(len(counts)):
            before[slots == task] = np.arange(counts[task])
        return slots, before

    def units_drawn(self) -> Ints:
        """Units that each task gives in the whole run."""
        slots, _ = self._slots
        counts = np.bincount(slots, minlength=len(self.tasks)).astype(np.int64)
        if not self.mixed:
            counts *= self.batch
            counts[slots[-1]] -= self.steps * self.batch - self.drawn
        return counts

    def step(self, number: int) -> list[tuple[str, Ints]]:
        """The units of one step, by task; steps are counted from 0."""
        slots, before = self._slots
        size = min(self.batch, self.drawn - number * self.batch)
        if self.mixed:
            here = slice(number * self.batch, number * self.batch + size)
            drawn = [(t, before[here][slots[here] == t]) for t in np.unique(slots[here])]
        else:
            drawn = [(slots[number], before[number] * self.batch + np.arange(size))]
        return [(self.tasks[t], stream(self.seed, self.tasks[t], self.sizes[t], p)) for t, p in drawn]


@dataclass(frozen=True)
class Sampling:
    """How much is drawn of each task: a rule of `rates` with its numbers; `mixed` batches hold several tasks."""

    rule: str = "examples-proportional"
    cap: int | None = None
    temperature: float = 2.0
    weights: Mapping[str, float] | None = None
    mixed: bool = False

    def __post_init__(self) -> None:
        _check(self.rule, self.cap, self.temperature)

    def rates(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """The share of each task of these sizes."""
        return rates(sizes, self.rule, cap=self.cap, temperature=self.temperature, weights=self.weights)
