"""Parquet and Arrow files as record batches: the columns that are asked for, read piece by piece."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from diversity.types import InputError

if TYPE_CHECKING:
    import pyarrow as pa

FORMS = (".parquet", ".arrow")
ROWS = 1024  # of a batch


def schema(path: Path) -> pa.Schema:
    """The columns of a file with their types; raises InputError where it is not of its form."""
    from pyarrow import parquet

    with _readable(path):
        if not _is_arrow(path):
            return parquet.read_schema(path)
        with _arrow(path) as reader:
            return reader.schema


def batches(path: Path, columns: Sequence[str] = (), groups: Sequence[int] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a file in batches; of its columns only those named, where it has them all; of Parquet these `groups`.

    Raises InputError for a file that is not of its form, or is cut short.
    """
    from pyarrow import ipc, parquet

    with _readable(path):
        if not _is_arrow(path):
            with parquet.ParquetFile(path) as file:
                wanted = list(columns) if columns and set(columns) <= set(file.schema_arrow.names) else None
                yield from file.iter_batches(batch_size=ROWS, columns=wanted, row_groups=groups)
        else:
            with _arrow(path) as reader:
                known = isinstance(reader, ipc.RecordBatchFileReader)
                whole = (reader.get_batch(i) for i in range(reader.num_record_batches)) if known else iter(reader)
                for batch in whole:
                    wanted = list(columns) if columns and set(columns) <= set(batch.schema.names) else None
                    part = batch.select(wanted) if wanted else batch
                    yield from (part.slice(start, ROWS) for start in range(0, part.num_rows, ROWS))


def records(
    path: Path, columns: Sequence[str] = (), groups: Sequence[int] | None = None
) -> Iterator[tuple[int, dict[str, object]]]:
    """The rows of `batches` one by one, as objects, numbered from 1."""
    return enumerate((record for batch in batches(path, columns, groups) for record in batch.to_pylist()), 1)


def group_rows(path: Path) -> list[int]:
    """The rows of each group of a Parquet file."""
    from pyarrow import parquet

    with _readable(path):
        about = parquet.read_metadata(path)
        return [about.row_group(group).num_rows for group in range(about.num_row_groups)]


def metadata(schema: pa.Schema) -> Mapping[str, str]:
    """What a file says of itself beside its columns, as text."""
    pairs = (schema.metadata or {}).items()
    return {key.decode("utf-8", "replace"): value.decode("utf-8", "replace") for key, value in pairs}


def _is_arrow(path: Path) -> bool:
    """Whether a file is read as Arrow; any other is read as Parquet."""
    return path.suffix.lower() == ".arrow"


@contextmanager
def _arrow(path: Path) -> Iterator[pa.RecordBatchFileReader | pa.RecordBatchStreamReader]:
    """A reader of an Arrow file, or of the stream that the library `datasets` writes."""
    import pyarrow
    from pyarrow import ipc

    with pyarrow.memory_map(str(path)) as source:
        try:
            reader = ipc.open_file(source)
        except pyarrow.ArrowInvalid:
            source.seek(0)
            reader = ipc.open_stream(source)
        with reader:
            yield reader


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    import pyarrow

    form = "an Arrow file" if _is_arrow(path) else "Parquet"
    if path.stat().st_size == 0:
        raise InputError(f"{path}: expected {form}, found an empty file")
    try:
        yield
    except (pyarrow.ArrowException, OSError) as error:
        raise InputError(f"{path}: expected {form}, found {str(error).splitlines()[0]}") from error
