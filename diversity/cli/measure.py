"""`diversity measure`: sets of any size to moments."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Annotated

import typer

from diversity.cli._common import ENCODER, note
from diversity.cli._options import Long, Precision, Products
from diversity.cli._source import OneEncoder

app = typer.Typer()

Sources = Annotated[
    list[str],
    typer.Argument(
        metavar="[NAME=]PLACE[:FIELD+FIELD]...",
        help="Texts or vectors in shards: a file, a folder, a glob, an address that fsspec knows (s3://, gs://, https://), "
        "or owner/name[@revision]:FIELD of the hub.",
        show_default=False,
    ),
]


@app.command()
def measure(
    sources: Sources,
    output: Annotated[Path, typer.Option(help="Folder of the moments: for --moments of score and others.")],
    encoder: OneEncoder = ENCODER,
    precision: Annotated[Precision, typer.Option(help="Precision of the encoder's products.")] = "fp32",
    long: Annotated[Long, typer.Option(help="Texts beyond the encoder's limit: truncate, or chunk.")] = "truncate",
    max_length: Annotated[
        int | None, typer.Option(min=3, help="Tokens of a text at most (default: as many as the encoder reads).")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows of a shard: Parquet and .npy are divided so.")] = 1_000_000,
    products: Annotated[
        Products, typer.Option(help="Precision of the products in moments: fp32 takes half the time, within 1e-7.")
    ] = "fp64",
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine; they share its threads.")] = 1,
    cpus_each: Annotated[int, typer.Option("--cpus-each", min=1, help="Processors of each shard on Ray.")] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="Run on the Ray cluster at this address: host:port, auto, local (default: on this machine)."),
    ] = None,
) -> None:
    """Measure sets of any size, shard by shard.

    Texts are embedded, and vectors reduced to moments and a sample of rows, in bounded memory. Interrupted in any way, the
    same command goes on from there, to the same bytes. `score`, `distances`, `propose` and `design` read what it wrote.

    diversity measure news='news/*.parquet':text wiki=wiki:text --output store --workers 4

    diversity score --tasks news,wiki --moments store
    """
    from diversity.grid.measure import Embedding, measure_store
    from diversity.grid.run import Workers

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster's scheduler asks so before it kills
    measured = measure_store(
        sources, output, embedding=Embedding(encoder, precision, long, max_length),
        workers=Workers(workers, 1, cpus_each, ray), rows=rows, products=products, notify=note,
    )  # fmt: skip
    for name, number in measured.rows.items():
        print(f"{name}: {number:,} rows")
    note(f"wrote {output / measured.encoder}: --moments {output} --encoder {measured.encoder}")
    for label, message in measured.failed.items():
        note(f"failed: {label}: {message}")
    if measured.failed:
        raise typer.Exit(1)
