"""The figures: each takes a tidy DataFrame and returns a matplotlib Figure in the style that is in force (`style.theme`)."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MARKS = "osD^vPX*"
DATES: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}  # left out of files
SHOWN = 24  # mixtures of a plot of intervals


def _colour(place: int) -> str:
    """A colour of the palette in force; named, for a figure may be drawn when another one is."""
    from matplotlib.colors import to_hex

    return to_hex(f"C{place}")


def _axes(
    width: float,
    height: float,
    *,
    nrows: int = 1,
    ncols: int = 1,
    height_ratios: Sequence[float] | None = None,
    width_ratios: Sequence[float] | None = None,
) -> tuple[Figure, Any]:
    import matplotlib.pyplot as plt

    return plt.subplots(
        nrows, ncols, figsize=(width, height), sharex=nrows > 1, height_ratios=height_ratios, width_ratios=width_ratios
    )


def forest(estimates: pd.DataFrame, *, xlabel: str, pooled: Sequence[str] = (), reference: float = 0.0) -> Figure:
    """Estimates with their intervals, one line each: columns label, estimate, low, high; the reference is marked.

    Labels in `pooled` are drawn as diamonds. An interval that is not known is left out.
    """
    rows = estimates.reset_index(drop=True)
    figure, ax = _axes(8, 1.1 + 0.34 * len(rows))
    for y, (label, value, low, high) in enumerate(rows[["label", "estimate", "low", "high"]].itertuples(index=False)):
        special = label in pooled
        ax.plot([low, high], [y, y], color=_colour(1) if special else _colour(0), linewidth=2)
        ax.plot([value], [y], marker="D" if special else "o", color=_colour(1) if special else _colour(0), markersize=7)
    ax.axvline(reference, color=_colour(7), linewidth=1.2, zorder=0)
    ax.set(yticks=range(len(rows)), yticklabels=rows["label"], xlabel=xlabel, ylim=(len(rows) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
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
    figure, ax = _axes(8, 1.1 + 0.28 * len(ordered))
    y = range(len(ordered))
    ax.hlines(y, ordered["low"], ordered["high"], color=_colour(0), linewidth=2)
    ax.plot(ordered["value"], y, "o", color=_colour(0), markersize=5)
    if left_out:
        ax.axhline(shown // 2, color=_colour(7), linewidth=1, linestyle=":", zorder=0)
    ax.set(yticks=list(y), yticklabels=ordered["label"], xlabel=xlabel, ylim=(len(ordered) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    return figure


def heat_map(table: pd.DataFrame, *, label: str, digits: int = 0) -> Figure:
    """A table of values by row and column as colours, with the values in the cells; what is missing stays blank."""
    import numpy as np
    import seaborn

    rows, columns = table.shape
    width = max(len(f"{v:.{digits}f}") for v in (np.nanmin(table), np.nanmax(table)))
    figure, ax = _axes(max(4.0, 2.4 + (0.35 + 0.09 * width) * columns), max(2.2, 1.2 + 0.26 * rows))
    bar = {"label": label, "aspect": 30, "shrink": 0.6, "pad": 0.02}
    seaborn.heatmap(
        table, annot=True, fmt=f".{digits}f", cmap="cividis", ax=ax, cbar_kws=bar, linewidths=0.4, linecolor="none",
        annot_kws={"size": 8}, mask=~np.isfinite(table.to_numpy(dtype=float)),
    )  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.tick_params(axis="y", rotation=0, length=0)
    ax.tick_params(axis="x", rotation=0, length=0)
    if any(len(str(c)) > 4 for c in table.columns):
        for name in ax.get_xticklabels():
            name.set(rotation=45, horizontalalignment="right", rotation_mode="anchor")
    return figure


def scatter(points: pd.DataFrame, *, xlabel: str, ylabel: str, band: pd.DataFrame | None = None) -> Figure:
    """Points x, y, and a line with its band: columns x, fit, low, high.

    Up to 16 points bear their `label`; a column `k`, numbers of tasks, is told by colour and mark.
    """
    figure, ax = _axes(7.5, 4.8)
    sizes = sorted(points["k"].unique()) if "k" in points else []
    if 1 < len(sizes) <= len(MARKS):
        for place, size in enumerate(sizes):
            rows = points[points["k"] == size]
            ax.plot(rows["x"], rows["y"], MARKS[place], color=_colour(place), alpha=0.8, markersize=5, label=f"{size}")
        ax.legend(title="tasks", loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    else:
        ax.plot(points["x"], points["y"], "o", color=_colour(0), alpha=0.75, markersize=5)
    if band is not None:
        ax.plot(band["x"], band["fit"], color=_colour(7))
        ax.fill_between(band["x"], band["low"], band["high"], color=_colour(7), alpha=0.2, linewidth=0)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if "label" in points and len(points) <= 16:
        _labelled(ax, points)
    return figure


def _labelled(ax: Axes, points: pd.DataFrame) -> None:
    """Labels beside their points, each at the first place around it where it covers no other label."""
    places = [(5, 5, "left"), (5, -11, "left"), (-5, 5, "right"), (-5, -11, "right"), (5, 16, "left"), (5, -22, "left")]
    taken: list[Any] = []
    for x, y, label in points[["x", "y", "label"]].itertuples(index=False):
        note = ax.annotate(label, (x, y), xytext=(5, 5), textcoords="offset points", fontsize=8)
        for across, up, side in places:
            note.set(position=(across, up), horizontalalignment=side)
            box = note.get_window_extent()
            if not any(box.overlaps(other) for other in taken):
                break
        taken.append(box)


def pairs(table: pd.DataFrame, *, ylabel: str) -> Figure:
    """Matched pairs as lines from the homogeneous to the diverse mixture: columns homogeneous, diverse; mean in bold."""
    figure, ax = _axes(5.5, 4.6)
    ahead = table["diverse"] >= table["homogeneous"]
    for chosen, colour, line, label in (
        (ahead, _colour(0), "-", "diverse ahead"),
        (~ahead, _colour(1), "--", "homogeneous ahead"),
    ):
        ends = table.loc[chosen, ["homogeneous", "diverse"]].to_numpy(float).T
        lines = ax.plot([0, 1], ends, line, color=colour, alpha=0.6, linewidth=1.2, marker="o", markersize=4)
        for first in lines[:1]:
            first.set_label(f"{label} ({len(lines)})")
    ax.plot([0, 1], table[["homogeneous", "diverse"]].mean(), color=_colour(2), linewidth=3, marker="D", label="mean")
    ax.set(xticks=[0, 1], xticklabels=["homogeneous", "diverse"], ylabel=ylabel, xlim=(-0.15, 1.15))
    ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, borderaxespad=0.2, columnspacing=1)
    return figure


def specification_curve(table: pd.DataFrame, choices: Sequence[str], *, ylabel: str) -> Figure:
    """Every specification's estimate in order, its choices marked below: columns estimate, low, high, p and `choices`."""
    ordered = table.sort_values("estimate").reset_index(drop=True)
    marks = [(c, v) for c in choices for v in sorted(ordered[c].astype(str).unique())]
    figure, (top, bottom) = _axes(9, 3.2 + 0.2 * len(marks), nrows=2, height_ratios=[3.0, max(0.6, 0.2 * len(marks))])
    x = ordered.index.to_numpy()
    significant = (ordered["p"] < 0.05).to_numpy()
    for chosen, colour, name in ((~significant, _colour(7), "p ≥ .05"), (significant, _colour(0), "p < .05")):
        if chosen.any():
            part = ordered[chosen]
            top.vlines(x[chosen], part["low"], part["high"], color=colour, linewidth=1)
            top.plot(x[chosen], part["estimate"], "o", color=colour, markersize=3.5, label=name)
    top.axhline(0, color=_colour(1), linewidth=1)
    top.set(ylabel=ylabel)
    top.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
    for y, (choice, value) in enumerate(marks):
        chosen = (ordered[choice].astype(str) == value).to_numpy()
        bottom.plot(x[chosen], [y] * int(chosen.sum()), "|", color=_colour(0), markersize=7)
    names = [f"{c}: {v or 'none'}" for c, v in marks]
    bottom.set(yticks=range(len(marks)), yticklabels=names, ylim=(len(marks) - 0.5, -0.5))
    bottom.set(xlabel="specifications, by estimate")
    bottom.locator_params(axis="x", integer=True)
    bottom.tick_params(axis="y", length=0, labelsize=8)
    return figure


