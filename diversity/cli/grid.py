"""`diversity grid`: run a plan, and see how far it is."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from diversity.cli._common import note, text_table

if TYPE_CHECKING:
    from diversity.grid.run import GridStatus

app = typer.Typer()
folder = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown", help="Run a whole plan, and see how far it is.")
app.add_typer(folder, name="grid")

Planned = Annotated[Path, typer.Argument(help="The plan, a TOML file, such as `diversity design` writes.")]
Output = Annotated[Path, typer.Option(help="Folder of the grid: stages, records and tables of results.")]
Data = Annotated[Path | None, typer.Option(help="Folder of the tasks' data, (default: as the plan says).")]


@folder.command()
def run(
    plan: Planned,
    output: Output,
    data: Data = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes on this machine; they share its threads.")] = 1,
    gpus_each: Annotated[int, typer.Option("--gpus-each", min=1, help="GPUs of each worker, where there are any.")] = 1,
    cpus_each: Annotated[int, typer.Option("--cpus-each", min=1, help="Processors of each run on Ray.")] = 1,
    ray: Annotated[
        str | None,
        typer.Option(help="Run on the Ray cluster at this address: host:port, auto, local (default: on this machine)."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep checkpoints that nothing needs any more.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try stages that failed again.")] = False,
    verify: Annotated[
        bool,
        typer.Option("--verify", help="Read what finished stages left, and do again what is not as it was written."),
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be run, and run nothing.")] = False,
) -> None:
    """Run what is not finished of a plan.

    The exit status is 1 where a stage failed.

    Interrupted in any way, the same command goes on from there: what is finished is never done again.

    diversity grid run plan.toml --output grid --workers 2

    diversity grid run plan.toml --output grid --dry-run
    """
    from diversity.grid import run as grid
    from diversity.grid.driver import Policy

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a cluster's scheduler asks so before it kills
    status = grid.run_grid(
        plan, output, data=data, workers=grid.Workers(workers, gpus_each, cpus_each, ray),
        policy=Policy(keep, retry_failed, verify), dry_run=dry_run, notify=note,
    )  # fmt: skip
    print(_text(status), end="")
    if dry_run:
        return
    note(f"wrote {output / 'results.csv'}")
    if status.failures:
        raise typer.Exit(1)


@folder.command()
def status(
    plan: Planned,
    output: Output,
    data: Data = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes that the time left is for.")] = 1,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read what finished stages left, and compare it with their records.")
    ] = False,
    format: Annotated[Literal["table", "json"], typer.Option(help="How the answer is printed.")] = "table",
    as_json: Annotated[bool, typer.Option("--json", hidden=True, help="Old: --format json.")] = False,
) -> None:
    """Show how far a plan is.

    Which stages are finished, running, failed and missing, who is at work, and the time left.

    diversity grid status plan.toml --output grid
    """
    from diversity.grid.run import grid_status

    progress = grid_status(plan, output, data=data, workers=workers, verify=verify)
    if as_json or format == "json":
        print(json.dumps(progress.to_dict(), indent=1, ensure_ascii=False))
    else:
        print(_text(progress), end="")


def _text(status: GridStatus) -> str:
    from diversity.grid.progress import in_words
    from diversity.grid.run import STATES

    shown = [s for s in STATES if status.total(s) or s in ("finished", "missing")]
    rows = [
        [kind, *(f"{counts[s]:,}" if counts.get(s) else "-" for s in shown)] for kind, counts in status.counts.items()
    ]
    rows.append(["all", *(f"{status.total(s):,}" for s in shown)])
    lines = [text_table(["stages", *shown], rows, right=range(1, len(shown) + 1))]
    finished, all_cells = status.cells
    lines.append(f"\n{finished:,} of {all_cells:,} cells (mixture, target, seed) have results in {status.folder}\n")
    if status.driver:
        lines.append("at work: process {pid} on {host} since {since}\n".format(**status.driver))
    lines += [f"running: {title}\n" for title in status.running]
    lines += [f"failed: {f['title']}: {f['message']} ({f['error']})\n" for f in status.failures]
    lines += [f"damaged: {text}\n" for text in status.damaged]
    if not status.done and (status.total("missing") or status.running):
        more = f", and {', '.join(status.unmeasured)}, of which none is finished yet" if status.unmeasured else ""
        lines.append(f"time left: {in_words(status.seconds_left)}{more if status.seconds_left is not None else ''}\n")
    return "".join(lines)
