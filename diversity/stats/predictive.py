"""Does diversity predict what was not seen? R^2 for tasks and targets that were left out, beside the baselines."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from diversity.studies.study import Study
from diversity.types import Array

if TYPE_CHECKING:
    import pandas as pd


def leave_task_out(weights: Array, predictors: Array, y: Array) -> float:
    """Predictive R^2 of regression on predictors (M, p): for each task, mixtures without it predict those with it.

    1 - sum of squared errors / the same for the mean of the mixtures without the task. Below 0 where predictors do
    worse than that mean; nan where no task can be left out (too few mixtures are without it).

    >>> x = np.arange(6.0)
    >>> round(leave_task_out(np.eye(6), x[:, None], 2 * x + 1), 6)
    1.0
    """
    error = base = 0.0
    columns = np.column_stack([np.ones(len(y)), predictors])
    for task in range(weights.shape[1]):
        held = weights[:, task] > 0
        if held.all() or not held.any() or (~held).sum() < columns.shape[1] + 1:
            continue
        beta = np.linalg.lstsq(columns[~held], y[~held], rcond=None)[0]
        error += float(((y[held] - columns[held] @ beta) ** 2).sum())
        base += float(((y[held] - y[~held].mean()) ** 2).sum())
    return 1 - error / base if base > 0 else math.nan


def leave_target_out(x: Array, by_target: Array) -> float:
    """Predictive R^2 for targets: the slope on the others predicts the standardised outcomes (M, L) of the one left out.

    Each target's outcomes are standardised over the mixtures, since their means and spreads differ; nan for one target.
    """
    spread = by_target.std(axis=0)
    y = (by_target - by_target.mean(axis=0))[:, spread > 0] / spread[spread > 0]
    if y.shape[1] < 2:
        return math.nan
    columns = x - x.mean(axis=0)
    error = 0.0
    for target in range(y.shape[1]):
        others = np.delete(y, target, axis=1).mean(axis=1)
        beta = np.linalg.lstsq(columns, others, rcond=None)[0]
        error += float(((y[:, target] - columns @ beta) ** 2).sum())
    return 1 - error / float((y**2).sum())


def baselines(study: Study) -> dict[str, Array | None]:
    """What diversity is compared with: k, log_budget, single_mean; None where the table does not have it."""
    single, budget = study.single_mean, study.log_budget
    return {
        "k": study.k if np.ptp(study.k) > 0 else None,
        "log_budget": None if budget is None or np.ptp(budget) == 0 else budget,
        "single_mean": single if np.isfinite(single).all() and (study.k > 1).any() else None,
    }


def table(study: Study) -> pd.DataFrame:
    """Columns `predictor, r2_leave_one_task_out, r2_leave_one_target_out`; nan where a predictor cannot be had.

    Where the members' single outcomes are a baseline, all are judged on mixtures of several tasks: the outcome of a
    single task is its own baseline.
    """
    import pandas as pd

    known = baselines(study)
    rows = np.ones(len(study.x), dtype=bool) if known["single_mean"] is None else study.k > 1
    predictors: dict[str, list[Array | None]] = {"diversity": [study.x], **{n: [v] for n, v in known.items()}}
    predictors["single_mean + diversity"] = [known["single_mean"], study.x]
    targets = study.by_target[list(study.targets)].to_numpy(float)[rows]
    found = []
    for name, parts in predictors.items():
        given = [p for p in parts if p is not None]
        if len(given) < len(parts) or np.ptp(given[0][rows]) == 0:
            found.append((name, math.nan, math.nan))
            continue
        columns = np.column_stack(given)[rows]
        found.append(
            (name, leave_task_out(study.weights[rows], columns, study.y[rows]), leave_target_out(columns, targets))
        )
    return pd.DataFrame(found, columns=["predictor", "r2_leave_one_task_out", "r2_leave_one_target_out"])
