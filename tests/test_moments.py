"""Moments: streamed, merged and mixed, they equal what one pass over all the rows gives."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from diversity.moments import groups, mix, moments, single_moments, stack
from diversity.types import InputError

ROWS = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 30), st.integers(1, 6)),
    elements=st.floats(-5, 5).filter(lambda v: v == 0 or abs(v) > 1e-3),
).filter(lambda x: (np.abs(x).sum(axis=1) > 0).all())


def dense(x):
    """The definition, in one pass over all rows."""
    u = np.asarray(x, dtype=np.float64)
    u = u / np.linalg.norm(u, axis=1, keepdims=True)
    return len(u), u.mean(axis=0), u.T @ u / len(u)


def close(m, x, tolerance=1e-12):
    n, mean, second = dense(x)
    assert m.n == n
    np.testing.assert_allclose(m.mean, mean, atol=tolerance)
    np.testing.assert_allclose(m.second, second, atol=tolerance)


@given(ROWS)
def test_they_are_what_the_definition_says(x):
    close(moments(x), x)


@given(ROWS, st.data())
def test_shuffled_and_merged_parts_equal_the_whole(x, data):
    order = np.array(data.draw(st.permutations(range(len(x)))))
    cut = data.draw(st.integers(0, len(x)))
    parts = [moments(part) for part in (x[order[:cut]], x[order[cut:]]) if len(part)]
    close(parts[0] + parts[1] if len(parts) == 2 else parts[0], x)


def test_float32_rows_merged_from_many_shards_equal_one_shot_to_1e_12(rng):
    x = rng.normal(size=(10_000, 16)).astype(np.float32)
    shards = [moments(s) for s in np.array_split(x[rng.permutation(len(x))], 13)]
    merged = sum(shards[1:], shards[0])
    close(merged, x)
    close(moments(x), x)


@given(ROWS, st.floats(0.01, 100))
def test_the_scale_of_a_row_does_not_count(x, scale):
    np.testing.assert_allclose(moments(x * scale).second, moments(x).second, atol=1e-12)


def test_rows_are_taken_as_they_are_where_that_is_asked(rng):
    x = rng.normal(size=(50, 3))
    np.testing.assert_allclose(moments(x, normalize=False).second, x.T @ x / 50, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_every_kind_of_number(dtype):
    x = np.array([[3, 4], [0, -2]], dtype=dtype)
    np.testing.assert_allclose(moments(x).second, [[0.18, 0.24], [0.24, 0.82]], atol=1e-12)


def test_numbers_whose_squares_overflow():
    np.testing.assert_allclose(moments(np.array([[1e200, 1e200]])).mean, [0.5**0.5] * 2)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([[1.0, float("nan")]], "NaN or infinity in row 0"),
        ([[1.0, 2.0], [float("inf"), 0.0]], "NaN or infinity in row 1"),
        ([[1.0, 2.0], [0.0, 0.0]], "only zeros in row 1"),
        ([], r"shape \(0,\)"),
        (np.zeros((0, 3)), r"shape \(0, 3\)"),
        (np.zeros((3, 0)), r"shape \(3, 0\)"),
        ([1.0, 2.0], r"shape \(2,\)"),
        ([["a", "b"]], "real numbers"),
        (np.array([[1j, 2]]), "real numbers"),
        (np.array([[None, 2]], dtype=object), "real numbers"),
    ],
)
def test_what_is_no_set_of_rows_is_refused(rows, message):
    with pytest.raises(InputError, match=message):
        moments(rows)


def test_the_bad_row_is_named_by_its_place_in_the_whole(rng):
    x = rng.normal(size=(5000, 4))
    x[4321, 2] = np.nan
    with pytest.raises(InputError, match="row 4321"):
        moments(x)


def test_weights_by_size_equal_pooling(rng):
    a, b = rng.normal(size=(30, 5)), rng.normal(size=(70, 5))
    tasks = stack({"a": moments(a), "b": moments(b)})
    mean, second = mix(tasks, [0.3, 0.7])
    close_to = moments(np.concatenate([a, b]))
    np.testing.assert_allclose(mean, close_to.mean, atol=1e-13)
    np.testing.assert_allclose(second, close_to.second, atol=1e-13)


def test_labels_make_tasks_weighted_by_their_rows(rng):
    x, labels = rng.normal(size=(10, 3)), np.array(["b"] * 4 + ["a"] * 6)
    tasks, weights = groups(x, labels)
    assert tasks.names == ("a", "b")
    np.testing.assert_allclose(weights, [[0.6, 0.4]])
    np.testing.assert_allclose(tasks.means[1], moments(x[:4]).mean)
    with pytest.raises(InputError, match="a task for each of 10 rows"):
        groups(x, labels[:9])


def test_dimensions_that_differ_are_named():
    with pytest.raises(InputError, match="found 2 for a and 3 for b"):
        stack({"a": moments([[1.0, 2.0]]), "b": moments([[1.0, 2.0, 3.0]])})
    with pytest.raises(InputError, match="at least one task"):
        stack({})
    with pytest.raises(InputError, match="found 2 and 3"):
        moments([[1.0, 2.0]]) + moments([[1.0, 2.0, 3.0]])


def test_a_memory_mapped_file_is_read_in_bounded_memory(tmp_path, rng):
    path = tmp_path / "x.npy"
    x = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(200_000, 32))
    x[:] = rng.normal(size=x.shape)
    x.flush()
    expected = moments(np.array(x[:1000]))
    mapped = np.load(path, mmap_mode="r")
    tracemalloc.start()
    found = moments(mapped)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.n == 200_000
    assert peak < 5_000_000 < x.nbytes
    np.testing.assert_allclose(moments(mapped[:1000]).second, expected.second, atol=1e-12)
    np.testing.assert_allclose(moments(mapped[::7]).second, dense(np.array(mapped[::7]))[2], atol=1e-12)
    np.testing.assert_allclose(found.mean, dense(np.array(mapped))[1], atol=1e-12)


@settings(max_examples=25)
@given(st.integers(1, 40), st.integers(1, 7))
def test_pages_given_back_are_read_again(n, d):
    """Chunks that end inside a page must not lose the rows that share it."""
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        x = np.random.default_rng(n * 8 + d).normal(size=(n * 97, d)).astype(np.float32)
        np.save(path, x)
        mapped = np.load(path, mmap_mode="r")
        close(moments(mapped), x)
        close(moments(mapped), x)


@pytest.mark.parametrize("d", [2, 64, 384])
def test_products_in_single_precision_are_within_their_rounding(d) -> None:
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(9000, d)) * rng.uniform(0.1, 9, d) + 0.5).astype(np.float32)
    exact, fast = moments(x), single_moments(x)
    assert np.abs(fast.second - exact.second).max() < 1e-7 / d + 3e-7 * np.abs(exact.second).max()
    values, others = np.linalg.eigvalsh(exact.second), np.linalg.eigvalsh(fast.second)
    assert (fast.second**2).sum() == pytest.approx((exact.second**2).sum(), rel=3e-7)  # 1 / vendi of order 2
    assert np.abs(values - others).max() < 1e-7
    assert np.abs(fast.mean - exact.mean).max() < 1e-7
    assert fast.n == exact.n


def test_single_precision_has_the_errors_of_double() -> None:
    x = np.ones((3000, 4), np.float32)
    x[2500] = 0
    with pytest.raises(InputError, match="only zeros in row 2500"):
        single_moments(x)
    x[2500] = np.nan
    with pytest.raises(InputError, match="NaN or infinity in row 2500"):
        single_moments(x)
    x[2500] = 1e30  # whose square single precision does not have
    assert np.allclose(single_moments(x).second, moments(x).second)
    x[2500] = 1e-30
    assert np.allclose(single_moments(x).second, moments(x).second)
