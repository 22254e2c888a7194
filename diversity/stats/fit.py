"""`fit`: does the diversity of mixtures go with their accuracy?"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
    tables,
    targets,
)
from diversity.stats.study import study
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Fit:
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
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)
    notes: tuple[str, ...] = field(default=(), repr=False)

    def record(self) -> dict[str, Any]:
        """The numbers under their names, for JSON: what is not finite is None."""
        record = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("tables", "notes")}
        clean = {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in record.items()}
        return {**clean, "baselines": dict(self.baselines)}

    @property
    def sentence(self) -> str:
        """The verdict in words that follow from the numbers."""
        method = (
            self.tables["methods"].query("primary")["method"].iloc[0] if "methods" in self.tables else "primary test"
        )
        p = self.p_permutation if math.isfinite(self.p_permutation) else self.p_reml
        ends = f"95 % interval {self.low:+.3g} to {self.high:+.3g}"
        effect = f"{self.slope_per_sd:+.3g} on {self.outcome} ({ends}; {method}, p = {p:.3g})"
        said = (
            f"an effect of {self.metric} is {self.verdict}"
            if "not" in self.verdict
            else f"the effect is {self.verdict}"
        )
        return (
            f"{self.n_mixtures} mixtures of {self.n_tasks} tasks: one standard deviation of {self.metric} goes with "
            f"{effect}: {said}."
        )


def fit(
    results: pd.DataFrame | Path | str,
    scores: pd.DataFrame | Path | str,
    *,
    metric: str,
    outcome: str = "mean9",
    covariates: Sequence[str] = (),
    encoder: str | None = None,
    english: bool = True,
    where: Mapping[str, object] | None = None,
    permutations: int = 10_000,
    bootstrap: int = 1000,
    alpha: float = 0.05,
    seed: int = 0,
    details: bool = True,
) -> Fit:
    """Hold the diversity of mixtures against their accuracy.

    `results` has the columns `mixture, target, language, seed, metric, value` (any others may be chosen from by
    `where`), `scores` has `mixture, metric, value`, as `diversity score --format csv` writes: DataFrames, CSV or
    Parquet. A mixture is task names joined by `+`, or a name with its tasks in a column `tasks` (and `weights`).
    `outcome` is mean9, mean7 (without retrieval), retrieval, mean (of the targets there are) or one target; question
    answering counts as the mean of exact match and F1; with `english` false its languages are the others.

    The primary test permutes the tasks' labels (all ways up to nine tasks, else `permutations` drawn) where the design
    is closed under relabelling, else it is REML with a random effect of each task. Both compare mixtures of one size.
    `covariates` are k, entropy, log_budget, single_mean, numeric columns, or other metrics of the scores; with them the
    permutation is Freedman and Lane's, approximate. The verdict needs p <= `alpha` and, where the tasks were also trained
    alone, the same given the mean of the members' single outcomes. Without `details` only the default methods are tabled.

    Raises InputError, one line, for tables that cannot be used.
    """
    _check(alpha, permutations, bootstrap)
    table, runs = tables.scores_of(scores), tables.outcomes_of(results, english=english, where=where)
    made = study(runs, table, metric=metric, outcome=outcome, encoder=encoder)
    rng = np.random.default_rng(seed)
    laid, z = model.design(made, covariates), model.standardised(made.x)
    found = model.estimate(made, laid, permutations=permutations, alpha=alpha, rng=rng)
    members, why = model.against_members(made, z=z, covariates=covariates, permutations=permutations, rng=rng)
    predicted = predictive.table(made)
    r2 = dict(zip(predicted["predictor"], predicted["r2_leave_one_task_out"], strict=True))
    least = _detectable(made, laid, z, found, alpha, rng)
    made_tables = {
        "methods": methods.table(made, z, laid, found, all_methods=details),
        "predictive": predicted,
        "members": _members(found, members),
        "mixtures": _mixtures(made),
    }
    spread = {"sd_task": float(found.reml.sd_task[0]), "sd_noise": float(found.reml.sd_noise[0])}
    made_tables["design"] = power.design_table(made.weights, made.x, **spread, least=least)
    if details:
        made_tables |= _details(made, laid, z, found, covariates, bootstrap, rng)
        made_tables["specifications"] = _specifications(runs, table, made)
        made_tables["targets_by_metric"] = specification.targets_by_metric(runs, table, outcome=outcome)
    return Fit(
        made.metric, outcome, len(made.tasks), len(made.mixtures), found.slope, found.low, found.high,
        found.p_permutation, found.p_reml, correlation.naive_p(made.x, made.y),
        correlation.pearson(made.x, made.y), correlation.spearman(made.x, made.y), correlation.kendall(made.x, made.y),
        r2["diversity"], {n: _known(r2[n]) for n in predictive.baselines(made)},
        least, model.verdict(found, members, alpha), made_tables,
        (*made.notes, *laid.notes, *_notes(made, found, members, why, alpha)),
    )  # fmt: skip


def _check(alpha: float, permutations: int, bootstrap: int) -> None:
    if not 0 < alpha < 1:
        raise InputError(f"expected alpha between 0 and 1, found {alpha}")
    if permutations < 100 or bootstrap < 100:
        raise InputError(f"expected at least 100 permutations and draws, found {min(permutations, bootstrap)}")


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _detectable(
    made: tables.Study, laid: model.Design, z: Array, found: model.Estimate, alpha: float, rng: np.random.Generator
) -> float:
    """By the primary test, with the spread of tasks and noise that REML found here."""
    method: power.Method = "permutation" if found.method.startswith("task-label") else "reml"
    return power.detectable(
        made.weights, z, laid.fixed, sd_task=float(found.reml.sd_task[0]), sd_noise=float(found.reml.sd_noise[0]),
        alpha=alpha, method=method, rng=rng,
    )  # fmt: skip


def _details(
    made: tables.Study, laid: model.Design, z: Array, found: model.Estimate,
    covariates: Sequence[str], bootstrap: int, rng: np.random.Generator,
) -> dict[str, pd.DataFrame]:  # fmt: skip
    import pandas as pd

    by_target = targets.table(made, z, covariates)
    single = by_target[by_target["kind"] == "target"]
    differ = targets.heterogeneity(single["slope"].to_numpy(float), single["se"].to_numpy(float))
    grid = np.linspace(made.x.min(), made.x.max(), 50)
    return {
        "correlations": correlation.correlations(made.weights, made.x, made.y, laid.fixed, draws=bootstrap, rng=rng),
        "partial": _partial(made),
        "targets": by_target,
        "heterogeneity": pd.DataFrame([differ]),
        "languages": targets.languages(made),
        "shapes": correlation.shapes(made.weights, made.x, made.y),
        "prediction": correlation.prediction(made.weights, made.x, made.y, grid),
        "influence": influence.table(made, z, covariates),
        "cook": influence.mixtures(made, z, laid.fixed),
        "choosing": ranking.table(made),
        "measurement": reliability.table(made, laid.fixed, rng=rng),
        "degenerate": reliability.degenerate(made.runs),
        "left_out": made.left_out,
    }


def _partial(made: tables.Study) -> pd.DataFrame:
    """Partial correlations given each baseline: `given, r, p, df`, the p-value naive."""
    import pandas as pd

    rows = []
    for name, values in predictive.baselines(made).items():
        keep = made.k > 1 if name == "single_mean" else np.ones(len(made.x), dtype=bool)
        if values is not None and keep.sum() > 4 and np.ptp(values[keep]) > 0 and np.ptp(made.x[keep]) > 0:
            r, p, df = correlation.partial(made.x[keep], made.y[keep], values[keep][:, None])
            rows.append((name, r, p, df))
    return pd.DataFrame(rows, columns=["given", "r", "p_naive", "df"])


def _mixtures(made: tables.Study) -> pd.DataFrame:
    import pandas as pd

    columns = {"mixture": made.mixtures, "k": made.k.astype(int), "diversity": made.x, "outcome": made.y}
    return pd.DataFrame({**columns, "single_mean": made.single_mean})


def _members(found: model.Estimate, members: model.Estimate | None) -> pd.DataFrame:
    import pandas as pd

    rows = [("nothing", found), ("members' single outcomes", members)]
    return pd.DataFrame(
        [(given, e.slope, e.low, e.high, e.p, e.method) for given, e in rows if e is not None],
        columns=["given", "slope", "low", "high", "p", "method"],
    )


def _specifications(runs: tables.Outcomes, table: tables.Scores, made: tables.Study) -> pd.DataFrame:
    outcomes = list(dict.fromkeys([made.outcome, *targets.groups(made)]))
    return specification.specifications(runs, table, outcomes=outcomes)


def _notes(
    made: tables.Study, found: model.Estimate, members: model.Estimate | None, why: str, alpha: float
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
            f"no permutation of the labels of these {len(made.tasks)} tasks can reach p = {alpha:g}: the design is too small"
        )
    if np.ptp(made.y) == 0:
        notes.append("the outcome is the same for all mixtures: there is nothing to explain")
    return notes
