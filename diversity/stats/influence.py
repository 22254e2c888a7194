"""Does one task, language, target or mixture carry the finding? Each is dropped in turn."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats.model import Tester
from diversity.stats.multimembership import basis
from diversity.studies.study import FEWEST, Study
from diversity.types import Array, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd


def table(study: Study, tester: Tester) -> pd.DataFrame:
    """Slope with each task, target and language left out: `kind, dropped, slope, low, high, p, turned, mixtures, note`.

    Diversity stays in standard deviations of the whole study; by the primary test. `turned` says that the slope has the
    other sign and that its interval leaves 0 out: a slope of the other sign that cannot be told from 0 is no finding. nan,
    with the reason as `note`, where what is left cannot be tested.
    """
    import pandas as pd

    whole = _slopes(study, study.y[:, None], tester)[0]
    rows: list[tuple[object, ...]] = [("none", "", *whole, False, len(study.mixtures), "")]
    for index, task in enumerate(study.tasks):
        rows.append(("task", task, *_without_task(study, index, tester, whole[0])))
    dropped = list(_dropped(study))
    outcomes = [part.y for _, _, part in dropped if part is not None]
    slopes = iter(_slopes(study, np.column_stack(outcomes), tester) if outcomes else [])
    for kind, name, part in dropped:
        if part is None:
            rows.append((kind, name, *[math.nan] * 4, False, 0, "too little is left"))
        else:
            slope = next(slopes)
            rows.append((kind, name, *slope, _turned(slope, whole[0]), len(part.mixtures), ""))
    return pd.DataFrame(rows, columns=["kind", "dropped", "slope", "low", "high", "p", "turned", "mixtures", "note"])


def _slopes(study: Study, outcomes: Array, tester: Tester) -> list[tuple[float, ...]]:
    e = tester.estimates(study, outcomes, tester.analysis.covariates, few=True)
    return [tuple(map(float, numbers)) for numbers in zip(e.slope, e.low, e.high, e.p, strict=True)]


def _without_task(study: Study, index: int, tester: Tester, whole: float) -> tuple[object, ...]:
    keep = study.weights[:, index] == 0
    try:
        if keep.sum() < FEWEST:
            raise InputError("too little is left")
        part = study.some(keep)
        estimates = tester.estimates(part, part.y[:, None], tester.analysis.covariates, few=True)
        slope = tuple(float(v[0]) for v in (estimates.slope, estimates.low, estimates.high, estimates.p))
        return (*slope, _turned(slope, whole), int(keep.sum()), estimates.choice.why)
    except InputError as error:
        return (*[math.nan] * 4, False, int(keep.sum()), str(error))


def _turned(slope: tuple[float, ...], whole: float) -> bool:
    """Has the slope the other sign, with an interval that leaves 0 out?"""
    value, low, high, _ = slope
    return value * whole < 0 and (low > 0 or high < 0)


def _dropped(study: Study) -> Iterator[tuple[str, str, Study | None]]:
    """The study without each target and language: the same mixtures with another outcome."""
    if len(study.targets) > 1:
        for target in study.targets:
            yield "target", target, study.of_targets([t for t in study.targets if t != target])
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
