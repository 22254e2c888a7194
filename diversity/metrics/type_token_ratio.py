"""Type-token ratio: the share of a set's words that are different."""

from __future__ import annotations

from collections.abc import Iterable

from diversity.metrics.distinct_n import distinct_n
from diversity.types import Metric


def type_token_ratio(texts: Iterable[str]) -> float:
    """Distinct words over all words of the texts together, in (0, 1]; nan for texts without a word.

    Words as in `metrics/_words.py`; `distinct_n(n=1)` by its older name. It falls with the number of words. Raises
    InputError for what are no texts. O(words). Templin 1957.

    >>> type_token_ratio(["the cat sat", "The dog sat"])
    0.6666666666666666
    """
    return distinct_n(texts, n=1)


METRIC = Metric(
    name="type_token_ratio",
    function=type_token_ratio,
    formula="distinct words / words",
    range="(0, 1]",
    cost="O(words)",
    reference="Templin 1957",
    invariant_to=frozenset({"order"}),
    size_dependent=True,
    takes="texts",
    measures="The share of all words that are different words.",
    question="words",
    use="A plain measure of vocabulary, without an encoder.",
    large=(
        "1 means that no word occurs twice. Of 1,000 texts of each of the nine tasks: 0.0618 (squad_v2) to 0.314 (ccg)."
    ),
    caveats="It falls quickly as texts are added: compare equal numbers of words.",
)
