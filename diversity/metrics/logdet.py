"""Log-determinant: the volume that the rows span; a coding rate, and the normaliser of a determinantal process."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._covariance import about, influence_of
from diversity.moments import checked, moments, stack, unit_rows
from diversity.types import Array, Influence, Metric, Option, TaskMoments

OPTIONS = {
    "alpha": Option(float, 1.0),
    "centred": Option(bool, False, high=1),
}


def logdet(x: ArrayLike, *, alpha: float = 1.0, centred: bool = False) -> float:
    """log det(I + alpha C) of rows x (n, d), scaled to unit length, in nats.

    In [log(1 + alpha), r log(1 + alpha/r)] with r = min(n, d). By Sylvester's identity it is log det(I + (alpha/n) K):
    the smaller of the d x d and the n x n matrix is used. alpha = n gives the normaliser log det(I + K) of a
    determinantal point process, alpha = d / eps^2 twice the coding rate of Yu et al. 2020. With `centred=1` of the
    covariance S, then 0 where all rows are the same. Raises InputError for rows that cannot be and for alpha that is
    not finite or below 0. O(n d^2 + d^3).

    >>> round(logdet([[1, 0], [0, 1]]), 6), round(logdet([[1, 0], [1, 0]]), 6)  # 2 log 1.5, log 2
    (0.81093, 0.693147)
    """
    n, d = checked(x).shape
    if n >= d:
        return float(mixtures(stack({"x": moments(x)}), [[1.0]], alpha=alpha, centred=centred)[0])
    rows = unit_rows(x)
    if OPTIONS["centred"].checked("centred", centred):
        rows -= rows.mean(axis=0)
    return _logdet(rows @ rows.T / n, alpha)


def _logdet(second: Array, alpha: float) -> float:
    return float(np.linalg.slogdet(np.eye(len(second)) + OPTIONS["alpha"].checked("alpha", alpha) * second)[1])


def mixtures(tasks: TaskMoments, weights: ArrayLike, *, alpha: float = 1.0, centred: bool = False) -> Array:
    """log det(I + alpha C_w) of each mixture, without its rows."""
    flag = OPTIONS["centred"].checked("centred", centred)
    return np.array([_logdet(about(tasks, w, centred=flag)[1], alpha) for w in np.asarray(weights, dtype=float)])


def influence(
    tasks: TaskMoments, weights: Array, rows: Sequence[Array], *, alpha: float = 1.0, centred: bool = False
) -> Influence:
    """d log det(I + alpha C) by C: alpha (I + alpha C)^-1."""
    flag = OPTIONS["centred"].checked("centred", centred)

    def gradient(m: int) -> tuple[Array, Array]:
        centre, second = about(tasks, weights[m], centred=flag)
        return centre, np.asarray(alpha * np.linalg.inv(np.eye(len(second)) + alpha * second), dtype=np.float64)

    return influence_of(weights, rows, gradient)


METRIC = Metric(
    name="logdet",
    function=logdet,
    mixtures=mixtures,
    influence=influence,
    options=OPTIONS,
    formula="log det(I + alpha C); centred=1: of S = C - m m'",
    range="[log(1 + alpha), r log(1 + alpha/r)], r = min(n, d); centred: from 0",
    cost="O(n d^2 + d^3)",
    reference="Kulesza, Taskar 2012; Yu et al. 2020 (coding rate)",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    axioms={"monotonicity": False, "uniqueness": False, "continuity": True},
    measures="How much room the texts take in the encoder's space, as a volume.",
    question="number",
    use="To compare with work on determinantal processes and coding rates.",
    large=(
        "Larger is more diverse; there is no fixed scale. The nine tasks: 0.989 (ccg) to 0.996 (anli_plus); their 511"
        " mixtures: 0.989 to 0.997."
    ),
    caveats="Opposite rows span what equal rows span.",
)
