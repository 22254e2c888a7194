"""What is analysed: results joined with scores, one outcome and one diversity for each mixture, and what is left out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity import catalog
from diversity.studies import outcomes
from diversity.studies.outcomes import Outcomes, read_outcomes
from diversity.studies.scores import Scores, read_scores
from diversity.studies.tables import Mask, Shares, stated
from diversity.studies.weights import closed, size_groups
from diversity.types import Z95, Array, InputError

if TYPE_CHECKING:
    import pandas as pd

# Roles of mixtures that were chosen by their diversity, `space` as version 0.1.0 spelled it.
CHOSEN = ("diverse", "homogeneous", "space-filling", "space")
FEWEST = 4  # mixtures: with three, a correlation of .99 is chance


@dataclass(frozen=True)
class Study:
    """What is analysed: M mixtures of T tasks, their diversity and their outcomes.

    `weights` (M, T) are the shares of the tasks, `x` (M,) the diversity, `sd` its standard deviation within mixtures of
    one size (of all where it is the same within sizes), `z` (M,) diversity in these units, `x_se` (M,) its standard error
    (nan where none is given); `cells` has a row a mixture and a column for each (target, language), means over seeds;
    `targets` are those that the outcome is the mean of. `runs` are the values of each seed, `left_out` what is not in the
    analysis and why, `columns` numbers of each mixture that can be covariates, those of `scored` being other metrics.
    `in_points` says that higher is better and all values lie between 0 and 100, not all between 0 and 1;
    `chosen_by_diversity` that the mixtures were, as a column `role` says.
    """

    metric: str
    encoder: str
    outcome: str
    mixtures: tuple[str, ...]
    tasks: tuple[str, ...]
    weights: Array
    x: Array
    sd: float
    z: Array
    x_se: Array
    cells: pd.DataFrame
    targets: tuple[str, ...]
    runs: pd.DataFrame
    left_out: pd.DataFrame
    columns: pd.DataFrame
    scored: tuple[str, ...] = ()
    lower_is_better: bool = False
    in_points: bool = True
    chosen_by_diversity: bool = False
    notes: tuple[str, ...] = ()

    @property
    def gain(self) -> Array:
        """The outcome (M,) turned so that more is better."""
        return -self.y if self.lower_is_better else self.y

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
        return closed(self.weights)

    @cached_property
    def single_mean(self) -> Array:
        """The members' outcomes as single tasks, weighted, (M,); nan where a member was not trained alone."""
        alone = {int(np.argmax(w)): y for w, y in zip(self.weights, self.y, strict=True) if (w > 0).sum() == 1}
        single = np.array([alone.get(i, np.nan) for i in range(len(self.tasks))])
        return np.array([w[w > 0] @ single[w > 0] for w in self.weights])

    @cached_property
    def log_budget(self) -> Array | None:
        """Logarithm of the examples of training (M,), where the results have a column of them."""
        for column in ("budget", "examples", "n_examples", "train_examples"):
            if column in self.columns and (self.columns[column] > 0).all():
                return np.asarray(np.log(self.columns[column].to_numpy(float)))
        return None

    @property
    def whole_targets(self) -> list[str]:
        """The targets of the table that every mixture has."""
        return [str(t) for t in self.by_target.columns[self.by_target.notna().all()]]

    def some(self, keep: Mask) -> Study:
        """The study of some of its mixtures (M,) bool; tasks that are in none of them go."""
        weights = self.weights[keep]
        used = (weights > 0).any(axis=0)
        names = tuple(np.array(self.mixtures, dtype=object)[keep])
        return replace(
            self, mixtures=names, tasks=tuple(np.array(self.tasks, dtype=object)[used]), weights=weights[:, used],
            x=self.x[keep], z=self.z[keep], x_se=self.x_se[keep], cells=self.cells[keep], columns=self.columns[keep],
            runs=self.runs[self.runs["mixture"].isin(names)],
        )  # fmt: skip

    def several_tasks(self) -> Study:
        """The mixtures of more than one task, with `single_mean` among their columns."""
        several = self.k > 1
        part = self.some(several)
        return replace(part, columns=part.columns.assign(single_mean=self.single_mean[several]))

    def of_targets(self, targets: Sequence[str], outcome: str = "") -> Study:
        """The same mixtures with the mean of other targets as the outcome."""
        part = replace(self, targets=tuple(targets), outcome=outcome or self.outcome)
        vars(part)["by_target"] = self.by_target  # of the same cells
        return part

    def covariate(self, name: str) -> Array:
        """A covariate of each mixture (M,): k, entropy, log_budget, single_mean, a numeric column or another metric."""
        known = ("k", "entropy", "single_mean")
        if name == "log_budget":
            if self.log_budget is None:
                raise InputError("expected a column budget or examples in the results for log_budget, found none")
            values = self.log_budget
        elif name in self.columns:
            values = self.columns[name].to_numpy(float)
        elif name in known:
            values = self.k if name == "k" else entropy(self.weights) if name == "entropy" else self.single_mean
        else:
            raise catalog.near(name, [*known, "log_budget", "tasks", *map(str, self.columns)], "covariate")
        if not np.isfinite(values).all():
            reason = (
                "not every task was trained alone" if name == "single_mean" else "it is missing or infinite for some"
            )
            raise InputError(f"the covariate {name} cannot be had for every mixture: {reason}")
        return values


