"""Relabelling by dictionaries of names, small cases by hand, and exactness over all relabellings of a score."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from diversity.stats import permutation
from diversity.stats.multimembership import slopes
from diversity.stats.permutation import closed, drawn_test, freedman_lane, label_test, labels, orbits, relabelled


def test_which_designs_are_closed(designs):
    for sizes in ([1], [2], [1, 2], [3], [1, 2, 3, 4, 5], [5]):
        assert closed(designs.subsets(5, sizes))
    pairs = designs.subsets(5, [2])
    assert not closed(pairs[1:])
    assert not closed(np.vstack([pairs, pairs[:1]]))
    skewed = np.array([[0.7, 0.3, 0], [0.3, 0.7, 0], [0.7, 0, 0.3], [0.3, 0, 0.7], [0, 0.7, 0.3], [0, 0.3, 0.7]])
    assert not closed(skewed[:3])
    assert not closed(skewed)  # closed, but a set alone does not tell the mixture: left to REML
    assert closed(np.eye(60)[:, :1][:1])


def test_orbits_are_the_sizes(designs):
    group = orbits(designs.subsets(4, [1, 2, 3]))
    assert np.bincount(group).tolist() == [4, 6, 4] or sorted(np.bincount(group).tolist()) == [4, 4, 6]
    assert len(set(group[:4])) == len(set(group[4:10])) == 1


def test_all_labels_once_identity_first():
    for tasks in range(1, 7):
        found, exact = labels(tasks, 10, np.random.default_rng(0))
        assert exact
        assert found[0].tolist() == list(range(tasks))
        assert {tuple(row) for row in found.tolist()} == set(itertools.permutations(range(tasks)))
        assert len(found) == math.factorial(tasks)
    drawn, exact = labels(12, 50, np.random.default_rng(0))
    assert (drawn.shape, exact) == ((51, 12), False)
    assert drawn[0].tolist() == list(range(12))


@pytest.mark.parametrize("tasks", [4, 22])
def test_relabelling_by_names(tasks, designs, rng):
    weights = designs.subsets(tasks, [1, 2])
    values = rng.normal(size=len(weights))
    by_name = {tuple(np.flatnonzero(w)): v for w, v in zip(weights, values, strict=True)}
    drawn = rng.permuted(np.tile(np.arange(tasks, dtype=np.int8), (5, 1)), axis=1)
    found = np.concatenate(list(relabelled(weights, drawn, values)))
    for line, order in zip(found, drawn, strict=True):
        expected = [by_name[tuple(sorted(order[np.flatnonzero(w)]))] for w in weights]
        assert line == pytest.approx(expected)


def test_single_tasks_are_the_ordinary_permutation_test(rng):
    x, y = rng.normal(size=(2, 6))
    r = [abs(np.corrcoef(x[list(order)], y)[0, 1]) for order in itertools.permutations(range(6))]
    expected = np.mean(np.array(r) >= r[0] - 1e-12)
    test = label_test(np.eye(6), x, y)
    assert test.p() == pytest.approx(expected)
    assert test.slope == pytest.approx(stats.linregress(x, y).slope)
    assert test.exact


def generalised(weights, x, y, sizes):
    """y' P x with dense matrices, V estimated from y by the analysis of variance of the sizes and the tasks."""
    member = (sizes[:, None] == np.unique(sizes)).astype(float)
    centre = np.eye(len(x)) - member @ np.linalg.pinv(member)
    tasks = centre @ weights
    between = tasks @ np.linalg.pinv(tasks)
    df = round(np.trace(between)), round(np.trace(centre - between))
    ms_between, ms_within = y @ between @ y / df[0], y @ (centre - between) @ y / df[1]
    g = np.linalg.eigvalsh(tasks.T @ tasks)[-1]
    variance = max(ms_between - ms_within, 0) / g
    v = variance * weights @ weights.T + ms_within * np.eye(len(x))
    return (centre @ y) @ np.linalg.inv(v) @ (centre @ x) * ms_within


@pytest.mark.parametrize("sizes", [[2], [1, 2, 3], [1, 2, 3, 4, 5]])
def test_the_statistic_is_generalised_least_squares(sizes, designs, rng):
    weights = designs.subsets(5, sizes)
    k = (weights > 0).sum(axis=1)
    x, y = designs.rao(weights, rng), weights @ rng.normal(size=5) + 0.3 * rng.normal(size=len(weights))
    by_name = {tuple(np.flatnonzero(w)): v for w, v in zip(weights, x, strict=True)}
    moved = [
        np.array([by_name[tuple(sorted(order[i] for i in np.flatnonzero(w)))] for w in weights])
        for order in itertools.permutations(range(5))
    ]
    statistic = np.abs([generalised(weights, m, y, k) for m in moved])
    test = label_test(weights, x, y)
    kappa = test.kappa(np.zeros(1))
    assert np.sort(np.abs(test.a - kappa * test.c)[0]) == pytest.approx(np.sort(statistic), abs=1e-9)
    assert test.p() == pytest.approx(np.mean(statistic >= statistic[0] * (1 - 1e-9)))


