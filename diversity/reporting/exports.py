"""What `fit` and `compare` write to a folder: every table with its caption, and every figure that can be drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from diversity.display import numbers
from diversity.reporting import page, sections
from diversity.reporting.page import Figure, Table
from diversity.stats.compare import Comparison
from diversity.stats.fit import Fit

if TYPE_CHECKING:
    import pandas as pd

# The captions of tables that the report does not show, or not under the name of the table.
CAPTIONS: Mapping[str, str] = {
    "mixtures": "Diversity and outcome of each mixture.",
    "power": "How often a slope of each size is detected.",
    "null": "Slopes where the labels of the tasks are permuted, and the share of permutations that gives them.",
    "heterogeneity": "Whether the slopes of the targets differ.",
    "languages": "Slopes by target and language.",
    "prediction": "The line over mixtures of all sizes, with its band and that of a new mixture.",
    "targets_by_metric": "Slopes by metric and target; p is corrected over them all.",
    "design": "Sample sizes, and what can be seen.",
    "targets": "Slopes by target and by group of targets, for one standard deviation of diversity.",
    "pairs": "Matched pairs of a diverse and a homogeneous mixture.",
    "strata": "Differences of the pairs by what they are matched on.",
    "left_out": "Left out of the analysis.",
    "degenerate": "Results that look broken; they are in the analysis.",
    "members": "The difference, and the difference allowing for what each task is worth.",
    "scores": "Scores of the predictions.",
    "contrasts": "Differences of the systems on the same items.",
}
HIDDEN: Mapping[str, tuple[str, ...]] = {"targets": ("kind", "se", "languages")}  # columns in CSV files alone


def blocks(result: Fit | Comparison) -> list[Table | Figure]:
    """All tables of a result, and the figures that it has."""
    parts = (
        [sections.slopes(result), sections.specifications(result), sections.influence(result), sections.checks(result)]
        if isinstance(result, Fit)
        else [sections.compared(result)]
    )
    listed = list(page.files([b for s in parts for b in s.blocks]))
    known = {b.slug: b for b in listed if isinstance(b, Table)}
    level = numbers.level(result.alpha)
    named = [
        replace(known[name], frame=frame) if name in known and name != "pairs" else table(name, frame, _unscored(frame))
        for name, frame in result.tables.items()
    ]
    drawn = [b for b in listed if isinstance(b, Figure)]
    if isinstance(result, Fit):
        shown = [sections.answer(result, "")] if math.isfinite(result.p) else []
        drawn += [*shown, sections.scatter(result), *sections.detection(result)]
    return [*(replace(t, points=result.in_points, level=level) for t in named), *drawn]


def _unscored(frame: pd.DataFrame) -> tuple[str, ...]:
    """The columns of diversity, where groups stand in its place: 1 for diverse, 0 for homogeneous."""
    columns = ("diversity_diverse", "diversity_homogeneous")
    groups = set(columns) <= set(frame) and (frame[list(columns)].to_numpy() == [1.0, 0.0]).all()
    return columns if groups else ()


def table(name: str, frame: pd.DataFrame, hidden: Sequence[str] = ()) -> Table:
    """A table of that name, with its caption; `hidden` columns are in its CSV file alone."""
    hidden = (*hidden, *HIDDEN.get(name, ()))
    caption = CAPTIONS.get(name, f"{name.replace('_', ' ').capitalize()}.")
    return Table(frame, caption, name, hidden=hidden, short=caption.partition(";")[0].partition(",")[0].rstrip("."))
