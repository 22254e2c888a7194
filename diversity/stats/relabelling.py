"""Where the diversity of relabelled mixtures comes from: a table of scores that has them, or a scorer that computes them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Protocol, runtime_checkable

import numpy as np

from diversity.stats import permutation
from diversity.stats.analysis import Scorers
from diversity.stats.permutation import Labels, Relabelled, SetScores
from diversity.studies.scores import Scores
from diversity.studies.study import Study
from diversity.studies.weights import Index, closed
from diversity.types import Array, Scorer

SETS = 40_000  # sets of tasks that are looked up or computed one by one
SECONDS = 60.0  # for the scores of relabelled mixtures
ROWS = 50_000  # mixtures whose diversity is computed at a time
FEWEST = 199  # relabellings below which there is no test
ALIKE = 0.02  # standard deviations by which a computed score may differ from the table's, which is rounded
GIVE = "give the moments or vectors that the scores were computed from, or a table with the scores of all subsets"


@runtime_checkable
class Relabels(Protocol):
    """A scorer that also gives the diversity (B, M) of mixtures (M, T) after relabellings (B, T) at once."""

    def relabelled(self, weights: Array, permutations: Index) -> Array:
        """Task `permutations[b, i]` takes the weight of task i."""
        ...


@dataclass(frozen=True)
class Relabelling:
    """What gives the diversity of relabelled mixtures for one metric: `sets` of equal shares in a table, or a `scorer`."""

    sets: Mapping[frozenset[str], float] = field(default_factory=dict)
    scorer: Scorer | None = None

    @staticmethod
    def of(scores: Scores, metric: str, encoder: str, scorers: Scorer | Scorers | None = None) -> Relabelling:
        """From a table of scores, and a scorer (or a function that gives the one of a metric and an encoder)."""
        rows = scores.frame[(scores.frame["metric"] == metric) & (scores.frame["encoder"] == encoder)]
        sets = {
            frozenset(shares): float(value)
            for name, value in zip(rows["mixture"], rows["value"], strict=True)
            if (shares := scores.shares[name]) and np.ptp(list(shares.values())) < 1e-9
        }
        scorer = scorers(metric, encoder) if callable(scorers) else scorers
        return Relabelling(sets, scorer)

    def relabelled(self, study: Study, draws: int, rng: np.random.Generator) -> Relabelled | str:
        """The study's mixtures under relabellings of its tasks; or in words why that cannot be had."""
        centre, scale = float(study.x.mean()), study.sd
        sets = self._set_scores(study)
        if sets is not None:
            orders, exact = permutation.labels(len(study.tasks), draws, rng)
            return Relabelled(study.weights, orders, exact, sets, None, centre, scale)
        values = self._values(study)
        if isinstance(values, str):
            return values
        draws = min(draws, self._affordable(study))
        if draws < FEWEST:
            return f"the scores of relabelled mixtures would take too long ({FEWEST} relabellings in {SECONDS:g} s)"
        tasks = len(study.tasks)
        if tasks <= permutation.ALL and math.factorial(tasks) <= draws + 1:
            orders, exact = permutation.labels(tasks, draws, rng)
        else:
            orders, exact = permutation.drawn_labels(tasks, draws, rng), False
        return Relabelled(study.weights, orders, exact, None, lambda p: self._moved(study, p), centre, scale)

    def moved_with(self, study: Study, relabelled: Relabelled) -> Relabelled | str:
        """The study's mixtures under the relabellings that those of another score are under; or why that cannot be had."""
        own = self.relabelled(study, FEWEST, np.random.default_rng(0))
        if isinstance(own, str):
            return own
        return replace(own, permutations=relabelled.permutations, exact=relabelled.exact)

    def _set_scores(self, study: Study) -> SetScores | None:
        """The scores of every set that relabelling makes of the mixtures, where they are of equal shares."""
        member, tasks = study.weights > 0, len(study.tasks)
        largest = np.where(member, study.weights, 0).max(axis=1)
        equal = bool(np.allclose(study.weights[member], np.repeat(largest, member.sum(axis=1)), atol=1e-9))
        sizes = sorted({int(k) for k in member.sum(axis=1)})
        if not equal or sum(math.comb(tasks, k) for k in sizes) > SETS:
            return SetScores.of(member, study.x) if tasks <= 52 and closed(study.weights) else None
        sets = [s for k in sizes for s in combinations(range(tasks), k)]
        rows = np.zeros((len(sets), tasks), dtype=bool)
        for row, chosen in zip(rows, sets, strict=True):
            row[list(chosen)] = True
        known = [self.sets.get(frozenset(study.tasks[i] for i in chosen)) for chosen in sets]
        if all(value is not None for value in known):
            return SetScores.of(rows, np.array(known, dtype=float))
        values = self._values(study)
        return None if isinstance(values, str) else SetScores.of(rows, values(rows / rows.sum(axis=1, keepdims=True)))

    def _columns(self, study: Study) -> list[int]:
        """Where the study's tasks stand among those of the scorer."""
        return [] if self.scorer is None else [self.scorer.names.index(t) for t in study.tasks]

    def _whole(self, study: Study, weights: Array) -> Array:
        """Weights (N, T) of the study's tasks as weights of all tasks of the scorer."""
        assert self.scorer is not None
        whole = np.zeros((len(weights), len(self.scorer.names)))
        whole[:, self._columns(study)] = weights
        return whole

    def _values(self, study: Study) -> Callable[[Array], Array] | str:
        """Diversity of weights (N, T) of the study's tasks by the scorer; or why it is not that of the study."""
        scorer = self.scorer
        if scorer is None:
            return f"the scores of relabelled mixtures are not in the table: {GIVE}"
        if missing := [t for t in study.tasks if t not in scorer.names]:
            return f"the moments do not have {', '.join(missing[:3])}: the scores of relabelled mixtures cannot be computed"

        def values(weights: Array) -> Array:
            return np.asarray(scorer.values(self._whole(study, weights)), dtype=float)

        apart = float(np.abs(values(study.weights) - study.x).max()) / study.sd
        if not apart <= ALIKE:
            return (
                f"the moments give other scores than the table (by up to {apart:.2g} standard deviations): "
                "the scores of relabelled mixtures cannot be computed from them"
            )
        return values

    def _moved(self, study: Study, permutations: Labels) -> Array:
        """Diversity (B, M) of the study's mixtures after relabellings (B, T); at once, where the scorer knows how."""
        assert self.scorer is not None
        if isinstance(self.scorer, Relabels):
            columns = np.array(self._columns(study))
            whole = np.tile(np.arange(len(self.scorer.names)), (len(permutations), 1))
            whole[:, columns] = columns[permutations]
            return np.asarray(self.scorer.relabelled(self._whole(study, study.weights), whole))
        inverse, step = np.argsort(permutations, axis=1), max(1, ROWS // len(study.weights))
        moved = (study.weights[:, inverse[i : i + step]].swapaxes(0, 1) for i in range(0, len(inverse), step))
        parts = [self.scorer.values(self._whole(study, part.reshape(-1, part.shape[2]))) for part in moved]
        return np.concatenate(parts).reshape(len(permutations), -1)

    def _affordable(self, study: Study) -> int:
        """How many relabellings can be computed in time."""
        few = permutation.drawn_labels(len(study.tasks), 9, np.random.default_rng(0))
        start = time.perf_counter()
        self._moved(study, few)
        return int(SECONDS / max(time.perf_counter() - start, 1e-6) * len(few))
