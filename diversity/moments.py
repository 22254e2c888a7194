"""Moments of embeddings: streaming, mergeable, mixed by weight; the sufficient statistics of every Tier-1 metric."""

from __future__ import annotations

import mmap
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from diversity.types import Array, InputError, Moments, TaskMoments

CHUNK = 2048  # rows: at d = 384 a chunk in float64 is 6 MB, about a processor's cache


def checked(x: Any) -> np.ndarray[Any, Any]:
    """Rows as a floating-point array (n, d), n and d at least 1; raises InputError for anything else."""
    rows: np.ndarray[Any, Any] = np.asanyarray(x)
    if rows.ndim != 2 or 0 in rows.shape:
        raise InputError(f"expected rows of shape (n, d) with n and d of at least 1, found shape {rows.shape}")
    if rows.dtype.kind not in "fiu":
        raise InputError(f"expected rows of real numbers, found dtype {rows.dtype}")
    return rows


def unit_chunks(
    x: Any, *, normalize: bool = True, centre: Array | None = None, chunk: int = CHUNK, reuse: bool = False
) -> Iterator[Array]:
    """Successive rows of x in float64, each scaled to unit length; raises InputError at NaN, infinity and zero rows.

    With a `centre` (d,), it is subtracted from the unit rows, and what is left is scaled to unit length again.

    Pages of a memory-mapped file are given back once used, so that the file never becomes resident as a whole. With `reuse`
    each chunk is written over the last one: for a caller that keeps none.
    """
    rows = checked(x)
    room = np.empty((min(chunk, len(rows)), rows.shape[1]))
    for start in range(0, len(rows), chunk):
        source = rows[start : start + chunk]
        part = room[: len(source)] if reuse else np.empty(source.shape)
        part[:] = source
        squares = np.einsum("ij,ij->i", part, part)
        if not np.isfinite(squares).all():
            # the squares of large finite numbers can overflow: what counts is the numbers themselves
            if not np.isfinite(part).all():
                at = start + int(np.argmin(np.isfinite(part).all(axis=1)))
                raise InputError(f"expected finite numbers, found NaN or infinity in row {at}")
            part /= np.abs(part).max(axis=1, keepdims=True)
            squares = np.einsum("ij,ij->i", part, part)
        if normalize:
            if not squares.all():
                at = start + int(np.argmin(squares))
                raise InputError(f"expected rows with a direction, found only zeros in row {at}")
            part *= (1 / np.sqrt(squares))[:, None]
        yield part if centre is None else _unit(part - centre, start)
        _give_back(rows, start, start + len(part))


def _unit(part: Array, start: int) -> Array:
    lengths = np.linalg.norm(part, axis=1)
    if not lengths.all():
        raise InputError(
            f"expected rows that differ from their centre, found row {start + int(np.argmin(lengths))} on it"
        )
    return np.asarray(part / lengths[:, None])


def _give_back(rows: np.ndarray[Any, Any], start: int, stop: int) -> None:
    base: Any = rows.base
    if isinstance(rows, np.memmap) and isinstance(base, mmap.mmap) and rows.flags.c_contiguous:
        page, into = mmap.ALLOCATIONGRANULARITY, rows.offset % mmap.ALLOCATIONGRANULARITY
        first, last = ((into + row * rows.strides[0]) // page * page for row in (start, stop))
        if last > first and hasattr(base, "madvise"):
            base.madvise(mmap.MADV_DONTNEED, first, last - first)


def moments(x: Any, *, normalize: bool = True, centre: Array | None = None, counts: Any = None) -> Moments:
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
            found = by_task[name].mean.size
            raise InputError(f"expected embeddings of one dimension, found {d} for {names[0]} and {found} for {name}")
    n = np.array([by_task[name].n for name in names], dtype=np.float64)
    means = np.stack([by_task[name].mean for name in names])
    seconds = np.stack([by_task[name].second for name in names])
    return TaskMoments(names, n, means, seconds, tuple(rows[name] for name in names) if rows else ())


def mix(tasks: TaskMoments, weights: Any) -> tuple[Array, Array]:
    """Mean (d,) and second moment (d, d) of the mixture with weights (T,) that sum to 1: weighted means of the tasks'."""
    w = np.asarray(weights, dtype=np.float64)
    return w @ tasks.means, np.tensordot(w, tasks.seconds, axes=1)


def groups(x: Any, labels: Any) -> tuple[TaskMoments, Array]:
    """Moments of the rows of each label, and the labels' shares of the rows as weights (1, T)."""
    rows, names = checked(x), np.asarray(labels)
    if names.shape != (len(rows),):
        raise InputError(f"expected a task for each of {len(rows)} rows, found shape {names.shape}")
    by_task = {str(name): moments(rows[names == name]) for name in np.unique(names)}
    tasks = stack(by_task)
    return tasks, (tasks.n / tasks.n.sum())[None, :]
