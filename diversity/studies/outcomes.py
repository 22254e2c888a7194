"""Checked results: the official score of each run, the cells of targets and languages, and what an outcome is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity import catalog
from diversity.studies import tables
from diversity.studies.tables import Mask, Shares
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

COLUMNS = ("mixture", "target", "language", "seed", "metric", "value")
CELL = ["mixture", "target", "language", "seed", "metric"]
MEANS = ("mean9", "mean7", "retrieval", "mean")
METRICS = ("accuracy", "exact_match", "f1", "precision", "recall")
ANSWERS = ("exact_match", "f1")  # question answering counts as the mean of the two
# Other spellings of metrics and of English, without regard to case.
SPELLINGS = {"em": "exact_match", "exact match": "exact_match", "exact-match": "exact_match", "acc": "accuracy"}
ENGLISH = re.compile(r"en|eng|english|eng?[-_].+", flags=re.IGNORECASE)
# Words in the names of metrics of which less is better, as in val_loss and word_error_rate.
LOSSES = re.compile(
    r"(^|[^a-z])(loss|losses|perplexity|ppl|error|errors|nll|bpb|bpc|wer|cer|rmse|mse|mae|regret)([^a-z]|$)"
)
LOWER = {"yes": True, "true": True, "1": True, "1.0": True, "no": False, "false": False, "0": False, "0.0": False}
FINISHED = ("", "ok", "done", "finished", "complete", "completed", "success", "nan", "none")


@dataclass(frozen=True)
class Outcomes:
    """Checked results: the rows as they came, those of failed runs, the official score of each run, and the cells.

    `cells` has a row a mixture and a column for each (target, language): means over seeds. `lower_is_better` says of each
    target whether lower outcomes are better, `english` and `where` what the rows were chosen by.
    """

    rows: pd.DataFrame
    failed: pd.DataFrame
    runs: pd.DataFrame
    cells: pd.DataFrame
    shares: Shares
    notes: tuple[str, ...]
    lower_is_better: Mapping[str, bool]
    english: bool = True
    where: tuple[tuple[str, str], ...] = ()


def read_outcomes(
    table: pd.DataFrame | Path | str | Outcomes,
    *,
    english: bool = True,
    where: Mapping[str, object] | None = None,
    lower_is_better: bool | None = None,
) -> Outcomes:
    """Checked results, English cells among them or not, or the ones given where they are checked already.

    Whether lower is better follows from `lower_is_better`, else from a column of that name, else from the name of the
    metric (loss, perplexity, error rate, ...).

    Raises InputError, one line, for a table that cannot be used: duplicates, NaN and infinite values, several metrics of a
    target; and for checked results whose rows were chosen in another way.
    """
    chosen = tuple(sorted((column, str(value)) for column, value in (where or {}).items()))
    if isinstance(table, Outcomes):
        if (table.english, table.where) != (english, chosen):
            raise InputError("expected results that were checked with the same `english` and `where`, found others")
        sides = table.lower_is_better
        return (
            table if lower_is_better is None else replace(table, lower_is_better=dict.fromkeys(sides, lower_is_better))
        )
    kept, failed = _checked(table, where or {})
    if kept.empty:
        raise InputError(
            f"expected results, found that all {len(failed)} rows have an error, or a status that is no success"
        )
    notes = []
    if not english:
        if not (kept["language"] == "en").any():
            notes.append("the results are without English: there is none to leave out")
        kept, failed = kept[kept["language"] != "en"], failed[failed["language"] != "en"]
    if kept.empty:
        raise InputError("expected results in other languages than English, found none")
    runs, of_metrics = official_runs(kept)
    notes += of_metrics
    cells = runs.pivot_table(index="mixture", columns=["target", "language"], values="value", sort=False, observed=True)
    return Outcomes(
        kept,
        failed,
        runs,
        cells,
        tables.membership(kept),
        tuple(notes),
        _directions(kept, lower_is_better),
        english,
        chosen,
    )


def _directions(results: pd.DataFrame, lower_is_better: bool | None) -> dict[str, bool]:
    """Of each target, whether lower outcomes are better."""
    sides = {}
    for target, rows in results.groupby("target", sort=False):
        if lower_is_better is not None:
            sides[str(target)] = lower_is_better
        elif "lower_is_better" in rows.columns:
            values = {LOWER.get(tables.text(v).lower()) for v in rows["lower_is_better"]}
            if len(values) > 1 or None in values:
                first = sorted({tables.text(v) for v in rows["lower_is_better"]})
                raise InputError(f"expected lower_is_better of {target} to be yes or no, found {', '.join(first)}")
            sides[str(target)] = bool(values.pop())
        else:
            sides[str(target)] = all(LOSSES.search(str(m).lower()) for m in rows["metric"].unique())
    return sides


def _checked(table: pd.DataFrame | Path | str, where: Mapping[str, object]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Checked rows of results, and the runs that failed."""
    frame = tables.filtered(tables.read(table, COLUMNS, "results"), where, "results")
    frame = frame.assign(
        mixture=tables.by_value(frame["mixture"], tables.canonical),
        metric=tables.by_value(frame["metric"], _metric),
        language=tables.by_value(frame["language"], lambda v: "en" if ENGLISH.fullmatch(tables.text(v)) else tables.text(v)),
        **{c: tables.by_value(frame[c], tables.text) for c in ("target", "seed")},
    )  # fmt: skip
    for column in ("mixture", "target", "language", "seed"):
        tables.check_one_spelling(frame[column].unique(), column)
    for column in ("target", "metric"):
        if (blank := frame[column] == "").any():
            raise InputError(
                f"expected a {column} in each row of the results, found none in row {int(blank.argmax()) + 1}"
            )
    failed = _failed(frame)
    lost, kept = frame[failed], frame[~failed]
    wrong = ~np.isfinite(kept["value"].to_numpy(float))
    if wrong.any():
        raise InputError(f"expected a finite value, or a status that says why there is none, at {_at(kept[wrong])}")
    if (repeated := kept.duplicated(CELL, keep=False)).any():
        pair = kept[repeated]
        first = pair[(pair[CELL] == pair.iloc[0][CELL]).all(axis=1)]
        other = [str(c) for c in first.columns if c not in (*CELL, "value") and first[c].map(tables.text).nunique() > 1]
        hint = f": they differ in {', '.join(other)}, choose with --where" if other else ""
        raise InputError(f"expected one value of each run, found {len(first)} at {_at(first)}{hint}")
    return kept, lost


