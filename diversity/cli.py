"""The command line: parse, one call, print. The only place that prints or exits."""

from __future__ import annotations

import json
import math
import signal
import sys
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from diversity.types import BadRow, InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.measuring import Space
    from diversity.types import Task

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Semantic diversity of the tasks an encoder is trained on, and how it bears on zero-shot transfer.",
)
data_app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Bring the rows of tasks, and verify them.")
app.add_typer(data_app, name="data")

ENCODER = "all-MiniLM-L6-v2"  # embed.DEFAULT; written here so that --help loads nothing


class Format(StrEnum):
    """Forms of output."""

    table = "table"
    json = "json"
    csv = "csv"


def _split(values: str | None) -> list[str]:
    return [v for v in (s.strip() for s in (values or "").split(",")) if v]


def _split_metrics(values: str) -> list[str]:
    """Names at the commas outside parentheses: `a,b(q=1)`."""
    import re

    return [v.strip() for v in re.split(r",(?![^()]*\))", values) if v.strip()]


def _note(text: str) -> None:
    print(text, file=sys.stderr)


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _emit(text: str, out: Path | None) -> None:
    from diversity import store

    if out is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        store.write(out, text)
        _note(f"wrote {out}")


def _records(records: Sequence[dict[str, Any]], format: Format, out: Path | None, table: str) -> None:
    if format is Format.json:
        clean = [{k: _finite(v) for k, v in r.items()} for r in records]
        _emit(json.dumps(clean, indent=1, ensure_ascii=False, allow_nan=False) + "\n", out)
    elif format is Format.csv:
        import csv
        import io

        stream = io.StringIO()
        writer = csv.DictWriter(stream, list(records[0]) if records else [], lineterminator="\n")
        writer.writeheader()
        writer.writerows({k: _cell(v) for k, v in r.items()} for r in records)
        _emit(stream.getvalue(), out)
    else:
        _emit(table, out)


def _cell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "+".join(_cell(v) for v in value)
    if isinstance(value, float):
        return "" if math.isnan(value) else repr(value)
    return "" if value is None else str(value)


