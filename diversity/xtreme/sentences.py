"""Do two files of tags have the same sentences? Which of them differ, where both say their words."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from itertools import chain

Words = Sequence[tuple[str, ...]]
SHOWN = 6  # numbers of sentences that a message has


def differences(gold: Words, predicted: Words) -> str:
    """Which sentences are not in both, in words, numbered from 1; empty where all are the same in the same order.

    >>> differences([("a", "b"), ("c",), ("d",)], [("a", "b"), ("d",), ("e", "f")])
    "of the gold's 3 sentences 1 is not predicted (2), of the 3 predicted 1 is not in the gold (3)"
    """
    matcher = SequenceMatcher(None, list(gold), list(predicted), autojunk=False)
    changes = [code for code in matcher.get_opcodes() if code[0] != "equal"]
    if not changes:
        return ""
    lost = list(chain.from_iterable(range(first + 1, last + 1) for _, first, last, _, _ in changes))
    new = list(chain.from_iterable(range(first + 1, last + 1) for *_, first, last in changes))
    missing = f"of the gold's {len(gold):,} sentences {_numbered(lost)} not predicted{_list(lost)}"
    return f"{missing}, of the {len(predicted):,} predicted {_numbered(new)} not in the gold{_list(new)}"


def _numbered(numbers: Sequence[int]) -> str:
    return f"{len(numbers):,} {'is' if len(numbers) == 1 else 'are'}" if numbers else "none is"


def _list(numbers: Sequence[int]) -> str:
    """Numbers in parentheses, runs of them as one; those beyond the first few as a count."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    shown = [f"{first}" if first == last else f"{first} to {last}" for first, last in runs[:SHOWN]]
    more = f", and {len(runs) - SHOWN} more places" if len(runs) > SHOWN else ""
    return f" ({', '.join(shown)}{more})" if numbers else ""
