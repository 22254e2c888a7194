"""SumDiameter: the sum of the distances to the farthest row."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, farthest_of, mean
from diversity.metrics._pairwise import farthest, unit
from diversity.types import DrawnRows, Metric


def sum_diameter(x: ArrayLike) -> float:
    """Sum over rows x (n, d) of the cosine distance to the farthest row, in [0, 2n].

    sum_i max_j (1 - cos(x_i, x_j)). A sum: sets of different sizes are not comparable. Raises InputError for fewer than two
    rows. Source: Mironov, Prokhorenkova 2024.

    >>> sum_diameter([[1, 0], [0, 1], [-1, 0]])
    5.0
    """
    return float(farthest(unit(x, least=2)).sum())


def from_drawn(drawn: DrawnRows) -> Bounded:
    """The number of rows times the mean over drawn rows, each with the row that is farthest from it."""
    return mean(drawn, drawn.n * farthest_of(drawn)[0])


METRIC = Metric(
    name="sum_diameter",
    function=sum_diameter,
    from_drawn=from_drawn,
    formula="sum_i max_j d_ij, d = 1 - cos",
    range="[0, 2n]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Mironov, Prokhorenkova 2024",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    aggregate="sum",
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="The distances from each text to the one least like it, added up.",
    question="texts",
    use="To compare with published results.",
    large=(
        "It grows with the number of texts, so only sets of one size compare. The nine tasks: 576 (ccg) to 613 "
        "(squad_v1); all nine together: 1,189."
    ),
    caveats="More texts give a larger sum even when they say nothing new.",
)
