"""Mixtures from what a user writes, all subsets of tasks, and their weights as an array."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Sequence

import numpy as np

from diversity import catalog
from diversity.types import Array, InputError, Mixture, number


def parse_mixture(spec: str) -> Mixture:
    """A mixture from `NAME=a,b:2,c` or `a,b`: tasks with optional weights.

    >>> parse_mixture("nli=mnli:3,anli_plus").weights
    (0.25, 0.75)
    """
    label, equals, tasks = spec.partition("=")
    label, tasks = (label.strip(), tasks) if equals else ("", spec)
    weights: dict[str, float] = {}
    for item in (s.strip() for s in tasks.split(",")):
        name, colon, text = (s.strip() for s in item.partition(":"))
        if not name or name in weights:
            raise InputError(f"expected a mixture such as NAME=a,b:2,c with each task once, found {spec!r}")
        weight = number(text) if colon else 1.0
        if weight is None:
            raise InputError(f"expected a number as the weight of {name} in {spec!r}, found {text!r}")
        weights[name] = weight
    return Mixture.of(weights, label)


def subsets(tasks: Sequence[str]) -> list[Mixture]:
    """Every non-empty subset of the tasks with equal weights, by size.

    >>> [m.name for m in subsets(["a", "b"])]
    ['a', 'b', 'a+b']
    """
    names = sorted(tasks)
    return [Mixture.of(c) for k in range(1, len(names) + 1) for c in itertools.combinations(names, k)]


def weights_of(mixtures: Sequence[Mixture], names: Sequence[str]) -> Array:
    """Weights (M, T) of mixtures over the tasks `names`; raises InputError for a task that is not there."""
    column = {name: i for i, name in enumerate(names)}
    weights = np.zeros((len(mixtures), len(names)))
    for row, mixture in enumerate(mixtures):
        for task, weight in mixture.shares().items():
            if task not in column:
                raise catalog.near(task, list(names), "task")
            weights[row, column[task]] = weight
    counts = Counter(m.name for m in mixtures)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise InputError(f"expected a name for each mixture, found {repeated[0]!r} twice")
    return weights


def overlaps(mixture: Mixture) -> list[str]:
    """Pairs of tasks of a mixture that share rows: `anli_plus contains mnli`."""
    known = [t for t in mixture.tasks if t in catalog.names("tasks")]
    return [f"{a} contains {b}" for a in known for b in catalog.task(a).contains if b in known]
