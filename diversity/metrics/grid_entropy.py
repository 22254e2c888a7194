"""Grid entropy: how evenly rows fill the cells of a grid on a reference's two principal axes."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._projection import project
from diversity.types import Metric, Option

OPTIONS = {
    "bins": Option(int, 5, low=2),
}


def grid_entropy(x: ArrayLike, reference: ArrayLike | None = None, *, bins: int = 5) -> float:
    """Entropy of the shares of rows x (n, d) in bins^2 equal cells of a plane, over its maximum log(bins^2), in [0, 1].

    The plane is that of the two first principal axes of a reference (m, d) of unit rows, the grid its bounding box there:
    both are fixed by the reference, so that sets are comparable; rows beyond the box count in its outermost cells. Without
    a reference it is x itself, and values of different sets are not comparable. n rows reach at most log n / log(bins^2).
    Raises InputError for fewer than two bins or dimensions. Source: Cox et al. 2021 (there on a UMAP of each set).

    >>> corners = [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1]]
    >>> round(grid_entropy(corners, bins=2), 6), grid_entropy([[1, 0, 0]], corners)
    (0.75, 0.0)
    """
    bins = OPTIONS["bins"].checked("bins", bins)
    points, target = project(x, reference, 2)
    low, high = target.min(axis=0), target.max(axis=0)
    width = np.where(high - low > 1e-12, high - low, 1.0)
    cells = np.clip(np.floor((points - low) / width * bins), 0, bins - 1).astype(np.intp)
    shares = np.unique(cells @ np.array([bins, 1]), return_counts=True)[1] / len(points)
    return float(-(shares * np.log(shares)).sum() / np.log(bins**2)) + 0.0


METRIC = Metric(
    name="grid_entropy",
    function=grid_entropy,
    options=OPTIONS,
    formula="-sum_c p_c log p_c / log(bins^2), p the shares of a grid on the reference's two principal axes",
    range="[0, 1]",
    cost="O((n + m) d^2 + d^3)",
    reference="Cox et al. 2021",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="reference",
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="How evenly texts fill the cells of a grid on the two main axes of a reference.",
    question="number",
    use="For a quick picture-like measure of even spread.",
    large=(
        "0 means all texts in one cell; at most the logarithm of the number of cells. The nine tasks: 0.509 (qqp) to "
        "0.735 (commonsenseqa); all nine together: 0.791."
    ),
    caveats=(
        "Two axes show little of an encoder's space. Rotation: of the rows and the reference together; the reference "
        "may be left out: then it is the rows."
    ),
)
