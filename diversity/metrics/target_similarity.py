"""Similarity of a source to a target by their mean embeddings (TextEmb)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.moments import moments
from diversity.types import InputError, Metric


def target_similarity(x: ArrayLike, reference: ArrayLike) -> float:
    """Cosine of the mean of rows x (n, d) of a source and that of rows `reference` (m, d) of a target, in [-1, 1].

    Each row is scaled to unit length first. nan where a mean is 0, which has no direction. A covariate, not a
    diversity: 1 for a source like its target. Raises InputError for rows that cannot be and for two dimensions. O((n +
    m) d). Vu et al. 2020 (TextEmb, there of BERT's mean token vectors).

    >>> round(target_similarity([[1, 0], [0, 1]], [[2, 0]]), 6)
    0.707107
    """
    a, b = moments(x).mean, moments(reference).mean
    if a.size != b.size:
        raise InputError(f"expected rows of one dimension, found {a.size} and {b.size} in the reference")
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    # a mean of unit rows below 1e-12 is rounding
    return float(np.clip(a @ b / lengths, -1, 1)) if lengths > 1e-12 else float("nan")


METRIC = Metric(
    name="target_similarity",
    function=target_similarity,
    formula="m_x . m_y / (|m_x| |m_y|)",
    range="[-1, 1]",
    cost="O((n + m) d)",
    reference="Vu et al. 2020 (TextEmb)",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    takes="reference",
    measures="How similar the centre of the texts is to the centre of a target.",
    question="covariate",
    use="To check that an effect of diversity is not one of closeness to the target.",
    large=(
        "1 means the same centre, 0 an unrelated one. The nine tasks: 0.229 (squad_v2) to 0.809 (commonsenseqa); all "
        "nine together: 0.982."
    ),
    larger="neither more nor less diverse",
    caveats="Of a source to a target: a covariate of transfer, not a diversity.",
)
