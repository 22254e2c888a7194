"""Outcomes with an effect that is known, and how often the verdict shows it.

Before there are results, outcomes are simulated from what is assumed of them. With results, they are what a study found: less
its slope they hold all that tasks, pairs of tasks and chance do there. Where task labels are permuted, the tasks exchange
their texts, an effect of the diversity that this gives is added, and the test has to find it; nothing is assumed of
tasks and noise. Where the test is the parametric bootstrap, outcomes are drawn from the model that it fits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from diversity.stats.interactions import Components, at_components, pair_shares
from diversity.stats.multimembership import contrasts
from diversity.stats.permutation import Partialled, Relabelled, label_test
from diversity.studies.weights import Index
from diversity.types import Array, InputError

RELABELLINGS = 299  # of a simulated verdict
DRAWS = 299  # of the bootstrap of a simulated verdict
Judge = Callable[[Array, Index], tuple[Array, Array]]
"""Of outcomes (M, d), which are those of some trials (d,): p-values (d,), and above 0 where the slope has its true sign."""


@dataclass(frozen=True)
class Spread:
    """Standard deviations of an outcome, in its units.

    `task` is that of the tasks' effects, `pair` that of what two tasks of equal shares are worth together beyond these,
    `noise` that of one mixture's rest.
    """

    task: float
    pair: float = 0.0
    noise: float = 0.0

    def covariance(self, weights: Array) -> Array:
        """The covariance (M, M) of the outcomes of mixtures with weights (M, T)."""
        pairs = pair_shares(weights)
        shared = self.task**2 * weights @ weights.T + self.pair**2 * pairs @ pairs.T
        return np.asarray(shared + self.noise**2 * np.eye(len(weights)))

    def outcomes(self, weights: Array, draws: int, rng: np.random.Generator) -> Array:
        """Simulated outcomes (M, draws) under no relation to diversity, all effects normal."""
        pairs = pair_shares(weights)
        of_tasks = weights @ rng.normal(0, self.task, (weights.shape[1], draws))
        of_pairs = pairs @ rng.normal(0, self.pair, (pairs.shape[1], draws))
        return np.asarray(of_tasks + of_pairs + rng.normal(0, self.noise, (len(weights), draws)))


@dataclass(frozen=True)
class Trials:
    """D outcomes without a relation to diversity, what one unit of slope adds to each, and the tests that must find it.

    `none` is (M, D), `effect` likewise, or (M, 1) where it is the same.
    """

    none: Array
    effect: Array
    tests: tuple[Judge, ...]

    def shown(self, slope: float, alpha: float) -> float:
        """The share of the outcomes for which every test finds that slope, and its sign."""
        outcomes = self.none + slope * self.effect
        left = np.arange(outcomes.shape[1])
        for test in self.tests:
            if len(left):
                p, sign = test(outcomes[:, left], left)
                left = left[(p <= alpha) & (sign > 0)]
        return float(len(left) / outcomes.shape[1])


def never(outcomes: Array, _: Index) -> tuple[Array, Array]:
    """The test of a question that a design cannot answer: it rejects nothing."""
    return np.ones(outcomes.shape[1]), np.zeros(outcomes.shape[1])


def by_labels(relabelled: Relabelled | Partialled, fixed: Array, truths: Index | None = None) -> Judge:
    """Permuting labels, given fixed effects (M, c).

    The effects are of diversity as it is, or of that which the relabellings `truths` (D,) give.
    """
    try:
        contrasts(relabelled.weights, fixed)
    except InputError:
        return never

    def test(outcomes: Array, of: Index) -> tuple[Array, Array]:
        tested = label_test(relabelled, outcomes, fixed)
        return (tested.p(), tested.sign) if truths is None else tested.of_labelling(truths[of])

    return test


def by_bootstrap(components: Components, rng: np.random.Generator) -> Judge:
    """The parametric bootstrap of a design; what it simulates at one point serves all outcomes."""

    def test(outcomes: Array, _: Index) -> tuple[Array, Array]:
        fitted = at_components(components, outcomes, draws=DRAWS, rng=rng)
        return fitted.p(), np.sign(fitted.slope)

    return test


def bootstraps(weights: Array, z: Array, fixed: Sequence[Array], rng: np.random.Generator) -> tuple[Judge, ...]:
    """The bootstrap of diversity `z` (M,) given each of some fixed effects (M, c)."""
    tests = []
    for given in fixed:
        try:
            tests.append(by_bootstrap(Components.of(weights, z, given), rng))
        except InputError:
            tests.append(never)
    return tuple(tests)


def dealt(
    relabelled: Relabelled | Partialled,
    outcomes: Array,
    fixed: Sequence[Array],
    *,
    draws: int,
    rng: np.random.Generator,
) -> Trials:
    """The outcomes (M,) of a study less its slope, whose tasks exchange their texts: of each way an effect of either sign.

    An effect below 0 is one above 0 on the outcomes with their sign changed, which the tests take alike.
    """
    few = relabelled.fewer(RELABELLINGS, rng)
    diversity = np.concatenate(list(few.chunks()))
    half = draws // 2
    chosen = np.arange(len(diversity)) if len(diversity) <= half else rng.choice(len(diversity), half, replace=False)
    truths, none = np.tile(chosen, 2), np.outer(outcomes, np.repeat([1.0, -1.0], len(chosen)))
    return Trials(none, diversity[truths].T, tuple(by_labels(few, given, truths) for given in fixed))


def drawn(
    weights: Array, z: Array, outcomes: Array, fixed: Sequence[Array], *, draws: int, rng: np.random.Generator
) -> Trials:
    """Outcomes drawn from the model of tasks, pairs and noise that REML fits to those (M,) of a study.

    The first of the fixed effects (M, c) are the model's. Raises InputError as `Components.of` does.
    """
    components = Components.of(weights, z, fixed[0])
    y = components.contrasts.T @ outcomes[:, None]
    point, variance = components.noise(components.of_x[0] @ y, components.squares(y))
    noise = components.factor[point[0]] @ rng.normal(0, np.sqrt(variance[0]), (components.n, draws))
    tests = (by_bootstrap(components, rng), *bootstraps(weights, z, fixed[1:], rng))
    return Trials(components.contrasts @ noise, z[:, None], tests)
