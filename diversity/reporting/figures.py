"""Figures of diversity: seaborn, one style, legible to colour-blind readers; each returns a matplotlib Figure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.reporting import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


def _style() -> Any:
    style.ground()
    import seaborn

    seaborn.set_theme(context="notebook", style="ticks", palette="colorblind")
    return seaborn


def overview(
    distances: pd.DataFrame, scores: pd.DataFrame, metric: str = "cosine", notes: Mapping[str, str] | None = None
) -> Figure:
    """Heat map of the task x task distances beside the diversity of mixtures by their number of tasks.

    `distances` as `diversity.distances` gives them, `scores` as `diversity.score` with every subset. Tasks that are alike
    stand side by side in the map (average linkage). `notes` on tasks are marked with a star and stand below.
    """
    seaborn = _style()
    import matplotlib.pyplot as plt
    import numpy as np

    order = alike(distances)
    figure, (left, right) = plt.subplots(1, 2, figsize=(14, 6.2), layout="constrained")
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
    right.scatter(chosen["size"] + beside, chosen["value"], s=16, alpha=0.6, color="C0", linewidths=0)
    medians = chosen.groupby("size")["value"].median()
    right.plot(medians.index, medians.to_numpy(), color="C1", marker="D", label="median")
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
    that within the tasks. Raises ValueError for fewer than two tasks.
    """
    seaborn = _style()
    import matplotlib.pyplot as plt
    from scipy.cluster.hierarchy import dendrogram

    size = 0.7 * len(distances) + 2
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(1.7 * size, size), width_ratios=[1, 2], layout="constrained", sharey=False
    )
    drawn = dendrogram(linked(distances), labels=list(distances.index), orientation="left", ax=left, color_threshold=0,
                       above_threshold_color="0.3")  # fmt: skip
    order = drawn["ivl"][::-1]  # from the top
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
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with matplotlib.rc_context({"svg.hashsalt": "diversity"}), store.replacing(target) as stream:
        figure.savefig(stream, format=kind, dpi=dpi, metadata=dates.get(kind))
    plt.close(figure)
    return target
