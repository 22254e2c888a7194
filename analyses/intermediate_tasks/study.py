"""Does each intermediate task learn? `python analyses/intermediate_tasks/study.py FOLDER [--tasks ccg,qqp] [--scale 0.1]`.

Trains the embedded encoder on each of the nine tasks alone, with a budget of minutes on a processor, on the data in
$DIVERSITY_DATA, and prints the dev score with its 95 % interval beside the majority baseline and chance. The runs go on
where they were interrupted. The table is written to FOLDER/intermediate_tasks.csv.
"""

from __future__ import annotations

import argparse
import os
import time
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

import diversity
from diversity import catalog, store
from diversity.training.settings import Settings


@dataclass(frozen=True)
class Budget:
    """Examples trained on, learning rate, examples a step, tokens at most, what a guess scores, dev rows."""

    examples: int
    rate: float
    batch: int
    length: int
    chance: float = 0.0
    dev: int = 1500


BUDGETS = {
    "mnli": Budget(10_000, 2e-4, 32, 96, 100 / 3),
    "anli_plus": Budget(6_000, 2e-4, 32, 96, 100 / 3),
    "commonsenseqa": Budget(5_000, 2e-4, 16, 40, 20),
    "squad_v1": Budget(5_500, 3e-4, 16, 224),
    "hellaswag": Budget(1_600, 2e-4, 16, 72, 25),
    "cosmosqa": Budget(1_200, 2e-4, 16, 128, 25, 1000),
    "squad_v2": Budget(8_000, 3e-4, 16, 224),
    "ccg": Budget(16_000, 1e-3, 32, 64),
    "qqp": Budget(8_000, 2e-4, 32, 64, 50),
}
AIMS = {"mnli": 55, "squad_v1": 40, "ccg": 80, "qqp": 70, "hellaswag": 25, "cosmosqa": 25, "commonsenseqa": 20}


def learn(
    task: str, folder: Path, data: str, scale: float, rate: float | None, precision: str, dropout: float | None
) -> dict[str, object]:
    """One row of the table."""
    budget = BUDGETS[task]
    settings = Settings.of(
        learning_rate=rate or budget.rate, examples=max(64, round(scale * budget.examples)), batch_size=budget.batch,
        max_length=budget.length, doc_stride=64, weight_decay=0.01, dev_examples=budget.dev,
        precision="bf16" if precision == "bf16" else "fp32", max_tokens_per_batch=4096, save_every=500, dropout=dropout,
    )  # fmt: skip
    begin = time.process_time()
    done = diversity.train_mix(
        [task], model="all-MiniLM-L6-v2", data=data, output=folder / task, settings=settings, cache=folder / "cache"
    )
    score = done.dev[0]
    return {
        "task": task,
        "metric": score.metric,
        "score": score.score,
        "low": score.low,
        "high": score.high,
        "majority": score.baseline,
        "chance": budget.chance,
        "aim": AIMS.get(task),
        "n": score.n,
        "examples": done.examples,
        "tokens": done.tokens,
        "learning_rate": settings.optimisation.learning_rate,
        "batch": settings.optimisation.batch_size,
        "dropout": settings.optimisation.dropout,
        "precision": settings.optimisation.precision,
        "loss": done.loss,
        "cpu_minutes": (time.process_time() - begin) / 60,
        "above": score.low > max(score.baseline, budget.chance),
    }


def main() -> None:
    """Train, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tasks", default=",".join(BUDGETS))
    parser.add_argument("--scale", type=float, default=1.0, help="share of the budgets")
    parser.add_argument("--rate", type=float, help="learning rate, in place of the tasks' own")
    parser.add_argument("--dropout", type=float, default=0.0, help="0: none, the fastest on a processor")
    parser.add_argument("--precision", default="bf16", choices=["fp32", "bf16"])
    given = parser.parse_args()
    data = os.environ.get("DIVERSITY_DATA")
    if not data:
        raise SystemExit("expected $DIVERSITY_DATA to name a folder of data")
    given.folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for task in given.tasks.split(","):
        catalog.task(task)
        rows.append(learn(task, given.folder, data, given.scale, given.rate, given.precision, given.dropout))
        table = pd.DataFrame(rows)
        store.write(given.folder / "intermediate_tasks.csv", table.to_csv(index=False))
        print(table.tail(1).round(2).to_string(index=False), flush=True)
    print(f"\n{table.round(2).to_string(index=False)}")
    weak = table.loc[~table["above"], "task"].tolist()
    print(f"\nnot above majority and chance by their intervals: {', '.join(weak) or 'none'}")


if __name__ == "__main__":
    main()
