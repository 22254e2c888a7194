"""What a user gave cannot be used: the errors of the toolkit."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Sequence
from itertools import islice
from pathlib import Path
from typing import Any


class InputError(ValueError):
    """What a user gave cannot be used; the message says what was expected, found, and where."""


MANY = 2000  # names: to look for those that are alike takes seconds beyond
SHOWN = 100


def listed(names: Collection[str]) -> str:
    """Names at commas; of very many, the first ones and how many more there are.

    >>> listed(["a", "b"]), listed([str(i) for i in range(102)])[-17:]
    ('a, b', '98, 99 and 2 more')
    """
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(islice(map(str, names), SHOWN)) + more


def check_list(names: object, what: str) -> None:
    """Raises InputError for one text where a list of names is meant, whose letters would be taken for names.

    >>> check_list("cosine,mst", "metrics")
    Traceback (most recent call last):
        ...
    diversity.types.errors.InputError: expected a list of metrics, found one text: write ['cosine', 'mst']
    """
    if isinstance(names, str):
        parts = [part.strip() for part in re.split(r",(?![^()]*\))", names) if part.strip()]
        raise InputError(f"expected a list of {what}, found one text: write {parts!r}")


def missing_file(path: Path, what: str) -> InputError:
    """The error for a file that does not exist: where it was looked for, and files beside it of names that are alike."""
    folder = path.absolute().parent
    if not folder.is_dir():
        return InputError(f"{path}: expected {what}, found no folder {folder}")
    close = difflib.get_close_matches(path.name, [p.name for p in folder.iterdir()][:MANY], n=3, cutoff=0.6)
    hint = f"did you mean {', '.join(sorted(close))}?" if close else f"looked in {folder}"
    return InputError(f"{path}: expected {what}, found no such file: {hint}")


def unknown_name_error(name: str, known: Sequence[str], what: str) -> InputError:
    """The error for an unknown name: what was found, near matches, else all that is known."""
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5) if len(known) < MANY else []
    hint = f"did you mean {', '.join(close)}?" if close else f"expected one of {listed(known)}"
    return InputError(f"unknown {what} {name!r}: {hint}")


class BadRow(InputError):
    """One row of a file that cannot be read."""

    def __init__(self, path: Path | str, where: int | str, problem: str) -> None:
        super().__init__(f"{path}:{where}: {problem}")
        self.path, self.where, self.problem = str(path), where, problem

    def __reduce__(self) -> tuple[Any, ...]:
        return BadRow, (self.path, self.where, self.problem)
