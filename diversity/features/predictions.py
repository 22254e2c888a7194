"""From logits to a file of the leaderboard: decoded, in the form that `xtreme.layout` writes and `xtreme.scores` scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from diversity.features import decode
from diversity.features.build import Features
from diversity.types import Array, Example, InputError, Predicted, Span


def predictions(
    features: Features,
    examples: Sequence[Example],
    logits: Array,
    labels: Sequence[str] = (),
    *,
    n_best: int = 20,
    max_answer_length: int = 30,
    null_threshold: float | None = None,
) -> Predicted:
    """What is predicted for each example, from the logits of a whole split.

    classification, from (units, classes): the label of each line. tagging, from (tokens, classes): the tags of each
    sentence, one for every word. span, from (tokens, 2): question id -> answer, `decoding.spans` says how.
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
        return decode.classes(features, logits, labels)
    if kind == "multiple_choice":
        return decode.choices(features, logits)
    if kind == "tagging":
        return decode.tags(features, rows, logits, labels)
    if kind != "span":
        raise InputError(f"expected features of a task with labels, found {kind}")
    if logits.ndim != 2 or logits.shape[1] != 2:
        raise InputError(f"expected logits of shape ({len(features.ids)}, 2), found {logits.shape}")
    found = decode.spans(
        features,
        rows,
        logits[:, 0],
        logits[:, 1],
        n_best=n_best,
        max_answer_length=max_answer_length,
        null_threshold=null_threshold,
    )
    return _by_id(rows, [answered.text for answered in found])


def _by_id(rows: Sequence[Span], texts: Sequence[str]) -> dict[str, str]:
    answers = {row.id: text for row, text in zip(rows, texts, strict=True)}
    if len(answers) < len(rows):
        id, times = Counter(row.id for row in rows).most_common(1)[0]
        raise InputError(f"expected an id of its own for each question, found {id!r} {times} times")
    return answers
