"""A whole XTREME submission at full size, and its tags beside seqeval: `python benchmarks/evaluating.py`."""

from __future__ import annotations

import random
import tempfile
import time
import warnings
from pathlib import Path
from typing import Any

import diversity
from diversity import catalog
from diversity.xtreme import layout
from diversity.xtreme.benchmark import XTREME, output_type
from diversity.xtreme.scores import scores_of

ROWS = {"bucc2018": 9_000, "udpos": 1_000}  # about; the others as their test sets
WORDS = [f"word{i}" for i in range(500)]


def items(task: str, language: str, draw: random.Random) -> Any:
    """Made-up gold labels, as many as the test set has."""
    noun, form = catalog.task(task), output_type(task)
    rows = noun.expected("test", language) or ROWS[task]
    if form == "tags":
        return [draw.choices(noun.labels, k=draw.randint(2, 30 if task == "udpos" else 13)) for _ in range(rows)]
    if form == "pairs":
        return [(f"{language}-{i}", f"en-{i}") for i in range(rows)]
    if form == "answers":
        return [(str(i), (" ".join(draw.choices(WORDS, k=draw.randint(1, 5))),)) for i in range(rows)]
    return [str(i) for i in range(rows // 2)] if task == "tatoeba" else draw.choices(noun.labels, k=rows)


def predicted(task: str, gold: Any, draw: random.Random) -> Any:
    """The gold, a fifth of it in another's place."""
    if output_type(task) == "tags":
        return [[draw.choice(tags) if draw.random() < 0.2 else tag for tag in tags] for tags in gold]
    if output_type(task) == "answers":
        return {id: answers[0] if draw.random() < 0.8 else draw.choice(WORDS) for id, answers in gold}
    return [draw.choice(gold) if draw.random() < 0.2 else item for item in gold]


def main() -> None:
    """Write the submission to a temporary folder; time the whole of it, and one file of tags."""
    draw = random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        labels, predictions = Path(folder) / "labels", Path(folder) / "predictions"
        for task, languages in XTREME.languages.items():
            for language in languages:
                gold = items(task, language, draw)
                layout.write_gold(labels, task, language, gold)
                layout.write_predictions(predictions, task, language, predicted(task, gold, draw))
        for replicates in (0, 1000):
            start = time.process_time()
            found = diversity.evaluate(predictions, labels, bootstrap=replicates)
            took, count = time.process_time() - start, len(found.scores)
            print(f"nine tasks, 162 files, {replicates:4} replicates: {took:5.1f} s of one core, {count} numbers")
        gold, mine = layout.read_gold(labels, "panx", "en"), layout.read_predictions(predictions, "panx", "en")
    beside_seqeval(gold, mine)


def beside_seqeval(gold: Any, mine: Any) -> None:
    """10,000 sentences: F1, precision, recall (and token accuracy, and F1 by old rules) beside the first three there."""
    from seqeval.metrics import f1_score, precision_score, recall_score

    start = time.process_time()
    ours = scores_of("panx", "en", gold, mine)
    middle = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = [100 * function(gold, mine) for function in (f1_score, precision_score, recall_score)]
    end = time.process_time()
    worst = max(abs(a - b) for a, b in zip(theirs, ours.values(), strict=False))
    print(f"panx en: {middle - start:.2f} s, seqeval {end - middle:.2f} s, largest difference {worst:.1e}")


if __name__ == "__main__":
    main()
