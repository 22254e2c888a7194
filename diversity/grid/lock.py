"""Who is at work in the folder of a grid: one driver, and a process for each stage that runs."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from diversity.grid.job import LOCK
from diversity.grid.layout import GridFolder
from diversity.types import InputError


@contextmanager
def driving(folder: GridFolder) -> Iterator[None]:
    """Be the only driver of a folder; raises InputError, saying who is, where there is another.

    The lock is the operating system's: that of a process that died is free again.
    """
    from filelock import FileLock, Timeout

    for path in (folder.root, folder.stages, folder.working):
        path.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=1)  # `grid status` may hold it for a moment
    except Timeout:
        who = driver(folder) or dict.fromkeys(("host", "pid", "since"), "unknown")
        at_work = f"one by process {who['pid']} on {who['host']} since {who['since']}: wait for it, or end it"
        raise InputError(f"{folder.root}: expected no other run of this grid, found {at_work}") from None
    try:
        now = datetime.now(UTC).isoformat(timespec="seconds")
        folder.lock.write_text(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": now}), "utf8")
        yield
    finally:
        lock.release()


def driver(folder: GridFolder) -> Mapping[str, Any] | None:
    """Who drives the grid now: host, pid, since; None where nobody does."""
    if not folder.lock.exists() or not _held(folder.lock):
        return None
    try:
        who: dict[str, Any] = json.loads(folder.lock.read_text("utf8"))
    except (OSError, ValueError):
        who = {}
    return {name: who.get(name, "unknown") for name in ("host", "pid", "since")}


def running(folder: GridFolder) -> set[str]:
    """Keys of the stages at which a process works now."""
    if not folder.working.is_dir():
        return set()
    return {p.name for p in folder.working.iterdir() if (p / LOCK).exists() and _held(p / LOCK)}


def _held(path: Path) -> bool:
    from filelock import FileLock, Timeout

    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True
