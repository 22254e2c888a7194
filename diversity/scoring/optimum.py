"""The shares of tasks at which a metric is greatest or least, and how much greater it could be elsewhere at most.

A metric of second order is greatest where a quadratic form is least, which is solved exactly; its value is a ratio of a
line and a form at most, so that a few such forms, each at the level of the last one, lead to it (Dinkelbach 1967). A
function of the spectrum that is concave in the shares is climbed by Newton's steps, each one such form. In both cases
the distance to the best value is bounded by duality. Any other metric is climbed from many starts, without a bound.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg

from diversity.scoring.shares import Feasible, Mask, Optimum, quadratic
from diversity.types import Array, SecondOrder, Spectral, TaskMoments

Values = Callable[[Array], Array]  # of shares (M, T)
STEPS, DESCENTS, HALVINGS = 100, 30, 40
SMALL = 1e-14  # a share of the spectrum below it counts as this much
STARTS = 12


@dataclass(frozen=True)
class Extreme:
    """Shares (T,), the metric there, and a bound of what it is anywhere: infinite where there is none."""

    shares: Array
    value: float
    bound: float


# --- Metrics of second order ---------------------------------------------------------------------------


def greatest_of_form(form: SecondOrder, feasible: Feasible) -> Extreme:
    """Where a metric of second order is greatest; the bound is its value to rounding where the form is convex."""
    if not form.matrix.any():  # it depends on w'l alone, rising or falling
        ends = [quadratic(form.matrix, sign * form.vector, feasible) for sign in (1.0, -1.0)]
        values = _values(form, np.stack([end.shares for end in ends]))
        means = np.array(
            [sign * (sign * form.vector @ e.shares + e.gap) for sign, e in zip((1.0, -1.0), ends, strict=True)]
        )
        bound = float(form.value(np.zeros(2), means).max())
        return Extreme(ends[int(values.argmax())].shares, float(values.max()), max(bound, float(values.max())))
    concave = max(-_least_curvature(form.matrix), 0.0)
    best = Extreme(np.empty(0), -np.inf, np.inf)
    starts = [feasible.middle()]
    if concave:
        size = len(form.vector)
        drawn = np.random.default_rng(0).standard_normal((min(STARTS, 1 + 2000 // size), size))
        starts += _extremes(np.vstack([form.vector, drawn]), feasible)
    for start in starts:
        reached = _at_each_level(form, feasible, start, concave)
        if reached.value > best.value:
            best = reached
    return best


def _at_each_level(form: SecondOrder, feasible: Feasible, shares: Array, concave: float) -> Extreme:
    value = float(_values(form, shares[None])[0])
    best, bound = shares, np.inf
    for _ in range(STEPS):
        slope = form.slope(value)
        solved, floor = _least_form(form.matrix, slope * form.vector, feasible, shares, concave)
        shares = solved.shares
        reached = float(_values(form, shares[None])[0])
        # no shares have a form below floor + slope w'l
        ends = np.array([float(form.vector.min()), float(form.vector.max())])
        bound = min(bound, float(form.value(floor + slope * ends, ends).max()))
        if not reached > value + 1e-14 * abs(value):
            if reached >= value:
                best, value = shares, reached
            break
        best, value = shares, reached
    return Extreme(best, value, max(bound, value))


def _least_form(matrix: Array, gain: Array, feasible: Feasible, start: Array, concave: float) -> tuple[Optimum, float]:
    """Where w'Qw - c'w is least, and a lower bound of it; where Q is not convex, by steps that each lower it."""
    if not concave:
        solved = quadratic(matrix, gain, feasible)
        at = solved.shares
        return solved, float(at @ matrix @ at - gain @ at) - solved.gap
    convex = matrix + concave * np.eye(len(matrix))
    # w'w is at most the chord over each share's bounds
    chord = concave * (feasible.low + feasible.high)
    bounded = quadratic(convex, gain + chord, feasible)
    at = bounded.shares
    floor = float(at @ convex @ at - (gain + chord) @ at) - bounded.gap + concave * float(feasible.low @ feasible.high)
    shares, solved = start, bounded
    for _ in range(DESCENTS):
        solved = quadratic(convex, gain + 2 * concave * shares, feasible)
        if np.abs(solved.shares - shares).max() < 1e-9:
            break
        shares = solved.shares
    return solved, floor


def _least_curvature(matrix: Array) -> float:
    """The least eigenvalue of a symmetric matrix among changes that sum to 0; 0 where it is 0 to rounding."""
    size = float(np.abs(matrix).max())
    try:
        scipy.linalg.cholesky(matrix + 10 * size + 1e-13 * size * np.eye(len(matrix)), lower=True)
    except np.linalg.LinAlgError:
        centred = matrix - matrix.mean(axis=0) - matrix.mean(axis=1)[:, None] + matrix.mean()
        least = float(np.linalg.eigvalsh(centred)[0])
        return least if least < -1e-12 * size else 0.0
    return 0.0


def is_convex(form: SecondOrder) -> bool:
    """Whether the form is convex among shares, so that the metric is quasi-concave: least at a corner."""
    return _least_curvature(form.matrix) >= 0


def _values(form: SecondOrder, shares: Array) -> Array:
    return np.asarray(form.value(np.einsum("ma,ab,mb->m", shares, form.matrix, shares), shares @ form.vector))


def _extremes(gains: Array, feasible: Feasible) -> list[Array]:
    """The feasible shares where each of some sums gain @ shares is greatest."""
    none = np.zeros((gains.shape[1], gains.shape[1]))
    return [quadratic(none, gain, feasible).shares for gain in gains]


# --- Functions of the spectrum -------------------------------------------------------------------------


def greatest_of_spectrum(tasks: TaskMoments, form: Spectral, feasible: Feasible, tolerance: float = 1e-10) -> Extreme:
    """Where a function of the spectrum is greatest, and a bound of its value there, by Newton's method."""
    seconds = _on_their_span(tasks.seconds, feasible.high > 0)
    shares = feasible.middle()
    current = _entropy(seconds, form, shares)
    for _ in range(STEPS):
        slope, curvature = _derivatives(seconds, form, shares)
        solved = quadratic(curvature / 2, slope + curvature @ shares, feasible)
        gap = max(feasible.greatest(slope, solved.multiplier) - float(slope @ shares), 0.0)
        if gap <= tolerance * (1.0 if form.order == 1 else abs(current)):
            break
        step = solved.shares - shares
        rise, part = float(slope @ step), 1.0
        for _ in range(HALVINGS):
            raised = _entropy(seconds, form, shares + part * step)
            if raised >= current + 1e-4 * part * rise:
                break
            part /= 2
        else:
            break  # no step is seen to rise: rounding
        shares, current = shares + part * step, raised
    return Extreme(shares, _number(current, form.order), _number(current + gap, form.order))