def lines(
    table: pd.DataFrame, x: str, y: str, *, by: str = "", error: str = "", reference: float | None = None,
    xlabel: str = "", ylabel: str = "",
) -> Figure:  # fmt: skip
    """Curves of column `y` over column `x`, one for each value of `by`, by colour and mark; bars of +-`error`."""
    figure, ax = _axes(7.5, 4.4)
    groups = list(table.groupby(by, sort=False)) if by else [("", table)]
    for place, (name, rows) in enumerate(groups):
        bars = rows[error] if error else None
        mark = MARKS[place % len(MARKS)]
        ax.errorbar(rows[x], rows[y], yerr=bars, marker=mark, color=_colour(place % 8), markersize=5, label=str(name))
    if reference is not None:
        ax.axhline(reference, color=_colour(7), linewidth=1.2, linestyle=":", zorder=0)
    ax.set(xlabel=xlabel or x, ylabel=ylabel or y)
    if by:
        ax.legend(title=by, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    return figure


def groups(table: pd.DataFrame, x: str, by: str, *, xlabel: str = "") -> Figure:
    """Values of column `x` as points in a row for each value of the column `by`, in the order of the table."""
    names = list(dict.fromkeys(table[by]))
    figure, ax = _axes(7.5, 1.1 + 0.5 * len(names))
    for place, name in enumerate(names):
        values = table.loc[table[by] == name, x]
        ax.plot(
            values, [place] * len(values), MARKS[place % len(MARKS)], color=_colour(place % 8), alpha=0.7, markersize=6
        )
    ax.set(yticks=range(len(names)), yticklabels=names, xlabel=xlabel or x, ylim=(len(names) - 0.5, -0.5))
    ax.tick_params(axis="y", length=0)
    return figure


def map_of_texts(points: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """Texts in the plane, a colour and mark for each task, beside the diversity of the mixtures with intervals.

    `points` as `diversity.scoring.plane` gives them, `scores` as `diversity.score` gives them: its first metric is drawn.
    """
    metric = scores["metric"].iloc[0]
    values = scores[scores["metric"] == metric].drop_duplicates("mixture").iloc[:SHOWN]
    figure, (left, right) = _axes(13, max(5.0, 1.2 + 0.34 * len(values)), ncols=2, width_ratios=(1.2, 1))
    look = {"s": min(80, max(14, 3000 / len(points))), "alpha": 0.6, "linewidths": 0}
    for place, (name, rows) in enumerate(points.groupby("task", sort=False)):
        mark, colour = MARKS[place % len(MARKS)], _colour(place % 8)
        left.scatter(rows["x"], rows["y"], marker=mark, color=colour, label=name, **look)
    left.set(xticks=[], yticks=[], xlabel="first principal component", ylabel="second principal component")
    left.set_title(f"Texts as points ({points['share'].iloc[0] * 100:.0f} % of their variance is in this plane)")
    left.legend(frameon=False, loc="best", markerscale=2)
    for y, (value, low, high) in enumerate(values[["value", "low", "high"]].itertuples(index=False)):
        right.plot([low, high], [y, y], color=_colour(0), linewidth=2)
        right.plot([value], [y], marker="o", color=_colour(0), markersize=7)
    names = [textwrap.fill(name.replace("+", "+ "), 26).replace("+ ", "+") for name in values["mixture"]]
    right.set(yticks=range(len(values)), yticklabels=names, ylim=(len(values) - 0.5, -0.5), xlabel=metric)
    right.set_title("Diversity with 95 % intervals: more diverse to the right")
    right.tick_params(axis="y", length=0)
    return figure


def simplex(surface: pd.DataFrame, weights: Mapping[str, float], *, label: str) -> Figure:
    """A metric over the shares of three tasks as a triangle with a task at each corner, and a mixture marked in it.

    `surface` as `diversity.scoring.propose.surface` gives it; `weights` are the shares of the mixture.
    """
    import numpy as np

    names = [str(column) for column in surface.columns if column != "value"]
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 3**0.5 / 2]])
    points = surface[names].to_numpy() @ corners
    figure, ax = _axes(7, 6)
    drawn = ax.tricontourf(points[:, 0], points[:, 1], surface["value"], levels=24, cmap="cividis")
    figure.colorbar(drawn, ax=ax, label=label, shrink=0.8)
    x, y = np.array([weights.get(name, 0.0) for name in names]) @ corners
    shares = ", ".join(f"{name} {weights.get(name, 0.0):.0%}" for name in names)
    ax.plot([x], [y], marker="*", markersize=20, color="white", markeredgecolor="black")
    ax.set_title(f"Marked: {shares}")
    for name, (left, height) in zip(names, corners, strict=True):
        ax.annotate(
            name, (left, height), (0, 6 if height else -6), textcoords="offset points",
            ha="center", va="bottom" if height else "top",
        )  # fmt: skip
    ax.set(aspect="equal", xlim=(-0.12, 1.12), ylim=(-0.08, 0.95))
    ax.axis("off")
    return figure


