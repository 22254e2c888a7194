"""What a design is, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.display.numbers import amount, count
from diversity.display.summary import Summary
from diversity.scoring.mixtures import overlaps
from diversity.types import Mixture

if TYPE_CHECKING:
    import pandas as pd

    from diversity.planning.design import Design

IN_SD = "power in standard deviations between tasks"  # the note of a study of which no spread is known
UNLIKE = 0.25  # standardised difference of a covariate above which there is a note (Stuart 2010)
WARNED = ("no verdict", "confounded", "not alike")  # in the notes that a reader must see first


def card(design: Design) -> Summary:
    """The mixtures, the smallest effect that they can show, and what limits them."""
    roles = design.mixtures["role"].value_counts(sort=False).to_dict()
    pairs, single = int(roles.get("diverse", 0)), int(roles.get("single", 0))
    other = sum(int(n) for role, n in roles.items() if role in ("closed", "space-filling"))
    several = f"{count(pairs, 'matched pair')} of mixtures" if pairs else count(other, "mixture")
    hours = "" if design.hours is None else f", about {design.hours:,.1f} hours"
    trainings = f"{design.runs['intermediate']:,} on mixtures and {design.runs['target']:,} on targets"
    facts = [
        ("Smallest detectable effect", _least(design)),
        ("Metric", f"{design.metric}, against {design.choice.hypothesis.outcome}"),
        ("Trainings", f"{trainings}; {design.examples:,} examples{hours}"),
        ("Results", f"{design.runs['cells']:,} cells of mixture, target and seed"),
    ]
    warnings = [note for note in design.notes if any(word in note for word in WARNED)]
    return Summary(f"{several}, {count(single, 'single task')} and a baseline.", "", facts, warnings)


def _least(design: Design) -> str:
    least = design.least
    if math.isnan(least):
        return "none: this design gets no test"
    if math.isinf(least):
        return "no effect of any size is detected with 80 % power"
    assumed = any(note.startswith(IN_SD) for note in design.notes)
    unit = "standard deviations between tasks" if assumed else "points"
    pairs = design.power[design.power["quantity"] == "minimum detectable difference"]["value"]
    between = [f", {amount(v)} between pairs" for v in pairs if math.isfinite(v)]
    return f"{amount(least)} per standard deviation of diversity{''.join(between)}, in {unit}, with 80 % power"


# --- Notes -------------------------------------------------------------------------------------------


def shared_rows(table: pd.DataFrame) -> list[str]:
    """Mixtures whose tasks share rows."""
    mixtures = zip(table["mixture"], table["tasks"], strict=True)
    return [f"{name}: {pair}" for name, tasks in mixtures for pair in overlaps(Mixture.of(tasks))]


def not_described(names: Sequence[str]) -> list[str]:
    """What a plan needs before it can be trained, where texts alone are given of some of its tasks."""
    known = catalog.names("tasks")
    unknown = [name for name in names if name not in known]
    what = "is a set of texts" if len(unknown) == 1 else "are sets of texts"
    return [f"{', '.join(unknown)} {what}, and no task: the plan runs when tasks of that name are described"] * bool(
        unknown
    )


def unlike(balance: pd.DataFrame) -> list[str]:
    """What diverse and homogeneous mixtures differ in besides diversity."""
    rows = balance[(balance["covariate"] != "diversity") & (balance["smd"].abs() > UNLIKE)]
    return [
        f"diverse and homogeneous mixtures are not alike in {name}: they differ by {smd:+.2g} standard deviations"
        for name, smd in zip(rows["covariate"], rows["smd"], strict=True)
    ]


def one_sided(table: pd.DataFrame) -> list[str]:
    """Tasks whose own effect could be taken for that of diversity: on one side of most of the matched pairs."""
    sides = [table.loc[table["role"] == role, "tasks"] for role in ("diverse", "homogeneous")]
    names = sorted({task for side in sides for tasks in side for task in tasks})
    notes = []
    for name in names:
        one, other = (sum(name in tasks for tasks in side) for side in sides)
        if 2 * abs(one - other) > len(sides[0]):
            notes.append(f"{name} is in {one} diverse and {other} homogeneous mixtures: its own effect is confounded")
    return notes
