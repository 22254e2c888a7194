"""The grid's own cost, in one run: two workers beside one, overhead, status, and work saved by sharing.

`python benchmarks/grid.py`. The stages are made for it: processor-bound ones, and ones that do nothing.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from diversity import store
from diversity.grid.build import stages_of
from diversity.grid.driver import drive
from diversity.grid.graph import Graph, Stage, StageKind
from diversity.grid.layout import GridFolder
from diversity.grid.local import Processes
from diversity.grid.run import stage_states
from diversity.grid.scan import scan
from diversity.planning.plans import parse_plan

SAMPLES = Path(__file__).parent.parent / "data" / "samples"


def burn(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> None:
    """So much work of one thread, whatever the machine."""
    total = 0
    for number in range(settings["rounds"]):
        total += number * number % 7
    (folder / "total").write_text(str(total))


def nothing(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> list[dict[str, Any]]:
    """Nothing but a row."""
    return [{"language": "en", "metric": "accuracy", "value": 50.0, "n": 1}]


BURN, NOTHING = StageKind("burn", "grid:burn"), StageKind("nothing", "grid:nothing")


def run(stages: Iterable[Stage], workers: int) -> float:
    """Seconds that a graph takes in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        report = drive(Graph(stages), folder, lambda: Processes(workers))
        assert not report.failed, report.failed
        return time.monotonic() - start


def workers() -> None:
    """Two workers beside one, on stages of about a second of one thread; and what the machine itself gives."""
    stages = [Stage(BURN, {"number": n, "rounds": 8_000_000}) for n in range(12)]
    one, two = run(stages, 1), run(stages, 2)
    print(f"12 processor-bound stages: 1 worker {one:.1f} s, 2 workers {two:.1f} s: {one / two:.2f} x (aim 1.7)")


def overhead() -> None:
    """1,000 stages that do nothing."""
    took = run([Stage(NOTHING, {"number": n}) for n in range(1000)], 1)
    print(f"1,000 trivial stages, 1 worker: {took:.1f} s, {took:.1f} ms a stage (aim < 50)")


def status() -> None:
    """The state of 10,000 stages: all finished, and half of them missing."""
    stages = [Stage(NOTHING, {"number": n}) for n in range(10_000)]
    with tempfile.TemporaryDirectory() as folder:
        layout = GridFolder(Path(folder))
        for stage in stages:
            _finish(layout, stage)
        for title, there in (("all finished", stages), ("half missing", _half_missing(stages))):
            start = time.monotonic()
            graph = Graph(there)
            states = stage_states(graph, scan(graph, layout))
            took = time.monotonic() - start
            assert len(states) == 10_000
            print(f"status of 10,000 stages, {title}: {took:.2f} s (aim < 1)")


def _half_missing(stages: Sequence[Stage]) -> list[Stage]:
    return [*stages[:5000], *(Stage(NOTHING, {"number": n, "other": 1}) for n in range(5000))]


def _finish(layout: GridFolder, stage: Stage) -> None:
    """A record as the driver writes it, not synced: it is only read."""
    layout.files(stage.key).mkdir(parents=True)
    sync, os.fsync = os.fsync, lambda _: None
    try:
        rows = nothing({}, {}, layout.root)
        store.save_record(layout.stage(stage.key), store.Record(stage.key, "nothing", 1, stage.settings, {}, {}, rows))
    finally:
        os.fsync = sync


def sharing() -> None:
    """Examples trained on for the nine tasks' pairs, singles and baseline on nine targets with three seeds."""
    names = ["anli_plus", "ccg", "commonsenseqa", "cosmosqa", "hellaswag", "mnli", "qqp", "squad_v1", "squad_v2"]
    targets = ["bucc2018", "mlqa", "panx", "pawsx", "tatoeba", "tydiqa", "udpos", "xnli", "xquad"]
    pairs = [{"tasks": [a, b]} for i, a in enumerate(names) for b in names[i + 1 :]]
    content = {
        "model": "all-MiniLM-L6-v2",
        "targets": targets,
        "seeds": [1, 2, 3],
        "train": {"examples": 100_000},
        "target": {"examples": 100_000},
        "mixtures": [{"tasks": []}, *({"tasks": [n]} for n in names), *pairs],
    }
    made = stages_of(parse_plan(content, Path("plan.toml")), SAMPLES)
    stages = made.graph.stages
    shared = sum(s.kind.name in ("train", "finetune") for s in stages.values())
    alone = sum(len(_trained(stages, cell.stage)) for cell in made.cells)
    print(
        f"{len(made.cells):,} cells: {shared:,} trainings where cells share them, {alone:,} where each cell is trained "
        f"from scratch: {alone / shared:.2f} x"
    )


def _trained(stages: dict[str, Stage], key: str) -> set[str]:
    """The trainings that a stage rests on."""
    below = set().union(*(_trained(stages, i) for i in stages[key].inputs.values()))
    return below | {key} if stages[key].kind.name in ("train", "finetune") else below


if __name__ == "__main__":
    for part in (workers, overhead, status, sharing):
        part()
