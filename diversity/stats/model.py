"""The primary model of a study: the slope of diversity, its interval and its p-values, and who is held responsible.

Diversity grows with the number of tasks, and so may accuracy; relabelling tasks keeps that number. So the effect is one
within mixtures of the same size: a mean for each size in a design that is closed under relabelling, a linear term of
the number of tasks in any other.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from diversity.stats import permutation
from diversity.stats.multimembership import Slopes, basis, slopes
from diversity.stats.study import covariate
from diversity.stats.tables import Study
from diversity.types import Array, InputError

Verdict = Literal["positive", "negative", "not established"]


@dataclass(frozen=True)
class Design:
    """Fixed effects (M, c) of a study, and what can be tested in it."""

    fixed: Array
    closed: bool
    terms: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Estimate:
    """Slope per standard deviation of diversity with its 95 % interval, by the primary test.

    `p` is that test's p-value: exact task labels where the design is closed, else REML. `p_permutation` is nan where
    labels cannot be permuted. `method` says which is primary.
    """

    slope: float
    low: float
    high: float
    p: float
    p_permutation: float
    p_reml: float
    method: str
    reml: Slopes


def standardised(x: Array) -> Array:
    """Diversity (M,) in standard deviations of the mixtures."""
    return np.asarray((x - x.mean()) / x.std(ddof=1))


def design(made: Study, covariates: Sequence[str] = ()) -> Design:
    """Fixed effects: size where it varies and diversity is no function of it, and covariates by name."""
    closed, terms, notes = made.closed, list(covariates), []
    fixed = np.ones((len(made.x), 1))
    if len(set(made.k)) > 1 or (closed and permutation.orbits(made.weights).max() > 0):
        group = permutation.orbits(made.weights)
        means = np.asarray((group[:, None] == np.arange(group.max() + 1)).astype(float))
        size = means if closed else np.column_stack([fixed, made.k])
        if _varies(made.x, size):
            fixed, terms = size, ["size" if closed else "k", *terms]
        else:
            closed = False
            notes.append(
                f"{made.metric} is a function of the number of tasks, so nothing is left to relabel or adjust for"
            )
    for name in covariates:
        column = covariate(made, name)
        if np.ptp(column) <= 1e-12 * max(1e-300, float(np.abs(column).max())):
            notes.append(f"the covariate {name} is the same for all mixtures")
        fixed = np.column_stack([fixed, (column - column.mean()) / (column.std() or 1.0)])
    if not _varies(made.x, fixed):
        raise InputError(
            f"expected {made.metric} to be more than a linear function of {', '.join(terms)}, found that it is one"
        )
    return Design(fixed, closed, tuple(terms), tuple(notes))


def _varies(x: Array, fixed: Array) -> bool:
    q = basis(fixed)
    centred = x - x.mean()
    return float(np.linalg.norm(centred - q @ (q.T @ centred))) > 1e-7 * float(np.linalg.norm(centred))


def estimate(
    made: Study,
    laid: Design,
    *,
    z: Array | None = None,
    permutations: int = 10_000,
    alpha: float = 0.05,
    rng: np.random.Generator | None = None,
) -> Estimate:
    """The slope of the outcome on diversity `z` (M,), by default in standard deviations, under a design."""
    z = standardised(made.x) if z is None else z
    fitted = slopes(made.weights, z, made.y, laid.fixed)
    low, high = (float(end[0]) for end in fitted.interval(1 - alpha))
    p_reml = float(fitted.p()[0])
    if not laid.closed:
        return Estimate(float(fitted.slope[0]), low, high, p_reml, math.nan, p_reml, "multi-membership REML", fitted)
    if set(laid.terms) <= {"size"}:
        test = permutation.label_test(made.weights, z, made.y, permutations, rng)
        p, (low, high) = float(test.p()[0]), (float(end[0]) for end in test.interval(alpha))
        method = "task-label permutation" + ("" if test.exact else " (drawn)")
        return Estimate(float(test.slope[0]), low, high, p, p, p_reml, method, fitted)
    p = permutation.freedman_lane(made.weights, z, made.y, laid.fixed, permutations, rng)
    return Estimate(float(fitted.slope[0]), low, high, p, p, p_reml, "Freedman-Lane permutation (approximate)", fitted)


def verdict(found: Estimate, against_members: Estimate | None, alpha: float = 0.05) -> Verdict:
    """Established where the primary test rejects, and, where it can be asked, also given the members' single scores.

    With `against_members`, the slope given the mean of the members' single-task outcomes must have the same sign and
    reject as well: a mixture's accuracy is mostly the mean of its members'.
    """
    held = [found] if against_members is None else [found, against_members]
    if all(e.p <= alpha and e.slope * found.slope > 0 for e in held):
        return "positive" if found.slope > 0 else "negative"
    return "not established"


def against_members(
    made: Study,
    *,
    z: Array,
    covariates: Sequence[str] = (),
    permutations: int = 10_000,
    rng: np.random.Generator | None = None,
) -> tuple[Estimate | None, str]:
    """The slope among mixtures of several tasks given the mean of their members' single outcomes; or why there is none."""
    if "single_mean" in covariates:
        return None, "the members' single-task outcomes are among the covariates"
    if not np.isfinite(made.single_mean).all():
        return (
            None,
            "not every task was trained alone, so the effect is not held against the members' single-task outcomes",
        )
    several = made.k > 1
    if not several.any():
        return (
            None,
            "each mixture is one task: its diversity is that of its texts, and there are no members to compare with",
        )
    from dataclasses import replace

    part = replace(made.some(several), columns=made.columns[several].assign(single_mean=made.single_mean[several]))
    try:
        laid = design(part, [*covariates, "single_mean"])
        return estimate(part, laid, z=z[several], permutations=permutations, rng=rng), ""
    except InputError as error:
        return None, f"the effect cannot be held against the members' single-task outcomes: {error}"
