"""Hub rows of tagged sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diversity.types import HubParser, Tagging


def hub_tags(column: str, names: tuple[str, ...]) -> HubParser:
    """A parser of hub rows of tokens and class numbers (or names)."""

    def parse(row: Mapping[str, Any], id: str, language: str) -> Tagging | None:
        tokens, numbers = tuple(row["tokens"]), row[column]
        if len(tokens) != len(numbers):
            raise ValueError(f"expected a tag for each of {len(tokens)} tokens, found {len(numbers)}")
        tags = tuple(n if isinstance(n, str) else names[n] for n in numbers)
        return Tagging(id, language, tokens, tags) if tokens else None

    return parse
