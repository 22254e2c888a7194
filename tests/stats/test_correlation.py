"""Correlations beside scipy, statsmodels and pingouin; shapes that are known."""

import math

import numpy as np
import pytest
from scipy import stats

from diversity.stats import correlation, multicomp
from diversity.types import InputError

X = np.array([1.0, 2, 3, 4, 6, 8, 9, 11, 12])
Y = np.array([2.0, 1, 4, 3, 7, 5, 9, 8, 12])
A = np.array([1.0, 0, 1, 0, 1, 1, 0, 0, 1])
B = np.array([3.0, 1, 4, 1, 5, 9, 2, 6, 5])


def test_partial_correlation_as_pingouin_has_it():
    """pingouin 0.7.0: partial_corr(d, "x", "y", ["a"]) and ["a", "b"], on the nine points above."""
    r, p, df = correlation.partial(X, Y, A[:, None])
    assert (r, p, df) == (pytest.approx(0.9323024639896491), pytest.approx(0.0007367888011675926), 6)
    r, p, df = correlation.partial(X, Y, np.column_stack([A, B]))
    assert (r, p, df) == (pytest.approx(0.9846192425670202), pytest.approx(5.58869323986603e-05), 5)


def test_partial_correlation_is_the_t_of_the_regression():
    import statsmodels.api as sm

    found = sm.OLS(Y, sm.add_constant(np.column_stack([X, A, B]))).fit()
    _, p, df = correlation.partial(X, Y, np.column_stack([A, B]))
    assert (p, df) == (pytest.approx(found.pvalues[1]), found.df_resid)
    with pytest.raises(InputError, match="more than 4 mixtures for 2 covariates, found 3"):
        correlation.partial(X[:3], Y[:3], np.column_stack([A, B])[:3])


def test_correlations_of_scipy():
    assert correlation.pearson(X, Y) == pytest.approx(stats.pearsonr(X, Y).statistic)
    assert correlation.spearman(X, Y) == pytest.approx(0.9333333333333332)  # pingouin 0.7.0
    assert correlation.kendall(X, Y) == pytest.approx(0.7777777777777778)  # pingouin 0.7.0
    assert correlation.naive_p(X, Y) == pytest.approx(stats.linregress(X, Y).pvalue)
    tied = np.array([1.0, 1, 2, 2, 3, 3, 3, 4, 5])
    assert correlation.spearman(tied, Y) == pytest.approx(stats.spearmanr(tied, Y).statistic)
    assert math.isnan(correlation.pearson(X, np.ones(9)))
    assert correlation.naive_p(X, np.ones(9)) == 1


def test_intervals_know_of_shared_tasks(designs, rng):
    weights = designs.subsets(8, [2, 3])
    x = designs.rao(weights, rng)
    y = weights @ rng.normal(size=8) + 0.2 * rng.normal(size=len(x))
    table = correlation.correlations(weights, x, y, np.ones((len(x), 1)), draws=400, rng=rng).set_index("correlation")
    line = table.loc["pearson"]
    assert line["low"] < line["value"] < line["high"]
    assert line["high"] - line["low"] > 1.3 * (line["naive_high"] - line["naive_low"])
    assert (table["low"] < table["value"]).all()
    assert (table["value"] < table["high"]).all()


def test_bootstrap_of_single_tasks_is_about_fishers(rng):
    x = rng.normal(size=40)
    y = 0.5 * x + rng.normal(size=40)
    line = correlation.correlations(np.eye(40), x, y, np.ones((40, 1)), draws=1000, rng=rng).iloc[0]
    assert line["low"] == pytest.approx(line["naive_low"], abs=0.08)
    assert line["high"] == pytest.approx(line["naive_high"], abs=0.08)


def test_shapes(rng):
    x = np.arange(20.0)
    bent = correlation.shapes(np.eye(20), x, -((x - 8) ** 2) + 0.1 * rng.normal(size=20)).set_index("shape")
    assert bent.loc["quadratic", "r2"] > 0.99
    assert bent.loc["quadratic", "p"] < 1e-6
    assert bent.loc["quadratic", "detail"].startswith(("peak at 8", "peak at 7.9"))
    assert "inside" in bent.loc["quadratic", "detail"]
    steps = correlation.shapes(np.eye(20), x, np.where(x > 9, -1.0, 1.0)).set_index("shape")
    assert steps.loc["monotone", "r2"] == pytest.approx(1)
    assert steps.loc["monotone", "detail"].startswith("falling")


def test_isotonic_fit_of_ties_is_sklearns(rng):
    from sklearn.isotonic import IsotonicRegression
    from sklearn.metrics import r2_score

    x = rng.integers(0, 6, 30).astype(float)
    y = x + rng.normal(size=30)
    found = correlation.shapes(np.eye(30), x, y).set_index("shape").loc["monotone", "r2"]
    assert found == pytest.approx(r2_score(y, IsotonicRegression().fit_transform(x, y)))


def test_prediction_of_single_tasks_is_statsmodels():
    import statsmodels.api as sm

    at = np.array([0.0, 5.0, 20.0])
    found = correlation.prediction(np.eye(9), X, Y, at)
    expected = sm.OLS(Y, sm.add_constant(X)).fit().get_prediction(sm.add_constant(at)).summary_frame()
    assert found["fitted"].to_numpy() == pytest.approx(expected["mean"].to_numpy())
    assert found["low"].to_numpy() == pytest.approx(expected["mean_ci_lower"].to_numpy(), rel=1e-6)
    assert found["new_high"].to_numpy() == pytest.approx(expected["obs_ci_upper"].to_numpy(), rel=1e-6)


def test_multiplicity_by_hand_and_scipy(rng):
    from statsmodels.stats.multitest import multipletests

    p = np.array([0.01, 0.04, 0.03, 0.005])
    assert multicomp.holm(p) == pytest.approx([0.03, 0.06, 0.06, 0.02])  # pingouin 0.7.0 too
    many = rng.random(30)
    assert multicomp.benjamini_hochberg(many) == pytest.approx(stats.false_discovery_control(many))
    assert np.isnan(multicomp.holm(np.array([np.nan, 0.5]))).tolist() == [True, False]
    for n in (1, 2, 7, 50):
        p = rng.random(n) ** 3
        known = [multipletests(p, method=method)[1].tolist() for method in ("holm", "fdr_bh")]
        gaps = np.insert(p, [0, n // 2, n], np.nan)
        for function, expected in zip((multicomp.holm, multicomp.benjamini_hochberg), known, strict=True):
            assert function(p).tolist() == expected, "the same bits"
            assert function(gaps)[np.isfinite(gaps)].tolist() == expected
