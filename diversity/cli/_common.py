"""What the commands share: lists in options, checks of options, tables of text."""

from __future__ import annotations

import math
import re
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

ENCODER, MINI = "all-MiniLM-L6-v2", "mini"  # those of encoders.registry; written here so that --help loads nothing
MODELS = "mini (40 languages), all-MiniLM-L6-v2 (English), a folder, or owner/name of the hub"


class Format(StrEnum):
    """Forms of output."""

    table = "table"
    json = "json"
    csv = "csv"


def names_in(values: str | None) -> list[str]:
    """Names at the commas, blanks left out."""
    return [v for v in (s.strip() for s in (values or "").split(",")) if v]


def pairs(items: Sequence[str] | None, form: str) -> dict[str, str]:
    """Names and values of options such as `--where COLUMN=VALUE`, which is their `form`; each name once."""
    values: dict[str, str] = {}
    for item in items or []:
        name, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not name:
            raise InputError(f"expected {form}, found {item!r}")
        if name in values:
            raise InputError(f"expected one {form} of each name, found {name} more than once")
        values[name] = value
    return values


def metrics_in(values: str) -> list[str]:
    """Names at the commas outside parentheses: `a,b(q=1)`."""
    return [v.strip() for v in re.split(r",(?![^()]*\))", values) if v.strip()]


def note(text: str) -> None:
    """One line on stderr."""
    print(text, file=sys.stderr)


def pinned(model: str) -> str:
    """A model's name with its commit of the hub, which is said where the name had none."""
    from diversity.encoders import registry

    full = registry.pinned(model)
    if full != model:
        note(f"note: {model} is {full}")
    return full


def records_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """The rows of a table; what is missing is None."""
    plain = table.astype(object).where(table.notna(), None)
    return [{str(k): v for k, v in row.items()} for row in plain.to_dict("records")]


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    """Aligned columns of text; `right` are the indices of those aligned to the right."""
    widths = [max(len(r[i]) for r in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


def columns() -> int:
    """The width that text is wrapped to: the terminal's, from 60 to 100."""
    return min(max(shutil.get_terminal_size((80, 24)).columns, 60), 100)


def page(title: str, sentence: str, facts: Mapping[str, str]) -> str:
    """A page about one thing: its name, a sentence, and named facts, those that are empty left out."""
    width = max(map(len, facts)) + 2
    lines = [title, "", *textwrap.wrap(sentence, columns()), *([""] if sentence else [])]
    for name, fact in facts.items():
        if fact:
            lines += textwrap.wrap(
                fact, columns(), initial_indent=f"{name:{width}}", subsequent_indent=" " * width,
                break_long_words=False, break_on_hyphens=False,
            )  # fmt: skip
    return "\n".join(lines) + "\n"


def distances_table(table: pd.DataFrame, distance: str, encoder: str) -> str:
    """Distances of tasks as a table of text."""
    within = "; diagonal: of two texts of one task" if distance == "cosine" else ""
    rows = [[str(name), *(f"{v:.4f}" for v in line)] for name, line in zip(table.index, table.to_numpy(), strict=True)]
    header = ["", *map(str, table.columns)]
    title = f"{distance} distance of tasks (encoder {encoder}{within})\n\n"
    return title + text_table(header, rows, right=range(1, len(header)))


def interval_text(low: float, high: float) -> str:
    """A 95 % interval, or a dash where there is none."""
    return f"{low:.4f} to {high:.4f}" if math.isfinite(low) else "-"


def at_least_two(option: str, value: str | int) -> int:
    """The number of rows of an option; InputError below 2."""
    if not re.fullmatch("[0-9]{1,18}", str(value)) or int(value) < 2:
        raise InputError(f"expected {option} of at least 2 rows, found {value!r}")
    return int(value)


def check_figure(option: str, path: Path) -> None:
    """InputError where a figure cannot be written to a path: another form, or a folder that is not there."""
    check_writable(path)
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise InputError(f"expected {option} with a name that ends in .png, .svg or .pdf, found {str(path)!r}")


def check_writable(out: Path) -> None:
    """Before anything is computed: is there a folder to write to?"""
    import os

    if out.is_dir() or not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        problem = "a directory" if out.is_dir() else "a folder that is not there or cannot be written to"
        raise InputError(f"{out}: expected a file that can be written, found {problem}")
