"""Hub rows of sentence pairs, for retrieval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diversity.data.formats import text
from diversity.types import Retrieval


def hub_pair(row: Mapping[str, Any], id: str, language: str) -> tuple[Retrieval, Retrieval]:
    """Both sides of a pair: each is the other's match, and they have the same number."""
    number = id.rsplit(":", 1)[-1]
    foreign, english = text(row, "source_sentence").strip(), text(row, "target_sentence").strip()
    here, there = f"{language}-{number}", f"en-{number}"
    return Retrieval(here, language, foreign, (there,)), Retrieval(there, "en", english, (here,))
