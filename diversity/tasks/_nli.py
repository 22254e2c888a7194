"""Sentence pairs with an inference label, in the forms that several data sets share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import identity, text, whole
from diversity.types import Classification, HubParser

LABELS = ("entailment", "neutral", "contradiction")


def pair(record: Mapping[str, Any], id: str, language: str) -> Classification | None:
    """A row of SNLI's and MultiNLI's JSON lines; None where the annotators did not agree (`-`)."""
    label = record["gold_label"]
    if label == "-":
        return None
    if label not in LABELS:
        raise ValueError(f"expected 'gold_label' to be one of {', '.join(LABELS)} or -, found {label!r}")
    premise, hypothesis = text(record, "sentence1"), text(record, "sentence2", empty=True)
    return Classification(identity(record, "pairID", id), language, premise, hypothesis, label)


def class_label(record: Mapping[str, Any], name: str, names: tuple[str, ...]) -> str | None:
    """The name of a hub's class number; None for -1, which stands for a withheld label."""
    value = record[name]
    if isinstance(value, str) and value in names:
        return value
    number = whole(record, name)
    if not -1 <= number < len(names):
        raise ValueError(f"expected {name!r} from -1 to {len(names) - 1}, found {value!r}")
    return names[number] if number >= 0 else None


def hub_pair(first: str, second: str, label: str, names: tuple[str, ...], *, keep_unlabelled: bool) -> HubParser:
    """A parser of hub rows of two texts and a class number."""

    def parse(row: Mapping[str, Any], id: str, language: str) -> Classification | None:
        gold = class_label(row, label, names)
        if gold is None and not keep_unlabelled:
            return None
        return Classification(id, language, text(row, first), text(row, second, empty=True), gold)

    return parse
