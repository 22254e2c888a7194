"""Exact cosine nearest neighbours of two sets of vectors, both ways, from one pass over blocks of their product."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from diversity.types import InputError

if TYPE_CHECKING:
    import torch

Vectors = NDArray[np.float32]
Indices = NDArray[np.int64]
Product = Literal["auto", "fp32", "bf16"]

BLOCK = 4096  # vectors a side of one block of the product
TILE = 1 << 20  # products that are filtered at once: what a core's cache holds
GROUPS = 64  # maxima of this many groups of a block bound the k-th best from below
SMALL = 1 << 24  # products: below it, asking which arithmetic is faster takes longer than it saves
CHUNK = 256  # pairs whose cosine is computed in double precision at once, in a core's cache
CROWD = 16  # more than this many times k candidates of a query make the coarse product useless


@dataclass(frozen=True)
class Neighbours:
    """The k nearest neighbours of each vector on the other side, best first, with their cosines.

    `forward` (n, min(k, m)) are rows of y for each row of x, `backward` (m, min(k, n)) rows of x for each row of y.
    """

    forward: Indices
    forward_cosines: NDArray[np.float64]
    backward: Indices
    backward_cosines: NDArray[np.float64]


def neighbours(
    x: Vectors, y: Vectors, k: int = 4, *, block: int = BLOCK, product: Product = "auto", label: str = ""
) -> Neighbours:
    """The k nearest neighbours by cosine of x (n, d) among y (m, d), and of y among x, exactly.

    Each block of the product is computed once, for both directions, in single or half precision, whichever is faster
    here; it only rules out what is further below the k-th best than the rounding error can be. What remains is ranked by
    cosines of double precision, equal ones by the lowest index: blocks, threads and `product` change nothing but the
    time. Memory is O(block² + (n + m)(k + d)). The cosine with a vector of zeros is 0. Raises InputError for shapes that
    do not fit, vectors that are not finite, k or block below 1.

    >>> x = np.array([[1, 0], [0, 2]], dtype=np.float32)
    >>> neighbours(x, np.array([[0, 3], [1, 1]], dtype=np.float32), k=1).forward.tolist()
    [[1], [0]]
    """
    from tqdm import tqdm

    _check(x, y, k, block)
    left, right = Side.of(x), Side.of(y)
    multiply = _product(left, right, k, product)
    columns = [_Shortlist(s, min(k, len(x)), multiply) for s in _slices(len(y), block)]
    forward = []
    bar = tqdm(total=len(x) * len(y), desc=label or "pairs", unit_scale=True, delay=2, disable=None, leave=False)
    with ThreadPoolExecutor(threads()) as pool, bar:
        for rows in _slices(len(x), block):
            strip = _strip(rows, min(k, len(y)), columns, multiply, pool, bar.update)
            forward.append(strip.best(left, right, pool))
        backward = [column.best(right, left, pool) for column in columns]
    (there, there_cosines), (back, back_cosines) = _stack(forward), _stack(backward)
    return Neighbours(there, there_cosines, back, back_cosines)


def threads() -> int:
    """Threads to work with: OMP_NUM_THREADS, else the processors that this process may use."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    affinity = getattr(os, "sched_getaffinity", None)
    return int(given) if given.isdigit() and int(given) else len(affinity(0)) if affinity else os.cpu_count() or 1


def seconds(n: int, m: int, x: Vectors, y: Vectors, k: int = 4, *, product: Product = "auto") -> float:
    """How long `neighbours` takes for n x m vectors such as those of x and y, of which one strip of blocks is measured."""
    some, others = x[:BLOCK], y[: 4 * BLOCK]
    left, right = Side.of(some), Side.of(others)
    multiply = _product(left, right, k, product)
    columns = [_Shortlist(s, min(k, len(some)), multiply) for s in _slices(len(others), BLOCK)]
    with ThreadPoolExecutor(threads()) as pool:
        multiply.block(multiply.left(slice(0, 64)), slice(0, 64))  # the first call loads what the others use
        start = time.perf_counter()
        strip = _strip(slice(0, len(some)), min(k, len(others)), columns, multiply, pool, lambda _: None)
        passed = time.perf_counter()
        strip.best(left, right, pool)
        ranked = time.perf_counter() - passed
    return (passed - start) * n * m / (len(some) * len(others)) + ranked * (n + m) / len(some)


