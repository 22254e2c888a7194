"""The t of REML held to its own distribution: a parametric bootstrap under the fitted null, in place of tables of t.

In small designs the t of restricted maximum likelihood is not distributed as any t: with 10 triples of nine tasks it exceeds
Satterthwaite's bound in .15 to .21 of studies without an effect. Its distribution under normal tasks and noise depends on
one unknown alone, the ratio theta of their variances, so it is simulated for a grid of theta and read off at the ratio that
is fitted without diversity. An interval holds the slopes that are not rejected when they are taken out of the outcomes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from diversity.stats.multimembership import (
    Contrasts,
    Slopes,
    contrasts,
    slopes,
    slopes_of_products,
    variance_ratio,
)
from diversity.types import Array

RATIOS = 13  # values of theta that the t is simulated for
DRAWS = 1999


@dataclass(frozen=True)
class CalibratedSlopes:
    """REML slopes of D outcomes with the simulated distribution of |t| for each of some ratios of variances.

    `simulated` (ratios, draws) ascending along the draws; `x`, `y` (r + 1, ...) are squares and products of diversity and
    the outcomes along the directions in which mixtures share tasks, and in the rest.
    """

    fitted: Slopes
    contrasts: Contrasts
    x: Array
    xy: Array
    yy: Array
    ratios: Array
    simulated: Array

    def t_of(self, slope: Array) -> Array:
        """The t (D,) of these slopes."""
        difference = self.fitted.slope - slope
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(np.abs(difference) <= 1e-12 * self.fitted.se, 0.0, difference / self.fitted.se))

    def position(self, slope: Array) -> tuple[NDArray[np.intp], Array]:
        """Between which ratios that of y less the slope (G, D) times x lies: the lower one, and how far on, 0 to 1."""
        left = self.yy[:, None] - 2 * slope * self.xy[:, None] + slope**2 * self.x[:, None, None]
        theta = variance_ratio(*self.contrasts.spectrum, np.maximum(left, 0).reshape(len(self.x), -1)).reshape(
            slope.shape
        )
        unit = self.ratios[1]
        at = np.interp(np.log1p(theta / unit), np.log1p(self.ratios / unit), range(len(self.ratios)))
        lower = np.minimum(at.astype(int), len(self.ratios) - 2)
        return lower, at - lower

    def p(self, slope: Array | float = 0.0) -> Array:
        """Two-sided p-values of the hypotheses of slopes (D,) or (G, D), at least 1 / (draws + 1)."""
        slope = np.asarray(slope, dtype=float)
        given = np.broadcast_to(slope, np.broadcast_shapes(slope.shape, self.fitted.slope.shape))
        rows = np.atleast_2d(given)
        lower, share = self.position(rows)
        t = np.abs(self.t_of(rows))
        below, above = (self._exceeded(lower + step, t) for step in (0, 1))
        return np.asarray((1 - share) * below + share * above).reshape(given.shape)

    def _exceeded(self, row: NDArray[np.intp], t: Array) -> Array:
        """Of each t, the share of simulated ones that are as great, at the ratios of these rows."""
        draws, share = self.simulated.shape[1], np.empty(t.shape)
        for r in np.unique(row):
            share[row == r] = draws - np.searchsorted(self.simulated[r], t[row == r] * (1 - 1e-9))
        return np.asarray((share + 1) / (draws + 1))

    def interval(self, alpha: float = 0.05) -> tuple[Array, Array]:
        """The ends (D,) of the slopes that are not rejected at alpha."""
        sides = np.array([[-1.0], [1.0]])
        inside = np.broadcast_to(self.fitted.slope, (2, self.fitted.slope.size))
        outside = inside + sides * self.fitted.se * 1.5 * self.simulated[:, -1].max()
        for _ in range(30):
            middle = (inside + outside) / 2
            keep = self.p(middle) > alpha
            inside, outside = np.where(keep, middle, inside), np.where(keep, outside, middle)
        return inside[0], inside[1]


def calibrated(
    weights: Array,
    x: Array,
    outcomes: Array,
    fixed: Array,
    *,
    draws: int = DRAWS,
    rng: np.random.Generator | None = None,
) -> CalibratedSlopes:
    """REML slopes on x (M,) of outcomes (M,) or (M, D), with p-values and intervals by parametric bootstrap.

    `weights` (M, T) are the shares of the tasks, `fixed` (M, c) the covariates with the intercept. Raises InputError as
    `slopes` does.
    """
    rng = rng or np.random.default_rng(0)
    fitted = slopes(weights, x, outcomes, fixed)
    design = contrasts(weights, fixed)
    left, given = design.residual(x), outcomes.reshape(len(outcomes), -1)
    y = design.residual(given)
    squares = np.maximum(design.products(left, left), 0)
    shared = float(design.eigenvalues.mean()) if design.eigenvalues.size else 1.0
    ratios = np.append(0.0, np.logspace(-2, 3.5, RATIOS - 1) / max(shared, 1e-12))
    simulated = np.array([_simulated(design, squares, theta, draws, rng) for theta in ratios])
    products = design.products(left[:, None], y), np.maximum(design.products(y, y), 0)
    return CalibratedSlopes(fitted, design, squares, *products, ratios, simulated)


def _simulated(design: Contrasts, squares: Array, theta: float, draws: int, rng: np.random.Generator) -> Array:
    """|t| of no slope, ascending (draws,), of outcomes without one whose ratio of variances is theta.

    Simulated along the directions in which mixtures share tasks, and in the rest: there the part along x, and a chi-square.
    """
    e, counts = design.spectrum
    rest = int(counts[-1])
    along = rng.normal(size=(e.size - 1, draws)) * np.sqrt(1 + theta * e[:-1, None])
    on_x = rng.normal(size=draws) if rest > 0 else np.zeros(draws)
    beside = rng.chisquare(rest - 1, draws) if rest > 1 else np.zeros(draws)
    xy = np.vstack([np.sqrt(squares[:-1, None]) * along, np.sqrt(squares[-1]) * on_x])
    yy = np.vstack([along**2, on_x**2 + beside])
    fitted = slopes_of_products(design, squares, xy, yy)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.abs(fitted.slope) / fitted.se
    return np.sort(np.nan_to_num(t, nan=0.0, posinf=1e12))
