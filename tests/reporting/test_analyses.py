"""`diversity.fit` and `diversity.compare` compute the scores of relabelled mixtures where the scores name their encoder."""

import math

import numpy as np
import pytest

import diversity
from diversity.stats import fit as without


@pytest.fixture(scope="module")
def tables(designs):
    """Twenty-four of the pairs of six tasks and their triples, with scores of the shipped moments."""
    rng = np.random.default_rng(0)
    weights = designs.subsets(6, [2, 3])[rng.permutation(35)[:24]]
    names = designs.names(weights)
    scores = diversity.score(
        designs.TASKS[:6],
        mixtures=[diversity.Mixture.of(n.split("+")) for n in names],
        metrics=["cosine"],
        intervals=False,
    )
    y = 60 + weights @ rng.normal(size=6) + 0.1 * rng.normal(size=24)
    return designs.results(weights, y, targets=("xnli",), languages=("en",)), scores


def test_fit_relabels_with_the_shipped_moments(tables):
    results, scores = tables
    options = {"metric": "cosine", "outcome": "xnli", "details": False}
    fit = diversity.fit(results, scores, **options)
    assert fit.primary == "task-label permutation (all 720)"
    assert math.isnan(without.fit(results, scores, **options).p_permutation)  # the statistics know of no moments
    unnamed = diversity.fit(results, scores.drop(columns="encoder"), **options)
    assert "give the moments or vectors" in f"{unnamed.why} {unnamed.notes}"


def test_compare_does_too(tables):
    results, scores = tables
    analysis = diversity.Analysis(permutations=200, bootstrap=200)
    options = {"metric": "cosine", "outcome": "xnli", "analysis": analysis}
    assert diversity.compare(results, scores, **options).primary == "task-label permutation"
    groups = dict(zip(scores["mixture"], ["diverse", "homogeneous"] * 12, strict=True))
    assert diversity.compare(results, groups=groups, outcome="xnli", match=(), analysis=analysis).n_pairs == 12


def test_a_scorer_of_the_analysis_stays(tables):
    results, scores = tables
    asked = []

    def none(metric, encoder):
        asked.append((metric, encoder))

    analysis = diversity.Analysis(scorers=none, permutations=200)
    fit = diversity.fit(results, scores, metric="cosine", outcome="xnli", details=False, analysis=analysis)
    assert asked == [("cosine", "all-MiniLM-L6-v2")]
    assert math.isnan(fit.p_permutation)
