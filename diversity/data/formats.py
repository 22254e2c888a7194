"""Readers of the released file formats: one file in, a stream of examples and bad rows out, in bounded memory.

Each reader is made from a function that turns one record into an Example (or None, for a row that the release says to
leave out) and raises KeyError or ValueError for a record that cannot be; the reader adds file and line.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from diversity.types import Answer, BadRow, Example, InputError, Reader, Span, Tagging

Parse = Callable[[Mapping[str, Any], str, str], Example | None]
Items = Iterator[Example | BadRow]


MARK = b"\xef\xbb\xbf"  # the byte-order mark in UTF-8


def open_bytes(path: Path) -> IO[bytes]:
    """Open a plain or gzipped file for reading; raises InputError for a directory or an empty file."""
    if path.is_dir():
        raise InputError(f"{path}: expected a file, found a directory")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: expected rows, found an empty file")
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def lines(path: Path) -> Iterator[tuple[int, str | BadRow]]:
    """Numbered lines without their ends (LF or CRLF) and without a byte-order mark; invalid UTF-8 is a BadRow.

    Lines end at LF alone: texts contain U+2028 and other characters that `str.splitlines` would split at.
    """
    with open_bytes(path) as stream:
        number = 0
        try:
            for number, raw in enumerate(stream, 1):
                raw = raw.rstrip(b"\r\n") if number > 1 else raw.rstrip(b"\r\n").removeprefix(MARK)
                try:
                    yield number, raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    found = f"byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
                    yield number, BadRow(path, number, f"expected UTF-8, found {found}")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}:{number + 1}: expected a whole gzip file, found {error}") from error


def _name(path: Path) -> str:
    """The file's name in ids: the same whether it is gzipped or not."""
    return path.name.removesuffix(".gz")


def _example(parse: Parse, record: Any, path: Path, where: int | str, language: str) -> Example | BadRow | None:
    if not isinstance(record, Mapping):
        return BadRow(path, where, f"expected an object with fields, found {type(record).__name__}")
    try:
        return parse(record, f"{_name(path)}:{where}", language)
    except KeyError as error:
        found = ", ".join(map(str, record)) or "none"
        return BadRow(path, where, f"expected the field {error.args[0]!r}, found the fields {found}")
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        return BadRow(path, where, str(error))


def text(record: Mapping[str, Any], name: str, *, empty: bool = False) -> str:
    """The text of a field; raises ValueError where it is no text, or blank and `empty` does not allow that."""
    value = record[name]
    if not isinstance(value, str):
        raise ValueError(f"expected text in {name!r}, found {type(value).__name__}")
    if not empty and not value.strip():
        raise ValueError(f"expected text in {name!r}, found nothing")
    return value


def one_of(record: Mapping[str, Any], name: str, values: Mapping[Any, str]) -> str:
    """The label that a field stands for; raises ValueError for a value that is not among them."""
    value = record[name]
    value = value.strip() if isinstance(value, str) else value
    if value not in values:
        raise ValueError(f"expected {name!r} to be one of {', '.join(map(str, values))}, found {value!r}")
    return values[value]


def choice(record: Mapping[str, Any], name: str, count: int) -> int | None:
    """The index of the right choice, 0-based; None where it is withheld (absent, empty or -1)."""
    value = record.get(name)
    if value is None or str(value).strip() in ("", "-1"):
        return None
    index = int(value)
    if not 0 <= index < count:
        raise ValueError(f"expected {name!r} from 0 to {count - 1}, found {value!r}")
    return index


def unquoted(cell: str) -> str:
    """A cell as it was before a CSV writer quoted it (XTREME's download scripts write quotes that way)."""
    inner = cell[1:-1]
    quoted = len(cell) > 1 and cell[0] == cell[-1] == '"' and '"' not in inner.replace('""', "")
    return inner.replace('""', '"') if quoted else cell


