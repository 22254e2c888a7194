"""`design`: the mixtures of an experiment, what they can show, and the plan that says so before anything is trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from diversity import catalog, store
from diversity.data import sources
from diversity.display.summary import Shown, Summary
from diversity.encoders import registry
from diversity.planning import confounders, selection, toml, words
from diversity.planning.choice import (
    BASELINE,
    SD_NOISE,
    SD_PAIR,
    SD_TASK,
    Assumptions,
    Choice,
    Hypothesis,
    Scheme,
    Training,
    scheme_of,
)  # fmt: skip
from diversity.planning.costs import Costs, costs_of, measured_rate
from diversity.scoring import score
from diversity.scoring.embedded import EmbeddedTask, EmbeddedTasks
from diversity.scoring.given import Given, Tasks
from diversity.scoring.mixtures import weights_of
from diversity.types import Array, InputError, Mixture, Rows

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.trials import Spread
    from diversity.types import Encoder

SPLITS = "train,dev,test"
LEAST = "minimum detectable slope"  # of the table of power


@dataclass(frozen=True, repr=False)
class Design(Shown):
    """Mixtures chosen before anything is trained, and what is known of them.

    `mixtures`: columns `mixture, tasks, k, role, pair`, the diversity under its metric's name, and the covariates.
    `balance`: diversity beside its confounders. `power`: `quantity, value, meaning`. `choice` is what else the plan
    declares, `costs` the trainings. `notes` say what was assumed or is not known. `curve`: how often the verdict shows a
    `slope` (per standard deviation of diversity), its `power`; empty where the design gets no test.
    """

    mixtures: pd.DataFrame
    balance: pd.DataFrame
    power: pd.DataFrame
    choice: Choice
    costs: Costs
    notes: tuple[str, ...]
    curve: pd.DataFrame

    @property
    def least(self) -> float:
        """The smallest slope that the verdict shows with 80 % power, in points; nan where the design gets no test."""
        return float(self.power.set_index("quantity")["value"][LEAST])

    @property
    def card(self) -> Summary:
        """What a reader sees first."""
        return words.card(self)

    @property
    def metric(self) -> str:
        """The primary metric: the name of its column of `mixtures`."""
        return self.choice.metric

    @property
    def runs(self) -> Mapping[str, int]:
        """Numbers of trainings by kind, `intermediate` and `target`, and of `cells`."""
        return self.costs.runs

    @property
    def examples(self) -> int:
        """Examples that all trainings see."""
        return self.costs.examples

    @property
    def hours(self) -> float | None:
        """Hours of training; None without a rate."""
        return self.costs.hours

    @property
    def plan(self) -> str:
        """The plan as commented TOML."""
        return toml.plan_text(self, "study")

    def write(self, path: Path | str) -> Path:
        """Write the plan to a TOML file, named by it; returns its path."""
        return store.write(Path(path), toml.plan_text(self, Path(path).stem))

    def to_frame(self) -> pd.DataFrame:
        """The mixtures, a row each."""
        return self.mixtures

    def to_dict(self) -> dict[str, object]:
        """The numbers of the design by name, for JSON: what is not finite is None."""
        quantities = zip(self.power["quantity"], self.power["value"], strict=True)
        return {
            "metric": self.metric,
            "outcome": self.choice.hypothesis.outcome,
            "targets": list(self.choice.targets),
            "mixtures": {str(role): int(n) for role, n in self.mixtures["role"].value_counts(sort=False).items()},
            "power": {str(name): float(v) if math.isfinite(v) else None for name, v in quantities},
            "runs": dict(self.runs),
            "examples": self.examples,
            "hours": self.hours,
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class Candidates:
    """Every mixture that could be chosen: weights (M, T) over `names`, diversity (M,) and covariates, a row each."""

    names: tuple[str, ...]
    weights: Array
    diversity: Array
    covariates: pd.DataFrame

    @property
    def k(self) -> Array:
        """The number of tasks of each mixture, (M,)."""
        return np.asarray((self.weights > 0).sum(axis=1))

    def mixture(self, row: int) -> Mixture:
        """The mixture of a row."""
        return _mixture(self.weights[row], self.names)


class Chosen(NamedTuple):
    """A candidate that was chosen: its row, its role in the comparison, and the number of its pair."""

    row: int
    role: str
    pair: int | None = None


def design(
    tasks: Tasks = (),
    *,
    size: Sequence[int] | int = 3,
    scheme: Scheme = "matched",
    mixtures: int = 8,
    hypothesis: Hypothesis | None = None,
    training: Training | None = None,
    assumptions: Assumptions | None = None,
    data: Rows | Path | str | None = None,
    encoder: Encoder | str = registry.DEFAULT,
    seed: int = 0,
) -> Design:
    """Choose the mixtures of an experiment, and say what it can show.

    `scheme` matched: `mixtures` pairs of a diverse and a homogeneous mixture of `size` tasks each, alike in size, budget,
    mean single-task strength (from a table of results, where given), format, size, length and likeness to the
    targets. `space-filling`: `mixtures` of `size` tasks whose diversity fills its range evenly, balanced against the same.
    `closed`: all mixtures of `size` tasks, which may be several numbers: permuting the tasks' labels is then an exact
    test. Single tasks and the empty baseline are always in.

    Tasks (default: all intermediate ones) are measured from `data` by the `encoder`, or taken from the shipped moments; files
    and texts of your own are given as in `score`; or they are EmbeddedTasks. The `hypothesis` (metric, outcome, targets) is
    declared in the plan; `training` says how models are trained, and for how long; `assumptions` are what power is
    simulated with.

    Parameters
    ----------
    tasks
        Names of tasks; files of your own (`"news=news.csv:headline"`) beside them; texts by the name of their set
        (`{"reviews": texts}`); or tasks that are embedded already. Default: all intermediate tasks.
    size
        Tasks of each mixture; several numbers for a closed set.
    scheme
        `matched` pairs, `space-filling`, or `closed`: all mixtures of k tasks.
    mixtures
        Number of pairs, or of mixtures of an even spread.
    hypothesis
        Metric, outcome and targets, declared in the plan.
    training
        How models are trained, and for how long.
    assumptions
        What power is simulated with: spread of tasks, noise, results of an earlier study.
    data
        Folder of the tasks' data, or `Rows` that say which of its rows. Without it, the shipped moments are used.
    encoder
        Sentence encoder: a name, or any object with `name` and `encode`. Default: all-MiniLM-L6-v2.
    seed
        Seed of all chance here.

    Returns
    -------
    Design
        Mixtures, balance, power, runs, and the plan as text.

    Raises
    ------
    InputError
        For names, numbers and designs that cannot be.

    Examples
    --------
    >>> study = design(["mnli", "qqp", "squad_v1", "ccg"], size=2, scheme="closed", hypothesis=Hypothesis(targets=("xnli",)))
    >>> study.mixtures["role"].value_counts().to_dict()
    {'closed': 6, 'single': 4, 'baseline': 1}
    """
    scheme = scheme_of(scheme)
    rows = data if isinstance(data, Rows) else Rows.of(data, split=SPLITS, limit=catalog.SAMPLE, seed=seed)
    folder = None if rows.folder is None else str(rows.folder)
    choice = Choice((hypothesis or Hypothesis()).resolved(), training or Training(), folder)
    assumed = assumptions or Assumptions()
    notes = list[str]()
    space = tasks if isinstance(tasks, EmbeddedTasks) else _embedded(tasks or catalog.intermediate(), rows, encoder)
    notes += [f"{name}: {t.provenance['note']}" for name, t in space.tasks.items() if t.provenance.get("note")]
    targets = _measured_targets(choice.targets, space, rows, encoder)
    if unknown := [t for t in choice.targets if t not in targets]:
        why = "there are no English texts of them" if folder else "that needs --data"
        notes.append(f"likeness to {', '.join(unknown)} is not known: {why}")
    strength = _strength(assumed, space.stacked.names, choice.hypothesis.outcome, notes)
    candidates = _candidates(space, size, choice.metric, targets, strength)
    table = _table(candidates, _chosen(scheme, mixtures, candidates, np.random.default_rng(seed)), choice.metric)
    balance = _balance(table, choice.metric)
    spread = _spread(assumed, strength, choice, notes)
    power, curve = _power(table, candidates.names, choice.metric, spread, assumed.draws, seed)
    notes.append(_test(table, candidates.names))
    costs = _costs(table, space.stacked.names, choice, notes)
    notes += [
        *words.shared_rows(table), *words.one_sided(table), *words.unlike(balance),
        *words.not_described(space.stacked.names),
    ]  # fmt: skip
    if costs.hours is None:
        notes.append("hours are known with a rate: --rate, or --measure-rate")
    return Design(table, balance, power, choice, costs, tuple(notes), curve)


# --- What is known of the tasks ----------------------------------------------------------------------


def _embedded(tasks: Sequence[str] | Mapping[str, Iterable[str]], rows: Rows, encoder: Encoder | str) -> EmbeddedTasks:
    """Tasks measured from the data, files or texts that are given, or from the shipped moments."""
    (space,) = Given.of(tasks).embedded([encoder], rows)
    return space


def _measured_targets(
    targets: Sequence[str], space: EmbeddedTasks, rows: Rows, encoder: Encoder | str
) -> Mapping[str, EmbeddedTask]:
    """The English texts of the targets: from the data, or those of a task of the space that is their training set."""
    if rows.folder is not None:
        readable = [t for t in targets if _has_english(t, rows, rows.folder)]
        return _embedded(readable, rows, encoder).tasks if readable else {}
    measured: dict[str, EmbeddedTask] = {}
    for name in targets:
        train = catalog.task(name).splits.get("train")
        same = [t for t in space.tasks if t in catalog.names("tasks") and catalog.task(t).splits.get("train") == train]
        if train is not None and same:
            measured[name] = space.tasks[same[0]]
    return measured


def _has_english(target: str, rows: Rows, folder: Path) -> bool:
    """Has a target English rows in the data? Those of retrieval stand with the other language's."""
    task = catalog.task(target)
    return any(sources.find(task, folder, split, "en") for split in rows.splits if split in task.splits)


