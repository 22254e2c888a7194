"""The most diverse mixture of tasks, or the most homogeneous one, with a certificate that it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diversity import catalog
from diversity.display.summary import Shown, Summary
from diversity.moments import single_threaded
from diversity.scoring import optimum
from diversity.scoring.asked import Asked, Estimator
from diversity.scoring.given import Tasks, embedded_tasks
from diversity.scoring.optimum import Extreme
from diversity.scoring.score import score
from diversity.scoring.shares import EDGE, Feasible, Mask
from diversity.types import Array, Encoder, InputError, Mixture, Rows, TaskMoments

if TYPE_CHECKING:
    import pandas as pd

    from diversity.scoring.embedded import EmbeddedTasks

Aim = Literal["maximise", "minimise"]
Solve = Callable[[Feasible], Extreme]
EXACT = 16  # tasks: of more, the best few are chosen greedily
TIES_TO = 64  # tasks of a mixture for which it is tried how it would do without each
NONE = 1e-9  # a smaller share is no share
ROUNDING = 1e-12  # of a value: no gap is known to more


@dataclass(frozen=True)
class Constraints:
    """What a proposed mixture must keep to.

    `cap` and `floor` bound every task's share; `fixed` are shares that are given. At most `tasks` tasks have a share. Of
    `sizes` rows each (those that are embedded, where none are given), a task's rows are used at most `repeats` times in a
    budget of `budget` rows. The mean likeness of the
    tasks to the task `target` (cosine of the mean vectors, weighted by the shares) is at least `least`.

    Raises InputError for shares that are not between 0 and 1, and for constraints that need one another.
    """

    cap: float = 1.0
    floor: float = 0.0
    fixed: Mapping[str, float] = field(default_factory=dict)
    tasks: int | None = None
    sizes: Mapping[str, int] | None = None
    repeats: float | None = None
    budget: int | None = None
    target: str | None = None
    least: float | None = None

    def __post_init__(self) -> None:
        """Check each of them."""
        for name, share in {"cap": self.cap, "floor": self.floor, **self.fixed}.items():
            if not 0 <= share <= 1:
                raise InputError(f"expected a share from 0 to 1 for {name}, found {share:g}")
        if self.tasks is not None and self.tasks < 1:
            raise InputError(f"expected at least 1 task, found {self.tasks}")
        if self.tasks is not None and self.floor > 0:
            raise InputError(
                "expected a floor or a largest number of tasks, found both: a floor gives every task a share"
            )
        if (self.repeats is None) != (self.budget is None):
            given = "no budget" if self.budget is None else "no number of repeats"
            raise InputError(f"expected a budget and how often rows may be repeated in it, found {given}")
        if self.repeats is not None and self.budget is not None and not (self.repeats > 0 and self.budget >= 1):
            raise InputError(
                f"expected repeats above 0 and a budget of at least 1 row, found {self.repeats}, {self.budget}"
            )
        if (self.target is None) != (self.least is None):
            raise InputError("expected a target and the least likeness to it, found only one of them")

    def feasible(self, tasks: TaskMoments, likeness: Array | None = None) -> Feasible:
        """The shares of these tasks that keep to them; InputError where there are none, or a fixed task is unknown."""
        names = list(tasks.names)
        low, high = np.full(len(names), self.floor), np.full(len(names), self.cap)
        if self.budget is not None and self.repeats is not None:
            rows = {**dict(zip(names, tasks.n, strict=True)), **(self.sizes or {})}
            high = np.minimum(high, [self.repeats * rows[name] / self.budget for name in names])
        if unknown := [name for name in (*self.fixed, *(self.sizes or ())) if name not in names]:
            raise catalog.near(unknown[0], names, "task")
        for name, share in self.fixed.items():
            low[names.index(name)] = high[names.index(name)] = share
        return Feasible(low, high, likeness, -np.inf if self.least is None else self.least)


@dataclass(frozen=True, repr=False)
class Proposal(Shown):
    """The shares of a proposed mixture, its score with the 95 % interval, and a bound on every other mixture's score.

    No mixture that keeps to the constraints scores more than `gap` better. `gap` is 0 to rounding where the optimum is
    proven, and None where nothing bounds it: then the shares are the best of many starts. `equal` is the score of equal
    shares of all tasks. `ties` has a row for each task of the mixture: the best score `without` it, whether that lies within
    the interval (`exchangeable`), and the tasks that then have a larger share (`instead`). `likeness` is that to the target,
    where one is given.
    """

    metric: str
    aim: Aim
    encoder: str
    estimator: str
    value: float
    low: float
    high: float
    gap: float | None
    weights: Mapping[str, float]
    equal: float
    ties: pd.DataFrame
    likeness: float | None = None

    @property
    def mixture(self) -> Mixture:
        """The mixture, as it is trained and scored."""
        return Mixture.of(self.weights, "proposed")

    @property
    def proven(self) -> bool:
        """Whether no other mixture can score better by more than a millionth."""
        return self.gap is not None and self.gap <= 1e-6 * abs(self.value)

    def summary(self) -> str:
        """What was found, in sentences."""
        what = "most" if self.aim == "maximise" else "least"
        tasks = ", ".join(f"{name} {share:.1%}" for name, share in self._by_share())
        known = "" if self.proven else " that was found"
        lines = [f"The {what} diverse mixture{known} by {self.metric}: {tasks}."]
        interval = (
            f" (95 % interval {self.low:.4g} to {self.high:.4g})" if np.isfinite([self.low, self.high]).all() else ""
        )
        lines.append(f"It scores {self.value:.6g}{interval}; equal shares of all tasks score {self.equal:.6g}.")
        better = "more" if self.aim == "maximise" else "less"
        if self.gap is None:
            lines.append("It is the best of many starts; nothing proves that no other mixture is better.")
        elif self.proven:
            to = max(self.gap, ROUNDING * abs(self.value))
            lines.append(f"Proven: no other mixture that is allowed scores {better} (to {to:.0e}).")
        else:
            lines.append(f"No other mixture that is allowed scores {better} by over {self.gap:.3g}.")
        return "\n".join(lines)

    @property
    def card(self) -> Summary:
        """What a reader sees first."""
        answer, score, *proof = self.summary().splitlines()
        return Summary(answer, score, warnings=() if self.proven else proof)

    def _by_share(self) -> list[tuple[str, float]]:
        return sorted(self.weights.items(), key=lambda item: (-item[1], item[0]))

    def to_frame(self) -> pd.DataFrame:
        """One row for each task of the mixture: `task`, `share`, and the columns of `ties`."""
        import pandas as pd

        shares = pd.DataFrame(self._by_share(), columns=["task", "share"])
        return shares.merge(self.ties, on="task", how="left") if len(self.ties) else shares

    def to_dict(self) -> dict[str, Any]:
        """Plain values: what `propose --format json` prints."""
        ties = self.ties.to_dict("records")
        names = ("metric", "aim", "encoder", "estimator", "value", "low", "high", "gap", "equal", "likeness")
        plain = {name: getattr(self, name) for name in names}
        return {**plain, "proven": self.proven, "weights": dict(self._by_share()), "ties": ties}


def propose(
    tasks: Tasks,
    metric: str = "vendi_beta(q=2)",
    *,
    aim: Aim = "maximise",
    constraints: Constraints = Constraints(),
    estimator: Estimator = "auto",
    ties: bool = True,
    data: Rows | Path | str | None = None,
    encoder: Encoder | str | None = None,
) -> Proposal:
    """The shares of tasks at which a metric of moments is greatest, or least, and a bound on what others could add.

    `tasks`, `data`, `encoder` and `estimator` as in `score`. Cosine, Rao's gamma and beta, and Vendi's gamma and beta of
    order 2 are solved as quadratic programs; Vendi of every other order and Vendi's beta of order 1 (the Holevo quantity)
    are concave in the shares and climbed by Newton's method: for these the gap is a certificate by duality. What is least
    lies at a corner of the constraints, and all corners are compared. Other metrics are climbed from many starts, without a
    certificate. At most `constraints.tasks` tasks: exact by branch and bound for up to 16, else greedy, with a bound.

    The shares are chosen on the same texts that they are scored on, so the score of the best is a little too high; the
    interval is that of the mixture as it is.

    Parameters
    ----------
    tasks
        Names of tasks; files of your own (`"news=news.csv:headline"`) beside them; texts by the name of their set
        (`{"reviews": texts}`); or tasks that are embedded already.
    metric
        The metric of moments to optimise.
    aim
        `maximise` or `minimise`.
    constraints
        What the shares must keep to.
    estimator
        `U` leaves out the pairs of a text with itself; `V` does not; `auto` is U where a metric has it.
    ties
        Whether tasks that could be exchanged are looked for.
    data
        Folder of the tasks' data, or `Rows` that say which of its rows. Without it, the shipped moments are used.
    encoder
        Sentence encoder: a name, or any object with `name` and `encode`. Default: all-MiniLM-L6-v2.

    Returns
    -------
    Proposal
        Shares, score with interval, and a bound on what any other mixture could score.

    Raises
    ------
    InputError
        For a metric that moments are not enough for, and for constraints that no mixture keeps.

    Examples
    --------
    >>> proposal = propose(["ccg", "mnli", "squad_v1"], "vendi(q=2)", constraints=Constraints(cap=0.5), ties=False)
    >>> {task: round(share, 3) for task, share in proposal.weights.items()}, proposal.proven
    ({'ccg': 0.056, 'mnli': 0.444, 'squad_v1': 0.5}, True)
    """
    asked = check(metric, estimator)
    if aim not in ("maximise", "minimise"):
        raise InputError(f"expected maximise or minimise, found {aim!r}")
    space = embedded_tasks(tasks, (), data, encoder)
    proposed, likeness = _apart(space, constraints)
    stacked = proposed.stacked
    feasible = constraints.feasible(stacked, likeness)
    with single_threaded():
        solve, sign = _solver(asked, stacked, aim), 1.0 if aim == "maximise" else -1.0
        best = _of_at_most(constraints.tasks, solve, sign, feasible) if constraints.tasks else solve(feasible)
        weights = _shares(stacked.names, best.shares)
        row = score(proposed, mixtures=[Mixture.of(weights, "proposed")], metrics=[metric], estimator=estimator).iloc[0]
        value, low, high = (float(row[column]) for column in ("value", "low", "high"))
        gap = max(
            sign * (best.bound - value), 0.0
        )  # from the score that is given, whatever the way to the shares counts
        tried = ties and constraints.tasks is None and 1 < len(weights) <= TIES_TO
        return Proposal(
            metric=asked.name,
            aim=aim,
            encoder=space.encoder,
            estimator=str(row["estimator"]),
            value=value,
            low=low,
            high=high,
            gap=gap if np.isfinite(gap) else None,
            weights=weights,
            equal=float(asked.from_moments(stacked, np.full((1, len(stacked.names)), 1 / len(stacked.names)))[0]),
            ties=_ties(weights if tried else {}, (low, high), stacked.names, feasible, solve),
            likeness=None if likeness is None else float(likeness @ best.shares),
        )


def surface(space: EmbeddedTasks, metric: str, *, estimator: Estimator = "auto", steps: int = 60) -> pd.DataFrame:
    """A metric of moments over all shares of three tasks: a column of shares for each task, and `value`.

    >>> table = surface(embedded_tasks(["ccg", "mnli", "qqp"]), "cosine", steps=2)
    >>> list(table.columns), len(table)
    (['ccg', 'mnli', 'qqp', 'value'], 6)
    """
    import pandas as pd

    names = list(space.stacked.names)
    if len(names) != 3:
        raise InputError(f"expected three tasks for a surface over their shares, found {len(names)}")
    asked = check(metric, estimator)
    shares = np.array([(i, j, steps - i - j) for i in range(steps + 1) for j in range(steps + 1 - i)]) / steps
    with single_threaded():
        return pd.DataFrame(shares, columns=names).assign(value=asked.from_moments(space.stacked, shares))


def check(metric: str, estimator: Estimator = "auto") -> Asked:
    """What is asked for; raises InputError for a metric that moments are not enough for, and as `Asked.of` does."""
    asked = Asked.of(metric, estimator)
    if asked.metric.mixtures is None or asked.metric.sampled:
        what = "expected a metric that is computed from moments"
        raise InputError(f"{what}, such as vendi(q=2), rao_beta or cosine, found {asked.name}")
    return asked


def _apart(space: EmbeddedTasks, constraints: Constraints) -> tuple[EmbeddedTasks, Array | None]:
    """The tasks that may have a share, and how like each is to the target, where there is one."""
    if constraints.target is None:
        return space, None
    if constraints.target not in space.tasks:
        raise catalog.near(constraints.target, sorted(space.tasks), "target among the tasks")
    own = {name: task for name, task in space.tasks.items() if name != constraints.target}
    if not own:
        raise InputError(f"expected tasks beside the target {constraints.target}, found none")
    rest = replace(space, tasks=own)
    mean = space.tasks[constraints.target].moments.mean
    means = rest.stacked.means
    return rest, means @ mean / (np.linalg.norm(means, axis=1) * np.linalg.norm(mean))


def _solver(asked: Asked, tasks: TaskMoments, aim: Aim) -> Solve:
    """What finds the best shares among those that are allowed, by the structure that the metric has."""

    def values(shares: Array) -> Array:
        return asked.from_moments(tasks, np.ascontiguousarray(shares))

    form, spectral = asked.second_order(tasks), None
    if form is None and asked.metric.spectral is not None:
        spectral = asked.metric.spectral(tasks, **asked.options)

    def least(feasible: Feasible) -> Extreme:
        concave = spectral is not None or (form is not None and optimum.is_convex(form))
        corner = optimum.least_at_corners(values, feasible) if concave else None
        if corner is not None:
            return corner
        lowest = optimum.greatest_from_starts(lambda shares: -values(shares), feasible)
        return Extreme(lowest.shares, -lowest.value, -np.inf)

    def greatest(feasible: Feasible) -> Extreme:
        if form is not None:
            return optimum.greatest_of_form(form, feasible)
        if spectral is not None:
            return optimum.greatest_of_spectrum(tasks, spectral, feasible)
        return optimum.greatest_from_starts(values, feasible)

    return greatest if aim == "maximise" else least


def _of_at_most(number: int, solve: Solve, sign: float, feasible: Feasible) -> Extreme:
    """The best shares of at most so many tasks: by branch and bound, or greedily with the bound of all tasks.

    `sign` is 1 where larger values are better, else -1.
    """
    whole = solve(feasible)
    if (whole.shares > NONE).sum() <= number:
        return whole
    if len(feasible.low) > EXACT or not np.isfinite(whole.bound):
        return _greedy(number, solve, feasible, whole)
    best, bound = Extreme(whole.shares, -sign * np.inf, whole.bound), -sign * np.inf  # `bound` of what was not cut off
    pending = [(np.zeros(len(feasible.low), dtype=bool), np.zeros(len(feasible.low), dtype=bool))]
    while pending:
        out, kept = pending.pop()
        if kept.sum() == number:
            out = ~kept
        reached = _solved(solve, feasible, out)
        if reached is None or sign * reached.bound <= sign * best.value + 1e-12 * abs(best.value):
            continue
        shares = np.where(reached.shares > NONE, reached.shares, 0.0)
        if np.count_nonzero(shares) <= number:
            best = reached if sign * reached.value > sign * best.value else best
            bound = sign * max(sign * bound, sign * reached.bound)
            continue
        task = int(np.argmax(np.where(kept, -1.0, shares)))
        leaving, keeping = out.copy(), kept.copy()
        leaving[task], keeping[task] = True, True
        pending += [(leaving, kept), (out, keeping)]
    if not np.isfinite(best.value):
        raise InputError(f"expected constraints that {number} tasks can keep, found that more are needed")
    return replace(best, bound=sign * max(sign * bound, sign * best.value))


def _solved(solve: Solve, feasible: Feasible, out: Mask) -> Extreme | None:
    if (out & (feasible.low > EDGE)).any():
        return None
    try:
        return solve(feasible.without(out))
    except InputError:
        return None  # no shares without these tasks


def _greedy(number: int, solve: Solve, feasible: Feasible, whole: Extreme) -> Extreme:
    """The tasks with the smallest shares are left out one by one."""
    out, reached = np.zeros(len(feasible.low), dtype=bool), whole
    while (reached.shares > NONE).sum() > number:
        removable = (reached.shares > NONE) & (feasible.low <= EDGE)
        out = out | (reached.shares <= NONE)
        if not removable.any():
            raise InputError(f"expected constraints that {number} tasks can keep, found that more have to have a share")
        out[int(np.argmin(np.where(removable, reached.shares, np.inf)))] = True
        following = _solved(solve, feasible, out)
        if following is None:
            raise InputError(
                f"expected constraints that {number} tasks can keep, found none when they are left out in turn"
            )
        reached = following
    return replace(reached, bound=whole.bound)


def _shares(names: tuple[str, ...], shares: Array) -> dict[str, float]:
    kept = np.where(shares > NONE, shares, 0.0)
    kept = kept / kept.sum()
    return {name: float(share) for name, share in zip(names, kept, strict=True) if share > 0}


def _ties(
    weights: Mapping[str, float],
    interval: tuple[float, float],
    names: tuple[str, ...],
    feasible: Feasible,
    solve: Solve,
) -> pd.DataFrame:
    """How the best mixture without each task of one would do."""
    import pandas as pd

    rows: list[tuple[object, ...]] = []
    for name in weights:
        reached = _solved(solve, feasible, np.array([other == name for other in names]))
        if reached is None:
            rows.append((name, np.nan, False, ()))
            continue
        shares = _shares(names, reached.shares)
        larger = tuple(task for task in shares if shares[task] > weights.get(task, 0.0) + 0.01)
        rows.append((name, reached.value, bool(interval[0] <= reached.value <= interval[1]), larger))
    return pd.DataFrame(rows, columns=["task", "without", "exchangeable", "instead"])
