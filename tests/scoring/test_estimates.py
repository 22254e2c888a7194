"""Metrics on rows drawn by weight, their jackknife, and rarefaction to a common n."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import diversity
from diversity.metrics import chamfer, vendi
from diversity.scoring import estimates, score
from diversity.scoring.asked import Draws
from diversity.types import InputError


@pytest.fixture
def space(rng):
    return diversity.from_arrays(
        {name: rng.normal(size=(n, 6)) + i for i, (name, n) in enumerate([("a", 120), ("b", 60)])}
    )


def only(table):
    assert len(table) == 1
    return table.iloc[0]


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=6), st.integers(1, 500))
def test_a_composition_follows_the_weights(parts, size):
    weights = np.array(parts) / sum(parts)
    counts = estimates.composition(weights, np.full(len(weights), 10_000), size)
    assert counts.sum() == size
    assert (np.abs(counts - weights * size) < 1 + 1e-6).all()


def test_a_composition_is_cut_where_a_task_has_too_few_rows_and_keeps_the_weights():
    assert estimates.composition(np.array([0.75, 0.25, 0]), np.array([30, 100, 5]), 1000).tolist() == [30, 10, 0]


def test_a_metric_of_rows_is_computed_on_rows_drawn_by_weight(space):
    row = only(score.score(space, mixtures=["a:1,b:1"], metrics=["chamfer"], draws=Draws(rows=80)))
    assert (row["n"], row["estimator"]) == (80, "rows")
    drawn = estimates.draw(space, np.array([0.5, 0.5]), 80, np.random.default_rng(0))
    assert [len(i) for i in drawn] == [40, 40]
    assert all(len(set(i.tolist())) == len(i) for i in drawn), "without replacement"
    x = np.concatenate([r[i] for r, i in zip(space.rows, drawn, strict=True)])
    assert row["value"] == pytest.approx(chamfer.chamfer(x))
    assert row["low"] < row["value"] < row["high"]


def test_the_weights_limit_the_rows_that_there_are(space):
    row = only(score.score(space, mixtures=["x=a:1,b:3"], metrics=["chamfer"], draws=Draws(rows=1000)))
    assert row["n"] == 80, "60 rows of b allow 20 of a"


def test_the_jackknife_by_groups_is_the_textbooks(space):
    """For a mean of independent values it is close to the standard error; here against its own definition by hand."""
    row = only(score.score(space, mixtures=["a"], metrics=["chamfer"], draws=Draws(rows=100)))
    (drawn,) = [i for i in estimates.draw(space, np.array([1.0, 0.0]), 100, np.random.default_rng(0)) if len(i)]
    x = space.rows[0][drawn]
    parts = [chamfer.chamfer(x[np.arange(100) % 10 != g]) for g in range(10)]
    error = math.sqrt(9 / 10 * sum((p - np.mean(parts)) ** 2 for p in parts))
    from scipy.stats import t

    assert row["high"] - row["value"] == pytest.approx(t.ppf(0.975, 9) * error)


def test_the_same_seed_gives_the_same_number(space):
    def value(seed):
        return only(score.score(space, mixtures=["a,b"], metrics=["mst"], draws=Draws(rows=50, seed=seed)))["value"]

    assert value(1) == value(1) != value(2)


def test_rarefied_scores_are_means_over_draws_of_one_size(space):
    table = score.score(space, mixtures=["a", "a,b"], metrics=["vendi(q=1)"], rarefy=[40, 20])
    assert table["n"].tolist() == [40, 20, 40, 20]
    assert set(table["estimator"]) == {"rarefied"}
    generator = np.random.default_rng(0)
    values = []
    for _ in range(estimates.DRAWS):
        a, _ = estimates.draw(space, np.array([1.0, 0.0]), 40, generator)
        values.append(vendi.vendi(space.rows[0][a]))
    assert table["value"].iloc[0] == pytest.approx(np.mean(values))
    assert table["low"].iloc[0] == pytest.approx(np.quantile(values, 0.025))
    assert table["value"].iloc[0] > table["value"].iloc[1], "the rarefaction curve rises"


def test_rarefying_removes_what_only_the_size_does():
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(4000, 20)) * np.linspace(2, 0.2, 20)
    space = diversity.from_arrays({"few": rows[:60], "many": rows[60:]})
    table = score.score(space, mixtures=["few", "many"], metrics=["vendi(q=1)"])
    few, many = table["value"]
    assert many - few > 1
    table = score.score(space, mixtures=["few", "many"], metrics=["vendi(q=1)"], rarefy=[50])
    few, many = table["value"]
    assert abs(many - few) < 0.5


def test_too_few_rows_to_rarefy_to(space):
    with pytest.raises(InputError, match="at least 100 rows by weight to rarefy to, found 60"):
        score.score(space, mixtures=["b"], metrics=["cosine"], rarefy=[100])


def test_a_reference_is_a_task_or_all_of_them(space):
    own = only(score.score(space, mixtures=["a"], metrics=["coverage"], draws=Draws(rows=120, reference="a")))
    other = only(score.score(space, mixtures=["a"], metrics=["coverage"], draws=Draws(rows=120, reference="b")))
    all_of_them = only(score.score(space, mixtures=["a"], metrics=["coverage"], draws=Draws(rows=120)))
    assert own["value"] == pytest.approx(1)
    assert other["value"] < all_of_them["value"] < own["value"]
    with pytest.raises(InputError, match="a reference among a, b, found 'c'"):
        score.score(space, mixtures=["a"], metrics=["coverage"], draws=Draws(reference="c"))


def test_metrics_of_texts_need_texts(space):
    with pytest.raises(InputError, match="distinct_n is computed on texts, and there are none of a here"):
        score.score(space, metrics=["distinct_n"])
    from diversity import store

    measured = diversity.measure(["qqp"], data=store.shipped() / "samples", encoder=Constant())
    row = only(score.score(measured, metrics=["distinct_n(n=1)"], draws=Draws(rows=48)))
    assert 0 < row["value"] < 1


class Constant:
    """An encoder for tests that look at texts only."""

    name = "constant"

    def encode(self, texts):
        return np.ones((len(texts), 2), dtype=np.float32) + np.arange(len(texts))[:, None] % 2


def test_metrics_that_a_mixture_cannot_give_are_refused(space):
    with pytest.raises(InputError, match="logme takes labelled"):
        score.score(space, metrics=["logme"])


def test_sizes_that_differ_are_told(space):
    table = score.score(space, mixtures=["a", "a,b"], metrics=["vendi(q=1)", "vendi(q=2)", "cosine"])
    assert score.uneven(table) == ["vendi(q=1) grows with the number of rows, which is 120 to 180"]
    assert score.uneven(score.score(space, mixtures=["a", "b"], metrics=["vendi(q=1)"], rarefy=[20])) == []


def test_values_that_all_parts_share_have_no_interval():
    """Every row is covered: the jackknife's spread is 0, which is not the error of a share of 100 %."""
    rng = np.random.default_rng(1)
    space = diversity.from_arrays({"a": rng.normal(size=(60, 4))})
    for draws in (Draws(rows=60, reference="a"), Draws(rows=60, reference="a", resamples=100)):
        row = only(score.score(space, metrics=["coverage_knn(k=20)"], draws=draws))
        assert row["value"] == 1
        assert math.isnan(row["low"]) or row["low"] < 1
