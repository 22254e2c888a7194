"""The headings of help: of commands, and of options."""

from __future__ import annotations

import typer

# Options by their heading, in the order of help; those that are not named are advanced.
OPTIONS = {
    "Input": (
        "tasks", "mixture", "all_subsets", "targets", "results", "scores", "predictions", "labels", "against", "data",
        "languages", "split", "limit", "benchmark", "groups", "weights", "outcomes", "where",
        "train_languages", "train_split", "mlm", "check", "key", "normalise",
    ),
    "Metrics": (
        "metric", "metrics", "outcome", "maximise", "minimise", "distance", "distances", "estimator", "covariates",
        "rope", "cap", "floor", "fix", "at_most", "like", "repeats", "sizes", "share", "match",
    ),
    "Study": (
        "size", "scheme", "mixtures", "seeds", "draws", "sd_task", "sd_pair", "sd_noise", "sd_seed", "rate", "measure_rate",
    ),
    "Training": (
        "model", "budget", "budget_unit", "steps", "epochs", "preset", "sampling", "temperature", "mixed",
        "learning_rate", "batch", "warmup", "heads",
    ),
    "Matching": ("layer", "pooling", "margin", "retrieval", "neighbours", "repeated", "threshold"),
    "Encoder": ("encoder", "max_length", "long", "centred", "same_encoder"),
    "Uncertainty": ("intervals", "bootstrap", "rarefy", "permutations", "alpha", "seed"),
    "Running": ("workers", "gpus_each", "cpus_each", "ray", "keep", "retry_failed", "verify", "dry_run"),
    "Output": (
        "output", "format", "plot", "plan", "reason", "title", "note", "exports", "save_moments", "save_vectors", "lock",
        "trackers",
    ),
    "Advanced": (),
}  # fmt: skip
HEADINGS = list(OPTIONS)
HEADING = {name: heading for heading, names in OPTIONS.items() for name in names}


def heading(option: str) -> str:
    """The heading of an option."""
    return HEADING.get(option, HEADINGS[-1])


def head(app: typer.Typer, heading: str) -> None:
    """Put all commands and groups of an application under a heading."""
    for command in app.registered_commands:
        command.rich_help_panel = heading
    for group in app.registered_groups:
        group.rich_help_panel = heading