def entropy(weights: Array) -> Array:
    """Shannon's entropy of the shares of each mixture (M,), in nats."""
    logs = np.log(np.where(weights > 0, weights, 1.0))
    return np.asarray(-(weights * logs).sum(axis=1))


def read_study(
    results: pd.DataFrame | Path | str | Outcomes,
    scores: pd.DataFrame | Path | str | Scores,
    *,
    metric: str,
    outcome: str = "",
    encoder: str | None = None,
) -> Study:
    """What is analysed, from a table of results and one of scores (see `fit`), or from both already checked.

    Mixtures that lack a cell of the outcome are left out and listed, never filled in. Raises InputError for tables
    that cannot be used: missing columns, duplicates, NaN, mixtures without a score, fewer than 4 mixtures, ...
    """
    checked = results if isinstance(results, Outcomes) else read_outcomes(results)
    known = read_scores(scores)
    scored, shares, notes = known.of(metric, encoder), _shares(checked, known), list(checked.notes)
    baseline = [m for m in checked.cells.index if not shares[m]]
    if baseline:
        notes.append("the baseline without an intermediate task has no diversity and is left out of the fit")
    cells = checked.cells.drop(index=baseline)
    if unknown := [m for m in cells.index if m not in scored.index]:
        raise catalog.near(str(unknown[0]), [str(m) for m in scored.index], "mixture (it has results and no score)")
    available = list(dict.fromkeys(checked.runs["target"]))
    if not outcome and (outcome := outcomes.default_outcome(available)) == "mean":
        some = "" if not {*catalog.targets("xtreme")} & {*available} else ": XTREME's nine are not all there"
        notes.append(f"the outcome is the mean of the {len(available)} targets of the table{some}")
    targets = outcomes.targets_of(outcome, available)
    complete, left_out = _complete(cells, targets, checked.failed)
    names = [str(m) for m in complete.index]
    tasks = tuple(sorted({t for n in names for t, w in shares[n].items() if w > 0}))
    runs = checked.runs[checked.runs["mixture"].isin(names)]
    used = runs[runs["target"].isin(targets)]
    x = scored.loc[names, "value"].to_numpy(float)
    if len(names) < FEWEST:
        raise InputError(f"expected at least {FEWEST} mixtures with results and scores, found {len(names)}")
    if np.ptp(x) <= 1e-12 * max(1e-300, float(np.abs(x).max())):
        label = scored["metric"].iloc[0]
        raise InputError(f"expected {label} to differ between the mixtures, found {x[0]:g} for all of them")
    weights = np.array([[shares[n].get(t, 0.0) for t in tasks] for n in names])
    lower = _lower_is_better(checked, targets)
    columns, sd = _columns(names, checked.rows, known, targets, encoder), sd_within(x, weights)
    return Study(
        metric=str(scored["metric"].iloc[0]),
        encoder=str(scored["encoder"].iloc[0]),
        outcome=outcome,
        mixtures=tuple(names),
        tasks=tasks,
        weights=weights,
        x=x,
        sd=sd,
        z=(x - x.mean()) / sd,
        x_se=_errors(scored, names),
        cells=complete,
        targets=targets,
        runs=runs,
        left_out=left_out,
        columns=columns,
        scored=tuple(str(c) for c in columns if c in {m for m, _ in known.pairs}),
        lower_is_better=lower,
        in_points=bool(not lower and used["value"].between(0, 100).all() and used["value"].max() > 1),
        chosen_by_diversity=_chosen(checked.rows, names),
        notes=(*notes, *_notes(used, cells, complete, left_out)),
    )


