"""What scores say, in a sentence."""

from __future__ import annotations

from collections.abc import Mapping

COSINE, NUMBER, TASKS = "cosine", "vendi(q=2)", "vendi_beta(q=2)"  # the metrics that have words


def sentence(scores: Mapping[str, float], parts: int = 1) -> str:
    """What the scores of a mixture of so many parts say, by metric; empty where none of them has words.

    >>> sentence({"cosine": 0.9337, "vendi(q=2)": 84.66})
    'Two texts differ by 0.93 on average, and all are as varied as 85 equally common, unrelated ones.'
    >>> sentence({"vendi_beta(q=2)": 2.0546}, parts=3)
    'Its 3 parts count as 2.05 unrelated ones.'
    """
    said = []
    if COSINE in scores:
        said.append(f"two texts differ by {scores[COSINE]:.2f} on average")
    if NUMBER in scores:
        whose = "all are" if said else "the texts are"
        said.append(f"{whose} as varied as {scores[NUMBER]:,.0f} equally common, unrelated ones")
    if TASKS in scores and parts > 1:
        said.append(f"its {parts} parts count as {scores[TASKS]:.2f} unrelated ones")
    if not said:
        return ""
    text = f"{', '.join(said[:-1])}, and {said[-1]}" if len(said) > 1 else said[0]
    return f"{text[0].upper()}{text[1:]}."
