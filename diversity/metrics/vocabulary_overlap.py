"""Vocabulary overlap: how many of the words of two sets of texts they share."""

from __future__ import annotations

from collections.abc import Iterable

from diversity.metrics._words import checked, words
from diversity.types import Metric


def vocabulary_overlap(texts: Iterable[str], reference: Iterable[str]) -> float:
    """Jaccard index of the distinct words of texts and of reference texts, in [0, 1]; nan where neither has a word.

    Words as in `metrics/_words.py`: of two languages with scripts of their own it counts little but names and digits.
    It depends on the sizes of both sets. Raises InputError for what are no texts. O(words). Jaccard 1912; Gururangan et
    al. 2020 compare domains so.

    >>> vocabulary_overlap(["the cat sat"], ["The cat ran", "the"])
    0.5
    """
    a, b = (
        {word for text in checked(given, what) for word in words(text)}
        for given, what in ((texts, "texts"), (reference, "reference texts"))
    )
    return len(a & b) / len(a | b) if a | b else float("nan")


METRIC = Metric(
    name="vocabulary_overlap",
    function=vocabulary_overlap,
    formula="|A & B| / |A | B| of the distinct words",
    range="[0, 1]",
    cost="O(words)",
    reference="Jaccard 1912; Gururangan et al. 2020",
    invariant_to=frozenset({"order", "replication"}),
    size_dependent=True,
    takes="reference_texts",
    measures="How many of their words two sets of texts share.",
    question="covariate",
    use="To check that an effect of diversity is not one of shared words.",
    large="1 means the same words, 0 none in common.",
    larger="neither more nor less diverse",
    caveats="Of a source and a target: a covariate of transfer, not a diversity.",
)
