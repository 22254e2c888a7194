"""Hub rows of tagged sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import items, texts
from diversity.types import HubParser, Tagging


def _number(value: object, count: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -1 <= value < count


def hub_tags(column: str, names: tuple[str, ...]) -> HubParser:
    """A parser of hub rows of tokens and class numbers (or names)."""

    def parse(row: Mapping[str, Any], id: str, language: str) -> Tagging | None:
        tokens, numbers = texts(row, "tokens"), items(row, column)
        if len(tokens) != len(numbers):
            raise ValueError(f"expected a tag for each of {len(tokens)} tokens, found {len(numbers)}")
        if wrong := [n for n in numbers if not (n in names if isinstance(n, str) else _number(n, len(names)))]:
            raise ValueError(f"expected tags from -1 to {len(names) - 1}, found {wrong[0]!r}")
        withheld = any(n == -1 for n in numbers)
        tags = None if withheld else tuple(n if isinstance(n, str) else names[n] for n in numbers)
        return Tagging(id, language, tokens, tags) if tokens else None

    return parse
