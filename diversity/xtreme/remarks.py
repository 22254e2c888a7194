"""What a reader should know of predictions that can be scored: what is missing in them, and what cannot be right."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from diversity import catalog
from diversity.types import Predicted
from diversity.xtreme.benchmark import output_type
from diversity.xtreme.scores import Gold


class Remark(NamedTuple):
    """One remark: the task, what is remarked, and in which language how often."""

    task: str
    text: str
    where: str


def remarks_on(task: str, language: str, gold: Gold, predicted: Predicted) -> Iterator[Remark]:
    """The remarks on the predictions of a task in one language, in the forms that `scores_of` takes.

    Predicted labels, tags, line numbers and ids that are not among those of the gold are wrong whatever the item: they are
    counted, and the most frequent is shown.
    """
    form, retrieval = output_type(task), catalog.task(task).kind == "retrieval"
    if form == "answers":
        if without := sum(id not in predicted for id, _ in gold):
            yield Remark(task, "questions without an answer score 0", f"{language} {without} of {len(gold)}")
    elif form == "tags":
        yield from _strangers(task, language, "tags", chain.from_iterable(gold), chain.from_iterable(predicted))
    elif form == "pairs":
        yield from _ids(task, language, gold, predicted)
    elif retrieval:
        yield from _lines(task, language, gold, predicted)
    elif set(predicted) & set(gold):
        yield from _strangers(task, language, "labels", gold, predicted)
    elif predicted:
        where = f"{language} ({min(predicted)!r}, not {min(gold)!r})"
        yield Remark(task, "no predicted label is one of the gold labels", where)


def _strangers(task: str, language: str, noun: str, gold: Iterable[str], predicted: Iterable[str]) -> Iterator[Remark]:
    """Predicted labels that are none: those of the task are known where the gold is of the same form."""
    known, tally = set(gold), Counter(predicted)
    if known <= set(catalog.task(task).labels):
        known |= set(catalog.task(task).labels)
    others = Counter({label: count for label, count in tally.items() if label not in known})
    if others:
        yield Remark(
            task, f"predicted {noun} that are not among the gold {noun}", _shown(language, others, tally.total())
        )


def _lines(task: str, language: str, gold: Sequence[str], predicted: Sequence[str]) -> Iterator[Remark]:
    """Line numbers that are none; all of them one too high are numbers from 1."""
    known = {*gold, *map(str, range(len(gold)))}  # as many foreign sentences as English ones
    others = Counter(line for line in predicted if line not in known)
    if others:
        from_one = "0" in gold and "0" not in predicted and set(others) == {str(len(gold))}
        hint = ": they seem to be counted from 1, where the first line is 0" if from_one else ""
        yield Remark(
            task,
            f"predicted line numbers that are not among the gold's{hint}",
            _shown(language, others, len(predicted)),
        )


def _ids(
    task: str, language: str, gold: Iterable[tuple[str, str]], predicted: Iterable[tuple[str, str]]
) -> Iterator[Remark]:
    """Pairs with an id that looks like none of its side: not every sentence is in a gold pair, so a new number is none."""
    pairs, mined = list(gold), list(predicted)
    foreign, english = ({_shape(pair[side]) for pair in pairs} for side in (0, 1))
    others = [f"{a}, {b}" for a, b in mined if _shape(a) not in foreign or _shape(b) not in english]
    exchanged = sum(_shape(a) in english and _shape(b) in foreign for a, b in mined)
    if others and exchanged == len(others):
        text = "pairs with the English id first, where the foreign one is expected"
    else:
        text = "pairs with ids that are not of the form of the gold's"
    if others:
        yield Remark(task, text, _shown(language, Counter(others), len(mined)))


def _shape(id: str) -> str:
    """An id with each number as 0.

    >>> _shape("de-000123")
    'de-0'
    """
    return re.sub(r"\d+", "0", id)


def _shown(language: str, others: Counter[str], total: int) -> str:
    return f"{language} {others.total():,} of {total:,} ({others.most_common(1)[0][0]!r})"


def few(names: Collection[str]) -> str:
    """Some names in words: five, and how many more."""
    shown = list(names)
    return ", ".join(shown[:5]) + (f" and {len(shown) - 5} more" if len(shown) > 5 else "")


def joined(remarks: Sequence[Remark]) -> list[str]:
    """One note for each task and what is remarked."""
    alike = dict[tuple[str, str], list[str]]()
    for task, text, where in remarks:
        alike.setdefault((task, text), []).append(where)
    return [f"{task}: {text}: {few(where)}" for (task, text), where in alike.items()]
