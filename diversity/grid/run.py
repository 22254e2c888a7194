"""`grid run` and `grid status`: a plan's stages run, or told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.grid import layout as folders
from diversity.grid import results
from diversity.grid.build import Study, study
from diversity.grid.driver import LOST, drive
from diversity.grid.fingerprints import Fingerprints
from diversity.grid.graph import Graph
from diversity.grid.job import Executor
from diversity.grid.layout import Layout, Notify, Survey
from diversity.grid.local import Processes
from diversity.grid.progress import Durations
from diversity.planning.plans import Plan, read_plan

if TYPE_CHECKING:
    import pandas as pd

STATES = ("finished", "running", "failed", "blocked", "missing", "spared")


@dataclass(frozen=True)
class GridStatus:
    """How far a grid is.

    `counts` of stages by kind and state: finished, running, failed, `blocked` by a failed one, missing, and `spared`
    (not there, but everything that uses it is finished). `cells` finished of all; `driver` (host, pid, since) where one
    is at work; `failures` a row for each failed stage; `damaged` records that cannot be trusted; `seconds_left` on
    `workers`, from the durations of finished stages, without the kinds that are `unmeasured`; None where all are.
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
        """Plain values: what `grid status --json` prints."""
        totals = {state: self.total(state) for state in STATES}
        return {**asdict(self), "cells": dict(zip(("finished", "all"), self.cells, strict=True)), "stages": totals}


def run_grid(
    plan: Plan | Path | str,
    output: Path | str,
    *,
    data: Path | str | None = None,
    workers: int = 1,
    gpus_each: int = 1,
    cpus_each: int = 1,
    ray: str | None = None,
    keep: bool = False,
    retry_failed: bool = False,
    dry_run: bool = False,
    lost: int = LOST,
    notify: Notify = lambda _: None,
) -> GridStatus:
    """Run whatever is not finished of a plan, and write `results`, `scores` and `failures` to the folder `output`.

    Stages run in `workers` processes of this machine, which share its threads and GPUs (`gpus_each` a worker), or on the
    Ray cluster at the address `ray` (`local`: one of this machine's own) with `cpus_each` processors and `gpus_each`
    GPUs. Checkpoints that nothing needs any more are removed unless `keep`; stages that failed are left alone unless
    `retry_failed`; one whose process died is tried `lost` times more. With `dry_run` nothing is run or written. `data`
    takes the place of the plan's folder.

    Raises InputError for a plan or data that cannot be used, or where another run is at work in the folder.
    """
    prints, layout = _prints(output), Layout(Path(output))
    made = _study(plan, data, prints)
    for text in made.notes:
        notify(f"note: {text}")
    if dry_run:
        return _status(made, layout, slots=workers)
    executor = _executor(workers, gpus_each, cpus_each, ray)
    drive(
        made.graph,
        layout.root,
        executor,
        keep=keep,
        retry_failed=retry_failed,
        lost=lost,
        notify=notify,
        save=partial(write_tables, made),
    )
    prints.save()  # the folder is there now
    return _status(made, layout, slots=workers)


def grid_status(
    plan: Plan | Path | str, output: Path | str, *, data: Path | str | None = None, workers: int = 1
) -> GridStatus:
    """How far the grid of a plan is in the folder `output`: what is finished, running, failed and missing."""
    return _status(_study(plan, data, _prints(output)), Layout(Path(output)), slots=workers)


def _prints(output: Path | str) -> Fingerprints:
    return Fingerprints(Path(output) / "fingerprints.json")


def _study(plan: Plan | Path | str, data: Path | str | None, prints: Fingerprints) -> Study:
    return study(plan if isinstance(plan, Plan) else read_plan(plan), data, prints)


def _executor(workers: int, gpus_each: int, cpus_each: int, ray: str | None) -> Callable[[], Executor]:
    if ray is not None:
        from diversity.grid.ray_cluster import Ray, check_ray

        check_ray()
        return partial(Ray, ray, processors=cpus_each, gpus_each=gpus_each)
    return partial(Processes, workers, gpus_each=gpus_each)


def tables(made: Study, survey: Survey) -> dict[str, pd.DataFrame]:
    """The tables of a grid by name: results, scores, failures."""
    now = folders.standing(made.graph, survey)
    return {
        "results": results.results(made.cells, survey, results.hit(made.graph, now)),
        "scores": results.scores(made.scores, survey),
        "failures": results.failures(made.graph, now, made.cells),
    }


def write_tables(made: Study, survey: Survey) -> None:
    """Write the tables of what is there so far; that of failures only where there are some."""
    root = survey.layout.root
    for name, table in tables(made, survey).items():
        if name != "failures":
            store.write_table(table, root / f"{name}.csv")
            store.write_table(table, root / f"{name}.parquet")
        elif len(table):
            store.write_table(table, root / "failures.csv")
        else:
            (root / "failures.csv").unlink(missing_ok=True)


def _status(made: Study, layout: Layout, slots: int) -> GridStatus:
    graph, survey = made.graph, folders.survey(made.graph, layout)
    states = stage_states(graph, survey)
    counts: dict[str, Counter[str]] = {}
    for key, state in states.items():
        counts.setdefault(graph.stages[key].kind.name, Counter())[state] += 1
    failed = folders.standing(graph, survey)
    durations = Durations()
    for record in survey.records.values():
        durations.add(record.kind, record.seconds)
    left = Counter(graph.stages[key].kind.name for key, state in states.items() if state in ("missing", "running"))
    rows = [
        {
            "stage": key,
            "title": graph.stages[key].label,
            "message": message,
            "error": str(layout.stage(key) / store.ERROR),
        }
        for key, message in failed.failed.items()
    ]
    return GridStatus(
        folder=str(layout.root),
        counts={kind: {s: c[s] for s in STATES if c[s]} for kind, c in counts.items()},
        cells=(sum(cell.stage in survey.records for cell in made.cells), len(made.cells)),
        driver=folders.driver(layout),
        running=tuple(graph.stages[key].label for key, state in states.items() if state == "running"),
        failures=tuple(rows),
        damaged=tuple(survey.damaged.values()),
        seconds_left=durations.left(left, slots),
        unmeasured=durations.unmeasured(left),
        notes=made.notes,
    )


def stage_states(graph: Graph, survey: Survey) -> dict[str, str]:
    """The state of every stage by key, one of STATES."""
    now, running = folders.standing(graph, survey), folders.running(survey.layout)
    found = {}
    for key in graph.stages:
        if key in now.failed:
            found[key] = "failed"
        elif key in now.blocked:
            found[key] = "blocked"
        elif key in now.left:
            found[key] = "running" if key in running else "missing"
        else:
            found[key] = "finished" if key in survey.records else "spared"
    return found
