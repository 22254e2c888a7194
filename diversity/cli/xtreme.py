"""`diversity evaluate`."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._common import names_in, note, records_of, text_table
from diversity.cli._options import checked_seed
from diversity.cli._output import TablesWriter, with_tables_writer
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.xtreme.against import SystemContrasts
    from diversity.xtreme.evaluate import Evaluation, Score

app = typer.Typer()


@app.command()
@with_tables_writer
def evaluate(
    writer: TablesWriter,
    predictions: Annotated[
        str, typer.Option(help="Folder of predictions in the leaderboard's layout: TASK/test-LANG.tsv or .json.")
    ],
    against: Annotated[
        list[str] | None,
        typer.Option(
            help="Folder of another system's predictions of the same items, to compare; NAME=FOLDER,FOLDER for its runs "
            "with several seeds. Repeatable."
        ),
    ] = None,
    labels: Annotated[
        Path | None, typer.Option(help="Folder of gold labels in the same layout; this or --data is required.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of the tasks' data, whose labels are the gold; this or --labels is required."),
    ] = None,
    split: Annotated[
        str, typer.Option(help="Split of --data, or several in order of preference; predictions are SPLIT-LANG.tsv.")
    ] = "test",
    languages: Annotated[
        str,
        typer.Option(
            "--languages", "--language", help="Score these languages only, separated by commas (default: all)."
        ),
    ] = "",
    benchmark: Annotated[
        str, typer.Option("--benchmark", "--version", help="xtreme, or xtreme-r for the seven tasks that it shares.")
    ] = "xtreme",
    bootstrap: Annotated[
        int,
        typer.Option(
            min=0, help="Replicates for 95 % intervals over items, such as 1000; at least 100, or 0 for none."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(callback=checked_seed, help="Seed of the bootstrap.")] = 0,
) -> None:
    """Score predictions as XTREME does.

    Averages without English, token accuracy and intervals stand beside the official numbers.

    diversity evaluate --predictions predictions --labels labels --output scores.json

    diversity evaluate --predictions mine --against theirs --labels labels

    diversity evaluate --predictions mine=run1,run2,run3 --against theirs=run4,run5,run6 --labels labels
    """
    import pandas as pd

    from diversity.reporting import exports
    from diversity.xtreme import evaluate as report

    if split != "test" and data is None:
        raise InputError("expected --data DIR with --split: labels in the leaderboard's layout are of test")
    if against:
        if writer.json_file is not None:
            raise InputError("expected --json without --against: official numbers are of one system")
        contrasts = _contrasts([predictions, *against], labels, data, split, languages, benchmark, bootstrap, seed)
        for remark in contrasts.notes:
            note(f"note: {remark}")
        rows = contrasts.to_frame()
        writer.save("contrasts", lambda: [exports.table("contrasts", rows)])
        writer.show(records_of(rows), _contrast_table(contrasts))
        return
    evaluation = report.evaluate(
        predictions, labels, data=data, split=split, languages=names_in(languages), benchmark=benchmark,
        bootstrap=bootstrap, seed=seed,
    )  # fmt: skip
    for remark in evaluation.notes:
        note(f"note: {remark}")
    if evaluation.missing:
        note(f"missing: {'; '.join(evaluation.missing)}")
    records = [s._asdict() for s in (*evaluation.scores, *evaluation.averages)]
    document = json.dumps(evaluation.as_json(), indent=2) + "\n"
    writer.save("scores", lambda: [exports.table("scores", pd.DataFrame(records))], document)
    writer.show(records, _table(evaluation), document=document)


def _contrasts(
    given: list[str],
    labels: Path | None,
    data: Path | None,
    split: str,
    languages: str,
    benchmark: str,
    bootstrap: int,
    seed: int,
) -> SystemContrasts:
    """Systems without a name are called by the shortest ends of their paths that differ."""
    from diversity.xtreme.against import evaluate_against

    named = [_runs(text) for text in given]
    folders = [folder.resolve() for _, runs in named for folder in runs]
    if len(set(folders)) < len(folders):
        raise InputError("expected each folder of predictions once, found one twice")
    size = next(n for n in range(1, 1000) if len({f.parts[-n:] for f in folders}) == len(folders))
    systems = {name or "/".join(runs[0].resolve().parts[-size:]): runs for name, runs in named}
    if len(systems) < len(named):
        raise InputError(f"expected each system under a name of its own, found {', '.join(n for n, _ in named)}")
    return evaluate_against(
        systems, labels, data=data, split=split, languages=names_in(languages), benchmark=benchmark,
        replicates=bootstrap or 2000, seed=seed,
    )  # fmt: skip


def _runs(text: str) -> tuple[str, list[Path]]:
    """The name of a system, '' for none, and the folders of its runs."""
    name, equals, folders = text.partition("=")
    if not equals or Path(text).is_dir():
        return "", [Path(text)]
    if not name or not names_in(folders):
        raise InputError(f"expected a folder or NAME=FOLDER,FOLDER, found {text!r}")
    return name, [Path(folder) for folder in names_in(folders)]


def _contrast_table(contrasts: SystemContrasts) -> str:
    """The averages of each two systems, then who cannot be told apart."""
    from diversity.xtreme.evaluate import AVERAGE

    averages = [d for d in contrasts.differences if d.language == AVERAGE]
    rows = [
        [
            d.task,
            d.metric,
            d.first,
            d.second,
            f"{d.difference:+.2f}",
            f"{d.low:+.2f} to {d.high:+.2f}",
            f"{d.p_holm:.3g}",
        ]
        for d in averages
    ]
    header = ["task", "metric", "system", "minus", "points", "95 % interval", "p (Holm)"]
    lines = [text_table(header, rows, right=(4, 5, 6))]
    for task, metric in dict.fromkeys((d.task, d.metric) for d in averages):
        groups = [g for g in contrasts.alike(task, metric) if len(g) > 1]
        if groups and len(contrasts.systems) > 2:
            lines.append(f"{task}, {metric}: not told apart at 5 %: {'; '.join(', '.join(g) for g in groups)}")
    return "\n".join([*lines, "language by language: --format csv or json", ""])


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
