"""The diversity of any mixture of embedded tasks, and of all its relabellings: what a permutation test asks for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diversity.moments import single_threaded
from diversity.scoring.asked import Asked
from diversity.scoring.embedded import EmbeddedTasks
from diversity.types import Array, InputError, SecondOrder

NUMBERS = 1 << 24  # of weights that are valued at once: 134 MB


@dataclass(frozen=True)
class MomentScorer:
    """A metric of the moments of tasks as a `Scorer`. Raises InputError for a metric that needs rows.

    >>> from diversity.scoring.embedded import load_moments
    >>> scorer = MomentScorer(load_moments(["mnli", "qqp"]), Asked.of("cosine"))
    >>> scorer.names, scorer.values([[0.5, 0.5]]).round(2).tolist()
    (('mnli', 'qqp'), [0.98])
    """

    space: EmbeddedTasks
    asked: Asked

    def __post_init__(self) -> None:
        if self.asked.metric.mixtures is None:
            raise InputError(f"{self.asked.name} is computed on rows: expected a metric that moments are enough for")

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks, in the order of the columns of weights."""
        return self.space.stacked.names

    def values(self, weights: ArrayLike) -> Array:
        """The diversity (M,) of mixtures with weights (M, T), whose rows sum to 1."""
        w = self._checked(weights)
        with single_threaded():
            return self.asked.from_moments(self.space.stacked, w)

    def relabelled(self, weights: ArrayLike, permutations: ArrayLike) -> Array:
        """The diversity (P, M) of M mixtures with weights (M, T) after each of P relabellings of the tasks (P, T).

        Under a relabelling p, task p[i] takes the weight of task i. Where the metric is of second order in the weights
        this is one product of matrices for all of them; else each distinct mixture is valued once.
        """
        w, moved = self._checked(weights), np.asarray(permutations)
        if moved.ndim != 2 or not (np.sort(moved, axis=1) == np.arange(w.shape[1])).all():
            raise InputError(f"expected permutations of {w.shape[1]} tasks, found shape {moved.shape}")
        form = self._second_order()
        if form is not None:
            return _relabelled_forms(w, moved, form)
        step = max(1, NUMBERS // w.size)
        return np.concatenate([self._each_once(w, moved[i : i + step]) for i in range(0, len(moved), step)])

    def _checked(self, weights: ArrayLike) -> Array:
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim != 2 or w.shape[1] != len(self.names):
            raise InputError(f"expected weights of shape (mixtures, {len(self.names)}), found {w.shape}")
        return w

    def _second_order(self) -> SecondOrder | None:
        metric, options = self.asked.metric, dict(self.asked.options)
        if metric.second_order is None:
            return None
        form = metric.second_order(self.space.stacked, **options, unbiased=self.asked.unbiased)
        usable = form is not None and np.isfinite(form.matrix).all() and np.isfinite(form.vector).all()
        return form if usable else None

    def _each_once(self, weights: Array, permutations: NDArray[np.intp]) -> Array:
        shape = len(permutations), *weights.shape
        stacked = np.empty(shape)
        np.put_along_axis(
            stacked, np.broadcast_to(permutations[:, None], shape), np.broadcast_to(weights, shape), axis=2
        )
        distinct, place = np.unique(stacked.reshape(-1, shape[2]), axis=0, return_inverse=True)
        return np.asarray(self.values(distinct)[place.reshape(-1)].reshape(shape[:2]))


def _relabelled_forms(weights: Array, permutations: NDArray[np.intp], form: SecondOrder) -> Array:
    """A metric of second order after relabellings: the tasks' matrix is permuted in place of the weights."""
    first, second = np.triu_indices(weights.shape[1])
    pairs = weights[:, first] * weights[:, second] * np.where(first == second, 1, 2)
    symmetric = (form.matrix + form.matrix.T) / 2
    matrices = symmetric[permutations[:, first], permutations[:, second]]
    return form.value(matrices @ pairs.T, form.vector[permutations] @ weights.T)
