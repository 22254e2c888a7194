"""Which mixtures are compared: diverse and homogeneous ones, matched pair by pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from diversity.studies.tables import canonical
from diversity.studies.ties import tied
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

    from diversity.studies.outcomes import Outcomes

ROLE, PAIR = "role", "pair"  # the columns of results that declare the side and the number of each pair of a design
Group = Literal["diverse", "homogeneous"]
GROUPS = ("diverse", "homogeneous")
NEITHER = (
    "",
    "nan",
    "None",
    "single",
    "baseline",
    "space-filling",
    "space",
    "closed",
)  # the other roles of a design among them


def split(x: Array, strata: Sequence[object], share: float = 1 / 3) -> list[str]:
    """The group of each mixture: of each stratum, the share of greatest diversity x (M,), that of least, else ''.

    At least one of each where a stratum has two; mixtures of equal diversity are in the same group. Raises InputError for
    a share that is not above 0 and at most 0.5.

    >>> split(np.array([1.0, 2, 3, 9]), [2, 2, 2, 3])
    ['homogeneous', '', 'diverse', '']
    """
    if not 0 < share <= 0.5:
        raise InputError(f"expected a share above 0 and at most 0.5, found {share:g}")
    x = tied(x)
    found = [""] * len(x)
    for stratum in dict.fromkeys(strata):
        index = np.array([i for i, s in enumerate(strata) if s == stratum])
        low, high = _ends(np.sort(x[index]), max(1, int(len(index) * share)))
        for i in index:
            if low < high and x[i] <= low:
                found[i] = "homogeneous"
            elif low < high and x[i] >= high:
                found[i] = "diverse"
    return found


def _ends(ordered: Array, count: int) -> tuple[float, float]:
    """The greatest of the least `count` values and the least of the greatest; apart where the values are not all equal."""
    low, high = float(ordered[count - 1]), float(ordered[-count])
    if low == high and ordered[0] < high:
        low = float(ordered[ordered < high].max())
    elif low == high and ordered[-1] > low:
        high = float(ordered[ordered > low].min())
    return low, high


def pairs(groups: Sequence[str], strata: Sequence[object], x: Array, weights: Array) -> list[tuple[int, int]]:
    """Pairs (diverse, homogeneous) within strata, each mixture at most once, sharing as many tasks as can be.

    In each stratum the assignment of the greatest total overlap of weights (M, T), which cancels what the shared tasks
    contribute; among equal ones that of the greatest difference in diversity. Hungarian algorithm (scipy).
    """
    from scipy.optimize import linear_sum_assignment

    found = []
    spread = float(np.ptp(x)) or 1.0
    for stratum in dict.fromkeys(strata):
        here = [i for i, s in enumerate(strata) if s == stratum]
        sides = [[i for i in here if groups[i] == side] for side in GROUPS]
        if not all(sides):
            continue
        diverse, homogeneous = (np.array(side) for side in sides)
        shared = np.minimum(weights[diverse][:, None], weights[homogeneous][None]).sum(axis=2)
        gain = shared + 1e-4 * (x[diverse][:, None] - x[homogeneous][None]) / spread
        rows, columns = linear_sum_assignment(-gain)
        found += [(int(diverse[a]), int(homogeneous[b])) for a, b in zip(rows, columns, strict=True)]
    return found


def given(groups: Mapping[str, str] | pd.Series, mixtures: Sequence[str]) -> list[str]:
    """The group of each mixture from a mapping of names; '' where it says nothing.

    Raises InputError for another word than diverse or homogeneous, and where one of the groups is empty.
    """
    known = {canonical(str(name)): str(group).strip() for name, group in dict(groups).items()}
    if wrong := sorted({g for g in known.values() if g not in (*GROUPS, *NEITHER)}):
        raise InputError(f"expected groups diverse and homogeneous, found {wrong[0]!r}")
    found = [g if (g := known.get(m, "")) in GROUPS else "" for m in mixtures]
    for side in GROUPS:
        if side not in found:
            raise InputError(f"expected mixtures of the group {side} among those with results, found none")
    return found


def declares(runs: Outcomes) -> bool:
    """Do the results declare diverse and homogeneous mixtures, as a design of matched pairs does?"""
    return ROLE in runs.rows and set(GROUPS) <= set(runs.rows[ROLE].astype(str))


def declared_pairs(runs: Outcomes, groups: Sequence[str], mixtures: Sequence[str]) -> list[tuple[int, int]]:
    """The pairs (diverse, homogeneous) that a column of the results numbers; none where it does not number all of them.

    A pair of which one side has no result is left out.
    """
    import pandas as pd

    if PAIR not in runs.rows:
        return []
    named = runs.rows[["mixture", PAIR]].drop_duplicates().assign(mixture=lambda f: f["mixture"].astype(str))
    numbered = dict(zip(named["mixture"], pd.to_numeric(named[PAIR], errors="coerce"), strict=True))
    numbers = [numbered.get(m, float("nan")) if g else None for m, g in zip(mixtures, groups, strict=True)]
    sides = [{n: i for i, n in enumerate(numbers) if groups[i] == side} for side in GROUPS]
    inside = [n for n in numbers if n is not None]
    if any(pd.isna(n) for n in inside) or sum(map(len, sides)) < len(inside):
        return []
    return [(i, sides[1][n]) for n, i in sides[0].items() if n in sides[1]]
