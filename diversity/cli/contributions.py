"""`diversity contributions`: what each task adds to the diversity of a mixture."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._common import (
    ENCODER,
    at_least_two,
    interval_text,
    metrics_in,
    names_in,
    note,
    text_table,
)
from diversity.cli._options import (
    EstimatorOption,
    IntervalsOption,
    MetricsOption,
    ReferenceOption,
    RowsOption,
)
from diversity.cli._output import Writer, with_writer
from diversity.cli._source import OneEncoder, Source, once, task_notes, with_source
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()


@app.command()
@with_writer
@with_source
def contributions(
    writer: Writer,
    source: Source,
    tasks: Annotated[
        str, typer.Option(help="Tasks of the mixture, separated by commas (default: the nine intermediate ones).")
    ] = "",
    mixture: Annotated[
        str, typer.Option(help="The mixture with weights, NAME=a,b:2,c, in place of --tasks (default: equal weights).")
    ] = "",
    metrics: MetricsOption = "",
    estimator: EstimatorOption = "auto",
    empty: Annotated[float, typer.Option(help="Diversity of no task: the gain of the first one counts from it.")] = 0.0,
    intervals: IntervalsOption = True,
    rows: RowsOption = 1000,
    reference: ReferenceOption = None,
    encoder: OneEncoder = ENCODER,
) -> None:
    """Show what each task adds to a mixture's diversity.

    Its diversity alone, what it adds to the others, and its Shapley value over all subsets.

    diversity contributions --tasks squad_v1,mnli,hellaswag --metrics cosine

    diversity contributions a.jsonl b.jsonl c.jsonl --output contributions.csv
    """
    from diversity import catalog
    from diversity.scoring import mixtures, score, shapley
    from diversity.scoring.asked import Draws, each_once

    if tasks and mixture:
        raise InputError("expected --tasks or --mixture, found both")
    whole = mixtures.parse_mixture(mixture) if mixture else None
    if whole:
        shapley.subset_weights(whole.weights)  # before any text is read
    wanted = metrics_in(metrics) or list(catalog.METRICS)
    each_once(wanted, estimator)
    at_least_two("--rows", rows)
    if not math.isfinite(empty):
        raise InputError(f"expected --empty to be a finite number, found {empty!r}")
    once(names_in(tasks))
    named = list(whole.tasks) if whole else names_in(tasks)
    names = sorted({*named, *source.own}) or catalog.intermediate()
    (space,) = source.spaces(names, [encoder])
    table = score.contributions(
        space, mixture=whole, metrics=wanted, estimator=estimator, empty=empty, intervals=intervals,
        draws=Draws(rows, source.seed, reference),
    )  # fmt: skip
    task_notes(space)
    for row in table.drop_duplicates(["metric", "estimator"]).to_dict("records"):
        if row["estimator"] == "V" and catalog.parse_metric(row["metric"])[0].size_dependent:
            note(f"note: {row['metric']} grows with the number of rows, which differs between the subsets")
    records = [{str(k): v for k, v in r.items()} for r in table.to_dict("records")]
    writer.show(records, _table(table))


VALUES = ("alone", "gain", "shapley")


def _table(table: pd.DataFrame) -> str:
    head, parts = table.iloc[0], []
    for metric, part in table.groupby("metric", sort=False):
        rows = [
            [r["task"], f"{r['weight']:.3g}", *(f"{r[c]:.4f}" for c in VALUES), interval_text(r["low"], r["high"])]
            for r in part.to_dict("records")
        ]
        rows.append(["sum", "", "", "", f"{part['shapley'].sum():.4f}", ""])
        header = ["task", "weight", *VALUES, "95 % interval"]
        parts.append(f"{metric} ({part['estimator'].iloc[0]})\n{text_table(header, rows, right=range(1, 6))}")
    return f"{head['mixture']} (encoder {head['encoder']}, {head['n']:,} rows)\n\n" + "\n".join(parts)
