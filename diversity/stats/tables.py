"""Tables as they come: read from a file or a DataFrame, their columns checked, the tasks of each mixture known."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diversity import catalog
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
Shares = Mapping[str, Mapping[str, float]]  # of the tasks, by mixture

BASELINES = ("", "none", "baseline")  # names of training on no intermediate task at all


def read(table: pd.DataFrame | Path | str, expected: Sequence[str], what: str) -> pd.DataFrame:
    """A table from a DataFrame, a CSV or a Parquet file; raises InputError where a column is missing or it is empty."""
    import pandas as pd

    where = "the DataFrame" if isinstance(table, pd.DataFrame) else str(table)
    frame = table.reset_index(drop=True) if isinstance(table, pd.DataFrame) else _from_file(Path(table))
    for name in expected:
        if name not in frame.columns:
            columns = ", ".join(map(str, frame.columns))
            raise InputError(f"{where}: expected {what} with a column {name!r}, found the columns {columns}")
    if frame.empty:
        raise InputError(f"{where}: expected {what}, found no rows")
    return frame.assign(mixture=by_value(frame["mixture"], text), value=_numbers(frame["value"], where))


def _from_file(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        if path.suffix in (".parquet", ".pq"):
            return pd.read_parquet(path)
        return pd.read_csv(path, keep_default_na=False, encoding="utf-8-sig")  # a language may be called "nan" or "no"
    except OSError:
        raise
    except Exception as error:  # the readers raise errors of many kinds for broken files
        raise InputError(f"{path}: expected a CSV or Parquet table: {error}") from error


def _numbers(values: pd.Series, where: str) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    for row in np.flatnonzero(numbers.isna()):
        if text(values.iloc[row]).lower() in ("", "nan", "none", "null"):
            continue
        raise InputError(
            f"{where}: expected numbers in the column 'value', found {values.iloc[row]!r} in row {row + 1}"
        )
    return numbers


def text(value: object) -> str:
    """A cell as text without spaces around it; '' where it is missing."""
    missing = value is None or (isinstance(value, float) and np.isnan(value)) or type(value).__name__ == "NAType"
    return "" if missing else str(value).strip()


def by_value(values: pd.Series, function: Callable[[object], str]) -> pd.Series:
    """The function of each value, computed once for each distinct one."""
    codes, distinct = values.factorize(use_na_sentinel=False)
    return values.__class__(np.array([function(v) for v in distinct], dtype=object)[codes], index=values.index)


def filtered(frame: pd.DataFrame, where: Mapping[str, object], what: str) -> pd.DataFrame:
    """The rows whose columns have these values; raises InputError for an unknown column or where none is left."""
    for column, value in where.items():
        if column not in frame.columns:
            raise catalog.near(column, [str(c) for c in frame.columns], f"column of the {what}")
        kept = frame[by_value(frame[column], text) == str(value)]
        if kept.empty:
            known = ", ".join(sorted({text(v) for v in frame[column]})[:10])
            raise InputError(f"expected {what} with {column}={value}, found {column} among {known}")
        frame = kept
    return frame


def tasks_in(value: object) -> tuple[str, ...]:
    """Names of tasks from a list, or from text joined by `+` or commas.

    >>> tasks_in("mnli+qqp"), tasks_in(["mnli"]), tasks_in("['mnli', 'qqp']"), tasks_in("")
    (('mnli', 'qqp'), ('mnli',), ('mnli', 'qqp'), ())
    """
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(str(v) for v in value)
    joined = text(value).strip("[]()")  # a list that was written to a CSV as it is printed
    return tuple(t for t in (s.strip(" '\"") for s in joined.replace(",", "+").split("+")) if t)


def canonical(name: object) -> str:
    """Task names joined by `+`, sorted, so that `b+a` is `a+b`.

    >>> canonical("qqp+mnli")
    'mnli+qqp'
    """
    return "+".join(sorted(tasks_in(name))) if "+" in str(name) else str(name)


def membership(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Shares of the tasks of each mixture of a table: from its columns `tasks` and `weights`, else from its name."""
    known: dict[str, dict[str, float]] = {}
    columns = [c for c in ("mixture", "tasks", "weights") if c in frame.columns]
    distinct = frame[columns].astype(str).drop_duplicates().index
    for row in frame.loc[distinct, columns].to_dict("records"):
        name = str(row["mixture"])
        tasks = tasks_in(row.get("tasks")) or (() if name in BASELINES else tasks_in(name))
        weights = _weights(row.get("weights"), tasks, name)
        if len(set(tasks)) < len(tasks):
            raise InputError(f"expected each task of a mixture once, found {name!r}")
        shares = dict(sorted(zip(tasks, weights, strict=True)))
        if known.setdefault(name, shares).keys() != shares.keys() or not np.allclose(
            list(known[name].values()), list(shares.values())
        ):
            raise InputError(f"expected one set of tasks and weights for the mixture {name!r}, found two")
    return known


def _weights(value: object, tasks: Sequence[str], name: str) -> list[float]:
    if not tasks:
        return []
    if value is None or (not isinstance(value, list | tuple | np.ndarray) and not text(value)):
        return [1 / len(tasks)] * len(tasks)
    parts = list(value) if isinstance(value, list | tuple | np.ndarray) else tasks_in(value)
    try:
        weights = np.array([float(p) for p in parts])
    except ValueError:
        raise InputError(f"expected numbers as the weights of {name!r}, found {value!r}") from None
    if len(weights) != len(tasks) or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.sum() > 0:
        raise InputError(f"expected {len(tasks)} weights of at least 0 for {name!r}, found {value!r}")
    return list(weights / weights.sum())
