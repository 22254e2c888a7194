"""Lines and blocks of text files, plain or gzipped; what is no text file is refused before its first line."""

from __future__ import annotations

import csv
import gzip
import re
import zlib
from collections.abc import Iterable, Iterator
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity.types import BadRow, InputError

if TYPE_CHECKING:
    from _csv import Reader

MARK = b"\xef\xbb\xbf"  # the byte-order mark in UTF-8
HEAD = 4096  # bytes that say what a file is
LONGEST = 64 << 20  # bytes of a line: a longer one is no line of text
SHORT = 300  # bytes: an answer of a server that stands in place of a file is no longer

# How files begin that stand where text was expected.
BEGINNINGS = (
    (b"version https://git-lfs", "a Git LFS pointer in place of the file: fetch it (git lfs pull)"),
    (b"/annex/objects/", "a git-annex pointer in place of the file: fetch it (git annex get)"),
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"\x1f\x8b", "gzip in a file whose name does not end in .gz"),
    (b"BZh91AY&SY", "bzip2: unpack it"),
    (b"\xfd7zXZ", "xz: unpack it"),
    (b"\x28\xb5\x2f\xfd", "Zstandard: unpack it"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it"),
    (b"%PDF-", "a PDF"),
    (b"PAR1\x15", "Parquet"),
    (b"ARROW1\x00", "Arrow"),
    (b"\xff\xfe", "UTF-16: save it as UTF-8"),
    (b"\xfe\xff", "UTF-16: save it as UTF-8"),
)
PAGE = re.compile(rb"\s*<(!doctype|html|head|body|script|\?xml|error)\b", re.IGNORECASE)
ANSWER = re.compile(
    rb'\s*(404: not found|not found|forbidden|access denied|[^\n]*quota exceeded[^\n]*|\{"(error|message)":[^\n]*)\s*',
    re.IGNORECASE,
)


class NotText(InputError):
    """A file that stands where text was expected and is none; `found` says what it is."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(f"{path}: expected text, found {found}")
        self.found = found


def check_head(path: Path, head: bytes) -> None:
    """Raise NotText where the first bytes are those of a pointer, a page, an archive, or no text at all."""
    plain = head.removeprefix(MARK)
    what = next((name for start, name in BEGINNINGS if head.startswith(start)), None)
    if what is None and PAGE.match(plain):
        what = "a page of HTML or XML: the download failed"
    if what is None and len(plain) < SHORT and ANSWER.fullmatch(plain):
        what = f"{plain.decode('utf-8', 'replace').strip()!r}: the download failed"
    if what is None and (b"\x00" in head or plain[257:262] == b"ustar"):
        what = "binary data"
    if what is not None:
        raise NotText(path, what)


def open_bytes(path: Path) -> BufferedReader[Any]:
    """Open a plain or gzipped text file; raises InputError for a directory, an empty file, and what is no text."""
    if path.is_dir():
        raise InputError(f"{path}: expected a file, found a directory")
    if path.stat().st_size == 0:
        raise InputError(f"{path}: expected rows, found an empty file")
    raw: Any = gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb", 0)  # noqa: SIM115
    stream = BufferedReader(raw)
    try:
        check_head(path, stream.peek(HEAD)[:HEAD])
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        stream.close()
        raise InputError(f"{path}:1: expected a whole gzip file, found {error}") from error
    except InputError:
        stream.close()
        raise
    return stream


def lines(path: Path) -> Iterator[tuple[int, str | BadRow]]:
    """Numbered lines without their ends (LF or CRLF) and without a byte-order mark; what is not UTF-8 is a BadRow.

    Lines end at LF alone: texts contain U+2028 and other characters that `str.splitlines` would split at.
    """
    with open_bytes(path) as stream:
        number = 0
        try:
            for number, raw in enumerate(iter(partial(stream.readline, LONGEST + 1), b""), 1):
                if len(raw) > LONGEST:
                    found = f"a longer one in line {number}"
                    raise InputError(
                        f"{path}: expected lines of at most {LONGEST >> 20} MiB, found {found}: is this text?"
                    )
                raw = raw.rstrip(b"\r\n") if number > 1 else raw.rstrip(b"\r\n").removeprefix(MARK)
                if b"\x00" in raw:
                    yield number, BadRow(path, number, f"expected text, found a NUL at byte {raw.index(0) + 1}")
                    continue
                try:
                    yield number, raw.decode("utf-8")
                except UnicodeDecodeError as error:
                    byte = f"byte 0x{raw[error.start]:02x} at byte {error.start + 1} of the line"
                    yield number, BadRow(path, number, f"expected UTF-8, found {byte}")
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise InputError(f"{path}:{number + 1}: expected a whole gzip file, found {error}") from error


def csv_rows(text: Iterable[str], separator: str) -> Reader:
    """Rows of separated values with standard quoting; a cell may be as long as a line, whatever was read before."""
    csv.field_size_limit(LONGEST)  # it is that of the whole process, and 128 KiB at its start
    return csv.reader(text, delimiter=separator, strict=True)


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


def file_name(path: Path) -> str:
    """The file's name in ids: the same whether it is gzipped or not."""
    return path.name.removesuffix(".gz")
