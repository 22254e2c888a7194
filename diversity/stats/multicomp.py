"""Several tests at once: Holm's step-down and Benjamini and Hochberg's false discovery rate."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from diversity.types import Array

if TYPE_CHECKING:
    import pandas as pd


def holm(p: Array) -> Array:
    """Holm's adjusted p-values (n,), which bound the chance of any false positive; nan stays nan.

    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    return _over_known(p, _holm)


def benjamini_hochberg(p: Array) -> Array:
    """Benjamini and Hochberg's adjusted p-values (n,), which bound the share of false positives; nan stays nan.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(6).tolist()
    [0.03, 0.04, 0.04]
    """
    return _over_known(p, _benjamini_hochberg)


def _holm(ascending: Array) -> Array:
    return np.maximum.accumulate(ascending * np.arange(len(ascending), 0, -1))


def _benjamini_hochberg(ascending: Array) -> Array:
    ranks = np.arange(1, len(ascending) + 1) / len(ascending)
    return np.minimum.accumulate((ascending / ranks)[::-1])[::-1]


def _over_known(p: Array, rule: Callable[[Array], Array]) -> Array:
    """The p-values adjusted by a rule for sorted ones.

    The function of statsmodels gives the same bits, but collects the garbage of the whole process at each call.
    """
    order = np.argsort(p)[: np.isfinite(p).sum()]  # nan last
    result = np.full(len(p), np.nan)
    result[order] = np.minimum(rule(p[order]), 1.0)
    return result


def adjusted(table: pd.DataFrame, column: str = "p") -> pd.DataFrame:
    """The table with the columns `p_holm` and `p_bh` over its rows."""
    p = table[column].to_numpy(float)
    return table.assign(p_holm=holm(p), p_bh=benjamini_hochberg(p))
