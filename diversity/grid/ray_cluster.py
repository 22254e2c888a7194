"""The executor of many machines: Ray, which schedules GPUs and starts again what it loses. Imported only when asked for.

Every machine sees the grid's folder, and the data, at the same path.
"""

from __future__ import annotations

import importlib
import json
import socket
from dataclasses import asdict
from typing import Any

from diversity.grid.job import THREADS, Job, Outcome, perform
from diversity.types import InputError

RETRIES = 3  # by Ray itself, of a job whose process or machine was lost
LOCAL = "local"
PATIENCE = 10  # seconds for a cluster to answer


def check_ray() -> None:
    """Raises InputError where Ray is not installed."""
    try:
        import ray  # noqa: F401
    except ImportError:
        raise InputError(
            "expected ray for --ray, found none: pip install 'semantic-diversity[ray]', or use --workers"
        ) from None


def run_job(job: dict[str, Any]) -> dict[str, Any]:
    """What Ray runs: plain values in and out."""
    return asdict(perform(Job(**job)))


class Ray:
    """Runs jobs as tasks of a Ray cluster, each with `processors` and, where the cluster has them, `gpus_each` GPUs."""

    def __init__(self, address: str, *, processors: int = 1, gpus_each: int = 1, threads: int | None = None) -> None:
        _check_answers(address)
        ray: Any = importlib.import_module("ray")  # partly typed: no help here
        self.ray, self.processors, self.gpus_each = ray, processors, gpus_each
        try:
            ray.init(
                address=None if address == LOCAL else address,
                log_to_driver=False,
                logging_level="error",
                **({"include_dashboard": False} if address == LOCAL else {}),
            )
        except Exception as error:  # of versions that differ Ray says so by a bare Exception
            raise InputError(f"{address}: expected a Ray cluster, found {_line(error)}") from error
        self.remote = ray.remote(run_job)
        self.environment = dict.fromkeys(THREADS, str(threads)) if threads else {}
        self.running: dict[Any, Job] = {}

    def free(self) -> int:
        """Jobs that the cluster has room for now: it may grow and shrink."""
        have = self.ray.cluster_resources()
        slots = int(have.get("CPU", 0)) // self.processors
        if have.get("GPU"):
            slots = min(slots, int(have["GPU"]) // self.gpus_each)
        return max(slots, 1) - len(self.running)

    def submit(self, job: Job) -> None:
        """Hand a job to the cluster, with what it needs."""
        gpus = self.gpus_each if job.gpu and self.ray.cluster_resources().get("GPU") else 0
        options = {"num_cpus": self.processors, "num_gpus": gpus, "max_retries": RETRIES, "name": job.key[:12]}
        options |= {"runtime_env": {"env_vars": self.environment}} if self.environment else {}
        plain = json.loads(json.dumps(asdict(job)))  # as a worker of one machine has it: its lists are no tuples
        self.running[self.remote.options(**options).remote(plain)] = job

    def wait(self, timeout: float) -> list[Outcome]:
        """Jobs that ended, as soon as there is one."""
        if not self.running:
            return []
        ended, _ = self.ray.wait(list(self.running), num_returns=1, timeout=timeout)
        outcomes = []
        for reference in ended:
            job = self.running.pop(reference)
            try:
                outcomes.append(Outcome(**self.ray.get(reference)))
            except self.ray.exceptions.RayError as error:
                outcomes.append(Outcome(job.key, "lost", f"Ray lost it: {_line(error)}"))
        return outcomes

    def close(self) -> None:
        """End what still runs, and leave the cluster."""
        for reference in self.running:
            self.ray.cancel(reference, force=True)
        self.running.clear()
        self.ray.shutdown()


def _check_answers(address: str) -> None:
    """Ray itself would ask for minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdigit():
        try:
            socket.create_connection((host, int(port)), timeout=PATIENCE).close()
        except OSError as error:
            raise InputError(f"{address}: expected a Ray cluster, found {_line(error)}") from error


def _line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
