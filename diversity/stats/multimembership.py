"""Multi-membership random effects by REML: y = C g + b x + Z u + e, with Z the shares of the tasks in each mixture.

Mixtures that share a task share its effect u, so they are no independent observations. Let n = M - rank(C) be the
number of error contrasts. Rotated by the singular vectors of Z without C, their covariance is diagonal,
sd_noise^2 (1 + theta e_i) with theta = sd_task^2 / sd_noise^2, and all but at most T of the e_i are 0. So the restricted
likelihood of any theta costs O(T), and thousands of outcomes are fitted at once.

Patterson & Thompson 1971 (REML); Browne, Goldstein & Rasbash 2001 (multiple membership); Satterthwaite 1946, Giesbrecht
& Burns 1985 (degrees of freedom).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from diversity.types import Array, InputError

GRID = 46  # values of theta tried before the refinement
ROUNDS = 11  # of the refinement, to 1e-7 of log theta
NINE = np.linspace(-1, 1, 9)


@dataclass(frozen=True)
class Contrasts:
    """The error contrasts of a design: basis of the fixed effects, rotation (M, r), eigenvalues (r,), n contrasts."""

    fixed: Array
    rotation: Array
    eigenvalues: Array
    n: int

    def residual(self, values: Array) -> Array:
        """Columns (M, ...) less their least-squares fit by the fixed effects."""
        return values - self.fixed @ (self.fixed.T @ values)

    def products(self, a: Array, b: Array) -> Array:
        """Products of residuals a and b along each eigenvector, and in the rest, (r + 1, ...)."""
        along = (self.rotation.T @ a) * (self.rotation.T @ b)
        return np.concatenate([along, ((a * b).sum(axis=0) - along.sum(axis=0))[None]])

    @property
    def spectrum(self) -> tuple[Array, Array]:
        """Eigenvalues (r + 1,) with 0 for the rest, and how many contrasts have each."""
        rest = self.n - self.eigenvalues.size
        return np.append(self.eigenvalues, 0.0), np.append(np.ones_like(self.eigenvalues), rest)


@dataclass(frozen=True)
class Slopes:
    """The slope of one score on D outcomes, each field (D,): REML estimate, standard error, both standard deviations.

    `df` are Satterthwaite's degrees of freedom, `theta` the ratio of the variances.
    """

    slope: Array
    se: Array
    sd_task: Array
    sd_noise: Array
    df: Array
    theta: Array

    def p(self, df: Array | float | None = None) -> Array:
        """Two-sided p-value by t with these degrees of freedom (default Satterthwaite's; inf is the normal)."""
        from scipy.special import stdtr

        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.abs(self.slope) / self.se
        return np.asarray(np.where(self.slope == 0, 1.0, 2 * stdtr(self.df if df is None else df, -ratio)))

    def interval(self, level: float = 0.95, df: Array | float | None = None) -> tuple[Array, Array]:
        """Lower and upper end of the interval of that level."""
        from scipy.special import stdtrit

        half = stdtrit(self.df if df is None else df, (1 + level) / 2) * self.se
        return self.slope - half, self.slope + half


def basis(fixed: Array) -> Array:
    """Orthonormal columns that span the fixed effects (M, c), the dependent ones left out."""
    u, s, _ = np.linalg.svd(fixed, full_matrices=False)
    return np.asarray(u[:, s > 1e-10 * max(s.max(initial=0), 1e-300)])


def contrasts(weights: Array, fixed: Array) -> Contrasts:
    """The error contrasts of mixtures with weights (M, T) and fixed effects (M, c); raises InputError if none is left."""
    q = basis(fixed)
    n = len(weights) - q.shape[1]
    if n < 2:
        raise InputError(
            f"expected at least {q.shape[1] + 2} mixtures for {q.shape[1]} fixed effects, found {len(weights)}"
        )
    u, s, _ = np.linalg.svd(weights - q @ (q.T @ weights), full_matrices=False)
    kept = s > 1e-8
    return Contrasts(q, u[:, kept], s[kept] ** 2, n)


def slopes_at(weights: Array, scores: Array, y: Array, fixed: Array, theta: float) -> Array:
    """Slopes (D,) of one outcome (M,) on each of several scores (M, D), for a ratio of variances that is known."""
    design = contrasts(weights, fixed)
    x, left = design.residual(scores), design.residual(y[:, None])
    d = 1 + theta * design.spectrum[0][:, None]
    return np.asarray((design.products(x, left) / d).sum(axis=0) / (design.products(x, x) / d).sum(axis=0))


def slopes(weights: Array, x: Array, outcomes: Array, fixed: Array | None = None) -> Slopes:
    """REML slope on x (M,) of each column of the outcomes (M, D), or of one outcome (M,).

    `weights` (M, T) are the shares of the tasks; `fixed` (M, c) are covariates with the intercept (default: the
    intercept alone). Slopes are in outcome units for one unit of x. Raises InputError where x is a linear function of
    the covariates or too few mixtures are left.

    >>> import itertools, numpy as np
    >>> z = np.array([[i in pair for i in range(5)] for pair in itertools.combinations(range(5), 2)]) / 2
    >>> x = np.arange(10.0) % 4
    >>> slopes(z, x, 3 * x + z @ np.array([0, 5, 1, 2, 9.0])).slope.round(3)
    array([3.])
    """
    design = contrasts(weights, np.ones((len(weights), 1)) if fixed is None else fixed)
    x_left = design.residual(x)
    if x_left @ x_left <= 1e-18 * max(float(x @ x), 1e-300):
        raise InputError("expected diversity that is no linear function of the covariates, found that it is one")
    if design.n < 3:
        raise InputError(f"expected at least 3 mixtures more than covariates, found {design.n}")
    given = outcomes.reshape(len(outcomes), -1)
    y = design.residual(given)
    y = np.where(np.linalg.norm(y, axis=0) > 1e-12 * np.linalg.norm(given, axis=0), y, 0.0)  # rounding is no outcome
    xx = design.products(x_left, x_left)
    xy, yy = design.products(x_left[:, None], y), design.products(y, y)
    return slopes_of_products(design, xx, xy, yy)


def slopes_of_products(design: Contrasts, xx: Array, xy: Array, yy: Array) -> Slopes:
    """The same from the squares of x (r + 1,), its products with D outcomes (r + 1, D) and their squares (r + 1, D)."""
    (eigenvalues, counts), xx = design.spectrum, np.maximum(xx, 0)
    theta = variance_ratio(eigenvalues, counts, np.maximum(yy, 0), xx, xy)
    return _solved(eigenvalues, counts, xx, xy, yy, theta)


def variance_ratio(e: Array, counts: Array, yy: Array, xx: Array | None = None, xy: Array | None = None) -> Array:
    """The ratio of variances of the greatest restricted likelihood for each outcome (D,), 0 where none is better.

    Without x, that of the model of the fixed effects alone.
    """

    def criterion(log_theta: Array) -> Array:  # -2 log restricted likelihood, (..., D) for (..., D) or (..., 1)
        d = 1 + np.exp(log_theta)[..., None, :] * e[:, None]
        return _criterion(d, counts, yy, xx, xy)

    scale = e[:-1].mean() if e.size > 1 else 1.0
    grid = np.log(np.logspace(-4, 5, GRID) / scale)
    step, middle = grid[1] - grid[0], grid[criterion(grid[:, None]).argmin(axis=0)]
    for _ in range(ROUNDS):  # nine values about the best one, four times as close each time
        points = middle + step * NINE[:, None]
        best = criterion(points).argmin(axis=0)
        middle, step = np.take_along_axis(points, best[None], axis=0)[0], step / 4
    zero = _criterion(np.ones((e.size, 1)), counts, yy, xx, xy)
    return np.asarray(np.where(criterion(middle) < zero - 1e-7, np.exp(middle), 0.0))


def _criterion(d: Array, counts: Array, yy: Array, xx: Array | None, xy: Array | None) -> Array:
    rss, n, extra = (yy / d).sum(axis=-2), counts.sum(), 0.0
    if xx is not None and xy is not None:
        information = (xx[:, None] / d).sum(axis=-2)
        rss, n, extra = rss - (xy / d).sum(axis=-2) ** 2 / information, n - 1, np.log(information)
    rss = np.maximum(rss, 1e-14 * yy.sum(axis=0) + 1e-300)
    return np.asarray(np.einsum("i,...id->...d", counts, np.log(d)) + extra + n * np.log(rss))


def _solved(e: Array, counts: Array, xx: Array, xy: Array, yy: Array, theta: Array) -> Slopes:
    d = 1 + theta * e[:, None]
    information = (xx[:, None] / d).sum(axis=0)
    slope = (xy / d).sum(axis=0) / information
    rss = np.maximum((yy / d).sum(axis=0) - slope**2 * information, 0)
    variance = rss / (counts.sum() - 1)
    # an outcome that is fitted to the last digit has no error left, not a tiny one of chance
    variance = np.where(rss <= 1e-14 * yy.sum(axis=0), 0.0, variance)
    df = _satterthwaite(e[:, None], counts[:, None], xx[:, None], d)
    return Slopes(slope, np.sqrt(variance / information), np.sqrt(theta * variance), np.sqrt(variance), df, theta)


def _satterthwaite(e: Array, counts: Array, xx: Array, d: Array) -> Array:
    """Degrees of freedom 2 v^2 / (g' I^-1 g): v the slope's variance, g its gradient by both variances, I their
    expected restricted information. Free of the scale, so sd_noise = 1 here.
    """
    v = 1 / (xx / d).sum(axis=0)
    directions = (e, np.ones_like(e))
    pull = [(xx * j / d**2).sum(axis=0) for j in directions]
    information = np.empty((d.shape[1], 2, 2))
    for a, j in enumerate(directions):
        for b, k in enumerate(directions):
            trace = (counts * j * k / d**2).sum(axis=0) - 2 * v * (xx * j * k / d**3).sum(axis=0)
            information[:, a, b] = (trace + v**2 * pull[a] * pull[b]) / 2
    gradient = (v**2 * np.array(pull)).T
    # the two variances cannot be told apart where each mixture is one task: the pseudo-inverse is right there
    spread = np.einsum("di,dij,dj->d", gradient, np.linalg.pinv(information, rcond=1e-9, hermitian=True), gradient)
    with np.errstate(over="ignore"):  # no spread at all: as many degrees of freedom as there can be
        return np.asarray(np.maximum(2 * v**2 / np.maximum(spread, 1e-300), 1.0))
