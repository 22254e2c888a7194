"""REML beside lme4, beside a likelihood written out with dense matrices, and where the answer is known."""

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from diversity.stats.multimembership import contrasts, slopes, slopes_at
from diversity.types import InputError


def subsets(tasks, sizes):
    rows = [[(i in c) / k for i in range(tasks)] for k in sizes for c in itertools.combinations(range(tasks), k)]
    return np.array(rows, dtype=float)


def lme4_data(files: Path):
    table = np.loadtxt(files / "multimembership.csv", delimiter=",", skiprows=1)
    return table[:, :6], table[:, 6], table[:, 7]


def test_agrees_with_lme4(files):
    """Rscript tests/files/multimembership.R: R 4.2.2, lme4 1.1-31; degrees of freedom by lmerTest 3.1-3."""
    found = slopes(*lme4_data(files))
    assert found.slope[0] == pytest.approx(1.10912553, abs=1e-7)
    assert found.se[0] == pytest.approx(0.24520584, abs=1e-6)
    assert found.sd_task[0] == pytest.approx(4.65619660, abs=1e-5)
    assert found.sd_noise[0] == pytest.approx(1.27637690, abs=1e-6)
    # lmerTest differentiates the observed likelihood, the formula here has its expectation
    assert found.df[0] == pytest.approx(28.79315, rel=1e-3)
    assert found.p()[0] == pytest.approx(9.655259e-05, rel=1e-3)


def dense_criterion(weights, columns, y, sd_task, sd_noise):
    v = sd_task**2 * weights @ weights.T + sd_noise**2 * np.eye(len(y))
    inverse = np.linalg.inv(v)
    information = columns.T @ inverse @ columns
    beta = np.linalg.solve(information, columns.T @ inverse @ y)
    rest = y - columns @ beta
    logs = np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1]
    return logs + rest @ inverse @ rest, beta, np.linalg.inv(information)


@pytest.mark.parametrize("seed", range(5))
def test_is_the_maximum_of_the_dense_restricted_likelihood(seed):
    rng = np.random.default_rng(seed)
    weights = subsets(6, [1, 2, 3])
    x, k = rng.normal(size=len(weights)), (weights > 0).sum(axis=1)
    y = weights @ rng.normal(0, 2, 6) + 0.5 * x + rng.normal(size=len(weights))
    fixed = np.column_stack([np.ones(len(x)), k])
    columns = np.column_stack([fixed, x])
    best = optimize.minimize(
        lambda s: dense_criterion(weights, columns, y, *np.exp(s))[0], [0.0, 0.0], method="Nelder-Mead",
        options={"xatol": 1e-9, "fatol": 1e-11, "maxiter": 2000},
    )  # fmt: skip
    _, beta, covariance = dense_criterion(weights, columns, y, *np.exp(best.x))
    found = slopes(weights, x, y, fixed)
    assert found.slope[0] == pytest.approx(beta[-1], abs=1e-5)
    assert found.se[0] == pytest.approx(np.sqrt(covariance[-1, -1]), rel=1e-4)
    assert [found.sd_task[0], found.sd_noise[0]] == pytest.approx(np.exp(best.x), rel=1e-3)


def test_satterthwaite_by_differentiating_dense_matrices():
    rng = np.random.default_rng(3)
    weights = subsets(5, [1, 2])
    x = rng.normal(size=len(weights))
    y = weights @ rng.normal(0, 2, 5) + rng.normal(size=len(weights))
    columns = np.column_stack([np.ones(len(x)), x])
    found = slopes(weights, x, y)
    parts = [weights @ weights.T, np.eye(len(x))]
    at = np.array([found.sd_task[0] ** 2, found.sd_noise[0] ** 2])

    def projection(v):
        inverse = np.linalg.inv(v)
        return inverse - inverse @ columns @ np.linalg.inv(columns.T @ inverse @ columns) @ columns.T @ inverse

    def variance(s):
        return np.linalg.inv(columns.T @ np.linalg.inv(s[0] * parts[0] + s[1] * parts[1]) @ columns)[1, 1]

    p = projection(at[0] * parts[0] + at[1] * parts[1])
    information = np.array([[np.trace(p @ a @ p @ b) / 2 for b in parts] for a in parts])
    gradient = optimize.approx_fprime(at, variance, 1e-6)
    expected = 2 * variance(at) ** 2 / (gradient @ np.linalg.solve(information, gradient))
    assert found.df[0] == pytest.approx(expected, rel=1e-4)


