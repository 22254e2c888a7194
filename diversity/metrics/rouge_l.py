"""ROUGE-L homogenisation: the mean pairwise ROUGE-L of texts, by bit-parallel longest common subsequences."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
from numpy.typing import NDArray

from diversity.metrics._words import checked, words
from diversity.types import Metric, Option

BLOCK = 2**16  # bits of texts that are compared at once: 8 kB, a number that the processor's nearest cache holds

OPTIONS = {
    "sample": Option(int, 2000),
}


def rouge_l(texts: Iterable[str], *, sample: int = 2000, rng: np.random.Generator | None = None) -> float:
    """Mean ROUGE-L F1 of the pairs of texts, 2 LCS / (|a| + |b|) in words, in [0, 1]; higher is more repetitive.

    LCS is the longest common subsequence; a text without words has 0 with any. The n (n - 1) / 2 pairs of distinct
    texts count (F1 is symmetric), so that it does not depend on n; one text has none: nan. Of more than `sample` texts
    so many are drawn by `rng` (seed 0 by default); `sample=0` takes all. Words as in `metrics/_words.py`, without
    stemming. Raises InputError for what are no texts and for a sample that is no whole number. O(pairs words^2 / 64).
    Lin 2004; Padmakumar & He 2024.

    >>> rouge_l(["the cat sat", "the dog sat", "no"])  # 2/3, 0, 0
    0.2222222222222222
    """
    size, chosen_texts = OPTIONS["sample"].checked("sample", sample), checked(texts)
    if len(chosen_texts) < 2 or size == 1:
        return float("nan")
    if 0 < size < len(chosen_texts):
        chosen = (rng or np.random.default_rng(0)).choice(len(chosen_texts), size, replace=False)
        chosen_texts = [chosen_texts[i] for i in np.sort(chosen)]
    worded = [w for text in chosen_texts if (w := words(text))]
    lengths = np.array([len(w) for w in worded])
    total = 0.0
    for start, stop in _blocks(lengths):
        block = _Block(worded[start:stop])
        for j in range(start + 1, len(worded)):
            before = min(stop, j) - start
            common = block.common(worded[j])[:before]
            total += float((2 * common / (lengths[start : start + before] + lengths[j])).sum())
    return total / (len(chosen_texts) * (len(chosen_texts) - 1) / 2)


def _blocks(lengths: NDArray[np.int_]) -> Iterator[tuple[int, int]]:
    start, bits = 0, 0
    for i, length in enumerate(lengths):
        if i > start and bits + length > BLOCK:
            yield start, i
            start, bits = i, 0
        bits += int(length)
    if len(lengths):
        yield start, len(lengths)


class _Block:
    """Texts side by side in one long number, a bit for each word, for the recurrence of Hyyro 2004 on all at once.

    Each text has whole bytes, the last bit of which is never one of its words: it takes the carry of the addition.
    """

    def __init__(self, texts: list[list[str]]) -> None:
        self.lengths = np.array([len(t) for t in texts])
        widths = self.lengths // 8 + 1
        self.starts = np.concatenate([[0], np.cumsum(widths)[:-1]])
        self.bytes = int(widths.sum())
        bits: dict[str, list[int]] = {}
        for text, start in zip(texts, self.starts * 8, strict=True):
            for k, word in enumerate(text):
                bits.setdefault(word, []).append(int(start) + k)
        self.where = {word: self._number(places) for word, places in bits.items()}
        self.body = self._number(
            [int(s) * 8 + k for s, n in zip(self.starts, self.lengths, strict=True) for k in range(n)]
        )

    def _number(self, places: list[int]) -> int:
        data = bytearray(self.bytes)
        for place in places:
            data[place >> 3] |= 1 << (place & 7)
        return int.from_bytes(data, "little")

    def common(self, text: list[str]) -> NDArray[np.int_]:
        """Length of the longest common subsequence of a text with each text of the block."""
        left, body, where = self.body, self.body, self.where
        for word in text:
            if word in where:
                matched = left & where[word]
                left = ((left + matched) | (left ^ matched)) & body
        ones = np.bitwise_count(np.frombuffer(left.to_bytes(self.bytes, "little"), dtype=np.uint8))
        return np.asarray(self.lengths - np.add.reduceat(ones, self.starts, dtype=np.int_))


METRIC = Metric(
    name="rouge_l",
    function=rouge_l,
    options=OPTIONS,
    formula="mean over pairs of texts of 2 LCS / (|a| + |b|)",
    range="[0, 1]",
    cost="O(n^2 words^2 / 64)",
    reference="Lin 2004; Padmakumar, He 2024 (homogenisation)",
    invariant_to=frozenset({"order"}),
    takes="texts",
    measures="How much of the wording two texts share, in order, on average.",
    question="words",
    use="To compare with published work on homogenisation.",
    large=(
        "Larger is more repetitive: 1 means that all texts are the same. Of 1,000 texts of each of the nine tasks: "
        "0.0484 (ccg) to 0.137 (cosmosqa)."
    ),
    larger="less diverse",
    caveats="Higher is more repetitive. Paraphrases count as different.",
)
