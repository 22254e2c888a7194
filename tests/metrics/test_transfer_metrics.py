"""Covariates of transfer (TextEmb, LogME), and what precomputed features make of Vendi and of the mean cosine distance."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.spatial.distance import cosine as cosine_distance
from scipy.spatial.distance import pdist
from scipy.stats import multivariate_normal, ortho_group

from diversity import catalog
from diversity.metrics.cosine import cosine
from diversity.metrics.logme import logme
from diversity.metrics.target_similarity import target_similarity
from diversity.metrics.vendi import vendi
from diversity.types import InputError

seeds = st.integers(0, 2**32 - 1)


@pytest.fixture
def rng():
    return np.random.default_rng(20260101)


def unit(x):
    return x / np.linalg.norm(x, axis=1, keepdims=True)


# --- TextEmb -------------------------------------------------------------------------------------------


@given(seeds)
def test_target_similarity_is_scipys_cosine_of_the_means(seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(rng.integers(1, 20), 4)), rng.normal(size=(rng.integers(1, 20), 4))
    expected = 1 - cosine_distance(unit(x).mean(axis=0), unit(y).mean(axis=0))
    assert target_similarity(x, y) == pytest.approx(expected, abs=1e-9)
    assert target_similarity(x, y) == pytest.approx(target_similarity(y, x), abs=1e-12)
    assert target_similarity(x, x) == pytest.approx(1)


def test_target_similarity_by_hand():
    assert target_similarity([[1, 0], [0, 1]], [[0, 5]]) == pytest.approx(math.sqrt(0.5))
    assert target_similarity([[1, 0]], [[-1, 0]]) == -1
    assert math.isnan(target_similarity([[1, 0], [-1, 0]], [[1, 0]]))


@pytest.mark.parametrize("bad", [[[math.nan, 1.0]], [[0.0, 0.0]], [], [1.0, 2.0], [[1.0, 2.0, 3.0]]])
def test_references_that_cannot_be(bad):
    with pytest.raises(InputError):
        target_similarity([[1.0, 2.0]], bad)


def test_invariances_of_target_similarity(rng):
    x, y, turn = rng.normal(size=(8, 4)), rng.normal(size=(5, 4)), ortho_group.rvs(4, random_state=1)
    before = target_similarity(x, y)
    changed = [(x[::-1], y), (x @ turn, y @ turn), (x * rng.uniform(1, 9, (8, 1)), y), (np.concatenate([x, x]), y)]
    for after in changed:
        assert target_similarity(*after) == pytest.approx(before)
    assert catalog.get("metrics", "target_similarity").invariant_to == {
        "order", "rotation", "row scale", "replication"
    }  # fmt: skip


# --- LogME ---------------------------------------------------------------------------------------------


def brute_logme(x, labels):
    """The evidence as a density of the labels, y ~ N(0, I/b + X X'/a), maximised over log a and log b from many starts."""
    found = []
    for name in np.unique(labels):
        y = (labels == name).astype(float)

        def loss(p, y=y):
            covariance = np.eye(len(y)) * np.exp(-p[1]) + x @ x.T * np.exp(-p[0])
            return -multivariate_normal.logpdf(y, cov=covariance)

        starts = [(a, b) for a in (-2, 0, 3, 6) for b in (-1, 1, 4)]
        fits = [minimize(loss, s, method="L-BFGS-B", bounds=[(-15, 25), (-15, 12)]) for s in starts]
        found.append(-min(f.fun for f in fits) / len(y))
    return float(np.mean(found))


@pytest.mark.parametrize(("n", "d", "classes"), [(20, 3, 2), (12, 12, 2), (25, 4, 3), (9, 15, 2)])
def test_logme_is_the_greatest_evidence(n, d, classes, rng):
    labels = np.arange(n) % classes
    x = rng.normal(size=(n, d))
    x[:, 0] += labels
    assert logme(x, labels) == pytest.approx(brute_logme(x, labels), abs=1e-5)


def fixed_point_logme(x, labels):
    """MacKay's iteration for a and b, as You et al. 2021 have it, run until it stands still."""
    n, d = x.shape
    u, s, _ = np.linalg.svd(x, full_matrices=False)
    found = []
    for name in np.unique(labels):
        y = (labels == name).astype(float)
        z, a, b = u.T @ y, 1.0, 1.0
        for _ in range(2000):
            m = b * s * z / (a + b * s**2)
            gamma, error = (b * s**2 / (a + b * s**2)).sum(), ((y - u @ (s * m)) ** 2).sum()
            new = gamma / (m @ m), (n - gamma) / error
            done = np.allclose(new, (a, b), rtol=1e-12)
            a, b = new
            if done:
                break
        logs = np.log(a + b * s**2).sum() + (d - len(s)) * np.log(a)
        m = b * s * z / (a + b * s**2)
        error = ((y - u @ (s * m)) ** 2).sum()
        evidence = n / 2 * np.log(b) + d / 2 * np.log(a) - n / 2 * np.log(2 * np.pi)
        found.append((evidence - b / 2 * error - a / 2 * (m @ m) - logs / 2) / n)
    return float(np.mean(found))


@pytest.mark.parametrize("seed", range(8))
def test_logme_is_where_the_fixed_point_of_the_paper_ends(seed):
    rng = np.random.default_rng(seed)
    n, d = 40, rng.integers(1, 8)
    labels = np.arange(n) % 2
    x = rng.normal(size=(n, d))
    x[:, 0] += 3.0 * labels - 1.5
    assert logme(x, labels) == pytest.approx(fixed_point_logme(x, labels), abs=1e-9)


def test_logme_where_the_fixed_point_runs_away(rng):
    """Rows that say nothing of a class: a grows without bound, and the evidence to that of labels without a cause."""
    x, labels = rng.normal(size=(50, 3)), np.arange(50) % 2
    orthogonal = np.linalg.qr(np.c_[labels, 1 - labels, x])[0][:, 2:]  # at right angles to both classes
    assert logme(orthogonal, labels) == pytest.approx(-(math.log(2 * math.pi / 2) + 1) / 2)


def test_logme_by_hand():
    """One feature that is 0: the labels have no cause, y ~ N(0, |y|^2/n); half of them are 1."""
    assert logme(np.zeros((8, 1)), [0, 1] * 4) == pytest.approx(-(math.log(2 * math.pi / 2) + 1) / 2)


def test_rows_that_tell_the_labels_have_more_evidence(rng):
    labels = np.repeat(["a", "b"], 50)
    signal = (labels == "a")[:, None] * 2.0 - 1
    values = [logme(signal * size + rng.normal(size=(100, 5)), labels) for size in (0, 0.3, 1, 3)]
    assert values == sorted(values)
    assert logme(np.eye(2)[(labels == "a").astype(int)], labels) == math.inf


def test_logme_of_more_features_than_rows_is_finite(rng):
    x, labels = rng.normal(size=(10, 40)), np.arange(10) % 2
    assert math.isfinite(logme(x, labels))
    assert logme(x, labels) == pytest.approx(brute_logme(x, labels), abs=1e-4)


def test_invariances_of_logme(rng):
    x, labels = rng.normal(size=(30, 4)), np.arange(30) % 3
    x[:, 0] += labels
    before, order = logme(x, labels), rng.permutation(30)
    assert logme(x[order], labels[order]) == pytest.approx(before)
    assert logme(x @ ortho_group.rvs(4, random_state=1), labels) == pytest.approx(before)
    assert logme(x * 1e-4, labels) == pytest.approx(before)
    assert logme(x * 1e6, labels) == pytest.approx(before)
    assert logme(x, np.array(list("xyz"))[labels]) == pytest.approx(before)
    assert logme(x * rng.uniform(1, 9, (30, 1)), labels) != pytest.approx(before)
    assert logme(np.concatenate([x, x]), np.concatenate([labels, labels])) != pytest.approx(before)
    assert catalog.get("metrics", "logme").invariant_to == {"order", "rotation"}


@pytest.mark.parametrize(
    ("x", "labels", "message"),
    [
        (np.eye(3), ["a", "b"], "a class for each of 3 rows"),
        (np.eye(3), ["a", "a", "a"], "two classes"),
        ([[math.nan, 1.0], [1.0, 2.0]], ["a", "b"], "NaN"),
        ([1.0, 2.0], ["a", "b"], "shape"),
        ([["x"], ["y"]], ["a", "b"], "real numbers"),
    ],
)
def test_labelled_rows_that_cannot_be(x, labels, message):
    with pytest.raises(InputError, match=message):
        logme(x, labels)


# --- Precomputed features ------------------------------------------------------------------------------


def test_gradients_as_rows_make_vendi_the_g_vendi(rng):
    """G-Vendi (Jung et al. 2025): the exponential of the entropy of the eigenvalues of G'G/n, gradients of unit length."""
    features, weights = rng.normal(size=(40, 6)), rng.normal(size=6)
    labels = rng.integers(0, 2, 40)
    probability = 1 / (1 + np.exp(-features @ weights))
    gradients = (probability - labels)[:, None] * features  # of the logistic loss by the weights, one row an example
    g = unit(gradients)
    lam = np.linalg.eigvalsh(g.T @ g / len(g))
    expected = math.exp(-(lam[lam > 1e-12] * np.log(lam[lam > 1e-12])).sum())
    assert vendi(gradients, q=1) == pytest.approx(expected)


def test_fisher_diagonals_as_rows_make_the_mean_cosine_distance_the_diversity_coefficient(rng):
    """Lee et al. 2023: the expected cosine distance of the Task2Vec embeddings (diagonals of Fisher's) of two batches.

    The definition of the paper. The program of Task2Vec divides each pair of embeddings by their sum first: a distance of
    its own for each pair, which no embedding of the rows gives, and other values.
    """
    fishers = np.stack([(rng.normal(size=(30, 8)) * rng.uniform(0.2, 2, 8)) ** 2 for _ in range(12)]).mean(axis=1)
    assert cosine(fishers) == pytest.approx(pdist(fishers, "cosine").mean())
    scaled = pdist(fishers, lambda a, b: cosine_distance(a / (a + b + 1e-8), b / (a + b + 1e-8))).mean()
    assert cosine(fishers) != pytest.approx(scaled, rel=0.05)
