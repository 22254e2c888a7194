"""Verify what a data folder holds: rows, labels, hashes: `diversity data check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diversity import catalog, store
from diversity.data import sources
from diversity.data.lock import LOCK, Lock
from diversity.types import BadRow, Example, InputError, Rows, Task

FAILURES = ("larger", "placeholder labels", "bad rows", "changed", "gone", "unreadable")
LOST = "\ufffd"  # stands for a character that was lost before, or for half a surrogate pair


@dataclass(frozen=True)
class Checked:
    """What is there of one split of a task in one language.

    `status`: `whole`, `partial` (fewer rows than the release), `counted` (the release's number is not known),
    `incomplete` (a part of several is not there, and the task was not asked for), `labels withheld` (a failure where the
    rows are for training); and the failures: `larger`, `placeholder labels`, `bad rows`, `changed` (a file differs from
    the lock file), `gone` (a file of the lock file is not there), `unreadable`.
    """

    task: str
    split: str
    language: str
    origin: str
    rows: int
    expected: int | None
    bad: int
    status: str
    detail: str = ""

    @property
    def failed(self) -> bool:
        """Whether something is wrong with these rows (fewer than the release has is not)."""
        unlabelled = self.status == "labels withheld" and self.split == "train"
        return unlabelled or self.status in FAILURES


def check(names: Sequence[str] | None = None, *, data: Rows | Path | str, lock: bool = False) -> list[Checked]:
    """Read every row that a folder holds and verify counts, labels and hashes; `lock` records the hashes for the next time.

    Parameters
    ----------
    names
        Tasks to check; all that the folder holds unless given.
    data
        Folder of the data, or `Rows` that say which of its rows.
    lock
        Record the hashes of the files for the next time.

    Returns
    -------
    list[Checked]
        One result for each task, split and language: counts, labels, hashes, what is wrong.

    Raises
    ------
    InputError
        Where nothing of a task that was asked for is there.

    Examples
    --------
    >>> check(["mnli"], data="data/samples")[0].task
    'mnli'
    """
    folder = sources.data_folder(data)
    results: list[Checked] = []
    lock_file = Lock.read(folder)
    seen: dict[str, str] = {}
    for name in names or catalog.names("tasks"):
        task = catalog.task(name)
        checked = [
            r for split in task.splits for r in _check_split(task, folder, split, lock_file.files, seen, bool(names))
        ]
        if names and not checked:
            raise InputError(f"{folder}: expected files of {name}, found none of its splits ({', '.join(task.splits)})")
        results += checked
    gone = [f for f in lock_file.files if not names and not (folder / f).exists()]
    results += [Checked("-", "-", "-", "", 0, None, 0, "gone", f"{f} is in {LOCK} and not here") for f in gone]
    if not results:
        raise InputError(f"{folder}: expected files of the tasks, found none")
    if lock:
        lock_file.added(files=seen).write(folder)
    return results


@dataclass(frozen=True)
class Glance:
    """A task's files as `check` finds them, the first rows of its first split, and how often it has each label."""

    task: Task
    checked: list[Checked]
    rows: list[Example]
    labels: Mapping[str, int]


def glance(name: str, *, data: Rows | Path | str, show: int = 2) -> Glance:
    """Check one task and look at its first rows, as they are read: what a new description is tried with.

    Raises InputError where no file of it is there, saying which files were looked for.
    """
    task, folder = catalog.task(name), sources.data_folder(data)
    checked = [r for split in task.splits for r in _check_split(task, folder, split, {}, {}, True)]
    if not checked:
        raise InputError(f"{folder}: expected files of {name}, such as {sources.looked_for(task)}, found none")
    first = next((r for r in checked if not r.failed and r.rows), None)
    rows: list[Example] = []
    labels: Counter[str] = Counter()
    if first is not None and (files := sources.find(task, folder, first.split, first.language)):
        for number, example in enumerate(sources.read(files, bad=[])):
            if number < show:
                rows.append(example)
            labels.update(sources.labels_of(example) or ())
    return Glance(task, checked, rows, dict(labels.most_common()))


def _check_split(
    task: Task, data: Path, split: str, locked: Mapping[str, str], seen: dict[str, str], asked: bool
) -> Iterator[Checked]:
    for language in task.languages:
        try:
            files = sources.find(task, data, split, language)
        except InputError as error:
            status = "incomplete" if isinstance(error, sources.MissingPart) and not asked else "unreadable"
            yield Checked(task.name, split, language, "", 0, None, 0, status, str(error))
            continue
        if files is None:
            continue
        changed = list[str]()
        for file in files.files:
            name = file.relative_to(data).as_posix()
            if name not in seen:
                seen[name] = store.sha256_file(file)
            if locked.get(name, seen[name]) != seen[name]:
                changed.append(str(file))
        yield _count(files, changed, _official(task, files.files, seen, data))


def _official(task: Task, files: list[Path], seen: dict[str, str], data: Path) -> str:
    known = [f for f in files if f.name in task.hashes]
    if not known:
        return ""
    same = all(seen[f.relative_to(data).as_posix()] == task.hashes[f.name] for f in known)
    return "files are the released ones" if same else "files differ from the released ones"


def _count(files: sources.SplitFiles, changed: list[str], detail: str) -> Checked:
    task, split, language = files.task, files.split, files.language
    bad: list[BadRow] = []
    rows = withheld = labelled = lost = 0
    labels: Counter[str] = Counter()
    expected = task.expected(split, language)

    def result(status: str, text: str | None = None) -> Checked:
        return Checked(
            task.name, split, language, files.origin, rows, expected, len(bad), status, detail if text is None else text
        )

    try:
        for example in sources.read(files, bad=bad):
            rows += 1
            given = sources.labels_of(example)
            withheld += given is None
            lost += LOST in sources.text_of(example, task.fields)
            labelled += bool(given)
            labels.update(given or ())
    except (InputError, OSError) as error:
        return result("bad rows" if bad else "unreadable", str(error))
    if changed:
        return result("changed", f"{changed[0]} is not as {LOCK} has it")
    if bad:
        return result("bad rows", f"{bad[0]}" + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""))
    if sources.placeholder(task, labels, labelled):
        return result("placeholder labels", f"all {labelled} rows are labelled {next(iter(labels))!r}")
    if lost:
        detail = "; ".join(filter(None, [detail, f"{lost} rows with U+FFFD in place of a character"]))
    if withheld:
        return result("labels withheld", f"{withheld} of {rows} rows without a label")
    if expected is None:
        return result("counted")
    return result("whole" if rows == expected else "partial" if rows < expected else "larger")
