"""Readers of the released file formats: one file in, a stream of examples and bad rows out, in bounded memory.

Each reader is made from a function that turns one record into an Example (or None, for a row that the release says to
leave out) and raises KeyError or ValueError for a record that cannot be; the reader adds file and line.
"""

from __future__ import annotations

import csv
import gzip
import json
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from diversity.data.fields import flag, identity, items, text, whole
from diversity.data.json_text import array_items, decoded, streamed
from diversity.data.lines import NotText, csv_rows, file_name, lines, open_bytes
from diversity.types import Answer, BadRow, Example, InputError, Reader, Span

Parse = Callable[[Mapping[str, Any], str, str], "Example | tuple[Example, ...] | None"]
Items = Iterator[Example | BadRow]
NAMES = {"\t": "tab", " ": "space", ",": "comma", ";": "semicolon"}


def problem_of(error: Exception, record: Mapping[str, Any]) -> str:
    """What is wrong with a record whose parser raised this error."""
    if isinstance(error, KeyError):
        present = ", ".join(map(str, record)) or "none"
        return f"expected the field {error.args[0]!r}, found the fields {present}"
    return str(error)


def example_of(parse: Parse, record: object, path: Path, where: int | str, language: str) -> Items:
    """What a record becomes: an example, several, or none; a bad row where it cannot be parsed."""
    if not isinstance(record, Mapping):
        yield BadRow(path, where, f"expected an object with fields, found {type(record).__name__}")
        return
    try:
        example = parse(record, f"{file_name(path)}:{where}", language)
    except (KeyError, ValueError, TypeError, IndexError, AttributeError) as error:
        yield BadRow(path, where, problem_of(error, record))
        return
    yield from example if isinstance(example, tuple) else () if example is None else (example,)


def jsonl(parse: Parse) -> Reader:
    """One JSON object a line; blank lines are passed over."""

    def read(path: Path, language: str) -> Items:
        for number, line in lines(path):
            if isinstance(line, BadRow):
                yield line
            elif line.strip():
                try:
                    record = decoded(line)
                except json.JSONDecodeError as error:
                    yield BadRow(path, number, f"expected a JSON object, found {error.msg} at column {error.colno}")
                    continue
                except RecursionError:
                    yield BadRow(path, number, "expected a JSON object, found one nested too deeply")
                    continue
                except ValueError as error:
                    yield BadRow(path, number, f"expected a JSON object, found one that cannot be read: {error}")
                    continue
                yield from example_of(parse, record, path, number, language)

    return read


