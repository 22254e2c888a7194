"""Figures of results: each takes a tidy DataFrame and returns a matplotlib Figure in the style that is in force."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def _axes(width: float, height: float, **options: Any) -> tuple[Figure, Any]:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=(width, height), **options)


def forest(estimates: pd.DataFrame, *, xlabel: str, pooled: Sequence[str] = ()) -> Figure:
    """Estimates with their intervals, one line each: columns label, estimate, low, high; zero is marked.

    Labels in `pooled` are drawn as diamonds. An interval that is not known is left out.
    """
    rows = estimates.reset_index(drop=True)
    figure, ax = _axes(8, 1.1 + 0.34 * len(rows))
    for y, (label, value, low, high) in enumerate(rows[["label", "estimate", "low", "high"]].itertuples(index=False)):
        special = label in pooled
        ax.plot([low, high], [y, y], color="C1" if special else "C0", linewidth=2)
        ax.plot([value], [y], marker="D" if special else "o", color="C1" if special else "C0", markersize=7)
    _zero(ax)
    ax.set(yticks=range(len(rows)), yticklabels=rows["label"], xlabel=xlabel, ylim=(len(rows) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    return figure


def _zero(ax: Axes) -> None:
    import matplotlib

    ax.axvline(0, color=matplotlib.rcParams["grid.color"], linewidth=1.2, zorder=0)


def intervals(values: pd.DataFrame, *, xlabel: str, shown: int = 24) -> Figure:
    """Values with their intervals, the largest first: columns label, value, low, high; of many, both ends."""
    import pandas as pd

    ordered = values.sort_values("value", ascending=False)
    if len(ordered) > shown:
        ordered = pd.concat([ordered.head(shown // 2), ordered.tail(shown // 2)])
    figure, ax = _axes(8, 1.1 + 0.28 * len(ordered))
    y = range(len(ordered))
    ax.hlines(y, ordered["low"], ordered["high"], color="C0", linewidth=2)
    ax.plot(ordered["value"], y, "o", color="C0", markersize=5)
    ax.set(yticks=list(y), yticklabels=ordered["label"], xlabel=xlabel, ylim=(len(ordered) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    return figure


def heat_map(table: pd.DataFrame, *, label: str, digits: int = 0) -> Figure:
    """A table of values by row and column as colours, with the values in the cells; what is missing stays blank."""
    import numpy as np
    import seaborn

    rows, columns = table.shape
    figure, ax = _axes(max(6.0, 1.8 + 0.42 * columns), max(2.2, 1.2 + 0.36 * rows))
    seaborn.heatmap(
        table, annot=True, fmt=f".{digits}f", cmap="cividis", ax=ax, cbar_kws={"label": label}, linewidths=0.4,
        annot_kws={"size": 7}, mask=~np.isfinite(table.to_numpy(dtype=float)),
    )  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.tick_params(axis="y", rotation=0, length=0)
    ax.tick_params(axis="x", rotation=0, length=0)
    return figure


def scatter(points: pd.DataFrame, *, xlabel: str, ylabel: str, band: pd.DataFrame | None = None) -> Figure:
    """Points x, y (and label, where there are at most 16), and a line with its band: columns x, fit, low, high."""
    figure, ax = _axes(7.5, 4.8)
    ax.plot(points["x"], points["y"], "o", color="C0", alpha=0.75, markersize=5)
    if "label" in points and len(points) <= 16:
        for x, y, label in points[["x", "y", "label"]].itertuples(index=False):
            ax.annotate(label, (x, y), xytext=(4, 4), textcoords="offset points", fontsize=7)
    if band is not None:
        ax.plot(band["x"], band["fit"], color="C1")
        ax.fill_between(band["x"], band["low"], band["high"], color="C1", alpha=0.2, linewidth=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    return figure


def pairs(table: pd.DataFrame, *, ylabel: str) -> Figure:
    """Matched pairs as lines from the homogeneous to the diverse mixture: columns homogeneous, diverse; mean in bold."""
    figure, ax = _axes(5.5, 4.6)
    for low, high in table[["homogeneous", "diverse"]].itertuples(index=False):
        ax.plot(
            [0, 1], [low, high], color="C0" if high >= low else "C1", alpha=0.5, linewidth=1.2, marker="o", markersize=4
        )
    ax.plot([0, 1], table[["homogeneous", "diverse"]].mean(), color="C2", linewidth=3, marker="D", label="mean")
    ax.set(xticks=[0, 1], xticklabels=["homogeneous", "diverse"], ylabel=ylabel, xlim=(-0.3, 1.3))
    ax.legend(frameon=False)
    return figure


def specification_curve(table: pd.DataFrame, choices: Sequence[str], *, ylabel: str) -> Figure:
    """Every specification's estimate in order, its choices marked below: columns estimate, low, high, p and `choices`."""
    ordered = table.sort_values("estimate").reset_index(drop=True)
    marks = [(c, v) for c in choices for v in sorted(ordered[c].astype(str).unique())]
    figure, (top, bottom) = _axes(
        9, 3.2 + 0.2 * len(marks), nrows=2, sharex=True, height_ratios=[3.0, max(0.6, 0.2 * len(marks))]
    )
    x = ordered.index.to_numpy()
    found = (ordered["p"] < 0.05).to_numpy()
    for chosen, colour, name in ((~found, "C7", "p ≥ .05"), (found, "C0", "p < .05")):
        if chosen.any():
            part = ordered[chosen]
            top.vlines(x[chosen], part["low"], part["high"], color=colour, linewidth=1)
            top.plot(x[chosen], part["estimate"], "o", color=colour, markersize=3.5, label=name)
    top.axhline(0, color="C1", linewidth=1)
    top.set(ylabel=ylabel)
    top.legend(frameon=False, loc="upper left")  # empty: the estimates rise
    for y, (choice, value) in enumerate(marks):
        here = (ordered[choice].astype(str) == value).to_numpy()
        bottom.plot(x[here], [y] * int(here.sum()), "|", color="C0", markersize=7)
    bottom.set(yticks=range(len(marks)), yticklabels=[f"{c}: {v}" for c, v in marks], ylim=(len(marks) - 0.5, -0.5))
    bottom.set(xlabel="specifications, by estimate")
    bottom.tick_params(axis="y", length=0, labelsize=7)
    return figure
