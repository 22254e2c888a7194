"""Margins, mining, repeated sentences and the threshold: worked by hand, and beside the output of XTREME's script."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diversity import InputError
from diversity.retrieval.mining import Mined, Unique, extract, identified, margins, mine, overlap, tatoeba, tune, unique
from diversity.retrieval.neighbours import Neighbours, neighbours

COSINES = np.array([[0.9, 0.8, 0.1], [0.8, 0.3, 0.2], [0.7, 0.6, 0.5]])


def from_cosines(table, k):
    """The neighbours that a table of cosines has."""

    def best(rows):
        order = np.argsort(-rows, axis=1, kind="stable")[:, :k]
        return order, np.take_along_axis(rows, order, axis=1)

    return Neighbours(*best(np.asarray(table)), *best(np.asarray(table).T))


FOUND = from_cosines(COSINES, 2)
# Means of the two nearest: of the sources .85 .55 .65, of the targets .85 .70 .35; b is the mean of two of them.
RATIO = [[0.9 / 0.85, 0.8 / 0.775], [0.8 / 0.7, 0.3 / 0.625], [0.7 / 0.75, 0.6 / 0.675]]


def pairs(mined):
    return list(zip(mined.source.tolist(), mined.target.tolist(), strict=True))


def test_margins_worked_by_hand():
    assert np.allclose(margins(FOUND, "ratio")[0], RATIO)
    assert np.allclose(
        margins(FOUND, "ratio")[1], [[0.9 / 0.85, 0.8 / 0.7], [0.8 / 0.775, 0.6 / 0.675], [1, 0.2 / 0.45]]
    )
    assert np.allclose(margins(FOUND, "distance")[0], [[0.05, 0.025], [0.1, -0.325], [-0.05, -0.075]])
    assert np.allclose(margins(FOUND, "absolute")[0], [[0.9, 0.8], [0.8, 0.3], [0.7, 0.6]])


def test_a_ratio_to_nothing_is_never_preferred():
    found = from_cosines(np.zeros((2, 2)), 1)
    assert (margins(found, "ratio")[0] == -np.inf).all()
    assert (margins(found, "distance")[0] == 0).all()


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("forward", [(1, 0), (0, 0), (2, 0)]),
        ("backward", [(1, 0), (0, 1), (2, 2)]),
        ("intersect", [(1, 0)]),
        ("max", [(1, 0), (0, 1), (2, 2)]),  # (0, 0) is second, but target 0 is taken
    ],
)
def test_pairs_worked_by_hand(way, expected):
    mined = mine(FOUND, candidates=way)
    assert pairs(mined) == expected
    assert np.isclose(mined.score[0], 0.8 / 0.7)


def test_the_best_candidate_is_by_margin_and_not_by_cosine():
    # Target 0 is everybody's neighbour; source 0 is nearer to it, but target 1 stands out.
    found = from_cosines([[0.9, 0.8], [0.9, 0.1], [0.9, 0.1]], 2)
    assert pairs(mine(found, margin="absolute", candidates="forward"))[0] == (0, 0)
    assert (0, 1) in pairs(mine(found, margin="ratio", candidates="forward"))


def test_equal_scores_go_by_source_and_then_target():
    found = from_cosines(np.ones((3, 3)), 3)
    assert pairs(mine(found)) == [(0, 0)]  # every sentence's first neighbour is sentence 0
    assert pairs(mine(found, candidates="forward")) == [(0, 0), (1, 0), (2, 0)]


tables = st.lists(st.lists(st.floats(0.01, 1), min_size=6, max_size=6), min_size=1, max_size=6)


@given(tables, st.integers(1, 4), st.sampled_from(["ratio", "distance", "absolute"]))
def test_the_four_ways_are_related(table, k, margin):
    found = from_cosines(table, k)
    forward, backward, both, largest = (
        mine(found, margin=margin, candidates=way) for way in ("forward", "backward", "intersect", "max")
    )
    assert set(pairs(both)) == set(pairs(forward)) & set(pairs(backward))
    assert set(pairs(both)) | set(pairs(largest)) <= set(pairs(forward)) | set(pairs(backward))
    assert len({s for s, _ in pairs(largest)}) == len({t for _, t in pairs(largest)}) == len(largest)
    for mined in (forward, backward, both, largest):
        assert (mined.score[1:] <= mined.score[:-1]).all()
    turned = mine(from_cosines(np.array(table).T, k), margin=margin, candidates="backward")
    assert {(t, s) for s, t in pairs(turned)} == set(pairs(forward))


def test_unknown_settings_are_refused():
    with pytest.raises(InputError, match="expected a margin among ratio, distance, absolute, found 'cosine'"):
        mine(FOUND, margin="cosine")
    with pytest.raises(InputError, match="expected retrieval by one of max, intersect, forward, backward"):
        mine(FOUND, candidates="fwd")
    with pytest.raises(InputError, match="drop, expand, found 'keep'"):
        identified(mine(FOUND), unique("abc", "abc"), unique("abc", "abc"), "keep")


# --- Repeated sentences -------------------------------------------------------------------------------


def test_repeated_sentences_are_dropped_or_expanded():
    source, target = unique(["a", "b", "a "], ["s1", "s2", "s3"]), unique(["x", "y"], ["t1", "t2"])
    assert source == Unique(("a", "b"), (("s1", "s3"), ("s2",)))
    mined = Mined(np.array([0, 1]), np.array([0, 1]), np.array([2.0, 1.0]))
    assert identified(mined, source, target) == {("s2", "t2"): 1.0}
    assert identified(mined, source, target, "expand") == {("s1", "t1"): 2.0, ("s3", "t1"): 2.0, ("s2", "t2"): 1.0}


# --- The threshold ------------------------------------------------------------------------------------

SCORES = {("a", "x"): 1.5, ("b", "w"): 1.4, ("c", "y"): 1.3, ("d", "w"): 1.2, ("e", "w"): 1.1}
GOLD = [("a", "x"), ("c", "y"), ("f", "z")]


def test_the_threshold_worked_by_hand():
    tuned = tune(SCORES, GOLD)  # F1 after each pair: 1/2, 2/5, 2/3, 4/7, 1/2
    assert (tuned.threshold, tuned.precision, tuned.recall, tuned.f1) == (1.25, 2 / 3, 2 / 3, 2 / 3)
    assert extract(SCORES, tuned.threshold) == [("a", "x"), ("b", "w"), ("c", "y")]


def test_the_threshold_is_used_on_other_pairs():
    other = {("g", "u"): 1.26, ("h", "v"): 1.25, ("i", "w"): 1.24}
    assert extract(other, tune(SCORES, GOLD).threshold) == [("g", "u"), ("h", "v")]


def test_equal_scores_are_extracted_together():
    scores = {("a", "x"): 1.0, ("b", "w"): 1.0, ("c", "y"): 0.5}
    tuned = tune(scores, [("a", "x")])
    assert (tuned.threshold, tuned.f1) == (0.75, 2 / 3)
    assert overlap(extract(scores, tuned.threshold), [("a", "x")]).f1 == tuned.f1


def test_all_pairs_may_be_the_best_choice():
    tuned = tune({("a", "x"): 1.5, ("c", "y"): 1.3}, GOLD)
    assert (tuned.threshold, tuned.precision, tuned.recall) == (1.3, 1.0, 2 / 3)


def test_the_highest_of_equally_good_thresholds():
    scores = {("a", "x"): 4.0, ("b", "w"): 3.0, ("c", "w"): 2.5, ("d", "w"): 2.0, ("e", "y"): 1.0}
    assert tune(scores, [("a", "x"), ("e", "y"), ("f", "z")]).threshold == 3.5  # F1 1/2 after the first and the last


def test_no_pair_right():
    tuned = tune({("a", "w"): 1.0}, GOLD)
    assert (tuned.threshold, tuned.f1) == (0.0, 0.0)
    assert tune({}, GOLD).f1 == 0.0
    assert tune({("a", "w"): -np.inf, ("b", "w"): -np.inf}, GOLD).f1 == 0.0


def test_neighbouring_floats_are_told_apart():
    high, low = 1.0, np.nextafter(1.0, 0)
    tuned = tune({("a", "x"): high, ("b", "w"): low}, [("a", "x")])
    assert low < tuned.threshold <= high


def test_gold_is_needed():
    with pytest.raises(InputError, match="expected gold pairs to tune the threshold on, found none"):
        tune(SCORES, [])


scored = st.dictionaries(
    st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")),
    st.one_of(st.integers(-3, 3).map(float), st.floats(-2, 2)),
    max_size=12,
)


@given(scored, st.sets(st.tuples(st.sampled_from("abcdef"), st.sampled_from("uvwxyz")), min_size=1, max_size=8))
def test_no_other_threshold_is_better(scores, gold):
    tuned = tune(scores, gold)
    assert np.isclose(overlap(extract(scores, tuned.threshold), gold).f1, tuned.f1) or tuned.f1 == 0
    for threshold in scores.values():
        assert overlap(extract(scores, threshold), gold).f1 <= tuned.f1 + 1e-12


# --- Tatoeba ------------------------------------------------------------------------------------------


def test_each_query_gets_a_line_of_the_candidates():
    queries = np.float32([[1, 0], [0, 1], [1, 1]])
    candidates = np.float32([[0, 9], [5, 5], [2, 0], [0, 1]])
    assert tatoeba(queries, candidates).tolist() == [2, 0, 1]  # line 3 is the same direction as line 0


def test_equal_vectors_on_both_sides_give_everything():
    x = np.random.default_rng(0).standard_normal((200, 16)).astype(np.float32)
    assert (tatoeba(x, x) == np.arange(200)).all()
    mined = mine(neighbours(x, x))
    assert sorted(pairs(mined)) == [(i, i) for i in range(200)]
    ids = [str(i) for i in range(200)]
    side = unique(ids, ids)
    assert tune(identified(mined, side, side), [(i, i) for i in ids]).f1 == 1


# --- XTREME's script ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script(files):
    """Vectors, texts with copies and gold pairs, and what XTREME's utils_retrieve.py made of them."""
    return json.loads((files / "retrieval" / "xtreme_retrieval.json").read_text())


