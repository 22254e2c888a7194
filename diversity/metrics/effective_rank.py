"""Effective rank: the number of directions that the rows vary in, from the spectral entropy of their covariance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._covariance import about, influence_of, rows_of, spectrum
from diversity.metrics._spectrum import number
from diversity.moments import moments, stack
from diversity.types import Array, Influence, Metric, Option, TaskMoments

OPTIONS = {
    "centred": Option(bool, True, high=1),
}


def effective_rank(x: ArrayLike, *, centred: bool = True) -> float:
    """Effective number of directions in which rows x (n, d), scaled to unit length, vary, in [1, min(n - 1, d)].

    exp of the entropy of the eigenvalues of the covariance S, scaled to sum 1. It says nothing of how far the rows
    vary: a thousandth of the spread has the same rank. 0 where all rows are the same, and for one row. With `centred=0`
    of the second moment C, which makes it `vendi(q=1)`. Raises InputError for rows that cannot be and for `centred`
    other than 0 and 1. O(n d^2 + d^3). Roy & Vetterli 2007 (of the eigenvalues here, not of the singular values).

    >>> effective_rank([[1, 0], [0, 1], [0, 1]]), effective_rank([[1, 0], [2, 0]])
    (1.0, 0.0)
    >>> round(effective_rank([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), 6)
    2.0
    """
    return float(mixtures(stack({"x": moments(x)}), [[1.0]], centred=centred)[0])


def mixtures(tasks: TaskMoments, weights: ArrayLike, *, centred: bool = True) -> Array:
    """Effective rank of each mixture's covariance C_w - m_w m_w'."""
    flag = OPTIONS["centred"].checked("centred", centred)
    ranks = []
    for w in np.asarray(weights, dtype=float):
        values, _ = spectrum(about(tasks, w, centred=flag)[1], rows_of(tasks, w))
        ranks.append(number(values / values.sum(), 1) if len(values) else 0.0)
    return np.array(ranks)


def influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], *, centred: bool = True) -> Influence:
    """d exp(H) by an eigenvalue: exp(H) (-log p - H) / trace; rows that are all the same have none."""
    flag = OPTIONS["centred"].checked("centred", centred)

    def gradient(m: int) -> tuple[Array, Array]:
        centre, second = about(tasks, weights[m], centred=flag)
        values, vectors = spectrum(second, rows_of(tasks, weights[m]))
        if not len(values):
            return centre, np.zeros(len(centre))
        logs = np.log(values / values.sum())
        entropy = -(values * logs).sum() / values.sum()
        return centre, (vectors * (np.exp(entropy) * (-logs - entropy) / values.sum())) @ vectors.T

    return influence_of(weights, rows, gradient)


METRIC = Metric(
    name="effective_rank",
    function=effective_rank,
    mixtures=mixtures,
    influence=influence,
    options=OPTIONS,
    formula="exp H(lambda(S) / tr S), S = C - m m'; centred=0: of C",
    range="[1, min(n - 1, d)], or 0 for rows that are all the same",
    cost="O(n d^2 + d^3)",
    reference="Roy, Vetterli 2007",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="How many directions the texts vary in, after their common centre is taken away.",
    question="number",
    use="To compare the richness of sets whose encoder puts all texts in one narrow cone.",
    large=(
        "1 means that they vary in one direction only; at most the encoder's dimensions. The nine tasks: 113 "
        "(squad_v2) to 209 (qqp); their 511 mixtures: 113 to 226."
    ),
    caveats="Blind to the size of the spread; not continuous where all rows coincide.",
)