def test_single_tasks_are_ordinary_regression():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 9))
    expected = stats.linregress(x, y)
    found = slopes(np.eye(9), x, y)
    assert found.slope[0] == pytest.approx(expected.slope)
    assert found.se[0] == pytest.approx(expected.stderr)
    assert found.df[0] == pytest.approx(7)
    assert found.p()[0] == pytest.approx(expected.pvalue)


def test_without_effects_of_tasks_it_is_ordinary_regression(designs):
    rng = np.random.default_rng(4)
    weights = designs.subsets(6, [2])
    x = rng.normal(size=15)
    e = rng.normal(size=15)
    y = x + e - weights @ np.linalg.lstsq(weights, e, rcond=None)[0]  # noise that no task has
    found = slopes(weights, x, y)
    assert found.sd_task[0] == 0
    assert found.slope[0] == pytest.approx(stats.linregress(x, y).slope)


def test_many_outcomes_at_once_are_each_alone(designs):
    rng = np.random.default_rng(5)
    weights = designs.subsets(6, [1, 2, 3])
    x, y = rng.normal(size=len(weights)), rng.normal(size=(len(weights), 7)) + weights @ rng.normal(size=(6, 7))
    together = slopes(weights, x, y)
    for i in range(7):
        alone = slopes(weights, x, y[:, i])
        for name in ("slope", "se", "sd_task", "df"):
            assert getattr(alone, name)[0] == pytest.approx(getattr(together, name)[i], rel=1e-5, abs=1e-7)
    again = slopes_at(weights, np.column_stack([x, 2 * x]), y[:, 0], np.ones((len(x), 1)), float(together.theta[0]))
    assert again == pytest.approx([together.slope[0], together.slope[0] / 2])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6), st.floats(-1e3, 1e3), st.floats(0.01, 100))
def test_shifts_and_units(seed, shift, unit):
    rng = np.random.default_rng(seed)
    weights = subsets(5, [2, 3])
    x, y = rng.normal(size=20), weights @ rng.normal(size=5) + rng.normal(size=20)
    first, second = slopes(weights, x, y), slopes(weights, x / unit, unit * y + shift)
    assert second.slope[0] == pytest.approx(first.slope[0] * unit**2, rel=1e-4, abs=1e-6 * unit**2)
    assert second.se[0] == pytest.approx(first.se[0] * unit**2, rel=1e-4)
    order, turned = rng.permutation(20), rng.permutation(5)
    third = slopes(weights[order][:, turned], x[order], y[order])
    assert third.slope[0] == pytest.approx(first.slope[0], rel=1e-4, abs=1e-6)


def test_an_exact_line_has_no_error_and_a_constant_outcome_no_slope(designs):
    weights = designs.subsets(6, [2])
    x = np.arange(15.0) ** 2
    line = slopes(weights, x, 3 * x + 1)
    assert (line.slope[0], line.se[0], line.p()[0]) == (pytest.approx(3), pytest.approx(0, abs=1e-6), pytest.approx(0))
    flat = slopes(weights, x, np.full(15, 7.0))
    assert (flat.slope[0], flat.p()[0]) == (0, 1)


def test_bad_designs_are_told(designs):
    weights = designs.subsets(4, [1])
    with pytest.raises(InputError, match="linear function of the covariates"):
        slopes(weights, np.ones(4), np.arange(4.0))
    with pytest.raises(InputError, match="expected at least 4 mixtures for 2 fixed effects, found 3"):
        contrasts(weights[:3], np.column_stack([np.ones(3), np.arange(3)]))
    with pytest.raises(InputError, match="3 mixtures more than covariates"):
        slopes(weights, np.arange(4.0) ** 2, np.arange(4.0), np.column_stack([np.ones(4), np.arange(4)]))
