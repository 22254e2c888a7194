"""The sections of the report: each a pure function from what was found to text, tables and figures.

Every sentence follows from the numbers; a part that cannot be shown is explained where it would stand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

from diversity.reporting import plots
from diversity.reporting.page import Block, Figure, Section, Table, Text, cell

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.comparing import Comparison
    from diversity.stats.fitting import Fit

QUESTION = (
    "Does the semantic diversity of the English intermediate tasks change zero-shot cross-lingual accuracy, compared with "
    "task-homogeneous training?"
)


def missing(part: str, why: str) -> Text:
    """What stands in the place of a part that cannot be shown."""
    return Text(f"{part} cannot be shown: {why.rstrip('.')}.", "missing")


def verdict(fit: Fit | str, comparison: Comparison | str, note: str = "") -> Section:
    """The question, and the answer in a sentence; before the answer a note of what was run, if there is one."""
    blocks: list[Block] = [Text(QUESTION), *([Text(note, "missing")] if note else [])]
    if isinstance(fit, str):
        return Section("verdict", "Verdict", (*blocks, Text("Not established.", "lead"), missing("A slope", fit)))
    blocks.append(Text(f"{_answer(fit)} {fit.sentence}", "lead"))
    if not isinstance(comparison, str):
        blocks.append(Text(comparison.sentence))
    blocks += [Text(_sentence(note), "note") for note in fit.notes]
    return Section("verdict", "Verdict", tuple(blocks))


def _answer(fit: Fit) -> str:
    if fit.verdict == "not established":
        return "Not established."
    return f"In these runs, yes: more diverse mixtures did {'better' if fit.verdict == 'positive' else 'worse'}."


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def design(fit: Fit | str, runs: pd.DataFrame) -> Section:
    """What was run, and what it can show."""
    seeds, targets = runs["seed"].nunique(), runs["target"].nunique()
    facts = (
        f"{runs['mixture'].nunique()} mixtures, {_count(targets, 'target')}, {runs['language'].nunique()} languages, "
        f"{_count(seeds, 'seed')}, {len(runs):,} results."
    )
    blocks: list[Block] = [Text(facts)]
    if seeds < 2:
        blocks.append(missing("The spread over seeds", "every cell was run with one seed"))
    if isinstance(fit, str):
        return Section("design", "Design", (*blocks, missing("The minimum detectable effect", fit)))
    least = fit.minimum_detectable_slope
    if math.isfinite(least):
        blocks.append(
            Text(
                f"With the spread found here, the least slope that this design shows with 80 % power is {least:.3g} points "
                f"for one standard deviation of diversity; the slope found is {fit.slope_per_sd:+.3g}. An effect "
                "smaller than that may be there and stay unseen."
            )
        )
    else:
        blocks.append(
            missing("The minimum detectable effect", "no slope of any size reaches 80 % power in this design")
        )
    table = Table(fit.tables["design"], "The design: sample sizes and what can be seen.", "design")
    return Section("design", "Design", (*blocks, table))


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}{'' if n == 1 else 's'}"


def mixtures(chosen: pd.DataFrame, scores: pd.DataFrame) -> Section:
    """Diversity of the mixtures: the rows of the primary metric, and all scores."""
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
    figure = Figure(
        partial(plots.intervals, shown, xlabel=metric), alt, f"Diversity of the mixtures: {alt}", "diversity"
    )
    blocks: list[Block] = [figure]
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
    table = table[first]
    means = table.mean(axis=1)
    alt = (
        f"Mean over mixtures and seeds for {len(table)} targets and {table.shape[1]} languages; highest target mean "
        f"{means.max():.1f} ({means.idxmax()}), lowest {means.min():.1f} ({means.idxmin()})."
    )
    figure = Figure(partial(plots.heat_map, table, label="points"), alt, f"Zero-shot accuracy. {alt}", "accuracy")
    by_mixture = cells.pivot_table(index="mixture", columns="target", values="value", aggfunc="mean")
    by_mixture.insert(0, "mean", by_mixture.mean(axis=1))
    ordered = by_mixture.sort_values("mean", ascending=False).reset_index()
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
    better = int((pairs["difference"] > 0).sum())
    alt = (
        f"{better} of {len(pairs)} pairs have the diverse mixture ahead; mean difference {comparison.difference:+.3g}."
    )
    found = (
        f"Interval of a bootstrap over pairs {_ends(comparison.low, comparison.high)}; knowing that pairs share tasks "
        f"{_ends(comparison.low_tasks, comparison.high_tasks)}. p by task labels {cell(comparison.p_permutation)}, by the "
        f"multi-membership model {cell(comparison.p_reml)}; as if pairs were independent {cell(comparison.p_sign_flip)} "
        f"(anticonservative). Effect size {cell(comparison.effect_size)}."
    )
    blocks: tuple[Block, ...] = (
        Text(comparison.sentence),
        Text(found),
        Figure(partial(plots.pairs, shown, ylabel=comparison.outcome), alt, f"Matched pairs. {alt}", "pairs"),
        Table(pairs, "The pairs: diversity and outcome of each.", "pairs", shown=20),
        *(Text(_sentence(n), "note") for n in comparison.notes),
    )
    return Section("comparison", title, blocks)


def _ends(low: float, high: float) -> str:
    return f"{cell(low)} to {cell(high)}" if math.isfinite(low) else "not known"


def slopes(fit: Fit | str) -> Section:
    """Diversity against accuracy: all methods, and by target."""
    title = "Diversity against accuracy"
    if isinstance(fit, str):
        return Section("slopes", title, (missing("The slopes", fit),))
    points = fit.tables["mixtures"].rename(columns={"diversity": "x", "outcome": "y", "mixture": "label"})
    band = fit.tables["prediction"].rename(columns={"fitted": "fit"})
    alt = f"{len(points)} mixtures; Pearson {fit.pearson:.3f}, Spearman {fit.spearman:.3f}, Kendall {fit.kendall:.3f}."
    draw = partial(plots.scatter, points, xlabel=fit.metric, ylabel=fit.outcome, band=band)
    by_target = fit.tables["targets"]
    single = by_target[by_target["kind"] == "target"]
    return Section(
        "slopes",
        title,
        (
            Figure(draw, alt, f"Each point is a mixture; the band is that of the fitted line. {alt}", "scatter"),
            Table(fit.tables["methods"], "The slope by every method; the primary one was chosen before.", "methods"),
            *_forest(by_target, single),
            Table(by_target, "Slopes by target and by group of targets, points per standard deviation.", "slopes"),
            Text(_heterogeneity(fit.tables["heterogeneity"].iloc[0])),
        ),
    )


def _forest(by_target: pd.DataFrame, single: pd.DataFrame) -> list[Block]:
    if len(single) < 2:
        return [missing("A forest plot of targets", "the results have one target")]
    shown = by_target.rename(columns={"target": "label", "slope": "estimate"})[["label", "estimate", "low", "high"]]
    pooled = [label for label in shown["label"] if label not in set(single["target"])]
    ends = ", ".join(f"{a} {b:+.2g}" for a, b in single[["target", "slope"]].itertuples(index=False))
    draw = partial(plots.forest, shown, xlabel="points per standard deviation of diversity", pooled=pooled)
    alt = f"Slopes by target with 95 % intervals: {ends}."
    return [
        Figure(draw, alt, "Slopes by target (circles) and by group of targets (diamonds), 95 % intervals.", "forest")
    ]


def _heterogeneity(found: pd.Series) -> str:
    return (
        f"Do the targets differ? Q = {cell(found['q'])}, p = {cell(found['p'])}, I2 = {cell(found['i2'])}, "
        f"standard deviation between targets {cell(found['tau'])}; pooled slope {cell(found['mean'])}."
    )


def retrieval(fit: Fit | str) -> Section:
    """The retrieval targets, apart: they carry most of the gain in published results."""
    title = "Retrieval and the rest, apart"
    if isinstance(fit, str):
        return Section("retrieval", title, (missing("The groups", fit),))
    groups = fit.tables["targets"].query("kind != 'target'")
    why = Text(
        "In published results the two retrieval targets carry most of the gain from intermediate training, so the mean of "
        "nine, that of the seven others and that of retrieval stand side by side."
    )
    names = set(groups["target"])
    gone = [g for g in ("mean9", "mean7", "retrieval") if g not in names]
    blocks: list[Block] = [why]
    if len(groups):
        blocks.append(Table(groups, "Slopes of the group means.", "slopes_of_groups"))
    if gone:
        blocks.append(missing(" and ".join(gone), "the results do not have all their targets"))
    return Section("retrieval", title, tuple(blocks))


def specifications(fit: Fit | str) -> Section:
    """The specification curve."""
    title = "Would another choice have found something else?"
    table = None if isinstance(fit, str) else fit.tables.get("specifications")
    if table is None or len(table) < 2:
        why = fit if isinstance(fit, str) else "there is one metric, one encoder and one outcome to choose from"
        return Section("specifications", title, (missing("The specification curve", why),))
    shown = table.rename(columns={"slope": "estimate"})
    choices = [c for c in ("metric", "encoder", "outcome", "covariates") if shown[c].nunique() > 1]
    found = int((table["p"] < 0.05).sum())
    after = int((table["p_holm"] < 0.05).sum())
    text = (
        f"{len(table)} specifications: {found} have p < .05, {after} after Holm's correction; "
        f"{int((table['slope'] > 0).sum())} slopes are positive. By chance alone about one in twenty is below .05."
    )
    draw = partial(plots.specification_curve, shown, choices, ylabel="slope per SD")
    figure = Figure(draw, text, f"Every specification, in order of its slope. {text}", "specifications")
    return Section(
        "specifications", title, (Text(text), figure, Table(table, "All specifications.", "specifications", 15))
    )


def influence(fit: Fit | str) -> Section:
    """What happens when a task, a language or a target is left out."""
    title = "Influence: what hangs on one task, language or target?"
    if isinstance(fit, str):
        return Section("influence", title, (missing("Influence", fit),))
    table = fit.tables["influence"]
    dropped = table[table["kind"] != "none"]
    turned = dropped[~dropped["same_sign"].astype(bool)]
    named = ", ".join(f"{k} {d}" for k, d in turned[["kind", "dropped"]].head(8).itertuples(index=False))
    text = f"The sign changes in {len(turned)} of {len(dropped)} cases{': ' + named if named else ''}."
    tasks = dropped[dropped["kind"].isin(["task", "target"])]
    blocks: list[Block] = [Text(text)]
    if len(tasks):
        shown = tasks.assign(label=tasks["kind"] + " " + tasks["dropped"].astype(str), estimate=tasks["slope"])
        draw = partial(plots.forest, shown, xlabel="slope without it, points per standard deviation")
        blocks.append(Figure(draw, text, "The slope when one task or target is left out, 95 % intervals.", "influence"))
    blocks.append(Table(table, "The slope with each task, target and language left out.", "influence", shown=15))
    blocks.append(Table(fit.tables["cook"], "Cook's distance: the mixtures that move the line most.", "cook", shown=10))
    return Section("influence", title, tuple(blocks))


def checks(fit: Fit | str) -> Section:
    """Baselines, correlations, shape, measurement, choosing."""
    title = "Baselines and checks"
    if isinstance(fit, str):
        return Section("checks", title, (missing("The checks", fit),))
    captions: Mapping[str, str] = {
        "predictive": "Predictive R2, leaving tasks or targets out: diversity beside what it must beat.",
        "members": "The slope, and the slope given the mean of the members' single-task outcomes.",
        "correlations": "Correlations, with intervals over tasks and, labelled naive, over mixtures.",
        "partial": "Partial correlations of diversity and outcome given each baseline (p naive).",
        "shapes": "Is the relation a line? Quadratic and monotone fits.",
        "choosing": "Choosing mixtures by rank: NDCG and regret in points.",
        "measurement": "Measurement error of the score, noise of the outcome, and the slope corrected for it.",
    }
    blocks = [Table(fit.tables[name], text, name) for name, text in captions.items() if len(fit.tables.get(name, ()))]
    return Section("checks", title, tuple(blocks))


def failed(left_out: pd.DataFrame, degenerate: pd.DataFrame | None) -> Section:
    """Runs that are not in the analysis, or look broken."""
    blocks: list[Block] = []
    if len(left_out):
        blocks.append(Table(left_out, "Left out of the analysis, and why.", "left_out"))
    else:
        blocks.append(Text("No run failed and none was left out."))
    if degenerate is not None and len(degenerate):
        blocks.append(
            Table(degenerate, "Runs far from the others of their cell; they are in the analysis.", "degenerate")
        )
    return Section("failed", "Failed and degenerate runs", tuple(blocks))


def methods(fit: Fit | str, settings: Mapping[str, object]) -> Section:
    """Text for a paper."""
    title = "Methods, ready for a paper"
    if isinstance(fit, str):
        return Section("methods", title, (missing("The methods text", fit),))
    first = fit.tables["methods"].query("primary").iloc[0]["method"]
    text = (
        f"We scored the semantic diversity of {fit.n_mixtures} mixtures of {fit.n_tasks} English intermediate tasks with "
        f"{fit.metric} and related it to zero-shot accuracy ({fit.outcome}; question answering counts as the mean of exact "
        "match and F1, each target as the mean over its languages, English included). Mixtures share tasks, so the task, not "
        f"the mixture, is the unit of chance. The primary test, {first}, was declared as such before the data were seen by "
        "it; it compares mixtures of one size. Slopes are in points per standard deviation of diversity. We also report a "
        "multi-membership mixed model (REML, one random effect a task, Satterthwaite degrees of freedom), and the naive "
        "ordinary regression, which is anticonservative. A slope counts as established where p is at most "
        f"{cell(settings.get('alpha', 0.05))} and, where members were also trained alone, where it holds given their mean. "
        f"P-values over targets are corrected by Holm and by Benjamini and Hochberg. Draws are seeded "
        f"({settings.get('seed')}). Computed with diversity {settings.get('version')}."
    )
    return Section("methods", title, (Text(text),))


def provenance(facts: Sequence[tuple[str, object]]) -> Section:
    """Versions, seeds, hashes, commit."""
    import pandas as pd

    frame = pd.DataFrame([(name, str(value)) for name, value in facts], columns=["what", "value"])
    return Section("provenance", "Provenance", (Table(frame, "How this report came about.", "provenance"),))
