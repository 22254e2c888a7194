"""Mixed membership: units that belong to several groups in part, as a regression with a random effect of each group."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from diversity.display.numbers import count, interval, level, number, p_value
from diversity.display.summary import Shown, Summary
from diversity.stats.multimembership import Contrasts, basis, contrasts, slopes
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, repr=False)
class MixedMembership(Shown):
    """The fit of y = X b + W u + e, u of standard deviation `sd_group`, e of `sd_noise`, by restricted likelihood (REML).

    `coefficients` has a row a term: `term, estimate, se, df, low, high, p`, by t with Satterthwaite's degrees of freedom.
    `effects` has a row a group: `group, effect`, the best linear predictors of u. `sd_group_interval` and
    `sd_noise_interval` are profile-likelihood intervals, `alpha` the level that all are of (1 - alpha), `log_likelihood` the
    restricted one, as lme4 has it.
    """

    coefficients: pd.DataFrame
    effects: pd.DataFrame
    sd_group: float
    sd_group_interval: tuple[float, float]
    sd_noise: float
    sd_noise_interval: tuple[float, float]
    log_likelihood: float
    alpha: float

    @property
    def card(self) -> Summary:
        """What a reader sees first."""
        rows = self.coefficients.to_dict("records")
        facts = [
            (str(r["term"]), f"{number(r['estimate'])} ({_ends(r['low'], r['high'])}), {p_value(r['p'])}") for r in rows
        ]
        facts += [("sd of groups", f"{number(self.sd_group)} ({_ends(*self.sd_group_interval)})")]
        facts += [("sd of noise", f"{number(self.sd_noise)} ({_ends(*self.sd_noise_interval)})")]
        groups = count(len(self.effects), "group")
        return Summary(f"Regression with {groups} of shared effects; {level(self.alpha)} intervals.", "", facts)

    def to_dict(self) -> dict[str, object]:
        """The coefficients and the effects as records, and the spreads with their intervals."""
        return {
            "coefficients": self.coefficients.to_dict("records"),
            "effects": self.effects.to_dict("records"),
            "sd_group": self.sd_group, "sd_group_interval": list(self.sd_group_interval),
            "sd_noise": self.sd_noise, "sd_noise_interval": list(self.sd_noise_interval),
            "log_likelihood": self.log_likelihood, "alpha": self.alpha,
        }  # fmt: skip

    def to_frame(self) -> pd.DataFrame:
        """The coefficients, then both standard deviations (`estimate, low, high` alone)."""
        import pandas as pd

        spread = pd.DataFrame(
            [
                ("sd of groups", self.sd_group, *self.sd_group_interval),
                ("sd of noise", self.sd_noise, *self.sd_noise_interval),
            ],
            columns=["term", "estimate", "low", "high"],
        )
        return pd.concat([self.coefficients, spread], ignore_index=True)


def _ends(low: float, high: float) -> str:
    return interval(low, high, points=False)


def mixed_membership(
    y: ArrayLike,
    X: ArrayLike | pd.DataFrame | None,  # noqa: N803  (matrices, as the formula has them)
    W: ArrayLike | pd.DataFrame,  # noqa: N803
    *,
    alpha: float = 0.05,
) -> MixedMembership:
    """Regression of y (n,) on X (n, p) where each of n units belongs in part to several of T groups, with shares W (n, T).

    Pupils of several schools, patients of several doctors, models trained on several data sets: units that share a group
    share its effect, and are not independent. y = b0 + X b + W u + e, with u normal of one variance for all groups, e of
    another; both by REML, the coefficients by generalised least squares, their degrees of freedom by Satterthwaite. An
    intercept is added, X may be None for that alone; the columns of DataFrames give terms and groups their names. Rows of W
    need not sum to one. Equals lme4 with W in place of its random-effect matrix. With few groups (below about ten) the t
    of a coefficient that differs between groups is too short: `diversity.fit` permutes labels or bootstraps instead.

    Browne, Goldstein & Rasbash 2001.

    Parameters
    ----------
    y
        Outcome of each unit, (n,).
    X
        Predictors (n, p), or None for an intercept alone.
    W
        Shares of each unit in the groups, (n, T).
    alpha
        1 - alpha is the level of the intervals.

    Returns
    -------
    MixedMembership
        Coefficients with intervals and p; standard deviations of groups and noise.

    Raises
    ------
    InputError
        For shapes that differ, what is no number, columns that depend on each other, and fewer than three units beyond
        the coefficients.

    Examples
    --------
    >>> import itertools, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> W = np.array([[i in pair for i in range(8)] for pair in itertools.combinations(range(8), 2)]) / 2
    >>> x = rng.normal(size=28)
    >>> fit = mixed_membership(1 + 2 * x + W @ rng.normal(0, 3, 8) + rng.normal(size=28), x, W)
    >>> fit.coefficients[["term", "estimate", "low", "high"]].round(1).to_numpy().tolist()
    [['intercept', 1.1, -0.4, 2.6], ['x1', 2.0, 1.4, 2.5]]
    >>> round(fit.sd_group, 1), round(fit.sd_noise, 1)
    (1.6, 1.1)
    """
    import pandas as pd

    outcome = _numbers(y, "y")
    if outcome.ndim != 1:
        raise InputError(f"expected y of shape (units,), found {outcome.shape}")
    n = len(outcome)
    shares, groups = _columns(W, n, "W", "group ")
    given, terms = (np.empty((n, 0)), []) if X is None else _columns(X, n, "X", "x")
    if not 0 < alpha < 1:
        raise InputError(f"expected alpha between 0 and 1, found {alpha}")
    fixed, names = np.column_stack([np.ones(n), given]), ["intercept", *terms]
    for place in range(1, fixed.shape[1]):
        if basis(fixed[:, : place + 1]).shape[1] <= place:
            raise InputError(f"expected columns of X that do not depend on each other, found that {names[place]} does")
    if n - fixed.shape[1] < 3:
        raise InputError(f"expected at least {fixed.shape[1] + 3} units for {fixed.shape[1]} terms, found {n}")
    rows = []
    for place, name in enumerate(names):
        one = slopes(shares, fixed[:, place], outcome, np.delete(fixed, place, axis=1))
        ends = one.interval(1 - alpha)
        rows.append((name, *(float(v[0]) for v in (one.slope, one.se, one.df, *ends, one.p()))))
    coefficients = pd.DataFrame(rows, columns=["term", "estimate", "se", "df", "low", "high", "p"])
    sd_group, sd_noise, theta = (float(v[0]) for v in (one.sd_task, one.sd_noise, one.theta))
    left = outcome - fixed @ coefficients["estimate"].to_numpy(float)
    inner = np.eye(len(groups)) + theta * shares.T @ shares
    effects = theta * np.linalg.solve(inner, shares.T @ left)
    likelihood = _Likelihood.of(contrasts(shares, fixed), outcome)
    constant = (n - fixed.shape[1]) * math.log(2 * math.pi) + np.linalg.slogdet(fixed.T @ fixed)[1]
    return MixedMembership(
        coefficients=coefficients,
        effects=pd.DataFrame({"group": groups, "effect": effects}),
        sd_group=sd_group,
        sd_group_interval=likelihood.interval(sd_group, likelihood.given_group, alpha),
        sd_noise=sd_noise,
        sd_noise_interval=likelihood.interval(sd_noise, likelihood.given_noise, alpha),
        log_likelihood=-(likelihood.deviance(sd_group**2, sd_noise**2) + float(constant)) / 2,
        alpha=alpha,
    )


def _numbers(values: ArrayLike, name: str) -> Array:
    try:
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:
        raise InputError(f"expected numbers in {name}: {error}") from None
    if not np.isfinite(array).all():
        raise InputError(f"expected finite numbers in {name}, found {array[~np.isfinite(array)][0]}")
    return array


def _columns(given: ArrayLike | pd.DataFrame, n: int, name: str, prefix: str) -> tuple[Array, list[str]]:
    """A matrix (n, columns), and the names of its columns."""
    array = _numbers(given, name)
    array = array[:, None] if array.ndim == 1 else array
    if array.ndim != 2 or len(array) != n:
        raise InputError(f"expected {name} of {n} rows, one for each y, found shape {array.shape}")
    own = getattr(given, "columns", None)
    return array, [f"{prefix}{i}" for i in range(1, array.shape[1] + 1)] if own is None else [str(c) for c in own]


@dataclass(frozen=True)
class _Likelihood:
    """-2 log restricted likelihood of both variances: squares of y (r + 1,) along eigenvectors, counts of eigenvalues."""

    eigenvalues: Array
    counts: Array
    squares: Array

    @staticmethod
    def of(design: Contrasts, y: Array) -> _Likelihood:
        """From the contrasts of a design and the outcome (n,)."""
        left = design.residual(y)
        eigenvalues, counts = design.spectrum
        return _Likelihood(eigenvalues, counts, np.maximum(design.products(left, left), 0))

    def deviance(self, group: float, noise: float) -> float:
        """Of the variance of groups and that of noise."""
        variance = np.maximum(noise + group * self.eigenvalues, 1e-300)
        used = self.counts > 0
        return float((self.counts * np.log(variance) + self.squares / variance)[used].sum())

    def _least(self, function: Callable[[float], float]) -> float:
        """The least value over a variance, from almost none to far more than the outcome has."""
        from scipy.optimize import minimize_scalar

        top = math.log(max(float(self.squares.sum()), 1e-300))
        places = np.linspace(top - 40, top + 5, 91)
        best = int(np.argmin([function(math.exp(p)) for p in places]))
        ends = places[max(best - 1, 0)], places[min(best + 1, len(places) - 1)]
        inside = minimize_scalar(
            lambda p: function(math.exp(p)), bounds=ends, method="bounded", options={"xatol": 1e-9}
        )
        return min(float(inside.fun), function(0.0))

    def given_group(self, sd: float) -> float:
        """The least deviance for a standard deviation of groups."""
        return self._least(lambda noise: self.deviance(sd**2, noise))

    def given_noise(self, sd: float) -> float:
        """The least deviance for a standard deviation of noise."""
        return self._least(lambda group: self.deviance(group, sd**2))

    def interval(self, best: float, profile: Callable[[float], float], alpha: float) -> tuple[float, float]:
        """The standard deviations whose profile deviance is within the quantile of chi-square of the least one."""
        from scipy.optimize import brentq
        from scipy.stats import chi2

        scale = math.sqrt(max(float(self.squares.sum() / self.counts.sum()), 1e-300))
        limit = profile(best) + float(chi2.ppf(1 - alpha, 1))

        def over(sd: float) -> float:
            return profile(sd) - limit

        high = max(best, 1e-3 * scale)
        for _ in range(60):
            if over(high) > 0:
                break
            high *= 1.5
        else:
            high = math.inf
        low = 0.0 if best == 0 or over(1e-6 * scale) <= 0 else float(brentq(over, 1e-6 * scale, best, rtol=1e-9))
        return low, high if math.isinf(high) else float(brentq(over, max(best, 1e-9 * scale), high, rtol=1e-9))
