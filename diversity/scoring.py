"""Diversity of mixtures: tasks are measured once, and every mixture of them follows from their moments."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diversity import catalog, estimates
from diversity.measuring import Space, load, measure
from diversity.types import Array, InputError, Metric, Mixture

if TYPE_CHECKING:
    import pandas as pd

Estimator = Literal["auto", "U", "V"]

METRICS = ("cosine", "rao_beta", "vendi(q=2)", "vendi_beta(q=2)", "hill(q=1)")
COLUMNS = ("mixture", "tasks", "weights", "encoder", "metric", "value", "low", "high", "n", "estimator")


def parse_mixture(spec: str) -> Mixture:
    """A mixture from `NAME=a,b:2,c` or `a,b`: tasks with optional weights.

    >>> parse_mixture("nli=mnli:3,anli_plus").weights
    (0.25, 0.75)
    """
    label, equals, tasks = spec.partition("=")
    label, tasks = (label.strip(), tasks) if equals else ("", spec)
    weights: dict[str, float] = {}
    for item in (s.strip() for s in tasks.split(",")):
        name, colon, number = (s.strip() for s in item.partition(":"))
        if not name or name in weights:
            raise InputError(f"expected a mixture such as NAME=a,b:2,c with each task once, found {spec!r}")
        try:
            weights[name] = float(number) if colon else 1.0
        except ValueError:
            raise InputError(f"expected a number as the weight of {name} in {spec!r}, found {number!r}") from None
    return Mixture.of(weights, label)


def subsets(tasks: Sequence[str]) -> list[Mixture]:
    """Every non-empty subset of the tasks with equal weights, by size.

    >>> [m.name for m in subsets(["a", "b"])]
    ['a', 'b', 'a+b']
    """
    names = sorted(tasks)
    return [Mixture.of(c) for k in range(1, len(names) + 1) for c in itertools.combinations(names, k)]


def score(
    tasks: Sequence[str] | Space,
    *,
    mixtures: Sequence[Mixture | str] | None = None,
    all_subsets: bool = False,
    metrics: Sequence[str] = METRICS,
    estimator: Estimator = "auto",
    intervals: bool = True,
    rarefy: Sequence[int] = (),
    rows: int = 1000,
    reference: str | None = None,
    **source: Any,
) -> pd.DataFrame:
    """Diversity of mixtures of tasks: one row for each mixture and metric, in the columns of the contract.

    `tasks` are names, measured as `source` says (see `measure`; without `data`, from the shipped moments), or a Space.
    The mixture is all of them with equal weights, or those in `mixtures`, or all subsets. A metric of moments is exact
    over all rows: `estimator` U leaves the pairs of a row with itself out and does not depend on the number of rows;
    `auto` is U where a metric has it, else V. Another metric is computed on `rows` rows drawn by weight (estimator
    `rows`). With `rarefy`, every metric is computed on so many rows, the mean of several draws, once for each number
    given. `reference` names the task that metrics of a reference compare with (default: all of them).

    `low` and `high` are a 95 % interval for the sampling of rows, taken as independent (delta method; jackknife for
    `rows`; the range of the draws for `rarefied`); `n` is the number of rows. Raises InputError for an unknown task or
    metric, weights that cannot be, and dimensions that differ.

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
    found = []
    for metric, options, unbiased in wanted:
        if metric.takes == "weights" or not (rarefy or metric.mixtures is None):
            made = [estimates.exact(space, weights, metric, options, unbiased=unbiased, intervals=intervals)]
        elif rarefy:
            made = [estimates.rarefied(space, weights, metric, options, size=n, **draws) for n in rarefy]
        else:
            made = [estimates.on_rows(space, weights, metric, options, size=rows, intervals=intervals, **draws)]
        found += [(metric.printed(**options), estimate) for estimate in made]
    return _table(given, space.encoder, found)


def _space(
    tasks: Sequence[str] | Space, given: Sequence[Mixture], source: Mapping[str, Any]
) -> tuple[Space, list[str]]:
    if isinstance(tasks, Space):
        return tasks, sorted(tasks.tasks)
    if len(set(tasks)) < len(tasks):
        raise InputError(f"expected each task once, found {', '.join(tasks)}")
    names = sorted({*tasks, *(t for m in given for t in m.tasks)})
    return measure(names, **source) if source.get("data") else load(names, **source), names


def _table(mixtures: Sequence[Mixture], encoder: str, found: Sequence[tuple[str, estimates.Estimate]]) -> pd.DataFrame:
    import pandas as pd

    records = [
        (m.name, m.tasks, m.weights, encoder, name, e.values[i], e.low[i], e.high[i], int(e.n[i]), e.estimator)
        for i, m in enumerate(mixtures)
        for name, e in found
    ]
    return pd.DataFrame(records, columns=list(COLUMNS))


def _estimated(printed: str, estimator: Estimator) -> tuple[Metric, dict[str, float], bool]:
    if estimator not in ("auto", "U", "V"):
        raise InputError(f"expected an estimator among auto, U and V, found {estimator!r}")
    metric, options = catalog.parse_metric(printed)
    has = metric.unbiased(**options)
    if estimator == "U" and not has and metric.takes != "weights":
        raise InputError(f"{metric.printed(**options)} has no unbiased (U) estimator: use auto or V")
    return metric, options, has and estimator != "V"


def weights_of(mixtures: Sequence[Mixture], names: Sequence[str]) -> Array:
    """Weights (M, T) of mixtures over the tasks `names`; raises InputError for a task that is not there."""
    column = {name: i for i, name in enumerate(names)}
    weights = np.zeros((len(mixtures), len(names)))
    for row, mixture in enumerate(mixtures):
        for task, weight in zip(mixture.tasks, mixture.weights, strict=True):
            if task not in column:
                raise catalog.near(task, list(names), "task")
            weights[row, column[task]] = weight
    counts = Counter(m.name for m in mixtures)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise InputError(f"expected a name for each mixture, found {repeated[0]!r} twice")
    return weights


def distances(tasks: Sequence[str] | Space, **source: Any) -> pd.DataFrame:
    """Task x task mean cosine distance: of two texts, one from each; on the diagonal, of two distinct texts of one task.

    The `cosine` of a mixture (U) is w' D w with this matrix D.
    """
    import pandas as pd

    from diversity.metrics._gram import gram

    space, _ = _space(tasks, (), source)
    names = list(space.stacked.names)
    return pd.DataFrame(1 - gram(space.stacked, unbiased=True), index=names, columns=names)


def overlaps(mixture: Mixture) -> list[str]:
    """What a reader must know of a mixture whose tasks share rows: `anli_plus contains mnli`."""
    known = [t for t in mixture.tasks if t in catalog.names("tasks")]
    return [f"{a} contains {b}" for a in known for b in catalog.task(a).contains if b in known]


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
