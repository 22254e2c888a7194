"""k-nearest-neighbour distance: how far each row is from the k nearest to it."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, mean, nearest_of
from diversity.metrics._pairwise import nearest, unit
from diversity.types import DrawnRows, Metric, Option

OPTIONS = {
    "k": Option(int, 5, low=1),
}


def knn(x: ArrayLike, *, k: int = 5) -> float:
    """Mean cosine distance of rows x (n, d) to their k nearest other rows, in [0, 2].

    mean_i mean_{j in N_k(i)} (1 - cos(x_i, x_j)): the mean over all k, not the k-th alone; k = 1 is `chamfer`, k = n - 1
    `cosine`. Raises InputError for k below 1 and for k rows or fewer. Source: Yang et al. 2025 (k-NN distance).

    >>> round(knn([[1, 0], [1, 0], [0, 1]], k=2), 6)
    0.666667
    """
    k = OPTIONS["k"].checked("k", k)
    rows = unit(x, least=k + 1)
    return float(nearest(rows, rows, k, itself=True)[1].mean())


def from_drawn(drawn: DrawnRows, *, k: int) -> Bounded:
    """Mean over drawn rows, each with its k nearest of all rows."""
    return mean(drawn, nearest_of(drawn, k).mean(axis=1))


METRIC = Metric(
    name="knn",
    function=knn,
    from_drawn=from_drawn,
    options=OPTIONS,
    formula="mean_i mean_{j in N_k(i)} d_ij, d = 1 - cos",
    range="[0, 2]",
    cost="O(n^2 d) time, O(block n + n k) memory",
    reference="Yang et al. 2025",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="How far each text is from the few texts most like it, on average.",
    question="texts",
    use="As chamfer, where a single double should not decide.",
    large=(
        "0 means that every text has several doubles. The nine tasks: 0.378 (squad_v2) to 0.672 (anli_plus); all nine"
        " together: 0.641."
    ),
    caveats="It falls as texts are added, so compare equal numbers with --rarefy.",
)
