"""`diversity propose`: the most diverse mixture, or the most homogeneous one."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diversity.cli._common import ENCODER, Format, check_figure, check_writable, names_in, note, show, text_table
from diversity.cli._options import EstimatorOption, FormatOption, OutOption
from diversity.cli._source import (
    Cache,
    Data,
    Embeddings,
    Files,
    Languages,
    OneEncoder,
    SameEncoder,
    Sample,
    Saved,
    Seed,
    Source,
    Split,
    files_given,
    once,
)
from diversity.types import InputError, number

if TYPE_CHECKING:
    from diversity.scoring.embedded import EmbeddedTasks
    from diversity.scoring.propose import Aim, Constraints, Proposal

app = typer.Typer()

METRIC = "vendi_beta(q=2)"


@app.command()
def propose(
    files: Files = None,
    tasks: Annotated[
        str, typer.Option(help="Tasks to choose from, separated by commas (default: the nine intermediate ones).")
    ] = "",
    maximise: Annotated[str, typer.Option(help=f"Metric to make as large as can be (default: {METRIC}).")] = "",
    minimise: Annotated[str, typer.Option(help="Metric to make as small as can be, in place of --maximise.")] = "",
    cap: Annotated[float, typer.Option(help="The most that the share of a task may be.")] = 1.0,
    floor: Annotated[float, typer.Option(help="The least that the share of every task must be.")] = 0.0,
    fix: Annotated[
        list[str] | None, typer.Option(help="A share that is given, NAME=SHARE; any number of times.")
    ] = None,
    at_most: Annotated[int | None, typer.Option(help="The most tasks that may have a share.")] = None,
    repeats: Annotated[
        float | None, typer.Option(help="How often the rows of a task may be repeated within --budget.")
    ] = None,
    budget: Annotated[int | None, typer.Option(help="Rows to train on, for --repeats.")] = None,
    sizes: Annotated[
        str, typer.Option(help="Rows of the tasks, NAME=N,NAME=N, for --repeats (default: the rows that are embedded).")
    ] = "",
    like: Annotated[
        str, typer.Option(help="TASK=LEAST: the mean likeness of the tasks to TASK must be LEAST or more.")
    ] = "",
    plan: Annotated[
        Path | None, typer.Option(help="Write a plan with this mixture and the opposite one to train.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Of three tasks: draw the metric over all shares to this .png, .svg or .pdf.")
    ] = None,
    estimator: EstimatorOption = "auto",
    data: Data = None,
    encoder: OneEncoder = ENCODER,
    sample: Sample = None,
    seed: Seed = 0,
    split: Split = "train",
    languages: Languages = "en",
    embeddings: Embeddings = None,
    same_encoder: SameEncoder = False,
    moments: Saved = None,
    cache: Cache = None,
    format: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Find the most diverse mixture of tasks, and prove it.

    Its shares, its score, and how much better any other mixture could be.

    diversity propose --tasks mnli,qqp,squad_v1,ccg --maximise "vendi(q=2)" --cap 0.4
    """
    from diversity import catalog
    from diversity.scoring import propose as proposing

    if maximise and minimise:
        raise InputError("expected --maximise or --minimise, found both")
    target, least = _equation("--like", like) if like else (None, None)
    constraints = proposing.Constraints(
        cap, floor, dict(_equation("--fix", text) for text in fix or []), at_most, _sizes(sizes), repeats, budget,
        target, least,
    )  # fmt: skip
    metric = maximise or minimise or METRIC
    source = Source(
        files_given(files, embeddings), data, moments, sample, seed, split, languages, cache,
        same_encoder=same_encoder,
    )  # fmt: skip
    once(names_in(tasks))
    names = sorted({*names_in(tasks), *source.own}) or catalog.intermediate()
    proposing.check(metric, estimator)
    if plot is not None:
        check_figure("--plot", plot)
        if len(names) != 3 or target:
            raise InputError(f"expected three tasks and no --like with --plot, found {len(names)} tasks")
    for path in (p for p in (out, plan) if p is not None):
        check_writable(path)
    (space,) = source.spaces(sorted({*names, *([target] if target else [])}), [encoder])
    aim: Aim = "minimise" if minimise else "maximise"
    proposal = proposing.propose(space, metric, aim=aim, constraints=constraints, estimator=estimator)
    if plan is not None:
        _write_plan(plan, space, proposal, constraints)
    if plot is not None:
        _draw(plot, space, proposal)
    shown = [proposal.to_dict()] if format is not Format.csv else _rows(proposal)
    show(shown, format, out, proposal.summary() + "\n\n" + _table(proposal), single=True)


def _equation(option: str, text: str) -> tuple[str, float]:
    name, equals, value = (s.strip() for s in text.partition("="))
    known = number(value)
    if not name or not equals or known is None or not math.isfinite(known):
        raise InputError(f"expected {option} NAME=NUMBER, found {text!r}")
    return name, known


def _sizes(text: str) -> dict[str, int] | None:
    pairs = [_equation("--sizes", item) for item in names_in(text)]
    if wrong := [f"{name}={size:g}" for name, size in pairs if size < 1 or size != int(size)]:
        raise InputError(f"expected whole numbers of at least 1 in --sizes, found {wrong[0]}")
    return {name: int(size) for name, size in pairs} or None


def _write_plan(path: Path, space: EmbeddedTasks, proposal: Proposal, constraints: Constraints) -> None:
    """A plan with the mixture and the one that is best for the opposite aim, to be compared when trained."""
    from diversity import store
    from diversity.planning.choice import Training
    from diversity.planning.toml import proposal_text
    from diversity.scoring.propose import propose as again

    aim: Aim = "minimise" if proposal.aim == "maximise" else "maximise"
    opposite = again(space, proposal.metric, aim=aim, constraints=constraints, ties=False)
    ordered = (proposal, opposite) if proposal.aim == "maximise" else (opposite, proposal)
    store.write(path, proposal_text(*ordered, name=path.stem, training=Training()))
    note(f"wrote {path}")


def _draw(path: Path, space: EmbeddedTasks, proposal: Proposal) -> None:
    from diversity.reporting import plots, style
    from diversity.scoring.propose import surface

    estimator: Any = proposal.estimator if proposal.estimator in ("U", "V") else "auto"
    with style.theme():
        over = surface(space, proposal.metric, estimator=estimator)
        note(f"wrote {plots.save(plots.simplex(over, proposal.weights, label=proposal.metric), path)}")


def _rows(proposal: Proposal) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in proposal.to_frame().to_dict("records")]


def _table(proposal: Proposal) -> str:
    rows = []
    for row in _rows(proposal):
        without = row.get("without", math.nan)
        said = "" if math.isnan(without) else f"{without:.5g}"
        rows.append([row["task"], f"{row['share']:.4f}", said, "yes" if row.get("exchangeable") is True else ""])
    header = ["task", "share", "best without it", "exchangeable"]
    note_ = "" if not len(proposal.ties) else "\nExchangeable: without it, the best score stays within the interval.\n"
    return text_table(header, rows, right=(1, 2)) + note_