def _metric(value: object) -> str:
    """A metric under the toolkit's name, where it is one of its metrics."""
    name = tables.text(value)
    lower = SPELLINGS.get(name.lower(), name.lower())
    return lower if lower in METRICS else name


def _failed(frame: pd.DataFrame) -> Mask:
    """Whether each row is of a failed run: its status is no success, or its error says something (a number is none)."""
    import pandas as pd

    failed: Mask = np.zeros(len(frame), dtype=bool)
    for column in ("status", "error"):
        if column in frame.columns:
            said = tables.by_value(frame[column], tables.text)
            some = ~said.str.lower().isin(FINISHED).to_numpy()
            failed |= some & pd.to_numeric(said, errors="coerce").isna().to_numpy() if column == "error" else some
    return failed


def _at(rows: pd.DataFrame) -> str:
    return ", ".join(f"{c} {rows.iloc[0][c]!s}" for c in CELL)


def official_runs(results: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The official score of each run: rows `mixture, target, language, seed, value`, and notes.

    The target's metric where it is one of the toolkit's (question answering: the mean of exact match and F1), else the
    one metric of the target; raises InputError where it has several.
    """
    import pandas as pd

    notes, parts = [], []
    for target, rows in results.groupby("target", sort=False):
        official = _official(str(target), sorted(rows["metric"].unique()))
        used = rows[rows["metric"].isin(official)]
        counts = used.groupby(CELL[:4], sort=False)["value"].agg(["mean", "size"])
        notes += [*_unused(str(target), rows, used), *_scales(str(target), used)]
        if (counts["size"] < len(official)).any():
            where = counts[counts["size"] < len(official)].index[0]
            raise InputError(f"expected {' and '.join(official)} of {target}, found only one at {', '.join(where)}")
        parts.append(counts["mean"].rename("value").reset_index())
        if str(target) in catalog.targets() and set(official) != set(_metrics_of(str(target))):
            notes.append(f"{target}: {official[0]} stands in for {' and '.join(_metrics_of(str(target)))}")
    return pd.concat(parts, ignore_index=True), notes


def _unused(target: str, rows: pd.DataFrame, used: pd.DataFrame) -> list[str]:
    """A note of the runs that have other metrics than the one that is used."""
    if len(used) == len(rows):
        return []
    runs = rows.set_index(CELL[:4]).index
    lost = rows[~runs.isin(used.set_index(CELL[:4]).index)]
    if lost.empty:
        return []
    names, official = (", ".join(sorted(part["metric"].unique())) for part in (lost, used))
    return [f"{target}: {len(lost)} rows of {names} are not used, for their runs have no {official}"]


def _scales(target: str, used: pd.DataFrame) -> list[str]:
    """Notes of mixtures, seeds and metrics of a target that lie between 0 and 1 where others do not.

    Raises InputError for an F1 far below the exact match of the same run, which cannot be.
    """
    if set(ANSWERS) <= set(used["metric"]):
        wide = used.pivot(index=CELL[:4], columns="metric", values="value")
        below = wide[wide["f1"] < wide["exact_match"] / 2]
        if len(below):
            place = ", ".join(map(str, below.index[0]))
            raise InputError(
                f"expected F1 of at least exact match, found {below.iloc[0]['f1']:g} and "
                f"{below.iloc[0]['exact_match']:g} of {target} at {place}: are the scales one?"
            )
    notes = list[str]()
    if not used["value"].between(0, 1).any():
        return notes
    if used["metric"].map(lambda metric: LOSSES.search(metric.lower()) is not None).all():
        return notes  # losses have no scale that 0 to 1 would be a part of
    for column in ("metric", "mixture", "seed"):
        groups = used.groupby(column, sort=False)["value"].agg(["min", "max"])
        shares = (groups["min"] >= 0) & (groups["max"] <= 1) & (groups["max"] > 0)
        if shares.any() and not shares.all():
            names = [str(name) or "the baseline" for name in groups.index[shares]]
            shown = f"{', '.join(names[:3])}{', ...' if len(names) > 3 else ''}"
            notes.append(f"{target}: {column} {shown} lies between 0 and 1 and others do not: are the scales one?")
    return notes


def _metrics_of(target: str) -> tuple[str, ...]:
    task = catalog.task(target)
    return ANSWERS if task.kind == "span" else (task.metric,)


def _official(target: str, metrics: Sequence[str]) -> tuple[str, ...]:
    if target in catalog.targets() and set(_metrics_of(target)) <= set(metrics):
        return _metrics_of(target)
    if len(metrics) == 1 or set(metrics) == set(ANSWERS):
        return tuple(metrics)
    raise InputError(f"expected one metric of {target}, found {', '.join(metrics)}: choose with --where metric=NAME")


def default_outcome(available: Sequence[str]) -> str:
    """The outcome where none is asked for: mean9 where all nine targets are there, the target if there is one, else mean.

    >>> default_outcome(["xnli"]), default_outcome(["xnli", "udpos"])
    ('xnli', 'mean')
    """
    if set(catalog.targets("xtreme")) <= set(available):
        return "mean9"
    return available[0] if len(available) == 1 else "mean"


def targets_of(outcome: str, available: Sequence[str]) -> tuple[str, ...]:
    """The targets that an outcome is the mean of; raises InputError where one of them is not available.

    >>> targets_of("retrieval", ["tatoeba", "bucc2018", "xnli"])
    ('bucc2018', 'tatoeba')
    """
    nine, pairs = catalog.targets("xtreme"), sorted(catalog.retrieval("xtreme"))
    groups = {
        "mean9": nine, "mean7": [t for t in nine if t not in pairs], "retrieval": pairs, "mean": list(available)
    }  # fmt: skip
    if outcome not in groups and outcome not in available:
        raise catalog.near(outcome, [*groups, *available], "outcome")
    wanted = groups.get(outcome, [outcome])
    if missing := [t for t in wanted if t not in available]:
        raise InputError(
            f"expected {len(wanted)} targets for the outcome {outcome}, {', '.join(missing)} not among the results: "
            f"choose another outcome: mean (of the {len(available)} there are) or one of {', '.join(available)}"
        )
    return tuple(wanted)
