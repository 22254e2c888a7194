"""What a study is to be, as objects: its hypothesis, how its models are trained, and what is assumed of the outcome."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from diversity import catalog
from diversity.encoders import registry
from diversity.training.settings import PRESETS
from diversity.types import RULES as ALL_RULES
from diversity.types import InputError, check_list

if TYPE_CHECKING:
    import pandas as pd

OUTCOMES = ("mean9", "mean7", "retrieval", "mean")
ROLES = ("diverse", "homogeneous", "space-filling", "closed", "single", "baseline")
BASELINE = "baseline"  # name of the empty mixture
RULES = tuple(r for r in ALL_RULES if r != "weights")  # weights are given with the mixture
PRIMARY = "vendi_beta(q=2)"
MOST_SEEDS, MOST_DRAWS = 1000, 100_000  # a slip of the keyboard must not fill the memory
SD_TASK = 1.0  # between tasks, where no results say
SD_PAIR, SD_NOISE = 0.25, 0.1  # of pairs of tasks and of one mixture, in sd between tasks: as analyses/study has them

Scheme = Literal["matched", "space-filling", "closed"]
SCHEMES: tuple[Scheme, ...] = ("matched", "space-filling", "closed")
OLD_SPELLINGS = {"space": "space-filling"}  # of the scheme and of the role


def scheme_of(name: str) -> Scheme:
    """The scheme of that name; raises InputError with near matches.

    >>> scheme_of("space")
    'space-filling'
    """
    spelled = OLD_SPELLINGS.get(name, name)
    for scheme in SCHEMES:
        if scheme == spelled:
            return scheme
    raise catalog.near(name, list(SCHEMES), "scheme")


def role_of(name: str, where: str) -> str:
    """A mixture's role in the comparison, '' for none; raises InputError with near matches, naming the place."""
    role = OLD_SPELLINGS.get(name, name)
    if role and role not in ROLES:
        raise catalog.near(role, list(ROLES), f"role of {where}")
    return role


def targets_of(names: Sequence[str]) -> tuple[str, ...]:
    """The targets of those names, each once; raises InputError for any other task."""
    check_list(names, "targets")
    for name in names:
        if catalog.task(name).role != "target":
            raise InputError(f"expected targets, found {name}, which is an intermediate task")
    if repeated := [name for i, name in enumerate(names) if name in names[:i]]:
        raise InputError(f"expected each target once, found {repeated[0]!r} twice")
    return tuple(names)


def outcome_of(name: str, targets: Sequence[str]) -> str:
    """The outcome of that name, '' for none; raises InputError with near matches."""
    known = [*OUTCOMES, *targets]
    if name and name not in known:
        raise catalog.near(name, known, "outcome")
    return name


def printed_metric(name: str) -> str:
    """A metric as it is printed, with its options; '' stays ''.

    >>> printed_metric("vendi")
    'vendi(q=1)'
    """
    if not name:
        return ""
    metric, options = catalog.parse_metric(name)
    return metric.printed(**options)


@dataclass(frozen=True)
class Hypothesis:
    """What is declared before anything is trained: one metric of diversity, one outcome, on which targets.

    `targets`: none are all of XTREME. `outcome`: mean9, mean7, retrieval, mean, or a target; the empty one is mean9 where
    all nine targets are in, the target where there is one, else the mean of them.
    """

    metric: str = PRIMARY
    outcome: str = ""
    targets: tuple[str, ...] = ()

    def resolved(self) -> Hypothesis:
        """The same with its defaults filled in; raises InputError for unknown names."""
        nine = tuple(catalog.targets("xtreme"))
        targets = targets_of(self.targets or nine)
        default = "mean9" if set(nine) <= set(targets) else targets[0] if len(targets) == 1 else "mean"
        outcome = outcome_of(self.outcome, targets) or default
        return replace(self, metric=printed_metric(self.metric), outcome=outcome, targets=targets)


@dataclass(frozen=True)
class Training:
    """How the models of a study are trained.

    `budget` is the examples that each mixture is trained on, `seeds` the number of repetitions, `rate` the examples
    trained a second, for the hours; `measure_rate` takes that of some steps on this machine. Raises InputError for
    values that cannot be.
    """

    model: str = registry.MINI
    budget: int = 100_000
    seeds: int = 3
    sampling: str = "uniform"
    preset: str = "phang2020"
    rate: float | None = None
    measure_rate: bool = False

    def __post_init__(self) -> None:
        if self.sampling not in RULES:
            raise catalog.near(self.sampling, list(RULES), "sampling rule")
        if self.preset not in PRESETS:
            raise catalog.near(self.preset, sorted(PRESETS), "preset")
        for name, number in (("seeds", self.seeds), ("budget", self.budget)):
            if number < 1:
                raise InputError(f"expected {name} of at least 1, found {number}")
        if self.seeds > MOST_SEEDS:
            raise InputError(f"expected at most {MOST_SEEDS:,} seeds, found {self.seeds}")
        if self.rate is not None and not 0 < self.rate < math.inf:
            raise InputError(f"expected a rate above 0 examples a second, found {self.rate:g}")


@dataclass(frozen=True)
class Assumptions:
    """What is known or assumed of the outcome: what mixtures are matched in, and what power is simulated with.

    `results` has each task trained on alone: the strength of the tasks, and the spread between them. `sd_task` is the
    standard deviation of the tasks' effects on the outcome, by default from the results, else 1; `sd_pair` that of what two
    tasks are worth together beyond these, `sd_noise` that of one mixture besides, in points; by default a quarter and a
    tenth of `sd_task`. `sd_seed` is that between seeds of one mixture, which seeds average out; by
    default from the results where they have several, else 0. `draws` are those of the simulation.
    """

    results: pd.DataFrame | Path | str | None = None
    sd_task: float | None = None
    sd_pair: float | None = None
    sd_noise: float | None = None
    draws: int = 400
    sd_seed: float | None = None

    def __post_init__(self) -> None:
        given = {"task": self.sd_task, "pair": self.sd_pair, "noise": self.sd_noise, "seeds": self.sd_seed}
        for name, value in given.items():
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"expected a standard deviation of {name} of at least 0, found {value:g}")
        if not 1 <= self.draws <= MOST_DRAWS:
            raise InputError(f"expected 1 to {MOST_DRAWS:,} draws of the simulation, found {self.draws}")


@dataclass(frozen=True)
class Choice:
    """Everything that a plan declares besides its mixtures."""

    hypothesis: Hypothesis
    training: Training
    data: str | None = None

    @property
    def metric(self) -> str:
        """The primary metric, as it is printed."""
        return self.hypothesis.metric

    @property
    def targets(self) -> tuple[str, ...]:
        """The targets."""
        return self.hypothesis.targets
