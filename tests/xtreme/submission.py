"""A small made-up submission with its labels, and the numbers that the benchmark's own script gives for it.

    python tests/xtreme/submission.py CHECKOUT

writes golden.json beside this file, where CHECKOUT holds google-research/xtreme at commit 838c13b (its evaluate.py needs
seqeval; 1.2.2 was there). The random numbers are of Python's `random.random`, the same in every version.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

HERE = Path(__file__).parent
GOLDEN = HERE / "golden.json"
ITEMS = 12
LABELS = {"pawsx": ("0", "1"), "xnli": ("entailment", "neutral", "contradiction")}
TAGS = {
    "udpos": "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split(),
    "panx": "O O O B-PER I-PER B-ORG I-ORG B-LOC I-LOC".split(),
}
WORDS = {
    "en": "the a an cat Hat house, 1970 (river) U.S. anthem",
    "es": "el la los un una unos gato Río ¿quién? «casa» 1970 2,5",
    "de": "der die das ein einem Katze Straße „Haus“ 1970 3,2",
    "ar": "ال الكتاب كتاب، البيت سال ١٩٧٠ في؟ بيت",
    "hi": "का भारत। नदी १९७० दिल्ली, एक the",
    "vi": "của là cái chiếc những con mèo nhà, 1970",
    "zh": "在2008年 北京， 《红楼梦》 the GDP增长 一 1,000",
    "th": "กรุงเทพฯ แม่น้ำ 1970 the",
    "ru": "«Война и мир» а the 1970",
}  # fmt: skip


class Draws:
    """Choices from a seeded stream."""

    def __init__(self, seed: str) -> None:
        self.source = random.Random(seed)

    def chance(self, probability: float) -> bool:
        return self.source.random() < probability

    def of(self, values):
        return values[int(self.source.random() * len(values))]

    def text(self, language: str) -> str:
        words = WORDS.get(language, WORDS["ru"]).split()
        return " ".join(self.of(words) for _ in range(1 + int(4 * self.source.random())))


def language_of(task: str, language: str, seed: str):
    """Gold labels and predictions of a task in one language."""
    draws = Draws(f"{seed} {task} {language}")
    if task in TAGS:
        gold = [[draws.of(TAGS[task]) for _ in range(1 + int(9 * draws.source.random()))] for _ in range(ITEMS)]
        return gold, [[tag if draws.chance(0.8) else draws.of(TAGS[task]) for tag in tags] for tags in gold]
    if task == "bucc2018":
        gold = [(f"{language}-{i:09d}", f"en-{i * 7 % 1000:09d}") for i in range(ITEMS)]
        mined = [(a, b if draws.chance(0.7) else f"en-{i:09d}") for i, (a, b) in enumerate(gold) if draws.chance(0.9)]
        return gold, [*mined, *mined[:2], (f"{language}-000000500", "en-000000500")]
    if task == "tatoeba" or task in LABELS:
        values = LABELS.get(task, [str(i) for i in range(ITEMS)])
        gold = [draws.of(values) for _ in range(ITEMS)]
        return gold, [label if draws.chance(0.6) else draws.of(values) for label in gold]
    gold = [(f"{task}-{language}-{i}", tuple(draws.text(language) for _ in range(1 + i % 3))) for i in range(ITEMS)]
    answers = {}
    for id, texts in gold:
        if draws.chance(0.9):
            other = draws.of(["", "the", draws.text(language), texts[-1] + ".", texts[0].upper()])
            answers[id] = draws.of(texts) if draws.chance(0.4) else other
    return gold, answers


def write(folder: Path, seed: str, version: str) -> tuple[Path, Path]:
    """Folders of predictions and of labels, with every task and language of a version."""
    from diversity.xtreme import layout
    from diversity.xtreme.benchmark import benchmark_of

    predictions, labels = folder / "predictions", folder / "labels"
    for task, languages in benchmark_of(version).languages.items():
        for language in languages:
            gold, predicted = language_of(task, language, seed)
            layout.write_gold(labels, task, language, gold)
            layout.write_predictions(predictions, task, language, predicted)
    return predictions, labels


def main() -> None:
    import contextlib
    import io
    import tempfile

    sys.path.insert(0, sys.argv[1])
    from evaluate import evaluate  # the benchmark's

    golden = {}
    for version in ("xtreme", "xtreme-r"):
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
            groups, tasks = evaluate(*map(str, write(Path(folder), version, version)), version)
        golden[version] = {**groups, **tasks}
    GOLDEN.write_text(json.dumps(golden, indent=0) + "\n", "utf8")


if __name__ == "__main__":
    main()
