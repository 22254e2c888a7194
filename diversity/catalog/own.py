"""Tasks and metrics from outside the package: folders of the user's, and entry points of installed packages.

A folder has `tasks/NAME.toml` (a description), `tasks/NAME.py` (a TASK) and `metrics/NAME.py` (a METRIC). Folders come
from `include`, from the option `--include`, from DIVERSITY_INCLUDE and from a plan; they hold for the whole process.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
import re
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

from diversity.types import EXAMPLES, InputError, Metric, Role, Task, unknown_name_error

Folder = Literal["tasks", "metrics"]
VARIABLE = "DIVERSITY_INCLUDE"  # folders, with the separator of paths between them
SUFFIXES: Mapping[Folder, tuple[str, ...]] = {"tasks": (".toml", ".py"), "metrics": (".py",)}
NOUNS: Mapping[Folder, type[Task] | type[Metric]] = {"tasks": Task, "metrics": Metric}
NAMES: Mapping[Folder, str] = {"tasks": r"[A-Za-z0-9][\w-]*", "metrics": r"[A-Za-z]\w*"}
# What an outcome, an average of the benchmark or another name of the toolkit already means.
TAKEN = (
    "all", "all_task", "average", "classification", "mean", "mean7", "mean9", "mlm", "multi_choice", "qa", "retrieval",
    "tagging",
)  # fmt: skip


@dataclass(frozen=True)
class Included:
    """What one name from outside stands for: a file of a folder, or an entry point; `digest` is that of its content."""

    folder: Folder
    name: str
    place: str
    digest: str
    load: Callable[[], Any]


@dataclass(frozen=True)
class Inclusion:
    """Folders that were included; as a context manager it takes them out again at the end."""

    folders: tuple[Path, ...]
    before: tuple[Path, ...]

    def __enter__(self) -> Inclusion:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        _folders[:] = self.before


_folders: list[Path] = []  # in the order in which they were included


def _real(folder: Path | str) -> Path:
    """The folder that a path means. (`Path.resolve` raises RuntimeError for links that go round in a circle.)"""
    return Path(os.path.realpath(Path(folder).expanduser()))


def include(*folders: Path | str) -> Inclusion:
    """Make the tasks and metrics of folders known, beside those of the toolkit, for this process or a `with` block.

    A folder has `tasks/NAME.toml`, `tasks/NAME.py` or `metrics/NAME.py`.

    Parameters
    ----------
    *folders
        Folders with `tasks/` or `metrics/`.

    Returns
    -------
    Inclusion
        A context manager that makes them unknown again at its end.

    Raises
    ------
    InputError
        For a folder that has none of them, and for a name that a task or metric already has.

    Examples
    --------
    >>> import pathlib
    >>> import tempfile
    >>> tasks = pathlib.Path(tempfile.mkdtemp(), "tasks")
    >>> tasks.mkdir()
    >>> described = 'kind = "classification"\\nrole = "intermediate"\\nfiles = "{split}.jsonl"\\n'
    >>> _ = (tasks / "mypairs.toml").write_text(described)
    >>> with include(tasks.parent):
    ...     "mypairs" in included("tasks")
    True
    """
    before, wanted = tuple(_folders), tuple(map(_real, folders))
    for folder in wanted:
        _check(folder)
    _folders.extend(f for f in dict.fromkeys(wanted) if f not in _folders)
    try:
        for kind in SUFFIXES:
            included(kind)
    except InputError:
        _folders[:] = before
        raise
    return Inclusion(wanted, before)


def folders() -> tuple[Path, ...]:
    """The folders that are included: those of the environment variable, then the others in their order."""
    given = [_real(p) for p in os.environ.get(VARIABLE, "").split(os.pathsep) if p.strip()]
    for folder in given:
        _check(folder)
    return tuple(dict.fromkeys([*given, *_folders]))


def contents() -> dict[str, str]:
    """The included folders, each with a digest of its tasks and metrics: what workers compare with what they see."""
    return {str(folder): folder_digest(folder) for folder in folders()}


def folder_digest(folder: Path) -> str:
    """SHA-256 of the names and contents of a folder's tasks and metrics."""
    digest = hashlib.sha256()
    for kind in SUFFIXES:
        for file in _files(folder, kind):
            digest.update(f"{file.relative_to(folder).as_posix()}\0".encode() + file.read_bytes() + b"\0")
    return digest.hexdigest()


def include_as(expected: Mapping[str, str]) -> None:
    """Include folders whose content must be what another process saw; raises InputError where it is not."""
    for name, digest in expected.items():
        folder = Path(name)
        _check(folder)
        if folder_digest(folder) != digest:
            raise InputError(f"{folder}: expected the tasks and metrics that the grid was started with, found others")
    include(*expected)


def included(kind: Folder) -> dict[str, Included]:
    """Tasks or metrics from outside by name; raises InputError for a name that stands for two things."""
    known: dict[str, Included] = {}
    for item in (*_from_folders(kind), *_from_packages(kind)):
        problem = "is one of the toolkit's" if item.name in built_in(kind) else ""
        if item.name in known:
            problem = f"is also in {known[item.name].place}"
        if item.name in TAKEN and kind == "tasks":
            problem = "has a meaning of its own"
        if not re.fullmatch(NAMES[kind], item.name):
            problem = (
                "may have letters, digits and _ only" if kind == "metrics" else "may have letters, digits, _ and - only"
            )
        if problem:
            raise InputError(f"{item.place}: expected another name for this {kind[:-1]}: {item.name!r} {problem}")
        known[item.name] = item
    return known


@cache
def built_in(kind: Folder) -> tuple[str, ...]:
    """Names of the toolkit's own files; those that start with an underscore are helpers."""
    files = (Path(__file__).parent.parent / kind).glob("*.py")
    return tuple(sorted(f.stem for f in files if not f.stem.startswith("_")))


