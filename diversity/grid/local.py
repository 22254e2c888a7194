"""The executor of one machine: worker processes that share its threads and GPUs without overlap."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from diversity.grid.job import THREADS, Job, Outcome, gpus, processors
from diversity.types import InputError


def shares(workers: int, processors: int, gpus: Sequence[str], gpus_each: int = 1) -> list[dict[str, str]]:
    """The environment of each worker: its share of the threads and GPUs. Raises InputError where they do not suffice.

    Where OMP_NUM_THREADS is set, it is the number of threads of each.

    >>> [s["CUDA_VISIBLE_DEVICES"] for s in shares(2, 9, ["0", "1", "2"])]
    ['0', '1']
    """
    if workers < 1:
        raise InputError(f"expected at least 1 worker, found {workers}")
    if gpus and workers * gpus_each > len(gpus):
        most = len(gpus) // gpus_each
        raise InputError(f"expected at most {most} workers for {len(gpus)} GPUs at {gpus_each} each, found {workers}")
    given = os.environ.get("OMP_NUM_THREADS", "")
    threads = given if given.isdigit() and int(given) else str(max(1, processors // workers))
    environments = []
    for i in range(workers):
        share = dict.fromkeys(THREADS, threads)
        # workers that wait must not spin: with a busy neighbour that costs more than it saves
        share |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0", "TOKENIZERS_PARALLELISM": "false"}
        if gpus:
            share["CUDA_VISIBLE_DEVICES"] = ",".join(gpus[i * gpus_each : (i + 1) * gpus_each])
        environments.append(share)
    return environments


@dataclass(eq=False)
class Worker:
    """A running worker process and the job that it is at; `guard` is a pipe that closes with this process."""

    process: subprocess.Popen[bytes]
    share: Mapping[str, str]
    guard: int
    job: Job | None = None
    heard: bytearray = field(default_factory=bytearray)


class Processes:
    """Runs jobs in `workers` processes of this machine; a process that dies loses its job, not the others."""

    def __init__(self, workers: int = 1, *, gpus_each: int = 1, threads: int | None = None) -> None:
        self.shares = shares(workers, processors(), gpus(), gpus_each)
        if threads is not None:
            self.shares = [{**share, **dict.fromkeys(THREADS, str(threads))} for share in self.shares]
        self.workers: list[Worker] = []
        self.selector = selectors.DefaultSelector()

    def free(self) -> int:
        """Workers without a job."""
        return len(self.shares) - sum(w.job is not None for w in self.workers)

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker, started now where there is none."""
        worker = next((w for w in self.workers if w.job is None), None) or self._start()
        worker.job = job
        assert worker.process.stdin is not None
        try:
            worker.process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
            worker.process.stdin.flush()
        except BrokenPipeError:
            pass  # it is dead: `wait` reads the end of its answers and says so

    def _start(self) -> Worker:
        share = next(s for s in self.shares if all(s is not w.share for w in self.workers))
        theirs, guard = os.pipe()
        modules = os.pathsep.join(dict.fromkeys(str(Path(p).absolute()) for p in sys.path))
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "diversity.grid.worker", str(theirs)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": modules, **share},
            pass_fds=[theirs],
            start_new_session=True,  # so that Ctrl-C reaches the driver alone
        )
        os.close(theirs)
        worker = Worker(process, share, guard)
        self.workers.append(worker)
        self.selector.register(process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
        return worker

    def wait(self, timeout: float) -> list[Outcome]:
        """Jobs that ended, as soon as there is one."""
        ended = []
        for key, _ in self.selector.select(timeout):
            worker: Worker = key.data
            heard = os.read(key.fd, 1 << 20)
            worker.heard += heard
            if not heard:
                ended += self._lost(worker)
            elif worker.heard.endswith(b"\n"):
                ended.append(Outcome(**json.loads(worker.heard)))
                worker.job = None
                worker.heard.clear()
        return ended

    def _lost(self, worker: Worker) -> list[Outcome]:
        """Bury a worker that died; its job, if it had one, is lost."""
        self._end(worker)
        self.workers.remove(worker)
        if worker.job is None:
            return []
        status = worker.process.returncode
        how = signal.Signals(-status).name if status < 0 else f"status {status}"
        hint = " (out of memory?)" if status == -signal.SIGKILL else ""
        return [Outcome(worker.job.key, "lost", f"its process died of {how}{hint}")]

    def _end(self, worker: Worker) -> None:
        self.selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        with suppress(ProcessLookupError):  # its whole group: a stage may have started processes
            os.killpg(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
        os.close(worker.guard)
        for pipe in (worker.process.stdin, worker.process.stdout):
            with suppress(BrokenPipeError):
                pipe.close()  # type: ignore[union-attr]

    def close(self) -> None:
        """End all workers and what they started."""
        while self.workers:
            self._end(self.workers.pop())
        self.selector.close()
