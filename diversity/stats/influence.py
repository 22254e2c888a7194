"""Does one task, language, target or mixture carry the finding? Each is dropped in turn."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats.model import design_matrix
from diversity.stats.multimembership import basis, slopes
from diversity.stats.study import FEWEST, Study
from diversity.types import Array, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd


def table(study: Study, covariates: Sequence[str] = ()) -> pd.DataFrame:
    """Slope with each task, target and language left out: `kind, dropped, slope, low, high, p, same_sign, mixtures`.

    Diversity stays in standard deviations of the whole study, slopes are by REML; nan, with the reason as
    `note`, where what is left cannot be fitted.
    """
    import pandas as pd

    whole = _slope(study, covariates)
    rows: list[tuple[object, ...]] = [("none", "", *whole, True, len(study.mixtures), "")]
    for kind, name, part in _dropped(study):
        try:
            if part is None or len(part.mixtures) < FEWEST:
                raise InputError("too little is left")
            slope = _slope(part, covariates)
            rows.append((kind, name, *slope, slope[0] * whole[0] > 0, len(part.mixtures), ""))
        except InputError as error:
            count = 0 if part is None else len(part.mixtures)
            rows.append((kind, name, *[math.nan] * 4, False, count, str(error)))
    return pd.DataFrame(rows, columns=["kind", "dropped", "slope", "low", "high", "p", "same_sign", "mixtures", "note"])


def _slope(study: Study, covariates: Sequence[str]) -> tuple[float, float, float, float]:
    fitted = slopes(study.weights, study.z, study.y, design_matrix(study, covariates).fixed)
    low, high = fitted.interval()
    return float(fitted.slope[0]), float(low[0]), float(high[0]), float(fitted.p()[0])


def _dropped(study: Study) -> Iterator[tuple[str, str, Study | None]]:
    for index, task in enumerate(study.tasks):
        keep = study.weights[:, index] == 0
        yield "task", task, study.some(keep) if keep.any() else None
    if len(study.targets) > 1:
        for target in study.targets:
            yield "target", target, replace(study, targets=tuple(t for t in study.targets if t != target))
    languages = study.cells.columns.get_level_values("language")
    for language in dict.fromkeys(languages) if languages.nunique() > 1 else ():
        cells = study.cells.loc[:, languages != language]
        targets = tuple(t for t in study.targets if t in cells.columns.get_level_values("target"))
        yield "language", str(language), replace(study, cells=cells, targets=targets) if targets else None


def cooks_distance(x: Array, y: Array, fixed: Array) -> Array:
    """Cook's distance of each mixture (M,) in the ordinary regression of y on x and the fixed effects (M, c).

    e^2 h / (p s^2 (1 - h)^2): leverage h, residual e, p coefficients. Cook 1977. nan where a mixture is fitted exactly.
    """
    q = basis(np.column_stack([fixed, x]))
    leverage, residual = (q**2).sum(axis=1), y - q @ (q.T @ y)
    free = np.where(leverage < 1 - 1e-9, 1 - leverage, np.nan)
    variance = float(residual @ residual) / max(len(y) - q.shape[1], 1)
    return np.asarray(residual**2 * leverage / (q.shape[1] * (variance or math.nan) * free**2))


def mixtures(study: Study, fixed: Array) -> pd.DataFrame:
    """Mixtures by Cook's distance, the greatest first: `mixture, diversity, outcome, cooks_distance`."""
    import pandas as pd

    distance = cooks_distance(study.z, study.y, fixed)
    table = pd.DataFrame(
        {"mixture": study.mixtures, "diversity": study.x, "outcome": study.y, "cooks_distance": distance}
    )
    return table.sort_values("cooks_distance", ascending=False, ignore_index=True)
