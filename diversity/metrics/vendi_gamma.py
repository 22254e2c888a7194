"""Vendi gamma: the effective number of directions of a whole mixture, alpha times beta."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics import vendi
from diversity.metrics._spectrum import ORDER
from diversity.moments import groups
from diversity.types import Metric


def vendi_gamma(x: ArrayLike, labels: ArrayLike, *, q: float = 1.0, unbiased: bool = False) -> float:
    """Vendi score of rows x (n, d) of the tasks `labels` (n,), each task weighted by its rows. `unbiased` as in `vendi`.

    >>> round(vendi_gamma([[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "b"]), 6)
    2.0
    """
    return float(vendi.mixtures(*groups(x, labels), q=q, unbiased=unbiased)[0])


METRIC = Metric(
    name="vendi_gamma",
    function=vendi_gamma,
    mixtures=vendi.mixtures,
    second_order=vendi.second_order,
    spectral=vendi.spectral,
    influence=vendi.influence,
    options={"q": ORDER},
    formula="Vendi_q(C_w)",
    range="[1, min(n, d)]",
    cost="O(d^3)",
    reference="Friedman, Dieng 2023",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="partition",
    unbiased=vendi.METRIC.unbiased,
    measures="How many equally common, unrelated things a whole mixture amounts to.",
    question="number",
    use="With vendi_alpha and vendi_beta, of which it is the product.",
    large=(
        "1 means all texts are alike. With q=2, the nine tasks: 42.7 (ccg) to 119 (anli_plus); their 511 mixtures: "
        "42.7 to 161."
    ),
    caveats="At q=1 it grows with the number of texts: compare equal numbers with --rarefy.",
)
