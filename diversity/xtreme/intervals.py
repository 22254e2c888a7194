"""Intervals of scores by the bootstrap over items."""

from __future__ import annotations

import zlib

import numpy as np

from diversity.types import Array, OutputType
from diversity.xtreme.scores import values


def intervals(
    form: OutputType, counts: Array, replicates: int, rng: np.random.Generator, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Percentile intervals of the metrics of one task and language for the sampling of its items.

    `counts` (items, k) as `scores.counts` gives them: items are lines, sentences, questions, or foreign sentences, drawn
    with replacement, as many as there are. Items of equal counts are drawn together by a multinomial, which is the same
    draw at a fraction of the cost. Source: Efron 1979, The Annals of Statistics 7(1).

    >>> rng = np.random.default_rng(0)
    >>> intervals("labels", np.array([[1.0, 1.0]] * 80 + [[0.0, 1.0]] * 20), 2000, rng)
    {'accuracy': (72.0, 88.0)}
    """
    kinds, numbers = np.unique(counts, axis=0, return_counts=True)
    drawn = rng.multinomial(len(counts), numbers / len(counts), size=replicates)
    ends = (0.5 - level / 2, 0.5 + level / 2)
    found = {name: np.quantile(v, ends) for name, v in values(form, drawn @ kinds).items()}
    return {name: (float(low), float(high)) for name, (low, high) in found.items()}


def generator(seed: int, task: str, language: str) -> np.random.Generator:
    """The random numbers of one task and language: the same whatever else is scored beside it."""
    return np.random.default_rng([seed, zlib.crc32(f"{task} {language}".encode())])
