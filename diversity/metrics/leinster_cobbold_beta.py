"""Leinster-Cobbold beta: the effective number of distinct tasks in a mixture."""

from __future__ import annotations

from collections.abc import Mapping

from numpy.typing import ArrayLike

from diversity.metrics import _ordinariness_mixtures
from diversity.metrics._ordinariness import distinctness, of_tasks
from diversity.metrics._spectrum import ORDER
from diversity.types import Metric


def leinster_cobbold_beta(
    x: ArrayLike, labels: ArrayLike, *, q: float = 1.0, weights: Mapping[str, float] | None = None
) -> float:
    """Effective number of distinct tasks, for rows x (n, d) of the tasks `labels` (n,): 1 for tasks that are alike.

    Reeve's normalised beta, with Z = (1 + cos)/2: the power mean of order 1 - q, over tasks, of 1 / representativeness,
    which is that mean of (Zp)_i / (Zp_a)_i over a task's rows. Gamma = alpha beta at q = 1; at other orders this beta
    is not their ratio. It may fall below 1 (by 4e-6 at q = 1 in 4,000 random partitions; by 0.14 at q = inf): the
    diversity with this Z is not quite concave in p. `weights` are those of the tasks by name, by default their rows.
    Raises InputError for rows, labels, weights and orders that cannot be. O(n d). Reeve et al. 2016.

    >>> round(leinster_cobbold_beta([[1, 0], [1, 0], [-1, 0], [-1, 0]], ["a", "a", "b", "b"]), 6)
    2.0
    """
    return distinctness(of_tasks(x, labels, weights), q)


METRIC = Metric(
    name="leinster_cobbold_beta",
    function=leinster_cobbold_beta,
    mixtures=_ordinariness_mixtures.beta,
    influence=_ordinariness_mixtures.beta_influence,
    sampled=True,
    options={"q": ORDER},
    formula="M_(1-q) over w_a of 1 / M_(1-q) over p_i|a of (Zp)_i / (Zp_a)_i",
    range="(0, 1/min w]",
    cost="O(n d)",
    reference="Reeve et al. 2016 (normalised beta)",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="partition",
    measures="How many distinct tasks a mixture amounts to, similar ones counting as less.",
    question="tasks",
    use="To compare with ecology, where alpha, beta and gamma are standard.",
    large=(
        "1 means that the tasks are alike. With q=2, the 511 mixtures of the nine tasks: 1 to 1.06; all nine "
        "together: 1.04."
    ),
    caveats="Its values lie close together: look at differences in the second decimal.",
)
