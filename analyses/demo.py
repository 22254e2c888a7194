"""The whole toolkit in about three minutes: `make demo`, or `python analyses/demo.py FOLDER`.

Scores the nine intermediate tasks from the moments that are shipped (real data), encodes the written samples live with the
default encoder, then runs a small grid on them (demo.toml beside this file): trains, transfers, predicts, scores, and ends
with the report. Run again, it finds the grid finished.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pandas as pd

import diversity
from diversity import catalog, store
from diversity.grid.job import gpus
from diversity.planning.plans import read_plan
from diversity.reporting import plots, style
from diversity.scoring.embedded import EmbeddedTasks, load_moments
from diversity.scoring.score import score

PLAN = Path(__file__).with_name("demo.toml")
TITLE = "Demonstration: a grid on the written samples"
NOTHING = (
    "This is a demonstration: ten mixtures of five tasks, 40 to 48 written training rows of each, six steps of training, "
    "ten to sixteen test sentences a language. It shows that every part works, and establishes nothing about semantic "
    "diversity, whatever the numbers are."
)
pd.set_option("display.width", 160, "display.max_columns", 30)


def show(title: str, table: pd.DataFrame, **options: object) -> None:
    """A heading and a table."""
    print(f"\n{title}\n{'-' * len(title)}\n{table.to_string(**options)}")  # type: ignore[arg-type]


def wide(scores: pd.DataFrame) -> pd.DataFrame:
    """One row a mixture, one column a metric, in the order of the scores."""
    order = scores["mixture"].drop_duplicates()
    columns = scores["metric"].drop_duplicates()
    return scores.pivot(index="mixture", columns="metric", values="value").loc[order, columns].rename_axis(None, axis=1)


def nine_tasks(space: EmbeddedTasks, folder: Path) -> None:
    """What is shipped: single tasks, distances, the mixtures of three, all mixtures as a figure and a table."""
    names = sorted(space.tasks)
    counts = {space.tasks[n].moments.n for n in names}
    print(
        f"Nine intermediate tasks, {min(counts):,} texts of each, encoder {space.encoder} (shipped moments, real data)"
    )
    notes = {name: note for name in names if (note := space.tasks[name].provenance.get("note"))}
    for name, note in notes.items():
        print(f"note: {name}: {note}")
    show("Diversity of each task", wide(score(space, mixtures=names)).round(3))
    distances = diversity.distances(space)
    show("Mean cosine distance between tasks (diagonal: within)", distances.round(3))
    scores = score(space, all_subsets=True)
    threes = scores[scores["tasks"].map(len) == 3]
    ranked = threes[threes["metric"] == "cosine"].sort_values("value", ascending=False)
    columns = ["mixture", "value", "low", "high", "n"]
    show(
        "The ten most diverse mixtures of three (cosine, 95 % interval)", ranked[columns].head(10).round(4), index=False
    )
    show("The ten least diverse mixtures of three", ranked[columns].tail(10).round(4), index=False)
    with style.theme():
        figure = plots.save(plots.overview(distances, scores, notes=notes), folder / "diversity.png")
    table = scores.assign(tasks=scores["tasks"].map("+".join), weights=scores["weights"].map(_joined))
    store.write(folder / "diversity.csv", table.to_csv(index=False))
    print(f"\nwrote {figure}: heat map of the distances, mixtures by size")
    print(f"wrote {folder / 'diversity.csv'}: all {len(scores['mixture'].unique())} mixtures, five metrics")


def _joined(weights: tuple[float, ...]) -> str:
    return "+".join(map(repr, weights))


def samples(folder: Path) -> None:
    """The written samples, read in their release formats and encoded here and now."""
    names = catalog.intermediate()
    space = diversity.measure(names, data=store.shipped() / "samples", cache=folder / "cache")
    rows = sum(t.moments.n for t in space.tasks.values())
    print(f"\nThe written samples, encoded now: {rows} texts of {len(names)} tasks")
    chosen = [
        "nli=mnli,anli_plus",
        "reading=squad_v1,squad_v2",
        "mixed=squad_v1,mnli,hellaswag",
        "all=" + ",".join(names),
    ]
    show("Diversity of four mixtures of the samples", wide(score(space, mixtures=chosen)).round(3))


def grid(folder: Path, file: Path = PLAN) -> Path:
    """A plan's grid, finished if it was not, and the report on it; the report's path."""
    plan, place = read_plan(file), folder / "grid"
    print(
        f"\nA small grid: {len(plan.mixtures)} mixtures x {len(plan.targets)} targets x {len(plan.seeds)} seeds ({file})"
    )
    workers = min(2, len(gpus()) or os.cpu_count() or 1)
    status = diversity.run_grid(plan, place, workers=workers, notify=print)
    if status.failures:
        sys.exit("\n".join(f"failed: {f['title']}: {f['message']} ({f['error']})" for f in status.failures))
    results = pd.read_csv(place / "results.csv", keep_default_na=False)
    official = results[results["metric"].isin(("accuracy", "f1"))]
    means = official.pivot_table(index="mixture", columns=["target", "seed"], values="value")
    show("Zero-shot scores (accuracy; F1 of udpos), means over languages, by seed", means.round(1))
    written = diversity.report(
        place / "results.csv",
        place / "scores.csv",
        metric=plan.primary_metric,
        analysis=diversity.Analysis(outcome=plan.outcome),
        output=folder / "report" / "report.html",
        presentation=diversity.Presentation(TITLE, NOTHING, exports=False),
    )
    print(f"\n{NOTHING}\n{written.fit if isinstance(written.fit, str) else written.fit.sentence}")
    return written.html


def main(folder: Path) -> None:
    """Write into FOLDER and print."""
    folder.mkdir(parents=True, exist_ok=True)
    names = catalog.intermediate()
    nine_tasks(load_moments(names), folder)
    samples(folder)
    print(f"\nwrote {grid(folder)}: the report")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"))
