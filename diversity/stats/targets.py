"""The slope of each target, how much targets differ, and each pulled towards their mean as far as chance explains them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats import multicomp
from diversity.stats.model import design
from diversity.stats.multimembership import slopes
from diversity.stats.tables import Study, targets_of
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

GROUPS = ("mean9", "mean7", "retrieval")


def groups(made: Study) -> list[str]:
    """The means over XTREME's targets that the results allow."""
    there = [str(t) for t in made.by_target.columns[made.by_target.notna().all()]]
    return [g for g in GROUPS if _has(g, there)]


def _has(group: str, there: Sequence[str]) -> bool:
    try:
        return bool(targets_of(group, there))
    except InputError:
        return False


def table(made: Study, z: Array, covariates: Sequence[str] = ()) -> pd.DataFrame:
    """Slope per standard deviation of diversity `z` (M,) on each target, and on the nine-, seven- and retrieval means.

    Columns `target, kind, slope, se, low, high, p, p_holm, p_bh, standardised, pooled, languages`: by REML, in
    outcome units; `standardised` in standard deviations of the target's outcome; `pooled` is partially pooled over the
    targets; Holm and Benjamini-Hochberg over the single targets. Targets that lack mixtures are left out.
    """
    import pandas as pd

    there = [str(t) for t in made.by_target.columns[made.by_target.notna().all()]]
    rows = [_row(made, "target", name, (name,), z, covariates) for name in there]
    singles = multicomp.adjusted(pd.DataFrame(rows))
    singles["pooled"] = partially_pooled(singles["slope"].to_numpy(float), singles["se"].to_numpy(float))
    more = [_row(made, "mean", name, targets_of(name, there), z, covariates) for name in groups(made)]
    if made.outcome not in (*GROUPS, *there):
        more.append(_row(made, "mean", made.outcome, made.targets, z, covariates))
    return pd.concat([singles, pd.DataFrame(more)], ignore_index=True) if more else singles


def _row(
    made: Study, kind: str, name: str, targets: Sequence[str], z: Array, covariates: Sequence[str]
) -> dict[str, object]:
    part = replace(made, targets=tuple(targets), outcome=name)
    found = slopes(part.weights, z, part.y, design(part, covariates).fixed)
    (low,), (high,) = found.interval()
    sd = float(part.y.std(ddof=1))
    columns = part.cells.columns
    there = columns[columns.get_level_values("target").isin(targets)]
    languages = [str(language) for language in there.get_level_values("language")]
    slope = float(found.slope[0])
    return {
        "target": name, "kind": kind, "slope": slope, "se": float(found.se[0]), "low": float(low), "high": float(high),
        "p": float(found.p()[0]), "standardised": slope / sd if sd > 0 else np.nan,
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
    found = heterogeneity(slope, se)
    if not np.isfinite(found["tau"]):
        return slope
    share = found["tau"] ** 2 / np.maximum(found["tau"] ** 2 + se**2, 1e-300)
    return np.asarray(share * slope + (1 - share) * found["mean"])


def languages(made: Study) -> pd.DataFrame:
    """Slope of each (target, language): `target, language, slope, low, high, p, mean, sd`; all in one fit."""
    import pandas as pd

    cells = made.cells.loc[:, made.cells.notna().all().to_numpy()]
    x = (made.x - made.x.mean()) / made.x.std(ddof=1)
    found = slopes(made.weights, x, cells.to_numpy(float), design(made).fixed)
    low, high = found.interval()
    return pd.DataFrame(
        {
            "target": cells.columns.get_level_values("target"), "language": cells.columns.get_level_values("language"),
            "slope": found.slope, "low": low, "high": high, "p": found.p(),
            "mean": cells.mean().to_numpy(), "sd": cells.std(ddof=1).to_numpy(),
        }
    )  # fmt: skip
