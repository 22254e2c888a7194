"""Joining results and scores: which mixtures are analysed, which are left out, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity import catalog
from diversity.stats import tables
from diversity.stats.tables import BASELINES, FEWEST, Outcomes, Scores, Study
from diversity.types import Z95, Array, InputError

if TYPE_CHECKING:
    import pandas as pd


def study(
    results: pd.DataFrame | Path | str | Outcomes,
    scores: pd.DataFrame | Path | str | Scores,
    *,
    metric: str,
    outcome: str = "mean9",
    encoder: str | None = None,
) -> Study:
    """What is analysed, from a table of results and one of scores (see `fit`), or from both already checked.

    Mixtures that lack a cell of the outcome are left out and listed, never filled in. Raises InputError for tables
    that cannot be used: missing columns, duplicates, NaN, mixtures without a score, fewer than 4 mixtures, ...
    """
    found = results if isinstance(results, Outcomes) else tables.outcomes_of(results)
    table = scores if isinstance(scores, Scores) else tables.scores_of(scores)
    scored, shares, notes = table.of(metric, encoder), _shares(found, table), list(found.notes)
    baseline = [m for m in found.cells.index if not shares[m]]
    if baseline:
        notes.append("the baseline without an intermediate task has no diversity and is left out of the fit")
    cells = found.cells.drop(index=baseline)
    if unknown := [m for m in cells.index if m not in scored.index]:
        raise catalog.near(str(unknown[0]), [str(m) for m in scored.index], "mixture (it has results and no score)")
    targets = tables.targets_of(outcome, list(dict.fromkeys(found.runs["target"])))
    complete, left_out = _complete(cells, targets, found.failed)
    names = [str(m) for m in complete.index]
    weights, tasks = _weights(names, shares)
    runs = found.runs[found.runs["mixture"].isin(names)]
    used = runs[runs["target"].isin(targets)]
    made = Study(
        str(scored["metric"].iloc[0]), outcome, tuple(names), tasks, weights, scored.loc[names, "value"].to_numpy(float),
        _errors(scored, names), complete, targets, runs, left_out,
        _columns(names, found.rows, table, targets, encoder), (*notes, *_notes(used, cells, complete, left_out)),
    )  # fmt: skip
    _check(made)
    return made


def _shares(found: Outcomes, scores: Scores) -> dict[str, Mapping[str, float]]:
    """Tasks of each mixture with results: as the scores say, else the results, else its name."""
    shares: dict[str, Mapping[str, float]] = {}
    for name, own in found.shares.items():
        known = scores.shares.get(name)
        if "tasks" in found.rows.columns and known is not None and set(known) != set(own):
            raise InputError(f"expected the same tasks of {name!r} in results and scores, found different ones")
        shares[name] = known if known is not None else {} if name in BASELINES else own
    return shares


def _complete(cells: pd.DataFrame, targets: Sequence[str], failed: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Mixtures with all cells of the outcome, and the rows of those that are not used."""
    import pandas as pd

    wanted = cells.loc[:, cells.columns.get_level_values("target").isin(targets)]
    lacking = wanted.isna()
    rows = [
        (mixture, *cell, "", "no result: the mixture is left out")
        for mixture, line in lacking[lacking.any(axis=1)].iterrows()
        for cell in line.index[line.to_numpy(bool)]
    ]
    told = failed[["mixture", "target", "language", "seed"]].itertuples(index=False)
    rows += [(*row, "failed run") for row in told]
    left_out = pd.DataFrame(rows, columns=["mixture", "target", "language", "seed", "reason"])
    complete = cells[~lacking.any(axis=1).to_numpy()]
    if len(complete) < FEWEST and len(complete) < len(cells):
        worst = lacking.columns[[int(np.argmax(lacking.sum().to_numpy()))]]
        target, language = (worst.get_level_values(level)[0] for level in ("target", "language"))
        raise InputError(
            f"expected at least {FEWEST} mixtures with all results of the outcome, found {len(complete)} of {len(cells)}: "
            f"{target} in {language!r} is missing for {int(lacking.sum().max())}"
        )
    return complete, left_out


def _weights(names: Sequence[str], shares: Mapping[str, Mapping[str, float]]) -> tuple[Array, tuple[str, ...]]:
    tasks = tuple(sorted({t for n in names for t, w in shares[n].items() if w > 0}))
    return np.array([[shares[n].get(t, 0.0) for t in tasks] for n in names]), tasks


def _errors(scored: pd.DataFrame, names: Sequence[str]) -> Array:
    """Standard errors of the scores from their 95 % intervals; nan where there is none."""
    if not {"low", "high"} <= set(scored.columns):
        return np.full(len(names), np.nan)
    import pandas as pd

    ends = scored.loc[list(names), ["low", "high"]].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    return np.asarray((ends[:, 1] - ends[:, 0]) / (2 * Z95))


