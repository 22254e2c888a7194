"""Distances of tasks: closed forms in one dimension and for commuting covariances, scipy's matrix root, properties."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import sqrtm

from diversity.metrics.rao_beta import rao_beta
from diversity.metrics.target_similarity import target_similarity
from diversity.moments import moments, stack
from diversity.scoring import distances
from diversity.types import InputError, TaskMoments

ALL = [distances.frechet, distances.mmd, distances.cka, distances.centroid]
seeds = st.integers(0, 2**32 - 1)


def gaussians(means, covariances):
    """Tasks with given means and covariances."""
    m, s = np.asarray(means, dtype=float), np.asarray(covariances, dtype=float)
    names = tuple(f"t{i}" for i in range(len(m)))
    return TaskMoments(names, np.full(len(m), 100.0), m, s + m[:, :, None] * m[:, None, :])


def sampled(seed, tasks=4, d=5):
    rng = np.random.default_rng(seed)
    return stack(
        {f"t{i}": moments(rng.normal(size=(rng.integers(2, 30), d)) + rng.normal(size=d)) for i in range(tasks)}
    )


@given(st.lists(st.tuples(st.floats(-3, 3), st.floats(0, 4)), min_size=1, max_size=5))
def test_frechet_in_one_dimension(parameters):
    """sqrt((m_a - m_b)^2 + (s_a - s_b)^2)."""
    m, s = np.array(parameters).T
    found = distances.frechet(gaussians(m[:, None], (s**2)[:, None, None]))
    np.testing.assert_allclose(found**2, (m[:, None] - m) ** 2 + (s[:, None] - s) ** 2, atol=1e-9)


@given(seeds)
def test_frechet_of_commuting_covariances(seed):
    """The roots of the eigenvalues differ, whatever the common eigenvectors: sum (sqrt l - sqrt k)^2."""
    rng = np.random.default_rng(seed)
    basis, _ = np.linalg.qr(rng.normal(size=(4, 4)))
    roots, m = rng.uniform(0, 2, size=(3, 4)), rng.normal(size=(3, 4))
    covariances = np.stack([(basis * r**2) @ basis.T for r in roots])
    expected = ((m[:, None] - m) ** 2).sum(axis=2) + ((roots[:, None] - roots) ** 2).sum(axis=2)
    np.testing.assert_allclose(distances.frechet(gaussians(m, covariances)) ** 2, expected, atol=1e-9)


def test_frechet_by_scipys_matrix_root():
    tasks = sampled(3)
    s, m = distances.covariances(tasks), tasks.means
    for a in range(4):
        for b in range(a):
            root = sqrtm(s[a])
            cross = np.trace(sqrtm(root @ s[b] @ root)).real
            expected = ((m[a] - m[b]) ** 2).sum() + np.trace(s[a] + s[b]) - 2 * cross
            assert distances.frechet(tasks)[a, b] ** 2 == pytest.approx(expected, abs=1e-7)


def test_frechet_of_a_task_and_its_rotated_copy():
    """N(0, diag(4, 1)) and N(0, diag(1, 4)): sqrt(2) exactly, and the same covariance is at 0 to seven digits."""
    tasks = gaussians(np.zeros((3, 2)), [np.diag([4, 1]), np.diag([1, 4]), np.diag([4, 1])])
    found = distances.frechet(tasks)
    assert found[0, 1] == pytest.approx(math.sqrt(2))
    assert found[0, 2] < 1e-7


@settings(max_examples=25)
@given(seeds)
def test_frechet_keeps_the_triangle_inequality(seed):
    d = distances.frechet(sampled(seed))
    assert all(d[a, b] <= d[a, c] + d[c, b] + 1e-7 for a in range(4) for b in range(4) for c in range(4))


@given(seeds)
def test_mmd_is_that_of_the_rows_and_makes_raos_beta(seed):
    rng = np.random.default_rng(seed)
    x, labels = rng.normal(size=(20, 3)), np.repeat(list("abc"), [4, 6, 10])
    u = x / np.linalg.norm(x, axis=1, keepdims=True)
    tasks = stack({t: moments(x[labels == t]) for t in "abc"})
    found = distances.mmd(tasks)
    k = u @ u.T
    block = {(s, t): k[np.ix_(labels == s, labels == t)].mean() for s in "abc" for t in "abc"}
    for a, s in enumerate("abc"):
        for b, t in enumerate("abc"):
            assert found[a, b] ** 2 == pytest.approx(block[s, s] + block[t, t] - 2 * block[s, t], abs=1e-12)
    w = tasks.n / tasks.n.sum()
    assert w @ found**2 @ w / 2 == pytest.approx(rao_beta(x, labels, unbiased=False))


def test_cka_is_the_alignment_of_gram_matrices():
    """<C_a, C_b> is the mean squared cosine of a row of one with a row of the other."""
    rng = np.random.default_rng(5)
    x = {t: rng.normal(size=(n, 4)) + 0.5 for t, n in (("a", 7), ("b", 12))}
    u = {t: r / np.linalg.norm(r, axis=1, keepdims=True) for t, r in x.items()}
    tasks = stack({t: moments(r) for t, r in x.items()})

    def inner(v, s, t):
        return ((v[s] @ v[t].T) ** 2).mean()

    for centred in (False, True):
        v = {t: r - r.mean(axis=0) for t, r in u.items()} if centred else u
        expected = 1 - inner(v, "a", "b") / math.sqrt(inner(v, "a", "a") * inner(v, "b", "b"))
        assert distances.cka(tasks, centred=centred)[0, 1] == pytest.approx(expected)


def test_cka_of_orthogonal_opposite_and_equal_rows():
    tasks = stack({"a": moments([[1, 0]]), "b": moments([[0, 1]]), "c": moments([[-1, 0]])})
    assert distances.cka(tasks).tolist() == [[0, 1, 0], [1, 0, 1], [0, 1, 0]]
    assert np.isnan(distances.cka(tasks, centred=True)).all()


def test_centroid_by_hand():
    tasks = gaussians([[1, 0], [3, 0], [0, 2], [-1, 0], [0, 0]], np.zeros((5, 2, 2)))
    found = distances.centroid(tasks)
    np.testing.assert_allclose(found[0, :4], [0, 0, 1, 2], atol=1e-15)
    assert np.isnan(found[4]).all()


@pytest.mark.parametrize("distance", ALL)
@given(seed=seeds)
@settings(max_examples=15)
def test_every_distance_is_symmetric_and_zero_for_equal_tasks(distance, seed):
    tasks = sampled(seed)
    twice = TaskMoments(("a", "b", "c"), tasks.n[[0, 1, 0]], tasks.means[[0, 1, 0]], tasks.seconds[[0, 1, 0]])
    found = distance(twice)
    np.testing.assert_allclose(found, found.T, atol=1e-15)
    assert (np.diag(found) == 0).all()
    assert (found >= 0).all()
    assert found[0, 2] < 1e-6
    np.testing.assert_allclose(found[0, 1], found[2, 1])


@pytest.mark.parametrize("distance", ALL)
def test_one_task(distance):
    assert distance(stack({"a": moments(np.eye(3))})).tolist() == [[0.0]]


def test_a_frame_has_the_tasks_names():
    tasks = sampled(1)
    frame = distances.frame(tasks, distances.mmd)
    assert list(frame.columns) == list(frame.index) == list(tasks.names)
    assert frame.loc["t1", "t3"] == distances.mmd(tasks)[1, 3]


def test_similarity_of_a_mixtures_members_to_a_target():
    rng = np.random.default_rng(8)
    x, y = {t: rng.normal(size=(6, 4)) + 0.5 for t in "abc"}, rng.normal(size=(9, 4)) + 0.5
    tasks = stack({t: moments(r) for t, r in x.items()})
    each = np.array([target_similarity(r, y) for r in x.values()])
    greatest, mean = distances.to_target(tasks, [[0.25, 0.75, 0], [0, 0, 1], [0, 0, 0]], moments(y))
    np.testing.assert_allclose(greatest[:2], [each[:2].max(), each[2]])
    np.testing.assert_allclose(mean[:2], [0.25 * each[0] + 0.75 * each[1], each[2]])
    assert math.isnan(greatest[2])
    assert math.isnan(mean[2])
    with pytest.raises(InputError, match="4 dimensions"):
        distances.to_target(tasks, np.eye(3), moments(np.eye(3)))
