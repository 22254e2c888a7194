"""Anybody's texts: files in the usual forms, or texts in memory, read as a stream with a name for each set.

`NAME=FILE:FIELD+FIELD` names a set of texts; `FILE` alone is named by its stem, and a file with one column of text needs no
field. Nothing is read as what it is not: a row whose field is missing or holds no text is an error with file and line.
"""

from __future__ import annotations

import bz2
import csv
import difflib
import glob
import gzip
import itertools
import json
import lzma
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from diversity import catalog
from diversity.data import columns
from diversity.data.fields import SURROGATE
from diversity.data.hub_texts import HubTexts
from diversity.data.json_text import array_items, decoded
from diversity.data.lines import HEAD, LONGEST, MARK, check_head, csv_rows
from diversity.data.names import FORMS, Fields, divided, form
from diversity.types import BadRow, InputError, check_list, listed

OPENERS: Mapping[str, Callable[[Path], Any]] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
LOOK = 100  # records that are looked at to see which columns hold text
NUMBER = re.compile(r"\s*[-+]?(\d[\d.,]*(e[-+]?\d+)?|nan|inf)?\s*", re.IGNORECASE)

Record = Mapping[str, object]
Numbered = Iterator[tuple[int, Record]]


@dataclass(frozen=True)
class TextFiles:
    """A named set of texts on disk: its files, and the fields that make a text (none: the only column of text).

    `origin` is where they were downloaded from, `owner/name@commit (split)`; empty for files of the user's. `note` is what
    must be said of them.
    """

    name: str
    files: tuple[Path, ...]
    fields: tuple[str, ...] = ()
    origin: str = ""
    note: str = ""

    @staticmethod
    def parse(spec: str) -> TextFiles:
        """The files of `NAME=FILE:FIELD+FIELD`, `FILE:FIELD` or `FILE`; FILE may be a folder or a glob of shards.

        Where nothing of that name is on the disk, `owner/name@revision/config:split` is a data set of the hub. Raises
        InputError where there is no such file, for files of several forms, and for an unknown form.
        """
        label, path, fields = divided(spec)
        files = matching(path)
        if not files and (hub := HubTexts.parse(path)):
            files, origin = hub.fetch()
            return TextFiles(label or hub.repository.partition("/")[2], files, fields, origin)
        if not files:
            raise _nothing(path)
        forms = sorted({form(f) for f in files})
        if len(forms) > 1:
            raise InputError(
                f"{path}: expected files of one form, found {' and '.join(forms)}: name one, as {path}/*{forms[0]}"
            )
        return TextFiles(label or _stem(path, files), files, fields)

    def records(self, groups: Sequence[int] | None = None) -> Iterator[tuple[Path, int, Record]]:
        """Every record with its file and its number there, counted from 1; raises BadRow where one cannot be read.

        Of Parquet files these `groups` alone, if given; their records are then numbered from 1.
        """
        for path in self.files:
            read = (
                READERS[form(path)](path, self.fields) if groups is None else columns.records(path, self.fields, groups)
            )
            yield from ((path, number, record) for number, record in read)

    def resolved(self) -> TextFiles:
        """The same with its field named: the only column of text, beside columns of labels and ids.

        Raises InputError where there is no such column, or several.
        """
        if self.fields:
            return self
        column, passed = _only_text_column([r for _, _, r in itertools.islice(self.records(), LOOK)], self)
        note = f"the texts are those of {column!r}, not of {' or '.join(map(repr, passed))}" if passed else ""
        return replace(self, fields=(column,), note=note)

    def texts(self, groups: Sequence[int] | None = None) -> Iterator[str]:
        """Every text, in the order of the files: the fields of a record joined by a space; blank where all are.

        Of Parquet files these `groups` alone, if given. Raises BadRow, with file and line, for a missing field and for a
        value that is no text.
        """
        source = self.resolved()
        for path, number, record in source.records(groups):
            yield " ".join(t for name in source.fields if (t := _text(record, name, path, number).strip()))


@dataclass(frozen=True)
class TextSample:
    """The texts of a set that are used, and what was counted: rows read, blank ones left out, repeated ones kept."""

    name: str
    texts: tuple[str, ...]
    rows: int
    blank: int
    repeated: int

    @property
    def note(self) -> str:
        """What a reader must know of these texts; empty where there is nothing."""
        parts = [f"{self.blank:,} of {self.rows:,} rows are blank and left out"] if self.blank else []
        parts += [f"{self.repeated:,} of {len(self.texts):,} texts repeat another one"] if self.repeated else []
        return f"{self.name}: {'; '.join(parts)}" if parts else ""


