"""Scores of mixtures: from rows, from moments, from disk, always the same number, with intervals that cover."""

import json
import math

import numpy as np
import pytest

import diversity
from diversity import catalog, store
from diversity.metrics import cosine, vendi
from diversity.scoring import embedded, mixtures, score
from diversity.scoring.asked import Draws
from diversity.types import InputError, Mixture, Rows

NINE = sorted(n for n in catalog.names("tasks") if catalog.task(n).role == "intermediate")


@pytest.fixture
def arrays(rng):
    return {name: rng.normal(size=(n, 6)) + i for i, (name, n) in enumerate([("a", 30), ("b", 50), ("c", 20)])}


def value(table, metric, mixture=None):
    chosen = table[(table["metric"] == metric) & (table["mixture"] == (mixture or table["mixture"].iloc[0]))]
    assert len(chosen) == 1
    return chosen["value"].iloc[0]


def test_a_mixture_by_rows_is_the_mixture_of_moments(arrays):
    space = diversity.from_arrays(arrays)
    pooled = np.concatenate([arrays["a"], arrays["b"]])
    table = score.score(
        space, mixtures=["m=a:30,b:50"], metrics=["cosine", "vendi(q=1)", "vendi(q=2)", "hill(q=1)"], estimator="V"
    )
    assert value(table, "cosine") == pytest.approx(cosine.cosine(pooled, unbiased=False))
    assert value(table, "vendi(q=1)") == pytest.approx(vendi.vendi(pooled, q=1))
    assert value(table, "vendi(q=2)") == pytest.approx(vendi.vendi(pooled, q=2))
    assert value(table, "hill(q=1)") == pytest.approx(math.exp(-(0.375 * math.log(0.375) + 0.625 * math.log(0.625))))
    assert table["n"].unique().tolist() == [80]
    assert list(table.columns) == list(score.COLUMNS)


def test_unbiased_where_there_is_one(arrays):
    table = score.score(diversity.from_arrays(arrays), metrics=["cosine", "vendi(q=1)", "vendi(q=2)", "hill"])
    assert table["estimator"].tolist() == ["U", "V", "U", "exact"]
    with pytest.raises(InputError, match=r"vendi\(q=1\) has no unbiased"):
        score.score(diversity.from_arrays(arrays), metrics=["vendi(q=1)"], estimator="U")
    with pytest.raises(InputError, match="auto, U and V"):
        score.score(diversity.from_arrays(arrays), estimator="W")


def test_the_distance_matrix_explains_every_mixture(arrays):
    space = diversity.from_arrays(arrays)
    d = diversity.distances(space)
    w = np.array([0.2, 0.5, 0.3])
    table = score.score(space, mixtures=["a:2,b:5,c:3"], metrics=["cosine"])
    assert value(table, "cosine") == pytest.approx(w @ d.to_numpy() @ w)
    assert d.loc["a", "b"] == pytest.approx(
        np.mean([1 - x @ y for x in _unit(arrays["a"]) for y in _unit(arrays["b"])])
    )


def _unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def test_intervals_cover_what_they_should():
    """95 % intervals of three scores over 400 draws of a population hold its value between 92 and 98 times in 100."""
    rng = np.random.default_rng(3)
    populations = {t: _unit(rng.normal(size=(40_000, 8)) * np.linspace(2, 0.3, 8) + rng.normal(size=8)) for t in "ab"}
    metrics = ["cosine", "rao_beta", "vendi(q=2)"]
    truth = score.score(diversity.from_arrays(populations), metrics=metrics, intervals=False)["value"].to_numpy()
    inside = np.zeros(3)
    for _ in range(400):
        drawn = {t: p[rng.integers(0, len(p), 300)] for t, p in populations.items()}
        table = score.score(diversity.from_arrays(drawn), metrics=metrics)
        inside += (table["low"] <= truth) & (truth <= table["high"])
    assert ((inside / 400 > 0.92) & (inside / 400 < 0.98)).all(), inside / 400


def test_no_interval_without_rows_and_none_asked_for(arrays):
    single = diversity.from_arrays({"a": arrays["a"][:1]})
    with pytest.raises(InputError, match=r"at least 2 rows of each task for cosine \(U\), found 1 of a"):
        score.score(single, metrics=["cosine"])
    assert math.isnan(score.score(single, metrics=["cosine"], estimator="V")["low"].iloc[0])
    off = score.score(diversity.from_arrays(arrays), intervals=False)
    assert off["low"].isna().all()


