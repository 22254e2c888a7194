"""Tables of what a grid found: results and diversity scores in long form, and what failed; the same bytes every time."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.grid.folder import Survey
from diversity.grid.graph import Graph
from diversity.types import Run

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = (
    "run", "model", "mixture", "tasks", "sampling", "budget", "target", "language", "metric", "value", "n", "seed",
)  # fmt: skip
SORTED = ("mixture", "target", "seed", "language", "metric", "run")
FAILURES = ("mixture", "target", "seed", "stage", "kind", "message")


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
            "weights": "+".join(f"{w:.6g}" for w in mixture.weights),
            "sampling": mixture.sampling,
            "budget": mixture.budget,
            "target": self.run.target,
            "seed": self.run.seed,
            "stage": self.stage,
        }


def results(cells: Iterable[Cell], survey: Survey) -> pd.DataFrame:
    """Result rows of all finished cells, sorted: the columns of the contract, then the settings that rows bring."""
    records = [
        {**row, **cell.columns}
        for cell in cells
        if cell.stage in survey.records
        for row in survey.records[cell.stage].rows
    ]
    return _frame(records, COLUMNS, SORTED)


def scores(stages: Iterable[str], survey: Survey) -> pd.DataFrame:
    """Diversity scores of the mixtures, as `score` gives them."""
    records = [dict(row) for key in stages if key in survey.records for row in survey.records[key].rows]
    return _frame(records, ("mixture", "tasks", "weights", "encoder", "metric", "value"), ("mixture", "metric"))


def failures(
    cells: Iterable[Cell], graph: Graph, failed: Mapping[str, str], blocked: Iterable[str] = ()
) -> pd.DataFrame:
    """One row for each cell without a result and each stage that keeps it from one; then failed stages of no cell."""
    origins = {key: dict.fromkeys(graph.below(key), key) | {key: key} for key in failed}
    records = []
    hit = set()
    for cell in cells:
        for key in (origin[cell.stage] for origin in origins.values() if cell.stage in origin):
            hit.add(key)
            run = cell.run
            records.append(
                {"mixture": run.mixture.name, "target": run.target, "seed": run.seed, **_why(graph, key, failed)}
            )
    records += [_why(graph, key, failed) for key in failed if key not in hit]
    return _frame(records, FAILURES, FAILURES)


def _why(graph: Graph, key: str, failed: Mapping[str, str]) -> dict[str, Any]:
    return {"stage": key, "kind": graph.stages[key].kind.name, "message": failed[key]}


def _frame(records: Sequence[Mapping[str, Any]], columns: Sequence[str], order: Sequence[str]) -> pd.DataFrame:
    import pandas as pd

    others = sorted({name for record in records for name in record} - set(columns))
    table = pd.DataFrame(list(records), columns=[*columns, *others])
    for name in ("seed", "n", "budget"):
        if name in table:
            table[name] = table[name].astype("Int64")
    for name in ("value", "low", "high"):
        if name in table:
            table[name] = table[name].astype("float64")
    return table.sort_values(list(order), kind="stable", na_position="first", ignore_index=True)


def write(table: pd.DataFrame, path: Path) -> None:
    """Write PATH.parquet and PATH.csv, each atomically; where they hold the same already, they are left alone."""
    text = table.to_csv(index=False, lineterminator="\n").encode()
    packed = io.BytesIO()
    table.to_parquet(packed, index=False)
    for suffix, content in ((".csv", text), (".parquet", packed.getvalue())):
        file = path.with_suffix(suffix)
        if not (file.is_file() and file.read_bytes() == content):
            store.write(file, content)