def jsonl(parse: Parse) -> Reader:
    """One JSON object a line; blank lines are passed over."""

    def read(path: Path, language: str) -> Items:
        for number, line in lines(path):
            if isinstance(line, BadRow):
                yield line
            elif line.strip():
                try:
                    record = json.loads(line)
                except json.JSONDecodeError as error:
                    yield BadRow(path, number, f"expected a JSON object, found {error.msg} at column {error.colno}")
                    continue
                except RecursionError:
                    yield BadRow(path, number, "expected a JSON object, found one nested too deeply")
                    continue
                except ValueError as error:
                    yield BadRow(path, number, f"expected a JSON object, found one that cannot be read: {error}")
                    continue
                if (found := _example(parse, record, path, number, language)) is not None:
                    yield found

    return read


def tsv(parse: Parse, columns: Iterable[str] | None = None, *, withheld: str | None = None) -> Reader:
    """Tab-separated values without quoting; `columns` names them where the file has no header line.

    `withheld` is a last column that a whole file may lack: the first line tells.
    """
    fixed = tuple(columns) if columns else None

    def read(path: Path, language: str) -> Items:
        header, first = fixed, True
        for number, line in lines(path):
            if isinstance(line, BadRow):
                yield line
                continue
            if not line.strip() and "\t" not in line:
                continue
            cells = line.split("\t")
            if header is None:
                header = tuple(c.strip() for c in cells)
                continue
            if first and withheld and header[-1] == withheld and len(cells) == len(header) - 1:
                header = header[:-1]
            first = False
            if len(cells) != len(header):
                expected = f"expected {len(header)} tab-separated columns ({', '.join(header)})"
                yield BadRow(path, number, f"{expected}, found {len(cells)}")
            elif found := _example(parse, dict(zip(header, cells, strict=True)), path, number, language):
                yield found

    return read


def csv_file(parse: Parse) -> Reader:
    """Comma-separated values with a header and standard quoting; a quoted field may contain line ends."""

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

        rows = csv.reader(source(), strict=True)
        header: list[str] | None = None
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
                header = cells
            elif len(cells) != len(header):
                yield BadRow(path, starts[0], f"expected {len(header)} columns, found {len(cells)}")
            elif found := _example(parse, dict(zip(header, cells, strict=True)), path, starts[0], language):
                yield found

    return read


def _answers(question: Mapping[str, Any], context: str) -> tuple[Answer, ...] | None:
    """Gold answers; None where they are withheld: the key is absent, or each answer is an empty string."""
    if question.get("is_impossible"):
        return ()
    given = question.get("answers")
    if given is None or (given and all(a["text"] == "" for a in given)):
        return None
    for answer in given:
        check_answer(answer["text"], answer["answer_start"], context)
    return tuple(Answer(a["text"], a["answer_start"]) for a in given)


def check_answer(gold: str, start: int, context: str) -> None:
    """Raise ValueError where an answer does not stand at its offset in the context."""
    found = context[start : start + len(gold)] if start >= 0 else ""
    if found != gold or start < 0:
        raise ValueError(f"expected the answer {gold!r} at offset {start} of its context, found {found!r}")


def squad(path: Path, language: str) -> Items:
    """Nested SQuAD JSON (v1.1 and v2.0), article by article: `data[].paragraphs[].qas[]`."""
    import ijson

    article = -1
    try:
        with open_bytes(path) as stream:
            if stream.peek(3).startswith(MARK):  # type: ignore[attr-defined]
                stream.read(3)
            for article, record in enumerate(ijson.items(stream, "data.item", use_float=True)):
                yield from _questions(record, path, f"data[{article}]", language)
    except (ijson.JSONError, UnicodeDecodeError, EOFError, gzip.BadGzipFile, zlib.error) as error:
        problem = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadRow(path, f"data[{article + 1}]", f"expected SQuAD JSON, found {problem}") from error
    if article < 0:
        raise InputError(f"{path}: expected SQuAD JSON with a list of articles under 'data', found none")