# --- Tasks and their distances ---------------------------------------------------------------------


def overview(
    distances: pd.DataFrame, scores: pd.DataFrame, metric: str = "cosine", notes: Mapping[str, str] | None = None
) -> Figure:
    """Heat map of the task x task distances beside the diversity of mixtures by their number of tasks.

    `distances` as `diversity.distances` gives them, `scores` as `diversity.score` with every subset. Tasks that are alike
    stand side by side in the map (average linkage). `notes` on tasks are marked with a star and stand below.
    """
    import numpy as np
    import seaborn

    order = alike(distances)
    figure, (left, right) = _axes(14, 6.2, ncols=2)
    starred = {name: f"{name}*" for name in notes or {}}
    ordered = distances.loc[order, order].rename(index=starred, columns=starred)
    seaborn.heatmap(
        ordered, annot=True, fmt=".2f", cmap="cividis", square=True, ax=left, cbar_kws={"label": "mean cosine distance"}
    )
    left.set_title("Distance between tasks (diagonal: within a task)")
    left.tick_params(axis="x", rotation=45)
    for label in left.get_xticklabels():
        label.set_horizontalalignment("right")
    chosen = scores[scores["metric"] == metric].assign(size=scores["tasks"].map(len))
    beside = np.random.default_rng(0).uniform(-0.25, 0.25, len(chosen))  # seaborn's jitter has no seed
    right.scatter(chosen["size"] + beside, chosen["value"], s=16, alpha=0.6, color=_colour(0), linewidths=0)
    medians = chosen.groupby("size")["value"].median()
    right.plot(medians.index, medians.to_numpy(), color=_colour(1), marker="D", label="median")
    right.set_xticks(medians.index)
    right.set(
        xlabel="tasks in the mixture", ylabel=f"diversity ({metric})", title=f"All {len(chosen)} mixtures by size"
    )
    right.legend(frameon=False, loc="lower right")
    seaborn.despine(ax=right)
    if notes:
        text = "; ".join(f"* {name}: {note}" for name, note in notes.items())
        figure.supxlabel(text, x=0.01, ha="left", fontsize="small")
    return figure


