"""Texts of several tasks in the plane: where they lie beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from diversity.scoring.embedded import EmbeddedTasks

if TYPE_CHECKING:
    import pandas as pd

POINTS = 300  # texts of each task that are drawn


def plane(space: EmbeddedTasks, *, points: int = POINTS) -> pd.DataFrame:
    """The first two principal components of a sample of texts: columns `task, x, y, share`.

    As many texts of each task (at most `points`), so that a large task does not decide the axes; `share` is the part of
    the variance that the two axes show, the same in each row. The sign of an axis is that of its largest loading.

    >>> from diversity.scoring.embedded import from_arrays
    >>> plane(from_arrays({"a": np.eye(4)[:2], "b": np.eye(4)[2:]}))["task"].tolist()
    ['a', 'a', 'b', 'b']
    """
    import pandas as pd

    size = min(points, *(len(rows) for rows in space.rows))
    names = np.repeat(np.array(space.stacked.names, dtype=object), size)
    rows = np.concatenate([rows[:size] for rows in space.rows])
    rows = rows - rows.mean(axis=0)
    _, spread, axes = np.linalg.svd(rows, full_matrices=False)
    first = axes[:2] * np.sign(axes[:2][np.arange(len(axes[:2])), np.abs(axes[:2]).argmax(axis=1)])[:, None]
    coordinates = np.zeros((len(rows), 2))
    coordinates[:, : len(first)] = rows @ first.T
    share = float((spread[:2] ** 2).sum() / max((spread**2).sum(), 1e-300))
    return pd.DataFrame({"task": names, "x": coordinates[:, 0], "y": coordinates[:, 1], "share": share})
