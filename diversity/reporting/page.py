"""A page: sections of text, tables and figures, rendered to one HTML file that asks nothing of anybody."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import catalog, store
from diversity.display import latex
from diversity.display.columns import Column, shown
from diversity.display.summary import Summary
from diversity.reporting import style

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure as Drawing


SENTENCES = ("note",)  # columns that make a table wider than a sheet of paper
NAMED = ("mixture", "diverse", "homogeneous", "task", "target", "dropped")  # columns of tasks and mixtures


@dataclass(frozen=True)
class Paragraph:
    """A paragraph; `kind` is plain, lead (larger), note, or missing (a part that cannot be shown, and why)."""

    text: str
    kind: str = "plain"


@dataclass(frozen=True)
class Table:
    """A table with its caption; `slug` is the name of its files; the first column heads the rows.

    `hidden` columns are in the CSV file alone. Numbers of a column have the same decimals where they are `alike`, of one
    kind; `points`, where outcomes are in points of 100; `level` is that of the intervals, `short` a short caption.
    """

    frame: pd.DataFrame
    caption: str
    slug: str
    shown: int = 40
    alike: bool = True
    hidden: tuple[str, ...] = ()
    points: bool = True
    level: str = "95 %"
    short: str = ""

    def columns(self, rows: int | None = None) -> list[Column]:
        """The columns in words, of the first rows."""
        visible = self.frame[[c for c in self.frame.columns if c not in self.hidden]].head(rows or len(self.frame))
        return shown(visible, points=self.points, level=self.level, alike=self.alike)


@dataclass(frozen=True)
class Figure:
    """A figure: how it is drawn, what it shows in words, its caption, the name of its files."""

    draw: Callable[[], Drawing]
    alt: str
    caption: str
    slug: str


@dataclass(frozen=True)
class Row:
    """Figures side by side, below each other where there is no room."""

    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Fold:
    """Blocks that a reader opens; on paper they are open."""

    summary: str
    blocks: tuple[Block, ...]


Block = Paragraph | Table | Figure | Row | Fold | Summary


@dataclass(frozen=True)
class Section:
    """A section: an anchor, a heading and its blocks."""

    id: str
    title: str
    blocks: tuple[Block, ...]


def render(title: str, sections: Sequence[Section], *, language: str = "en", note: str = "") -> str:
    """The page as HTML: no script, no request, every text escaped. The `note` stands under the title and on each sheet.

    >>> "&lt;script&gt;" in render("<script>", [Section("a", "A", (Paragraph("b"),))])
    True
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("diversity.reporting", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    listed = [(s, [_shown(b) for b in s.blocks]) for s in sections]
    foot = Markup(f'"{_quoted(title)}"'), Markup(f'"{_quoted(note)}"')  # strings of CSS, which know no entities
    return environment.get_template("page.html.j2").render(
        title=title, sections=listed, language=language, note=note, foot=foot
    )


def _quoted(text: str) -> str:
    """Text inside a string of CSS inside HTML."""
    return "".join(c if c.isalnum() or c in " .,:-" else f"\\{ord(c):x} " for c in text)


def _shown(block: Block) -> dict[str, Any]:
    from markupsafe import Markup

    if isinstance(block, Paragraph):
        return {"kind": block.kind, "text": block.text}
    if isinstance(block, Summary):
        return {"kind": "card", "html": Markup(block.html(style=""))}
    if isinstance(block, Fold):
        return {"kind": "fold", "summary": block.summary, "blocks": [_shown(b) for b in block.blocks]}
    if isinstance(block, Row):
        return {"kind": "row", "blocks": [_shown(b) for b in block.figures]}
    if isinstance(block, Table):
        columns = block.columns(block.shown)
        return {
            "kind": "table",
            "slug": block.slug,
            "caption": block.caption,
            "columns": [c.heading for c in columns],
            "numeric": [c.numeric for c in columns],
            "rows": list(zip(*(c.cells for c in columns), strict=True)),
            "left_out": max(0, len(block.frame) - block.shown),
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


def files(blocks: Sequence[Block]) -> Iterator[Table | Figure]:
    """The tables and figures of blocks, those inside others among them."""
    for block in blocks:
        if isinstance(block, Table | Figure):
            yield block
        elif isinstance(block, Row):
            yield from block.figures
        elif isinstance(block, Fold):
            yield from files(block.blocks)


def export(sections: Sequence[Section], folder: Path | str) -> Iterator[Path]:
    """Write the tables and figures of a page to the folders `tables` and `figures`; yields the files as they are written."""
    blocks = files([b for s in sections for b in s.blocks])
    yield from written(blocks, tables=Path(folder) / "tables", figures=Path(folder) / "figures")


def written(blocks: Iterable[Table | Figure], *, tables: Path, figures: Path) -> Iterator[Path]:
    """Write each table as CSV and LaTeX and each figure as PNG, SVG and PDF; yields the files as they are written."""
    for block in blocks:
        if isinstance(block, Table):
            tables.mkdir(parents=True, exist_ok=True)
            yield store.write(tables / f"{block.slug}.csv", block.frame.to_csv(index=False))
            yield store.write(tables / f"{block.slug}.tex", _latex(block))
        else:
            yield from _export_figure(block, figures)


def _latex(table: Table) -> str:
    """The table for a paper, with the columns and numbers of the page."""
    visible = table.frame[[c for c in table.frame.columns if c not in (*table.hidden, *SENTENCES)]]
    titled = visible.assign(**{str(c): visible[c].map(in_titles) for c in visible.columns if c in NAMED})
    short = table.short or table.slug.replace("_", " ").capitalize()
    return latex.latex(
        titled, caption=table.caption, short=short, label=table.slug, points=table.points, level=table.level
    )


def in_titles(name: object) -> object:
    """A name of a task or a mixture with the titles of its tasks; any other value as it is.

    >>> in_titles("mnli+squad_v1"), in_titles("mine")
    ('MultiNLI + SQuAD 1.1', 'mine')
    """
    parts = name.split("+") if isinstance(name, str) else []
    if not parts or not set(parts) <= set(catalog.names("tasks")):
        return name
    return " + ".join(re.split(r" \(|,", catalog.task(part).title)[0] for part in parts)


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
