"""A worker process: jobs come in as lines of JSON, outcomes go out; it never outlives the driver.

Started as `python -m diversity.grid.worker PID`, PID being the driver's, in a process group of its own.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import BinaryIO, NoReturn

from diversity.grid.work import LOG, Job, perform


def main(driver: int) -> None:
    """Serve jobs until the driver closes the pipe or is gone."""
    _die_with(driver)
    jobs: queue.SimpleQueue[Job] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, jobs), daemon=True).start()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a stage prints is not an answer
    while True:
        job = jobs.get()
        with _output_to(Path(job.folder)):
            outcome = perform(job)
        answers.write(json.dumps(asdict(outcome)).encode() + b"\n")
        answers.flush()


def _read(stream: BinaryIO, jobs: queue.SimpleQueue[Job]) -> None:
    """Take jobs from the driver. Its end closes the pipe: then this process and those it started end too."""
    for line in stream:
        jobs.put(Job(**json.loads(line)))
    _end()


def _end() -> NoReturn:
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def _die_with(driver: int) -> None:
    """Ask Linux for a SIGKILL when the driver ends: also while a library keeps the thread that reads from running."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, int(signal.SIGKILL))  # PR_SET_PDEATHSIG
    if os.getppid() != driver:  # it ended before that was asked for
        _end()


@contextmanager
def _output_to(folder: Path) -> Iterator[None]:
    """Standard output and error of this process and its children to the stage's log, for a while."""
    before = os.dup(1), os.dup(2)
    with suppress(OSError), (folder / LOG).open("ab") as stream:  # without a log, should the disk be full
        os.dup2(stream.fileno(), 1)
        os.dup2(stream.fileno(), 2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for handle, number in zip(before, (1, 2), strict=True):
            os.dup2(handle, number)
            os.close(handle)


if __name__ == "__main__":
    main(int(sys.argv[1]))
