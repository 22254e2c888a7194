"""`fit`: is the diversity of mixtures related to their accuracy?"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity.display import numbers
from diversity.display.summary import Summary
from diversity.stats import (
    correlation,
    influence,
    methods,
    model,
    power,
    predictive,
    ranking,
    reliability,
    sentences,
    specification,
    targets,
    trials,
)
from diversity.stats.analysis import Analysis
from diversity.stats.calibration import calibrated
from diversity.stats.declared import as_declared, bound
from diversity.stats.multimembership import basis
from diversity.stats.result import Result
from diversity.studies.outcomes import Outcomes, read_outcomes
from diversity.studies.scores import Scores, read_scores
from diversity.studies.study import Study, read_study
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

BOOTSTRAP = 1000  # draws for the intervals of correlations
DRAWS = 300  # trials of each slope of the power curve


@dataclass(frozen=True, repr=False)
class Fit(Result):
    """The answer for one metric and one outcome.

    `slope_per_sd` is in outcome units (accuracy points) for one standard deviation of diversity within mixtures of one
    size (`sd`, in units of the metric), `low` to `high` its interval of level 1 - `alpha`: the slopes that the primary test
    does not reject, some between them being rejected where `gaps`. `p` is that of the primary test, whose name is
    `primary`, with its Monte-Carlo error `p_error`; all are nan where there is no test, for the reason `why`.
    `p_permutation` (task labels; nan where they are not permuted), `p_reml` (multi-membership random effects, parametric
    bootstrap) and `p_ols_naive` (ordinary regression: mixtures that share tasks taken as independent). `plain_slope` is
    that of regression within sizes. Correlations are over the mixtures; `r2_leave_one_task_out` is predictive, and
    `baselines` the same of what diversity must beat (None where the tables do not have it).
    `minimum_detectable_slope` is that which the verdict shows with 80 % power. `verdict` is positive where more diverse
    mixtures did better: a negative slope where lower outcomes are better. Up to `rope`, where it was declared, a slope
    counts as practically none. The `tables` are DataFrames by name, `notes`
    what a reader must know.
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
    primary: str
    p: float
    p_error: float
    alpha: float
    sd: float
    plain_slope: float
    gaps: bool
    lower_is_better: bool
    in_points: bool
    why: str
    rope: float = math.nan

    def to_frame(self) -> pd.DataFrame:
        """The slope by every method, the primary one marked."""
        return self.tables["methods"]

    @property
    def established(self) -> bool:
        """Is there an effect of either sign?"""
        return self.verdict != "not established"

    @property
    def sentence(self) -> str:
        """The verdict in words that follow from the numbers."""
        return sentences.of_fit(self)

    @property
    def card(self) -> Summary:
        """What a reader sees first."""
        return sentences.card_of_fit(self)


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

    The primary test permutes the tasks' labels (all ways up to nine tasks, else as many as are drawn): outcomes stay,
    and the diversity of each relabelled mixture is looked up in the scores, where they have all mixtures that relabelling
    makes, or computed by the `scorers` of the analysis. Where
    that cannot be had, or the mixtures were chosen by their diversity, it is REML with a random effect of each task and a
    parametric bootstrap; where there are too few mixtures for that, there is no test. All compare mixtures of one size.
    The verdict needs p <= alpha and, where the tasks were also trained alone, the same
    given what each task is worth. Without `details` only the default methods are tabled.

    Parameters
    ----------
    results
        Results with the columns `mixture, target, language, seed, metric, value`: a table (pandas, polars or Arrow), a
        CSV or Parquet file, or results that are checked already.
    scores
        Scores with the columns `mixture, metric, value`, as `score` returns them: a table, a file, or checked scores.
    metric
        The primary metric: one of the scores, chosen before the results were seen.
    outcome
        `mean9`, `mean7`, `retrieval`, `mean`, or a target.
    covariates
        `k`, `entropy`, `log_budget`, `single_mean`, `tasks`, columns of numbers, other metrics.
    seed
        Seed of all chance here.
    analysis
        How the question is asked and tested; the defaults do for most studies.
    details
        Whether all methods and tables are computed, or the default ones alone.

    Returns
    -------
    Fit
        Verdict, slope, interval, p, smallest slope that would have been found, and tables.

    Raises
    ------
    InputError
        For tables that cannot be used. One line: what was expected, what was found, and where.

    Examples
    --------
    >>> import pandas as pd
    >>> import diversity
    >>> tasks = ["mnli", "qqp", "squad_v1", "ccg"]
    >>> scores = diversity.score(tasks, mixtures=tasks, metrics=["cosine"], intervals=False)
    >>> rows = [(t, "xnli", "en", s, "accuracy", 60 + i + s) for i, t in enumerate(tasks) for s in (1, 2)]
    >>> results = pd.DataFrame(rows, columns=["mixture", "target", "language", "seed", "metric", "value"])
    >>> diversity.fit(results, scores, metric="cosine", outcome="xnli", details=False).verdict
    'not established'
    """
    import pandas as pd

    asked = (analysis or Analysis()).changed(outcome=outcome, covariates=covariates, seed=seed)
    metric, asked = as_declared(metric, asked)
    runs = read_outcomes(results, english=asked.english, where=asked.where, lower_is_better=asked.lower_is_better)
    testers = model.Testers(read_scores(scores), asked)
    study = read_study(runs, testers.scores, metric=metric, outcome=asked.outcome, encoder=asked.encoder)
    asked = asked.changed(outcome=study.outcome)
    tester = testers.of(study.metric, study.encoder)
    design = model.design_matrix(study, asked.covariates)
    estimate = tester.estimates(study, covariates=asked.covariates)
    members, why = model.against_members(study, tester, estimate)
    rng = np.random.default_rng(asked.seed)
    reml = _reml(study, design, rng)
    spread = trials.Spread(task=reml["sd_task"], noise=reml["sd_noise"])
    curve = _power(study, tester, estimate, members)
    least = power.least_of(curve)
    predicted = predictive.table(study)
    r2 = dict(zip(predicted["predictor"], predicted["r2_leave_one_task_out"], strict=True))
    tables = {
        "methods": methods.table(study, design, estimate, alpha=asked.alpha, all_methods=details),
        "predictive": predicted,
        "members": _members(estimate, members),
        "mixtures": _mixtures(study),
        "design": power.design_table(study.weights, study.x, spread, least=least),
        "power": pd.DataFrame(sorted(curve or ()), columns=["slope", "power"]),
        "null": _null(estimate),
    }
    if details:
        tables |= _details(study, design, tester, rng)
        outcomes = list(dict.fromkeys([study.outcome, *targets.groups(study)]))
        with contextlib.suppress(InputError):  # where no metric of the table can be tested, the notes say why
            tables["specifications"] = specification.specifications(runs, testers, outcomes=outcomes)
        tables["targets_by_metric"] = specification.targets_by_metric(runs, testers, outcome=asked.outcome)
    p, labels = float(estimate.p[0]), estimate.labels is not None
    fitted = Fit(
        metric=study.metric,
        outcome=study.outcome,
        n_tasks=len(study.tasks),
        n_mixtures=len(study.mixtures),
        slope_per_sd=float(estimate.slope[0]),
        low=float(estimate.low[0]),
        high=float(estimate.high[0]),
        p_permutation=p if labels else math.nan,
        p_reml=p if estimate.choice.test == "bootstrap" else reml["p"],
        p_ols_naive=correlation.naive_p(study.x, study.y),
        pearson=correlation.pearson(study.x, study.y),
        spearman=correlation.spearman(study.x, study.y),
        kendall=correlation.kendall(study.x, study.y),
        r2_leave_one_task_out=r2["diversity"],
        baselines={n: float(r2[n]) if math.isfinite(r2[n]) else None for n in predictive.baselines(study)},
        minimum_detectable_slope=least,
        verdict=model.verdict(estimate, members, alpha=asked.alpha, lower_is_better=study.lower_is_better),
        primary=estimate.method,
        p=p,
        p_error=float(estimate.p_error[0]),
        alpha=asked.alpha,
        sd=study.sd,
        plain_slope=_plain_slope(study, design),
        gaps=bool(estimate.gaps[0]),
        lower_is_better=study.lower_is_better,
        in_points=study.in_points,
        why=estimate.choice.why,
        rope=math.nan if asked.rope is None else asked.rope,
        tables=tables,
        notes=(*study.notes, *design.notes, *_notes(study, tester, estimate, members, why)),
    )
    return bound(fitted, asked)


def _reml(study: Study, design: model.DesignMatrix, rng: np.random.Generator) -> dict[str, float]:
    """The spread of tasks and noise by the multi-membership model, and its calibrated p; nan where it cannot be fitted."""
    try:
        fitted = calibrated(study.weights, study.z, study.y, design.fixed, rng=rng)
    except InputError:
        return dict.fromkeys(("sd_task", "sd_noise", "p"), math.nan)
    return {
        "sd_task": float(fitted.fitted.sd_task[0]), "sd_noise": float(fitted.fitted.sd_noise[0]), "p": float(fitted.p()[0])
    }  # fmt: skip


def _plain_slope(study: Study, design: model.DesignMatrix) -> float:
    """The slope of ordinary regression given the fixed effects; nan where diversity does not vary given them."""
    if not design.varies:
        return math.nan
    q = basis(design.fixed)
    left = study.z - q @ (q.T @ study.z)
    return float(left @ study.y / (left @ left))


def _power(
    study: Study, tester: model.Tester, estimate: model.Estimates, members: model.Estimates | None
) -> list[tuple[float, float]] | None:
    """Slopes, and how often the verdict would show each in outcomes such as these; None where there is no test."""
    if estimate.choice.test == "none" or np.ptp(study.y) == 0:
        return None
    asked = tester.question(study, tester.analysis.covariates, few=True)
    fixed = [asked.design.fixed]
    if members is not None:
        fixed.append(np.column_stack([*fixed, study.weights]))
    rng = np.random.default_rng(tester.analysis.seed)
    if asked.relabelled is not None:
        left = study.y - float(estimate.slope[0]) * study.z
        repeated = trials.dealt(asked.relabelled, left, fixed, draws=DRAWS, rng=rng)
    else:
        repeated = trials.drawn(study.weights, study.z, study.y, fixed, draws=DRAWS, rng=rng)
    if members is not None and math.isnan(members.p[0]):  # a question that is to be asked, and cannot be
        repeated = replace(repeated, tests=(trials.never,))
    return power.curve(repeated, alpha=tester.analysis.alpha)


def _null(estimate: model.Estimates, bins: int = 60) -> pd.DataFrame:
    """The slopes that relabelled tasks give, as shares of bins: `slope, share`; no rows where labels are not permuted."""
    import pandas as pd

    if estimate.labels is None:
        return pd.DataFrame({"slope": [], "share": []})
    slopes = estimate.labels.relabelled_slopes(np.zeros(len(estimate.labels.yy)))[0][0]
    counts, edges = np.histogram(slopes[np.isfinite(slopes)], bins=bins)
    return pd.DataFrame({"slope": (edges[:-1] + edges[1:]) / 2, "share": counts / max(counts.sum(), 1)})


def _details(
    study: Study, design: model.DesignMatrix, tester: model.Tester, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """Every table beside those of the default methods."""
    import pandas as pd

    level = 1 - tester.analysis.alpha
    by_target, differ = targets.table(study, tester)
    grid = np.linspace(study.x.min(), study.x.max(), 50)
    draws = tester.analysis.bootstrap or BOOTSTRAP
    fixed = design.fixed if design.varies else np.ones((len(study.x), 1))
    return {
        "correlations": correlation.correlations(
            study.weights, study.x, study.y, fixed, level=level, draws=draws, rng=rng
        ),
        "partial": _partial(study),
        "targets": by_target,
        "heterogeneity": pd.DataFrame([differ]),
        "languages": targets.languages(study, tester),
        "shapes": correlation.shapes(study.weights, study.x, study.y),
        "prediction": correlation.prediction(study.weights, study.x, study.y, grid, level),
        "influence": influence.table(study, tester),
        "cook": influence.mixtures(study, fixed),
        "ranking": ranking.table(study),
        "measurement": reliability.table(study, fixed, rng=rng),
        "degenerate": reliability.degenerate(study.runs, lower_is_better=study.lower_is_better),
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


def _members(estimate: model.Estimates, members: model.Estimates | None) -> pd.DataFrame:
    import pandas as pd

    rows = [("nothing", estimate), ("what each task is worth", members)]
    numbers = [(given, *(float(v[0]) for v in (e.slope, e.low, e.high, e.p)), e.method) for given, e in rows if e]
    return pd.DataFrame(numbers, columns=["given", "slope", "low", "high", "p", "method"])


def _notes(
    study: Study, tester: model.Tester, estimate: model.Estimates, members: model.Estimates | None, why: str
) -> list[str]:
    alpha, notes = tester.analysis.alpha, [why] if why else []
    p = float(estimate.p[0])
    if (
        members is not None
        and p <= alpha
        and math.isfinite(members.p[0])
        and model.verdict(estimate, members, alpha=alpha) == "not established"
    ):
        slope, given = float(members.slope[0]), numbers.p_value(float(members.p[0]))
        notes.append(f"the slope does not hold given what each task is worth ({numbers.signed(slope)}, {given})")
    if estimate.choice.test == "bootstrap":
        relabelled = tester.relabelled(study)
        reason = "the mixtures were chosen by their diversity" if tester.chosen(study) else relabelled
        if not isinstance(reason, str):
            reason = "the scores of relabelled mixtures are not known of each covariate that is a score"
        notes.append(f"the primary test is REML with a parametric bootstrap, for {reason}")
    if estimate.labels is not None and p > alpha and not math.isfinite(float(estimate.low[0])):
        notes.append(
            f"no permutation of the labels of these {len(study.tasks)} tasks can reach p = {alpha:g}: the design is too small"
        )
    if estimate.gaps[0]:
        notes.append("some slopes within the interval are rejected: with few tasks it has gaps")
    if np.ptp(study.y) == 0:
        notes.append("the outcome is the same for all mixtures: there is nothing to explain")
    return notes
