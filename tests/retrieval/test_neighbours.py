"""Nearest neighbours against every pair written out, scikit-learn, and themselves in other blocks and arithmetics."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from diversity import InputError
from diversity.retrieval import neighbours as nearest
from diversity.retrieval.neighbours import neighbours


def by_every_pair(x, y, k):
    """Indices and cosines of the k best, one pair at a time, equal ones by the lowest index."""

    def cosine(a, b):
        a, b = a.astype(np.float64), b.astype(np.float64)
        norms = [np.sqrt((v * v).sum()) or 1.0 for v in (a, b)]
        return (a * b).sum() / (norms[0] * norms[1])

    table = np.array([[cosine(a, b) for b in y] for a in x])
    order = np.argsort(-table, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(table, order, axis=1)


def same(found, x, y, k):
    forward, backward = by_every_pair(x, y, k), by_every_pair(y, x, k)
    assert np.array_equal(found.forward, forward[0])
    assert np.array_equal(found.forward_cosines, forward[1])
    assert np.array_equal(found.backward, backward[0])
    assert np.array_equal(found.backward_cosines, backward[1])


few = st.integers(1, 9)


@settings(max_examples=40, deadline=None)
@given(st.data(), few, few, st.integers(1, 5), st.integers(1, 5), st.integers(1, 10), st.sampled_from(["fp32", "bf16"]))
def test_small_whole_numbers_with_many_ties(data, n, m, d, k, block, product):
    numbers = st.integers(-2, 2).map(float)
    x = data.draw(hnp.arrays(np.float32, (n, d), elements=numbers))
    y = data.draw(hnp.arrays(np.float32, (m, d), elements=numbers))
    same(neighbours(x, y, k, block=block, product=product), x, y, k)


def vectors(kind: str, n: int, d: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    x = generator.standard_normal((n, d)).astype(np.float32)
    if kind == "one direction":  # as raw hidden states: all cosines near 1
        x = 0.02 * x + 1
    elif kind == "opposite":  # all cosines with the other side negative
        x = 0.1 * x + (1 if seed % 2 else -1)
    elif kind == "scaled":
        x = x * np.exp(generator.uniform(-20, 20, (n, 1))).astype(np.float32)
    elif kind == "repeated":
        x = x[generator.integers(0, max(1, n // 8), n)]
    elif kind == "with zeros":
        x[:: max(1, n // 7)] = 0
    elif kind == "rising":  # each row is nearer to the first axis than the one before: every block beats the last
        angle = np.linspace(1.5, 0.1, n)
        x = np.zeros((n, d), dtype=np.float32)
        x[:, 0], x[:, 1] = np.cos(angle), np.sin(angle)
    return x


KINDS = ("random", "one direction", "opposite", "scaled", "repeated", "with zeros", "rising")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("product", ["fp32", "bf16"])
def test_no_kind_of_vectors_is_told_wrongly(kind, product):
    x, y = vectors(kind, 300, 24, 1), vectors(kind, 230, 24, 2)
    if kind == "repeated":
        y[:40] = x[:40]
    cosines = (x.astype(float) @ y.astype(float).T) / np.maximum(
        np.outer(np.linalg.norm(x.astype(float), axis=1), np.linalg.norm(y.astype(float), axis=1)), 1e-300
    )
    found = neighbours(x, y, 4, block=97, product=product)
    forward = found.forward, found.forward_cosines, cosines
    backward = found.backward, found.backward_cosines, cosines.T
    for at, values, table in (forward, backward):
        assert np.allclose(np.take_along_axis(table, at, axis=1), values, atol=1e-12)
        assert np.allclose(values, -np.sort(-table, axis=1)[:, :4], atol=1e-12)
        tied = np.diff(values, axis=1) == 0
        assert (np.diff(at, axis=1)[tied] > 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_and_arithmetic_change_nothing(kind):
    x, y = vectors(kind, 500, 16, 3), vectors(kind, 420, 16, 4)
    first = neighbours(x, y, 3)
    for product, block in (("bf16", 4096), ("bf16", 128), ("fp32", 64), ("fp32", 499)):
        other = neighbours(x, y, 3, block=block, product=product)
        for name in ("forward", "forward_cosines", "backward", "backward_cosines"):
            assert np.array_equal(getattr(first, name), getattr(other, name)), (name, product, block)


def test_scikit_learn_finds_the_same():
    from sklearn.neighbors import NearestNeighbors

    x, y = vectors("random", 700, 32, 5), vectors("random", 900, 32, 6)
    found = neighbours(x, y, 6)
    for queries, others, at, values in (
        (x, y, found.forward, found.forward_cosines),
        (y, x, found.backward, found.backward_cosines),
    ):
        distances, indices = (
            NearestNeighbors(n_neighbors=6, metric="cosine", algorithm="brute").fit(others).kneighbors(queries)
        )
        assert np.array_equal(indices, at)
        assert np.allclose(1 - distances, values, atol=1e-6)


def test_equal_vectors_are_found_by_the_lowest_index():
    x = np.tile(np.float32([[3, 4]]), (50, 1))
    found = neighbours(x, x, 3, block=7)
    assert (found.forward == [0, 1, 2]).all()
    assert (found.backward == [0, 1, 2]).all()


def test_k_is_at_most_what_there_is():
    found = neighbours(vectors("random", 3, 4, 1), vectors("random", 2, 4, 2), 10)
    assert found.forward.shape == (3, 2)
    assert found.backward.shape == (2, 3)


def test_memory_mapped_vectors_of_half_precision(tmp_path):
    x = vectors("random", 60, 8, 1).astype(np.float16)
    np.save(tmp_path / "x.npy", x)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    assert np.array_equal(neighbours(mapped, mapped, 2).forward[:, 0], np.arange(60))


def test_half_precision_is_not_chosen_where_it_cannot_tell_vectors_apart(monkeypatch):
    monkeypatch.setattr(nearest, "SMALL", 0)
    monkeypatch.setattr(nearest, "BLOCK", 512)
    at_once = lambda self, left, columns: np.zeros((1, 1), np.int16)  # noqa: E731
    monkeypatch.setattr(nearest.HalfPrecision, "block", at_once)
    choice = {}
    for kind in ("random", "one direction"):
        sides = (nearest.Side.of(vectors(kind, 600, 64, seed)) for seed in (1, 2))
        choice[kind] = nearest.choose_product(*sides, 4)
    assert choice == {"random": "bf16", "one direction": "fp32"}


@pytest.mark.parametrize("product", ["fp32", "bf16"])
def test_products_are_within_their_bound(product):
    sides = [nearest.Side.of(vectors("random", 200, 384, s)) for s in (1, 2)]
    made = {"fp32": nearest.SinglePrecision, "bf16": nearest.HalfPrecision}[product](*sides)
    whole = slice(0, 200)
    found = made.decode(made.block(made.left(whole), whole)).astype(np.float64)
    exact = [s.vectors.astype(np.float64) / s.norms[:, None] for s in sides]
    cosines = exact[0] @ exact[1].T
    assert (np.abs(found - cosines) <= made.error + made.relative * np.abs(cosines)).all()
    assert np.abs(found - cosines).max() > made.error / 1000  # the bound is of the right order


def test_codes_of_half_precision_keep_the_order():
    x = nearest.Side.of(np.eye(2, dtype=np.float32))
    half = nearest.HalfPrecision(x, x)
    values = np.float32([0.0, 1e-3, 0.1, 0.25, 0.5, 0.999, 1.0])
    codes = half.encode(values)
    assert (codes[1:] > codes[:-1]).all()
    assert (half.decode(codes)[1:] <= values[1:]).all()
    assert half.encode(np.float32([-0.3]))[0] == np.iinfo(np.int16).min


def test_what_cannot_be_is_refused():
    x = np.ones((2, 3), np.float32)
    with pytest.raises(InputError, match=r"shapes \(n, d\) and \(m, d\), found \(2, 3\) and \(2, 4\)"):
        neighbours(x, np.ones((2, 4), np.float32))
    with pytest.raises(InputError, match=r"found \(0, 3\)"):
        neighbours(x[:0], x)
    with pytest.raises(InputError, match="NaN or infinity in row 1"):
        neighbours(np.float32([[1, 2, 3], [1, np.nan, 0]]), x)
    with pytest.raises(InputError, match="k and block of at least 1, found 0"):
        neighbours(x, x, 0)


def test_the_estimate_grows_with_both_sides(monkeypatch):
    x, y = vectors("random", 50, 8, 1), vectors("random", 100, 8, 2)
    estimates = []
    for n, m in ((50, 100), (100, 100), (100, 300)):
        clock = iter([0.0, 2.0, 2.5])  # 2 s to pass 50 x 100 products, 0.5 s to rank for 50 rows
        monkeypatch.setattr(nearest.time, "perf_counter", lambda clock=clock: next(clock))
        estimates.append(nearest.seconds(n, m, x, y))
    assert estimates == [2 + 1.5, 4 + 2, 12 + 4]
