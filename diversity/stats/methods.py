"""The same slope by the methods that papers use, in one table, each with what it takes to be independent."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from diversity.stats.model import Design, Estimate
from diversity.stats.tables import Study
from diversity.types import Array

if TYPE_CHECKING:
    import pandas as pd

SHARED = "anticonservative: ignores that mixtures share tasks"
COLUMNS = ("method", "slope", "se", "low", "high", "p", "df", "primary", "note")


def table(made: Study, z: Array, laid: Design, found: Estimate, *, all_methods: bool = True) -> pd.DataFrame:
    """Slope per standard deviation of diversity `z` (M,) by each method: the columns of `COLUMNS`.

    The task-label permutation and the multi-membership model (three choices of degrees of freedom), then ordinary least
    squares with classical, heteroscedasticity-robust and cluster-robust errors (target, language, both) and a mixed
    model with a slope for each target, from statsmodels: these answer how the slope varies over targets and languages,
    not over tasks (left out without `all_methods`). Cells weigh so that each target counts once.
    """
    import pandas as pd

    rows = [*_defaults(made, laid, found), _naive(made, z)]
    if all_methods:
        rows += [*_least_squares(made, z, laid), *_clustered(made, z, laid), *_mixed(made, z, laid)]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _defaults(made: Study, laid: Design, found: Estimate) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    if math.isfinite(found.p_permutation):
        exact = "approximate" if "approximate" in found.method else "within mixtures of one size"
        rows.append((found.method, found.slope, math.nan, found.low, found.high, found.p, math.nan, True, exact))
    reml = found.reml
    choices = {
        "Satterthwaite t": float(reml.df[0]),
        "t of tasks less terms": max(len(made.tasks) - 2 - len(laid.terms), 1),
        "z": math.inf,
    }
    for name, df in choices.items():
        low, high = reml.interval(df=df)
        primary = found.method.startswith("multi") and name.startswith("Satt")
        note = {"z": "too short for few tasks", "t of tasks less terms": "conservative"}.get(name, "")
        label = f"multi-membership REML, {name}"
        ends = (float(reml.slope[0]), float(reml.se[0]), float(low[0]), float(high[0]))
        rows.append((label, *ends, float(reml.p(df)[0]), df, primary, note))
    return rows


def _naive(made: Study, z: Array) -> tuple[Any, ...]:
    return _fitted("OLS, one predictor (naive)", made.y, np.column_stack([z, np.ones_like(z)]), SHARED)


def _least_squares(made: Study, z: Array, laid: Design) -> list[tuple[Any, ...]]:
    columns = np.column_stack([z, _full_rank(laid.fixed)])
    rows = [_fitted("OLS", made.y, columns, SHARED)] if laid.terms else []
    if len(z) > columns.shape[1] + 1:
        rows.append(_fitted("OLS, HC3 errors", made.y, columns, SHARED, cov_type="HC3", use_t=True))
    return rows


def _full_rank(fixed: Array) -> Array:
    from diversity.stats.multimembership import basis

    return basis(fixed)


def _fitted(
    name: str, y: Array, columns: Array, note: str, weights: Array | None = None, **covariance: Any
) -> tuple[Any, ...]:
    from statsmodels.regression.linear_model import OLS, WLS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # perfect fits and few clusters are told by the numbers
        model = OLS(y, columns) if weights is None else WLS(y, columns, weights=weights)
        found = model.fit(**covariance)
        (low, high), df = found.conf_int()[0], getattr(found, "df_resid_inference", None) or found.df_resid
    return name, found.params[0], found.bse[0], low, high, found.pvalues[0], float(df), False, note


def _clustered(made: Study, z: Array, laid: Design) -> list[tuple[Any, ...]]:
    """Cells (mixture, target, language) with a mean for each (target, language), errors clustered."""
    cells = made.cells.loc[:, made.cells.columns.get_level_values("target").isin(made.targets)]
    y = cells.to_numpy(float)
    target, target_names = _codes(cells.columns.get_level_values("target"))
    language, language_names = _codes(cells.columns.get_level_values("language"))
    weight = 1 / np.bincount(target)[target]
    columns = np.tile(np.column_stack([z, _full_rank(laid.fixed)]), (y.shape[1], 1))
    repeat = len(z)
    kinds = {"target": (target, target_names), "language": (language, language_names)}
    groups = {n: np.repeat(c, repeat) for n, (c, found) in kinds.items() if found > 1}
    if len(groups) == 2:
        groups["target and language"] = np.column_stack(list(groups.values()))
    centred = (y - y.mean(axis=0)).T.reshape(-1)
    return [
        _fitted(
            f"OLS of cells, errors clustered by {name}", centred, columns, SHARED, np.repeat(weight, repeat),
            cov_type="cluster", cov_kwds={"groups": codes}, use_t=True,
        )
        for name, codes in groups.items()
    ]  # fmt: skip


def _codes(names: Any) -> tuple[Any, int]:
    found, codes = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    return codes, len(found)


def _mixed(made: Study, z: Array, laid: Design) -> list[tuple[Any, ...]]:
    """Mixed model of mixture x target outcomes, a random slope for each target (statsmodels)."""
    if len(made.targets) < 3 or np.ptp(made.y) == 0:
        return []
    from statsmodels.regression.mixed_linear_model import MixedLM

    y = made.by_target[list(made.targets)].to_numpy(float)
    many = y.shape[1]
    columns = np.tile(np.column_stack([z, _full_rank(laid.fixed)]), (many, 1))
    group = np.repeat(np.arange(many), len(z))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            model = MixedLM((y - y.mean(axis=0)).T.reshape(-1), columns, group, exog_re=np.tile(z, many)[:, None])
            found = model.fit(reml=True)
        except (np.linalg.LinAlgError, ValueError) as error:
            return [("mixed model, slope by target", *[math.nan] * 6, False, f"does not converge: {error}")]
    note = SHARED + ("; at the edge of its parameters" if caught else "")
    low, high = np.asarray(found.conf_int())[0]
    return [
        (
            "mixed model, slope by target",
            found.params[0],
            found.bse[0],
            low,
            high,
            found.pvalues[0],
            math.inf,
            False,
            note,
        )
    ]
