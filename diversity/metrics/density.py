"""Density: how many neighbourhoods of the reference's rows each row falls into."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics._neighbourhoods import NEIGHBOURS, neighbourhoods
from diversity.types import Metric


def density(x: ArrayLike, reference: ArrayLike, *, k: int = 5) -> float:
    """Mean over rows x (n, d) of the number of k-nearest-neighbour balls of a reference (m, d) that hold it, over k.

    (1 / k n) sum_j sum_r 1[d(x_j, r) < d_k(r)], d_k(r) the distance of r to its k-th nearest other reference row; of unit
    rows. In [0, m/k]; 1 in expectation for rows of the reference's own distribution. It measures faithfulness to the
    reference, not diversity: read it beside `coverage_knn`. Balls are open, as in the authors' code (the paper has closed
    ones), so that equal reference rows, more than k of them, have none. Raises InputError for k reference rows or fewer.
    Source: Naeem et al. 2020.

    >>> density([[1, 0.1]], reference=[[1, 0], [1, 1], [0, 1]], k=1)
    2.0
    """
    hits, _, n = neighbourhoods(x, reference, k)
    return hits / (k * n)


METRIC = Metric(
    name="density",
    function=density,
    options={"k": NEIGHBOURS},
    formula="(1 / k n) sum_j sum_r 1[d(x_j, r) < d_k(r)]",
    range="[0, m/k]",
    cost="O(m (m + n) d) time, O(block (m + n)) memory",
    reference="Naeem et al. 2020",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    takes="reference",
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="How often your texts fall near texts of the reference.",
    question="reference",
    use="To check that texts look like the reference; read it with coverage_knn.",
    large="About 1 for texts drawn like the reference; it can be larger.",
    larger="neither more nor less diverse",
    caveats="High when all texts crowd one dense spot. Rotation: of the rows and the reference together.",
)
