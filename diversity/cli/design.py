"""`diversity design`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from diversity.catalog import SAMPLE
from diversity.cli._common import ENCODER, MINI, MODELS, check_writable, names_in, note, pinned, text_table
from diversity.cli._options import checked_seed
from diversity.cli._source import Files
from diversity.types import InputError, Rows

if TYPE_CHECKING:
    from diversity.planning.design import Design

app = typer.Typer()

Scheme = Literal["matched", "space-filling", "closed"]  # of planning.choice; written here so that --help loads nothing


def _scheme(name: str) -> str:
    from diversity.planning.choice import scheme_of

    return scheme_of(name)


@app.command()
def design(
    files: Files = None,
    *,
    output: Annotated[Path, typer.Option(help="The plan to write, a TOML file.")],
    size: Annotated[
        str, typer.Option("--size", "--k", help="Tasks of each mixture; with --scheme closed several: 2,3.")
    ] = "3",
    scheme: Annotated[
        Scheme,
        typer.Option(
            parser=_scheme,
            metavar="[matched|space-filling|closed]",
            help="matched pairs, space-filling (evenly spread over diversity), or closed (all of size k).",
        ),
    ] = "matched",
    mixtures: Annotated[int, typer.Option(min=1, help="Matched pairs, or mixtures of an even spread.")] = 8,
    tasks: Annotated[
        str, typer.Option(help="Tasks to choose from, separated by commas (default: the nine, or FILES).")
    ] = "",
    targets: Annotated[str, typer.Option(help="Targets, separated by commas (default: all of XTREME).")] = "",
    metric: Annotated[
        str, typer.Option("--metric", "--metrics", help="The primary metric of diversity, declared in the plan.")
    ] = "vendi_beta(q=2)",
    outcome: Annotated[
        str,
        typer.Option(
            help="The outcome declared: mean9, mean7, retrieval, mean, or a target (default: mean9 with all nine targets)."
        ),
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each mixture.")] = 3,
    budget: Annotated[int, typer.Option(min=1, help="Examples that each mixture is trained on.")] = 100_000,
    model: Annotated[
        str,
        typer.Option(help=f"Encoder to train: {MODELS}."),
    ] = MINI,
    sampling: Annotated[str, typer.Option(help="How examples are drawn from the tasks of a mixture.")] = "uniform",
    preset: Annotated[str, typer.Option(help="Published settings of training: phang2020 or xtreme.")] = "phang2020",
    data: Annotated[Path | None, typer.Option(help="Folder of the tasks' data (default: the shipped moments).")] = None,
    encoder: Annotated[str, typer.Option(help="Sentence encoder that diversity is measured with.")] = ENCODER,
    limit: Annotated[
        int, typer.Option("--limit", "--sample", min=2, help="Texts of each task that are measured from --data.")
    ] = SAMPLE,
    results: Annotated[
        Path | None, typer.Option(help="Results with the single tasks, for their strength (default: not known).")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(help="Examples trained a second, for the hours (default: not known).")
    ] = None,
    measure_rate: Annotated[
        bool, typer.Option("--measure-rate", "--measure", help="Measure the rate of training here, on --data.")
    ] = False,
    sd_task: Annotated[
        float | None,
        typer.Option(help="Spread of the outcome between tasks, in points (default: of --results, else 1)."),
    ] = None,
    sd_pair: Annotated[
        float | None,
        typer.Option(help="Spread of what two tasks do together, each apart (default: a quarter of that of tasks)."),
    ] = None,
    sd_noise: Annotated[
        float | None,
        typer.Option(
            help="Spread of one mixture's outcome, tasks and pairs apart (default: a tenth of that of tasks)."
        ),
    ] = None,
    sd_seed: Annotated[
        float | None, typer.Option(help="Spread of the outcome between seeds (default: of --results, else 0).")
    ] = None,
    draws: Annotated[int, typer.Option(min=20, help="Draws of the simulated power.")] = 400,
    seed: Annotated[int, typer.Option(callback=checked_seed, help="Seed of everything drawn.")] = 0,
) -> None:
    """Plan a study: choose its mixtures, see what it can show.

    Mixtures are chosen before anything is trained; the power of the study is simulated, and its plan written.

    diversity design --size 3 --mixtures 8 --output plan.toml

    diversity design --size 2 --scheme closed --tasks mnli,qqp,ccg --targets xnli --output plan.toml
    """
    from diversity.planning import design as planning
    from diversity.planning.choice import Assumptions, Hypothesis, Training

    check_writable(output)
    sizes = names_in(size)
    if not sizes or not all(s.isdigit() for s in sizes):
        raise InputError(f"expected --size as a number or several, such as 3 or 2,3, found {size!r}")
    study = planning.design(
        [*names_in(tasks), *(files or [])], size=[int(s) for s in sizes], scheme=scheme, mixtures=mixtures,
        hypothesis=Hypothesis(metric, outcome, tuple(names_in(targets))),
        training=Training(pinned(model), budget, seeds, sampling, preset, rate, measure_rate),
        assumptions=Assumptions(results, sd_task, sd_pair, sd_noise, draws, sd_seed),
        data=None if data is None else Rows(data, planning.SPLITS, limit=limit, seed=seed), encoder=encoder, seed=seed,
    )  # fmt: skip
    print(_text(study), end="")
    for text in study.notes:
        note(f"note: {text}")
    note(f"wrote {study.write(output)}")


def _text(study: Design) -> str:
    table, metric = study.mixtures, study.metric
    columns = zip(table["mixture"], table["role"], table["pair"].fillna(0), table[metric], strict=True)
    rows = [[mixture, role, str(pair or ""), _number(value)] for mixture, role, pair, value in columns]
    balance = [[str(name), *map(_number, values)] for name, *values in study.balance.itertuples(index=False)]
    power = [[str(name), _number(value), str(meaning)] for name, value, meaning in study.power.itertuples(index=False)]
    hours = "" if study.hours is None else f", about {study.hours:,.1f} hours"
    runs = "{intermediate:,} intermediate and {target:,} target trainings, {cells:,} cells".format(**study.runs)
    return "\n".join(
        [
            text_table(["mixture", "role", "pair", metric], rows, right=(2, 3)),
            text_table([str(c) for c in study.balance.columns], balance, right=(1, 2, 3, 4)),
            text_table([str(c) for c in study.power.columns], power, right=(1,)),
            f"{runs}: {study.examples:,} examples{hours}\n",
        ]
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.4g}"
