"""Errors of measurement: of the diversity score, of the outcome between seeds, and runs that went wrong."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats.multimembership import contrasts, slopes, slopes_at
from diversity.studies.study import Study, constant
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

OUTLYING = 5.0  # robust standard deviations below the median of a cell
COLLAPSED = 0.8  # of the median


def score_error(
    study: Study, fixed: Array, *, draws: int = 400, rng: np.random.Generator | None = None
) -> dict[str, float]:
    """The sampling error of the diversity score carried into the slope per standard deviation.

    `reliability` is the share of the score's variance that is not error, as the slope weighs it: 1 - sum W_ii se_i^2 / x'Wx,
    W being the inverse covariance of outcomes whose mixtures share tasks, given the fixed effects. `corrected_slope` is the
    slope over it, its flattening undone (Spearman 1904; Fuller 1987). `slope_sd` is the spread of the slope when the score is
    drawn again within its standard errors (independent between mixtures). nan where the scores have no intervals, or the
    model cannot be fitted.
    """
    none = {"reliability": math.nan, "corrected_slope": math.nan, "slope_sd": math.nan}
    if not np.isfinite(study.x_se).all():
        return none
    try:
        fitted = slopes(study.weights, study.z, study.y, fixed)
    except InputError:
        return none
    rng = rng or np.random.default_rng(0)
    error, theta, slope = study.x_se / study.sd, float(fitted.theta[0]), float(fitted.slope[0])
    design = contrasts(study.weights, fixed)
    shrunk = theta * design.eigenvalues / (1 + theta * design.eigenvalues)
    diagonal = 1 - (design.fixed**2).sum(axis=1) - (design.rotation**2) @ shrunk
    left = design.residual(study.z)
    information = float(left @ left - ((design.rotation.T @ left) ** 2) @ shrunk)
    reliability = max(0.0, 1 - float(np.maximum(diagonal, 0) @ error**2) / information)
    drawn = study.z[:, None] + error[:, None] * rng.normal(size=(len(study.z), draws))
    again = slopes_at(study.weights, drawn, study.y, fixed, theta)
    return {
        "reliability": reliability,
        "corrected_slope": slope / reliability if reliability > 0 else math.nan,
        "slope_sd": float(np.std(again, ddof=1)),
    }


def between_seeds(runs: pd.DataFrame, targets: Sequence[str]) -> tuple[float, Array]:
    """The variance between seeds of a mixture's outcome, the mean over the targets, and the number of seeds of each mixture.

    Of seeds that have every cell of the outcome; nan where each mixture has one.
    """
    used = runs[runs["target"].isin(targets)]
    per_target = used.groupby(["mixture", "seed", "target"])["value"].mean()
    full = used.groupby(["mixture", "seed"]).size()
    outcome = per_target.groupby(["mixture", "seed"]).mean().reindex(full[full == full.max()].index)
    grouped = outcome.groupby("mixture")
    counts, variances = np.asarray(grouped.size(), dtype=float), np.asarray(grouped.var(ddof=1), dtype=float)
    many = counts > 1
    if not many.any():
        return math.nan, counts
    return float((variances[many] * (counts[many] - 1)).sum() / (counts[many] - 1).sum()), counts


def noise_ceiling(study: Study) -> dict[str, float]:
    """What seeds leave to be explained: their variance, the outcome's reliability, and the greatest |r| there can be.

    The variance between seeds is that of the seeds' outcomes within a mixture (seeds with every cell of the outcome);
    `reliability` is 1 - variance of the mean over seeds / variance of the outcomes, `ceiling` its square root;
    `reliability_singles` is the same over the single tasks alone. nan with one seed.
    """
    variance, counts = between_seeds(study.runs, study.targets)

    def share(outcomes: Array) -> float:
        total = float(np.var(outcomes, ddof=1)) if len(outcomes) > 1 else 0.0
        if math.isnan(variance) or not total > 0:
            return math.nan
        return max(0.0, 1 - variance * float((1 / counts).mean()) / total)

    reliability = share(study.y)
    return {
        "seeds": float(counts.mean()),
        "sd_seed": math.sqrt(variance),
        "reliability": reliability,
        "ceiling": math.sqrt(reliability),
        "reliability_singles": share(study.y[study.k == 1]),
    }


def degenerate(runs: pd.DataFrame, *, lower_is_better: bool = False) -> pd.DataFrame:
    """Runs that went wrong, by target and language. Listed, and kept in the analysis.

    Either far worse than the others: more than 5 robust standard deviations (1.4826 times the median absolute deviation)
    from the cell's median over mixtures and seeds, and below four fifths of it (above five fourths where lower is better).
    Or of one value in all languages. Columns `mixture, target, language, seed, value, median, deviations, reason`.
    """
    cell = runs.groupby(["target", "language"])["value"]
    median = cell.transform("median")
    deviation = (runs["value"] - median).abs().groupby([runs["target"], runs["language"]]).transform("median") * 1.4826
    rows = runs.assign(median=median, deviations=(runs["value"] - median) / deviation.where(deviation > 0))
    same = constant(runs)
    side = "above" if lower_is_better else "below"
    rows["reason"] = np.where(same, "one value in all languages", f"far {side} the others")
    if lower_is_better:
        collapsed = (rows["deviations"] > OUTLYING) & (rows["value"] > rows["median"] / COLLAPSED)
    else:
        collapsed = (rows["deviations"] < -OUTLYING) & (rows["value"] < COLLAPSED * rows["median"])
    return rows[collapsed | same].sort_values(["reason", "deviations"], ignore_index=True)


def table(study: Study, fixed: Array, *, rng: np.random.Generator | None = None) -> pd.DataFrame:
    """Columns `source, quantity, value` of both: the score's error and the outcome's seeds."""
    import pandas as pd

    rows = [("score", name, value) for name, value in score_error(study, fixed, rng=rng).items()]
    rows += [("outcome", name, value) for name, value in noise_ceiling(study).items()]
    return pd.DataFrame(rows, columns=["source", "quantity", "value"])
