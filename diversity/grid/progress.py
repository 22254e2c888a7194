"""What a person sees while the grid runs: one line for all of it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from diversity.grid.graph import Graph
from diversity.grid.job import Outcome
from diversity.store import Record


class Durations:
    """Mean seconds of finished stages by kind, and what they say of those still to come.

    >>> durations = Durations()
    >>> durations.add("train", 60.0)
    >>> durations.left({"train": 3}, slots=2)
    90.0
    """

    def __init__(self) -> None:
        self.total: dict[str, float] = defaultdict(float)
        self.count: Counter[str] = Counter()

    def add(self, kind: str, seconds: float) -> None:
        """One more finished stage."""
        self.total[kind] += seconds
        self.count[kind] += 1

    def left(self, kinds: Mapping[str, int], slots: int) -> float | None:
        """Seconds for so many stages of each kind that was measured, on `slots` workers; None where none was."""
        known = {kind: number for kind, number in kinds.items() if self.count[kind]}
        if kinds and not known:
            return None
        return sum(number * self.total[kind] / self.count[kind] for kind, number in known.items()) / max(slots, 1)

    def unmeasured(self, kinds: Mapping[str, int]) -> tuple[str, ...]:
        """The kinds among these of which no stage has been finished: their time is not in `left`."""
        return tuple(kind for kind, number in kinds.items() if number and not self.count[kind])


def in_words(seconds: float | None) -> str:
    """A length of time for people.

    >>> in_words(7322), in_words(61), in_words(None)
    ('2 h 2 min', '1 min', 'unknown')
    """
    if seconds is None:
        return "unknown"
    minutes = round(seconds / 60)
    if minutes >= 60:
        return f"{minutes // 60} h {minutes % 60} min"
    return f"{minutes} min" if minutes else f"{round(seconds)} s"


class GridProgress:
    """A bar on stderr, where that is a terminal: stages done of those to do, running, failed, and the time left."""

    def __init__(self, graph: Graph, left: Collection[str], records: Iterable[Record]) -> None:
        from tqdm import tqdm

        self.graph, self.durations, self.shown = graph, Durations(), -1.0
        for record in records:
            self.durations.add(record.kind, record.seconds)
        form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}{postfix}]"
        self.bar = tqdm(total=len(left), desc="grid", unit="stage", disable=None, bar_format=form)

    def __enter__(self) -> GridProgress:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def ended(self, outcome: Outcome, kind: str) -> None:
        """Count a job that ended."""
        if outcome.state == "done":
            self.durations.add(kind, outcome.seconds)
            self.bar.update()

    def show(self, left: Collection[str], running: int, failed: int, free: int) -> None:
        """Renew the line, once a second at most."""
        if self.bar.disable or time.monotonic() - self.shown < 1:
            return
        self.shown = time.monotonic()
        kinds = Counter(self.graph.stages[key].kind.name for key in left)
        seconds, unmeasured = self.durations.left(kinds, running + free), self.durations.unmeasured(kinds)
        least = "at least " * (seconds is not None and bool(unmeasured))
        self.bar.set_postfix_str(f"{running} running, {failed} failed, time left {least}{in_words(seconds)}")
