"""Anybody's texts with something wrong in the file: what is read is what another parser reads, or one line says why not."""

from __future__ import annotations

import bz2
import csv
import gzip
import io
import json
import lzma
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import fuzz
import fuzz_readers

from diversity.data.texts import TextFiles

FIELDS = ("title", "body")
PACKERS: Mapping[str, Callable[[bytes], bytes]] = {
    "": bytes, ".gz": gzip.compress, ".bz2": bz2.compress, ".xz": lzma.compress
}  # fmt: skip
VALUES = (*fuzz_readers.VALUES, "3", "a,b", 'a"b', "x\ty", "x\ny", "\ufeffx", "a\u0301", "<html>")


def separated(records: list[dict[str, Any]], delimiter: str) -> bytes:
    """A table as the module csv writes it."""
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([[fuzz_readers.written(record.get(name)) for name in FIELDS] for record in records])
    return stream.getvalue().encode("utf-8", "surrogatepass")


def plain(records: list[dict[str, Any]]) -> bytes:
    """A text a line."""
    return "".join(f"{fuzz_readers.written(r.get('title'))}\n" for r in records).encode("utf-8", "surrogatepass")


MAKERS: Mapping[str, Callable[[list[dict[str, Any]]], bytes]] = {
    ".txt": plain,
    ".jsonl": fuzz_readers.jsonl,
    ".json": lambda records: json.dumps(records).encode(),
    ".csv": lambda records: separated(records, ","),
    ".tsv": lambda records: separated(records, "\t"),
}


def joined(record: Mapping[str, Any], fields: tuple[str, ...]) -> str:
    """The text of a record: its fields without the blanks around them, joined by a space."""
    values = [record[name] for name in fields]
    if wrong := [value for value in values if value is not None and not isinstance(value, str)]:
        raise ValueError(f"{wrong[0]!r} is no text")
    texts = [(value or "").encode("utf-16", "surrogatepass").decode("utf-16", "replace") for value in values]
    return " ".join(text.strip() for text in texts if text.strip())


def parsed(content: bytes, form: str, fields: tuple[str, ...]) -> list[str]:
    """The texts of a file by another way; raises ValueError, KeyError or csv.Error for what is no such file."""
    plain = content.decode("utf-8-sig")
    if "\0" in plain:
        raise ValueError("a NUL")
    ends = plain.split("\n")
    lines = [line.rstrip("\r") for line in (ends if ends[-1] else ends[:-1])]
    if form == ".txt":
        return [line.strip() for line in lines]
    if form == ".jsonl":
        return [joined(json.loads(line), fields) for line in lines if line.strip()]
    if form == ".json":
        return [joined(record, fields) for record in json.loads(plain)]
    rows = list(csv.reader((line + "\n" for line in lines), delimiter="," if form == ".csv" else "\t", strict=True))
    if any(row and len(row) != len(rows[0]) for row in rows) or len(set(rows[0])) < len(rows[0]):
        raise ValueError("rows of several widths")
    return [joined(dict(zip(rows[0], row, strict=True)), fields) for row in rows[1:] if row]


def case(rng: random.Random, folder: Path) -> str:
    """One mutation of one file: what was done. Raises AssertionError where something is read that should not be."""
    form, packed = rng.choice(list(MAKERS)), rng.choice(list(PACKERS))
    fields = () if form == ".txt" else rng.choice([("title",), FIELDS])
    records: list[dict[str, Any]] = [
        {name: fuzz_readers.text(rng) for name in FIELDS} for _ in range(rng.randint(1, 5))
    ]
    what = rng.choice(["record", "record", "lines", "bytes", "same", "packing"])
    if what == "record":
        records[rng.randrange(len(records))], _ = fuzz_readers.changed(rng.choice(records), rng)
        if rng.random() < 0.7:
            rng.choice(records)[rng.choice(FIELDS)] = rng.choice(VALUES)
    try:
        content = MAKERS[form](records)
    except (ValueError, TypeError):
        return "unwritable"
    if what in ("lines", "bytes"):
        content = (fuzz_readers.in_lines if what == "lines" else fuzz_readers.in_bytes)(content, rng)
    if what == "same":
        content = rng.choice(fuzz_readers.SAME)(content)
    path = folder / f"set{form}{packed}"
    whole = PACKERS[packed](content)
    if what == "packing":  # cut off, damaged, or under another name
        cut = rng.randrange(len(whole))
        whole = rng.choice(
            [whole[:cut], whole[:cut] + b"\xff" + whole[cut + 1 :], PACKERS[rng.choice(list(PACKERS))](content)]
        )
    path.write_bytes(whole)
    known = fuzz.answer(lambda: list(TextFiles("set", (path,), fields).texts()))
    texts = None if isinstance(known, str) else known
    try:
        right = parsed(content, form, fields)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError, csv.Error):
        right = None
    about = f"{path.name} {fields}: {what}\n{content!r}\n{texts}\n{right}"
    if what == "packing":
        assert texts is None or texts == right or not packed, about
    elif what == "same" or texts is not None:
        assert texts == right, about
    return what
