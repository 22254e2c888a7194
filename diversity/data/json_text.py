"""JSON as every reader has it: half a surrogate pair is U+FFFD; on a line, a field stands once in an object."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from diversity.data.fields import BYTE_ESCAPES, whole_escapes
from diversity.data.lines import MARK
from diversity.types import InputError


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose fields stand once each."""
    record = dict(pairs)
    if len(record) < len(pairs):
        name = Counter(name for name, _ in pairs).most_common(1)[0][0]
        raise ValueError(f"the field {name!r} twice")
    return record


def _no_number(name: str) -> float:
    raise ValueError(f"{name}, which is no number of JSON")


_DECODERS = {
    True: json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_number),
    False: json.JSONDecoder(object_pairs_hook=_once),
}


def decoded(text: str, *, numbers: bool = True) -> Any:
    """The value that a text of JSON is; `numbers` says that NaN and Infinity are none.

    Raises JSONDecodeError, ValueError (a field that stands twice, NaN) and RecursionError.
    """
    return _DECODERS[numbers].decode(whole_escapes(text))


def streamed(stream: IO[bytes], prefix: str) -> Iterator[Any]:
    """The values at a place of a file of JSON, one by one; raises ijson.JSONError and UnicodeDecodeError."""
    import ijson

    if cast(Any, stream).peek(len(MARK)).startswith(MARK):
        stream.read(len(MARK))
    return iter(ijson.items(WholeEscapes(stream), prefix, use_float=True))


def array_items(stream: IO[bytes], path: Path, what: str) -> Iterator[Any]:
    """The items of a file that is one array of JSON, as `streamed` has them; raises InputError for another beginning."""
    start = cast(Any, stream).peek(200).removeprefix(MARK).lstrip()
    if not start.startswith(b"["):
        beginning = start[:12].decode("utf-8", "replace")
        raise InputError(f"{path}: expected one JSON array of {what}, found {beginning!r}")
    return streamed(stream, "item")


class WholeEscapes:
    """A stream of JSON in which escapes of half a surrogate pair are those of U+FFFD, as in `fields.whole_escapes`."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream, self.rest = stream, b""

    def read(self, size: int = -1) -> bytes:
        """At least one byte before the end of the file; an escape that the end of a piece cuts waits for the next."""
        if size == 0:
            return b""
        while True:
            piece = self.stream.read(size)
            data, self.rest = self.rest + piece, b""
            if piece and size > 0 and (cut := _last_escape(data)) is not None:
                data, self.rest = data[:cut], data[cut:]
            if data or not piece:
                break
        if b"\\ud" not in data and b"\\uD" not in data:
            return data
        return BYTE_ESCAPES.sub(lambda m: b"\\ufffd" if m["lone"] else m[0], data)


def _last_escape(data: bytes) -> int | None:
    """Where the escapes begin that the end of a piece may cut: the longest, a surrogate pair, has 12 bytes."""
    at = data.find(b"\\", max(len(data) - 11, 0))
    if at < 0:
        return None
    while True:
        before = at
        while at > 0 and data[at - 1 : at] == b"\\":
            at -= 1
        if re.fullmatch(rb"\\u[0-9a-fA-F]{4}", data[max(at - 6, 0) : at]):
            at -= 6
        if at == before:
            return at
