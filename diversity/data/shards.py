"""Sets of texts or vectors in shards: files of a folder, a glob, an address that fsspec knows, or of the hub.

`NAME=PLACE:FIELD+FIELD` names a set, where PLACE is one of these; shards are read one by one, and none is held whole.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from diversity.data import columns, texts, vectors
from diversity.data.names import FORMS, divided
from diversity.data.texts import TextFiles
from diversity.data.vectors import VectorFile
from diversity.types import InputError

ARRAYS = (".npy", ".safetensors")
ADDRESS = re.compile(r"\w[\w+.-]*://")
ROWS = 8192  # of vectors, in a block


@dataclass(frozen=True)
class Shard:
    """A piece of a set: a file by its path or address, or a part of one.

    Parts are row groups (`groups`) of Parquet, and rows from `start` to `stop` of `.npy`. `stamp` tells an address's content
    from another one; it is empty for a file of this machine, whose content is read for that.
    """

    place: str
    groups: tuple[int, ...] | None = None
    start: int = 0
    stop: int | None = None
    stamp: str = ""

    @property
    def remote(self) -> bool:
        """Is it an address rather than a file of this machine?"""
        return bool(ADDRESS.match(self.place))


@dataclass(frozen=True)
class ShardedSet:
    """A named set in shards; `fields` make a text, or the one of them is the column of vectors."""

    name: str
    shards: tuple[Shard, ...]
    fields: tuple[str, ...]
    embedded: bool  # vectors, not texts
    origin: str = ""

    @staticmethod
    def parse(spec: str, rows: int) -> ShardedSet:
        """The set of `NAME=PLACE:FIELD`, its Parquet and `.npy` files in shards of about `rows` rows.

        Raises InputError where there is nothing, and for files of several forms.
        """
        label, place, fields = _divided(spec)
        if ADDRESS.match(place):
            return _remote(label, place, fields)
        arrays = _arrays(place)
        if arrays:
            files, origin = arrays, ""
        else:
            given = TextFiles.parse(spec)
            label, files, fields, origin = label or given.name, given.files, given.fields, given.origin
        embedded = vectors.holds_vectors(":".join([str(files[0]), *(["+".join(fields)] if fields else [])]))
        if not embedded:
            fields = TextFiles(label, files, fields).resolved().fields
        shards = tuple(shard for file in files for shard in _parts(file, rows))
        return ShardedSet(label or Path(place).stem, shards, fields, embedded, origin)

    def blocks(self, shard: Shard, path: Path) -> Iterator[NDArray[np.floating[Any]]]:
        """The vectors of a shard, whose file is `path`, block by block."""
        if path.suffix.lower() == ".npy":
            whole = VectorFile("", path).read().values[shard.start : shard.stop]
            yield from (whole[start : start + ROWS] for start in range(0, len(whole), ROWS))
        elif path.suffix.lower() in columns.FORMS:
            known = VectorFile("", path, "".join(self.fields)).column_name()
            yield from _gathered(vectors.blocks(path, known, shard.groups))
        else:
            yield VectorFile("", path, "".join(self.fields)).read().values

    def texts(self, shard: Shard, path: Path) -> Iterator[str]:
        """The texts of a shard, whose file is `path`, blank ones included."""
        return TextFiles(self.name, (path,), self.fields).texts(shard.groups)


def _gathered(blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    """The same rows in blocks of about ROWS."""
    some, rows = list[NDArray[np.float32]](), 0
    for block in blocks:
        some.append(block)
        rows += len(block)
        if rows >= ROWS:
            yield np.concatenate(some)
            some, rows = [], 0
    if some:
        yield np.concatenate(some)


def _divided(spec: str) -> tuple[str, str, tuple[str, ...]]:
    """Name, place and fields; the colons of an address's protocol and port divide nothing."""
    match = re.fullmatch(r"(?:([\w.-]+)=)?(\w[\w+.-]*://[^:]*(?::\d+/[^:]*)?)(?::([^/]+))?", spec)
    if match is None:
        return divided(spec)
    return match[1] or "", match[2], tuple(match[3].split("+")) if match[3] else ()


def _arrays(place: str) -> tuple[Path, ...]:
    """The files of arrays that a place stands for; none where it has files of another form."""
    path = Path(place)
    inside = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else texts.matching(place)
    return tuple(p for p in inside if p.suffix.lower() in ARRAYS)


def _parts(file: Path, rows: int) -> Iterator[Shard]:
    """The shards of a file of this machine."""
    match file.suffix.lower():
        case ".parquet":
            groups, counted = list[int](), 0
            for group, count in enumerate(columns.group_rows(file)):
                if groups and counted + count > rows:
                    yield Shard(str(file), tuple(groups))
                    groups, counted = [], 0
                groups.append(group)
                counted += count
            yield Shard(str(file), tuple(groups))
        case ".npy":
            number = len(VectorFile("", file).read().values)
            for start in range(0, number, rows):
                yield Shard(str(file), None, start, min(start + rows, number))
        case _:
            yield Shard(str(file))


# --- Addresses ---------------------------------------------------------------------------------------


def _fsspec() -> Any:
    try:
        return importlib.import_module("fsspec")  # untyped
    except ImportError:
        raise InputError("expected fsspec for an address, found none: pip install fsspec") from None


def _remote(label: str, place: str, fields: Sequence[str]) -> ShardedSet:
    """The files of an address: one, those below it, or those of a glob; each is a shard."""
    core = _fsspec().core
    try:
        system, root = core.url_to_fs(place)
        names = system.glob(root) if "*" in root else [root] if system.isfile(root) else sorted(system.find(root))
        chosen = [n for n in sorted(names) if {*Path(n).suffixes[-2:]} & {*FORMS, *ARRAYS}]
        shards = tuple(Shard(system.unstrip_protocol(n), stamp=str(system.ukey(n))) for n in chosen)
    except Exception as error:  # each file system has errors of its own
        raise InputError(f"{place}: expected files at an address, found {' '.join(str(error).split())}") from error
    if not shards:
        raise InputError(f"{place}: expected files of texts or vectors ({' '.join((*FORMS, *ARRAYS))}), found none")
    with local(shards[0]) as path:
        spec = ":".join([str(path), *(["+".join(fields)] if fields else [])])
        embedded = vectors.holds_vectors(spec)
        if not embedded:
            fields = TextFiles("", (path,), tuple(fields)).resolved().fields
    name = label or re.sub(r"[-_.]?\d*$", "", Path(place.rstrip("/*")).stem) or "set"
    return ShardedSet(name, shards, tuple(fields), embedded, place)


@contextmanager
def local(shard: Shard, folder: Path | None = None) -> Iterator[Path]:
    """The file of a shard; that of an address is downloaded to `folder`, and removed afterwards."""
    if not shard.remote:
        yield Path(shard.place)
        return
    import tempfile

    with tempfile.TemporaryDirectory(dir=folder) as room:
        path = Path(room) / Path(shard.place).name
        try:
            system, name = _fsspec().core.url_to_fs(shard.place)
            system.get_file(name, str(path))
        except Exception as error:  # each file system has errors of its own
            raise InputError(f"{shard.place}: expected to read it, found {' '.join(str(error).split())}") from error
        yield path
