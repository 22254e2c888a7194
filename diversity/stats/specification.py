"""Every defensible way to ask the question, so that one lucky metric cannot be the finding (Simonsohn et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats import multicomp
from diversity.stats.model import design_matrix
from diversity.stats.multimembership import slopes
from diversity.stats.outcomes import Outcomes, read_outcomes
from diversity.stats.scores import Scores, read_scores
from diversity.stats.study import FEWEST, Study, read_study
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

COVARIATES = ((), ("entropy",), ("log_budget",), ("single_mean",))


def specifications(
    results: pd.DataFrame | Path | str | Outcomes,
    scores: pd.DataFrame | Path | str | Scores,
    *,
    outcomes: Sequence[str] = ("mean9", "mean7", "retrieval"),
    covariates: Sequence[Sequence[str]] = COVARIATES,
) -> pd.DataFrame:
    """Slope per standard deviation of every metric, encoder, outcome and set of covariates, ordered by slope.

    Columns `metric, encoder, outcome, covariates, mixtures, slope, low, high, p, p_holm, p_bh, same_sign`: by REML within
    sizes; `same_sign` is as the median slope. With single_mean only mixtures of several tasks are used. What cannot be
    asked of these tables (an outcome or covariate that is not there, a constant metric) is left out; raises InputError
    where nothing is left.
    """
    import pandas as pd

    known = read_scores(scores)
    runs = results if isinstance(results, Outcomes) else read_outcomes(results)
    rows, last = [], None
    for metric, encoder in known.pairs:
        for outcome in outcomes:
            try:
                study = read_study(runs, known, metric=metric, encoder=encoder, outcome=outcome)
            except InputError as error:
                last = error
                continue
            rows += [r for names in covariates if (r := _row(study, names, encoder)) is not None]
    if not rows:
        raise last or InputError("expected metrics that differ between mixtures, found none")
    table = multicomp.adjusted(pd.DataFrame(rows)).sort_values("slope", ignore_index=True)
    return table.assign(same_sign=table["slope"] * table["slope"].median() > 0)


def targets_by_metric(runs: Outcomes, scores: Scores, *, outcome: str) -> pd.DataFrame:
    """Every target by every metric and encoder, with Holm's and Benjamini and Hochberg's p over all of them.

    Columns `metric, encoder, target, slope, low, high, p, p_holm, p_bh`, by REML within sizes, on the mixtures that have
    the outcome; targets that lack one of these are left out, as are metrics that do not differ between them.
    """
    import pandas as pd

    parts = []
    for metric, encoder in scores.pairs:
        try:
            study = read_study(runs, scores, metric=metric, encoder=encoder, outcome=outcome)
            whole = study.by_target.loc[:, study.by_target.notna().all()]
            fitted = slopes(study.weights, study.z, whole.to_numpy(float), design_matrix(study).fixed)
        except InputError:
            continue
        low, high = fitted.interval()
        numbers = {"slope": fitted.slope, "low": low, "high": high, "p": fitted.p()}
        parts.append(pd.DataFrame({"metric": metric, "encoder": encoder, "target": whole.columns, **numbers}))
    return multicomp.adjusted(pd.concat(parts, ignore_index=True))


def _row(study: Study, names: Sequence[str], encoder: str) -> dict[str, object] | None:
    if "single_mean" in names:
        if (study.k > 1).sum() < FEWEST:
            return None
        study = study.several_tasks()
    try:
        design, plain = design_matrix(study, names), design_matrix(study)
        size = {"size", "k"} & set(plain.terms) or len(set(study.k)) == 1
        adds = np.linalg.matrix_rank(design.fixed) > np.linalg.matrix_rank(plain.fixed)
        if names and (not adds or (names == ("entropy",) and not size)):
            return None  # with equal weights the entropy is that of the number of tasks
        fitted = slopes(study.weights, study.z, study.y, design.fixed)
    except InputError:
        return None
    (low,), (high,) = fitted.interval()
    return {
        "metric": study.metric, "encoder": encoder, "outcome": study.outcome, "covariates": " + ".join(design.terms),
        "mixtures": len(study.mixtures), "slope": float(fitted.slope[0]), "low": float(low), "high": float(high),
        "p": float(fitted.p()[0]),
    }  # fmt: skip
