"""Span: how far from the centroid the outer rows lie."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.moments import PASS, checked, directions
from diversity.types import Metric, Option

OPTIONS = {
    "percentile": Option(float, 90.0, high=100, title="a percentile"),
}


def span(x: ArrayLike, *, percentile: float = 90) -> float:
    """Percentile, linear between ranks, of the cosine distances of rows x (n, d) to their centroid, in [0, 2].

    The centroid is the mean of the unit rows. One that is zero has no direction: every row then counts as orthogonal to it
    and the span is 1. One row: 0. Raises InputError for a percentile outside [0, 100]. O(n d), no pairs.
    Source: Cox et al. 2021 (span).

    >>> round(span([[1, 0], [0, 1]]), 6)
    0.292893
    """
    percentile = OPTIONS["percentile"].checked("percentile", percentile)
    rows = checked(x)
    total, factors, cosines = np.zeros(rows.shape[1]), np.empty(len(rows)), np.empty(len(rows))
    for block, part, factors[block] in directions(rows):
        total += factors[block] @ part
    length = float(np.linalg.norm(total))
    if length < len(rows) * 1e-12:
        return 1.0
    for start in range(0, len(rows), PASS):
        block = slice(start, start + PASS)
        cosines[block] = np.asarray(rows[block], dtype=np.float64) @ (total / length)
    return float(np.percentile(np.maximum(1 - cosines * factors, 0), percentile))


METRIC = Metric(
    name="span",
    function=span,
    options=OPTIONS,
    formula="percentile_i (1 - cos(x_i, m)), m the mean of the unit rows",
    range="[0, 2]",
    cost="O(n d)",
    reference="Cox et al. 2021",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="How far from the centre the outer texts lie.",
    question="texts",
    use="To see how wide a set reaches, without its few most extreme texts.",
    large=(
        "Near 1 the outer texts are unrelated to the centre. The nine tasks: 0.823 (commonsenseqa) to 0.975 "
        "(anli_plus); all nine together: 0.985."
    ),
    caveats="It says nothing of how the inner texts are spread.",
)
