"""Mean length of texts in words: a covariate, against which a diversity has to earn its place."""

from __future__ import annotations

from collections.abc import Iterable

from diversity.metrics._words import checked, words
from diversity.types import Metric


def mean_length(texts: Iterable[str]) -> float:
    """Mean number of words of the texts, in [0, inf).

    Words as in `metrics/_words.py`: characters in scripts without spaces, so that lengths of two languages are not
    comparable. Raises InputError for what are no texts. O(words). Shaib et al. 2024 report it beside every score.

    >>> mean_length(["the cat sat", "", "Stop!"])
    1.3333333333333333
    """
    given = checked(texts)
    return sum(len(words(text)) for text in given) / len(given)


METRIC = Metric(
    name="mean_length",
    function=mean_length,
    formula="words / texts",
    range="[0, inf)",
    cost="O(words)",
    reference="Shaib et al. 2024",
    invariant_to=frozenset({"order", "replication"}),
    takes="texts",
    measures="How many words a text has, on average.",
    question="covariate",
    use="To check that an effect of diversity is not one of length.",
    large="It depends on the kind of text. Of 1,000 texts of each of the nine tasks: 5.77 (ccg) to 145 (squad_v2).",
    larger="neither more nor less diverse",
    caveats="A covariate, not a diversity.",
)
