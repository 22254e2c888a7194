"""Hub rows of extractive question answering."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diversity.data.formats import check_answer, text
from diversity.types import Answer, Span


def hub_span(row: Mapping[str, Any], id: str, language: str) -> Span:
    """A flat SQuAD row: answers are parallel lists of texts and offsets; no answers, no answer."""
    context, given = text(row, "context"), row["answers"]
    answers = tuple(Answer(t, int(s)) for t, s in zip(given["text"], given["answer_start"], strict=True))
    for gold in answers:
        check_answer(gold.text, gold.start, context)
    return Span(str(row["id"]), language, text(row, "question"), context, answers)


def hub_span_test(row: Mapping[str, Any], id: str, language: str) -> Span:
    """The same where every question has an answer: empty ones are withheld."""
    span = hub_span(row, id, language)
    withheld = not span.answers or all(a.text == "" for a in span.answers)
    return Span(span.id, language, span.question, span.context, None if withheld else span.answers)
