"""Readers of common files for descriptions in TOML: lines of JSON, separated values, columns of tagged words, Parquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from diversity.data import columns
from diversity.data.conll import BOUNDARY, Items, conllu
from diversity.data.examples import RowParser
from diversity.data.formats import NAMES, csv_file, example_of, json_array, jsonl, tsv
from diversity.data.lines import blocks, file_name
from diversity.types import BadRow, InputError, Kind, Reader, Tagging

Format = Literal["jsonl", "json", "csv", "tsv", "columns", "conllu", "parquet", "squad"]
FORMATS: tuple[Format, ...] = get_args(Format)
SEPARATORS = {name: mark for mark, name in NAMES.items()}
SUFFIXES: dict[str, Format] = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "json", ".csv": "csv", ".tsv": "tsv", ".txt": "tsv",
    ".conllu": "conllu", ".conll": "columns", ".bio": "columns", ".parquet": "parquet",
}  # fmt: skip


@dataclass(frozen=True)
class Columns:
    """How the cells of a line are told apart, whether the first line names the columns, else their names; and quotes."""

    separator: str
    header: bool
    columns: tuple[str, ...]
    quotes: bool


def format_of(pattern: str, kind: Kind) -> Format | None:
    """The format of files by the end of their name; None where that says nothing.

    >>> format_of("{lang}/train.txt", "tagging"), format_of("train.json.gz", "span")
    ('columns', 'squad')
    """
    suffixes = [s.lower() for s in Path(pattern.removesuffix(".gz")).suffixes]
    known = SUFFIXES.get(suffixes[-1]) if suffixes else None
    if kind == "tagging" and known in ("tsv", "csv", None):
        return "columns"
    return "squad" if kind == "span" and known == "json" else known


def reader_of(format: Format, table: Columns, parser: RowParser) -> Reader:
    """The reader of a format whose records `parser` makes examples of."""
    readers: dict[Format, Callable[[], Reader]] = {
        "jsonl": lambda: jsonl(parser),
        "json": lambda: json_array(parser),
        "csv": lambda: _separated(parser, table),
        "tsv": lambda: _separated(parser, table),
        "columns": lambda: _columns(parser, table),
        "conllu": lambda: _conllu(parser),
        "parquet": lambda: _parquet(parser),
    }
    return readers[format]()


def _separated(parser: RowParser, table: Columns) -> Reader:
    read = csv_file if table.quotes else tsv
    return read(parser, None if table.header else table.columns, separator=table.separator)


def _columns(parser: RowParser, table: Columns) -> Reader:
    """A word a line with its tag, a blank line between sentences; the first column and the last, where none is named."""
    names = {name: i for i, name in enumerate(table.columns)}
    places = []
    for what, default in (("tokens", 0), ("tags", -1)):
        name = str(parser.names[what])
        if name in names:
            places.append(names[name])
        elif name.isdecimal() and int(name):
            places.append(int(name) - 1)
        elif name == what:
            places.append(default)
        else:
            raise InputError(f"expected fields.{what} to be the number of a column, 1 for the first, found {name!r}")

    def cells_of(line: str) -> list[str]:
        return line.split() if table.separator == " " else line.split(table.separator)

    def read(path: Path, language: str) -> Items:
        for start, block in blocks(path):
            if isinstance(block, BadRow):
                yield block
                continue
            rows = [cells_of(line) for line in block]
            if len(rows) == 1 and rows[0][0].split(" ")[0] == BOUNDARY:
                continue
            problem = _wrong(rows, places, parser.withheld, table.separator)
            if problem:
                yield BadRow(path, start + problem[0], problem[1])
                continue
            tokens = tuple(row[places[0]].strip() for row in rows)
            tags = None if len(rows[0]) == 1 else tuple(row[places[1]].strip() for row in rows)
            sentence = parser.tagging(tokens, tags, f"{file_name(path)}:{start}", language)
            if sentence is not None:
                yield sentence

    return read


def _wrong(rows: list[list[str]], places: list[int], withheld: bool, separator: str) -> tuple[int, str] | None:
    """The line of a block that cannot be, counted from its first, and what is wrong with it; None where nothing is."""
    width = len(rows[0])
    for number, row in enumerate(rows):
        if len(row) == 1 and (not withheld or len(row[0].split()) > 1):
            other = "space" if " " in row[0] else "tab" if "\t" in row[0] else ""
            hint = f': is it separator = "{other}"?' if other else ""
            return number, f"expected a word and its tag with a {NAMES[separator]} between them, found {row[0]!r}{hint}"
        if len(row) != width:
            return number, f"expected {width} columns, as in the sentence's first line, found {len(row)}"
        if len(row) > 1:
            for place, what in zip(places, ("word", "tag"), strict=True):
                if place >= len(row):
                    return number, f"expected the {what} in column {place + 1}, found {len(row)} columns"
                if not row[place].strip():
                    return number, f"expected a {what}, found nothing"
    return None


def _conllu(parser: RowParser) -> Reader:
    def read(path: Path, language: str) -> Items:
        for item in conllu(path, language):
            if isinstance(item, Tagging):
                sentence = parser.tagging(item.tokens, item.tags, item.id, language)
                if sentence is not None:
                    yield sentence
            else:
                yield item

    return read


def _parquet(parser: RowParser) -> Reader:
    def read(path: Path, language: str) -> Items:
        for number, record in columns.records(path):
            yield from example_of(parser, record, path, number, language)

    return read
