"""`diversity distances`: how far apart the tasks lie."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diversity.cli._common import ENCODER, check_figure, distances_table, names_in, note
from diversity.cli._options import Distance
from diversity.cli._output import Writer, with_writer
from diversity.cli._source import OneEncoder, Source, once, task_notes, with_source

app = typer.Typer()


def _distance(name: str) -> str:
    """The name of a distance; raises InputError with near matches."""
    from diversity.scoring import score

    score.distance_function(name)
    return name


@app.command()
@with_writer
@with_source
def distances(
    writer: Writer,
    source: Source,
    tasks: Annotated[str, typer.Option(help="Tasks, separated by commas (default: the nine intermediate ones).")] = "",
    distance: Annotated[
        Distance, typer.Option(parser=_distance, metavar="NAME", help="cosine, centroid, mmd, frechet or cka.")
    ] = "cosine",
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", "--figure", help="File of a dendrogram beside the heat map to write: .png, .svg or .pdf."
        ),
    ] = None,
    encoder: OneEncoder = ENCODER,
) -> None:
    """Show how far tasks lie from each other.

    The mean cosine distance of two texts, or another distance; `--plot` draws a tree and a map.

    diversity distances --tasks squad_v1,mnli,hellaswag

    diversity distances --distance centroid --plot tree.png
    """
    from diversity import catalog
    from diversity.scoring import score

    once(names_in(tasks))
    names = sorted({*names_in(tasks), *source.own}) or catalog.intermediate()
    if plot is not None:
        _check_figure(plot, names)
    (space,) = source.spaces(names, [encoder])
    table = score.distances(space, distance=distance)
    task_notes(space)
    if plot is not None:
        from diversity.reporting.plot import plot as draw
        from diversity.reporting.plots import save

        note(f"wrote {save(draw(table, 'distances', name=distance), plot)}")
    records = [
        {"first": a, "second": b, "distance": distance, "value": float(table.loc[a, b]), "encoder": space.encoder}
        for a in table.index
        for b in table.columns
    ]
    writer.show(records, distances_table(table, distance, space.encoder))


def _check_figure(path: Path, names: list[str]) -> None:
    from diversity.types import InputError

    check_figure("--plot", path)
    if len(names) < 2:
        raise InputError("expected at least two tasks for a figure of their distances, found one")