def test_the_cosine_distance_of_one_row_to_itself_is_refused(arrays):
    space = diversity.from_arrays({"a": arrays["a"][:1], "b": arrays["b"]})
    with pytest.raises(InputError, match="at least 2 rows of each task for the cosine distance, found 1 of a"):
        diversity.distances(space)
    assert diversity.distances(space, distance="centroid").loc["a", "b"] > 0


def test_every_subset_once_by_size(arrays):
    table = score.score(diversity.from_arrays(arrays), all_subsets=True, metrics=["cosine"])
    assert table["mixture"].tolist() == ["a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"]


def test_the_order_of_tasks_does_not_count(arrays):
    space = diversity.from_arrays(arrays)
    left = score.score(space, mixtures=["c,a"], metrics=["cosine"])
    right = score.score(space, mixtures=["a,c"], metrics=["cosine"])
    assert left.equals(right)


# --- Shipped moments -------------------------------------------------------------------------------


def test_the_nine_tasks_are_shipped_at_one_size():
    space = embedded.load_moments(NINE)
    assert {t.moments.n for t in space.tasks.values()} == {2900}
    for name, task in space.tasks.items():
        assert np.trace(task.moments.second) == pytest.approx(1, abs=1e-9)
        np.testing.assert_allclose(task.moments.second, task.moments.second.T)
        p = task.provenance
        assert p["task"] == name
        assert p["recipe"] == catalog.task(name).recipe, "the recipe has changed: build the moments again"
        assert len(p["texts_sha256"]) == 64
        assert p["files"]
        assert p["date"]
        assert p["toolkit"]
        assert p["encoder"]["revision"].startswith("sha256:")
        # the rows that are kept are a sample of those that the moments are of
        np.testing.assert_allclose(task.rows.mean(axis=0), task.moments.mean, atol=0.02)
    assert "Parallel Meaning Bank" in space.tasks["ccg"].provenance["note"]


def test_all_511_mixtures_of_the_nine():
    table = diversity.score(NINE, all_subsets=True, metrics=["cosine", "vendi(q=2)"], intervals=False)
    assert len(table) == 511 * 2
    assert table["value"].between(0.8, 200).all()


def test_saved_moments_score_the_same(tmp_path, arrays):
    space = diversity.from_arrays(arrays, encoder="mine")
    (path, *_) = embedded.save_moments(space, tmp_path)
    assert path == tmp_path / "mine" / "a.npz"
    again = embedded.load_moments(["a", "b"], tmp_path, encoder="mine")
    for metric in ("cosine", "vendi(q=1)", "vendi(q=2)"):
        left = score.score(space, mixtures=["a,b"], metrics=[metric])
        right = score.score(again, metrics=[metric])
        assert right["value"].iloc[0] == pytest.approx(left["value"].iloc[0], rel=1e-12)
        assert right["low"].iloc[0] == pytest.approx(left["low"].iloc[0], rel=1e-3)


def test_moments_that_are_not_there_or_damaged(tmp_path, arrays):
    with pytest.raises(InputError, match="did you mean mnli"):
        embedded.load_moments(["mnly"])
    with pytest.raises(InputError, match="no moments of it with all-MiniLM-L6-v2"):
        embedded.load_moments(["xnli"])
    embedded.save_moments(diversity.from_arrays(arrays, encoder="mine"), tmp_path)
    with pytest.raises(InputError, match="there are a, b, c"):
        embedded.load_moments(["d"], tmp_path, encoder="mine")
    path = tmp_path / "mine" / "a.npz"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"a\.npz: expected saved moments"):
        embedded.load_moments(["a"], tmp_path, encoder="mine")


# --- Precomputed vectors ---------------------------------------------------------------------------


def test_vectors_from_a_file(tmp_path, arrays):
    np.save(tmp_path / "a.npy", arrays["a"].astype(np.float32))
    space = diversity.from_arrays({"a": tmp_path / "a.npy"})
    expected = score.score(diversity.from_arrays(arrays), mixtures=["a"], metrics=["cosine"])["value"].iloc[0]
    assert score.score(space, metrics=["cosine"])["value"].iloc[0] == pytest.approx(expected, abs=1e-6)


