"""Options of training: those that `train-mix` and `transfer` share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from diversity.cli._options import Precision
from diversity.types import Rule

# Choices; those of diversity.training.settings are written here so that --help loads nothing heavy.
Preset = Literal["phang2020", "xtreme"]
Packing = Literal["auto", "on", "off"]
Attention = Literal["auto", "sdpa", "eager"]
SamplingRule = Rule

PresetOption = Annotated[Preset, typer.Option(help="Published settings; options below change single ones.")]
BudgetOption = Annotated[
    int | None, typer.Option(min=1, help="Examples to train on (a window of a long passage is one).")
]
StepsOption = Annotated[int | None, typer.Option(min=1, help="Steps to train for, in place of --budget.")]
EpochsOption = Annotated[float | None, typer.Option(help="Epochs, in place of --budget.")]
LearningRateOption = Annotated[float | None, typer.Option(help="Peak learning rate.")]
BatchOption = Annotated[int | None, typer.Option(min=1, help="Examples a step, over all processes.")]
MaxLengthOption = Annotated[
    int | None, typer.Option("--max-length", "--max-tokens", min=8, help="Tokens of a sequence at most.")
]
StrideOption = Annotated[int | None, typer.Option(min=1, help="Tokens from one window of a passage to the next.")]
WarmupOption = Annotated[float | None, typer.Option(help="Warm-up: steps, or below 1 a share of them.")]
ClipOption = Annotated[float | None, typer.Option(help="Norm that gradients are clipped to; 0: not.")]
WeightDecayOption = Annotated[float | None, typer.Option(help="Weight decay of AdamW.")]
DropoutOption = Annotated[float | None, typer.Option(help="Dropout in place of the model's own; 0: none.")]
DevEveryOption = Annotated[
    int | None,
    typer.Option(help="Steps between dev scores, of which the best decides; 0: score the last weights only."),
]
DevExamplesOption = Annotated[int | None, typer.Option(min=1, help="Dev rows of each task.")]
PatienceOption = Annotated[
    int | None, typer.Option(min=1, help="Dev scores without a new best one before training ends.")
]
PrecisionOption = Annotated[Precision | None, typer.Option(help="Precision of the products.")]
PackingOption = Annotated[Packing | None, typer.Option(help="Several sequences in a row of tokens.")]
AttentionOption = Annotated[Attention | None, typer.Option(help="Attention in training.")]
TokensOption = Annotated[
    int | None,
    typer.Option(
        "--batch-tokens", "--tokens", min=8, help="Tokens at once in the model at most; lower it to save memory."
    ),
]
SaveEveryOption = Annotated[int | None, typer.Option(min=1, help="Steps between checkpoints.")]
TrackersOption = Annotated[str, typer.Option(help="tensorboard, mlflow, wandb: those installed.")]
CacheOption = Annotated[Path | None, typer.Option(help="Folder of tokenised rows (default: ~/.cache/diversity).")]
TrainSeedOption = Annotated[
    int, typer.Option(min=0, max=2**63 - 1, help="Seed of heads, batches, dropout and sampled rows.")
]
