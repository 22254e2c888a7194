"""How a set of texts or vectors is named: `NAME=FILE:FIELD+FIELD`, where only FILE must be given."""

from __future__ import annotations

import re
from pathlib import Path

from diversity.types import InputError

FORMS = (".txt", ".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet", ".arrow")
PACKED = (".gz", ".bz2", ".xz")

Fields = tuple[str, ...]


def divided(spec: str) -> tuple[str, str, Fields]:
    """Name, path and fields of a specification; a file that has that very name is itself.

    >>> divided("news=news.csv:headline+body")
    ('news', 'news.csv', ('headline', 'body'))
    """
    if Path(spec).exists():
        return "", spec, ()
    match = re.fullmatch(r"([\w.-]+)=(.+)", spec, re.DOTALL)
    label, rest = (match[1], match[2]) if match else ("", spec)
    path, colon, fields = rest.rpartition(":")
    if Path(rest).exists() or not colon or re.search(r"[/\\]", fields):
        return label, rest, ()
    named = tuple(f.strip() for f in fields.split("+"))
    if not all(named):
        raise InputError(f"expected fields such as {path}:title+body, found {spec!r}")
    return label, path, named


def form(path: Path | str) -> str:
    """The form of a file by its suffix, that of a compressed one by the suffix before; InputError for another.

    >>> form("news.csv.gz")
    '.csv'
    """
    suffixes = [s.lower() for s in Path(path).suffixes]
    last = suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in PACKED else suffixes[-1] if suffixes else ""
    if last not in FORMS:
        raise InputError(
            f"{path}: expected a file of texts ({' '.join(FORMS)}, plain or {' '.join(PACKED)}), found {last or 'no suffix'}"
        )
    return last
