"""Power after results: effects that are added to a study whose tasks exchange their texts, and found again."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest

from diversity.stats import power, trials
from diversity.stats.permutation import Partialled, Relabelled, SetScores, label_test, labels
from diversity.stats.trials import Spread
from diversity.studies.study import sd_within
from diversity.studies.weights import size_means


def closed_study(designs, sizes, spread, rng, tasks=7):
    """Weights, all relabellings, and one outcome of a closed design."""
    weights = designs.subsets(tasks, sizes)
    x = designs.rao(weights, rng)
    orders, exact = labels(tasks, 2000, rng)
    every = Relabelled(
        weights, orders, exact, SetScores.of(weights > 0, x), centre=float(x.mean()), scale=sd_within(x, weights)
    )
    return weights, every, spread.outcomes(weights, 1, rng)[:, 0]


def least(every, y, rng, draws=300):
    """The slope that a study with outcome y would find, less its own."""
    sizes = size_means(every.weights)
    left = y - label_test(every, y).slope * next(every.chunks())[0]
    return power.least_of(power.curve(trials.dealt(every, left, [sizes], draws=draws, rng=rng)))


def test_another_labelling_is_tested_as_if_it_were_that_of_the_study(designs):
    rng = np.random.default_rng(0)
    weights, every, _ = closed_study(designs, [1, 2], Spread(1, 0.5, 0.2), rng, tasks=4)
    y = rng.normal(size=(len(weights), 3))
    own = np.array([5, 0, 17])
    p, sign = label_test(every, y).of_labelling(own)
    for d, number in enumerate(own):
        first = np.append(number, np.delete(np.arange(len(every)), number))
        alone = label_test(replace(every, permutations=every.permutations[first]), y[:, d])
        assert p[d] == pytest.approx(alone.p()[0])
        assert sign[d] == alone.sign[0]
    assert p[1] == label_test(every, y[:, 1]).p()[0]


def test_without_an_effect_the_verdict_is_as_rare_as_alpha(designs):
    """Of 24 labellings, both signs: exactly those whose statistic is among the largest."""
    rng = np.random.default_rng(1)
    weights, every, y = closed_study(designs, [2, 3], Spread(1, 0.5, 0.2), rng, tasks=5)
    found = trials.dealt(every, y, [size_means(weights)], draws=2 * len(every), rng=rng)
    assert found.effect.shape == (len(weights), 2 * math.factorial(5))
    for alpha in (0.05, 0.2, 1.0):
        assert found.shown(0.0, alpha) <= alpha / 2  # an effect has one sign of two


@pytest.mark.parametrize("spread", [Spread(1, noise=0.25), Spread(1, pair=0.5, noise=0.05), Spread(3, pair=1, noise=0)])
def test_power_of_one_study_is_that_of_its_design(designs, spread):
    """Known before by the spread that outcomes are drawn with, and after by one set of outcomes: on average the same."""
    rng = np.random.default_rng(2)
    after, ratios = [], []
    weights, every, _ = closed_study(designs, [1, 2, 3], spread, rng)
    x = next(every.chunks())[0]
    for y in spread.outcomes(weights, 12, rng).T:
        after.append(least(every, y, rng))
        interval = label_test(every, y).interval()
        ratios.append(after[-1] / float(interval.high[0] - interval.low[0]))
    sizes = size_means(weights)
    judge = trials.by_labels(every.fewer(299, rng), sizes)
    before = power.least_of(power.curve(trials.Trials(spread.outcomes(weights, 400, rng), x[:, None], (judge,))))
    assert np.mean(after) == pytest.approx(before, rel=0.15)
    assert np.mean(ratios) == pytest.approx(1.43 / 2, rel=0.15)  # (1.96 + 0.84) / 1.96 half-widths of an interval


def test_interactions_of_tasks_count(designs):
    """All sets of seven tasks whose pairs differ: were it noise of each mixture alone, half the slope would do."""
    rng = np.random.default_rng(3)
    weights, every, y = closed_study(designs, range(1, 8), Spread(1, pair=0.5), rng)
    fixed = np.column_stack([size_means(weights), weights])
    rest = y - fixed @ np.linalg.lstsq(fixed, y, rcond=None)[0]
    noise = Spread(1, noise=float(rest.std())).outcomes(weights, 1, rng)[:, 0]
    assert least(every, y, rng) > 2 * least(every, noise, rng)


def test_outcomes_of_the_bootstrap_have_the_variances_that_were_fitted(designs):
    """Of a design that is not closed: drawn outcomes vary along its contrasts as tasks, pairs and noise of the study do."""
    rng = np.random.default_rng(4)
    weights = designs.subsets(9, [1, 2])[:-3]
    z = rng.normal(size=len(weights))
    spread, sizes = Spread(2, pair=1, noise=0.3), size_means(weights)
    sd = []
    for y in spread.outcomes(weights, 20, rng).T:
        found = trials.drawn(weights, z, y, [sizes], draws=400, rng=rng)
        left = found.none - sizes @ np.linalg.lstsq(sizes, found.none, rcond=None)[0]
        sd.append(left.std())
    q = np.linalg.qr(sizes)[0]
    project = np.eye(len(weights)) - q @ q.T
    true = math.sqrt(np.trace(project @ spread.covariance(weights) @ project) / len(weights))
    assert np.sqrt(np.mean(np.square(sd))) == pytest.approx(true, rel=0.15)


def test_a_question_that_cannot_be_asked_is_never_shown(designs):
    rng = np.random.default_rng(5)
    weights, every, y = closed_study(designs, [1], Spread(1), rng, tasks=5)
    found = trials.dealt(every, y, [size_means(weights), np.eye(5)], draws=100, rng=rng)
    assert found.shown(1e6, 0.05) == 0
    assert power.least_of(power.curve(found)) == math.inf


def test_covariates_that_move_lose_the_same_relabellings(designs):
    rng = np.random.default_rng(6)
    _, every, _ = closed_study(designs, [2, 3], Spread(1), rng, tasks=6)
    other = replace(every, sets=SetScores(every.sets.codes, rng.random(len(every.sets.codes))))
    both = Partialled(every, (other,)).fewer(50, np.random.default_rng(0))
    assert np.array_equal(both.diversity.permutations, both.moving[0].permutations)
    assert len(both.diversity) == 51
    assert not both.exact
    whole = np.concatenate(list(Partialled(every, (other,)).chunks()))
    part = np.concatenate(list(both.chunks()))
    places = [int(np.flatnonzero((every.permutations == row).all(axis=1))[0]) for row in both.diversity.permutations]
    np.testing.assert_allclose(part, whole[places])
    assert list(itertools.pairwise(places)) == sorted(itertools.pairwise(places))