def test_a_file_that_would_have_to_be_unpickled_is_refused(tmp_path):
    np.save(tmp_path / "evil.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"evil\.npy: expected a \.npy file of numbers"):
        diversity.from_arrays({"a": tmp_path / "evil.npy"})


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "found nothing"),
        (lambda p: p.mkdir(), "found a directory"),
        (lambda p: p.write_bytes(b""), "expected a .npy file"),
        (lambda p: p.write_text("hello"), "expected a .npy file"),
        (lambda p: p.write_text("0.5,0.25\n"), "found a file of another form"),
        (lambda p: np.savez(p.open("wb"), a=np.ones((2, 2))), "found an archive of several"),
        (lambda p: (np.save(p, np.ones((9, 9))), p.write_bytes(p.read_bytes()[:200])), "cut short or damaged"),
        (lambda p: np.save(p, np.array([{"a": 1}], dtype=object), allow_pickle=True), "found Python objects"),
        (lambda p: np.save(p, np.ones(3)), r"shape \(3,\)"),
        (lambda p: np.save(p, np.array([[1, np.nan]])), "NaN or infinity in row 0"),
    ],
)
def test_files_that_are_no_vectors(tmp_path, make, message):
    path = tmp_path / "x.npy"
    make(path)
    with pytest.raises(InputError, match=message) as error:
        diversity.from_arrays({"x": path})
    assert "x.npy" in str(error.value)


# --- Measuring texts -------------------------------------------------------------------------------


class Lengths:
    """Vectors from a text's letters, so that what is measured can be worked out by hand."""

    name = "letters"

    def encode(self, texts):
        return np.array([[t.count(c) + 1 for c in "aeiou"] for t in texts], dtype=np.float32)


def test_a_task_is_measured_from_its_texts():
    data = store.shipped() / "samples"
    space = diversity.measure(["qqp", "mnli"], data=data, encoder=Lengths())
    from diversity.data.sources import rows, text_of

    texts = [text_of(e, ("text", "text_pair")) for e in rows(catalog.task("qqp"), data)]
    expected = cosine.cosine(Lengths().encode(texts))
    assert score.score(space, mixtures=["qqp"], metrics=["cosine"])["value"].iloc[0] == pytest.approx(expected)
    p = space.tasks["qqp"].provenance
    assert (p["split"], p["rows"], p["sample"], p["bad_rows"]) == ("train", 48, None, 0)
    assert list(p["files"]) == ["qqp/QQP/train.tsv"]


def test_files_of_one_name_in_several_folders_all_stand_in_the_provenance():
    """ANLI's three rounds are all in a dev.jsonl: names alone would keep the last one's hash only."""
    space = diversity.measure(["anli_plus"], data=Rows(store.shipped() / "samples", split="dev"), encoder=Lengths())
    files = space.tasks["anli_plus"].provenance["files"]
    assert [f for f in files if f.endswith("/dev.jsonl")] == [f"anli/anli_v1.0/R{r}/dev.jsonl" for r in (1, 2, 3)]
    assert len(files) == len(set(files.values())) == 5


def test_a_sample_is_the_seeds():
    data = store.shipped() / "samples"

    def hash_of(seed):
        space = diversity.measure(["qqp"], data=Rows(data, limit=10, seed=seed), encoder=Lengths())
        assert space.tasks["qqp"].moments.n == 10
        return space.tasks["qqp"].provenance["texts_sha256"]

    assert hash_of(0) == hash_of(0) != hash_of(1)


def test_the_data_is_read_before_a_model_is_loaded():
    def never():
        raise AssertionError("loaded")

    with pytest.raises(InputError, match="expected files of mnli"):
        diversity.measure(["mnli"], data=store.shipped() / "samples" / "snli", encoder=never)


# --- Mixtures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "name", "weights"),
    [
        ("a", "a", (1.0,)),
        ("b,a", "a+b", (0.5, 0.5)),
        ("x=b:3,a", "x", (0.25, 0.75)),
        (" x = a : 1 , b : 0 ", "x", (1.0, 0.0)),
        ("a:1e308,b:1e308", "a+b", (0.5, 0.5)),
        ("a:1e-308,b:3e-308", "a+b", (pytest.approx(0.25), pytest.approx(0.75))),
    ],
)
def test_mixtures_parse(spec, name, weights):
    mixture = mixtures.parse_mixture(spec)
    assert (mixture.name, mixture.weights) == (name, weights)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("a:-1,b", "at least 0, found -1 for a"),
        ("a:0,b:0", "only zeros"),
        ("a:nan", "finite"),
        ("a:inf", "finite"),
        ("a:x", "expected a number as the weight of a"),
        ("a:1_0", "expected a number as the weight of a"),
        ("a,a", "each task once"),
        ("", "each task once"),
        ("x=", "each task once"),
        ("a,,b", "each task once"),
    ],
)
def test_mixtures_that_cannot_be(spec, message):
    with pytest.raises(InputError, match=message):
        mixtures.parse_mixture(spec)


