"""Figures of estimates and their intervals: effects, slopes, choices, what chance gives, what a study can show."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diversity.display.numbers import amount, p_value
from diversity.reporting.plots.canvas import ABOVE, SHOWN, axes, colour, rows_of, side_by_side

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def forest(estimates: pd.DataFrame, *, xlabel: str, pooled: Sequence[str] = (), reference: float = 0.0) -> Figure:
    """Estimates with their intervals, one line each: columns label, estimate, low, high; the reference is marked.

    Labels in `pooled` are drawn as diamonds. An interval that is not known is left out.
    """
    rows = estimates.reset_index(drop=True)
    figure, ax = axes(8, 1.1 + 0.34 * len(rows))
    for y, (label, value, low, high) in enumerate(rows[["label", "estimate", "low", "high"]].itertuples(index=False)):
        special = label in pooled
        ax.plot([low, high], [y, y], color=colour(1) if special else colour(0), linewidth=2)
        ax.plot([value], [y], marker="D" if special else "o", color=colour(1) if special else colour(0), markersize=7)
    ax.axvline(reference, color=colour(7), linewidth=1.2, zorder=0)
    ax.set_xlabel(xlabel)
    rows_of(ax, list(rows["label"]))
    ax.spines["left"].set_visible(False)
    return figure


def effect(
    estimates: pd.DataFrame, *, xlabel: str, rope: float = math.nan, detectable: float = math.nan
) -> Figure:  # fmt: skip
    """Estimates with their intervals on an axis with 0: columns label, estimate, low, high.

    The band of +-`rope` counts as no difference; marks at +-`detectable`, beside the first estimate, are the smallest effect
    that the study could have shown. An interval without bounds ends in an arrow, one that is not known is left out.
    """
    import numpy as np

    rows = estimates.reset_index(drop=True)
    known = np.abs(rows[["estimate", "low", "high"]].to_numpy(float))
    limits = [v for v in (*known[np.isfinite(known)], rope, detectable) if math.isfinite(v)]
    edge = 1.15 * (max(limits, default=1.0) or 1.0)
    figure, ax = axes(6.2, 3.6)
    if math.isfinite(rope) and rope > 0:
        ax.axvspan(-rope, rope, color=colour(7), alpha=0.3, linewidth=0, label=f"counts as none (±{amount(rope)})")
    ax.axvline(0, color=colour(7), linewidth=1.2, zorder=0)
    if math.isfinite(detectable):
        ends = ax.plot([-detectable, detectable], [0, 0], "|", color=colour(3), markersize=34, markeredgewidth=2.5)
        ends[0].set_label(f"smallest detectable (±{amount(detectable)})")
    for y, (value, low, high) in enumerate(rows[["estimate", "low", "high"]].itertuples(index=False)):
        if not math.isnan(low):
            ax.plot([max(low, -edge), min(high, edge)], [y, y], color=colour(0), linewidth=3, solid_capstyle="butt")
        for end, mark in ((low, "<"), (high, ">")):
            if math.isinf(end):
                ax.plot([math.copysign(edge * 0.98, end)], [y], mark, color=colour(0), markersize=9, clip_on=False)
        ax.plot([value], [y], "o", color=colour(0), markersize=10, markeredgecolor="white", zorder=3)
    ax.set(
        yticks=range(len(rows)),
        yticklabels=rows["label"],
        ylim=(len(rows) - 0.4, -0.6),
        xlim=(-edge, edge),
        xlabel=xlabel,
    )
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    if ax.get_legend_handles_labels()[0]:
        ax.legend(**ABOVE, ncols=side_by_side(2), markerscale=0.4)
    return figure


def intervals(values: pd.DataFrame, *, xlabel: str, shown: int = SHOWN) -> Figure:
    """Values with their intervals, the largest first: columns label, value, low, high; of many, both ends with a gap."""
    import pandas as pd

    ordered = values.sort_values("value", ascending=False)
    if left_out := max(0, len(ordered) - shown):
        gap = pd.DataFrame(
            {"label": [f"({left_out} between)"], "value": [math.nan], "low": [math.nan], "high": [math.nan]}
        )
        ordered = pd.concat([ordered.head(shown // 2), gap, ordered.tail(shown // 2)])
    figure, ax = axes(8, 1.1 + 0.28 * len(ordered))
    y = range(len(ordered))
    ax.hlines(y, ordered["low"], ordered["high"], color=colour(0), linewidth=2)
    ax.plot(ordered["value"], y, "o", color=colour(0), markersize=5)
    if left_out:
        ax.axhline(shown // 2, color=colour(7), linewidth=1, linestyle=":", zorder=0)
    ax.set_xlabel(xlabel)
    rows_of(ax, list(ordered["label"]))
    return figure


def specification_curve(table: pd.DataFrame, choices: Sequence[str], *, ylabel: str) -> Figure:
    """Every specification's estimate in order, its choices marked below: columns estimate, low, high, p and `choices`."""
    ordered = table.sort_values("estimate").reset_index(drop=True)
    marks = [(c, v) for c in choices for v in sorted(ordered[c].astype(str).unique())]
    figure, (top, bottom) = axes(9, 3.2 + 0.2 * len(marks), nrows=2, height_ratios=[3.0, max(0.6, 0.2 * len(marks))])
    x = ordered.index.to_numpy()
    significant = (ordered["p"] < 0.05).to_numpy()
    for chosen, shade, name in ((~significant, colour(7), "p ≥ .05"), (significant, colour(0), "p < .05")):
        if chosen.any():
            part = ordered[chosen]
            top.vlines(x[chosen], part["low"], part["high"], color=shade, linewidth=1)
            top.plot(x[chosen], part["estimate"], "o", color=shade, markersize=3.5, label=name)
    top.axhline(0, color=colour(1), linewidth=1)
    top.set(ylabel=ylabel)
    top.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    for y, (choice, value) in enumerate(marks):
        chosen = (ordered[choice].astype(str) == value).to_numpy()
        bottom.plot(x[chosen], [y] * int(chosen.sum()), "|", color=colour(0), markersize=7)
    names = [f"{c}: {v or 'none'}" for c, v in marks]
    bottom.set(yticks=range(len(marks)), yticklabels=names, ylim=(len(marks) - 0.5, -0.5))
    bottom.set(xlabel="specifications, by estimate")
    bottom.locator_params(axis="x", integer=True)
    bottom.tick_params(axis="y", length=0, labelsize="small")
    return figure