def tree(distances: pd.DataFrame, name: str = "cosine") -> Figure:
    """Dendrogram of the tasks (average linkage) beside the heat map of their distances, in the order of its leaves.

    `distances` as `diversity.distances` gives them. Where the diagonal is not 0, the branches are of the distance beyond
    that within the tasks. Raises InputError for fewer than two tasks, and for distances that are not finite.
    """
    import numpy as np
    import seaborn
    from scipy.cluster.hierarchy import dendrogram

    if len(distances) < 2 or not np.isfinite(distances.to_numpy(float)).all():
        raise InputError("expected finite distances of two tasks or more, found others")
    size = 0.7 * len(distances) + 2
    figure, (left, right) = _axes(1.7 * size, size, ncols=2, width_ratios=[1, 2])
    leaves = dendrogram(linked(distances), labels=list(distances.index), orientation="left", ax=left, color_threshold=0,
                       above_threshold_color="0.3")  # fmt: skip
    order = leaves["ivl"][::-1]  # from the top
    left.set(yticks=[], xlabel="distance between groups of tasks")
    seaborn.despine(ax=left, left=True)
    seaborn.heatmap(distances.loc[order, order], annot=True, fmt=".2f", cmap="cividis", square=True, ax=right,
                    cbar_kws={"label": f"{name} distance"})  # fmt: skip
    right.tick_params(axis="x", rotation=45)
    right.tick_params(axis="y", rotation=0)
    for label in right.get_xticklabels():
        label.set_horizontalalignment("right")
    return figure


