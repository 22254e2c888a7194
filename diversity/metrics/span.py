"""Span: how far from the centroid the outer rows lie."""

from __future__ import annotations

from typing import Any

import numpy as np

from diversity.metrics._pairwise import unit
from diversity.types import InputError, Metric


def span(x: Any, *, percentile: float = 90) -> float:
    """Percentile, linear between ranks, of the cosine distances of rows x (n, d) to their centroid, in [0, 2].

    The centroid is the mean of the unit rows. One that is zero has no direction: every row then counts as orthogonal to it
    and the span is 1. One row: 0. Raises InputError for a percentile outside [0, 100]. O(n d), no pairs.
    Source: Cox et al. 2021 (span).

    >>> round(span([[1, 0], [0, 1]]), 6)
    0.292893
    """
    if not 0 <= percentile <= 100:
        raise InputError(f"expected a percentile from 0 to 100, found {percentile!r}")
    rows = unit(x)
    centroid = rows.mean(axis=0)
    length = float(np.linalg.norm(centroid))
    if length < 1e-12:
        return 1.0
    return float(np.percentile(np.maximum(1 - rows @ (centroid / length), 0), percentile))


METRIC = Metric(
    name="span",
    function=span,
    options={"percentile": 90},
    formula="percentile_i (1 - cos(x_i, m)), m the mean of the unit rows",
    range="[0, 2]",
    cost="O(n d)",
    reference="Cox et al. 2021",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
)
