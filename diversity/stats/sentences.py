"""Every sentence that the statistics say, from the numbers alone."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from diversity.display.numbers import amount, count, interval, level, number, p_value
from diversity.display.summary import Summary

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.compare import Comparison
    from diversity.stats.fit import Fit


BASELINES = {
    "k": "number of tasks", "log_budget": "number of training examples", "single_mean": "mean of its tasks alone"
}  # fmt: skip


def of_fit(fit: Fit) -> str:
    """The answer of a fit: what was found, with its interval, and how little the study could have shown."""
    if math.isnan(fit.p):
        return f"{headline(fit)} {fit.why[:1].upper()}{fit.why[1:]}."
    said = [f"{headline(fit)} Mixtures one standard deviation more diverse {_scored(fit.slope_per_sd, fit.in_points)}"]
    said[0] += f" ({_tested(fit.low, fit.high, fit)})."
    if fit.lower_is_better:
        said.append("Lower is better.")
    if fit.established:
        return " ".join((*said, *_plain(fit)))
    if fit.p <= fit.alpha:
        said.append("The effect does not hold once each task's own worth is allowed for.")
    return " ".join((*said, *ruled_out(fit), *detectable(fit), *_plain(fit)))


def ruled_out(fit: Fit) -> list[str]:
    """Where the whole interval lies within what was declared to count as none, a sentence says so."""
    if not (math.isfinite(fit.rope) and -fit.rope < fit.low and fit.high < fit.rope):
        return []
    units = " points" if fit.in_points else ""
    return [f"An effect of more than {amount(fit.rope, points=fit.in_points)}{units} is ruled out."]


def headline(fit: Fit) -> str:
    """The answer of a fit in a few words."""
    if math.isnan(fit.p):
        return f"{fit.mark}No answer."
    if not fit.established:
        return f"{fit.mark}No clear effect."
    return f"{fit.mark}More diverse mixtures did {'better' if fit.verdict == 'positive' else 'worse'}."


def detectable(fit: Fit) -> list[str]:
    """The smallest effect that the study could have detected, as a sentence; none where it is not known."""
    least = fit.minimum_detectable_slope
    if math.isnan(least):
        return []
    if math.isinf(least):
        return ["This study could not have detected an effect of any size."]
    units = " points" if fit.in_points else ""
    return [f"This study could only have detected about {amount(least, points=fit.in_points)}{units}."]


def _scored(difference: float, points: bool) -> str:
    """What the one scored beside the other."""
    if not difference:
        return "scored the same"
    units = " points" if points else ""
    return f"scored {amount(abs(difference), points=points)}{units} {'higher' if difference > 0 else 'lower'}"


def _tested(low: float, high: float, result: Fit | Comparison) -> str:
    """The interval and p of a result that was tested."""
    return f"{level(result.alpha)} CI {interval(low, high, points=result.in_points)}, {p_value(result.p)}"


def _plain(fit: Fit) -> list[str]:
    """Where the slope of plain regression within sizes is another one, a sentence says so."""
    slope, plain = fit.slope_per_sd, fit.plain_slope
    if math.isnan(plain) or (fit.low <= plain <= fit.high and plain * slope >= 0):
        return []
    sign = "the other sign" if plain * slope < 0 else "outside the interval"
    shown = amount(plain, points=fit.in_points)
    return [f"This allows for what each task is worth; plain regression gives {shown}, {sign}."]


def of_comparison(comparison: Comparison) -> str:
    """The answer of a comparison of pairs."""
    c = comparison
    scored = f"Diverse mixtures {_scored(c.difference, c.in_points)}{' as' if not c.difference else ' than'} homogeneous ones"
    pairs = count(c.n_pairs, "matched pair")
    if math.isnan(c.low_tasks):
        return f"{judged(c)} {scored} in {pairs}. There is no interval: {c.why}."
    said = [f"{judged(c)} {scored} in {pairs} ({_tested(c.low_tasks, c.high_tasks, c)})."]
    if math.isnan(c.rope):
        said.append("What difference would count as none was not given.")
    elif c.rope:
        units = " points" if c.in_points else ""
        said.append(f"Differences up to {amount(c.rope, points=c.in_points)}{units} count as none.")
    if c.lower_is_better:
        said.append("Lower is better.")
    return " ".join(said)


def judged(comparison: Comparison) -> str:
    """The answer of a comparison in a few words."""
    return (
        comparison.mark
        + {
            "better": "Diverse mixtures did better.",
            "worse": "Diverse mixtures did worse.",
            "equal": "Practically no difference.",
            "undecided": "No clear difference.",
        }[comparison.verdict]
    )


def other_tests(comparison: Comparison) -> list[str]:
    """The intervals and tests of a comparison beside its primary one, a sentence each; none that is not known."""
    c, said = comparison, []
    if math.isfinite(c.low):
        ends = interval(c.low, c.high, points=c.in_points)
        said.append(f"A bootstrap over pairs, as if they shared no tasks, gives {ends}.")
    tests = [("task labels", c.p_permutation), ("parametric bootstrap", c.p_reml)]
    known = [f"{p_value(p)} by {name}" for name, p in tests if math.isfinite(p) and p != c.p]
    if math.isfinite(c.p_sign_flip):
        known.append(f"{p_value(c.p_sign_flip)} as if pairs shared no tasks, which is too optimistic")
    if known:
        said.append(f"Other tests: {'; '.join(known)}.")
    if math.isfinite(c.effect_size):
        said.append(f"Effect size: {number(c.effect_size, 2)} standard deviations of the differences.")
    return said


def of_baselines(fit: Fit) -> list[str]:
    """Correlations, and whether diversity predicts better than what is known without it, a sentence each."""
    known = [("Pearson", fit.pearson), ("Spearman", fit.spearman), ("Kendall", fit.kendall)]
    r = ", ".join(f"{name} {value:.2f}" for name, value in known if math.isfinite(value))
    predicted = [
        ("diversity", fit.r2_leave_one_task_out),
        *((BASELINES.get(n, n), v) for n, v in fit.baselines.items()),
    ]
    r2 = ", ".join(f"{name} {_r2(value)}" for name, value in predicted if value is not None and math.isfinite(value))
    said = [f"Correlation over mixtures of all sizes: {r}."] if r else []
    return [*said, *([f"Predictive R² for mixtures with a task not seen: {r2}."] if r2 else [])]


def _r2(value: float) -> str:
    """How far below 0 it is says nothing: such a prediction is worse than the mean."""
    return f"{max(value, 0):.2f}" if value > -0.005 else "below 0"


def of_correlations(fit: Fit) -> str:
    """Why an interval of a correlation may leave out 0 beside an effect that is not established."""
    return (
        "Correlations are over mixtures of all sizes, so they mix diversity with the number of tasks; their intervals may "
        "leave out 0 where the effect is not established."
        if not fit.established
        else "Correlations are over mixtures of all sizes, so they mix diversity with the number of tasks."
    )


def card_of_fit(fit: Fit) -> Summary:
    """The card of a fit."""
    said = of_fit(fit).removeprefix(headline(fit)).strip()
    facts = []
    if math.isfinite(fit.p):
        units = " points" if fit.in_points else ""
        facts.append(
            (
                "Effect",
                f"{amount(fit.slope_per_sd, points=fit.in_points)}{units} per standard deviation of {fit.metric} "
                f"({_tested(fit.low, fit.high, fit)})",
            )
        )
        if not math.isnan(least := fit.minimum_detectable_slope):
            shown = (
                "none of any size"
                if math.isinf(least)
                else f"{amount(least, points=fit.in_points)}{units}, with 80 % power"
            )
            facts.append(("Smallest detectable effect", shown))
    facts.append(("Study", f"{count(fit.n_mixtures, 'mixture')}, {count(fit.n_tasks, 'task')}"))
    if math.isfinite(fit.p):
        facts.append(("Test", f"{fit.primary}, within mixtures of one size"))
    return Summary(headline(fit), said, facts)


def card_of_comparison(comparison: Comparison) -> Summary:
    """The card of a comparison."""
    c = comparison
    said = of_comparison(c).removeprefix(judged(c)).strip()
    units = " points" if c.in_points else ""
    facts = [("Difference", f"{amount(c.difference, points=c.in_points)}{units}, diverse minus homogeneous")]
    if math.isfinite(c.p):
        facts[0] = (facts[0][0], f"{facts[0][1]} ({_tested(c.low_tasks, c.high_tasks, c)})")
    facts.append(("Study", f"{count(c.n_pairs, 'pair')} of mixtures, {count(c.n_tasks, 'task')}"))
    facts.append(("Test", c.primary))
    return Summary(judged(c), said, facts)


def of_influence(table: pd.DataFrame) -> str:
    """What dropping each task, target and language shows."""
    dropped = table[table["kind"] != "none"]
    known = dropped[dropped["slope"].notna()]
    turned = known[known["turned"].astype(bool)]
    other = known[np.sign(known["slope"]) * np.sign(table["slope"].iloc[0]) < 0]
    if not len(known):
        return "The slope could not be computed with anything left out."
    named = ", ".join(f"{k} {d}" for k, d in turned[["kind", "dropped"]].head(8).itertuples(index=False))
    tried = f" of {len(dropped)}" if len(known) < len(dropped) else ""
    text = f"The slope was computed again with one task, target or language left out ({count(len(known), 'case')}{tried}). "
    if not len(turned):
        text += "No case turns its sign with an interval that leaves out 0"
    else:
        verb = "turns" if len(turned) == 1 else "turn"
        text += f"{len(turned)} {verb} its sign with an interval that leaves out 0: {named}"
    if len(other) > len(turned):
        text += f"; {len(other)} {'has' if len(other) == 1 else 'have'} a slope of the other sign"
    return f"{text}."


def of_specifications(table: pd.DataFrame, alpha: float) -> str:
    """What the specification curve shows."""
    small, after = int((table["p"] <= alpha).sum()), int((table["p_holm"] <= alpha).sum())
    return (
        f"{count(len(table), 'specification')}: {small} with p of at most {number(alpha).removeprefix('0')}, {after} after "
        f"Holm's correction; {count(int((table['slope'] > 0).sum()), 'slope')} above 0. They share mixtures, tasks and "
        "outcomes, so their number is weak evidence."
    )


def of_heterogeneity(differ: pd.Series, *, points: bool = True) -> str:
    """Whether the targets differ."""
    if math.isnan(differ["q"]):
        return "Whether the targets differ cannot be asked: fewer than two have a slope with an error."
    p = (
        "no p-value, as slopes of targets share their mixtures"
        if math.isnan(differ["p"])
        else f"{p_value(differ['p'])} among relabellings"
    )
    mean, tau = (amount(float(differ[name]), points=points) for name in ("mean", "tau"))
    return (
        f"Do the targets differ? Their mean slope, weighted by its precision, is {mean}, the standard deviation "
        f"between them {tau} (Q = {number(differ['q'], 2)}, {p}; I² = {number(differ['i2'], 2)})."
    )
