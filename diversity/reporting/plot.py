"""`plot`: a figure of what a function of the toolkit returned, in one call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.planning.design import Design
from diversity.reporting import plots, sections, style
from diversity.reporting.page import Figure as Block
from diversity.reporting.page import Paragraph, Section
from diversity.scoring.embedded import EmbeddedTasks
from diversity.scoring.plane import plane
from diversity.scoring.score import score
from diversity.stats.compare import Comparison
from diversity.stats.fit import Fit
from diversity.types import InputError, Mixture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

Draw = Callable[..., "Figure"]
Option = str | float | bool | None | Sequence[str]
RESULTS = ("mixture", "target", "language", "value")
SCORES = ("mixture", "metric", "value")
NUMBERS = ("value", "estimate", "low", "high")  # columns that hold numbers, where a figure needs them
COLUMNS = ("x", "y", "by", "error")  # options that name columns


def plot(found: object, what: str = "", **options: Option) -> Figure:
    """A figure of what `fit`, `compare`, `design`, `score` or `distances` returned, or of a table of results.

    `what`, where there is a choice: of a Fit `targets` (slopes by target), `mixtures` (diversity against the outcome),
    `specifications` or `influence`; of a Comparison `pairs`; of a Design `mixtures`; of embedded tasks `map` (texts in the
    plane, option `metric`); of a DataFrame `distances` (a tree and
    a heat map), `scores` (option `metric`), `results` (accuracy by target and language), `forest` (columns label, estimate,
    low, high), `intervals` (label, value, low, high), `lines` (options `x`, `y`, `by`, `error`) or `groups` (`x`, `by`).
    The first one that fits is the default; `options` are those of the figure. The palette tells apart for colour-blind
    readers. Raises InputError where there is nothing to draw.

    >>> import pandas as pd
    >>> rows = pd.DataFrame({"label": ["a", "b"], "estimate": [1.0, 2], "low": [0.0, 1], "high": [2.0, 3]})
    >>> plot(rows, xlabel="points").axes[0].get_xlabel()
    'points'
    """
    import pandas as pd

    if isinstance(found, pd.DataFrame):
        known: Mapping[str, Draw] = {name: figure.draw for name, figure in TABLES.items()}
        name = what or _default(found)
        _check_table(found, name, options)
    else:
        known = _figures_of(found)
        name = what or next(iter(known))
    if name not in known:
        raise catalog.near(name, list(known), f"figure of a {type(found).__name__}")
    _check_options(name, known[name], options)
    with style.theme():
        import matplotlib.pyplot as plt

        before = set(plt.get_fignums())
        try:
            return known[name](found, **options)
        finally:  # it is shown where it is returned, not once more at the end of a cell
            for number in set(plt.get_fignums()) - before:
                plt.close(number)


def _figures_of(found: object) -> Mapping[str, Draw]:
    """The figures of a result, the default first."""
    if isinstance(found, Fit):
        return {
            "targets": _of_section(sections.slopes, "forest"),
            "mixtures": _of_section(sections.slopes, "scatter"),
            "specifications": _of_section(sections.specifications, "specifications"),
            "influence": _of_section(sections.influence, "influence"),
        }
    if isinstance(found, Comparison):
        return {"pairs": _of_section(sections.compared, "pairs")}
    if isinstance(found, Design):
        return {"mixtures": _design}
    if isinstance(found, EmbeddedTasks):
        return {"map": _map}
    raise InputError(
        f"expected a Fit, a Comparison, a Design, embedded tasks or a DataFrame to draw, found a {type(found).__name__}"
    )


def _default(table: pd.DataFrame) -> str:
    """The figure of a table that its columns ask for; raises InputError where there is none."""
    if len(table) and list(table.index) == list(table.columns):
        return "distances"
    if fitting := [name for name, figure in TABLES.items() if figure.fits(table)]:
        return fitting[0]
    known = "; ".join(f"{name} ({', '.join(f.columns)})" for name, f in TABLES.items() if f.columns)
    raise InputError(
        f"expected a table of distances, or columns of {known}, found {', '.join(map(str, table.columns)) or 'none'}: "
        "name the figure: lines with x and y, or groups with x and by"
    )


def _check_table(table: pd.DataFrame, name: str, options: Mapping[str, Option]) -> None:
    """InputError for an option that names no column, a table without rows, and text where a figure draws numbers."""
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    columns = list(map(str, table.columns))
    for option in COLUMNS:
        if (named_by := options.get(option)) and str(named_by) not in columns:
            raise catalog.near(str(named_by), columns, f"column for {option}")
    if table.empty:
        raise InputError(f"expected rows to draw, found none in the table of {name}")
    named = [options[o] for o in ("x", "y", "error") if options.get(o) and (o != "x" or name == "groups")]
    known = list(TABLES[name].columns) if name in TABLES else []
    drawn = list(table.columns) if name == "distances" else [c for c in known if c in NUMBERS] + named
    for column in drawn:
        if column in table.columns and (not is_numeric_dtype(table[column]) or is_bool_dtype(table[column])):
            raise InputError(f"expected numbers in the column {column!r}, found {table[column].iloc[0]!r}")


def _check_options(name: str, draw: Draw, options: Mapping[str, Option]) -> None:
    """InputError for an option that a figure has not, and for one that it needs."""
    _, *parameters = inspect.signature(draw).parameters.values()
    known = [p.name for p in parameters]
    for option in options:
        if option not in known:
            raise (
                catalog.near(option, known, f"option of the figure {name}")
                if known
                else InputError(f"expected no options of the figure {name}, found {option}")
            )
    needed = [p.name for p in parameters if p.default is p.empty]
    if missing := [option for option in needed if option not in options]:
        raise InputError(f"expected {' and '.join(needed)} for the figure {name}, found no {missing[0]}")


def _of_section(make: Callable[..., Section], slug: str) -> Draw:
    """The figure of that name in a section of the report."""

    def draw(found: object) -> Figure:
        blocks = make(found).blocks
        for block in blocks:
            if isinstance(block, Block) and block.slug == slug:
                return block.draw()
        reasons = [b.text for b in blocks if isinstance(b, Paragraph) and b.kind == "missing"]
        raise InputError(f"{slug}: {reasons[0] if reasons else 'there is nothing to show'}")

    return draw


def _scores(table: pd.DataFrame, *, metric: str = "") -> Figure:
    from diversity.studies.scores import read_scores

    scores = read_scores(table)
    rows = scores.of(metric or scores.pairs[0][0])
    block = next(b for b in sections.mixtures(rows, scores.frame, set(rows.index)).blocks if isinstance(b, Block))
    return block.draw()


def _map(space: EmbeddedTasks, *, metric: str = "cosine") -> Figure:
    names = list(space.stacked.names)
    mixtures = [*(Mixture.of([name]) for name in names), *([Mixture.of(names)] if len(names) > 1 else [])]
    return plots.map_of_texts(plane(space), score(space, mixtures=mixtures, metrics=[metric]))


def _design(design: Design) -> Figure:
    table = design.mixtures
    return plots.groups(table[table["role"] != "baseline"], design.metric, "role")


# The figures of tables, those that their columns ask for first.
TABLES: Mapping[str, plots.TableFigure] = {
    "distances": plots.TableFigure(plots.tree),
    "results": plots.TableFigure(_of_section(sections.accuracy, "accuracy"), RESULTS),
    "scores": plots.TableFigure(_scores, SCORES),
    **plots.TABLES,
}
