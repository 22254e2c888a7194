"""`design`: the mixtures of an experiment, what they can show, and the plan that says so before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diversity import catalog
from diversity.data import sources
from diversity.encoders import sentence
from diversity.planning import confounders, costs, selection, toml
from diversity.planning.plans import BASELINE, OUTCOMES, RULES
from diversity.scoring import score
from diversity.scoring.embedded import EmbeddedTask, EmbeddedTasks, load_moments, measure
from diversity.scoring.mixtures import weights_of
from diversity.training.settings import PRESETS
from diversity.types import Array, InputError, Mixture

if TYPE_CHECKING:
    import pandas as pd

Scheme = Literal["matched", "space", "closed"]
SCHEMES: tuple[Scheme, ...] = ("matched", "space", "closed")
SPLITS = "train,dev,test"
PRIMARY = "vendi_beta(q=2)"
SD_TASK, SD_NOISE = 1.0, 0.25  # between tasks and of one mixture, where no results say


@dataclass(frozen=True)
class Design:
    """Mixtures chosen before anything is trained, and what is known of them.

    `mixtures`: columns `mixture, tasks, k, role, pair`, the diversity under its metric's name, and the covariates.
    `balance`: how diversity goes with its confounders. `power`: `quantity, value, meaning`. `stages` are numbers of
    training runs by kind, `examples` those that they train on, `hours` an estimate, None without a rate. `plan` is the
    content of the TOML file. `notes` say what was assumed or could not be had.
    """

    mixtures: pd.DataFrame
    balance: pd.DataFrame
    power: pd.DataFrame
    runs: Mapping[str, int]
    examples: int
    hours: float | None
    plan: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Choice:
    """What a study is to be: everything that the plan declares besides the mixtures."""

    name: str
    metric: str
    outcome: str
    targets: tuple[str, ...]
    seeds: int
    budget: int
    model: str
    sampling: str
    preset: str
    data: str | None


def design(
    tasks: Sequence[str] | EmbeddedTasks = (),
    *,
    k: Sequence[int] | int = 3,
    scheme: Scheme = "matched",
    mixtures: int = 8,
    metric: str = PRIMARY,
    outcome: str = "",
    targets: Sequence[str] = (),
    seeds: int = 3,
    budget: int = 100_000,
    model: str = sentence.DEFAULT,
    sampling: str = "uniform",
    preset: str = "phang2020",
    data: Path | str | None = None,
    results: pd.DataFrame | Path | str | None = None,
    rate: float | None = None,
    measure_rate: bool = False,
    sd_task: float | None = None,
    sd_noise: float | None = None,
    draws: int = 400,
    seed: int = 0,
    name: str = "study",
    **source: Any,
) -> Design:
    """Choose the mixtures of an experiment, say what it can show, and write its plan.

    `scheme` matched: `mixtures` pairs of a diverse and a homogeneous mixture of `k` tasks each, alike in k, budget,
    mean single-task strength (from a table of `results`, where given), format, size, length and likeness to the
    targets. `space`: `mixtures` of k tasks whose diversity fills its range evenly, balanced against the same. `closed`:
    all mixtures of k tasks (k may be several numbers), for which permuting the tasks' labels is an exact test. Single
    tasks and the empty baseline are always in.

    Tasks (default: all intermediate ones) are measured from `data`, or taken from the shipped moments, or are EmbeddedTasks.
    `metric` and `outcome` (default: mean9 where all nine targets are in, else their mean) are declared in the plan.
    `budget` is the examples each mixture is trained on, `rate` the examples trained a second, for the hours;
    `measure_rate` takes that of some steps on this machine, from `data`. Power is simulated with effects of tasks of
    `sd_task` and noise of `sd_noise`, by default from the results, else 1 and 0.25.
    Raises InputError for names, numbers and designs that cannot be.

    >>> made = design(["mnli", "qqp", "squad_v1", "ccg"], k=2, scheme="closed", targets=["xnli"], draws=20)
    >>> made.mixtures["role"].value_counts().to_dict()
    {'closed': 6, 'single': 4, 'baseline': 1}
    """
    targets = tuple(targets) or tuple(n for n in catalog.names("tasks") if catalog.task(n).role == "target")
    choice = Choice(
        name, _printed(metric), _outcome(outcome, targets), targets, seeds, budget, model, sampling, preset,
        None if data is None else str(data),
    )  # fmt: skip
    _check(choice, scheme, rate)
    notes = list[str]()
    space = _space(tasks, data, seed, source)
    known = _measured_targets(targets, space, data, seed, source, notes)
    strength = _strength(results, space.stacked.names, choice.outcome, notes)
    weights, diversity, columns = _candidates(space, _sizes(k), choice.metric, known, strength)
    chosen = _chosen(scheme, mixtures, weights, diversity, columns, np.random.default_rng(seed))
    table = _table(space, weights, diversity, columns, chosen, choice.metric)
    measured = table[table["role"].isin(("diverse", "homogeneous", "space", "closed"))]
    covariates = measured.drop(columns=["mixture", "tasks", "k", "role", "pair", choice.metric])
    balance = confounders.balance(measured[choice.metric].to_numpy(float), covariates, list(measured["role"]))
    spread = _spread(sd_task, sd_noise, strength, notes)
    power = _power(table, space.stacked.names, choice.metric, spread, draws, np.random.default_rng(seed))
    runs, examples = costs.work(table, choice)
    if measure_rate and rate is None:
        rate = costs.measured_rate(space.stacked.names, choice)
        notes.append(f"measured here: {rate:,.1f} examples a second")
    hours = None if rate is None else examples / rate / 3600
    notes += (
        _overlaps(table)
        + _one_sided(table)
        + ([] if hours is not None else ["hours are known with a rate: --rate, or --measure"])
    )
    plan = toml.toml(choice, table, balance, power, runs, examples, hours, notes)
    return Design(table, balance, power, runs, examples, hours, plan, tuple(notes))


# --- What is asked for -------------------------------------------------------------------------------


def _printed(metric: str) -> str:
    found, options = catalog.parse_metric(metric)
    return found.printed(**options)


def _outcome(outcome: str, targets: Sequence[str]) -> str:
    nine = [n for n in catalog.names("tasks") if catalog.task(n).role == "target"]
    if not outcome:
        return "mean9" if set(nine) <= set(targets) else targets[0] if len(targets) == 1 else "mean"
    if outcome not in (*OUTCOMES, *targets):
        raise catalog.near(outcome, [*OUTCOMES, *targets], "outcome")
    return outcome


def _check(choice: Choice, scheme: str, rate: float | None) -> None:
    for name, value, known in (
        ("scheme", scheme, SCHEMES),
        ("sampling rule", choice.sampling, RULES),
        ("preset", choice.preset, tuple(PRESETS)),
    ):
        if value not in known:
            raise catalog.near(value, list(known), name)
    for name, number in (("seeds", choice.seeds), ("budget", choice.budget)):
        if number < 1:
            raise InputError(f"expected {name} of at least 1, found {number}")
    if rate is not None and not 0 < rate < math.inf:
        raise InputError(f"expected a rate above 0 examples a second, found {rate:g}")
    for target in choice.targets:
        if catalog.task(target).role != "target":
            raise InputError(f"expected targets, found {target}, which is an intermediate task")


def _sizes(k: Sequence[int] | int) -> list[int]:
    sizes = [k] if isinstance(k, int) else sorted(set(k))
    if not sizes or min(sizes) < 2:
        raise InputError(f"expected k of at least 2 (single tasks are always in), found {k}")
    return sizes


# --- What is known of the tasks ----------------------------------------------------------------------


def _space(
    tasks: Sequence[str] | EmbeddedTasks, data: Path | str | None, seed: int, source: Mapping[str, Any]
) -> EmbeddedTasks:
    if isinstance(tasks, EmbeddedTasks):
        return tasks
    names = list(tasks) or catalog.intermediate()
    if len(set(names)) < len(names):
        raise InputError(f"expected each task once, found {', '.join(names)}")
    return _read(names, data, seed, source) if data else load_moments(sorted(names), **source)


def _read(names: Sequence[str], data: Path | str, seed: int, source: Mapping[str, Any]) -> EmbeddedTasks:
    return measure(sorted(names), data=data, seed=seed, **{"split": SPLITS, "sample": catalog.SAMPLE, **source})


def _measured_targets(
    targets: Sequence[str],
    space: EmbeddedTasks,
    data: Path | str | None,
    seed: int,
    source: Mapping[str, Any],
    notes: list[str],
) -> dict[str, EmbeddedTask]:
    """The English texts of the targets: from the data, or those of a task of the space that they are trained on."""
    found: dict[str, EmbeddedTask] = {}
    if data and (here := [t for t in targets if _english(t, data)]):
        found |= _read(here, data, seed, source).tasks
    for name in () if data else targets:
        own = catalog.task(name).splits.get("train")
        same = [t for t in space.tasks if t in catalog.names("tasks") and catalog.task(t).splits.get("train") == own]
        if own is not None and same:
            found[name] = space.tasks[same[0]]
    if missing := [t for t in targets if t not in found]:
        why = "there are no English texts of them" if data else "that needs --data"
        notes.append(f"likeness to {', '.join(missing)} is not known: {why}")
    return found


def _english(target: str, data: Path | str) -> bool:
    """Has a target English rows here? Those of retrieval stand with the other language's."""
    task = catalog.task(target)
    return any(sources.find(task, data, s, "en") for s in SPLITS.split(",") if s in task.splits)


