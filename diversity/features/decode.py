"""From logits back to the text: the best span of a passage, a tag for every word, a class, a choice.

`predictions` gives those of a whole split in the form that `xtreme.layout` writes and `xtreme.scores` scores.

Logits are flat: for spans and tags one entry a token of `Features.ids`, for choices one a sequence, for classes one row a
unit. Examples are found by their position, never by their id (ids of some releases repeat).
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from diversity.features.build import Features
from diversity.types import Example, InputError, Predicted, Span, Tagging

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]
    Ints = NDArray[np.int64]


FAR = 1 << 32  # beyond every context


@dataclass(frozen=True)
class Candidate:
    """A stretch of the context that may be the answer: its text, where it starts (code points), and its score."""

    text: str
    start: int
    score: float


@dataclass(frozen=True)
class Answered:
    """The answer to one question: the empty text where the question has none.

    `candidates` are the best spans, best first, without "no answer"; `null_margin` is the score of "no answer" minus
    that of the best span: the number that a threshold is tuned on (infinite where there is no span at all).
    """

    text: str
    candidates: tuple[Candidate, ...]
    null_margin: float


def spans(
    features: Features,
    examples: Sequence[Span],
    start_logits: Floats,
    end_logits: Floats,
    *,
    n_best: int = 20,
    max_answer_length: int = 30,
    null_threshold: float | None = None,
) -> list[Answered]:
    """The answer to each question from the logits (tokens,) of its start and its end, over all windows of its context.

    A span's score is its start logit plus its end logit; it lies within one window, is not reversed, covers characters
    of the context and has at most `max_answer_length` tokens (Devlin et al. 2019). "No answer" scores the lowest sum of
    the first token's logits over the windows, and wins where it exceeds the best span by more than `null_threshold`;
    None is for tasks in which every question has an answer. The text is the context's own, from the first to the last
    character of the span, without spaces around it, and with the marks on its last letter that tokenizers take away.

    Raises InputError for logits that do not fit the features or are not finite.
    """
    if n_best < 1 or max_answer_length < 1:
        raise InputError(f"expected n_best and a length of at least 1, found {n_best} and {max_answer_length}")
    for logits in (start_logits, end_logits):
        _check(logits, features.ids.shape)
    if (np.diff(features.example) < 0).any() or len(examples) <= features.example.max(initial=-1):
        raise InputError(f"expected features of these {len(examples)} examples, in their order")
    tokens, bounds = _context_tokens(features, len(examples), start_logits, end_logits)
    best = tokens.start + _running_maximum(tokens.end, tokens.last, max_answer_length)
    keep = (n_best * np.bincount(features.example, minlength=len(examples))).tolist()
    null = _null(features, len(examples), start_logits, end_logits).tolist()
    out = list[Answered]()
    for row, (a, b) in enumerate(pairwise(bounds)):
        count, candidates = keep[row], tuple[Candidate, ...]()
        while True:
            starts = a + _largest(best[a:b], count)  # the best n spans begin at the n tokens of the best spans
            stretches, scores = tokens.spans(starts, max_answer_length, count)
            candidates = _candidates(examples[row].context, stretches, scores)[:n_best]
            if len(candidates) == n_best or count >= (b - a) * max_answer_length:
                break
            count *= 4  # spans of nothing but space, or of the same text, took the places of others
        margin = null[row] - candidates[0].score if candidates else float("inf")
        no_answer = not candidates or (null_threshold is not None and margin > null_threshold)
        out.append(Answered("" if no_answer else candidates[0].text, candidates, margin))
    return out


@dataclass(frozen=True)
class _Tokens:
    """The tokens of all contexts: logits, the characters covered, the window's last token, where the next begins."""

    start: Floats
    end: Floats
    align: NDArray[np.int32]
    last: Ints
    following: Ints

    def spans(self, starts: Ints, width: int, count: int) -> tuple[Ints, Floats]:
        """The best spans of at most `width` tokens from these starts: (begin, end, next begin) of each, and scores."""
        ends = starts[:, None] + np.arange(width)
        inside = ends <= self.last[starts][:, None]
        first, last = np.broadcast_to(starts[:, None], ends.shape)[inside], ends[inside]
        scores = self.start[first] + self.end[last]
        order = _largest(scores, count)
        order = order[np.lexsort((last[order], first[order], -scores[order]))]
        first, last = first[order], last[order]
        return np.stack([self.align[first, 0], self.align[last, 1], self.following[last]], axis=1), scores[order]


