"""A file is there whole, or as it was before."""

import hashlib
import json
import os
import re

import pytest

from diversity import store


def test_the_new_content_replaces_the_old(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    store.write(target, "νέο\n")
    assert target.read_bytes() == "νέο\n".encode()
    assert os.listdir(tmp_path) == ["a.txt"]


def test_an_error_in_the_middle_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")

    def fail() -> None:
        with store.replacing(target) as stream:
            stream.write(b"half")
            raise RuntimeError("half")

    with pytest.raises(RuntimeError, match="half"):
        fail()
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(FileNotFoundError) as error:
        store.write(tmp_path / "no" / "a.txt", "x")
    assert error.value.filename == str(tmp_path / "no" / "a.txt")


def test_a_directory_in_the_place_of_the_file_is_named(tmp_path):
    with pytest.raises(IsADirectoryError) as error:
        store.write(tmp_path, "x")
    assert error.value.filename == str(tmp_path)
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="file sizes can be limited on POSIX systems only")
def test_a_full_disk_leaves_the_old_file(tmp_path):
    """A limit on the size of files stands in for a full disk: the write itself fails in the operating system."""
    import resource
    import signal

    target = tmp_path / "a.bin"
    target.write_bytes(b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        with pytest.raises(OSError, match=r"a\.bin"):
            store.write(target, b"x" * 100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)
    assert target.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


def test_what_is_no_file_is_written_through(tmp_path):
    import stat

    store.write("/dev/null", "gone")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_link_stays_a_link(tmp_path):
    (tmp_path / "a").write_text("old")
    (tmp_path / "b").symlink_to("a")
    store.write(tmp_path / "b", "new")
    assert (tmp_path / "b").is_symlink()
    assert (tmp_path / "a").read_text() == "new"


def test_provenance_says_files_versions_seed_settings_and_commit(tmp_path):
    (tmp_path / "mnli").mkdir()
    (tmp_path / "mnli" / "a.txt").write_text("abc")
    found = store.provenance([tmp_path / "mnli" / "a.txt"], tmp_path, seed=3, settings={"split": "train"}).to_dict()
    assert found["files"] == {"mnli/a.txt": hashlib.sha256(b"abc").hexdigest()}
    assert (found["seed"], found["split"]) == (3, "train")
    assert {"diversity", "python", "numpy"} <= set(found["versions"])
    assert found["commit"] == "" or re.fullmatch("[0-9a-f]{40}(-dirty)?", found["commit"])
    assert json.loads(store.canonical(found)) == found


def test_versions_leave_out_what_is_not_installed():
    assert set(store.versions(["no-such-package-at-all"])) == {"diversity", "python"}
