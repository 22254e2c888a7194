"""Riesz energy: rows as charges that repel each other, with the sign that makes more diverse rows score higher."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._drawn import Bounded, distances_of, mean
from diversity.metrics._pairwise import to_distances, unit, upper
from diversity.types import Array, DrawnRows, Metric, Option

OPTIONS = {
    "power": Option(float, 1.0, above=True),
    "floor": Option(float, 1e-6, high=2, above=True),
}


def energy(x: ArrayLike, *, power: float = 1, floor: float = 1e-6) -> float:
    """Minus the mean inverse cosine distance, to a power, of the pairs of rows x (n, d): below 0, larger is more diverse.

    -mean_{i != j} max(d_ij, floor)^-power. Duplicates have infinite energy: pairs nearer than `floor` count as if they were
    that far apart, so that one pair of duplicates among p weighs floor^-power / p; where there are any, the value mostly
    counts them. Raises InputError for fewer than two rows and for a floor or power that is not above 0. Double precision.
    Source: Velikonivtsev et al. 2024; Mironov, Prokhorenkova 2024 (Energy).

    >>> energy([[1, 0], [0, 1], [-1, 0]]), energy([[1, 0], [1, 0]], floor=0.01)
    (-0.8333333333333334, -100.0)
    """
    power, floor = OPTIONS["power"].checked("power", power), OPTIONS["floor"].checked("floor", floor)
    rows = unit(x, least=2)
    n, total = len(rows), 0.0
    for part, block in upper(rows):
        _inverse(to_distances(block), power, floor)
        block[np.tril_indices(part.stop - part.start)] = 0  # each pair once: the later row of it
        total += float(block.sum())
    return -total / (n * (n - 1) / 2)


def from_drawn(drawn: DrawnRows, *, power: float, floor: float) -> Bounded:
    """Mean over drawn rows of what each has with all others. Where few rows have duplicates the interval is too short."""
    total = np.zeros(len(drawn.rows))
    for block in distances_of(drawn, np.inf):
        total += _inverse(block, power, floor).sum(axis=1)
    return mean(drawn, -total / (drawn.n - 1))


def _inverse(block: Array, power: float, floor: float) -> Array:
    """max(distances, floor)^-power, in place."""
    np.maximum(block, floor, out=block)
    return np.reciprocal(block, out=block) if power == 1 else np.power(block, -power, out=block)


METRIC = Metric(
    name="energy",
    function=energy,
    from_drawn=from_drawn,
    options=OPTIONS,
    formula="-mean_{i != j} max(d_ij, floor)^-power, d = 1 - cos",
    range="[-floor^-power, -(n - 1)/n]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Mironov, Prokhorenkova 2024",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="How strongly texts would repel each other if each were an electric charge; near-duplicates cost most.",
    question="texts",
    use="To punish near-duplicates hard while still counting all pairs.",
    large=(
        "Values are negative; closer to -1 is more diverse. The nine tasks: -1.14 (squad_v2) to -1.03 (anli_plus); "
        "all nine together: -3.03."
    ),
    caveats="A few near-duplicates decide the value.",
)
