"""Every defensible way to ask the question, so that one lucky metric cannot be the finding (Simonsohn et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats import multicomp, tables
from diversity.stats.model import design, standardised
from diversity.stats.multimembership import slopes
from diversity.stats.study import study
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

COVARIATES = ((), ("entropy",), ("log_budget",), ("single_mean",))


def specifications(
    results: pd.DataFrame | Path | str | tables.Outcomes,
    scores: pd.DataFrame | Path | str | tables.Scores,
    *,
    outcomes: Sequence[str] = ("mean9", "mean7", "retrieval"),
    covariates: Sequence[Sequence[str]] = COVARIATES,
    english: bool = True,
    where: Mapping[str, object] | None = None,
) -> pd.DataFrame:
    """Slope per standard deviation of every metric, encoder, outcome and set of covariates, ordered by slope.

    Columns `metric, encoder, outcome, covariates, mixtures, slope, low, high, p, p_holm, p_bh, same_sign`: by REML within
    sizes; `same_sign` is as the median slope. With single_mean only mixtures of several tasks are used. What cannot be
    asked of these tables (an outcome or covariate that is not there, a constant metric) is left out; raises InputError
    where nothing is left.
    """
    import pandas as pd

    table = scores if isinstance(scores, tables.Scores) else tables.scores_of(scores)
    chosen = {"english": english, "where": where or {}}
    runs = results if isinstance(results, tables.Outcomes) else tables.outcomes_of(results, **chosen)  # type: ignore[arg-type]
    rows, last = [], None
    for metric, encoder in table.pairs:
        for outcome in outcomes:
            try:
                made = study(runs, table, metric=metric, encoder=encoder, outcome=outcome)
            except InputError as error:
                last = error
                continue
            rows += [r for names in covariates if (r := _row(made, names, encoder)) is not None]
    if not rows:
        raise last or InputError("expected metrics that differ between mixtures, found none")
    found = multicomp.adjusted(pd.DataFrame(rows)).sort_values("slope", ignore_index=True)
    return found.assign(same_sign=found["slope"] * found["slope"].median() > 0)


def targets_by_metric(runs: tables.Outcomes, scores: tables.Scores, *, outcome: str) -> pd.DataFrame:
    """Every target by every metric and encoder, with Holm's and Benjamini and Hochberg's p over all of them.

    Columns `metric, encoder, target, slope, low, high, p, p_holm, p_bh`, by REML within sizes, on the mixtures that have
    the outcome; targets that lack one of these are left out, as are metrics that do not differ between them.
    """
    import pandas as pd

    parts = []
    for metric, encoder in scores.pairs:
        try:
            made = study(runs, scores, metric=metric, encoder=encoder, outcome=outcome)
            whole = made.by_target.loc[:, made.by_target.notna().all()]
            found = slopes(made.weights, standardised(made.x), whole.to_numpy(float), design(made).fixed)
        except InputError:
            continue
        low, high = found.interval()
        numbers = {"slope": found.slope, "low": low, "high": high, "p": found.p()}
        parts.append(pd.DataFrame({"metric": metric, "encoder": encoder, "target": whole.columns, **numbers}))
    return multicomp.adjusted(pd.concat(parts, ignore_index=True))


def _row(made: tables.Study, names: Sequence[str], encoder: str) -> dict[str, object] | None:
    z = standardised(made.x)
    if "single_mean" in names:
        several = made.k > 1
        if not several.any() or several.sum() < tables.FEWEST:
            return None
        from dataclasses import replace

        single = made.single_mean[several]
        part = made.some(several)
        made, z = replace(part, columns=part.columns.assign(single_mean=single)), z[several]
    try:
        laid, plain = design(made, names), design(made)
        size = {"size", "k"} & set(plain.terms) or len(set(made.k)) == 1
        adds = np.linalg.matrix_rank(laid.fixed) > np.linalg.matrix_rank(plain.fixed)
        if names and (not adds or (names == ("entropy",) and not size)):
            return None  # with equal weights the entropy is that of the number of tasks
        found = slopes(made.weights, z, made.y, laid.fixed)
    except InputError:
        return None
    (low,), (high,) = found.interval()
    return {
        "metric": made.metric, "encoder": encoder, "outcome": made.outcome, "covariates": " + ".join(laid.terms),
        "mixtures": len(made.mixtures), "slope": float(found.slope[0]), "low": float(low), "high": float(high),
        "p": float(found.p()[0]),
    }  # fmt: skip
