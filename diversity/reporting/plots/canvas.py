"""What a figure is drawn on: its width, the size of its letters, or axes that are given; colours; files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from diversity import store
from diversity.types import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKS = "osD^vPX*"
SHOWN = 24  # mixtures of a plot of intervals
LONGEST = 44  # letters of the name of a row
FORMS = ("png", "svg", "pdf")
COLUMNS = {"single": 3.5, "double": 7.2}  # inches: one column of a journal, and two
LETTERS = 10.0  # points, of a figure on a page
SMALL = 8.0  # points, of a figure of a given width, as journals ask
ABOVE: dict[str, Any] = {  # a legend above the axes
    "frameon": False, "loc": "lower left", "bbox_to_anchor": (0, 1), "borderaxespad": 0.2, "columnspacing": 1.0
}  # fmt: skip
DATES: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}  # left out of files

Width = Literal["single", "double"] | float


@dataclass(frozen=True)
class Canvas:
    """What figures are drawn on: their width in inches (None: their own), the size of letters, axes that are given."""

    width: float | None = None
    letters: float = LETTERS
    ax: Axes | None = None

    def size(self, width: float, height: float) -> tuple[float, float]:
        """The size of a figure that is so large by itself: height shrinks as letters and width do."""
        letters = self.letters / LETTERS
        if self.width is None:
            return width * max(letters, 1.0), height * max(letters, 1.0)
        return self.width, height * max(self.width / width, 0.9 * letters)


CANVAS: ContextVar[Canvas] = ContextVar("canvas", default=Canvas())  # noqa: B039 - it is frozen


def inches(width: Width) -> float:
    """A width in inches; raises InputError for a name that is none, and for a width of less than one inch.

    >>> inches("single"), inches(5)
    (3.5, 5.0)
    """
    if isinstance(width, str):
        if width not in COLUMNS:
            raise InputError(f"expected a width of {' or '.join(COLUMNS)}, or inches, found {width!r}")
        return COLUMNS[width]
    if not 1 <= width <= 60:
        raise InputError(f"expected a width of 1 to 60 inches, found {width:g}")
    return float(width)


@contextmanager
def on(canvas: Canvas) -> Iterator[None]:
    """Draw on this canvas inside the block."""
    token = CANVAS.set(canvas)
    try:
        yield
    finally:
        CANVAS.reset(token)


def axes(
    width: float,
    height: float,
    *,
    nrows: int = 1,
    ncols: int = 1,
    height_ratios: Sequence[float] | None = None,
    width_ratios: Sequence[float] | None = None,
) -> tuple[Figure, Any]:
    """A figure and its axes, on the canvas in force; raises InputError for several panels on one given axes."""
    import matplotlib.pyplot as plt

    canvas = CANVAS.get()
    if canvas.ax is not None:
        if nrows * ncols > 1:
            raise InputError(f"expected a figure of one panel for ax, found one of {nrows * ncols}: leave ax out")
        return canvas.ax.get_figure(root=True), canvas.ax  # type: ignore[return-value]
    return plt.subplots(
        nrows, ncols, figsize=canvas.size(width, height), sharex=nrows > 1, height_ratios=height_ratios,
        width_ratios=width_ratios,
    )  # fmt: skip


def colour(place: int) -> str:
    """A colour of the palette in force; named, for a figure may be drawn when another one is."""
    from matplotlib.colors import to_hex

    return to_hex(f"C{place % 8}")


def side_by_side(entries: int) -> int:
    """How many entries of a legend stand side by side: four, and one in a narrow figure."""
    width = CANVAS.get().width
    return min(entries, 4 if width is None or width > 5 else 1)


def short(name: str) -> str:
    """The name of a mixture for an axis: of a long one the first tasks, and how many there are.

    >>> short("mnli+qqp"), short("anli_plus+ccg+commonsenseqa+cosmosqa+hellaswag+mnli")
    ('mnli+qqp', 'anli_plus+ccg+commonsenseqa+… (6 tasks)')
    """
    tasks = name.split("+")
    if len(name) <= LONGEST or len(tasks) < 3:
        return name
    fit = max(1, sum(len("+".join(tasks[:n])) <= LONGEST - 12 for n in range(1, len(tasks))))
    return f"{'+'.join(tasks[:fit])}+… ({len(tasks)} tasks)"


def rows_of(ax: Axes, labels: Sequence[str], *, below: float = 0.5) -> None:
    """Name the rows of a figure from the top."""
    ax.set(yticks=range(len(labels)), yticklabels=[short(label) for label in labels], ylim=(len(labels) - below, -0.5))
    ax.tick_params(axis="y", length=0)


def slanted(ax: Axes) -> None:
    """Turn the names below the axes, so that long ones do not cover each other."""
    for name in ax.get_xticklabels():
        name.set(rotation=45, horizontalalignment="right", rotation_mode="anchor")


def write(figure: Figure, path: Path | str, *, dpi: int = 150) -> Path:
    """Write a figure atomically, in the format that the file's name says; the same figure gives the same bytes."""
    import matplotlib

    target = Path(path)
    kind = target.suffix.removeprefix(".")
    if kind not in FORMS:
        raise InputError(f"{target}: expected a name that ends in .{', .'.join(FORMS)}")
    with matplotlib.rc_context({"svg.hashsalt": "diversity"}), store.replacing(target) as stream:
        figure.savefig(stream, format=kind, dpi=dpi, metadata=DATES.get(kind))
    return target


def save(figure: Figure, path: Path | str, *, dpi: int = 150) -> Path:
    """The same for a figure that is not shown afterwards: it is closed."""
    import matplotlib.pyplot as plt

    target = write(figure, path, dpi=dpi)
    plt.close(figure)
    return target
