"""Rows drawn from a set, each to be compared with all rows of it: what gives the metrics of sets that outgrow memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from diversity.types.array import Array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DrawnRows:
    """Unit rows (m, d) drawn without replacement from `population` rows, and the `n` rows of a set to compare them with.

    `places` (m,) say where in the set the drawn rows lie: none is its own neighbour. They are -1 where the rows are
    drawn from a reference. `blocks()` reads the set once more, in order: unit rows (k, d) in double precision.
    """

    rows: Array
    places: NDArray[np.intp]
    population: int
    n: int
    blocks: Callable[[], Iterator[Array]]
