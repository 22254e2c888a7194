"""Figures of tasks: their texts and distances, what each adds to a mixture, and scores by the number of texts."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from diversity.reporting.plots.canvas import ABOVE, CANVAS, MARKS, SHOWN, axes, colour, rows_of, side_by_side, slanted
from diversity.reporting.plots.points import labelled
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def map_of_texts(points: pd.DataFrame, scores: pd.DataFrame) -> Figure:
    """Texts in the plane, a colour and mark for each task, beside the diversity of the mixtures with intervals.

    `points` as `diversity.scoring.plane` gives them, `scores` as `diversity.score` gives them: its first metric is drawn.
    """
    metric = scores["metric"].iloc[0]
    values = scores[scores["metric"] == metric].drop_duplicates("mixture").iloc[:SHOWN]
    figure, (left, right) = axes(13, max(5.0, 1.2 + 0.34 * len(values)), ncols=2, width_ratios=(1.2, 1))
    look = {"s": min(80, max(14, 3000 / len(points))), "alpha": 0.6, "linewidths": 0}
    for place, (name, rows) in enumerate(points.groupby("task", sort=False)):
        mark, shade = MARKS[place % len(MARKS)], colour(place)
        left.scatter(rows["x"], rows["y"], marker=mark, color=shade, label=name, **look)
    left.set(xticks=[], yticks=[], xlabel="first principal component", ylabel="second principal component")
    left.set_title(f"Texts as points ({points['share'].iloc[0] * 100:.0f} % of their variance is in this plane)")
    left.legend(frameon=False, loc="best", markerscale=2)
    for y, (value, low, high) in enumerate(values[["value", "low", "high"]].itertuples(index=False)):
        right.plot([low, high], [y, y], color=colour(0), linewidth=2)
        right.plot([value], [y], marker="o", color=colour(0), markersize=7)
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
    figure, ax = axes(7, 6)
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
    figure, (left, right) = axes(14, 6.2, ncols=2)
    starred = {name: f"{name}*" for name in notes or {}}
    ordered = distances.loc[order, order].rename(index=starred, columns=starred)
    distance_map(ordered, left, label="mean cosine distance")
    left.set_title("Distance between tasks (diagonal: within a task)")
    slanted(left)
    chosen = scores[scores["metric"] == metric].assign(size=scores["tasks"].map(len))
    beside = np.random.default_rng(0).uniform(-0.25, 0.25, len(chosen))  # seaborn's jitter has no seed
    right.scatter(chosen["size"] + beside, chosen["value"], s=16, alpha=0.6, color=colour(0), linewidths=0)
    medians = chosen.groupby("size")["value"].median()
    right.plot(medians.index, medians.to_numpy(), color=colour(1), marker="D", label="median")
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
    figure, (left, right) = axes(1.7 * size, size, ncols=2, width_ratios=[1, 2])
    leaves = dendrogram(linked(distances), labels=list(distances.index), orientation="left", ax=left, color_threshold=0,
                       above_threshold_color="0.3")  # fmt: skip
    order = leaves["ivl"][::-1]  # from the top
    left.set(yticks=[])
    left.set_xlabel(textwrap.fill("distance between groups of tasks", 12 + 2 * len(distances)))
    seaborn.despine(ax=left, left=True)
    distance_map(distances.loc[order, order], right, label=f"{name} distance")
    right.tick_params(axis="y", rotation=0)
    slanted(right)
    return figure


def distance_map(ordered: pd.DataFrame, ax: Axes, *, label: str) -> None:
    """Distances as colours, far is dark; the colours are those of the distances between tasks, not of the diagonal."""
    import numpy as np
    import seaborn

    values = ordered.to_numpy(float)
    between = values[~np.eye(len(values), dtype=bool)]
    narrow = CANVAS.get().width is not None
    seaborn.heatmap(
        ordered, annot=True, fmt=".2f", cmap="cividis_r", square=not narrow, ax=ax, cbar_kws={"label": label},
        vmin=between.min(), vmax=between.max(), annot_kws={"size": "x-small"} if narrow else None,
    )  # fmt: skip


def alike(distances: pd.DataFrame) -> list[str]:
    """The tasks in an order that puts those of small distance side by side (average linkage, optimal leaf order)."""
    from scipy.cluster.hierarchy import leaves_list

    names = list(distances.index)
    return names if len(names) < 3 else [names[i] for i in leaves_list(linked(distances))]


def linked(distances: pd.DataFrame) -> Any:
    """The tree of tasks as scipy's linkage (T - 1, 4): average linkage, optimal leaf order.

    It is of distances proper: what two texts of different tasks differ by beyond those of one task.
    """
    from scipy.cluster.hierarchy import linkage
    from scipy.spatial.distance import squareform

    return linkage(squareform(beyond(distances), checks=False), "average", optimal_ordering=True)


def beyond(distances: pd.DataFrame) -> Any:
    """Distances (T, T) beyond those within the tasks, none negative, the diagonal 0."""
    import numpy as np

    values = distances.to_numpy(dtype=float, copy=True)
    within = values.diagonal()
    values = values - (within[:, None] + within[None, :]) / 2
    values = (values + values.T) / 2 - min(0.0, float(values.min()))
    np.fill_diagonal(values, 0)
    return values


def task_map(distances: pd.DataFrame, name: str = "cosine") -> Figure:
    """The tasks in the plane, as far apart as their distances allow (classical scaling, Torgerson 1952).

    Where the diagonal is not 0, the distances are those beyond that within the tasks. Raises InputError for fewer than
    three tasks, and for distances that are not finite.
    """
    import numpy as np
    import pandas as pd

    if len(distances) < 3 or not np.isfinite(distances.to_numpy(float)).all():
        raise InputError("expected finite distances of three tasks or more, found others")
    between = beyond(distances)
    centring = np.eye(len(between)) - 1 / len(between)
    values, vectors = np.linalg.eigh(-centring @ between**2 @ centring / 2)
    order = np.argsort(values)[::-1][:2]
    kept = np.maximum(values[order], 0)
    points = vectors[:, order] * np.sqrt(kept)
    points *= np.sign(points[np.abs(points).argmax(axis=0), range(2)] + 1e-300)
    share = float(kept.sum() / max(np.maximum(values, 0).sum(), 1e-300))
    figure, ax = axes(5.6, 4.8)
    for place in range(len(points)):
        ax.plot(*points[place], MARKS[place % len(MARKS)], color=colour(place), markersize=9)
    ax.margins(0.18)
    ax.set_aspect("equal", adjustable="datalim")
    ax.set(xticks=[], yticks=[], xlabel=f"near: alike by {name} distance ({share:.0%} of it is in this plane)")
    labelled(ax, pd.DataFrame({"x": points[:, 0], "y": points[:, 1], "label": list(distances.index)}))
    return figure


def contributions(table: pd.DataFrame, *, metric: str = "") -> Figure:
    """What each task adds to a mixture, as bars with intervals: columns task, metric, shapley, low, high."""
    chosen = metric or table["metric"].iloc[0]
    rows = table[table["metric"] == chosen].sort_values("shapley", ascending=False)
    if rows.empty:
        raise InputError(f"expected a metric of the table, found {chosen!r}")
    figure, ax = axes(6.2, 1.1 + 0.32 * len(rows))
    y = list(range(len(rows)))
    ax.barh(y, rows["shapley"], color=colour(0), height=0.65)
    ax.hlines(y, rows["low"], rows["high"], color=colour(3), linewidth=2)
    ax.axvline(0, color=colour(7), linewidth=1)
    ax.set_xlabel(f"share of the mixture's {chosen} (Shapley value)")
    rows_of(ax, list(rows["task"]))
    return figure


def bars(table: pd.DataFrame, label: str, value: str, *, xlabel: str) -> Figure:
    """A bar for each row of a table, the longest first."""
    rows = table.sort_values(value, ascending=False)
    figure, ax = axes(6.2, 1.1 + 0.32 * len(rows))
    ax.barh(list(range(len(rows))), rows[value], color=colour(0), height=0.65)
    ax.set_xlabel(xlabel)
    rows_of(ax, list(rows[label]))
    return figure


def rarefaction(scores: pd.DataFrame, *, metric: str) -> Figure:
    """A metric by the number of texts that it is computed on: columns mixture, n, value, low, high."""
    figure, ax = axes(6.2, 4.0)
    names = list(dict.fromkeys(scores["mixture"]))
    for place, name in enumerate(names):
        rows = scores[scores["mixture"] == name].sort_values("n")
        mark = MARKS[place % len(MARKS)]
        ax.plot(rows["n"], rows["value"], color=colour(place), marker=mark, markersize=5, label=name)
        ax.fill_between(rows["n"], rows["low"], rows["high"], color=colour(place), alpha=0.2, linewidth=0)
    ax.set(xlabel="texts", ylabel=metric, xscale="log")
    ticks = sorted(scores["n"].unique())
    ax.set_xticks(ticks, [f"{n:,}" for n in ticks])
    ax.minorticks_off()
    ax.legend(**ABOVE, ncols=side_by_side(len(names)))
    return figure
