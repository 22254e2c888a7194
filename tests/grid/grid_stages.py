"""Stages that tests run in worker processes: quick, and telling what happened to them. Run as a script: a driver."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

from diversity import store
from diversity.grid import results
from diversity.grid.driver import Policy, drive
from diversity.grid.graph import Graph, Stage, StageKind
from diversity.grid.local import Processes
from diversity.results import Run
from diversity.types import Mixture

SCORE = StageKind("score", "grid_stages:add", priority=2)
TARGET = StageKind("target", "grid_stages:add", priority=1, transient=True)
TRAIN = StageKind("train", "grid_stages:add", transient=True)


def add(inputs: dict[str, Path], settings: dict, folder: Path) -> list[dict]:
    """Add up the numbers of the inputs and leave the sum in a file, slowly: cut short, half of it is there."""
    tell(settings, inputs)
    total = settings.get("number", 0) + sum(int((p / "sum.txt").read_text()) for r, p in inputs.items() if r != "log")
    with (folder / "sum.txt").open("w") as stream:
        for digit in f"{total:04d}":
            stream.write(digit)
            stream.flush()
            time.sleep(settings.get("seconds", 0) / 4)
    return [{"language": lang, "metric": "sum", "value": total / 7, "n": total} for lang in ("en", "de")]


def tell(settings: dict, inputs: dict[str, Path]) -> None:
    """A line in the log, where there is one, that this stage was started."""
    if "log" in inputs:
        with inputs["log"].open("a") as stream:
            stream.write(f"{settings['number']}\n")


def fail(inputs: dict[str, Path], settings: dict, folder: Path) -> None:
    """Fail until the file `repaired` is there."""
    if not (inputs["log"].parent / "repaired").exists():
        raise ValueError("the loss is not\na number")
    return add(inputs, settings, folder)


def die(inputs: dict[str, Path], settings: dict, folder: Path) -> None:
    """Die as often as the settings say."""
    tell(settings, inputs)
    if len(inputs["log"].read_text().split()) <= settings["times"]:
        os.kill(os.getpid(), signal.SIGKILL)


def fill(inputs: dict[str, Path], settings: dict, folder: Path) -> None:
    """Write to a full disk: the kernel's own ENOSPC."""
    if (inputs["log"].parent / "full").exists():
        Path("/dev/full").write_text("x")


def resume(inputs: dict[str, Path], settings: dict, folder: Path) -> list[dict]:
    """Count to three in a file, dying at each step: each attempt goes on from there."""
    steps = folder / "steps"
    steps.write_text((steps.read_text() if steps.exists() else "") + "x")
    if len(steps.read_text()) < 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return [{"value": 3.0}]


def environment(inputs: dict[str, Path], settings: dict, folder: Path) -> list[dict]:
    """What a stage sees of its share of the machine; prints to its log."""
    print("printed by the stage")
    subprocess.run(["echo", "printed by a child"], check=True)
    names = ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES")
    return [{"pid": os.getpid(), **{n: os.environ.get(n, "") for n in names}}]


def ranked(inputs: dict[str, Path], settings: dict, folder: Path) -> list[dict]:
    """Which of several processes this is."""
    rank, of = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    with inputs["log"].open("a") as stream:
        stream.write(f"{rank}\n")
    return [{"rank": rank, "of": of, **settings}]


def odd(inputs: dict[str, Path], settings: dict, folder: Path) -> object:
    """Give back what cannot be recorded, or leave by exit."""
    if settings["what"] == "exit":
        sys.exit(3)
    return {"object": [{"value": object()}], "text": "text"}[settings["what"]]


def sleeps(inputs: dict[str, Path], settings: dict, folder: Path) -> None:
    """A long stage with a child of its own, whose ids it leaves."""
    child = subprocess.Popen(["sleep", "60"])
    (inputs["log"].parent / "pids").write_text(f"{os.getpid()} {child.pid}")
    time.sleep(60)


def pretend(inputs: dict[str, Path], settings: dict, folder: Path) -> list[dict]:
    """Stand in for any real stage: a number that follows from the settings and the inputs, in every language."""
    found = [p for r, p in sorted(inputs.items()) if (p / "number").exists()]
    text = json.dumps(settings, sort_keys=True) + "".join((p / "number").read_text() for p in found)
    number = zlib.crc32(text.encode()) % 1000
    (folder / "number").write_text(str(number))
    if Path("fail").exists() and settings.get("target") == Path("fail").read_text():
        raise ValueError("it was asked to fail")
    if "mixture" in settings:
        return [{"mixture": settings["mixture"], "metric": m, "value": number / 10} for m in settings["metrics"]]
    languages = settings.get("splits", ())
    return [{"language": lang, "metric": "accuracy", "value": number / 10, "n": 2} for lang in languages]


def study(mixtures: int, seconds: float, log: Path) -> tuple[Graph, list[results.Cell]]:
    """Mixtures x two targets x two seeds, with checkpoints that are shared and removed."""
    stages, cells = [], []
    paths = {"log": str(log)}

    def stage(kind: StageKind, **inputs: str) -> Stage:
        settings = {"number": len(stages), "seconds": seconds}
        stages.append(Stage(kind, settings, inputs, paths=paths, title=str(len(stages))))
        return stages[-1]

    for m in range(mixtures):
        for seed in (1, 2):
            checkpoint = stage(TRAIN)
            tuned = stage(TARGET, model=checkpoint.key)
            for target in ("xnli", "xquad"):
                cell = stage(SCORE, model=tuned.key if target == "xquad" else checkpoint.key)
                cells.append(results.Cell(Run("small", Mixture.of([f"task{m}"]), target, seed), cell.key))
    return Graph(stages), cells


def main(folder: Path, mixtures: int, seconds: float) -> None:
    """Drive a study in a folder and write its results."""
    graph, cells = study(mixtures, seconds, folder.with_suffix(".log"))

    def save(scan) -> None:
        if len(scan.records) == len(graph.stages):
            for suffix in (".csv", ".parquet"):
                store.write_table(results.results(cells, scan, {}), folder / f"results{suffix}")

    # whoever kills at random may hit one stage any number of times
    outcome = drive(graph, folder, lambda: Processes(2), Policy(max_retries=10**6), save=save)
    sys.exit(1 if outcome.failed else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
