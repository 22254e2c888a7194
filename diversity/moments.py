"""Moments of embeddings: streaming, mergeable, mixed by weight; the sufficient statistics of every Tier-1 metric."""

from __future__ import annotations

import mmap
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray
from tqdm import tqdm

from diversity.types import Array, InputError, Moments, TaskMoments

CHUNK = 2048  # rows: at d = 384 a chunk in float64 is 6 MB, about a processor's cache
PASS = 256  # rows where a chunk is read once or twice and no more
FEW = 16  # rows that lie anywhere in a file


def checked(x: ArrayLike) -> np.ndarray[Any, Any]:
    """Rows as a floating-point array (n, d), n and d at least 1; raises InputError for anything else."""
    rows: np.ndarray[Any, Any] = np.asanyarray(x)
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"expected rows of shape (n, d) with n and d of at least 1, found shape {rows.shape}")
    if rows.dtype.kind not in "fiu":
        raise InputError(f"expected rows of real numbers, found dtype {rows.dtype}")
    return rows


def unit_chunks(
    x: ArrayLike, *, normalize: bool = True, centre: Array | None = None, chunk: int = CHUNK, reuse: bool = False
) -> Iterator[Array]:
    """Successive rows of x in float64, each scaled to unit length; raises InputError at NaN, infinity and zero rows.

    With a `centre` (d,), it is subtracted from the unit rows, and what is left is scaled to unit length again.

    Pages of a memory-mapped file are given back once used, so that the file never becomes resident as a whole. With `reuse`
    each chunk is written over the last one: for a caller that keeps none.
    """
    for block, part, factors in directions(x, normalize=normalize, chunk=chunk, copy=reuse):
        whole = np.multiply(part, factors[:, None], out=part if reuse else np.empty(part.shape))
        if centre is not None:
            whole = whole - centre
            lengths = np.linalg.norm(whole, axis=1)
            if not lengths.all():
                row = block.start + int(np.argmin(lengths))
                raise InputError(f"expected rows that differ from their centre, found row {row} on it")
            whole = whole / lengths[:, None]
        yield whole


def unit_rows(x: ArrayLike, *, dtype: DTypeLike = np.float64) -> np.ndarray[Any, Any]:
    """All rows of x scaled to unit length, (n, d), in double precision or rounded to another; errors as in `unit_chunks`."""
    unit = np.empty(checked(x).shape, dtype=dtype)
    for block, part, factors in directions(x):
        np.multiply(part, factors[:, None], out=unit[block], casting="same_kind")
    return unit


def directions(
    x: ArrayLike, *, normalize: bool = True, chunk: int = PASS, copy: bool = False
) -> Iterator[tuple[slice, Array, Array]]:
    """Successive rows of x in float64 and the factors (k,) that make them unit rows; errors as in `unit_chunks`.

    Sums over unit rows are so had without writing the rows anywhere. A chunk is to be read before the next one is taken;
    it may be the rows of x themselves, and is not to be written to, unless it is a `copy`.
    """
    rows = checked(x)
    copied = copy or rows.dtype != np.float64
    room = np.empty((min(chunk, len(rows)) if copied else 0, rows.shape[1]))
    for start in range(0, len(rows), chunk):
        block = slice(start, min(start + chunk, len(rows)))
        part: Array = rows[block]
        if copied:
            part = room[: len(part)]
            part[:] = rows[block]
        factors = _factors(part, start, normalize)
        yield block, part, factors
        _give_back(rows, block.start, block.stop)


def _factors(part: Array, start: int, normalize: bool) -> Array:
    """1 / length of each row, or 1 where they are not normalised."""
    squares, largest = np.einsum("ij,ij->i", part, part), np.ones(len(part))
    if not np.isfinite(squares).all():
        # the squares of large finite numbers can overflow: what counts is the numbers themselves
        if not np.isfinite(part).all():
            at = start + int(np.argmin(np.isfinite(part).all(axis=1)))
            raise InputError(f"expected finite numbers, found NaN or infinity in row {at}")
        largest = np.maximum(np.abs(part).max(axis=1), 1)
        squares = np.square(part / largest[:, None]).sum(axis=1)
    if not normalize:
        return np.ones(len(part))
    if not squares.all():
        raise InputError(f"expected rows with a direction, found only zeros in row {start + int(np.argmin(squares))}")
    return np.asarray(1 / largest / np.sqrt(squares))


