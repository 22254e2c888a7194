"""Leinster-Cobbold alpha: the effective number of rows within the tasks of a mixture."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from diversity.metrics import _ordinariness_mixtures
from diversity.metrics._ordinariness import number, of_tasks
from diversity.metrics._spectrum import ORDER
from diversity.types import Metric


def leinster_cobbold_alpha(
    x: ArrayLike, labels: ArrayLike, *, q: float = 1.0, weights: Mapping[str, float] | None = None
) -> float:
    """Mean Leinster-Cobbold diversity of the tasks `labels` (n,) of rows x (n, d), in [1, 2]: the power mean of order 1 - q.

    Reeve's normalised alpha, with Z = (1 + cos)/2. `weights` are those of the tasks by name, by default their rows.
    Raises InputError for rows, labels, weights and orders that cannot be. O(n d). Reeve et al. 2016.

    >>> leinster_cobbold_alpha([[1, 0], [1, 0], [0, 1], [0, 1]], ["a", "a", "b", "b"])
    1.0
    """
    parts = of_tasks(x, labels, weights)
    return number(parts.shares, parts.within, q)


METRIC = Metric(
    name="leinster_cobbold_alpha",
    function=leinster_cobbold_alpha,
    mixtures=_ordinariness_mixtures.alpha,
    influence=_ordinariness_mixtures.alpha_influence,
    sampled=True,
    options={"q": ORDER},
    formula="(sum_a w_a D_q(a)^(1-q))^(1/(1-q)), D_q(a) the Leinster-Cobbold diversity of task a",
    range="[1, 2]",
    cost="O(n d)",
    reference="Reeve et al. 2016 (normalised alpha)",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="partition",
    measures="How many distinct texts one task of a mixture has, on average.",
    question="tasks",
    use="To separate variety inside tasks from variety between them.",
    large=(
        "1 means that the texts inside each task are alike; 2 is the most it can be. With q=2, the nine tasks: 1.81 "
        "(cosmosqa) to 1.96 (squad_v1); their 511 mixtures: 1.81 to 1.96."
    ),
    caveats="Its values lie close together: look at differences in the second decimal.",
)
