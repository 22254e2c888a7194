"""What the report says in words: outcomes, metrics, baselines, and the methods of a paper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.reporting.page import Paragraph, Section, cell
from diversity.stats import sentences
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.compare import Comparison
    from diversity.stats.fit import Fit

OUTCOMES = {
    "mean9": "the mean of the nine targets of XTREME",
    "mean7": "the mean of the seven targets of XTREME that are not retrieval",
    "retrieval": "the mean of the two retrieval targets of XTREME",
    "mean": "the mean of all targets of the results",
}
BASELINES = (
    "Diversity has to beat what is known without it: k, the number of tasks; log_budget, the logarithm of the training "
    "examples; single_mean, the mean of what the members of a mixture reach alone. A dash stands where a predictor is not "
    "known or is the same for all mixtures that are judged."
)
CHECKS: Mapping[str, str] = {
    "predictive": "Predictive R²: mixtures without a task (without a target) predict those with it; below 0 is worse than "
    "the mean. With single_mean, all are judged on mixtures of several tasks.",
    "members": "The slope, and the slope given what each task is worth (the shares of the tasks are fixed effects).",
    "correlations": "Correlations over mixtures of all sizes; low and high over new tasks and new noise; naive: as if "
    "mixtures were independent.",
    "partial": "Partial correlations of diversity and outcome given each baseline (p naive).",
    "shapes": "Is the relation a line? R² of a line, of a parabola (p of its curvature) and of the best monotone fit.",
    "ranking": "Were the mixtures of greatest score trained: quality of the ranking (NDCG, 1 is perfect) and points lost "
    "against the best mixture when the best of the first 1, 3 or 5 is kept (regret).",
    "measurement": "Measurement: reliability is the share of variance that is not error; corrected_slope undoes the "
    "flattening by errors of the score, slope_sd is what they make of the slope; ceiling is the greatest |r| that noise of "
    "the seeds leaves.",
}


def outcome(name: str) -> str:
    """What an outcome is.

    >>> outcome("mean9"), outcome("xnli")
    ('the mean of the nine targets of XTREME', 'one target')
    """
    return OUTCOMES.get(name, "one target")


def metric(name: str) -> str:
    """What a metric is, where it is one of the toolkit's.

    >>> metric("hill(q=1)").startswith("hill(q=1)")
    True
    >>> metric("mine")
    'The primary metric is mine, which is not one of the toolkit: its scores were given.'
    """
    try:
        described, options = catalog.parse_metric(name)
    except InputError:
        return f"The primary metric is {name}, which is not one of the toolkit: its scores were given."
    said = f"{name}: {described.formula.rstrip('.')}; range {described.range}. {described.reference.rstrip('.')}."
    if not described.size_dependent:
        return said
    rest = "; the U estimate does not" if described.unbiased(**options) else ""
    return f"{said} The plain estimate grows with the number of texts that it is measured on{rest}."


def methods(
    fit: Fit | str, comparison: Comparison | str, runs: pd.DataFrame, settings: Mapping[str, object]
) -> Section:
    """Paragraph for a paper: every sentence is of what was done here."""
    title = "Methods, ready for a paper"
    if isinstance(fit, str):
        why = f"The methods text cannot be shown: {fit.rstrip('.')}."
        return Section("methods", title, (Paragraph(why, "missing"),))
    closing = f"Draws are seeded ({settings.get('seed')}). Computed with diversity {settings.get('version')}."
    parts = (_measured(fit, runs), _tested(fit, settings), _besides(fit), _compared(comparison), closing)
    return Section("methods", title, tuple(Paragraph(part) for part in parts if part))


def _measured(fit: Fit, runs: pd.DataFrame) -> str:
    counts = {name: runs[name].nunique() for name in ("target", "language", "seed")}
    there = ", ".join(f"{n} {name}{'' if n == 1 else 's'}" for name, n in counts.items())
    english = "" if set(runs["language"]) == {"en"} or "en" not in set(runs["language"]) else ", English included"
    span = [t for t in catalog.targets() if catalog.task(t).kind == "span" and t in set(runs["target"])]
    answers = " question answering counts as the mean of exact match and F1," if span else ""
    return (
        f"We scored the semantic diversity of {sentences.count(fit.n_mixtures, 'mixture')} made of {fit.n_tasks} English "
        f"tasks with {fit.metric} and related it to {fit.outcome}, {outcome(fit.outcome)} (results: {there};{answers} "
        f"each target as the mean over its languages{english}, and over seeds)."
    )


def _tested(fit: Fit, settings: Mapping[str, object]) -> str:
    if math.isnan(fit.p):
        return f"The effect was not tested: {fit.why}."
    how = (
        "a permutation of the tasks' labels: outcomes stay, the tasks exchange their texts, and the diversity of each "
        f"relabelled mixture is known ({fit.primary.partition('(')[2].rstrip(')')}); its interval holds the slopes that it "
        "does not reject. It is exact where it does not matter to outcomes which task bears which texts"
        if math.isfinite(fit.p_permutation)
        else "restricted maximum likelihood with a random effect of each task, its t compared with a parametric bootstrap "
        "under the fitted null; its interval holds the slopes that it does not reject"
    )
    members = fit.tables["members"]
    given = settings.get("covariates", "none")
    covariates = "" if given == "none" else f" Covariates in the regression: {given}."
    alone = (
        " and holds given what each task is worth, the single tasks being among the mixtures"
        if len(members) > 1
        else ""
    )
    return (
        "Mixtures share tasks, so the task, not the mixture, is the unit of chance. The primary test is "
        f"{how}. It compares mixtures of one size.{covariates} Slopes are for one standard deviation of diversity within "
        f"mixtures of one size, with {sentences.level(fit.alpha)} intervals. An effect counts as established where p is at "
        f"most {cell(fit.alpha)}{alone}."
    )


def _besides(fit: Fit) -> str:
    least = fit.minimum_detectable_slope
    model = (
        "a multi-membership mixed model (REML, a random effect of each task) and "
        if math.isfinite(fit.p_permutation)
        else ""
    )
    power = (
        f"With the spread estimated, the verdict shows a slope of {sentences.number(least)} with 80 % power (simulated). "
        if math.isfinite(least)
        else ""
    )
    return (
        f"{power}Beside it we report {model}ordinary regression, which takes mixtures that share tasks as independent; "
        "slopes of single targets with p-values corrected by Holm (1979) and by Benjamini and Hochberg (1995); and every "
        "specification that these tables allow (Simonsohn et al. 2020)."
    )


def _compared(comparison: Comparison | str) -> str:
    if isinstance(comparison, str):
        return ""
    region = (
        ""
        if math.isnan(comparison.rope)
        else f" Differences within {sentences.number(comparison.rope)} count as practically none."
    )
    return (
        f"We also compared the most with the least diverse mixtures in {sentences.count(comparison.n_pairs, 'pair')} of the "
        f"same number of tasks (and budget, where known).{region}"
    )
