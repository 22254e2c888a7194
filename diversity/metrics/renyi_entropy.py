"""Rényi kernel entropy of order q: the logarithm of the Vendi score."""

from __future__ import annotations

from dataclasses import replace
from math import log

from numpy.typing import ArrayLike

from diversity.metrics._spectrum import ORDER
from diversity.metrics.vendi import vendi
from diversity.types import Metric


def renyi_entropy(x: ArrayLike, *, q: float = 2.0) -> float:
    """Rényi entropy of order q, in nats, of the spectrum of rows x (n, d), in [0, log min(n, d)].

    log(sum lambda^q) / (1 - q) over the eigenvalues lambda of K/n: exactly log `vendi`, whose exponential scale is easier to
    read. Errors as for `vendi`. Source: Jalali et al. 2023 (RKE).

    >>> round(renyi_entropy([[1, 0], [0, 1]]), 6)
    0.693147
    """
    return max(log(vendi(x, q=q)), 0.0)


METRIC = Metric(
    name="renyi_entropy",
    function=renyi_entropy,
    options={"q": replace(ORDER, default=2.0)},
    formula="log(sum lambda^q) / (1 - q), lambda eigenvalues of K/n",
    range="[0, log min(n, d)]",
    cost="O(n d^2 + d^3)",
    reference="Jalali et al. 2023",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    axioms={"monotonicity": False, "uniqueness": False, "continuity": True},
    measures="The logarithm of vendi: how many things the texts say, on a scale where doubling adds 0.69.",
    question="number",
    use="Where a difference rather than a ratio is wanted, such as in a regression.",
    large=(
        "0 means all texts are alike; exp of it is vendi. With q=2, the nine tasks: 3.68 (ccg) to 4.56 (anli_plus); "
        "all nine together: 4.77."
    ),
    caveats="At q=1 it grows with the number of texts: compare equal numbers with --rarefy.",
)
