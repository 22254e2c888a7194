"""`diversity evaluate`."""

from __future__ import annotations

import json as json_module
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._common import Format, check_writable, names_in, note, show, text_table
from diversity.cli._options import FormatOption, OutOption
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.xtreme.evaluate import Evaluation, Score

app = typer.Typer()


@app.command()
def evaluate(
    predictions: Annotated[
        Path, typer.Option(help="Folder of predictions in the leaderboard's layout: TASK/test-LANG.tsv or .json.")
    ],
    labels: Annotated[Path | None, typer.Option(help="Folder of gold labels in the same layout.")] = None,
    data: Annotated[
        Path | None, typer.Option(help="In place of --labels: folder of data, whose labels are the gold.")
    ] = None,
    split: Annotated[
        str, typer.Option(help="Split of --data, or several in order of preference; predictions are SPLIT-LANG.tsv.")
    ] = "test",
    languages: Annotated[str, typer.Option(help="Score these languages only, separated by commas.")] = "",
    version: Annotated[str, typer.Option(help="xtreme, or xtreme-r for the seven tasks that it shares.")] = "xtreme",
    bootstrap: Annotated[
        int,
        typer.Option(
            min=0, help="Replicates for 95 % intervals over items, such as 1000; at least 100, or 0 for none."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the bootstrap.")] = 0,
    json: Annotated[
        Path | None, typer.Option(help="File for the official numbers, under the benchmark's keys.")
    ] = None,
    format: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Score predictions as XTREME does.

    Averages without English, token accuracy and intervals stand beside the official numbers.

    diversity evaluate --predictions DIR --labels DIR --json scores.json
    """
    from diversity import store
    from diversity.xtreme import evaluate as report

    for path in (json, out):
        if path is not None:
            check_writable(path)
    if split != "test" and data is None:
        raise InputError("expected --data DIR with --split: labels in the leaderboard's layout are of test")
    evaluation = report.evaluate(
        predictions, labels, data=data, split=split, languages=names_in(languages), version=version,
        bootstrap=bootstrap, seed=seed,
    )  # fmt: skip
    for remark in evaluation.notes:
        note(f"note: {remark}")
    if evaluation.missing:
        note(f"missing: {'; '.join(evaluation.missing)}")
    if json is not None:
        store.write(json, json_module.dumps(evaluation.as_json(), indent=2) + "\n")
        note(f"wrote {json}")
    records = [s._asdict() for s in (*evaluation.scores, *evaluation.averages)]
    show(records, format, out, _table(evaluation))


def _repeated(score: Score, evaluation: Evaluation) -> bool:
    """Is it a number that stands in the table under another name: a task's score that is its one metric, and the like."""
    from diversity import catalog

    answers = [n for n in catalog.targets() if catalog.task(n).output_type == "answers"]
    alike = score.task not in answers if score.metric == "metric" else score.metric == "f1_seqeval_0"
    same = [
        s for s in evaluation.averages if s[:2] == score[:2] and s.value == score.value and s.metric != score.metric
    ]
    return alike and bool(same)


def _table(evaluation: Evaluation) -> str:
    """The averages of each task, group and all, with and without English."""
    from diversity.xtreme.evaluate import WITHOUT_ENGLISH

    without = {(s.task, s.metric): s.value for s in evaluation.averages if s.language == WITHOUT_ENGLISH}
    rows = [
        [
            s.task,
            "score" if s.metric == "metric" else s.metric,
            f"{s.value:.2f}",
            f"{without.get((s.task, s.metric), math.nan):.2f}".replace("nan", "-"),
            f"{s.n} {'languages' if s.task in evaluation.languages else 'tasks'}",
        ]
        for s in evaluation.averages
        if s.language != WITHOUT_ENGLISH and not _repeated(s, evaluation)
    ]
    header = ["task", "metric", "average", "without en", "of"]
    return text_table(header, rows, right=(2, 3)) + "\nlanguage by language, with intervals: --format csv or json\n"
