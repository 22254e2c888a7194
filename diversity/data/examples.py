"""From a record of any file to an example of a kind, by the names of its fields: what descriptions in TOML need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from diversity.data.fields import choice, inner, items, text, texts
from diversity.data.formats import check_answer
from diversity.types import (
    Answer,
    Classification,
    Example,
    Kind,
    MultipleChoice,
    Retrieval,
    Span,
    Tagging,
    unknown_name_error,
)

Record = Mapping[str, Any]

# What a record of each kind may hold, each with the field that it is in where the description names none ("": it is
# optional, and read only where it is named).
FIELDS: Mapping[str, Mapping[str, str]] = {
    "classification": {"text": "text", "text_pair": "", "label": "label", "id": "", "language": ""},
    "multiple_choice": {
        "context": "", "question": "", "choices": "choices", "label": "label", "id": "", "language": "",
    },
    "span": {"question": "question", "context": "context", "answers": "answers", "start": "", "id": "", "language": ""},
    "tagging": {"tokens": "tokens", "tags": "tags", "id": "", "language": ""},
    "retrieval": {"text": "text", "english": "english", "id": "", "language": ""},
}  # fmt: skip


@dataclass(frozen=True)
class RowParser:
    """Makes examples of records.

    `names` are the fields by what they are for, several where the choices have a field each; `mapping` says what stands
    for a value of a field (nothing for a label: the row is left out); `languages` are the codes with their names in a
    field of the language; where labels may be `withheld`, a record may lack the field.
    """

    kind: Kind
    names: Mapping[str, str | list[str]]
    mapping: Mapping[str, Mapping[str, str]]
    labels: tuple[str, ...]
    languages: Mapping[str, str]
    withheld: bool

    def __call__(self, record: Record, id: str, language: str) -> Example | tuple[Example, ...] | None:
        """The example of a record, None where it is of another language or left out; raises ValueError where it has none."""
        if "language" in self.names and self._value(record, "language") != self.languages[language]:
            return None
        if self.names.get("id"):
            id = self._value(record, "id")
            if not id:
                raise ValueError(f"expected an id in {self.names['id']!r}, found nothing")
        if self.kind == "classification":
            return self._classification(record, id, language)
        if self.kind == "multiple_choice":
            return self._multiple_choice(record, id, language)
        if self.kind == "span":
            answers = self._answers(record)
            return Span(id, language, self._text(record, "question"), self._text(record, "context"), answers)
        if self.kind == "tagging":
            return self.tagging(texts(record, self._field(record, "tokens")), self._tags(record), id, language)
        pair = f"{id}-en"
        foreign, english = self._text(record, "text").strip(), self._text(record, "english").strip()
        return Retrieval(id, language, foreign, (pair,)), Retrieval(pair, "en", english, (id,))

    def _classification(self, record: Record, id: str, language: str) -> Classification | None:
        label = self._label(record)
        if label == "":
            return None
        pair = text(record, self._field(record, "text_pair"), empty=True) if "text_pair" in self.names else None
        return Classification(id, language, self._text(record, "text"), pair, label)

    def _multiple_choice(self, record: Record, id: str, language: str) -> MultipleChoice | None:
        named = self.names["choices"]
        if isinstance(named, list):
            choices = tuple(text(record, _known(record, name)) for name in named)
        else:
            choices = texts(record, _known(record, named))
        if len(choices) < 2:
            raise ValueError(f"expected at least 2 choices, found {len(choices)}")
        label = self._label(record)
        if label == "":
            return None
        context, question = (self._text(record, n) if n in self.names else "" for n in ("context", "question"))
        return MultipleChoice(id, language, context, question, choices, choice({"label": label}, "label", len(choices)))

    def tagging(self, tokens: tuple[str, ...], tags: tuple[str, ...] | None, id: str, language: str) -> Tagging | None:
        """A sentence with its tags as the mapping has them; None for one without a word."""
        if tags is not None and len(tags) != len(tokens):
            raise ValueError(f"expected a tag for each of {len(tokens)} tokens, found {len(tags)}")
        names = self.mapping.get("tags", {})
        return Tagging(id, language, tokens, tags and tuple(names.get(t, t) for t in tags)) if tokens else None

    # --- Fields ---

    def _field(self, record: Record, role: str) -> str:
        """The name of the field of a role; raises ValueError with near matches where the record has none of that name."""
        return _known(record, str(self.names[role]))

    def _absent(self, record: Record, role: str) -> bool:
        """Whether a field of labels is withheld: it is not there, nor one of a name so near that it must be meant."""
        name = str(self.names[role])
        return self.withheld and name not in record and not get_close_matches(name, map(str, record), cutoff=0.8)

    def _value(self, record: Record, role: str) -> str:
        """A text or whole number as text, '' for nothing, as the mapping has it."""
        name = self._field(record, role)
        value = record[name]
        if value is not None and not isinstance(value, str | int):
            raise ValueError(f"expected text or a whole number in {name!r}, found {_found(value)}")
        written = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value).strip()
        return self.mapping.get(role, {}).get(written, written)

    def _text(self, record: Record, role: str) -> str:
        name = self._field(record, role)
        value = text(record, name)
        return self.mapping.get(role, {}).get(value.strip(), value)

    def _label(self, record: Record) -> str | None:
        """The label as the mapping has it; None where it is withheld, '' for a row that the mapping leaves out."""
        name = str(self.names["label"])
        if self._absent(record, "label"):
            return None
        value = self._value(record, "label")
        blank = record[name] is None or (isinstance(record[name], str) and not record[name].strip())
        return value or (None if blank else "")

    def _tags(self, record: Record) -> tuple[str, ...] | None:
        """Tags by name, or by their number among the labels."""
        if self._absent(record, "tags"):
            return None
        name = self._field(record, "tags")
        if record[name] is None:
            return None
        tags = []
        for value in items(record, name):
            if isinstance(value, int) and not isinstance(value, bool):
                if not 0 <= value < len(self.labels):
                    raise ValueError(f"expected tags in {name!r} from 0 to {len(self.labels) - 1}, found {value}")
                value = self.labels[value]
            if not isinstance(value, str) or not value.strip():
                raise ValueError(f"expected tags as text in {name!r}, found {_found(value)}")
            tags.append(value.strip())
        return tuple(tags)

    def _answers(self, record: Record) -> tuple[Answer, ...] | None:
        """Gold answers, each at its place in the context: as lists, objects or one text; None where they are withheld."""
        if self._absent(record, "answers"):
            return None
        name, context = self._field(record, "answers"), self._text(record, "context")
        given = record[name]
        if given is None:
            return None
        if isinstance(given, Mapping):
            golds, starts = items(inner(record, name), "text"), items(given, "answer_start")
        elif isinstance(given, list | tuple) and given and all(isinstance(g, Mapping) for g in given):
            golds, starts = [g.get("text") for g in given], [g.get("answer_start") for g in given]
        else:
            golds = given if isinstance(given, list | tuple) else [given]
            starts = record[self._field(record, "start")] if "start" in self.names else [None] * len(golds)
            starts = starts if isinstance(starts, list | tuple) else [starts]
        if len(golds) != len(starts):
            raise ValueError(f"expected a start for each of {len(golds)} answers, found {len(starts)}")
        answers = tuple(_answer(gold, start, context) for gold, start in zip(golds, starts, strict=True))
        for answer in answers:
            check_answer(answer, context)
        return answers


def _known(record: Record, name: str) -> str:
    if name not in record:
        raise ValueError(str(unknown_name_error(name, [str(key) for key in record], "field")))
    return name


def _answer(gold: object, start: object, context: str) -> Answer:
    if not isinstance(gold, str) or not gold:
        raise ValueError(f"expected text as an answer, found {_found(gold)}")
    if start is None:
        start = context.find(gold)
        if start < 0:
            raise ValueError(f"expected the answer {gold!r} in its context, found it nowhere")
    if isinstance(start, str) and start.strip().isdecimal():
        start = int(start)
    if isinstance(start, bool) or not isinstance(start, int):
        raise ValueError(f"expected the start of an answer to be a whole number, found {start!r}")
    return Answer(gold, start)


def _found(value: object) -> str:
    """What a value is, in words."""
    if value is None or value == "":
        return "nothing"
    named = {list: "a list", tuple: "a list", dict: "an object", bytes: "bytes"}
    return next((name for kind, name in named.items() if isinstance(value, kind)), repr(value))
