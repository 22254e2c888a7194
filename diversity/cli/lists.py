"""`diversity tasks` and `diversity metrics`: a list that fits a terminal, and a page for each."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diversity.cli._common import ENCODER, Format, columns, page, text_table
from diversity.cli._output import Writer, with_writer
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.types import Metric, Takes, Task

app = typer.Typer()

AXIOMS = {"monotonicity": "monotone", "uniqueness": "unique", "continuity": "continuous"}


@app.command()
@with_writer
def tasks(
    writer: Writer,
    name: Annotated[str, typer.Argument(help="Show one page about this task.", show_default=False)] = "",
    data: Annotated[
        Path | None, typer.Option(help="Folder of data: show which splits are in it (default: none).")
    ] = None,
    check: Annotated[
        str, typer.Option(help="Read every row of this task in --data, show two, say what is wrong (default: none).")
    ] = "",
) -> None:
    """List tasks and targets, or describe one.

    With `--data DIR`, also which of their files are in DIR.

    diversity tasks

    diversity tasks mnli
    """
    from diversity import catalog

    if check:
        _check_task(check, data, writer)
        return
    if name:
        task = catalog.task(name)
        record = _task_record(task, data)
        writer.show([record], _task_page(task, record["here"]), single=record)
        return
    found = [catalog.task(n) for n in catalog.names("tasks")]
    found.sort(key=lambda task: (task.role, task.name))
    records = [_task_record(task, data) for task in found]
    parts = []
    for role in dict.fromkeys(r["role"] for r in records):
        rows = [
            [r["task"], r["kind"].replace("_", " "), r["metric"], _count(r["train_rows"]), str(len(r["languages"])),
             ",".join(r["here"]) or "-"]
            for r in records if r["role"] == role
        ]  # fmt: skip
        header = [ROLES[role], "kind", "scored by", "train rows", "languages", "here"]
        parts.append(text_table(header, rows, right=(3, 4)))
    hint = "diversity tasks NAME: one page about a task, with its licence and source\n"
    writer.show(records, "\n".join([*parts, hint]))


ROLES = {"intermediate": "to train on", "target": "target"}


def _count(number: int | None) -> str:
    return f"{number:,}" if number else "-"


def _task_record(task: Task, data: Path | None) -> dict[str, Any]:
    """A task's facts; `here` are the splits in a folder of data, and `moments` where the shipped ones have it."""
    from diversity import store

    shipped = (store.shipped() / "moments" / ENCODER / f"{task.name}.npz").is_file()
    return {
        "task": task.name,
        "role": task.role,
        "kind": task.kind,
        "metric": task.metric,
        "train_rows": task.expected("train", "en"),
        "languages": list(task.languages),
        "here": (_available(task, data) if data is not None else []) + (["moments"] if shipped else []),
        "licence": task.licence,
        "citation": task.citation,
        "url": task.url,
        "note": task.note,
    }


def _task_page(task: Task, available: Sequence[str]) -> str:
    rows = task.expected("train", "en")
    hubs = sorted({part.hub.source for parts in task.splits.values() for part in parts if part.hub})
    facts = {
        "what it is": f"{task.kind.replace('_', ' ')}, {ROLES[task.role]}, scored by {task.metric}",
        "English rows to train on": _count(rows),
        "languages": " ".join(task.languages),
        "splits": ", ".join(task.splits),
        "text that is embedded": " + ".join(task.fields),
        "labels": ", ".join(task.labels),
        "trained on": task.train_on,
        "here": ", ".join(available) or "nothing (diversity tasks --data DIR looks in DIR)",
        "beware": task.note,
        "licence": task.licence,
        "download": ", ".join(hubs),
        "citation": task.citation,
        "more": task.url,
    }
    return page(task.name, f"{task.title}.", facts)


def _check_task(name: str, data: Path | None, writer: Writer) -> None:
    """What a task is, its files with what is wrong in them, two rows; exit status 1 where something is wrong."""
    from dataclasses import asdict

    from diversity.data.check import glance

    if data is None:
        raise InputError(f"expected a folder of data (--data DIR) to check {name} in, found none")
    seen = glance(name, data=data)
    task, wrong = seen.task, [r for r in seen.checked if r.failed]
    about = [
        ["kind", f"{task.kind}, {task.role}, scored by {task.metric}"],
        ["trained on", task.train_on or "its own rows" + (f" ({task.english})" if task.english else "")],
        ["embedded", " + ".join(task.fields)],
        ["labels", ", ".join(f"{label} {count:,}" for label, count in list(seen.labels.items())[:20]) or "-"],
        *([["note", task.note]] if task.note else []),
    ]
    files = [[r.split, r.language, f"{r.rows:,}", f"{r.bad:,}", r.status, r.detail] for r in seen.checked]
    text = text_table([name, ""], about) + "\n"
    text += text_table(["split", "language", "rows", "bad", "status", "detail"], files, right=(2, 3)) + "\n"
    for row in seen.rows:
        text += text_table(["row", row.id], [[k, _short(v)] for k, v in asdict(row).items() if k != "id"]) + "\n"
    text += f"{len(wrong)} of {len(seen.checked)} sets of rows with something wrong\n"
    records = [{"task": name, **asdict(r)} for r in seen.checked]
    if writer.format is Format.json:
        records = [{"task": name, "files": records, "labels": seen.labels, "rows": [asdict(row) for row in seen.rows]}]
    writer.show(records, text)
    if wrong:
        raise typer.Exit(1)


