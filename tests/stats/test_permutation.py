"""Relabelling by dictionaries of names, small cases by hand, and exactness over all relabellings of a score."""

import itertools
import math
import time

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy import stats

from diversity.stats.multimembership import slopes
from diversity.stats.permutation import Partialled, Relabelled, SetScores, drawn_labels, label_test, labels
from diversity.studies.weights import closed, size_groups, size_means


def in_table(weights, x, draws=None, rng=None):
    """The relabelled scores of a closed design: those of its own mixtures."""
    tasks = weights.shape[1]
    orders, exact = labels(tasks, 0, rng) if draws is None else (drawn_labels(tasks, draws, rng), False)
    return Relabelled(weights, orders, exact, SetScores.of(weights > 0, x))


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


def test_groups_are_the_sizes(designs):
    weights = designs.subsets(4, [1, 2, 3])
    group = size_groups(weights)
    assert sorted(np.bincount(group).tolist()) == [4, 4, 6]
    assert len(set(group[:4])) == len(set(group[4:10])) == 1
    assert (size_groups(weights[1:]) == size_groups(weights)[1:]).all()  # one mixture lost
    assert size_means(weights).sum(axis=0).tolist() in ([4, 6, 4], [4, 4, 6], [6, 4, 4])


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
    function = Relabelled(weights, drawn, False, SetScores.of(weights > 0, values))
    for line, order in zip(np.concatenate(list(function.chunks())), drawn, strict=True):
        expected = [by_name[tuple(sorted(order[np.flatnonzero(w)]))] for w in weights]
        assert line == pytest.approx(expected)


def test_single_tasks_are_the_ordinary_permutation_test(rng):
    x, y = rng.normal(size=(2, 6))
    r = [abs(np.corrcoef(x[list(order)], y)[0, 1]) for order in itertools.permutations(range(6))]
    expected = np.mean(np.array(r) >= r[0] - 1e-12)
    test = label_test(in_table(np.eye(6), x), y)
    assert test.p() == pytest.approx(expected)
    assert test.slope == pytest.approx(stats.linregress(x, y).slope)
    assert test.exact
    assert test.p_error(test.p()) == 0


def studentised(weights, x, y, fixed, theta):
    """t^2 of x in generalised least squares with dense matrices, V of a ratio of variances that is given."""
    inverse = np.linalg.inv(theta * weights @ weights.T + np.eye(len(x)))
    centre = inverse - inverse @ fixed @ np.linalg.pinv(fixed.T @ inverse @ fixed) @ fixed.T @ inverse
    return (x @ centre @ y) ** 2 / (x @ centre @ x)


@pytest.mark.parametrize("lost", [0, 1, 4])
@pytest.mark.parametrize("sizes", [[2], [1, 2, 3]])
def test_the_statistic_is_generalised_least_squares(sizes, lost, designs, rng):
    """By names and dense matrices, closed and with mixtures lost, V estimated from y without x."""
    whole = designs.subsets(5, sizes)
    weights, x = whole[lost:], designs.rao(whole, rng)
    y = weights @ rng.normal(size=5) + 0.3 * rng.normal(size=len(weights))
    by_name = {tuple(np.flatnonzero(w)): v for w, v in zip(whole, x, strict=True)}
    every = Relabelled(weights, labels(5, 0, rng)[0], True, SetScores.of(whole > 0, x))
    test, fixed = label_test(every, y), size_means(weights)
    (theta,) = test.theta(np.zeros(1))
    statistic = []
    for order in itertools.permutations(range(5)):
        moved = np.array([by_name[tuple(sorted(order[i] for i in np.flatnonzero(w)))] for w in weights])
        statistic.append(studentised(weights, moved, y, fixed, theta))
    expected = np.mean(np.array(statistic) >= statistic[0] * (1 - 1e-9))
    assert test.p() == pytest.approx(expected)
    assert test.count == 120


