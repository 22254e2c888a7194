"""Gains and Shapley values: their axioms, permutations by brute force, and the lattice of a real metric."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import diversity
from diversity.metrics import chamfer, vendi
from diversity.moments import moments, stack
from diversity.scoring.asked import Draws
from diversity.scoring.shapley import gains, members, shapley, subset_weights
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


# --- Of the diversity of a mixture --------------------------------------------------------------------


@pytest.fixture
def space(rng):
    return diversity.from_arrays({f"t{i}": rng.normal(size=(40 + i, 6)) + rng.normal(size=6) for i in range(4)})


def lattice(space, weights, **options):
    """Vendi of each subset, one at a time."""
    found = [0.0]
    for s in range(1, 16):
        w = weights * [s >> i & 1 for i in range(4)]
        found.append(vendi.mixtures(space.stacked, [w / w.sum()], **options)[0])
    return np.array(found)


def test_contributions_are_those_of_every_subset_one_at_a_time(space):
    table = diversity.contributions(space, mixture="t0:1,t1:2,t2:3,t3:4", metrics=["vendi(q=2)"], estimator="V")
    v = lattice(space, np.array([1.0, 2, 3, 4]), q=2)
    np.testing.assert_allclose(table["shapley"], by_permutations(v, 4), atol=1e-12)
    np.testing.assert_allclose(table["alone"], v[[1, 2, 4, 8]])
    np.testing.assert_allclose(table["gain"], v[15] - v[[14, 13, 11, 7]])
    np.testing.assert_allclose(table["weight"], [0.1, 0.2, 0.3, 0.4])
    counted = diversity.contributions(space, metrics=["vendi(q=2)"], empty=1)
    assert counted["shapley"].sum() == pytest.approx(
        vendi.mixtures(space.stacked, [[0.25] * 4], q=2, unbiased=True)[0] - 1
    )


def test_a_copy_of_a_task_has_its_share(rng):
    x, y = rng.normal(size=(2, 30, 5))
    space = diversity.from_arrays({"a": x, "b": y + 1, "c": x})
    found = diversity.contributions(space, metrics=["cosine"]).set_index("task")["shapley"]
    assert found["a"] == pytest.approx(found["c"])


def test_metrics_of_rows_are_computed_on_equally_many_rows_of_every_subset(space):
    table = diversity.contributions(space, metrics=["chamfer"])
    assert set(table["n"]) == {40}
    assert set(table["estimator"]) == {"rows"}
    assert table["low"].isna().all()
    alone = diversity.score(space, mixtures=["t2"], metrics=["chamfer"], draws=Draws(rows=40), intervals=False)[
        "value"
    ][0]
    assert table["alone"][2] == pytest.approx(alone)
    assert alone != pytest.approx(chamfer.chamfer(space.rows[2])), "all 42 rows of t2 would be more than t0 has"


def test_the_error_of_a_shapley_value_is_the_jackknifes(rng):
    """Leaving each row of each task out in turn, from the definition."""
    rows = {"a": rng.normal(size=(50, 5)) + 0.5, "b": rng.normal(size=(70, 5)) - 0.3, "c": rng.normal(size=(60, 5))}

    def values(**kept):
        tasks = stack({t: moments(x) for t, x in (rows | kept).items()})
        v = vendi.mixtures(tasks, subset_weights([1, 1, 1]), q=2)
        return shapley(np.concatenate([[0], v]))

    variance = np.zeros(3)
    for task, x in rows.items():
        n = len(x)
        left_out = np.array([values(**{task: np.delete(x, i, axis=0)}) for i in range(n)])
        variance += (n - 1) / n * ((left_out - left_out.mean(axis=0)) ** 2).sum(axis=0)
    table = diversity.contributions(diversity.from_arrays(rows), metrics=["vendi(q=2)"], estimator="V")
    np.testing.assert_allclose((table["high"] - table["shapley"]) / 1.959964, np.sqrt(variance), rtol=0.06)


def test_hill_gives_each_task_one():
    table = diversity.contributions(["squad_v1", "mnli"], metrics=["hill", "cosine"])
    assert table["metric"].tolist() == ["hill(q=1)"] * 2 + ["cosine"] * 2
    np.testing.assert_allclose(table[["alone", "gain", "shapley", "low", "high"]][:2], 1)


def test_mixtures_that_cannot_be(space):
    with pytest.raises(InputError, match="did you mean t"):
        diversity.contributions(space, mixture="t0,t9")
    with pytest.raises(InputError, match="weights above 0"):
        diversity.contributions(space, mixture="t0:0,t1:1")


@pytest.mark.parametrize("bad", [[], [1.0], [1.0, 2, 3], [[1.0, 2], [3, 4]], np.zeros(2**17)])
def test_values_that_are_no_lattice(bad):
    with pytest.raises(InputError):
        shapley(bad)
    with pytest.raises(InputError):
        gains(bad)


@pytest.mark.parametrize("weights", [[[1, 1]], [1, 1, 1, 0], [1, 1, 1, -1], [1, 1, 1, math.nan]])
def test_weights_that_cannot_be(weights):
    with pytest.raises(InputError, match="weights above 0"):
        subset_weights(weights)


def test_more_tasks_than_can_be_enumerated():
    with pytest.raises(InputError, match="16"):
        members(17)
