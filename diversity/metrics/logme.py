"""LogME: the evidence that a linear model on the rows gives for their labels."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from diversity.moments import checked, unit_chunks
from diversity.types import Array, InputError, Metric

GRID = np.linspace(-20, 20, 161)  # log of t over the eigenvalues: a step of 0.25 is finer than any hump of the evidence


def logme(x: ArrayLike, labels: ArrayLike) -> float:
    """Log evidence per row, in nats, of rows x (n, d) for their classes `labels` (n,), the mean over classes.

    Each class is a column y of 0 and 1, y = X m + noise with m ~ N(0, 1/a) and noise of variance 1/b, without an
    intercept; log p(y | X, a, b) is maximised over a and b. With t = a / b the maximum over b is known, so that one
    number is sought, over the eigenvalues of X'X, on a grid and then to rounding: no fixed-point iteration that may
    stop at a lower hump. Rows are taken as they are, not scaled: a common factor changes nothing, the length of each
    row does. inf where fewer features than rows give the labels without error. Any real number; larger is easier.
    Raises InputError for rows that cannot be and for fewer than two classes. O(n d min(n, d)). You et al. 2021, 2022.

    >>> x = [[1, 0.1], [1, -0.1], [0.1, 1], [0, 1]]
    >>> logme(x, ["a", "a", "b", "b"]) > logme(x, ["a", "b", "a", "b"])
    True
    """
    rows = np.concatenate(list(unit_chunks(checked(x), normalize=False)))
    names = np.asarray(labels)
    if names.shape != (len(rows),):
        raise InputError(f"expected a class for each of {len(rows)} rows, found shape {names.shape}")
    classes, place = np.unique(names, return_inverse=True)
    if len(classes) < 2:
        raise InputError(f"expected rows of at least two classes, found {', '.join(map(str, classes))} alone")
    y = np.eye(len(classes))[place]
    values, squares = _decomposed(rows / np.abs(rows).max() if rows.any() else rows, y)
    return float(
        np.mean(
            [_evidence(values, z, float(total), len(rows)) for z, total in zip(squares.T, y.sum(axis=0), strict=True)]
        )
    )


def _decomposed(rows: Array, y: Array) -> tuple[Array, Array]:
    """Nonzero eigenvalues s (k,) of X'X and the squares (k, classes) of y along their eigenvectors of X X'."""
    n, d = rows.shape
    values, vectors = np.linalg.eigh(rows.T @ rows if n >= d else rows @ rows.T)
    keep = values > max(n, d) * np.finfo(float).eps * max(values[-1], 0)
    values, vectors = values[keep], vectors[:, keep]
    if n >= d:
        return values, ((rows @ vectors).T @ y) ** 2 / values[:, None]
    return values, (vectors.T @ y) ** 2


def _evidence(values: Array, squares: Array, total: float, n: int) -> float:
    """max over t of -1/2 (log(2 pi R(t)/n) + 1) - 1/(2n) sum log(1 + s/t), R(t) = rest + sum z^2 t/(t + s)."""
    rest = total - squares.sum()
    exact = rest < 1e-10 * total
    none = -(np.log(2 * np.pi * total / n) + 1) / 2  # t = inf: the rows say nothing
    if not len(values):
        return float(none)
    if exact and len(values) < n:
        return float("inf")
    rest = 0.0 if exact else rest

    def at(log_t: Array) -> Array:
        ratio = values / np.exp(log_t)[:, None]
        error = rest + (squares / (1 + ratio)).sum(axis=1)
        return np.asarray(-(np.log(2 * np.pi * error / n) + 1) / 2 - np.log1p(ratio).sum(axis=1) / (2 * n))

    grid = np.arange(np.log(values[0]) + GRID[0], np.log(values[-1]) + GRID[-1], GRID[1] - GRID[0])
    low, high = np.array([-1.0, 1.0]) * (GRID[1] - GRID[0]) + grid[np.argmax(at(grid))]
    for _ in range(12):  # each pass narrows the bracket tenfold
        inner = np.linspace(low, high, 21)
        best = int(np.argmax(at(inner)))
        low, high = inner[max(best - 1, 0)], inner[min(best + 1, 20)]
    return float(max(at(np.array([(low + high) / 2]))[0], none))


METRIC = Metric(
    name="logme",
    function=logme,
    formula="mean over classes of max over a, b of log p(y | X, a, b) / n",
    range="(-inf, inf]",
    cost="O(n d min(n, d))",
    reference="You et al. 2021; You et al. 2022",
    invariant_to=frozenset({"order", "rotation"}),
    size_dependent=True,
    takes="labelled",
    measures="How well a linear model can tell the labels of a task from the vectors.",
    question="covariate",
    use="To check that an effect of diversity is not one of easy labels.",
    large="Larger is easier; there is no fixed scale.",
    larger="neither more nor less diverse",
    caveats="How well rows tell labels: a covariate of transfer, not a diversity.",
)
