"""From a table of results and a table of scores to what is analysed: one outcome and one diversity for each mixture."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diversity import catalog
from diversity.stats import permutation
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

Mask = NDArray[np.bool_]

RESULTS = ("mixture", "target", "language", "seed", "metric", "value")
SCORES = ("mixture", "metric", "value")
CELL = ["mixture", "target", "language", "seed", "metric"]
OUTCOMES = ("mean9", "mean7", "retrieval", "mean")
BASELINES = ("", "none", "baseline")  # names of training on no intermediate task at all
FINISHED = ("", "ok", "done", "finished", "complete", "completed", "success", "nan", "none")
FEWEST = 4  # mixtures: with three, a correlation of .99 is chance


@dataclass(frozen=True)
class Study:
    """What is analysed: M mixtures of T tasks, their diversity and their outcomes.

    `weights` (M, T) are the shares of the tasks, `x` (M,) the diversity and `x_se` (M,) its standard error (nan where
    none is given); `cells` has a row a mixture and a column for each (target, language), means over seeds; `targets`
    are those that the outcome is the mean of. `runs` are the values of each seed, `left_out` what is not in the
    analysis and why, `columns` numbers of each mixture that can be covariates.
    """

    metric: str
    outcome: str
    mixtures: tuple[str, ...]
    tasks: tuple[str, ...]
    weights: Array
    x: Array
    x_se: Array
    cells: pd.DataFrame
    targets: tuple[str, ...]
    runs: pd.DataFrame
    left_out: pd.DataFrame
    columns: pd.DataFrame
    notes: tuple[str, ...] = ()

    @cached_property
    def by_target(self) -> pd.DataFrame:
        """Mean over the languages of each target: a row a mixture, a column a target, all targets of the table."""
        return self.cells.T.groupby(level="target", sort=False).mean().T

    @cached_property
    def y(self) -> Array:
        """The outcome (M,): the mean over its targets of their means over languages."""
        return np.asarray(self.by_target[list(self.targets)].to_numpy(float).mean(axis=1))

    @cached_property
    def k(self) -> Array:
        """Number of tasks of each mixture (M,)."""
        return np.asarray((self.weights > 0).sum(axis=1), dtype=float)

    @cached_property
    def closed(self) -> bool:
        """Is the design closed under relabelling of its tasks?"""
        return permutation.closed(self.weights)

    @cached_property
    def single_mean(self) -> Array:
        """The members' outcomes as single tasks, weighted, (M,); nan where a member was not trained alone."""
        alone = {int(np.argmax(w)): y for w, y in zip(self.weights, self.y, strict=True) if (w > 0).sum() == 1}
        single = np.array([alone.get(i, np.nan) for i in range(len(self.tasks))])
        return np.array([w[w > 0] @ single[w > 0] for w in self.weights])

    def some(self, keep: Mask) -> Study:
        """The study of some of its mixtures (M,) bool; tasks that are in none of them go."""
        from dataclasses import replace

        weights = self.weights[keep]
        there = (weights > 0).any(axis=0)
        names = tuple(np.array(self.mixtures, dtype=object)[keep])
        return replace(
            self, mixtures=names, tasks=tuple(np.array(self.tasks, dtype=object)[there]), weights=weights[:, there],
            x=self.x[keep], x_se=self.x_se[keep], cells=self.cells[keep], columns=self.columns[keep],
            runs=self.runs[self.runs["mixture"].isin(names)],
        )  # fmt: skip


def read(table: pd.DataFrame | Path | str, expected: Sequence[str], what: str) -> pd.DataFrame:
    """A table from a DataFrame, a CSV or a Parquet file; raises InputError where a column is missing or it is empty."""
    import pandas as pd

    where = "the DataFrame" if isinstance(table, pd.DataFrame) else str(table)
    frame = table.reset_index(drop=True) if isinstance(table, pd.DataFrame) else _from_file(Path(table))
    for name in expected:
        if name not in frame.columns:
            found = ", ".join(map(str, frame.columns))
            raise InputError(f"{where}: expected {what} with a column {name!r}, found the columns {found}")
    if frame.empty:
        raise InputError(f"{where}: expected {what}, found no rows")
    return frame.assign(mixture=_each(frame["mixture"], _text), value=_numbers(frame["value"], where))


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


def _text(value: object) -> str:
    missing = value is None or (isinstance(value, float) and np.isnan(value)) or type(value).__name__ == "NAType"
    return "" if missing else str(value).strip()


def _numbers(values: pd.Series, where: str) -> pd.Series:
    import pandas as pd

    numbers = pd.to_numeric(values, errors="coerce").astype(float)
    for row in np.flatnonzero(numbers.isna()):
        if _text(values.iloc[row]).lower() in ("", "nan", "none", "null"):
            continue
        raise InputError(
            f"{where}: expected numbers in the column 'value', found {values.iloc[row]!r} in row {row + 1}"
        )
    return numbers