def _check(x: Vectors, y: Vectors, k: int, block: int) -> None:
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not x.size or not y.size:
        raise InputError(f"expected vectors of shapes (n, d) and (m, d), found {x.shape} and {y.shape}")
    if k < 1 or block < 1:
        raise InputError(f"expected k and block of at least 1, found {k} and {block}")


def _slices(n: int, size: int) -> list[slice]:
    return [slice(start, min(start + size, n)) for start in range(0, n, size)]


def _stack(parts: list[tuple[Indices, NDArray[np.float64]]]) -> tuple[Indices, NDArray[np.float64]]:
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@dataclass(frozen=True)
class Side:
    """Vectors as they were given, perhaps memory-mapped, and what each is divided by to be of unit length."""

    vectors: Vectors
    norms: NDArray[np.float64]

    @staticmethod
    def of(vectors: Vectors) -> Side:
        """The side of these vectors, their lengths taken."""
        parts = [np.sqrt(np.square(vectors[s], dtype=np.float64).sum(axis=1)) for s in _slices(len(vectors), BLOCK)]
        norms = np.concatenate(parts)
        if not np.isfinite(norms).all():
            raise InputError(f"expected finite vectors, found NaN or infinity in row {np.isfinite(norms).argmin()}")
        return Side(vectors, np.where(norms > 0, norms, 1.0))

    def unit(self, rows: slice | Indices) -> Vectors:
        """Rows of unit length, in single precision."""
        return np.asarray(self.vectors[rows] / self.norms[rows, None], dtype=np.float32)


# --- The product, and what its rounding can hide ------------------------------------------------------


class _Product(Protocol):
    """Blocks of cosines as sortable codes. A code's cosine differs from the true one by at most
    `error + relative * |cosine|`."""

    error: float
    relative: float

    def left(self, rows: slice) -> Any:
        """The rows of one side that blocks are made from."""
        ...

    def block(self, left: Any, columns: slice) -> NDArray[Any]:
        """The codes of the cosines of these rows with some of the other side."""
        ...

    def encode(self, cosines: Vectors) -> NDArray[Any]:
        """Codes that are ordered as the cosines are."""
        ...

    def decode(self, codes: NDArray[Any]) -> Vectors:
        """The cosines of codes."""
        ...


class SinglePrecision:
    """Products of single precision; the codes are the cosines."""

    relative = 0.0

    def __init__(self, x: Side, y: Side) -> None:
        self.x, self.y = x, y
        self.error = _accumulation(x.vectors.shape[1])

    def left(self, rows: slice) -> Vectors:
        """The rows of one side that a block is made from."""
        return self.x.unit(rows)

    def block(self, left: Vectors, columns: slice) -> Vectors:
        """The codes of the cosines of these rows with some columns."""
        return left @ self.y.unit(columns).T

    def encode(self, cosines: Vectors) -> Vectors:
        """The codes of cosines."""
        return cosines

    def decode(self, codes: Vectors) -> Vectors:
        """The cosines of codes."""
        return codes


class HalfPrecision:
    """Products of vectors rounded to bfloat16, which some processors multiply several times faster.

    The bits of a bfloat16, read as an integer, are in the order of the numbers as long as these are not negative.
    """

    relative = 2.0**-8  # half a unit in the last of 8 bits, with room

    def __init__(self, x: Side, y: Side) -> None:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads of torch that wait leave the processor to ours
        import torch

        self.multiply = torch.mm
        (self.x, far_x), (self.y, far_y) = _halved(x), _halved(y)
        self.error = 1.01 * (far_x + far_y) + _accumulation(x.vectors.shape[1])

    def left(self, rows: slice) -> torch.Tensor:
        """The rows of one side that a block is made from."""
        return self.x[rows]

    def block(self, left: torch.Tensor, columns: slice) -> NDArray[np.int16]:
        """The codes of the cosines of these rows with some columns."""
        import torch

        codes: NDArray[np.int16] = self.multiply(left, self.y[columns].T).view(torch.int16).numpy()
        return codes

    def encode(self, cosines: Vectors) -> NDArray[np.int16]:
        """The codes of cosines."""
        bits = np.ascontiguousarray(cosines, dtype=np.float32).view(np.int32) >> 16
        return np.where(cosines > 0, bits, np.iinfo(np.int16).min).astype(np.int16)

    def decode(self, codes: NDArray[np.int16]) -> Vectors:
        """The cosines of codes."""
        return (codes.astype(np.int32) << 16).view(np.float32)


