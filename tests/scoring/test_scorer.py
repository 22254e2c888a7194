"""Scorers: the diversity of any mixture, and of many relabellings of the tasks at once."""

import itertools

import numpy as np
import pytest

import diversity
from diversity import catalog
from diversity.scoring import score
from diversity.scoring.asked import Asked
from diversity.scoring.scorer import MomentScorer
from diversity.types import InputError, Scorer

WEIGHTS = np.array([[0.5, 0.5, 0, 0], [0.2, 0.3, 0.1, 0.4], [0, 0, 1, 0]])
EVERY = np.array(list(itertools.permutations(range(4))))
SECOND = ["cosine", "rao_alpha", "rao_beta", "rao_gamma"]
SECOND += [f"vendi{part}(q=2)" for part in ("", "_alpha", "_beta", "_gamma")]


@pytest.fixture
def space(rng):
    return diversity.from_arrays({t: rng.normal(size=(20 + i, 5)) + i / 2 for i, t in enumerate("abcd")})


def scorer(space, metric, estimator="auto") -> Scorer:
    return MomentScorer(space, Asked.of(metric, estimator))


def test_values_are_those_of_score(space):
    table = score.score(space, mixtures=["a,b", "x=a:2,b:3,c:1,d:4", "c"], metrics=["vendi_beta(q=1)"])
    np.testing.assert_allclose(scorer(space, "vendi_beta(q=1)").values(WEIGHTS), table["value"])
    assert scorer(space, "cosine").names == ("a", "b", "c", "d")


@pytest.mark.parametrize("estimator", ["auto", "V"])
@pytest.mark.parametrize("metric", [*SECOND, "vendi(q=1)", "hill", "logdet"])
def test_relabellings_are_values_of_permuted_weights(space, metric, estimator):
    scores = scorer(space, metric, estimator)
    moved = scores.relabelled(WEIGHTS, EVERY)
    for p, row in zip(EVERY, moved, strict=True):
        permuted = np.empty_like(WEIGHTS)
        permuted[:, p] = WEIGHTS
        np.testing.assert_allclose(row, scores.values(permuted), rtol=1e-10, atol=1e-12)


def test_metrics_of_second_order_say_so():
    named = {n for n in catalog.names("metrics") if catalog.get("metrics", n).second_order}
    assert named == {m.partition("(")[0] for m in SECOND}


def test_a_task_of_one_row_spoils_its_own_mixtures_only(rng):
    space = diversity.from_arrays(
        {"a": rng.normal(size=(9, 4)), "b": rng.normal(size=(9, 4)), "c": rng.normal(size=(1, 4))}
    )
    moved = scorer(space, "cosine").relabelled(np.array([[0.5, 0.5, 0.0]]), np.array([[0, 1, 2], [2, 1, 0]]))
    assert np.isfinite(moved[0, 0])
    assert np.isnan(moved[1, 0])


def test_what_cannot_be_scored(space):
    with pytest.raises(InputError, match="chamfer is computed on rows"):
        scorer(space, "chamfer")
    with pytest.raises(InputError, match=r"weights of shape \(mixtures, 4\), found \(1, 3\)"):
        scorer(space, "cosine").values(np.ones((1, 3)) / 3)
    with pytest.raises(InputError, match="permutations of 4 tasks"):
        scorer(space, "cosine").relabelled(WEIGHTS, [[0, 1, 2, 2]])
