"""`diversity propose`: the most diverse mixture, or the most homogeneous one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._common import (
    ENCODER,
    check_figure,
    check_writable,
    names_in,
    note,
    pairs,
    records_of,
    text_table,
)
from diversity.cli._options import EstimatorOption
from diversity.cli._output import Writer, with_writer
from diversity.cli._source import OneEncoder, Source, once, task_notes, with_source
from diversity.types import InputError, number

if TYPE_CHECKING:
    import pandas as pd

    from diversity.scoring.propose import Aim, Proposal

app = typer.Typer()

METRIC = "vendi_beta(q=2)"


@app.command()
@with_writer
@with_source
def propose(
    writer: Writer,
    source: Source,
    tasks: Annotated[
        str, typer.Option(help="Tasks to choose from, separated by commas (default: the nine intermediate ones).")
    ] = "",
    maximise: Annotated[str, typer.Option(help=f"Metric to make as large as can be (default: {METRIC}).")] = "",
    minimise: Annotated[
        str, typer.Option(help="Metric to make as small as can be, in place of --maximise (default: none).")
    ] = "",
    cap: Annotated[float, typer.Option(help="The most that the share of a task may be.")] = 1.0,
    floor: Annotated[float, typer.Option(help="The least that the share of every task must be.")] = 0.0,
    fix: Annotated[list[str] | None, typer.Option(help="A share that is given, NAME=SHARE. Repeatable.")] = None,
    at_most: Annotated[int | None, typer.Option(help="The most tasks that may have a share (default: all).")] = None,
    repeats: Annotated[
        float | None,
        typer.Option(help="How often the rows of a task may be repeated within --budget (default: any number)."),
    ] = None,
    budget: Annotated[int | None, typer.Option(help="Rows to train on, for --repeats (default: none).")] = None,
    sizes: Annotated[
        str, typer.Option(help="Rows of the tasks, NAME=N,NAME=N, for --repeats (default: the rows that are embedded).")
    ] = "",
    like: Annotated[
        str,
        typer.Option(help="TASK=LEAST: the mean likeness of the tasks to TASK must be LEAST or more (default: none)."),
    ] = "",
    plan: Annotated[
        Path | None, typer.Option(help="Write a plan with this mixture and the opposite one to train.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Of three tasks: draw the metric over all shares to this .png, .svg or .pdf.")
    ] = None,
    estimator: EstimatorOption = "auto",
    encoder: OneEncoder = ENCODER,
) -> None:
    """Find the most diverse mixture of tasks, and prove it.

    Its shares, its score, and how much better any other mixture could be.

    diversity propose --tasks mnli,qqp,squad_v1,ccg --maximise "vendi(q=2)" --cap 0.4

    diversity propose --at-most 3 --plan plan.toml
    """
    from diversity import catalog
    from diversity.scoring import propose as proposing

    if maximise and minimise:
        raise InputError("expected --maximise or --minimise, found both")
    ((target, least),) = _numbers("--like", [like]).items() if like else ((None, None),)
    constraints = proposing.Constraints(
        cap, floor, _numbers("--fix", fix), at_most, _sizes(sizes), repeats, budget, target, least
    )
    metric = maximise or minimise or METRIC
    once(names_in(tasks))
    names = sorted({*names_in(tasks), *source.own}) or catalog.intermediate()
    proposing.check(metric, estimator)
    if plot is not None:
        check_figure("--plot", plot)
        if len(names) != 3 or target:
            raise InputError(f"expected three tasks and no --like with --plot, found {len(names)} tasks")
    if plan is not None:
        check_writable(plan)
    (space,) = source.spaces(sorted({*names, *([target] if target else [])}), [encoder])
    aim: Aim = "minimise" if minimise else "maximise"
    proposal = proposing.propose(space, metric, aim=aim, constraints=constraints, estimator=estimator)
    task_notes(space)
    if plan is not None:
        opposite: Aim = "minimise" if aim == "maximise" else "maximise"
        other = proposing.propose(space, metric, aim=opposite, constraints=constraints, estimator=estimator, ties=False)
        _write_plan(plan, *((proposal, other) if aim == "maximise" else (other, proposal)))
    if plot is not None:
        _draw(plot, proposing.surface(space, metric, estimator=estimator), proposal)
    text = proposal.summary() + "\n\n" + _table(proposal)
    writer.show(records_of(proposal.to_frame()), text, single=proposal.to_dict())


def _numbers(option: str, items: list[str] | None) -> dict[str, float]:
    named = {}
    for name, text in pairs(items, f"{option} NAME=NUMBER").items():
        known = number(text)
        if known is None or not math.isfinite(known):
            raise InputError(f"expected {option} NAME=NUMBER, found {name}={text}")
        named[name] = known
    return named


def _sizes(text: str) -> dict[str, int] | None:
    sizes = _numbers("--sizes", names_in(text))
    if wrong := [f"{name}={size:g}" for name, size in sizes.items() if size < 1 or size != int(size)]:
        raise InputError(f"expected whole numbers of at least 1 in --sizes, found {wrong[0]}")
    return {name: int(size) for name, size in sizes.items()} or None


def _write_plan(path: Path, diverse: Proposal, homogeneous: Proposal) -> None:
    """A plan with both mixtures, to be compared when trained."""
    from diversity import store
    from diversity.planning.choice import Training
    from diversity.planning.toml import proposal_text

    store.write(path, proposal_text(diverse, homogeneous, name=path.stem, training=Training()))
    note(f"wrote {path}")


def _draw(path: Path, surface: pd.DataFrame, proposal: Proposal) -> None:
    from diversity.reporting import plots, style

    with style.theme():
        note(f"wrote {plots.save(plots.simplex(surface, proposal.weights, label=proposal.metric), path)}")


def _table(proposal: Proposal) -> str:
    rows = []
    for row in records_of(proposal.to_frame()):
        without = row.get("without")
        said = "" if without is None else f"{without:.5g}"
        rows.append([row["task"], f"{row['share']:.4f}", said, "yes" if row.get("exchangeable") is True else ""])
    header = ["task", "share", "best without it", "exchangeable"]
    explained = "\nExchangeable: without it, the best score stays within the interval.\n" if len(proposal.ties) else ""
    return text_table(header, rows, right=(1, 2)) + explained
