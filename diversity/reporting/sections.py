"""The sections of the report: each a pure function from what was found to text, tables and figures.

Every sentence follows from the numbers; a part that cannot be shown is explained where it would stand.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from diversity.reporting import plots, words
from diversity.reporting.page import Block, Figure, Paragraph, Section, Table, cell
from diversity.stats import sentences

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.compare import Comparison
    from diversity.stats.fit import Fit
    from diversity.studies.outcomes import Outcomes

QUESTION = (
    "Does the semantic diversity of the English intermediate tasks change zero-shot cross-lingual accuracy, compared with "
    "task-homogeneous training?"
)
WHOLE = "(nothing)"  # left out


@dataclass(frozen=True)
class Findings:
    """What a report tells: the fit and the comparison, or why there is none; the results; the scores of the primary metric
    by mixture, and all scores."""

    fit: Fit | str
    comparison: Comparison | str
    outcomes: Outcomes
    primary: pd.DataFrame
    scores: pd.DataFrame


def of(findings: Findings, note: str = "") -> list[Section]:
    """The sections of the findings, in their order; a new section is a function below and a line here."""
    fit, runs = findings.fit, findings.outcomes.runs
    left_out = findings.outcomes.failed if isinstance(fit, str) else fit.tables["left_out"]
    degenerate = None if isinstance(fit, str) else fit.tables["degenerate"]
    return [
        verdict(fit, findings.comparison, runs, note),
        design(fit, runs),
        mixtures(findings.primary, findings.scores, set(runs["mixture"])),
        accuracy(runs),
        compared(findings.comparison),
        slopes(fit),
        retrieval(fit),
        specifications(fit),
        influence(fit),
        checks(fit),
        failed(left_out, degenerate),
    ]


def missing(part: str, why: str) -> Paragraph:
    """What stands in the place of a part that cannot be shown."""
    return Paragraph(f"{part} cannot be shown: {why.rstrip('.')}.", "missing")


def verdict(fit: Fit | str, comparison: Comparison | str, runs: pd.DataFrame, note: str = "") -> Section:
    """The question, the answer in a sentence, and what a reader must know of these results; first of all a note, if any."""
    warnings = [Paragraph(text, "missing") for text in cautions(runs)]
    blocks: list[Block] = [Paragraph(QUESTION), *([Paragraph(note, "missing")] if note else [])]
    if isinstance(fit, str):
        lead = Paragraph("Not established.", "lead")
        return Section("verdict", "Verdict", (*blocks, lead, missing("A slope", fit), *warnings))
    answer = "Not established."
    if fit.verdict != "not established":
        better = "better" if fit.verdict == "positive" else "worse"
        answer = f"In these runs, yes: more diverse mixtures did {better}."
    blocks += [Paragraph(f"{answer} {fit.sentence}", "lead"), *warnings]
    blocks.append(
        Paragraph(
            f"The outcome, {fit.outcome}, is {words.outcome(fit.outcome)}. "
            f"Numbers are in {units(fit)}; a slope is for one standard deviation of diversity within mixtures of one size."
        )
    )
    if not isinstance(comparison, str):
        blocks.append(Paragraph(comparison.sentence))
    blocks += [Paragraph(_sentence(note), "note") for note in fit.notes]
    return Section("verdict", "Verdict", tuple(blocks))


def units(fit: Fit) -> str:
    """The units of outcomes, in words."""
    return "points of 100" if fit.in_points else "units of the results"


def cautions(runs: pd.DataFrame) -> list[str]:
    """What these results cannot answer, whatever the numbers are."""
    texts = []
    if set(runs["language"]) == {"en"}:
        texts.append("All results are in English: they say nothing about transfer to other languages.")
    if runs["value"].between(0, 1).all() and runs["value"].max() > 0:
        texts.append(
            "All results lie between 0 and 1, where points of 100 are expected: read points as units of the results; "
            "practical equivalence is judged only within a region that is given (--rope)."
        )
    return texts


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def design(fit: Fit | str, runs: pd.DataFrame) -> Section:
    """What was run, and what it can show."""
    counted = [_count(runs[name].nunique(), name) for name in ("mixture", "target", "language", "seed")]
    facts = f"{', '.join(counted)}, {_count(len(runs), 'result')}."
    seeds = runs["seed"].nunique()
    blocks: list[Block] = [Paragraph(facts)]
    if seeds < 2:
        blocks.append(missing("The spread over seeds", "every cell was run with one seed"))
    if isinstance(fit, str):
        return Section("design", "Design", (*blocks, missing("The minimum detectable effect", fit)))
    least = fit.minimum_detectable_slope
    if math.isfinite(least):
        blocks.append(
            Paragraph(
                f"With the spread found here, the least slope that this design shows with 80 % power is {least:.3g} points "
                f"for one standard deviation of diversity; the slope found is {fit.slope_per_sd:+.3g}. An effect "
                "smaller than that may be there and stay unseen."
            )
        )
    else:
        blocks.append(
            missing("The minimum detectable effect", "no slope of any size reaches 80 % power in this design")
        )
    table = Table(fit.tables["design"], "The design: sample sizes and what can be seen.", "design", alike=False)
    return Section("design", "Design", (*blocks, table))


def _count(n: int, noun: str) -> str:
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def mixtures(chosen: pd.DataFrame, scores: pd.DataFrame, trained: Collection[str]) -> Section:
    """Diversity of the mixtures: the rows of the primary metric, and all scores; `trained` are those with results."""
    metric = chosen["metric"].iloc[0]
    known = {"low", "high"} <= set(chosen.columns)
    ends = {} if known else {"low": math.nan, "high": math.nan}
    shown = chosen.reset_index().assign(label=lambda f: f["mixture"], **ends)[["label", "value", "low", "high"]]
    ordered = shown.sort_values("value", ascending=False)
    most, least = ordered.iloc[0], ordered.iloc[-1]
    alt = (
        f"{metric} of {len(ordered)} mixtures, from {cell(least['value'])} ({least['label']}) to {cell(most['value'])} "
        f"({most['label']})."
    )
    cut = " The most and the least diverse are drawn." if len(shown) > plots.SHOWN else ""
    bars = " Bars are the 95 % intervals of the scores." if known else ""
    figure = Figure(partial(plots.intervals, shown, xlabel=metric), alt, f"{alt}{cut}{bars}", "diversity")
    blocks: list[Block] = [Paragraph(words.metric(metric)), figure]
    if lacking := len(set(shown["label"]) - set(trained)):
        blocks.insert(1, Paragraph(f"Of {len(shown)} mixtures with a score, {lacking} have no result.", "note"))
    if not known:
        blocks.append(missing("Intervals of the scores", "the scores table has no columns low and high"))
    columns = ["encoder", "metric"] if scores["encoder"].nunique() > 1 else "metric"
    wide = scores.pivot_table(index="mixture", columns=columns, values="value", sort=False)
    wide.columns = [c if isinstance(c, str) else f"{c[1]}, {c[0]}" for c in wide.columns]
    blocks.append(Table(wide.reset_index(), "Every diversity score of every mixture.", "diversity_scores", shown=20))
    return Section("diversity", "Diversity of the mixtures", tuple(blocks))


def accuracy(cells: pd.DataFrame) -> Section:
    """Zero-shot accuracy by target and language: columns mixture, target, language, value."""
    table = cells.pivot_table(index="target", columns="language", values="value", aggfunc="mean")
    order = table.count().sort_values(ascending=False, kind="stable").index
    first = [c for c in ("en",) if c in order] + [c for c in order if c != "en"]
    table = table.loc[list(dict.fromkeys(cells["target"])), first]
    means = table.mean(axis=1)
    digits = 0 if means.max() > 1 else 2
    spread = (
        f"; highest target mean {means.max():.{digits + 1}f} ({means.idxmax()}), lowest {means.min():.{digits + 1}f} "
        f"({means.idxmin()})"
    )
    alt = (
        f"Mean over mixtures and seeds for {_count(len(table), 'target')} and {_count(table.shape[1], 'language')}"
        f"{spread if len(table) > 1 else ''}."
    )
    drawn = table.T if table.shape[1] > len(table) else table  # the longer side downwards: cells stay legible
    draw = partial(plots.heat_map, drawn, label="points", digits=digits)
    figure = Figure(draw, alt, f"Zero-shot accuracy. {alt}", "accuracy")
    by_mixture = cells.pivot_table(index="mixture", columns="target", values="value", aggfunc="mean")
    if by_mixture.shape[1] > 1:
        by_mixture.insert(0, "mean", by_mixture.mean(axis=1))
    ordered = by_mixture.sort_values(by_mixture.columns[0], ascending=False).reset_index()
    ordered["mixture"] = ordered["mixture"].replace("", "(no intermediate task)")
    full = Table(
        ordered, "Accuracy of each mixture by target, mean over languages and seeds.", "accuracy_by_mixture", 20
    )
    return Section("accuracy", "Zero-shot accuracy by target and language", (figure, full))


def compared(comparison: Comparison | str) -> Section:
    """Diverse against homogeneous."""
    title = "Diverse against homogeneous mixtures"
    if isinstance(comparison, str):
        return Section("comparison", title, (missing("The comparison", comparison),))
    pairs = comparison.tables["pairs"]
    shown = pairs.rename(columns={"diverse": "a", "homogeneous": "b"}).rename(
        columns={"outcome_diverse": "diverse", "outcome_homogeneous": "homogeneous"}
    )
    better = int((pairs["difference"] * (-1 if comparison.lower_is_better else 1) > 0).sum())
    first = ["diverse", "homogeneous", "difference"]
    listed = pairs[[*first, *(c for c in pairs.columns if c not in first)]]
    alt = (
        f"{better} of {len(pairs)} pairs have the diverse mixture ahead; mean difference {comparison.difference:+.3g}."
    )
    numbers = (
        f"Interval of a bootstrap over pairs {_ends(comparison.low, comparison.high)}; knowing that pairs share tasks "
        f"{_ends(comparison.low_tasks, comparison.high_tasks)}. p by task labels {_known(comparison.p_permutation)}, by "
        f"parametric bootstrap {_known(comparison.p_reml)}; as if pairs shared no tasks {cell(comparison.p_sign_flip)}. "
        f"Effect size {_known(comparison.effect_size)}."
    )
    blocks: tuple[Block, ...] = (
        Paragraph(comparison.sentence),
        Paragraph(numbers),
        Figure(
            partial(plots.pairs, shown, ylabel=f"{comparison.outcome}, points"), alt, f"Matched pairs. {alt}", "pairs"
        ),
        Table(
            listed,
            "The pairs. The stratum is what they are matched on: number of tasks, budget where known; shared is "
            "the share of training that the two have in common.",
            "pairs",
            shown=20,
        ),
        *(Paragraph(_sentence(n), "note") for n in comparison.notes),
    )
    return Section("comparison", title, blocks)


def _known(value: float) -> str:
    return cell(value) if math.isfinite(value) else "not known"


def _ends(low: float, high: float) -> str:
    return "not known" if math.isnan(low) else sentences.interval(low, high)


def slopes(fit: Fit | str) -> Section:
    """Diversity against accuracy: all methods, and by target."""
    title = "Diversity against accuracy"
    if isinstance(fit, str):
        return Section("slopes", title, (missing("The slopes", fit),))
    points = fit.tables["mixtures"].rename(columns={"diversity": "x", "outcome": "y", "mixture": "label"})
    band = fit.tables["prediction"].rename(columns={"fitted": "fit"})
    alt = f"{len(points)} mixtures; Pearson {fit.pearson:.3f}, Spearman {fit.spearman:.3f}, Kendall {fit.kendall:.3f}."
    draw = partial(plots.scatter, points, xlabel=fit.metric, ylabel=f"{fit.outcome}, points", band=band)
    by_target = fit.tables["targets"].assign(languages=lambda f: f["languages"].map(lambda names: len(names.split())))
    single = by_target[by_target["kind"] == "target"]
    return Section(
        "slopes",
        title,
        (
            Figure(
                draw,
                alt,
                "Each point is a mixture. The line is that of the multi-membership model over mixtures of all "
                f"sizes, with its {sentences.level(fit.alpha)} interval. {alt}",
                "scatter",
            ),
            Table(
                fit.tables["methods"],
                "The slope by every method. Which one is primary follows from the design alone.",
                "methods",
            ),
            *_forest(by_target, single, sentences.level(fit.alpha)),
            Table(
                by_target,
                "Slopes by target and by group of targets, points per standard deviation of diversity; p "
                "corrected over the single targets by Holm and by Benjamini and Hochberg; standardised in standard "
                "deviations of the outcome; pooled drawn towards the mean as far as chance explains the differences; "
                "number of languages.",
                "slopes",
            ),
            Paragraph(sentences.of_heterogeneity(fit.tables["heterogeneity"].iloc[0])),
        ),
    )


def _forest(by_target: pd.DataFrame, single: pd.DataFrame, level: str) -> list[Block]:
    if len(single) < 2:
        return [missing("A forest plot of targets", "the results have one target")]
    if single["slope"].isna().all():
        return [missing("A forest plot of targets", "there is no test of their slopes")]
    shown = by_target.rename(columns={"target": "label", "slope": "estimate"})[["label", "estimate", "low", "high"]]
    pooled = [label for label in shown["label"] if label not in set(single["target"])]
    ends = ", ".join(f"{a} {b:+.2g}" for a, b in single[["target", "slope"]].itertuples(index=False))
    draw = partial(plots.forest, shown, xlabel="points per standard deviation of diversity", pooled=pooled)
    alt = f"Slopes by target with {level} intervals: {ends}."
    return [
        Figure(
            draw, alt, f"Slopes by target (circles) and by group of targets (diamonds), {level} intervals.", "forest"
        )
    ]


def retrieval(fit: Fit | str) -> Section:
    """The retrieval targets, apart: they carry most of the gain in published results."""
    title = "Retrieval and the rest, apart"
    if isinstance(fit, str):
        return Section("retrieval", title, (missing("The groups", fit),))
    groups = fit.tables["targets"].query("kind != 'target'")
    groups = groups[["target", "slope", "se", "low", "high", "p", "standardised"]]
    why = Paragraph(
        "In published results the two retrieval targets carry most of the gain from intermediate training, so the mean of "
        "nine, that of the seven others and that of retrieval stand side by side."
    )
    names = set(groups["target"])
    gone = [g for g in ("mean9", "mean7", "retrieval") if g not in names]
    blocks: list[Block] = [why]
    if len(groups):
        blocks.append(
            Table(
                groups, "Slopes of the means over groups of targets, points per standard deviation.", "slopes_of_groups"
            )
        )
    if gone:
        blocks.append(missing(" and ".join(gone), "the results do not have all their targets"))
    return Section("retrieval", title, tuple(blocks))


def specifications(fit: Fit | str) -> Section:
    """The specification curve."""
    title = "Would another choice have found something else?"
    table = None if isinstance(fit, str) else fit.tables.get("specifications")
    if isinstance(fit, str) or table is None or len(table) < 2:
        alone = "there is one metric, one encoder and one outcome to choose from, or none can be tested"
        why = fit if isinstance(fit, str) else alone
        return Section("specifications", title, (missing("The specification curve", why),))
    shown = table.rename(columns={"slope": "estimate"})
    choices = [c for c in ("metric", "encoder", "outcome", "covariates") if shown[c].nunique() > 1]
    text = sentences.of_specifications(table, fit.alpha)
    draw = partial(plots.specification_curve, shown, choices, ylabel="points per SD")
    figure = Figure(draw, text, f"Every specification, in order of its slope. {text}", "specifications")
    named = table.assign(covariates=table["covariates"].replace("", "none"))
    caption = "All specifications, by the test that the design gets."
    listed = Table(named.drop(columns="same_sign"), caption, "specifications", 15)
    return Section("specifications", title, (Paragraph(text), figure, listed))


def influence(fit: Fit | str) -> Section:
    """What happens when a task, a language or a target is left out."""
    title = "Influence: does one task, language or target carry the finding?"
    if isinstance(fit, str):
        return Section("influence", title, (missing("Influence", fit),))
    table = fit.tables["influence"]
    text = sentences.of_influence(table)
    tasks = table[table["kind"].isin(["none", "task", "target"])]
    blocks: list[Block] = [Paragraph(text)]
    if tasks["slope"].notna().sum() > 1:
        names = (tasks["kind"] + " " + tasks["dropped"].astype(str)).where(tasks["kind"] != "none", WHOLE)
        shown = tasks.assign(label=names, estimate=tasks["slope"])
        draw = partial(plots.forest, shown, xlabel="slope without it, points per standard deviation", pooled=[WHOLE])
        caption = f"The slope when one task or target is left out, {sentences.level(fit.alpha)} intervals."
        blocks.append(Figure(draw, text, caption, "influence"))
    listed = table.assign(dropped=table["dropped"].where(table["kind"] != "none", WHOLE))
    order = ["dropped", *(c for c in listed.columns if c != "dropped")]
    blocks.append(
        Table(listed[order], "The slope with each task, target and language left out.", "influence", shown=15)
    )
    blocks.append(Table(fit.tables["cook"], "Cook's distance: the mixtures that move the line most.", "cook", shown=10))
    return Section("influence", title, tuple(blocks))


def checks(fit: Fit | str) -> Section:
    """Baselines, correlations, shape, measurement, choosing."""
    title = "Baselines and checks"
    if isinstance(fit, str):
        return Section("checks", title, (missing("The checks", fit),))
    blocks: list[Block] = [Paragraph(words.BASELINES)]
    for name, text in words.CHECKS.items():
        if len(fit.tables.get(name, ())):
            blocks.append(Table(fit.tables[name], text, name, alike=name != "measurement"))
    return Section("checks", title, tuple(blocks))


def failed(left_out: pd.DataFrame, degenerate: pd.DataFrame | None) -> Section:
    """Runs that are not in the analysis, or look broken."""
    blocks: list[Block] = []
    if len(left_out):
        blocks.append(Paragraph(f"{_count(len(left_out), 'row')} of the tables left out of the analysis."))
        blocks.append(Table(left_out, "Left out of the analysis, and why.", "left_out"))
    else:
        blocks.append(Paragraph("No run failed and none was left out."))
    if degenerate is not None and len(degenerate):
        blocks.append(Table(degenerate, "Runs that look broken; they are in the analysis.", "degenerate"))
    return Section("failed", "Failed and degenerate runs", tuple(blocks))


def provenance(facts: Sequence[tuple[str, object]]) -> Section:
    """Versions, seeds, hashes, commit."""
    import pandas as pd

    frame = pd.DataFrame([(name, str(value)) for name, value in facts], columns=["what", "value"])
    return Section(
        "provenance", "Provenance", (Table(frame, "How this report came about.", "provenance", alike=False),)
    )
