"""Where the answer of a command goes: printed in one form, and written to the file or folder of `--output`."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diversity.cli._common import Format, check_writable, note
from diversity.cli._options import with_options
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.reporting.page import Figure, Table

Records = Sequence[dict[str, Any]]
FORMS = (".csv", ".json", ".parquet", ".md", ".tex")

FormatOption = Annotated[Format, typer.Option(help="How the answer is printed.")]
OldOut = Annotated[Path | None, typer.Option("--out", hidden=True, help="Old: FILE for what is printed.")]
OldJson = Annotated[Path | None, typer.Option("--json", hidden=True, help="Old: --output FILE.json.")]
File = Annotated[Path | None, typer.Option(help=f"File to write; its suffix says the form: {' '.join(FORMS)}.")]
FileOrFolder = Annotated[
    Path | None,
    typer.Option(
        help="File to write (.json: all the numbers; .csv .parquet .md .tex: the table), or a folder for all."
    ),
]


@dataclass(frozen=True)
class Printer:
    """How an answer is printed; `--out FILE`, the old way, takes what would be printed."""

    format: FormatOption = Format.table
    out: OldOut = None

    def __post_init__(self) -> None:
        if self.out is not None:
            check_writable(self.out)

    def show(self, records: Records, table: str, *, single: Mapping[str, Any] | None = None) -> None:
        """Print records in the form asked for: `table` is their text, `single` the object that JSON has in their place."""
        if self.format is Format.table:
            emit(table, self.out)
        else:
            emit(_text(records, f".{self.format}", single), self.out)


@dataclass(frozen=True)
class Writer(Printer):
    """How an answer is printed, and the file that it is written to."""

    output: File = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.output is not None:
            self._check(self.output)

    def show(
        self, records: Records, table: str, *, single: Mapping[str, Any] | None = None, document: str = ""
    ) -> None:
        """Write and print records; `document` is the JSON of the file, where it is not what is printed."""
        if self.output is not None and self.output.suffix:
            write_records(records, self.output, single=single, document=document)
        super().show(records, table, single=single)

    def _check(self, path: Path) -> None:
        if path.suffix not in FORMS:
            raise InputError(f"expected --output with a name that ends in {_either(FORMS)}, found {str(path)!r}")
        check_writable(path)


@dataclass(frozen=True)
class TablesWriter(Writer):
    """The same of an answer that has several tables: `--output` may be a folder for all of them."""

    output: FileOrFolder = None
    json_file: OldJson = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.json_file is not None:
            check_writable(self.json_file)

    def save(self, name: str, blocks: Callable[[], Iterable[Table | Figure]], document: str = "") -> None:
        """Write all tables and figures where `--output` is a folder, and the numbers to NAME.json in it, or to `--json`."""
        if self.json_file is not None:
            emit(document, self.json_file)
        if self.output is not None and not self.output.suffix:
            write_blocks(blocks(), self.output)
            if document:
                emit(document, self.output / f"{name}.json")

    def _check(self, path: Path) -> None:
        if path.suffix:
            super()._check(path)
        else:
            check_folder(path)


with_printer = with_options("writer", Printer)
with_writer = with_options("writer", Writer)
with_tables_writer = with_options("writer", TablesWriter)


def emit(text: str, out: Path | None) -> None:
    """Text to the screen, or to a file at once."""
    from diversity import store

    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        store.write(out, text)
        note(f"wrote {out}")


def check_folder(path: Path) -> None:
    """Before anything is computed: can a folder of this name be written to?"""
    if path.is_file() or not path.absolute().parent.is_dir():
        raise InputError(f"{path}: expected a folder to write to")


def json_text(value: object) -> str:
    """A value as JSON; InputError is not for here: numbers that are none are None by now."""
    return json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def write_records(records: Records, path: Path, *, single: Mapping[str, Any] | None = None, document: str = "") -> None:
    """Write records to a file, at once, in the form that its suffix says (one of `FORMS`).

    As JSON, `single` is written in place of the list of records, and `document`, a text, in place of both.
    """
    from diversity import store

    if path.suffix == ".json" and document:
        store.write(path, document)
    elif path.suffix in (".csv", ".json"):
        store.write(path, _text(records, path.suffix, single))
    else:
        _write_frame(records, path)
    note(f"wrote {path}")


def write_tables(tables: Mapping[str, pd.DataFrame], folder: Path) -> None:
    """Each table as a CSV of its name."""
    from diversity import store

    folder.mkdir(exist_ok=True)
    for name, table in tables.items():
        store.write(folder / f"{name}.csv", table.to_csv(index=False))
    note(f"wrote the tables to {folder}")


def write_blocks(blocks: Iterable[Table | Figure], folder: Path) -> None:
    """Each table as a CSV and a LaTeX file of its name, and figures in the folder `figures`."""
    from diversity.reporting import page

    for _ in page.written(blocks, tables=folder, figures=folder / "figures"):
        pass
    note(f"wrote the tables and figures to {folder}")


def _text(records: Records, form: str, single: Mapping[str, Any] | None) -> str:
    if form == ".json":
        plain = [
            {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in r.items()}
            for r in (records if single is None else [single])
        ]
        return json_text(plain if single is None else plain[0])
    stream = io.StringIO()
    writer = csv.DictWriter(stream, list(records[0]) if records else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows({k: _cell(v) for k, v in r.items()} for r in records)
    return stream.getvalue()


def _write_frame(records: Records, path: Path) -> None:
    import pandas as pd

    from diversity import store
    from diversity.display.latex import latex
    from diversity.display.numbers import cell

    frame = pd.DataFrame(list(records))
    if path.suffix == ".parquet":
        store.write_table(frame, path)
        return
    joined = frame.map(lambda v: " + ".join(map(cell, v)) if isinstance(v, list | tuple) else v)
    if path.suffix == ".tex":
        store.write(path, latex(joined, caption=path.stem.replace("_", " "), label=path.stem))
    else:
        rows = [[_in_markdown(str(c)) for c in joined.columns]]
        rows.append([":---" if joined[c].dtype.kind in "OTUb" else "---:" for c in joined.columns])
        rows += [[_in_markdown(cell(v)) for v in line] for line in joined.itertuples(index=False)]
        store.write(path, "".join(f"| {' | '.join(row)} |\n" for row in rows))


def _in_markdown(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "+".join(_cell(v) for v in value)
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return "" if value is None else str(value)


def _either(names: Sequence[str]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"