def sample(name: str, texts: Iterable[str], *, limit: int | None = None, seed: int = 0) -> TextSample:
    """A uniform sample of the texts that are not blank, in their order, in one pass and memory for `limit` of them.

    >>> sample("reviews", ["good", " ", "good"]).note
    'reviews: 1 of 3 rows are blank and left out; 1 of 2 texts repeat another one'
    """
    from diversity.data.sources import sample as drawn

    rows = blank = 0

    def counted() -> Iterator[Any]:
        nonlocal rows, blank
        for text in _checked(name, texts):
            rows += 1
            if text.strip():
                yield text
            else:
                blank += 1

    kept: list[Any] = drawn(counted(), limit, seed)
    if not kept:
        raise InputError(f"{name}: expected texts, found {_counted(rows, 'blank row') if rows else 'none'}")
    return TextSample(name, tuple(kept), rows, blank, len(kept) - len(set(kept)))


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


VECTORS = 'from_arrays takes vectors, as from_arrays({"mine": array})'


def check_sets(tasks: object) -> None:
    """Raises InputError for one text, or a table, where names of tasks or texts by the name of their set are meant."""
    meant = "names of tasks, or texts by the name of their set"
    check_list(tasks, "task names")
    if not isinstance(tasks, Mapping) and (names := _columns_of(tasks)):
        example = f"{{{names[0]!r}: table[{names[0]!r}]}}"
        raise InputError(f"expected {meant}, found a table of {', '.join(names)}: write {example}")
    if isinstance(tasks, Path):
        raise InputError(f"expected a list of tasks and files, found one path: write {[str(tasks)]!r}")
    if len(shape := getattr(tasks, "shape", ())) > 1:
        raise InputError(f"expected {meant}, found an array of shape {shape}: {VECTORS}")
    if not isinstance(tasks, Collection):
        raise InputError(f'expected {meant}, found a {type(tasks).__name__}: write {{"mine": texts}}')
    for name in tasks:
        if isinstance(name, Path):
            raise InputError(f"expected {meant}, found a path: write {str(name)!r}")
        if not isinstance(name, str) or not name.strip():
            raise InputError(f"expected {meant}, found the name {name!r}")
        if not isinstance(tasks, Mapping) and " " in name.strip() and not looks_like_files(name):
            raise InputError(f'expected {meant}, found the text {name[:30]!r}: write {{"mine": texts}}')


def _columns_of(table: object) -> list[str]:
    """The names of the columns of a data frame or data set; none for anything else."""
    names = getattr(table, "column_names", None) or getattr(table, "columns", None)
    return [] if names is None or callable(names) else [str(name) for name in names]


def _checked(name: str, texts: Iterable[str]) -> Iterator[str]:
    """The texts one by one, a missing one blank; raises InputError for one text in place of many, and for what is no text."""
    if isinstance(texts, str | bytes):
        file = isinstance(texts, str) and looks_like_files(texts)
        written = [f"{name}={texts}"] if file else [texts[:20]]
        raise InputError(
            f"{name}: expected a list of texts, found {'a file' if file else 'one text'}: write {written!r}"
        )
    if columns := _columns_of(texts):
        raise InputError(
            f"{name}: expected one column of texts, found a table of {', '.join(columns)}: write table[{columns[0]!r}]"
        )
    if isinstance(texts, Mapping):
        raise InputError(f"{name}: expected a list of texts, found a mapping of {', '.join(map(str, texts))}")
    if len(shape := getattr(texts, "shape", ())) > 1:
        raise InputError(f"{name}: expected a list of texts, found an array of shape {shape}: {VECTORS}")
    try:
        values = iter(texts)
    except TypeError:
        raise InputError(f"{name}: expected a list of texts, found {type(texts).__name__}") from None
    for number, text in enumerate(values, 1):
        if isinstance(text, str):
            yield text
        elif _missing(text):
            yield ""
        else:
            raise InputError(f"{name}: expected text, found {_kind(text)} as number {number}")


def _missing(value: object) -> bool:
    """Is a value one of those that stand for none: None, NaN, or that of pandas?"""
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ == "NAType"


# --- What a name stands for --------------------------------------------------------------------------


def looks_like_files(spec: str) -> bool:
    """Does the text name files, rather than a task: by its suffix, or because something of that name is on the disk?

    >>> looks_like_files("mnli"), looks_like_files("news=news.csv:headline")
    (False, True)
    """
    _, path, _ = divided(spec)
    suffixes = {s.lower() for s in Path(path).suffixes[-2:]}
    return bool(suffixes & {*FORMS}) or "/" in path or Path(path).exists()


