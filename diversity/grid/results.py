"""Tables of what a grid found: results and diversity scores in long form, and what failed; the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diversity.grid.graph import Graph
from diversity.grid.scan import Scan, Status
from diversity.results import Run
from diversity.results import table as result_table

if TYPE_CHECKING:
    import pandas as pd

EXTRA = ("role", "pair", "status", "error", "stage")  # columns of a grid, beside those of every result table
SCORES = ("mixture", "tasks", "weights", "encoder", "metric", "value", "low", "high", "n", "estimator")
FAILURES = ("stage", "kind", "title", "message", "cells")
ORDER = ("mixture", "target", "seed", "language", "metric", "run")
WHOLE = ("n", "pair")


@dataclass(frozen=True)
class Cell:
    """One cell of the grid, its role in the comparison, and the key of the stage whose rows are its results.

    `shares` is the key of the stage that counts in what shares the tasks of its mixture are trained on, where these depend
    on their sizes.
    """

    run: Run
    stage: str
    role: str = ""
    pair: int | None = None
    shares: str | None = None

    def columns(self, scan: Scan) -> dict[str, Any]:
        """What the cell adds to each of its rows."""
        columns = {**self.run.columns, "role": self.role, "pair": self.pair, "stage": self.stage}
        if self.shares in scan.records:
            columns["weights"] = "+".join(repr(row["share"]) for row in scan.records[self.shares].rows)
        return columns


def results(cells: Iterable[Cell], scan: Scan, failed: Mapping[str, str]) -> pd.DataFrame:
    """Result rows of all finished cells, sorted: the columns of the contract, then the settings that rows have.

    A cell that a failed stage keeps from a result (`failed`: its message by the cell's stage) has one row without a
    value, so that no analysis loses it silently.
    """
    records: list[dict[str, Any]] = []
    for cell in cells:
        columns = cell.columns(scan)
        if (record := scan.records.get(cell.stage)) is not None:
            records += [{"status": "finished", **row, **columns} for row in record.rows]
        elif cell.stage in failed:
            records.append({**columns, "status": "failed", "error": failed[cell.stage]})
    return _sorted(result_table(records, EXTRA), ORDER)


def scores(stages: Iterable[str], scan: Scan) -> pd.DataFrame:
    """Diversity scores of the mixtures, in the columns of `score`."""
    records = [dict(row) for key in stages if key in scan.records for row in scan.records[key].rows]
    return _frame(records, SCORES, ("mixture", "metric"))


def failures(graph: Graph, now: Status, cells: Sequence[Cell]) -> pd.DataFrame:
    """A row for each failed stage: its key, kind and title, the message, and how many cells it keeps from a result."""
    records = []
    for key, message in now.failed.items():
        reached = graph.below(key) | {key}
        count = sum(cell.stage in reached for cell in cells)
        stage = graph.stages[key]
        records.append(dict(zip(FAILURES, (key, stage.kind.name, stage.title, message, count), strict=True)))
    return _frame(records, FAILURES, ("stage",))


def _frame(records: Sequence[Mapping[str, Any]], columns: Sequence[str], order: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    others = sorted({name for record in records for name in record} - set(columns))
    return _sorted(pd.DataFrame(list(records), columns=[*columns, *others]), order)


def _sorted(table: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    numbers = dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(("value", "low", "high"), "float64")
    table = table.astype({name: kind for name, kind in numbers.items() if name in table})
    return table.sort_values(list(order), kind="stable", na_position="first", ignore_index=True)
