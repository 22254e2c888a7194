"""A mixture of tasks, and in what proportions they are sampled."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

from diversity.types.errors import InputError, unknown_name_error

Rule = Literal["proportional", "examples-proportional", "temperature", "uniform", "weights"]
RULES: tuple[Rule, ...] = get_args(Rule)
CAP = 2**17  # of examples-proportional sampling


@dataclass(frozen=True)
class Sampling:
    """In what proportions the tasks of a mixture are sampled, and whether a batch may hold several of them (`mixed`).

    The share of a task is proportional to its size n (`proportional`), to min(n, cap) with a cap of 2^17 unless one is
    given (`examples-proportional`), to min(n, cap)^(1 / temperature), without a cap unless one is given (`temperature`), to
    1 (`uniform`), or to its `weights`.

    Source: Raffel et al. 2020 (JMLR 21:140), section 3.5.2; the cap is that of Phang et al. 2020.

    Raises InputError for an unknown rule, a cap below 1, a temperature that is not above 0, and wrong weights.
    """

    rule: Rule = "examples-proportional"
    cap: int | None = None
    temperature: float = 2.0
    weights: Mapping[str, float] | None = field(default=None, hash=False)
    mixed: bool = False

    def __post_init__(self) -> None:
        """Check what is given."""
        if self.rule not in RULES:
            raise unknown_name_error(self.rule, RULES, "sampling rule")
        if self.cap is not None and self.cap < 1:
            raise InputError(f"expected a cap of at least 1 example, found {self.cap}")
        if not 0 < self.temperature < math.inf:
            raise InputError(f"expected a temperature above 0, found {self.temperature}")
        for name, weight in (self.weights or {}).items():
            if not 0 <= weight < math.inf:
                raise InputError(f"expected finite weights of at least 0, found {weight:g} for {name}")
        if self.weights and not max(self.weights.values()) > 0:
            raise InputError("expected a weight above 0 for at least one task of the mixture, found only zeros")

    @property
    def size_dependent(self) -> bool:
        """Whether the shares depend on the sizes of the tasks."""
        return self.rule not in ("uniform", "weights")

    def shares(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """The share of each task of these sizes; they sum to 1. InputError for an empty task, and weights of other tasks.

        >>> Sampling("uniform").shares({"mnli": 400_000, "csqa": 10_000})
        {'mnli': 0.5, 'csqa': 0.5}
        >>> Sampling("temperature", temperature=2).shares({"a": 400, "b": 100})["a"]
        0.6666666666666666
        """
        if empty := [t for t, n in sizes.items() if n < 1]:
            raise InputError(f"{empty[0]}: expected rows to train on, found none")
        raw = dict.fromkeys(sizes, 1.0)
        if self.rule == "weights":
            if not self.weights or set(self.weights) != set(sizes):
                given = ", ".join(sorted(self.weights or {})) or "none"
                raise InputError(f"expected weights of {', '.join(sorted(sizes))}, found {given}")
            most = max(self.weights.values())
            raw = {t: self.weights[t] / most for t in sizes}  # so that the sum of huge weights is finite
        elif self.size_dependent:
            cap = self.cap or (CAP if self.rule == "examples-proportional" else None)
            power = 1 / self.temperature if self.rule == "temperature" else 1.0
            largest = max(sizes.values(), default=1)
            raw = {t: (min(n, cap or n) / largest) ** power for t, n in sizes.items()}
        total = sum(raw.values())
        return {t: r / total for t, r in raw.items()}


@dataclass(frozen=True)
class Mixture:
    """A set of tasks, sorted by name, how they are sampled, and how many examples are trained on (`budget`).

    The empty mixture is the baseline. `recorded` are the shares of a run that is finished, where it is known.

    >>> Mixture.of({"snli": 1, "mnli": 3}).weights
    (0.75, 0.25)
    >>> Mixture.of(["squad_v1", "mnli"]).name
    'mnli+squad_v1'
    """

    tasks: tuple[str, ...]
    sampling: Sampling
    label: str = ""
    budget: int | None = None
    recorded: tuple[float, ...] | None = None

    @staticmethod
    def of(
        tasks: Sequence[str] | Mapping[str, float],
        label: str = "",
        *,
        sampling: Sampling | Rule = "weights",
        budget: int | None = None,
    ) -> Mixture:
        """A mixture of equal or given weights, or of another rule; InputError for a repeated task or impossible weights."""
        if not isinstance(tasks, Mapping) and len(set(tasks)) < len(tasks):
            repeated = min(t for t in tasks if list(tasks).count(t) > 1)
            raise InputError(f"expected each task of a mixture once, found {repeated} more than once")
        names = tuple(sorted(tasks))
        if sampling == "weights" and names and not isinstance(tasks, Mapping):  # all subsets: thousands of these
            return Mixture(names, Sampling("weights", weights=dict.fromkeys(names, 1 / len(names))), label, budget)
        drawn = sampling if isinstance(sampling, Sampling) else Sampling(sampling)
        if drawn.rule == "weights" and names:
            given = tasks if isinstance(tasks, Mapping) else drawn.weights or dict.fromkeys(names, 1.0)
            drawn = replace(drawn, weights=replace(drawn, weights=dict(given)).shares(dict.fromkeys(names, 1)))
        elif isinstance(tasks, Mapping):
            raise InputError(f"expected tasks without weights where they are sampled by {drawn.rule}, found weights")
        return Mixture(names, drawn, label, budget)

    @property
    def name(self) -> str:
        """The given name, or the sorted task names joined by `+`."""
        return self.label or "+".join(self.tasks)

    def shares(self, sizes: Mapping[str, int] | None = None) -> dict[str, float]:
        """In what proportions the tasks are trained on, scored and analysed: a share of each; they sum to 1.

        `sizes` are the numbers of training instances of the tasks; only the rules that depend on them need them. Those of a
        finished run are the ones that it recorded. Raises InputError where a rule needs sizes and has none.

        >>> Mixture.of(["mnli", "qqp"], sampling="proportional").shares({"mnli": 300, "qqp": 100})
        {'mnli': 0.75, 'qqp': 0.25}
        """
        if self.recorded is not None:
            return dict(zip(self.tasks, self.recorded, strict=True))
        if self.sampling.size_dependent and sizes is None and self.tasks:
            raise InputError(
                f"{self.name}: expected the sizes of its tasks, on which {self.sampling.rule} sampling depends, found none"
            )
        weights = self.sampling.weights or {}
        if self.sampling.rule == "weights" and weights.keys() == set(self.tasks):
            return {t: weights[t] for t in self.tasks}
        return self.sampling.shares({t: 1 if sizes is None else sizes[t] for t in self.tasks})

    @property
    def weights(self) -> tuple[float, ...]:
        """The shares in the order of the tasks; InputError where they depend on sizes."""
        return tuple(self.shares().values())

    def trained(self, shares: Mapping[str, float], budget: int | None = None) -> Mixture:
        """The same mixture with the shares, and the number of examples, that a run recorded."""
        return replace(self, recorded=tuple(shares[t] for t in self.tasks), budget=budget or self.budget)
