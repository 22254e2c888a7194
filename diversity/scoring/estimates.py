"""Ways to value a metric for mixtures.

Exactly from moments; on rows drawn by weight; of all rows, by those drawn from them; and rarefied to a common n.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from tqdm import tqdm

from diversity.moments import in_threads, largest_remainders, single_threaded
from diversity.scoring import bootstrap
from diversity.scoring.all_rows import AllRows
from diversity.scoring.asked import Asked, Draws
from diversity.scoring.embedded import EmbeddedTasks
from diversity.types import Z95, Array, Influence, InputError, Metric

GROUPS = 10  # of the delete-a-group jackknife
T95 = 2.2621571628  # Student's t with GROUPS - 1 degrees of freedom
DRAWS = 20  # of a rarefaction
TOGETHER = 8  # mixtures whose influences a thread computes at a time: their eigensystems are solved together

Indices = Sequence[np.ndarray[Any, Any]]


@dataclass(frozen=True)
class Estimate:
    """Values of one metric for M mixtures with a 95 % interval, the rows behind each, and how they were estimated."""

    values: Array
    low: Array
    high: Array
    n: Array
    estimator: str

    def bootstrapped(self, replicates: Array) -> Estimate:
        """The same values with intervals from the replicates (R, M) of a bootstrap."""
        low, high = bootstrap.interval(self.values, replicates)
        return replace(self, low=low, high=high)


def of_mixtures(
    space: EmbeddedTasks, weights: Array, asked: Sequence[Asked], draws: Draws, *, intervals: bool = True
) -> list[Estimate]:
    """Values from the moments where a metric has that form, else on drawn rows of each mixture, with their intervals."""
    exact = [a for a in asked if a.metric.mixtures is not None]
    resampled = [a for a in exact if intervals and draws.resamples and a.metric.takes != "weights"]
    replicates = bootstrap.of_moments(space, weights, resampled, draws) if resampled else {}
    closed = [a for a in exact if intervals and a.name not in replicates]
    errors = standard_errors(space, weights, closed)

    def estimate(a: Asked) -> Estimate:
        if a.metric.mixtures is None:
            of_rows = of_all_rows if draws.all_rows and a.metric.from_drawn is not None else on_rows
            return of_rows(space, weights, a, draws, intervals=intervals)
        values = of_moments(space, weights, a, errors.get(a.name))
        return values.bootstrapped(replicates[a.name]) if a.name in replicates else values

    return [estimate(a) for a in asked]


def of_moments(space: EmbeddedTasks, weights: Array, asked: Asked, errors: Array | None = None) -> Estimate:
    """Values from the tasks' moments, all rows of them, and their intervals where standard errors (M,) are given.

    A metric that is averaged over the kept rows has the estimator `rows` where they are not all. Raises InputError for U
    where a task has one row, and so no pair of rows.
    """
    tasks, metric = space.stacked, asked.metric
    single = np.flatnonzero((tasks.n < 2) & (weights > 0).any(axis=0))
    if asked.unbiased and len(single):
        name = tasks.names[single[0]]
        raise InputError(
            f"expected at least 2 rows of each task for {asked.name} (U), found 1 of {name}: use estimator V"
        )
    with single_threaded():
        values = asked.from_moments(tasks, weights)
    half = Z95 * (np.full(len(weights), np.nan) if errors is None else errors)
    used = np.array([len(rows) for rows in space.rows]) if metric.sampled else tasks.n
    n = np.where(weights > 0, used, 0).sum(axis=1)
    exact = "U" if asked.unbiased else "V" if (used == tasks.n).all() else "rows"
    return Estimate(values, values - half, values + half, n, "exact" if metric.takes == "weights" else exact)


def standard_errors(space: EmbeddedTasks, weights: Array, asked: Sequence[Asked]) -> dict[str, Array]:
    """Standard errors (M,) of the values of M mixtures, by the metrics' printed names: the jackknife to first order.

    The variance of a value is the sum over tasks of the variance of its rows' influence, divided by their number (delta
    method); rows count as independent draws. nan without an influence function, and with one row of a task.
    """
    tasks = space.stacked
    variances = {a.name: np.full(len(weights), np.nan) for a in asked}

    def add(influences: Mapping[str, Influence], m: int) -> None:
        present = [int(a) for a in np.flatnonzero(weights[m])]
        for name, influence in influences.items():
            variances[name][m] = sum(sampling_variance(influence(m, a), tasks.n[a]) for a in present)

    # threads would only hold up those of second order, which take microseconds a mixture
    quick = {a.name for a in asked if a.metric.takes == "weights" or a.second_order(tasks) is not None}
    known = {a.name: influence for a in asked if (influence := a.influence(tasks, weights)) is not None}
    light, heavy = ({n: i for n, i in known.items() if (n in quick) == which} for which in (True, False))

    def work(start: int) -> None:
        for m in range(start, min(start + TOGETHER, len(weights))):
            add(heavy, m)

    with single_threaded():
        for m in range(len(weights) if light else 0):
            add(light, m)
    if heavy:
        in_threads(work, range(0, len(weights), TOGETHER), describe="intervals")
    return {name: np.asarray(np.sqrt(v)) for name, v in variances.items()}


def combined_errors(space: EmbeddedTasks, weights: Array, asked: Asked, combine: Array) -> Array:
    """Standard errors (K,) of linear combinations `combine` (K, M) of the values of M mixtures, which share rows."""
    influence = asked.influence(space.stacked, weights)
    if influence is None:
        return np.full(len(combine), np.nan)
    summed: list[Any] = [0.0] * len(space.rows)
    with single_threaded():
        for m, w in enumerate(weights):
            for a in np.flatnonzero(w):
                summed[a] = summed[a] + np.multiply.outer(combine[:, m], influence(m, int(a)))
    by_task = [[sampling_variance(i, n) for i in total] for total, n in zip(summed, space.stacked.n, strict=True)]
    return np.asarray(np.sqrt(np.sum(by_task, axis=0)))


def sampling_variance(influence: Array, n: float) -> float:
    """Variance of a mean of n rows, from the influence (k,) of k of them; nan of one row.

    Of two columns (k, 2) the second is that of a mean over the k rows only, which varies about that of all n.
    """
    k = len(influence)
    if k < 2:
        return np.nan
    if influence.ndim == 1:
        return float(influence.var(ddof=1) / n)
    return float(influence.sum(axis=1).var(ddof=1) / n + influence[:, 1].var(ddof=1) * (1 / k - 1 / n))


def composition(weights: Array, available: Array, size: int) -> np.ndarray[Any, Any]:
    """How many rows of each task make up `size` rows by weight (largest remainders), or as many as there are.

    >>> composition(np.array([0.5, 0.3, 0.2]), np.array([100, 100, 100]), 9).tolist()
    [4, 3, 2]
    >>> composition(np.array([0.5, 0.5]), np.array([10, 100]), 50).tolist()
    [10, 10]
    """
    present = weights > 0
    size = min(size, int((available[present] / weights[present]).min() + 1e-9))
    return np.asarray(np.minimum(largest_remainders(weights * size, size), available), dtype=int)


def draw(space: EmbeddedTasks, weights: Array, size: int, generator: np.random.Generator) -> list[np.ndarray[Any, Any]]:
    """Indices of rows drawn without replacement from each task, in numbers that follow the weights."""
    available = np.array([len(rows) for rows in space.rows])
    counts = composition(weights, available, size)
    return [generator.permutation(k)[:c] for k, c in zip(available, counts, strict=True)]


def evaluator(space: EmbeddedTasks, asked: Asked, reference: str | None) -> Callable[[Indices], float]:
    """A metric as a function of the indices of the rows drawn from each task, whatever it takes."""
    metric, names = asked.metric, space.stacked.names

    def rows(drawn: Indices) -> Array:
        return np.concatenate([x[i] for x, i in zip(space.rows, drawn, strict=True)])

    if metric.takes == "rows":
        return lambda drawn: metric(rows(drawn), **asked.options)
    if metric.takes == "partition":
        return lambda drawn: metric(rows(drawn), np.repeat(np.array(names), [len(i) for i in drawn]), **asked.options)
    if metric.takes == "reference":
        other = _reference(space, reference)
        return lambda drawn: metric(rows(drawn), other, **asked.options)
    if metric.takes == "texts":
        texts = [_texts(space, name, metric) for name in names]
        return lambda drawn: metric([t[j] for t, i in zip(texts, drawn, strict=True) for j in i], **asked.options)
    raise InputError(f"{metric.name} takes {metric.takes}, which a mixture has not: use diversity.metric in Python")


def _texts(space: EmbeddedTasks, name: str, metric: Metric) -> tuple[str, ...]:
    texts = space.tasks[name].texts
    if texts is None:
        raise InputError(f"{metric.name} is computed on texts, and there are none of {name} here: use --data DIR")
    return texts


def check_reference(space: EmbeddedTasks, name: str | None) -> None:
    """Raise InputError for a reference that is none of the tasks, whether a metric looks at it or not."""
    if name is not None and name not in space.tasks:
        raise InputError(f"expected a reference among {', '.join(space.tasks)}, found {name!r}")


def _reference(space: EmbeddedTasks, name: str | None) -> Array:
    """The rows of the named task, or as many of every task in the space."""
    check_reference(space, name)
    if name is not None:
        return space.tasks[name].rows
    least = min(len(rows) for rows in space.rows)
    return np.concatenate([rows[:least] for rows in space.rows])


def on_rows(space: EmbeddedTasks, weights: Array, asked: Asked, draws: Draws, *, intervals: bool = True) -> Estimate:
    """Values of a metric on rows drawn by weight; intervals by the jackknife that leaves a tenth out at a time.

    Groups are left out rather than rows drawn again with replacement, for duplicates would change distances. A value that
    depends on very few rows (a metric's `aggregate` is `extreme`) has none: the jackknife's held it 75 to 80 times in 100.
    With `draws.resamples` the intervals come from so many random halves (see `diversity.scoring.bootstrap`).
    """
    value_of, metric = evaluator(space, asked, draws.reference), asked.metric
    results = []
    for w in tqdm(weights, desc=metric.name, unit="mixture", delay=2, disable=None, leave=False):
        generator = np.random.default_rng(draws.seed)
        drawn = draw(space, w, draws.rows, generator)
        value, n = value_of(drawn), sum(map(len, drawn))
        if intervals and draws.resamples:
            halves = bootstrap.of_halves(value_of, drawn, metric, resamples=draws.resamples, generator=generator)
            low, high = bootstrap.interval(np.array([value]), halves[:, None])
            results.append((value, low[0], high[0], n))
        else:
            half = T95 * _jackknife(value_of, drawn, metric) if intervals else np.nan
            results.append((value, value - half, value + half, n))
    return _estimate(results, "rows")


def of_all_rows(
    space: EmbeddedTasks, weights: Array, asked: Asked, draws: Draws, *, intervals: bool = True
) -> Estimate:
    """Values of a metric for all rows of a mixture, by rows drawn from them that are each compared with all.

    A mixture has as many rows as its tasks have at these weights. The interval is for the drawing: it holds the value of
    all rows 95 times in 100, at their number. That of an `extreme` is of bounds, which hold always. Raises InputError
    for a mixture of fewer than 2 rows, and for tasks some of whose rows are not at hand.
    """
    metric, sizes = asked.metric, space.stacked.n.astype(int)
    assert metric.from_drawn is not None
    results = []
    for w in tqdm(weights, desc=f"{metric.name} of all rows", unit="mixture", delay=2, disable=None, leave=False):
        generator = np.random.default_rng(draws.seed)
        whole = AllRows.of(space, composition(w, sizes, int(sizes.sum())), generator)
        if len(whole) < 2:
            raise InputError(f"expected at least 2 rows for {asked.name} of all rows, found {len(whole)}")
        reference = None
        if metric.takes == "reference":
            chosen = [draws.reference in (None, name) for name in space.stacked.names]
            reference = AllRows.of(space, np.where(chosen, sizes[chosen].min(), 0), generator)
        value, low, high = metric.from_drawn(whole.drawn(draws.rows, generator, reference), **asked.options)
        results.append((value, *((low, high) if intervals else (np.nan, np.nan)), len(whole)))
    return _estimate(results, "sampled")


def _jackknife(value_of: Callable[[Indices], float], drawn: Indices, metric: Metric) -> float:
    """Standard error of a metric on the rows drawn, a tenth of each task's left out at a time; nan of fewer than ten.

    Also nan where every part has the same value, as at the ends of a range: such a spread of 0 says nothing of the error.
    """
    if metric.aggregate == "extreme" or min(len(i) for i in drawn if len(i)) < GROUPS:
        return np.nan
    parts = [value_of([np.delete(i, np.s_[g::GROUPS]) for i in drawn]) for g in range(GROUPS)]
    return float(np.sqrt((GROUPS - 1) * np.var(parts))) if np.ptp(parts) > 0 else np.nan


def rarefied(space: EmbeddedTasks, weights: Array, asked: Asked, draws: Draws) -> Estimate:
    """Mean over draws of a metric on `draws.rows` rows, as many of every mixture, with the draws' 95 % range.

    Raises InputError where a mixture has fewer rows than that.
    """
    value_of, size = evaluator(space, asked, draws.reference), draws.rows
    results = []
    for w in tqdm(weights, desc=f"{asked.name} of {size} rows", unit="mixture", delay=2, disable=None, leave=False):
        generator = np.random.default_rng(draws.seed)
        values = []
        for _ in range(DRAWS):
            drawn = draw(space, w, size, generator)
            if (n := sum(map(len, drawn))) < size:
                raise InputError(f"expected at least {size} rows by weight to rarefy to, found {n} that are kept")
            values.append(value_of(drawn))
        results.append((np.mean(values), *np.quantile(values, [0.025, 0.975]), size))
    return _estimate(results, "rarefied")


def _estimate(results: Sequence[tuple[float, ...]], estimator: str) -> Estimate:
    """An estimate from (value, low, high, n) of each mixture."""
    values, low, high, n = np.array(results, dtype=float).T
    return Estimate(values, low, high, n, estimator)
