"""SumBottleneck: the sum of the distances to the nearest row, n times the Chamfer distance."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, mean, nearest_of
from diversity.metrics._pairwise import nearest, unit
from diversity.types import DrawnRows, Metric


def sum_bottleneck(x: ArrayLike) -> float:
    """Sum over rows x (n, d) of the cosine distance to the nearest other row, in [0, 2n].

    sum_i min_{j != i} (1 - cos(x_i, x_j)). A sum: sets of different sizes are not comparable, `chamfer` is. Raises
    InputError for fewer than two rows. Source: Mironov, Prokhorenkova 2024.

    >>> round(sum_bottleneck([[1, 0], [1, 0], [0, 1]]), 6)
    1.0
    """
    rows = unit(x, least=2)
    return float(nearest(rows, rows, 1, itself=True)[1].sum())


def from_drawn(drawn: DrawnRows) -> Bounded:
    """The number of rows times the mean over drawn rows, each with its nearest of all rows."""
    return mean(drawn, drawn.n * nearest_of(drawn)[:, 0])


METRIC = Metric(
    name="sum_bottleneck",
    function=sum_bottleneck,
    from_drawn=from_drawn,
    formula="sum_i min_{j != i} d_ij, d = 1 - cos",
    range="[0, 2n]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Mironov, Prokhorenkova 2024",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    aggregate="sum",
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="The distances from each text to the one most like it, added up.",
    question="texts",
    use="To compare with published results; chamfer is the same as a mean.",
    large=(
        "It grows with the number of texts, so only sets of one size compare. The nine tasks: 102 (squad_v2) to 304 "
        "(anli_plus); all nine together: 564."
    ),
    caveats="More texts give a larger sum even when they say nothing new.",
)
