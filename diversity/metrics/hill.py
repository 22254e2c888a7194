"""Hill number of a mixture's weights: how many tasks, whatever they say; the baseline of every semantic score."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._spectrum import ORDER, numbers
from diversity.types import Array, Influence, InputError, Metric, TaskMoments


def hill(weights: ArrayLike, *, q: float = 1.0) -> float:
    """Effective number of tasks of order q for weights (T,) >= 0, scaled to sum 1: (sum w^q)^(1/(1-q)).

    q = 0 counts the tasks of weight above 0, q = 1 is exp of the entropy, q = inf is 1 / max w. Raises InputError for
    negative weights and for weights that are all zero.

    >>> [round(hill([0.9, 0.1], q=q), 4) for q in (1, 2, float("inf"))]
    [1.3841, 1.2195, 1.1111]
    """
    w = np.asarray(weights, dtype=float)
    if w.ndim != 1 or not np.isfinite(w).all() or (w < 0).any() or not w.any():
        raise InputError(f"expected weights (T,) of at least 0 and not all 0, found {weights!r}")
    return float(numbers(w / w.sum(), ORDER.checked("q", q)))


def mixtures(tasks: TaskMoments, weights: ArrayLike, *, q: float = 1.0) -> Array:
    """Hill number of each mixture's weights, which sum to 1."""
    return numbers(np.asarray(weights, dtype=float), q)


def influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], **_: float) -> Influence:
    """Weights are given, not sampled: no row has any influence."""
    return lambda m, a: np.zeros(len(rows[a]))


METRIC = Metric(
    name="hill",
    function=hill,
    mixtures=mixtures,
    influence=influence,
    options={"q": ORDER},
    formula="(sum w^q)^(1/(1-q)) of the weights",
    range="[1, number of tasks]",
    cost="O(T)",
    reference="Hill 1973",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    takes="weights",
    measures="How many tasks a mixture has, counted by their shares, whatever the tasks say.",
    question="covariate",
    use="As the baseline: a score of meaning should explain more than this count does.",
    large="1 for one task, k for k tasks in equal shares. The 511 mixtures of the nine tasks: 1 to 9.",
    caveats="It knows nothing of the texts.",
)
