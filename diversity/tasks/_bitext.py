"""Sentence pairs, for retrieval: files that lie beside each other, and rows of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diversity.data.fields import text
from diversity.types import Retrieval


def sibling(path: Path, old: str, new: str) -> Path | None:
    """The file beside `path` whose name ends in another suffix, gzipped or not."""
    stem = path.name.removesuffix(".gz").removesuffix(f".{old}")
    return next((p for z in ("", ".gz") if (p := path.with_name(f"{stem}.{new}{z}")).exists()), None)


def hub_pair(row: Mapping[str, Any], id: str, language: str) -> tuple[Retrieval, Retrieval]:
    """Both sides of a pair: each is the other's match, and they have the same number."""
    number = id.rsplit(":", 1)[-1]
    foreign, english = text(row, "source_sentence").strip(), text(row, "target_sentence").strip()
    ids = f"{language}-{number}", f"en-{number}"
    return Retrieval(ids[0], language, foreign, (ids[1],)), Retrieval(ids[1], "en", english, (ids[0],))