def rows_at(x: ArrayLike, places: NDArray[np.intp]) -> np.ndarray[Any, Any]:
    """Rows (m, d) of x at some places, as they are, a few at a time: a row of a memory-mapped file can map a MB around it.

    >>> rows_at(np.eye(3), np.array([2, 0])).tolist()
    [[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]
    """
    rows = checked(x)
    chosen = np.empty((len(places), rows.shape[1]), dtype=rows.dtype)
    for start in range(0, len(places), FEW):
        chosen[start : start + FEW] = rows[places[start : start + FEW]]
        _give_back(rows, 0, len(rows))
    return chosen


def _give_back(rows: np.ndarray[Any, Any], start: int, stop: int) -> None:
    base: Any = rows.base
    if isinstance(rows, np.memmap) and isinstance(base, mmap.mmap) and rows.flags.c_contiguous:
        page, into = mmap.ALLOCATIONGRANULARITY, rows.offset % mmap.ALLOCATIONGRANULARITY
        first, last = ((into + row * rows.strides[0]) // page * page for row in (start, stop))
        if last > first and hasattr(base, "madvise"):
            base.madvise(mmap.MADV_DONTNEED, first, last - first)


def single_moments(x: ArrayLike) -> Moments:
    """`moments` of float32 rows by products in single precision, chunk by chunk, whose sums are in double.

    About half the time. Entries and eigenvalues of the second moment, whose trace is 1, are within 1e-7. Errors as in
    `unit_chunks`.

    >>> single_moments(np.array([[3, 0], [0, 2]], dtype=np.float32)).second.tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    rows = checked(x)
    n, d = rows.shape
    total, second, room = np.zeros(d), np.zeros((d, d)), np.empty((min(CHUNK, n), d), np.float32)
    for start in range(0, n, CHUNK):
        block = np.asarray(rows[start : start + CHUNK], dtype=np.float32)
        squares = np.einsum("ij,ij->i", block, block)
        if not (np.isfinite(squares).all() and squares.min() > np.finfo(np.float32).tiny):
            exact = np.asarray(rows[start : start + CHUNK], dtype=np.float64)
            exact = exact * _factors(exact, start, True)[:, None]  # which single precision cannot square; or an error
            total, second = total + exact.sum(axis=0), second + exact.T @ exact
            continue
        unit = np.multiply(block, (1 / np.sqrt(squares))[:, None], out=room[: len(block)])
        total += np.ones(len(block), np.float32) @ unit
        second += unit.T @ unit
        _give_back(rows, start, start + len(block))
    return Moments(n, total / n, second / n)


def moments(
    x: ArrayLike, *, normalize: bool = True, centre: Array | None = None, counts: Array | None = None
) -> Moments:
    """Number, mean and second moment of rows (n, d), summed in float64 over chunks of unit rows.

    Rows of float16, float32 or float64, also memory-mapped. Raises InputError for NaN, infinity, rows of zeros (unless
    `normalize` is false) and shapes that are not (n, d). `centre` as in `unit_chunks`; `counts` (n,) says how often each
    row counts, once by default.

    >>> m = moments([[3.0, 0.0], [0.0, 2.0]])
    >>> m.n, m.mean.tolist(), m.second.tolist()
    (2, [0.5, 0.5], [[0.5, 0.0], [0.0, 0.5]])
    """
    n, d = checked(x).shape
    total, second, start = np.zeros(d), np.zeros((d, d)), 0
    for part in unit_chunks(x, normalize=normalize, centre=centre, reuse=True):
        weighted = part if counts is None else part * counts[start : start + len(part), None]
        total += weighted.sum(axis=0)
        second += weighted.T @ part
        start += len(part)
    n = n if counts is None else int(np.sum(counts))
    return Moments(n, total / n, second / n)


def packed(second: Array) -> Array:
    """The upper half (d (d + 1) / 2,) of a symmetric matrix (d, d), as saved moments have it."""
    return np.asarray(second[np.triu_indices(len(second))])


def unpacked(upper: ArrayLike, d: int) -> Array:
    """The symmetric matrix (d, d) of its upper half.

    >>> unpacked(packed(np.array([[1.0, 2.0], [2.0, 5.0]])), 2).tolist()
    [[1.0, 2.0], [2.0, 5.0]]
    """
    second = np.zeros((d, d))
    second[np.triu_indices(d)] = upper
    return second + np.triu(second, 1).T


def stack(by_task: Mapping[str, Moments], rows: Mapping[str, Array] | None = None) -> TaskMoments:
    """The moments of several tasks as arrays, sorted by name, with a sample of their unit rows where that is given.

    Raises InputError where dimensions differ.
    """
    names = tuple(sorted(by_task))
    if not names:
        raise InputError("expected the moments of at least one task, found none")
    d = by_task[names[0]].mean.size
    for name in names:
        if by_task[name].mean.size != d:
            other = by_task[name].mean.size
            raise InputError(f"expected embeddings of one dimension, found {d} for {names[0]} and {other} for {name}")
    n = np.array([by_task[name].n for name in names], dtype=np.float64)
    means = np.stack([by_task[name].mean for name in names])
    seconds = np.stack([by_task[name].second for name in names])
    return TaskMoments(names, n, means, seconds, tuple(rows[name] for name in names) if rows else ())


def mix(tasks: TaskMoments, weights: ArrayLike) -> tuple[Array, Array]:
    """Mean (d,) and second moment (d, d) of the mixture with weights (T,) that sum to 1: weighted means of the tasks'."""
    w = np.asarray(weights, dtype=np.float64)
    return w @ tasks.means, np.tensordot(w, tasks.seconds, axes=1)


def groups(x: ArrayLike, labels: ArrayLike) -> tuple[TaskMoments, Array]:
    """Moments of the rows of each label, and the labels' shares of the rows as weights (1, T)."""
    rows, names = checked(x), np.asarray(labels)
    if names.shape != (len(rows),):
        raise InputError(f"expected a task for each of {len(rows)} rows, found shape {names.shape}")
    by_task = {str(name): moments(rows[names == name]) for name in np.unique(names)}
    tasks = stack(by_task)
    return tasks, (tasks.n / tasks.n.sum())[None, :]


# --- Second-degree statistics of the means, from which Rao's diversities follow exactly ---------------------


def gram(tasks: TaskMoments, *, unbiased: bool) -> Array:
    """m_a . m_b for all pairs of tasks (T, T); unbiased, the pairs of a row with itself are left out of the diagonal.

    For unit rows the diagonal is then (n |m|^2 - 1) / (n - 1), the mean cosine of distinct rows. One row has none: nan.
    """
    g = tasks.means @ tasks.means.T
    if unbiased:
        with np.errstate(invalid="ignore", divide="ignore"):
            np.fill_diagonal(g, (tasks.n * np.diag(g) - 1) / (tasks.n - 1))
            np.fill_diagonal(g, np.where(tasks.n > 1, np.diag(g), np.nan))
    return np.asarray(g)


def quadratic_form(weights: Array, g: Array) -> Array:
    """w' g w for each row of weights (M, T); an absent task (weight 0) cannot spoil it with a nan."""
    if np.isnan(g).any():
        present = [np.flatnonzero(w > 0) for w in weights]
        return np.array([w[i] @ g[np.ix_(i, i)] @ w[i] for w, i in zip(weights, present, strict=True)])
    return np.asarray(np.einsum("ma,ab,mb->m", weights, g, weights, optimize=True))


def weighted_mean(weights: Array, values: Array) -> Array:
    """sum_a w_a values_a for each row of weights, absent tasks left out."""
    return np.asarray((weights * np.where(weights > 0, values, 0.0)).sum(axis=1))


def largest_remainders(quotas: Array, total: int) -> NDArray[np.int64]:
    """Whole numbers that sum to `total`, each within 1 of its quota, for quotas that sum to it.

    >>> largest_remainders(np.array([4.5, 2.7, 1.8]), 9).tolist()
    [4, 3, 2]
    """
    counts: NDArray[np.int64] = np.floor(quotas + 1e-9).astype(np.int64)
    counts[np.argsort(counts - quotas, kind="stable")[: total - counts.sum()]] += 1
    return counts


# --- Small matrices and threads ----------------------------------------------------------------------


def single_threaded() -> AbstractContextManager[Any]:
    """Linear algebra on one processor within the block: threads that share a small matrix mostly wait for each other.

    Where another program has one of the processors, they wait as long as that program runs.
    """
    limits: AbstractContextManager[Any] = _blas().limit(limits=1, user_api="blas")
    return limits


@cache
def _blas() -> Any:
    """The libraries of linear algebra that are loaded; to look for them takes longer than to value 511 mixtures."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@contextmanager
def threads() -> Iterator[ThreadPoolExecutor]:
    """Threads whose linear algebra is on one processor each; more than processors, for one may be busy otherwise."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with single_threaded(), ThreadPoolExecutor(2 * available) as pool:
        yield pool


def in_threads(work: Callable[[int], object], items: Sequence[int], *, describe: str = "") -> None:
    """Call `work` with every item, several at a time; a progress bar where it has a name."""
    bar = tqdm(total=len(items), desc=describe, delay=2, disable=None if describe else True, leave=False)
    with threads() as pool, bar:
        for _ in pool.map(work, items):
            bar.update()
