"""Bring a task's rows to a folder, and verify what is there: `diversity data fetch` and `diversity data check`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diversity import catalog, store
from diversity.data import sources
from diversity.types import BadRow, Hub, InputError, Task

LOCK = "diversity.lock.json"


@dataclass(frozen=True)
class Checked:
    """What is there of one split of a task in one language.

    `status`: `whole`, `partial` (fewer rows than the release), `counted` (the release's number is not known),
    `incomplete` (a part of several is not there, and the task was not asked for), `labels withheld`; and the failures:
    `larger`, `placeholder labels`, `bad rows`, `changed` (a file differs from the lock file), `gone` (a file of the lock
    file is not here), `unreadable`.
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
        return self.status in ("larger", "placeholder labels", "bad rows", "changed", "gone", "unreadable")


def read_lock(data: Path) -> dict[str, Any]:
    """The lock file of a data folder: revisions and SHA-256 of files; empty where there is none."""
    path = data / LOCK
    if not path.exists():
        return {"revisions": {}, "files": {}}
    try:
        lock: dict[str, Any] = json.loads(path.read_text())
        return {"revisions": dict(lock["revisions"]), "files": dict(lock["files"])}
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: expected a lock file written by diversity data, found {error!r}") from error


def write_lock(data: Path, lock: dict[str, Any]) -> None:
    """Write the lock file atomically."""
    store.write(data / LOCK, json.dumps(lock, indent=1, sort_keys=True) + "\n")


def check(names: Sequence[str] | None = None, *, data: Path | str, lock: bool = False) -> list[Checked]:
    """Read every row of what is here and verify counts, labels and hashes; `lock` records the hashes for the next time.

    Raises InputError where nothing of a task that was asked for is there.
    """
    folder = sources.data_folder(data)
    results: list[Checked] = []
    known = read_lock(folder)
    seen: dict[str, str] = {}
    for name in names or catalog.names("tasks"):
        task = catalog.task(name)
        found = [
            r for split in task.splits for r in _check_split(task, folder, split, known["files"], seen, bool(names))
        ]
        if names and not found:
            raise InputError(f"{folder}: expected files of {name}, found none of its splits ({', '.join(task.splits)})")
        results += found
    gone = [f for f in known["files"] if not names and not (folder / f).exists()]
    results += [Checked("-", "-", "-", "", 0, None, 0, "gone", f"{f} is in {LOCK} and not here") for f in gone]
    if not results:
        raise InputError(f"{folder}: expected files of the tasks, found none")
    if lock:
        write_lock(folder, {**known, "files": {**known["files"], **seen}})
    return results


def _check_split(
    task: Task, data: Path, split: str, locked: dict[str, str], seen: dict[str, str], asked: bool
) -> Iterator[Checked]:
    for language in task.languages:
        try:
            found = sources.find(task, data, split, language)
        except InputError as error:
            status = "incomplete" if isinstance(error, sources.MissingPart) and not asked else "unreadable"
            yield Checked(task.name, split, language, "", 0, None, 0, status, str(error))
            continue
        if found is None:
            continue
        changed = [str(f) for f in found.files if not _as_locked(f, data, locked, seen)]
        yield _count(found, changed, _official(task, found.files, seen, data))


def _as_locked(file: Path, data: Path, locked: dict[str, str], seen: dict[str, str]) -> bool:
    name = file.relative_to(data).as_posix()
    if name not in seen:
        seen[name] = store.sha256_file(file)
    return locked.get(name, seen[name]) == seen[name]


def _official(task: Task, files: list[Path], seen: dict[str, str], data: Path) -> str:
    known = [f for f in files if f.name in task.hashes]
    if not known:
        return ""
    same = all(seen[f.relative_to(data).as_posix()] == task.hashes[f.name] for f in known)
    return "files are the released ones" if same else "files differ from the released ones"


def _count(files: sources.SplitFiles, changed: list[str], detail: str) -> Checked:
    task, split, language = files.task, files.split, files.language
    bad: list[BadRow] = []
    rows = withheld = labelled = 0
    labels: Counter[str] = Counter()
    expected = task.expected(split, language)

    def result(status: str, text: str = detail) -> Checked:
        return Checked(task.name, split, language, files.origin, rows, expected, len(bad), status, text)

    try:
        for example in sources.read(files, bad=bad):
            rows += 1
            found = sources.labels_of(example)
            withheld += found is None
            labelled += bool(found)
            labels.update(found or ())
    except (InputError, OSError) as error:
        return result("bad rows" if bad else "unreadable", str(error))
    if changed:
        return result("changed", f"{changed[0]} is not as {LOCK} has it")
    if bad:
        return result("bad rows", f"{bad[0]}" + (f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""))
    if sources.placeholder(task, labels, labelled):
        return result("placeholder labels", f"all {labelled} rows are labelled {next(iter(labels))!r}")
    if withheld:
        return result("labels withheld", f"{withheld} of {rows} rows without a label")
    if expected is None:
        return result("counted")
    return result("whole" if rows == expected else "partial" if rows < expected else "larger")


# --- From the hub ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fetched:
    """What was brought of one repository of the hub."""

    repo: str
    revision: str
    files: int
    folder: str
    caution: str


def hubs(task: Task, languages: Sequence[str] | None = None) -> dict[str, list[tuple[Hub, str]]]:
    """The repositories of a task, with the configurations that hold the languages."""
    found: dict[str, list[tuple[Hub, str]]] = {}
    for parts in task.splits.values():
        for hub in (p.hub for p in parts if p.hub):
            for language in languages or task.languages:
                config = hub.config_of(language)
                if config is not None and (hub, config) not in found.setdefault(hub.repo, []):
                    found[hub.repo].append((hub, config))
    return found


def fetch(
    names: Sequence[str],
    *,
    data: Path | str,
    languages: Sequence[str] | None = None,
    notify: Callable[[str], None] = lambda _: None,
) -> list[Fetched]:
    """Bring tasks from the hub to DATA/OWNER/NAME as Parquet, at the pinned revision or the one in the lock file.

    Where neither names a revision, the newest is resolved once and written to the lock file, before anything is brought.
    A fetch that was interrupted goes on where it was. Raises InputError, saying what to do, where the hub cannot be
    reached or does not have the files.
    """
    folder = Path(data)
    wanted: dict[str, list[tuple[Hub, str]]] = {}
    for name in names:
        task = catalog.task(name)
        if unknown := [lang for lang in languages or () if lang not in task.languages]:
            raise InputError(f"{name}: expected languages among {', '.join(task.languages)}, found {unknown[0]!r}")
        repos = hubs(task, languages)
        if not repos:
            raise InputError(f"{name}: expected a task that the hub has, found none. {task.note} Original: {task.url}")
        for repo, uses in repos.items():
            wanted[repo] = wanted.get(repo, []) + [u for u in uses if u not in wanted.get(repo, [])]
    folder.mkdir(parents=True, exist_ok=True)
    return [_fetch_repo(repo, uses, folder, names, notify) for repo, uses in wanted.items()]


def _fetch_repo(
    repo: str, uses: list[tuple[Hub, str]], data: Path, names: Sequence[str], notify: Callable[[str], None]
) -> Fetched:
    import huggingface_hub

    hub = uses[0][0]
    lock = read_lock(data)
    revision = hub.revision or lock["revisions"].get(repo)
    try:
        info = huggingface_hub.HfApi().dataset_info(repo, revision=revision or hub.ref)
        revision = revision or str(info.sha)
        lock["revisions"][repo] = revision
        write_lock(data, lock)
        there = [s.rfilename for s in info.siblings or []]
        files = sorted({f for h, config in uses for f in sources.matching(there, config, h.split)})
        if not files:
            raise InputError(
                f"{repo}@{revision}: expected Parquet files of {uses[0][1]}, found none among {len(there)}"
            )
        notify(f"{repo}@{revision[:12]}: {len(files)} files")
        huggingface_hub.snapshot_download(
            repo,
            repo_type="dataset",
            revision=revision,
            local_dir=data / repo,
            allow_patterns=[*files, "README.md"],
        )
    except InputError:
        raise
    except Exception as error:  # the hub client raises httpx, requests, OS and its own errors
        raise InputError(_unreachable(repo, names, data, error)) from error
    lock["files"].update({f"{repo}/{f}": store.sha256_file(data / repo / f) for f in files})
    write_lock(data, lock)
    cautions = {h.caution for h, _ in uses if h.caution}
    return Fetched(repo, revision, len(files), str(data / repo), "; ".join(sorted(cautions)))


def _unreachable(repo: str, names: Sequence[str], data: Path, error: Exception) -> str:
    reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    url = catalog.task(names[0]).url
    return (
        f"the hub cannot give {repo} ({type(error).__name__}: {reason}). Run the same command on a machine that reaches "
        f"it and copy {data} here, or unpack the original release ({url}) into {data}/{names[0]} and go on with "
        f"--data {data}"
    )
