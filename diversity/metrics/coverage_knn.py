"""Coverage by neighbourhoods: the share of the reference's rows that have a row near."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics._neighbourhoods import NEIGHBOURS, neighbourhoods
from diversity.types import Metric


def coverage_knn(x: ArrayLike, reference: ArrayLike, *, k: int = 5) -> float:
    """Share of the rows of a reference (m, d) whose k-nearest-neighbour ball holds one of rows x (n, d), in [0, 1].

    (1/m) sum_r 1[min_j d(x_j, r) < d_k(r)], d_k(r) the distance of r to its k-th nearest other reference row; of unit rows,
    balls open as in the authors' code. Never falls as rows are added to x. Raises InputError for k reference rows or
    fewer. Source: Naeem et al. 2020 (coverage).

    >>> round(coverage_knn([[1, 0.1]], reference=[[1, 0], [1, 1], [0, 1]], k=1), 6)
    0.666667
    """
    _, covered, _ = neighbourhoods(x, reference, k)
    return float(covered.mean())


METRIC = Metric(
    name="coverage_knn",
    function=coverage_knn,
    options={"k": NEIGHBOURS},
    formula="(1/m) sum_r 1[min_j d(x_j, r) < d_k(r)]",
    range="[0, 1]",
    cost="O(m (m + n) d) time, O(block (m + n)) memory",
    reference="Naeem et al. 2020",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="reference",
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="The share of the reference's texts that have one of your texts nearby.",
    question="reference",
    use="To find out how much of a target is reached at all.",
    large="1 means that all of the reference is reached.",
    larger="neither more nor less diverse",
    caveats="Larger sets reach more. Rotation: of the rows and the reference together.",
)
