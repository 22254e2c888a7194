"""`plot`: a figure of what a function of the toolkit returned, in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from diversity import catalog
from diversity.reporting import figures, plots, sections, style
from diversity.reporting.page import Figure as Block
from diversity.reporting.page import Section, Text
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Draw = Callable[..., "Figure"]
RESULTS = {"mixture", "target", "language", "value"}
SCORES = {"mixture", "metric", "value"}


def plot(found: Any, what: str = "", **options: Any) -> Figure:
    """A figure of what `fit`, `compare`, `design`, `score` or `distances` returned, or of a table of results.

    `what`, where there is a choice: of a Fit `targets` (slopes by target), `mixtures` (diversity against the outcome),
    `specifications` or `influence`; of a Comparison `pairs`; of a Design `mixtures`; of a DataFrame `distances` (a tree and
    a heat map), `scores` (option `metric`), `results` (accuracy by target and language), `forest` (columns label, estimate,
    low, high), `lines` (options `x`, `y`, `by`, `error`) or `groups` (`x`, `by`). The first one that fits is the default;
    `options` are those of the figure. The palette tells apart for colour-blind readers. Raises InputError where there is
    nothing to draw.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"label": ["a", "b"], "estimate": [1.0, 2], "low": [0.0, 1], "high": [2.0, 3]})
    >>> plot(rows, xlabel="points").axes[0].get_xlabel()
    'points'
    """
    kinds = _kinds(found)
    if what and what not in kinds:
        raise catalog.near(what, list(kinds), f"figure of a {type(found).__name__}")
    draw = kinds[what or next(iter(kinds))]
    with style.theme():
        import matplotlib.pyplot as plt

        figure = draw(found, **options)
        plt.close(figure)  # it is shown where it is returned, not once more at the end of a cell
    return figure


def _kinds(found: Any) -> dict[str, Draw]:
    """The figures that there are of a thing, the default first."""
    name = type(found).__name__
    if name == "DataFrame":
        return _of_table(found)
    kinds: dict[str, dict[str, Draw]] = {
        "Fit": {
            "targets": _section(sections.slopes, "forest"),
            "mixtures": _section(sections.slopes, "scatter"),
            "specifications": _section(sections.specifications, "specifications"),
            "influence": _section(sections.influence, "influence"),
        },
        "Comparison": {"pairs": _section(sections.compared, "pairs")},
        "Design": {"mixtures": _design},
    }
    if name not in kinds:
        raise InputError(f"expected a Fit, a Comparison, a Design or a DataFrame to draw, found a {name}")
    return kinds[name]


def _of_table(table: pd.DataFrame) -> dict[str, Draw]:
    columns = set(map(str, table.columns))
    plain: dict[str, Draw] = {"lines": plots.lines, "groups": plots.groups, "forest": plots.forest}
    if list(table.index) == list(table.columns):
        return {"distances": lambda t, **o: figures.tree(t, **o)}
    if columns >= RESULTS:
        return {"results": _section(sections.accuracy, "accuracy"), **plain}
    if columns >= SCORES:
        return {"scores": _scores, **plain}
    if {"label", "estimate", "low", "high"} <= columns:
        return {"forest": plots.forest, **plain}
    return plain


def _section(make: Callable[..., Section], slug: str) -> Draw:
    """The figure of that name in a section of the report."""

    def draw(found: Any) -> Figure:
        blocks = make(found).blocks
        for block in blocks:
            if isinstance(block, Block) and block.slug == slug:
                return block.draw()
        told = (b.text for b in blocks if isinstance(b, Text) and b.kind == "missing")
        why = next(told, "there is nothing to show")
        raise InputError(f"{slug}: {why}")

    return draw


def _scores(table: pd.DataFrame, *, metric: str = "") -> Figure:
    from diversity.stats.scores import read_scores

    known = read_scores(table)
    rows = known.of(metric or known.pairs[0][0])
    block = next(b for b in sections.mixtures(rows, known.frame, set(rows.index)).blocks if isinstance(b, Block))
    return block.draw()


def _design(found: Any) -> Figure:
    table = found.mixtures
    return plots.groups(table[table["role"] != "baseline"], found.metric, "role")
