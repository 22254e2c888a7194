"""Plans: a study as a TOML file, read with every name and value checked."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from diversity import catalog
from diversity.encoders.hidden_states import SentenceVectors
from diversity.encoders.registry import EMBEDDED
from diversity.planning.choice import BASELINE, RULES, outcome_of, printed_metric, role_of, targets_of
from diversity.planning.tables import TableName, checked
from diversity.stats.declared import Declared
from diversity.training.settings import PRESETS, Settings, preset, setting_types
from diversity.types import InputError, Mixture, Rule, Sampling, missing_file

NEEDED = ("model", "targets", "seeds", "mixtures")
DRAWN = ("cap", "temperature", "mixed")  # numbers of a sampling rule


@dataclass(frozen=True)
class PlannedMixture:
    """A mixture of a plan, its role in the comparison, and the number of the matched pair that it belongs to."""

    mixture: Mixture
    role: str = ""
    pair: int | None = None


@dataclass(frozen=True)
class Plan:
    """A study: mixtures x targets x seeds, and the settings of each kind of stage as they stand in the file."""

    name: str
    model: str
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    mixtures: tuple[PlannedMixture, ...]
    data: Path | None = None
    declared: Declared = field(default_factory=Declared)
    train: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    predict: Mapping[str, Any] = field(default_factory=dict)
    diversity: Mapping[str, Any] = field(default_factory=dict)
    include: tuple[Path, ...] = ()  # folders of tasks and metrics of one's own
    threads: int | None = (
        None  # of each process, where the plan fixes them: the tables are then the same on any machine
    )

    def settings(self, table: Literal["target", "predict"], target: str) -> dict[str, Any]:
        """The settings of a target: those that a table has for all, and its own in their place."""
        given: Mapping[str, Any] = getattr(self, table)
        shared = {name: value for name, value in given.items() if not isinstance(value, Mapping)}
        chosen = {**shared, **given.get(target, {})}
        return {name: value for name, value in chosen.items() if name != "seeds"}

    def seeds_of(self, target: str) -> tuple[int, ...]:
        """The seeds of a target: those that `[target.NAME]` has, by default all of the plan."""
        return tuple(self.target.get(target, {}).get("seeds", self.seeds))

    @property
    def primary_metric(self) -> str:
        """The metric that the plan declares, '' for none."""
        return self.declared.metric

    @property
    def outcome(self) -> str:
        """The outcome that the plan declares, '' for none."""
        return self.declared.outcome

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task of a mixture, sorted."""
        return tuple(sorted({t for m in self.mixtures for t in m.mixture.tasks}))

    @property
    def runs(self) -> int:
        """Cells of the grid: mixtures x seeds of each target."""
        return len(self.mixtures) * sum(len(self.seeds_of(target)) for target in self.targets)


