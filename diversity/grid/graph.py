"""Stages and how they depend on each other: what a stage is, its key, and which stages must run."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from diversity import store
from diversity.types import InputError

ResultRows = Sequence[Mapping[str, Any]]
Function = Callable[[dict[str, Path], dict[str, Any], Path], "ResultRows | None"]


@dataclass(frozen=True)
class StageKind:
    """A kind of stage. `function` is `module:name` of a Function: (inputs, settings, folder) -> result rows.

    The function finds its inputs at the paths given by role, and leaves its files in `folder`. Raise `recipe` whenever
    the code of the function comes to give other results: it stands in the keys. `transient` files (checkpoints) are removed
    when nothing needs them any more; a kind that `resumes` finds in `folder` what it left there when it was killed; `gpu`
    says that it uses one, and `multi_gpu` that it uses several, in a process for each. Of the stages that are ready, those
    of greatest `priority` run first: so checkpoints are used up early.
    """

    name: str
    function: str
    recipe: int = 1
    priority: int = 0
    transient: bool = False
    resumes: bool = False
    gpu: bool = False
    multi_gpu: bool = False


@dataclass(frozen=True)
class Stage:
    """One piece of work, determined by its kind, its settings, its inputs and the data that it reads.

    `inputs` are the keys of other stages by role, `data` fingerprints of what comes from outside. No part of the key are
    `paths` of that, by role, `options` of how it is computed, which change a result by rounding at most, and the `title`,
    which is for people.
    """

    kind: StageKind
    settings: Mapping[str, Any] = field(default_factory=dict)
    inputs: Mapping[str, str] = field(default_factory=dict)
    data: Mapping[str, str] = field(default_factory=dict)
    paths: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    title: str = ""

    @cached_property
    def key(self) -> str:
        """SHA-256 of the canonical JSON of everything that determines the stage: the same on every machine."""
        return store.digest(
            {
                "kind": self.kind.name,
                "recipe": self.kind.recipe,
                "settings": self.settings,
                "inputs": self.inputs,
                "data": self.data,
            }
        )

    @property
    def label(self) -> str:
        """What a person calls it: `train mnli+qqp, seed 1`."""
        return f"{self.kind.name} {self.title or self.key[:12]}"


class Graph:
    """Stages by key, each after its inputs; equal stages are one.

    >>> load = Stage(StageKind("load", "m:f"))
    >>> graph = Graph([load, Stage(StageKind("fit", "m:f"), {"seed": 1}, {"rows": load.key}), load])
    >>> len(graph.stages), len(graph.sinks)
    (2, 1)
    """

    def __init__(self, stages: Iterable[Stage]) -> None:
        self.stages: dict[str, Stage] = {}
        self.consumers: dict[str, list[str]] = {}
        for stage in stages:
            if stage.key in self.stages:
                continue
            for role, key in stage.inputs.items():
                if key not in self.stages:
                    raise InputError(f"{stage.label}: expected its {role} to be a stage before it, found {key[:12]}")
            self.stages[stage.key] = stage
            self.consumers[stage.key] = []
            for key in set(stage.inputs.values()):
                self.consumers[key].append(stage.key)
        self.order = {key: place for place, key in enumerate(self.stages)}

    @property
    def sinks(self) -> list[str]:
        """Stages that no other uses: what the grid is for."""
        return [key for key, users in self.consumers.items() if not users]

    def needed(self, done: Callable[[str], bool], usable: Callable[[str], bool]) -> set[str]:
        """The keys of stages that must run: sinks not `done`, and what they use that is not `usable`.

        A stage whose consumers are all done is not needed, whatever has become of its files.
        """
        needed: set[str] = set()
        for key in reversed(self.stages):
            users = self.consumers[key]
            if not done(key) if not users else any(u in needed for u in users) and not usable(key):
                needed.add(key)
        return needed

    def below(self, key: str) -> set[str]:
        """Every stage that uses a stage, directly or through others."""
        users: set[str] = set()
        todo = [key]
        while todo:
            new = [u for u in self.consumers[todo.pop()] if u not in users]
            users.update(new)
            todo += new
        return users


def resolve(function: str) -> Function:
    """The function of `module:name`; raises InputError where there is none."""
    module, _, name = function.partition(":")
    try:
        resolved: Function = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InputError(f"expected a function {function!r}, found: {error}") from error
    return resolved
