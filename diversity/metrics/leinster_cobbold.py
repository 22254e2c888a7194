"""Leinster-Cobbold diversity of order q: the effective number of rows, those that are alike counting as fewer."""

from __future__ import annotations

from numpy.typing import ArrayLike

from diversity.metrics import _ordinariness_mixtures
from diversity.metrics._ordinariness import number, ordinariness, shares_of
from diversity.metrics._spectrum import ORDER
from diversity.moments import checked
from diversity.types import Metric


def leinster_cobbold(x: ArrayLike, *, q: float = 1.0, weights: ArrayLike | None = None) -> float:
    """Effective number of rows x (n, d), scaled to unit length, with the similarity Z = (1 + cos)/2, in [1, 2].

    (sum p_i (Zp)_i^(q-1))^(1/(1-q)) for shares p proportional to `weights` (n,) >= 0, equal ones by default; q = 1 and
    infinity as limits. (Zp)_i = (1 + x_i . m)/2, so that it takes O(n d) time and no n x n matrix. **At most 2**: this
    Z sees only how far rows point away from their mean m, and at q = 2 the value is 2/(1 + |m|^2). The bound holds at
    every order, as the greatest diversity does not depend on it (Leinster & Meckes 2016). Raises InputError for rows,
    weights and orders that cannot be. Leinster & Cobbold 2012.

    >>> round(leinster_cobbold([[1, 0], [0, 1]], q=2), 6), leinster_cobbold([[1, 0], [2, 0]])  # 4/3
    (1.333333, 1.0)
    """
    shares = shares_of(weights, len(checked(x)))
    return number(shares, ordinariness(x, shares), q)


METRIC = Metric(
    name="leinster_cobbold",
    function=leinster_cobbold,
    mixtures=_ordinariness_mixtures.gamma,
    influence=_ordinariness_mixtures.gamma_influence,
    sampled=True,
    options={"q": ORDER},
    formula="(sum p_i (Zp)_i^(q-1))^(1/(1-q)), (Zp)_i = (1 + x_i . m)/2",
    range="[1, 2]",
    cost="O(n d)",
    reference="Leinster, Cobbold 2012",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="How many distinct texts there are when similar ones count as less than one each.",
    question="number",
    use="To compare with ecology, where it is the standard measure with similarity.",
    large=(
        "1 means all texts are alike; 2 is the most it can be. With q=2, the nine tasks: 1.81 (cosmosqa) to 1.96 "
        "(squad_v1); their 511 mixtures: 1.81 to 1.98."
    ),
    caveats="At most 2, as Z = (1 + cos)/2 is no sharper.",
)
