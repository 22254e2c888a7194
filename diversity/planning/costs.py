"""What a design costs: trainings, the examples that they see, and how fast this machine is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.data import sources
from diversity.training.settings import Settings, changed, preset
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.planning.design import Choice


def work(table: pd.DataFrame, choice: Choice) -> tuple[dict[str, int], int]:
    """Runs by kind, and the examples that they train on: intermediate, then one for each training set of the targets."""
    sets = dict[str, str]()
    for target in choice.targets:
        if catalog.task(target).kind != "retrieval":
            sets.setdefault(sources.training_set(catalog.task(target)), target)
    trained = int((table["k"] > 0).sum()) * choice.seeds
    tuned = len(table) * choice.seeds
    length = {t: _length(t, changed(preset(choice.preset, t))) for t in sets.values()}
    examples = trained * choice.budget + tuned * sum(length.values())
    cells = len(table) * len(choice.targets) * choice.seeds
    return {"intermediate": trained, "target": tuned * len(sets), "cells": cells}, examples


def _length(target: str, settings: Settings) -> int:
    rows = catalog.task(target).expected("train", "en") or 0
    return settings.length(rows)[1]


def measured_rate(tasks: Sequence[str], choice: Choice) -> float:
    """Examples a second of some steps of training on all tasks, on this machine; raises InputError without data."""
    if choice.data is None:
        raise InputError("expected a folder of data (--data DIR) to measure the rate of training on, found none")
    from diversity.training.intermediate import plan_mix

    settings = changed(preset(choice.preset), examples=choice.budget)
    planned = plan_mix(list(tasks), model=choice.model, data=choice.data, settings=settings)
    assert planned.seconds is not None
    return planned.examples / planned.seconds
