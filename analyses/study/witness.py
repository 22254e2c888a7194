"""The study's p-values by other means, and what other tests would say: numpy and scipy alone, no code of the toolkit.

The tasks are exchanged in every way. Each time the outcome's slope on the diversity so exchanged is taken over its standard
error, in a model where each size of mixture has a mean, and each task adds its worth in its share. p is the share of
relabellings whose slope is at least as far from 0 as the observed one.

A task's worth is a random effect, its variance estimated from the outcomes (REML), or `fixed`: whatever the outcomes say
about it is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Array = NDArray[np.float64]
BLOCK = 20_000
LARGEST = 1e9  # of the ratio of variances of tasks and noise


def p_value(members: NDArray[np.bool_], diversity: Array, outcome: Array, *, fixed: bool = False) -> float:
    """p of the outcome's slope over all relabellings of the tasks.

    `members` (mixtures, tasks) says which tasks a mixture has; the design must be closed. `diversity` and `outcome` have a
    number for each mixture.
    """
    sizes = members.sum(axis=1)
    shares = members / sizes[:, None]
    means = (sizes[:, None] == np.unique(sizes)).astype(float)
    project = without(np.column_stack([means, shares])) if fixed else given(means, shares, reml(means, shares, outcome))
    tested = []
    for exchanged in relabelled(members, diversity):
        left = project @ exchanged
        tested.append((outcome @ left) ** 2 / (exchanged * left).sum(axis=0))
    statistics = np.concatenate(tested)  # the first is of the tasks as they are
    return float(np.mean(statistics >= statistics[0] * (1 - 1e-9)))


def relabelled(members: NDArray[np.bool_], diversity: Array) -> Iterator[Array]:
    """The diversity (mixtures, some) after each exchange of the tasks; the first of all leaves them as they are."""
    bits = 1 << np.arange(members.shape[1])
    of_set = np.full(1 << members.shape[1], np.nan)
    of_set[members @ bits] = diversity
    orders = np.array(list(permutations(range(members.shape[1]))))
    for start in range(0, len(orders), BLOCK):
        exchanged = of_set[members.astype(int) @ bits[orders[start : start + BLOCK]].T]
        if np.isnan(exchanged).any():
            raise ValueError("expected a closed design, found a mixture whose tasks, exchanged, are no mixture of it")
        yield exchanged


def clustered(
    members: NDArray[np.bool_], diversity: Array, cells: Array, weights: Array, groups: NDArray[np.int_]
) -> Array:
    """|t| of a regression of all cells with errors clustered by `groups`, for every exchange of the tasks.

    `cells` (mixtures, cells) are scores of a target in a language, each cell with a weight and a group. Each size of mixture
    and each cell has a mean; nothing is said of the tasks that mixtures share. Small samples: G / (G - 1) (N - 1) / (N - K).
    """
    sizes = members.sum(axis=1)
    means = (sizes[:, None] == np.unique(sizes)).astype(float)
    free = without(means)
    one = np.eye(groups.max() + 1)[groups] * weights[:, None]
    within, mass, number = free @ (cells - cells.mean(axis=0)) @ one, one.sum(axis=0), cells.size
    few = len(mass) / (len(mass) - 1) * (number - 1) / (number - means.shape[1] - 1)
    found = []
    for exchanged in relabelled(members, diversity):
        x = free @ exchanged
        squares, products = (x**2).sum(axis=0), within.T @ x
        slope = products.sum(axis=0) / (squares * mass.sum())
        scores = products - slope * squares * mass[:, None]
        found.append(np.abs(slope) * squares * mass.sum() / np.sqrt(few * (scores**2).sum(axis=0)))
    return np.concatenate(found)


def without(columns: Array) -> Array:
    """The projection on what is orthogonal to columns."""
    directions, scale, _ = np.linalg.svd(columns, full_matrices=False)
    basis = directions[:, scale > 1e-9]
    return np.eye(len(columns)) - basis @ basis.T


def given(means: Array, shares: Array, ratio: float) -> Array:
    """The inverse covariance, with means taken out, where tasks' worths have `ratio` times the variance of the noise."""
    inverse = np.linalg.inv(np.eye(len(shares)) + ratio * shares @ shares.T)
    half = inverse @ means
    return inverse - half @ np.linalg.solve(means.T @ half, half.T)


def reml(means: Array, shares: Array, outcome: Array) -> float:
    """The ratio of variances that the outcomes make most likely where diversity does nothing."""

    def deviance(ratio: float) -> float:
        covariance = np.eye(len(shares)) + ratio * shares @ shares.T
        inner = means.T @ np.linalg.solve(covariance, means)
        left = outcome @ given(means, shares, ratio) @ outcome
        return float(
            np.linalg.slogdet(covariance)[1]
            + np.linalg.slogdet(inner)[1]
            + (len(outcome) - means.shape[1]) * np.log(left)
        )

    best = minimize_scalar(
        lambda log: deviance(np.exp(log)), bounds=(-15, np.log(LARGEST)), method="bounded", options={"xatol": 1e-10}
    )
    return float(np.exp(best.x)) if deviance(np.exp(best.x)) < deviance(0.0) else 0.0