def _strength(
    results: pd.DataFrame | Path | str | None, names: Sequence[str], outcome: str, notes: list[str]
) -> dict[str, float] | None:
    """The outcome of each task trained on alone, from a table of results."""
    if results is None:
        notes.append("strength of the single tasks is not known without --results: mixtures are not matched in it")
        return None
    from diversity.stats import tables

    made = tables.outcomes_of(results)
    by_target = made.cells.T.groupby(level="target").mean().T
    wanted = tables.targets_of(outcome, [str(t) for t in by_target.columns])
    means = by_target[list(wanted)].mean(axis=1)
    found = {tasks[0]: float(means[m]) for m, shares in made.shares.items() if len(tasks := list(shares)) == 1}
    if missing := [n for n in names if n not in found]:
        raise InputError(f"expected the results to have each task alone, found none of {', '.join(missing)}")
    return {n: found[n] for n in names}


# --- The design --------------------------------------------------------------------------------------


def _candidates(
    space: EmbeddedTasks,
    sizes: Sequence[int],
    metric: str,
    targets: Mapping[str, EmbeddedTask],
    strength: Mapping[str, float] | None,
) -> tuple[Array, Array, pd.DataFrame]:
    """Weights, diversity and covariates of every mixture of these sizes, and of the single tasks (last)."""
    number = len(space.stacked.names)
    weights = np.concatenate([*(selection.subsets(number, k) for k in sizes), selection.subsets(number, 1)])
    made = [_mixture(row, space.stacked.names) for row in weights]
    scores = score.score(space, mixtures=made, metrics=[metric], intervals=False)
    return weights, scores["value"].to_numpy(float), confounders.covariates(weights, space, targets, strength)