@pytest.mark.parametrize("moving", [1, 2])
def test_a_covariate_that_is_a_score_moves_with_the_labels(moving, designs, rng):
    """By names and dense matrices: each relabelled diversity less its fit on the relabelled covariates and sizes."""
    weights = designs.subsets(5, [1, 2])
    x, *others = (designs.rao(weights, rng) for _ in range(1 + moving))
    y = weights @ rng.normal(size=5) + 0.3 * rng.normal(size=len(weights)) + 2 * others[0]
    orders, _ = labels(5, 0, rng)
    every, *given = (Relabelled(weights, orders, True, SetScores.of(weights > 0, v)) for v in (x, *others))
    fixed = np.column_stack([size_means(weights), *others])
    test = label_test(Partialled(every, tuple(given)), y, fixed)
    (theta,) = test.theta(np.zeros(1))
    place = {tuple(np.flatnonzero(w)): i for i, w in enumerate(weights)}
    statistic = []
    for order in itertools.permutations(range(5)):
        at = [place[tuple(sorted(order[i] for i in np.flatnonzero(w)))] for w in weights]
        columns = np.column_stack([size_means(weights), *(v[at] for v in others)])
        left = x[at] - columns @ np.linalg.lstsq(columns, x[at], rcond=None)[0]
        statistic.append(studentised(weights, left, y, fixed, theta))
    assert test.p() == pytest.approx(np.mean(np.array(statistic) >= statistic[0] * (1 - 1e-9)))


def test_a_score_that_drives_outcomes_is_no_effect_of_another(designs):
    """Level under a covariate that moves with the labels, correlated with diversity by .7."""
    rng, p = np.random.default_rng(8), []
    for _ in range(60):
        weights = designs.subsets(6, [1, 2])[rng.permutation(21)[:19]]
        table = designs.subsets(6, [1, 2])
        other, own = (designs.rao(table, rng) for _ in range(2))
        scores = [0.7 * other + 0.7 * own, other]
        orders = drawn_labels(6, 199, rng)
        every, given = (Relabelled(weights, orders, False, SetScores.of(table > 0, v)) for v in scores)
        covariate = next(given.chunks())[0]
        effect = 2 * (covariate - covariate.mean()) / covariate.std()
        y = effect[:, None] + weights @ rng.normal(size=(6, 5)) + 0.3 * rng.normal(size=(19, 5))
        fixed = np.column_stack([size_means(weights), covariate])
        p.append(label_test(Partialled(every, (given,)), y, fixed).p())
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=3 * math.sqrt(0.05 * 0.95 * 2 / 300))


def test_computed_scores_are_those_of_the_table(designs, rng):
    weights = designs.subsets(6, [1, 2, 3])
    distances = np.triu(rng.random((6, 6)), 1)
    distances += distances.T

    def score(w):
        return np.einsum("ma,ab,mb->m", w, distances, w)

    def moved(permutations):
        return np.array([score(weights[:, np.argsort(p)]) for p in permutations])

    orders = drawn_labels(6, 40, rng)
    table = Relabelled(weights, orders, False, SetScores.of(weights > 0, score(weights)))
    computed = Relabelled(weights, orders, False, None, moved)
    y = weights @ rng.normal(size=6) + rng.normal(size=len(weights))
    assert np.concatenate(list(table.chunks())) == pytest.approx(np.concatenate(list(computed.chunks())))
    assert label_test(table, y).p() == pytest.approx(label_test(computed, y).p())
    assert len(computed.fewer(10, rng)) == 11
    part = weights[:, 0] == 0
    assert np.concatenate(list(computed.of(part).chunks())) == pytest.approx(
        np.concatenate(list(table.of(part).chunks()))
    )


