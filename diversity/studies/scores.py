"""Checked scores: the diversity of mixtures by metric and encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity import catalog
from diversity.studies import tables
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("mixture", "metric", "value")


@dataclass(frozen=True)
class Scores:
    """A checked table of scores, and the shares of the tasks of its mixtures."""

    frame: pd.DataFrame
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Each metric and encoder of the table, in its order."""
        distinct = self.frame[["metric", "encoder"]].drop_duplicates()
        return [(str(m), str(e)) for m, e in distinct.to_numpy()]

    @property
    def encoders(self) -> list[str]:
        """The encoders that are named, sorted."""
        return sorted(e for e in self.frame["encoder"].unique() if e)

    def of(self, metric: str, encoder: str | None = None) -> pd.DataFrame:
        """Rows of one metric and encoder, by mixture; raises InputError where there are several to choose from."""
        rows = self.frame[self.frame["metric"] == _printed(metric, self.frame["metric"].unique().tolist())]
        encoders = sorted(rows["encoder"].unique())
        if encoder is not None and encoder not in encoders:
            raise catalog.near(encoder, encoders, "encoder of the scores")
        if encoder is None and len(encoders) > 1:
            raise InputError(f"expected one encoder, found {', '.join(encoders)}: choose one with --encoder")
        rows = rows[rows["encoder"] == (encoder if encoder is not None else encoders[0])]
        if (again := rows["mixture"].duplicated()).any():
            name = rows["mixture"][again].iloc[0]
            columns = [c for c in ("n", "estimator") if c in rows and rows[rows["mixture"] == name][c].nunique() > 1]
            hint = f": keep one of the values of {' and '.join(columns)}" if columns else ""
            raise InputError(f"expected one score of {metric} for each mixture, found several of {name!r}{hint}")
        return rows.set_index("mixture")


def _printed(metric: str, known: list[str]) -> str:
    if metric in known:
        return metric
    try:
        function, options = catalog.parse_metric(metric)
    except InputError:
        raise catalog.near(metric, sorted(known), "metric of the scores") from None
    if (printed := function.printed(**options)) not in known:
        raise catalog.near(metric, sorted(known), "metric of the scores")
    return printed


def read_scores(table: pd.DataFrame | Path | str | Scores) -> Scores:
    """Checked scores, or the ones given where they are checked already.

    The columns are `mixture, metric, value`, and `encoder, tasks, weights, low, high` where known. Raises InputError for
    values that are missing or infinite.
    """
    if isinstance(table, Scores):
        return table
    frame = tables.read(table, COLUMNS, "scores")
    frame = frame.assign(
        mixture=tables.by_value(frame["mixture"], tables.canonical),
        metric=tables.by_value(frame["metric"], tables.text),
        encoder=tables.by_value(frame["encoder"], tables.text) if "encoder" in frame else "",
    )
    for column in ("mixture", "encoder"):
        tables.check_one_spelling(frame[column].unique(), column)
    wrong = ~np.isfinite(frame["value"].to_numpy(float))
    if wrong.any():
        row = frame[wrong].iloc[0]
        raise InputError(f"expected finite scores, found {row['value']} for {row['metric']} of {row['mixture']!r}")
    return Scores(frame, tables.membership(frame))
