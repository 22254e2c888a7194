"""Does merging single-task checkpoints stand in for training a mixture? `python -m analyses.study.merge DATA OUTPUT`.

Trains the nine single tasks of a seed as the study does (what is in OUTPUT/singles already is not trained again), takes the
mean of the weights of each pair, in the mixture's shares, and scores it as the study scores a trained mixture: retrieval
directly, UD-POS after fine-tuning. `merged.csv` has a row for each pair and target; with the study's results beside it,
`agreement.csv` has the rank correlation of merged with trained pairs, and its interval.
"""

from __future__ import annotations

import argparse
import shutil
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

import diversity
from analyses.study.analyse import HERE, PLAN, by_target, save
from diversity.planning.plans import Plan, parse_plan, read_plan
from diversity.training.merging import merge
from diversity.types import Mixture

TARGETS = ("bucc2018", "tatoeba", "udpos")  # of those that are fine-tuned, the one with the least noise
DRAWS = 10_000


def single(task: str, seed: int, data: Path, output: Path) -> Path:
    """The checkpoint of a single task, trained as the study trains it."""
    plan = read_plan(PLAN)
    chosen = {n: v for n, v in plan.train.items() if n not in ("preset", "sampling", "limit")}
    settings = diversity.Settings.of(**chosen, seed=seed)
    rows = diversity.Rows(data, split="train,dev", limit=plan.train["limit"])
    folder = output / "singles" / f"{task}-{seed}"
    if not (folder / "training.json").is_file():
        diversity.train_mix([task], model=plan.model, data=rows, output=folder, settings=settings)
    return folder


def score(model: Path, targets: Sequence[str], seed: int, data: Path, output: Path) -> None:
    """Score a checkpoint on targets, by the study's plan with this checkpoint as its model."""
    plan = variant(targets, seed, [()], model=str(model.resolve()))
    status = diversity.run_grid(plan, output, data=data, notify=print)
    if status.failures:
        raise SystemExit(f"{model}: {status.failures[0]['message']}")


def variant(targets: Sequence[str], seed: int, mixtures: Iterable[Sequence[str]], **changes: Any) -> Plan:
    """The study's plan with other targets and mixtures and one seed; it declares nothing."""
    content = tomllib.loads(PLAN.read_text("utf8"))
    for table in ("target", "predict"):
        content[table] = {n: v for n, v in content[table].items() if not isinstance(v, dict) or n in targets}
    content |= {"targets": list(targets), "seeds": [seed], "mixtures": [{"tasks": list(m)} for m in mixtures]}
    del content["hypothesis"]
    for name, change in changes.items():
        content[name] = {**content[name], **change} if isinstance(change, dict) else change
    return parse_plan(content, PLAN)


def agreement(merged: pd.DataFrame, trained: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Spearman's correlation of merged with trained pairs for each target, with a bootstrap interval over pairs."""
    both = merged.merge(trained, on=["mixture", "target", "seed"], suffixes=(" merged", " trained"))
    rng, rows = np.random.default_rng(seed), []
    for target, table in both.groupby("target"):
        a, b = (table[f"value {side}"].to_numpy() for side in ("merged", "trained"))
        drawn = (rng.integers(len(table), size=len(table)) for _ in range(DRAWS))
        draws = [stats.spearmanr(a[i], b[i]).statistic for i in drawn]
        low, high = np.nanquantile(draws, [0.025, 0.975])
        rows.append(
            {
                "target": target,
                "pairs": len(table),
                "spearman": stats.spearmanr(a, b).statistic,
                "low": low,
                "high": high,
                "kendall": stats.kendalltau(a, b).statistic,
                "mean merged": a.mean(),
                "mean trained": b.mean(),
            }
        )
    return pd.DataFrame(rows)


def run(data: Path, output: Path, seed: int) -> None:
    """Merge and score the pairs that are not yet done, and compare them with those that were trained."""
    runs = []
    for pair in (p.mixture for p in read_plan(PLAN).mixtures if len(p.mixture.tasks) == 2):
        place = output / f"{pair.name}-{seed}"
        results = place / "grid" / "results.csv"
        if not results.is_file():
            score_merged(pair, seed, data, output, place)
        table = pd.read_csv(results, keep_default_na=False)
        runs.append(table.assign(mixture=pair.name, tasks="+".join(pair.tasks)))
    merged = by_target(pd.concat(runs, ignore_index=True))
    save(merged, "merged")
    compare(merged)


def compare(merged: pd.DataFrame) -> None:
    """Write the agreement of merged with trained pairs: of all, and of those without CCG, which stand far off."""
    trained = by_target(pd.read_parquet(HERE / "results.parquet"))
    near = merged[~merged["mixture"].str.split("+").map(lambda tasks: "ccg" in tasks)]
    tables = {"all pairs": agreement(merged, trained), "without ccg": agreement(near, trained)}
    table = pd.concat([table.assign(of=name) for name, table in tables.items()], ignore_index=True)
    save(table[["of", *table.columns.drop("of")]], "agreement")
    print(table.round(2).to_string(index=False))


def score_merged(pair: Mixture, seed: int, data: Path, output: Path, place: Path) -> None:
    """Score a pair's merged checkpoint, which is deleted once its results are there."""
    model, singles = place / "model", {task: single(task, seed, data, output) for task in pair.tasks}
    if not model.is_dir():
        merge(singles, pair.shares(), model)
    score(model, TARGETS, seed, data, place / "grid")
    shutil.rmtree(model)


def main() -> None:
    """Do what is not yet done, and print the agreement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the sampled data")
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=2)
    run(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
