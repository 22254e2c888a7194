"""Shares that a mixture may have, and quadratic and linear functions optimised over them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from diversity.types import Array, InputError

Mask = NDArray[np.bool_]

EDGE = 1e-12  # a share nearer to a bound than this is on it
ROUNDS = 40  # exchanges of sets of shares: ten are usual
CORNERS = 100_000  # that are compared one by one


@dataclass(frozen=True)
class Feasible:
    """Shares (T,) that sum to 1, lie from `low` to `high`, and have `likeness` @ shares of at least `least`.

    Raises InputError where there are none.
    """

    low: Array
    high: Array
    likeness: Array | None = None
    least: float = -np.inf

    def __post_init__(self) -> None:
        """Check that some shares are allowed."""
        if (self.low > self.high).any():
            task = int(np.argmax(self.low > self.high))
            raise InputError(
                f"expected each share's floor at most its cap, found {self.low[task]:g} and {self.high[task]:g}"
            )
        if self.low.sum() > 1 + EDGE:
            raise InputError(f"expected floors that sum to at most 1, found {self.low.sum():g}")
        if self.high.sum() < 1 - EDGE:
            raise InputError(f"expected caps that sum to at least 1, found {self.high.sum():g}")
        if self.likeness is not None:
            most = float(self.likeness @ self.corner(self.likeness))
            if most < self.least - EDGE:
                raise InputError(
                    f"expected a likeness that these tasks can reach, at most {most:.4f}, found {self.least:g}"
                )

    def without(self, tasks: Mask) -> Feasible:
        """The same with no share for some tasks, given as a mask (T,)."""
        return replace(self, low=np.where(tasks, 0.0, self.low), high=np.where(tasks, 0.0, self.high))

    def corner(self, gain: Array) -> Array:
        """The shares within the bounds, whatever their likeness, that make gain @ shares greatest."""
        shares = self.low.copy()
        left = 1 - shares.sum()
        for task in np.argsort(-gain, kind="stable"):
            step = min(left, self.high[task] - self.low[task])
            shares[task] += step
            left -= step
            if left <= 0:
                break
        return shares

    def greatest(self, gain: Array, multiplier: float = 0.0) -> float:
        """An upper bound of gain @ shares, exact at the right multiplier of the likeness (of any that is not negative)."""
        if self.likeness is None:
            return float(gain @ self.corner(gain))
        raised = gain + multiplier * self.likeness
        return float(raised @ self.corner(raised)) - multiplier * self.least

    def middle(self) -> Array:
        """Shares near equal ones."""
        return quadratic(np.eye(len(self.low)), 2 * np.full(len(self.low), 1 / len(self.low)), self).shares

    def corners(self) -> Array | None:
        """All corners (N, T) of the bounds: every share but one at a bound. None for a likeness, or more than 100,000."""
        if self.likeness is not None:
            return None
        room, rest = self.high - self.low, 1 - self.low.sum()
        movable = room > EDGE
        if (room[movable] >= rest - EDGE).all():  # one task takes all that is left
            return np.asarray(self.low + rest * np.eye(len(room))[movable]) if movable.any() else self.low[None]
        reached: list[Array] = []
        pending = [(0, self.low.copy(), -1)]  # the next task, shares so far, the one task between its bounds
        while pending:
            task, shares, between = pending.pop()
            left = 1 - shares.sum()
            if left <= EDGE:
                reached.append(shares)
            elif task < len(room):
                pending.append((task + 1, shares, between))
                if room[task] > EDGE and left >= room[task] - EDGE:
                    pending.append((task + 1, _raised(shares, task, room[task]), between))
                if between < 0 and room[task] > EDGE:
                    # filled up in the end, from what the others leave
                    pending.append((task + 1, shares, task))
            elif between >= 0 and EDGE < left < room[between] - EDGE:
                reached.append(_raised(shares, between, left))
            if len(reached) > CORNERS or len(pending) > CORNERS:
                return None
        return np.unique(np.round(reached, 15), axis=0)


def _raised(shares: Array, task: int, step: float) -> Array:
    raised = shares.copy()
    raised[task] += step
    return raised


@dataclass(frozen=True)
class Optimum:
    """Shares, how much less the objective could be at most elsewhere (`gap`), and the multiplier of the likeness."""

    shares: Array
    gap: float
    multiplier: float = 0.0


def quadratic(matrix: Array, gain: Array, feasible: Feasible) -> Optimum:
    """Where w'Qw - c'w is least, for a matrix Q (T, T) that is positive semidefinite among changes that sum to 0.

    By exchanging sets of shares that lie at their bounds (block pivoting, Portugal, Judice & Vicente 1994); a likeness by
    its multiplier. The gap is that of Frank and Wolfe, a certificate whatever the way to the shares: it is infinite
    where the matrix is not as assumed. Exact to rounding, and not unique where the matrix is singular.
    """
    shares = _within_bounds(matrix, gain, feasible)
    if feasible.likeness is None or feasible.likeness @ shares >= feasible.least - EDGE:
        return _certified(matrix, gain, feasible, shares, 0.0)
    like, least = feasible.likeness, feasible.least
    size = max(np.abs(matrix).max(), np.abs(gain).max(), 1e-300) / max(np.ptp(like), 1e-300)
    below, low, high = shares, 0.0, size
    above = feasible.corner(like)
    while (tried := _within_bounds(matrix, gain + high * like, feasible)) @ like < least and high < 1e12 * size:
        below, low, high = tried, high, 4 * high
    above = tried if tried @ like >= least else above
    for _ in range(100):
        half = (low + high) / 2
        tried = _within_bounds(matrix, gain + half * like, feasible)
        if tried @ like < least:
            below, low = tried, half
        else:
            above, high = tried, half
        if high - low <= 1e-15 * high:
            break
    span = above @ like - below @ like
    part = (least - below @ like) / span if span > 0 else 1.0
    return _certified(matrix, gain, feasible, below + min(part, 1.0) * (above - below), high)


def _certified(matrix: Array, gain: Array, feasible: Feasible, shares: Array, multiplier: float) -> Optimum:
    slope = gain - 2 * matrix @ shares
    gap = feasible.greatest(slope, multiplier) - float(slope @ shares)
    return Optimum(shares, max(gap, 0.0), multiplier)


def _within_bounds(matrix: Array, gain: Array, feasible: Feasible) -> Array:
    """The best shares within the bounds: by exchanges of sets, then one by one where those did not end."""
    if not matrix.any():
        return feasible.corner(gain)
    shares, ended = _exchanged(matrix, gain, feasible)
    return shares if ended else _descended(matrix, gain, feasible, shares)


def _descended(matrix: Array, gain: Array, feasible: Feasible, shares: Array) -> Array:
    """Every round exchanges the two shares that gain most by it, then moves all that are free; each step is downhill."""
    low, high, size = feasible.low, feasible.high, float(np.abs(matrix).max())
    tolerance = 1e-13 * max(size, float(np.abs(gain).max()))
    for _ in range(50 * len(low) + ROUNDS):
        slope = 2 * matrix @ shares - gain
        up = int(np.argmin(np.where(shares < high, slope, np.inf)))
        down = int(np.argmax(np.where(shares > low, slope, -np.inf)))
        fall = slope[down] - slope[up]
        if fall <= tolerance:
            break
        curvature = 2 * (matrix[up, up] + matrix[down, down] - 2 * matrix[up, down])
        most = min(high[up] - shares[up], shares[down] - low[down])
        move = min(most, fall / curvature) if curvature > 0 else most
        shares = shares.copy()
        shares[up] = high[up] if move >= high[up] - shares[up] else shares[up] + move
        shares[down] = low[down] if move >= shares[down] - low[down] else shares[down] - move
        shares = _moved(matrix, gain, feasible, shares)
    return _repaired(shares, feasible)


def _moved(matrix: Array, gain: Array, feasible: Feasible, shares: Array) -> Array:
    """Newton's step of the shares between their bounds, as far as it stays within them and is downhill."""
    low, high, size = feasible.low, feasible.high, float(np.abs(matrix).max())
    free = (shares > low + EDGE) & (shares < high - EDGE)
    while free.sum() > 1:
        slope = 2 * matrix @ shares - gain
        inner = 2 * (matrix[np.ix_(free, free)] + 10 * size)
        inner[np.diag_indices(len(inner))] += 1e-10 * size  # where the matrix is singular, the step is still downhill
        right = np.stack([-slope[free], np.ones(len(inner))], axis=1)
        solved = scipy.linalg.cho_solve(scipy.linalg.cho_factor(inner, lower=True), right)
        step = np.zeros_like(shares)
        step[free] = solved[:, 0] - solved[:, 1] * solved[:, 0].sum() / solved[:, 1].sum()
        step[free] -= step[free].mean()
        with np.errstate(divide="ignore", invalid="ignore"):
            room = np.where(step > 0, (high - shares) / step, np.where(step < 0, (low - shares) / step, np.inf))
        blocking = int(np.argmin(room))
        tried = np.clip(shares + min(1.0, float(room[blocking])) * step, low, high)
        change = tried - shares
        if not (slope + matrix @ change) @ change < 0:
            break
        shares = tried
        if room[blocking] > 1:
            break
        shares[blocking] = high[blocking] if step[blocking] > 0 else low[blocking]
        free[blocking] = False
    return shares


