"""`fit`: does the diversity of mixtures go with their accuracy?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats import (
    correlation,
    influence,
    methods,
    model,
    power,
    predictive,
    ranking,
    reliability,
    specification,
    targets,
)
from diversity.stats.analysis import Analysis
from diversity.stats.outcomes import Outcomes, read_outcomes
from diversity.stats.result import Result
from diversity.stats.scores import Scores, read_scores
from diversity.stats.study import Study, read_study

if TYPE_CHECKING:
    import pandas as pd

BOOTSTRAP = 1000  # draws for the intervals of correlations


@dataclass(frozen=True)
class Fit(Result):
    """The answer for one metric and one outcome.

    `slope_per_sd` is in outcome units (accuracy points) for one standard deviation of diversity, within mixtures of one
    size, with its 95 % interval `low` to `high`. `p_permutation` (task labels; nan where the design is not closed under
    relabelling), `p_reml` (multi-membership random effects) and `p_ols_naive` (ordinary regression: anticonservative).
    Correlations are over the mixtures; `r2_leave_one_task_out` is predictive, and `baselines` the same of what
    diversity must beat (None where the tables do not have it). `minimum_detectable_slope` is that of 80 % power. The
    `tables` are DataFrames by name, `notes` what a reader must know.
    """

    metric: str
    outcome: str
    n_tasks: int
    n_mixtures: int
    slope_per_sd: float
    low: float
    high: float
    p_permutation: float
    p_reml: float
    p_ols_naive: float
    pearson: float
    spearman: float
    kendall: float
    r2_leave_one_task_out: float
    baselines: Mapping[str, float | None]
    minimum_detectable_slope: float
    verdict: model.Verdict

    def to_frame(self) -> pd.DataFrame:
        """The slope by every method, the primary one marked."""
        return self.tables["methods"]

    @property
    def primary(self) -> str:
        """The name of the primary test."""
        return str(self.to_frame().query("primary")["method"].iloc[0])

    @property
    def p(self) -> float:
        """The p-value of the primary test."""
        return self.p_permutation if math.isfinite(self.p_permutation) else self.p_reml

    @property
    def established(self) -> bool:
        """Is there an effect of either sign?"""
        return self.verdict != "not established"

    @property
    def sentence(self) -> str:
        """The verdict in words that follow from the numbers."""
        ends = f"95 % interval {self.low:+.3g} to {self.high:+.3g}"
        effect = f"{self.slope_per_sd:+.3g} on {self.outcome} ({ends}; {self.primary}, p = {self.p:.3g})"
        said = f"the effect is {self.verdict}" if self.established else f"an effect of {self.metric} is {self.verdict}"
        return (
            f"{self.n_mixtures} mixtures of {self.n_tasks} tasks: one standard deviation of {self.metric} goes with "
            f"{effect}: {said}."
        )


def fit(
    results: pd.DataFrame | Path | str | Outcomes,
    scores: pd.DataFrame | Path | str | Scores,
    *,
    metric: str,
    outcome: str | None = None,
    covariates: Sequence[str] | None = None,
    seed: int | None = None,
    analysis: Analysis | None = None,
    details: bool = True,
) -> Fit:
    """Relate the diversity of mixtures to their accuracy.

    `results` has the columns `mixture, target, language, seed, metric, value` (any others may be chosen from by
    `where`), `scores` has `mixture, metric, value`, as `diversity score --format csv` writes: DataFrames, CSV or
    Parquet, or tables that are checked already (`read_outcomes`, `read_scores`). A mixture is task names joined by `+`,
    or a name with its tasks in a column `tasks` (and `weights`). `analysis` says what is asked and how it is tested; its
    `outcome`, `covariates` and `seed` may be given by themselves. Question answering counts as the mean of exact match
    and F1.

    The primary test permutes the tasks' labels (all ways up to nine tasks, else as many as are drawn) where the design
    is closed under relabelling, else it is REML with a random effect of each task. Both compare mixtures of one size.
    With covariates the permutation is Freedman and Lane's, approximate. The verdict needs p <= alpha and, where the
    tasks were also trained alone, the same given the mean of the members' single outcomes. Without `details` only the
    default methods are tabled.

    Raises InputError, one line, for tables that cannot be used.
    """
    asked = (analysis or Analysis()).changed(outcome=outcome, covariates=covariates, seed=seed)
    known, runs = read_scores(scores), read_outcomes(results, english=asked.english, where=asked.where)
    study = read_study(runs, known, metric=metric, outcome=asked.outcome, encoder=asked.encoder)
    rng = np.random.default_rng(asked.seed)
    design = model.design_matrix(study, asked.covariates)
    estimate = model.estimate(study, design, permutations=asked.permutations, alpha=asked.alpha, rng=rng)
    members, why = model.against_members(study, covariates=asked.covariates, permutations=asked.permutations, rng=rng)
    predicted = predictive.table(study)
    r2 = dict(zip(predicted["predictor"], predicted["r2_leave_one_task_out"], strict=True))
    least = _detectable(study, design, estimate, asked.alpha, rng)
    spread = {"sd_task": float(estimate.reml.sd_task[0]), "sd_noise": float(estimate.reml.sd_noise[0])}
    tables = {
        "methods": methods.table(study, design, estimate, all_methods=details),
        "predictive": predicted,
        "members": _members(estimate, members),
        "mixtures": _mixtures(study),
        "design": power.design_table(study.weights, study.x, **spread, least=least),
    }
    if details:
        tables |= _details(study, design, asked, rng)
        outcomes = list(dict.fromkeys([study.outcome, *targets.groups(study)]))
        tables["specifications"] = specification.specifications(runs, known, outcomes=outcomes)
        tables["targets_by_metric"] = specification.targets_by_metric(runs, known, outcome=asked.outcome)
    return Fit(
        metric=study.metric,
        outcome=study.outcome,
        n_tasks=len(study.tasks),
        n_mixtures=len(study.mixtures),
        slope_per_sd=estimate.slope,
        low=estimate.low,
        high=estimate.high,
        p_permutation=estimate.p_permutation,
        p_reml=estimate.p_reml,
        p_ols_naive=correlation.naive_p(study.x, study.y),
        pearson=correlation.pearson(study.x, study.y),
        spearman=correlation.spearman(study.x, study.y),
        kendall=correlation.kendall(study.x, study.y),
        r2_leave_one_task_out=r2["diversity"],
        baselines={n: float(r2[n]) if math.isfinite(r2[n]) else None for n in predictive.baselines(study)},
        minimum_detectable_slope=least,
        verdict=model.verdict(estimate, members, asked.alpha),
        tables=tables,
        notes=(*study.notes, *design.notes, *_notes(study, estimate, members, why, asked.alpha)),
    )


def _detectable(
    study: Study,
    design: model.DesignMatrix,
    estimate: model.SlopeEstimate,
    alpha: float,
    rng: np.random.Generator,
) -> float:
    """By the primary test, with the spread of tasks and noise that REML estimates."""
    method: power.Method = "permutation" if estimate.method.startswith("task-label") else "reml"
    return power.detectable(
        study.weights, study.z, design.fixed, sd_task=float(estimate.reml.sd_task[0]),
        sd_noise=float(estimate.reml.sd_noise[0]), alpha=alpha, method=method, rng=rng,
    )  # fmt: skip


def _details(
    study: Study, design: model.DesignMatrix, analysis: Analysis, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Every table beside those of the default methods."""
    import pandas as pd

    by_target = targets.table(study, analysis.covariates)
    single = by_target[by_target["kind"] == "target"]
    differ = targets.heterogeneity(single["slope"].to_numpy(float), single["se"].to_numpy(float))
    grid = np.linspace(study.x.min(), study.x.max(), 50)
    draws = analysis.bootstrap or BOOTSTRAP
    return {
        "correlations": correlation.correlations(study.weights, study.x, study.y, design.fixed, draws=draws, rng=rng),
        "partial": _partial(study),
        "targets": by_target,
        "heterogeneity": pd.DataFrame([differ]),
        "languages": targets.languages(study),
        "shapes": correlation.shapes(study.weights, study.x, study.y),
        "prediction": correlation.prediction(study.weights, study.x, study.y, grid),
        "influence": influence.table(study, analysis.covariates),
        "cook": influence.mixtures(study, design.fixed),
        "choosing": ranking.table(study),
        "measurement": reliability.table(study, design.fixed, rng=rng),
        "degenerate": reliability.degenerate(study.runs),
        "left_out": study.left_out,
    }


