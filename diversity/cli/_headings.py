"""The headings of help: of commands, and of the options that many commands have."""

from __future__ import annotations

import inspect
from typing import Annotated, get_args, get_origin

import typer
from typer.models import OptionInfo

OPTIONS = {
    "Encoder": (
        "encoder", "precision", "long", "max_length", "centred", "same_encoder", "cache", "layer", "pooling",
    ),
    "Uncertainty": ("intervals", "bootstrap", "rarefy", "permutations", "alpha", "estimator", "seed", "seeds"),
    "Output": ("format", "output", "plot", "plan", "as_json", "save_moments", "save_vectors"),
    "Input": (
        "tasks", "mixture", "all_subsets", "data", "limit", "split", "languages", "embeddings", "moments",
        "skip_bad_rows", "include", "results", "scores", "where", "predictions", "labels", "benchmark", "targets", "model",
    ),
}  # fmt: skip
HEADING = {name: heading for heading, names in OPTIONS.items() for name in names}


def head(app: typer.Typer, heading: str) -> None:
    """Put all commands and groups of an application under a heading."""
    for command in app.registered_commands:
        command.rich_help_panel = heading
    for group in app.registered_groups:
        group.rich_help_panel = heading


def group_options(app: typer.Typer) -> None:
    """Put the options that many commands have under their headings; those that one command has stay under `Options`."""
    for command in app.registered_commands:
        assert command.callback is not None
        for name, parameter in inspect.signature(command.callback, eval_str=True).parameters.items():
            if get_origin(parameter.annotation) is Annotated and name in HEADING:
                for info in get_args(parameter.annotation)[1:]:
                    if isinstance(info, OptionInfo):
                        info.rich_help_panel = HEADING[name]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        group_options(group.typer_instance)
