"""The diversity of any mixture of embedded tasks, and of all its relabellings: what a permutation test asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diversity.encoders import registry
from diversity.moments import single_threaded
from diversity.scoring.asked import Asked
from diversity.scoring.embedded import EmbeddedTasks, from_arrays, load_moments
from diversity.studies.outcomes import Outcomes
from diversity.studies.scores import Scores, read_scores
from diversity.types import Array, InputError, SecondOrder

HILL = "hill(q=1)"  # of the weights: the score that every mixture has
NUMBERS = 1 << 24  # of weights that are valued at once: 134 MB


@dataclass(frozen=True)
class MomentScorer:
    """A metric of the moments of tasks as a `Scorer`. Raises InputError for a metric that needs rows.

    >>> from diversity.scoring.embedded import load_moments
    >>> scorer = MomentScorer(load_moments(["mnli", "qqp"]), Asked.of("cosine"))
    >>> scorer.names, scorer.values([[0.5, 0.5]]).round(2).tolist()
    (('mnli', 'qqp'), [0.97])
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
        form = self.asked.second_order(self.space.stacked)
        if form is not None:
            return _relabelled_forms(w, moved, form)
        step = max(1, NUMBERS // w.size)
        return np.concatenate([self._each_once(w, moved[i : i + step]) for i in range(0, len(moved), step)])

    def _checked(self, weights: ArrayLike) -> Array:
        w = np.asarray(weights, dtype=np.float64)
        if w.ndim != 2 or w.shape[1] != len(self.names):
            raise InputError(f"expected weights of shape (mixtures, {len(self.names)}), found {w.shape}")
        return w

    def _each_once(self, weights: Array, permutations: NDArray[np.intp]) -> Array:
        shape = len(permutations), *weights.shape
        stacked = np.empty(shape)
        np.put_along_axis(
            stacked, np.broadcast_to(permutations[:, None], shape), np.broadcast_to(weights, shape), axis=2
        )
        distinct, place = np.unique(stacked.reshape(-1, shape[2]), axis=0, return_inverse=True)
        return np.asarray(self.values(distinct)[place.reshape(-1)].reshape(shape[:2]))


def scorers(
    scores: Scores, *, moments: Path | str | None = None, embeddings: Mapping[str, ArrayLike | Path] | None = None
) -> Callable[[str, str], MomentScorer | None]:
    """The scorer of each metric and encoder of a table of scores: what a test that relabels tasks asks for.

    From the `embeddings` of each task (arrays, or `.npy` files), else from saved `moments` (a folder; default: the shipped
    ones). None where a task has no moments, or the metric needs rows.

    Parameters
    ----------
    scores
        Checked scores.
    moments
        Folder of saved moments; default: the shipped ones.
    embeddings
        Vectors of each task, in place of moments.

    Returns
    -------
    Callable[[str, str], MomentScorer | None]
        A function of metric and encoder.

    Examples
    --------
    >>> from diversity.scoring.score import score
    >>> from diversity.studies.scores import read_scores
    >>> table = read_scores(score(["mnli", "qqp"], all_subsets=True, metrics=["cosine"], intervals=False))
    >>> scorer = scorers(table)("cosine", "all-MiniLM-L6-v2")
    >>> scorer.names, scorer.values(np.array([[0.5, 0.5]])).round(3).tolist()
    (('mnli', 'qqp'), [0.97])
    """
    tasks = sorted({task for shares in scores.shares.values() for task in shares})
    spaces: dict[str, EmbeddedTasks | None] = {}

    def space(encoder: str) -> EmbeddedTasks | None:
        if encoder not in spaces:
            try:
                spaces[encoder] = (
                    from_arrays({t: embeddings[t] for t in tasks if t in embeddings})
                    if embeddings
                    else load_moments(tasks, moments, encoder or registry.DEFAULT)
                )
            except InputError:
                if moments is not None or embeddings:
                    raise
                spaces[encoder] = None  # the shipped moments do not have these tasks
        return spaces[encoder]

    def scorer(metric: str, encoder: str) -> MomentScorer | None:
        known = space(encoder)
        if known is None:
            return None
        rows = scores.frame[(scores.frame["metric"] == metric) & (scores.frame["encoder"] == encoder)]
        plain = "estimator" in rows and set(rows["estimator"]) == {"V"}
        try:
            return MomentScorer(known, Asked.of(metric, "V" if plain else "auto"))
        except InputError:  # a score of the user's, or one of rows
            return None

    return scorer


def scores_of_weights(
    results: Outcomes,
    metrics: Sequence[str] = (HILL,),
    *,
    encoder: str | None = None,
    moments: Path | str | None = None,
    embeddings: Mapping[str, ArrayLike | Path] | None = None,
) -> Scores:
    """The scores of the mixtures of checked results, where there is no table of them: from their weights.

    The Hill number of the weights is always among them; other metrics need moments of the tasks, or their vectors, as for
    `scorers`.

    Parameters
    ----------
    results
        Checked results, as `read_wide` gives them.
    metrics
        Names of metrics, such as `cosine` or `vendi(q=2)`.
    encoder
        Encoder of the moments.
    moments
        Folder of saved moments.
    embeddings
        Vectors of each task, in place of moments.

    Returns
    -------
    Scores
        Scores that `fit`, `compare` and `report` take.

    Raises
    ------
    InputError
        Where a task has no moments, and for a metric of rows.

    Examples
    --------
    >>> import pandas as pd
    >>> from diversity.studies.wide import read_wide
    >>> runs = pd.DataFrame({"w_law": [1, 0, 0.5], "w_code": [0, 1, 0.5], "law_loss": [2.0, 3.5, 2.4]})
    >>> scores_of_weights(read_wide(runs, weights="w_*", outcomes="*_loss")).frame["value"].tolist()
    [1.0, 1.0, 2.0]
    """
    import pandas as pd

    asked = [Asked.of(name) for name in dict.fromkeys([*metrics, HILL])]
    shares = {name: given for name, given in results.shares.items() if given}
    tasks = sorted({task for given in shares.values() for task in given})
    weights = np.array([[given.get(task, 0.0) for task in tasks] for given in shares.values()])
    about = pd.DataFrame(
        {
            "mixture": list(shares),
            "tasks": ["+".join(given) for given in shares.values()],
            "weights": ["+".join(repr(float(w)) for w in given.values()) for given in shares.values()],
        }
    )
    space = None
    if any(a.metric.takes != "weights" for a in asked):
        space = from_arrays({t: embeddings[t] for t in tasks if t in embeddings}) if embeddings else None
        space = space or load_moments(tasks, moments, encoder or registry.DEFAULT)
        if missing := [t for t in tasks if t not in space.stacked.names]:
            raise InputError(f"expected vectors of each task, found none of {', '.join(missing[:3])}")
    parts = []
    for a in asked:
        if a.metric.takes == "weights":
            values = np.array([a.metric.function(row, **a.options) for row in weights])
        else:
            assert space is not None
            values = MomentScorer(space, a).values(weights[:, [tasks.index(t) for t in space.stacked.names]])
        parts.append(about.assign(metric=a.name, value=values, encoder=space.encoder if space else ""))
    return read_scores(pd.concat(parts, ignore_index=True))


def _relabelled_forms(weights: Array, permutations: NDArray[np.intp], form: SecondOrder) -> Array:
    """A metric of second order after relabellings: the tasks' matrix is permuted in place of the weights."""
    first, second = np.triu_indices(weights.shape[1])
    pairs = weights[:, first] * weights[:, second] * np.where(first == second, 1, 2)
    symmetric = (form.matrix + form.matrix.T) / 2
    matrices = symmetric[permutations[:, first], permutations[:, second]]
    return form.value(matrices @ pairs.T, form.vector[permutations] @ weights.T)
