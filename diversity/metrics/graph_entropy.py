"""Graph entropy: how evenly the distances of each row to the others are spread."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, distances_of, mean
from diversity.metrics._pairwise import both_sums, to_distances, unit, upper
from diversity.types import DrawnRows, Metric


def graph_entropy(x: ArrayLike) -> float:
    """Sum over rows x (n, d) of the entropy, in nats, of their cosine distances to the others as shares.

    sum_i H(d_ij / sum_k d_ik), in [0, n log(n - 1)] and in practice near its upper end: it counts rows, and is greatest
    where all distances are equal, however small. A row all of whose distances are 0 has entropy 0; two rows have 0. Raises
    InputError for fewer than two rows. Double precision. Source: Yu, Khadivi, Xu 2022.

    >>> round(graph_entropy([[1, 0, 0], [0, 1, 0], [0, 0, 1]]), 6)
    2.079442
    """
    rows = unit(x, least=2)
    sums, products = np.zeros(len(rows)), np.zeros(len(rows))
    for part, block in upper(rows):
        both_sums(part, to_distances(block), sums)
        block *= np.log(np.maximum(block, np.finfo(float).tiny))  # 0 log 0 = 0
        both_sums(part, block, products)
    some = sums > 0
    return max(float((np.log(sums[some]) - products[some] / sums[some]).sum()), 0.0)


def from_drawn(drawn: DrawnRows) -> Bounded:
    """The number of rows times the mean over drawn rows of the entropy of their distances to all others."""
    sums, products = np.zeros(len(drawn.rows)), np.zeros(len(drawn.rows))
    for block in distances_of(drawn, 0.0):
        sums += block.sum(axis=1)
        block *= np.log(np.maximum(block, np.finfo(float).tiny))  # 0 log 0 = 0
        products += block.sum(axis=1)
    positive = np.where(sums > 0, sums, 1.0)  # a row all of whose distances are 0 has entropy 0
    return mean(drawn, drawn.n * (np.log(positive) - products / positive))


METRIC = Metric(
    name="graph_entropy",
    function=graph_entropy,
    from_drawn=from_drawn,
    formula="sum_i H(d_ij / sum_k d_ik), d = 1 - cos",
    range="[0, n log(n - 1)]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Yu, Khadivi, Xu 2022",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    aggregate="sum",
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="How evenly the distances from each text to the others are spread.",
    question="texts",
    use="To compare with published results only.",
    large=(
        "It is close to n log(n - 1) for n texts. The nine tasks: 3,187 (squad_v2) to 3,191 (mnli); all nine "
        "together: 6,903."
    ),
    caveats="In practice it counts texts: their content hardly moves it.",
)
