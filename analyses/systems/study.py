"""Two systems on the same items: the published runs of MasakhaNER, and level and coverage by simulation.

`python analyses/systems/study.py MASAKHANER [--draws N]`, MASAKHANER being a folder with `runs/MODEL/RUN/LANG.txt` and
`runs/gold.LANG.txt` (https://github.com/masakhane-io/masakhane-ner, analysis_scripts and data of Adelani et al. 2021: XLM-R
large, XLM-R base and mBERT, three runs each, in Swahili, Yoruba and Hausa). Writes `masakhaner.csv` (each two models in each
language, by their three runs and by one run of each) and `levels.csv` (false positives and coverage) beside it.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from diversity import store
from diversity.xtreme import scores
from diversity.xtreme.against import holm, paired

HERE = Path(__file__).parent
MODELS, LANGUAGES, RUNS = ("xlmrlarge", "xlmrbase", "mbert"), ("swa", "yor", "hau"), ("1", "2", "3")
REPLICATES = 4000
Counts = np.ndarray


def tags(path: Path) -> list[list[str]]:
    """The tags of each sentence of a file of words and tags."""
    blocks = path.read_text("utf8").strip().split("\n\n")
    return [[line.split()[-1] for line in block.splitlines() if line.strip()] for block in blocks]


def counts_of(folder: Path, model: str, language: str) -> Counts:
    """Counts (runs, sentences, k) of a model in a language."""
    gold = tags(folder / f"gold.{language}.txt")
    return np.stack([scores.tag_counts(gold, tags(folder / model / run / f"{language}.txt")) for run in RUNS])


def published(folder: Path) -> pd.DataFrame:
    """Each two models in each language: difference in F1, interval, p and Holm's over languages, by three runs and by one."""
    rows = []
    known = {(m, lang): counts_of(folder, m, lang) for m in MODELS for lang in LANGUAGES}
    for one, other in itertools.combinations(MODELS, 2):
        for what, runs in (("three runs", slice(None)), ("first runs", slice(0, 1))):
            part = []
            for language in LANGUAGES:
                rng = np.random.default_rng(0)
                first, second = known[one, language][runs], known[other, language][runs]
                found = paired("tags", first, second, REPLICATES, rng)["f1"]
                low, high = np.quantile(found.replicates + found.of_runs(rng), [0.025, 0.975])
                each = [" ".join(f"{v:.2f}" for v in values) for values in found.seeds]
                part.append((one, other, language, what, *each, found.difference, low, high, found.p))
            rows += [(*row, p) for row, p in zip(part, holm([row[-1] for row in part]), strict=True)]
    columns = ["first", "second", "language", "by", "f1_first", "f1_second", "difference", "low", "high", "p", "p_holm"]
    return pd.DataFrame(rows, columns=columns)


def drawn(rng: np.random.Generator, runs: int, difficulty: np.ndarray, skill: float, sd_run: float) -> Counts:
    """Right or wrong (runs, items): items of some difficulty, runs with luck of their own."""
    luck = skill + rng.normal(0, sd_run, runs)
    return (rng.normal(size=(runs, len(difficulty))) < luck[:, None] - difficulty).astype(float)


def labels(right: Counts) -> Counts:
    """As counts of labels."""
    return np.stack([right, np.ones_like(right)], axis=-1)


def answers(right: Counts, size: int) -> Counts:
    """As counts of answers, summed over passages of so many questions."""
    table = np.stack([right, right, np.ones_like(right)], axis=-1)
    return table.reshape(len(table), -1, size, 3).sum(axis=2)


def spans(right: Counts) -> Counts:
    """As counts of spans: two in each sentence, one more predicted where the system is wrong."""
    counts = np.zeros((*right.shape, 8))
    counts[..., 0], counts[..., 1], counts[..., 2] = 1 + right, 3 - right, 2
    return counts


def cases() -> dict[str, tuple[str, str, int, float, Callable[[Counts], Counts], int]]:
    """Of each case the form, the metric, runs of each system, spread of runs, how counts are made, questions a passage."""
    return {
        "labels, one run (McNemar)": ("labels", "accuracy", 1, 0.0, labels, 1),
        "labels, three runs": ("labels", "accuracy", 3, 0.2, labels, 1),
        "labels, three runs that hardly differ": ("labels", "accuracy", 3, 0.02, labels, 1),
        "labels, first of three runs": ("labels", "accuracy", 1, 0.2, labels, 1),
        "spans, one run": ("tags", "f1", 1, 0.0, spans, 1),
        "spans, three runs": ("tags", "f1", 3, 0.2, spans, 1),
        "spans, five runs": ("tags", "f1", 5, 0.2, spans, 1),
        "answers, passages of five drawn together": ("answers", "f1", 1, 0.0, lambda r: answers(r, 5), 5),
        "answers, passages of five taken apart": ("answers", "f1", 1, 0.0, lambda r: answers(r, 1), 5),
    }


def levels(draws: int, items: int = 400) -> pd.DataFrame:
    """False positives at 5 % where systems do not differ, and coverage of 95 % intervals of a true difference."""
    rows = []
    for name, (form, metric, runs, sd, make, size) in cases().items():
        rng, tests = np.random.default_rng(len(rows)), np.zeros(2)
        for skill in (0.5, 0.7):
            truth = 100 * _expected(form, metric, skill, sd, make) - 100 * _expected(form, metric, 0.5, sd, make)
            for _ in range(draws):
                difficulty = np.repeat(rng.normal(size=items // size), size)
                know = [
                    np.repeat(rng.normal(size=items // size), size) * (size > 1) for _ in range(2)
                ]  # of the passage
                both = [make(drawn(rng, runs, difficulty + k, s, sd)) for k, s in zip(know, (skill, 0.5), strict=True)]
                found = paired(form, *both, 500, rng)[metric]  # type: ignore[arg-type]
                low, high = np.quantile(found.replicates + found.of_runs(rng), [0.025, 0.975])
                tests += (skill == 0.5 and found.p < 0.05, skill == 0.7 and size == 1 and low <= truth <= high)
        level, cover = tests / draws
        error = [np.sqrt(v * (1 - v) / draws) for v in (level, cover)]
        rows.append((name, draws, level, error[0], cover if size == 1 else np.nan, error[1] if size == 1 else np.nan))
    return pd.DataFrame(rows, columns=["case", "draws", "level", "level_error", "coverage", "coverage_error"])


def _expected(form: str, metric: str, skill: float, sd: float, make: Callable[[Counts], Counts]) -> float:
    """The metric of very many items, as a share, of a system of that skill."""
    rng = np.random.default_rng(0)
    right = (rng.normal(size=400_000) < skill + rng.normal(0, sd, 400_000) - rng.normal(size=400_000)).astype(float)
    sums = make(right[None, :400_000]).sum(axis=1)[0]
    return float(scores.values(form, sums)[metric]) / 100  # type: ignore[arg-type]


def main() -> None:
    """Write both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("masakhaner", type=Path, nargs="?")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=HERE)
    chosen = parser.parse_args()
    if chosen.masakhaner is not None:
        table = published(chosen.masakhaner / "runs")
        store.write(chosen.output / "masakhaner.csv", table.to_csv(index=False, float_format="%.4g"))
    if chosen.draws:
        store.write(chosen.output / "levels.csv", levels(chosen.draws).to_csv(index=False, float_format="%.4g"))


if __name__ == "__main__":
    main()
