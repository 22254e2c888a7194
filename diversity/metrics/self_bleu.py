"""Self-BLEU: the mean BLEU of each text against all the others, in linear time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from diversity.metrics._words import checked, grams, words
from diversity.types import Array, Metric, Option

EPSILON = 0.1  # Chen & Cherry 2014, smoothing 1: the count that stands for no match

OPTIONS = {
    "n": Option(int, 4, low=1),
}


def self_bleu(texts: Iterable[str], *, n: int = 4) -> float:
    """Mean BLEU of order n of each text with all other texts as its references, in [0, 1]; higher is more repetitive.

    Sentence BLEU with equal weights of the orders 1 .. n, matches clipped at the largest count in one other text, the
    brevity penalty by the other text nearest in length (the shorter of two), and smoothing 1 of Chen & Cherry 2014: an
    order without a match counts 0.1 matches. A text without a word in common with another has 0; one text has no other:
    nan. That is nltk's `sentence_bleu` with `SmoothingFunction().method1`, which takes O(texts^2): here O(n words), as
    of each n-gram only its two largest counts over the texts are needed. Words as in `metrics/_words.py`; it grows with
    the number of texts. Raises InputError for what are no texts and for n that is no whole number above 0. Zhu et al.
    2018.

    >>> round(self_bleu(["the cat sat here", "the cat sat there"]), 4)
    0.3976
    """
    order, worded = OPTIONS["n"].checked("n", n), [words(text) for text in checked(texts)]
    if len(worded) < 2:
        return float("nan")
    lengths = np.array([len(text) for text in worded], dtype=float)
    matches = np.stack([_matches(worded, k) for k in range(1, order + 1)], axis=1)
    possible = np.maximum(lengths[:, None] - np.arange(order), 1)
    precisions = np.where(matches > 0, matches, EPSILON) / possible
    brevity = np.exp(np.minimum(1 - _nearest(lengths) / np.maximum(lengths, 1), 0))
    scores = brevity * np.exp(np.log(precisions).mean(axis=1))
    return float(np.where(matches[:, 0] > 0, scores, 0.0).mean())


def _matches(worded: list[list[str]], n: int) -> Array:
    """Clipped matches of each text's n-grams with the other texts: of a gram, at most its largest count in one of them."""
    counts = [Counter(grams(text, n)) for text in worded]
    best: dict[tuple[str, ...], tuple[int, int, int]] = {}  # the largest count, whose it is, the second largest
    for i, own in enumerate(counts):
        for gram, k in own.items():
            top, owner, second = best.get(gram, (0, -1, 0))
            if k > top:
                best[gram] = k, i, top
            elif k > second:
                best[gram] = top, owner, k
    total = np.zeros(len(worded))
    for i, own in enumerate(counts):
        for gram, k in own.items():
            top, owner, second = best[gram]
            total[i] += min(k, second if owner == i else top)
    return total


def _nearest(lengths: Array) -> Array:
    """For each text the length of the other text that is nearest to its own, the shorter of two."""
    values, place, count = np.unique(lengths, return_inverse=True, return_counts=True)
    nearest = values.copy()
    for j in np.flatnonzero(count == 1):
        below, above = values[j - 1] if j else -np.inf, values[j + 1] if j + 1 < len(values) else np.inf
        nearest[j] = below if values[j] - below <= above - values[j] else above
    return np.asarray(nearest[place])


METRIC = Metric(
    name="self_bleu",
    function=self_bleu,
    options=OPTIONS,
    formula="mean over texts of BLEU-n against all other texts, smoothing 1",
    range="[0, 1]",
    cost="O(n words)",
    reference="Zhu et al. 2018",
    invariant_to=frozenset({"order"}),
    size_dependent=True,
    takes="texts",
    measures="How well each text can be pieced together from phrases of the others.",
    question="words",
    use="To compare with published work on generated text.",
    large=(
        "Larger is more repetitive: 1 means that all texts are the same. Of 1,000 texts of each of the nine tasks: "
        "0.148 (commonsenseqa) to 0.849 (squad_v2)."
    ),
    larger="less diverse",
    caveats="Higher is more repetitive. It grows as texts are added.",
)
