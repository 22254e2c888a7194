"""Scores by language of predictions, as the card has them: `python -m analyses.mini.scores DATA FOLDER ... > scores.csv`.

Each FOLDER holds predictions in the leaderboard's layout, as `diversity transfer` and `diversity retrieve` write them. Of the
test rows where they are predicted, else of the dev rows; 95 % intervals by bootstrap over rows, 1,000 replicates, seed 0,
and Wilson's for tatoeba, where a share may be near 0. peers.csv is made of such tables, with a column `model` before them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pandas as pd

import diversity
from diversity.xtreme.intervals import wilson

METRICS = {"xnli": "accuracy", "tatoeba": "accuracy"}  # else f1


def table(folder: Path, data: Path) -> pd.DataFrame:
    """Columns `target, language, metric, value, low, high, n, split` of the one task in a folder."""
    (task,) = sorted(p for p in folder.iterdir() if p.is_dir())
    splits = {p.stem.split("-")[1]: p.stem.split("-")[0] for p in sorted(task.iterdir())}
    scores = diversity.evaluate(folder, data=data, split="test,dev", languages=sorted(splits), bootstrap=1000).frame()
    metric = METRICS.get(task.name, "f1")
    rows = scores[(scores["task"] == task.name) & (scores["metric"] == metric) & scores["language"].isin(splits)]
    if task.name == "tatoeba":
        ends = np.array([_wilson(value, n) for value, n in zip(rows["value"], rows["n"], strict=True)])
        rows = rows.assign(low=ends[:, 0], high=ends[:, 1])
    return rows.rename(columns={"task": "target"}).assign(split=rows["language"].map(splits))


def _wilson(value: float, n: int) -> tuple[float, float]:
    right = np.arange(n) < round(value * n / 100)
    return wilson(np.column_stack([right, np.ones(n)]))


def main() -> None:
    """Print them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("folders", type=Path, nargs="+")
    given = parser.parse_args()
    found = pd.concat([table(folder, given.data) for folder in given.folders])
    found.round(4).to_csv(sys.stdout, index=False)


if __name__ == "__main__":
    main()