def _exchanged(matrix: Array, gain: Array, feasible: Feasible) -> tuple[Array, bool]:
    """Block pivoting: shares outside their bounds are put on them, and those that would gain are set free, all at once.

    Whether it ended, too: where the matrix is nearly singular it may not.
    """
    low, high, size = feasible.low, feasible.high, float(np.abs(matrix).max())
    # on shares that sum to 1, a constant added to the matrix changes nothing, and makes it definite
    hessian = 2 * (matrix + 10 * size)
    hessian[np.diag_indices(len(low))] += 1e-13 * size
    movable = high - low > EDGE
    free, at_high = movable.copy(), np.zeros(len(low), dtype=bool)
    fewest, patience = len(low) + 1, 5
    shares = feasible.corner(gain)
    for _ in range(ROUNDS):
        if not free.any():
            break
        shares, excess = _stationary(hessian, gain, np.where(at_high, high, low), free)
        tolerance = 1e-12 * max(1.0, float(np.abs(excess).max()))
        wrong = np.where(
            free,
            (shares < low - EDGE) | (shares > high + EDGE),
            movable & np.where(at_high, excess > tolerance, excess < -tolerance),
        )
        number = int(wrong.sum())
        if number == 0:
            return _repaired(shares, feasible), True
        if number >= fewest and (patience := patience - 1) < 0:
            break
        fewest = min(fewest, number)
        moved = np.flatnonzero(wrong)
        leaving = moved[free[moved]]
        at_high[moved] = False
        at_high[leaving] = shares[leaving] > high[leaving]
        free[moved] = ~free[moved]
    return _repaired(shares, feasible), False


