"""`diversity score`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from diversity.cli._common import (
    ENCODER,
    Format,
    at_least_two,
    check_figure,
    distances_table,
    metrics_in,
    names_in,
    note,
    text_table,
)
from diversity.cli._options import (
    EstimatorOption,
    IntervalsOption,
    Long,
    MetricsOption,
    Precision,
    ReferenceOption,
    RowsOption,
)
from diversity.cli._output import Writer, with_writer
from diversity.cli._ranking import scores_text
from diversity.cli._source import Source, once, task_notes, with_source
from diversity.types import BadRow, InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.scoring.embedded import EmbeddedTasks

app = typer.Typer()


@app.command()
@with_writer
@with_source
def score(
    writer: Writer,
    source: Source,
    tasks: Annotated[
        str,
        typer.Option(help="Tasks of the mixture, separated by commas; `diversity tasks` lists them (default: none)."),
    ] = "",
    mixture: Annotated[list[str] | None, typer.Option(help="A mixture with weights, NAME=a,b:2,c. Repeatable.")] = None,
    all_subsets: Annotated[
        bool, typer.Option("--all-subsets", help="Every subset of the tasks (default: the nine).")
    ] = False,
    metrics: MetricsOption = "",
    estimator: EstimatorOption = "auto",
    intervals: IntervalsOption = True,
    bootstrap: Annotated[
        int, typer.Option(min=0, help="Intervals by N resamples of the rows in place of closed form and jackknife.")
    ] = 0,
    rarefy: Annotated[
        str, typer.Option(help="Score N rows of each mixture, the mean of 20 draws: N or N,N,N (default: all rows).")
    ] = "",
    rows: RowsOption = 1000,
    all_rows: Annotated[
        bool,
        typer.Option(
            "--all-rows", help="Compare each of the --rows drawn with all rows, where a metric can: its value for all."
        ),
    ] = False,
    reference: ReferenceOption = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(
            help="Sentence encoder: all-MiniLM-L6-v2 (English, the default), mini (40 languages), a folder, or owner/name of "
            "the hub; several compare."
        ),
    ] = None,
    centred: Annotated[bool, typer.Option("--centred", help="Score the vectors minus their common mean, too.")] = False,
    distances: Annotated[
        bool, typer.Option("--distances", help="Below the scores, the mean cosine distance of each two tasks.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the texts as points and the scores with intervals to this .png, .svg or .pdf."),
    ] = None,
    save_moments: Annotated[Path | None, typer.Option(help="Folder to write the tasks' moments to.")] = None,
    save_vectors: Annotated[
        Path | None, typer.Option(help="Folder to write the vectors to, as .safetensors that say their encoder.")
    ] = None,
    precision: Annotated[Precision, typer.Option(help="fp32, or bf16 where the processor has it.")] = "fp32",
    long: Annotated[
        Long, typer.Option(help="Texts beyond the encoder's limit: truncate, or chunk (and average).")
    ] = "truncate",
    max_length: Annotated[
        int | None,
        typer.Option(
            "--max-length",
            "--max-tokens",
            help="Tokens of a text that are read (default: as many as the encoder reads).",
        ),
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Count and report broken rows, and go on.")
    ] = False,
) -> None:
    """Score the diversity of texts, tasks and mixtures.

    Each file is scored alone, and all of them together. Tasks are scored together, as one mixture.

    diversity score reviews.jsonl news=news.csv:headline+body

    diversity score --mixture even=mnli,squad_v1 --mixture mostly=mnli:3,squad_v1 --metrics cosine

    diversity score --all-subsets --output scores.csv
    """
    from diversity import catalog
    from diversity.scoring import embedded
    from diversity.scoring import score as scoring
    from diversity.scoring.asked import Draws, each_once
    from diversity.scoring.mixtures import parse_mixture

    mixtures = [parse_mixture(m) for m in mixture or []]
    wanted = metrics_in(metrics) or list(catalog.METRICS)
    each_once(wanted, estimator)
    sizes = [at_least_two("--rarefy", n) for n in names_in(rarefy)]
    at_least_two("--rows", rows)
    draws = Draws(rows, source.seed, reference, bootstrap, all_rows)
    if bootstrap and (rarefy or not intervals):
        raise InputError(f"expected --bootstrap without {'--rarefy' if rarefy else '--no-intervals'}, found both")
    scoring.sizes_of(sizes, draws)
    if distances and writer.format is not Format.table:
        raise InputError("expected --format table with --distances: diversity distances has other forms")
    source = replace(source, precision=precision, long=long, max_length=max_length)
    names = _task_names(names_in(tasks), mixtures, source.own, all_subsets, each=bool(source.files))
    if plot is not None:
        check_figure("--plot", plot)
    bad: list[BadRow] | None = [] if skip_bad_rows else None
    spaces = source.spaces(names, encoder or [ENCODER], bad)
    if save_moments is not None:
        for path in (p for s in spaces for p in embedded.save_moments(s, save_moments)):
            note(f"wrote {path}")
    if save_vectors is not None:
        if len(spaces) > 1:
            raise InputError("expected one --encoder with --save-vectors, found several")
        for path in embedded.save_vectors(spaces[0], save_vectors):
            note(f"wrote {path}")
    if centred:
        spaces += [embedded.centred(s) for s in spaces]
    tables = [
        scoring.score(
            s, mixtures=mixtures, all_subsets=all_subsets, metrics=wanted, estimator=estimator, intervals=intervals,
            rarefy=sizes, draws=draws,
        )
        for s in spaces
    ]  # fmt: skip
    _score_notes(spaces[0], mixtures, bad, tables[0])
    if plot is not None:
        from diversity.reporting import plots, style
        from diversity.scoring.plane import plane

        with style.theme():
            note(f"wrote {plots.save(plots.map_of_texts(plane(spaces[0]), tables[0]), plot)}")
    records = [{str(k): v for k, v in r.items()} for table in tables for r in table.to_dict("records")]
    apart = "".join("\n" + distances_table(scoring.distances(s), "cosine", s.encoder) for s in spaces if distances)
    writer.show(records, "\n".join(map(scores_text, tables)) + apart + _agreement(tables))


def _agreement(tables: Sequence[pd.DataFrame]) -> str:
    """How far the encoders rank the mixtures alike, where there are several of both."""
    if len(tables) < 2:
        return ""
    import pandas as pd

    from diversity.scoring import score as scoring

    pairs = scoring.agreement(pd.concat(tables, ignore_index=True))
    rows = [
        [p["metric"], p["first"], p["second"], f"{p['kendall']:.3f}", str(p["mixtures"])]
        for p in pairs.to_dict("records")
    ]
    header = ["metric", "encoder", "encoder", "Kendall's tau", "mixtures"]
    return "\nDo the encoders rank the mixtures alike?\n" + text_table(header, rows, right=(3, 4)) if rows else ""


def _task_names(tasks: list[str], mixtures: list[Any], own: list[str], all_subsets: bool, each: bool) -> list[str]:
    """The names of all tasks; the mixtures are completed: `each` file alone and all together where none is asked for."""
    from diversity import catalog
    from diversity.data.texts import looks_like_files
    from diversity.types import Mixture

    names = sorted({*tasks, *own, *(t for m in mixtures for t in m.tasks)})
    if files := [t for t in names if t not in own and looks_like_files(t)]:
        raise InputError(f"expected names of tasks, found the file {files[0]}: write it first, without an option")
    once(tasks)
    if all_subsets and not names:
        names = catalog.intermediate()
    if not names:
        raise InputError("expected files, --tasks a,b,c, --mixture NAME=a,b or --all-subsets, found none of them")
    if all_subsets and len(names) > 16:
        raise InputError(f"expected at most 16 tasks with --all-subsets, found {len(names)}")
    if mixtures and tasks and not all_subsets:
        mixtures.insert(0, Mixture.of(tasks))
    if each and not mixtures and not all_subsets and len(names) > 1:
        mixtures += [*(Mixture.of([name]) for name in names), Mixture.of(names)]
    return names


def _score_notes(space: EmbeddedTasks, mixtures: Sequence[Any], bad: list[BadRow] | None, scores: pd.DataFrame) -> None:
    from diversity.scoring import score as scoring
    from diversity.scoring.mixtures import overlaps
    from diversity.types import Mixture

    if shared := sorted({o for m in mixtures or [Mixture.of(sorted(space.tasks))] for o in overlaps(m)}):
        note(f"note: some rows count twice: {', '.join(shared)}")
    task_notes(space)
    if uneven := scoring.uneven(scores):
        note(f"note: {'; '.join(uneven)}: compare equal numbers with --rarefy")
    if bad:
        note(f"note: {len(bad)} bad rows were passed over, the first: {bad[0]}")
    if few := scoring.of_few(scores, space):
        note(f"note: {few}: it changes with that number; --rarefy 250,500,1000 shows how")
