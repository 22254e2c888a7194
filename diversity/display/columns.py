"""Columns of tables as a reader sees them: a name in words, and numbers in the style of their kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from diversity.display.numbers import cell, probability

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal["points", "p", "share", "number"]  # points of the outcome; p-values; shares, r and R²; any other number

# Names in words of the columns whose names in files are for programs; any other name is shown as it is.
NAMES = {
    "k": "tasks",
    "budget": "training examples",
    "se": "standard error",
    "df": "degrees of freedom",
    "p_holm": "p (Holm)",
    "p_bh": "p (Benjamini-Hochberg)",
    "p_naive": "p (as if independent)",
    "naive_low": "low (as if independent)",
    "naive_high": "high (as if independent)",
    "r2": "R²",
    "r2_leave_one_task_out": "R², each task left out",
    "r2_leave_one_target_out": "R², each target left out",
    "single_mean": "mean of its tasks alone",
    "log_budget": "log of training examples",
    "given": "allowing for",
    "detail": "shape",
    "kind": "kind",
    "dropped": "left out",
    "turned": "sign turned",
    "cooks_distance": "Cook's distance",
    "ranked_by": "ranked by",
    "ndcg": "ranking quality (NDCG)",
    "regret_at_1": "points lost, best 1",
    "regret_at_3": "points lost, best 3",
    "regret_at_5": "points lost, best 5",
    "same_sign": "same sign as the first",
    "standardised": "slope in SD of the outcome",
    "pooled": "slope drawn to the mean",
    "stratum": "matched on",
    "shared": "share in common",
    "diversity_diverse": "diversity, diverse",
    "diversity_homogeneous": "diversity, homogeneous",
    "outcome_diverse": "outcome, diverse",
    "outcome_homogeneous": "outcome, homogeneous",
    "sd": "standard deviation",
    "std": "standard deviation",
    "q": "Cochran's Q",
    "i2": "I²",
    "tau": "spread between targets",
    "new_low": "low, of a new mixture",
    "new_high": "high, of a new mixture",
    "deviations": "deviations from the median",
    "naive": "as if independent",
}
# Words in cells that are names for programs.
VALUES = {
    "k": "number of tasks",
    "log_budget": "log of training examples",
    "single_mean": "mean of its tasks alone",
    "corrected_slope": "slope without the error of the score",
    "slope_sd": "spread of the slope by that error",
    "within_seed": "spread of one seed",
}
POINTS = {
    "slope", "se", "low", "high", "difference", "pooled", "outcome", "outcome_diverse", "outcome_homogeneous", "single_mean",
    "mean", "regret_at_1", "regret_at_3", "regret_at_5", "median", "std", "estimate",
}  # fmt: skip
P_VALUES = {"p", "p_holm", "p_bh", "p_naive"}
SHARES = {"r", "r2", "r2_leave_one_task_out", "r2_leave_one_target_out", "ndcg", "shared", "standardised"}


def named(column: object) -> str:
    """The name of a column in words.

    >>> named("r2_leave_one_task_out"), named("mixture"), named("vendi_beta(q=2)")
    ('R², each task left out', 'mixture', 'vendi_beta(q=2)')
    """
    return NAMES.get(str(column), str(column))


def kind(column: object, *, points: bool = True) -> Kind:
    """What kind of number a column of that name holds; `points` where outcomes are in points of 100."""
    name = str(column)
    if name in P_VALUES:
        return "p"
    if name in SHARES:
        return "share"
    return "points" if points and name in POINTS else "number"


@dataclass(frozen=True)
class Column:
    """A column that is shown: its heading, its cells, and whether they are numbers that stand below each other."""

    heading: str
    cells: tuple[str, ...]
    numeric: bool


def shown(table: pd.DataFrame, *, points: bool = True, level: str = "95 %", alike: bool = True) -> list[Column]:
    """The columns of a table in words; neighbours `low` and `high` are one column, the interval.

    Numbers of a column have the same decimals where they are `alike`, of one kind.
    """
    columns, names = [], [str(c) for c in table.columns]
    digits = _digits(table, points) if alike else None
    place = 0
    while place < len(names):
        name, values = names[place], table.iloc[:, place]
        if name == "low" and names[place + 1 : place + 2] == ["high"]:
            low, high = (_cells(table.iloc[:, place + i], n, digits, points) for i, n in enumerate(("low", "high")))
            ends = tuple(a if a == b == "–" else f"{a} to {b}" for a, b in zip(low, high, strict=True))
            columns.append(Column(f"{level} interval", ends, True))
            place += 2
            continue
        columns.append(Column(named(name), tuple(_cells(values, name, digits, points)), _numeric(values)))
        place += 1
    return columns


def as_text(table: pd.DataFrame, *, points: bool = True, level: str = "95 %", alike: bool = True) -> str:
    """The same as aligned text for a terminal.

    >>> import pandas as pd
    >>> print(as_text(pd.DataFrame({"method": ["OLS"], "slope": [-0.71], "p": [0.574]})), end="")
      method  slope    p
      OLS     -0.71  .57
    """
    columns = shown(table, points=points, level=level, alike=alike)
    widths = [max(map(len, (c.heading, *c.cells))) for c in columns]
    lines = []
    for row in ([c.heading for c in columns], *zip(*(c.cells for c in columns), strict=True)):
        cells = [t.rjust(w) if c.numeric else t.ljust(w) for t, w, c in zip(row, widths, columns, strict=True)]
        lines.append(f"  {'  '.join(cells)}".rstrip())
    return "\n".join(lines) + "\n"


def _numeric(column: pd.Series[Any]) -> bool:
    import pandas as pd

    return bool(pd.api.types.is_numeric_dtype(column)) and not pd.api.types.is_bool_dtype(column)


def _digits(table: pd.DataFrame, points: bool) -> int:
    """Decimals of the points of a table: one, and two where all slopes are below 1."""
    import numpy as np

    names = [c for c in ("slope", "estimate", "difference") if c in table.columns]
    known = table[names[0]].to_numpy(dtype=float) if names else np.array([1.0])
    known = known[np.isfinite(known)]
    return 2 if len(known) and np.abs(known).max() < 1 else 1


def _cells(column: pd.Series[Any], name: str, digits: int | None, points: bool) -> list[str]:
    import pandas as pd

    if not _numeric(column):
        return [VALUES.get(text, text) for text in map(cell, column)]
    if digits is None or not pd.api.types.is_float_dtype(column):
        return [cell(v) for v in column]
    of = kind(name, points=points)
    if of == "p":
        return ["–" if math.isnan(v) else probability(v) for v in map(float, column)]
    if of == "share":
        return [_fixed(v, 2) for v in map(float, column)]
    if of == "points":
        return [_fixed(v, digits) for v in map(float, column)]
    return _alike(list(map(float, column)))


def _fixed(value: float, digits: int) -> str:
    return (
        f"{value:,.{digits}f}".replace("-0." + "0" * digits, "0." + "0" * digits)
        if math.isfinite(value)
        else cell(value)
    )


def _alike(values: Sequence[float]) -> list[str]:
    """As many decimals as give the greatest number four digits."""
    finite = [v for v in values if math.isfinite(v)]
    if all(v == round(v) for v in finite):
        return [cell(v) for v in values]
    digits = min(max(0, 3 - math.floor(math.log10(max(map(abs, finite))))), 4)
    texts = []
    for value in values:
        text = f"{value:,.{digits}f}" if math.isfinite(value) else cell(value)
        vanishes = math.isfinite(value) and value != 0 and not float(text.replace(",", ""))
        texts.append(f"{value:.1e}" if vanishes else text)
    return texts
