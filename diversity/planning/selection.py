"""Which mixtures to compare: matched pairs, closed sets, or an even spread over diversity; pure functions over arrays."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from diversity.types import Array, InputError

Ints = NDArray[np.int64]
RESTARTS, ROUNDS = 4, 20
SURPLUS = 0.5  # of the median mismatch: what a task costs that stands once more on one side of the pairs, squared


def subsets(tasks: int, k: int) -> Array:
    """Weights (M, T) of every mixture of k of T tasks, each equal, in lexicographic order.

    >>> subsets(3, 2).tolist()
    [[0.5, 0.5, 0.0], [0.5, 0.0, 0.5], [0.0, 0.5, 0.5]]
    """
    if not 1 <= k <= tasks:
        raise InputError(f"expected a size of 1 to {tasks}, the number of tasks, found {k}")
    chosen = list(itertools.combinations(range(tasks), k))
    weights = np.zeros((len(chosen), tasks))
    weights[np.arange(len(chosen))[:, None], chosen] = 1 / k
    return weights


def standardised(columns: Array) -> Array:
    """Each column less its mean, over its standard deviation; 0 where it does not vary. (M, C)."""
    centred = columns - columns.mean(axis=0)
    spread = columns.std(axis=0, ddof=1) if len(columns) > 1 else np.zeros(columns.shape[1])
    flat = spread <= 1e-12 * np.maximum(np.abs(columns).max(axis=0, initial=0), 1)
    return np.asarray(np.where(flat, 0.0, centred / np.where(flat, 1.0, spread)))


def matched(diversity: Array, covariates: Array, importance: Array, pairs: int, weights: Array | None = None) -> Ints:
    """Pairs (P, 2) of a diverse and a homogeneous mixture that are alike in their covariates (M, C).

    One is of the upper third of diversity (M,), the other of the lower third, each mixture in one pair at most. What is
    kept small is the mismatch over the contrast: the distance of the standardised covariates, weighted by their
    `importance` (C,), for each standard deviation of diversity between the two. Without `weights` its sum over all that
    could be paired is least, and the best `pairs` are taken. With the `weights` (M, T) of the tasks, pairs are taken one
    after another so that no task stands on one side alone, where its own effect would be taken for that of diversity.
    Raises InputError where there are fewer.

    >>> matched(np.array([0.0, 1, 2, 3, 4, 5]), np.array([[0.0], [9], [0], [0], [9], [0]]), np.ones(1), 2).tolist()
    [[4, 1], [5, 0]]
    """
    from scipy.optimize import linear_sum_assignment

    third = len(diversity) // 3
    if not 1 <= pairs <= third:
        raise InputError(f"expected 1 to {third} pairs of {len(diversity)} mixtures, found {pairs}")
    order = np.argsort(diversity, kind="stable")
    low, high = order[:third], order[-third:]
    cost = _costs(diversity, standardised(covariates) * np.sqrt(importance), low, high)
    if weights is not None:
        used = (weights > 0).astype(float)
        chosen = _balanced(cost, used[high][:, None] - used[low], pairs)
        return np.array([(high[i], low[j]) for i, j in chosen])
    rows, columns = linear_sum_assignment(cost)
    best = np.argsort(cost[rows, columns], kind="stable")[:pairs]
    return np.column_stack([high[rows[best]], low[columns[best]]])


def _costs(diversity: Array, z: Array, low: Ints, high: Ints) -> Array:
    """Mismatch over contrast of every diverse (rows) with every homogeneous mixture (columns)."""
    contrast = (diversity[high][:, None] - diversity[low]) / (diversity.std() or 1.0)
    if not (contrast > 0).all():
        raise InputError("expected mixtures that differ in diversity, found a third or more of them alike")
    return np.asarray(np.linalg.norm(z[high][:, None] - z[low], axis=2) / contrast)


def _balanced(cost: Array, surplus: Array, pairs: int) -> list[tuple[int, int]]:
    """Pairs by their cost and the tasks' surplus (H, L, T) on the diverse side: each the cheapest to add, then exchanged."""
    scale, chosen = float(np.median(cost)) or 1.0, list[tuple[int, int]]()

    def cheapest(others: Sequence[tuple[int, int]]) -> tuple[float, tuple[int, int]]:
        """What these and the best pair to join them are worth together, and that pair."""
        total = sum((surplus[pair] for pair in others), np.zeros(surplus.shape[2]))
        worth = cost / scale + SURPLUS * ((total + surplus) ** 2).sum(axis=2)
        for i, j in others:
            worth[i], worth[:, j] = math.inf, math.inf
        i, j = divmod(int(np.argmin(worth)), cost.shape[1])
        return float(worth[i, j]) + sum(float(cost[pair]) for pair in others) / scale, (i, j)

    for _ in range(pairs):
        best, pair = cheapest(chosen)
        chosen.append(pair)
    for _ in range(ROUNDS):
        before = best
        for place in range(pairs):
            value, pair = cheapest([*chosen[:place], *chosen[place + 1 :]])
            if value < best - 1e-12:
                best, chosen[place] = value, pair
        if best == before:
            break
    return chosen


