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
)
