"""Wide tables, as studies of mixtures publish them: a row a run, a column for each weight and for each outcome."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity import catalog
from diversity.studies import tables
from diversity.studies.outcomes import COLUMNS, Outcomes, read_outcomes
from diversity.types import Array, InputError, listed

if TYPE_CHECKING:
    import pandas as pd

ROUNDED = 0.02  # what weights of two or three decimals may lack of their sum
ALIKE = 12  # decimals to which weights of one mixture agree
KEPT = ("status", "error", "role")  # columns that say of a run what they say in long tables, and may be text


def read_wide(
    table: pd.DataFrame | Path | str,
    *,
    weights: str,
    outcomes: str,
    mixtures: pd.DataFrame | Path | str | None = None,
    key: str | None = None,
    normalise: bool = False,
    where: Mapping[str, object] | None = None,
    lower_is_better: bool | None = None,
) -> Outcomes:
    """Checked results of a table with a row a run: what `fit` and `report` take in place of a long table.

    `weights` and `outcomes` name columns, by commas, with `*` for any text: what the star stands for is then the name of the
    task or the target. The weights may stand in a table of their own, `mixtures`; `key` is the column that joins the two (by
    default the only one that both have) and names the runs. Runs of the same weights are seeds of one mixture. Weights that
    sum to one or to one hundred, but for rounding, are divided by their sum, others with `normalise` alone. Empty outcomes
    are missing. Other columns may be chosen from by `where`, and those of numbers be covariates. Whether lower is better is
    `lower_is_better`, else follows from each outcome's name (loss, perplexity, error rate, ...).

    Parameters
    ----------
    table
        A table with a row for each run, or its file.
    weights
        Columns of weights, such as `"w_*"` or `"law,code"`.
    outcomes
        Columns of outcomes, such as `"*_loss"`.
    mixtures
        The table of the weights, where it is another one.
    key
        Column that names the runs and joins the two tables.
    normalise
        Divide the weights of each run by their sum.
    where
        Choose rows: column -> value.
    lower_is_better
        Whether lower outcomes are better; default: by their names.

    Returns
    -------
    Outcomes
        Checked results, which `fit` and `report` take.

    Raises
    ------
    InputError
        For tables that cannot be used. One line: what was expected, what was found, and where.

    Examples
    --------
    >>> import pandas as pd
    >>> runs = pd.DataFrame({"w_law": [1, 0, 0.5], "w_code": [0, 1, 0.5], "law_loss": [2.0, 3.5, 2.4]})
    >>> read = read_wide(runs, weights="w_*", outcomes="*_loss")
    >>> read.cells["law"].squeeze().to_dict(), read.lower_is_better
    ({'run 1': 2.0, 'run 2': 3.5, 'run 3': 2.4}, {'law': True})
    """
    frame, notes = _joined(table, mixtures, key)
    place = "the results" if isinstance(table, Path | str) else "the DataFrame"
    shares = _matching(frame.columns, weights, "weights")
    measures = _matching(frame.columns, outcomes, "outcomes")
    if both := [column for column in shares if column in measures]:
        raise InputError(f"expected weights and outcomes in different columns, found {both[0]!r} among both")
    if len(shares) < 2:
        raise InputError(f"expected at least two columns of weights, found {', '.join(shares)} for {weights!r}")
    runs = _run_names(frame, key, mixtures is not None)
    given, of_weights = _normalised(_numeric(frame, list(shares), runs, "a weight"), runs, normalise)
    values = _numeric(frame, list(measures), runs, "an outcome", missing=True)
    if wholly := [column for column, numbers in zip(measures, values.T, strict=True) if np.isnan(numbers).all()]:
        raise InputError(f"expected numbers in the column of outcomes {wholly[0]!r} of {place}, found none")
    mixture, seed, of_seeds = _repeated(given, runs)
    others = frame.drop(columns=[*shares, *measures, *(c for c in (*COLUMNS, "tasks", "weights") if c in frame)])
    texts = [c for c in others if c not in KEPT and c not in (where or {}) and not _all_numbers(others[c])]
    used = others.drop(columns=[*texts, *([key] if key in others and key not in (where or {}) else [])])
    long = _long(used, mixture, seed, given, list(shares.values()), values, measures)
    read = read_outcomes(long, where=where, lower_is_better=lower_is_better)
    said = [*notes, *of_weights, *of_seeds]
    if unused := [n for n, column in zip(shares.values(), given.T, strict=True) if not column.any()]:
        said.append(f"no run has a weight of {', '.join(unused)}")
    return replace(read, notes=(*said, *read.notes))


def _joined(
    table: pd.DataFrame | Path | str, mixtures: pd.DataFrame | Path | str | None, key: str | None
) -> tuple[pd.DataFrame, list[str]]:
    """One table of both, and notes of runs that one of them lacks."""
    outcomes = tables.read_columns(table, [] if key is None else [key], "results")
    if mixtures is None:
        return outcomes, []
    weights = tables.read_columns(mixtures, [] if key is None else [key], "weights of mixtures")
    if key is None:
        shared = [str(c) for c in outcomes.columns if c in weights.columns]
        if len(shared) != 1:
            raise InputError(
                f"expected --key, the column that joins the two tables: they share {listed(shared) if shared else 'none'}"
            )
        key = shared[0]
    names = []
    for part, what in ((outcomes, "results"), (weights, "mixtures")):
        name = tables.by_value(part[key], _key)
        if (again := name.duplicated()).any():
            raise InputError(f"expected each {key} once in the {what}, found {name[again].iloc[0]!r} more often")
        names.append(set(name))
        part.index = name.to_numpy()
    if not (both := names[0] & names[1]):
        shown = [next(iter(part.index)) for part in (outcomes, weights)]
        raise InputError(
            f"expected the same {key} in results and mixtures, found none in both: {shown[0]!r} and {shown[1]!r}"
        )
    if twice := [str(c) for c in weights.columns if c in outcomes.columns and c != key]:
        raise InputError(f"expected a column in one of the two tables, found {twice[0]!r} in both")
    order = [name for name in outcomes.index if name in both]
    joined = outcomes.loc[order].join(weights.drop(columns=key).loc[order])
    notes = [
        f"{len(own - both)} of {len(own)} rows of the {what} have no row in the {other} and are left out"
        for own, what, other in ((names[0], "results", "mixtures"), (names[1], "mixtures", "results"))
        if own - both
    ]
    return joined.reset_index(drop=True), notes


def _key(value: object) -> str:
    """A key as text: 3, 3.0 and '3' are one."""
    cell = tables.text(value)
    return cell[:-2] if re.fullmatch(r"\d+\.0", cell) else cell


def _matching(columns: Iterable[object], patterns: str, what: str) -> dict[str, str]:
    """The columns that patterns name, and the short name of each: what the star stands for, where there is one star."""
    known, names = [str(c) for c in columns], dict[str, str]()
    for pattern in (p.strip() for p in patterns.split(",")):
        if not pattern:
            continue
        matched = [c for c in known if fnmatch.fnmatchcase(c, re.sub(r"([\[\]?])", r"[\1]", pattern))]
        if not matched:
            if "*" not in pattern:
                raise catalog.near(pattern, known, f"column of {what}")
            raise InputError(f"expected columns of {what} like {pattern!r}, found the columns {listed(known)}")
        before, _, after = pattern.partition("*")
        short = pattern.count("*") == 1
        for column in matched:
            name = column[len(before) : len(column) - len(after)] if short else column
            names[column] = re.sub(r"[\s'\"`;|{}\[\]+,]+", "_", name).strip("_") or column
    if not names:
        raise InputError(f"expected columns of {what}, found {patterns!r}")
    return names if len(set(names.values())) == len(names) else {c: re.sub(r"[\s+,]+", "_", c) for c in names}


def _run_names(frame: pd.DataFrame, key: str | None, joined: bool) -> list[str]:
    """A name of each run: the key, `index 3` where that is a number; without one, its row."""
    if key is None and joined:
        key = str(frame.columns[0])
    if key is None:
        return [f"run {row}" for row in range(1, len(frame) + 1)]
    cells = [_key(value).replace("+", "&") for value in frame[key]]
    names = [f"{key} {cell}" if re.fullmatch(r"-?\d*", cell) else cell for cell in cells]
    if again := next((name for name in names if names.count(name) > 1), None):
        raise InputError(f"expected each {key} once, found {again!r} more often: which column names the runs?")
    return names


def _all_numbers(cells: pd.Series) -> bool:
    import pandas as pd

    return bool(pd.to_numeric(cells, errors="coerce").notna().all())


def _numeric(
    frame: pd.DataFrame, columns: Sequence[str], runs: Sequence[str], what: str, *, missing: bool = False
) -> Array:
    """The columns as numbers (rows, columns); empty cells are nan, and an error unless they may be missing."""
    import pandas as pd

    numbers = frame[columns].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    for row, place in zip(*np.nonzero(~np.isfinite(numbers)), strict=True):
        cell = tables.text(frame[columns[place]].iloc[row])
        if missing and cell.lower() in ("", "nan", "na", "none", "null"):
            continue
        raise InputError(f"expected {what} as a number in {columns[place]!r} of {runs[row]}, found {cell!r}")
    return np.asarray(numbers)


def _normalised(weights: Array, runs: Sequence[str], normalise: bool) -> tuple[Array, list[str]]:
    """Weights (M, T) whose rows sum to one, and a note where they did not."""
    if (negative := (weights < 0).any(axis=1)).any():
        row = int(negative.argmax())
        raise InputError(f"expected weights of at least 0, found {weights[row].min():g} in {runs[row]}")
    totals = weights.sum(axis=1)
    if not totals.all():
        raise InputError(f"expected weights that are not all 0, found none above it in {runs[int(totals.argmin())]}")
    whole = next((w for w in (1.0, 100.0) if (np.abs(totals / w - 1) <= ROUNDED).all()), None)
    if whole is None and not normalise:
        furthest = int(np.abs(np.log(totals)).argmax())
        raise InputError(
            f"expected weights that sum to 1 (or 100) in each run, found {totals[furthest]:g} in {runs[furthest]}: "
            "do the columns have all of them? --normalise divides each run's by their sum"
        )
    low, high = f"{totals.min():.6g}", f"{totals.max():.6g}"
    if (low, high) == ("1", "1"):
        return weights / totals[:, None], []
    found = f"to {low}" if low == high else f"to between {low} and {high}"
    return weights / totals[:, None], [f"the weights sum {found} and are divided by their sum"]


def _repeated(weights: Array, runs: Sequence[str]) -> tuple[list[str], list[int], list[str]]:
    """The mixture of each run, named by its first one, and which of the runs of that mixture it is."""
    first: dict[bytes, str] = {}
    count: dict[str, int] = {}
    names, seeds = list[str](), list[int]()
    for run, row in zip(runs, np.round(weights, ALIKE) + 0.0, strict=True):
        name = first.setdefault(row.tobytes(), run)
        names.append(name)
        seeds.append(count.get(name, 0))
        count[name] = seeds[-1] + 1
    several = sum(n > 1 for n in count.values())
    said = f"{several} mixtures have several runs of the same weights, which count as seeds" if several else ""
    return names, seeds, [said] if said else []


def _long(
    others: pd.DataFrame, mixture: Sequence[str], seed: Sequence[int], weights: Array, tasks: Sequence[str],
    values: Array, measures: Mapping[str, str],
) -> pd.DataFrame:  # fmt: skip
    """The same as a long table: a row for each run and outcome that is not missing."""
    import pandas as pd

    runs = others.assign(
        mixture=mixture,
        seed=seed,
        tasks=["+".join(t for t, w in zip(tasks, row, strict=True) if w > 0) for row in weights],
        weights=["+".join(repr(float(w)) for w in row if w > 0) for row in weights],
        language="",
    )
    parts = []
    for numbers, (column, target) in zip(values.T, measures.items(), strict=True):
        known = ~np.isnan(numbers)
        parts.append(runs[known].assign(target=target, metric=_metric(column, target), value=numbers[known]))
    long: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return long


def _metric(column: str, target: str) -> str:
    """The metric of an outcome: its column's name, which may say that lower is better; that of a target of the toolkit."""
    known = catalog.task(target) if target in catalog.targets() else None
    return column if known is None or known.kind == "span" else known.metric
