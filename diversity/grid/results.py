"""Tables of what a grid found: results and diversity scores in long form, and what failed; the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diversity.grid.graph import Graph
from diversity.grid.layout import Standing, Survey
from diversity.results import Run
from diversity.results import table as result_table
from diversity.types import Mixture

if TYPE_CHECKING:
    import pandas as pd

EXTRA = ("role", "pair", "status", "error", "stage")  # columns of a grid, beside those of every result table
SCORES = ("mixture", "tasks", "weights", "encoder", "metric", "value", "low", "high", "n", "estimator")
FAILURES = ("stage", "kind", "title", "message", "cells")
ORDER = ("mixture", "target", "seed", "language", "metric", "run")
WHOLE = ("n", "pair")


def expected_shares(mixture: Mixture) -> dict[str, float]:
    """The shares of a mixture; equal ones where they depend on sizes that are not known."""
    return Mixture.of(mixture.tasks).shares() if mixture.sampling.size_dependent else mixture.shares()


@dataclass(frozen=True)
class Cell:
    """One cell of the grid, its role in the comparison, and the key of the stage whose rows are its results."""

    run: Run
    stage: str
    role: str = ""
    pair: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """What the cell adds to each of its rows."""
        return {**self.run.columns, "role": self.role, "pair": self.pair, "stage": self.stage}


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
    return _sorted(result_table(records, EXTRA), ORDER)


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
    return _sorted(pd.DataFrame(list(records), columns=[*columns, *others]), order)


def _sorted(table: pd.DataFrame, order: Sequence[str]) -> pd.DataFrame:
    numbers = dict.fromkeys(WHOLE, "Int64") | dict.fromkeys(("value", "low", "high"), "float64")
    table = table.astype({name: kind for name, kind in numbers.items() if name in table})
    return table.sort_values(list(order), kind="stable", na_position="first", ignore_index=True)
