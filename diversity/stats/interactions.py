"""REML with two variances of tasks: what each is worth, and what each pair of them is worth together beyond that.

y = X g + b x + Z u + Q v + e, Z being the shares of the tasks in each mixture, Q the products of the shares of each two.
Interactions of tasks that have nothing to do with diversity look like an effect of it where mixtures share many pairs, unless
they have a variance. Both ratios of variances lie on a grid; the t of the best point is compared with its own distribution,
simulated at the point that is best without diversity (a parametric bootstrap), so the grid may be coarse. Single tasks may
be noisier than mixtures (fewer seeds, one budget), so their noise has a ratio on the grid, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from diversity.stats.multimembership import basis
from diversity.studies.weights import Index
from diversity.types import Array, InputError

SINGLE, PAIR = 8, 7  # points of the grid for the ratio of each variance to that of noise, 0 among them
SINGLES = (0.0, 2.0, 8.0, 32.0)  # how much more variance the noise of single tasks has, as a share
MOST = 250  # mixtures: each point of the grid inverts a matrix of that size


def pair_shares(weights: Array) -> Array:
    """The products of the shares (M, T) of each two tasks, scaled so that two tasks of equal shares have 1: (M, pairs)."""
    first, second = np.triu_indices(weights.shape[1], 1)
    return np.asarray(4 * weights[:, first] * weights[:, second])


@dataclass(frozen=True)
class Components:
    """A design and its diversity, seen along its n error contrasts, at each of G pairs of ratios of variances.

    `contrasts` (M, n), `inverse` (G, n, n) of the covariance in units of noise, its `factor` (G, n, n) and `logdet` (G,),
    `x` (n,) diversity; `known` what was simulated, by draws and point.
    """

    contrasts: Array
    inverse: Array
    factor: Array
    logdet: Array
    x: Array
    known: dict[int, dict[int, Array]] = field(default_factory=dict, repr=False)

    @staticmethod
    def of(weights: Array, x: Array, fixed: Array) -> Components:
        """Raises InputError for too many mixtures, too few, or diversity without freedom given the fixed effects (M, c)."""
        if len(weights) > MOST:
            raise InputError(f"expected at most {MOST} mixtures for a variance of interactions, found {len(weights)}")
        q = basis(fixed)
        contrasts = np.linalg.qr(q, mode="complete")[0][:, q.shape[1] :]
        along = contrasts.T @ x
        if contrasts.shape[1] < 3 or along @ along <= 1e-18 * max(float(x @ x), 1e-300):
            raise InputError("expected diversity that varies given the covariates, and 3 mixtures more than these")
        parts = [contrasts.T @ columns for columns in (weights, pair_shares(weights))]
        covariances = [part @ part.T for part in parts]
        ratios = []
        for covariance, points in zip(covariances, (SINGLE, PAIR), strict=True):
            size = max(float(np.trace(covariance)) / max(np.linalg.matrix_rank(covariance), 1), 1e-12)
            ratios.append(np.append(0.0, np.logspace(-1.5, 3, points - 1) / size))
        single = (weights > 0).sum(axis=1) == 1
        noisier = (contrasts.T * single) @ contrasts
        noise = [
            np.eye(len(along)) + extra * noisier for extra in (SINGLES if single.any() and not single.all() else (0,))
        ]
        whole = np.array(
            [e + a * covariances[0] + b * covariances[1] for e in noise for a in ratios[0] for b in ratios[1]]
        )
        factor = np.linalg.cholesky(whole)
        logdet = 2 * np.log(np.diagonal(factor, axis1=1, axis2=2)).sum(axis=1)
        return Components(contrasts, np.linalg.inv(whole), factor, logdet, along)

    @property
    def n(self) -> int:
        """Error contrasts."""
        return self.x.size

    @cached_property
    def of_x(self) -> tuple[Array, Array]:
        """Diversity times the inverses (G, n), and its squares by them (G,)."""
        products = self.inverse @ self.x
        return products, products @ self.x

    def squares(self, y: Array) -> Array:
        """Squares (G, D) of outcomes (n, D) by each inverse."""
        return np.array([np.einsum("nd,nd->d", y, inverse @ y) for inverse in self.inverse])

    def noise(self, xy: Array, yy: Array) -> tuple[Index, Array]:
        """The best point (D,) of each outcome and the variance of its noise (D,), of products with x and squares (G, D)."""
        xx = self.of_x[1][:, None]
        rest = np.maximum(yy - xy**2 / xx, 1e-14 * yy + 1e-300)
        at = (self.logdet[:, None] + np.log(xx) + (self.n - 1) * np.log(rest)).argmin(axis=0)
        return np.asarray(at), rest[at, np.arange(xy.shape[1])] / (self.n - 1)

    def fitted(self, xy: Array, yy: Array) -> tuple[Array, Array]:
        """Slopes and standard errors (D,) at the best point of each outcome, of products with x and squares (G, D)."""
        at, noise = self.noise(xy, yy)
        information = self.of_x[1][at]
        return xy[at, np.arange(xy.shape[1])] / information, np.sqrt(noise / information)

    def best(self, yy: Array) -> Index:
        """The best point (D,) without diversity, of squares (G, D)."""
        criterion = self.logdet[:, None] + self.n * np.log(np.maximum(yy, 1e-300))
        return np.asarray(criterion.argmin(axis=0))

    def simulated(self, point: int, draws: int, rng: np.random.Generator) -> Array:
        """|t| of no slope, ascending (draws,), of outcomes with the variances of a point."""
        y = self.factor[point] @ rng.normal(size=(self.n, draws))
        slope, se = self.fitted(self.of_x[0] @ y, self.squares(y))
        return np.sort(np.abs(slope) / se)


@dataclass(frozen=True)
class InteractionSlopes:
    """Slopes of D outcomes and their standard errors, each (D,), with their tests by a parametric bootstrap."""

    components: Components
    xy: Array
    yy: Array
    draws: int
    rng: np.random.Generator
    known: dict[int, Array]

    @cached_property
    def _fitted(self) -> tuple[Array, Array]:
        return self.components.fitted(self.xy, self.yy)

    @property
    def slope(self) -> Array:
        """Slopes for one unit of diversity."""
        return self._fitted[0]

    @property
    def se(self) -> Array:
        """Their standard errors."""
        return self._fitted[1]

    def p(self, slope: Array | float = 0.0) -> Array:
        """Two-sided p-values (D,) of the hypotheses of these slopes."""
        given = np.broadcast_to(np.asarray(slope, dtype=float), self.slope.shape)
        left = self.yy - 2 * given * self.xy + given**2 * self.components.of_x[1][:, None]
        t = np.abs(self.slope - given) / np.maximum(self.se, 1e-300)
        p = np.empty(t.shape)
        for i, point in enumerate(self.components.best(left)):
            if int(point) not in self.known:
                self.known[int(point)] = self.components.simulated(int(point), self.draws, self.rng)
            reached = self.draws - np.searchsorted(self.known[int(point)], t[i] * (1 - 1e-9))
            p[i] = (reached + 1) / (self.draws + 1)
        return p

    def interval(self, alpha: float = 0.05) -> tuple[Array, Array]:
        """The ends (D,) of the slopes that are not rejected at alpha."""
        ends = []
        for side in (-1, 1):
            inside, outside = self.slope, self.slope + side * self.se
            for _ in range(40):
                if not (keep := self.p(outside) > alpha).any():
                    break
                outside = np.where(keep, self.slope + 2 * (outside - self.slope), outside)
            for _ in range(25):
                middle = (inside + outside) / 2
                keep = self.p(middle) > alpha
                inside, outside = np.where(keep, middle, inside), np.where(keep, outside, middle)
            ends.append(inside)
        return ends[0], ends[1]


def with_interactions(
    weights: Array, x: Array, outcomes: Array, fixed: Array, *, draws: int = 999, rng: np.random.Generator | None = None
) -> InteractionSlopes:
    """Slopes on x (M,) of outcomes (M,) or (M, D), given fixed effects (M, c), tasks and pairs of tasks having variances.

    Raises InputError as `Components.of` does.
    """
    return at_components(Components.of(weights, x, fixed), outcomes, draws=draws, rng=rng)


def at_components(
    components: Components, outcomes: Array, *, draws: int = 999, rng: np.random.Generator | None = None
) -> InteractionSlopes:
    """The same of components that are known; what was simulated of them is not simulated again."""
    y = components.contrasts.T @ outcomes.reshape(len(outcomes), -1)
    known = components.known.setdefault(draws, {})
    rng = rng or np.random.default_rng(0)
    return InteractionSlopes(components, components.of_x[0] @ y, components.squares(y), draws, rng, known)