def _context_tokens(features: Features, rows: int, start: Floats, end: Floats) -> tuple[_Tokens, list[int]]:
    """The tokens that cover characters of the contexts, and where those of each example begin and end."""
    assert features.align is not None
    place = np.flatnonzero(features.align[:, 1] > features.align[:, 0])
    unit = np.searchsorted(features.starts, place, side="right") - 1
    last = np.searchsorted(unit, unit, side="right") - 1
    align = features.align[place]
    example = features.example[unit]
    # what follows the last token of a window is in the next window: the first token of all that begins at its end or after
    context = np.multiply(example, FAR, dtype=np.int64)
    begins = np.sort(context + align[:, 0])
    following = np.append(begins, rows * FAR)[np.searchsorted(begins, context + align[:, 1])] - context
    bounds: list[int] = np.searchsorted(example, np.arange(rows + 1)).tolist()
    return _Tokens(start[place], end[place], align, last, following), bounds


def _check(logits: Floats, shape: tuple[int, ...]) -> None:
    if logits.shape != shape:
        raise InputError(f"expected logits of shape {shape}, found {logits.shape}")
    if not np.isfinite(logits).all():
        raise InputError("expected finite logits, found NaN or infinity")


def _null(features: Features, rows: int, start: Floats, end: Floats) -> Floats:
    """The score of "no answer" of each example: the lowest over its windows, of their first tokens."""
    first = features.starts[:-1]
    null = np.full(rows, np.inf)
    np.minimum.at(null, features.example, start[first] + end[first])
    return null


def _running_maximum(values: Floats, last: Ints, width: int) -> Floats:
    """The largest of `width` values from each place on, none of them beyond the place `last`.

    By doubling: the maximum of 2k values is that of two times k. What would lie beyond is replaced by the last value,
    which is among them.

    >>> _running_maximum(np.array([1.0, 3.0, 0.0, 2.0]), np.array([2, 2, 2, 3]), 2).tolist()
    [3.0, 3.0, 0.0, 2.0]
    """
    place, size = np.arange(len(values)), 1
    while size * 2 <= width:
        values = np.maximum(values, values[np.minimum(place + size, last)])
        size *= 2
    return np.maximum(values, values[np.minimum(place + width - size, last)])


def _largest(values: Floats, count: int) -> Ints:
    """Where the `count` largest values stand, in no order."""
    if len(values) <= count:
        return np.arange(len(values))
    return np.argpartition(values, len(values) - count)[len(values) - count :]


def _candidates(context: str, stretches: Ints, scores: Floats) -> tuple[Candidate, ...]:
    """Stretches of the context with their scores, best first; those of the same characters (of two windows) once.

    A stretch is where its first token begins, where its last one ends, and where the next token begins.
    """
    distinct = dict[tuple[int, str], Candidate]()
    for (begin, end, following), score in zip(stretches.tolist(), scores.tolist(), strict=True):
        stretch = context[begin : _with_marks(context, end, following)]
        if text := stretch.strip():  # sentencepiece counts the space before a word as the word's
            start = begin + stretch.index(text)
            distinct.setdefault((start, text), Candidate(text, start, score))
    return tuple(distinct.values())


def _with_marks(context: str, end: int, following: int) -> int:
    """The end of a stretch with the combining marks after it that the tokenizer took away and no token covers.

    >>> _with_marks("cafe\u0301 noir", 4, 6), _with_marks("cafe\u0301 noir", 4, 4)
    (5, 4)
    """
    while end < min(following, len(context)) and unicodedata.category(context[end]).startswith("M"):
        end += 1
    return end


