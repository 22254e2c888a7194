"""The sections of the report: each a pure function from what was found to text, tables and figures.

Every sentence follows from the numbers; a part that cannot be shown is explained where it would stand.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from diversity.display import numbers
from diversity.display.numbers import amount, cell, count
from diversity.display.summary import Summary
from diversity.reporting import plots, words
from diversity.reporting.page import Block, Figure, Fold, Paragraph, Row, Section, Table
from diversity.stats import sentences

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.compare import Comparison
    from diversity.stats.fit import Fit
    from diversity.studies.outcomes import Outcomes

QUESTION = "Do more diverse mixtures of English training tasks transfer better to other languages?"
WHOLE = "(nothing)"  # left out
NO_TASK = "(no intermediate task)"


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
        slopes(fit),
        compared(findings.comparison),
        mixtures(findings.primary, findings.scores, set(runs["mixture"])),
        accuracy(runs),
        specifications(fit),
        influence(fit),
        checks(fit),
        design(fit, runs),
        failed(left_out, degenerate),
    ]


def intro(text: str) -> Paragraph:
    """The sentence under a heading that says what a section shows."""
    return Paragraph(text, "intro")


def missing(part: str, why: str) -> Paragraph:
    """What stands in the place of a part that cannot be shown."""
    return Paragraph(f"{part} cannot be shown: {why.rstrip('.')}.", "missing")


def verdict(fit: Fit | str, comparison: Comparison | str, runs: pd.DataFrame, note: str = "") -> Section:
    """The answer on a card, one figure of it, and what a reader must know of these results; first of all a note, if any."""
    warnings = [*([note] if note else []), *cautions(runs)]
    if isinstance(fit, str):
        why = f"A slope cannot be computed: {fit.rstrip('.')}."
        facts = [*_paired(comparison), ("Study", size(runs))]
        return Section("verdict", "Verdict", (Summary("No answer.", why, facts, warnings),))
    card = fit.card
    known = [fact for fact in card.facts if fact[0] != "Study"]
    facts = [
        *known[:2],
        *_paired(comparison),
        ("Study", f"{size(runs)}; {count(fit.n_tasks, 'training task')}"),
        ("Outcome", f"{fit.outcome}: {words.outcome(fit.outcome)}, in {units(fit)}"),
        *known[2:],
    ]
    blocks: list[Block] = [replace(card, facts=facts, warnings=[*warnings, *broken(fit)])]
    drawn = (answer(fit, comparison),) if math.isfinite(fit.p) else ()
    blocks.append(Row((*drawn, scatter(fit))))
    if notes := [n for n in fit.notes if words.BROKEN not in n]:
        blocks.append(Fold("Notes on the data and the test", tuple(Paragraph(_sentence(n), "note") for n in notes)))
    return Section("verdict", "Verdict", tuple(blocks))


def _paired(comparison: Comparison | str) -> list[tuple[str, str]]:
    return [] if isinstance(comparison, str) else [("Matched pairs", comparison.sentence)]


def size(runs: pd.DataFrame) -> str:
    """The size of a study.

    >>> import pandas as pd
    >>> size(pd.DataFrame({"mixture": ["a"], "target": ["xnli"], "language": ["de"], "seed": [1]}))
    '1 mixture × 1 target × 1 seed, 1 language'
    """
    parts = [*(count(runs[name].nunique(), name) for name in ("mixture", "target")), words.seeds(runs)]
    return f"{' × '.join(parts)}, {count(runs['language'].nunique(), 'language')}"


def broken(fit: Fit) -> list[str]:
    """The note on runs that look broken, where there are some."""
    return [_sentence(note) for note in fit.notes if words.BROKEN in note]


def answer(fit: Fit, comparison: Comparison | str) -> Figure:
    """The effect with its interval on an axis with zero, what counts as none, and what the study could have detected."""
    import pandas as pd

    rows = [("one SD more\ndiverse", fit.slope_per_sd, fit.low, fit.high)]
    rope = math.nan
    if not isinstance(comparison, str):
        rope = comparison.rope
        rows.append(("diverse minus\nhomogeneous", comparison.difference, comparison.low_tasks, comparison.high_tasks))
    table = pd.DataFrame(rows, columns=["label", "estimate", "low", "high"])
    side = "lower" if fit.lower_is_better else "higher"
    unit = "points" if fit.in_points else "units"
    draw = partial(
        plots.effect, table, rope=rope, detectable=fit.minimum_detectable_slope,
        xlabel=f"difference in {fit.outcome}, {unit} ({side} is better)",
    )  # fmt: skip
    unbounded = any(math.isinf(end) for row in rows for end in row[2:])
    bars = f"Bars are {numbers.level(fit.alpha)} intervals{'; arrows go on beyond the axis' if unbounded else ''}."
    return Figure(draw, f"{fit.sentence} {bars}", f"The effect, and 0. {bars}", "effect")


def chance(fit: Fit) -> list[Figure]:
    """The observed slope among those of relabelled tasks; none where labels were not permuted."""
    table = fit.tables.get("null")
    if table is None or table.empty:
        return []
    draw = partial(plots.null, table, fit.slope_per_sd, p=fit.p)
    alt = f"The observed slope, {amount(fit.slope_per_sd, points=fit.in_points)}, among those that chance gives."
    caption = "What chance gives: the slopes where the labels of the tasks are permuted, and the observed one."
    return [Figure(draw, alt, caption, "null")]


def detection(fit: Fit) -> list[Figure]:
    """How often the study detects a slope of each size; none where the design gets no test."""
    table = fit.tables.get("power")
    if table is None or table.empty:
        return []
    unit = "points per SD of diversity" if fit.in_points else "per SD of diversity"
    draw = partial(plots.power_curve, table, least=fit.minimum_detectable_slope, xlabel=f"true slope, {unit}")
    least = fit.minimum_detectable_slope
    reached = f"80 % at {amount(least, points=fit.in_points)}" if math.isfinite(least) else "80 % at no slope drawn"
    return [Figure(draw, f"Power of the study by true slope: {reached}.", "How often a slope is detected.", "power")]


def units(fit: Fit) -> str:
    """The units of outcomes, in words."""
    return "points of 100" if fit.in_points else "the units of the results"


def cautions(runs: pd.DataFrame) -> list[str]:
    """What these results cannot answer, whatever the numbers are."""
    texts = []
    if set(runs["language"]) == {"en"}:
        texts.append("All results are in English: they say nothing about transfer to other languages.")
    if "seed" in runs and runs["seed"].nunique() < 2:
        texts.append("Every cell was run with one seed: the spread between seeds is not known.")
    if runs["value"].between(0, 1).all() and runs["value"].max() > 0:
        texts.append(
            "All results lie between 0 and 1, where points of 100 are expected. Read points as units of the results; "
            "whether a difference is practically none is judged only with --rope."
        )
    return texts


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def design(fit: Fit | str, runs: pd.DataFrame) -> Section:
    """What was run, and what it can show."""
    blocks: list[Block] = [
        intro("What was run, and the smallest effect that a study of this size can show."),
        Paragraph(f"{size(runs)}, {count(len(runs), 'result')}."),
    ]
    if isinstance(fit, str):
        return Section("design", "Design and power", (*blocks, missing("The smallest detectable effect", fit)))
    least = fit.minimum_detectable_slope
    if math.isfinite(least):
        unit = " points" if fit.in_points else ""
        blocks.append(
            Paragraph(
                f"With the spread in these results, a slope of {amount(least, points=fit.in_points)}{unit} per standard "
                "deviation of diversity is detected four times in five (80 % power). A smaller effect may exist and go "
                "unseen."
            )
        )
    else:
        why = "no slope of any size reaches 80 % power" if math.isinf(least) else "the design gets no test"
        blocks.append(missing("The smallest detectable effect", why))
    blocks += detection(fit)
    table = Table(fit.tables["design"], "Sample sizes, and what can be seen.", "design", alike=False)
    return Section("design", "Design and power", (*blocks, Fold("Table: sample sizes", (table,))))


def mixtures(chosen: pd.DataFrame, scores: pd.DataFrame, trained: Collection[str]) -> Section:
    """Diversity of the mixtures: the rows of the primary metric, and all scores; `trained` are those with results."""
    metric = chosen["metric"].iloc[0]
    known = {"low", "high"} <= set(chosen.columns)
    ends = {} if known else {"low": math.nan, "high": math.nan}
    listed = chosen.reset_index().assign(label=lambda f: f["mixture"], **ends)[["label", "value", "low", "high"]]
    ordered = listed.sort_values("value", ascending=False)
    most, least = ordered.iloc[0], ordered.iloc[-1]
    alt = (
        f"{metric} of {count(len(ordered), 'mixture')}, from {cell(least['value'])} ({least['label']}) to "
        f"{cell(most['value'])} ({most['label']})."
    )
    cut = " The most and the least diverse are drawn." if len(listed) > plots.SHOWN else ""
    bars = " Bars are the 95 % intervals of the scores." if known else ""
    draw = partial(plots.intervals, listed, xlabel=f"{metric} (more diverse to the right)")
    figure = Figure(draw, alt, f"{alt}{cut}{bars}", "diversity")
    blocks: list[Block] = [intro("How diverse each mixture is, by the metric that was chosen in advance."), figure]
    blocks.append(Paragraph(words.metric(metric), "note"))
    if lacking := len(set(listed["label"]) - set(trained)):
        blocks.insert(
            1, Paragraph(f"Of {count(len(listed), 'mixture')} with a score, {lacking} have no result.", "note")
        )
    if not known:
        blocks.append(missing("Intervals of the scores", "the scores have no columns low and high"))
    columns = ["encoder", "metric"] if scores["encoder"].nunique() > 1 else "metric"
    wide = scores.pivot_table(index="mixture", columns=columns, values="value", sort=False)
    wide.columns = [c if isinstance(c, str) else f"{c[1]}, {c[0]}" for c in wide.columns]
    every = Table(wide.reset_index(), "Every diversity score of every mixture.", "diversity_scores", shown=20)
    blocks.append(Fold("Table: all scores", (every,)))
    return Section("diversity", "Diversity of the mixtures", tuple(blocks))


def accuracy(cells: pd.DataFrame) -> Section:
    """Zero-shot results by target and language: columns mixture, target, language, value."""
    table = cells.pivot_table(index="target", columns="language", values="value", aggfunc="mean")
    order = table.count().sort_values(ascending=False, kind="stable").index
    first = [c for c in ("en",) if c in order] + [c for c in order if c != "en"]
    table = table.loc[list(dict.fromkeys(cells["target"])), first]
    means = table.mean(axis=1)
    points = bool(means.max() > 1)
    high, low = (
        f"{amount(m, points=points)} ({n})" for m, n in ((means.max(), means.idxmax()), (means.min(), means.idxmin()))
    )
    spread = f"; highest target mean {high}, lowest {low}" if len(table) > 1 else ""
    alt = f"Mean over mixtures and seeds for {count(len(table), 'target')} and {count(table.shape[1], 'language')}{spread}."
    drawn = table.T if table.shape[1] > len(table) else table  # the longer side downwards: cells stay legible
    draw = partial(plots.heat_map, drawn, label="points", digits=0 if points else 2)
    figure = Figure(draw, alt, f"Results of each target and language. {alt}", "accuracy")
    by_mixture = cells.pivot_table(index="mixture", columns="target", values="value", aggfunc="mean")
    if by_mixture.shape[1] > 1:
        by_mixture.insert(0, "mean", by_mixture.mean(axis=1))
    ordered = by_mixture.sort_values(by_mixture.columns[0], ascending=False).reset_index()
    ordered["mixture"] = ordered["mixture"].replace({"": NO_TASK, "baseline": NO_TASK})
    caption = "Each mixture by target, mean over languages and seeds."
    full = Table(ordered.round(1 if points else 4), caption, "accuracy_by_mixture", 20, alike=False)
    said = intro("Accuracy, or F1 where a target is scored so, by target and language, averaged over mixtures.")
    return Section("accuracy", "Results by target and language", (said, figure, Fold("Table: each mixture", (full,))))


def compared(comparison: Comparison | str) -> Section:
    """Diverse against homogeneous."""
    title = "Diverse against homogeneous mixtures, in pairs"
    if isinstance(comparison, str):
        return Section("comparison", title, (missing("The comparison", comparison),))
    c, pairs = comparison, comparison.tables["pairs"]
    drawn = pairs.rename(columns={"diverse": "a", "homogeneous": "b"}).rename(
        columns={"outcome_diverse": "diverse", "outcome_homogeneous": "homogeneous"}
    )
    better = int((pairs["difference"] * (-1 if c.lower_is_better else 1) > 0).sum())
    first = ["diverse", "homogeneous", "difference"]
    rows = pairs[[*first, *(n for n in pairs.columns if n not in first)]]
    mean = amount(c.difference, points=c.in_points)
    alt = f"The diverse mixture is ahead in {better} of {count(len(pairs), 'pair')}; mean difference {mean}."
    ylabel = f"{c.outcome}, points" if c.in_points else c.outcome
    draw = partial(plots.pairs, drawn, ylabel=ylabel)
    caption = (
        "The pairs. They are matched on the number of tasks, and on the number of training examples where known; the share "
        "in common is that of their training."
    )
    blocks: tuple[Block, ...] = (
        intro("Each diverse mixture beside a homogeneous one of the same size that shares as many tasks as possible."),
        Paragraph(c.sentence),
        Figure(draw, alt, alt, "pairs"),
        Fold(
            "Table: the pairs; other intervals and tests",
            (
                Table(rows, caption, "pairs", shown=20, points=c.in_points),
                *(Paragraph(text, "note") for text in sentences.other_tests(c)),
                *(Paragraph(_sentence(n), "note") for n in c.notes if words.BROKEN not in n),
            ),
        ),
    )
    return Section("comparison", title, blocks)


def scatter(fit: Fit) -> Figure:
    """Diversity against the outcome, a point a mixture."""
    points = fit.tables["mixtures"].rename(columns={"diversity": "x", "outcome": "y", "mixture": "label"})
    band = fit.tables["prediction"].rename(columns={"fitted": "fit"})
    alt = (
        f"{count(len(points), 'mixture')} by diversity and {fit.outcome}: Pearson {fit.pearson:.2f}, Spearman "
        f"{fit.spearman:.2f}, Kendall {fit.kendall:.2f}."
    )
    draw = partial(
        plots.scatter, points, xlabel=f"{fit.metric} (more diverse to the right)", band=band,
        ylabel=f"{fit.outcome}, points" if fit.in_points else fit.outcome,
    )  # fmt: skip
    caption = (
        f"Each point is a mixture; the line, with its {numbers.level(fit.alpha)} band, is over mixtures of all sizes."
    )
    return Figure(draw, alt, caption, "scatter")


def slopes(fit: Fit | str) -> Section:
    """Diversity against accuracy: by target, by mixture, and by all methods."""
    title = "Diversity against results"
    if isinstance(fit, str):
        return Section("slopes", title, (missing("The slopes", fit),))
    by_target = fit.tables["targets"].assign(languages=lambda f: f["languages"].map(lambda names: len(names.split())))
    single = by_target[by_target["kind"] == "target"]
    level = numbers.level(fit.alpha)
    methods = Table(
        fit.tables["methods"], "The slope by every method. The design alone decides which one is primary.", "methods",
        hidden=("se", "df"), points=fit.in_points, level=level,
    )  # fmt: skip
    caption = (
        "Slopes by target and by group of targets, for one standard deviation of diversity. p is corrected over the single "
        "targets; drawn to the mean: as far as chance explains the differences."
    )
    table = Table(
        by_target, caption, "slopes", hidden=("kind", "se"), points=fit.in_points, level=level, short="Slopes by target"
    )
    return Section(
        "slopes",
        title,
        (
            intro("How much results differ where diversity is one standard deviation higher, for each target."),
            *_forest(by_target, single, fit),
            *chance(fit),
            Paragraph(sentences.of_heterogeneity(fit.tables["heterogeneity"].iloc[0], points=fit.in_points)),
            Fold("Tables: slopes by target and by method", (table, methods)),
        ),
    )


def _forest(by_target: pd.DataFrame, single: pd.DataFrame, fit: Fit) -> list[Block]:
    if len(single) < 2:
        return [missing("Slopes by target", "the results have one target")]
    if single["slope"].isna().all():
        return [missing("Slopes by target", "there is no test of them")]
    rows = by_target.rename(columns={"target": "label", "slope": "estimate"})[["label", "estimate", "low", "high"]]
    pooled = [label for label in rows["label"] if label not in set(single["target"])]
    digits = 1 if fit.in_points and single["slope"].abs().max() >= 1 else 2
    ends = ", ".join(
        f"{target} {slope + 0.0:.{digits}f}" if fit.in_points else f"{target} {amount(slope, points=False)}"
        for target, slope in single[["target", "slope"]].itertuples(index=False)
    )
    unit = "points per SD of diversity" if fit.in_points else "per SD of diversity"
    side = "left" if fit.lower_is_better else "right"
    draw = partial(plots.forest, rows, xlabel=f"{unit} (diversity helps to the {side})", pooled=pooled)
    alt = f"Slopes by target with {numbers.level(fit.alpha)} intervals: {ends}."
    return [Figure(draw, alt, alt, "forest")]


def specifications(fit: Fit | str) -> Section:
    """The specification curve."""
    title = "Would another choice have found something else?"
    table = None if isinstance(fit, str) else fit.tables.get("specifications")
    if isinstance(fit, str) or table is None or len(table) < 2:
        alone = "there is one metric, one encoder and one outcome to choose from, or none can be tested"
        why = fit if isinstance(fit, str) else alone
        return Section("specifications", title, (missing("The specification curve", why),))
    renamed = table.rename(columns={"slope": "estimate"})
    choices = [c for c in ("metric", "encoder", "outcome", "covariates") if renamed[c].nunique() > 1]
    text = sentences.of_specifications(table, fit.alpha)
    draw = partial(plots.specification_curve, renamed, choices, ylabel="points per SD")
    figure = Figure(draw, text, "One bar for each choice of metric, encoder, outcome and covariates.", "specifications")
    named = table.assign(covariates=table["covariates"].replace("", "none"))
    level = numbers.level(fit.alpha)
    listed = Table(
        named, "All specifications, by the test that the design gets.", "specifications", 15, hidden=("same_sign",),
        points=fit.in_points, level=level,
    )  # fmt: skip
    said = intro(
        "The slope for every metric, encoder, outcome and covariate that these tables allow; only one was primary."
    )
    return Section("specifications", title, (said, Paragraph(text), figure, Fold("Table: all choices", (listed,))))


def influence(fit: Fit | str) -> Section:
    """What happens when a task, a language or a target is left out."""
    title = "Does one task, language or target carry the result?"
    if isinstance(fit, str):
        return Section("influence", title, (missing("Influence", fit),))
    table, level = fit.tables["influence"], numbers.level(fit.alpha)
    text = sentences.of_influence(table)
    tasks = table[table["kind"].isin(["none", "task", "target"])]
    blocks: list[Block] = [intro("The slope with one task, target or language left out at a time."), Paragraph(text)]
    if tasks["slope"].notna().sum() > 1:
        names = (tasks["kind"] + " " + tasks["dropped"].astype(str)).where(tasks["kind"] != "none", WHOLE)
        rows = tasks.assign(label=names, estimate=tasks["slope"])
        draw = partial(plots.forest, rows, xlabel="slope without it", pooled=[WHOLE])
        caption = f"The slope when one task or target is left out, with {level} intervals."
        blocks.append(Figure(draw, text, caption, "influence"))
    named = table.assign(dropped=table["dropped"].where(table["kind"] != "none", WHOLE))
    order = ["dropped", *(c for c in named.columns if c != "dropped")]
    listed = Table(
        named[order], "The slope with each task, target and language left out.", "influence", 15, points=fit.in_points,
        level=level,
    )  # fmt: skip
    caption = "The mixtures that move the line most (Cook's distance: above 1 is much)."
    cook = Table(fit.tables["cook"], caption, "cook", shown=10, points=fit.in_points)
    blocks.append(Fold("Tables: each one left out; influence of each mixture", (listed, cook)))
    return Section("influence", title, tuple(blocks))


def checks(fit: Fit | str) -> Section:
    """Baselines, correlations, shape, measurement, choosing."""
    title = "Baselines and checks"
    if isinstance(fit, str):
        return Section("checks", title, (missing("The checks", fit),))
    blocks: list[Block] = [intro(words.BASELINES)]
    for name, (heading, text) in words.CHECKS.items():
        if len(fit.tables.get(name, ())):
            table = Table(fit.tables[name], text, name, alike=name != "measurement", points=fit.in_points)
            said = (Paragraph(sentences.of_correlations(fit), "note"),) if name == "correlations" else ()
            blocks.append(Fold(heading, (*said, table)))
    return Section("checks", title, tuple(blocks))


def failed(left_out: pd.DataFrame, degenerate: pd.DataFrame | None) -> Section:
    """Runs that are not in the analysis, or look broken."""
    blocks: list[Block] = [intro("Runs that failed or were left out, and runs that look broken but count.")]
    if len(left_out):
        blocks.append(Paragraph(f"{count(len(left_out), 'row')} of the tables left out of the analysis."))
        blocks.append(Fold("Table: left out, and why", (Table(left_out, "Left out of the analysis.", "left_out"),)))
    else:
        blocks.append(Paragraph("No run failed and none was left out."))
    if degenerate is not None and len(degenerate):
        cells = count(len(degenerate), "result")
        blocks.append(
            Paragraph(
                f"{cells} look broken, and are in the analysis: far from the others, or one value in all languages."
            )
        )
        table = Table(degenerate, "Results that look broken; they are in the analysis.", "degenerate")
        blocks.append(Fold("Table: results that look broken", (table,)))
    return Section("failed", "Failed and broken runs", tuple(blocks))


def provenance(facts: Sequence[tuple[str, object]]) -> Section:
    """Versions, seeds, hashes, commit."""
    import pandas as pd

    frame = pd.DataFrame([(name, str(value)) for name, value in facts], columns=["what", "value"])
    table = Table(frame, "How this report was made.", "provenance", alike=False)
    said = intro("Versions, settings and checksums: with them the report can be made again.")
    return Section("provenance", "Provenance", (said, Fold("Table: versions, settings, checksums", (table,))))
