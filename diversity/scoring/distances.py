"""Task x task distances from moments, each task taken as a Gaussian, and the similarity of mixtures to a target.

All take TaskMoments and give an array (T, T) in the order of `tasks.names`: symmetric, 0 on the diagonal. The moments
are those of samples, so that two samples of one task lie a little apart, the further the smaller they are. `frame`
makes any a DataFrame.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from diversity.types import Array, InputError, Moments, TaskMoments

if TYPE_CHECKING:
    import pandas as pd


def frechet(tasks: TaskMoments) -> Array:
    """Frechet (Bures-Wasserstein) distance of the Gaussians N(m_a, S_a), S = C - m m', (T, T), in [0, 2].

    sqrt(|m_a - m_b|^2 + tr S_a + tr S_b - 2 tr (S_a^1/2 S_b S_a^1/2)^1/2): the 2-Wasserstein distance; its square is
    what is called the Frechet (inception) distance. The last trace is the sum of the singular values of S_a^1/2
    S_b^1/2, which does not lose half of the digits. O(T^2 d^3). Dowson & Landau 1982.

    >>> from diversity.moments import moments, stack
    >>> tasks = stack({"a": moments([[1, 0], [1, 0]]), "b": moments([[0, 1], [0, 1]])})
    >>> frechet(tasks).round(6).tolist()
    [[0.0, 1.414214], [1.414214, 0.0]]
    """
    spectra = map(np.linalg.eigh, covariances(tasks))
    roots = [(vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T for values, vectors in spectra]
    traces = np.array([(r**2).sum() for r in roots])
    cross = np.array(
        [
            [np.linalg.svd(r @ s, compute_uv=False).sum() if a < b else 0.0 for b, s in enumerate(roots)]
            for a, r in enumerate(roots)
        ]
    )
    squares = mmd(tasks) ** 2 + traces[:, None] + traces - 2 * (cross + cross.T)
    np.fill_diagonal(squares, 0)
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def covariances(tasks: TaskMoments) -> Array:
    """Covariance of each task's rows, C - m m', (T, d, d)."""
    return np.asarray(tasks.seconds - tasks.means[:, :, None] * tasks.means[:, None, :])


def mmd(tasks: TaskMoments) -> Array:
    """Maximum mean discrepancy with the linear kernel, |m_a - m_b|, (T, T), in [0, 2].

    The sum of w_a w_b times its square over the pairs a < b is Rao's beta (V). O(T^2 d). Gretton et al. 2012.

    >>> from diversity.moments import moments, stack
    >>> mmd(stack({"a": moments([[1, 0]]), "b": moments([[-1, 0]])})).tolist()
    [[0.0, 2.0], [2.0, 0.0]]
    """
    return np.asarray(np.linalg.norm(tasks.means[:, None] - tasks.means, axis=2))


def cka(tasks: TaskMoments, *, centred: bool = False) -> Array:
    """1 - the alignment <C_a, C_b> / (|C_a| |C_b|) of the second moments (Frobenius), (T, T), in [0, 1].

    1 for tasks in orthogonal subspaces; blind to the sign of the rows. `centred` takes the covariances in their place;
    a task whose rows are all the same has none, and nan. O(T^2 d^2). After Kornblith et al. 2019 (who align Gram
    matrices).

    >>> from diversity.moments import moments, stack
    >>> cka(stack({"a": moments([[1, 0]]), "b": moments([[0, 1]])})).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    flat = (covariances(tasks) if centred else tasks.seconds).reshape(len(tasks.names), -1)
    lengths = np.linalg.norm(flat, axis=1, keepdims=True)
    # the covariance of equal rows is what rounding leaves of C - m m', where C has a trace of 1
    lengths[lengths < flat.shape[1] * np.finfo(float).eps] = np.nan
    return _from_cosines((flat / lengths) @ (flat / lengths).T)


def centroid(tasks: TaskMoments) -> Array:
    """Cosine distance of the centroids, 1 - m_a . m_b / (|m_a| |m_b|), (T, T), in [0, 2]; nan where a centroid is 0.

    >>> from diversity.moments import moments, stack
    >>> centroid(stack({"a": moments([[1, 0]]), "b": moments([[0, 1]])})).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    unit = _directions(tasks.means)
    return _from_cosines(unit @ unit.T)


def _directions(means: Array) -> Array:
    lengths = np.linalg.norm(means, axis=-1, keepdims=True)
    # a mean of unit rows below 1e-12 is rounding
    return np.asarray(means / np.where(lengths > 1e-12, lengths, np.nan))


def _from_cosines(cosines: Array) -> Array:
    distances = 1 - np.clip(cosines, -1, 1)
    np.fill_diagonal(distances, np.where(np.isnan(np.diag(distances)), np.nan, 0.0))
    return np.asarray(distances)


def frame(tasks: TaskMoments, distance: Callable[[TaskMoments], Array]) -> pd.DataFrame:
    """A distance as a table with the tasks' names.

    >>> from diversity.moments import moments, stack
    >>> frame(stack({"a": moments([[1, 0]]), "b": moments([[0, 1]])}), centroid).loc["a", "b"]
    np.float64(1.0)
    """
    import pandas as pd

    names = list(tasks.names)
    return pd.DataFrame(distance(tasks), index=names, columns=names)


def to_target(tasks: TaskMoments, weights: ArrayLike, target: Moments) -> tuple[Array, Array]:
    """Greatest and mean cosine of the centroids of a mixture's tasks with a target's, two arrays (M,), in [-1, 1].

    `weights` (M, T) sum to 1: a task of weight 0 does not count, the mean is weighted. This is TextEmb (Vu et al. 2020)
    of each member, where `target_similarity` of the pooled rows is that of the mixture. A mixture without tasks, and a
    centroid of 0, have nan. Raises InputError for a target of another dimension.

    >>> from diversity.moments import moments, stack
    >>> tasks = stack({"a": moments([[1, 0]]), "b": moments([[0, 1]])})
    >>> [v.tolist() for v in to_target(tasks, [[0.5, 0.5], [0, 1]], moments([[2, 0]]))]
    [[1.0, 0.0], [0.5, 0.0]]
    """
    w = np.asarray(weights, dtype=float)
    if target.mean.size != tasks.means.shape[1]:
        raise InputError(
            f"expected a target in {tasks.means.shape[1]} dimensions, as the tasks, found {target.mean.size}"
        )
    cosines = np.clip(_directions(tasks.means) @ _directions(target.mean), -1, 1)
    present = w > 0
    greatest = np.where(present, cosines, -np.inf).max(axis=1)
    mean = np.where(present, w * cosines, 0.0).sum(axis=1)
    empty = ~present.any(axis=1)
    return np.where(empty, np.nan, greatest), np.where(empty, np.nan, mean)