def test_exactness_over_all_relabellings(designs, rng):
    """Whatever the outcomes: of all relabelled scores, at most a share alpha has p <= alpha."""
    weights = designs.subsets(5, [2, 3])
    x, y = designs.rao(weights, rng), weights @ rng.normal(size=5) + 0.1 * rng.normal(size=20)
    moved = np.concatenate(list(in_table(weights, x).chunks()))
    p = np.array([label_test(in_table(weights, m), y).p()[0] for m in moved])
    for alpha in (0.025, 0.05, 0.1, 0.5):
        assert np.mean(p <= alpha + 1e-12) <= alpha + 1e-12
    assert np.mean(p <= 0.05) > 0.03  # and it is not empty


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6), st.floats(-5, 5))
@example(993, 0.0)  # a theta that differs in its eighth digit decides at the end itself
def test_interval_is_the_slopes_not_rejected(seed, shift):
    rng = np.random.default_rng(seed)
    rows = [[(i in c) / 2 for i in range(6)] for c in itertools.combinations(range(6), 2)]
    weights = np.array(rows)
    x, y = rng.normal(size=15), weights @ rng.normal(size=6) + 0.5 * rng.normal(size=15)
    test = label_test(in_table(weights, x), y)
    interval = test.interval()
    (low,), (high,) = interval.low, interval.high
    assert low < test.slope < high
    assert test.p(test.slope) > 0.99
    for end, outside in ((low, -1), (high, 1)):
        assert test.p(end - outside * 1e-7 * (high - low)) > 0.05
        assert test.p(end + outside * 1e-4 * (high - low)) <= 0.05
    grid = np.linspace(low - (high - low), high + (high - low), 301)
    kept = test.p(grid[:, None])[:, 0] > 0.05
    assert kept[(grid < low) | (grid > high)].mean() < 0.03  # p is a step function: islands of the width of a step
    assert interval.gaps[0] or kept[(grid > low) & (grid < high)].mean() > 0.97  # and gaps of the width of a step
    moved = label_test(in_table(weights, x), y + shift * x)
    ends = moved.interval()
    assert [ends.low[0], ends.high[0]] == pytest.approx([low + shift, high + shift], abs=1e-3 * (high - low))
    assert moved.slope == pytest.approx(test.slope + shift, abs=1e-5)


def test_slope_is_that_of_reml(designs, rng):
    weights = designs.subsets(9, [3])
    x, y = designs.rao(weights, rng), weights @ rng.normal(size=9) + 0.25 * rng.normal(size=84)
    test = label_test(in_table(weights, x, 199, rng), y)
    found = slopes(weights, x, y)
    assert test.slope == pytest.approx(found.slope[0], abs=0.05 * found.se[0])


def test_too_few_tasks_reject_nothing(rng):
    test = label_test(in_table(np.eye(3), np.array([1.0, 2, 4])), np.array([1.0, 2, 4]))
    assert test.p() == pytest.approx(1 / 6)
    assert (test.interval().low, test.interval().high) == (-math.inf, math.inf)


def test_covariates_stay_with_the_outcomes(designs, rng):
    """Given a covariate of the mixtures, by dense matrices over all relabellings."""
    weights = designs.subsets(5, [2])
    x, c = designs.rao(weights, rng), rng.normal(size=10)
    y = c + weights @ rng.normal(size=5) + 0.4 * rng.normal(size=10)
    fixed = np.column_stack([np.ones(10), c])
    test = label_test(in_table(weights, x), y, fixed)
    (theta,) = test.theta(np.zeros(1))
    statistic = [studentised(weights, m, y, fixed, theta) for m in np.concatenate(list(in_table(weights, x).chunks()))]
    assert test.p() == pytest.approx(np.mean(np.array(statistic) >= statistic[0] * (1 - 1e-9)))


def test_a_score_that_is_the_same_for_all_labels_says_nothing(rng):
    """One that is symmetric in the tasks, of weights that differ: no relabelling moves it."""
    weights = rng.dirichlet(np.ones(6), 30)
    entropy = -(weights * np.log(weights)).sum(axis=1)
    relabelled = Relabelled(weights, drawn_labels(6, 50, rng), False, None, lambda p: np.tile(entropy, (len(p), 1)))
    test = label_test(relabelled, 3 * entropy + 0.01 * rng.normal(size=30))
    assert test.p() == 1
    assert (test.interval().low, test.interval().high) == (-math.inf, math.inf)


def test_ten_thousand_permutations_of_all_mixtures_take_seconds(designs, rng):
    weights = designs.subsets(9, range(1, 10))
    x, y = designs.rao(weights, rng), rng.normal(size=511)
    start = time.process_time()
    test = label_test(in_table(weights, x, 10_000, rng), y)
    assert 0 < test.p() <= 1
    assert time.process_time() - start < 5
