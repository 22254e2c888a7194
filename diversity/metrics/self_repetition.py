"""Self-repetition: the share of texts that say, word for word, something that another text says."""

from __future__ import annotations

from collections.abc import Iterable

from diversity.metrics._words import checked, grams, words
from diversity.types import Metric, Option

OPTIONS = {
    "n": Option(int, 4, low=1),
}


def self_repetition(texts: Iterable[str], *, n: int = 4) -> float:
    """Share of the texts with an n-gram of words that occurs in another of them too, in [0, 1]; higher is more repetitive.

    Words as in `metrics/_words.py`. A text of fewer than n words repeats nothing; one that repeats itself alone does
    not count; it grows with the number of texts. Raises InputError for what are no texts and for n that is no whole
    number above 0. O(words). After Salkar et al. 2022, who look at the n-grams of four words and more that several
    outputs share; their score takes logarithms of the counts, so that its values are others.

    >>> self_repetition(["one two three four", "zero one two three four", "four three two one", "one"])
    0.5
    """
    order, given = OPTIONS["n"].checked("n", n), checked(texts)
    owner, repeated = dict[tuple[str, ...], int](), set[int]()
    for i, text in enumerate(given):
        for gram in grams(words(text), order):
            first = owner.setdefault(gram, i)
            if first != i:
                repeated |= {first, i}
    return len(repeated) / len(given)


METRIC = Metric(
    name="self_repetition",
    function=self_repetition,
    options=OPTIONS,
    formula="texts with an n-gram of another text / texts",
    range="[0, 1]",
    cost="O(words)",
    reference="Salkar et al. 2022",
    invariant_to=frozenset({"order"}),
    size_dependent=True,
    takes="texts",
    measures="The share of texts that repeat, word for word, something that another text says.",
    question="words",
    use="To find copied passages and templates.",
    large=(
        "Larger is more repetitive: 1 means that every text repeats something. Of 1,000 texts of each of the nine "
        "tasks: 0.072 (ccg) to 0.98 (cosmosqa)."
    ),
    larger="less diverse",
    caveats="Higher is more repetitive. It grows as texts are added.",
)
