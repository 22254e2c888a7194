"""What the report says in words: outcomes, metrics, baselines, and the methods of a paper."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.display import numbers
from diversity.display.numbers import amount, count, listed
from diversity.reporting.page import Paragraph, Section
from diversity.stats.declared import GROUPS
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.compare import Comparison
    from diversity.stats.fit import Fit
    from diversity.studies.outcomes import Outcomes

OUTCOMES = {
    "mean9": "the mean of the nine targets of XTREME",
    "mean7": "the mean of the seven targets of XTREME that are not retrieval",
    "retrieval": "the mean of the two retrieval targets of XTREME",
    "mean": "the mean of all targets of the results",
}
BROKEN = "fine-tuning probably failed"  # in the note on runs that score the same in every language
BASELINES = (
    "What diversity has to beat: the number of tasks, the number of training examples, and the mean of what the tasks of a "
    "mixture reach alone. A dash: not known, or the same for all mixtures."
)
# Of each table of the checks: what it asks, and its caption.
CHECKS: Mapping[str, tuple[str, str]] = {
    "predictive": (
        "Does diversity predict mixtures with a task it has not seen?",
        "Predictive R²: mixtures without a task (or a target) predict those with it. Below 0 is worse than the mean.",
    ),
    "members": (
        "Does the slope hold, allowing for what each task is worth?",
        "The slope, and the slope with the shares of the tasks as fixed effects.",
    ),
    "correlations": (
        "Correlations over mixtures of all sizes",
        "Intervals are over new tasks and new noise; as if independent: as if mixtures shared no tasks.",
    ),
    "partial": ("Correlations allowing for each baseline", "Partial correlations of diversity and outcome."),
    "shapes": (
        "Is the relation a line?",
        "R² of a line, of a parabola (p of its curvature), and of the best rising or falling curve.",
    ),
    "ranking": (
        "If you had trained only the most diverse mixtures",
        "Had you trained only the 1, 3 or 5 first by each ranking: points lost against the best mixture, and the quality of "
        "the ranking (1 is perfect).",
    ),
    "measurement": (
        "How exact are the scores and the outcomes?",
        "Reliability is the share of variance that is not error; the ceiling is the greatest correlation that the noise of "
        "seeds leaves.",
    ),
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
    values = described.range.replace("inf", "∞")
    said = f"{name}: {described.formula.rstrip('.')}; range {values}. {described.reference.rstrip('.')}."
    if not described.size_dependent:
        return said
    rest = "; the U estimate does not" if described.unbiased(**options) else ""
    return f"{said} The plain estimate grows with the number of texts{rest}."


@dataclass(frozen=True)
class Materials:
    """What a methods section names: the results, the scores of the primary metric, and the settings of the analysis."""

    outcomes: Outcomes
    primary: pd.DataFrame
    settings: Mapping[str, object]


def methods(fit: Fit | str, comparison: Comparison | str, materials: Materials) -> Section:
    """Paragraphs for a paper: every sentence is of what was done here."""
    title = "Methods, ready for a paper"
    if isinstance(fit, str):
        why = f"The methods text cannot be shown: {fit.rstrip('.')}."
        return Section("methods", title, (Paragraph(why, "missing"),))
    settings = materials.settings
    closing = f"Random draws used seed {settings.get('seed')}. Computed with diversity {settings.get('version')}."
    parts = (
        _texts(fit, materials), _trained(fit, materials), _tested(fit, settings), _reported(fit), _compared(comparison),
        closing,
    )  # fmt: skip
    said = "What was done, in sentences to copy. Parts in square brackets are not in the tables: fill them in."
    return Section("methods", title, (Paragraph(said, "intro"), *(Paragraph(part) for part in parts if part)))


def _texts(fit: Fit, materials: Materials) -> str:
    """How diversity was measured: metric, encoder, texts."""
    import pandas as pd

    scores = materials.primary
    encoders = sorted({str(name) for name in scores["encoder"] if str(name)}) if "encoder" in scores else []
    encoder = f"the sentence encoder {encoders[0]}" if len(encoders) == 1 else "the sentence encoder [name]"
    texts = "[number] texts"
    counts = pd.to_numeric(scores["n"], errors="coerce") if "n" in scores else pd.Series([math.nan])
    if counts.notna().all():
        least, most = int(counts.min()), int(counts.max())
        texts = f"{least:,} texts" if least == most else f"{least:,} to {most:,} texts"
    return (
        f"We measured the semantic diversity of {count(fit.n_mixtures, 'mixture')} of {fit.n_tasks} English tasks with "
        f"{fit.metric}, on {texts} of each mixture, embedded with {encoder}."
    )


def _trained(fit: Fit, materials: Materials) -> str:
    """What was trained and evaluated: model, design, targets."""
    runs, rows = materials.outcomes.runs, materials.outcomes.rows
    models = sorted({str(name) for name in rows["model"] if str(name)}) if "model" in rows else []
    model = models[0] if len(models) == 1 else f"[{count(len(models), 'model')}]" if models else "[model]"
    sizes = sorted(set(fit.tables["mixtures"]["k"]))
    span = f"{sizes[0]} to {sizes[-1]}" if len(sizes) > 3 else listed([str(size) for size in sizes], "or")
    tasks = "1 task" if sizes == [1] else f"{span} tasks"
    roles = (
        [r for r in dict.fromkeys(rows["role"].astype(str)) if r not in ("", "nan", "None")] if "role" in rows else []
    )
    chosen = f" (roles in the design: {', '.join(roles)})" if roles else ""
    counts = [*(count(runs[name].nunique(), name) for name in ("target", "language")), seeds(runs)]
    english = "" if "en" not in set(runs["language"]) or set(runs["language"]) == {"en"} else ", English included"
    spans = [t for t in catalog.targets() if catalog.task(t).kind == "span" and t in set(runs["target"])]
    answers = " Question answering counts as the mean of exact match and F1." if spans else ""
    return (
        f"{model} was trained on each mixture of {tasks}{chosen}, then on each target in English. It was evaluated in the "
        f"other languages without further training ({', '.join(counts)}). The outcome is {fit.outcome}, "
        f"{outcome(fit.outcome)}; each target is the mean over its languages{english}, and over seeds.{answers}"
    )


def seeds(runs: pd.DataFrame) -> str:
    """The number of seeds, and where the targets have not as many, the fewest and the most.

    >>> import pandas as pd
    >>> seeds(pd.DataFrame({"target": ["xnli", "xnli", "xquad"], "seed": [1, 2, 1]}))
    '1 to 2 seeds'
    """
    of_targets = runs.groupby("target")["seed"].nunique()
    fewest, most = int(of_targets.min()), int(of_targets.max())
    return count(most, "seed") if fewest == most else f"{fewest} to {count(most, 'seed')}"


def _tested(fit: Fit, settings: Mapping[str, object]) -> str:
    if math.isnan(fit.p):
        return f"The effect was not tested: {fit.why}."
    how = (
        "permutes the labels of the tasks: outcomes stay, tasks exchange their texts, and the diversity of each relabelled "
        f"mixture is known ({fit.primary.partition('(')[2].rstrip(')')}). It is exact if which task has which texts does not "
        "matter to outcomes"
        if math.isfinite(fit.p_permutation)
        else "fits a random effect of each task by restricted maximum likelihood, and compares its t with a parametric "
        "bootstrap under the fitted null"
    )
    given = settings.get("covariates", "none")
    covariates = "" if given == "none" else f" Covariates in the regression: {given}."
    alone = ", and the effect holds allowing for what each task is worth" if len(fit.tables["members"]) > 1 else ""
    return (
        "Mixtures share tasks, so the task, not the mixture, is the unit of chance. The primary test "
        f"{how}. It compares mixtures of one size.{covariates} Slopes are for one standard deviation of diversity within "
        f"mixtures of one size. The {numbers.level(fit.alpha)} intervals contain the slopes that the test does not reject. "
        f"An effect counts as established where p is at most {numbers.number(fit.alpha).removeprefix('0')}{alone}."
    )


def _reported(fit: Fit) -> str:
    least = fit.minimum_detectable_slope
    model = (
        "a multi-membership mixed model (REML, a random effect of each task), "
        if math.isfinite(fit.p_permutation)
        else ""
    )
    units = " points" if fit.in_points else ""
    power = (
        f"By simulation with the estimated spread, a slope of {amount(least, points=fit.in_points)}{units} is detected with "
        "80 % power. "
        if math.isfinite(least)
        else ""
    )
    return (
        f"{power}We also report {model}ordinary regression, which treats mixtures that share tasks as independent; slopes of "
        "single targets, corrected by Holm (1979) and by Benjamini and Hochberg (1995); and every specification that the "
        "tables allow (Simonsohn et al. 2020)."
    )


def _compared(comparison: Comparison | str) -> str:
    if isinstance(comparison, str):
        return ""
    c = comparison
    units = " points" if c.in_points else ""
    region = (
        "" if math.isnan(c.rope) else f" Differences up to {amount(c.rope, points=c.in_points)}{units} count as none."
    )
    sides = (
        "declared diverse and homogeneous mixtures" if c.metric == GROUPS else "the most and the least diverse mixtures"
    )
    return (
        f"We also compared {sides} in {count(c.n_pairs, 'pair')} with the same number of tasks (and training examples, where "
        f"known).{region}"
    )