def _questions(article: Any, path: Path, where: str, language: str) -> Items:
    if not isinstance(article, Mapping) or not isinstance(article.get("paragraphs"), list):
        yield BadRow(path, where, "expected an article with a list of 'paragraphs'")
        return
    for p, paragraph in enumerate(article["paragraphs"]):
        inner = f"{where}.paragraphs[{p}]"
        if not isinstance(paragraph, Mapping) or not isinstance(paragraph.get("qas"), list):
            yield BadRow(path, inner, "expected a paragraph with 'context' and a list of 'qas'")
            continue
        for q, question in enumerate(paragraph["qas"]):

            def parse(record: Mapping[str, Any], id: str, language: str, paragraph: Any = paragraph) -> Example:
                if "context" not in paragraph:
                    raise ValueError(f"expected the field 'context', found the fields {', '.join(paragraph)}")
                context = text(paragraph, "context")
                return Span(str(record["id"]), language, text(record, "question"), context, _answers(record, context))

            found = _example(parse, question, path, f"{inner}.qas[{q}]", language)
            if found is not None:
                yield found


def blocks(path: Path) -> Iterator[tuple[int, list[str] | BadRow]]:
    """Blocks of lines between blank lines, each with the number of its first line; a bad line makes a bad block."""
    start, block, bad = 1, list[str](), None
    for number, line in lines(path):
        if isinstance(line, BadRow):
            bad = bad or line
        elif line.strip():
            if not block and bad is None:
                start = number
            block.append(line)
        elif block or bad:
            yield start, bad or block
            block, bad = [], None
    if block or bad:
        yield start, bad or block


def conll(token: int, tag: int, width: int | None = None, strip_language: bool = False) -> Reader:
    """One token a line in tab-separated columns, a blank line between sentences, `#` comments in wide formats.

    `token` and `tag` are column numbers; a line of one column has its tag withheld. `width` is the exact number of
    columns, where the format has more than two. `strip_language` takes the `xx:` prefix of WikiANN's words off.
    """

    def read(path: Path, language: str) -> Items:
        for start, block in blocks(path):
            if isinstance(block, BadRow):
                yield block
                continue
            words, tags, problem = list[str](), list[str](), None
            for offset, line in enumerate(block):
                if width and line.startswith("#") and not line.startswith("#\t"):
                    continue
                cells = line.split("\t")
                if len(cells) != 1 and (len(cells) < 2 or (width is not None and len(cells) != width)):
                    problem = BadRow(path, start + offset, f"expected {width or 2} columns, found {len(cells)}")
                    break
                word = cells[token if len(cells) > 1 else 0]
                word = word.removeprefix(f"{language}:") if strip_language else word
                if not word.strip():
                    problem = BadRow(path, start + offset, "expected a token in the first column, found nothing")
                    break
                words.append(word)
                if len(cells) > 1 and cells[tag].strip():
                    tags.append(cells[tag].strip())
            if problem:
                yield problem
            elif words and tags and len(tags) != len(words):
                yield BadRow(path, start, f"expected a tag for each of {len(words)} tokens, found {len(tags)}")
            elif words:
                yield Tagging(f"{_name(path)}:{start}", language, tuple(words), tuple(tags) or None)

    return read


# How a multiword token is tagged when its parts lie equally deep in the tree: the first of these wins. From the
# converter that XTREME used (google-research/xtreme 838c13b, third_party/ud-conversion-tools/conllu_to_conll.py).
PRECEDENCE = {
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}
PRECEDENCE_ELSE = "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT"


