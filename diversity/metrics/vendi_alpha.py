"""Vendi alpha: the effective number of directions within the tasks of a mixture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics import vendi
from diversity.metrics._spectrum import LARGE, ORDER, derivative, eigensystem, power_means
from diversity.moments import groups
from diversity.types import Array, Influence, Metric, SecondOrder, TaskMoments


def vendi_alpha(x: ArrayLike, labels: ArrayLike, *, q: float = 1.0, unbiased: bool = False) -> float:
    """Power mean of order 1 - q of the tasks' Vendi scores, for rows x (n, d) of the tasks `labels` (n,).

    At q = 1 the geometric mean, exp of the mean entropy; the mean is the one that makes gamma >= alpha at every order.
    `unbiased` as in `vendi`.

    >>> round(vendi_alpha([[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "b"]), 6)
    1.0
    """
    return float(mixtures(*groups(x, labels), q=q, unbiased=unbiased)[0])


def mixtures(tasks: TaskMoments, weights: ArrayLike, *, q: float = 1.0, unbiased: bool = False) -> Array:
    """The power mean for each mixture; the tasks' spectra are computed once."""
    return power_means(within(tasks, q, unbiased=unbiased), np.asarray(weights, dtype=float), q)


def within(tasks: TaskMoments, q: float, *, unbiased: bool = False) -> Array:
    """Vendi score of each task."""
    return vendi.mixtures(tasks, np.eye(len(tasks.names)), q=q, unbiased=unbiased)


def influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], *, q: float = 1.0, **_: float) -> Influence:
    """d by a row of task a: w_a (alpha / D_a)^q x' G_a x, with the gradient G_a of the task's own number D_a."""
    numbers, alpha = within(tasks, q), mixtures(tasks, weights, q=q)
    forms = []
    for x, second, n in zip(rows, tasks.seconds, tasks.n, strict=True):
        values, vectors = eigensystem(second, n)
        forms.append((x @ vectors) ** 2 @ derivative(values, q))

    def of(m: int, a: int) -> Array:
        if q > LARGE:  # the minimum: only the least diverse task moves it
            present = np.flatnonzero(weights[m] > 0)
            return np.asarray(forms[a] * float(a == present[np.argmin(numbers[present])]))
        return np.asarray(weights[m, a] * (alpha[m] / numbers[a]) ** q * forms[a])

    return of


def second_order(tasks: TaskMoments, *, q: float = 1.0, unbiased: bool = False) -> SecondOrder | None:
    """1 / (w'l) with the tasks' own purities l; of order 2 only."""
    if q != 2:
        return None
    own = 1 / within(tasks, 2, unbiased=unbiased)
    return SecondOrder(np.zeros((len(own), len(own))), own, lambda _, mean: 1 / mean)


METRIC = Metric(
    name="vendi_alpha",
    function=vendi_alpha,
    mixtures=mixtures,
    second_order=second_order,
    influence=influence,
    options={"q": ORDER},
    formula="(sum_a w_a Vendi_q(C_a)^(1-q))^(1/(1-q)); q = 1: exp sum_a w_a Ent(C_a)",
    range="[1, min(n, d)]",
    cost="O(T d^3) once",
    reference="Reeve et al. 2016 (the partition); Friedman, Dieng 2023",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="partition",
    unbiased=vendi.METRIC.unbiased,
    measures="How many different things one task of a mixture says, on average.",
    question="tasks",
    use="To separate variety inside tasks from variety between them (vendi_beta).",
    large=(
        "1 means that the texts inside each task are alike. With q=2, the nine tasks: 42.7 (ccg) to 119 (anli_plus); "
        "their 511 mixtures: 42.7 to 119."
    ),
    caveats="At q=1 it grows with the number of texts: compare equal numbers with --rarefy.",
)
