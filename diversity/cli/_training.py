"""Options of training: those that `train-mix` and `transfer` share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from diversity.cli._options import Precision, checked_seed
from diversity.training.settings import MEANING, in_presets
from diversity.types import Rule

# Choices; those of diversity.training.settings are written here so that --help loads nothing heavy.
Preset = Literal["phang2020", "xtreme", "quick"]
Packing = Literal["auto", "on", "off"]
Attention = Literal["auto", "sdpa", "eager"]
Vocabulary = Literal["used", "whole"]
Unit = Literal["examples", "sequences", "tokens"]
UNITS = {"examples": "examples", "sequences": "sequences", "tokens": "training_tokens"}  # settings by unit of --budget
SamplingRule = Rule
BY_EPOCHS = "as many as --epochs says"  # examples and steps, where neither is given
INSTEAD = ", in place of --budget"


def _setting(
    name: str,
    *spellings: str,
    default: str = "",
    after: str = "",
    min: int | None = None,
    panel: str | None = None,
) -> Any:
    """An option for a setting of training; unless another is said, its default in help is what the presets have."""
    shown = default or (f"of the preset: {had}" if ";" in (had := in_presets(name)) else had)
    text = MEANING[name].removesuffix(".") + after + "."
    return typer.Option(*spellings, min=min, show_default=shown, help=text, rich_help_panel=panel)


PresetOption = Annotated[
    Preset,
    typer.Option(
        help="Published settings, or quick ones for first looks (lower layers frozen); options below change single ones."
    ),
]
BudgetOption = Annotated[int | None, _setting("examples", default=BY_EPOCHS, min=1)]
UnitOption = Annotated[
    Unit,
    typer.Option("--budget-unit", help="What --budget counts; four choices are four sequences, and as many tokens."),
]
StepsOption = Annotated[int | None, _setting("steps", default=BY_EPOCHS, after=INSTEAD, min=1)]
EpochsOption = Annotated[float | None, _setting("epochs", after=INSTEAD)]
LearningRateOption = Annotated[float | None, _setting("learning_rate")]
BatchOption = Annotated[int | None, _setting("batch_size", min=1)]
MaxLengthOption = Annotated[int | None, _setting("max_length", "--max-length", "--max-tokens", min=8, panel="Training")]
StrideOption = Annotated[int | None, _setting("doc_stride", min=1)]
WarmupOption = Annotated[float | None, _setting("warmup")]
ClipOption = Annotated[float | None, _setting("max_grad_norm")]
WeightDecayOption = Annotated[float | None, _setting("weight_decay")]
DropoutOption = Annotated[float | None, _setting("dropout")]
DevEveryOption = Annotated[int | None, _setting("dev_every")]
DevExamplesOption = Annotated[int | None, _setting("dev_examples", min=1)]
PatienceOption = Annotated[int | None, _setting("patience", min=1)]
PrecisionOption = Annotated[Precision | None, _setting("precision")]
PackingOption = Annotated[Packing | None, _setting("packing")]
AttentionOption = Annotated[Attention | None, _setting("attention")]
VocabularyOption = Annotated[Vocabulary | None, _setting("vocabulary")]
FrozenOption = Annotated[float | None, _setting("frozen_layers")]
TokensOption = Annotated[int | None, _setting("max_tokens_per_batch", "--batch-tokens", "--tokens", min=8)]
SaveEveryOption = Annotated[int | None, _setting("save_every", min=1)]
TrackersOption = Annotated[str, typer.Option(show_default="none", help="tensorboard, mlflow, wandb: those installed.")]
CacheOption = Annotated[Path | None, typer.Option(help="Folder of tokenised rows (default: ~/.cache/diversity).")]
TrainSeedOption = Annotated[
    int, typer.Option(callback=checked_seed, help="Seed of heads, batches, dropout and sampled rows.")
]
