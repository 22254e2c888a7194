"""Hull volume: the room that rows take on a reference's principal axes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial import ConvexHull, QhullError

from diversity.metrics._projection import project
from diversity.types import Metric, Option

OPTIONS = {
    "dims": Option(int, 2, low=1, high=8),
}


def hull_volume(x: ArrayLike, reference: ArrayLike | None = None, *, dims: int = 2) -> float:
    """Volume (area) of the convex hull of rows x (n, d) on the first `dims` principal axes of a reference (m, d), 0 or above.

    The axes are fixed by the reference's unit rows, so that sets are comparable; without one they are those of x, and
    values of different sets are not. The extreme rows alone decide it, and it can only rise as rows are added. 0 where
    rows lie in fewer dimensions. Raises InputError for dims outside 1 to 8, and above d.
    Source: Cox et al. 2021; Yang et al. 2025 (there on a UMAP of each set).

    >>> round(hull_volume([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), 6)
    0.866025
    """
    dims = OPTIONS["dims"].checked("dims", dims)
    points, _ = project(x, reference, dims)
    points = points - points.mean(axis=0)
    if dims == 1:
        return float(np.ptp(points))
    if len(points) <= dims or np.linalg.matrix_rank(points, tol=1e-9) < dims:
        return 0.0
    try:
        return float(ConvexHull(points).volume)
    except QhullError:  # too flat for it
        return 0.0


METRIC = Metric(
    name="hull_volume",
    function=hull_volume,
    options=OPTIONS,
    formula="volume of the convex hull on the reference's first principal axes",
    range="[0, pi]; dims: [0, volume of the unit ball]",
    cost="O((n + m) d^2 + d^3)",
    reference="Cox et al. 2021; Yang et al. 2025",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="reference",
    axioms={"monotonicity": False, "uniqueness": False, "continuity": True},
    measures="How large the region is that the texts enclose on the main axes of a reference.",
    question="number",
    use="To see outer limits rather than typical texts.",
    large=(
        "Larger is wider; only values of one reference compare. The nine tasks: 0.213 (hellaswag) to 0.392 (mnli); "
        "all nine together: 0.546."
    ),
    caveats=(
        "A few outliers decide it. Rotation: of the rows and the reference together; the reference may be left out: "
        "then it is the rows."
    ),
)
