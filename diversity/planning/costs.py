"""What a design costs: trainings, the examples that they see, and how fast this machine is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.data import sources
from diversity.training.settings import changed, preset
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.planning.choice import Choice


@dataclass(frozen=True)
class Costs:
    """Trainings by kind (`intermediate`, `target`) and `cells`, the examples that they train on, and hours, where known."""

    runs: Mapping[str, int]
    examples: int
    rate: float | None = None

    @property
    def hours(self) -> float | None:
        """Hours of training at the rate; None without one."""
        return None if self.rate is None else self.examples / self.rate / 3600


def costs_of(table: pd.DataFrame, choice: Choice, rate: float | None) -> Costs:
    """The costs of the mixtures of a design: each trained, then fine-tuned once for each training set of the targets."""
    training, sets = choice.training, dict[str, str]()
    for target in choice.targets:
        if catalog.task(target).kind != "retrieval":
            sets.setdefault(catalog.task(target).train_on or target, target)
    trained = int((table["k"] > 0).sum()) * training.seeds
    tuned = len(table) * training.seeds
    examples = trained * training.budget
    for target in sets.values():
        rows = training_rows(target, choice.data)
        examples += tuned * preset(training.preset, target).optimisation.length(rows)[1]
    cells = len(table) * len(choice.targets) * training.seeds
    return Costs({"intermediate": trained, "target": tuned * len(sets), "cells": cells}, examples, rate)


def training_rows(target: str, data: Path | str | None) -> int:
    """Rows that a target is fine-tuned on: those of the release, where they are known, else those in the data; else 0."""
    task = catalog.task(target)
    source = catalog.task(task.train_on) if task.train_on else task
    known = task.expected("train", "en") or source.expected("train", "en")
    if known is not None or data is None:
        return known or 0
    files = next(
        (f for s in ("train", "dev") if s in source.splits and (f := sources.find(source, data, s, "en"))), None
    )
    return sum(1 for _ in sources.read(files, bad=[])) if files is not None else 0


def measured_rate(tasks: Sequence[str], choice: Choice) -> float:
    """Examples a second of some steps of training on all tasks, on this machine; raises InputError without data."""
    if choice.data is None:
        raise InputError("expected a folder of data (--data DIR) to measure the rate of training on, found none")
    from diversity.training.intermediate import plan_mix

    training = choice.training
    settings = changed(preset(training.preset), examples=training.budget)
    planned = plan_mix(list(tasks), model=training.model, data=choice.data, settings=settings)
    assert planned.seconds is not None
    return planned.examples / planned.seconds
