"""The driver: runs the stages of a graph that are not done, through any executor, and survives whatever happens."""

from __future__ import annotations

import errno
import heapq
import os
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from diversity import store
from diversity.catalog import own
from diversity.grid.cleanup import cleanup, discard, remove_files
from diversity.grid.graph import Graph, Stage
from diversity.grid.job import FILES, LOG, Executor, Job, Outcome
from diversity.grid.layout import GridFolder
from diversity.grid.lock import driving
from diversity.grid.progress import GridProgress
from diversity.grid.scan import Scan, scan

Notify = Callable[[str], None]
EVERY = 60.0  # seconds between the tables that are written while the grid runs


@dataclass(frozen=True)
class Policy:
    """What a driver keeps and tries again.

    `keep` checkpoints that nothing needs any more; `retry_failed` stages; `verify` what finished stages left, and do again
    what is not as it was written; try a stage whose process died `max_retries` times more.
    """

    keep: bool = False
    retry_failed: bool = False
    verify: bool = False
    max_retries: int = 3


@dataclass(frozen=True)
class DriveOutcome:
    """What a run of the grid did: keys of stages that `ran`, messages of those that `failed`, keys they `blocked`."""

    ran: tuple[str, ...]
    failed: Mapping[str, str]
    blocked: tuple[str, ...]


@dataclass
class Driver:
    """The stages still to do, and the steps of doing them. All writing to `stages/` is done here, by one process."""

    graph: Graph
    scan: Scan
    executor: Executor
    policy: Policy
    left: set[str] = field(default_factory=set)
    waiting: dict[str, int] = field(default_factory=dict)
    ready: list[tuple[int, int, str]] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    losses: dict[str, int] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    include: Mapping[str, str] = field(default_factory=own.contents)  # what workers must see of one's own tasks, too

    def prepare(self) -> None:
        """Which stages run, which of them now, and which cannot because another failed before."""
        now = self.scan.status(self.graph)
        self.left, self.failed, self.blocked = set(now.left), dict(now.failed), set(now.blocked)
        for key in self.left:
            self.waiting[key] = len(set(self.graph.stages[key].inputs.values()) & self.left)
            if not self.waiting[key]:
                self._push(key)

    def _push(self, key: str) -> None:
        heapq.heappush(self.ready, (-self.graph.stages[key].kind.priority, self.graph.order[key], key))

    def start(self) -> None:
        """Hand out jobs while there are some and the executor takes them."""
        folder = self.scan.folder
        while self.ready and self.executor.free() > 0:
            *_, key = heapq.heappop(self.ready)
            stage = self.graph.stages[key]
            folder.work(key).mkdir(exist_ok=True)
            job = Job(
                key=key,
                function=stage.kind.function,
                inputs={**stage.paths, **{role: str(folder.files(source)) for role, source in stage.inputs.items()}},
                settings={**stage.settings, **stage.options},
                folder=str(folder.work(key)),
                resumes=stage.kind.resumes,
                gpu=stage.kind.gpu,
                multi_gpu=stage.kind.multi_gpu,
                include=self.include,
            )
            self.executor.submit(job)
            self.running.add(key)

    def take(self, outcome: Outcome) -> None:
        """What follows from a job that ended."""
        key = outcome.key
        if outcome.state == "full":
            words = f"No space left on device, found in {self.graph.stages[key].label}"
            raise OSError(errno.ENOSPC, f"{words}; free some space, then run the same command", self.scan.folder.root)
        if outcome.state == "done":
            self._commit(self.graph.stages[key], outcome)
            self._release(key)
        elif outcome.state == "lost" and self.losses.get(key, 0) < self.policy.max_retries:
            self.losses[key] = self.losses.get(key, 0) + 1
            self._push(key)
        else:
            self._record_failure(outcome)
        self.running.discard(key)

    def _commit(self, stage: Stage, outcome: Outcome) -> None:
        """Move a stage's work to its place; the record comes last, and with it the stage is done."""
        folder = self.scan.folder
        work, place = folder.work(stage.key), folder.stage(stage.key)
        place.mkdir(exist_ok=True)
        if (place / FILES).exists():
            shutil.rmtree(place / FILES)
        os.rename(work / FILES, place / FILES)
        _keep_log(work / LOG, place / LOG)
        store.sync_folder(place.parent)
        record = _record(stage, outcome)
        store.save_record(place, record)
        self.scan.records[stage.key] = record
        shutil.rmtree(work)

    def _release(self, key: str) -> None:
        """Start what waited for a stage, and remove checkpoints that nothing waits for any more."""
        self.ran.append(key)
        self.left.discard(key)
        for user in self.graph.consumers[key]:
            if user in self.left:
                self.waiting[user] -= 1
                if not self.waiting[user]:
                    self._push(user)
        self.remove_spent(self.graph.stages[key].inputs.values())

    def remove_spent(self, keys: Iterable[str]) -> None:
        """Remove the checkpoints among these stages that nothing of the plan needs any more."""
        for key in () if self.policy.keep else keys:
            if self.scan.spent(self.graph, key):
                remove_files(self.scan.folder, key)

    def _record_failure(self, outcome: Outcome) -> None:
        """Keep a failed stage's error where the stage would be, and go on without what needs it."""
        folder = self.scan.folder
        place = folder.stage(outcome.key)
        place.mkdir(exist_ok=True)
        _keep_log(folder.work(outcome.key) / LOG, place / LOG)
        text = f"{outcome.message}\n\n{outcome.traceback}"
        store.write(place / store.ERROR, text)
        self.scan.errors[outcome.key] = text
        discard(folder.work(outcome.key))
        self.failed[outcome.key] = outcome.message
        kept = self.graph.below(outcome.key) & self.left
        self.blocked |= kept
        self.left -= {outcome.key, *kept}

    def close(self) -> None:
        """Stop the jobs that run, and remove their work unless they can go on from it."""
        self.executor.close()
        for key in self.running:
            if not self.graph.stages[key].kind.resumes:
                discard(self.scan.folder.work(key))