def _on_their_span(seconds: Array, allowed: Mask) -> Array:
    """The second moments (T, k, k) in a basis of what those that may have a share span, where that is less than all."""
    values, vectors = np.linalg.eigh(seconds[allowed].mean(axis=0))
    kept = values > 1e-13 * values[-1]
    return seconds if kept.all() else np.asarray(vectors[:, kept].T @ seconds @ vectors[:, kept])


def _entropy(seconds: Array, form: Spectral, shares: Array) -> float:
    """The concave function: the entropy at order 1, else the sum of powers, negative above order 1; less w'l.

    Below SMALL it goes on as a line, which lies above: its slope stays finite, and a bound of it is one of the function.
    """
    values, q = np.linalg.eigvalsh(np.tensordot(shares, seconds, axes=1)), form.order
    above = np.maximum(values, SMALL)
    whole = -(above * np.log(above)) if q == 1 else np.sign(1 - q) * above**q
    return float((whole + _slopes(above, q) * (values - above)).sum() - form.vector @ shares)


def _slopes(values: Array, q: float) -> Array:
    """The derivative of the concave function by each eigenvalue."""
    return np.asarray(-np.log(values) - 1 if q == 1 else np.sign(1 - q) * q * values ** (q - 1))


def _number(entropy: float, q: float) -> float:
    if q == 1:
        return float(np.exp(entropy))
    power = entropy * np.sign(1 - q)
    return float(power ** (1 / (1 - q))) if power > 0 else np.inf