def _strength(assumed: Assumptions, names: Sequence[str], outcome: str, notes: list[str]) -> dict[str, float] | None:
    """The outcome of each task trained on alone, from a table of results."""
    if assumed.results is None:
        notes.append("strength of the single tasks is not known without --results: mixtures are not matched in it")
        return None
    from diversity.studies import outcomes

    results = outcomes.read_outcomes(assumed.results)
    by_target = results.cells.T.groupby(level="target").mean().T
    wanted = outcomes.targets_of(outcome, [str(t) for t in by_target.columns])
    means = by_target[list(wanted)].mean(axis=1)
    alone = {tasks[0]: float(means[m]) for m, shares in results.shares.items() if len(tasks := list(shares)) == 1}
    if missing := [n for n in names if n not in alone]:
        raise InputError(f"expected the results to have each task alone, found none of {', '.join(missing)}")
    return {n: alone[n] for n in names}


# --- The mixtures ------------------------------------------------------------------------------------


def _candidates(
    space: EmbeddedTasks,
    k: Sequence[int] | int,
    metric: str,
    targets: Mapping[str, EmbeddedTask],
    strength: Mapping[str, float] | None,
) -> Candidates:
    """Every mixture of k tasks (one size or several), and the single tasks (last)."""
    sizes = [k] if isinstance(k, int) else sorted(set(k))
    if not sizes or min(sizes) < 2:
        raise InputError(f"expected a size of at least 2 (single tasks are always in), found {k}")
    names = space.stacked.names
    weights = np.concatenate([selection.subsets(len(names), size) for size in (*sizes, 1)])
    mixtures = [_mixture(row, names) for row in weights]
    scores = score.score(space, mixtures=mixtures, metrics=[metric], intervals=False)
    covariates = confounders.covariates(weights, space, targets, strength)
    return Candidates(names, weights, scores["value"].to_numpy(float), covariates)