def null(
    shares: pd.DataFrame, observed: float, *, xlabel: str = "slope where the tasks' labels are permuted", p: float = math.nan
) -> Figure:  # fmt: skip
    """What chance gives: the slopes of relabelled tasks (columns slope, share), and the observed one."""
    figure, ax = axes(6.2, 3.4)
    width = float(shares["slope"].diff().median()) if len(shares) > 1 else 1.0
    ax.bar(shares["slope"], 100 * shares["share"], width=width, color=colour(7), alpha=0.6, label="relabelled tasks")
    shown = "" if math.isnan(p) else f", {p_value(p)}"
    ax.axvline(observed, color=colour(3), linewidth=2.2, label=f"observed ({amount(observed)}{shown})")
    ax.axvline(0, color=colour(7), linewidth=1, zorder=0)
    ax.set(xlabel=xlabel, ylabel="relabellings, %")
    ax.legend(**ABOVE, ncols=side_by_side(2))
    return figure


def power_curve(
    curve: pd.DataFrame, *, least: float = math.nan, xlabel: str = "true slope, points per SD of diversity"
) -> Figure:  # fmt: skip
    """How often the verdict shows a slope of each size: columns slope, power; the slope of 80 % power is marked."""
    ordered = curve.sort_values("slope")
    figure, ax = axes(6.2, 3.4)
    ax.plot(ordered["slope"], 100 * ordered["power"], color=colour(0), marker="o", markersize=5)
    ax.axhline(80, color=colour(7), linewidth=1, linestyle="--")
    if math.isfinite(least):
        ax.plot([least, least], [0, 80], color=colour(3), linewidth=1.5, linestyle="--")
        ax.plot([least], [80], "D", color=colour(3), markersize=7, label=f"smallest detectable: {amount(least)}")
        ax.legend(**ABOVE)
    ax.set(xlabel=xlabel, ylabel="studies that detect it, %", ylim=(0, 103), xlim=(0, None))
    return figure
