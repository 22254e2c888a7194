"""Sentence retrieval over vectors: Tatoeba's nearest neighbour, BUCC's margin mining, and the threshold that it needs.

Margins and their four ways of choosing pairs: Artetxe & Schwenk 2019, Margin-based Parallel Corpus Mining with
Multilingual Sentence Embeddings, ACL, P19-1309.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diversity.retrieval.neighbours import Indices, Neighbours, Vectors, neighbours
from diversity.types import InputError

Margin = Literal["ratio", "distance", "absolute"]
Candidates = Literal["max", "intersect", "forward", "backward"]
Repeated = Literal["drop", "expand"]
Scores = NDArray[np.float64]
Pair = tuple[str, str]


def tatoeba(queries: Vectors, candidates: Vectors) -> Indices:
    """The row, counted from 0, of the candidate (m, d) with the largest cosine to each query (n, d); ties: the lowest.

    XTREME's queries are the English sentences, its candidates those of the other language.

    >>> tatoeba(np.eye(2, dtype=np.float32), np.array([[1, 2], [2, 1]], dtype=np.float32)).tolist()
    [1, 0]
    """
    return neighbours(queries, candidates, k=1, label="tatoeba").forward[:, 0]


# --- Margin mining ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Mined:
    """Pairs of a source and a target row with their scores, best first; equal scores by source, then target."""

    source: Indices
    target: Indices
    score: Scores

    def __len__(self) -> int:
        """The number of pairs."""
        return len(self.score)


def mine(nearest: Neighbours, *, margin: Margin = "ratio", candidates: Candidates = "max") -> Mined:
    """Pairs from the k nearest neighbours of both directions, scored by a margin.

    With a = cos(x, y) and b the mean of the mean cosines of x and of y to their k nearest neighbours on the other side,
    the margin is a / b (`ratio`), a - b (`distance`) or a (`absolute`). Of its k neighbours, each sentence's best is the
    one of the largest margin. `forward` gives each source its best target; `backward` each target its best source;
    `intersect` the pairs that both give; `max` goes through the pairs of either from the best down and takes those whose
    two sentences have not been taken. Raises InputError for an unknown margin or way.

    >>> from diversity.retrieval.neighbours import neighbours
    >>> x, y = np.array([[1, 0], [0, 1]], dtype=np.float32), np.array([[1, 0], [1, 1]], dtype=np.float32)
    >>> mined = mine(neighbours(x, y, k=1), margin="absolute")
    >>> mined.source.tolist(), mined.target.tolist(), mined.score.round(4).tolist()
    ([0, 1], [0, 1], [1.0, 0.7071])
    """
    if candidates not in get_args(Candidates):
        raise InputError(f"expected retrieval by one of {', '.join(get_args(Candidates))}, found {candidates!r}")
    forward, backward = margins(nearest, margin)
    source, there = np.arange(len(forward)), _best(nearest.forward, forward)
    target, back = np.arange(len(backward)), _best(nearest.backward, backward)
    forward, backward = forward.max(axis=1), backward.max(axis=1)
    if candidates == "forward":
        return _ordered(source, there, forward)
    if candidates == "backward":
        return _ordered(back, target, backward)
    if candidates == "intersect":
        both = back[there] == source
        return _ordered(source[both], there[both], forward[both])
    pairs = np.concatenate([source, back]), np.concatenate([there, target]), np.concatenate([forward, backward])
    return _one_to_one(_ordered(*pairs))


def margins(nearest: Neighbours, margin: Margin = "ratio") -> tuple[Scores, Scores]:
    """Margins of all neighbours, forward (n, k) and backward (m, k).

    A ratio whose b is 0 has no value: it is -inf, so that the pair is never preferred.
    """
    if margin not in get_args(Margin):
        raise InputError(f"expected a margin among {', '.join(get_args(Margin))}, found {margin!r}")
    there, back = nearest.forward_cosines.mean(axis=1), nearest.backward_cosines.mean(axis=1)
    forward = (there[:, None] + back[nearest.forward]) / 2
    backward = (back[:, None] + there[nearest.backward]) / 2
    return _margin(nearest.forward_cosines, forward, margin), _margin(nearest.backward_cosines, backward, margin)


def _margin(a: Scores, b: Scores, margin: Margin) -> Scores:
    if margin == "absolute":
        return a
    if margin == "distance":
        return a - b
    return np.divide(a, b, out=np.full_like(a, -np.inf), where=b != 0)


def _best(neighbour: Indices, scores: Scores) -> Indices:
    return np.take_along_axis(neighbour, scores.argmax(axis=1)[:, None], axis=1)[:, 0]


def _ordered(source: Indices, target: Indices, score: Scores) -> Mined:
    order = np.lexsort((target, source, -score))
    return Mined(source[order], target[order], score[order])


def _one_to_one(pairs: Mined) -> Mined:
    """The pairs whose source and target stand in none before."""
    sources: set[int] = set()
    targets: set[int] = set()
    kept = []
    for index, (source, target) in enumerate(zip(pairs.source.tolist(), pairs.target.tolist(), strict=True)):
        if source not in sources and target not in targets:
            sources.add(source)
            targets.add(target)
            kept.append(index)
    return Mined(pairs.source[kept], pairs.target[kept], pairs.score[kept])


# --- Sentences that stand more than once --------------------------------------------------------------


@dataclass(frozen=True)
class Unique:
    """The distinct sentences of one side, in the order of their first occurrence, and the ids of each."""

    texts: tuple[str, ...]
    ids: tuple[tuple[str, ...], ...]


def unique(texts: Sequence[str], ids: Sequence[str]) -> Unique:
    """Distinct sentences, blanks at both ends aside: only they are mined, for copies would be each other's neighbours.

    >>> unique(["Yes.", "No.", "Yes. "], ["a", "b", "c"])
    Unique(texts=('Yes.', 'No.'), ids=(('a', 'c'), ('b',)))
    """
    ids_of: dict[str, list[str]] = {}
    for text, id in zip(texts, ids, strict=True):
        ids_of.setdefault(text.strip(), []).append(id)
    return Unique(tuple(ids_of), tuple(map(tuple, ids_of.values())))


def identified(mined: Mined, source: Unique, target: Unique, repeated: Repeated = "drop") -> dict[Pair, float]:
    """The score of each mined pair of ids, best first.

    A sentence that stands more than once has no one id: `drop` leaves its pairs out, as LASER and XTREME do;
    `expand` gives all pairs of its ids, as jiant does.
    """
    if repeated not in get_args(Repeated):
        raise InputError(
            f"expected repeated sentences to be one of {', '.join(get_args(Repeated))}, found {repeated!r}"
        )
    scores: dict[Pair, float] = {}
    for s, t, score in zip(mined.source.tolist(), mined.target.tolist(), mined.score.tolist(), strict=True):
        left, right = source.ids[s], target.ids[t]
        if repeated == "expand" or len(left) == len(right) == 1:
            scores.update(dict.fromkeys(product(left, right), score))
    return scores


# --- Threshold and score ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Extracted:
    """The precision, recall and F1, from 0 to 1, of the pairs whose score is at least `threshold`."""

    threshold: float
    precision: float
    recall: float
    f1: float


def extract(scores: dict[Pair, float], threshold: float) -> list[Pair]:
    """The pairs whose score is at least the threshold, best first."""
    return [pair for pair, score in scores.items() if score >= threshold]


def overlap(pairs: Collection[Pair], gold: Collection[Pair], threshold: float = float("nan")) -> Extracted:
    """Precision, recall and F1 of a set of pairs against gold pairs; all 0 where none is right.

    >>> overlap([("a", "x"), ("b", "y")], [("a", "x")]).f1.__round__(4)
    0.6667
    """
    extracted, right = set(pairs), set(gold)
    correct = len(extracted & right)
    if not correct:
        return Extracted(threshold, 0.0, 0.0, 0.0)
    precision, recall = correct / len(extracted), correct / len(right)
    return Extracted(threshold, precision, recall, 2 * precision * recall / (precision + recall))


def tune(scores: dict[Pair, float], gold: Collection[Pair]) -> Extracted:
    """The threshold that extracts the pairs of the highest F1; of several, the one that extracts fewest.

    It lies halfway between the last score extracted and the first that is not. Equal scores are extracted together.
    Where no mined pair is right it is 0, as in LASER. Raises InputError without gold pairs.

    >>> tune({("a", "x"): 1.2, ("b", "y"): 1.0, ("c", "z"): 0.8}, [("a", "x"), ("b", "y")])
    Extracted(threshold=0.9, precision=1.0, recall=1.0, f1=1.0)
    """
    right = set(gold)
    if not right:
        raise InputError("expected gold pairs to tune the threshold on, found none")
    pairs = sorted(scores, key=lambda pair: -scores[pair])
    value = np.array([scores[p] for p in pairs])
    correct = np.cumsum([p in right for p in pairs])
    last = np.flatnonzero(np.append(value[1:] < value[:-1], True)) if len(value) else np.zeros(0, dtype=np.int64)
    f1 = 2 * correct[last] / (last + 1 + len(right)) if len(value) else np.zeros(0)
    if not f1.any():
        return overlap(extract(scores, 0.0), right, 0.0)
    at = int(f1.argmax())
    high, low = value[last[at]], value[last[at] + 1] if at + 1 < len(last) else value[last[at]]
    middle = (high + low) / 2  # neighbouring floats have nothing between them
    threshold = float(middle if middle > low else high)
    return overlap(pairs[: last[at] + 1], right, threshold)
