"""The bootstrap: what it draws, what it is compared with, and how often its intervals hold what they should."""

import json
import math

import numpy as np
import pytest

import diversity
from diversity import catalog
from diversity.metrics import cosine, energy
from diversity.moments import moments, stack
from diversity.scoring import bootstrap, estimates, score
from diversity.scoring.asked import Asked, Draws
from diversity.types import InputError


def population(rng, n):
    """Rows that are neither isotropic nor centred."""
    return rng.normal(size=(n, 5)) * [1, 0.8, 0.6, 0.5, 0.4] + [0.4, 0.3, 0.2, 0, 0]


@pytest.fixture
def space(rng):
    return diversity.from_arrays({"a": population(rng, 60), "b": population(rng, 90) - 0.5})


# --- Metrics of moments -------------------------------------------------------------------------------


def test_replicates_are_values_of_rows_drawn_with_replacement(space):
    weights = np.array([[0.3, 0.7], [1.0, 0.0]])
    asked = [Asked.of("cosine"), Asked.of("vendi(q=2)", "V")]
    found = bootstrap.of_moments(space, weights, asked, Draws(seed=7, resamples=100))
    generator = np.random.default_rng(7)
    for r in range(3):
        drawn = {name: space.tasks[name].rows[generator.integers(n, size=n)] for name, n in [("a", 60), ("b", 90)]}
        tasks = stack({name: moments(x) for name, x in drawn.items()})
        np.testing.assert_allclose(found["cosine"][r], cosine.mixtures(tasks, weights))
        vendi = catalog.get("metrics", "vendi").mixtures(tasks, weights, q=2)
        np.testing.assert_allclose(found["vendi(q=2)"][r], vendi)


@pytest.mark.parametrize("metric", ["cosine", "rao_beta", "vendi(q=2)", "vendi(q=1)", "vendi_beta(q=1)", "logdet"])
def test_the_bootstrap_agrees_with_the_closed_form(space, metric):
    closed = score.score(space, metrics=[metric]).iloc[0]
    drawn = score.score(space, metrics=[metric], draws=Draws(resamples=1000)).iloc[0]
    assert drawn["value"] == closed["value"]
    assert drawn["high"] - drawn["low"] == pytest.approx(closed["high"] - closed["low"], rel=0.1)


def test_rows_that_are_not_kept_are_drawn_from_the_vectors_and_counted(rng):
    """More rows than are kept, centred: the counts give the moments of the rows repeated."""
    x, centre = rng.normal(size=(5000, 3)), np.array([0.1, 0, 0])
    counts = rng.integers(0, 3, size=5000).astype(float)
    found, repeated = (
        moments(x, centre=centre, counts=counts),
        moments(np.repeat(x, counts.astype(int), axis=0), centre=centre),
    )
    assert found.n == repeated.n
    np.testing.assert_allclose(found.second, repeated.second, atol=1e-12)
    space = diversity.from_arrays({"a": x})
    table = score.score(space, metrics=["cosine"], draws=Draws(resamples=100)).iloc[0]
    closed = score.score(space, metrics=["cosine"]).iloc[0]
    assert table["high"] - table["low"] == pytest.approx(closed["high"] - closed["low"], rel=0.35)


def test_a_part_of_the_rows_is_refused_and_rows_metrics_are_not():
    with pytest.raises(InputError, match="all rows of mnli to draw them again, found 512 of 2,900"):
        score.score(["mnli", "qqp"], metrics=["cosine"], draws=Draws(resamples=100))
    row = score.score(["mnli", "qqp"], metrics=["chamfer"], draws=Draws(rows=60, resamples=100)).iloc[0]
    assert row["low"] < row["value"] < row["high"]


# --- Metrics of rows ----------------------------------------------------------------------------------


def test_rows_drawn_twice_would_ruin_a_metric_of_neighbours(rng):
    """Why halves are drawn: a duplicate is at distance 0, and 1/d is then as large as the metric's floor lets it be."""
    x = rng.normal(size=(60, 5))
    twice = energy.energy(x[rng.integers(60, size=60)])
    half = energy.energy(x[rng.permutation(60)[:30]])
    assert twice < 1000 * energy.energy(x)
    assert half == pytest.approx(energy.energy(x), rel=0.5)


def test_halves_are_of_each_task_without_repetition(rng):
    seen = []
    metric = catalog.get("metrics", "chamfer")

    def value_of(drawn):
        seen.append(drawn)
        return float(len(seen))

    given = [np.arange(10) + 100, np.array([], dtype=int), np.arange(7)]
    found = bootstrap.of_halves(value_of, given, metric, resamples=5, generator=rng)
    assert [[len(set(i.tolist())) for i in drawn] for drawn in seen] == [[5, 0, 3]] * 5
    assert all(set(i.tolist()) <= set(g.tolist()) for drawn in seen for i, g in zip(drawn, given, strict=True))
    np.testing.assert_allclose(found, math.sqrt(8 / 9) * np.arange(1, 6), err_msg="8 of 17 rows")
    with pytest.raises(InputError, match="at least 2 rows of each task"):
        bootstrap.of_halves(value_of, [np.arange(1)], metric, resamples=5, generator=rng)


