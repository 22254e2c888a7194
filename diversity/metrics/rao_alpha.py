"""Rao's alpha: the mean cosine distance within the tasks of a mixture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._influence import projections
from diversity.moments import gram, groups, weighted_mean
from diversity.types import Array, Influence, Metric, SecondOrder, TaskMoments


def rao_alpha(x: ArrayLike, labels: ArrayLike, *, unbiased: bool = True) -> float:
    """Mean over tasks of the mean cosine distance within each, for rows x (n, d) of the tasks `labels` (n,).

    >>> rao_alpha([[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "b"])
    0.0
    """
    return float(mixtures(*groups(x, labels), unbiased=unbiased)[0])


def mixtures(tasks: TaskMoments, weights: ArrayLike, *, unbiased: bool = True) -> Array:
    """sum_a w_a (1 - |m_a|^2) of each mixture."""
    w = np.asarray(weights, dtype=float)
    return weighted_mean(w, 1 - np.diag(gram(tasks, unbiased=unbiased)))


def influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], **_: float) -> Influence:
    """d by a row of task a: -2 w_a x . m_a."""
    dots = projections(tasks, rows)
    return lambda m, a: -2 * weights[m, a] * dots[a][:, a]


def second_order(tasks: TaskMoments, *, unbiased: bool = True) -> SecondOrder:
    """w'l with the mean cosine distance l within each task."""
    matrix = gram(tasks, unbiased=unbiased)
    return SecondOrder(np.zeros_like(matrix), 1 - np.diag(matrix), lambda _, mean: mean)


METRIC = Metric(
    name="rao_alpha",
    function=rao_alpha,
    mixtures=mixtures,
    second_order=second_order,
    influence=influence,
    formula="sum_a w_a (1 - |m_a|^2)",
    range="[0, 2]; V: [0, 1]",
    cost="O(n d)",
    reference="Rao 1982",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    takes="partition",
    unbiased=lambda **_: True,
    measures="How different two texts of the same task are, on average over a mixture's tasks.",
    question="tasks",
    use="To separate variety inside tasks from variety between them (rao_beta).",
    large=(
        "0 means that the texts inside each task are alike, about 1 that they are unrelated. The nine tasks: 0.895 "
        "(cosmosqa) to 0.979 (squad_v1); their 511 mixtures: 0.895 to 0.979."
    ),
    caveats="It can rise when a varied task is added and the tasks are alike.",
)
