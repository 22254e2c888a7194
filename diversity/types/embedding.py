"""Encoders, the moments of vectors, and what gives the diversity of any mixture."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar, runtime_checkable

from diversity.types.array import Array
from diversity.types.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


T = TypeVar("T")


@runtime_checkable
class Encoder(Protocol):
    """Anything that turns texts into vectors.

    An encoder whose vectors may be cached also has `settings`, a mapping of everything that changes them.
    """

    @property
    def name(self) -> str:
        """The name that stands in result rows."""
        ...

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts, shape (n, d), float32."""
        ...


@dataclass(frozen=True)
class Moments:
    """Number of rows, their mean (d,) and second moment X'X/n (d, d), in float64: mergeable by `+`.

    The sufficient statistic of every Tier-1 metric; those of a mixture are the weighted means of its tasks'.
    """

    n: int
    mean: Array
    second: Array

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets of rows together."""
        if self.mean.shape != other.mean.shape:
            raise InputError(f"expected moments of one dimension, found {self.mean.size} and {other.mean.size}")
        n = self.n + other.n
        a, b = self.n / n, other.n / n
        return Moments(n, a * self.mean + b * other.mean, a * self.second + b * other.second)


class Memo(Generic[T]):
    """What was computed already, by key, for several threads; of more than `size` entries the oldest are dropped."""

    def __init__(self, size: int | None = None) -> None:
        self._size, self._known, self._lock = size, dict[object, T](), threading.Lock()

    def get(self, key: object) -> T | None:
        """The value of a key, or None."""
        with self._lock:
            return self._known.get(key)

    def put(self, key: object, value: T) -> T:
        """Keep a value and return it."""
        with self._lock:
            self._known[key] = value
            if self._size is not None and len(self._known) > self._size:
                del self._known[next(iter(self._known))]
        return value


@dataclass(frozen=True)
class TaskMoments:
    """The moments of T tasks in one space: names, n (T,), means (T, d), seconds (T, d, d).

    `rows` are a sample of each task's unit rows, (k, d) each, where they are kept: what a mean over rows is taken over.
    What metrics share is kept: products of moments and spectra of mixtures in `memo`, the last eigenvectors of mixtures in
    `systems`, the last influences of rows in `influences`.
    """

    names: tuple[str, ...]
    n: Array
    means: Array
    seconds: Array
    rows: tuple[Array, ...] = ()
    memo: Memo[Array] = field(default_factory=Memo, init=False, repr=False, compare=False)
    systems: Memo[tuple[Array, Array]] = field(default_factory=lambda: Memo(64), init=False, repr=False, compare=False)
    influences: Memo[Array] = field(default_factory=lambda: Memo(1024), init=False, repr=False, compare=False)

    @property
    def inner(self) -> Array:
        """Frobenius products <C_a, C_b> of the second moments (T, T), which several metrics share."""
        known = self.memo.get("inner")
        if known is not None:
            return known
        flat = self.seconds.reshape(len(self.names), -1)
        return self.memo.put("inner", flat @ flat.T)


@dataclass(frozen=True)
class SecondOrder:
    """A metric of second order: `value(w'Gw, w'l)` for a matrix G (T, T) and a vector l (T,) of the tasks.

    The value falls with the form w'Gw. At a fixed value v, the form grows by `slope(v)` with each unit of w'l.
    """

    matrix: Array
    vector: Array
    value: Callable[[Array, Array], Array]
    slope: Callable[[float], float] = lambda _: 0.0


@dataclass(frozen=True)
class Spectral:
    """A metric that is a rising function of the entropy of order q of C_w, less w'l: concave in the weights.

    At q = 1 it is exp(Ent(C_w) - w'l); at another order, where l is 0, (sum lambda^q)^(1/(1-q)).
    """

    order: float
    vector: Array


class Scorer(Protocol):
    """What gives the diversity of any mixture of its tasks: from moments, from vectors, or from a table."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks, in the order of the columns of weights."""
        ...

    def values(self, weights: Array) -> Array:
        """The diversity (M,) of mixtures with weights (M, T), whose rows sum to 1."""
        ...
