"""Influence of rows on a metric of a mixture: its variance over a task's rows is the delta-method sampling variance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from diversity.types import Array, TaskMoments


def projections(tasks: TaskMoments, rows: Sequence[Array]) -> list[Array]:
    """For each task the dot products of its rows with all means, (n_a, T)."""
    return [x @ tasks.means.T for x in rows]


def quadratic_forms(tasks: TaskMoments, rows: Sequence[Array]) -> list[Array]:
    """For each task the forms x' C_b x of its rows with all second moments, (n_a, T)."""
    return [np.stack([np.einsum("ij,ij->i", x @ c, x) for c in tasks.seconds], axis=1) for x in rows]
