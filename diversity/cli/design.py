"""`diversity design`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.catalog import SAMPLE
from diversity.cli._common import ENCODER, check_choice, check_writable, emit, names_in, note, text_table
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.planning.design import Design

app = typer.Typer()


@app.command()
def design(
    output: Annotated[Path, typer.Option(help="The plan to write, a TOML file.")],
    k: Annotated[str, typer.Option(help="Tasks of each mixture; with --scheme closed several: 2,3.")] = "3",
    scheme: Annotated[
        str, typer.Option(help="matched pairs, space (evenly spread), or closed (all of size k).")
    ] = "matched",
    mixtures: Annotated[int, typer.Option(min=1, help="Matched pairs, or mixtures of an even spread.")] = 8,
    tasks: Annotated[str, typer.Option(help="Tasks to choose from, separated by commas (default: the nine).")] = "",
    targets: Annotated[str, typer.Option(help="Targets, separated by commas (default: all of XTREME).")] = "",
    metric: Annotated[
        str, typer.Option(help="The primary metric of diversity, declared in the plan.")
    ] = "vendi_beta(q=2)",
    outcome: Annotated[
        str, typer.Option(help="The outcome declared: mean9, mean7, retrieval, mean, or a target.")
    ] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds of each mixture.")] = 3,
    budget: Annotated[int, typer.Option(min=1, help="Examples that each mixture is trained on.")] = 100_000,
    model: Annotated[
        str, typer.Option(help="The encoder to train: all-MiniLM-L6-v2, mini, a folder, or owner/name@commit.")
    ] = ENCODER,
    sampling: Annotated[str, typer.Option(help="How examples are drawn from the tasks of a mixture.")] = "uniform",
    preset: Annotated[str, typer.Option(help="Published settings of training: phang2020 or xtreme.")] = "phang2020",
    data: Annotated[Path | None, typer.Option(help="Folder of the tasks' data; else the shipped moments.")] = None,
    encoder: Annotated[str, typer.Option(help="Sentence encoder that diversity is measured with.")] = ENCODER,
    sample: Annotated[int, typer.Option(min=2, help="Texts of each task that are measured from --data.")] = SAMPLE,
    results: Annotated[Path | None, typer.Option(help="Results with the single tasks, for their strength.")] = None,
    rate: Annotated[float | None, typer.Option(help="Examples trained a second, for the hours.")] = None,
    measure: Annotated[bool, typer.Option("--measure", help="Measure the rate of training here, on --data.")] = False,
    sd_task: Annotated[float | None, typer.Option(help="Standard deviation of the outcome between tasks.")] = None,
    sd_noise: Annotated[float | None, typer.Option(help="Standard deviation of one mixture's outcome besides.")] = None,
    draws: Annotated[int, typer.Option(min=20, help="Draws of the simulated power.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Seed of all chance here.")] = 0,
) -> None:
    """Choose mixtures for an experiment, say what it can show before anything is trained, and write its plan.

    diversity design --k 3 --mixtures 8 --output plan.toml
    """
    from diversity.planning import design as designing

    check_choice("--scheme", scheme, designing.SCHEMES)
    check_writable(output)
    sizes = names_in(k)
    if not sizes or not all(s.isdigit() for s in sizes):
        raise InputError(f"expected --k as a number or several, such as 3 or 2,3, found {k!r}")
    made = designing.design(
        names_in(tasks), k=[int(s) for s in sizes], scheme=scheme, mixtures=mixtures, metric=metric, outcome=outcome,  # type: ignore[arg-type]
        targets=names_in(targets), seeds=seeds, budget=budget, model=model, sampling=sampling, preset=preset, data=data,
        results=results, rate=rate, measure_rate=measure, sd_task=sd_task, sd_noise=sd_noise, draws=draws, seed=seed,
        name=output.stem, encoder=encoder, **({"sample": sample} if data else {}),
    )  # fmt: skip
    print(_text(made, metric), end="")
    for text in made.notes:
        note(f"note: {text}")
    emit(made.plan, output)


def _text(made: Design, metric: str) -> str:
    table = made.mixtures
    name = next(c for c in table.columns[5:])
    shown = zip(table["mixture"], table["role"], table["pair"].fillna(0), table[name], strict=True)
    rows = [[mixture, role, str(pair or ""), _number(value)] for mixture, role, pair, value in shown]
    balance = [[str(r[0]), *(_number(v) for v in r[1:])] for r in made.balance.itertuples(index=False)]
    power = [[str(r[0]), _number(r[1]), str(r[2])] for r in made.power.itertuples(index=False)]
    hours = "" if made.hours is None else f", about {made.hours:,.1f} hours"
    runs = "{intermediate:,} intermediate and {target:,} target trainings, {cells:,} cells".format(**made.runs)
    return "\n".join(
        [
            text_table(["mixture", "role", "pair", name], rows, right=(2, 3)),
            text_table([str(c) for c in made.balance.columns], balance, right=(1, 2, 3, 4)),
            text_table([str(c) for c in made.power.columns], power, right=(1,)),
            f"{runs}: {made.examples:,} examples{hours}\n",
        ]
    )


def _number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:,.4g}"
