"""Published results that ship with the toolkit: facts and figures, each row with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diversity import catalog, store

if TYPE_CHECKING:
    import pandas as pd


def names() -> tuple[str, ...]:
    """Names of the tables.

    >>> "pruksachatkun2020_runs" in names()
    True
    """
    return tuple(sorted(p.stem for p in (store.shipped() / "published").glob("*.csv")))


def published(name: str) -> pd.DataFrame:
    """A table of published results as a DataFrame.
    phang2020_stated, pruksachatkun2020_runs, xtreme_baselines, xtreme_per_language, task_sizes, languages: where each row
    comes from is in its column `source`, what is in the columns in data/published/README.md.

    Parameters
    ----------
    name
        Name of the table.

    Returns
    -------
    DataFrame
        The rows, each with its source.

    Raises
    ------
    InputError
        For an unknown name, with near matches.

    Examples
    --------
    >>> published("languages").shape[0]
    40
    """
    import pandas as pd

    if name not in names():
        raise catalog.near(name, names(), "published table")
    path = store.shipped() / "published" / f"{name}.csv"
    return pd.read_csv(path, keep_default_na=False, na_values=[""], encoding="utf-8")