def _columns(
    names: Sequence[str], results: pd.DataFrame, scores: Scores, targets: Sequence[str], encoder: str | None
) -> pd.DataFrame:
    """Numbers of each mixture that may be covariates: numeric columns of the results, and other metrics."""
    import pandas as pd

    used = results[results["target"].isin(targets)]
    found: dict[str, Array] = {}
    for column in used.columns.difference([*tables.RESULTS, "tasks", "weights", "status", "error"]):
        numbers = pd.to_numeric(used[column], errors="coerce")
        if numbers.notna().all():
            found[str(column)] = numbers.groupby(used["mixture"]).mean().reindex(list(names)).to_numpy(float)
    for metric, source in scores.pairs:
        if encoder in (None, source) and metric not in found:
            rows = scores.frame[(scores.frame["metric"] == metric) & (scores.frame["encoder"] == source)]
            if not rows["mixture"].duplicated().any() and set(names) <= set(rows["mixture"]):
                found[metric] = rows.set_index("mixture").loc[list(names), "value"].to_numpy(float)
    return pd.DataFrame(found, index=list(names))


def _notes(runs: pd.DataFrame, cells: pd.DataFrame, complete: pd.DataFrame, left_out: pd.DataFrame) -> list[str]:
    notes = []
    if gone := sorted(set(cells.index) - set(complete.index)):
        notes.append(f"{len(gone)} mixtures lack results and are left out: {', '.join(map(str, gone[:3]))}")
    if failures := int((left_out["reason"] == "failed run").sum()):
        notes.append(f"{failures} results of failed runs are not used")
    if runs.groupby(["mixture", "target", "language"])["seed"].nunique().nunique() > 1:
        notes.append("the number of seeds differs between cells; each cell counts once")
    if len(same := runs[constant(runs)].drop_duplicates(["mixture", "target", "seed"])):
        flat = [f"{r.mixture} on {r.target}, seed {r.seed}" for r in same.itertuples()]
        notes.append(
            f"{len(flat)} runs have one value in all languages, as where one answer is given to everything "
            f"(did fine-tuning fail?), and are used: {'; '.join(flat[:3])}{'; ...' if len(flat) > 3 else ''}"
        )
    top = complete.T.groupby(level="target").max().T.max()
    low = complete.T.groupby(level="target").min().T.min()
    fractions = (low >= 0) & (top <= 1)
    if fractions.all():
        notes.append("all values lie between 0 and 1: slopes are in these units, not in points of 100")
    elif (fractions & (top > 0)).any():
        notes.append(
            f"{fractions[fractions].index[0]} lies between 0 and 1 and other targets do not: are the scales one?"
        )
    return notes


def constant(runs: pd.DataFrame) -> pd.Series:
    """Of each row, whether its run scores the same in all of three languages or more, as one answer to everything does."""
    values = runs.groupby(["mixture", "target", "seed"])["value"]
    return (values.transform("nunique") == 1) & (values.transform("size") >= 3)


def _check(made: Study) -> None:
    if len(made.mixtures) < FEWEST:
        raise InputError(f"expected at least {FEWEST} mixtures with results and scores, found {len(made.mixtures)}")
    if np.ptp(made.x) <= 1e-12 * max(1e-300, float(np.abs(made.x).max())):
        raise InputError(f"expected {made.metric} to differ between the mixtures, found {made.x[0]:g} for all of them")


def covariate(made: Study, name: str) -> Array:
    """A covariate of each mixture (M,): k, entropy, log_budget, single_mean, a numeric column or another metric."""
    known = ("k", "entropy", "single_mean")
    if name == "log_budget":
        values = log_budget(made)
        if values is None:
            raise InputError("expected a column budget or examples in the results for log_budget, found none")
    elif name in made.columns:
        values = made.columns[name].to_numpy(float)
    elif name in known:
        values = made.k if name == "k" else _entropy(made.weights) if name == "entropy" else made.single_mean
    else:
        raise catalog.near(name, [*known, "log_budget", *map(str, made.columns)], "covariate")
    if not np.isfinite(values).all():
        reason = "not every task was trained alone" if name == "single_mean" else "it is missing or infinite for some"
        raise InputError(f"the covariate {name} cannot be had for every mixture: {reason}")
    return values


def log_budget(made: Study) -> Array | None:
    """Logarithm of the examples of training (M,), where the results have a column of them."""
    for column in ("budget", "examples", "n_examples", "train_examples"):
        if column in made.columns and (made.columns[column] > 0).all():
            return np.asarray(np.log(made.columns[column].to_numpy(float)))
    return None


def _entropy(weights: Array) -> Array:
    logs = np.log(np.where(weights > 0, weights, 1.0))
    return np.asarray(-(weights * logs).sum(axis=1))
