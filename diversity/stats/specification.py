"""Every defensible way to ask the question, so that one lucky metric cannot be the finding (Simonsohn et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats import multicomp
from diversity.stats.model import Tester, Testers, design_matrix
from diversity.studies.outcomes import Outcomes
from diversity.studies.study import FEWEST, Study, read_study
from diversity.types import InputError

if TYPE_CHECKING:
    import pandas as pd

COVARIATES = ((), ("entropy",), ("log_budget",), ("single_mean",))


def specifications(
    runs: Outcomes,
    testers: Testers,
    *,
    outcomes: Sequence[str] = ("mean9", "mean7", "retrieval"),
    covariates: Sequence[Sequence[str]] = COVARIATES,
) -> pd.DataFrame:
    """Slope per standard deviation of every metric, encoder, outcome and set of covariates, ordered by slope.

    Columns `metric, encoder, outcome, covariates, mixtures, slope, low, high, p, p_holm, p_bh, same_sign`: by the test that
    the design gets; `same_sign` is as the median slope. With single_mean only mixtures of several tasks are used. What
    cannot be asked of these tables (an outcome or covariate that is missing, a constant metric, one that is a function
    of the number of tasks) is left out; raises InputError where nothing is left.
    """
    import pandas as pd

    parts = []
    last: InputError | None = None
    for metric, encoder in testers.scores.pairs:
        tester, studies = testers.of(metric, encoder), list[Study]()
        for outcome in outcomes:
            try:
                studies.append(read_study(runs, testers.scores, metric=metric, encoder=encoder, outcome=outcome))
            except InputError as error:
                last = error
        for mixtures in dict.fromkeys(study.mixtures for study in studies):
            same = [study for study in studies if study.mixtures == mixtures]  # tested at once: only outcomes differ
            parts += [part for names in covariates if (part := _rows(same, names, tester)) is not None]
    if not parts:
        raise last or InputError("expected metrics that differ between mixtures of one size, found none")
    table = multicomp.adjusted(pd.concat(parts)).sort_values("slope", ignore_index=True)
    return table.assign(same_sign=table["slope"] * table["slope"].median() > 0)


def _rows(studies: Sequence[Study], names: Sequence[str], tester: Tester) -> pd.DataFrame | None:
    """The slopes of some outcomes given covariates; None where the covariates add nothing or cannot be had."""
    import pandas as pd

    if "single_mean" in names:  # differs by outcome
        if len(studies) > 1:
            parts = [part for study in studies if (part := _rows([study], names, tester)) is not None]
            return pd.concat(parts) if parts else None
        if (studies[0].k > 1).sum() < FEWEST:
            return None
        studies = [studies[0].several_tasks()]
    try:
        design, plain = design_matrix(studies[0], names), design_matrix(studies[0])
        adds = np.linalg.matrix_rank(design.fixed) > np.linalg.matrix_rank(plain.fixed)
        if not plain.varies or (names and not adds):
            return None
        e = tester.estimates(studies[0], np.column_stack([study.y for study in studies]), names, few=True)
    except InputError:
        return None
    if np.isnan(e.p).all():
        return None
    return pd.DataFrame(
        {
            "metric": studies[0].metric, "encoder": studies[0].encoder, "outcome": [study.outcome for study in studies],
            "covariates": " + ".join(design.terms), "mixtures": len(studies[0].mixtures),
            "slope": e.slope, "low": e.low, "high": e.high, "p": e.p,
        }
    )  # fmt: skip


def targets_by_metric(runs: Outcomes, testers: Testers, *, outcome: str) -> pd.DataFrame:
    """Every target by every metric and encoder, with Holm's and Benjamini and Hochberg's p over all of them.

    Columns `metric, encoder, target, slope, low, high, p, p_holm, p_bh`, by the test that the design gets, on the mixtures
    that have the outcome; targets that lack one of these are left out, as are metrics that do not differ between them.
    """
    import pandas as pd

    parts = []
    for metric, encoder in testers.scores.pairs:
        try:
            study = read_study(runs, testers.scores, metric=metric, encoder=encoder, outcome=outcome)
            whole = study.by_target[study.whole_targets]
            e = testers.of(metric, encoder).estimates(study, whole.to_numpy(float), few=True)
        except InputError:
            continue
        numbers = {"slope": e.slope, "low": e.low, "high": e.high, "p": e.p}
        parts.append(pd.DataFrame({"metric": metric, "encoder": encoder, "target": whole.columns, **numbers}))
    return multicomp.adjusted(pd.concat(parts, ignore_index=True)) if parts else pd.DataFrame()
