"""What the results of `fit` and `compare` have in common: their numbers under names, their tables, their notes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from diversity.display import numbers
from diversity.display.latex import latex
from diversity.display.summary import Shown

if TYPE_CHECKING:
    import pandas as pd

Number = str | int | float | None | Mapping[str, float | None] | Sequence[str]


@dataclass(frozen=True, kw_only=True, repr=False)
class Result(Shown):
    """Numbers as fields, the DataFrames that they come from as `tables`, and what a reader must know as `notes`.

    Where a plan binds the analysis, `plan` is the hash of what it declares, `frozen` the date of that, `deviations` what is
    done otherwise, and `exploratory` says that this was chosen.
    """

    plan: str = field(default="", repr=False)
    frozen: str = field(default="", repr=False)
    exploratory: bool = False
    deviations: tuple[str, ...] = field(default=(), repr=False)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)
    notes: tuple[str, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Number]:
        """The numbers under their names, for JSON: what is not finite is None; what a plan says, where one binds."""
        unsaid = (
            ("tables", "notes") if self.plan else ("tables", "notes", "plan", "frozen", "exploratory", "deviations")
        )
        names = [f.name for f in fields(self) if f.name not in unsaid]
        return {name: _finite(getattr(self, name)) for name in names}

    def to_latex(self, caption: str = "", label: str = "") -> str:
        """The table of the result in LaTeX, in the units of its outcome: needs booktabs and siunitx."""
        alpha, points = getattr(self, "alpha", 0.05), bool(getattr(self, "in_points", True))
        said = caption or self.card.answer
        return latex(self.to_frame(), caption=said, label=label, points=points, level=numbers.level(alpha))

    @property
    def mark(self) -> str:
        """What a sentence of the result begins with."""
        return "Exploratory, not as the plan declares: " if self.exploratory else ""

    def record(self) -> dict[str, Number]:
        """The same as `to_dict`."""
        return self.to_dict()


def _finite(value: Number) -> Number:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