def _columns(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> str:
    widths = [max(len(r[i]) for r in (header, *rows)) for i in range(len(header))]
    lines = []
    for row in (header, *rows):
        cells = (c.rjust(w) if i in right else c.ljust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"


# --- score -------------------------------------------------------------------------------------------


@app.command()
def score(
    tasks: Annotated[str, typer.Option(help="Tasks of the mixture, separated by commas.")] = "",
    mixture: Annotated[
        list[str] | None, typer.Option(help="A mixture with weights, NAME=a,b:2,c; any number of times.")
    ] = None,
    all_subsets: Annotated[
        bool, typer.Option("--all-subsets", help="Every subset of the tasks (default: the nine).")
    ] = False,
    metrics: Annotated[
        str, typer.Option(help="Metrics, such as cosine,vendi(q=1),rao_beta; see `diversity metrics`.")
    ] = "",
    estimator: Annotated[
        str, typer.Option(help="U leaves out the pairs of a row with itself; V does not; auto: U if any.")
    ] = "auto",
    intervals: Annotated[bool, typer.Option(help="95 % intervals for the sampling of rows.")] = True,
    rarefy: Annotated[str, typer.Option(help="Score N rows of each mixture, the mean of 20 draws: N or N,N,N.")] = "",
    rows: Annotated[int, typer.Option(help="Rows drawn for the metrics that are computed on rows.")] = 1000,
    reference: Annotated[
        str | None, typer.Option(help="Task that metrics of a reference compare with (default: all).")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(help="Folder of the tasks' data; without it, the shipped moments.")
    ] = None,
    encoder: Annotated[
        list[str] | None,
        typer.Option(help="Sentence encoder: a name, a folder, or owner/name@commit; several compare."),
    ] = None,
    centred: Annotated[bool, typer.Option("--centred", help="Score the vectors less their common mean, too.")] = False,
    sample: Annotated[int | None, typer.Option(help="Rows of each task, drawn at random.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sample.")] = 0,
    split: Annotated[str, typer.Option(help="Split to read, or several in order of preference: train,dev.")] = "train",
    languages: Annotated[str, typer.Option(help="Languages of the rows, separated by commas.")] = "en",
    embeddings: Annotated[
        list[str] | None, typer.Option(help="A task from vectors that are there: NAME=FILE.npy; any number of times.")
    ] = None,
    moments: Annotated[Path | None, typer.Option(help="Folder of saved moments, in place of the shipped ones.")] = None,
    save_moments: Annotated[Path | None, typer.Option(help="Folder to write the tasks' moments to.")] = None,
    precision: Annotated[str, typer.Option(help="fp32, or bf16 where the processor has it.")] = "fp32",
    long: Annotated[
        str, typer.Option(help="Texts beyond the encoder's limit: truncate, or chunk (and average).")
    ] = "truncate",
    max_tokens: Annotated[int | None, typer.Option(help="A lower limit on a text's tokens.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder of cached vectors (default: ~/.cache/diversity).")] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Count and report broken rows, and go on.")
    ] = False,
    format: Annotated[Format, typer.Option(help="Form of the output.")] = Format.table,
    out: Annotated[Path | None, typer.Option(help="File to write, in place of the screen.")] = None,
) -> None:
    """Diversity of mixtures of tasks, from their texts or from the moments that are shipped.

    diversity score --tasks squad_v1,mnli,hellaswag
    """
    from diversity import catalog, measuring, scoring

    mixtures = [scoring.parse_mixture(m) for m in mixture or []]
    wanted = _split_metrics(metrics) or list(scoring.METRICS)
    for printed in wanted:
        catalog.parse_metric(printed)
    sizes = [_positive("--rarefy", n) for n in _split(rarefy)]
    _positive("--rows", rows)
    arrays = dict(_assignment(e) for e in embeddings or [])
    names = _task_names(_split(tasks), mixtures, list(arrays), all_subsets)
    _check_choice("--precision", precision, ("fp32", "bf16"))
    _check_choice("--long", long, ("truncate", "chunk"))
    _check_choice("--estimator", estimator, ("auto", "U", "V"))
    if out is not None:
        _writable(out)
    bad: list[BadRow] | None = [] if skip_bad_rows else None
    measured = [n for n in names if n not in arrays]
    if sample is not None and data is None:
        raise InputError("expected --data DIR with --sample: the shipped moments are of a fixed sample")

    texts = None
    if data is not None and measured:
        texts = measuring.read_texts(
            measured, data=data, sample=sample, seed=seed, split=split, languages=_split(languages), bad=bad
        )

    def space_of(name: str) -> Space:
        if texts is None:
            return measuring.load(measured, moments, name) if measured else measuring.Space("precomputed", {})
        from diversity.embed import load_encoder

        model = load_encoder(name, precision=precision, long=long, max_tokens=max_tokens)  # type: ignore[arg-type]
        return measuring.embed_texts(texts, model, cache=cache)

    own = measuring.from_arrays(arrays).tasks
    spaces = [space_of(name) for name in encoder or [ENCODER]]
    spaces = [measuring.Space(s.encoder, {**s.tasks, **own}) for s in spaces]
    if save_moments is not None:
        for path in (p for s in spaces for p in measuring.save(s, save_moments)):
            _note(f"wrote {path}")
    if centred:
        spaces += [measuring.centred(s) for s in spaces]
    tables = [
        scoring.score(
            s, mixtures=mixtures, all_subsets=all_subsets, metrics=wanted, estimator=estimator, intervals=intervals,  # type: ignore[arg-type]
            rarefy=sizes, rows=rows, reference=reference, seed=seed,
        )
        for s in spaces
    ]  # fmt: skip
    if own and measured:
        _note(f"note: {', '.join(own)}: taken to be vectors of {spaces[0].encoder}")
    _score_notes(spaces[0], mixtures, bad, scoring.uneven(tables[0]))
    records = [{str(k): v for k, v in r.items()} for table in tables for r in table.to_dict("records")]
    _records(records, format, out, "\n".join(map(_score_table, tables)) + _agreement(tables))


def _agreement(tables: Sequence[pd.DataFrame]) -> str:
    """How far the encoders rank the mixtures alike, where there are several of both."""
    if len(tables) < 2:
        return ""
    import pandas as pd

    from diversity import scoring

    found = scoring.agreement(pd.concat(tables, ignore_index=True))
    rows = [[m, first, second, f"{tau:.3f}", str(n)] for m, first, second, tau, n in found.to_numpy()]
    header = ["metric", "encoder", "encoder", "Kendall's tau", "mixtures"]
    return "\nDo the encoders rank the mixtures alike?\n" + _columns(header, rows, right=(3, 4)) if rows else ""


def _task_names(tasks: list[str], mixtures: list[Any], arrays: list[str], all_subsets: bool) -> list[str]:
    from diversity import catalog

    names = sorted({*tasks, *arrays, *(t for m in mixtures for t in m.tasks)})
    if repeated := sorted({t for t in tasks if tasks.count(t) > 1}):
        raise InputError(f"expected each task once in --tasks, found {repeated[0]} more than once")
    if all_subsets and not names:
        names = [t for t in catalog.names("tasks") if catalog.task(t).role == "intermediate"]
    if not names:
        raise InputError("expected --tasks a,b,c, --mixture NAME=a,b or --all-subsets, found none of them")
    if all_subsets and len(names) > 16:
        raise InputError(f"expected at most 16 tasks with --all-subsets, found {len(names)}")
    if mixtures and tasks and not all_subsets:
        from diversity.types import Mixture

        mixtures.insert(0, Mixture.of(tasks))
    return names


def _assignment(text: str) -> tuple[str, Path]:
    name, equals, path = text.partition("=")
    if not equals or not name.strip() or not path.strip():
        raise InputError(f"expected NAME=FILE.npy, found {text!r}")
    return name.strip(), Path(path.strip())


def _positive(option: str, value: str | int) -> int:
    if not str(value).isdigit() or int(value) < 2:
        raise InputError(f"expected {option} of at least 2 rows, found {value!r}")
    return int(value)


def _check_choice(option: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise InputError(f"expected {option} to be one of {', '.join(known)}, found {value!r}")


def _writable(out: Path) -> None:
    """Before anything is computed: is there a folder to write to?"""
    import os

    if out.is_dir() or not out.parent.is_dir() or not os.access(out.parent, os.W_OK):
        found = "a directory" if out.is_dir() else "a folder that is not there or cannot be written to"
        raise InputError(f"{out}: expected a file that can be written, found {found}")


def _score_notes(space: Space, mixtures: Sequence[Any], bad: list[BadRow] | None, uneven: list[str]) -> None:
    from diversity import scoring
    from diversity.types import Mixture

    for overlap in sorted({o for m in mixtures or [Mixture.of(sorted(space.tasks))] for o in scoring.overlaps(m)}):
        _note(f"note: {overlap}: their rows overlap")
    for name, task in sorted(space.tasks.items()):
        p = task.provenance
        if p.get("note"):
            _note(f"note: {name}: {p['note']}")
        if p.get("longer_than_limit"):
            done = "cut into pieces" if p["encoder"].get("long") == "chunk" else "truncated"
            _note(
                f"note: {name}: {p['longer_than_limit']} of {p['rows']} texts are longer than the encoder reads: {done}"
            )
    for metric in uneven:
        _note(f"note: {metric}: compare at a common n with --rarefy")
    if bad:
        _note(f"note: {len(bad)} bad rows were passed over, the first: {bad[0]}")


SHOWN = 60  # rows of a table of many mixtures


def _score_table(table: pd.DataFrame) -> str:
    mixtures = table["mixture"].drop_duplicates().tolist()
    if len(mixtures) == 1:
        columns = ["metric", "value", "low", "high", "n", "estimator"]
        rows = [
            [metric, f"{value:.4f}", f"{low:.4f} to {high:.4f}" if math.isfinite(low) else "-", f"{n:,}", estimator]
            for metric, value, low, high, n, estimator in table[columns].to_numpy()
        ]
        head = table.iloc[0]
        parts = ", ".join(f"{t} {w:.3g}" for t, w in zip(head["tasks"], head["weights"], strict=True))
        title = f"{head['mixture']}: {parts} (encoder {head['encoder']})\n\n"
        return title + _columns(["metric", "value", "95 % interval", "n", "estimator"], rows, right=(1, 2, 3))
    several = table.duplicated(["mixture", "metric"]).any()
    label = table["metric"] + (" n=" + table["n"].astype(str) if several else "")
    wide = table.assign(label=label).pivot(index="mixture", columns="label", values="value").loc[mixtures]
    shown = wide[label.drop_duplicates()]
    cut = ""
    if len(wide) > SHOWN:
        shown, half = shown.sort_values(shown.columns[0], ascending=False), SHOWN // 2
        shown = shown.iloc[[*range(half), *range(len(shown) - half, len(shown))]]
        what = f"the {half} with most and the {half} with least {shown.columns[0]}"
        cut = f"\n{len(wide)} mixtures: {what}; all with --format csv\n"
    rows = [[name, *(f"{v:.4f}" for v in line)] for name, line in zip(shown.index, shown.to_numpy(), strict=True)]
    note = f"\nencoder {table['encoder'].iloc[0]}; intervals, n and estimators with --format csv or json\n"
    return _columns(["mixture", *shown.columns], rows, right=range(1, shown.shape[1] + 1)) + cut + note


# --- lists -------------------------------------------------------------------------------------------


@app.command()
def tasks(
    data: Annotated[Path | None, typer.Option(help="Folder of data: say what of it is there.")] = None,
    format: Annotated[Format, typer.Option(help="Form of the output.")] = Format.table,
    out: Annotated[Path | None, typer.Option(help="File to write, in place of the screen.")] = None,
) -> None:
    """List the intermediate tasks and targets: kind, size, languages, licence, and what is here of them."""
    from diversity import catalog, store

    shipped = {p.stem for p in (store.shipped() / "moments" / ENCODER).glob("*.npz")}
    records, rows = list[dict[str, Any]](), list[list[str]]()
    for name in sorted(catalog.names("tasks"), key=lambda n: (catalog.task(n).role, n)):
        task = catalog.task(name)
        here = (_here(task, data) if data is not None else []) + (["moments"] if name in shipped else [])
        size = task.expected("train", "en")
        records.append(
            {
                "task": name,
                "role": task.role,
                "kind": task.kind,
                "metric": task.metric,
                "train_rows": size,
                "languages": list(task.languages),
                "here": here,
                "licence": task.licence,
                "citation": task.citation,
                "url": task.url,
                "note": task.note,
            }
        )
        licence = task.licence if len(task.licence) <= 44 else task.licence[:43] + "…"
        counts = [f"{size:,}" if size else "-", str(len(task.languages))]
        rows.append([name, task.role, task.kind, task.metric, *counts, ",".join(here) or "-", licence])
    header = ["task", "role", "kind", "metric", "train rows", "languages", "here", "licence"]
    notes = "".join(f"{r['task']}: {r['note']}\n" for r in records if r["note"])
    _records(records, format, out, _columns(header, rows, right=(4, 5)) + "\n" + notes)


def _here(task: Task, data: Path) -> list[str]:
    from diversity import sources

    found = []
    for split in task.splits:
        try:
            if any(sources.find(task, data, split, language) for language in task.languages):
                found.append(split)
        except InputError:
            if not data.is_dir():
                raise
            found.append(f"{split}?")
    return found


@app.command()
def metrics(
    format: Annotated[Format, typer.Option(help="Form of the output.")] = Format.table,
    out: Annotated[Path | None, typer.Option(help="File to write, in place of the screen.")] = None,
) -> None:
    """List the diversity metrics: formula, range, cost, estimators and what they do not depend on."""
    from diversity import catalog

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
                "axioms": metric.axioms,
                "reference": metric.reference,
            }
        )
    rows = [
        [
            r["metric"],
            r["formula"],
            r["range"],
            r["cost"],
            "yes" if r["grows_with_n"] else "no",
            ", ".join(r["invariant_to"]),
        ]
        for r in records
    ]
    header = ["metric", "formula", "range", "cost", "grows with n", "invariant to"]
    _records(records, format, out, _columns(header, rows))