def matching(path: str) -> tuple[Path, ...]:
    """The files of texts that a path stands for: itself, those in a folder, or those of a glob."""
    if Path(path).is_file():
        return (Path(path),)
    if Path(path).is_dir():
        return tuple(sorted(p for p in Path(path).rglob("*") if p.is_file() and {*p.suffixes[-2:]} & {*FORMS}))
    return tuple(sorted(Path(p) for p in glob.glob(path, recursive=True) if Path(p).is_file()))


def _nothing(path: str) -> InputError:
    """What is said where a path names no file of texts, with the name beside it that is most alike."""
    if Path(path).is_dir():
        return InputError(f"{path}: expected a folder with files of texts ({' '.join(FORMS)}), found none in it")
    if re.match(r"\w+://", path):
        return InputError(f"{path}: expected a file on this disk, found an address: download it first")
    beside = [p.name for p in Path(path).parent.glob("*")] if Path(path).parent.is_dir() else []
    alike = difflib.get_close_matches(Path(path).name, beside, 1)
    hint = f": did you mean {Path(path).with_name(alike[0])}?" if alike else ""
    return InputError(f"{path}: expected a file, a folder or a glob of texts, found nothing{hint}")


def _stem(path: str, files: Sequence[Path]) -> str:
    """The name of a set: its file without suffixes, its folder, or what the names of its shards begin with."""
    if Path(path).is_dir():
        return Path(path).resolve().name
    stems = [f.name[: f.name.lower().index(form(f))] for f in files]
    if len(stems) == 1:
        shared = stems[0]
    else:
        alike = itertools.takewhile(lambda c: len(set(c)) == 1, zip(*stems, strict=False))
        shared = "".join(c[0] for c in alike).rstrip("-_.0123456789")
    return shared or files[0].resolve().parent.name


# --- Columns and values ------------------------------------------------------------------------------


def _only_text_column(records: Sequence[Record], source: TextFiles) -> tuple[str, list[str]]:
    """The column of the first records that holds text, and those passed over; InputError where there is none, or several."""
    if not records:
        raise InputError(f"{source.files[0]}: expected texts, found no rows")
    columns = {name: [record.get(name) for record in records] for name in dict.fromkeys(n for r in records for n in r)}
    text = {name: [v for v in values if v] for name, values in columns.items() if _holds_text(values)}
    passed = [name for name, values in text.items() if _looks_like_labels([str(v) for v in values])]
    if len(text) - len(passed) == 1:
        return next(name for name in text if name not in passed), passed
    if len(text) == 1 or len(columns) == 1:
        return next(iter(text or columns)), []
    what = f"several: {listed(text)}" if text else f"none among {listed(columns) or 'no columns'}"
    longest = max(text, key=lambda name: sum(len(str(v)) for v in text[name]), default="")
    hint = f": write {source.files[0]}:{longest}, or several as {'+'.join([*text][:2])}" if text else ""
    raise InputError(f"{source.files[0]}: expected one column of text, found {what}{hint}")


def _looks_like_labels(values: Sequence[str]) -> bool:
    """Are values single words that come again, or have digits, as labels and ids do?"""
    words = all(len(v.split()) <= 1 for v in values)
    return words and (2 * len(set(values)) <= len(values) or all(any(c.isdigit() for c in v) for v in values))


def _holds_text(values: Sequence[object]) -> bool:
    known = [v for v in values if v is not None and v != ""]
    return bool(known) and all(isinstance(v, str) for v in known) and not all(NUMBER.fullmatch(str(v)) for v in known)


def _text(record: Record, name: str, path: Path, number: int) -> str:
    """The text of a field, blank for a missing value; raises BadRow for another field, or for what is no text."""
    if name not in record:
        raise BadRow(path, number, str(catalog.near(name, list(record), "field")) if record else f"no field {name!r}")
    value = record[name]
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRow(path, number, f"expected text in {name!r}, found {_kind(value)}")
    return SURROGATE.sub("\N{REPLACEMENT CHARACTER}", value)


def _kind(value: object) -> str:
    """What a value is, in words: `a list`, `the number 3`.

    >>> _kind([1]), _kind(0.5), _kind(None)
    ('a list', 'the number 0.5', 'nothing (null)')
    """
    if value is None:
        return "nothing (null)"
    if isinstance(value, bool) or not isinstance(value, int | float):
        names = {list: "a list", tuple: "a list", dict: "an object", bool: f"the flag {value}", bytes: "bytes"}
        return names.get(type(value), f"a {type(value).__name__}")
    return f"the number {value!r}"


