"""Options of training: those that `train-mix` and `transfer` share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from diversity.cli._options import Precision, checked_seed
from diversity.training.settings import PRESETS
from diversity.types import Rule

# Choices; those of diversity.training.settings are written here so that --help loads nothing heavy.
Preset = Literal["phang2020", "xtreme", "quick"]
Packing = Literal["auto", "on", "off"]
Attention = Literal["auto", "sdpa", "eager"]
Vocabulary = Literal["used", "whole"]
Unit = Literal["examples", "sequences", "tokens"]
UNITS = {"examples": "examples", "sequences": "sequences", "tokens": "training_tokens"}  # settings by unit of --budget
SamplingRule = Rule


def _setting(name: str, help: str, *spellings: str, min: int | None = None, panel: str | None = None) -> Any:
    """An option for a setting of training, whose default in help is what the presets have."""
    return typer.Option(*spellings, min=min, show_default=_of_presets(name), help=help, rich_help_panel=panel)


def _of_presets(name: str) -> str:
    """What each preset has for mixtures, and for kinds of targets where those differ."""
    parts = {}
    for preset, published in PRESETS.items():
        own, apart = published.intermediate.values[name], dict[str, list[str]]()
        for kind, settings in {**published.kinds, **published.targets}.items():
            if (value := settings.values[name]) != own:
                apart.setdefault(_value(value), []).append(kind.replace("_", " "))
        others = [f"{value} for {' and '.join(kinds)}" for value, kinds in apart.items()]
        parts[preset] = ", ".join([_value(own), *others])
    if len(set(parts.values())) == 1:
        return next(iter(parts.values()))
    return "of the preset: " + "; ".join(f"{preset} {values}" for preset, values in parts.items())


def _value(value: object) -> str:
    return "1" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


PresetOption = Annotated[
    Preset,
    typer.Option(
        help="Published settings, or quick ones for first looks (lower layers frozen); options below change single ones."
    ),
]
BudgetOption = Annotated[
    int | None,
    typer.Option(
        min=1, show_default="as many as --epochs says", help="Examples to train on; a window of a long passage is one."
    ),
]
UnitOption = Annotated[
    Unit,
    typer.Option("--budget-unit", help="What --budget counts; four choices are four sequences, and as many tokens."),
]
StepsOption = Annotated[
    int | None,
    typer.Option(min=1, show_default="as many as --epochs says", help="Steps to train for, in place of --budget."),
]
EpochsOption = Annotated[float | None, _setting("epochs", "Epochs, in place of --budget.")]
LearningRateOption = Annotated[float | None, _setting("learning_rate", "Peak learning rate.")]
BatchOption = Annotated[int | None, _setting("batch_size", "Examples a step, over all processes.", min=1)]
MaxLengthOption = Annotated[
    int | None,
    _setting("max_length", "Tokens of a sequence at most.", "--max-length", "--max-tokens", min=8, panel="Training"),
]
StrideOption = Annotated[
    int | None,
    _setting("doc_stride", "Tokens from one window of a passage to the next.", min=1),
]
WarmupOption = Annotated[float | None, _setting("warmup", "Warm-up: steps, or below 1 a share of them.")]
ClipOption = Annotated[
    float | None,
    _setting("max_grad_norm", "Norm that gradients are clipped to; 0: no clipping."),
]
WeightDecayOption = Annotated[float | None, _setting("weight_decay", "Weight decay of AdamW.")]
DropoutOption = Annotated[
    float | None, typer.Option(show_default="the model's own", help="Dropout of encoder and heads; 0: none.")
]
DevEveryOption = Annotated[
    int | None,
    _setting("dev_every", "Steps between dev scores, of which the best decides; 0: score the last weights only."),
]
DevExamplesOption = Annotated[int | None, _setting("dev_examples", "Dev rows of each task.", min=1)]
PatienceOption = Annotated[
    int | None,
    _setting("patience", "Dev scores without a new best one before training ends.", min=1),
]
PrecisionOption = Annotated[Precision | None, _setting("precision", "Precision of the products.")]
PackingOption = Annotated[Packing | None, _setting("packing", "Several sequences in a row of tokens.")]
AttentionOption = Annotated[Attention | None, _setting("attention", "Attention in training.")]
VocabularyOption = Annotated[
    Vocabulary | None,
    _setting("vocabulary", "Token embeddings that are trained: those used, or all; the weights are the same."),
]
FrozenOption = Annotated[
    float | None, _setting("frozen_layers", "Share of the layers that is not trained, from the lowest up.")
]
TokensOption = Annotated[
    int | None,
    _setting(
        "max_tokens_per_batch",
        "Tokens in one pass through the model at most; lower it to save memory.",
        "--batch-tokens",
        "--tokens",
        min=8,
    ),
]
SaveEveryOption = Annotated[int | None, _setting("save_every", "Steps between checkpoints.", min=1)]
TrackersOption = Annotated[str, typer.Option(show_default="none", help="tensorboard, mlflow, wandb: those installed.")]
CacheOption = Annotated[Path | None, typer.Option(help="Folder of tokenised rows (default: ~/.cache/diversity).")]
TrainSeedOption = Annotated[
    int, typer.Option(callback=checked_seed, help="Seed of heads, batches, dropout and sampled rows.")
]
