"""The slope of each target, how much targets differ, and each pulled towards their mean as far as chance explains them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats import multicomp
from diversity.stats.model import Estimates, Tester
from diversity.stats.permutation import LabelTest
from diversity.studies.outcomes import targets_of
from diversity.studies.study import Study
from diversity.studies.tables import Mask
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


def table(study: Study, tester: Tester) -> tuple[pd.DataFrame, dict[str, float]]:
    """Slope per standard deviation of diversity on each target and on means over groups, and how much targets differ.

    Columns `target, kind, slope, se, low, high, p, p_holm, p_bh, standardised, pooled, languages`: by the primary test of
    the study, in outcome units; `standardised` in standard deviations of the target's outcome; `pooled` is partially
    pooled over the targets; Holm and Benjamini-Hochberg over the single targets. Targets that lack mixtures are left out.
    The second part is that of `heterogeneity`.
    """
    import pandas as pd

    singles = study.whole_targets
    means = {name: targets_of(name, singles) for name in groups(study)}
    if study.outcome not in (*GROUPS, *singles):
        means[study.outcome] = study.targets
    parts = {name: study.of_targets(targets, name) for name, targets in {**{t: (t,) for t in singles}, **means}.items()}
    outcomes = np.column_stack([part.y for part in parts.values()])
    estimates = tester.estimates(study, outcomes, tester.analysis.covariates, few=True)
    sd = outcomes.std(axis=0, ddof=1)
    rows = pd.DataFrame(
        {
            "target": list(parts),
            "kind": ["target"] * len(singles) + ["mean"] * len(means),
            "slope": estimates.slope,
            "se": estimates.se,
            "low": estimates.low,
            "high": estimates.high,
            "p": estimates.p,
            "standardised": np.divide(estimates.slope, sd, out=np.full(len(sd), np.nan), where=sd > 0),
            "languages": [" ".join(_languages(study, part.targets)) for part in parts.values()],
        }
    )
    single = multicomp.adjusted(rows[: len(singles)])
    slope, se = estimates.slope[: len(singles)], estimates.se[: len(singles)]
    single["pooled"] = partially_pooled(slope, se)
    return pd.concat([single, rows[len(singles) :]], ignore_index=True), heterogeneity(slope, se, estimates)


def _languages(study: Study, targets: Sequence[str]) -> list[str]:
    columns = study.cells.columns
    used = columns[columns.get_level_values("target").isin(targets)]
    return list(dict.fromkeys(str(language) for language in used.get_level_values("language")))


def heterogeneity(slope: Array, se: Array, estimates: Estimates | None = None) -> dict[str, float]:
    """Mean slope over targets and how much they differ: `mean, se, q, p, i2, tau` (DerSimonian & Laird 1986).

    `p` is that of Q among relabellings of the tasks, where the estimates of the targets (the first ones) have them, else
    nan: Q itself takes standard errors as known and targets as independent, which they are not.
    """
    good = se > 0
    if good.sum() < 2:
        return dict.fromkeys(("mean", "se", "q", "p", "i2", "tau"), float("nan"))
    weight, df = se[good] ** -2, int(good.sum()) - 1
    q = float(_q(slope[good][:, None], weight[:, None])[0])
    tau2 = max(0.0, (q - df) / float(weight.sum() - (weight**2).sum() / weight.sum()))
    pooled = 1 / (1 / weight + tau2)
    labels = None if estimates is None else estimates.labels
    return {
        "mean": float(pooled @ slope[good] / pooled.sum()), "se": float(pooled.sum() ** -0.5), "q": q,
        "p": math.nan if labels is None else _q_by_labels(labels, good), "i2": max(0.0, 1 - df / q) if q > 0 else 0.0,
        "tau": float(np.sqrt(tau2)),
    }  # fmt: skip


def _q(slope: Array, weight: Array) -> Array:
    """Cochran's Q (B,) of slopes (D, B) with weights (D, B)."""
    mean = (weight * slope).sum(axis=0) / weight.sum(axis=0)
    return np.asarray((weight * (slope - mean) ** 2).sum(axis=0))


def _q_by_labels(test: LabelTest, good: Mask) -> float:
    """The p-value of Q among relabellings, of the targets' outcomes less their common slope."""
    which = np.flatnonzero(good)
    common = np.zeros(len(test.yy))
    common[which] = (test.slope[which] * test.se[which] ** -2).sum() / (test.se[which] ** -2).sum()
    slope, se = test.relabelled_slopes(common)
    q = _q(slope[which], np.maximum(se[which], 1e-300) ** -2)
    return float(np.mean(q >= q[0] * (1 - 1e-9)))


def partially_pooled(slope: Array, se: Array) -> Array:
    """Empirical Bayes: each slope between itself and the mean over targets, by the variance between and within (L,)."""
    differ = heterogeneity(slope, se)
    if not np.isfinite(differ["tau"]):
        return slope
    share = differ["tau"] ** 2 / np.maximum(differ["tau"] ** 2 + se**2, 1e-300)
    return np.asarray(share * slope + (1 - share) * differ["mean"])


def languages(study: Study, tester: Tester) -> pd.DataFrame:
    """Slope of each (target, language): `target, language, slope, low, high, p, mean, sd`, by the primary test."""
    import pandas as pd

    cells = study.cells.loc[:, study.cells.notna().all().to_numpy()]
    estimates = tester.estimates(study, cells.to_numpy(float), few=True)
    return pd.DataFrame(
        {
            "target": cells.columns.get_level_values("target"), "language": cells.columns.get_level_values("language"),
            "slope": estimates.slope, "low": estimates.low, "high": estimates.high, "p": estimates.p,
            "mean": cells.mean().to_numpy(), "sd": cells.std(ddof=1).to_numpy(),
        }
    )  # fmt: skip
