"""Options that several commands have, each declared once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import typer

from diversity.types import WHOLE, InputError

# Choices; those of the modules that compute, written here so that --help loads nothing heavy.
Estimator = Literal["auto", "U", "V"]
Precision = Literal["fp32", "bf16"]
Products = Literal["fp64", "fp32"]
Long = Literal["truncate", "chunk"]
Distance = Literal["cosine", "centroid", "mmd", "frechet", "cka"]
Heads = Literal["drop", "keep"]

AlphaOption = Annotated[float, typer.Option(help="Level of the tests.")]
BootstrapOption = Annotated[int, typer.Option(min=100, help="Draws for the intervals of correlations.")]
CovariatesOption = Annotated[
    str,
    typer.Option(
        help="k, entropy, log_budget, single_mean, tasks, columns of numbers, other metrics; by commas (default: none)."
    ),
]
DataOption = Annotated[Path, typer.Option(help="Folder of data.")]
EnglishOption = Annotated[bool, typer.Option(help="Whether English counts among a target's languages.")]
EstimatorOption = Annotated[
    Estimator,
    typer.Option(help="U: unbiased, does not depend on n; V: plain, may grow with n; auto: U where a metric has it."),
]
IntervalsOption = Annotated[bool, typer.Option(help="95 % intervals for the sampling of rows.")]
MetricsOption = Annotated[
    str,
    typer.Option(
        "--metrics",
        "--metric",
        help="Metrics, such as cosine,vendi(q=1); `diversity metrics` lists them (default: its first ones, marked *).",
    ),
]
OutcomeOption = Annotated[
    str,
    typer.Option(
        help="mean9, mean7 (without retrieval), retrieval, mean, or a target (default: mean9 where all nine are there, "
        "else mean)."
    ),
]
PermutationsOption = Annotated[int, typer.Option(min=100, help="Task labels drawn; up to nine tasks, all are used.")]
ReferenceOption = Annotated[
    str | None, typer.Option(help="Task that metrics of a reference compare with (default: all).")
]
ResultsOption = Annotated[
    Path, typer.Option(help="Results: CSV or Parquet with mixture, target, language, seed, metric, value.")
]
RowsOption = Annotated[int, typer.Option(help="Rows drawn for the metrics that are computed on rows.")]
ScoresEncoderOption = Annotated[
    str | None, typer.Option(help="Encoder of the scores; required where there are several.")
]
ScoresOption = Annotated[
    Path, typer.Option(help="Diversity: CSV or Parquet with mixture, metric, value, as `diversity score` writes.")
]


def checked_seed(seed: int | None) -> int | None:
    """A seed that a table of results can hold; InputError for others."""
    if seed is not None and not 0 <= seed <= WHOLE:
        raise InputError(f"expected --seed from 0 to {WHOLE}, found {seed}")
    return seed


SeedOption = Annotated[int, typer.Option(callback=checked_seed, help="Seed of everything drawn.")]
WhereOption = Annotated[list[str] | None, typer.Option(help="Use the results with COLUMN=VALUE only. Repeatable.")]

Command = Callable[..., None]


def with_options(name: str, kind: type[Any], *, without: Sequence[str] = ()) -> Callable[[Command], Command]:
    """Give a command an option for each field of a dataclass, in place of its parameter `name`, which gets the whole."""
    options = [field for field in fields(kind) if field.name not in without]

    def give(command: Command) -> Command:
        types = get_type_hints(kind, include_extras=True)

        @functools.wraps(command)
        def whole(**given: Any) -> None:
            one = kind(**{option.name: given.pop(option.name) for option in options})
            command(**{name: one}, **given)

        own = [p for p in inspect.signature(command, eval_str=True).parameters.values() if p.name != name]
        shared = [
            inspect.Parameter(o.name, inspect.Parameter.KEYWORD_ONLY, default=o.default, annotation=types[o.name])
            for o in options
        ]
        parameters = [*(p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own), *shared]
        whole.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        whole.__annotations__ = {p.name: p.annotation for p in parameters}
        return whole

    return give
