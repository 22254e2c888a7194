"""A design as a plan: commented TOML, read again by `read_plan`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.catalog.own import folders

if TYPE_CHECKING:
    import pandas as pd

    from diversity.planning.choice import Training
    from diversity.planning.design import Design
    from diversity.scoring.propose import Proposal

Value = str | bool | int | float | Sequence["Value"]


def value(given: Value) -> str:
    """A value in TOML: texts, numbers, truth values, and lists of them.

    >>> value(["a\\"b", 3]), value(1e-5), value(True)
    ('["a\\\\"b", 3]', '1e-05', 'true')
    """
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, str):
        return json.dumps(given, ensure_ascii=False)
    if isinstance(given, Sequence):
        return "[" + ", ".join(map(value, given)) + "]"
    return repr(given)


def plan_text(design: Design, name: str) -> str:
    """The plan of a design, under a name."""
    hypothesis, training = design.choice.hypothesis, design.choice.training
    metrics = list(dict.fromkeys([hypothesis.metric, "cosine", "vendi(q=2)", "hill(q=1)"]))
    hours = "" if design.hours is None else f", about {design.hours:,.1f} hours"
    runs = "{intermediate:,} intermediate and {target:,} target trainings".format(**design.runs)
    lines = [
        "# A plan of `diversity design`; run it with `diversity grid run PLAN --output DIR`.",
        "# Every value may be changed; what is finished in DIR and does not depend on it is not done again.",
        "",
        *_head(name, training, hypothesis.targets, design.choice.data),
        "",
        "# Declared before anything is trained: one metric, one outcome.",
        "[hypothesis]",
        f"primary_metric = {value(hypothesis.metric)}",
        f"outcome = {value(hypothesis.outcome)}",
        "#",
        *_comment(design.power, ("quantity", "value", "meaning")),
        "#",
        *_comment(design.balance, ("covariate", "correlation", "smd")),
        "#",
        f"# {runs} on {design.examples:,} examples{hours}",
        *(f"# note: {note}" for note in design.notes),
        "",
        "[train]  # the same for every mixture, so that they differ in their tasks alone",
        f"preset = {value(training.preset)}",
        f"sampling = {value(training.sampling)}",
        f"examples = {training.budget}",
        "",
        "[target]  # English only; a table of its own for one target: [target.xnli]",
        f"preset = {value(training.preset)}",
        "",
        "[diversity]",
        f"metrics = {value(metrics)}",
    ]
    mixtures = design.mixtures.assign(pair=design.mixtures["pair"].fillna(0))
    for row in mixtures.to_dict("records"):
        lines += _mixture({str(column): cell for column, cell in row.items()}, hypothesis.metric)
    return "\n".join(lines) + "\n"


def proposal_text(diverse: Proposal, homogeneous: Proposal, *, name: str, training: Training) -> str:
    """A plan that trains a proposed mixture and its homogeneous counterpart, as a pair."""
    lines = [
        "# A plan of `diversity propose`; run it with `diversity grid run PLAN --output DIR`.",
        "# One pair of mixtures shows how a comparison is run; `diversity design` plans one that can be decided.",
        "",
        *_head(name, training, catalog.targets("xtreme")),
        "",
        "[hypothesis]",
        f"primary_metric = {value(diverse.metric)}",
        "",
        "[train]",
        f"preset = {value(training.preset)}",
        f"examples = {training.budget}",
        "",
        "[target]  # English only",
        f"preset = {value(training.preset)}",
    ]
    for role, proposal in (("diverse", diverse), ("homogeneous", homogeneous)):
        shares = ", ".join(f"{value(task)} = {share!r}" for task, share in proposal.weights.items())
        lines += ["", "[[mixtures]]", f"name = {value(role)}", f"tasks = {{ {shares} }}", f"role = {value(role)}"]
        lines.append(f"pair = 1  # {proposal.metric} {proposal.value:.4f}")
    return "\n".join(lines) + "\n"


def _head(name: str, training: Training, targets: Sequence[str], data: str | None = None) -> list[str]:
    """What is trained and on what; folders that are included now are included by the plan."""
    included = list(map(str, folders()))
    return [
        f"name = {value(name)}",
        f"model = {value(training.model)}  # a name, a folder, or owner/name@commit",
        f"targets = {value(targets)}",
        f"seeds = {value(range(1, training.seeds + 1))}",
        f"data = {value(data)}" if data else '# data = "DIR"  # or --data at the command line',
        *([f"include = {value(included)}  # tasks and metrics of one's own"] if included else []),
    ]


def _mixture(row: Mapping[str, object], metric: str) -> list[str]:
    """A mixture's table of the plan, with its diversity as a comment."""
    tasks, role, pair, diversity = row["tasks"], str(row["role"]), row["pair"], row[metric]
    assert isinstance(tasks, tuple)
    assert isinstance(pair, int)
    assert isinstance(diversity, float)
    lines = ["", "[[mixtures]]", f"tasks = {value(tasks)}", f"role = {value(role)}"]
    if pair:
        lines.append(f"pair = {pair}")
    if math.isfinite(diversity):
        lines[-1] += f"  # {metric} {diversity:.4f}"
    return lines


def _comment(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Some columns of a table as comments."""
    cells = [list(columns), *([_cell(v) for v in row] for row in table[list(columns)].itertuples(index=False))]
    widths = [max(len(row[i]) for row in cells) for i in range(len(columns))]
    return ["# " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(given: object) -> str:
    if isinstance(given, float):
        return "-" if math.isnan(given) else f"{given:.4g}"
    return str(given)
