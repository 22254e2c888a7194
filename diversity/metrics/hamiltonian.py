"""Hamiltonian diversity: the length of a short round trip through all rows, an upper bound of the shortest."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._pairwise import Indices, exact, unit
from diversity.metrics.mst import tree
from diversity.types import Array, Metric

WINDOW = 128  # consecutive stops of the trip among which it is improved at a time
GAIN = 1e-12


def hamiltonian(x: ArrayLike) -> float:
    """Cosine length of a closed trip through all rows x (n, d): an upper bound of the shortest Hamiltonian circuit's.

    The shortest is NP-hard. The trip follows the minimum spanning tree in depth first order, shorter branches first, and is
    then improved by 2-opt within overlapping windows of 128 stops. The shortest circuit is at least the tree, (n - 1) `mst`.
    A sum: sets of different sizes are not comparable; and a heuristic: the order of the rows can change it. Two rows: there
    and back. Raises InputError for fewer. Source: Hu et al. 2024 (HamDiv).

    >>> hamiltonian([[1, 0], [0, 1], [-1, 0]])
    4.0
    """
    rows = unit(x, least=2)
    stops = trip(rows)
    return float(exact(rows[stops], rows[np.roll(stops, -1)]).sum())


def trip(rows: Array) -> Indices:
    """The order of stops (n,) of a short closed trip through unit rows (n, d)."""
    stops = preorder(rows, tree(rows))
    n = len(rows)
    length = min(WINDOW, n + 1)
    for start in range(0, n, max(length // 2, 1)):
        window = (start + np.arange(length)) % n
        stops[window[:-1]] = stops[window][_two_opt(rows[stops[window]])][:-1]
    return stops


def preorder(rows: Array, edges: Indices) -> Indices:
    """Rows in depth first order of a tree, from the first one, nearer children first."""
    lengths = exact(rows[edges[:, 0]], rows[edges[:, 1]])
    neighbours: list[list[int]] = [[] for _ in rows]
    for a, b in edges[np.argsort(-lengths, kind="stable")].tolist():  # the stack reverses it
        neighbours[a].append(b)
        neighbours[b].append(a)
    seen, stack, order = np.zeros(len(rows), dtype=bool), [0], []
    while stack:
        at = stack.pop()
        seen[at] = True
        order.append(at)
        stack += [b for b in neighbours[at] if not seen[b]]
    return np.array(order, dtype=np.intp)


def _two_opt(rows: Array) -> Indices:
    """An order of a path's rows with the ends fixed, in which reversing no stretch makes it shorter.

    In each pass the best reversals that do not touch one another are made together: their gains add up.
    """
    order = np.arange(len(rows))
    d = 1 - rows @ rows.T
    later = np.triu(np.ones((len(rows) - 1, len(rows) - 1)), 1)
    while len(rows) > 2:
        steps = np.diagonal(d, 1)
        gain = (steps[:, None] + steps - d[:-1, :-1] - d[1:, 1:]) * later
        turned = _turned(gain.argmax(axis=1), gain.max(axis=1))
        if turned is None:
            break
        order, d = order[turned], d[turned][:, turned]
    return order


def _turned(last: Indices, gain: Array) -> Indices | None:
    """The places of stops after the reversals of i + 1 to last[i] that gain most, disjoint ones; None where none does."""
    places, free = np.arange(len(last) + 1), np.ones(len(last) + 1, dtype=bool)
    for i in np.argsort(-gain, kind="stable"):
        if gain[i] <= GAIN:
            break
        j = last[i] + 1
        if free[i : j + 1].all():
            places[i + 1 : j] = places[i + 1 : j][::-1]
            free[i : j + 1] = False
    return None if free.all() else places


METRIC = Metric(
    name="hamiltonian",
    function=hamiltonian,
    formula="at least min over circuits of the sum of d_ij, d = 1 - cos",
    range="[0, 2n]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Hu et al. 2024 (HamDiv)",
    size_dependent=True,
    aggregate="sum",
    axioms={"monotonicity": False, "uniqueness": False, "continuity": False},
    measures="How long a short round trip through all texts is.",
    question="texts",
    use="To compare with published results that use it; mst says much the same at less cost.",
    large=(
        "It grows with the number of texts, so only sets of one size compare. The nine tasks: 170 (squad_v2) to 339 "
        "(anli_plus); all nine together: 638."
    ),
    caveats=(
        "A heuristic upper bound: the shortest circuit is invariant to order, rotation and row scale, monotone, "
        "continuous."
    ),
)
