"""Partition entropy: how evenly rows fall into the cells of a partition fitted on a reference."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._partition import CLUSTERS, SEED, sort
from diversity.types import Metric


def partition_entropy(x: ArrayLike, reference: ArrayLike, *, clusters: int = 50, seed: int = 0) -> float:
    """Entropy, in nats, of the shares of rows x (n, d) in the reference's k-means cells, in [0, log min(n, clusters)].

    -sum_c p_c log p_c. The partition is fitted once, on the reference (m, d), from `seed`, and kept: sets sorted by the same
    reference are comparable. Biased downwards, by about (clusters - 1) / 2n, in few rows. Raises InputError for fewer
    reference rows than clusters. Source: Han et al. 2022 (cluster entropy).

    >>> round(partition_entropy([[1, 0], [0, 1]], [[1, 0], [0, 1]], clusters=2), 6)
    0.693147
    """
    cells = sort(x, reference, clusters, seed)[2]
    shares = np.unique(cells, return_counts=True)[1] / len(cells)
    return float(-(shares * np.log(shares)).sum()) + 0.0


METRIC = Metric(
    name="partition_entropy",
    function=partition_entropy,
    options={"clusters": CLUSTERS, "seed": SEED},
    formula="-sum_c p_c log p_c, p the shares of the reference's k-means cells",
    range="[0, log min(n, clusters)]",
    cost="O(rounds m k d) once for a reference, then O(n k d)",
    reference="Han et al. 2022",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="reference",
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="How evenly texts fall into the clusters of a reference.",
    question="number",
    use="To ask whether a set uses all topics of a reference, and evenly.",
    large=(
        "0 means all texts in one cluster; at most the logarithm of the number of clusters. The nine tasks: 2.22 "
        "(hellaswag) to 3.39 (squad_v1); all nine together: 3.85."
    ),
    caveats="Depends on the number of clusters. Rotation: of the rows and the reference together.",
)
