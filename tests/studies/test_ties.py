"""What differs by rounding alone is equal wherever values are ranked."""

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from scipy import stats

import diversity
from diversity.stats import correlation
from diversity.stats.matching import split
from diversity.studies.ties import tied

NUMBERS = st.lists(st.integers(-5, 5), min_size=3, max_size=12)


@given(NUMBERS, st.data())
def test_rounding_changes_no_rank(numbers, data):
    x = np.array(numbers, dtype=float) / 3
    assume(np.abs(x).max() > 0)  # else there is nothing but rounding
    noise = np.array(data.draw(st.lists(st.floats(-1e-14, 1e-14), min_size=len(x), max_size=len(x))))
    assert (stats.rankdata(tied(x + noise)) == stats.rankdata(x)).all()
    assert np.abs(tied(x + noise) - x).max() <= 2e-14
    y = np.arange(len(x)) % 4.0
    expected = stats.spearmanr(x, y).statistic if np.ptp(x) else np.nan
    assert correlation.spearman(x + noise, y) == pytest.approx(expected, nan_ok=True)
    assert correlation.kendall(x + noise, y) == pytest.approx(stats.kendalltau(x, y).statistic, nan_ok=True)
    assert split(x + noise, [1] * len(x)) == split(x, [1] * len(x))


def test_what_is_no_number_stays_and_what_is_apart_stays_apart():
    x = np.array([3.0, np.nan, 1.0, np.inf, 1.0 + 1e-7, -np.inf])
    assert tied(x)[[0, 2, 3, 4, 5]].tolist() == [3.0, 1.0, np.inf, 1.0 + 1e-7, -np.inf]
    assert np.isnan(tied(x)[1])
    assert tied(np.array([])).tolist() == []
    assert tied(np.zeros(3)).tolist() == [0, 0, 0]


def test_the_correlations_of_a_study_do_not_hang_on_the_last_digits_of_its_scores():
    # single tasks all have a diversity of 1, to the rounding of how it was computed
    results = pd.read_csv("analyses/grid/results.csv", keep_default_na=False)
    scores = pd.read_csv("analyses/grid/scores.csv")
    noise = np.random.default_rng(0).uniform(-1e-13, 1e-13, len(scores))
    fits = [
        diversity.fit(results, table, metric="vendi_beta(q=2)", details=False)
        for table in (
            scores,
            scores.assign(value=scores["value"] + noise),
            scores.assign(value=scores["value"].round(11)),
        )
    ]
    assert len({(fit.spearman, fit.kendall) for fit in fits}) == 1
