"""Metrics of rows for all rows of a set, by some that are drawn and compared with all: values, intervals, memory."""

import re
import subprocess
import sys
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diversity
from diversity import catalog
from diversity.scoring import score
from diversity.scoring.all_rows import AllRows
from diversity.scoring.asked import Draws
from diversity.scoring.claims import check_claims, drawn_rows
from diversity.types import InputError

MEANS = "chamfer coverage dcscore energy graph_entropy knn(k=3) medoid_span sum_bottleneck sum_diameter".split()
BOUNDED = ["bottleneck", "diameter"]
FORM = catalog.get("metrics", "chamfer").from_drawn
ALL = [name for name in catalog.names("metrics") if catalog.get("metrics", name).from_drawn]


def rows(n, d=8, seed=0):
    """Rows in groups, neither isotropic nor centred."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(5, d))[rng.integers(5, size=n)] + 0.8 * rng.normal(size=(n, d)) + 0.3


def table(x, metrics, mixtures=None, **draws):
    space = diversity.from_arrays(x if isinstance(x, dict) else {"a": x})
    return score.score(space, mixtures=mixtures, metrics=metrics, draws=Draws(all_rows=True, **draws))


def whole(printed, x, reference=None):
    metric = catalog.metric(printed)
    return metric(x, x if reference is None else reference) if metric.takes == "reference" else metric(x)


def test_these_metrics_have_the_form():
    assert sorted(ALL) == sorted([m.partition("(")[0] for m in MEANS] + BOUNDED)


@given(st.integers(2, 90), st.integers(0, 2**32), st.booleans())
@settings(max_examples=12, deadline=None)
def test_all_rows_drawn_give_the_value_without_error(n, seed, repeated):
    x = rows(n, seed=seed)
    x = np.concatenate([x, x[: n // 2]]) if repeated else x
    metrics = [m for m in MEANS + BOUNDED if len(x) > 3 or not m.startswith("knn")]
    for row in table(x, metrics, rows=1000).to_dict("records"):
        expected = whole(row["metric"], x)
        assert row["value"] == pytest.approx(expected, rel=3e-6, abs=1e-9), row["metric"]
        assert (row["low"], row["high"], row["n"], row["estimator"]) == (row["value"], row["value"], len(x), "sampled")


@pytest.mark.parametrize("printed", ["dcscore(tau=0.05)", "energy(power=2)", "energy(floor=0.1)", "knn(k=20)"])
def test_options_reach_the_form(printed):
    x = rows(200, seed=4)
    assert table(x, [printed])["value"].item() == pytest.approx(whole(printed, x), rel=3e-6)


def test_the_blocks_in_which_a_set_is_read_do_not_matter(monkeypatch):
    x = rows(700, seed=2)
    one = table(x, MEANS + BOUNDED, rows=100)
    monkeypatch.setattr("diversity.scoring.all_rows.CHUNK", 64)
    assert table(x, MEANS + BOUNDED, rows=100)["value"].tolist() == pytest.approx(one["value"].tolist(), rel=1e-6)


def draws_of(x, printed, m, seeds, reference=None):
    """Value, low and high of a metric from m rows drawn with each seed."""
    metric, options = catalog.parse_metric(printed)

    def every(rows):
        space = diversity.from_arrays({"a": rows})
        return AllRows.of(space, np.array([len(rows)]), np.random.default_rng(0))

    of, other = every(x), every(x if reference is None else reference) if metric.takes == "reference" else None
    return np.array(
        [metric.from_drawn(of.drawn(m, np.random.default_rng(s), other), **options) for s in range(seeds)]
    ).T


@pytest.mark.parametrize("printed", MEANS)
def test_the_interval_holds_the_value_of_all_rows_95_times_in_100(printed):
    """60 of 3,000 rows drawn 200 times: 190 are expected, fewer than 181 come up once in 600 times."""
    x, reference = rows(3000, seed=1), rows(1500, seed=2)
    exact = whole(printed, x, reference)
    value, low, high = draws_of(x, printed, 60, 200, reference)
    held = ((low <= exact) & (exact <= high)).sum()
    assert 181 <= held <= 199
    assert abs(value.mean() - exact) < 3 * value.std() / np.sqrt(200), "without bias"


@pytest.mark.parametrize("printed", MEANS)
def test_half_of_the_rows_have_the_error_of_a_finite_population(printed):
    """300 of 400 rows: without the correction the interval would be twice too long."""
    x, reference = rows(400, seed=1), rows(400, seed=2)
    value, low, high = draws_of(x, printed, 300, 40, reference)
    assert 0.6 < (high - low).mean() / 2 / 1.96 / value.std(ddof=1) < 1.35


@pytest.mark.parametrize("printed", BOUNDED)
def test_bounds_always_hold_the_value(printed):
    x = rows(3000, seed=1)
    exact = whole(printed, x)
    value, low, high = draws_of(x, printed, 20, 50)
    assert (low <= exact + 1e-12).all()
    assert (exact <= high + 1e-12).all()
    if printed == "diameter":
        assert (value == low).all()
        assert (value > 0.98 * exact).all(), "rows that are farthest from some are looked at"


@pytest.mark.parametrize("name", ALL)
def test_the_form_is_checked_with_the_claims_of_a_metric(name):
    claim = next(c for c in check_claims(name) if c.claim.startswith("rows drawn"))
    assert claim.holds, claim.detail


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        (lambda drawn: (1.0, 1.0, 1.0), "expected 0.\\d+ of all rows and no error, found 1.0"),
        (lambda drawn: tuple(v * (1 + 1e-3 * (drawn.population > len(drawn.rows))) for v in FORM(drawn)), ""),
        (lambda drawn: (FORM(drawn)[0],) * 3, r"hold the value \d+ times in 100"),
    ],
)
def test_a_form_that_is_another_metric_or_has_no_interval_is_found(form, problem):
    found = drawn_rows(replace(catalog.metric("chamfer"), from_drawn=form))
    assert re.search(problem, found) if problem else not found


def test_a_drawn_row_is_compared_with_all_rows_not_with_those_drawn():
    x = rows(3000, seed=1)
    sample, of_all = (
        score.score(diversity.from_arrays({"a": x}), metrics=["chamfer"], draws=Draws(rows=300, all_rows=every))
        for every in (False, True)
    )
    exact = whole("chamfer", x)
    assert sample["value"].item() > 1.5 * exact, "fewer rows lie farther apart"
    assert of_all["low"].item() < exact < of_all["high"].item()
    assert (sample["n"].item(), of_all["n"].item()) == (300, 3000)


def test_a_mixture_has_as_many_rows_as_its_weights_allow():
    a, b = rows(300, seed=1), rows(100, seed=2)
    found = table({"a": a, "b": b}, ["chamfer", "mst"], ["even=a:1,b:1", "all=a:3,b:1", "b"], rows=1000)
    chamfer = found[found["metric"] == "chamfer"]
    assert chamfer["n"].tolist() == [200, 400, 100]
    assert chamfer["value"].iloc[1] == pytest.approx(whole("chamfer", np.concatenate([a, b])), rel=1e-6)
    assert set(found["estimator"]) == {"sampled", "rows"}, "a tree is not a mean over rows: it is that of rows drawn"


def test_a_reference_is_drawn_from_all_rows_of_its_task():
    x = {"a": rows(6000, seed=1), "b": rows(5000, seed=2)}
    space = diversity.from_arrays(x)
    draws = Draws(rows=9000, reference="b", all_rows=True)
    (row,) = score.score(space, mixtures=["a"], metrics=["coverage"], draws=draws).to_dict("records")
    assert row["value"] == pytest.approx(whole("coverage", x["a"], x["b"]), rel=1e-6)


def test_centred_rows_are_compared_as_they_were_centred():
    from diversity.scoring.embedded import centred

    x = {"a": rows(5000, seed=1) + 1, "b": rows(5000, seed=2)}
    space = centred(diversity.from_arrays(x))
    found = score.score(space, mixtures=["a"], metrics=["chamfer"], draws=Draws(rows=6000, all_rows=True))
    unit = x["a"] / np.linalg.norm(x["a"], axis=1, keepdims=True)
    assert found["value"].item() == pytest.approx(whole("chamfer", unit - space.tasks["a"].centre), rel=1e-6)


def test_memory_is_that_of_a_block_not_of_the_set(tmp_path):
    n, d = 200_000, 32
    file = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.float32, shape=(n, d))
    for start in range(0, n, 20_000):
        file[start : start + 20_000] = rows(20_000, d, seed=start)
    file.flush()
    space = diversity.from_arrays({"a": tmp_path / "x.npy"})
    tracemalloc.start()
    score.score(space, metrics=["chamfer", "energy"], draws=Draws(rows=50, all_rows=True))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8_000_000, "the rows are 25.6 MB in single precision"


def test_rows_that_are_not_at_hand_are_an_error(tmp_path):
    space = diversity.from_arrays({"a": rows(600)})
    diversity.save_moments(space, tmp_path, rows=500)
    kept = diversity.load_moments(["a"], tmp_path, "precomputed")
    with pytest.raises(InputError, match="expected all rows of a to compare those drawn with, found 500 of 600"):
        score.score(kept, metrics=["chamfer"], draws=Draws(all_rows=True))
    with pytest.raises(InputError, match="more than 5 rows to find 5 neighbours among, found 4"):
        table(rows(4), ["knn"])
    with pytest.raises(InputError, match="at least 2 rows for chamfer of all rows, found 1"):
        table(rows(1), ["chamfer"])


def test_what_does_not_go_with_all_rows():
    space = diversity.from_arrays({"a": rows(60)})
    with pytest.raises(InputError, match="a bootstrap or all_rows, found both"):
        Draws(resamples=200, all_rows=True)
    with pytest.raises(InputError, match="rarefy or all_rows, found both"):
        score.score(space, metrics=["chamfer"], rarefy=[20], draws=Draws(all_rows=True))
    with pytest.raises(InputError, match="contributions without all_rows"):
        score.contributions(space, metrics=["chamfer"], draws=Draws(all_rows=True))


def test_what_is_of_few_rows_is_said():
    space = diversity.from_arrays({"a": rows(600), "b": rows(400)})
    found = score.score(space, mixtures=["a", "a,b"], metrics=["mst", "cosine", "energy"], draws=Draws(rows=50))
    assert score.of_few(found, space) == "mst is of 50 of 800 rows"
    two = score.score(space, mixtures=["b"], metrics=["mst", "sum_bottleneck"], draws=Draws(rows=50))
    assert score.of_few(two, space) == "mst, sum_bottleneck are of 50 of 400 rows"
    assert score.of_few(score.score(space, metrics=["mst"], draws=Draws(rows=800)), space) == ""
    assert score.of_few(score.score(space, metrics=["cosine"]), space) == "", "no metric of rows at all"


RESIDENT = """
import resource, sys
import numpy as np
from diversity.moments import rows_at

x = np.load(sys.argv[1], mmap_mode="r")
places = np.random.default_rng(0).permutation(len(x))[:4096]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
chosen = rows_at(x, places)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
assert np.array_equal(chosen, x[places])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="pages are given back on Linux")
def test_rows_drawn_from_a_file_do_not_make_it_resident(tmp_path):
    """A row that is read can map a MB of the file around it: 4,096 of them mapped nearly all of it."""
    file = np.lib.format.open_memmap(tmp_path / "x.npy", mode="w+", dtype=np.float32, shape=(400_000, 64))
    file[:] = np.arange(64)
    file.flush()
    command = [sys.executable, "-c", RESIDENT, str(tmp_path / "x.npy")]
    mib = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert mib < 50, "the file has 98 MiB"