# --- data --------------------------------------------------------------------------------------------


@data_app.command()
def check(
    tasks: Annotated[list[str] | None, typer.Argument(help="Tasks (default: all that are there).")] = None,
    data: Annotated[Path, typer.Option(help="Folder of data.")] = Path("data"),
    lock: Annotated[
        bool, typer.Option("--lock", help="Record the files' hashes, to be verified the next time.")
    ] = False,
    format: Annotated[Format, typer.Option(help="Form of the output.")] = Format.table,
    out: Annotated[Path | None, typer.Option(help="File to write, in place of the screen.")] = None,
) -> None:
    """Read every row of what is here, and verify counts, labels and hashes. Exit status 1 where something is wrong."""
    from dataclasses import asdict

    from diversity import data as data_module

    results = data_module.check(tasks or None, data=data, lock=lock)
    records = [asdict(r) for r in results]
    rows = [
        [
            r.task,
            r.split,
            r.language,
            r.origin,
            f"{r.rows:,}",
            f"{r.expected:,}" if r.expected else "-",
            r.status,
            r.detail,
        ]
        for r in results
    ]
    header = ["task", "split", "language", "origin", "rows", "release", "status", "detail"]
    failed = sum(r.failed for r in results)
    summary = f"\n{len(results)} sets of rows read, {failed} with something wrong\n"
    _records(records, format, out, _columns(header, rows, right=(4, 5)) + summary)
    if failed:
        raise typer.Exit(1)


