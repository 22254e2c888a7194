"""Chamfer distance: how far each row is from the one nearest to it."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, mean, nearest_of
from diversity.metrics._pairwise import nearest, unit
from diversity.types import DrawnRows, Metric


def chamfer(x: ArrayLike) -> float:
    """Mean cosine distance of rows x (n, d) to the nearest other row, in [0, 2].

    mean_i min_{j != i} (1 - cos(x_i, x_j)): 0 where every row has a duplicate. Falls as rows are added. Raises InputError
    for fewer than two rows. Source: Mironov, Prokhorenkova 2024 (divided by n: SumBottleneck).

    >>> round(chamfer([[1, 0], [1, 0], [0, 1]]), 6)
    0.333333
    """
    rows = unit(x, least=2)
    return float(nearest(rows, rows, 1, itself=True)[1].mean())


def from_drawn(drawn: DrawnRows) -> Bounded:
    """Mean over drawn rows, each with its nearest of all rows."""
    return mean(drawn, nearest_of(drawn)[:, 0])


METRIC = Metric(
    name="chamfer",
    function=chamfer,
    from_drawn=from_drawn,
    formula="mean_i min_{j != i} d_ij, d = 1 - cos",
    range="[0, 2]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Mironov, Prokhorenkova 2024",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="How far each text is from the text most like it, on average.",
    question="texts",
    use="To find near-duplicates: they pull it towards 0.",
    large=(
        "0 means that every text has a double. The nine tasks: 0.199 (squad_v2) to 0.594 (anli_plus); all nine "
        "together: 0.564."
    ),
    caveats="It falls as texts are added, so compare equal numbers with --rarefy.",
)
