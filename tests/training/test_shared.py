"""Rows that the runs of a process share: read once, read again when files change, forgotten where they are many."""

import shutil

import pytest

from diversity import catalog
from diversity.data import sources
from diversity.training import rows, shared
from diversity.types import Rows


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    """Nothing of another test."""
    monkeypatch.setattr(shared, "kept", {})


@pytest.fixture
def reads(monkeypatch):
    """The splits that are read, one by one."""
    seen, real = [], sources.read

    def read(files, **options):
        seen.append((files.task.name, files.split))
        return real(files, **options)

    monkeypatch.setattr(sources, "read", read)
    return seen


def test_rows_are_read_once_whatever_the_seed(samples, reads) -> None:
    first = rows.read(catalog.task("ccg"), samples, dev_examples=5, seed=1)
    count = len(reads)
    assert count >= 2, "the rows, and those that are tested on"
    again = rows.read(catalog.task("ccg"), samples, dev_examples=5, seed=1)
    other = rows.read(catalog.task("ccg"), samples, dev_examples=5, seed=2)
    assert len(reads) == count
    assert first == again
    assert first.dev != other.dev or first.provenance != other.provenance


def test_a_changed_file_is_read_again(samples, tmp_path, reads) -> None:
    folder = shutil.copytree(samples, tmp_path / "data")
    before = rows.read(catalog.task("mnli"), folder)
    count = len(reads)
    (path,) = set(sources.located(catalog.task("mnli"), Rows.of(folder, split="train,dev")).files)
    lines = path.read_text("utf8").splitlines(keepends=True)
    path.write_text("".join(lines[:-1]), "utf8")
    after = rows.read(catalog.task("mnli"), folder)
    assert len(reads) > count
    assert after.provenance["rows"] < before.provenance["rows"]


def test_bad_rows_are_counted_by_each(samples, reads) -> None:
    for _ in range(2):
        rows.read(catalog.task("mnli"), Rows.of(samples, bad=[]))
    assert len([r for r in reads if r[0] == "mnli"]) >= 2


def test_of_many_rows_the_oldest_go(monkeypatch) -> None:
    monkeypatch.setattr(shared, "ROWS", 10)
    made = []

    def value(key, size):
        return shared.shared(key, lambda: made.append(key) or [key] * size, len)

    value("a", 4), value("b", 4), value("a", 4)
    assert made == ["a", "b"]
    value("c", 4)
    value("a", 4)
    assert made == ["a", "b", "c"], "a was used last"
    value("b", 4)
    assert made[-1] == "b"
    assert value("large", 11) == ["large"] * 11
    assert not shared.kept, "it is given, and not kept"
