"""How a set of texts or vectors is named: `NAME=FILE:FIELD+FIELD`, where only FILE must be given."""

from __future__ import annotations

import re
from pathlib import Path

from diversity.types import InputError

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