def _mixture(weights: Array, names: Sequence[str]) -> Mixture:
    return Mixture.of({n: float(w) for n, w in zip(names, weights, strict=True) if w > 0})


def _chosen(scheme: Scheme, number: int, candidates: Candidates, rng: np.random.Generator) -> list[Chosen]:
    """The mixtures of a scheme, and every single task."""
    several = np.flatnonzero(candidates.k > 1)
    sizes = sorted({int(k) for k in candidates.k[several]})
    if scheme != "closed" and len(sizes) > 1:
        raise InputError(f"expected one size for the scheme {scheme}, found {', '.join(map(str, sizes))}")
    diversity, weights = candidates.diversity[several], candidates.weights[several]
    covariates = candidates.covariates.to_numpy(float)[several]
    if scheme == "closed":
        chosen = [Chosen(int(row), "closed") for row in several]
    elif scheme == "space-filling":
        rows = several[selection.spread(diversity, covariates, weights, number, rng)]
        chosen = [Chosen(int(row), "space-filling") for row in rows]
    else:
        importance = confounders.importance([str(c) for c in candidates.covariates])
        pairs = several[selection.matched(diversity, covariates, importance, number, weights)]
        chosen = [
            Chosen(int(row), role, pair)
            for pair, rows in enumerate(pairs, start=1)
            for row, role in zip(rows, ("diverse", "homogeneous"), strict=True)
        ]
    return [*chosen, *(Chosen(int(row), "single") for row in np.flatnonzero(candidates.k == 1))]


