"""Vectors that somebody has computed already: `.npy`, `.safetensors`, or a Parquet or Arrow column of lists of numbers.

A file may say which encoder its vectors are of: `encoder` in the metadata of safetensors, Parquet and Arrow holds the
encoder's settings as JSON. `.npy` cannot say it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diversity import catalog
from diversity.data import columns
from diversity.data.names import divided
from diversity.types import InputError

if TYPE_CHECKING:
    import pyarrow as pa

FORMS = (".npy", ".safetensors", *columns.FORMS)
NPY = b"\x93NUMPY"  # how a .npy file starts


@dataclass(frozen=True)
class Vectors:
    """Vectors (n, d), and the settings of their encoder, empty where the file does not say them."""

    values: NDArray[np.floating]
    encoder: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class VectorFile:
    """A named file of vectors, and the column or tensor that holds them (none: the only one)."""

    name: str
    path: Path
    column: str = ""

    @staticmethod
    def parse(spec: str) -> VectorFile:
        """The file of `NAME=FILE:COLUMN`, `NAME=FILE` or `FILE`; raises InputError for another form."""
        label, path, fields = divided(spec)
        if Path(path).suffix.lower() not in FORMS or len(fields) > 1:
            raise InputError(f"expected vectors as NAME=FILE or NAME=FILE:COLUMN ({' '.join(FORMS)}), found {spec!r}")
        return VectorFile(label or Path(path).stem, Path(path), "".join(fields))

    def read(self) -> Vectors:
        """The vectors, memory-mapped where the form allows; never unpickled.

        Raises InputError for a file that is missing, damaged or of another form, an unknown column, and rows of several
        lengths.
        """
        if not self.path.is_file():
            what = "a directory" if self.path.is_dir() else "nothing"
            raise InputError(f"{self.path}: expected a {self.path.suffix} file, found {what}")
        match self.path.suffix.lower():
            case ".npy":
                return Vectors(_npy(self.path))
            case ".safetensors":
                return _safetensors(self.path, self.column)
            case _:
                schema = columns.schema(self.path)
                return Vectors(
                    _column(self.path, schema, self.column_name()), _encoder(columns.metadata(schema), self.path)
                )

    def encoder(self) -> Mapping[str, object]:
        """The settings of the encoder that the file names; empty where it names none."""
        match self.path.suffix.lower():
            case ".npy":
                return {}
            case ".safetensors":
                return self.read().encoder
            case _:
                return _encoder(columns.metadata(columns.schema(self.path)), self.path)

    def column_name(self) -> str:
        """The column of vectors of a Parquet or Arrow file: the one that is named, or the only one."""
        return self.column or _only(_vector_columns(columns.schema(self.path)), self.path, "column")


def _vector_columns(schema: pa.Schema) -> list[str]:
    """The columns of a Parquet or Arrow file that hold lists of numbers."""
    return [f.name for f in schema if _holds_vectors(f.type)]


def holds_vectors(spec: str) -> bool:
    """Does a specification name vectors rather than texts: by its suffix, or by the types of its columns?

    >>> holds_vectors("news=news.npy"), holds_vectors("news.csv:headline")
    (True, False)
    """
    _, path, fields = divided(spec)
    suffix = Path(path).suffix.lower()
    if suffix not in columns.FORMS or not Path(path).is_file():
        return suffix in FORMS and suffix not in columns.FORMS
    schema = columns.schema(Path(path))
    known = _vector_columns(schema)
    if fields:
        return len(fields) == 1 and fields[0] in known
    return bool(known) and not any(_holds_text(f.type) for f in schema)


def _holds_vectors(kind: pa.DataType) -> bool:
    from pyarrow import types

    lists = types.is_list(kind) or types.is_large_list(kind) or types.is_fixed_size_list(kind)
    return bool(lists and (types.is_floating(kind.value_type) or types.is_integer(kind.value_type)))


def _holds_text(kind: pa.DataType) -> bool:
    from pyarrow import types

    return bool(types.is_string(kind) or types.is_large_string(kind) or types.is_string_view(kind))


def _only(known: list[str], path: Path, what: str) -> str:
    if len(known) == 1:
        return known[0]
    if not known:
        raise InputError(f"{path}: expected a {what} of vectors, found none")
    raise InputError(
        f"{path}: expected one {what} of vectors, found several: {', '.join(known)}: write {path}:{known[0]}"
    )


def _encoder(metadata: Mapping[str, str], path: Path) -> Mapping[str, object]:
    """The settings of the encoder that a file names; raises InputError where they are no JSON object."""
    if "encoder" not in metadata:
        return {}
    try:
        settings = json.loads(metadata["encoder"])
    except ValueError:
        settings = None
    if not isinstance(settings, dict):
        raise InputError(
            f"{path}: expected the encoder's settings as a JSON object in its metadata, found {metadata['encoder'][:40]!r}"
        )
    return settings


def _npy(path: Path) -> NDArray[np.floating]:
    with path.open("rb") as stream:
        start = stream.read(len(NPY))
    if start != NPY:
        other = "an archive of several" if start.startswith(b"PK") else "a file of another form"
        raise InputError(f"{path}: expected a .npy file of one array, found {other}")
    try:
        loaded: NDArray[np.floating] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, TypeError, SyntaxError, MemoryError) as error:
        what = "Python objects" if "objects in dtype" in str(error) else f"one that is cut short or damaged ({error})"
        raise InputError(f"{path}: expected a .npy file of numbers, found {what.splitlines()[0]}") from error
    return loaded


def _safetensors(path: Path, column: str) -> Vectors:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            known = list(file.keys())
            if column and column not in known:
                raise InputError(f"{path}: {catalog.near(column, known, 'tensor')}")
            values = file.get_tensor(column or _only(known, path, "tensor"))
            return Vectors(values, _encoder(file.metadata() or {}, path))
    except (SafetensorError, TypeError, OSError) as error:  # a TypeError for bfloat16, which numpy does not have
        raise InputError(f"{path}: expected safetensors of numbers, found {str(error).splitlines()[0]}") from error


def _column(path: Path, schema: pa.Schema, name: str) -> NDArray[np.floating]:
    known = _vector_columns(schema)
    if name not in known:
        if name in schema.names:
            raise InputError(f"{path}: expected lists of numbers in {name!r}, found {schema.field(name).type}")
        raise InputError(f"{path}: {catalog.near(name, known or schema.names, 'column')}")
    parts = list(blocks(path, name))
    if not parts:
        raise InputError(f"{path}: expected vectors, found no rows")
    return np.concatenate(parts)


def blocks(path: Path, name: str, groups: Sequence[int] | None = None) -> Iterator[NDArray[np.float32]]:
    """The vectors of a column, a batch at a time, of Parquet those of these `groups`.

    Raises InputError at the first row that is not as long as the first.
    """
    import pyarrow.compute as pc

    width, before = 0, 0
    for batch in columns.batches(path, (name,), groups):
        cells = batch.column(name)
        lengths = pc.fill_null(pc.list_value_length(cells), 0).to_numpy(zero_copy_only=False)
        width = width or int(lengths[0])
        if odd := [i for i, length in enumerate(lengths) if length != width or not width]:
            raise InputError(
                f"{path}:{before + odd[0] + 1}: expected {width or 'some'} numbers in {name!r}, found {lengths[odd[0]]}"
            )
        values = pc.list_flatten(cells)
        if values.null_count:
            row = before + pc.index(pc.is_null(values), True).as_py() // width + 1
            raise InputError(f"{path}:{row}: expected {width} numbers in {name!r}, found nothing (null) among them")
        before += len(cells)
        yield values.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, width)
