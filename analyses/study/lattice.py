"""Every mixture of the nine tasks, merged in place of trained: `python -m analyses.study.lattice DATA OUTPUT`.

The nine single tasks are trained with one seed as the study trains them. All 511 sets of them are merged in equal shares, and
scored on Tatoeba, which needs no fine-tuning. `lattice.csv` has what `fit` says of them: within mixtures of one size, all of
whose relabellings are tried. `lattice_mixtures.csv` has the diversity and the score of each set. It takes two to three hours
of one processor, and goes on where it was stopped.

`merge.py` says how far merged pairs are ranked as trained ones. Where that was asked: Tatoeba, seed 2. Sentence vectors are
computed in bf16 here, for half the time; `rounding` compares what the merged pairs score with what they score without.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

import diversity
from analyses.study.analyse import HERE, METRIC, by_target, save, slope
from analyses.study.merge import variant
from diversity import catalog
from diversity.planning.plans import Plan

TARGET, SEED = "tatoeba", 2


def lattice(tasks: Sequence[str]) -> Plan:
    """The study's plan for every set of tasks, merged, on one target."""
    sets = (chosen for size in range(len(tasks) + 1) for chosen in combinations(tasks, size))
    return variant(
        [TARGET], SEED, sets, name="lattice", train={"merge": True}, predict={"precision": "bf16"},
        diversity={"metrics": [METRIC]},
    )  # fmt: skip


def rounding(results: pd.DataFrame, merged: pd.DataFrame) -> pd.Series:
    """The differences of the merged pairs' scores from those of `merged.csv`, in points."""
    here, there = (table[table["target"] == TARGET].set_index("mixture")["value"] for table in (results, merged))
    return (here - there).dropna()


def analyse(results: pd.DataFrame, scores: pd.DataFrame) -> None:
    """Fit the diversity of all sets to their scores, and write the tables."""
    fit = diversity.fit(results, scores, metric=METRIC, outcome=TARGET)
    save(pd.DataFrame([slope("all sets of tasks, merged", fit)]), "lattice")
    save(fit.tables["mixtures"], "lattice_mixtures")
    differences = rounding(by_target(results), pd.read_csv(HERE / "tables" / "merged.csv"))
    print(fit.sentence)
    print(f"bf16 changes {len(differences)} pairs by {differences.abs().max():.2f} points at most")


def run(data: Path, output: Path, workers: int = 2) -> None:
    """Merge and score what is not yet done, and analyse it."""
    status = diversity.run_grid(lattice(catalog.intermediate()), output, data=data, workers=workers, notify=print)
    if status.failures:
        raise SystemExit(status.failures[0]["message"])
    analyse(pd.read_parquet(output / "results.parquet"), pd.read_csv(output / "scores.csv"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the sampled data")
    parser.add_argument("output", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each (default: %(default)s)")
    run(**vars(parser.parse_args()))