def _accumulation(d: int) -> float:
    """Bound on the rounding of a sum of d products of unit vectors in single precision, whatever its order."""
    return 1.1 * (d + 4) * 2.0**-24


def _halved(side: Side) -> tuple[torch.Tensor, float]:
    """Unit vectors as bfloat16, and the largest distance of one from what it was rounded from."""
    import torch

    out = torch.empty(side.vectors.shape, dtype=torch.bfloat16)
    far = 0.0
    for rows in _slices(len(side.vectors), BLOCK):
        exact = torch.from_numpy(side.unit(rows))
        out[rows] = exact.bfloat16()
        far = max(far, float((out[rows].float() - exact).norm(dim=1).max()))
    return out, far


def _product(x: Side, y: Side, k: int, asked: Product) -> _Product:
    chosen = choose_product(x, y, k) if asked == "auto" else asked
    return HalfPrecision(x, y) if chosen == "bf16" else SinglePrecision(x, y)


def choose_product(x: Side, y: Side, k: int) -> Literal["fp32", "bf16"]:
    """Half precision where it is faster here and tells these vectors apart, else single."""
    if len(x.vectors) * len(y.vectors) < SMALL or k > GROUPS:
        return "fp32"
    some = [Side.of(s.unit(np.linspace(0, len(s.vectors) - 1, BLOCK // 2).astype(np.int64))) for s in (x, y)]
    half, single = HalfPrecision(*some), SinglePrecision(*some)
    rows = columns = slice(0, BLOCK // 2)

    def fastest(product: _Product) -> float:
        left, taken = product.left(rows), []
        for _ in range(3):
            start = time.perf_counter()
            product.block(left, columns)
            taken.append(time.perf_counter() - start)
        return min(taken)

    if fastest(half) > fastest(single):
        return "fp32"
    cosines = single.block(single.left(rows), columns)
    for axis in (0, 1):
        kth = np.take(np.partition(cosines, -k, axis=axis), [-k], axis=axis)
        if (cosines >= _limit(kth, half)).sum() > CROWD * k * BLOCK // 2:
            return "fp32"
    return "bf16"


def _limit(kth: Vectors, product: _Product) -> Vectors:
    """What a product must reach to be of one of the k best, if k products reach `kth`."""
    return np.asarray(kth - 2 * (product.error + product.relative * np.abs(kth)) - 1e-7, dtype=np.float32)


# --- Candidates ---------------------------------------------------------------------------------------


class _Shortlist:
    """Candidates for the k best of the queries in `span`: all whose product may be hidden by rounding, and few more."""

    def __init__(self, span: slice, k: int, product: _Product) -> None:
        self.span, self.k, self.product = span, k, product
        self.limit = np.full(span.stop - span.start, -np.inf, dtype=np.float32)  # of each query
        self.started = False
        self.pending: list[tuple[NDArray[np.int32], Indices, Vectors]] = []
        self.kept = self.waiting = 0

    def start(self, codes: NDArray[Any]) -> None:
        """Limits from a first block (queries, candidates): the k-th largest of its groups' maxima is a lower bound."""
        self.started = True
        queries, width = codes.shape
        groups = min(max(GROUPS, 4 * self.k), width)
        if groups < self.k:
            return
        used = width // groups * groups
        maxima = codes[:, :used].reshape(queries, used // groups, groups).max(axis=1)
        kth = np.ascontiguousarray(np.partition(maxima, groups - self.k, axis=1)[:, groups - self.k])
        bound = _limit(self.product.decode(kth), self.product)
        self.limit = np.where(kth > 0, bound, self.limit)  # the codes of negative cosines may not be in order

    def add(self, candidates: list[tuple[NDArray[np.int32], Indices, Vectors]]) -> None:
        """Take candidates; once there are as many new ones as old, raise the limits and leave out what is below them."""
        self.pending += candidates
        self.waiting += sum(len(c[0]) for c in candidates)
        if self.waiting > max(self.kept, 4 * self.k * (self.span.stop - self.span.start)):
            self.prune()

    def prune(self) -> None:
        """Raise each query's limit to what its k-th best so far allows."""
        query, candidate, value = (np.concatenate(parts) for parts in zip(*self.pending, strict=True))
        order = np.argsort((query.astype(np.int64) << 33) + ((2.0 - value.astype(np.float64)) * 2**30).astype(np.int64))
        query, candidate, value = query[order], candidate[order], value[order]
        counts = np.bincount(query, minlength=self.span.stop - self.span.start)
        starts = np.cumsum(counts) - counts
        enough = counts >= self.k
        kth = value[starts[enough] + self.k - 1]
        self.limit[enough] = np.maximum(self.limit[enough], _limit(kth, self.product))
        keep = value >= self.limit[query]
        self.pending = [(query[keep], candidate[keep], value[keep])]
        self.kept, self.waiting = int(keep.sum()), 0

    def best(self, queries: Side, candidates: Side, pool: ThreadPoolExecutor) -> tuple[Indices, NDArray[np.float64]]:
        """Each query's k best, by cosines of double precision and then by index."""
        self.prune()
        ((query, candidate, _),) = self.pending
        self.pending = []
        rows = query.astype(np.int64) + self.span.start

        def cosines(part: slice) -> NDArray[np.float64]:
            left, right = rows[part], candidate[part]
            products = queries.vectors[left].astype(np.float64) * candidates.vectors[right]
            return np.asarray(products.sum(axis=1) / (queries.norms[left] * candidates.norms[right]))

        exact = np.concatenate(list(pool.map(cosines, _slices(len(rows), CHUNK))))
        order = np.lexsort((candidate, -exact, query))
        counts = np.bincount(query, minlength=self.span.stop - self.span.start)
        first = order[(np.cumsum(counts) - counts)[:, None] + np.arange(self.k)]
        return candidate[first], exact[first]


def _strip(
    rows: slice,
    k: int,
    columns: list[_Shortlist],
    product: _Product,
    pool: ThreadPoolExecutor,
    advance: Callable[[int], object],
) -> _Shortlist:
    """The shortlist of some rows; those of all columns take part."""
    strip, left = _Shortlist(rows, k, product), product.left(rows)
    for column in columns:
        codes = product.block(left, column.span)
        _filter(codes, strip, column, product, pool)
        advance(codes.size)
    return strip


def _filter(
    codes: NDArray[Any], strip: _Shortlist, column: _Shortlist, product: _Product, pool: ThreadPoolExecutor
) -> None:
    """Add to both shortlists what passes their limits, tile by tile."""
    for shortlist, view in ((strip, codes), (column, codes.T)):
        if not shortlist.started:
            shortlist.start(view)
    rows, columns = product.encode(strip.limit)[:, None], product.encode(column.limit)
    width = codes.shape[1]

    def passing(part: slice) -> Iterator[tuple[NDArray[np.int32], Indices, Vectors]]:
        tile = codes[part]
        for limits, along in ((rows[part], strip), (columns, column)):
            flat = np.flatnonzero(tile >= limits)
            row, at = np.divmod(flat, width)
            value = product.decode(tile.reshape(-1)[flat])
            row += part.start
            if along is strip:
                yield row.astype(np.int32), at + column.span.start, value
            else:
                yield at.astype(np.int32), row + strip.span.start, value

    parts = _slices(len(codes), max(1, TILE // width))
    for_rows, for_columns = zip(*pool.map(lambda part: tuple(passing(part)), parts), strict=True)
    strip.add(list(for_rows))
    column.add(list(for_columns))
