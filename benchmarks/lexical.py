"""Self-BLEU and ROUGE-L beside nltk and rouge-score, on questions of CommonsenseQA: times, ratios, equality of values.

Run in an environment that has both peers: `pip install nltk==3.10.4 rouge-score==0.1.2`, then
`python benchmarks/lexical.py --data DIR`, DIR holding `commonsenseqa/` as released. The peers get the words that this
package finds, so that only the arithmetic is compared.
"""

from __future__ import annotations

import argparse
import itertools
import platform
import time
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import numpy as np

from diversity import catalog
from diversity.data import sources
from diversity.metrics._words import words
from diversity.metrics.rouge_l import rouge_l
from diversity.metrics.self_bleu import self_bleu
from diversity.types import Rows


def texts(data: Path, size: int) -> list[str]:
    task = catalog.task("commonsenseqa")
    rows = sources.rows(task, Rows.of(data, split="train", limit=size))
    return [sources.text_of(e, task.fields) for e in rows]


def nltk_self_bleu(given: list[str]) -> float:
    from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu

    smoothing, told = SmoothingFunction().method1, [words(t) for t in given]
    scores = [sentence_bleu(told[:i] + told[i + 1 :], w, smoothing_function=smoothing) for i, w in enumerate(told)]
    return float(np.mean(scores))


class Words:
    """The package's words, in the form that rouge-score asks for."""

    def tokenize(self, text: str) -> list[str]:
        """Words of a text."""
        return words(text)


def rouge_score_l(given: list[str]) -> float:
    from rouge_score.rouge_scorer import RougeScorer

    scorer = RougeScorer(["rougeL"], tokenizer=Words())
    return float(np.mean([scorer.score(a, b)["rougeL"].fmeasure for a, b in itertools.combinations(given, 2)]))


def timed(function: Callable[[list[str]], float], given: list[str], repeats: int) -> tuple[float, float]:
    """The value and the least wall time of some runs, in seconds."""
    least = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        value = function(given)
        least = min(least, time.perf_counter() - start)
    return value, least


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder that holds commonsenseqa/")
    parser.add_argument("--sizes", type=int, nargs="+", default=[200, 500], help="numbers of texts")
    args = parser.parse_args()
    versions = ", ".join(f"{p} {metadata.version(p)}" for p in ("nltk", "rouge-score", "numpy"))
    print(f"Python {platform.python_version()}, {versions}; one process; best of 3 runs here, one of the peer")
    print(f"{'metric':<10}{'texts':>6}{'words':>8}{'here s':>10}{'peer s':>10}{'ratio':>8}  {'value':<10}difference")
    pairs = (("self_bleu", self_bleu, nltk_self_bleu), ("rouge_l", rouge_l, rouge_score_l))
    for name, here, peer in pairs:
        for size in args.sizes:
            given = texts(args.data, size)
            count = sum(len(words(t)) for t in given)
            value, mine = timed(here, given, 3)
            other, theirs = timed(peer, given, 1)
            columns = f"{mine:>10.4f}{theirs:>10.2f}{theirs / mine:>8.0f}  {value:<10.6f}{value - other:.1e}"
            print(f"{name:<10}{size:>6}{count:>8}{columns}", flush=True)


if __name__ == "__main__":
    main()