def _short(value: object) -> str:
    text = " | ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return text if len(text) <= 90 else text[:89] + "…"


def _available(task: Task, data: Path) -> list[str]:
    from diversity.data import sources

    splits = []
    for split in task.splits:
        try:
            if any(sources.find(task, data, split, language) for language in task.languages):
                splits.append(split)
        except InputError:
            if not data.is_dir():
                raise
            splits.append(f"{split}?")
    return splits


@app.command()
@with_writer
def metrics(
    writer: Writer,
    name: Annotated[str, typer.Argument(help="Show one page about this metric.", show_default=False)] = "",
    check: Annotated[
        str, typer.Option(help="Test what this metric claims, yours or one of the toolkit's (default: none).")
    ] = "",
) -> None:
    """List metrics by the question they answer, or describe one.

    The other forms have all columns: formula, range, cost, axioms, and what a metric does not depend on.

    diversity metrics

    diversity metrics vendi_beta

    diversity metrics --output metrics.csv
    """
    from diversity import catalog
    from diversity.types import QUESTIONS

    if check:
        _check_metric(check, writer)
        return
    if name:
        metric = catalog.parse_metric(name)[0]
        record = _metric_record(metric)
        writer.show([record], _metric_page(metric), single=record)
        return
    known = [catalog.get("metrics", n) for n in catalog.names("metrics")]
    first = {catalog.parse_metric(text)[0].name for text in catalog.METRICS}
    width = max(len(metric.name) for metric in known) + 4
    lines = []
    for key, question in QUESTIONS.items():
        if group := [metric for metric in known if metric.question == key]:
            lines += [question, *(_entry(metric, width, metric.name in first) for metric in group), ""]
    lines += ["* start with these; diversity metrics NAME: one page about a metric", ""]
    writer.show([_metric_record(metric) for metric in known], "\n".join(lines))


def _entry(metric: Metric, width: int, first: bool) -> str:
    """A metric in the list: its name, and its sentence beside it."""
    start = f"{'*' if first else ' '} {metric.name} ".ljust(width)
    return textwrap.fill(
        metric.measures or metric.formula, columns(), initial_indent=start, subsequent_indent=" " * width
    )


def _metric_record(metric: Metric) -> dict[str, Any]:
    return {
        "metric": metric.printed(),
        "formula": metric.formula,
        "range": metric.range,
        "cost": metric.cost,
        "takes": metric.takes,
        "grows_with_n": metric.size_dependent,
        "unbiased": bool(metric.unbiased(**dict.fromkeys(metric.options, 2.0))),
        "invariant_to": sorted(metric.invariant_to),
        **{column: metric.axioms.get(axiom) for axiom, column in AXIOMS.items()},
        "reference": metric.reference,
        "measures": metric.measures,
        "question": metric.question,
        "use": metric.use,
        "large": metric.large,
        "larger": metric.larger,
        "caveats": metric.caveats,
    }


def _metric_page(metric: Metric) -> str:
    record = _metric_record(metric)
    answers = {None: "not stated", True: "yes", False: "no"}
    corrected = "; at q=2 --estimator U corrects it" if "q" in metric.options else "; --estimator U corrects it"
    unbiased = corrected if record["unbiased"] and metric.size_dependent else ""
    options = [f"{name} (default {option.printed(option.default)})" for name, option in metric.options.items()]
    facts = {
        "use": metric.use,
        "what is large": metric.large,
        "range": f"{metric.range}; larger is {metric.larger}",
        "beware": metric.caveats,
        "changes with n alone": answers[metric.size_dependent] + unbiased,
        "does not change with": ", ".join(record["invariant_to"]),
        "axioms": ", ".join(f"{column}: {answers[record[column]]}" for column in AXIOMS.values() if metric.axioms),
        "computed from": TAKES[metric.takes],
        "options": ", ".join(options),
        "cost": metric.cost,
        "formula": metric.formula,
        "source": metric.reference,
    }
    return page(metric.printed(), metric.measures, facts)


TAKES: dict[Takes, str] = {
    "rows": "vectors of texts",
    "partition": "vectors of texts, and the task of each",
    "weights": "the shares of a mixture's tasks",
    "texts": "texts",
    "labelled": "vectors of texts, and a label of each",
    "reference": "vectors of texts, and those of a reference (--reference)",
    "reference_texts": "texts, and those of a reference (--reference)",
}


def _check_metric(name: str, writer: Writer) -> None:
    """A line for each claim of a metric; exit status 1 where one does not hold."""
    from dataclasses import asdict

    from diversity.scoring.claims import check_claims

    claims = check_claims(name)
    answers = {True: "holds", False: "FAILS", None: "-"}
    rows = [[claim.claim, answers[claim.holds], claim.detail] for claim in claims]
    writer.show([asdict(c) for c in claims], text_table([f"claim of {name}", "", ""], rows))
    if any(claim.holds is False for claim in claims):
        raise typer.Exit(1)
