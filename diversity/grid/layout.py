"""The folder of a grid: what lies where, who is at work in it, and what of a graph is done."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diversity import store
from diversity.grid.graph import Graph
from diversity.grid.job import FILES, LOCK
from diversity.types import InputError

Notify = Callable[[str], None]
PATIENCE = 60  # seconds for a worker that outlived its driver to end


@dataclass(frozen=True)
class Layout:
    """Paths in the folder of a grid: `stages/KEY/{record.json,files,log.txt}`, `work/KEY` while a stage runs."""

    root: Path

    @property
    def lock(self) -> Path:
        """Held by the driver, who writes his name into it."""
        return self.root / "grid.lock"

    def stage(self, key: str) -> Path:
        """The folder of a stage."""
        return self.root / "stages" / key

    def files(self, key: str) -> Path:
        """What a finished stage left."""
        return self.stage(key) / FILES

    def work(self, key: str) -> Path:
        """Where a stage works before it is finished."""
        return self.root / "work" / key


# --- Who is at work ----------------------------------------------------------------------------------


@contextmanager
def driving(layout: Layout) -> Iterator[None]:
    """Be the only driver of a folder; raises InputError, saying who is, where there is another.

    The lock is the operating system's: that of a process that died is free again.
    """
    from filelock import FileLock, Timeout

    for folder in (layout.root, layout.root / "stages", layout.root / "work"):
        folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(layout.lock)
    try:
        lock.acquire(timeout=1)  # `grid status` may hold it for a moment
    except Timeout:
        raise InputError(f"{layout.root}: expected no other run of this grid, found {_who(layout)}") from None
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        layout.lock.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": now}), "utf8")
        yield
    finally:
        lock.release()


def driver(layout: Layout) -> Mapping[str, Any] | None:
    """Who drives the grid now: host, pid, since; None where nobody does."""
    if not layout.lock.exists() or not _held(layout.lock):
        return None
    try:
        found: dict[str, Any] = json.loads(layout.lock.read_text("utf8"))
    except (OSError, ValueError):
        found = {}
    return {name: found.get(name, "unknown") for name in ("host", "pid", "since")}


def _who(layout: Layout) -> str:
    who = driver(layout) or dict.fromkeys(("host", "pid", "since"), "unknown")
    return f"one by process {who['pid']} on {who['host']} since {who['since']}: wait for it, or end it"


def _held(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def running(layout: Layout) -> set[str]:
    """Keys of the stages at which a process works now."""
    folder = layout.root / "work"
    if not folder.is_dir():
        return set()
    return {p.name for p in folder.iterdir() if (p / LOCK).exists() and _held(p / LOCK)}


# --- What is done ------------------------------------------------------------------------------------


@dataclass
class Survey:
    """What a folder holds of a graph: records of finished stages, errors of failed ones, and records not to be trusted."""

    layout: Layout
    records: dict[str, store.Record] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    def usable(self, key: str) -> bool:
        """Is a stage finished, and is everything there that it left?"""
        record = self.records.get(key)
        return record is not None and store.whole(self.layout.files(key), record.files)

    def needed(self, graph: Graph) -> set[str]:
        """The stages that must run, those that failed and what they keep from running included."""
        return graph.needed(self.records.__contains__, self.usable)

    def spent(self, graph: Graph, key: str) -> bool:
        """Has everything that uses a stage's checkpoint been finished?"""
        users = graph.consumers[key]
        return graph.stages[key].kind.bulky and bool(users) and all(u in self.records for u in users)


@dataclass(frozen=True)
class Standing:
    """The stages of a graph that are still needed: to run, failed (with the message), and kept back by failed ones."""

    left: frozenset[str]
    failed: Mapping[str, str]
    blocked: frozenset[str]


def standing(graph: Graph, found: Survey) -> Standing:
    """What is left to do, given what is done."""
    needed = found.needed(graph)
    failed = {key: found.errors[key].partition("\n")[0] for key in graph.stages if key in needed & found.errors.keys()}
    blocked = {below for key in failed for below in graph.below(key) if below in needed} - failed.keys()
    return Standing(frozenset(needed - failed.keys() - blocked), failed, frozenset(blocked))


def survey(graph: Graph, layout: Layout) -> Survey:
    """Read what is there of the stages of a graph."""
    found = Survey(layout)
    folder = os.path.join(layout.root, "stages")
    for key in set(os.listdir(folder) if os.path.isdir(folder) else ()) & graph.stages.keys():
        place = f"{folder}/{key}"
        try:
            if record := store.load_record(place):
                found.records[key] = record
        except store.BadRecord as error:
            found.damaged[key] = str(error)
        if os.path.exists(f"{place}/{store.ERROR}"):
            found.errors[key] = (layout.stage(key) / store.ERROR).read_text("utf8", "replace")
    return found


# --- What a run that was cut short left behind -----------------------------------------------------


def sweep(survey: Survey, graph: Graph, keep: Callable[[str], bool]) -> None:
    """Remove what is half done: work of this graph's stages but those to `keep`, commits and writes cut short.

    Only for the driver. A worker that outlived its driver is waited for.
    """
    layout = survey.layout
    for path in layout.root.glob(".*.tmp"):
        path.unlink(missing_ok=True)
    for path in (layout.root / "work").iterdir():
        key = path.name.partition(".")[0]
        if key in graph.stages and not (path.name == key and keep(key)):
            discard(path)
    for path in (layout.root / "stages").iterdir():
        names = os.listdir(path)
        for name in names:
            if name.startswith(".") and name.endswith(".tmp"):
                (path / name).unlink()
        if path.name in survey.damaged:
            (path / store.RECORD).unlink(missing_ok=True)
        elif not {store.RECORD, store.ERROR} & set(names):
            shutil.rmtree(path)


def discard(path: Path) -> None:
    """Remove a working folder, once nobody works in it."""
    from filelock import FileLock, Timeout

    if (path / LOCK).exists():
        try:
            with FileLock(path / LOCK, timeout=PATIENCE):
                pass
        except Timeout:
            raise InputError(f"{path}: expected nobody at work here, found its lock held for {PATIENCE} s") from None
    shutil.rmtree(path)


def remove_files(layout: Layout, key: str) -> None:
    """Remove what a finished stage left, its record excepted: out of sight at once, then from the disk."""
    away = layout.work(f"{key}.removed")
    if layout.files(key).is_dir():
        os.rename(layout.files(key), away)
        shutil.rmtree(away)
