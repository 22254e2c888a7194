"""Does one task, language, target or mixture carry the finding? Each is dropped in turn."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats.model import design
from diversity.stats.multimembership import basis, slopes
from diversity.stats.tables import FEWEST, Study
from diversity.types import Array, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd


def table(made: Study, z: Array, covariates: Sequence[str] = ()) -> pd.DataFrame:
    """Slope with each task, target and language left out: `kind, dropped, slope, low, high, p, same_sign, mixtures`.

    Diversity `z` (M,) stays in standard deviations of the whole study, slopes are by REML; nan, with the reason as
    `note`, where what is left cannot be fitted.
    """
    import pandas as pd

    whole = _slope(made, z, covariates)
    rows: list[tuple[object, ...]] = [("none", "", *whole, True, len(made.mixtures), "")]
    for kind, name, part, keep in _dropped(made):
        try:
            if part is None or len(part.mixtures) < FEWEST:
                raise InputError("too little is left")
            found = _slope(part, z[keep], covariates)
            rows.append((kind, name, *found, found[0] * whole[0] > 0, len(part.mixtures), ""))
        except InputError as error:
            count = 0 if part is None else len(part.mixtures)
            rows.append((kind, name, *[math.nan] * 4, False, count, str(error)))
    return pd.DataFrame(rows, columns=["kind", "dropped", "slope", "low", "high", "p", "same_sign", "mixtures", "note"])


def _slope(made: Study, z: Array, covariates: Sequence[str]) -> tuple[float, float, float, float]:
    found = slopes(made.weights, z, made.y, design(made, covariates).fixed)
    low, high = found.interval()
    return float(found.slope[0]), float(low[0]), float(high[0]), float(found.p()[0])


def _dropped(made: Study) -> Iterator[tuple[str, str, Study | None, Array]]:
    every = np.ones(len(made.x), dtype=bool)
    for index, task in enumerate(made.tasks):
        keep = made.weights[:, index] == 0
        yield "task", task, made.some(keep) if keep.any() else None, keep
    if len(made.targets) > 1:
        for target in made.targets:
            yield "target", target, replace(made, targets=tuple(t for t in made.targets if t != target)), every
    languages = made.cells.columns.get_level_values("language")
    for language in dict.fromkeys(languages) if languages.nunique() > 1 else ():
        cells = made.cells.loc[:, languages != language]
        targets = tuple(t for t in made.targets if t in cells.columns.get_level_values("target"))
        yield "language", str(language), replace(made, cells=cells, targets=targets) if targets else None, every


def cooks_distance(x: Array, y: Array, fixed: Array) -> Array:
    """Cook's distance of each mixture (M,) in the ordinary regression of y on x and the fixed effects (M, c).

    e^2 h / (p s^2 (1 - h)^2): leverage h, residual e, p coefficients. Cook 1977. nan where a mixture is fitted exactly.
    """
    q = basis(np.column_stack([fixed, x]))
    leverage, residual = (q**2).sum(axis=1), y - q @ (q.T @ y)
    free = np.where(leverage < 1 - 1e-9, 1 - leverage, np.nan)
    variance = float(residual @ residual) / max(len(y) - q.shape[1], 1)
    return np.asarray(residual**2 * leverage / (q.shape[1] * (variance or math.nan) * free**2))


def mixtures(made: Study, z: Array, fixed: Array) -> pd.DataFrame:
    """Mixtures by Cook's distance, the greatest first: `mixture, diversity, outcome, cooks_distance`."""
    import pandas as pd

    distance = cooks_distance(z, made.y, fixed)
    found = pd.DataFrame({"mixture": made.mixtures, "diversity": made.x, "outcome": made.y, "cooks_distance": distance})
    return found.sort_values("cooks_distance", ascending=False, ignore_index=True)
