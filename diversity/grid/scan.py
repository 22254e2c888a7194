"""What the folder of a grid holds of a plan's stages, and what is left to do."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from diversity import store
from diversity.grid.graph import Graph
from diversity.grid.layout import GridFolder


@dataclass
class Scan:
    """What a folder holds of a graph: records of finished stages, errors of failed ones, and records not to be trusted."""

    folder: GridFolder
    records: dict[str, store.Record] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)

    def usable(self, key: str) -> bool:
        """Is a stage finished, and is everything there that it left?"""
        record = self.records.get(key)
        return record is not None and store.whole(self.folder.files(key), record.files)

    def needed(self, graph: Graph) -> set[str]:
        """The stages that must run, those that failed and what they keep from running included."""
        return graph.needed(self.records.__contains__, self.usable)

    def spent(self, graph: Graph, key: str) -> bool:
        """Has everything that uses a stage's checkpoint been finished?"""
        users = graph.consumers[key]
        return graph.stages[key].kind.transient and bool(users) and all(u in self.records for u in users)

    def status(self, graph: Graph) -> Status:
        """What is left to do, given what is done."""
        needed = self.needed(graph)
        failed = {
            key: self.errors[key].partition("\n")[0] for key in graph.stages if key in needed & self.errors.keys()
        }
        blocked = {below for key in failed for below in graph.below(key) if below in needed} - failed.keys()
        return Status(frozenset(needed - failed.keys() - blocked), failed, frozenset(blocked))


@dataclass(frozen=True)
class Status:
    """The stages of a graph that are still needed: to run, failed (with the message), and kept back by failed ones."""

    left: frozenset[str]
    failed: Mapping[str, str]
    blocked: frozenset[str]

    def failed_ancestors(self, graph: Graph) -> dict[str, str]:
        """The message of the failed stage behind each stage that failed or is kept back by one."""
        messages = dict[str, str]()
        for key, message in self.failed.items():
            text = f"{graph.stages[key].label}: {message}"
            messages |= {below: text for below in graph.below(key) if below in self.blocked} | {key: text}
        return messages


def scan(graph: Graph, folder: GridFolder, *, verify: bool = False) -> Scan:
    """Read what a folder holds of the stages of a graph.

    With `verify` every file that finished stages left is read: a stage of which one is not as it was written is damaged.
    """
    state = Scan(folder)
    stages = os.fspath(folder.stages)
    for key in set(os.listdir(stages) if os.path.isdir(stages) else ()) & graph.stages.keys():
        place = f"{stages}/{key}"
        try:
            if record := store.load_record(place):
                if verify and (name := store.changed(folder.files(key), record.hashes)):
                    what = f"the SHA-256 of its record, found another in {graph.stages[key].label}"
                    raise store.BadRecord(f"{folder.files(key) / name}: expected {what}")
                state.records[key] = record
        except store.BadRecord as error:
            state.damaged[key] = str(error)
        if os.path.exists(f"{place}/{store.ERROR}"):
            state.errors[key] = (folder.stage(key) / store.ERROR).read_text("utf8", "replace")
    return state
