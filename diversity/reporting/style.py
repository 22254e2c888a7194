"""One style for every figure: seaborn's colour-blind palette, readable on light and on dark ground."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

INK = {False: "#1b1f24", True: "#e6e8eb"}
# Okabe & Ito 2008, in the order in which they tell apart on each ground; the eighth is for what stands back.
COLOURS = {
    False: ("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#56b4e9", "#949494"),
    True: ("#56b4e9", "#e69f00", "#3fc99b", "#ff7f40", "#e29bd4", "#d6a77a", "#7cc0ff", "#a3abb5"),
}
GRID = {False: "#d5d9de", True: "#3a4048"}


def ground() -> None:
    """Draw to memory unless a way to draw was chosen already, as it is in a notebook."""
    import matplotlib

    if matplotlib.get_backend(auto_select=False) is None:
        matplotlib.use("Agg")


@contextmanager
def theme(dark: bool = False, letters: float = 10.0) -> Iterator[None]:
    """The style of the figures that are drawn inside the block, with letters of so many points.

    Matplotlib's settings are as before after it.
    """
    import cycler
    import matplotlib

    ground()
    import seaborn

    ink, grid = INK[dark], GRID[dark]
    settings = {
        **seaborn.axes_style("ticks"),
        **seaborn.plotting_context("notebook", font_scale=0.085 * letters),
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), ink),
        "grid.color": grid,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": "none",
        "figure.facecolor": "none" if dark else "white",
        "figure.constrained_layout.use": True,
        "axes.prop_cycle": cycler.cycler(color=COLOURS[dark]),
        "svg.hashsalt": "diversity",  # the same figure, the same bytes
        "svg.fonttype": "none",
        "font.family": "sans-serif",
        "text.parse_math": False,  # names are shown as they are, dollar signs included
    }
    with matplotlib.rc_context(settings):
        yield


def darkened(svg: str) -> str:
    """A figure that was drawn for light ground, in the colours for dark ground: drawing takes long, and is the same.

    >>> darkened("fill: #1b1f24; stroke: #0173b2")
    'fill: #e6e8eb; stroke: #56b4e9'
    """
    pairs = zip((INK[False], GRID[False], *COLOURS[False]), (INK[True], GRID[True], *COLOURS[True]), strict=True)
    colours = dict(pairs)
    return re.sub("|".join(colours), lambda found: colours[found[0]], svg)