def filtered(frame: pd.DataFrame, where: Mapping[str, object], what: str) -> pd.DataFrame:
    """The rows whose columns have these values; raises InputError for an unknown column or where none is left."""
    for column, value in where.items():
        if column not in frame.columns:
            raise catalog.near(column, [str(c) for c in frame.columns], f"column of the {what}")
        kept = frame[_each(frame[column], _text) == str(value)]
        if kept.empty:
            known = ", ".join(sorted({_text(v) for v in frame[column]})[:10])
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
    text = _text(value).strip("[]()")  # a list that was written to a CSV as it is printed
    return tuple(t for t in (s.strip(" '\"") for s in text.replace(",", "+").split("+")) if t)


def membership(frame: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Shares of the tasks of each mixture of a table: from its columns `tasks` and `weights`, else from its name."""
    known: dict[str, dict[str, float]] = {}
    columns = [c for c in ("mixture", "tasks", "weights") if c in frame.columns]
    told = frame[columns].astype(str).drop_duplicates().index
    for row in frame.loc[told, columns].to_dict("records"):
        name = str(row["mixture"])
        told_tasks = tasks_in(row.get("tasks"))
        tasks = told_tasks or (() if name in BASELINES else tasks_in(name))
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
    if value is None or (not isinstance(value, list | tuple | np.ndarray) and not _text(value)):
        return [1 / len(tasks)] * len(tasks)
    parts = list(value) if isinstance(value, list | tuple | np.ndarray) else tasks_in(value)
    try:
        weights = np.array([float(p) for p in parts])
    except ValueError:
        raise InputError(f"expected numbers as the weights of {name!r}, found {value!r}") from None
    if len(weights) != len(tasks) or not (np.isfinite(weights) & (weights >= 0)).all() or not weights.sum() > 0:
        raise InputError(f"expected {len(tasks)} weights of at least 0 for {name!r}, found {value!r}")
    return list(weights / weights.sum())


def canonical(name: str) -> str:
    """Task names joined by `+`, sorted, so that `b+a` is `a+b`.

    >>> canonical("qqp+mnli")
    'mnli+qqp'
    """
    return "+".join(sorted(tasks_in(name))) if "+" in name else name


def _each(values: pd.Series, function: Callable[[Any], str]) -> pd.Series:
    """The function of each value, computed once for each distinct one."""
    codes, distinct = values.factorize(use_na_sentinel=False)
    return values.__class__(np.array([function(v) for v in distinct], dtype=object)[codes], index=values.index)


def results_of(table: pd.DataFrame | Path | str, where: Mapping[str, object]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Checked rows of results, and the runs that failed; raises InputError for duplicates, NaN and infinite values."""
    frame = filtered(read(table, RESULTS, "results"), where, "results")
    frame = frame.assign(
        mixture=_each(frame["mixture"], canonical),
        metric=_each(frame["metric"], lambda v: {"em": "exact_match"}.get(_text(v), _text(v))),
        **{c: _each(frame[c], _text) for c in ("target", "language", "seed")},
    )  # fmt: skip
    failed = _failed(frame)
    lost, kept = frame[failed], frame[~failed]
    wrong = ~np.isfinite(kept["value"].to_numpy(float))
    if wrong.any():
        raise InputError(f"expected a finite value, or a status that says why there is none, at {_at(kept[wrong])}")
    if (repeated := kept.duplicated(CELL, keep=False)).any():
        pair = kept[repeated]
        first = pair[(pair[CELL] == pair.iloc[0][CELL]).all(axis=1)]
        other = [str(c) for c in first.columns if c not in (*CELL, "value") and first[c].map(_text).nunique() > 1]
        hint = f": they differ in {', '.join(other)}, choose with --where" if other else ""
        raise InputError(f"expected one value of each run, found {len(first)} at {_at(first)}{hint}")
    return kept, lost


def _failed(frame: pd.DataFrame) -> Mask:
    failed: Mask = np.zeros(len(frame), dtype=bool)
    if "status" in frame.columns:
        failed |= ~_each(frame["status"], _text).str.lower().isin(FINISHED).to_numpy()
    if "error" in frame.columns:
        failed |= ~_each(frame["error"], _text).str.lower().isin(FINISHED).to_numpy()
    return failed


def _at(rows: pd.DataFrame) -> str:
    return ", ".join(f"{c} {rows.iloc[0][c]!s}" for c in CELL)


def outcome_cells(results: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The official score of each run: rows `mixture, target, language, seed, value`, and notes.

    XTREME's metric where the target is one of its nine (question answering: the mean of exact match and F1), else the
    one metric there is; raises InputError where there are several.
    """
    import pandas as pd

    notes, parts = [], []
    for target, rows in results.groupby("target", sort=False):
        found = sorted(rows["metric"].unique())
        official = _official(str(target), found)
        used = rows[rows["metric"].isin(official)]
        counts = used.groupby(CELL[:4], sort=False)["value"].agg(["mean", "size"])
        if (counts["size"] < len(official)).any():
            where = counts[counts["size"] < len(official)].index[0]
            raise InputError(f"expected {' and '.join(official)} of {target}, found only one at {', '.join(where)}")
        parts.append(counts["mean"].rename("value").reset_index())
        if str(target) in xtreme_targets() and set(official) != set(_metrics_of(str(target))):
            notes.append(f"{target}: {official[0]} stands in for {' and '.join(_metrics_of(str(target)))}")
    return pd.concat(parts, ignore_index=True), notes


@dataclass(frozen=True)
class Outcomes:
    """Checked results: the rows as they came, those of failed runs, the official score of each run, and the cells.

    `cells` has a row a mixture and a column for each (target, language): means over seeds.
    """

    rows: pd.DataFrame
    failed: pd.DataFrame
    runs: pd.DataFrame
    cells: pd.DataFrame
    shares: Mapping[str, Mapping[str, float]]
    notes: tuple[str, ...]


def outcomes_of(
    table: pd.DataFrame | Path | str, *, english: bool = True, where: Mapping[str, object] | None = None
) -> Outcomes:
    """Checked results, English cells among them or not; raises InputError for a table that cannot be used."""
    kept, failed = results_of(table, where or {})
    if not english:
        kept, failed = kept[kept["language"] != "en"], failed[failed["language"] != "en"]
    if kept.empty:
        raise InputError("expected results" + ("" if english else " in other languages than English") + ", found none")
    runs, notes = outcome_cells(kept)
    cells = runs.pivot_table(index="mixture", columns=["target", "language"], values="value", sort=False, observed=True)
    return Outcomes(kept, failed, runs, cells, membership(kept), tuple(notes))


def xtreme_targets() -> tuple[str, ...]:
    """The nine targets of XTREME."""
    return tuple(n for n in catalog.names("tasks") if catalog.task(n).role == "target")


def _metrics_of(target: str) -> tuple[str, ...]:
    task = catalog.task(target)
    return ("exact_match", "f1") if task.kind == "span" else (task.metric,)


def _official(target: str, found: Sequence[str]) -> tuple[str, ...]:
    if target in xtreme_targets() and set(_metrics_of(target)) <= set(found):
        return _metrics_of(target)
    if len(found) == 1 or set(found) == {"exact_match", "f1"}:
        return tuple(found)
    raise InputError(f"expected one metric of {target}, found {', '.join(found)}: choose with --where metric=NAME")


def targets_of(outcome: str, there: Sequence[str]) -> tuple[str, ...]:
    """The targets that an outcome is the mean of; raises InputError where one of them is not there.

    >>> targets_of("retrieval", ["tatoeba", "bucc2018", "xnli"])
    ('bucc2018', 'tatoeba')
    """
    nine = xtreme_targets()
    retrieval = [t for t in nine if catalog.task(t).kind == "retrieval"]
    groups = {
        "mean9": nine, "mean7": [t for t in nine if t not in retrieval], "retrieval": retrieval, "mean": list(there)
    }  # fmt: skip
    if outcome not in groups and outcome not in there:
        raise catalog.near(outcome, [*groups, *there], "outcome")
    wanted = groups.get(outcome, [outcome])
    if missing := [t for t in wanted if t not in there]:
        raise InputError(
            f"expected {len(wanted)} targets for the outcome {outcome}, {', '.join(missing)} not among the results: "
            f"choose another outcome: mean (of the {len(there)} there are) or one of {', '.join(there)}"
        )
    return tuple(wanted)


@dataclass(frozen=True)
class Scores:
    """A checked table of scores, and the shares of the tasks of its mixtures."""

    frame: pd.DataFrame
    shares: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Each metric and encoder that is there, in the order of the table."""
        found = self.frame[["metric", "encoder"]].drop_duplicates()
        return [(str(m), str(e)) for m, e in found.to_numpy()]

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
        indexed: pd.DataFrame = rows.set_index("mixture")
        return indexed


def _printed(metric: str, known: list[str]) -> str:
    if metric in known:
        return metric
    try:
        found, options = catalog.parse_metric(metric)
    except InputError:
        raise catalog.near(metric, sorted(known), "metric of the scores") from None
    if (printed := found.printed(**options)) not in known:
        raise catalog.near(metric, sorted(known), "metric of the scores")
    return printed


def scores_of(table: pd.DataFrame | Path | str) -> Scores:
    """Checked scores; raises InputError for values that are missing or infinite."""
    frame = read(table, SCORES, "scores")
    frame = frame.assign(
        mixture=_each(frame["mixture"], canonical),
        metric=_each(frame["metric"], _text),
        encoder=_each(frame["encoder"], _text) if "encoder" in frame else "",
    )
    wrong = ~np.isfinite(frame["value"].to_numpy(float))
    if wrong.any():
        row = frame[wrong].iloc[0]
        raise InputError(f"expected finite scores, found {row['value']} for {row['metric']} of {row['mixture']!r}")
    return Scores(frame, membership(frame))
