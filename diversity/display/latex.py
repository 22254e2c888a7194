"""Tables for a paper: booktabs, numbers in siunitx columns."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diversity.display.columns import Column, shown

if TYPE_CHECKING:
    import pandas as pd

NUMBER = re.compile(r"-?[\d,]*\.?\d+")


def latex(table: pd.DataFrame, *, caption: str, short: str = "", label: str = "", points: bool = True,
          level: str = "95 %", alike: bool = True) -> str:  # fmt: skip
    r"""A table in LaTeX, its names and numbers as a reader wants them: needs booktabs and siunitx.

    `short` is the caption in the list of tables, `label` stands after `tab:`.

    >>> import pandas as pd
    >>> print(latex(pd.DataFrame({"method": ["OLS"], "slope": [-0.71], "p": [0.574]}), caption="Slopes.", label="slopes"))
    % needs \usepackage{booktabs,siunitx}
    \begin{table}[tbp]
    \centering
    \caption{Slopes.}
    \label{tab:slopes}
    \begin{tabular}{lS[table-format=-1.2]r}
    \toprule
    {method} & {slope} & {p} \\
    \midrule
    OLS & -0.71 & .57 \\
    \bottomrule
    \end{tabular}
    \end{table}
    <BLANKLINE>
    """
    columns = shown(table, points=points, level=level, alike=alike)
    rows = zip(*(_cells(c) for c in columns), strict=True)
    named = f"[{text(short)}]" if short else ""
    lines = [
        r"% needs \usepackage{booktabs,siunitx}", r"\begin{table}[tbp]", r"\centering",
        rf"\caption{named}{{{text(caption)}}}", *([rf"\label{{tab:{label}}}"] if label else []),
        rf"\begin{{tabular}}{{{''.join(map(_align, columns))}}}", r"\toprule",
        " & ".join(f"{{{text(c.heading)}}}" for c in columns) + r" \\", r"\midrule",
        *(" & ".join(row) + r" \\" for row in rows), r"\bottomrule", r"\end{tabular}", r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _plain(column: Column) -> list[str] | None:
    """The cells of a column that are numbers for siunitx; None where it has others than numbers and dashes."""
    known = [c.replace(",", "") for c in column.cells if c != "–"]
    whole = column.numeric and known and all(NUMBER.fullmatch(c) and not c.startswith(".") for c in known)
    return known if whole else None


def _align(column: Column) -> str:
    known = _plain(column)
    if known is None:
        return "r" if column.numeric else "l"
    minus = "-" if any(c.startswith("-") for c in known) else ""
    whole = max(len(c.lstrip("-").partition(".")[0]) for c in known)
    decimals = max(len(c.partition(".")[2]) for c in known)
    return f"S[table-format={minus}{whole}{f'.{decimals}' if decimals else ''}]"


def _cells(column: Column) -> Sequence[str]:
    if _plain(column) is not None:
        return ["{--}" if c == "–" else c.replace(",", "") for c in column.cells]
    if not column.numeric:
        return [{"–": "--"}.get(c, text(c)) for c in column.cells]
    return [_number(c) for c in column.cells]


def _number(shown: str) -> str:
    """A cell of a column that is not of plain numbers: intervals, p-values, numbers without bounds."""
    if shown == "–":
        return "--"
    if NUMBER.fullmatch(shown) and not shown.startswith("-"):
        return shown
    ends = [end.replace("∞", r"\infty").replace(",", "") for end in shown.split(" to ")]
    return f"${ends[0]}$" if len(ends) == 1 else f"$[{', '.join(ends)}]$"


def text(plain: str) -> str:
    r"""Text with LaTeX's own characters escaped.

    >>> print(text("50 % of a_b"))
    50 \% of a\_b
    """
    special = {c: f"\\{c}" for c in "&%$#_{}"} | {
        "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "²": r"\textsuperscript{2}",
        "∞": r"$\infty$", "–": "--", "<": r"$<$", ">": r"$>$",
    }  # fmt: skip
    return "".join(special.get(c, c) for c in plain)
