"""Prediction and choice by hand, by brute force, and by scikit-learn."""

import itertools
import math

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.metrics import ndcg_score

from diversity.stats import predictive, ranking
from diversity.studies.study import read_study
from diversity.types import InputError


def test_leave_task_out_by_sklearn(designs, rng):
    weights = designs.subsets(5, [1, 2])
    x, y = rng.normal(size=(15, 2)), rng.normal(size=15)
    error = base = 0.0
    for task in range(5):
        held = weights[:, task] > 0
        model = LinearRegression().fit(x[~held], y[~held])
        error += ((y[held] - model.predict(x[held])) ** 2).sum()
        base += ((y[held] - y[~held].mean()) ** 2).sum()
    assert predictive.leave_task_out(weights, x, y) == pytest.approx(1 - error / base)
    assert math.isnan(predictive.leave_task_out(np.ones((5, 2)) / 2, x[:5], y[:5]))


def test_leave_target_out(rng):
    x = rng.normal(size=12)
    same = np.outer(x, [1.0, 20.0, 3.0]) + np.array([5, 0, 1])
    assert predictive.leave_target_out(x[:, None], same) == pytest.approx(1)
    opposite = np.column_stack([x, -x])
    assert predictive.leave_target_out(x[:, None], opposite) == pytest.approx(-3)  # predicts the reverse of what comes
    assert math.isnan(predictive.leave_target_out(x[:, None], x[:, None]))


def test_ndcg_is_sklearns(rng):
    for _ in range(10):
        score, y = rng.integers(0, 4, 12).astype(float), rng.normal(size=12)
        expected = ndcg_score((y - y.min())[None], score[None])
        assert ranking.ndcg(score, y) == pytest.approx(expected)
        assert ranking.ndcg(score, y, k=5) == pytest.approx(ndcg_score((y - y.min())[None], score[None], k=5))
    assert math.isnan(ranking.ndcg(score, np.ones(12)))


def test_regret_is_the_mean_over_orders_of_ties(rng):
    score = np.array([3.0, 2, 2, 2, 1, 1])
    y = rng.normal(size=6)
    for k in (1, 2, 3, 5, 6):
        lost = []
        for order in itertools.permutations(range(6)):
            ranked = sorted(order, key=lambda i: -score[i])  # stable: ties stay in this order
            lost.append(y.max() - y[ranked[:k]].max())
        assert ranking.regret(score, y, k) == pytest.approx(np.mean(lost))
    with pytest.raises(InputError, match="k of at least 1"):
        ranking.regret(score, y, 0)


def test_baselines_and_choice_of_a_study(designs, rng):
    weights = designs.subsets(5, [1, 2, 3])
    effects = rng.normal(size=5)
    x = designs.rao(weights, rng)
    y = 60 + weights @ effects
    study = read_study(designs.results(weights, y), designs.scores(weights, x), metric="cosine")
    assert study.single_mean == pytest.approx(y)
    table = predictive.table(study).set_index("predictor")["r2_leave_one_task_out"]
    assert table["single_mean"] == pytest.approx(1)
    assert table["single_mean"] > table["diversity"]
    assert math.isnan(table["log_budget"])
    chosen = ranking.table(study).set_index("ranked_by")
    assert chosen.loc["single_mean", "regret_at_1"] == pytest.approx(0, abs=1e-9)
    assert chosen.loc["single_mean", "ndcg"] == pytest.approx(1)
    assert chosen.loc["chance", "ndcg"] < 1
    several = y[(weights > 0).sum(axis=1) > 1]
    assert chosen.loc["chance", "regret_at_1"] == pytest.approx(several.max() - several.mean())
