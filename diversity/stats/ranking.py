"""Choosing: if the mixture of greatest diversity were trained, how good would it be?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats.predictive import baselines
from diversity.studies.study import Study
from diversity.studies.ties import tied
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

AT = (1, 3, 5)


def ndcg(score: Array, y: Array, k: int | None = None) -> float:
    """Normalised discounted cumulative gain of ranking by `score` (M,), the gain being the outcome above the least.

    Mixtures of equal score share the mean gain of their places. 1 is the order of the outcomes themselves; nan where
    all outcomes are the same. Jarvelin & Kekalainen 2002; ties as McSherry & Najork 2008.

    >>> ndcg(np.array([3.0, 2, 1]), np.array([9.0, 5, 1]))
    1.0
    """
    gain = y - y.min()
    discount = 1 / np.log2(np.arange(len(y)) + 2)
    discount[len(y) if k is None else k :] = 0
    best = float(np.sort(gain)[::-1] @ discount)
    return float(_expected(score, gain) @ discount) / best if best > 0 else math.nan


def _expected(score: Array, gain: Array) -> Array:
    """The gain expected at each place, where mixtures of equal score come in any order."""
    _, tied = np.unique(-score, return_inverse=True)
    mean = np.bincount(tied, gain) / np.bincount(tied)
    return np.asarray(np.sort(tied).astype(int)[:, None] == np.arange(len(mean))) @ mean


def regret(score: Array, y: Array, k: int = 1) -> float:
    """Outcome lost by training the k mixtures of greatest score and keeping the best: max(y) less the best of them.

    In outcome units, at least 0; expected over the orders of mixtures of equal score. Raises InputError for k below 1.

    >>> regret(np.array([3.0, 2, 1]), np.array([5.0, 9, 1]), k=1)
    4.0
    """
    if k < 1:
        raise InputError(f"expected k of at least 1, found {k}")
    order = np.argsort(-score, kind="stable")
    if k >= len(y):
        return 0.0
    edge = score[order[k - 1]]
    sure, tied = y[score > edge], np.sort(y[score == edge])
    n, drawn = len(tied), k - len(sure)  # of the tied, without replacement: the greatest of them with these chances
    chance = np.array([math.comb(i, drawn - 1) for i in range(n)], dtype=object) / math.comb(n, drawn)
    best = np.maximum(tied, float(sure.max(initial=-math.inf))) @ chance.astype(float)
    return float(y.max()) - float(best)


def table(study: Study) -> pd.DataFrame:
    """Columns `ranked_by, ndcg, regret_at_1, regret_at_3, regret_at_5`: diversity, the baselines, and by chance.

    Diversity is ranked from the greatest; the members' single outcomes are a baseline among mixtures of several tasks.
    """
    import pandas as pd

    known = baselines(study)
    rows = np.ones(len(study.x), dtype=bool) if known["single_mean"] is None else study.k > 1
    rankings = {
        "diversity": study.x,
        **{n: v for n, v in known.items() if v is not None},
        "chance": np.zeros(len(study.x)),
    }
    y = study.gain[rows]
    scores = {name: tied(score[rows]) for name, score in rankings.items()}
    found = [(name, ndcg(score, y), *(regret(score, y, k) for k in AT)) for name, score in scores.items()]
    return pd.DataFrame(found, columns=["ranked_by", "ndcg", *(f"regret_at_{k}" for k in AT)])