def spread(
    diversity: Array, covariates: Array, weights: Array, size: int, rng: np.random.Generator | None = None
) -> Ints:
    """Indices (size,) of mixtures whose diversity (M,) fills its range evenly, by diversity.

    One mixture from each of `size` bins of equal width (from the nearest ones where a bin is empty), chosen by exchange
    so that diversity is uncorrelated with the covariates (M, C) and the tasks of `weights` (M, T) are used equally often.

    >>> spread(np.array([0.0, 0.1, 1, 2, 2.9, 3]), np.zeros((6, 0)), np.ones((6, 1)), 3).tolist()
    [1, 2, 4]
    """
    if not 2 <= size <= len(diversity):
        raise InputError(f"expected 2 to {len(diversity)} mixtures, found {size}")
    rng = rng or np.random.default_rng(0)
    bins = _bins(diversity, size)
    starts = [np.array([b[0] for b in bins])] + [np.array([rng.choice(b) for b in bins]) for _ in range(RESTARTS)]
    choices = [_exchanged(start, bins, diversity, covariates, weights) for start in starts]
    best = min(choices, key=lambda chosen: imbalance(chosen, diversity, covariates, weights))
    return best[np.argsort(diversity[best], kind="stable")]


def _bins(diversity: Array, size: int) -> list[Ints]:
    """For each bin the mixtures in it, the nearest to its middle first; no mixture is in two."""
    low, high = diversity.min(), diversity.max()
    middles = low + (np.arange(size) + 0.5) * (high - low) / size
    owner = np.clip(((diversity - low) / ((high - low) or 1) * size).astype(int), 0, size - 1)
    bins = [np.flatnonzero(owner == b) for b in range(size)]
    while (empty := next((b for b, members in enumerate(bins) if not len(members)), None)) is not None:
        giver, taken = min(
            ((b, m) for b, members in enumerate(bins) if len(members) > 1 for m in members),
            key=lambda pair: abs(diversity[pair[1]] - middles[empty]),
        )
        bins[empty], bins[giver] = np.array([taken]), bins[giver][bins[giver] != taken]
    return [b[np.argsort(np.abs(diversity[b] - m), kind="stable")] for b, m in zip(bins, middles, strict=True)]


def imbalance(chosen: Ints, diversity: Array, covariates: Array, weights: Array) -> float:
    """Squared correlations of diversity with the covariates, and the squared relative spread of the tasks' use, summed."""
    z = standardised(np.column_stack([diversity[chosen], covariates[chosen]]))
    correlations = z[:, 1:].T @ z[:, 0] / max(len(chosen) - 1, 1)
    use = (weights[chosen] > 0).sum(axis=0)
    return float((correlations**2).sum() + use.var() / max(use.mean(), 1e-12) ** 2)


def _exchanged(chosen: Ints, bins: Sequence[Ints], diversity: Array, covariates: Array, weights: Array) -> Ints:
    """The choice after exchanges within bins, each for the better, until there is none."""
    best = imbalance(chosen, diversity, covariates, weights)
    for _ in range(ROUNDS):
        before = best
        for place, candidates in enumerate(bins):
            for candidate in candidates:
                trial = chosen.copy()
                trial[place] = candidate
                if (value := imbalance(trial, diversity, covariates, weights)) < best - 1e-12:
                    chosen, best = trial, value
        if best == before:
            break
    return chosen
