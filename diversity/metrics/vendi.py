"""Vendi score of order q: the effective number of distinct rows, from the spectrum of their similarity matrix."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from diversity.metrics._influence import quadratic_forms
from diversity.metrics._spectrum import LARGE, ORDER, derivative, number, of_mixtures, of_rows, system_of
from diversity.moments import checked, moments, quadratic_form, stack, unit_rows
from diversity.types import Array, Influence, InputError, Metric, SecondOrder, Spectral, TaskMoments


def vendi(x: ArrayLike, *, q: float = 1.0, unbiased: bool = False) -> float:
    """Effective number of directions in rows x (n, d), scaled to unit length, in [1, min(n, d)].

    (sum lambda^q)^(1/(1-q)) over the eigenvalues lambda of K/n, the cosine similarities divided by n: q = 0 is the rank,
    q = 1 the exponential of the von Neumann entropy, q = 2 is 1/|C|_F^2 (RKE, the participation ratio), q = inf is
    1/max lambda. Computed from the smaller of the n x n and the d x d matrix. All but q = 2 grow with n for one and the
    same distribution. `unbiased` (q = 2 only) leaves out the similarity of each row to itself, and then does not; it is
    inf where distinct rows are orthogonal.

    >>> x = [[1, 0], [0, 1], [0, 1], [0, 1]]
    >>> round(vendi(x), 6), round(vendi(x, q=2), 6), round(vendi(x, q=float("inf")), 6)
    (1.754765, 1.6, 1.333333)
    """
    _check(q, unbiased)
    n, d = checked(x).shape
    if unbiased or (q == 2 and n >= d) or n > 4 * d:
        return float(mixtures(stack({"x": moments(x)}), [[1.0]], q=q, unbiased=unbiased)[0])
    return number(of_rows(unit_rows(x)), q)


def _check(q: float, unbiased: bool) -> None:
    ORDER.checked("q", q)
    if unbiased and q != 2:
        raise InputError(f"expected q=2 for the unbiased estimator, found q={q:g}: the other orders have none")


def purity(tasks: TaskMoments, *, unbiased: bool) -> Array:
    """<C_a, C_b>_F for all pairs of tasks (T, T): its quadratic form in the weights is |C_w|_F^2, no eigenvalue needed."""
    h = tasks.inner.copy()
    if unbiased:
        with np.errstate(invalid="ignore", divide="ignore"):
            n = tasks.n
            np.fill_diagonal(h, np.where(n > 1, (n**2 * np.diag(h) - n) / (n * (n - 1)), np.nan))
    return h


def mixtures(tasks: TaskMoments, weights: ArrayLike, *, q: float = 1.0, unbiased: bool = False) -> Array:
    """Vendi score of each mixture's second moment C_w = sum_a w_a C_a."""
    _check(q, unbiased)
    w = np.asarray(weights, dtype=float)
    if q == 2:
        return _inverse(quadratic_form(w, purity(tasks, unbiased=unbiased)), unbiased=unbiased)
    return np.array([number(values, q) for values in of_mixtures(tasks, np.ascontiguousarray(w))])


def influence(tasks: TaskMoments, weights: Array, rows: Sequence[Array], *, q: float = 1.0, **_: float) -> Influence:
    """d Vendi(C_w) by a row of task a: w_a x' G x with the gradient G = V diag(derivative) V'."""
    if q == 2:
        forms = quadratic_forms(tasks, rows)
        values = mixtures(tasks, weights, q=2)
        return lambda m, a: -2 * values[m] ** 2 * weights[m, a] * (forms[a] @ weights[m])

    def of(m: int, a: int) -> Array:
        key = (weights[m].tobytes(), a, q) if tasks.rows and rows[a] is tasks.rows[a] else None
        known = tasks.influences.get(key) if key else None
        if known is None:
            values, vectors = system_of(tasks, weights, m)
            squares = rows[a] @ vectors
            np.square(squares, out=squares)
            known = np.asarray(weights[m, a] * (squares @ derivative(values, q)))
        return tasks.influences.put(key, known) if key else known

    return of


def second_order(tasks: TaskMoments, *, q: float = 1.0, unbiased: bool = False) -> SecondOrder | None:
    """1 / w'Hw with the purities H; of order 2 only."""
    if q != 2:
        return None
    matrix = purity(tasks, unbiased=unbiased)
    return SecondOrder(matrix, np.zeros(len(matrix)), lambda form, _: _inverse(form, unbiased=unbiased))


def _inverse(purities: Array, *, unbiased: bool) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(1 / (np.where(purities > 1e-12, purities, 0.0) if unbiased else purities))


def spectral(tasks: TaskMoments, *, q: float = 1.0) -> Spectral | None:
    """The entropy of C_w, for orders above 0 and below infinity."""
    return Spectral(q, np.zeros(len(tasks.names))) if 0 < q <= LARGE else None


METRIC = Metric(
    name="vendi",
    function=vendi,
    mixtures=mixtures,
    second_order=second_order,
    spectral=spectral,
    influence=influence,
    options={"q": ORDER},
    formula="(sum lambda^q)^(1/(1-q)), lambda eigenvalues of K/n",
    range="[1, min(n, d)]; U: [1, inf]",
    cost="O(n d^2 + d^3); q = 2 over mixtures O(T^2) each",
    reference="Friedman, Dieng 2023; Pasarkar, Dieng 2024 (orders q)",
    invariant_to=frozenset({"order", "rotation", "row scale", "replication"}),
    size_dependent=True,
    axioms={"monotonicity": False, "uniqueness": False, "continuity": True},
    unbiased=lambda *, q=1.0: q == 2,
    measures="How many equally common, unrelated things the texts amount to.",
    question="number",
    use="To say diversity as a number of things; q=2 is stable with few texts, q=1 counts rare things more.",
    large=(
        "1 means all texts are alike; n texts that share nothing would count as n. With q=2, the nine tasks: 42.7 "
        "(ccg) to 119 (anli_plus); their 511 mixtures: 42.7 to 161."
    ),
    caveats="At q=1 it grows with the number of texts: compare equal numbers with --rarefy.",
)
