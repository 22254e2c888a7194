"""Diversity of Lai et al. 2020: the geometric mean of the standard deviations of the dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._covariance import influence_of
from diversity.moments import moments, stack
from diversity.types import Array, Influence, Metric, TaskMoments


def lai(x: ArrayLike) -> float:
    """Geometric mean over the d dimensions of the standard deviation of rows x (n, d), scaled to unit length, in [0, d^-1/2].

    (prod_j s_j)^(1/d), the population's s_j. **It is not invariant to rotation**: the same rows in other axes give
    another value, so that it compares sets of one encoder only. 0 where a single dimension does not vary, and for one
    row. Raises InputError for rows that cannot be. O(n d). Lai et al. 2020, who do not scale the rows.

    >>> round(lai([[1, 0], [0, 1]]), 6), lai([[1, 0], [-1, 0]])
    (0.5, 0.0)
    """
    return float(mixtures(stack({"x": moments(x)}), [[1.0]])[0])


def mixtures(tasks: TaskMoments, weights: ArrayLike) -> Array:
    """The geometric mean for each mixture, from the diagonals of the second moments: O(T d) each."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.exp(np.log(variances(tasks, np.asarray(weights, dtype=float))).mean(axis=1) / 2))


def variances(tasks: TaskMoments, weights: Array) -> Array:
    """Variance of each dimension of each mixture, (M, d); 0 where it is rounding."""
    squares = weights @ np.einsum("tjj->tj", tasks.seconds)
    spread = squares - (weights @ tasks.means) ** 2
    size = np.maximum((weights > 0) @ tasks.n, tasks.means.shape[1])[:, None]
    return np.where(spread > size * np.finfo(float).eps * squares, spread, 0.0)


def influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], **_: float) -> Influence:
    """d by the variance v_j of a dimension: value / (2 d v_j); none where the value is 0, which has no derivative."""
    values, spread = mixtures(tasks, weights), variances(tasks, weights)

    def gradient(m: int) -> tuple[Array, Array]:
        slope = values[m] / (2 * spread[m].size * spread[m]) if values[m] else np.zeros(spread[m].size)
        return weights[m] @ tasks.means, slope

    return influence_of(weights, rows, gradient)


METRIC = Metric(
    name="lai",
    function=lai,
    mixtures=mixtures,
    influence=influence,
    formula="(prod_j s_j)^(1/d), s_j the standard deviation of dimension j",
    range="[0, 1/sqrt(d)]",
    cost="O(n d)",
    reference="Lai et al. 2020",
    invariant_to=frozenset({"order", "row scale", "replication"}),
    size_dependent=True,
    axioms={"monotonicity": False, "uniqueness": False, "continuity": True},
    measures="How far texts spread along the encoder's own dimensions.",
    question="texts",
    use="To compare with Lai et al. 2020.",
    large=(
        "Values are small: at most 1/sqrt(d), 0.051 for 384 dimensions. The nine tasks: 0.0316 (ccg) to 0.0331 "
        "(squad_v1); their 511 mixtures: 0.0316 to 0.0334."
    ),
    caveats="Not invariant to rotation: it depends on the encoder's axes, not only on distances.",
)
