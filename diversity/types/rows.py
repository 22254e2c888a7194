"""Which rows of a task are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypedDict, Unpack

from diversity.types.errors import BadRow, InputError


class RowChanges(TypedDict, total=False):
    """The parts of `Rows` by name, as `Rows.of` takes them."""

    folder: Path
    split: str
    languages: Sequence[str]
    limit: int | None
    seed: int
    bad: list[BadRow] | None


@dataclass(frozen=True)
class Rows:
    """Which rows of a task: a data folder, splits in order of preference, languages, how many, and bad rows.

    The first of the splits that is there is read; `limit` rows of it are drawn with `seed`. Where `bad` is a list, rows
    that cannot be read are added to it; without one they are an error. A folder stands for all its defaults:

    >>> Rows.of("data", split="dev").languages
    ('en',)
    """

    folder: Path | None = None
    split: str = "train,dev"
    languages: tuple[str, ...] = ("en",)
    limit: int | None = None
    seed: int = 0
    bad: list[BadRow] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Take a folder as text, and languages as a list; raise InputError for none, or for text in place of a list."""
        if isinstance(self.folder, str):
            object.__setattr__(self, "folder", Path(self.folder).expanduser())
        if isinstance(self.languages, str) or not self.languages:
            raise InputError(f"expected a list of languages, found {self.languages!r}")
        object.__setattr__(self, "languages", tuple(self.languages))

    @staticmethod
    def of(data: Rows | Path | str | None, **changes: Unpack[RowChanges]) -> Rows:
        """The rows that a folder or `Rows` stand for, with these changes."""
        given = data if isinstance(data, Rows) else Rows(None if data is None else Path(data).expanduser())
        return replace(given, **changes)  # type: ignore[arg-type]  # a list of languages becomes a tuple

    @property
    def splits(self) -> tuple[str, ...]:
        """The preferred splits, one by one."""
        return tuple(s.strip() for s in self.split.split(",") if s.strip())