def _table(candidates: Candidates, chosen: Sequence[Chosen], metric: str) -> pd.DataFrame:
    """The chosen mixtures with their diversity and covariates, and the baseline (last)."""
    import pandas as pd

    mixtures, rows = [candidates.mixture(c.row) for c in chosen], [c.row for c in chosen]
    table = pd.DataFrame(
        {
            "mixture": [*(m.name for m in mixtures), BASELINE],
            "tasks": [*(m.tasks for m in mixtures), ()],
            "k": [*(len(m.tasks) for m in mixtures), 0],
            "role": [*(c.role for c in chosen), "baseline"],
            "pair": pd.array([*(c.pair for c in chosen), None], dtype="Int64"),
            metric: [*candidates.diversity[rows], math.nan],
        }
    )
    return table.join(candidates.covariates.iloc[rows].reset_index(drop=True))


def _balance(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """How diversity goes with its confounders, among the mixtures of several tasks."""
    several = table[table["k"] > 1]
    covariates = several.drop(columns=["mixture", "tasks", "k", "role", "pair", metric])
    return confounders.balance(several[metric].to_numpy(float), covariates, list(several["role"]))


# --- What it can show, and what it costs -------------------------------------------------------------


def _spread(assumed: Assumptions, strength: Mapping[str, float] | None, choice: Choice, notes: list[str]) -> Spread:
    """Standard deviations for the simulation, and a note of what was assumed; those of seeds are averaged over the seeds."""
    from diversity.stats.trials import Spread

    sd_task, sd_pair, sd_noise = assumed.sd_task, assumed.sd_pair, assumed.sd_noise
    if sd_task is None and strength is not None and len(strength) > 1:
        sd_task = float(np.std(list(strength.values()), ddof=1))
        notes.append(f"sd between tasks from the results: {sd_task:.3g}")
    elif sd_task is None:
        sd_task = SD_TASK
        notes.append("power in standard deviations between tasks, which is 1 (no results were given)")
    if sd_pair is None:
        sd_pair = SD_PAIR * sd_task
        notes.append(
            f"what two tasks are worth together assumed to be {SD_PAIR} of the sd between tasks: {sd_pair:.3g}"
        )
    if sd_noise is None:
        sd_noise = SD_NOISE * sd_task
        notes.append(f"noise of one mixture assumed to be {SD_NOISE} of the sd between tasks: {sd_noise:.3g}")
    sd_seed, seeds = _sd_seed(assumed, choice.hypothesis.outcome, notes), choice.training.seeds
    return Spread(sd_task, sd_pair, math.hypot(sd_noise, sd_seed / math.sqrt(seeds)))


def _sd_seed(assumed: Assumptions, outcome: str, notes: list[str]) -> float:
    """The standard deviation between seeds: given, from results with several seeds, or 0 with a note."""
    if assumed.sd_seed is not None:
        return assumed.sd_seed
    if assumed.results is not None:
        from diversity.stats import reliability
        from diversity.studies import outcomes

        runs = outcomes.read_outcomes(assumed.results).runs
        targets = outcomes.targets_of(outcome, list(dict.fromkeys(runs["target"])))
        variance, _ = reliability.between_seeds(runs, targets)
        if math.isfinite(variance):
            notes.append(f"sd between seeds from the results: {math.sqrt(variance):.3g}")
            return math.sqrt(variance)
    notes.append("the sd between seeds is not known and taken as 0: --sd-seed, or results with several seeds")
    return 0.0


def _trained(table: pd.DataFrame, names: Sequence[str]) -> tuple[pd.DataFrame, Array]:
    """The mixtures that are trained on something, and their weights (M, T)."""
    trained = table[table["k"] > 0]
    return trained, weights_of([Mixture.of(list(tasks)) for tasks in trained["tasks"]], names)


def _by_diversity(table: pd.DataFrame) -> bool:
    return not table["role"].isin(("closed", "single", "baseline")).all()


def _test(table: pd.DataFrame, names: Sequence[str]) -> str:
    """The test that `fit` will give these mixtures, for a note."""
    from diversity.stats import power

    choice = power.promised(_trained(table, names)[1], chosen_by_diversity=_by_diversity(table))
    if choice.test == "none":
        return f"fit will give these mixtures no verdict: {choice.why}"
    return f"fit will test these mixtures by {choice.name}"


def _power(
    table: pd.DataFrame, names: Sequence[str], metric: str, spread: Spread, draws: int, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the mixtures can show, those of several tasks and with the single ones; and how often each slope is shown."""
    import pandas as pd

    from diversity.stats import power
    from diversity.studies.study import sd_within

    trained, weights = _trained(table, names)
    scores, several = trained[metric].to_numpy(float), (trained["k"] > 1).to_numpy()
    n, rng = int(several.sum()), np.random.default_rng(seed)
    effective = power.effective_sample_size(weights[several], scores[several], spread)
    chosen = _by_diversity(table)
    tried = power.detection_curve(weights, scores, spread, chosen_by_diversity=chosen, draws=draws, rng=rng)
    unit = f"points of outcome per sd of diversity within sizes ({sd_within(scores, weights):.4g}), 80 % power"
    rows = [
        ("tasks", len(names), "the units that chance is over"),
        ("mixtures of several tasks", n, "the naive sample size"),
        ("effective sample size", effective, "independent mixtures that the ordinary slope is worth: they share tasks"),
        ("critical |r|", power.critical_r(n), "of as many independent points, for p < .05"),
        ("detectable |r|", power.detectable_r(n), "of as many independent points, with 80 % power"),
        (LEAST, power.least_of(tried), unit),
    ]
    if pairs := _pairs(trained):
        difference = power.detectable_difference(weights, pairs, spread, draws=draws, rng=rng)
        meaning = "points of outcome, diverse less homogeneous, that compare shows, 80 % power"
        rows.append(("minimum detectable difference", difference, meaning))
    curve = pd.DataFrame(sorted(tried or ()), columns=["slope", "power"]).drop_duplicates("slope")
    return pd.DataFrame(rows, columns=["quantity", "value", "meaning"]), curve


def _pairs(trained: pd.DataFrame) -> list[tuple[int, int]]:
    """The rows of the diverse and the homogeneous mixture of each pair."""
    sides = trained.reset_index(drop=True).groupby("pair")
    return [
        (rows.index[rows["role"] == "diverse"][0], rows.index[rows["role"] == "homogeneous"][0]) for _, rows in sides
    ]


def _costs(table: pd.DataFrame, names: Sequence[str], choice: Choice, notes: list[str]) -> Costs:
    """The costs, at the given rate or at one that is measured."""
    rate = choice.training.rate
    if choice.training.measure_rate and rate is None:
        rate = measured_rate(names, choice)
        notes.append(f"measured here: {rate:,.1f} examples a second")
    return costs_of(table, choice, rate)
