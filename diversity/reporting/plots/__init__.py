"""The figures: each takes a tidy DataFrame and returns a matplotlib Figure in the style that is in force (`style.theme`)."""

from diversity.reporting.plots.canvas import SHOWN, Canvas, Width, inches, on, save, write
from diversity.reporting.plots.estimates import effect, forest, intervals, null, power_curve, specification_curve
from diversity.reporting.plots.points import encoders, gains, groups, heat_map, lines, pairs, scatter, seeds, sizes
from diversity.reporting.plots.tasks import (
    alike,
    bars,
    contributions,
    linked,
    map_of_texts,
    overview,
    rarefaction,
    simplex,
    task_map,
    tree,
)

__all__ = [
    "SHOWN", "Canvas", "Width", "alike", "bars", "contributions", "effect", "encoders", "forest", "gains", "groups",
    "heat_map", "inches", "intervals", "lines", "linked", "map_of_texts", "null", "on", "overview", "pairs", "power_curve",
    "rarefaction", "save", "scatter", "seeds", "simplex", "sizes", "specification_curve", "task_map", "tree", "write",
]  # fmt: skip
