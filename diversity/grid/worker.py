"""A worker process: jobs come in as lines of JSON, outcomes go out; it never outlives the driver.

Started as `python -m diversity.grid.worker PIPE` in its own process group, PIPE being a pipe that the driver never
writes to and that closes when it ends, however that happens.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path

from diversity.grid.job import LOG, Job, perform


def main(pipe: int) -> None:
    """Serve jobs until the driver closes the input."""
    _guard(pipe)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a stage prints is not an answer
    for line in sys.stdin.buffer:
        job = Job(**json.loads(line))
        with _output_to(Path(job.folder)):
            outcome = perform(job)
        answers.write(json.dumps(asdict(outcome)).encode() + b"\n")
        answers.flush()
        _release()


def _release() -> None:
    """Give back the memory that a stage has left: glibc keeps it in pieces, and a worker of many stages grew to 6.5 GB."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _guard(pipe: int) -> None:
    """Start a process that does nothing but wait for the driver's end, and then ends the whole group.

    A thread could not: a library may keep it from running. Nor does a signal to this process alone reach what it started.
    """
    if os.fork():
        os.close(pipe)
        return
    os.closerange(0, 2)  # the driver hears of the worker's end by the end of its answers
    with suppress(InterruptedError):
        os.read(pipe, 1)
    os.killpg(0, signal.SIGKILL)


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
