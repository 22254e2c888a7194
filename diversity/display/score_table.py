"""Tables of scores: DataFrames that show their values, whatever the width of the screen."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from diversity.display.columns import as_text
from diversity.display.latex import latex

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

ROWS = 40  # of a table, that are printed; of longer ones the first and the last
COLUMNS = ("mixture", "task", "metric", "value", "alone", "gain", "shapley", "low", "high", "n", "estimator")
LONG = 44  # letters of a name that is printed whole


def score_table(table: pd.DataFrame) -> pd.DataFrame:
    """The same table, which prints its values, and has `summary()`, `to_frame()`, `to_latex()` and `plot()` of a result.

    What is made of it (rows, columns, groups) is a plain DataFrame.
    """
    return _score_table()(table)


def __getattr__(name: str) -> Any:
    if name == "ScoreTable":  # where it is unpickled
        return _score_table()
    raise AttributeError(name)


def shown_columns(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of scores that a reader wants: `encoder` only where there are several, long names cut."""
    columns = [c for c in COLUMNS if c in table.columns]
    if "encoder" in table.columns and table["encoder"].nunique() > 1:
        columns.insert(1, "encoder")
    names = {c: table[c].map(_cut) for c in ("mixture", "task") if c in columns}
    return table[columns].assign(**names)


def _cut(name: object) -> object:
    return f"{name[: LONG - 2]} …" if isinstance(name, str) and len(name) > LONG else name


@dataclass(frozen=True)
class ScorePlot:
    """The figure of the toolkit where it is called plainly, else what pandas draws."""

    table: pd.DataFrame

    def __call__(self, what: str = "", *others: object, ax: Axes | None = None, **options: object) -> Any:
        """A figure of the scores, as `diversity.plot` draws it; with options, what pandas makes of them."""
        if others or options:
            drawn: Any = self.table.plot
            return drawn(*((what, *others) if what else others), ax=ax, **options)
        import diversity

        return diversity.plot(self.table, what, ax=ax)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.table.plot, name)


@functools.cache
def _score_table() -> type[pd.DataFrame]:
    """The class, made when it is needed first: pandas is not imported before."""
    import pandas as pd

    class ScoreTable(pd.DataFrame):
        """Scores, a row for each mixture and metric."""

        @property
        def plot(self) -> ScorePlot:  # type: ignore[override]
            """`table.plot()` is the figure of the toolkit, `table.plot.line(...)` one of pandas."""
            return ScorePlot(self.to_frame())

        @property
        def _constructor(self) -> type[pd.DataFrame]:
            return pd.DataFrame

        def to_frame(self) -> pd.DataFrame:
            """The table as a plain DataFrame."""
            return pd.DataFrame(self)

        def summary(self) -> str:
            """The values as text: the first and the last rows of a long table."""
            half = ROWS // 2
            rows = shown_columns(self.to_frame())
            if len(rows) <= ROWS:
                return as_text(rows, alike=False).rstrip("\n")
            lines = as_text(pd.concat([rows.head(half), rows.tail(half)]), alike=False).splitlines()
            return "\n".join([*lines[: half + 1], f"  … {len(rows) - 2 * half:,} more rows …", *lines[half + 1 :]])

        def to_latex(self, caption: str = "", label: str = "", **options: object) -> str:  # type: ignore[override]
            """The values in LaTeX, with booktabs and siunitx; with other options, what pandas makes of the table."""
            if options:
                plain: Any = self.to_frame()
                return str(plain.to_latex(caption=caption or None, label=label or None, **options))
            return latex(shown_columns(self.to_frame()), caption=caption or "Scores.", label=label, alike=False)

        def __repr__(self) -> str:
            return self.summary() if len(self) else super().__repr__()

        def _repr_html_(self) -> str:
            return str(shown_columns(self.to_frame()).to_html(index=False, max_rows=ROWS, na_rep="–"))

    ScoreTable.__module__, ScoreTable.__qualname__ = __name__, "ScoreTable"
    return ScoreTable
