"""Tables of what a grid found: results and diversity scores in long form, and what failed; the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.grid.graph import Graph
from diversity.grid.layout import Standing, Survey
from diversity.types import Mixture, Run

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "run", "model", "mixture", "tasks", "weights", "sampling", "budget", "target", "language", "metric", "value", "n",
    "seed", "role", "pair", "status", "error", "stage",
)  # fmt: skip
SCORES = ("mixture", "tasks", "weights", "encoder", "metric", "value", "low", "high", "n", "estimator")
FAILURES = ("stage", "kind", "title", "message", "cells")
ORDER = ("mixture", "target", "seed", "language", "metric", "run")
NUMBERS = {
    "seed": "Int64",
    "n": "Int64",
    "budget": "Int64",
    "pair": "Int64",
    "value": "float64",
    "low": "float64",
    "high": "float64",
}


def expected_shares(mixture: Mixture) -> dict[str, float]:
    """The shares of a mixture; equal ones where they depend on sizes that are not known."""
    return Mixture.of(mixture.tasks).shares() if mixture.sampling.size_dependent else mixture.shares()


@dataclass(frozen=True)
class Cell:
    """One cell of the grid, and the key of the stage whose rows are its results."""

    run: Run
    stage: str

    @property
    def columns(self) -> dict[str, Any]:
        """What the cell adds to each of its rows."""
        mixture = self.run.mixture
        return {
            "run": self.run.key,
            "model": self.run.model,
            "mixture": mixture.name,
            "tasks": "+".join(mixture.tasks),
            "weights": "+".join(map(repr, expected_shares(mixture).values())),
            "sampling": mixture.sampling.rule,
            "budget": mixture.budget,
            "target": self.run.target,
            "seed": self.run.seed,
            "role": self.run.settings.get("role", ""),
            "pair": self.run.settings.get("pair"),
            "stage": self.stage,
        }


def results(cells: Iterable[Cell], survey: Survey, failed: Mapping[str, str]) -> pd.DataFrame:
    """Result rows of all finished cells, sorted: the columns of the contract, then the settings that rows bring.

    A cell that a failed stage keeps from a result (`failed`: its message by the cell's stage) has one row without a
    value, so that no analysis loses it silently.
    """
    records: list[dict[str, Any]] = []
    for cell in cells:
        if (record := survey.records.get(cell.stage)) is not None:
            records += [{"status": "finished", **row, **cell.columns} for row in record.rows]
        elif cell.stage in failed:
            records.append({**cell.columns, "status": "failed", "error": failed[cell.stage]})
    return _frame(records, COLUMNS, ORDER)


def scores(stages: Iterable[str], survey: Survey) -> pd.DataFrame:
    """Diversity scores of the mixtures, in the columns of `score`."""
    records = [dict(row) for key in stages if key in survey.records for row in survey.records[key].rows]
    return _frame(records, SCORES, ("mixture", "metric"))


def hit(graph: Graph, now: Standing) -> dict[str, str]:
    """The message of the failed stage behind each stage that failed or is kept back by one."""
    found = dict[str, str]()
    for key, message in now.failed.items():
        text = f"{graph.stages[key].label}: {message}"
        found |= {below: text for below in graph.below(key) if below in now.blocked} | {key: text}
    return found


def failures(graph: Graph, now: Standing, cells: Sequence[Cell]) -> pd.DataFrame:
    """A row for each failed stage: its key, kind and title, the message, and how many cells it keeps from a result."""
    records = []
    for key, message in now.failed.items():
        reached = graph.below(key) | {key}
        lost = sum(cell.stage in reached for cell in cells)
        stage = graph.stages[key]
        records.append(dict(zip(FAILURES, (key, stage.kind.name, stage.title, message, lost), strict=True)))
    return _frame(records, FAILURES, ("stage",))


def _frame(records: Sequence[Mapping[str, Any]], columns: Sequence[str], order: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    others = sorted({name for record in records for name in record} - set(columns))
    table = pd.DataFrame(list(records), columns=[*columns, *others])
    table = table.astype({name: kind for name, kind in NUMBERS.items() if name in table})
    return table.sort_values(list(order), kind="stable", na_position="first", ignore_index=True)


def write(table: pd.DataFrame, path: Path) -> None:
    """Write PATH.csv and PATH.parquet, each atomically; where they hold the same already, they are left alone."""
    packed = io.BytesIO()
    table.to_parquet(packed, index=False)
    text = table.to_csv(index=False, lineterminator="\n").encode()
    for suffix, content in ((".csv", text), (".parquet", packed.getvalue())):
        file = path.with_suffix(suffix)
        if not (file.is_file() and file.read_bytes() == content):
            store.write(file, content)
