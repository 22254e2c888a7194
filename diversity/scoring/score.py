"""Diversity of mixtures: tasks are measured once, and every mixture of them follows from their moments."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diversity import catalog
from diversity.catalog import METRICS
from diversity.moments import gram
from diversity.scoring import bootstrap as bootstrapping
from diversity.scoring import distances as task_distances
from diversity.scoring import estimates, shapley
from diversity.scoring.embedded import EmbeddedTask, EmbeddedTasks, load_moments, measure
from diversity.scoring.mixtures import parse_mixture, subsets, weights_of
from diversity.types import Z95, Array, InputError, Metric, Mixture, TaskMoments

if TYPE_CHECKING:
    import pandas as pd

Estimator = Literal["auto", "U", "V"]
Distance = Literal["cosine", "centroid", "mmd", "frechet", "cka"]
DISTANCES: Mapping[str, Callable[[TaskMoments], Array]] = {
    "cosine": lambda tasks: 1 - gram(tasks, unbiased=True),
    "centroid": task_distances.centroid,
    "mmd": task_distances.mmd,
    "frechet": task_distances.frechet,
    "cka": task_distances.cka,
}
INTERVALS_TO = 10  # tasks: a Shapley value of more is a sum over so many subsets that its error takes minutes

COLUMNS = ("mixture", "tasks", "weights", "encoder", "metric", "value", "low", "high", "n", "estimator")


def score(
    tasks: Sequence[str] | EmbeddedTasks,
    *,
    mixtures: Sequence[Mixture | str] | None = None,
    all_subsets: bool = False,
    metrics: Sequence[str] = METRICS,
    estimator: Estimator = "auto",
    intervals: bool = True,
    rarefy: Sequence[int] = (),
    rows: int = 1000,
    reference: str | None = None,
    bootstrap: int = 0,
    **source: Any,
) -> pd.DataFrame:
    """Diversity of mixtures of tasks: one row for each mixture and metric, in the columns of the contract.

    `tasks` are names, measured as `source` says (see `measure`; without `data`, from the shipped moments), or EmbeddedTasks.
    The mixture is all of them with equal weights, or those in `mixtures`, or all subsets. A metric of moments is exact
    over all rows: `estimator` U leaves the pairs of a row with itself out and does not depend on the number of rows;
    `auto` is U where a metric has it, else V. Another metric is computed on `rows` rows drawn by weight (estimator
    `rows`). With `rarefy`, every metric is computed on so many rows, the mean of several draws, once for each number
    given. `reference` names the task that metrics of a reference compare with (default: all of them).

    `low` and `high` are a 95 % interval for the sampling of rows, taken as independent (delta method; jackknife for
    `rows`; the range of the draws for `rarefied`), or from `bootstrap` resamples (see `diversity.scoring.bootstrap`: all rows
    drawn with replacement for metrics of moments, halves without for the others); `n` is the number of rows. `seed` in
    `source` is that of all draws. Raises InputError for an unknown task or metric, weights that cannot be, dimensions that
    differ, and a bootstrap of a metric of moments where not all rows are here.

    >>> score(["squad_v1", "mnli"], metrics=["cosine"])[["mixture", "estimator"]].values.tolist()
    [['mnli+squad_v1', 'U']]
    """
    wanted = [_estimated(printed, estimator) for printed in metrics]
    given = [parse_mixture(m) if isinstance(m, str) else m for m in mixtures or ()]
    space, names = _space(tasks, given, source)
    if all_subsets:
        given += subsets(names)
    given = given or [Mixture.of(names)]
    weights = weights_of(given, space.stacked.names)
    draws = {"seed": source.get("seed", 0), "reference": reference}
    if rarefy and bootstrap:
        raise InputError("expected rarefy or bootstrap, found both: what is rarefied has the range of its draws")
    if rarefy:
        found = _rarefied(space, weights, wanted, rarefy, draws)
    else:
        found = _valued(space, weights, wanted, intervals, bootstrap, {"rows": rows, **draws})
    return _table(given, space.encoder, found)


Named = tuple[str, estimates.Estimate]


def _rarefied(
    space: EmbeddedTasks,
    weights: Array,
    wanted: Sequence[bootstrapping.Asked],
    sizes: Sequence[int],
    draws: Mapping[str, Any],
) -> list[Named]:
    found = []
    for metric, options, unbiased in wanted:
        if metric.takes == "weights":
            made = [estimates.exact(space, weights, metric, options, unbiased=unbiased, intervals=True)]
        else:
            made = [estimates.rarefied(space, weights, metric, options, size=n, **draws) for n in sizes]
        found += [(metric.printed(**options), estimate) for estimate in made]
    return found


def _valued(
    space: EmbeddedTasks,
    weights: Array,
    wanted: Sequence[bootstrapping.Asked],
    intervals: bool,
    bootstrap: int,
    draws: Mapping[str, Any],
) -> list[Named]:
    resamples = bootstrapping.checked(bootstrap) if bootstrap and intervals else 0
    again = [w for w in wanted if resamples and w[0].mixtures is not None and w[0].takes != "weights"]
    replicates = (
        bootstrapping.of_moments(space, weights, again, resamples=resamples, seed=draws["seed"]) if again else {}
    )
    found = []
    for metric, options, unbiased in wanted:
        name = metric.printed(**options)
        closed = intervals and name not in replicates
        estimate = estimates.of_mixtures(
            space, weights, metric, options, unbiased=unbiased, intervals=closed, resamples=resamples, **draws
        )
        found.append((name, estimate.bootstrapped(replicates[name]) if name in replicates else estimate))
    return found


def _space(
    tasks: Sequence[str] | EmbeddedTasks, given: Sequence[Mixture], source: Mapping[str, Any]
) -> tuple[EmbeddedTasks, list[str]]:
    if isinstance(tasks, EmbeddedTasks):
        return tasks, sorted(tasks.tasks)
    if len(set(tasks)) < len(tasks):
        raise InputError(f"expected each task once, found {', '.join(tasks)}")
    names = sorted({*tasks, *(t for m in given for t in m.tasks)})
    if source.get("data"):
        return measure(names, **source), names
    return load_moments(names, **{k: v for k, v in source.items() if k != "seed"}), names


def _table(mixtures: Sequence[Mixture], encoder: str, found: Sequence[tuple[str, estimates.Estimate]]) -> pd.DataFrame:
    import pandas as pd

    records = [
        (m.name, m.tasks, m.weights, encoder, name, e.values[i], e.low[i], e.high[i], int(e.n[i]), e.estimator)
        for i, m in enumerate(mixtures)
        for name, e in found
    ]
    return pd.DataFrame(records, columns=list(COLUMNS))


def _estimated(printed: str, estimator: Estimator) -> bootstrapping.Asked:
    if estimator not in ("auto", "U", "V"):
        raise InputError(f"expected an estimator among auto, U and V, found {estimator!r}")
    metric, options = catalog.parse_metric(printed)
    has = metric.unbiased(**options)
    if estimator == "U" and not has and metric.takes != "weights":
        raise InputError(f"{metric.printed(**options)} has no unbiased (U) estimator: use auto or V")
    return metric, options, has and estimator != "V"


def distances(tasks: Sequence[str] | EmbeddedTasks, *, distance: Distance = "cosine", **source: Any) -> pd.DataFrame:
    """Task x task distances: a DataFrame (T, T), symmetric, in the order of the tasks' names.

    `cosine`: mean cosine distance of two texts, one from each task; on the diagonal, of two distinct texts of one task: the
    `cosine` of a mixture (U) is w' D w with this matrix D. `centroid`: cosine distance of the mean vectors. `mmd`: their
    Euclidean distance (linear kernel). `frechet`: that of Gaussians with the tasks' moments (Bures-Wasserstein). `cka`: 1 -
    the alignment of the second moments. All but `cosine` are 0 on the diagonal; see `diversity.scoring.distances`.
    `tasks` and `source` as in `score`. Raises InputError for an unknown task or distance.

    >>> distances(["squad_v1", "mnli"], distance="centroid").round(2).values.tolist()
    [[0.0, 0.75], [0.75, 0.0]]
    """
    function = distance_function(distance)
    return task_distances.frame(_space(tasks, (), source)[0].stacked, function)


def distance_function(name: str) -> Callable[[TaskMoments], Array]:
    """The distance of that name; InputError for another."""
    if name not in DISTANCES:
        raise catalog.near(name, list(DISTANCES), "distance")
    return DISTANCES[name]


def contributions(
    tasks: Sequence[str] | EmbeddedTasks,
    *,
    mixture: Mixture | str | None = None,
    metrics: Sequence[str] = METRICS,
    estimator: Estimator = "auto",
    empty: float = 0.0,
    intervals: bool = True,
    rows: int = 1000,
    reference: str | None = None,
    **source: Any,
) -> pd.DataFrame:
    """What each task adds to the diversity of a mixture: one row for each metric and task.

    `alone` is the task's own diversity, `gain` what the mixture loses without it, and `shapley` its mean gain over all
    orders in which the tasks can arrive; these sum to the mixture's diversity less `empty`, which is that of no task. (For
    an effective number the first task's gain depends on it: with 1 only variety counts.) Each of the 2^T - 1 subsets has
    the mixture's weights, scaled to sum 1; metrics of rows are computed on equally many rows of each. `low` and `high` are
    the 95 % interval of the Shapley value (delta method; metrics of moments only, up to ten tasks). The mixture is all
    tasks with equal weights, or `mixture`; the rest is as in `score`. Raises InputError for more than 16 tasks and for a
    weight of 0.

    >>> contributions(["squad_v1", "mnli"], metrics=["hill"])[["task", "alone", "gain", "shapley"]].values.tolist()
    [['mnli', 1.0, 1.0, 1.0], ['squad_v1', 1.0, 1.0, 1.0]]
    """
    wanted = [_estimated(printed, estimator) for printed in metrics]
    given = [parse_mixture(mixture) if isinstance(mixture, str) else mixture] if mixture else []
    space, names = _space(tasks, given, source)
    whole = given[0] if given else Mixture.of(names)
    space = EmbeddedTasks(space.encoder, {t: _known(space, t) for t in whole.tasks})
    weights = shapley.subset_weights(whole.weights)
    rows = min(rows, *(len(r) for r in space.rows))  # as many of every subset: values must not differ by that
    draws = {"rows": rows, "seed": source.get("seed", 0), "reference": reference}
    found = []
    for metric, options, unbiased in wanted:
        values = estimates.of_mixtures(space, weights, metric, options, unbiased=unbiased, intervals=False, **draws)
        found.append(_attributed(space, whole, weights, metric, options, values, empty, intervals))
    import pandas as pd

    return pd.concat(found, ignore_index=True)


def _known(space: EmbeddedTasks, task: str) -> EmbeddedTask:
    if task not in space.tasks:
        raise catalog.near(task, sorted(space.tasks), "task")
    return space.tasks[task]


def _attributed(
    space: EmbeddedTasks,
    whole: Mixture,
    weights: Array,
    metric: Metric,
    options: Mapping[str, float],
    estimate: estimates.Estimate,
    empty: float,
    intervals: bool,
) -> pd.DataFrame:
    import pandas as pd

    v, count = np.concatenate([[empty], estimate.values]), len(whole.tasks)
    shares, errors = shapley.shapley(v), np.full(count, np.nan)
    if intervals and metric.mixtures is not None and count <= INTERVALS_TO:
        combine = shapley.shapley_matrix(count)[:, 1:]
        errors = estimates.combined_errors(space, weights, metric, options, combine)
    return pd.DataFrame(
        {
            "mixture": whole.name,
            "task": whole.tasks,
            "weight": whole.weights,
            "encoder": space.encoder,
            "metric": metric.printed(**options),
            "alone": v[2 ** np.arange(count)],
            "gain": shapley.gains(v),
            "shapley": shares,
            "low": shares - Z95 * errors,
            "high": shares + Z95 * errors,
            "n": estimate.n[-1].astype(int),
            "estimator": estimate.estimator,
        }
    )


def uneven(scores: pd.DataFrame) -> list[str]:
    """Metrics whose values grow with the number of rows, where that number differs between the mixtures compared."""
    found = []
    for (name, estimator), part in scores.groupby(["metric", "estimator"], sort=False):
        grows = catalog.parse_metric(str(name))[0].size_dependent and estimator not in ("U", "rarefied")
        if grows and part["n"].nunique() > 1:
            found.append(f"{name} grows with n, which is {part['n'].min():,} to {part['n'].max():,} here")
    return found


def agreement(scores: pd.DataFrame) -> pd.DataFrame:
    """Kendall's tau-b of the mixtures' order between each pair of encoders, for each metric that varies.

    Columns `metric, first, second, kendall, mixtures`; empty with fewer than two encoders or three mixtures.
    """
    import pandas as pd
    from scipy.stats import kendalltau

    found = []
    encoders = scores["encoder"].drop_duplicates().tolist()
    for metric, part in scores.groupby("metric", sort=False):
        wide = part.drop_duplicates(["mixture", "encoder"]).pivot(index="mixture", columns="encoder", values="value")
        for first, second in itertools.combinations(encoders, 2):
            pair = wide[[first, second]].dropna()
            if len(pair) > 2 and (pair.nunique() > 1).all():
                tau = kendalltau(pair[first], pair[second]).statistic
                found.append((metric, first, second, float(tau), len(pair)))
    return pd.DataFrame(found, columns=["metric", "first", "second", "kendall", "mixtures"])
