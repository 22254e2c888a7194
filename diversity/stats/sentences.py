"""Every sentence that the statistics say, from the numbers alone: counts in words, numbers with the digits they need."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.compare import Comparison
    from diversity.stats.fit import Fit


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; `unknown` where there is none, and no minus before a zero.

    >>> number(0.12345), number(-0.0), number(float("nan")), number(float("-inf"))
    ('0.123', '0', 'unknown', 'minus infinity')
    """
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    return f"{value + 0.0:.{digits}g}" if value else "0"


def signed(value: float, digits: int = 3) -> str:
    """The same with its sign.

    >>> signed(0.5), signed(-0.5), signed(-0.0)
    ('+0.5', '-0.5', '0')
    """
    return f"+{number(value, digits)}" if value > 0 and math.isfinite(value) else number(value, digits)


def interval(low: float, high: float) -> str:
    """The ends of an interval with as many digits as tell them apart, and in words where they are not finite.

    >>> interval(-1.0, 2.5), interval(1.00001, 1.00002), interval(-math.inf, math.inf), interval(-math.inf, 2.0)
    ('-1 to +2.5', '+1.00001 to +1.00002', 'any slope', 'up to +2')
    """
    if math.isnan(low) or math.isnan(high):
        return "unknown"
    if math.isinf(low) or math.isinf(high):
        if math.isinf(low) and math.isinf(high):
            return "any slope"
        return f"up to {signed(high)}" if math.isinf(low) else f"{signed(low)} or more"
    for digits in range(3, 16):
        if low == high or (signed(low, digits) != signed(high, digits)):
            break
    return f"{signed(low, digits)} to {signed(high, digits)}"


def count(n: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "mixture"), count(1200, "task")
    ('1 mixture', '1,200 tasks')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def level(alpha: float) -> str:
    """The level of intervals whose tests are at alpha.

    >>> level(0.05), level(0.1), level(0.01)
    ('95 %', '90 %', '99 %')
    """
    return f"{number(100 * (1 - alpha), 6)} %"


def p_value(p: float) -> str:
    """`p = .03`, or below what is printed.

    >>> p_value(0.03), p_value(1e-9)
    ('p = 0.03', 'p < 0.0001')
    """
    return "p < 0.0001" if p < 1e-4 else f"p = {number(p)}"


def of_fit(fit: Fit) -> str:
    """The verdict of a fit."""
    begin = f"{fit.mark}{count(fit.n_mixtures, 'mixture')}, {count(fit.n_tasks, 'task')}"
    if math.isnan(fit.p):
        return f"{begin}: an effect of {fit.metric} on {fit.outcome} is not established: {fit.why}."
    units = " points" if fit.in_points else ""
    effect = (
        f"{begin}: one standard deviation of {fit.metric} within mixtures of one size ({number(fit.sd)}) is related to "
        f"{signed(fit.slope_per_sd)}{units} of {fit.outcome} ({level(fit.alpha)} interval {interval(fit.low, fit.high)}; "
        f"{fit.primary}, {p_value(fit.p)})"
    )
    if fit.verdict == "not established":
        return f"{effect}: an effect is not established.{_plain(fit)}"
    side = "better" if fit.verdict == "positive" else "worse"
    lower = ", lower being better" if fit.lower_is_better else ""
    return f"{effect}: the effect is {fit.verdict}, more diverse mixtures did {side}{lower}.{_plain(fit)}"


def _plain(fit: Fit) -> str:
    """Where the slope of plain regression within sizes is another one, that is said."""
    slope, plain = fit.slope_per_sd, fit.plain_slope
    if math.isnan(plain) or (fit.low <= plain <= fit.high and plain * slope >= 0):
        return ""
    return (
        f" This is given what the tasks are worth; the plain slope within sizes is {signed(plain)}, "
        f"{'of the other sign' if plain * slope < 0 else 'outside that interval'}."
    )


def of_comparison(comparison: Comparison) -> str:
    """The verdict of a comparison."""
    c = comparison
    units = " points" if c.in_points else ""
    begin = f"{c.mark}{count(c.n_pairs, 'pair')} of mixtures, {count(c.n_tasks, 'task')}"
    difference = f"diverse minus homogeneous {signed(c.difference)}{units} of {c.outcome}"
    if math.isnan(c.low_tasks):
        return f"{begin}: {difference}; nothing is decided: {c.why}."
    if math.isnan(c.rope):
        said = {
            "better": "diverse mixtures are better than homogeneous ones",
            "worse": "diverse mixtures are worse than homogeneous ones",
        }.get(c.verdict, "whether diverse mixtures are better than homogeneous ones is not decided")
        region = "no region of practical equivalence is given"
    else:
        said = {
            "better": "diverse mixtures are practically better than homogeneous ones",
            "worse": "diverse mixtures are practically worse than homogeneous ones",
            "equal": "diverse and homogeneous mixtures are practically equal",
            "undecided": "whether diverse mixtures are better than homogeneous ones is not decided",
        }[c.verdict]
        region = f"practically none: up to {number(c.rope)}"
    lower = "; lower is better" if c.lower_is_better else ""
    ends = f"{level(c.alpha)} interval {interval(c.low_tasks, c.high_tasks)}".replace("any slope", "any difference")
    return f"{begin}: {said}: {difference} ({ends}; {p_value(c.p)}; {region}{lower})."


def of_influence(table: pd.DataFrame) -> str:
    """What dropping each task, target and language shows."""
    dropped = table[table["kind"] != "none"]
    known = dropped[dropped["slope"].notna()]
    turned = known[known["turned"].astype(bool)]
    other = known[np.sign(known["slope"]) * np.sign(table["slope"].iloc[0]) < 0]
    if not len(known):
        return "The slope could not be computed with anything left out."
    named = ", ".join(f"{k} {d}" for k, d in turned[["kind", "dropped"]].head(8).itertuples(index=False))
    less = f" ({len(dropped)} were tried)" if len(known) < len(dropped) else ""
    text = f"Of the {count(len(known), 'case')} that could be computed{less}, "
    if not len(turned):
        text += "none turns the sign of the slope with an interval that leaves 0 out"
    else:
        verb = "turns" if len(turned) == 1 else "turn"
        text += f"{len(turned)} {verb} the sign with an interval that leaves 0 out: {named}"
    if len(other) > len(turned):
        text += f"; {len(other)} {'has' if len(other) == 1 else 'have'} a slope of the other sign"
    return f"{text}."


def of_specifications(table: pd.DataFrame, alpha: float) -> str:
    """What the specification curve shows."""
    small, after = int((table["p"] <= alpha).sum()), int((table["p_holm"] <= alpha).sum())
    return (
        f"{count(len(table), 'specification')}: {small} with p of at most {number(alpha)}, {after} after Holm's correction; "
        f"{count(int((table['slope'] > 0).sum()), 'slope')} above 0. The specifications share mixtures, tasks and outcomes, "
        "so their number says little of how many would be small by chance."
    )


def of_heterogeneity(differ: pd.Series) -> str:
    """Whether the targets differ."""
    if math.isnan(differ["q"]):
        return "Whether the targets differ cannot be asked: fewer than two have a slope with an error."
    p = (
        "no p-value: standard errors of slopes that share mixtures are not known well enough"
        if math.isnan(differ["p"])
        else f"{p_value(differ['p'])} among relabellings"
    )
    return (
        f"Do the targets differ? Q = {number(differ['q'])}, {p}; I² = {number(differ['i2'])}, standard deviation between "
        f"targets {number(differ['tau'])}; mean slope {number(differ['mean'])}."
    )