def test_names_that_are_not_there_or_twice(arrays):
    space = diversity.from_arrays(arrays)
    with pytest.raises(InputError, match="unknown task 'd'"):
        score.score(space, mixtures=["a,d"])
    with pytest.raises(InputError, match="found 'a' twice"):
        score.score(space, mixtures=["a", "a=b,c"])
    with pytest.raises(InputError, match="each task once"):
        score.score(["mnli", "mnli"])


def test_overlapping_tasks_are_told():
    assert mixtures.overlaps(Mixture.of(["mnli", "anli_plus", "squad_v1"])) == ["anli_plus contains mnli"]
    assert mixtures.overlaps(Mixture.of(["mnli", "squad_v1", "own"])) == []


def test_the_empty_mixture_is_the_baseline():
    assert Mixture.of([]).tasks == ()
    assert json.dumps(Mixture.of([]).weights) == "[]"


# --- Centred, and several encoders -----------------------------------------------------------------


def test_centred_vectors_are_less_the_mean_of_the_tasks_means(arrays):
    space = embedded.centred(diversity.from_arrays(arrays))
    assert space.encoder == "precomputed (centred)"
    centre = np.mean([_unit(x).mean(axis=0) for x in arrays.values()], axis=0)
    by_hand = diversity.from_arrays({name: _unit(x) - centre for name, x in arrays.items()})
    for metric in ("cosine", "vendi(q=1)", "rao_beta"):
        left = score.score(space, mixtures=["a,b:3"], metrics=[metric])
        right = score.score(by_hand, mixtures=["a,b:3"], metrics=[metric])
        assert left["value"].iloc[0] == pytest.approx(right["value"].iloc[0], rel=1e-10)
        assert left["low"].iloc[0] == pytest.approx(right["low"].iloc[0], rel=1e-8)


def test_moments_alone_cannot_be_centred(rng):
    with pytest.raises(InputError, match="expected the vectors of mnli to centre them"):
        embedded.centred(embedded.load_moments(["mnli"]))
    with pytest.raises(InputError, match="differ from their centre, found row 0"):
        embedded.centred(diversity.from_arrays({"one": rng.normal(size=(1, 3))}))


def test_a_common_direction_is_what_centring_takes_away(rng):
    x = rng.normal(size=(300, 8)) + 20
    raw, less = diversity.from_arrays({"x": x}), embedded.centred(diversity.from_arrays({"x": x}))
    assert score.score(raw, metrics=["cosine"])["value"].iloc[0] < 0.01
    assert score.score(less, metrics=["cosine"])["value"].iloc[0] == pytest.approx(1, abs=0.02)


def test_rank_agreement_is_scipys_and_says_how_many_mixtures():
    import pandas as pd
    from scipy.stats import kendalltau

    values = {"one": [1.0, 2.0, 3.0, 4.0], "two": [1.0, 3.0, 2.0, 4.0]}
    rows = [(m, e, "cosine", v) for e, vs in values.items() for m, v in zip("abcd", vs, strict=True)]
    scores = pd.DataFrame(rows, columns=["mixture", "encoder", "metric", "value"])
    found = score.agreement(scores)
    assert found.to_numpy().tolist() == [["cosine", "one", "two", pytest.approx(2 / 3), 4]]
    assert found["kendall"].iloc[0] == kendalltau(*values.values()).statistic
    assert score.agreement(scores[scores["encoder"] == "one"]).empty
    assert score.agreement(scores[scores["mixture"].isin(["a", "b"])]).empty
    assert score.agreement(scores.assign(value=1.0)).empty, "what does not vary has no order"


# --- Vectors of two encoders ------------------------------------------------------------------------


def embedded_by(vectors, **settings):
    return embedded.measured(vectors, provenance={"encoder": {"model": "m", "max_tokens": 256, **settings}})


def test_vectors_of_two_encoders_do_not_meet(arrays):
    one, other = embedded_by(arrays["a"]), embedded_by(arrays["b"], max_tokens=128)
    with pytest.raises(InputError, match="one encoder, found a with max_tokens 256 and b with max_tokens 128"):
        embedded.EmbeddedTasks("m", {"a": one, "b": other})
    unknown = embedded.measured(arrays["c"])
    assert embedded.EmbeddedTasks("m", {"c": unknown, "a": one}).fingerprint == one.fingerprint != ""
    assert diversity.Space is diversity.EmbeddedTasks


