"""Figures of points: mixtures, pairs, seeds, languages, encoders, and tables of any columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from diversity.reporting.plots.canvas import ABOVE, MARKS, SHOWN, axes, colour, rows_of, side_by_side, slanted
from diversity.stats.correlation import spearman
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def scatter(
    points: pd.DataFrame, *, xlabel: str, ylabel: str, band: pd.DataFrame | None = None, labels: bool = False
) -> Figure:  # fmt: skip
    """Points x, y, and a line with its band: columns x, fit, low, high.

    Up to 16 points bear their `label`, if `labels`; a column `k`, numbers of tasks, is shown by colour and mark.
    """
    figure, ax = axes(6.2, 3.6)
    sizes = sorted(points["k"].unique()) if "k" in points else []
    if 1 < len(sizes) <= len(MARKS):
        for place, size in enumerate(sizes):
            rows = points[points["k"] == size]
            ax.plot(rows["x"], rows["y"], MARKS[place], color=colour(place), alpha=0.8, markersize=5, label=f"{size}")
        ax.legend(title="tasks in the mixture", **ABOVE, ncols=len(sizes))
    else:
        ax.plot(points["x"], points["y"], "o", color=colour(0), alpha=0.75, markersize=5)
    if band is not None:
        ax.plot(band["x"], band["fit"], color=colour(7))
        ax.fill_between(band["x"], band["low"], band["high"], color=colour(7), alpha=0.2, linewidth=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if labels and "label" in points and len(points) <= 16:
        labelled(ax, points)
    return figure


def labelled(ax: Axes, points: pd.DataFrame) -> None:
    """Labels beside their points, each at the first place around it where it covers no other label; none where all do."""
    places = [(5, 5, "left"), (5, -11, "left"), (-5, 5, "right"), (-5, -11, "right"), (5, 16, "left"), (5, -22, "left")]
    if (figure := ax.get_figure(root=True)) is not None:
        figure.draw_without_rendering()  # where the axes will be is known after this
    taken: list[Any] = []
    for x, y, label in points[["x", "y", "label"]].itertuples(index=False):
        note = ax.annotate(label, (x, y), xytext=(5, 5), textcoords="offset points", fontsize="small")
        for across, up, side in places:
            note.set(position=(across, up), horizontalalignment=side)
            box = note.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                taken.append(box)
                break
        else:
            note.remove()


def pairs(table: pd.DataFrame, *, ylabel: str) -> Figure:
    """Matched pairs as lines from the homogeneous to the diverse mixture: columns homogeneous, diverse; mean in bold."""
    figure, ax = axes(5.5, 4.6)
    ahead = table["diverse"] >= table["homogeneous"]
    for chosen, shade, line, label in (
        (ahead, colour(0), "-", "diverse ahead"),
        (~ahead, colour(1), "--", "homogeneous ahead"),
    ):
        ends = table.loc[chosen, ["homogeneous", "diverse"]].to_numpy(float).T
        lines = ax.plot([0, 1], ends, line, color=shade, alpha=0.6, linewidth=1.2, marker="o", markersize=4)
        for first in lines[:1]:
            first.set_label(f"{label} ({len(lines)})")
    ax.plot([0, 1], table[["homogeneous", "diverse"]].mean(), color=colour(2), linewidth=3, marker="D", label="mean")
    ax.set(xticks=[0, 1], xticklabels=["homogeneous", "diverse"], ylabel=ylabel, xlim=(-0.15, 1.15))
    ax.legend(**ABOVE, ncols=side_by_side(3))
    return figure


def lines(
    table: pd.DataFrame, x: str, y: str, *, by: str = "", error: str = "", reference: float | None = None,
    xlabel: str = "", ylabel: str = "",
) -> Figure:  # fmt: skip
    """Curves of column `y` over column `x`, one for each value of `by`, by colour and mark; bars of +-`error`."""
    figure, ax = axes(7.5, 4.4)
    groups = list(table.groupby(by, sort=False)) if by else [("", table)]
    for place, (name, rows) in enumerate(groups):
        bars = rows[error] if error else None
        mark = MARKS[place % len(MARKS)]
        ax.errorbar(rows[x], rows[y], yerr=bars, marker=mark, color=colour(place), markersize=5, label=str(name))
    if reference is not None:
        ax.axhline(reference, color=colour(7), linewidth=1.2, linestyle=":", zorder=0)
    ax.set(xlabel=xlabel or x, ylabel=ylabel or y)
    if by:
        ax.legend(title=by, **ABOVE, ncols=side_by_side(len(groups)))
    return figure


def groups(table: pd.DataFrame, x: str, by: str, *, xlabel: str = "") -> Figure:
    """Values of column `x` as points in a row for each value of the column `by`, in the order of the table."""
    names = list(dict.fromkeys(table[by]))
    figure, ax = axes(7.5, 1.1 + 0.5 * len(names))
    for place, name in enumerate(names):
        values = table.loc[table[by] == name, x]
        ax.plot(values, [place] * len(values), MARKS[place % len(MARKS)], color=colour(place), alpha=0.7, markersize=6)
    ax.set_xlabel(xlabel or x)
    rows_of(ax, [str(name) for name in names])
    return figure


def heat_map(table: pd.DataFrame, *, label: str, digits: int = 0) -> Figure:
    """A table of values by row and column as colours, with the values in the cells; what is missing stays blank."""
    import numpy as np
    import seaborn

    rows, columns = table.shape
    width = max(len(f"{v:.{digits}f}") for v in (np.nanmin(table), np.nanmax(table)))
    figure, ax = axes(max(4.0, 2.4 + (0.35 + 0.09 * width) * columns), max(2.2, 1.2 + 0.26 * rows))
    bar = {"label": label, "aspect": 30, "shrink": 0.6, "pad": 0.02}
    seaborn.heatmap(
        table, annot=True, fmt=f".{digits}f", cmap="cividis", ax=ax, cbar_kws=bar, linewidths=0.4, linecolor="none",
        annot_kws={"size": "small"}, mask=~np.isfinite(table.to_numpy(dtype=float)),
    )  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.tick_params(axis="y", rotation=0, length=0)
    ax.tick_params(axis="x", rotation=0, length=0)
    if any(len(str(c)) > 4 for c in table.columns):
        slanted(ax)
    return figure


def gains(results: pd.DataFrame, *, xlabel: str = "gain over the baseline, points") -> Figure:
    """What each mixture gains over training without it, by target and language: columns mixture, target, language, gain."""
    means = results.groupby(["target", "language"], sort=False)["gain"].mean()
    names = [f"{target}, {language}" for target, language in means.index]
    figure, ax = axes(6.8, 1.2 + 0.26 * len(names))
    for y, key in enumerate(means.index):
        values = results.loc[(results["target"] == key[0]) & (results["language"] == key[1]), "gain"]
        ax.plot(values, [y] * len(values), "o", color=colour(0), alpha=0.45, markersize=4)
        ax.plot([means[key]], [y], "D", color=colour(3), markersize=6)
    drawn = ax.get_lines()
    if len(drawn) > 1:
        drawn[0].set_label("a mixture")
        drawn[1].set_label("mean of the mixtures")
        ax.legend(**ABOVE, ncols=2)
    ax.axvline(0, color=colour(7), linewidth=1.2, zorder=0)
    ax.set_xlabel(xlabel)
    rows_of(ax, names)
    return figure


def seeds(results: pd.DataFrame, *, xlabel: str = "mean over targets and languages, points") -> Figure:
    """The spread of seeds: a point for each run of a mixture, a bar at their mean: columns mixture, seed, value.

    Of many mixtures, those of the widest spread are drawn.
    """
    spread = results.groupby("mixture")["value"].agg(["mean", "min", "max"])
    spread["range"] = spread["max"] - spread["min"]
    chosen = spread.sort_values("range", ascending=False).head(SHOWN).sort_values("mean", ascending=False)
    figure, ax = axes(6.8, 1.2 + 0.27 * len(chosen))
    known = sorted(results["seed"].unique().tolist())
    for place, seed in enumerate(known):
        rows = results[(results["seed"] == seed) & results["mixture"].isin(chosen.index)]
        y = [chosen.index.get_loc(m) for m in rows["mixture"]]
        mark = MARKS[place % len(MARKS)]
        ax.plot(rows["value"], y, mark, color=colour(place), alpha=0.8, markersize=5, label=f"seed {seed}")
    ax.hlines(range(len(chosen)), chosen["min"], chosen["max"], color=colour(7), linewidth=1.5, zorder=0)
    if len(known) <= 8:
        ax.legend(**ABOVE, ncols=side_by_side(len(known)))
    ax.set_xlabel(xlabel)
    rows_of(ax, [str(m) or "(no intermediate task)" for m in chosen.index])
    return figure


def encoders(scores: pd.DataFrame, *, metric: str) -> Figure:
    """The diversity of the same mixtures by one encoder against another: columns mixture, encoder, value.

    The first two encoders are drawn; raises InputError for fewer.
    """
    names = list(dict.fromkeys(scores["encoder"]))
    if len(names) < 2:
        raise InputError(f"expected scores of two encoders, found {', '.join(map(str, names)) or 'none'}")
    wide = scores.pivot_table(index="mixture", columns="encoder", values="value")[names[:2]].dropna()
    figure, ax = axes(5.2, 4.6)
    ax.plot(wide[names[0]], wide[names[1]], "o", color=colour(0), alpha=0.7, markersize=5)
    if len(wide) > 2:
        rank = spearman(*wide.to_numpy(float).T)
        ax.set_title(f"{len(wide)} mixtures, rank correlation {rank:.2f}", fontsize="medium")
    ax.set(xlabel=f"{metric}, {names[0]}", ylabel=f"{metric}, {names[1]}")
    if len(wide) <= 16:
        labelled(ax, wide.reset_index().set_axis(["label", "x", "y"], axis=1))
    return figure


def sizes(scores: pd.DataFrame, *, metric: str) -> Figure:
    """Every mixture by its number of tasks: columns k, value; the median of each number is marked."""
    import numpy as np

    figure, ax = axes(6.2, 4.0)
    beside = np.random.default_rng(0).uniform(-0.25, 0.25, len(scores))
    ax.scatter(scores["k"] + beside, scores["value"], s=14, alpha=0.5, color=colour(0), linewidths=0)
    medians = scores.groupby("k")["value"].median()
    ax.plot(medians.index, medians.to_numpy(), color=colour(1), marker="D", label="median")
    ax.set(xticks=list(medians.index), xlabel="tasks in the mixture", ylabel=metric)
    ax.legend(**ABOVE)
    return figure