def _mixture(weights: Array, names: Sequence[str]) -> Mixture:
    return Mixture.of({n: float(w) for n, w in zip(names, weights, strict=True) if w > 0})


def _chosen(
    scheme: Scheme, number: int, weights: Array, diversity: Array, columns: pd.DataFrame, rng: np.random.Generator
) -> list[tuple[int, str, int | None]]:
    """Of each mixture chosen: its row, its role and its pair."""
    singles = np.flatnonzero((weights > 0).sum(axis=1) == 1)
    many = np.flatnonzero((weights > 0).sum(axis=1) > 1)
    table = columns.to_numpy(float)
    found: list[tuple[int, str, int | None]] = []
    sizes = sorted({int(n) for n in (weights[many] > 0).sum(axis=1)})
    if scheme != "closed" and len(sizes) > 1:
        raise InputError(f"expected one k for the scheme {scheme}, found {', '.join(map(str, sizes))}")
    if scheme == "closed":
        found = [(int(i), "closed", None) for i in many]
    elif scheme == "space":
        picked = selection.spread(diversity[many], table[many], weights[many], number, rng)
        found = [(int(many[i]), "space", None) for i in picked]
    else:
        weight = confounders.importance([str(c) for c in columns])
        pairs = selection.matched(diversity[many], table[many], weight, number, weights[many])
        for pair, (one, other) in enumerate(pairs, start=1):
            found += [(int(many[one]), "diverse", pair), (int(many[other]), "homogeneous", pair)]
    return [*found, *((int(i), "single", None) for i in singles)]


