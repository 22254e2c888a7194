"""What is asked of a metric, and how rows are drawn for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from diversity import catalog
from diversity.types import WHOLE, Array, Influence, InputError, Metric, SecondOrder, TaskMoments, check_list

Estimator = Literal["auto", "U", "V"]
LEAST, MOST = 100, 1_000_000  # resamples: the standard deviation of the fewest is off by 7 %


@dataclass(frozen=True)
class Asked:
    """A metric with its options, and whether its unbiased (U) estimator is meant."""

    metric: Metric
    options: Mapping[str, float] = field(default_factory=dict)
    unbiased: bool = False

    @staticmethod
    def of(printed: str, estimator: Estimator = "auto") -> Asked:
        """What a printed name asks for; `auto` is U where the metric has it. Raises InputError for names and estimators.

        >>> Asked.of("vendi(q=2)").unbiased, Asked.of("vendi(q=2)", "V").unbiased
        (True, False)
        """
        if estimator not in ("auto", "U", "V"):
            raise InputError(f"expected an estimator among auto, U and V, found {estimator!r}")
        metric, options = catalog.parse_metric(printed)
        has = metric.unbiased(**options)
        if estimator == "U" and not has and metric.takes != "weights":
            raise InputError(f"{metric.printed(**options)} has no unbiased (U) estimator: use auto or V")
        return Asked(metric, options, has and estimator != "V")

    @property
    def name(self) -> str:
        """The printed name."""
        return self.metric.printed(**self.options)

    def from_moments(self, tasks: TaskMoments, weights: Array) -> Array:
        """Values (M,) of mixtures with weights (M, T), exactly, from the tasks' moments."""
        if self.metric.mixtures is None:
            raise InputError(f"{self.name} is computed on rows: expected a metric that moments are enough for")
        estimator = {"unbiased": self.unbiased} if self.metric.unbiased(**self.options) else {}
        return self.metric.mixtures(tasks, weights, **self.options, **estimator)

    def second_order(self, tasks: TaskMoments) -> SecondOrder | None:
        """The metric as a function of two forms in the weights; None where it is none, or nan for some task."""
        if self.metric.second_order is None:
            return None
        form = self.metric.second_order(tasks, **self.options, unbiased=self.unbiased)
        usable = form is not None and np.isfinite(form.matrix).all() and np.isfinite(form.vector).all()
        return form if usable else None

    def influence(self, tasks: TaskMoments, weights: Array) -> Influence | None:
        """The influence of the kept rows on the values; None where the metric has none, or no row can move it."""
        counts = self.options.get("q") == 0 and not self.metric.sampled  # a rank, or a number of tasks
        if self.metric.influence is None or counts:
            return None
        return self.metric.influence(tasks, weights, tasks.rows, **self.options)


def each_once(metrics: Sequence[str], estimator: Estimator = "auto") -> list[Asked]:
    """What several printed names ask for; raises InputError where two of them are one metric with the same options.

    >>> [a.name for a in each_once(["cosine", "vendi"])]
    ['cosine', 'vendi(q=1)']
    """
    check_list(metrics, "metrics")
    by_name: dict[str, Asked] = {}
    for printed in metrics:
        asked = Asked.of(printed, estimator)
        if asked.name in by_name:
            raise InputError(f"expected each metric once, found {asked.name} twice in {', '.join(metrics)}")
        by_name[asked.name] = asked
    return list(by_name.values())


@dataclass(frozen=True)
class Draws:
    """How rows are drawn: `rows` of each mixture for metrics of rows, from `seed`; `resamples` of a bootstrap, or 0.

    With `all_rows` each row that is drawn is compared with all rows, which are read from the disk or from memory, in
    place of those drawn beside it: for the metrics that can do that (`Metric.from_drawn`).
    `reference` is the task that metrics of a reference compare with, all of them where it is None. Raises InputError for
    fewer than 1 row, fewer than 100 resamples, and a seed that is negative or above 2^63 - 1.
    """

    rows: int = 1000
    seed: int = 0
    reference: str | None = None
    resamples: int = 0
    all_rows: bool = False

    def __post_init__(self) -> None:
        if self.rows < 1:
            raise InputError(f"expected at least 1 row to be drawn, found {self.rows}")
        if not 0 <= self.seed <= WHOLE:
            raise InputError(f"expected a seed from 0 to 2^63 - 1, found {self.seed}")
        if self.resamples and self.resamples < LEAST:
            raise InputError(f"expected at least {LEAST} resamples of a bootstrap, found {self.resamples}")
        if self.resamples > MOST:
            raise InputError(f"expected at most {MOST:,} resamples of a bootstrap, found {self.resamples:,}")
        if self.resamples and self.all_rows:
            raise InputError(
                "expected a bootstrap or all_rows, found both: what is drawn has an interval in closed form"
            )
