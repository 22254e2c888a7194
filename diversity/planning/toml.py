"""A design as a plan: commented TOML, read again by `read_plan`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from diversity.planning.design import Choice


def value(given: Any) -> str:
    """A value in TOML: texts, numbers, truth values, and lists of them.

    >>> value(["a\\"b", 3]), value(1e-5), value(True)
    ('["a\\\\"b", 3]', '1e-05', 'true')
    """
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        return json.dumps(given, ensure_ascii=False)
    if isinstance(given, list | tuple):
        return "[" + ", ".join(map(value, given)) + "]"
    return repr(given)


def toml(
    choice: Choice,
    mixtures: pd.DataFrame,
    balance: pd.DataFrame,
    power: pd.DataFrame,
    runs: Mapping[str, int],
    examples: int,
    hours: float | None,
    notes: Sequence[str],
) -> str:
    """The plan's text."""
    lines = [
        "# A plan of `diversity design`; run it with `diversity grid run PLAN --output DIR`.",
        "# Every value may be changed; what is finished in DIR and does not depend on it is not done again.",
        "",
        f"name = {value(choice.name)}",
        f"model = {value(choice.model)}  # a name, a folder, or owner/name@commit",
        f"targets = {value(list(choice.targets))}",
        f"seeds = {value(list(range(1, choice.seeds + 1)))}",
        f"data = {value(choice.data)}" if choice.data else '# data = "DIR"  # or --data at the command line',
        "",
        "# Declared before anything is trained: one metric, one outcome.",
        "[hypothesis]",
        f"primary_metric = {value(choice.metric)}",
        f"outcome = {value(choice.outcome)}",
        "#",
        *_comment(power, ("quantity", "value", "meaning")),
        "#",
        *_comment(balance, ("covariate", "correlation", "smd")),
        "#",
        f"# {runs['intermediate']:,} intermediate and {runs['target']:,} target trainings on {examples:,} examples"
        + (f", about {hours:,.1f} hours" if hours is not None else ""),
        *(f"# note: {n}" for n in notes),
        "",
        "[train]  # the same for every mixture, so that they differ in their tasks alone",
        f"preset = {value(choice.preset)}",
        f"sampling = {value(choice.sampling)}",
        f"examples = {choice.budget}",
        "",
        "[target]  # English only; a table of its own for one target: [target.xnli]",
        f"preset = {value(choice.preset)}",
        "",
        "[diversity]",
        f"metrics = {value(list(dict.fromkeys([choice.metric, 'cosine', 'vendi(q=2)', 'hill(q=1)'])))}",
    ]
    for row in mixtures.assign(pair=mixtures["pair"].fillna(0)).to_dict("records"):
        lines += ["", "[[mixtures]]", f"tasks = {value(list(row['tasks']))}", f"role = {value(row['role'])}"]
        if row["pair"]:
            lines.append(f"pair = {int(row['pair'])}")
        if math.isfinite(row[choice.metric]):
            lines[-1] += f"  # {choice.metric} {row[choice.metric]:.4f}"
    return "\n".join(lines) + "\n"


def _comment(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Some columns of a table as comments."""
    cells = [list(columns), *([_cell(v) for v in row] for row in table[list(columns)].itertuples(index=False))]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return ["# " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(given: Any) -> str:
    if isinstance(given, float):
        return "-" if math.isnan(given) else f"{given:.4g}"
    return str(given)
