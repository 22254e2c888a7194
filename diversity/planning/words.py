"""What a design is, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from diversity.display.numbers import amount, count
from diversity.display.summary import Summary

if TYPE_CHECKING:
    from diversity.planning.design import Design

IN_SD = "power in standard deviations between tasks"  # the note of a study of which no spread is known
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
