"""Mixed membership beside lme4, beside dense matrices, and what is said of what cannot be fitted."""

import itertools
import math

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

import diversity
from diversity import InputError
from diversity.stats.mixed_membership import mixed_membership


@pytest.fixture(scope="module")
def table(request) -> pd.DataFrame:
    return pd.read_csv(request.path.parent.parent / "files" / "mixed_membership.csv")


def fitted(table: pd.DataFrame, **options):
    return mixed_membership(table["y"], table[["size", "age"]], table.filter(like="w_"), **options)


def test_equals_lme4(table, files):
    """Rscript tests/files/mixed_membership.R < tests/files/mixed_membership.csv: R 4.2.2, lme4 1.1-31."""
    lme4 = pd.read_csv(files / "mixed_membership_lme4.csv").set_index("term")
    fit = fitted(table)
    assert fit.coefficients["term"].to_list() == ["intercept", "size", "age"]
    for column in ("estimate", "se"):
        assert fit.coefficients[column].to_list() == pytest.approx(lme4[column].iloc[:3].to_list(), rel=1e-5)
    estimates = lme4["estimate"]
    assert fit.sd_group == pytest.approx(estimates["sd_group"], rel=1e-5)
    assert fit.sd_noise == pytest.approx(estimates["sd_noise"], rel=1e-6)
    assert -2 * fit.log_likelihood == pytest.approx(estimates["reml"], abs=1e-8)
    assert fit.effects["effect"].to_list() == pytest.approx(estimates.filter(like="effect").to_list(), rel=1e-4)
    assert fit.effects["group"].to_list() == [f"w_{i}" for i in range(12)]


def test_intervals_of_the_spread_are_those_of_the_dense_profile_likelihood(table):
    shares, y = table.filter(like="w_").to_numpy(), table["y"].to_numpy()
    columns = np.column_stack([np.ones(len(y)), table[["size", "age"]]])

    def deviance(sd_group: float, sd_noise: float) -> float:
        v = sd_group**2 * shares @ shares.T + sd_noise**2 * np.eye(len(y))
        inverse = np.linalg.inv(v)
        information = columns.T @ inverse @ columns
        rest = y - columns @ np.linalg.solve(information, columns.T @ inverse @ y)
        return np.linalg.slogdet(v)[1] + np.linalg.slogdet(information)[1] + rest @ inverse @ rest

    fit = fitted(table, alpha=0.1)
    limit = deviance(fit.sd_group, fit.sd_noise) + stats.chi2.ppf(0.9, 1)
    for low_high, of in (
        (fit.sd_group_interval, lambda sd, other: deviance(sd, other)),
        (fit.sd_noise_interval, lambda sd, other: deviance(other, sd)),
    ):
        for end in low_high:
            least = optimize.minimize_scalar(lambda other: of(end, other), bounds=(0.05, 20), method="bounded").fun  # noqa: B023
            assert least == pytest.approx(limit, abs=1e-4)


def test_intervals_cover(rng):
    """In 100 draws, 95 % intervals of the slope and of both standard deviations cover .95 with a standard error of .022."""
    pairs = list(itertools.combinations(range(12), 2))
    shares = np.array([[(i in pair) / 2 for i in range(12)] for pair in pairs])
    x = rng.normal(size=len(pairs))
    covered = np.zeros(3)
    for _ in range(100):
        y = 0.5 * x + shares @ rng.normal(0, 2, 12) + rng.normal(0, 1, len(pairs))
        fit = mixed_membership(y, x, shares)
        low, high = fit.coefficients.loc[1, ["low", "high"]]
        ends = [(low, high, 0.5), (*fit.sd_group_interval, 2.0), (*fit.sd_noise_interval, 1.0)]
        covered += [low <= truth <= high for low, high, truth in ends]
    assert (np.abs(covered / 100 - 0.95) < 0.07).all()


def test_no_effect_of_groups_and_no_covariates(rng):
    shares = rng.dirichlet(np.ones(5), 40)
    y = rng.normal(size=40) - shares @ np.zeros(5)
    y -= shares @ np.linalg.lstsq(shares, y, rcond=None)[0]  # nothing left along the groups
    fit = diversity.mixed_membership(y, None, shares)
    assert fit.sd_group == 0
    assert fit.sd_group_interval[0] == 0
    assert (fit.effects["effect"] == 0).all()
    assert fit.coefficients["term"].to_list() == ["intercept"]
    assert fit.to_frame()["term"].to_list() == ["intercept", "sd of groups", "sd of noise"]


def test_what_cannot_be_fitted_is_said(rng):
    shares, x, y = rng.dirichlet(np.ones(3), 10), rng.normal(size=10), rng.normal(size=10)
    for given, said in (
        ((y, x[:9], shares), r"X of 10 rows, one for each y, found shape \(9, 1\)"),
        ((y, x, shares[:4]), "W of 10 rows"),
        ((y, np.column_stack([x, 2 * x]), shares), "do not depend on each other, found that x2 does"),
        ((y, np.ones(10), shares), "found that x1 does"),
        ((np.append(y[:9], math.nan), x, shares), "finite numbers in y, found nan"),
        ((y[:4], x[:4], shares[:4]), "at least 5 units for 2 terms, found 4"),
        ((["a"] * 10, x, shares), "expected numbers in y"),
        ((y[:, None], x, shares), r"y of shape \(units,\)"),
    ):
        with pytest.raises(InputError, match=said):
            mixed_membership(*given)
