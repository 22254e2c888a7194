"""Plans: a study as a TOML file, read with every name and value checked."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from diversity import catalog
from diversity.encoders.sentence import EMBEDDED
from diversity.training import sampling
from diversity.training.settings import PRESETS, Settings
from diversity.types import InputError, Mixture

OUTCOMES = ("mean9", "mean7", "retrieval", "mean")
ROLES = ("diverse", "homogeneous", "space", "closed", "single", "baseline")
BASELINE = "baseline"  # name of the empty mixture
RULES = tuple(r for r in sampling.RULES if r != "weights")  # weights are given with the mixture

Check = Callable[[Any], bool]


def _is(*kinds: type) -> Check:
    return lambda v: isinstance(v, kinds) and not (isinstance(v, bool) and bool not in kinds)


def _list_of(check: Check, least: int = 1) -> Check:
    return lambda v: isinstance(v, list) and len(v) >= least and all(map(check, v))


_text, _whole, _number, _table = _is(str), _is(int), _is(int, float), _is(dict)
_texts = _list_of(_text)

# What each table of a plan may hold: a check of the value, and what it says is expected.
TOP: dict[str, tuple[Check, str]] = {
    "name": (_text, "a text"),
    "model": (_text, "a text"),
    "data": (_text, "the path of a folder"),
    "targets": (_texts, "a list of targets"),
    "seeds": (_list_of(lambda v: _whole(v) and v >= 0), "a list of whole numbers of at least 0"),
    "hypothesis": (_table, "a table"),
    "train": (_table, "a table"),
    "target": (_table, "a table"),
    "predict": (_table, "a table"),
    "diversity": (_table, "a table"),
    "mixtures": (_list_of(_table), "tables [[mixtures]]"),
}
HYPOTHESIS: dict[str, tuple[Check, str]] = {"primary_metric": (_text, "a metric"), "outcome": (_text, "an outcome")}
MIXTURE: dict[str, tuple[Check, str]] = {
    "name": (_text, "a text"),
    "tasks": (
        lambda v: _list_of(_text, 0)(v) or (_table(v) and all(map(_number, v.values()))),
        "a list of tasks, or a table of their weights",
    ),
    "role": (_text, "a text"),
    "pair": (_whole, "a whole number"),
}
TRAINING: dict[str, tuple[Check, str]] = {
    "preset": (_text, "a preset"),
    **{
        f.name: (_number, "a number") if "float" in str(f.type) else (_whole, "a whole number")
        for f in fields(Settings)
    },
    **dict.fromkeys(("precision", "packing", "attention"), (_text, "a text")),
    "deterministic": (_is(bool), "true or false"),
}
TRAIN: dict[str, tuple[Check, str]] = {
    "sampling": (_text, "a sampling rule"),
    "cap": (_whole, "a whole number"),
    "temperature": (_number, "a number"),
    "mixed": (_is(bool), "true or false"),
    "split": (_text, "a split, or several in order of preference"),
    "limit": (_whole, "a whole number"),
    **{name: check for name, check in TRAINING.items() if name != "seed"},
}
TARGET = {name: TRAIN[name] for name in ("split", "limit", *TRAINING) if name != "seed"}
PREDICT: dict[str, tuple[Check, str]] = {
    "split": (_text, "a split, or several in order of preference"),
    "languages": (_texts, "a list of languages"),
    "layer": (_number, "a layer, or a share of the depth"),
    "pooling": (_text, "a way of pooling"),
}
DIVERSITY: dict[str, tuple[Check, str]] = {
    "metrics": (_texts, "a list of metrics"),
    "encoder": (_text, "an encoder"),
    "sample": (lambda v: _whole(v) and v >= 2, "a whole number of at least 2"),
    "seed": (lambda v: _whole(v) and v >= 0, "a whole number of at least 0"),
    "split": (_text, "a split, or several in order of preference"),
    "shards": (lambda v: _whole(v) and v >= 1, "a whole number of at least 1"),
}
NEEDED = ("model", "targets", "seeds", "mixtures")


@dataclass(frozen=True)
class Planned:
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
    mixtures: tuple[Planned, ...]
    data: Path | None = None
    primary_metric: str = ""
    outcome: str = ""
    train: Mapping[str, Any] = field(default_factory=dict)
    target: Mapping[str, Any] = field(default_factory=dict)
    predict: Mapping[str, Any] = field(default_factory=dict)
    diversity: Mapping[str, Any] = field(default_factory=dict)

    def settings(self, table: Literal["target", "predict"], target: str) -> dict[str, Any]:
        """The settings of a target: those that a table has for all, and its own in their place."""
        given: Mapping[str, Any] = getattr(self, table)
        shared = {name: value for name, value in given.items() if not isinstance(value, Mapping)}
        return {**shared, **given.get(target, {})}

    @property
    def tasks(self) -> tuple[str, ...]:
        """Every task of a mixture, sorted."""
        return tuple(sorted({t for m in self.mixtures for t in m.mixture.tasks}))

    @property
    def runs(self) -> int:
        """Cells of the grid: mixtures x targets x seeds."""
        return len(self.mixtures) * len(self.targets) * len(self.seeds)


def read_plan(path: Path | str) -> Plan:
    """A plan from a TOML file; raises InputError, naming the file, for whatever cannot be."""
    file = Path(path)
    try:
        content = tomllib.loads(file.read_text("utf8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{file}: expected TOML, found: {error}") from error
    try:
        return parse_plan(content, file)
    except InputError as error:
        raise InputError(f"{file}: {error}") from error


def parse_plan(content: Mapping[str, Any], file: Path) -> Plan:
    """A plan from the content of a file; paths are relative to where the file lies."""
    _checked(content, TOP, "the plan")
    if missing := [name for name in NEEDED if name not in content]:
        raise InputError(f"expected {missing[0]} in the plan, found {', '.join(content) or 'nothing'}")
    hypothesis = _checked(content.get("hypothesis", {}), HYPOTHESIS, "[hypothesis]")
    targets = _targets(content["targets"])
    train = _training(content.get("train", {}), TRAIN, "[train]")
    return Plan(
        name=content.get("name", file.stem),
        model=_model(content["model"], file),
        targets=targets,
        seeds=_once(content["seeds"], "seed"),
        mixtures=_mixtures(content["mixtures"], train),
        data=(file.parent / Path(content["data"]).expanduser()) if "data" in content else None,
        primary_metric=_metric(hypothesis.get("primary_metric", "")),
        outcome=_outcome(hypothesis.get("outcome", ""), targets),
        train=train,
        target=_target(content.get("target", {}), targets),
        predict=_predict(content.get("predict", {}), targets),
        diversity=_diversity(content.get("diversity", {})),
    )


def _checked(table: Mapping[str, Any], known: Mapping[str, tuple[Check, str]], where: str) -> dict[str, Any]:
    """The table, each name known and each value of its kind."""
    for name, value in table.items():
        if name not in known:
            raise catalog.near(name, list(known), f"setting of {where}")
        check, expected = known[name]
        if not check(value):
            raise InputError(f"expected {name} in {where} to be {expected}, found {value!r}")
    return dict(table)


def _once(values: Sequence[Any], what: str) -> tuple[Any, ...]:
    if repeated := [v for i, v in enumerate(values) if v in values[:i]]:
        raise InputError(f"expected each {what} once, found {repeated[0]!r} twice")
    return tuple(values)


def _model(model: str, file: Path) -> str:
    """A folder beside the plan by its path, anything else as it stands."""
    folder = file.parent / Path(model).expanduser()
    return str(folder) if model not in EMBEDDED and folder.is_dir() else model


def _targets(names: Sequence[str]) -> tuple[str, ...]:
    for name in names:
        if catalog.task(name).role != "target":
            raise InputError(f"expected targets, found {name}, which is an intermediate task")
    return _once(names, "target")


def _metric(printed: str) -> str:
    if not printed:
        return ""
    metric, options = catalog.parse_metric(printed)
    return metric.printed(**options)


def _outcome(outcome: str, targets: Sequence[str]) -> str:
    if outcome and outcome not in (*OUTCOMES, *targets):
        raise catalog.near(outcome, [*OUTCOMES, *targets], "outcome")
    return outcome


def _training(table: Mapping[str, Any], known: Mapping[str, tuple[Check, str]], where: str) -> dict[str, Any]:
    found = _checked(table, known, where)
    if (preset := found.get("preset")) is not None and preset not in PRESETS:
        raise catalog.near(preset, sorted(PRESETS), f"preset in {where}")
    if (rule := found.get("sampling")) is not None and rule not in RULES:
        raise catalog.near(rule, list(RULES), f"sampling rule in {where}")
    try:
        Settings(**{n: v for n, v in found.items() if n in TRAINING and n != "preset"})
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return found


def _target(table: Mapping[str, Any], targets: Sequence[str]) -> dict[str, Any]:
    """Settings for all targets, and in tables of their own those for one: `[target.xnli]`."""
    own, rest = _own(table, targets, "[target]")
    shared = _training(rest, TARGET, "[target]")
    return {**shared, **{name: _training(value, TARGET, f"[target.{name}]") for name, value in own.items()}}


def _own(table: Mapping[str, Any], targets: Sequence[str], where: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables of single targets, and the rest."""
    own = {name: value for name, value in table.items() if isinstance(value, Mapping)}
    for name in own:
        if name not in targets:
            raise catalog.near(name, list(targets), f"target of {where}")
    return own, {name: value for name, value in table.items() if name not in own}