def sd_within(x: Array, weights: Array) -> float:
    """The standard deviation of diversity x (M,) within mixtures of one size; of all where it is the same within sizes."""
    group = size_groups(weights)
    means = np.bincount(group, x) / np.bincount(group)
    left, free = x - means[group], len(x) - len(means)
    within = math.sqrt(float(left @ left) / free) if free > 0 else 0.0
    total = float(x.std(ddof=1))
    return within if within > 1e-7 * total else total or 1.0


def _lower_is_better(results: Outcomes, targets: Sequence[str]) -> bool:
    """Whether lower outcomes are better; raises InputError where the targets differ in that."""
    sides = {target: results.lower_is_better[target] for target in targets}
    if len(set(sides.values())) > 1:
        low, high = (next(t for t, lower in sides.items() if lower is side) for side in (True, False))
        raise InputError(
            f"expected targets that are all better where higher, or all where lower, found {low} (lower) and {high} "
            "(higher): choose an outcome of one kind, or say --lower-is-better"
        )
    return next(iter(sides.values()))


def _chosen(rows: pd.DataFrame, names: Sequence[str]) -> bool:
    """Were these mixtures chosen by their diversity, as the plan of a grid writes it?"""
    if "role" not in rows.columns:
        return False
    return bool(rows[rows["mixture"].isin(names)]["role"].astype(str).isin(CHOSEN).any())


def _shares(results: Outcomes, scores: Scores) -> Shares:
    """Tasks and weights of each mixture with results: as either table says, else as its name does.

    Raises InputError where both say and differ.
    """
    shares: dict[str, Mapping[str, float]] = {}
    said = {column: (stated(results.rows, column), stated(scores.frame, column)) for column in ("tasks", "weights")}
    for name, own in results.shares.items():
        other = scores.shares.get(name, own)
        tasks, weights = ([name in table for table in said[column]] for column in ("tasks", "weights"))
        if all(tasks) and set(own) != set(other):
            raise InputError(f"expected the same tasks of {name!r} in results and scores, found different ones")
        alike = set(own) == set(other) and np.allclose([own[t] for t in own], [other[t] for t in own])
        if all(weights) and not alike:
            raise InputError(f"expected the same weights of {name!r} in results and scores, found different ones")
        shares[name] = other if (weights if any(weights) else tasks) == [False, True] else own
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
    failures = failed[["mixture", "target", "language", "seed"]].itertuples(index=False)
    rows += [(*row, "failed run") for row in failures]
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

    used = results[results["target"].isin(targets) & results["mixture"].isin(names)]  # the baseline has none of them
    columns: dict[str, Array] = {}
    for column in used.columns.difference(
        [*outcomes.COLUMNS, "tasks", "weights", "status", "error", "lower_is_better"]
    ):
        numbers = pd.to_numeric(used[column], errors="coerce")
        if numbers.notna().all():
            columns[str(column)] = numbers.groupby(used["mixture"]).mean().reindex(list(names)).to_numpy(float)
    for metric, source in scores.pairs:
        if encoder in (None, source) and metric not in columns:
            rows = scores.frame[(scores.frame["metric"] == metric) & (scores.frame["encoder"] == source)]
            if not rows["mixture"].duplicated().any() and set(names) <= set(rows["mixture"]):
                columns[metric] = rows.set_index("mixture").loc[list(names), "value"].to_numpy(float)
    return pd.DataFrame(columns, index=list(names))


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
            f"{len(flat)} {'run scores' if len(flat) == 1 else 'runs score'} the same in every language; fine-tuning "
            f"probably failed. They are included: {'; '.join(flat[:3])}{' and others' if len(flat) > 3 else ''}"
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
