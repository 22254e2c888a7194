"""Files that are whole or not there: atomic writes, what they were made of, and the records of finished stages."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from diversity.types import InputError
from diversity.types import canonical as canonical
from diversity.types import digest as digest
from diversity.version import __version__

if TYPE_CHECKING:
    import pandas as pd

PACKAGES = ("numpy", "torch", "transformers", "tokenizers", "accelerate", "sentence-transformers")
RECORD, ERROR = "record.json", "error.txt"
_HEAD = '{"sha256":"'  # how a record starts: the hash of what follows it
_BODY = len(_HEAD) + 64 + len('",')


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
    target = Path(os.path.realpath(target))  # a link stays a link
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        raise _about(target, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _about(path: Path, error: OSError) -> OSError:
    """An error with the path that it is about; numpy's own, of an array that was not written whole, has no reason."""
    if error.errno is None:
        return OSError(errno.ENOSPC, f"could not be written whole ({error}): is the disk full?", str(path))
    return type(error)(error.errno, error.strerror, str(path))


def write(path: Path | str, content: bytes | str) -> Path:
    """Write a whole file atomically and return its path; text is UTF-8."""
    with replacing(path) as stream:
        stream.write(content.encode() if isinstance(content, str) else content)
    return Path(path)


def shipped() -> Path:
    """The folder of data that comes with the toolkit: inside the package, or `data/` of a checkout."""
    inside = Path(__file__).parent / "_data"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "data"


def sha256_file(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def cache_folder(cache: Path | str | None = None) -> Path:
    """Where vectors are kept: the folder given, $DIVERSITY_CACHE, or ~/.cache/diversity."""
    return Path(cache or os.environ.get("DIVERSITY_CACHE") or "~/.cache/diversity").expanduser()


def write_table(table: pd.DataFrame, path: Path | str) -> None:
    """Write a table atomically to PATH.csv or PATH.parquet; a file that holds the same already is left alone."""
    file = Path(path)
    if file.suffix == ".parquet":
        packed = io.BytesIO()
        table.to_parquet(packed, index=False)
        content = packed.getvalue()
    else:
        content = table.to_csv(index=False, lineterminator="\n").encode()
    if not (file.is_file() and file.read_bytes() == content):
        write(file, content)


# --- What lies in a folder, and whether it has reached the disk ------------------------------------


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:  # a file system that does not sync folders keeps their order itself
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):
            raise
    finally:
        os.close(handle)