def tags(
    features: Features, examples: Sequence[Tagging], predictions: NDArray[Any], labels: Sequence[str]
) -> list[tuple[str, ...]]:
    """A tag for every word of each sentence, from class indices (tokens,) or logits (tokens, classes).

    Raises InputError where the features are not of these examples (a word would have no prediction, or several).
    """
    classes = predictions.argmax(axis=1) if predictions.ndim == 2 else predictions
    if predictions.ndim == 2:
        _check(predictions, (len(features.ids), len(labels)))
    assert features.align is not None
    at = np.flatnonzero(features.align >= 0)
    row = features.example[np.searchsorted(features.starts, at, side="right") - 1]
    counts = np.array([len(e.tokens) for e in examples])
    ends = np.cumsum(counts)
    place = (ends - counts)[row] + features.align[at]
    if not np.array_equal(np.bincount(place, minlength=int(ends[-1])), np.ones(int(ends[-1]))):
        raise InputError(f"expected features that predict each word of these {len(examples)} sentences once")
    by_word = np.empty(len(place), dtype=np.int64)
    by_word[place] = classes[at]
    names = [labels[i] for i in by_word.tolist()]
    return [tuple(names[a:b]) for a, b in pairwise([0, *ends.tolist()])]


def classes(features: Features, logits: Floats, labels: Sequence[str]) -> list[str]:
    """The class of each example from logits (units, classes).

    >>> pair = Features("classification", *[np.zeros(0)] * 2, *[np.arange(3)] * 2, np.arange(2), np.zeros(2))
    >>> classes(pair, np.array([[0.1, 2.0], [3.0, 1.0]]), ["neutral", "entailment"])
    ['entailment', 'neutral']
    """
    _check(logits, (len(features), len(labels)))
    return [labels[i] for i in logits.argmax(axis=1).tolist()]


def choices(features: Features, scores: Floats) -> list[int]:
    """The index of the best choice of each example from a score for each sequence; the first of equal ones.

    >>> three = Features("multiple_choice", *[np.zeros(0)] * 2, np.arange(6), np.array([0, 2, 5]), np.arange(2), np.zeros(2))
    >>> choices(three, np.array([1.0, 0.5, 0.1, 0.2, 0.2]))
    [0, 1]
    """
    _check(scores, (len(features.starts) - 1,))
    begins = features.groups[:-1]
    best = np.repeat(np.maximum.reduceat(scores, begins), np.diff(features.groups))
    at = np.flatnonzero(scores == best)
    unit = np.searchsorted(features.groups, at, side="right") - 1
    first: list[int] = (at[np.unique(unit, return_index=True)[1]] - begins).tolist()
    return first


def predictions(
    features: Features,
    examples: Sequence[Example],
    logits: Floats,
    labels: Sequence[str] = (),
    *,
    n_best: int = 20,
    max_answer_length: int = 30,
    null_threshold: float | None = None,
) -> Predicted:
    """What is predicted for each example, from the logits of a whole split.

    classification, from (units, classes): the label of each line. tagging, from (tokens, classes): the tags of each
    sentence, one for every word. span, from (tokens, 2): question id -> answer, `spans` says how.
    multiple_choice, from (sequences,): the index of the choice. Raises InputError for logits that do not fit, and for
    question ids that repeat: a file of answers holds one for each id.

    >>> import numpy as np
    >>> from diversity.types import Classification
    >>> row = Classification("1", "en", "A man sleeps.", "He rests.", None)
    >>> one = Features("classification", *[np.zeros(0)] * 2, *[np.arange(2)] * 2, np.arange(1), np.zeros(1))
    >>> predictions(one, [row], np.array([[0.1, 2.0]]), ["neutral", "entailment"])
    ['entailment']
    """
    kind, rows = features.kind, list[Any](examples)
    if kind == "classification":
        return classes(features, logits, labels)
    if kind == "multiple_choice":
        return choices(features, logits)
    if kind == "tagging":
        return tags(features, rows, logits, labels)
    if kind != "span":
        raise InputError(f"expected features of a task with labels, found {kind}")
    if logits.ndim != 2 or logits.shape[1] != 2:
        raise InputError(f"expected logits of shape ({len(features.ids)}, 2), found {logits.shape}")
    answers = spans(
        features,
        rows,
        logits[:, 0],
        logits[:, 1],
        n_best=n_best,
        max_answer_length=max_answer_length,
        null_threshold=null_threshold,
    )
    by_id = {row.id: answer.text for row, answer in zip(rows, answers, strict=True)}
    if len(by_id) < len(rows):
        id, times = Counter(row.id for row in rows).most_common(1)[0]
        raise InputError(f"expected an id of its own for each question, found {id!r} {times} times")
    return by_id
