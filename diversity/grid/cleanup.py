"""Removing what is half done, and what nothing needs any more. Only for the driver."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from diversity import store
from diversity.grid.graph import Graph
from diversity.grid.job import LOCK
from diversity.grid.layout import GridFolder
from diversity.grid.scan import Scan
from diversity.types import InputError

PATIENCE = 60  # seconds for a worker that outlived its driver to end


def cleanup(scan: Scan, graph: Graph, keep: Callable[[str], bool]) -> None:
    """Remove what a run that was cut short left: work of this graph's stages but those to `keep`, commits and writes.

    A worker that outlived its driver is waited for.
    """
    for path in scan.folder.root.glob(".*.tmp"):
        path.unlink(missing_ok=True)
    for path in scan.folder.working.iterdir():
        key = path.name.partition(".")[0]
        if key in graph.stages and not (path.name == key and keep(key)):
            discard(path)
    for path in scan.folder.stages.iterdir():
        names = os.listdir(path)
        for name in names:
            if name.startswith(".") and name.endswith(".tmp"):
                (path / name).unlink()
        if path.name in scan.damaged:
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


def remove_files(folder: GridFolder, key: str) -> None:
    """Remove what a finished stage left, its record excepted: out of sight at once, then from the disk."""
    away = folder.work(f"{key}.removed")
    if folder.files(key).is_dir():
        os.rename(folder.files(key), away)
        shutil.rmtree(away)