# --- Files -------------------------------------------------------------------------------------------


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of a file, unpacked; raises InputError for an empty file, one that was cut short or damaged, or no text."""
    if path.stat().st_size == 0:
        raise InputError(f"{path}: expected texts, found an empty file")
    unpacked = OPENERS.get(path.suffix.lower())
    try:
        with unpacked(path) if unpacked else path.open("rb") as stream:
            check_head(path, stream.peek(HEAD)[:HEAD])
            yield stream
    except (EOFError, OSError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's, not the packer's
            raise
        raise InputError(f"{path}: expected a whole compressed file, found {error}") from error


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines without their ends and without a byte-order mark; raises BadRow for what is no text in UTF-8."""
    with _opened(path) as stream:
        for number in itertools.count(1):
            if not (raw := stream.readline(LONGEST + 1)):
                return
            yield number, _decoded(raw, path, number)


def _decoded(raw: bytes, path: Path, number: int) -> str:
    if len(raw) > LONGEST:
        raise BadRow(path, number, f"expected lines of at most {LONGEST >> 20} MiB, found a longer one: is this text?")
    if number == 1:
        raw = raw.removeprefix(MARK)
    if b"\x00" in raw:
        raise BadRow(path, number, "expected text in UTF-8, found a NUL byte: is this a binary file?")
    try:
        return raw.rstrip(b"\r\n").decode("utf-8")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
        raise BadRow(path, number, f"expected text in UTF-8, found {byte}") from error


def _txt(path: Path, _: Fields) -> Numbered:
    return ((number, {"text": line}) for number, line in _lines(path))


def _jsonl(path: Path, _: Fields) -> Numbered:
    for number, line in _lines(path):
        if line.strip():
            try:
                value = decoded(line, numbers=False)  # a field beside the text may be NaN
            except (ValueError, RecursionError) as error:
                reason = "one nested too deeply" if isinstance(error, RecursionError) else str(error)
                if isinstance(error, json.JSONDecodeError):
                    reason = f"{error.msg} at column {error.colno}"
                raise BadRow(path, number, f"expected a JSON object a line, found {reason}") from error
            yield number, _record(value, path, number)


def _record(value: object, path: Path, number: int) -> Record:
    if isinstance(value, str):
        return {"text": value}
    if isinstance(value, Mapping):
        return value
    raise BadRow(path, number, f"expected an object with fields or a text, found {_kind(value)}")


def _json(path: Path, _: Fields) -> Numbered:
    """The items of one JSON array, streamed."""
    import ijson

    with _opened(path) as stream:
        number = 0
        try:
            for number, value in enumerate(array_items(stream, path, "texts or objects"), 1):
                yield number, _record(value, path, number)
        except (ijson.JSONError, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0] if str(error) else "an incomplete file"
            raise InputError(f"{path}: expected a JSON array, found after item {number}: {reason}") from error


def _separated(delimiter: str) -> Callable[[Path, Fields], Numbered]:
    def read(path: Path, _: Fields) -> Numbered:
        stream = (line + "\n" for _, line in _lines(path))
        # Quoted cells may hold line ends, so rows are counted by the reader's own lines.
        reader = csv_rows(stream, delimiter)
        try:
            if not (header := next(reader, [])):
                raise InputError(f"{path}: expected a header with the names of the columns, found none")
            _check_header(header, delimiter, path)
            for row in reader:
                if len(row) == len(header):
                    yield reader.line_num, dict(zip(header, row, strict=True))
                elif row:
                    raise BadRow(
                        path, reader.line_num, f"expected {len(header)} cells as in the header, found {len(row)}"
                    )
        except csv.Error as error:
            raise BadRow(path, reader.line_num, f"expected separated values, found {error}") from error

    return read


def _check_header(header: Sequence[str], delimiter: str, path: Path) -> None:
    if twice := [name for name, count in Counter(header).items() if count > 1]:
        raise InputError(f"{path}: expected each column once, found {twice[0]!r} twice in the header")
    others = [d for d in "\t;,|" if d != delimiter and len(header) == 1 and d in header[0]]
    if others:
        name = {"\t": "tab", ";": "semicolon", ",": "comma", "|": "bar"}
        shown = f"a header with a {name[others[0]]}: {header[0][:60]!r}"
        raise InputError(f"{path}: expected columns separated by a {name[delimiter]}, found {shown}")


def _columns(path: Path, fields: Fields) -> Numbered:
    """The rows of a Parquet or Arrow file; of its columns only the fields are read, where it has them."""
    return columns.records(path, fields)


READERS: Mapping[str, Callable[[Path, Fields], Numbered]] = {
    ".txt": _txt,
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _separated(","),
    ".tsv": _separated("\t"),
    ".parquet": _columns,
    ".arrow": _columns,
}
