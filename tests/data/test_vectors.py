"""Vectors that are computed already: every form gives the same array, and one line says what is wrong with a file."""

import json

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet
from safetensors.numpy import save_file

from diversity.data.vectors import VectorFile, holds_vectors
from diversity.types import InputError

SETTINGS = {"model": "somebody/encoder", "revision": "1" * 40}


@pytest.fixture
def x(rng):
    return rng.normal(size=(2500, 6)).astype(np.float32)


def table(x, kind=None, **columns):
    lists = pa.array(x.tolist(), kind or pa.list_(pa.float32()))
    return pa.table({"vector": lists, **columns}, metadata={"encoder": json.dumps(SETTINGS)})


def written(folder, form, x):
    path = folder / f"x{form.split()[0]}"
    if form == ".npy":
        np.save(path, x)
    elif form == ".safetensors":
        save_file({"vectors": x}, path, metadata={"encoder": json.dumps(SETTINGS)})
    elif form == ".parquet":
        parquet.write_table(table(x), path)
    elif form == ".parquet fixed":
        parquet.write_table(table(x, pa.list_(pa.float64(), 6), n=range(len(x))), path)
    else:
        batches = table(x)
        opened = pa.ipc.new_file if form == ".arrow" else pa.ipc.new_stream
        with pa.OSFile(str(path), "wb") as sink, opened(sink, batches.schema) as writer:
            writer.write_table(batches)
    return path


@pytest.mark.parametrize("form", [".npy", ".safetensors", ".parquet", ".parquet fixed", ".arrow", ".arrow stream"])
def test_every_form_gives_the_same_vectors_and_says_their_encoder(form, x, tmp_path):
    path = written(tmp_path, form, x)
    assert holds_vectors(f"mine={path}")
    source = VectorFile.parse(f"mine={path}")
    vectors = source.read()
    assert source.name == "mine"
    np.testing.assert_array_equal(vectors.values, x)
    assert vectors.encoder == ({} if form == ".npy" else SETTINGS)


def test_a_column_of_text_decides_that_a_file_holds_texts_unless_another_is_named(x, tmp_path):
    path = tmp_path / "x.parquet"
    parquet.write_table(table(x, text=[f"text {i}" for i in range(len(x))]), path)
    assert not holds_vectors(str(path))
    assert not holds_vectors(f"{path}:text")
    assert holds_vectors(f"{path}:vector")
    np.testing.assert_array_equal(VectorFile.parse(f"{path}:vector").read().values, x)


def parquet_of(**columns):
    def write(path):
        parquet.write_table(pa.table(columns), path)

    return write


def safetensors_of(metadata=None, **tensors):
    def write(path):
        save_file(tensors, path, metadata=metadata)

    return write


def bytes_of(content):
    def write(path):
        path.write_bytes(content)

    return write


ONE = np.eye(2, dtype=np.float32)
BROKEN = [
    ("a.parquet:v", parquet_of(v=[[1.0, 2.0], [1.0]]), r"a.parquet:2: expected 2 numbers in 'v', found 1"),
    ("a.parquet:v", parquet_of(v=[[1.0, 2.0], None]), r"a.parquet:2: expected 2 numbers in 'v', found 0"),
    ("a.parquet:v", parquet_of(v=[[1.0, 2.0], [None, 1.0]]), r"a.parquet:2: expected 2 numbers in 'v', found nothing"),
    (
        "a.parquet:v",
        parquet_of(v=pa.array([[], []], pa.list_(pa.float32()))),
        r"a.parquet:1: expected some numbers in 'v', found 0",
    ),
    ("a.parquet:vektor", parquet_of(vector=[[1.0]]), "unknown column 'vektor': did you mean vector"),
    ("a.parquet:n", parquet_of(vector=[[1.0]], n=[1]), "expected lists of numbers in 'n', found int64"),
    ("a.parquet", parquet_of(v=[[1.0]], w=[[1.0]]), "expected one column of vectors, found several: v, w"),
    ("a.parquet", parquet_of(n=[1]), "expected a column of vectors, found none"),
    ("a.parquet:v", parquet_of(v=pa.array([], pa.list_(pa.float32()))), "expected vectors, found no rows"),
    ("a.parquet", bytes_of(b"PAR1 no"), "expected Parquet, found"),
    ("a.parquet", bytes_of(b""), "expected Parquet, found an empty file"),
    ("a.arrow", bytes_of(b"no arrow"), "expected an Arrow file, found"),
    ("a.safetensors", bytes_of(b"no tensors at all"), "expected safetensors of numbers, found"),
    ("a.safetensors", safetensors_of(a=ONE, b=ONE), "expected one tensor of vectors, found several: a, b: write .*:a"),
    ("a.safetensors:c", safetensors_of(a=ONE, b=ONE), "unknown tensor 'c'"),
    (
        "a.safetensors",
        safetensors_of({"encoder": "mini"}, a=ONE),
        "settings as a JSON object in its metadata, found 'mini'",
    ),
    ("a.npy", bytes_of(b"no numpy"), "expected a .npy file of one array"),
]


@pytest.mark.parametrize(("spec", "write", "message"), BROKEN)
def test_one_line_for_what_is_no_file_of_vectors(spec, write, message, tmp_path):
    name, _, column = spec.partition(":")
    write(tmp_path / name)
    with pytest.raises(InputError, match=message) as raised:
        VectorFile.parse(f"{tmp_path / name}{':' * bool(column)}{column}").read()
    assert "\n" not in str(raised.value)


def test_what_names_no_vectors():
    with pytest.raises(InputError, match=r"expected vectors as NAME=FILE or NAME=FILE:COLUMN"):
        VectorFile.parse("mine=x.csv")
    with pytest.raises(InputError, match=r"expected a \.npy file, found nothing"):
        VectorFile.parse("nothing.npy").read()