def sync_tree(folder: Path) -> dict[str, int]:
    """Bring every file below a folder to the disk; their bytes by relative path, sorted."""
    sizes = {}
    for path in sorted(folder.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            sync_folder(path)
        elif path.is_file():
            with path.open("rb") as stream:
                os.fsync(stream.fileno())
            sizes[path.relative_to(folder).as_posix()] = path.stat().st_size
    sync_folder(folder)
    return sizes


def whole(folder: Path, sizes: Mapping[str, int]) -> bool:
    """Is every file that was recorded there, at its recorded size?"""
    try:
        return folder.is_dir() and all((folder / name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False


def changed(folder: Path, recorded: Mapping[str, str]) -> str:
    """The first of the files whose SHA-256 is not the recorded one; '' where there is none, or the folder is gone."""
    if not folder.is_dir():
        return ""
    return next((name for name, digest in recorded.items() if not _has(folder / name, digest)), "")


def _has(path: Path, digest: str) -> bool:
    try:
        return sha256_file(path) == digest
    except OSError:
        return False


@contextmanager
def cache_entry(cache: Path | str | None, key: str, kind: str = "") -> Iterator[Path]:
    """The place of a cache entry, with its folder beside it: of several processes one works on it, the others wait.

    `CACHE/KIND/ke/key`; it need not be there yet.
    """
    from filelock import FileLock

    folder = cache_folder(cache) / kind / key[:2] / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.with_name(f"{key}.lock")):
        yield folder


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A folder to fill that becomes `target` when the block ends without an error, all of it on the disk.

    What a killed process left of the same target is cleared. Raises OSError where `target` is there already.
    """
    for left in target.parent.glob(f".{target.name}.*.partial"):
        shutil.rmtree(left, ignore_errors=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    try:
        yield partial
        sync_tree(partial)
        partial.rename(target)
    except OSError as error:
        raise _about(target, error) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


# --- What an artefact was made of --------------------------------------------------------------------


@dataclass(frozen=True)
class Provenance:
    """What an artefact was made of, and with what; every one carries it.

    `files` are SHA-256 by path, relative to the folder of data; `settings` are all that was asked for, chance excepted,
    and what must be said of the result; `versions` are those of the toolkit, Python and the packages that compute.
    """

    files: Mapping[str, str]
    settings: Mapping[str, object]
    seed: int | None
    versions: Mapping[str, str]
    commit: str

    def to_dict(self) -> dict[str, Any]:
        """All of it for JSON, the settings at the top."""
        own = {"files": dict(self.files), "seed": self.seed, "versions": dict(self.versions), "commit": self.commit}
        return {**self.settings, **own}


def provenance(
    files: Iterable[Path] = (),
    folder: Path | None = None,
    *,
    seed: int | None = None,
    settings: Mapping[str, object] | None = None,
) -> Provenance:
    """What something is made of from these files, with these settings, by this toolkit."""
    return Provenance(hashes(files, folder), dict(settings or {}), seed, versions(), commit())


def hashes(files: Iterable[Path], folder: Path | None = None) -> dict[str, str]:
    """SHA-256 of files by their path relative to a folder, or by their name."""
    return {(f.relative_to(folder).as_posix() if folder else f.name): sha256_file(f) for f in files}


def versions(packages: Iterable[str] = PACKAGES) -> dict[str, str]:
    """Versions of the toolkit, of Python and of those of the packages that are installed."""
    installed = {name: version for name in packages if (version := _version(name))}
    return {"diversity": __version__, "python": platform.python_version(), **installed}


@cache
def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


@cache
def commit() -> str:
    """The commit of the checkout that the code runs from, with `-dirty` where it was changed; '' where it is none."""
    folder = Path(__file__).resolve().parents[1]
    if not (folder / ".git").exists():
        return ""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude", "*"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()


# --- Records of finished stages ----------------------------------------------------------------------


@dataclass(frozen=True)
class Record:
    """A finished stage: what determined it, where and when it ran, and the result rows that it gave.

    `inputs` are keys of other stages by role, `data` fingerprints of what was read from outside; `start` is the wall
    clock (UTC, for people to read), `seconds` a monotonic one; `files` are bytes, `hashes` SHA-256 by path of what the stage
    left. `computed` says in how many threads and processes, which can change a number by rounding.
    """

    key: str
    kind: str
    recipe: int
    settings: Mapping[str, Any]
    inputs: Mapping[str, str]
    data: Mapping[str, str]
    rows: Sequence[Mapping[str, Any]]
    files: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, int] = field(default_factory=dict)
    start: str = ""
    seconds: float = 0.0
    host: str = ""


_FIELDS = {f.name for f in fields(Record)}


class BadRecord(InputError):
    """A record that was cut short, changed or is not one."""


def save_record(folder: Path, record: Record) -> None:
    """Write FOLDER/record.json, atomically and with its own hash: its existence means that the stage is done."""
    body = canonical(vars(record))
    digested = hashlib.sha256(body.encode()).hexdigest()
    write(folder / RECORD, f'{_HEAD}{digested}",{body[1:]}\n')
    sync_folder(folder)


def load_record(folder: Path | str) -> Record | None:
    """The record of a stage's folder, None where there is none; raises BadRecord for one that is not as it was written."""
    path = f"{folder}/{RECORD}"  # no Path: there may be ten thousand
    try:
        with open(path, "rb") as stream:
            text = stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadRecord(f"{path}: expected a record, found {error.strerror}") from error
    body = b"{" + text[_BODY:].rstrip(b"\n")
    if text[len(_HEAD) : len(_HEAD) + 64].decode("ascii", "replace") != hashlib.sha256(body).hexdigest():
        raise BadRecord(f"{path}: expected a whole record, found {len(text)} bytes that do not agree with their hash")
    content = json.loads(body)
    if set(content) != _FIELDS or content["key"] != os.path.basename(folder):
        raise BadRecord(f"{path}: expected the record of {os.path.basename(folder)}, found one of {content.get('key')}")
    return Record(**content)
