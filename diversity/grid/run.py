"""`grid run` and `grid status`: a plan's stages run, and how far they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.grid import lock, results
from diversity.grid.build import GridStages, stages_of
from diversity.grid.cards import write_cards
from diversity.grid.driver import Notify, Policy, drive
from diversity.grid.fingerprints import Fingerprints
from diversity.grid.graph import Graph
from diversity.grid.job import Executor
from diversity.grid.layout import GridFolder
from diversity.grid.local import Processes
from diversity.grid.progress import Durations
from diversity.grid.scan import Scan, scan
from diversity.planning.commitment import freeze
from diversity.planning.plans import Plan, check_layers, read_plan

if TYPE_CHECKING:
    import pandas as pd

STATES = ("finished", "running", "failed", "blocked", "missing", "skipped")


@dataclass(frozen=True)
class GridStatus:
    """How far a grid is.

    `counts` of stages by kind and state: finished, running, failed, `blocked` by a failed one, missing, and `skipped`
    (not needed: all that uses it is finished). `cells` finished of all; `driver` (host, pid, since) where one is at work;
    `failures` a row for each failed stage; `damaged` records that cannot be trusted; `seconds_left` on `workers`, from the
    durations of finished stages, without the kinds that are `unmeasured`; None where all are.
    """

    folder: str
    counts: Mapping[str, Mapping[str, int]]
    cells: tuple[int, int]
    driver: Mapping[str, Any] | None
    running: tuple[str, ...]
    failures: tuple[Mapping[str, Any], ...]
    damaged: tuple[str, ...]
    seconds_left: float | None
    unmeasured: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def total(self, state: str) -> int:
        """Stages in a state, of all kinds."""
        return sum(counts.get(state, 0) for counts in self.counts.values())

    @property
    def done(self) -> bool:
        """Is nothing left to do?"""
        return not any(self.total(state) for state in ("running", "failed", "blocked", "missing"))

    def to_dict(self) -> dict[str, Any]:
        """Plain values: what `grid status --format json` prints."""
        totals = {state: self.total(state) for state in STATES}
        return {**asdict(self), "cells": dict(zip(("finished", "all"), self.cells, strict=True)), "stages": totals}


@dataclass(frozen=True)
class Workers:
    """Where stages run: `count` processes of this machine, which share its threads and GPUs (`gpus_each` a process).

    With `ray`, the address of a Ray cluster (`local`: one of this machine alone), each stage has `cpus_each` processors and
    `gpus_each` GPUs there.
    """

    count: int = 1
    gpus_each: int = 1
    cpus_each: int = 1
    ray: str | None = None

    def executor(self, threads: int | None) -> Callable[[], Executor]:
        """Makes the executor; `threads` of each process are those of the plan. InputError where Ray is not installed."""
        if self.ray is not None:
            from diversity.grid.ray_cluster import Ray, check_ray

            check_ray()
            return partial(Ray, self.ray, processors=self.cpus_each, gpus_each=self.gpus_each, threads=threads)
        return partial(Processes, self.count, gpus_each=self.gpus_each, threads=threads)


def run_grid(
    plan: Plan | Path | str,
    output: Path | str,
    *,
    data: Path | str | None = None,
    workers: Workers | int = 1,
    policy: Policy = Policy(),  # noqa: B008  (frozen)
    dry_run: bool = False,
    notify: Notify = lambda _: None,
) -> GridStatus:
    """Run whatever is not finished of a plan, and write `results`, `scores` and `failures` to the folder `output`.

    The first run freezes the plan's hypothesis: `hypothesis.json` in that folder has it, its hash and the date, and what is
    changed afterwards is said and does not count. `workers` are a number of processes, or Workers; `policy` says what is kept
    and tried again. With `dry_run` nothing is run or written. `data` takes the place of the plan's folder.

    Parameters
    ----------
    plan
        The plan, or its file.
    output
        Folder of the grid.
    data
        Folder of the data, in place of the plan's.
    workers
        Number of processes, or Workers.
    policy
        What is kept, and what is tried again.
    dry_run
        Run and write nothing; say what would be run.
    notify
        A function that is called with each note.

    Returns
    -------
    GridStatus
        What is finished, failed and missing at the end.

    Raises
    ------
    InputError
        For a plan or data that cannot be used, or where another run is at work in the folder.

    Examples
    --------
    >>> import tempfile
    >>> run_grid("analyses/demo.toml", tempfile.mkdtemp(), data="data/samples", dry_run=True).cells
    (0, 44)
    """
    fingerprints, folder = _fingerprints(output), GridFolder(Path(output))
    workers = workers if isinstance(workers, Workers) else Workers(workers)
    plan = _plan(plan)
    check_layers(plan)
    stages = stages_of(plan, data, fingerprints)
    for text in (*stages.notes, *_again(stages, scan(stages.graph, folder))):
        notify(f"note: {text}")
    if not dry_run:
        if said := freeze(plan.declared, folder.root, name=plan.name, late=bool(scan(stages.graph, folder).records)):
            notify(f"note: {said}")
        save = partial(write_tables, stages)
        drive(stages.graph, folder.root, workers.executor(plan.threads), policy, notify=notify, save=save)
        fingerprints.save()  # the folder is there now
        if policy.keep:
            write_cards(stages, scan(stages.graph, folder))
    return _status(stages, folder, workers.count)


def grid_status(
    plan: Plan | Path | str,
    output: Path | str,
    *,
    data: Path | str | None = None,
    workers: int = 1,
    verify: bool = False,
) -> GridStatus:
    """How far the grid of a plan is in the folder `output`: what is finished, running, failed and missing.

    With `verify` the files that finished stages left are read, and those that are not as they were written are `damaged`.

    Parameters
    ----------
    plan
        The plan, or its file.
    output
        Folder of the grid.
    data
        Folder of the data, in place of the plan's.
    workers
        Processes to estimate the time left for.
    verify
        Read the files of finished stages, and say which are damaged.

    Returns
    -------
    GridStatus
        Stages and cells that are finished, running, failed and missing.

    Raises
    ------
    InputError
        For a plan that cannot be used.

    Examples
    --------
    >>> import tempfile
    >>> grid_status("analyses/demo.toml", tempfile.mkdtemp(), data="data/samples").counts["train"]
    {'missing': 20}
    """
    stages = stages_of(_plan(plan), data, _fingerprints(output))
    return _status(stages, GridFolder(Path(output)), workers, verify=verify)


def _again(stages: GridStages, state: Scan) -> list[str]:
    """What to say of trainings that were finished and must be done again, for their checkpoints were removed."""
    left = state.status(stages.graph).left & state.records.keys()
    again = [stages.graph.stages[key].label for key in stages.graph.stages if key in left]
    if not again:
        return []
    more = f" and {len(again) - 1} more" if len(again) > 1 else ""
    return [f"{again[0]}{more}: done again, for new stages need what was removed when it was used up (--keep keeps it)"]


def _fingerprints(output: Path | str) -> Fingerprints:
    return Fingerprints(Path(output) / "fingerprints.json")


def _plan(plan: Plan | Path | str) -> Plan:
    return plan if isinstance(plan, Plan) else read_plan(plan)


def tables(stages: GridStages, state: Scan) -> dict[str, pd.DataFrame]:
    """The tables of a grid by name: results, scores, failures."""
    now = state.status(stages.graph)
    return {
        "results": results.results(stages.cells, state, now.failed_ancestors(stages.graph)),
        "scores": results.scores(stages.scores, state),
        "failures": results.failures(stages.graph, now, stages.cells),
    }


def write_tables(stages: GridStages, state: Scan) -> None:
    """Write the tables of what is finished so far; that of failures only where there are some."""
    root = state.folder.root
    for name, table in tables(stages, state).items():
        if name != "failures":
            store.write_table(table, root / f"{name}.csv")
            store.write_table(table, root / f"{name}.parquet")
        elif len(table):
            store.write_table(table, root / "failures.csv")
        else:
            (root / "failures.csv").unlink(missing_ok=True)


def _status(stages: GridStages, folder: GridFolder, slots: int, *, verify: bool = False) -> GridStatus:
    graph, state = stages.graph, scan(stages.graph, folder, verify=verify)
    states = stage_states(graph, state)
    counts: dict[str, Counter[str]] = {}
    for key, name in states.items():
        counts.setdefault(graph.stages[key].kind.name, Counter())[name] += 1
    durations = Durations()
    for record in state.records.values():
        durations.add(record.kind, record.seconds)
    left = Counter(graph.stages[key].kind.name for key, name in states.items() if name in ("missing", "running"))
    failures = [
        {
            "stage": key,
            "title": graph.stages[key].label,
            "message": message,
            "error": str(folder.stage(key) / store.ERROR),
        }
        for key, message in state.status(graph).failed.items()
    ]
    return GridStatus(
        folder=str(folder.root),
        counts={kind: {s: c[s] for s in STATES if c[s]} for kind, c in counts.items()},
        cells=(sum(cell.stage in state.records for cell in stages.cells), len(stages.cells)),
        driver=lock.driver(folder),
        running=tuple(graph.stages[key].label for key, name in states.items() if name == "running"),
        failures=tuple(failures),
        damaged=tuple(state.damaged.values()),
        seconds_left=durations.left(left, slots),
        unmeasured=durations.unmeasured(left),
        notes=stages.notes,
    )


def stage_states(graph: Graph, state: Scan) -> dict[str, str]:
    """The state of every stage by key, one of STATES."""
    now, running = state.status(graph), lock.running(state.folder)

    def name(key: str) -> str:
        if key in now.failed:
            return "failed"
        if key in now.blocked:
            return "blocked"
        if key in now.left:
            return "running" if key in running else "missing"
        return "finished" if key in state.records else "skipped"

    return {key: name(key) for key in graph.stages}
