"""Every mixture of the nine tasks, merged in place of trained: `python -m analyses.study.lattice DATA OUTPUT`.

The nine single tasks are trained with one seed as the study trains them. All 511 sets of them are merged in equal shares, and
scored on Tatoeba, which needs no fine-tuning. `lattice.csv` has what `fit` says of them: within mixtures of one size, all of
whose relabellings are tried. It takes some four hours of one processor, and goes on where it was stopped.

`merge.py` says how far merged pairs are ranked as trained ones. Where that was asked: Tatoeba, seed 2.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import pandas as pd

import diversity
from analyses.study.analyse import METRIC, save, slope
from analyses.study.merge import variant
from diversity import catalog
from diversity.planning.plans import Plan

TARGET, SEED = "tatoeba", 2


def lattice(tasks: Sequence[str]) -> Plan:
    """The study's plan for every set of tasks, merged, on one target."""
    sets = (chosen for size in range(len(tasks) + 1) for chosen in combinations(tasks, size))
    return variant([TARGET], SEED, sets, name="lattice", train={"merge": True}, diversity={"metrics": [METRIC]})


def run(data: Path, output: Path, workers: int = 2) -> None:
    """Merge and score what is not yet done, and fit the diversity of all sets to their scores."""
    status = diversity.run_grid(lattice(catalog.intermediate()), output, data=data, workers=workers, notify=print)
    if status.failures:
        raise SystemExit(status.failures[0]["message"])
    results, scores = pd.read_parquet(output / "results.parquet"), pd.read_csv(output / "scores.csv")
    fit = diversity.fit(results, scores, metric=METRIC, outcome=TARGET)
    save(pd.DataFrame([slope("all sets of tasks, merged", fit)]), "lattice")
    print(fit.sentence)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the sampled data")
    parser.add_argument("output", type=Path)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each (default: %(default)s)")
    run(**vars(parser.parse_args()))