def _predict(table: Mapping[str, Any], targets: Sequence[str]) -> dict[str, Any]:
    """What is predicted of all targets, and in tables of their own of one: `[predict.xquad]`."""
    own, rest = _own(table, targets, "[predict]")
    shared = _languages(_checked(rest, PREDICT, "[predict]"), targets, "the targets")
    return {**shared, **{n: _languages(_checked(v, PREDICT, f"[predict.{n}]"), [n], n) for n, v in own.items()}}


def _languages(table: dict[str, Any], targets: Sequence[str], whose: str) -> dict[str, Any]:
    known = sorted({language for name in targets for language in catalog.task(name).languages})
    for language in table.get("languages", ()):
        if language not in known:
            raise catalog.near(language, known, f"language of {whose}")
    return table


def _diversity(table: Mapping[str, Any]) -> dict[str, Any]:
    found = _checked(table, DIVERSITY, "[diversity]")
    return {**found, "metrics": [_metric(m) for m in found["metrics"]]} if "metrics" in found else found


def _mixtures(tables: Sequence[Mapping[str, Any]], train: Mapping[str, Any]) -> tuple[Planned, ...]:
    planned = []
    for place, table in enumerate(tables, start=1):
        found = _checked(table, MIXTURE, f"mixture {place}")
        if "tasks" not in found:
            raise InputError(f"expected tasks in mixture {place}, found {', '.join(found) or 'nothing'}")
        if (role := found.get("role", "")) and role not in ROLES:
            raise catalog.near(role, list(ROLES), f"role of mixture {place}")
        for name in found["tasks"]:
            _trainable(name, place)
        weighted = isinstance(found["tasks"], dict)
        settings = {"sampling": "weights" if weighted else train.get("sampling", "uniform"), "budget": _budget(train)}
        label = found.get("name", "" if found["tasks"] else BASELINE)
        planned.append(Planned(Mixture.of(found["tasks"], label, **settings), role, found.get("pair")))
    _once([p.mixture.name for p in planned], "mixture")
    return tuple(planned)


def _trainable(name: str, place: int) -> None:
    task = catalog.task(name)
    if "train" not in task.splits:
        raise InputError(f"expected tasks to train on in mixture {place}, found {name}, which has no training data")


def _budget(train: Mapping[str, Any]) -> int | None:
    """Examples that each mixture is trained on, where the plan fixes them."""
    if "examples" in train:
        return int(train["examples"])
    preset = PRESETS.get(train.get("preset", ""), {}).get("intermediate", Settings())
    return int(train["steps"]) * int(train.get("batch", preset.batch)) if "steps" in train else None
