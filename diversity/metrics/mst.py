"""Minimum spanning tree: the mean length of the edges that join all rows as cheaply as can be."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._pairwise import Indices, exact, nearest, similarities, to_chosen, unit
from diversity.types import Array, Metric

NEIGHBOURS = 6  # remembered for each row; a list that runs out is filled again, only if its row could matter


def mst(x: ArrayLike) -> float:
    """Mean cosine length of the n - 1 edges of a minimum spanning tree of rows x (n, d), in [0, n/(n - 1)].

    Exact for the complete graph, and edges between duplicates are edges, of length 0: two equal rows and one orthogonal to
    them have a tree of length 1. Raises InputError for fewer than two rows. Borůvka's algorithm on lists of nearest rows, to
    the rounding of a single-precision search. Source: Cox et al. 2021 (MST dispersion, there the sum).

    >>> mst([[1, 0], [1, 0], [0, 1]])
    0.5
    """
    rows = unit(x, least=2)
    edges = tree(rows)
    return float(exact(rows[edges[:, 0]], rows[edges[:, 1]]).mean())


def tree(rows: Array) -> Indices:
    """Edges (n - 1, 2) of a minimum spanning tree of unit rows (n, d).

    In each round every component takes the shortest edge that leaves it. The candidate of a row is the first of its list
    of nearest rows that lies outside its component. Where the whole list lies inside, its last distance is a lower bound:
    only rows whose bound is below what their component has found are compared with all others again.
    """
    n, k = len(rows), min(NEIGHBOURS, len(rows) - 1)
    single = rows.astype(np.float32)
    lists, lengths = nearest(rows, rows, k, itself=True)
    component = np.arange(n)
    edges: list[tuple[int, int]] = []
    while len(edges) < n - 1:
        target, length = _candidates(lists, lengths, component)
        open_ = target < 0
        best = np.full(n, np.inf)
        np.minimum.at(best, component[~open_], length[~open_])
        again = np.flatnonzero(open_ & (lengths[:, -1] < best[component]))
        for part, block in similarities(single[again], single):
            some = again[part]
            block[component[some][:, None] == component] = -np.inf
            chosen = np.argpartition(block, -k, axis=1)[:, -k:]
            away = to_chosen(rows[some], rows, chosen)
            away[np.isneginf(np.take_along_axis(block, chosen, axis=1))] = np.inf  # ruled out: infinitely far
            order = np.argsort(away, axis=1, kind="stable")
            lists[some] = np.take_along_axis(chosen, order, axis=1)
            lengths[some] = np.take_along_axis(away, order, axis=1)
        target[again], length[again] = lists[again, 0], lengths[again, 0]
        edges += _join(component, target, length)
    return np.array(edges, dtype=np.intp)


def _candidates(lists: Indices, lengths: Array, component: Indices) -> tuple[Indices, Array]:
    """For each row the nearest of its list outside its component and the distance; -1 and infinity where none is."""
    outside = component[lists] != component[:, None]
    first, rows = outside.argmax(axis=1), np.arange(len(lists))
    free = outside[rows, first]
    return np.where(free, lists[rows, first], -1), np.where(free, lengths[rows, first], np.inf)


def _join(component: Indices, target: Indices, length: Array) -> list[tuple[int, int]]:
    """The shortest edge of each component, without those that would close a cycle; relabels `component` in place."""
    order = np.argsort(length, kind="stable")
    order = order[target[order] >= 0]
    order = order[np.unique(component[order], return_index=True)[1]]
    parent = np.arange(len(component))

    def root(a: int) -> int:
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = int(parent[a])
        return a

    edges = []
    for i in order.tolist():
        j = int(target[i])
        a, b = root(component[i]), root(component[j])
        if a != b:
            parent[max(a, b)] = min(a, b)
            edges.append((i, j))
    component[:] = np.array([root(c) for c in range(len(component))])[component]
    return edges


METRIC = Metric(
    name="mst",
    function=mst,
    formula="(1/(n - 1)) min over spanning trees of the sum of d_ij, d = 1 - cos",
    range="[0, n/(n - 1)]",
    cost="O(n^2 d) time, O(block n) memory",
    reference="Borůvka 1926; Cox et al. 2021 (dispersion)",
    invariant_to=frozenset({"order", "rotation", "row scale"}),
    size_dependent=True,
    axioms={"monotonicity": True, "uniqueness": False, "continuity": True},
    measures="How long the links are that join all texts as cheaply as possible, on average.",
    question="texts",
    use="To compare how evenly texts are spread, clusters and gaps included.",
    large=(
        "0 means that all texts are the same. The nine tasks: 0.293 (squad_v2) to 0.619 (anli_plus); all nine "
        "together: 0.588."
    ),
    caveats="It falls as texts are added, so compare equal numbers with --rarefy.",
)
