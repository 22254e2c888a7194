"""`diversity data`: bring rows, and verify them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from diversity.cli._common import names_in, note, text_table
from diversity.cli._options import DataOption
from diversity.cli._output import Writer, with_writer

app = typer.Typer()
folder = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Download tasks, and check their files.")
app.add_typer(folder, name="data")


@folder.command()
@with_writer
def check(
    writer: Writer,
    tasks: Annotated[list[str] | None, typer.Argument(help="Tasks (default: all found in the data).")] = None,
    data: DataOption = Path("data"),
    lock: Annotated[
        bool, typer.Option("--lock", help="Record the files' hashes, to be verified the next time.")
    ] = False,
) -> None:
    """Read every row of your data, and say what is wrong.

    Counts, labels and hashes are compared with the releases. The exit status is 1 where something is wrong.

    diversity data check --data data

    diversity data check xnli udpos --data data
    """
    from dataclasses import asdict

    from diversity.data.check import check as run

    results = run(tasks or None, data=data, lock=lock)
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
    writer.show(records, text_table(header, rows, right=(4, 5)) + summary)
    if failed:
        raise typer.Exit(1)


@folder.command()
def fetch(
    tasks: Annotated[list[str], typer.Argument(help="Tasks to download.")],
    data: Annotated[Path, typer.Option(help="Folder to download to.")] = Path("data"),
    languages: Annotated[
        str, typer.Option("--languages", "--language", help="Languages, separated by commas (default: all).")
    ] = "",
) -> None:
    """Download tasks from the Hugging Face hub.

    Each comes at a pinned revision. The same command resumes an interrupted download.

    diversity data fetch xnli tatoeba --data data --languages en,sw
    """
    from diversity.data.hub import fetch as run

    for result in run(tasks, data=data, languages=names_in(languages) or None, notify=note):
        print(f"{result.repo}@{result.revision}: {result.files} files in {result.folder}")
        if result.caution:
            note(f"note: {result.repo}: {result.caution}")