def loaded(item: Included) -> Any:
    """The task or metric of an entry; raises InputError in one line for whatever its file does."""
    noun = _loaded(item.folder, item.name, item.place, item.digest)
    return _with_source(noun, item.place) if isinstance(noun, Task) and noun.train_on else noun


@cache
def _loaded(kind: Folder, name: str, place: str, digest: str) -> Any:
    noun = included(kind)[name].load()
    if not isinstance(noun, NOUNS[kind]):
        raise InputError(f"{place}: expected a {NOUNS[kind].__name__}, found {type(noun).__name__}")
    if noun.name != name:
        raise InputError(f"{place}: expected the name {name!r}, as that of the file, found {noun.name!r}")
    if isinstance(noun, Task):
        _check_task(noun, place)
    return replace(noun, digest=noun.digest or digest)


def _check_task(task: Task, place: str) -> None:
    """Raise InputError for a task whose parts do not fit each other: Python checks none of them."""
    if task.benchmark:
        raise InputError(f"{place}: expected a task of no benchmark, found benchmark={task.benchmark!r}")
    for value, known, what in ((task.kind, tuple(EXAMPLES), "kind"), (task.role, get_args(Role), "role")):
        if value not in known:
            raise InputError(f"{place}: {unknown_name_error(value, known, what)}")
    parts = [f.name for f in fields(EXAMPLES[task.kind]) if f.name not in ("id", "language")]
    if unknown := [name for name in task.fields if name not in parts]:
        raise InputError(f"{place}: {unknown_name_error(unknown[0], parts, f'field of a {task.kind} task')}")
    if not task.fields or not task.splits:
        raise InputError(f"{place}: expected fields that are embedded and splits, found none")


def _with_source(task: Task, place: str) -> Task:
    """A target with the training rows of another task; raises InputError where these are none that can be used for it."""
    name, others = task.train_on, included("tasks")
    known = sorted([*built_in("tasks"), *others])
    if name in others:
        source = _loaded("tasks", name, others[name].place, others[name].digest)
    elif name in known:
        source = importlib.import_module(f"diversity.tasks.{name}").TASK
    else:
        raise InputError(f"{place}: {unknown_name_error(name, known, 'task in train_on')}")
    if source.kind != task.kind or "train" not in source.splits or source.train_on:
        needed = f"a task of kind {task.kind} with training rows of its own"
        raise InputError(f"{place}: expected train_on to name {needed}, found {name} ({source.kind})")
    unknown = [label for label in task.labels if source.labels and label not in source.labels]
    if unknown and task.kind != "multiple_choice":
        among = ", ".join(source.labels)
        raise InputError(f"{place}: expected labels among those of {name} ({among}), found {unknown[0]!r}")
    return replace(task, splits={"train": source.splits["train"], **task.splits})


# --- Where they come from ----------------------------------------------------------------------------


def _check(folder: Path) -> None:
    if not folder.is_dir():
        what = "a file" if folder.exists() else "nothing"
        raise InputError(f"{folder}: expected a folder with tasks/ or metrics/, found {what}")
    if not any(_files(folder, kind) for kind in SUFFIXES):
        raise InputError(
            f"{folder}: expected tasks/NAME.toml, tasks/NAME.py or metrics/NAME.py in the folder, found none of them"
        )


def _files(folder: Path, kind: Folder) -> list[Path]:
    files = (folder / kind).glob("*")
    return sorted(f for f in files if f.suffix in SUFFIXES[kind] and f.is_file() and not f.name.startswith(("_", ".")))


def _from_folders(kind: Folder) -> Iterator[Included]:
    for folder in folders():
        for file in _files(folder, kind):
            load = _described if file.suffix == ".toml" else _executed
            digest = hashlib.sha256(file.read_bytes()).hexdigest()
            yield Included(kind, file.stem, str(file), digest, partial(load, file, kind))


def _described(file: Path, _: Folder) -> Any:
    return importlib.import_module("diversity.data.described").read(file)


def _executed(file: Path, kind: Folder) -> Any:
    """The TASK or METRIC of a Python file; what goes wrong in it is one line that names the file and its line."""
    name = kind[:-1].upper()
    specification = importlib.util.spec_from_file_location(f"diversity_included_{kind}_{file.stem}", file)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    try:
        specification.loader.exec_module(module)
    except SyntaxError as error:
        raise InputError(f"{file}:{error.lineno}: expected Python, found: {error.msg}") from error
    except Exception as error:  # whatever the user's file does
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)]
        where = f"{file}:{lines[-1]}" if lines else str(file)
        raise InputError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if not hasattr(module, name):
        raise InputError(f"{file}: expected {name} = {name.title()}(...) in the file, found none")
    return getattr(module, name)


def _from_packages(kind: Folder) -> Iterator[Included]:
    for point in packages_of(kind):
        package = f"{point.dist.name} {point.dist.version}" if point.dist is not None else point.value
        digest = hashlib.sha256(f"{package}\0{point.value}".encode()).hexdigest()
        place = f"{package} ({point.value})"
        yield Included(kind, point.name, place, digest, partial(_of_package, point, kind))


@cache
def packages_of(kind: Folder) -> tuple[EntryPoint, ...]:
    """The entry points of installed packages that name tasks or metrics."""
    return tuple(entry_points(group=f"diversity.{kind}"))


def _of_package(point: EntryPoint, kind: Folder) -> Any:
    try:
        return getattr(point.load(), kind[:-1].upper(), None) or point.load()
    except Exception as error:  # whatever the package does
        raise InputError(f"{point.value}: {type(error).__name__}: {' '.join(str(error).split())}") from error
