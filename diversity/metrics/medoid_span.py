"""Span around the medoid: how far the rows lie from the most central of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, mean
from diversity.metrics._pairwise import exact, unit
from diversity.types import DrawnRows, Metric


def medoid_span(x: ArrayLike) -> float:
    """Mean cosine distance of rows x (n, d) to their medoid, the row nearest to all others on average, in [0, 1].

    min_i mean_j (1 - cos(x_i, x_j)), the medoid's distance to itself counted. The medoid is the row of largest x . m with
    the mean m: O(n d), no pairs. One row: 0. Source: Cox et al. 2021 (span), as a mean.

    >>> round(medoid_span([[1, 0], [1, 0], [0, 1]]), 6)
    0.333333
    """
    rows = unit(x)
    medoid = rows[(rows @ rows.mean(axis=0)).argmax()]
    return float(exact(rows, medoid).mean())


def from_drawn(drawn: DrawnRows) -> Bounded:
    """Mean distance of drawn rows to the medoid of all rows, for which these are read twice."""
    total = sum(block.sum(axis=0) for block in drawn.blocks())
    central = [block[(block @ total).argmax()].copy() for block in drawn.blocks()]
    medoid = central[int(np.argmax(central @ total))]
    return mean(drawn, exact(drawn.rows, medoid))


METRIC = Metric(
    name="medoid_span",
    function=medoid_span,
    from_drawn=from_drawn,
    formula="min_i mean_j d_ij = 1 - max_i x_i . m, d = 1 - cos",
    range="[0, 1]",
    cost="O(n d)",
    reference="Cox et al. 2021",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="How far texts lie from the most central text, on average.",
    question="texts",
    use="As span, where the centre should be a real text.",
    large=(
        "Near 1 the texts are unrelated to the most central one. The nine tasks: 0.793 (ccg) to 0.939 (squad_v1); all"
        " nine together: 0.931."
    ),
    caveats="It says nothing of how texts lie to each other.",
)
