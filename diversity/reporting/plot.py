"""`plot`: a figure of anything that the toolkit returns, in one call."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.planning.design import Design
from diversity.reporting import page, plots, sections, style
from diversity.reporting.page import Figure as Block
from diversity.reporting.page import Paragraph, Section
from diversity.reporting.plots.canvas import LETTERS, SMALL
from diversity.reporting.report import Report
from diversity.scoring.embedded import EmbeddedTasks
from diversity.scoring.plane import plane
from diversity.scoring.propose import Proposal
from diversity.scoring.score import score
from diversity.stats.compare import Comparison
from diversity.stats.fit import Fit
from diversity.studies.outcomes import official_runs
from diversity.studies.tables import BASELINES, as_frame
from diversity.types import InputError, Mixture

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Draw = Callable[..., "Figure"]
Option = str | float | bool | None | Sequence[str]
RESULTS = ("mixture", "target", "language", "value")
SCORES = ("mixture", "metric", "value")
NUMBERS = ("value", "estimate", "low", "high")  # columns that hold numbers, where a figure needs them
COLUMNS = ("x", "y", "by", "error")  # options that name columns


def plot(
    found: object,
    what: str = "",
    *,
    ax: Axes | None = None,
    width: plots.Width | None = None,
    font_size: float | None = None,
    title: str = "",
    output: Path | str | None = None,
    **options: Option,
) -> Figure:
    """A figure of anything that the toolkit returns.

    Parameters
    ----------
    found
        A `Fit`, a `Comparison`, a `Report`, a `Design`, a `Proposal`, embedded tasks, or a DataFrame, of polars too: scores,
        distances, contributions, results.
    what
        The figure, where there is a choice; the first one is the default.

        - A Fit: `targets`, `mixtures`, `effect`, `specifications`, `influence`, `null`, `power`.
        - A Comparison: `pairs`. A Report: those of both, `effect` first.
        - A Design: `mixtures`, `power`. A Proposal: `shares`. Embedded tasks: `map`.
        - Distances: `distances` (a tree and a heat map), `map`. Contributions: `contributions`.
        - Scores: `scores`, `sizes`, `encoders`, `rarefaction`. Results: `results`, `gains`, `seeds`.
        - Any table: `forest`, `intervals`, `lines`, `groups`.
    ax
        Axes to draw on, for figures of one panel.
    width
        `single` (3.5 inches, one column of a journal), `double` (7.2), or inches.
    font_size
        Points; 8 where a width is given, else 10.
    title
        A title above the figure.
    output
        A file to write, too; its suffix says the form: .png, .svg, .pdf.
    options
        Those of the figure: `metric` of tables of scores, `x`, `y`, `by`, `error` of lines and groups, `xlabel`, ...

    Returns
    -------
    Figure
        A matplotlib figure: `figure.savefig("figure.pdf")`. A notebook shows it where it is the last value of a cell.

    Raises
    ------
    InputError
        Where there is nothing to draw, and for an option that the figure does not have.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"label": ["a", "b"], "estimate": [1.0, 2], "low": [0.0, 1], "high": [2.0, 3]})
    >>> float(plot(rows, width="single", xlabel="points").get_size_inches()[0])
    3.5
    """
    import pandas as pd

    if not isinstance(found, pd.DataFrame) and hasattr(found, "to_pandas"):
        found = as_frame(found, "a table")
    if isinstance(found, pd.DataFrame):
        known: Mapping[str, Draw] = {name: figure.draw for name, figure in TABLES.items()}
        name = what or _default(found)
        if name == "map" and not _square(found):
            raise InputError("expected a table of distances, with the tasks as rows and columns, for the figure map")
        _check_table(found, name, options)
    else:
        known = _figures_of(found)
        name = what or next(iter(known))
    if name not in known:
        raise catalog.near(name, list(known), f"figure of a {type(found).__name__}")
    _check_options(name, known[name], options)
    letters = font_size or (LETTERS if width is None else SMALL)
    canvas = plots.Canvas(None if width is None else plots.inches(width), letters, ax)
    with style.theme(letters=letters), plots.on(canvas):
        import matplotlib.pyplot as plt

        before = set(plt.get_fignums())
        try:
            figure = known[name](found, **options)
            if title:
                _entitle(figure, title, ax)
            if ax is None:
                figure.draw_without_rendering()  # it is laid out in the style in force, and again where it is drawn
            if output is not None:
                plots.write(figure, output)
            return figure
        finally:  # it is shown where it is returned, not once more at the end of a cell
            for number in set(plt.get_fignums()) - before:
                plt.close(number)


def _entitle(figure: Figure, title: str, ax: Axes | None) -> None:
    if ax is not None:
        ax.set_title(title)
    else:
        figure.suptitle(title, fontsize="large")


def _figures_of(found: object) -> Mapping[str, Draw]:
    """The figures of a result, the default first."""
    if isinstance(found, Fit):
        return {
            "targets": _of_section(sections.slopes, "forest"),
            "mixtures": lambda fit: sections.scatter(fit).draw(),
            "effect": lambda fit: sections.answer(fit, "").draw(),
            "specifications": _of_section(sections.specifications, "specifications"),
            "influence": _of_section(sections.influence, "influence"),
            "null": _null,
            "power": _power,
        }
    if isinstance(found, Comparison):
        return {"pairs": _of_section(sections.compared, "pairs")}
    if isinstance(found, Design):
        return {"mixtures": _design, "power": _power_of_design}
    if isinstance(found, EmbeddedTasks):
        return {"map": _map}
    if isinstance(found, Proposal):
        return {
            "shares": lambda proposal: plots.bars(proposal.to_frame(), "task", "share", xlabel="share of the texts")
        }
    if isinstance(found, Report):
        return _figures_of_report(found)
    hint = ": read it first, with pandas.read_csv" if isinstance(found, str | Path) else ""
    raise InputError(
        "expected a Fit, a Comparison, a Report, a Design, a Proposal, embedded tasks or a DataFrame to draw, found a "
        f"{type(found).__name__}{hint}"
    )


def _figures_of_report(report: Report) -> Mapping[str, Draw]:
    """The figures of its fit, the answer with that of the pairs first, and of its comparison."""
    fit, compared = report.fit, report.comparison
    known: dict[str, Draw] = {}
    if not isinstance(fit, str):
        known["effect"] = lambda _: sections.answer(fit, compared).draw()
        known |= {name: _within(draw, fit) for name, draw in _figures_of(fit).items() if name != "effect"}
    if not isinstance(compared, str):
        known |= {name: _within(draw, compared) for name, draw in _figures_of(compared).items()}
    if not known:
        raise InputError(f"expected a report with a slope or pairs to draw, found none: {fit}")
    return known


def _within(draw: Draw, part: Fit | Comparison) -> Draw:
    """The figure of a part of a report."""
    return lambda _: draw(part)


def _square(table: pd.DataFrame) -> bool:
    """Are its rows its columns, as those of distances are?"""
    return bool(len(table)) and list(table.index) == list(table.columns)


def _default(table: pd.DataFrame) -> str:
    """The figure of a table that its columns ask for; raises InputError where there is none."""
    if _square(table):
        return "distances"
    if {*SCORES, "n", "estimator"} <= set(map(str, table.columns)) and (table["estimator"] == "rarefied").any():
        return "rarefaction"
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
    if lacking := [column for column in known if column not in columns]:
        raise InputError(f"expected the columns {', '.join(known)} for the figure {name}, found no {lacking[0]}")
    drawn = list(table.columns) if name in ("distances", "map") else [c for c in known if c in NUMBERS] + named
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
        for block in page.files(blocks):
            if isinstance(block, Block) and block.slug == slug:
                return block.draw()
        reasons = [b.text for b in blocks if isinstance(b, Paragraph) and b.kind == "missing"]
        raise InputError(f"{slug}: {reasons[0] if reasons else 'there is nothing to show'}")

    return draw


def _null(fit: Fit) -> Figure:
    if figures := sections.chance(fit):
        return figures[0].draw()
    raise InputError("null: the labels of the tasks were not permuted in this test")


def _power(fit: Fit) -> Figure:
    if figures := sections.detection(fit):
        return figures[0].draw()
    raise InputError("power: the design gets no test")


def _of_metric(table: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, str]:
    """The rows of one metric, the first where none is asked for."""
    known = list(dict.fromkeys(table["metric"]))
    if metric and metric not in known:
        raise catalog.near(metric, known, "metric of the scores")
    return table[table["metric"] == (metric or known[0])], metric or known[0]


def _of_encoder(table: pd.DataFrame, metric: str) -> tuple[pd.DataFrame, str]:
    """The same, where they are of one encoder: values of two are no sample of anything."""
    rows, name = _of_metric(table, metric)
    encoders = sorted(rows["encoder"].dropna().unique()) if "encoder" in rows else []
    if len(encoders) > 1:
        raise InputError(f"expected scores of one encoder, found {', '.join(encoders)}: keep the rows of one")
    return rows, name


def _sizes(table: pd.DataFrame, *, metric: str = "") -> Figure:
    rows, name = _of_encoder(table, metric)
    tasks = rows["tasks"] if "tasks" in rows else rows["mixture"]
    counts = [len(str(t).split("+")) if isinstance(t, str) else len(t) for t in tasks]
    return plots.sizes(rows.assign(k=counts), metric=name)


def _encoders(table: pd.DataFrame, *, metric: str = "") -> Figure:
    rows, name = _of_metric(table, metric)
    if "encoder" not in rows:
        raise InputError("expected scores of two encoders, found no column encoder")
    return plots.encoders(rows, metric=name)


def _rarefaction(table: pd.DataFrame, *, metric: str = "") -> Figure:
    rows, name = _of_encoder(table, metric)
    if "n" not in rows or rows["n"].nunique() < 2:
        raise InputError(
            "expected scores of several numbers of texts, as score(..., rarefy=(100, 300, 1000)) gives them"
        )
    return plots.rarefaction(rows.dropna(subset=["low", "high"]), metric=name)


def _official(table: pd.DataFrame) -> pd.DataFrame:
    """The official score of each run, as `fit` takes it: never the mean of accuracy, precision, recall and F1."""
    rows = table.assign(mixture=table["mixture"].fillna("")).dropna(subset=["value"])
    if "metric" not in rows:
        return rows
    return official_runs(rows if "seed" in rows else rows.assign(seed=""))[0]


def _results(table: pd.DataFrame) -> Figure:
    return _of_section(sections.accuracy, "accuracy")(_official(table))


def _gains(table: pd.DataFrame) -> Figure:
    table = _official(table)
    baseline = table["mixture"].isin(BASELINES)
    if not baseline.any() or baseline.all():
        raise InputError("expected results with and without intermediate tasks, found no baseline to compare with")
    keys = ["target", "language"]
    means = table[baseline].groupby(keys)["value"].mean()
    rows = table[~baseline].groupby(["mixture", *keys], sort=False)["value"].mean().reset_index()
    known = rows.join(means.rename("baseline"), on=keys)
    return plots.gains(known.assign(gain=known["value"] - known["baseline"]).dropna(subset=["gain"]))


def _seeds(table: pd.DataFrame) -> Figure:
    if "seed" not in table or table["seed"].nunique() < 2:
        raise InputError("expected results of two seeds or more")
    targets = _official(table).groupby(["mixture", "seed", "target"], sort=False)["value"].mean()
    return plots.seeds(targets.groupby(["mixture", "seed"], sort=False).mean().reset_index())


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


def _power_of_design(design: Design) -> Figure:
    if design.curve.empty:
        raise InputError("power: the design gets no test")
    return plots.power_curve(design.curve, least=design.least)


@dataclass(frozen=True)
class TableFigure:
    """A figure of a table: the function that draws it, and the columns that the table must have."""

    draw: Draw
    columns: tuple[str, ...] = ()
    unasked: bool = True

    def fits(self, table: pd.DataFrame) -> bool:
        """Whether the table is one that this figure is drawn of unasked."""
        return self.unasked and bool(self.columns) and set(self.columns) <= set(map(str, table.columns))


# The figures of tables by the name that `plot` takes, those that their columns ask for first; one without columns is drawn
# where it is asked for. A new figure of a table is a function in `plots` and a line here.
TABLES: Mapping[str, TableFigure] = {
    "distances": TableFigure(plots.tree),
    "map": TableFigure(plots.task_map),
    "results": TableFigure(_results, RESULTS),
    "gains": TableFigure(_gains, RESULTS, unasked=False),
    "seeds": TableFigure(_seeds, RESULTS, unasked=False),
    "contributions": TableFigure(plots.contributions, ("task", "metric", "shapley", "low", "high")),
    "scores": TableFigure(_scores, SCORES),
    "sizes": TableFigure(_sizes, SCORES, unasked=False),
    "encoders": TableFigure(_encoders, SCORES, unasked=False),
    "rarefaction": TableFigure(_rarefaction, SCORES, unasked=False),
    "forest": TableFigure(plots.forest, ("label", "estimate", "low", "high")),
    "intervals": TableFigure(plots.intervals, ("label", "value", "low", "high")),
    "lines": TableFigure(plots.lines),
    "groups": TableFigure(plots.groups),
}
