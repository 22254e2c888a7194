"""What a person sees of a run: progress bar, log of JSON lines, trackers, plot of the loss."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TextIO

from diversity import catalog, store
from diversity.types import InputError

if TYPE_CHECKING:
    from accelerate import Accelerator
    from tqdm import tqdm

LOG, PLOT = "log.jsonl", "loss.png"
PROJECT = "diversity"  # what trackers call a run, and the folder that some of them write to
TRACKERS = ("tensorboard", "mlflow", "wandb")


def check_tracker(name: str) -> None:
    """Raise InputError for an unknown tracker or one that is not installed."""
    if name not in TRACKERS:
        raise catalog.near(name, list(TRACKERS), "tracker")
    if find_spec(name) is None:
        raise InputError(f"tracker {name}: expected the package {name}, found none: pip install {name}")


@dataclass
class TrainingLog:
    """One place to tell what happens to: the log and the bar of the main process, and the trackers."""

    accelerator: Accelerator
    bar: tqdm[NoReturn]
    log: TextIO | None
    begin: float = field(default_factory=time.perf_counter)
    examples: int = 0
    tokens: int = 0
    score: str = ""

    def write(self, entry: Mapping[str, Any]) -> None:
        """Add a line to the log."""
        if self.log is not None:
            self.log.write(json.dumps(entry) + "\n")
            self.log.flush()

    def step(self, entry: Mapping[str, Any]) -> None:
        """A step that is done: its loss, norm, rate, the units of each task, and tokens."""
        self.write(entry)
        self.accelerator.log({k: entry[k] for k in ("loss", "rate", "norm")}, step=entry["step"])
        self.examples += sum(entry["tasks"].values())
        self.tokens += entry["tokens"]
        spent = time.perf_counter() - self.begin
        rates = f"{self.examples / spent:,.0f} examples/s, {self.tokens / spent:,.0f} tokens/s"
        self.bar.set_postfix_str(f"loss {entry['loss']:.4f}, {self.score}{rates}", refresh=False)
        self.bar.update()

    def dev(self, step: int, scores: Mapping[str, float], mean: float) -> None:
        """Dev scores at a step."""
        self.score = f"dev {mean:.2f}, "
        self.write({"step": step, "dev": dict(scores), "mean": mean})
        self.accelerator.log({f"dev/{k}": v for k, v in scores.items()}, step=step)


@contextmanager
def following(accelerator: Accelerator, folder: Path | None, done: int, steps: int) -> Iterator[TrainingLog]:
    """Progress of a run that goes on after `done` of its steps; logged in a folder if there is one.

    Lines of the log beyond that step are of an interrupted run, and will be written again.
    """
    from tqdm import tqdm

    main, stream = accelerator.is_main_process, None
    if folder is not None and main:
        kept = [json.dumps(line) + "\n" for line in lines(folder / LOG) if line["step"] <= done]
        store.write(folder / LOG, "".join(kept))
        stream = (folder / LOG).open("a", encoding="utf-8")
    with tqdm(total=steps, initial=done, unit="step", disable=None if main else True, delay=1) as bar:
        try:
            yield TrainingLog(accelerator, bar, stream)
        finally:
            if stream is not None:
                stream.close()


def lines(path: Path) -> list[dict[str, Any]]:
    """The whole lines of a log; a run that was killed may have left half of one."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text.split("\n")[:-1] if line.endswith("}")]


def losses_by_task(entries: Sequence[Mapping[str, Any]]) -> dict[str, list[tuple[int, float]]]:
    """Steps and losses of a log's entries by task: tasks differ in scale. Steps of several tasks stand under their names.

    >>> losses_by_task([{"step": 1, "loss": 0.5, "rate": 0.1, "tasks": {"mnli": 8}}])
    {'mnli': [(1, 0.5)]}
    """
    losses: dict[str, list[tuple[int, float]]] = {}
    for entry in entries:
        if "rate" in entry:
            losses.setdefault("+".join(entry["tasks"]), []).append((entry["step"], entry["loss"]))
    return losses


def plot(folder: Path) -> None:
    """Draw the losses, a line for each task, and the mean dev scores of the log to loss.png."""
    from matplotlib.figure import Figure

    entries = lines(folder / LOG)
    losses = losses_by_task(entries)
    if any("+" in name for name in losses):
        losses = {"loss": [point for points in losses.values() for point in points]}
    dev = [(e["step"], e["mean"]) for e in entries if "dev" in e]
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel="step", ylabel="loss")
    for name, points in sorted(losses.items()):
        width = max(1, len(points) // 50)
        groups = [sorted(points)[i : i + width] for i in range(0, len(points), width)]
        means = [(sum(s for s, _ in g) / len(g), sum(v for _, v in g) / len(g)) for g in groups]
        axes.plot(*zip(*means, strict=True), label=f"{name} (means of {width})" if width > 1 else name)
    if losses:
        axes.legend(frameon=False)
    if dev:
        right = axes.twinx()
        right.plot(*zip(*dev, strict=True), color="black", marker="o", markersize=3, linewidth=0.8)
        right.set_ylabel("mean dev score (black)")
    with store.replacing(folder / PLOT) as stream:
        figure.savefig(stream, format="png", dpi=120)
