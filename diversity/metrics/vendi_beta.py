"""Vendi beta: the effective number of distinct tasks in a mixture (at q = 1, exp of the Holevo information)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics import vendi, vendi_alpha
from diversity.metrics._spectrum import ORDER
from diversity.moments import groups
from diversity.types import Array, Influence, Metric, SecondOrder, Spectral, TaskMoments


def vendi_beta(x: ArrayLike, labels: ArrayLike, *, q: float = 1.0, unbiased: bool = False) -> float:
    """Gamma / alpha for rows x (n, d) of the tasks `labels` (n,): 1 for tasks that are alike.

    At q = 1 its logarithm is the quantum Jensen-Shannon divergence of the tasks (the Holevo quantity), at most the entropy of
    the weights, reached by tasks in orthogonal subspaces. At every order it is at least 1 and at most 1 / min w.
    `unbiased` as in `vendi`.

    >>> round(vendi_beta([[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "b"]), 6)
    2.0
    """
    return float(mixtures(*groups(x, labels), q=q, unbiased=unbiased)[0])


def mixtures(tasks: TaskMoments, weights: ArrayLike, *, q: float = 1.0, unbiased: bool = False) -> Array:
    """Gamma / alpha of each mixture."""
    gamma = vendi.mixtures(tasks, weights, q=q, unbiased=unbiased)
    return gamma / vendi_alpha.mixtures(tasks, weights, q=q, unbiased=unbiased)


def influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], *, q: float = 1.0, **_: float) -> Influence:
    """d of a ratio: beta (d gamma / gamma - d alpha / alpha)."""
    gamma, alpha = vendi.mixtures(tasks, weights, q=q), vendi_alpha.mixtures(tasks, weights, q=q)
    of_gamma = vendi.influence(tasks, weights, rows, q=q)
    of_alpha = vendi_alpha.influence(tasks, weights, rows, q=q)
    return lambda m, a: gamma[m] / alpha[m] * (of_gamma(m, a) / gamma[m] - of_alpha(m, a) / alpha[m])


def second_order(tasks: TaskMoments, *, q: float = 1.0, unbiased: bool = False) -> SecondOrder | None:
    """Gamma / alpha of order 2: (w'l) / (w'Hw)."""
    gamma = vendi.second_order(tasks, q=q, unbiased=unbiased)
    alpha = vendi_alpha.second_order(tasks, q=q, unbiased=unbiased)
    if gamma is None or alpha is None:
        return None
    return SecondOrder(
        gamma.matrix, alpha.vector, lambda form, mean: gamma.value(form, mean) * mean, lambda value: 1 / value
    )


def spectral(tasks: TaskMoments, *, q: float = 1.0) -> Spectral | None:
    """Ent(C_w) - w'Ent(C): of order 1 only, the Holevo quantity."""
    return Spectral(1.0, np.log(vendi_alpha.within(tasks, 1.0))) if q == 1 else None


METRIC = Metric(
    name="vendi_beta",
    function=vendi_beta,
    mixtures=mixtures,
    second_order=second_order,
    spectral=spectral,
    influence=influence,
    options={"q": ORDER},
    formula="Vendi_q(C_w) / alpha_q; q = 1: exp(Ent(C_w) - sum_a w_a Ent(C_a))",
    range="[1, 1/min w]; q = 1: [1, exp H(w)]",
    cost="O(d^3)",
    reference="Reeve et al. 2016 (the partition); Holevo 1973",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="partition",
    unbiased=vendi.METRIC.unbiased,
    measures="How many equally large, unrelated tasks a mixture amounts to.",
    question="tasks",
    use="To compare mixtures: this is the toolkit's primary metric, with q=2.",
    large=(
        "1 means that the tasks are alike; the number of tasks is the most it can be. With q=2, the 511 mixtures of "
        "the nine tasks: 1 to 2.28; all nine together: 2.11."
    ),
    caveats="Tasks that differ only in style or length also count as different.",
)