def test_exactness_over_all_relabellings(designs, rng):
    """Whatever the outcomes: of all relabelled scores, at most a share alpha has p <= alpha."""
    weights = designs.subsets(5, [2, 3])
    x, y = designs.rao(weights, rng), weights @ rng.normal(size=5) + 0.1 * rng.normal(size=20)
    moved = np.concatenate(list(relabelled(weights, labels(5, 1, rng)[0], x)))
    p = np.array([label_test(weights, m, y).p()[0] for m in moved])
    for alpha in (0.025, 0.05, 0.1, 0.5):
        assert np.mean(p <= alpha + 1e-12) <= alpha + 1e-12
    assert np.mean(p <= 0.05) > 0.03  # and it is not empty


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.floats(-5, 5))
def test_interval_is_the_slopes_not_rejected(seed, shift):
    rng = np.random.default_rng(seed)
    rows = [[(i in c) / 2 for i in range(6)] for c in itertools.combinations(range(6), 2)]
    weights = np.array(rows)
    x, y = rng.normal(size=15), weights @ rng.normal(size=6) + 0.5 * rng.normal(size=15)
    test = label_test(weights, x, y)
    (low,), (high,) = test.interval()
    assert low < test.slope < high
    assert test.p(test.slope) > 0.99
    for end, outside in ((low, -1), (high, 1)):
        assert test.p(end) > 0.05
        assert test.p(end + outside * 1e-4 * (high - low)) <= 0.05
    moved = label_test(weights, x, y + shift * x)
    assert np.ravel(moved.interval()) == pytest.approx([low + shift, high + shift], abs=1e-3 * (high - low))
    assert moved.slope == pytest.approx(test.slope + shift, abs=1e-6)


def test_slope_is_that_of_reml(designs, rng):
    weights = designs.subsets(9, [3])
    x, y = designs.rao(weights, rng), weights @ rng.normal(size=9) + 0.25 * rng.normal(size=84)
    test = drawn_test(weights, x, y[:, None], 199, rng)
    found = slopes(weights, x, y)
    assert test.slope == pytest.approx(found.slope[0], abs=0.05 * found.se[0])


def test_too_few_tasks_reject_nothing(rng):
    test = label_test(np.eye(3), np.array([1.0, 2, 4]), np.array([1.0, 2, 4]))
    assert test.p() == pytest.approx(1 / 6)
    assert test.interval() == (-math.inf, math.inf)


def test_freedman_lane_by_hand(designs, rng):
    weights = designs.subsets(5, [2])
    x, c = rng.normal(size=(2, 10))
    y = c + weights @ np.array([0, 0, 0, 0, 0.0]) + 0.4 * rng.normal(size=10)
    fixed = np.column_stack([np.ones(10), c])
    from diversity.stats.multimembership import whitened

    wx, wy, w1, wc = whitened(weights, y, fixed, np.column_stack([x, y, fixed])).T
    columns = np.column_stack([w1, wc])
    fitted = columns @ np.linalg.lstsq(columns, wy, rcond=None)[0]
    pairs = list(itertools.combinations(range(5), 2))
    statistic = []
    for order in itertools.permutations(range(5)):
        index = [pairs.index(tuple(sorted((order[a], order[b])))) for a, b in pairs]
        again = fitted + (wy - fitted)[index]
        full = np.column_stack([wx, columns])
        beta, rss = np.linalg.lstsq(full, again, rcond=None)[:2]
        spread = np.sqrt(rss[0] / 7 * np.linalg.inv(full.T @ full)[0, 0])
        statistic.append(abs(beta[0] / spread))
    expected = np.mean(np.array(statistic) >= statistic[0] * (1 - 1e-9))
    assert freedman_lane(weights, x, y, fixed, 10_000) == pytest.approx(expected)


def test_ten_thousand_permutations_of_all_mixtures_take_seconds(designs, rng, monkeypatch):
    weights = designs.subsets(9, range(1, 10))
    x, y = designs.rao(weights, rng), rng.normal(size=511)
    monkeypatch.setattr(permutation, "MOST", 0)
    start = time.process_time()
    test = label_test(weights, x, y, 10_000, rng)
    assert 0 < test.p() <= 1
    assert time.process_time() - start < 5