def test_the_spread_of_halves_is_that_of_a_mean_and_of_a_sum(rng):
    """A mean has the standard error s/sqrt(n), and a sum s sqrt(n)."""
    x = rng.normal(size=200)
    for name, of, error in [("chamfer", np.mean, 200**-0.5), ("sum_bottleneck", np.sum, 200**0.5)]:
        metric, every = catalog.get("metrics", name), [np.arange(200)]
        halves = bootstrap.of_halves(lambda d, f=of: float(f(x[d[0]])), every, metric, resamples=4000, generator=rng)
        assert halves.std() == pytest.approx(x.std(ddof=1) * error, rel=0.05)


@pytest.mark.parametrize("name", [n for n in catalog.names("metrics") if catalog.get("metrics", n).takes == "rows"])
def test_a_sum_doubles_with_the_rows_and_nothing_else_does(name):
    metric, rng = catalog.get("metrics", name), np.random.default_rng(0)
    options = {"features": 64} if name == "rbf_vendi" else {}
    few, many = (np.mean([metric(population(rng, n), **options) for _ in range(20)]) for n in (60, 120))
    assert (many / few > 1.4) == (metric.aggregate == "sum")


@pytest.mark.parametrize("name", ["bottleneck", "diameter"])
def test_an_extreme_has_no_interval_by_the_jackknife(space, name):
    row = score.score(space, metrics=[name]).iloc[0]
    assert math.isnan(row["low"])
    assert score.score(space, metrics=[name], draws=Draws(resamples=100)).iloc[0]["low"] < row["value"]


# --- Coverage -----------------------------------------------------------------------------------------

DATA, N = 120, 40


def held(metric, interval_of):
    """How often of DATA sets the interval holds the expected value at N rows, itself the mean over many sets."""
    rng = np.random.default_rng(3)
    expected = np.mean([metric(population(rng, N)) for _ in range(2000)])
    inside = 0
    for seed in range(DATA):
        space = diversity.from_arrays({"x": population(rng, N)})
        low, high = interval_of(space, metric, seed)
        inside += low <= expected <= high
    return inside / DATA


def by_halves(space, metric, seed):
    e = estimates.on_rows(space, np.ones((1, 1)), Asked(metric), Draws(N, seed, resamples=100))
    return e.low[0], e.high[0]


def by_moments(space, metric, seed):
    asked = [Asked(metric, unbiased=bool(metric.unbiased()))]
    (replicates,) = bootstrap.of_moments(space, np.ones((1, 1)), asked, Draws(seed=seed, resamples=100)).values()
    low, high = bootstrap.interval(np.array([metric(space.rows[0])]), replicates)
    return low[0], high[0]


@pytest.mark.parametrize("name", ["chamfer", "medoid_span"])
def test_intervals_from_halves_hold_the_expected_value(name):
    """With 120 sets, 95 in 100 is found as 91 to 98; those of nearest neighbours are too wide."""
    assert 0.9 <= held(catalog.get("metrics", name), by_halves) <= (0.99 if name == "medoid_span" else 1)


@pytest.mark.parametrize("name", ["cosine", "lai"])
def test_intervals_from_moments_hold_the_expected_value(name):
    assert 0.9 <= held(catalog.get("metrics", name), by_moments) <= 0.99


def test_duplicates_that_are_not_centred_would_miss_it(rng):
    """The percentile interval of nearest neighbour distances with replacement lies below the value altogether."""
    metric = catalog.get("metrics", "chamfer")
    x = population(rng, N)
    replicates = np.array([metric(x[rng.integers(N, size=N)]) for _ in range(200)])
    assert np.quantile(replicates, 0.975) < metric(x)


# --- Command line -------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_interval(space):
    def low(seed):
        return score.score(space, metrics=["chamfer", "cosine"], draws=Draws(seed=seed, resamples=100))["low"].tolist()

    assert low(1) == low(1) != low(2)


def test_on_the_command_line(tmp_path, capsys, rng):
    from diversity.cli import main

    np.save(tmp_path / "a.npy", population(rng, 50))
    arguments = ["score", "--embeddings", f"a={tmp_path}/a.npy", "--metrics", "mst,cosine,hill"]
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--bootstrap", "100", "--format", "json"])
    assert not stop.value.code
    records = json.loads(capsys.readouterr().out)
    assert [r["low"] < r["value"] < r["high"] for r in records] == [True, True, False]
    for wrong, message in [
        (["--bootstrap", "20"], "at least 100 resamples of a bootstrap, found 20"),
        (["--bootstrap", "100", "--rarefy", "20"], "expected --bootstrap without --rarefy"),
        (["--bootstrap", "100", "--no-intervals"], "expected --bootstrap without --no-intervals"),
    ]:
        with pytest.raises(SystemExit) as stop:
            main([*arguments, *wrong])
        assert stop.value.code == 2
        assert message in capsys.readouterr().err
