"""Leinster-Cobbold gamma: the effective number of rows of a whole mixture."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from diversity.metrics import _ordinariness_mixtures
from diversity.metrics._ordinariness import number, of_tasks
from diversity.metrics._spectrum import ORDER
from diversity.types import Metric


def leinster_cobbold_gamma(
    x: ArrayLike, labels: ArrayLike, *, q: float = 1.0, weights: Mapping[str, float] | None = None
) -> float:
    """Leinster-Cobbold diversity of rows x (n, d) of the tasks `labels` (n,), with Z = (1 + cos)/2, in [1, 2].

    `weights` are those of the tasks by name, by default their rows: then it is `leinster_cobbold` of the rows. Raises
    InputError for rows, labels, weights and orders that cannot be. O(n d). Reeve et al. 2016.

    >>> round(leinster_cobbold_gamma([[1, 0], [1, 0], [-1, 0]], ["a", "a", "b"], weights={"a": 1, "b": 1}), 6)
    2.0
    """
    parts = of_tasks(x, labels, weights)
    return number(parts.shares, parts.total, q)


METRIC = Metric(
    name="leinster_cobbold_gamma",
    function=leinster_cobbold_gamma,
    mixtures=_ordinariness_mixtures.gamma,
    influence=_ordinariness_mixtures.gamma_influence,
    sampled=True,
    options={"q": ORDER},
    formula="(sum p_i (Zp)_i^(q-1))^(1/(1-q)), p_i = w_a / n_a",
    range="[1, 2]",
    cost="O(n d)",
    reference="Reeve et al. 2016; Leinster, Cobbold 2012",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="partition",
    measures="How many distinct texts a whole mixture has, similar ones counting as less.",
    question="number",
    use="With leinster_cobbold_alpha and leinster_cobbold_beta, of which it is the product.",
    large=(
        "1 means all texts are alike; 2 is the most it can be. With q=2, the nine tasks: 1.81 (cosmosqa) to 1.96 "
        "(squad_v1); their 511 mixtures: 1.81 to 1.98."
    ),
    caveats="Its values lie close together: look at differences in the second decimal.",
)
