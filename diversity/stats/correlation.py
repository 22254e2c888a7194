"""How two numbers of mixtures go together: correlations with honest intervals, and the shape of the relation."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from diversity.stats.multimembership import basis, slopes
from diversity.studies.ties import tied
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd


KENDALLS = 400  # draws for the interval of Kendall's tau, which costs M^2 each


def pearson(x: Array, y: Array) -> float:
    """Pearson's r of two numbers (M,); nan where one is constant."""
    a, b = x - x.mean(), y - y.mean()
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(np.clip(a @ b / norm, -1, 1)) if norm > 1e-300 else math.nan


def spearman(x: Array, y: Array) -> float:
    """Spearman's rho (M,): Pearson's r of the ranks; what differs by rounding alone is tied."""
    from scipy.stats import rankdata

    return pearson(rankdata(tied(x)), rankdata(tied(y)))


def kendall(x: Array, y: Array) -> float:
    """Kendall's tau-b (M,); nan where one is constant; what differs by rounding alone is tied."""
    from scipy.stats import kendalltau

    return float(kendalltau(tied(x), tied(y)).statistic)


def partial(x: Array, y: Array, covariates: Array) -> tuple[float, float, int]:
    """Partial correlation given g covariates (M, g), its p-value by t, and df = M - 2 - g.

    >>> partial(np.array([1.0, 2, 3, 4, 6]), np.array([2.0, 1, 4, 3, 7]), np.array([[1.0], [0], [1], [0], [1]]))[2]
    2
    """
    from scipy.special import stdtr

    q = basis(np.column_stack([np.ones(len(x)), covariates]))
    df = len(x) - 1 - q.shape[1]
    if df < 1:
        raise InputError(
            f"expected more than {q.shape[1] + 1} mixtures for {q.shape[1] - 1} covariates, found {len(x)}"
        )
    a, b = x - q @ (q.T @ x), y - q @ (q.T @ y)
    r = pearson(a, b)
    ratio = abs(r) * math.sqrt(df / max(1 - r * r, 1e-300))
    return r, float(2 * stdtr(df, -ratio)), df


def naive_p(x: Array, y: Array) -> float:
    """The p-value of ordinary regression of y on x (M,), as if mixtures that share tasks were independent."""
    return 1.0 if np.ptp(y) == 0 else partial(x, y, np.empty((len(x), 0)))[1]


def redrawn(weights: Array, x: Array, y: Array, fixed: Array, draws: int, rng: np.random.Generator) -> Array:
    """Outcomes (M, draws) of the fitted multi-membership model: new effects of the tasks, new noise of the mixtures.

    The parametric bootstrap whose units are tasks and mixtures: resampling overlapping mixtures would take each for an
    independent observation.
    """
    fitted = slopes(weights, x, y, fixed)
    columns = np.column_stack([fixed, x])
    mean = columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
    effects = rng.normal(0, fitted.sd_task[0], (weights.shape[1], draws))
    return np.asarray(mean[:, None] + weights @ effects + rng.normal(0, fitted.sd_noise[0], (len(y), draws)))


