"""Rao's gamma: the mean cosine distance of a whole mixture, as the sum of its alpha and beta."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics import cosine
from diversity.moments import groups
from diversity.types import Metric


def rao_gamma(x: ArrayLike, labels: ArrayLike, *, unbiased: bool = True) -> float:
    """Mean cosine distance of rows x (n, d) of the tasks `labels` (n,), each task weighted by its rows.

    Unbiased, only the pairs of a row with itself are left out of each task's own part (see `cosine`).

    >>> round(rao_gamma([[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "b"]), 6)
    0.5
    """
    return float(cosine.mixtures(*groups(x, labels), unbiased=unbiased)[0])


METRIC = Metric(
    name="rao_gamma",
    function=rao_gamma,
    mixtures=cosine.mixtures,
    second_order=cosine.second_order,
    influence=cosine.influence,
    formula="1 - |m_w|^2",
    range="[0, 2]; V: [0, 1]",
    cost="O(n d)",
    reference="Rao 1982",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    takes="partition",
    unbiased=lambda **_: True,
    measures="How different two texts of a whole mixture are, split into what lies within its tasks and between them.",
    question="texts",
    use="To see how much of a mixture's diversity comes from mixing: compare it with rao_alpha and rao_beta.",
    large=(
        "0 means all texts are alike, about 1 that they are unrelated. The nine tasks: 0.895 (cosmosqa) to 0.979 "
        "(squad_v1); their 511 mixtures: 0.895 to 0.987."
    ),
    caveats="The same number as cosine without its correction for small samples.",
)