def _table(
    space: EmbeddedTasks,
    weights: Array,
    diversity: Array,
    columns: pd.DataFrame,
    chosen: Sequence[tuple[int, str, int | None]],
    metric: str,
) -> pd.DataFrame:
    import pandas as pd

    made = [_mixture(weights[row], space.stacked.names) for row, *_ in chosen]
    rows = [row for row, *_ in chosen]
    table = pd.DataFrame(
        {
            "mixture": [*(m.name for m in made), BASELINE],
            "tasks": [*(m.tasks for m in made), ()],
            "k": [*(len(m.tasks) for m in made), 0],
            "role": [*(role for _, role, _ in chosen), "baseline"],
            "pair": pd.array([*(pair for *_, pair in chosen), None], dtype="Int64"),
            metric: [*diversity[rows], math.nan],
        }
    )
    return table.join(columns.iloc[rows].reset_index(drop=True))


def _spread(
    sd_task: float | None, sd_noise: float | None, strength: Mapping[str, float] | None, notes: list[str]
) -> dict[str, float]:
    """Standard deviations for the simulation, and a note of what was assumed."""
    if sd_task is None and strength is not None and len(strength) > 1:
        sd_task = float(np.std(list(strength.values()), ddof=1))
        notes.append(f"sd between tasks from the results: {sd_task:.3g}")
    elif sd_task is None:
        sd_task = SD_TASK
        notes.append("power in standard deviations between tasks, which is 1 (no results were given)")
    if sd_noise is None:
        sd_noise = SD_NOISE * sd_task
        notes.append(f"noise of one mixture assumed to be {SD_NOISE} of the sd between tasks: {sd_noise:.3g}")
    for name, value in (("task", sd_task), ("noise", sd_noise)):
        if not 0 <= value < math.inf:
            raise InputError(f"expected a standard deviation of {name} of at least 0, found {value:g}")
    return {"sd_task": sd_task, "sd_noise": sd_noise}


def _power(
    table: pd.DataFrame,
    names: Sequence[str],
    metric: str,
    spread: Mapping[str, Any],
    draws: int,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """What the mixtures can show: correlations over those of several tasks, the slope with the single tasks besides."""
    import pandas as pd

    from diversity.stats import power

    trained = table[table["k"] > 0]
    weights = weights_of([Mixture.of(list(tasks)) for tasks in trained["tasks"]], names)
    scores, several = trained[metric].to_numpy(float), (trained["k"] > 1).to_numpy()
    n = int(several.sum())
    effective = power.effective_sample_size(weights[several], scores[several], **spread)
    least = power.minimum_detectable(weights, scores, **spread, draws=draws, rng=rng)
    rows = [
        ("tasks", len(names), "the units that chance is over"),
        ("mixtures of several tasks", n, "the naive sample size"),
        ("effective sample size", effective, "independent mixtures that the ordinary slope is worth: they share tasks"),
        ("critical |r|", power.critical_r(n), "of as many independent points, for p < .05"),
        ("detectable |r|", power.detectable_r(n), "of as many independent points, with 80 % power"),
        (
            "minimum detectable slope",
            least,
            f"points of outcome per sd of diversity ({np.std(scores, ddof=1):.4g}), 80 % power",
        ),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "meaning"])


def _overlaps(table: pd.DataFrame) -> list[str]:
    """Mixtures whose tasks share rows."""
    found = []
    for name, tasks in zip(table["mixture"], table["tasks"], strict=True):
        known = [t for t in tasks if t in catalog.names("tasks")]
        found += [f"{name}: {a} contains {b}" for a in known for b in catalog.task(a).contains if b in known]
    return found


def _one_sided(table: pd.DataFrame) -> list[str]:
    """Tasks whose own effect could be taken for that of diversity: on one side of most of the matched pairs."""
    sides = [table.loc[table["role"] == role, "tasks"] for role in ("diverse", "homogeneous")]
    names = sorted({task for side in sides for tasks in side for task in tasks})
    found = []
    for name in names:
        one, other = (sum(name in tasks for tasks in side) for side in sides)
        if 2 * abs(one - other) > len(sides[0]):
            found.append(f"{name} is in {one} diverse and {other} homogeneous mixtures: its own effect is confounded")
    return found