def correlations(
    weights: Array,
    x: Array,
    y: Array,
    fixed: Array,
    *,
    level: float = 0.95,
    draws: int = 1000,
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Pearson, Spearman and Kendall with intervals of a level: bootstrap over tasks, and the naive one of Fisher for Pearson.

    Columns `correlation, value, low, high, naive_low, naive_high`; `weights` (M, T), `x`, `y` (M,), `fixed` (M, c) the
    fixed effects of the model that outcomes are redrawn from.
    """
    import pandas as pd
    from scipy.stats import rankdata

    from diversity.stats.power import interval_r

    again = redrawn(weights, x, y, fixed, draws, rng or np.random.default_rng(0))
    ranks = rankdata(again, axis=0)
    values = {
        "pearson": (pearson(x, y), _columnwise(x, again)),
        "spearman": (spearman(x, y), _columnwise(rankdata(tied(x)), ranks)),
        "kendall": (
            kendall(x, y),
            _kendalls(tied(x), again[:, :KENDALLS]),
        ),
    }
    rows = []
    for name, (value, drawn) in values.items():
        low, high = (
            np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2]) if math.isfinite(value) else (math.nan, math.nan)
        )
        naive = interval_r(value, len(x), level) if name == "pearson" and math.isfinite(value) else (math.nan, math.nan)
        rows.append((name, value, float(low), float(high), *naive))
    return pd.DataFrame(rows, columns=["correlation", "value", "low", "high", "naive_low", "naive_high"])


def _kendalls(x: Array, columns: Array) -> Array:
    """Kendall's tau-b of x (M,) with each column (M, D), which have no ties."""
    first, second = np.triu_indices(len(x), 1)
    signs = np.sign(x[first] - x[second])
    norm = math.sqrt(float(np.abs(signs).sum()) * len(signs))
    return np.array([signs @ np.sign(c[first] - c[second]) for c in columns.T]) / norm


def _columnwise(x: Array, columns: Array) -> Array:
    a, b = x - x.mean(), columns - columns.mean(axis=0)
    return np.asarray(a @ b / np.maximum(np.linalg.norm(a) * np.linalg.norm(b, axis=0), 1e-300))


def prediction(weights: Array, x: Array, y: Array, at: Array, level: float = 0.95) -> pd.DataFrame:
    """The fitted line at values `at` of the diversity, its interval of a level, and that of one new mixture.

    Columns `x, fitted, low, high, new_low, new_high`. Generalised least squares under the multi-membership model; a new
    mixture has other tasks, of as many as the design's mixtures on average. t with Satterthwaite's df of the slope.
    """
    import pandas as pd
    from scipy.special import stdtrit

    model = slopes(weights, x, y)
    shared = model.sd_task[0] ** 2
    covariance = shared * weights @ weights.T + max(model.sd_noise[0] ** 2, 1e-300) * np.eye(len(x))
    columns = np.column_stack([np.ones(len(x)), x])
    solved = np.linalg.solve(covariance, columns)
    spread = np.linalg.inv(columns.T @ solved)
    beta = spread @ (solved.T @ y)
    points = np.column_stack([np.ones(len(at)), at])
    line, variance = points @ beta, np.einsum("ij,jk,ik->i", points, spread, points)
    new = variance + shared * float((weights**2).sum(axis=1).mean()) + model.sd_noise[0] ** 2
    factor = stdtrit(model.df[0], (1 + level) / 2)
    half, wide = factor * np.sqrt(variance), factor * np.sqrt(new)
    return pd.DataFrame(
        {
            "x": at,
            "fitted": line,
            "low": line - half,
            "high": line + half,
            "new_low": line - wide,
            "new_high": line + wide,
        }
    )


def shapes(weights: Array, x: Array, y: Array) -> pd.DataFrame:
    """Is a line the right shape? Linear, quadratic and monotone fits: columns `shape, r2, p, detail`.

    `p` of the quadratic is that of the curvature by REML; `detail` says where the parabola turns. The monotone fit is
    isotonic regression, rising or falling, whichever fits better; it has no p-value, and its R^2 is optimistic.
    """
    import pandas as pd
    from scipy.optimize import isotonic_regression

    z = (x - x.mean()) / x.std()
    total = float(((y - y.mean()) ** 2).sum()) or math.nan
    order = np.argsort(z, kind="stable")
    tied = np.unique(z, return_inverse=True)[1]
    mean, count = np.bincount(tied, y) / np.bincount(tied), np.bincount(tied).astype(float)
    monotone = {
        side: float(
            (count * (isotonic_regression(mean, weights=count, increasing=side == "rising").x - y.mean()) ** 2).sum()
        )
        for side in ("rising", "falling")
    }
    side = max(monotone, key=lambda s: monotone[s])
    rows = [("linear", pearson(x, y) ** 2, math.nan, ""), _quadratic(weights, x, z, y, total)]
    rows.append(("monotone", monotone[side] / total, math.nan, f"{side}, {order.size} mixtures"))
    return pd.DataFrame([r for r in rows if r is not None], columns=["shape", "r2", "p", "detail"])


def _quadratic(weights: Array, x: Array, z: Array, y: Array, total: float) -> tuple[str, float, float, str] | None:
    if len(np.unique(z)) < 3 or len(z) < 6:
        return None
    columns = np.column_stack([np.ones_like(z), z, z**2])
    beta = np.linalg.lstsq(columns, y, rcond=None)[0]
    rest = float(((y - columns @ beta) ** 2).sum())
    turn = -beta[1] / (2 * beta[2]) * x.std() + x.mean() if beta[2] else math.nan
    inside = "inside" if x.min() < turn < x.max() else "outside"
    kind = "peak" if beta[2] < 0 else "trough"
    p = float(slopes(weights, z**2, y, columns[:, :2]).p()[0])
    return "quadratic", 1 - rest / total, p, f"{kind} at {turn:.4g}, {inside} the range of the mixtures"
