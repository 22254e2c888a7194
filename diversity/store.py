"""Atomic writes: a file is there whole, or as it was before."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(path: Path | str) -> Iterator[IO[bytes]]:
    """A stream whose bytes take the place of `path` when the block ends without an error: written, synced, renamed.

    Raises OSError, naming `path`, where it cannot be written; nothing is left behind then.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(21, "Is a directory", str(target))
    if target.exists() and not target.is_file():  # /dev/stdout, /dev/null, a pipe: nothing to replace
        with target.open("wb") as stream:
            yield stream
        return
    target = target.resolve()  # a link stays a link
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise type(error)(error.errno, error.strerror, str(target)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write(path: Path | str, content: bytes | str) -> Path:
    """Write a whole file atomically and return its path; text is UTF-8."""
    with replacing(path) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
    return Path(path)


def shipped() -> Path:
    """The folder of data that comes with the toolkit: inside the package, or `data/` of a checkout."""
    inside = Path(__file__).parent / "_data"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "data"