def test_saved_moments_keep_the_fingerprint_of_their_encoder(tmp_path, arrays):
    space = embedded.EmbeddedTasks("m", {n: embedded_by(x) for n, x in arrays.items()})
    diversity.save_moments(space, tmp_path)
    again = diversity.load_moments(["a", "b"], tmp_path, encoder="m")
    assert again.fingerprint == space.fingerprint
    with pytest.raises(InputError, match="one encoder"):
        embedded.EmbeddedTasks("m", {**again.tasks, "c": embedded_by(arrays["c"], precision="bf16")})


def test_centred_vectors_do_not_meet_those_that_are_not(arrays):
    space = embedded.EmbeddedTasks("m", {n: embedded_by(x) for n, x in arrays.items()})
    centred = embedded.centred(space)
    assert len({t.fingerprint for t in centred.tasks.values()}) == 1
    with pytest.raises(InputError, match="one encoder"):
        embedded.EmbeddedTasks("m", {"a": space.tasks["a"], "b": centred.tasks["b"]})


def test_the_shipped_moments_are_of_one_encoder():
    assert len(embedded.load_moments(NINE).fingerprint) == 64


# --- Options that cannot be -------------------------------------------------------------------------


def test_options_that_are_not_there_are_refused_and_not_ignored(arrays):
    space = diversity.from_arrays(arrays)
    for call in (diversity.score, diversity.distances, diversity.contributions):
        with pytest.raises(TypeError, match="unexpected keyword argument 'sampel'"):
            call(space, sampel=3)


def test_data_and_encoders_are_not_ignored_beside_embedded_tasks(arrays):
    space = diversity.from_arrays(arrays)
    for call in (diversity.score, diversity.distances, diversity.contributions):
        with pytest.raises(InputError, match="names of tasks with data, found tasks that are embedded already"):
            call(space, data=store.shipped() / "samples")
        with pytest.raises(InputError, match="names of tasks with an encoder"):
            call(space, encoder="mini")


def test_a_sample_needs_a_data_folder():
    with pytest.raises(InputError, match="a data folder with these rows, found none"):
        diversity.score(["mnli"], data=Rows(limit=100))


@pytest.mark.parametrize(
    "metrics", [["cosine", "cosine"], ["vendi", "vendi(q=1)"], ["vendi(q=1.0)", "cosine", "vendi"]]
)
def test_each_metric_is_scored_once(arrays, metrics):
    for call in (diversity.score, diversity.contributions):
        with pytest.raises(InputError, match=r"expected each metric once, found .* twice"):
            call(diversity.from_arrays(arrays), metrics=metrics)


def test_each_size_is_rarefied_to_once(arrays):
    with pytest.raises(InputError, match="to rarefy to once, found 10 twice"):
        diversity.score(diversity.from_arrays(arrays), rarefy=[10, 5, 10])


@pytest.mark.parametrize(
    ("draws", "message"),
    [
        ({"rows": 0}, "at least 1 row to be drawn, found 0"),
        ({"seed": 2**63}, r"a seed from 0 to 2\^63 - 1, found 9223372036854775808"),
        ({"seed": -1}, "found -1"),
        ({"resamples": 99}, "at least 100 resamples of a bootstrap, found 99"),
    ],
)
def test_draws_that_cannot_be(draws, message):
    with pytest.raises(InputError, match=message):
        Draws(**draws)


def test_intervals_are_the_same_whatever_the_threads(monkeypatch):
    """Mixtures are shared out among threads: each has the error that it has alone."""
    asked = {"all_subsets": True, "metrics": ["vendi(q=1)", "vendi_beta(q=1)", "logdet"]}
    table = score.score(embedded.load_moments(NINE[:5]), **asked)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0})
    alone = score.score(embedded.load_moments(NINE[:5]), **asked)
    for column in ("value", "low", "high"):
        assert table[column].tolist() == alone[column].tolist()
    one = score.score(NINE[:3], metrics=["vendi(q=1)"])
    same = table[(table["mixture"] == one["mixture"][0]) & (table["metric"] == "vendi(q=1)")]
    assert same["low"].iloc[0] == pytest.approx(one["low"][0], rel=1e-9)


def test_a_reference_that_is_no_task_is_refused_whether_a_metric_looks_at_it_or_not():
    with pytest.raises(InputError, match="expected a reference among mnli, found 'nan'"):
        diversity.score(["mnli"], metrics=["cosine"], draws=Draws(reference="nan"))
