"""Tables as they come: read from a file or a DataFrame, their columns checked, the tasks of each mixture known."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from diversity import catalog
from diversity.data.texts import READERS
from diversity.types import InputError, listed, missing_file

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]
Shares = Mapping[str, Mapping[str, float]]  # of the tasks, by mixture

LARGEST = 1e100  # of values: the squares of larger ones are infinite, and no score is as large
BASELINES = ("", "none", "baseline")  # names of training on no intermediate task at all


def read(table: pd.DataFrame | Path | str, expected: Sequence[str], what: str) -> pd.DataFrame:
    """A table with the columns `mixture` and `value` as text and numbers; raises InputError as `read_columns` does."""
    frame = read_columns(table, expected, what)
    return frame.assign(mixture=by_value(frame["mixture"], text), value=_numbers(frame["value"], _place(table)))


def _place(table: pd.DataFrame | Path | str) -> str:
    return str(table) if isinstance(table, Path | str) else "the DataFrame"


def read_columns(table: pd.DataFrame | Path | str, expected: Sequence[str], what: str) -> pd.DataFrame:
    """A table from a DataFrame, a CSV or a Parquet file, its columns as they come.

    Raises InputError where a column is missing or stands twice, a row has other cells than the header, or there is no row.
    """
    where = _place(table)
    if isinstance(table, Path | str):
        frame = _from_file(Path(table), expected, what)
    else:
        frame = as_frame(table, what).reset_index(drop=True)
    if (twice := frame.columns.duplicated()).any():
        raise InputError(f"{where}: expected each column once, found {frame.columns[twice][0]!r} twice")
    _check_columns(where, frame.columns, expected, what)
    if frame.empty:
        raise InputError(f"{where}: expected {what}, found no rows")
    return frame


def as_frame(table: object, what: str) -> pd.DataFrame:
    """A table in memory as pandas has it: a DataFrame, or one of polars or Arrow; raises InputError for anything else."""
    import pandas as pd

    if isinstance(table, pd.DataFrame):
        return table
    if isinstance(table, Mapping):
        raise InputError(f"expected {what} as a DataFrame or a file, found a dict: write pandas.DataFrame(it)")
    whole = table.collect() if hasattr(table, "collect") else table  # what polars computes when it is asked
    if isinstance(table, type) or not hasattr(whole, "to_pandas"):
        raise InputError(f"expected {what} as a DataFrame or a file, found a {type(table).__name__}")
    frame: pd.DataFrame = whole.to_pandas()
    return frame


def _check_columns(where: str, columns: Collection[str], expected: Sequence[str], what: str) -> None:
    for name in expected:
        if name not in columns:
            hint = (
                ": of a table with a row a run, name the columns by --weights and --outcomes" if wide(columns) else ""
            )
            raise InputError(
                f"{where}: expected {what} with a column {name!r}, found the columns {listed(columns)}{hint}"
            )


def wide(columns: Collection[str]) -> bool:
    """Does a table look like one with a row a run: are its columns many, and none of them those of a long one?"""
    return len(columns) > 5 and not {"mixture", "target", "metric", "value"} & {*columns}


def _from_file(path: Path, expected: Sequence[str], what: str) -> pd.DataFrame:
    import pandas as pd

    try:
        if not path.exists():
            raise missing_file(path, f"a table of {what}")
        if path.suffix in (".parquet", ".pq"):
            return pd.read_parquet(path)
        if path.is_file() and path.stat().st_size == 0:
            raise InputError(f"{path}: expected a CSV or Parquet table, found an empty file")
        # pandas fills short rows, and takes the first of too many cells for an index
        for _, row in READERS[".csv"](path, ()):
            _check_columns(str(path), row.keys(), expected, what)
        return pd.read_csv(path, keep_default_na=False, encoding="utf-8-sig")  # a language may be called "nan" or "no"
    except (OSError, InputError):
        raise
    except Exception as error:  # the readers raise errors of many kinds for broken files
        raise InputError(f"{path}: expected a CSV or Parquet table: {error}") from error


def _numbers(values: pd.Series, where: str) -> pd.Series:
    import pandas as pd

    if (flags := values.map(type).isin([bool, np.bool_])).any():  # which pandas takes for 1 and 0
        first = int(np.flatnonzero(flags)[0])
        raise InputError(
            f"{where}: expected numbers in the column 'value', found {values.iloc[first]} in row {first + 1}"
        )
    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    if (huge := numbers.abs().between(LARGEST, math.inf, inclusive="left")).any():
        raise InputError(f"{where}: expected values below {LARGEST:g}, found {numbers[huge].iloc[0]:g}")
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


# What no task's name has, for it is how lists are written or joined elsewhere.
FOREIGN = re.compile(r"[\s'\"`;|{}\[\]]")
JOINTS = ("_", "/", "-", "&", " ", ";", "|")


def tasks_in(value: object) -> tuple[str, ...]:
    """Names of tasks from a list or a set, from text joined by `+` or commas, or from a list as Python or numpy print it.

    Raises InputError for text that is joined in another way, which would pass for one task.

    >>> tasks_in("mnli+qqp"), tasks_in(["mnli"]), tasks_in("['mnli', 'qqp']"), tasks_in("")
    (('mnli', 'qqp'), ('mnli',), ('mnli', 'qqp'), ())
    >>> tasks_in("['mnli' 'qqp']"), tasks_in("{'mnli', 'qqp'}"), tasks_in(frozenset({"mnli"}))
    (('mnli', 'qqp'), ('mnli', 'qqp'), ('mnli',))
    """
    names = parts_of(value)
    plain = isinstance(value, str) and "'" not in value and '"' not in value
    if wrong := next((name for name in names if plain and FOREIGN.search(name)), None):
        raise InputError(f"expected names of tasks joined by + or commas, found {wrong!r}")
    return names


def parts_of(value: object) -> tuple[str, ...]:
    """The parts of a list or a set, of text joined by `+` or commas, or of a list as Python or numpy print it."""
    if isinstance(value, set | frozenset):
        return tuple(sorted(map(str, value)))
    if isinstance(value, list | tuple | np.ndarray):
        return tuple(str(v) for v in value)
    joined = text(value)
    if printed := re.fullmatch(r"(?:frozenset\(|array\(|set\()?[\[({](.*?)[\])}]\)?", joined, flags=re.DOTALL):
        quoted = re.findall(r"'([^']*)'|\"([^\"]*)\"", printed[1])
        if quoted and not re.sub(r"'[^']*'|\"[^\"]*\"|[\s,]", "", printed[1]):
            return tuple(single or double for single, double in quoted)
        return tuple(part for part in re.split(r"[\s,+]+", printed[1].strip()) if part)
    return tuple(part for part in (s.strip(" '\"") for s in re.split(r"[,+]", joined)) if part)


def check_unjoined(names: Sequence[str], column: str, joints: Sequence[str] = JOINTS) -> None:
    """InputError where every mixture would be a task of its own, and the names look like tasks joined in another way.

    They do where, split at a joint, most have several parts, all of which stand in several names.

    >>> check_unjoined(["mnli", "qqp_a", "qqp_b"], "mixture")
    """
    for joint in joints:
        split = [name.split(joint) for name in names]
        counts = Counter(part for parts in split for part in parts)
        joined = [name for name, parts in zip(names, split, strict=True) if len(parts) > 1]
        if 2 * len(joined) > len(names) > len(counts) > 1 and min(counts.values()) > 1:
            raise InputError(
                f"expected mixtures of tasks joined by +, or a column tasks, found names in the column {column} that look "
                f"joined by {joint!r}, such as {joined[0]!r}: each would be one task"
            )


def check_one_spelling(names: Iterable[str], column: str) -> None:
    """InputError where two names differ in nothing but case, width, composed characters or the form of a number.

    Names of one letter may differ in case.

    >>> check_one_spelling(["xnli", "xquad"], "target")
    """
    spelled: dict[str, str] = {}
    for name in sorted({*names}):
        key = unicodedata.normalize("NFKC", name)
        number = re.fullmatch(r"0*(\d+)(\.0*)?", key)
        key = number[1] if number else key if len(key) == 1 else key.casefold()
        if spelled.setdefault(key, name) != name:
            raise InputError(f"expected one spelling of each {column}, found {spelled[key]!r} and {name!r}")


def canonical(name: object) -> str:
    """Task names joined by `+`, sorted, so that `b+a` is `a+b`.

    >>> canonical("qqp+mnli")
    'mnli+qqp'
    """
    return "+".join(sorted(parts_of(name))) if "+" in str(name) else str(name)


def membership(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Shares of the tasks of each mixture of a table: from its columns `tasks` and `weights`, else from its name.

    Raises InputError where the tasks of a mixture are not those of its name, or differ between rows, and where names look
    joined by something else than `+`.
    """
    known: dict[str, dict[str, float]] = {}
    columns = [c for c in ("mixture", "tasks", "weights") if c in frame.columns]
    distinct = frame[columns].astype(str).drop_duplicates().index
    for row in frame.loc[distinct, columns].to_dict("records"):
        name = str(row["mixture"])
        given = tasks_in(row.get("tasks"))
        tasks = given or (() if name in BASELINES else parts_of(name) if "+" in name else (name,))
        if given and "+" in name and set(given) != set(parts_of(name)):
            raise InputError(f"expected the tasks of {name!r} to be those of its name, found {', '.join(given)}")
        weights = _weights(row.get("weights"), tasks, name)
        if len(set(tasks)) < len(tasks):
            raise InputError(f"expected each task of a mixture once, found {name!r}")
        shares = dict(sorted(zip(tasks, weights, strict=True)))
        if known.setdefault(name, shares).keys() != shares.keys() or not np.allclose(
            list(known[name].values()), list(shares.values())
        ):
            raise InputError(f"expected one set of tasks and weights for the mixture {name!r}, found two")
    check_one_spelling((task for shares in known.values() for task in shares), "task")
    if all(len(shares) < 2 for shares in known.values()):
        said = stated(frame, "tasks")
        check_unjoined([n for n in known if n not in said and n not in BASELINES], "mixture")
        check_unjoined([task for name in said for task in known[name]], "tasks", ("/", "-", "&"))
    return known


def stated(frame: pd.DataFrame, column: Literal["tasks", "weights"]) -> set[str]:
    """The mixtures of which a table says the tasks, or their weights."""
    if column not in frame.columns:
        return set()
    return {str(m) for m, cell in zip(frame["mixture"], frame[column], strict=True) if parts_of(cell)}


def _weights(value: object, tasks: Sequence[str], name: str) -> list[float]:
    if not tasks:
        return []
    if not (parts := parts_of(value)):
        return [1 / len(tasks)] * len(tasks)
    try:
        weights = np.array([float(p) for p in parts])
    except ValueError:
        raise InputError(f"expected numbers as the weights of {name!r}, found {value!r}") from None
    if len(weights) != len(tasks) or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.sum() > 0:
        raise InputError(f"expected {len(tasks)} weights of at least 0 for {name!r}, found {value!r}")
    return list(weights / weights.sum())
