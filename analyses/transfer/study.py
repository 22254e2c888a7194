"""Two mixtures, and zero-shot transfer from one of them: `python analyses/transfer/study.py FOLDER [--model mini]`.

Trains the encoder on all nine tasks in one run, and on MNLI and SQuAD 1.1; from the second, fine-tunes on the English data of
five targets and predicts every language, with the data in $DIVERSITY_DATA. What is finished is not done again. Writes
FOLDER/mixtures.csv (dev scores with 95 % intervals beside the majority baseline) and FOLDER/results.csv (a row for each
target, language and metric).
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any

import pandas as pd

import diversity
from diversity import Mixture, TransferSettings, catalog, store
from diversity.training.settings import Settings, changed

PAIR = ("mnli", "squad_v1")
COMMON: dict[str, Any] = {"precision": "bf16", "dropout": 0.0, "dev_every": 0, "stride": 64}
MIXTURE = Settings.of(
    **COMMON, learning_rate=2e-4, batch=16, max_length=192, weight_decay=0.01, dev_examples=500, tokens=4096
)
ALL = tuple(catalog.intermediate())
EXAMPLES = {PAIR: 6_000, ALL: 9_000}
TARGETS: dict[str, dict[str, Any]] = {
    "tatoeba": {},
    "udpos": {"examples": 8_000, "learning_rate": 5e-4, "batch": 32, "max_length": 96},
    "xnli": {"examples": 8_000, "learning_rate": 2e-4, "batch": 32, "max_length": 96},
    "panx": {"examples": 8_000, "learning_rate": 5e-4, "batch": 32, "max_length": 64},
    "xquad": {"examples": 3_000, "learning_rate": 3e-4, "batch": 16, "max_length": 192},
}


def mixture(tasks: tuple[str, ...], folder: Path, model: str, data: str) -> list[dict[str, object]]:
    """Train on the tasks, as often on one as on another; a row for each of them."""
    done = diversity.train_mix(
        Mixture.of(tasks, sampling="uniform"), model=model, data=data, output=folder / f"mixture_of_{len(tasks)}",
        cache=folder / "cache",
        settings=changed(MIXTURE, examples=EXAMPLES[tasks]),
    )  # fmt: skip
    return [
        {
            "tasks": "+".join(tasks), "model": model, "task": dev.task, "metric": dev.metric, "score": dev.score,
            "low": dev.low, "high": dev.high, "majority": dev.baseline, "n": dev.n, "steps": done.steps,
            "examples": done.examples, "tokens": done.tokens, "seconds": done.seconds,
        }
        for dev in done.dev
    ]  # fmt: skip


def main() -> None:
    """Train, transfer and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    given = parser.parse_args()
    data = os.environ.get("DIVERSITY_DATA")
    if not data:
        raise SystemExit("expected $DIVERSITY_DATA to name a folder of data")
    given.folder.mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = []
    for tasks in EXAMPLES:
        rows += mixture(tasks, given.folder, given.model, data)
        store.write(given.folder / "mixtures.csv", pd.DataFrame(rows).to_csv(index=False))
        print(pd.DataFrame(rows).tail(len(tasks)).round(2).to_string(index=False), flush=True)
    tables = []
    for target, overrides in TARGETS.items():
        done = diversity.transfer(
            str(given.folder / "mixture_of_2"), [target], data=data, output=given.folder / target,
            settings=TransferSettings(
                changes={**COMMON, "dev_examples": 500, **overrides}, cache=given.folder / "cache"
            ),
        )  # fmt: skip
        tables.append(done.rows)
        store.write(given.folder / "results.csv", pd.concat(tables).to_csv(index=False))
        means = done.rows.groupby("metric")["value"].mean()
        print(target, ", ".join(f"{metric} {value:.1f}" for metric, value in means.items()), flush=True)


if __name__ == "__main__":
    main()
