"""One stage done in its own folder: what every executor runs, on whatever machine."""

from __future__ import annotations

import errno
import math
import os
import shutil
import socket
import subprocess
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Protocol

from diversity import store
from diversity.catalog import own
from diversity.grid.graph import ResultRows, resolve
from diversity.grid.ranks import LostProcess, launch
from diversity.types import InputError

FILES, LOCK, LOG = "files", "lock", "log.txt"
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS", "RAYON_NUM_THREADS")
REWRITTEN = ("README.md",)  # the card of a model, which gets its scores when these are known
FULL = (errno.ENOSPC, errno.EDQUOT)

State = Literal["done", "failed", "full", "lost"]


@dataclass(frozen=True)
class Job:
    """A stage as it is handed to an executor: plain values, so that it can travel as JSON.

    `folder` is the stage's working folder, `inputs` the paths of what it reads, `include` the folders of tasks and metrics of
    one's own, each with a digest of the content that the driver saw.
    """

    key: str
    function: str
    inputs: Mapping[str, str]
    settings: Mapping[str, Any]
    folder: str
    resumes: bool = False
    gpu: bool = False
    multi_gpu: bool = False
    include: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """How a job ended: `done`, `failed` by itself, stopped by a `full` disk, or `lost` with the process it ran in."""

    key: str
    state: State
    message: str = ""
    traceback: str = ""
    rows: ResultRows = ()
    files: Mapping[str, int] = field(default_factory=dict)
    hashes: Mapping[str, str] = field(default_factory=dict)
    computed: Mapping[str, int] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    start: str = ""
    seconds: float = 0.0
    host: str = ""


class Executor(Protocol):
    """Where stages run: processes of this machine, or a cluster."""

    def free(self) -> int:
        """How many more jobs could start now."""
        ...

    def submit(self, job: Job) -> None:
        """Start a job."""
        ...

    def wait(self, timeout: float) -> list[Outcome]:
        """Jobs that ended, as soon as there is one; empty after `timeout` seconds."""
        ...

    def close(self) -> None:
        """End whatever still runs, and wait until it has ended."""
        ...


def perform(job: Job) -> Outcome:
    """Run a job in its folder and report; never raises for what the stage itself does."""
    from filelock import FileLock

    start, began = datetime.now(UTC).isoformat(timespec="seconds"), time.monotonic()
    try:
        Path(job.folder).mkdir(parents=True, exist_ok=True)
        with FileLock(
            Path(job.folder) / LOCK
        ):  # a process that outlived its driver must end before the stage starts again
            ended = _run(job, Path(job.folder) / FILES)
    except LostProcess as error:
        ended = {"state": "lost", "message": str(error)}
    except (Exception, SystemExit) as error:  # whatever it is, the other stages go on
        state = "full" if disk_is_full(error) else "failed"
        words = " ".join(str(error).split())
        message = words if isinstance(error, InputError) else f"{type(error).__name__}: {words}".rstrip(": ")
        ended = {"state": state, "message": message, "traceback": traceback.format_exc()}
    return Outcome(job.key, start=start, seconds=time.monotonic() - began, host=socket.gethostname(), **ended)


def _run(job: Job, folder: Path) -> dict[str, Any]:
    """What an outcome says of a stage that is done."""
    if not job.resumes and folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(exist_ok=True)
    own.include_as(job.include)
    inputs = {role: Path(path) for role, path in job.inputs.items()}
    processes = max(1, len(gpus())) if job.multi_gpu else 1  # one for each GPU, where it can use several
    if processes > 1:
        returned: ResultRows | None = launch(job.function, inputs, job.settings, folder, processes)
    else:
        returned = resolve(job.function)(inputs, dict(job.settings), folder)
    rows = [_plain(row) for row in returned or ()]
    store.canonical(rows)  # what cannot be recorded is the stage's own failure
    files = {name: size for name, size in store.sync_tree(folder).items() if name not in REWRITTEN}
    return {
        "state": "done",
        "rows": rows,
        "files": files,
        "hashes": {name: store.sha256_file(folder / name) for name in files},
        "versions": store.versions(),
        "computed": {"threads": threads(), "processes": processes},
    }


def threads() -> int:
    """Threads that a process computes with: OMP_NUM_THREADS, else the processors that it may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else processors()


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def gpus() -> list[str]:
    """The GPUs that this process may use, found without loading torch."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [g for g in (s.strip() for s in given.split(",")) if g and g != "-1"]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(i) for i, line in enumerate(s for s in listed.splitlines() if s.startswith("GPU "))]


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A result row in plain values: numpy's numbers as Python's, what is not finite as None."""
    if not isinstance(row, Mapping):
        raise InputError(f"expected result rows to be mappings, found {type(row).__name__}")
    values = {str(k): v.item() if hasattr(v, "item") else v for k, v in row.items()}
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in values.items()}


def disk_is_full(error: BaseException | None) -> bool:
    """Was it the disk? Also where a library says so in other words, or another error came of it."""
    while error is not None:
        if (isinstance(error, OSError) and error.errno in FULL) or "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
