"""The same slope by the methods that papers use, in one table, each with what it takes to be independent."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from diversity.stats.model import DesignMatrix, Estimates
from diversity.stats.multimembership import basis, slopes
from diversity.studies.study import Study
from diversity.studies.weights import Index
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

MOST = 50  # targets of the mixed model, whose time grows with them
SHARED = "ignores that mixtures share tasks"


@dataclass(frozen=True)
class Method:
    """A slope per standard deviation of diversity by one method: a row of the table of methods."""

    method: str
    slope: float = math.nan
    se: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    df: float = math.nan
    primary: bool = False
    note: str = ""


def table(
    study: Study, design: DesignMatrix, estimate: Estimates, *, alpha: float = 0.05, all_methods: bool = True
) -> pd.DataFrame:
    """Slope per standard deviation of diversity by each method: a column for each field of `Method`.

    The primary test and the multi-membership model (its t simulated, and by tables of t with three choices of degrees of
    freedom), then ordinary least
    squares with classical, heteroscedasticity-robust and cluster-robust errors (target, language, both) and a mixed
    model with a slope for each target, from statsmodels: these answer how the slope varies over targets and languages,
    not over tasks (left out without `all_methods`). Cells weigh so that each target counts once.
    """
    import pandas as pd

    naive = np.column_stack([study.z, np.ones_like(study.z)])
    rows = [
        *_defaults(study, design, estimate, alpha),
        _least_squares("OLS, one predictor (naive)", study.y, naive, alpha),
    ]
    if all_methods and design.varies:
        rows += [*_adjusted(study, design, alpha), *_clustered(study, design, alpha), *_mixed(study, design, alpha)]
    return pd.DataFrame([asdict(row) for row in rows])


def _defaults(study: Study, design: DesignMatrix, e: Estimates, alpha: float) -> list[Method]:
    """The primary test, and the multi-membership model beside it."""
    slope, se, low, high, p = (float(v[0]) for v in (e.slope, e.se, e.low, e.high, e.p))
    rows = [Method(e.method, slope, se, low, high, p, primary=True, note=e.choice.why or "within mixtures of one size")]
    if not design.varies:
        return rows
    try:
        model = slopes(study.weights, study.z, study.y, design.fixed)
    except InputError:
        return rows
    free = max(len(study.tasks) - 2 - len(design.terms), 1)
    choices = {"Satterthwaite t": float(model.df[0]), "t of tasks minus terms": free, "z": math.inf}
    notes = {"z": "too short for few tasks", "Satterthwaite t": "too short in small open designs"}
    for name, df in choices.items():
        (below,), (above,) = model.interval(1 - alpha, df)
        ends = (float(model.slope[0]), float(model.se[0]), float(below), float(above), float(model.p(df)[0]))
        rows.append(Method(f"multi-membership REML, {name}", *ends, df, note=notes.get(name, "conservative")))
    return rows


def _least_squares(
    name: str,
    y: Array,
    columns: Array,
    alpha: float = 0.05,
    *,
    weights: Array | None = None,
    errors: str = "nonrobust",
    clusters: Mapping[str, Array | Index] | None = None,
) -> Method:
    """The first coefficient by statsmodels, with errors of one of its kinds."""
    from statsmodels.regression.linear_model import OLS, WLS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # perfect fits and few clusters show in the numbers
        model = OLS(y, columns) if weights is None else WLS(y, columns, weights=weights)
        fitted = model.fit(cov_type=errors, cov_kwds=clusters, use_t=True)
        (low, high), df = fitted.conf_int(alpha)[0], getattr(fitted, "df_resid_inference", None) or fitted.df_resid
    numbers = (fitted.params[0], fitted.bse[0], low, high, fitted.pvalues[0], float(df))
    return Method(name, *numbers, note=SHARED)


def _adjusted(study: Study, design: DesignMatrix, alpha: float) -> list[Method]:
    """Ordinary least squares of the mixtures on diversity and the fixed effects."""
    columns = np.column_stack([study.z, basis(design.fixed)])
    rows = [_least_squares("OLS", study.y, columns, alpha)] if design.terms else []
    if len(study.z) > columns.shape[1] + 1:
        rows.append(_least_squares("OLS, HC3 errors", study.y, columns, alpha, errors="HC3"))
    return rows


def _clustered(study: Study, design: DesignMatrix, alpha: float) -> list[Method]:
    """Cells (mixture, target, language) with a mean for each (target, language), errors clustered."""
    cells = study.cells.loc[:, study.cells.columns.get_level_values("target").isin(study.targets)]
    y = cells.to_numpy(float)
    codes = {
        level: np.unique(np.asarray(cells.columns.get_level_values(level), dtype=str), return_inverse=True)[1]
        for level in ("target", "language")
    }
    target, mixtures = codes["target"], len(study.z)
    weights = np.repeat(1 / np.bincount(target)[target], mixtures)
    columns = np.tile(np.column_stack([study.z, basis(design.fixed)]), (y.shape[1], 1))
    groups = {level: np.repeat(code, mixtures) for level, code in codes.items() if code.max() > 0}
    if len(groups) == 2:
        groups["target and language"] = np.column_stack(list(groups.values()))
    centred = (y - y.mean(axis=0)).T.reshape(-1)
    return [
        _least_squares(
            f"OLS of cells, errors clustered by {name}", centred, columns, alpha, weights=weights, errors="cluster",
            clusters={"groups": group},
        )
        for name, group in groups.items()
    ]  # fmt: skip


def _mixed(study: Study, design: DesignMatrix, alpha: float) -> list[Method]:
    """Mixed model of mixture x target outcomes, a random slope for each target (statsmodels)."""
    if len(study.targets) < 3 or np.ptp(study.y) == 0:
        return []
    name = "mixed model, slope by target"
    if len(study.targets) > MOST:
        return [Method(name, note=f"not fitted to more than {MOST} targets")]
    from statsmodels.regression.mixed_linear_model import MixedLM

    y = study.by_target[list(study.targets)].to_numpy(float)
    targets = y.shape[1]
    columns = np.tile(np.column_stack([study.z, basis(design.fixed)]), (targets, 1))
    group, slope = np.repeat(np.arange(targets), len(study.z)), np.tile(study.z, targets)[:, None]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            fitted: Any = MixedLM((y - y.mean(axis=0)).T.reshape(-1), columns, group, exog_re=slope).fit(reml=True)
        except (np.linalg.LinAlgError, ValueError) as error:
            return [Method(name, note=f"does not converge: {error}")]
    note = SHARED + ("; at the edge of its parameters" if caught else "")
    low, high = np.asarray(fitted.conf_int(alpha))[0]
    return [Method(name, fitted.params[0], fitted.bse[0], low, high, fitted.pvalues[0], math.inf, note=note)]