def alike(distances: pd.DataFrame) -> list[str]:
    """The tasks in an order that puts those of small distance side by side (average linkage, optimal leaf order)."""
    from scipy.cluster.hierarchy import leaves_list

    names = list(distances.index)
    return names if len(names) < 3 else [names[i] for i in leaves_list(linked(distances))]


def linked(distances: pd.DataFrame) -> Any:
    """The tree of tasks as scipy's linkage (T - 1, 4): average linkage, optimal leaf order.

    It is of distances proper: what two texts of different tasks differ by beyond those of one task.
    """
    import numpy as np
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    values = distances.to_numpy(copy=True)
    within = values.diagonal()
    values = values - (within[:, None] + within[None, :]) / 2
    values = (values + values.T) / 2 - min(0.0, float(values.min()))
    np.fill_diagonal(values, 0)
    return linkage(squareform(values, checks=False), "average", optimal_ordering=True)


def save(figure: Figure, path: Path | str, *, dpi: int = 150) -> Path:
    """Write a figure atomically, in the format that the file's name says; the same figure gives the same bytes."""
    import matplotlib
    import matplotlib.pyplot as plt

    target = Path(path)
    kind = target.suffix.removeprefix(".")
    with matplotlib.rc_context({"svg.hashsalt": "diversity"}), store.replacing(target) as stream:
        figure.savefig(stream, format=kind, dpi=dpi, metadata=DATES.get(kind))
    plt.close(figure)
    return target


# --- What `diversity.plot` draws of a table ----------------------------------------------------------


@dataclass(frozen=True)
class TableFigure:
    """A figure of a table: the function that draws it, and the columns that the table must have."""

    draw: Callable[..., Figure]
    columns: tuple[str, ...] = ()

    def fits(self, table: pd.DataFrame) -> bool:
        """Whether the table is one that this figure is drawn of unasked."""
        return bool(self.columns) and set(self.columns) <= set(map(str, table.columns))


# By the name that `plot` takes; one without columns is drawn where it is asked for. A new figure of a table is a
# function above and a line here.
TABLES: Mapping[str, TableFigure] = {
    "forest": TableFigure(forest, ("label", "estimate", "low", "high")),
    "intervals": TableFigure(intervals, ("label", "value", "low", "high")),
    "lines": TableFigure(lines),
    "groups": TableFigure(groups),
}
