"""What designs can show: closed forms by their definition, slopes by trying them."""

import math

import numpy as np
import pytest
from scipy import stats

from diversity.stats import power
from diversity.stats.calibration import calibrated
from diversity.stats.permutation import Relabelled, SetScores, drawn_labels
from diversity.stats.trials import Spread, Trials, by_labels
from diversity.studies.study import sd_within
from diversity.studies.weights import size_means
from diversity.types import InputError


def minimum_detectable(*design, **assumed):
    """The slope that a design shows with 80 % power."""
    return power.least_of(power.detection_curve(*design, **assumed))


@pytest.mark.parametrize(("n", "critical", "detectable"), [(9, 0.666, 0.82), (36, 0.33, 0.45)])
def test_figures_for_small_samples(n, critical, detectable):
    r = power.critical_r(n)
    assert r == pytest.approx(critical, abs=0.005)
    assert 2 * stats.t.sf(r * math.sqrt((n - 2) / (1 - r * r)), n - 2) == pytest.approx(0.05)
    assert power.detectable_r(n) == pytest.approx(detectable, abs=0.005)
    z = math.atanh(power.detectable_r(n)) * math.sqrt(n - 3)
    assert stats.norm.sf(stats.norm.ppf(0.975) - z) == pytest.approx(0.8)


def test_interval_of_scipy():
    x = np.arange(9.0)
    y = np.array([2.0, 1, 4, 3, 7, 5, 9, 8, 12])
    found = stats.pearsonr(x, y)
    assert power.interval_r(found.statistic, 9) == pytest.approx(tuple(found.confidence_interval()))
    assert power.interval_r(0.5, 3) == (-1, 1)


def test_slope_of_independent_points_is_the_noncentral_t():
    n = 20
    x = np.arange(float(n))
    found = minimum_detectable(np.eye(n), x, Spread(0, noise=2), draws=2000, rng=np.random.default_rng(0))
    spread = 2 / math.sqrt(n - 1)
    shown = stats.nct.sf(stats.t.ppf(0.975, n - 2), n - 2, found / spread)
    assert shown == pytest.approx(0.8, abs=0.03)


@pytest.mark.parametrize("lost", [0, 1])
def test_the_slope_found_is_shown_that_often(lost, designs):
    """By the test that the design gets: labels where it is closed, a bootstrap where a pair of triples is lost."""
    rng = np.random.default_rng(1)
    weights = designs.subsets(7, [2])[lost:]
    x = designs.rao(weights, rng)
    z = (x - x.mean()) / x.std(ddof=1)
    least = minimum_detectable(weights, x, Spread(1, noise=0.25), draws=200, rng=rng)
    y = Spread(1, noise=0.25).outcomes(weights, 300, rng) + least * z[:, None]
    fitted = calibrated(weights, z, y, np.ones((len(x), 1)), rng=rng)
    shown = np.mean((fitted.p() < 0.05) & (fitted.fitted.slope > 0))
    error = 3 * math.sqrt(0.8 * 0.2 * 2 / 200)
    assert shown == pytest.approx(0.8, abs=error + 0.05)  # the two tests are not one


def test_a_verdict_needs_more_than_its_first_test(designs):
    """With the single tasks in the design, the slope has to hold given what each task is worth, too."""
    rng = np.random.default_rng(3)
    weights = designs.subsets(6, [1, 2])
    x = designs.rao(weights, rng) + (weights.max(axis=1) == 1) * rng.random(len(weights))
    z = (x - x.mean()) / sd_within(x, weights)
    table = Relabelled(weights, drawn_labels(6, 299, rng), False, SetScores.of(weights > 0, z))
    sizes = size_means(weights)
    tests = by_labels(table, sizes), by_labels(table, np.column_stack([sizes, weights]))
    none = Spread(1, noise=0.25).outcomes(weights, 400, rng)
    first, verdict = (power.least_of(power.curve(Trials(none, z[:, None], asked))) for asked in (tests[:1], tests))
    assert (
        first < verdict < 1.15 * first
    )  # the mean of the members' single outcomes as a covariate took half as much again


def test_effective_sample_size_by_simulation(designs):
    rng = np.random.default_rng(2)
    weights, spread = designs.subsets(9, [3]), Spread(1, pair=0.5, noise=0.25)
    x = designs.rao(weights, rng)
    y = spread.outcomes(weights, 20_000, rng)
    c = x - x.mean()
    slope = c @ y / (c @ c)
    believed = y.var(axis=0, ddof=1).mean() / (c @ c)
    found = power.effective_sample_size(weights, x, spread)
    assert found == pytest.approx(84 * believed / slope.var(), rel=0.05)
    assert found < 60
    assert power.effective_sample_size(weights, x, Spread(0, noise=1)) == pytest.approx(84)


def test_what_cannot_be_shown(designs):
    weights = designs.subsets(3, [1])
    assert minimum_detectable(weights, np.arange(3.0), Spread(1, noise=1), draws=50) == math.inf
    two = designs.subsets(4, [1, 2])
    with pytest.raises(InputError, match="differs between mixtures of one size"):
        minimum_detectable(two, (two > 0).sum(axis=1) * 1.0, Spread(1, noise=1))
    few = minimum_detectable(two[1:5], np.arange(4.0), Spread(1, noise=1), draws=50)
    assert math.isnan(few)  # such a design gets no test
