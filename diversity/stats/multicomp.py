"""Several tests at once: Holm's step-down and Benjamini and Hochberg's false discovery rate."""

from __future__ import annotations

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
    return _adjusted(p, "holm")


def benjamini_hochberg(p: Array) -> Array:
    """Benjamini and Hochberg's adjusted p-values (n,), which bound the share of false positives; nan stays nan.

    >>> benjamini_hochberg(np.array([0.01, 0.04, 0.03])).round(6).tolist()
    [0.03, 0.04, 0.04]
    """
    return _adjusted(p, "fdr_bh")


def _adjusted(p: Array, method: str) -> Array:
    from statsmodels.stats.multitest import multipletests

    found = np.full(len(p), np.nan)
    there = np.isfinite(p)
    if there.any():
        found[there] = multipletests(p[there], method=method)[1]
    return found


def adjusted(table: pd.DataFrame, column: str = "p") -> pd.DataFrame:
    """The table with the columns `p_holm` and `p_bh` over its rows."""
    p = table[column].to_numpy(float)
    return table.assign(p_holm=holm(p), p_bh=benjamini_hochberg(p))
