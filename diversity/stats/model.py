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
from diversity.stats.study import Study
from diversity.types import Array, InputError

Verdict = Literal["positive", "negative", "not established"]


@dataclass(frozen=True)
class DesignMatrix:
    """Fixed effects (M, c) of a study, and what can be tested in it."""

    fixed: Array
    closed: bool
    terms: tuple[str, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class SlopeEstimate:
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


def design_matrix(study: Study, covariates: Sequence[str] = ()) -> DesignMatrix:
    """Fixed effects: size where it varies and diversity is no function of it, and covariates by name."""
    closed, terms, notes = study.closed, list(covariates), []
    fixed = np.ones((len(study.x), 1))
    if len(set(study.k)) > 1 or (closed and permutation.orbits(study.weights).max() > 0):
        group = permutation.orbits(study.weights)
        means = np.asarray((group[:, None] == np.arange(group.max() + 1)).astype(float))
        size = means if closed else np.column_stack([fixed, study.k])
        if _varies(study.x, size):
            fixed, terms = size, ["size" if closed else "k", *terms]
        else:
            closed = False
            notes.append(
                f"{study.metric} is a function of the number of tasks, so nothing is left to relabel or adjust for"
            )
    for name in covariates:
        column = study.covariate(name)
        if np.ptp(column) <= 1e-12 * max(1e-300, float(np.abs(column).max())):
            notes.append(f"the covariate {name} is the same for all mixtures")
        fixed = np.column_stack([fixed, (column - column.mean()) / (column.std() or 1.0)])
    if not _varies(study.x, fixed):
        raise InputError(
            f"expected {study.metric} to be more than a linear function of {', '.join(terms)}, found that it is one"
        )
    return DesignMatrix(fixed, closed, tuple(terms), tuple(notes))


def _varies(x: Array, fixed: Array) -> bool:
    q = basis(fixed)
    centred = x - x.mean()
    return float(np.linalg.norm(centred - q @ (q.T @ centred))) > 1e-7 * float(np.linalg.norm(centred))


def estimate(
    study: Study,
    design: DesignMatrix,
    *,
    permutations: int = 10_000,
    alpha: float = 0.05,
    rng: np.random.Generator | None = None,
) -> SlopeEstimate:
    """The slope of the outcome on diversity, in standard deviations of the whole study, under a design."""
    fitted = slopes(study.weights, study.z, study.y, design.fixed)
    low, high = (float(end[0]) for end in fitted.interval(1 - alpha))
    p_reml = float(fitted.p()[0])
    if not design.closed:
        return SlopeEstimate(
            float(fitted.slope[0]), low, high, p_reml, math.nan, p_reml, "multi-membership REML", fitted
        )
    if set(design.terms) <= {"size"}:
        test = permutation.label_test(study.weights, study.z, study.y, permutations, rng)
        p, (low, high) = float(test.p()[0]), (float(end[0]) for end in test.interval(alpha))
        method = "task-label permutation" + ("" if test.exact else " (drawn)")
        return SlopeEstimate(float(test.slope[0]), low, high, p, p, p_reml, method, fitted)
    p = permutation.freedman_lane(study.weights, study.z, study.y, design.fixed, permutations, rng)
    return SlopeEstimate(
        float(fitted.slope[0]), low, high, p, p, p_reml, "Freedman-Lane permutation (approximate)", fitted
    )


def verdict(estimate: SlopeEstimate, against_members: SlopeEstimate | None, alpha: float = 0.05) -> Verdict:
    """Established where the primary test rejects, and, where it can be asked, also given the members' single scores.

    With `against_members`, the slope given the mean of the members' single-task outcomes must have the same sign and
    reject as well: a mixture's accuracy is mostly the mean of its members'.
    """
    both = [estimate] if against_members is None else [estimate, against_members]
    if all(e.p <= alpha and e.slope * estimate.slope > 0 for e in both):
        return "positive" if estimate.slope > 0 else "negative"
    return "not established"


def against_members(
    study: Study,
    *,
    covariates: Sequence[str] = (),
    permutations: int = 10_000,
    rng: np.random.Generator | None = None,
) -> tuple[SlopeEstimate | None, str]:
    """The slope among mixtures of several tasks given the mean of their members' single outcomes; or why there is none."""
    if "single_mean" in covariates:
        return None, "the members' single-task outcomes are among the covariates"
    if not np.isfinite(study.single_mean).all():
        return (
            None,
            "not every task was trained alone, so the effect is not held against the members' single-task outcomes",
        )
    if not (study.k > 1).any():
        return (
            None,
            "each mixture is one task: its diversity is that of its texts, and there are no members to compare with",
        )
    part = study.several_tasks()
    try:
        design = design_matrix(part, [*covariates, "single_mean"])
        return estimate(part, design, permutations=permutations, rng=rng), ""
    except InputError as error:
        return None, f"the effect cannot be held against the members' single-task outcomes: {error}"