def _keep_log(log: Path, place: Path) -> None:
    if log.exists() and log.stat().st_size:
        os.replace(log, place)


def _record(stage: Stage, outcome: Outcome) -> store.Record:
    return store.Record(
        key=stage.key,
        kind=stage.kind.name,
        recipe=stage.kind.recipe,
        settings=stage.settings,
        inputs=stage.inputs,
        data=stage.data,
        rows=outcome.rows,
        files=outcome.files,
        hashes=outcome.hashes,
        computed=outcome.computed,
        versions=outcome.versions,
        start=outcome.start,
        seconds=round(outcome.seconds, 6),
        host=outcome.host,
    )


def drive(
    graph: Graph,
    folder: Path | str,
    executor: Callable[[], Executor],
    policy: Policy = Policy(),
    *,
    notify: Notify = lambda _: None,
    save: Callable[[Scan], None] = lambda _: None,
) -> DriveOutcome:
    """Run what is not done of a graph in a folder; finished stages stay as they are.

    `executor` makes the one to use, if there is anything to run. `save` is called from time to time and at the end,
    whatever ends the run, to write tables of what is there. Raises InputError where another driver is at work, OSError where
    the disk is full.
    """
    with driving(GridFolder(Path(folder))):
        state = scan(graph, GridFolder(Path(folder)), verify=policy.verify)
        for problem in state.damaged.values():
            notify(f"note: {problem}: the stage counts as not done")
        if policy.retry_failed:
            for key in state.errors:
                (state.folder.stage(key) / store.ERROR).unlink()
            state.errors.clear()
        needed = state.needed(graph)
        cleanup(state, graph, keep=lambda key: key in needed and graph.stages[key].kind.resumes)
        try:
            driver = Driver(graph, state, executor(), policy)
            with closing(driver):
                driver.prepare()
                driver.remove_spent(graph.stages)
                with GridProgress(graph, driver.left, state.records.values()) as progress:
                    _loop(driver, progress, save)
        finally:
            save(state)
    return DriveOutcome(tuple(driver.ran), driver.failed, tuple(sorted(driver.blocked)))


def _loop(driver: Driver, progress: GridProgress, save: Callable[[Scan], None]) -> None:
    saved = time.monotonic()
    while driver.left:
        driver.start()
        for outcome in driver.executor.wait(1.0):
            driver.take(outcome)
            progress.ended(outcome, driver.graph.stages[outcome.key].kind.name)
        progress.show(driver.left, len(driver.running), len(driver.failed), driver.executor.free())
        if time.monotonic() - saved > EVERY:
            save(driver.scan)
            saved = time.monotonic()
