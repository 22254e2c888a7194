"""The slope of each target, how much targets differ, and each pulled towards their mean as far as chance explains them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats import multicomp
from diversity.stats.model import design_matrix
from diversity.stats.multimembership import slopes
from diversity.stats.outcomes import targets_of
from diversity.stats.study import Study
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ("mean9", "mean7", "retrieval")


def groups(study: Study) -> list[str]:
    """The means over XTREME's targets that the results allow."""
    return [g for g in GROUPS if _has(g, study.whole_targets)]


def _has(group: str, available: Sequence[str]) -> bool:
    try:
        return bool(targets_of(group, available))
    except InputError:
        return False


def table(study: Study, covariates: Sequence[str] = ()) -> pd.DataFrame:
    """Slope per standard deviation of diversity on each target, and on the nine-, seven- and retrieval means.

    Columns `target, kind, slope, se, low, high, p, p_holm, p_bh, standardised, pooled, languages`: by REML, in
    outcome units; `standardised` in standard deviations of the target's outcome; `pooled` is partially pooled over the
    targets; Holm and Benjamini-Hochberg over the single targets. Targets that lack mixtures are left out.
    """
    import pandas as pd

    available = study.whole_targets
    rows = [_row(study, "target", name, (name,), covariates) for name in available]
    singles = multicomp.adjusted(pd.DataFrame(rows))
    singles["pooled"] = partially_pooled(singles["slope"].to_numpy(float), singles["se"].to_numpy(float))
    more = [_row(study, "mean", name, targets_of(name, available), covariates) for name in groups(study)]
    if study.outcome not in (*GROUPS, *available):
        more.append(_row(study, "mean", study.outcome, study.targets, covariates))
    return pd.concat([singles, pd.DataFrame(more)], ignore_index=True) if more else singles


def _row(study: Study, kind: str, name: str, targets: Sequence[str], covariates: Sequence[str]) -> dict[str, object]:
    part = study.of_targets(targets, name)
    fitted = slopes(part.weights, part.z, part.y, design_matrix(part, covariates).fixed)
    (low,), (high,) = fitted.interval()
    sd = float(part.y.std(ddof=1))
    columns = part.cells.columns
    used = columns[columns.get_level_values("target").isin(targets)]
    languages = [str(language) for language in used.get_level_values("language")]
    slope = float(fitted.slope[0])
    return {
        "target": name, "kind": kind, "slope": slope, "se": float(fitted.se[0]), "low": float(low), "high": float(high),
        "p": float(fitted.p()[0]), "standardised": slope / sd if sd > 0 else np.nan,
        "languages": " ".join(dict.fromkeys(languages)),
    }  # fmt: skip


def heterogeneity(slope: Array, se: Array) -> dict[str, float]:
    """Mean slope over targets and how much they differ: `mean, se, q, p, i2, tau` (DerSimonian & Laird 1986).

    The targets are taken as independent, though they share mixtures: between targets that move together Q is too small.
    """
    from scipy.special import chdtrc

    good = se > 0
    if good.sum() < 2:
        return dict.fromkeys(("mean", "se", "q", "p", "i2", "tau"), float("nan"))
    slope, weight, df = slope[good], se[good] ** -2, int(good.sum()) - 1
    q = float((weight * (slope - (weight @ slope) / weight.sum()) ** 2).sum())
    tau2 = max(0.0, (q - df) / float(weight.sum() - (weight**2).sum() / weight.sum()))
    pooled = 1 / (1 / weight + tau2)
    return {
        "mean": float(pooled @ slope / pooled.sum()), "se": float(pooled.sum() ** -0.5), "q": q,
        "p": float(chdtrc(df, q)), "i2": max(0.0, 1 - df / q) if q > 0 else 0.0, "tau": float(np.sqrt(tau2)),
    }  # fmt: skip


def partially_pooled(slope: Array, se: Array) -> Array:
    """Empirical Bayes: each slope between itself and the mean over targets, by the variance between and within (L,)."""
    differ = heterogeneity(slope, se)
    if not np.isfinite(differ["tau"]):
        return slope
    share = differ["tau"] ** 2 / np.maximum(differ["tau"] ** 2 + se**2, 1e-300)
    return np.asarray(share * slope + (1 - share) * differ["mean"])


def languages(study: Study) -> pd.DataFrame:
    """Slope of each (target, language): `target, language, slope, low, high, p, mean, sd`; all in one fit."""
    import pandas as pd

    cells = study.cells.loc[:, study.cells.notna().all().to_numpy()]
    fitted = slopes(study.weights, study.z, cells.to_numpy(float), design_matrix(study).fixed)
    low, high = fitted.interval()
    return pd.DataFrame(
        {
            "target": cells.columns.get_level_values("target"), "language": cells.columns.get_level_values("language"),
            "slope": fitted.slope, "low": low, "high": high, "p": fitted.p(),
            "mean": cells.mean().to_numpy(), "sd": cells.std(ddof=1).to_numpy(),
        }
    )  # fmt: skip
