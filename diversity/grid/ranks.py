"""A stage in several processes, one for each GPU that it has: each of them runs this module."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diversity.catalog import own
from diversity.grid.graph import ResultRows, resolve

JOB, ROWS = "launch.json", "rows.json"


class LostProcess(RuntimeError):
    """One of a stage's processes was killed: not the stage's own failure."""


def launch(
    function: str, inputs: Mapping[str, Path], settings: Mapping[str, Any], folder: Path, processes: int
) -> ResultRows:
    """Run a stage's function in so many processes, which know of each other as torchrun's do: accelerate joins them.

    Returns the rows of the first. Raises LostProcess where one was killed, RuntimeError where one fails: what they printed is
    in the stage's log.
    """
    job = {"function": function, "inputs": {r: str(p) for r, p in inputs.items()}, "settings": dict(settings)}
    work = folder.parent
    (work / JOB).write_text(json.dumps({**job, "folder": str(folder)}))
    (work / ROWS).unlink(missing_ok=True)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    # not by torchrun: it gives each its own session, so that they outlive a group that is killed
    command = [sys.executable, "-P", "-m", "diversity.grid.ranks", str(work / JOB)]
    shared = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    shared |= {"LOCAL_WORLD_SIZE": str(processes), "PYTHONPATH": os.pathsep.join(sys.path)}
    shared |= {own.VARIABLE: os.pathsep.join(map(str, own.folders()))}
    ranks = [{**shared, "RANK": str(r), "LOCAL_RANK": str(r)} for r in range(processes)]
    if status := _all_done([subprocess.Popen(command, env=rank) for rank in ranks]):
        if status < 0:
            raise LostProcess(f"one of its {processes} processes died of {signal.Signals(-status).name}")
        raise RuntimeError(f"{processes} processes for {function} ended with status {status}; see the log")
    rows: ResultRows = json.loads((work / ROWS).read_text())
    return rows


def _all_done(running: list[subprocess.Popen[bytes]]) -> int:
    """0 when all have ended well; else the status of one that has not, the others being stopped."""
    while running:
        for process in running:
            if process.poll():
                for other in running:
                    other.kill()
                    other.wait()
                return process.returncode
        running = [p for p in running if p.returncode is None]
        time.sleep(0.05)
    return 0


def main(path: Path) -> None:
    """Do the job of a file; the first process leaves the rows beside it."""
    job = json.loads(path.read_text())
    inputs = {role: Path(p) for role, p in job["inputs"].items()}
    rows = resolve(job["function"])(inputs, job["settings"], Path(job["folder"]))
    if os.environ.get("RANK", "0") == "0":
        (path.parent / ROWS).write_text(json.dumps([dict(row) for row in rows or ()]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
