"""Gains and Shapley values: their axioms, permutations by brute force, and the lattice of a real metric."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from diversity import contributions
from diversity.contributions import gains, lattice, members, shapley
from diversity.metrics import cosine, hill, vendi
from diversity.moments import moments, stack
from diversity.types import InputError

values = st.integers(1, 6).flatmap(lambda t: arrays(float, 2**t, elements=st.floats(-10, 10)))


def by_permutations(v, count):
    """The mean gain of each task over all orders of arrival, by the definition."""
    total = np.zeros(count)
    for order in itertools.permutations(range(count)):
        here = 0
        for task in order:
            total[task] += v[here | 1 << task] - v[here]
            here |= 1 << task
    return total / math.factorial(count)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_shapley_is_the_mean_over_permutations(count):
    v = np.random.default_rng(count).normal(size=2**count)
    np.testing.assert_allclose(shapley(v), by_permutations(v, count), atol=1e-12)


def test_the_glove_game_by_hand():
    """One left glove and two right ones: a pair is worth 1. The left one gets 2/3, each right one 1/6."""
    v = [float(s & 1 and s & 6 != 0) for s in range(8)]
    np.testing.assert_allclose(shapley(v), [2 / 3, 1 / 6, 1 / 6])
    assert gains(v).tolist() == [1, 0, 0]


@given(values)
def test_shapley_values_sum_to_the_whole(v):
    assert shapley(v).sum() == pytest.approx(v[-1] - v[0], abs=1e-9)


@given(values, st.data())
def test_equal_tasks_have_equal_shares(v, data):
    count = v.size.bit_length() - 1
    if count < 2:
        return
    a, b = data.draw(st.permutations(range(count)))[:2]
    swapped = [s ^ ((1 << a | 1 << b) if (s >> a & 1) != (s >> b & 1) else 0) for s in range(v.size)]
    found = shapley((v + v[swapped]) / 2)
    assert found[a] == pytest.approx(found[b], abs=1e-9)


@given(values, st.floats(-5, 5))
def test_a_task_that_always_adds_the_same_has_that_share(v, c):
    """The null player for c = 0: a task on top of the others, whatever they are."""
    assert shapley(np.concatenate([v, v + c]))[-1] == pytest.approx(c, abs=1e-9)
    assert gains(np.concatenate([v, v + c]))[-1] == pytest.approx(c, abs=1e-9)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.floats(-3, 3))
def test_shapley_values_add_up_over_games(count, seed, c):
    v, u = np.random.default_rng(seed).normal(size=(2, 2**count))
    np.testing.assert_allclose(shapley(v + c * u), shapley(v) + c * shapley(u), atol=1e-9)


def test_additive_values_are_their_own_shares():
    own = np.array([0.5, -1, 2, 7])
    v = members(4) @ own
    np.testing.assert_allclose(shapley(v), own)
    np.testing.assert_allclose(gains(v), own)


def test_sixteen_tasks_are_exact():
    """v(S) = |S|^2: by symmetry each has 256/16."""
    np.testing.assert_allclose(shapley(members(16).sum(axis=1).astype(float) ** 2), np.full(16, 16.0))


def tasks(count=4, seed=0):
    rng = np.random.default_rng(seed)
    return stack({f"t{i}": moments(rng.normal(size=(15, 6)) + rng.normal(size=6)) for i in range(count)})


def test_the_lattice_of_a_metric_has_every_subset_at_its_place():
    found, weights = tasks(), np.array([1.0, 2, 3, 4])
    v = lattice(found, vendi.mixtures, weights=weights, q=2, empty=1)
    assert v[0] == 1
    for s in range(1, 16):
        w = weights * [s >> i & 1 for i in range(4)]
        assert v[s] == pytest.approx(vendi.mixtures(found, [w / w.sum()], q=2)[0])
    np.testing.assert_allclose(shapley(v), by_permutations(v, 4), atol=1e-12)


def test_a_copy_of_a_task_has_its_share():
    one = tasks(3)
    index = [0, 1, 2, 1]
    copied = type(one)(("a", "b", "c", "d"), one.n[index], one.means[index], one.seconds[index])
    found = shapley(lattice(copied, cosine.mixtures, unbiased=False))
    assert found[1] == pytest.approx(found[3])


def test_the_table_of_contributions():
    found = tasks()
    table = contributions.frame(found, hill.mixtures, q=1)
    assert list(table["task"]) == list(found.names)
    np.testing.assert_allclose(table["alone"], 1)
    np.testing.assert_allclose(table["gain"], 1)
    np.testing.assert_allclose(table["shapley"], 1)


@pytest.mark.parametrize("bad", [[], [1.0], [1.0, 2, 3], [[1.0, 2], [3, 4]], np.zeros(2**17)])
def test_values_that_are_no_lattice(bad):
    with pytest.raises(InputError):
        shapley(bad)
    with pytest.raises(InputError):
        gains(bad)


@pytest.mark.parametrize("weights", [[1, 1], [1, 1, 1, 0], [1, 1, 1, -1], [1, 1, 1, math.nan]])
def test_weights_that_cannot_be(weights):
    with pytest.raises(InputError, match="4 weights"):
        lattice(tasks(), hill.mixtures, weights=weights)


def test_more_tasks_than_can_be_enumerated():
    with pytest.raises(InputError, match="16"):
        members(17)