def read_plan(path: Path | str) -> Plan:
    """A plan from a TOML file.

    Parameters
    ----------
    path
        A TOML file.

    Returns
    -------
    Plan
        The plan, checked.

    Raises
    ------
    InputError
        Naming the file, for whatever cannot be.

    Examples
    --------
    >>> read_plan("analyses/grid/plan.toml").targets
    ('xnli', 'udpos', 'xquad', 'tatoeba')
    """
    file = Path(path)
    if not file.exists():
        raise missing_file(file, "a plan")
    try:
        content = tomllib.loads(file.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{file}: expected TOML, found: {error}") from error
    try:
        return parse_plan(content, file)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def parse_plan(content: Mapping[str, Any], file: Path) -> Plan:
    """A plan from the content of a file; paths are relative to where the file lies. What it includes is included here."""
    checked(content, "plan", "the plan")
    if missing := [name for name in NEEDED if name not in content]:
        raise InputError(f"expected {missing[0]} in the plan, found {', '.join(content) or 'nothing'}")
    include = tuple(file.parent / Path(folder).expanduser() for folder in content.get("include", ()))
    catalog.include(*include)
    hypothesis = checked(content.get("hypothesis", {}), "hypothesis")
    targets = targets_of(content["targets"])
    train = _training(content.get("train", {}), "train", "[train]")
    model = content["model"]
    beside = file.parent / Path(model).expanduser()  # a folder beside the plan goes by its path
    plan = Plan(
        name=content.get("name", file.stem),
        model=str(beside) if model not in EMBEDDED and beside.is_dir() else model,
        targets=targets,
        seeds=_each_once(content["seeds"], "seed"),
        mixtures=_mixtures(content["mixtures"], train),
        data=(file.parent / Path(content["data"]).expanduser()) if "data" in content else None,
        declared=_declared(hypothesis, targets),
        train=train,
        target=_target(content.get("target", {}), targets, content["seeds"]),
        predict=_predict(content.get("predict", {}), targets),
        diversity=_diversity(content.get("diversity", {})),
        include=include,
        threads=content.get("threads"),
    )
    check_layers(plan)
    return plan


def _declared(table: Mapping[str, Any], targets: Sequence[str]) -> Declared:
    """What the table [hypothesis] declares."""
    rest = {name: value for name, value in table.items() if name not in ("primary_metric", "outcome")}
    metric = _from_moments(printed_metric(table.get("primary_metric", "")), "[hypothesis]")
    return Declared(metric=metric, outcome=outcome_of(table.get("outcome", ""), targets), **rest)


def check_layers(plan: Plan) -> None:
    """Raise InputError where the model, as far as its files say so, has not the layer that a retrieval target asks for."""
    for target in plan.targets:
        if catalog.task(target).kind == "retrieval":
            layer = plan.settings("predict", target).get("layer")
            if layer is not None:
                SentenceVectors.at(layer).check_model(plan.model)


def _each_once(values: Sequence[Any], noun: str) -> tuple[Any, ...]:
    if repeated := [v for i, v in enumerate(values) if v in values[:i]]:
        raise InputError(f"expected each {noun} once, found {repeated[0]!r} twice")
    return tuple(values)


def _from_moments(metric: str, where: str) -> str:
    """A metric that a grid can compute, which has neither texts nor a reference; raises InputError for another."""
    takes = catalog.parse_metric(metric)[0].takes if metric else "rows"
    if takes in ("texts", "reference", "reference_texts"):
        raise InputError(
            f"expected metrics of vectors in {where}, found {metric}, which takes {takes.replace('_', ' ')}"
        )
    return metric


def _training(values: Mapping[str, Any], table: TableName, where: str) -> dict[str, Any]:
    """The settings of training in a table, each of which could be trained with."""
    known = checked(values, table, where)
    if (preset := known.get("preset")) is not None and preset not in PRESETS:
        raise catalog.near(preset, sorted(PRESETS), f"preset in {where}")
    if (rule := known.get("sampling")) is not None and rule not in RULES:
        raise catalog.near(rule, list(RULES), f"sampling rule in {where}")
    try:
        Settings.of(**{name: value for name, value in known.items() if name in setting_types()})
        Sampling(known.get("sampling", "uniform"), **{n: known[n] for n in DRAWN if n in known})
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return known


def _target(table: Mapping[str, Any], targets: Sequence[str], seeds: Sequence[int]) -> dict[str, Any]:
    """Settings for all targets, and in tables of their own those for one: `[target.xnli]`."""
    single, shared = _by_target(table, targets, "[target]")
    if "seeds" in shared:
        raise InputError("expected seeds of a target in its own table, [target.NAME], found them in [target]")
    for name, values in single.items():
        for seed in _each_once(checked(values, "target", f"[target.{name}]").get("seeds", ()), f"seed of {name}"):
            if seed not in seeds:
                raise InputError(f"expected seeds of {name} among {', '.join(map(str, seeds))}, found {seed}")
    tables = {name: _training(values, "target", f"[target.{name}]") for name, values in single.items()}
    return {**_training(shared, "target", "[target]"), **tables}


def _by_target(
    table: Mapping[str, Any], targets: Sequence[str], where: str
) -> tuple[dict[str, Mapping[str, Any]], dict[str, Any]]:
    """The tables of single targets, and the settings that all share."""
    single = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    for name in single:
        if name not in targets:
            raise catalog.near(name, list(targets), f"target of {where}")
    return single, {name: value for name, value in table.items() if name not in single}


def _predict(table: Mapping[str, Any], targets: Sequence[str]) -> dict[str, Any]:
    """What is predicted of all targets, and in tables of their own of one: `[predict.xquad]`."""
    single, shared = _by_target(table, targets, "[predict]")
    tables = {n: _languages(checked(v, "predict", f"[predict.{n}]"), [n], n) for n, v in single.items()}
    return {**_languages(checked(shared, "predict"), targets, "the targets"), **tables}


def _languages(table: dict[str, Any], targets: Sequence[str], whose: str) -> dict[str, Any]:
    known = sorted({language for name in targets for language in catalog.task(name).languages})
    for language in _each_once(table.get("languages", ()), "language"):
        if language not in known:
            raise catalog.near(language, known, f"language of {whose}")
    return table


def _diversity(table: Mapping[str, Any]) -> dict[str, Any]:
    known = checked(table, "diversity")
    if "metrics" not in known:
        return known
    metrics = [_from_moments(printed_metric(m), "[diversity]") for m in known["metrics"]]
    if repeated := [m for m in metrics if metrics.count(m) > 1]:
        raise InputError(f"expected each metric of [diversity] once, found {repeated[0]} twice")
    return {**known, "metrics": metrics}


def _mixtures(tables: Sequence[Mapping[str, Any]], train: Mapping[str, Any]) -> tuple[PlannedMixture, ...]:
    budget: int | None = None  # examples that each mixture is trained on, where the plan fixes them
    if "examples" in train:
        budget = int(train["examples"])
    elif "steps" in train:
        batch = preset(train.get("preset", "phang2020")).optimisation.batch_size
        budget = int(train["steps"]) * int(train.get("batch_size", train.get("batch", batch)))
    planned = []
    for place, table in enumerate(tables, start=1):
        where = f"mixture {place}"
        known = checked(table, "mixture", where)
        if "tasks" not in known:
            raise InputError(f"expected tasks in {where}, found {', '.join(known) or 'nothing'}")
        role = role_of(known.get("role", ""), where)
        for name in known["tasks"]:
            if "train" not in catalog.task(name).splits:
                raise InputError(f"expected tasks to train on in {where}, found {name}, which has no training data")
            if isinstance(known["tasks"], Mapping) and not known["tasks"][name] > 0:
                weight = f"{known['tasks'][name]:g} for {name}"
                raise InputError(f"expected weights above 0 in {where}, found {weight}: leave it out")
        rule: Rule = "weights" if isinstance(known["tasks"], dict) else train.get("sampling", "uniform")
        sampling = Sampling(rule, **{n: train[n] for n in DRAWN if n in train})
        label = known.get("name", "" if known["tasks"] else BASELINE)
        mixture = Mixture.of(known["tasks"], label, sampling=sampling, budget=budget)
        planned.append(PlannedMixture(mixture, role, known.get("pair")))
    _each_once([p.mixture.name for p in planned], "mixture")
    return tuple(planned)
