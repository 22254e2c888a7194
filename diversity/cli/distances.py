"""`diversity distances`: how far apart the tasks lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diversity.cli._common import ENCODER, Format, check_figure, check_writable, distances_table, names_in, note, show
from diversity.cli._options import Distance, FormatOption, OutOption
from diversity.cli._source import OneEncoder, Source, once, task_notes, with_source

app = typer.Typer()


def _distance(name: str) -> str:
    """The name of a distance; raises InputError with near matches."""
    from diversity.scoring import score

    score.distance_function(name)
    return name


@app.command()
@with_source
def distances(
    source: Source,
    tasks: Annotated[str, typer.Option(help="Tasks, separated by commas (default: the nine intermediate ones).")] = "",
    distance: Annotated[
        Distance, typer.Option(parser=_distance, metavar="NAME", help="cosine, centroid, mmd, frechet or cka.")
    ] = "cosine",
    figure: Annotated[
        Path | None, typer.Option(help="File of a dendrogram beside the heat map to write: .png, .svg or .pdf.")
    ] = None,
    encoder: OneEncoder = ENCODER,
    format: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Show how far tasks lie from each other.

    The mean cosine distance of two texts, or another distance; `--figure` draws a tree and a map.

    diversity distances --tasks squad_v1,mnli,hellaswag --distance frechet
    """
    from diversity import catalog
    from diversity.scoring import score

    once(names_in(tasks))
    names = sorted({*names_in(tasks), *source.own}) or catalog.intermediate()
    if out is not None:
        check_writable(out)
    if figure is not None:
        _check_figure(figure, names)
    (space,) = source.spaces(names, [encoder])
    table = score.distances(space, distance=distance)
    task_notes(space)
    if figure is not None:
        from diversity.reporting.plot import plot
        from diversity.reporting.plots import save

        note(f"wrote {save(plot(table, 'distances', name=distance), figure)}")
    records = [
        {"first": a, "second": b, "distance": distance, "value": float(table.loc[a, b]), "encoder": space.encoder}
        for a in table.index
        for b in table.columns
    ]
    show(records, format, out, distances_table(table, distance, space.encoder))


def _check_figure(path: Path, names: list[str]) -> None:
    from diversity.types import InputError

    check_figure("--figure", path)
    if len(names) < 2:
        raise InputError("expected at least two tasks for a figure of their distances, found one")
