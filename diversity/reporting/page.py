"""A page: sections of text, tables and figures, rendered to one HTML file that asks nothing of anybody."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.reporting import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `kind` is plain, lead (larger), note, or missing (a part that cannot be shown, and why)."""

    text: str
    kind: str = "plain"


@dataclass(frozen=True)
class Table:
    """A table with its caption; `slug` is the name of its files; the first column heads the rows.

    Numbers of a column have the same decimals where they are `alike`, of one kind.
    """

    frame: pd.DataFrame
    caption: str
    slug: str
    shown: int = 40
    alike: bool = True


@dataclass(frozen=True)
class Figure:
    """A figure: how it is drawn, what it shows in words, its caption, the name of its files."""

    draw: Callable[[], Drawing]
    alt: str
    caption: str
    slug: str


Block = Paragraph | Table | Figure


@dataclass(frozen=True)
class Section:
    """A section: an anchor, a heading and its blocks."""

    id: str
    title: str
    blocks: tuple[Block, ...]


def render(title: str, sections: Sequence[Section], *, language: str = "en") -> str:
    """The page as HTML: no script, no request, every text escaped.

    >>> "&lt;script&gt;" in render("<script>", [Section("a", "A", (Paragraph("b"),))])
    True
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("diversity.reporting", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    shown = [(s, [_shown(b) for b in s.blocks]) for s in sections]
    return environment.get_template("page.html.j2").render(title=title, sections=shown, language=language)


def _shown(block: Block) -> dict[str, Any]:
    if isinstance(block, Paragraph):
        return {"kind": block.kind, "text": block.text}
    if isinstance(block, Table):
        head = block.frame.head(block.shown)
        columns = [_cells(head[c], alike=block.alike) for c in head.columns]
        return {
            "kind": "table",
            "slug": block.slug,
            "caption": block.caption,
            "columns": [str(c).split("_") for c in head.columns],
            "numeric": [_numeric(head[c]) for c in head.columns],
            "rows": list(zip(*columns, strict=True)),
            "left_out": len(block.frame) - len(head),
        }
    light = svg(block)
    return {
        "kind": "figure",
        "slug": block.slug,
        "alt": block.alt,
        "caption": block.caption,
        "light": _embedded(light),
        "dark": _embedded(style.darkened(light)),
    }


def _numeric(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column)) and not pd.api.types.is_bool_dtype(column)


def _cells(column: pd.Series[Any], *, alike: bool) -> list[str]:
    """A column as a reader wants it: as many decimals as give its greatest number four digits."""
    import numpy as np
    import pandas as pd

    if not (alike and pd.api.types.is_float_dtype(column)):
        return [cell(v) for v in column]
    finite = column[np.isfinite(column.to_numpy(dtype=float))]
    if (finite == finite.round()).all():
        return [cell(v) for v in column]
    digits = min(max(0, 3 - int(np.floor(np.log10(finite.abs().max())))), 4)
    texts = []
    for value in map(float, column):
        text = f"{value:,.{digits}f}" if np.isfinite(value) else cell(value)
        vanishes = np.isfinite(value) and value != 0 and not float(text.replace(",", ""))
        texts.append(f"{value:.1e}" if vanishes else text)
    return texts


def cell(value: object) -> str:
    """A value as a reader wants it: numbers to four significant digits, a dash where there is none.

    >>> cell(0.123456), cell(1234567), cell(float("nan")), cell(12.0), cell(123456.789), cell(float("inf"))
    ('0.1235', '1,234,567', '–', '12', '123,457', '∞')
    """
    import numpy as np

    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        number = float(value)
        if np.isinf(number):
            return "∞" if number > 0 else "-∞"
        return f"{number:,.0f}" if abs(number) >= 10_000 else f"{number:.4g}"
    return str(value)


def svg(figure: Figure, *, dark: bool = False) -> str:
    """The figure as SVG, for light or for dark ground."""
    import matplotlib.pyplot as plt

    with style.theme(dark):
        drawn = figure.draw()
        stream = io.BytesIO()
        drawn.savefig(stream, format="svg", metadata={"Date": None}, transparent=True)
        plt.close(drawn)
    return stream.getvalue().decode()


def _embedded(drawing: str) -> str:
    return "data:image/svg+xml;base64," + base64.b64encode(drawing.encode()).decode()


def export(sections: Sequence[Section], folder: Path | str) -> Iterator[Path]:
    """Write each table as CSV and LaTeX and each figure as PNG, SVG and PDF; yields the files as they are written."""
    for section in sections:
        for block in section.blocks:
            if isinstance(block, Table):
                tables = Path(folder) / "tables"
                tables.mkdir(parents=True, exist_ok=True)
                yield store.write(tables / f"{block.slug}.csv", block.frame.to_csv(index=False))
                yield store.write(tables / f"{block.slug}.tex", latex(block))
            elif isinstance(block, Figure):
                yield from _export_figure(block, Path(folder) / "figures")


def latex(table: Table) -> str:
    """The table for a paper that loads booktabs, its numbers as on the page."""
    frame = table.frame.astype(object)
    for place, name in enumerate(table.frame.columns):
        column = table.frame.iloc[:, place]
        shown = [latex_text(v) for v in _cells(column, alike=table.alike)]
        frame.isetitem(place, [{"–": "--", "∞": r"$\infty$", "-∞": r"$-\infty$"}.get(v, v) for v in shown])
        frame = frame.rename(columns={name: latex_text(str(name))})
    align = "".join("r" if _numeric(table.frame.iloc[:, i]) else "l" for i in range(frame.shape[1]))
    return "% needs \\usepackage{booktabs}\n" + frame.to_latex(
        index=False, escape=False, column_format=align, caption=latex_text(table.caption), label=f"tab:{table.slug}",
        position="tbp",
    )  # fmt: skip


def latex_text(text: str) -> str:
    r"""Text with LaTeX's own characters escaped.

    >>> print(latex_text("50 % of a_b"))
    50 \% of a\_b
    """
    special = {c: f"\\{c}" for c in "&%$#_{}"} | {
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
    }
    return "".join(special.get(c, c) for c in text)


def _export_figure(figure: Figure, folder: Path) -> Iterator[Path]:
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    with style.theme(dark=False):
        drawn = figure.draw()
        for form, metadata in (("png", {}), ("svg", {"Date": None}), ("pdf", {"CreationDate": None})):
            path = folder / f"{figure.slug}.{form}"
            with store.replacing(path) as stream:
                drawn.savefig(stream, format=form, dpi=200, metadata=metadata)
            drawn.set_layout_engine("none")  # it is laid out now; the other formats need not do it again
            yield path
        plt.close(drawn)
