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
from diversity.scoring.claims import FAR, FEW, MANY, NEAR, gaussian, heavy, shift

NAMES = [n for n in catalog.names("metrics") if catalog.get("metrics", n).takes != "weights"]
CLAIMED = [n for n in NAMES if catalog.get("metrics", n).size_dependent]
NOT_CLAIMED = [n for n in NAMES if n not in CLAIMED]


@pytest.mark.parametrize("name", CLAIMED)
def test_the_expected_value_moves_with_the_number_of_rows(name):
    assert abs(shift(catalog.get("metrics", name))) > FAR


@pytest.mark.parametrize("name", NOT_CLAIMED)
def test_the_expected_value_stays_whatever_the_number_of_rows(name):
    assert abs(shift(catalog.get("metrics", name), times=3)) < NEAR


@pytest.mark.parametrize("name", [n for n in NOT_CLAIMED if "texts" not in catalog.get("metrics", n).takes])
def test_it_stays_on_a_distribution_of_outliers_too(name):
    assert abs(shift(catalog.get("metrics", name), heavy, times=3)) < NEAR


@pytest.mark.parametrize("name", ["cosine", "rao_alpha", "rao_beta", "rao_gamma"])
def test_without_the_correction_for_pairs_of_a_row_with_itself_it_would_move(name):
    """The counterexample to a claim of U estimators: their V versions."""
    found = catalog.get("metrics", name)
    assert abs(shift(replace(found, function=partial(found.function, unbiased=False)))) > FAR


def test_order_two_of_vendi_stays_with_its_unbiased_estimator_as_a_purity():
    """1/U is not unbiased itself: what does not move is the purity."""
    rng, found = np.random.default_rng(0), catalog.get("metrics", "vendi")
    few, many = (np.array([1 / found(gaussian(rng, n), q=2, unbiased=True) for _ in range(300)]) for n in (FEW, MANY))
    assert abs(many.mean() - few.mean()) < NEAR * np.sqrt((few.var() + many.var()) / 300)
