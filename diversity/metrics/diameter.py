"""Diameter: the largest distance between two rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, farthest_of
from diversity.metrics._pairwise import farthest, unit
from diversity.types import DrawnRows, Metric


def diameter(x: ArrayLike) -> float:
    """Largest cosine distance of two of the rows x (n, d), in [0, 2].

    max_{i, j} (1 - cos(x_i, x_j)): two rows alone decide it, and it can only rise as rows are added. Raises InputError for
    fewer than two rows. Source: Mironov, Prokhorenkova 2024.

    >>> diameter([[1, 0], [0, 1], [-1, 0]])
    2.0
    """
    return float(farthest(unit(x, least=2)).max())


def from_drawn(drawn: DrawnRows) -> Bounded:
    """The largest distance of any row to one of those that are farthest from the drawn ones: the value is at least that.

    It is at most that of twice the angle in which some row has all the others: the triangle inequality of angles.
    """
    first, rows = farthest_of(drawn)
    largest = float(first.max())
    if len(drawn.rows) == drawn.population:
        return largest, largest, largest
    again = np.unique(rows, axis=0)
    second, _ = farthest_of(replace(drawn, rows=again, places=np.full(len(again), -1)))
    largest, least = max(largest, float(second.max())), float(min(first.min(), second.min()))
    angle = 2 * np.arccos(np.clip(1 - least, -1, 1))
    return largest, largest, max(largest, float(1 - np.cos(min(angle, np.pi))))


METRIC = Metric(
    name="diameter",
    function=diameter,
    from_drawn=from_drawn,
    formula="max_{i, j} d_ij, d = 1 - cos",
    range="[0, 2]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Mironov, Prokhorenkova 2024",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    aggregate="extreme",
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="How far apart the two most different texts are.",
    question="texts",
    use="To see whether a set reaches far out in any direction.",
    large=(
        "Above 1 the two texts point away from each other. The nine tasks: 1.21 (cosmosqa) to 1.3 (anli_plus); all "
        "nine together: 1.3."
    ),
    caveats="A single pair decides, and it grows as texts are added.",
)