def conllu(path: Path, language: str) -> Items:
    """CoNLL-U, as XTREME reads it: a multiword token is one word, with the tag of the part nearest to the root.

    Empty nodes (`5.1`) are left out, spaces and U+200C inside words are removed, and sentences whose words are
    withheld (`_`) are passed over.
    """
    ranks = PRECEDENCE.get(language, PRECEDENCE_ELSE).split()
    for start, block in blocks(path):
        if isinstance(block, BadRow):
            yield block
            continue
        rows = [line.split("\t") for line in block if not line.startswith("#")]
        try:
            words, tags = _fuse(rows, ranks)
        except ValueError as error:
            yield BadRow(path, start, f"expected a sentence of CoNLL-U, found {error}")
            continue
        if words and sum(w == "_" for w in words) < max(1, len(words) - 1):
            yield Tagging(f"{_name(path)}:{start}", language, words, tags)


def _fuse(rows: list[list[str]], ranks: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if wrong := next((cells for cells in rows if len(cells) != 10), None):
        raise ValueError(f"a line of {len(wrong)} columns, not 10")
    if wrong := next((c for c in rows if not re.fullmatch(r"\d+(-\d+|\.\d+)?", c[0])), None):
        raise ValueError(f"the id {wrong[0]!r}")
    ids = [int(c[0]) for c in rows if c[0].isdigit()]
    if ids != list(range(1, len(ids) + 1)):
        raise ValueError(f"the ids {' '.join(map(str, ids))}, not 1 to {len(ids)}")
    tokens = {int(c[0]): c for c in rows if c[0].isdigit()}
    head = {i: int(c[6]) if c[6].isdigit() else 0 for i, c in tokens.items()}
    spans = {}
    for cells in rows:
        if match := re.fullmatch(r"(\d+)-(\d+)", cells[0]):
            first, last = int(match[1]), int(match[2])
            if not (first in tokens and last in tokens):
                raise ValueError(f"the multiword token {cells[0]} without its parts")
            spans[first] = (range(first, last + 1), cells[1])

    def depth(token: int) -> int:
        seen = set[int]()
        while token and token not in seen:
            seen.add(token)
            token = head.get(token, 0)
        return len(seen)

    def order(token: int) -> tuple[int, int, int]:
        tag = tokens[token][3]
        return depth(token), ranks.index(tag) if tag in ranks else len(ranks), token

    words, tags, inside = list[str](), list[str](), 0
    for i in tokens:
        if i <= inside:
            continue
        span, word = spans.get(i, (range(i, i + 1), tokens[i][1]))
        inside = span[-1]
        words.append(word.replace("\u200c", "").replace(" ", "").strip())
        tags.append(tokens[min(span, key=order)][3].strip())
    return tuple(words), tuple(tags)


def supertags(path: Path, language: str) -> Items:
    """`tokens <TAB> supertags` a line, both joined by spaces: the layout that jiant reads."""
    for number, line in lines(path):
        if isinstance(line, BadRow):
            yield line
            continue
        if not line.strip():
            continue
        cells = line.split("\t")
        words, tags = (tuple(filter(None, c.split(" "))) for c in cells) if len(cells) == 2 else ((), ())
        if not words or len(words) != len(tags):
            expected = "expected tokens, a tab and as many supertags"
            found = f"{len(words)} and {len(tags)}" if len(cells) == 2 else f"{len(cells)} columns"
            yield BadRow(path, number, f"{expected}, found {found}")
        else:
            yield Tagging(f"{_name(path)}:{number}", language, words, tags)


LEAF = re.compile(r"\(<L (\S+) \S+ \S+ (\S+) \S+>\)")


def ccgbank_auto(path: Path, language: str) -> Items:
    """CCGbank's AUTO derivations: the words and the categories of the leaves `(<L N/N NNP NNP Anna N_1/N_1>)`."""
    for number, line in lines(path):
        if isinstance(line, BadRow):
            yield line
        elif line.strip() and not line.startswith("ID="):
            leaves = LEAF.findall(line)
            if leaves:
                yield Tagging(
                    f"{_name(path)}:{number}", language, tuple(w for _, w in leaves), tuple(c for c, _ in leaves)
                )
            else:
                yield BadRow(path, number, "expected a CCGbank derivation with leaves (<L ...>), found none")
