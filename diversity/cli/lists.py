"""`diversity tasks` and `diversity metrics`: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diversity.cli._common import ENCODER, Format, text_table
from diversity.cli._output import Writer, with_writer
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.types import Task

app = typer.Typer()

AXIOMS = {"monotonicity": "monotone", "uniqueness": "unique", "continuity": "continuous"}


@app.command()
@with_writer
def tasks(
    writer: Writer,
    data: Annotated[Path | None, typer.Option(help="Folder of data: say what of it is there.")] = None,
    check: Annotated[
        str, typer.Option(help="Read every row of this task in --data, show two, say what is wrong.")
    ] = "",
) -> None:
    """List tasks and targets: kind, size, languages, licence.

    With `--data DIR`, also which of their files are in DIR.
    """
    from diversity import catalog, store

    if check:
        _check_task(check, data, writer)
        return
    shipped = {p.stem for p in (store.shipped() / "moments" / ENCODER).glob("*.npz")}
    records, rows = list[dict[str, Any]](), list[list[str]]()
    for name in sorted(catalog.names("tasks"), key=lambda n: (catalog.task(n).role, n)):
        task = catalog.task(name)
        available = (_available(task, data) if data is not None else []) + (["moments"] if name in shipped else [])
        size = task.expected("train", "en")
        records.append(
            {
                "task": name,
                "role": task.role,
                "kind": task.kind,
                "metric": task.metric,
                "train_rows": size,
                "languages": list(task.languages),
                "here": available,
                "licence": task.licence,
                "citation": task.citation,
                "url": task.url,
                "note": task.note,
            }
        )
        licence = task.licence if len(task.licence) <= 44 else task.licence[:43] + "…"
        counts = [f"{size:,}" if size else "-", str(len(task.languages))]
        rows.append([name, task.role, task.kind, task.metric, *counts, ",".join(available) or "-", licence])
    header = ["task", "role", "kind", "metric", "train rows", "languages", "here", "licence"]
    notes = "".join(f"{r['task']}: {r['note']}\n" for r in records if r["note"])
    writer.show(records, text_table(header, rows, right=(4, 5)) + "\n" + notes)


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
    check: Annotated[str, typer.Option(help="Test what this metric claims: yours, or one of the toolkit's.")] = "",
) -> None:
    """List metrics: formula, range, cost, what they claim.

    The last columns say which axioms hold, and what a metric does not depend on.
    """
    from diversity import catalog

    if check:
        _check_metric(check, writer)
        return
    records = []
    for name in catalog.names("metrics"):
        metric = catalog.get("metrics", name)
        records.append(
            {
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
            }
        )
    flags = {"grows_with_n": "grows with n", **{column: column for column in AXIOMS.values()}}
    answers = {None: "-", True: "yes", False: "no"}
    words = ("formula", "range", "cost")
    shown = [
        [r["metric"], *(answers[r[f]] for f in flags), *(r[w] for w in words), ", ".join(r["invariant_to"])]
        for r in records
    ]
    header = ["metric", *flags.values(), *words, "invariant to"]
    note = (
        "\nmonotone, unique, continuous: the axioms of Mironov & Prokhorenkova 2024, of sets of rows (-: not stated)\n"
    )
    writer.show(records, text_table(header, shown) + note)


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
