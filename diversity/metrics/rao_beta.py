"""Rao's beta: how far apart the centroids of a mixture's tasks lie."""

from __future__ import annotations

from collections.abc import Sequence

from numpy.typing import ArrayLike

from diversity.metrics import cosine, rao_alpha
from diversity.metrics._influence import projections
from diversity.moments import groups
from diversity.types import Array, Influence, Metric, SecondOrder, TaskMoments


def rao_beta(x: ArrayLike, labels: ArrayLike, *, unbiased: bool = True) -> float:
    """Gamma - alpha = sum_{a<b} w_a w_b |m_a - m_b|^2, for rows x (n, d) of the tasks `labels` (n,).

    0 exactly where the centroids agree. Unbiased (U), the expected distance between centroids that are only sampled is
    taken off, so that tasks of one distribution scatter around 0 and may fall below it.

    >>> round(rao_beta([[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "b"]), 6)
    0.5
    """
    return float(mixtures(*groups(x, labels), unbiased=unbiased)[0])


def mixtures(tasks: TaskMoments, weights: ArrayLike, *, unbiased: bool = True) -> Array:
    """Gamma - alpha of each mixture."""
    gamma = cosine.mixtures(tasks, weights, unbiased=unbiased)
    return gamma - rao_alpha.mixtures(tasks, weights, unbiased=unbiased)


def influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], **_: float) -> Influence:
    """d by a row of task a: 2 w_a x . (m_a - m_w)."""
    dots = projections(tasks, rows)
    return lambda m, a: 2 * weights[m, a] * (dots[a][:, a] - dots[a] @ weights[m])


def second_order(tasks: TaskMoments, *, unbiased: bool = True) -> SecondOrder:
    """Gamma - alpha: 1 - w'Gw - w'l."""
    gamma, alpha = (metric.second_order(tasks, unbiased=unbiased) for metric in (cosine, rao_alpha))
    return SecondOrder(gamma.matrix, alpha.vector, lambda form, mean: 1 - form - mean, lambda _: -1.0)


METRIC = Metric(
    name="rao_beta",
    function=rao_beta,
    mixtures=mixtures,
    second_order=second_order,
    influence=influence,
    formula="sum_{a<b} w_a w_b |m_a - m_b|^2",
    range="[0, 1]; U may fall below 0",
    cost="O(n d)",
    reference="Rao 1982",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    takes="partition",
    unbiased=lambda **_: True,
    measures="How far apart the centres of a mixture's tasks lie.",
    question="tasks",
    use="A fast view of differences between tasks; vendi_beta also sees their shapes.",
    large=(
        "0 means that all tasks have the same centre. The 511 mixtures of the nine tasks: 0 to 0.0581; all nine "
        "together: 0.0429."
    ),
    caveats="Two tasks with one centre and different content score 0.",
)
