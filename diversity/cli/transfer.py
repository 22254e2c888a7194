"""`diversity transfer`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diversity.cli._common import Format, check_choice, check_writable, names_in, note, show, text_table

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()


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
    precision: Annotated[str | None, typer.Option(help="fp32 or bf16.")] = None,
    layer: Annotated[
        float, typer.Option(help="Retrieval: layer of the sentence vectors, or share of the depth.")
    ] = 0.58,
    pooling: Annotated[str, typer.Option(help="Retrieval: mean or cls.")] = "mean",
    cache: Annotated[Path | None, typer.Option(help="Folder of tokenised rows and vectors.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of heads, batches and dropout.")] = 0,
    format: Annotated[Format, typer.Option(help="Form of the output.")] = Format.table,
    out: Annotated[Path | None, typer.Option(help="File to write, in place of the screen.")] = None,
) -> None:
    """Fine-tune on English, predict every language zero-shot in the leaderboard's layout, and score it.

    diversity transfer --model DIR --targets xnli,udpos,tatoeba --data DATA --output RUN
    """
    from diversity import catalog
    from diversity.training import transferring

    check_choice("--pooling", pooling, ("mean", "cls"))
    vectors: dict[str, Any] = {"layer": layer, "pooling": pooling}
    if out is not None:
        check_writable(out)
    every = [n for n in catalog.names("tasks") if catalog.task(n).role == "target"]
    overrides = dict(
        steps=steps, examples=budget, epochs=epochs, learning_rate=learning_rate, batch=batch, max_length=max_length,
        precision=precision,
    )  # fmt: skip
    found = transferring.transfer(
        model, every if targets == "all" else names_in(targets), data=data, output=output, preset=preset,
        overrides=overrides, languages=names_in(languages) or None, split=split, train_split=train_split,
        source_language=source_language, limit=limit, seed=seed, cache=cache, **vectors,
        notify=lambda text: note(f"note: {text}"),
    )  # fmt: skip
    records = [{str(k): v for k, v in r.items()} for r in found.rows.to_dict("records")]
    show(records, format, out, _text(found.rows))
    note(f"wrote {found.folder / transferring.RESULTS} and {found.folder / transferring.PREDICTIONS}")


def _text(rows: pd.DataFrame) -> str:
    """A line for each target and metric: the mean over languages, then each language."""
    lines = []
    for (target, metric), group in rows.groupby(["target", "metric"], sort=False):
        each = " ".join(f"{lang} {value:.1f}" for lang, value in group[["language", "value"]].itertuples(index=False))
        lines.append([str(target), str(metric), f"{group['value'].mean():.2f}", str(len(group)), each])
    return text_table(["target", "metric", "mean", "languages", "by language"], lines, right=(2, 3))
