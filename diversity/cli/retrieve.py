"""`diversity retrieve`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from diversity.cli._common import (
    MINI,
    MODELS,
    names_in,
    note,
    pinned,
    records_of,
    text_table,
)
from diversity.cli._options import DataOption
from diversity.cli._output import Printer, with_printer

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
Pooling = Literal["mean", "cls"]
Precision = Literal["fp32", "bf16"]
Margin = Literal["ratio", "distance", "absolute"]
Candidates = Literal["max", "intersect", "forward", "backward"]
Repeated = Literal["drop", "expand"]


@app.command()
@with_printer
def retrieve(
    writer: Printer,
    model: Annotated[
        str,
        typer.Option(help=f"Encoder: {MODELS}."),
    ] = MINI,
    targets: Annotated[str, typer.Option(help="Targets, separated by commas.")] = "tatoeba,bucc2018",
    data: DataOption = Path("data"),
    languages: Annotated[
        str,
        typer.Option("--languages", "--language", help="Languages, separated by commas (default: all in the data)."),
    ] = "",
    split: Annotated[str, typer.Option(help="Split, or several in order of preference: test,dev.")] = "test",
    layer: Annotated[
        str, typer.Option(help="Hidden layer: an index (14; -1 is the last), or a fraction of the depth (0.58).")
    ] = "0.58",
    pooling: Annotated[Pooling, typer.Option(help="mean over the tokens, or cls: the first token.")] = "mean",
    precision: Annotated[Precision, typer.Option(help="fp32, or bf16 where the processor has it.")] = "fp32",
    max_length: Annotated[
        int | None,
        typer.Option("--max-length", "--max-tokens", help="Tokens that are read of a sentence (default: 512)."),
    ] = None,
    neighbours: Annotated[
        int, typer.Option("--neighbours", "--k", help="Neighbours in each direction that a margin is taken over.")
    ] = 4,
    margin: Annotated[Margin, typer.Option(help="ratio, distance or absolute.")] = "ratio",
    retrieval: Annotated[Candidates, typer.Option(help="Pairs by max, intersect, forward or backward.")] = "max",
    repeated: Annotated[
        Repeated,
        typer.Option(help="Sentences that stand more than once: drop their pairs, or expand to all their ids."),
    ] = "drop",
    threshold: Annotated[
        float | None, typer.Option(help="Score that a mined pair must reach (default: tuned on dev).")
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(min=0, help="Seed that the model was trained with, for the rows (default: as it says)."),
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached vectors (default: ~/.cache/diversity).")] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the predictions, in the leaderboard's layout (default: none are written)."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be matched, and how long it would take.")
    ] = False,
) -> None:
    """Match sentences across languages (Tatoeba, BUCC).

    Tatoeba is matched by nearest neighbours of the encoder's vectors, BUCC by margins.

    diversity retrieve --targets tatoeba --data data --languages de,sw

    diversity retrieve --model mix --targets bucc2018 --data data --split dev --output predictions
    """
    from dataclasses import replace

    from diversity.encoders.hidden_states import SentenceVectors
    from diversity.retrieval import retrieve as retrieving
    from diversity.types import Rows

    rows = Rows(data.expanduser(), split, tuple(names_in(languages)) or Rows.languages)
    model = pinned(model)
    at = SentenceVectors.at(layer)
    vectors = replace(at, pooling=pooling, precision=precision, max_length=max_length, cache=cache)
    mining = retrieving.Mining(neighbours, margin, retrieval, repeated, threshold)
    if dry_run:
        table = retrieving.plan(model, names_in(targets), data=rows, vectors=vectors, mining=mining)
        writer.show(records_of(table), _planned(table))
        return
    lineage = None if seed is None else replace(retrieving.model_lineage(model), seed=seed)
    table = retrieving.retrieve(
        model, names_in(targets), data=rows, vectors=vectors, mining=mining, lineage=lineage, output=output, notify=note
    )
    if output is not None:
        note(f"wrote predictions to {output}")
    writer.show(records_of(table), _results(table))


def _results(table: pd.DataFrame) -> str:
    """A line for each target and language, and the mean of each target over those languages."""
    if table.empty:
        return "no scores\n"
    rows: list[list[str]] = []
    for target in table["target"].unique():
        part = table[table["target"] == target]
        for language in part["language"].unique():
            own = part[part["language"] == language]
            split, n = str(own["split"].iloc[0]), int(own["n"].iloc[0])
            rows.append([target, split, language, _scores(own), f"{n:,}"])
        mean = part.groupby("metric", sort=False, as_index=False)["value"].mean()
        rows.append([target, split, f"mean of {part['language'].nunique()}", _scores(mean), ""])
    first = table.iloc[0]
    title = f"{first['model']}, hidden state {first['layer']}, {first['pooling']}\n\n"
    header = ["target", "split", "language", "score", "n"]
    return title + text_table(header, rows, right=(4,))


def _scores(part: pd.DataFrame) -> str:
    return ", ".join(f"{r['metric']} {r['value']:.1f}" for r in part.to_dict("records"))


def _planned(table: pd.DataFrame) -> str:
    from diversity.retrieval.retrieve import duration

    rows = []
    for r in table.to_dict("records"):
        times = [duration(r["encode_seconds"]), duration(r["search_seconds"])]
        rows.append([r["target"], r["split"], r["language"], f"{r['foreign']:,} x {r['english']:,}", *times])
    total = duration(float(table["encode_seconds"].sum() + table["search_seconds"].sum()))
    header = ["target", "split", "language", "sentences", "encoding", "search"]
    return text_table(header, rows, right=(3, 4, 5)) + f"\nabout {total}, measured on a part of it\n"