def _stationary(hessian: Array, gain: Array, bounds: Array, free: Mask) -> tuple[Array, Array]:
    """Shares with the free ones where the slope is the same for all of them, and each share's slope beyond that."""
    inner = hessian[np.ix_(free, free)]
    shares = np.where(free, 0.0, bounds)
    right = np.stack([gain[free] - hessian[free] @ shares, np.ones(int(free.sum()))], axis=1)
    try:
        solved = scipy.linalg.cho_solve(scipy.linalg.cho_factor(inner, lower=True), right)
    except np.linalg.LinAlgError:
        solved = np.asarray(np.linalg.lstsq(inner, right, rcond=None)[0], dtype=np.float64)
    level = (1 - shares.sum() - solved[:, 0].sum()) / solved[:, 1].sum()
    shares[free] = solved[:, 0] + level * solved[:, 1]
    return shares, hessian @ shares - gain - level


def _repaired(shares: Array, feasible: Feasible) -> Array:
    """The same within the bounds and with the sum 1, where rounding left it beside them."""
    inside: Array = np.clip(shares, feasible.low, feasible.high)
    left = 1 - float(inside.sum())
    room = np.asarray(feasible.high - inside if left > 0 else inside - feasible.low)
    return np.asarray(inside + left * room / room.sum() if room.any() else inside)