def _derivatives(seconds: Array, form: Spectral, shares: Array) -> tuple[Array, Array]:
    """The slope (T,) of the concave function, and minus its second derivatives (T, T)."""
    values, vectors = np.linalg.eigh(np.tensordot(shares, seconds, axes=1))
    values = np.maximum(values, SMALL)
    turned = vectors.T @ seconds @ vectors
    first, second = _by_eigenvalue(values, form.order)
    slope = np.einsum("tii,i->t", turned, first) - form.vector
    flat = turned.reshape(len(seconds), -1)
    return slope, (flat * -second.ravel()) @ flat.T


def _by_eigenvalue(values: Array, q: float) -> tuple[Array, Array]:
    """phi' (k,) at each eigenvalue and its divided differences (k, k), which are those of a matrix function."""
    first = _slopes(values, q)
    apart = values[:, None] - values
    near = np.abs(apart) <= 1e-7 * np.maximum(values[:, None], values)
    middle = (values[:, None] + values) / 2
    second: Array = -1 / middle if q == 1 else np.sign(1 - q) * q * (q - 1) * middle ** (q - 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        divided: Array = (first[:, None] - first) / apart
    return first, np.asarray(np.where(near, second, divided))


# --- Any metric ----------------------------------------------------------------------------------------


def greatest_from_starts(values: Values, feasible: Feasible) -> Extreme:
    """The greatest of the local optima that are reached from many starts; nothing bounds what others there are."""
    from scipy.optimize import minimize

    rng = np.random.default_rng(0)
    number = len(feasible.low)
    starts = [feasible.middle(), *_extremes(rng.standard_normal((STARTS // 2, number)), feasible)]
    starts = [0.9 * s + 0.1 * starts[0] for s in starts]
    limits = [{"type": "eq", "fun": lambda w: w.sum() - 1, "jac": lambda w: np.ones_like(w)}]
    if feasible.likeness is not None:
        limits.append({"type": "ineq", "fun": lambda w: feasible.likeness @ w - feasible.least})
    best, greatest = starts[0], float(values(starts[0][None])[0])

    def slope(w: Array) -> tuple[float, Array]:
        moved = w + 1e-6 * np.vstack([np.zeros(number), np.eye(number)])
        at = values(moved / moved.sum(axis=1, keepdims=True))
        return -float(at[0]), -(at[1:] - at[0]) / 1e-6

    for start in starts:
        bounds = list(zip(feasible.low, feasible.high, strict=True))
        climbed: Any = minimize(slope, start, jac=True, method="SLSQP", bounds=bounds, constraints=limits)  # type: ignore[call-overload]
        shares = quadratic(np.eye(number), 2 * climbed.x, feasible).shares  # the nearest that is feasible to rounding
        reached = float(values(shares[None])[0])
        if reached > greatest:
            best, greatest = shares, reached
    return Extreme(best, greatest, np.inf)


def least_at_corners(values: Values, feasible: Feasible) -> Extreme | None:
    """Where a metric is least that is concave, or rises as a concave function does: at a corner. None for too many."""
    corners = feasible.corners()
    if corners is None:
        return None
    at = values(corners)
    lowest = int(np.nanargmin(at))
    return Extreme(corners[lowest], float(at[lowest]), float(at[lowest]))
