"""Hub rows of extractive question answering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import identity, inner, items, text
from diversity.data.formats import check_answer
from diversity.types import Answer, Span


def hub_span(row: Mapping[str, Any], id: str, language: str) -> Span:
    """A flat SQuAD row: answers are parallel lists of texts and offsets; no answers, no answer."""
    context, given = text(row, "context"), inner(row, "answers")
    golds, starts = items(given, "text"), items(given, "answer_start")
    if len(golds) != len(starts):
        raise ValueError(f"expected an 'answer_start' for each of {len(golds)} answers, found {len(starts)}")
    answers = tuple(_answer(gold, start) for gold, start in zip(golds, starts, strict=True))
    for answer in answers:
        check_answer(answer, context)
    return Span(identity(row, "id"), language, text(row, "question"), context, answers)


def _answer(gold: object, start: object) -> Answer:
    if not isinstance(gold, str):
        raise ValueError(f"expected text in 'answers', found {type(gold).__name__}")
    if isinstance(start, bool) or not isinstance(start, int):
        raise ValueError(f"expected 'answer_start' to be a whole number, found {start!r}")
    return Answer(gold, start)


def hub_span_test(row: Mapping[str, Any], id: str, language: str) -> Span:
    """The same where every question has an answer: empty ones are withheld."""
    span = hub_span(row, id, language)
    withheld = not span.answers or all(a.text == "" for a in span.answers)
    return Span(span.id, language, span.question, span.context, None if withheld else span.answers)