def _partial(study: Study) -> pd.DataFrame:
    """Partial correlations given each baseline: `given, r, p, df`, the p-value naive."""
    import pandas as pd

    rows = []
    for name, values in predictive.baselines(study).items():
        keep = study.k > 1 if name == "single_mean" else np.ones(len(study.x), dtype=bool)
        if values is not None and keep.sum() > 4 and np.ptp(values[keep]) > 0 and np.ptp(study.x[keep]) > 0:
            r, p, df = correlation.partial(study.x[keep], study.y[keep], values[keep][:, None])
            rows.append((name, r, p, df))
    return pd.DataFrame(rows, columns=["given", "r", "p_naive", "df"])


def _mixtures(study: Study) -> pd.DataFrame:
    import pandas as pd

    columns = {"mixture": study.mixtures, "k": study.k.astype(int), "diversity": study.x, "outcome": study.y}
    return pd.DataFrame({**columns, "single_mean": study.single_mean})


def _members(found: model.SlopeEstimate, members: model.SlopeEstimate | None) -> pd.DataFrame:
    import pandas as pd

    rows = [("nothing", found), ("members' single outcomes", members)]
    return pd.DataFrame(
        [(given, e.slope, e.low, e.high, e.p, e.method) for given, e in rows if e is not None],
        columns=["given", "slope", "low", "high", "p", "method"],
    )


def _notes(
    study: Study, found: model.SlopeEstimate, members: model.SlopeEstimate | None, why: str, alpha: float
) -> list[str]:
    notes = [why] if why else []
    if members is not None and found.p <= alpha and model.verdict(found, members, alpha) == "not established":
        notes.append(
            f"the slope does not hold given the mean of the members' single outcomes "
            f"({members.slope:+.3g}, p = {members.p:.3g})"
        )
    if math.isnan(found.p_permutation):
        notes.append("the design is not closed under relabelling of its tasks: REML is the primary test")
    if found.p_permutation > alpha and not math.isfinite(found.low):
        notes.append(
            f"no permutation of the labels of these {len(study.tasks)} tasks can reach p = {alpha:g}: the design is too small"
        )
    if np.ptp(study.y) == 0:
        notes.append("the outcome is the same for all mixtures: there is nothing to explain")
    return notes
