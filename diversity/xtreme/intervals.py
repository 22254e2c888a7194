"""Intervals of scores for the sampling of items: by the bootstrap, exact ones where errors or hits are few, and Wilson's.

Submissions have the bootstrap, whose unit may be a sentence or a question; scores that are looked at while a model is trained
have Wilson's, which is as good for them and draws nothing.
"""

from __future__ import annotations

import zlib

import numpy as np

from diversity.types import Z95, Array, OutputType
from diversity.xtreme.scores import ratios, values

LEAST = 100  # replicates: with fewer, the ends of a 95 % interval are two or three of them
MOST = 1_000_000  # so that a slip of the keyboard does not fill the memory
FEW = 15  # items with an error, or with anything right, below which the bootstrap's interval is too short


def intervals(
    form: OutputType, counts: Array, replicates: int, rng: np.random.Generator, level: float = 0.95
) -> dict[str, tuple[float, float]]:
    """Intervals of the metrics of one task and language for the sampling of its items.

    `counts` (items, k) as `scores.counts` gives them: items are lines, sentences, questions, or foreign sentences. The
    percentiles of a bootstrap over items; items of equal counts are drawn together by a multinomial, which is the same
    draw at a fraction of the cost. Where fewer than 15 items have an error, or anything right, the bootstrap is too short,
    and at 0 and 100 it has no width: there the interval is Clopper and Pearson's of as many trials as there are items, of
    which an item counts as the share that is right; where items are more than right or wrong, it holds the bootstrap's.
    Sources: Efron 1979, The Annals of Statistics 7(1); Clopper & Pearson 1934, Biometrika 26(4).

    >>> rng = np.random.default_rng(0)
    >>> intervals("labels", np.array([[1.0, 1.0]] * 80 + [[0.0, 1.0]] * 20), 2000, rng)
    {'accuracy': (72.0, 88.0)}
    >>> low, high = intervals("labels", np.array([[1.0, 1.0]] * 20), 2000, rng)["accuracy"]
    >>> round(low, 1), high
    (83.2, 100.0)
    """
    kinds, numbers = np.unique(counts, axis=0, return_counts=True)
    drawn = rng.multinomial(len(counts), numbers / len(counts), size=replicates)
    ends = (0.5 - level / 2, 0.5 + level / 2)
    by_metric = {}
    for name, resampled in values(form, drawn @ kinds).items():
        low, high = (float(end) for end in np.quantile(resampled, ends))
        part, whole = (column[ratios(form, counts)[name][1] > 0] for column in ratios(form, counts)[name])
        if len(part) > 0 and min((part < whole).sum(), (part > 0).sum()) < FEW:
            least, most = exact(float(part.sum() / whole.sum()) * len(part), len(part), level)
            plain = bool(((part == 0) | (part == whole)).all() and (whole == 1).all())
            low, high = (least, most) if plain else (min(low, least), max(high, most))
        by_metric[name] = low, high
    return by_metric


def exact(right: float, trials: int, level: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval of a share, from 0 to 100, of so many trials right.

    >>> [round(end, 1) for end in exact(20, 20)], [round(end, 2) for end in exact(1, 1000)]
    ([83.2, 100.0], [0.0, 0.56])
    """
    from scipy.special import betaincinv

    tail = (1 - level) / 2
    low = float(betaincinv(right, trials - right + 1, tail)) if right > 0 else 0.0
    high = float(betaincinv(right + 1, trials - right, 1 - tail)) if right < trials else 1.0
    return 100 * low, 100 * high


def wilson(counts: Array) -> tuple[float, float]:
    """A 95 % interval of a score for the sampling of items, from 0 to 100, without drawing any.

    `counts` (items, 2) are what each item adds to the score and to the number that it is divided by.

    Wilson's interval for as many independent trials as have the variance of the score, which is that of a ratio of sums by
    the delta method; where no item differs from the others, as many as there are items.

    Source: Wilson 1927; Cochran 1977, Sampling Techniques, section 2.11; Franco et al. 2019 (J. Surv. Stat. Methodol. 7).

    >>> [round(v, 2) for v in wilson(np.array([[1.0, 1.0], [0.0, 1.0]] * 50))]
    [40.38, 59.62]
    """
    n, share = len(counts), counts[:, 0].sum() / counts[:, 1].sum()
    residual = counts[:, 0] - share * counts[:, 1]
    variance = float((residual**2).mean() / n / counts[:, 1].mean() ** 2)
    trials = share * (1 - share) / variance if variance > 0 else float(n)
    middle = (share + Z95**2 / (2 * trials)) / (1 + Z95**2 / trials)
    half = Z95 / (1 + Z95**2 / trials) * np.sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2))
    return float(max(0.0, 100 * (middle - half))), float(min(100.0, 100 * (middle + half)))


def generator(seed: int, task: str, language: str) -> np.random.Generator:
    """The random numbers of one task and language: the same whatever else is scored beside it."""
    return np.random.default_rng([seed, zlib.crc32(f"{task} {language}".encode())])