def json_array(parse: Parse) -> Reader:
    """One JSON array of objects, streamed; the place of a record is its number in the array, from 1."""

    def read(path: Path, language: str) -> Items:
        import ijson

        number = 0
        try:
            with open_bytes(path) as stream:
                for number, record in enumerate(array_items(stream, path, "objects"), 1):
                    yield from example_of(parse, record, path, number, language)
        except (ijson.JSONError, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
            problem = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise BadRow(path, number + 1, f"expected a JSON array, found {problem}") from error

    return read


def _numbers(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(str(number) for number in range(1, len(cells) + 1))


def _header(cells: Sequence[str], path: Path) -> tuple[str, ...]:
    """The names of columns, each of which must stand once."""
    names = tuple(cell.strip() for cell in cells)
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise InputError(f"{path}: expected each column once, found {twice[0]!r} twice")
    return names


def tsv(
    parse: Parse, columns: Iterable[str] | None = None, *, withheld: str | None = None, separator: str = "\t"
) -> Reader:
    """Tab-separated values without quoting; `columns` names them where the file has no header line.

    No names are the numbers of the columns, from 1. `withheld` is a last column that a whole file may lack: the first line
    tells. `separator` stands in place of a tab.
    """
    fixed = tuple(columns) if columns is not None else None
    name = NAMES.get(separator, repr(separator))

    def read(path: Path, language: str) -> Items:
        header, first = fixed, True
        for number, line in lines(path):
            if isinstance(line, BadRow):
                yield line
                continue
            if not line.strip() and separator not in line.strip("\r\n"):
                continue
            cells = line.split(separator)
            if header is None:
                header = _header(cells, path)
                continue
            header = header or _numbers(cells)
            if first and withheld and header[-1] == withheld and len(cells) == len(header) - 1:
                header = header[:-1]
            first = False
            if len(cells) != len(header):
                expected = f"expected {len(header)} {name}-separated columns ({', '.join(header)})"
                yield BadRow(path, number, f"{expected}, found {len(cells)}")
            else:
                yield from example_of(parse, dict(zip(header, cells, strict=True)), path, number, language)

    return read


def csv_file(parse: Parse, columns: Iterable[str] | None = None, *, separator: str = ",") -> Reader:
    """Comma-separated values with standard quoting; a quoted field may contain line ends.

    `columns` name them where the file has no header line, as in `tsv`; `separator` stands in place of a comma.
    """
    fixed = tuple(columns) if columns is not None else None

    def read(path: Path, language: str) -> Items:
        bad: list[BadRow] = []
        starts: list[int] = []

        def source() -> Iterator[str]:
            for number, line in lines(path):
                starts.append(number)
                if isinstance(line, BadRow):
                    bad.append(line)
                    yield "\n"
                else:
                    yield line + "\n"

        rows = csv_rows(source(), separator)
        header = fixed
        while True:
            starts.clear()
            try:
                cells = next(rows, None)
            except csv.Error as error:
                yield BadRow(path, starts[0] if starts else 1, f"expected comma-separated values, found: {error}")
                continue
            unreadable = bool(bad)
            yield from bad
            bad.clear()
            if cells is None:
                return
            if not cells or unreadable:
                continue
            if header is None:
                header = _header(cells, path)
                continue
            header = header or _numbers(cells)
            if len(cells) != len(header):
                yield BadRow(path, starts[0], f"expected {len(header)} columns, found {len(cells)}")
            else:
                yield from example_of(parse, dict(zip(header, cells, strict=True)), path, starts[0], language)

    return read


# --- SQuAD -------------------------------------------------------------------------------------------


def answers_of(question: Mapping[str, Any], context: str) -> tuple[Answer, ...] | None:
    """Gold answers; None where they are withheld: the key is absent, there is none, or each is an empty string.

    Only where a question is marked as impossible is no answer the answer."""
    marked = flag(question, "is_impossible") if "is_impossible" in question else None
    given = None if question.get("answers") is None else items(question, "answers")
    for answer in given or ():
        if not isinstance(answer, Mapping):
            raise ValueError(f"expected answers with 'text' and 'answer_start', found {type(answer).__name__}")
        text(answer, "text", empty=True)
    if marked:
        if given:
            raise ValueError(f"expected no answers where 'is_impossible' is true, found {len(given)}")
        return ()
    if given is None or (all(answer["text"] == "" for answer in given) and (given or marked is None)):
        return None
    if marked is False and not given:
        raise ValueError("expected an answer where 'is_impossible' is false, found none")
    answers = tuple(Answer(text(answer, "text"), whole(answer, "answer_start")) for answer in given)
    for gold in answers:
        check_answer(gold, context)
    return answers


def check_answer(gold: Answer, context: str) -> None:
    """Raise ValueError where an answer does not stand at its offset in the context."""
    stretch = context[gold.start : gold.start + len(gold.text)] if gold.start >= 0 else ""
    if stretch != gold.text or gold.start < 0:
        raise ValueError(f"expected the answer {gold.text!r} at offset {gold.start} of its context, found {stretch!r}")


def squad(path: Path, language: str) -> Items:
    """Nested SQuAD JSON (v1.1 and v2.0), article by article: `data[].paragraphs[].qas[]`."""
    import ijson

    article = -1
    try:
        with open_bytes(path) as stream:
            for article, record in enumerate(streamed(stream, "data.item")):
                yield from _questions(record, path, f"data[{article}]", language)
    except NotText as error:
        raise BadRow(path, "data[0]", f"expected SQuAD JSON, found {error.found}") from error
    except (ijson.JSONError, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadRow(path, f"data[{article + 1}]", f"expected SQuAD JSON, found {problem}") from error
    if article < 0:
        raise InputError(f"{path}: expected SQuAD JSON with a list of articles under 'data', found none")


def _questions(article: object, path: Path, where: str, language: str) -> Items:
    if not isinstance(article, Mapping) or not isinstance(article.get("paragraphs"), list):
        yield BadRow(path, where, "expected an article with a list of 'paragraphs'")
        return
    for p, paragraph in enumerate(article["paragraphs"]):
        inside = f"{where}.paragraphs[{p}]"
        if not isinstance(paragraph, Mapping) or not isinstance(paragraph.get("qas"), list):
            yield BadRow(path, inside, "expected a paragraph with 'context' and a list of 'qas'")
            continue
        for q, question in enumerate(paragraph["qas"]):

            def parse(record: Mapping[str, Any], id: str, language: str, paragraph: Any = paragraph) -> Example:
                if "context" not in paragraph:
                    raise ValueError(f"expected the field 'context', found the fields {', '.join(paragraph)}")
                context = text(paragraph, "context")
                asked = text(record, "question")
                return Span(identity(record, "id"), language, asked, context, answers_of(record, context))

            yield from example_of(parse, question, path, f"{inside}.qas[{q}]", language)
