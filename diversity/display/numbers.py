"""Numbers as a reader wants them: one decimal for points, two for p, words where there is no number."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVELS = (0.01, 0.05, 0.1)  # a p-value beside one of them is shown with more digits


def number(value: float, digits: int = 3) -> str:
    """A number with so many significant digits; `unknown` where there is none, and no minus before a zero.

    >>> number(0.12345), number(-0.0), number(float("nan")), number(float("-inf"))
    ('0.123', '0', 'unknown', 'minus infinity')
    """
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    return f"{value + 0.0:.{digits}g}" if value else "0"


def signed(value: float, digits: int = 3) -> str:
    """The same with its sign.

    >>> signed(0.5), signed(-0.5), signed(-0.0)
    ('+0.5', '-0.5', '0')
    """
    return f"+{number(value, digits)}" if value > 0 and math.isfinite(value) else number(value, digits)


def amount(value: float, *, points: bool = True) -> str:
    """A value of the outcome: points of 100 with one decimal, more where that would be 0; other units with three digits.

    >>> amount(-0.7115), amount(0.0123), amount(0.012345, points=False), amount(-0.0)
    ('-0.7', '0.012', '0.0123', '0')
    """
    if not points or not 0.05 <= abs(value) < 1e5:
        return number(value, 2 if points else 3)
    return f"{value:.1f}"


def interval(low: float, high: float, *, points: bool = True) -> str:
    """The ends of an interval with as many digits as tell them apart, and in words where they are not finite.

    >>> interval(-1.0, 2.5), interval(1.00001, 1.00002), interval(-math.inf, math.inf), interval(-math.inf, 2.0)
    ('-1.0 to 2.5', '1.00001 to 1.00002', 'without bounds', 'up to 2.0')
    >>> interval(-0.12, -0.032), interval(0.012, 2.5), interval(0.00001, 2.5)
    ('-0.12 to -0.03', '0.01 to 2.50', '1e-05 to 2.5')
    """
    if math.isnan(low) or math.isnan(high):
        return "unknown"
    if math.isinf(low) and math.isinf(high):
        return "without bounds"
    if math.isinf(low) or math.isinf(high):
        return f"up to {amount(high, points=points)}" if math.isinf(low) else f"{amount(low, points=points)} or more"
    ends = amount(low, points=points), amount(high, points=points)
    smallest = min(abs(low) or math.inf, abs(high) or math.inf)
    if points and 0.0005 <= smallest < 0.05 and max(abs(low), abs(high)) < 1e5:  # both to the same decimals
        decimals = 2 if smallest >= 0.005 else 3
        ends = (f"{low:.{decimals}f}" if low else "0", f"{high:.{decimals}f}" if high else "0")
    digits = 3
    while ends[0] == ends[1] and low != high and digits < 16:
        ends, digits = (number(low, digits), number(high, digits)), digits + 1
    return f"{ends[0]} to {ends[1]}"


def count(n: int, noun: str) -> str:
    """A number of things.

    >>> count(1, "mixture"), count(1200, "task")
    ('1 mixture', '1,200 tasks')
    """
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def listed(words: Sequence[str], last: str = "and") -> str:
    """Words in a row, the last one after `and` or `or`.

    >>> listed(["1", "2", "9"], "or"), listed(["1", "2"]), listed(["1"])
    ('1, 2 or 9', '1 and 2', '1')
    """
    *first, end = words
    return f"{', '.join(first)} {last} {end}" if first else end


def level(alpha: float) -> str:
    """The level of intervals whose tests are at alpha.

    >>> level(0.05), level(0.1), level(0.01)
    ('95 %', '90 %', '99 %')
    """
    return f"{number(100 * (1 - alpha), 6)} %"


def p_value(p: float) -> str:
    """A p-value with two decimals; more where it is small, or beside a usual level.

    >>> p_value(0.574), p_value(0.004), p_value(0.0496), p_value(1e-9), p_value(1.0)
    ('p = .57', 'p = .004', 'p = .0496', 'p < .001', 'p > .99')
    """
    text = probability(p)
    return f"p {text}" if text[0] in "<>" else f"p = {text}"


def probability(p: float) -> str:
    """The same without its name.

    >>> probability(0.574), probability(1e-9), probability(math.nan)
    ('.57', '< .001', 'unknown')
    """
    if math.isnan(p):
        return "unknown"
    if p < 0.001:
        return "< .001"
    if p > 0.995:
        return "> .99"
    for digits in (3,) if p < 0.01 else (2, 3, 4):
        text = f"{p:.{digits}f}"
        if float(text) not in LEVELS or math.isclose(p, float(text)):
            break
    return text.removeprefix("0")


def cell(value: object) -> str:
    """A value of a table: numbers to four significant digits, a dash where there is none.

    >>> cell(0.123456), cell(1234567), cell(float("nan")), cell(12.0), cell(123456.789), cell(float("inf"))
    ('0.1235', '1,234,567', '–', '12', '123,457', '∞')
    """
    import numpy as np

    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return "–"
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        shown = float(value)
        if np.isinf(shown):
            return "∞" if shown > 0 else "-∞"
        return f"{shown:,.0f}" if abs(shown) >= 10_000 else f"{shown:.4g}"
    return " + ".join(map(cell, value)) if isinstance(value, list | tuple) else str(value)
