"""Examples: one labelled item of a task, by kind."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Classification:
    """A sentence, or a pair of them, and its class (None where the label is not given)."""

    id: str
    language: str
    text: str
    text_pair: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class MultipleChoice:
    """A context, a question (may be empty), the choices and the index of the right one."""

    id: str
    language: str
    context: str
    question: str
    choices: tuple[str, ...]
    label: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and where it starts in its context, in Unicode code points."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Span:
    """A question on a passage. `answers` is None where the gold answers are withheld, empty where there is none."""

    id: str
    language: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None


@dataclass(frozen=True, slots=True)
class Tagging:
    """The words of a sentence and one tag for each (None where the tags are withheld)."""

    id: str
    language: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Retrieval:
    """A sentence of one side of a bitext and the ids of its translations on the other side."""

    id: str
    language: str
    text: str
    matches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text without a label, for masked language modelling."""

    id: str
    language: str
    text: str


Example = Classification | MultipleChoice | Span | Tagging | Retrieval | Text
EXAMPLES: dict[str, type[Example]] = {
    "classification": Classification,
    "multiple_choice": MultipleChoice,
    "span": Span,
    "tagging": Tagging,
    "retrieval": Retrieval,
}
