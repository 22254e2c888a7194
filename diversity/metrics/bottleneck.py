"""Bottleneck: the smallest distance between two rows."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, nearest_of
from diversity.metrics._pairwise import nearest, unit
from diversity.types import DrawnRows, Metric


def bottleneck(x: ArrayLike) -> float:
    """Smallest cosine distance of two of the rows x (n, d), in [0, n/(n - 1)].

    min_{i != j} (1 - cos(x_i, x_j)): one duplicate makes it 0, whatever the rest. Raises InputError for fewer than two rows.
    Source: Mironov, Prokhorenkova 2024.

    >>> bottleneck([[1, 0], [0, 1], [-1, 0]]), bottleneck([[1, 0], [0, 1], [1, 0]])
    (1.0, 0.0)
    """
    rows = unit(x, least=2)
    return float(nearest(rows, rows, 1, itself=True)[1].min())


def from_drawn(drawn: DrawnRows) -> Bounded:
    """The smallest distance of a drawn row to any row: the value is at most that, and at least 0."""
    least = float(nearest_of(drawn).min())
    return least, least if len(drawn.rows) == drawn.population else 0.0, least


METRIC = Metric(
    name="bottleneck",
    function=bottleneck,
    from_drawn=from_drawn,
    formula="min_{i != j} d_ij, d = 1 - cos",
    range="[0, n/(n - 1)]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Mironov, Prokhorenkova 2024",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    aggregate="extreme",
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="How far apart the two most similar texts are.",
    question="texts",
    use="To check a set for exact or near duplicates: 0 says that there is one.",
    large=(
        "Any value well above 0 means that no two texts are nearly the same. The nine tasks: 0.00107 (squad_v2) to "
        "0.196 (commonsenseqa); all nine together: 0."
    ),
    caveats="A single pair decides, and it falls as texts are added.",
)