@data_app.command()
def fetch(
    tasks: Annotated[list[str], typer.Argument(help="Tasks to bring.")],
    data: Annotated[Path, typer.Option(help="Folder to bring them to.")] = Path("data"),
    languages: Annotated[str, typer.Option(help="Languages, separated by commas (default: all).")] = "",
) -> None:
    """Bring tasks from the Hugging Face hub, at the pinned revision; goes on where it was interrupted."""
    from diversity import data as data_module

    for result in data_module.fetch(tasks, data=data, languages=_split(languages) or None, notify=_note):
        print(f"{result.repo}@{result.revision}: {result.files} files in {result.folder}")
        if result.caution:
            _note(f"note: {result.repo}: {result.caution}")


INTERRUPTED = 130  # what typer makes of Ctrl-C


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line: one line on stderr and status 2 for bad use or input, no traceback."""
    if hasattr(signal, "SIGPIPE"):  # a reader that stops early (`| head`) ends this command quietly
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        code = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        if code == INTERRUPTED:
            raise KeyboardInterrupt
        sys.exit(code if isinstance(code, int) else 0)
    except typer.exceptions.TyperException as error:
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        _fail(message or "expected a command; see diversity --help")
    except InputError as error:
        _fail(str(error))
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _fail(f"{where}{error.strerror or error}")
    except (KeyboardInterrupt, typer.Abort):
        _fail("interrupted; what was finished is kept, and the same command goes on from there")


def _fail(message: str) -> NoReturn:
    print("diversity: " + " ".join(message.split()), file=sys.stderr)
    sys.exit(2)


if __name__ == "__main__":
    main()
