"""Facility-location coverage: how well the rows stand for all rows of a target."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, mean, nearest_of
from diversity.metrics._pairwise import nearest, pair
from diversity.types import DrawnRows, Metric


def coverage(x: ArrayLike, reference: ArrayLike) -> float:
    """Mean over rows of a reference (m, d) of the cosine similarity to the nearest of rows x (n, d), in [-1, 1].

    mean_r max_i cos(x_i, r): 1 where x holds every row of the reference; never falls as rows are added to x. Raises
    InputError where d differs. Source: facility location, as in Lin, Bilmes 2011.

    >>> coverage([[1, 0]], reference=[[1, 0], [0, 1]])
    0.5
    """
    rows, target = pair(x, reference)
    return float(1 - nearest(target, rows, 1)[1].mean())


def from_drawn(drawn: DrawnRows) -> Bounded:
    """Mean over rows drawn from the reference, each with its nearest of all rows."""
    return mean(drawn, 1 - nearest_of(drawn)[:, 0])


METRIC = Metric(
    name="coverage",
    function=coverage,
    from_drawn=from_drawn,
    formula="mean_r max_i cos(x_i, r), r the rows of the reference",
    range="[-1, 1]",
    cost="O(n m d) time, O(block n) memory",
    reference="Lin, Bilmes 2011 (facility location)",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="reference",
    axioms={"monotonicity": False, "uniqueness": False, "continuity": True},
    measures="How well the texts stand for all texts of a reference.",
    question="reference",
    use="To choose texts that represent a target set.",
    large=(
        "1 means that every reference text has a double among the texts. The nine tasks: 0.321 (squad_v2) to 0.403 "
        "(mnli); all nine together: 0.559."
    ),
    larger="neither more nor less diverse",
    caveats="Larger sets cover more: compare equal numbers. Rotation: of the rows and the reference together.",
)
