"""NovelSum: distances of rows to all others, near ones weighted most, and more where a reference is dense."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._pairwise import ROUNDING, nearest, pair, similarities, unit
from diversity.types import Array, Metric, Option

OPTIONS = {
    "k": Option(int, 10, low=1),
    "alpha": Option(float, 1.0),
    "beta": Option(float, 0.5),
}


def novelsum(
    x: ArrayLike, reference: ArrayLike | None = None, *, k: int = 10, alpha: float = 1, beta: float = 0.5
) -> float:
    """Mean over rows x (n, d) of the proximity-weighted, density-scaled mean cosine distance to all rows, 0 or above.

    mean_i s_i^beta sum_r r^-alpha d_i(r) / sum_r r^-alpha, d_i(r) the distance of row i to its r-th nearest, itself first.
    s_i is the density of a reference (m, d) at row i: one over the mean squared Euclidean distance to its k nearest
    distinct rows (all of them, where there are fewer), of unit length, other than row i itself. Without a reference it is x,
    which makes outliers count as uninformative: the authors then advise beta = 0, no density. Raises InputError for fewer
    than two rows. Source: Yang et al. 2025 and their code (UmeanNever/NovelSum), whose means and ranks these are; there the
    nearest reference row is always taken for the row itself and left out, here only where it equals it.

    >>> round(novelsum([[1, 0], [1, 0], [0, 1]], beta=0), 6)
    0.272727
    """
    values = {"k": k, "alpha": alpha, "beta": beta}
    k, alpha, beta = (OPTIONS[name].checked(name, value) for name, value in values.items())
    rows = unit(x, least=2)
    others = rows if reference is None else pair(x, reference)[1]
    scale = density(rows, others, k) ** beta if beta else np.ones(len(rows))
    weights = np.arange(1, len(rows) + 1) ** -float(alpha)
    weights /= weights.sum()
    single = rows.astype(np.float32)
    total = 0.0
    for part, block in similarities(single, single):
        block.sort(axis=1)
        ordered = np.maximum(1 - block[:, ::-1].astype(np.float64), 0)
        total += float(scale[part] @ (ordered @ weights))
    return total / len(rows)


def density(rows: Array, reference: Array, k: int) -> Array:
    """One over the mean squared Euclidean distance of unit rows (n, d) to the k nearest distinct rows of a reference."""
    distinct = reference[np.sort(np.unique(reference.round(12), axis=0, return_index=True)[1])]
    _, lengths = nearest(rows, distinct, min(k + 1, len(distinct)))
    itself = lengths[:, 0] < ROUNDING
    others = np.where(itself[:, None], lengths[:, 1:], lengths[:, :-1])
    return 1 / (2 * others.mean(axis=1) + 1e-9) if others.shape[1] else np.ones(len(rows))


METRIC = Metric(
    name="novelsum",
    function=novelsum,
    options=OPTIONS,
    formula="mean_i s_i^beta sum_r r^-alpha d_i(r) / sum_r r^-alpha",
    range="[0, inf)",
    cost="O(n^2 (d + log n)) time, O(block n) memory",
    reference="Yang et al. 2025 (NovelSum)",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="How new each text is beside all others, near ones counting most.",
    question="texts",
    use="To choose instruction data as Yang et al. 2025 do.",
    large=(
        "Larger is more novel; there is no fixed scale. The nine tasks: 0.562 (cosmosqa) to 0.601 (squad_v2); all "
        "nine together: 0.605."
    ),
    caveats="Not monotone: larger distances can lower it. Compare equal numbers of texts.",
)
