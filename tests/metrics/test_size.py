"""Does a metric's expected value move with the number of rows alone? What each metric claims, checked on one distribution.

Many small sets and many larger ones are drawn from the same distribution. Where `size_dependent` is claimed, the means
of the values differ by far more than their standard error; where it is not, they do not, and neither on another
distribution: one that the claim could fail on.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from diversity import catalog

FEW, MANY = 10, 60
DRAWS = {"medoid_span": 600, "rouge_l": 60}
FAR, NEAR = 6.0, 3.5  # standard errors of the difference
OPTIONS = {
    "kmeans_inertia": {"clusters": 8}, "partition_entropy": {"clusters": 8}, "rbf_vendi": {"features": 64},
}  # fmt: skip
NAMES = [n for n in catalog.names("metrics") if catalog.get("metrics", n).takes != "weights"]
CLAIMED = [n for n in NAMES if catalog.get("metrics", n).size_dependent]
NOT_CLAIMED = [n for n in NAMES if n not in CLAIMED]


def gaussian(rng, n):
    """Rows in three groups, neither isotropic nor centred."""
    return rng.normal(size=(n, 6)) * np.linspace(1.5, 0.3, 6) + 1.2 * np.eye(3, 6)[rng.integers(3, size=n)]


def heavy(rng, n):
    """Rows of which most are near each other and a tenth far off: worse for means that depend on few rows."""
    return 0.2 * rng.normal(size=(n, 6)) + np.where(rng.random((n, 1)) < 0.1, 1, -1) * np.eye(1, 6)


SHARES = 1 / np.arange(1, 41) / (1 / np.arange(1, 41)).sum()


def texts(rng, n):
    """Texts of 6 to 14 of forty words, drawn by Zipf's law."""
    drawn = rng.choice([f"w{i}" for i in range(40)], size=(n, 14), p=SHARES)
    return [" ".join(line[:length]) for line, length in zip(drawn, rng.integers(6, 15, size=n), strict=True)]


REFERENCE = gaussian(np.random.default_rng(99), 80)
TARGET = texts(np.random.default_rng(99), 4)


def value(metric, rng, n, rows):
    options = OPTIONS.get(metric.name, {})
    if metric.takes in ("texts", "reference_texts"):
        given = (texts(rng, n), TARGET) if metric.takes == "reference_texts" else (texts(rng, n),)
        return metric(*given, **options)
    x = rows(rng, n)
    if metric.takes in ("partition", "labelled"):
        # the second half is another task: the tasks' shares are the mixture's, and do not vary
        second = np.arange(n) >= n // 2
        return metric(x + 0.8 * second[:, None] * np.eye(6)[5], second.astype(int), **options)
    return metric(x, REFERENCE, **options) if metric.takes == "reference" else metric(x, **options)


def moved(name, rows=gaussian, times=1):
    """By how many standard errors the mean value of many rows lies above that of few."""
    metric, draws = catalog.get("metrics", name), times * DRAWS.get(name, 100)
    rng = np.random.default_rng(0)
    few, many = (np.array([value(metric, rng, n, rows) for _ in range(draws)]) for n in (FEW, MANY))
    return (many.mean() - few.mean()) / np.sqrt((few.var(ddof=1) + many.var(ddof=1)) / draws)


@pytest.mark.parametrize("name", CLAIMED)
def test_the_expected_value_moves_with_the_number_of_rows(name):
    assert abs(moved(name)) > FAR


@pytest.mark.parametrize("name", NOT_CLAIMED)
def test_the_expected_value_stays_whatever_the_number_of_rows(name):
    assert abs(moved(name, times=3)) < NEAR


@pytest.mark.parametrize("name", [n for n in NOT_CLAIMED if "texts" not in catalog.get("metrics", n).takes])
def test_it_stays_on_a_distribution_of_outliers_too(name):
    assert abs(moved(name, heavy, times=3)) < NEAR


@pytest.mark.parametrize("name", ["cosine", "rao_alpha", "rao_beta", "rao_gamma"])
def test_without_the_correction_for_pairs_of_a_row_with_itself_it_would_move(name, monkeypatch):
    """The counterexample to a claim of U estimators: their V versions."""
    found = catalog.get("metrics", name)
    monkeypatch.setattr(catalog, "get", lambda *_: replace(found, function=partial(found.function, unbiased=False)))
    assert abs(moved(name)) > FAR


def test_order_two_of_vendi_stays_with_its_unbiased_estimator_as_a_purity():
    """1/U is not unbiased itself: what does not move is the purity."""
    rng, found = np.random.default_rng(0), catalog.get("metrics", "vendi")
    few, many = (np.array([1 / found(gaussian(rng, n), q=2, unbiased=True) for _ in range(300)]) for n in (FEW, MANY))
    assert abs(many.mean() - few.mean()) < NEAR * np.sqrt((few.var() + many.var()) / 300)