def test_tatoeba_as_the_script(script):
    x, y = (np.array(script[side], dtype=np.float32) for side in "xy")
    assert tatoeba(y[:25], x[:30]).tolist() == script["tatoeba"]


@pytest.mark.parametrize("number", range(12))
def test_mining_as_the_script(script, number):
    case = script["cases"][number]
    source = unique(script["source_texts"], script["source_ids"])
    target = unique(script["target_texts"], script["target_ids"])
    first = [[script[f"{n}_texts"].index(t) for t in s.texts] for n, s in (("source", source), ("target", target))]
    x, y = (np.array(script[side], dtype=np.float32)[rows] for side, rows in zip("xy", first, strict=True))
    mined = mine(neighbours(x, y, case["k"]), margin=case["margin"], candidates=case["retrieval"])
    scores = identified(mined, source, target)
    expected = {(a, b): score for a, b, score in case["scores"]}
    assert scores.keys() == expected.keys()
    assert all(abs(scores[pair] - expected[pair]) < 1e-6 for pair in scores)
    tuned = tune(scores, [tuple(p) for p in script["gold"]])
    if "threshold" not in case:  # the script fails where the threshold is best below the last pair
        assert tuned.threshold == min(scores.values())
        return
    assert abs(tuned.threshold - case["threshold"]) < 1e-6
    found = [100 * v for v in (tuned.f1, tuned.precision, tuned.recall)]
    assert np.allclose(found, [case["f1"], case["precision"], case["recall"]], rtol=0, atol=1e-9)
    assert set(extract(scores, tuned.threshold)) == {tuple(p) for p in case["extracted"]}
