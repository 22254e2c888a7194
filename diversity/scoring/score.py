"""Diversity of mixtures: tasks are measured once, and every mixture of them follows from their moments."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from diversity import catalog
from diversity.catalog import METRICS
from diversity.display.score_table import score_table
from diversity.moments import gram, single_threaded
from diversity.scoring import distances as task_distances
from diversity.scoring import estimates, shapley
from diversity.scoring.asked import Asked, Draws, Estimator, each_once
from diversity.scoring.embedded import EmbeddedTask, EmbeddedTasks
from diversity.scoring.given import Tasks, embedded_tasks
from diversity.scoring.mixtures import parse_mixture, subsets, weights_of
from diversity.types import Z95, Array, Encoder, InputError, Mixture, Rows, TaskMoments, check_list

if TYPE_CHECKING:
    import pandas as pd

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
    tasks: Tasks,
    *,
    mixtures: Sequence[Mixture | str] | None = None,
    all_subsets: bool = False,
    metrics: Sequence[str] = METRICS,
    estimator: Estimator = "auto",
    intervals: bool = True,
    rarefy: Sequence[int] = (),
    draws: Draws = Draws(),
    data: Rows | Path | str | None = None,
    encoder: Encoder | str | None = None,
) -> pd.DataFrame:
    """Diversity of mixtures of tasks: one row for each mixture and metric, in the columns of the contract.

    `tasks` are names, embedded from `data` with `encoder` (see `measure`; without `data`, from the shipped moments), and
    files of your own (`"news=news.csv:headline"`) beside them; or texts by the name of their set (`{"reviews": texts}`), in
    a list, a Series or any iterable; or tasks that are embedded already. The mixture is
    all of them with equal weights, or those in `mixtures`, or all subsets. A metric of moments is exact over all rows:
    `estimator` U leaves the pairs of a row with itself out and does not depend on the number of rows; `auto` is U where a
    metric has it, else V. Another metric is computed on `draws.rows` rows drawn by weight (estimator `rows`): many change
    with the number of rows. With `draws.all_rows` it is that of all rows, whatever their number, by comparing each of those
    drawn with all (estimator `sampled`), where a metric has that form (`Metric.from_drawn`). With `rarefy`, every metric is
    computed on so many rows, the mean of several draws, once for each number given.

    `low` and `high` are a 95 % interval for the sampling of rows, taken as independent (delta method; jackknife for
    `rows`; the range of the draws for `rarefied`), or from `draws.resamples` resamples (see `diversity.scoring.bootstrap`:
    all rows drawn with replacement for metrics of moments, halves without for the others). For `sampled` it is for the
    drawing alone, about the value of all rows; of diameter and bottleneck it is bounds. `n` is the number of rows.

    Parameters
    ----------
    tasks
        Names of tasks; files of your own (`"news=news.csv:headline"`) beside them; texts by the name of their set
        (`{"reviews": texts}`); or tasks that are embedded already.
    mixtures
        Mixtures, such as `"mnli,qqp"` or `"nli=mnli:3,anli_plus"`; default: all tasks in equal parts.
    all_subsets
        Score every mixture of the tasks, too.
    metrics
        Names of metrics, such as `cosine` or `vendi(q=2)`.
    estimator
        `U` leaves out the pairs of a text with itself; `V` does not; `auto` is U where a metric has it.
    intervals
        Whether 95 % intervals are computed.
    rarefy
        Numbers of rows to compute every metric on.
    draws
        Rows, seed, reference and resamples of metrics that need texts one by one.
    data
        Folder of the tasks' data, or `Rows` that say which of its rows. Without it, the shipped moments are used.
    encoder
        Sentence encoder: a name, or any object with `name` and `encode`. Default: all-MiniLM-L6-v2.

    Returns
    -------
    DataFrame
        One row for each mixture and metric: `mixture, tasks, weights, encoder, metric, value, low, high, n, estimator`.

    Raises
    ------
    InputError
        For an unknown task or metric, one that is named twice, weights that cannot be, vectors of two encoders, and a
        bootstrap of a metric of moments where some rows are not at hand.

    Examples
    --------
    >>> score(["squad_v1", "mnli"], metrics=["cosine"])[["mixture", "estimator"]].values.tolist()
    [['mnli+squad_v1', 'U']]
    """
    asked = each_once(metrics, estimator)
    sizes = sizes_of(rarefy, draws)
    check_list(mixtures, "mixtures")
    given = [parse_mixture(m) if isinstance(m, str) else m for m in mixtures or ()]
    space = embedded_tasks(tasks, given, data, encoder)
    estimates.check_reference(space, draws.reference)
    if all_subsets:
        given += subsets(sorted(space.tasks))
    given = given or [Mixture.of(sorted(space.tasks))]
    weights = weights_of(given, space.stacked.names)
    if not sizes:
        estimated = estimates.of_mixtures(space, weights, asked, draws, intervals=intervals)
        return _table(given, space.encoder, list(zip(asked, estimated, strict=True)))
    rarefied: list[tuple[Asked, estimates.Estimate]] = []
    for a in asked:
        if a.metric.takes == "weights":
            rarefied += [(a, e) for e in estimates.of_mixtures(space, weights, [a], draws)]
        else:
            rarefied += [(a, estimates.rarefied(space, weights, a, replace(draws, rows=n))) for n in sizes]
    return _table(given, space.encoder, rarefied)


def sizes_of(rarefy: Sequence[int], draws: Draws) -> list[int]:
    """The numbers of rows to rarefy to; raises InputError for one that is given twice, and beside a bootstrap."""
    sizes = list(rarefy)
    if repeated := [n for n in sizes if sizes.count(n) > 1]:
        raise InputError(f"expected each number of rows to rarefy to once, found {repeated[0]} twice")
    if sizes and draws.resamples:
        raise InputError("expected rarefy or bootstrap, found both: what is rarefied has the range of its draws")
    if sizes and draws.all_rows:
        raise InputError("expected rarefy or all_rows, found both: what is rarefied is of so many rows")
    return sizes


def _table(
    mixtures: Sequence[Mixture], encoder: str, estimated: Sequence[tuple[Asked, estimates.Estimate]]
) -> pd.DataFrame:
    import pandas as pd

    metrics, values = zip(*estimated, strict=True)
    each = range(len(metrics))
    columns = {
        "mixture": [name for name in [m.name for m in mixtures] for _ in each],
        "tasks": [m.tasks for m in mixtures for _ in each],
        "weights": [weights for weights in [m.weights for m in mixtures] for _ in each],
        "encoder": encoder,
        "metric": [a.name for a in metrics] * len(mixtures),
        "value": np.ravel([e.values for e in values], order="F"),
        "low": np.ravel([e.low for e in values], order="F"),
        "high": np.ravel([e.high for e in values], order="F"),
        "n": np.ravel([e.n for e in values], order="F").astype(np.int64),
        "estimator": [e.estimator for e in values] * len(mixtures),
    }
    return score_table(pd.DataFrame(columns)[list(COLUMNS)])


def distances(
    tasks: Tasks,
    *,
    distance: Distance = "cosine",
    data: Rows | Path | str | None = None,
    encoder: Encoder | str | None = None,
) -> pd.DataFrame:
    """Task x task distances: a DataFrame (T, T), symmetric, in the order of the tasks' names.

    `cosine`: mean cosine distance of two texts, one from each task; on the diagonal, of two distinct texts of one task: the
    `cosine` of a mixture (U) is w' D w with this matrix D. `centroid`: cosine distance of the mean vectors. `mmd`: their
    Euclidean distance (linear kernel). `frechet`: that of Gaussians with the tasks' moments (Bures-Wasserstein). `cka`: 1
    minus the alignment of the second moments. All but `cosine` are 0 on the diagonal; see `diversity.scoring.distances`.
    `tasks`, `data` and `encoder` as in `score`.

    Parameters
    ----------
    tasks
        Names of tasks; files of your own (`"news=news.csv:headline"`) beside them; texts by the name of their set
        (`{"reviews": texts}`); or tasks that are embedded already.
    distance
        `cosine`, `centroid`, `mmd`, `frechet` or `cka`.
    data
        Folder of the tasks' data, or `Rows` that say which of its rows. Without it, the shipped moments are used.
    encoder
        Sentence encoder: a name, or any object with `name` and `encode`. Default: all-MiniLM-L6-v2.

    Returns
    -------
    DataFrame
        Task x task, (T, T), symmetric, in the order of the names.

    Raises
    ------
    InputError
        For an unknown task or distance.

    Examples
    --------
    >>> distances(["squad_v1", "mnli"], distance="centroid").round(2).values.tolist()
    [[0.0, 0.75], [0.75, 0.0]]
    """
    function = distance_function(distance)
    space = embedded_tasks(tasks, data=data, encoder=encoder)
    if distance == "cosine" and (single := [name for name, t in space.tasks.items() if t.moments.n < 2]):
        raise InputError(f"expected at least 2 rows of each task for the cosine distance, found 1 of {single[0]}")
    with single_threaded():
        return task_distances.frame(space.stacked, function)


def distance_function(name: str) -> Callable[[TaskMoments], Array]:
    """The distance of that name; InputError for another."""
    if name not in DISTANCES:
        raise catalog.near(name, list(DISTANCES), "distance")
    return DISTANCES[name]


def contributions(
    tasks: Tasks,
    *,
    mixture: Mixture | str | None = None,
    metrics: Sequence[str] = METRICS,
    estimator: Estimator = "auto",
    empty: float = 0.0,
    intervals: bool = True,
    draws: Draws = Draws(),
    data: Rows | Path | str | None = None,
    encoder: Encoder | str | None = None,
) -> pd.DataFrame:
    """What each task adds to the diversity of a mixture: one row for each metric and task.

    `alone` is the task's own diversity, `gain` what the mixture loses without it, and `shapley` its mean gain over all
    orders in which the tasks can arrive; these sum to the mixture's diversity minus `empty`, which is that of no task. (For
    an effective number the first task's gain depends on it: with 1 only variety counts.) Each of the 2^T - 1 subsets has
    the mixture's weights, scaled to sum 1; metrics of rows are computed on equally many rows of each. `low` and `high` are
    the 95 % interval of the Shapley value (delta method; metrics of moments only, up to ten tasks). The mixture is all
    tasks with equal weights, or `mixture`; the rest is as in `score`.

    Parameters
    ----------
    tasks
        Names of tasks; files of your own (`"news=news.csv:headline"`) beside them; texts by the name of their set
        (`{"reviews": texts}`); or tasks that are embedded already.
    mixture
        The mixture; default: all tasks with equal weights.
    metrics
        Names of metrics, such as `cosine` or `vendi(q=2)`.
    estimator
        `U` leaves out the pairs of a text with itself; `V` does not; `auto` is U where a metric has it.
    empty
        Diversity of no task: 0, or 1 for an effective number of which only variety counts.
    intervals
        Whether 95 % intervals are computed.
    draws
        Rows, seed and reference of metrics that need texts one by one.
    data
        Folder of the tasks' data, or `Rows` that say which of its rows. Without it, the shipped moments are used.
    encoder
        Sentence encoder: a name, or any object with `name` and `encode`. Default: all-MiniLM-L6-v2.

    Returns
    -------
    DataFrame
        One row for each metric and task: `alone`, `gain`, `shapley`, `low`, `high`.

    Raises
    ------
    InputError
        For more than 16 tasks, and for a weight of 0.

    Examples
    --------
    >>> contributions(["squad_v1", "mnli"], metrics=["hill"])[["task", "alone", "gain", "shapley"]].values.tolist()
    [['mnli', 1.0, 1.0, 1.0], ['squad_v1', 1.0, 1.0, 1.0]]
    """
    import pandas as pd

    if draws.resamples:
        raise InputError("expected no resamples, found some: Shapley values have their intervals in closed form")
    if draws.all_rows:
        raise InputError("expected contributions without all_rows: subsets are valued on equally many rows")
    asked = each_once(metrics, estimator)
    given = [parse_mixture(mixture) if isinstance(mixture, str) else mixture] if mixture else []
    space = embedded_tasks(tasks, given, data, encoder)
    whole = given[0] if given else Mixture.of(sorted(space.tasks))
    space = EmbeddedTasks(space.encoder, {t: _task(space, t) for t in whole.tasks})
    weights = shapley.subset_weights(whole.weights)
    # as many rows of every subset: values must not differ by that
    draws = replace(draws, rows=min(draws.rows, *(len(r) for r in space.rows)))
    estimated = estimates.of_mixtures(space, weights, asked, draws, intervals=False)
    errors = [
        estimates.combined_errors(space, weights, a, shapley.shapley_matrix(len(whole.tasks))[:, 1:])
        if intervals and a.metric.mixtures is not None and len(whole.tasks) <= INTERVALS_TO
        else np.full(len(whole.tasks), np.nan)
        for a in asked
    ]
    parts = [_attributed(whole, a, e, empty, error) for a, e, error in zip(asked, estimated, errors, strict=True)]
    table = pd.concat(parts, ignore_index=True)
    table.insert(3, "encoder", space.encoder)
    return score_table(table)


def _task(space: EmbeddedTasks, task: str) -> EmbeddedTask:
    if task not in space.tasks:
        raise catalog.near(task, sorted(space.tasks), "task")
    return space.tasks[task]


def _attributed(
    whole: Mixture, asked: Asked, estimate: estimates.Estimate, empty: float, errors: Array
) -> pd.DataFrame:
    """Gains and Shapley values of one metric, from its values for all subsets and the standard errors of the latter."""
    import pandas as pd

    values = np.concatenate([[empty], estimate.values])
    shares = shapley.shapley(values)
    return pd.DataFrame(
        {
            "mixture": whole.name,
            "task": whole.tasks,
            "weight": whole.weights,
            "metric": asked.name,
            "alone": values[2 ** np.arange(len(whole.tasks))],
            "gain": shapley.gains(values),
            "shapley": shares,
            "low": shares - Z95 * errors,
            "high": shares + Z95 * errors,
            "n": estimate.n[-1].astype(int),
            "estimator": estimate.estimator,
        }
    )


def of_few(scores: pd.DataFrame, space: EmbeddedTasks) -> str:
    """Metrics that change with the number of rows, and are of fewer than a mixture has; empty where there are none."""
    few = scores[scores["estimator"] == "rows"]
    if few.empty:
        return ""
    sizes = {name: task.moments.n for name, task in space.tasks.items()}
    total = {}
    for mixture, tasks, weights in few[["mixture", "tasks", "weights"]].itertuples(index=False):
        available = np.array([sizes[task] for task in tasks])
        total[mixture] = int(estimates.composition(np.array(weights), available, int(available.sum())).sum())
    few = few[few["n"] < few["mixture"].map(total)]
    names = [n for n in few["metric"].unique() if catalog.parse_metric(str(n))[0].size_dependent]
    few = few[few["metric"].isin(names)]
    most = max((total[m] for m in few["mixture"]), default=0)
    return (
        f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} of {few['n'].max():,} of {most:,} rows"
        if names
        else ""
    )


def uneven(scores: pd.DataFrame) -> list[str]:
    """Metrics whose values grow with the number of rows, where the mixtures compared have different numbers of them."""
    growing = []
    for (name, estimator), part in scores.groupby(["metric", "estimator"], sort=False):
        metric, _ = catalog.parse_metric(str(name))
        if metric.size_dependent and estimator not in ("U", "rarefied") and part["n"].nunique() > 1:
            growing.append(f"{name} grows with the number of rows, which is {part['n'].min():,} to {part['n'].max():,}")
    return growing


def agreement(scores: pd.DataFrame) -> pd.DataFrame:
    """Kendall's tau-b of two encoders' rankings of the mixtures, for each metric and pair of encoders.

    Columns `metric, first, second, kendall, mixtures`; empty with fewer than two encoders or three mixtures.
    """
    import pandas as pd

    from diversity.stats.correlation import kendall

    rows = []
    encoders = scores["encoder"].drop_duplicates().tolist()
    for metric, part in scores.groupby("metric", sort=False):
        wide = part.drop_duplicates(["mixture", "encoder"]).pivot(index="mixture", columns="encoder", values="value")
        for first, second in itertools.combinations(encoders, 2):
            pair = wide[[first, second]].dropna()
            tau = kendall(*pair.to_numpy(float).T) if len(pair) > 2 else math.nan
            if math.isfinite(tau):  # else one of them does not tell the mixtures apart
                rows.append((metric, first, second, tau, len(pair)))
    return pd.DataFrame(rows, columns=["metric", "first", "second", "kendall", "mixtures"])
