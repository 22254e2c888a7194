"""Designs and scores that the tests of the statistics share."""

import itertools

import numpy as np


def subsets(tasks, sizes):
    """Equal weights of every subset of these sizes, (M, T)."""
    rows = [[(i in c) / k for i in range(tasks)] for k in sizes for c in itertools.combinations(range(tasks), k)]
    return np.array(rows, dtype=float)


def rao(weights, rng):
    """A diversity of each mixture: mean distance of its tasks, the distances being drawn, w'Dw (M,)."""
    distances = np.triu(rng.random((weights.shape[1],) * 2), 1)
    return np.einsum("ma,ab,mb->m", weights, distances + distances.T, weights)


TARGETS = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018", "tatoeba")
TASKS = ("anli_plus", "ccg", "commonsenseqa", "cosmosqa", "hellaswag", "mnli", "qqp", "squad_v1", "squad_v2")
METRICS = {"xquad": ("exact_match", "f1"), "mlqa": ("exact_match", "f1"), "tydiqa": ("exact_match", "f1")}
METRICS |= {"udpos": ("f1",), "panx": ("f1",), "bucc2018": ("f1",)}


def names(weights, tasks=TASKS):
    """Names of the mixtures."""
    return ["+".join(t for t, w in zip(tasks, row, strict=False) if w) for row in weights]


def results(weights, y, *, targets=TARGETS, languages=("en", "de"), seeds=(1,), spread=0.0, rng=None, tasks=TASKS):
    """A table of results whose mean over the targets is y (M,), and each cell y with noise of sd `spread`."""
    import pandas as pd

    rows = [
        (name, target, language, seed, metric, value + (spread * rng.normal() if spread else 0.0))
        for name, value in zip(names(weights, tasks), y, strict=True)
        for target in targets
        for language in languages
        for seed in seeds
        for metric in METRICS.get(target, ("accuracy",))
    ]
    return pd.DataFrame(rows, columns=["mixture", "target", "language", "seed", "metric", "value"])


def scores(weights, x, metric="cosine", tasks=TASKS, **columns):
    """A table of scores."""
    import pandas as pd

    return pd.DataFrame({"mixture": names(weights, tasks), "metric": metric, "value": x, **columns})
