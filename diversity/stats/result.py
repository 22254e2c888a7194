"""What the results of `fit` and `compare` have in common: their numbers under names, their tables, their notes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

Number = str | int | float | None | Mapping[str, float | None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """Numbers as fields, the DataFrames that they come from as `tables`, and what a reader must know as `notes`."""

    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict, repr=False, compare=False)
    notes: tuple[str, ...] = field(default=(), repr=False)

    def to_dict(self) -> dict[str, Number]:
        """The numbers under their names, for JSON: what is not finite is None."""
        names = [f.name for f in fields(self) if f.name not in ("tables", "notes")]
        return {name: _finite(getattr(self, name)) for name in names}

    def record(self) -> dict[str, Number]:
        """The same as `to_dict`."""
        return self.to_dict()


def _finite(value: Number) -> Number:
    if isinstance(value, Mapping):
        return dict(value)
    return None if isinstance(value, float) and not math.isfinite(value) else value
