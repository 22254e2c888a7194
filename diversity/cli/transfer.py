"""`diversity transfer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from diversity.cli._common import Format, check_writable, names_in, note, records_of, show, text_table
from diversity.cli._options import FormatOption, OutOption

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
Pooling = Literal["mean", "cls"]


@app.command()
def transfer(
    model: Annotated[
        str, typer.Option(help="Checkpoint to start from: a folder, all-MiniLM-L6-v2, mini, or owner/name@commit.")
    ],
    targets: Annotated[str, typer.Option(help="Targets, separated by commas; all: every target.")],
    data: Annotated[Path, typer.Option(help="Folder of the tasks' data.")],
    output: Annotated[Path, typer.Option(help="Folder for predictions, models and results.csv.")],
    preset: Annotated[str, typer.Option(help="Settings of fine-tuning: phang2020 or xtreme.")] = "phang2020",
    languages: Annotated[str, typer.Option(help="Languages to predict (default: all that are there).")] = "",
    split: Annotated[str, typer.Option(help="Split to predict, in order of preference.")] = "test,dev",
    train_split: Annotated[str, typer.Option(help="Split to train on, in order of preference.")] = "train,dev",
    source_language: Annotated[str, typer.Option(help="Language of the training rows.")] = "en",
    limit: Annotated[int | None, typer.Option(min=1, help="Training rows of each target, drawn at random.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each fine-tuning.")] = None,
    budget: Annotated[int | None, typer.Option(min=1, help="Examples of each fine-tuning.")] = None,
    epochs: Annotated[float | None, typer.Option(help="Epochs of each fine-tuning.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Examples a step.")] = None,
    max_length: Annotated[int | None, typer.Option(min=8, help="Tokens of a sequence at most.")] = None,
    stride: Annotated[int | None, typer.Option(min=1, help="Tokens from one window of a passage to the next.")] = None,
    warmup: Annotated[float | None, typer.Option(help="Warm-up: steps, or below 1 a share of them.")] = None,
    weight_decay: Annotated[float | None, typer.Option(help="Weight decay of AdamW.")] = None,
    dropout: Annotated[float | None, typer.Option(help="Dropout in place of the model's own; 0: none.")] = None,
    dev_every: Annotated[int | None, typer.Option(help="Steps between dev scores; 0: at the end only.")] = None,
    dev_examples: Annotated[int | None, typer.Option(help="Dev rows in the source language.")] = None,
    patience: Annotated[int | None, typer.Option(help="Dev scores without a new best one before it stops.")] = None,
    precision: Annotated[str | None, typer.Option(help="fp32 or bf16, in training and prediction.")] = None,
    packing: Annotated[str | None, typer.Option(help="Several sequences in a row: auto, on or off.")] = None,
    tokens: Annotated[int | None, typer.Option(help="Tokens in one pass at most; lower it to save memory.")] = None,
    save_every: Annotated[int | None, typer.Option(help="Steps between checkpoints.")] = None,
    layer: Annotated[
        str,
        typer.Option(help="Retrieval: hidden layer, an index (14; -1 is the last) or a fraction of the depth (0.58)."),
    ] = "0.58",
    pooling: Annotated[
        Pooling, typer.Option(help="Retrieval: mean over the tokens, or cls: the first token.")
    ] = "mean",
    cache: Annotated[Path | None, typer.Option(help="Folder of tokenised rows and vectors.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of heads, batches and dropout.")] = 0,
    trackers: Annotated[str, typer.Option(help="tensorboard, mlflow, wandb: those installed.")] = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say what would be done and how long, and do nothing.")
    ] = False,
    format: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Fine-tune on English, predict every language zero-shot in the leaderboard's layout, and score it.

    diversity transfer --model DIR --targets xnli,udpos,tatoeba --data DATA --output RUN
    """
    from dataclasses import replace

    from diversity import catalog
    from diversity.encoders.hidden_states import SentenceVectors
    from diversity.types import Rows
    from diversity.zeroshot import transfer as zeroshot

    if out is not None:
        check_writable(out)
    wanted = catalog.targets() if targets == "all" else names_in(targets)
    given = dict(
        steps=steps, examples=budget, epochs=epochs, learning_rate=learning_rate, batch=batch, max_length=max_length,
        stride=stride, warmup=warmup, weight_decay=weight_decay, dev_every=dev_every, dev_examples=dev_examples,
        patience=patience, precision=precision, packing=packing, tokens=tokens, save_every=save_every,
        dropout=dropout,
    )  # fmt: skip
    vectors = replace(SentenceVectors.at(layer), pooling=pooling, cache=cache)
    settings = zeroshot.TransferSettings(
        preset, given, split=split, vectors=vectors, cache=cache, trackers=tuple(names_in(trackers))
    )
    rows = Rows(data.expanduser(), train_split, (source_language,), limit)
    shown = names_in(languages) or None
    if dry_run:
        table = zeroshot.plan_transfer(model, wanted, data=rows, settings=settings, languages=shown, seed=seed)
        show(records_of(table), format, out, _planned(table))
        return
    transferred = zeroshot.transfer(
        model, wanted, data=rows, output=output, settings=settings, languages=shown, seed=seed,
        notify=lambda text: note(f"note: {text}"),
    )  # fmt: skip
    show(records_of(transferred.rows), format, out, _text(transferred.rows))
    note(f"wrote {transferred.folder / zeroshot.RESULTS} and {transferred.folder / zeroshot.PREDICTIONS}")


def _planned(table: pd.DataFrame) -> str:
    """A line for each target, and the time of all trainings."""
    from diversity.retrieval.retrieve import duration

    lines = []
    for row in table.astype(object).where(table.notna(), None).to_dict("records"):
        numbers = [f"{row[n]:,}" if row[n] is not None else "-" for n in ("steps", "examples", "tokens")]
        time = "-" if row["seconds"] is None else duration(row["seconds"])
        lines.append([row["target"], row["trained_on"] or "-", str(row["languages"]), *numbers, time])
    total = table.drop_duplicates("trained_on")["seconds"].sum()
    header = ["target", "trained on", "languages", "steps", "examples", "tokens", "training"]
    return text_table(header, lines, right=(2, 3, 4, 5, 6)) + f"\ntraining: about {duration(float(total))}\n"


def _text(rows: pd.DataFrame) -> str:
    """A line for each target and metric: the mean over languages, then each language."""
    lines = []
    for (target, metric), group in rows.groupby(["target", "metric"], sort=False):
        each = " ".join(f"{lang} {value:.1f}" for lang, value in group[["language", "value"]].itertuples(index=False))
        lines.append([str(target), str(metric), f"{group['value'].mean():.2f}", str(len(group)), each])
    return text_table(["target", "metric", "mean", "languages", "by language"], lines, right=(2, 3))
