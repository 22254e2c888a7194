"""`diversity transfer`."""

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
from diversity.cli._output import Printer, with_printer
from diversity.cli._training import (
    UNITS,
    BatchOption,
    BudgetOption,
    DevEveryOption,
    DevExamplesOption,
    DropoutOption,
    EpochsOption,
    FrozenOption,
    LearningRateOption,
    MaxLengthOption,
    PackingOption,
    PatienceOption,
    PrecisionOption,
    PresetOption,
    SaveEveryOption,
    StepsOption,
    StrideOption,
    TokensOption,
    TrackersOption,
    TrainSeedOption,
    UnitOption,
    VocabularyOption,
    WarmupOption,
    WeightDecayOption,
)

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer()
Pooling = Literal["mean", "cls"]


@app.command()
@with_printer
def transfer(
    writer: Printer,
    targets: Annotated[str, typer.Option(help="Targets, separated by commas; all: every target.")],
    data: Annotated[Path, typer.Option(help="Folder of the tasks' data.")],
    output: Annotated[Path, typer.Option(help="Folder for predictions, models and results.csv.")],
    model: Annotated[
        str,
        typer.Option(help=f"Checkpoint to start from: {MODELS}."),
    ] = MINI,
    preset: PresetOption = "phang2020",
    languages: Annotated[
        str, typer.Option("--languages", "--language", help="Languages to predict (default: all in the data).")
    ] = "",
    split: Annotated[str, typer.Option(help="Split to predict, in order of preference.")] = "test,dev",
    train_split: Annotated[str, typer.Option(help="Split to train on, in order of preference.")] = "train,dev",
    train_languages: Annotated[
        str,
        typer.Option(
            "--train-languages", "--source-language", help="Languages of the training rows, separated by commas."
        ),
    ] = "en",
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit", "--sample", min=1, help="Training rows of each target, drawn at random (default: all)."
        ),
    ] = None,
    steps: StepsOption = None,
    budget: BudgetOption = None,
    budget_unit: UnitOption = "examples",
    epochs: EpochsOption = None,
    learning_rate: LearningRateOption = None,
    batch: BatchOption = None,
    max_length: MaxLengthOption = None,
    stride: StrideOption = None,
    warmup: WarmupOption = None,
    weight_decay: WeightDecayOption = None,
    dropout: DropoutOption = None,
    dev_every: DevEveryOption = None,
    dev_examples: DevExamplesOption = None,
    patience: PatienceOption = None,
    precision: PrecisionOption = None,
    packing: PackingOption = None,
    vocabulary: VocabularyOption = None,
    frozen_layers: FrozenOption = None,
    batch_tokens: TokensOption = None,
    save_every: SaveEveryOption = None,
    layer: Annotated[
        str,
        typer.Option(help="Retrieval: hidden layer, an index (14; -1 is the last) or a fraction of the depth (0.58)."),
    ] = "0.58",
    pooling: Annotated[
        Pooling, typer.Option(help="Retrieval: mean over the tokens, or cls: the first token.")
    ] = "mean",
    cache: Annotated[
        Path | None, typer.Option(help="Folder of tokenised rows and vectors (default: ~/.cache/diversity).")
    ] = None,
    seed: TrainSeedOption = 0,
    trackers: TrackersOption = "",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check everything, say what would be done and how long, and do nothing.")
    ] = False,
) -> None:
    """Fine-tune on English, then test in every language.

    Predictions are written in the leaderboard's layout, and scored.

    diversity transfer --model mix --targets xnli,udpos,tatoeba --data data --output run

    diversity transfer --targets all --data data --output run --dry-run
    """
    from dataclasses import replace

    from diversity import catalog
    from diversity.encoders.hidden_states import SentenceVectors
    from diversity.types import Rows
    from diversity.zeroshot import transfer as zeroshot

    wanted = catalog.targets() if targets == "all" else names_in(targets)
    given = dict(
        steps=steps, epochs=epochs, vocabulary=vocabulary, frozen_layers=frozen_layers,
        **{UNITS[budget_unit]: budget}, learning_rate=learning_rate, batch=batch, max_length=max_length,
        stride=stride, warmup=warmup, weight_decay=weight_decay, dev_every=dev_every, dev_examples=dev_examples,
        patience=patience, precision=precision, packing=packing, tokens=batch_tokens, save_every=save_every,
        dropout=dropout,
    )  # fmt: skip
    model = pinned(model)
    vectors = replace(SentenceVectors.at(layer), pooling=pooling, cache=cache)
    settings = zeroshot.TransferSettings(
        preset, given, split=split, vectors=vectors, cache=cache, trackers=tuple(names_in(trackers))
    )
    rows = Rows(data.expanduser(), train_split, tuple(names_in(train_languages)), limit)
    shown = names_in(languages) or None
    if dry_run:
        table = zeroshot.plan_transfer(
            model, wanted, data=rows, settings=settings, languages=shown, seed=seed, output=output
        )
        writer.show(records_of(table), _planned(table))
        return
    transferred = zeroshot.transfer(
        model, wanted, data=rows, output=output, settings=settings, languages=shown, seed=seed,
        notify=lambda text: note(f"note: {text}"),
    )  # fmt: skip
    writer.show(records_of(transferred.rows), _text(transferred.rows))
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
