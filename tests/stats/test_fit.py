"""The verdict on tables whose answer is known, and the numbers under their names."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import diversity
from diversity.stats import permutation
from diversity.types import InputError

CONTRACT = (
    "metric outcome n_tasks n_mixtures slope_per_sd low high p_permutation p_reml p_ols_naive pearson spearman kendall "
    "r2_leave_one_task_out baselines minimum_detectable_slope verdict"
).split()


def tables(designs, rng, *, tasks=6, sizes=(1, 2, 3), slope=0.0, noise=0.2, effect=1.0, **options):
    weights = designs.subsets(tasks, sizes)
    x = designs.rao(weights, rng) if max(sizes) > 1 else rng.normal(size=len(weights))
    z = (x - x.mean()) / x.std(ddof=1)
    y = 60 + weights @ rng.normal(0, effect, tasks) + slope * z + noise * rng.normal(size=len(x))
    return designs.results(weights, y, languages=("en",), **options), designs.scores(weights, x), x, y


def test_an_effect_is_found_with_the_names_of_the_contract(designs, rng):
    results, scores, x, y = tables(designs, rng, slope=0.8)
    fit = diversity.fit(results, scores, metric="cosine")
    assert list(fit.to_dict()) == CONTRACT
    assert json.loads(json.dumps(fit.to_dict(), allow_nan=False))["verdict"] == "positive"
    assert (fit.n_tasks, fit.n_mixtures, fit.outcome) == (6, 41, "mean9")
    assert fit.slope_per_sd == pytest.approx(0.8, abs=0.2)
    assert fit.low < fit.slope_per_sd < fit.high
    assert fit.p_permutation < 0.05
    assert fit.p_reml < 0.05
    assert fit.p_ols_naive == pytest.approx(stats.linregress(x, y).pvalue)
    assert fit.pearson == pytest.approx(stats.pearsonr(x, y).statistic)
    assert fit.spearman == pytest.approx(stats.spearmanr(x, y).statistic)
    assert fit.kendall == pytest.approx(stats.kendalltau(x, y).statistic)
    assert set(fit.baselines) == {"k", "log_budget", "single_mean"}
    assert fit.baselines["log_budget"] is None
    assert 0 < fit.minimum_detectable_slope < 0.8
    assert "the effect is positive" in fit.sentence
    names = (
        "methods predictive members design mixtures correlations partial targets heterogeneity languages shapes prediction "
        "influence cook choosing measurement degenerate left_out specifications targets_by_metric"
    )
    assert set(fit.tables) == set(names.split())
    assert all(isinstance(t, pd.DataFrame) for t in fit.tables.values())
    negative = diversity.fit(results, scores.assign(value=-x), metric="cosine", details=False)
    assert negative.verdict == "negative"
    assert negative.slope_per_sd == pytest.approx(-fit.slope_per_sd)
    assert negative.p_permutation == pytest.approx(fit.p_permutation)


def test_no_effect_is_not_established(designs):
    verdicts = []
    for seed in range(8):
        results, scores, *_ = tables(designs, np.random.default_rng(seed), tasks=5, targets=("xnli",))
        verdicts.append(diversity.fit(results, scores, metric="cosine", outcome="xnli", details=False).verdict)
    assert verdicts.count("not established") >= 6


def test_a_good_task_that_is_diverse_is_no_effect_of_diversity(designs, rng):
    """Diversity is the mean of the tasks' own, and so is accuracy: the members' single outcomes explain all of it."""
    weights = designs.subsets(7, [1, 2, 3])
    own = np.arange(7.0)
    noise = 0.02 * rng.normal(size=len(weights))
    results = designs.results(weights, 60 + weights @ (own + 0.1 * rng.normal(size=7)) + noise, languages=("en",))
    scores = designs.scores(weights, weights @ own + 1e-3 * rng.normal(size=len(weights)))
    fit = diversity.fit(results, scores, metric="cosine", details=False)
    assert fit.p_permutation < 0.01
    assert fit.verdict == "not established"
    assert any("does not hold given the mean of the members' single outcomes" in n for n in fit.notes)
    alone = results[results["mixture"].str.contains("+", regex=False)]
    without = diversity.fit(alone, scores, metric="cosine", details=False)
    assert without.verdict == "positive"
    assert any("not every task was trained alone" in n for n in without.notes)


def test_an_open_design_is_judged_by_reml(designs, rng):
    results, scores, *_ = tables(designs, rng, slope=0.8, sizes=(2, 3))
    some = results[results["mixture"] != results["mixture"].iloc[-1]]
    fit = diversity.fit(some, scores, metric="cosine", details=False)
    assert math.isnan(fit.p_permutation)
    assert fit.to_dict()["p_permutation"] is None
    assert fit.verdict == "positive"
    assert any("not closed under relabelling" in n for n in fit.notes)
    assert fit.tables["methods"].query("primary")["method"].tolist() == ["multi-membership REML, Satterthwaite t"]


def test_single_tasks_are_an_ordinary_correlation(designs, rng):
    results, scores, x, y = tables(designs, rng, tasks=8, sizes=(1,), slope=3.0, targets=("xnli",))
    fit = diversity.fit(results, scores, metric="cosine", outcome="xnli", details=False)
    assert fit.slope_per_sd == pytest.approx(stats.linregress(x, y).slope * x.std(ddof=1))
    assert fit.p_reml == pytest.approx(fit.p_ols_naive)
    assert any("each mixture is one task" in n for n in fit.notes)


def test_a_score_that_counts_tasks_cannot_be_relabelled(designs, rng):
    results, scores, *_ = tables(designs, rng)
    count = scores.assign(value=scores["mixture"].str.count(r"\+") + 1.0)
    fit = diversity.fit(results, count, metric="cosine", details=False)
    assert math.isnan(fit.p_permutation)
    assert any("function of the number of tasks" in n for n in fit.notes)


def test_covariates_make_the_permutation_approximate(designs, rng):
    results, scores, x, _ = tables(designs, rng, slope=0.8)
    more = pd.concat([scores, scores.assign(metric="other", value=rng.normal(size=len(x)))])
    fit = diversity.fit(
        results,
        more,
        metric="cosine",
        covariates=["other"],
        analysis=diversity.Analysis(permutations=500),
        details=False,
    )
    assert fit.tables["methods"]["method"].iloc[0] == "Freedman-Lane permutation (approximate)"
    assert fit.verdict == "positive"
    with pytest.raises(InputError, match="unknown covariate 'othr': did you mean other"):
        diversity.fit(results, more, metric="cosine", covariates=["othr"])
    with pytest.raises(InputError, match="more than a linear function of"):
        diversity.fit(results, more, metric="cosine", covariates=["cosine"])


def test_degenerate_tables_are_explained(designs, rng):
    results, scores, *_ = tables(designs, rng, tasks=5, targets=("xnli", "panx"))
    flat = diversity.fit(results.assign(value=50.0), scores, metric="cosine", outcome="mean")
    assert flat.verdict == "not established"
    assert flat.record()["pearson"] is None
    assert any("nothing to explain" in n for n in flat.notes)
    few, little, *_ = tables(designs, rng, tasks=3, sizes=(1, 2))
    three = diversity.fit(few, little, metric="cosine")
    assert three.verdict == "not established"
    four = diversity.fit(*tables(designs, rng, tasks=4, sizes=(1,))[:2], metric="cosine")
    assert four.n_mixtures == 4
    one = diversity.fit(*tables(designs, rng, targets=("xnli",))[:2], metric="cosine", outcome="xnli")
    assert len(one.tables["targets"]) == 1
    assert math.isnan(one.tables["predictive"]["r2_leave_one_target_out"].iloc[0])
    with pytest.raises(InputError, match="alpha between 0 and 1"):
        diversity.Analysis(alpha=5)
    with pytest.raises(InputError, match="at least 100"):
        diversity.Analysis(permutations=1)


def test_the_same_seed_the_same_numbers(designs, rng, monkeypatch):
    monkeypatch.setattr(permutation, "MOST", 3)
    results, scores, *_ = tables(designs, rng, targets=("xnli", "own"))
    analysis = diversity.Analysis(outcome="mean", permutations=300, bootstrap=100)
    options = {"metric": "cosine", "analysis": analysis, "details": False}
    first, again, other = (diversity.fit(results, scores, **options, seed=s) for s in (1, 1, 2))
    assert first.to_dict() == again.to_dict()
    assert first.p_permutation != other.p_permutation
    assert first.p_permutation == pytest.approx(other.p_permutation, abs=0.1)
    assert first.tables["methods"]["method"].iloc[0] == "task-label permutation (drawn)"


def test_nine_tasks_all_mixtures_in_time(designs, rng):
    """10,000 permutations, or all 362,880, of 511 mixtures."""
    import time

    weights = designs.subsets(9, range(1, 10))
    x = designs.rao(weights, rng)
    results = designs.results(weights, 60 + weights @ rng.normal(size=9), targets=("xnli",), languages=("en",))
    start = time.process_time()
    fit = diversity.fit(results, designs.scores(weights, x), metric="cosine", outcome="xnli", details=False)
    assert fit.n_mixtures == 511
    assert time.process_time() - start < 30
