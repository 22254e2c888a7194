"""The folders are the registry: what is in `tasks/` and `metrics/` is found by file name, imported when asked for.

Tasks and metrics from outside the package, which `include` and entry points add, stand beside them.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from diversity.catalog.own import Folder, built_in, included, loaded
from diversity.catalog.own import include as include
from diversity.types import InputError, Metric, Task, unknown_name_error

near = unknown_name_error

METRICS = ("cosine", "rao_beta", "vendi(q=2)", "vendi_beta(q=2)", "hill(q=1)")  # scored where none is named
SAMPLE = 2900  # texts of a task that its moments are taken from where no number is given


def names(folder: Folder) -> tuple[str, ...]:
    """Sorted names of what there is: of the toolkit, of included folders, and of installed packages.

    >>> "vendi" in names("metrics"), "mnli" in names("tasks")
    (True, True)
    """
    return tuple(sorted([*built_in(folder), *included(folder)]))


def get(folder: Folder, name: str) -> Any:
    """The TASK or METRIC of that name; raises InputError with near matches for an unknown one."""
    if name in built_in(folder):
        return getattr(importlib.import_module(f"diversity.{folder}.{name}"), folder[:-1].upper())
    if name not in (others := included(folder)):
        raise near(name, names(folder), folder[:-1])
    return loaded(others[name])


def task(name: str) -> Task:
    """The task or target of that name.

    Parameters
    ----------
    name
        Name of a task or target.

    Returns
    -------
    Task
        What it is, how it is scored, where its rows come from.

    Raises
    ------
    InputError
        For an unknown name, with near matches.

    Examples
    --------
    >>> task("mnli").labels
    ('entailment', 'neutral', 'contradiction')
    """
    known: Task = get("tasks", name)
    return known


def intermediate() -> list[str]:
    """The nine intermediate tasks: what is meant where no task is named.

    >>> len(intermediate())
    9
    """
    return [n for n in built_in("tasks") if task(n).role == "intermediate"]


def targets(benchmark: str = "") -> list[str]:
    """All targets, or those that a benchmark consists of.

    >>> len(targets("xtreme"))
    9
    """
    everything = (task(n) for n in names("tasks"))
    return [t.name for t in everything if t.role == "target" and benchmark in ("", t.benchmark)]


def retrieval(benchmark: str = "") -> list[str]:
    """The targets whose sentences are matched and not trained on; those that are matched line by line first.

    >>> retrieval("xtreme")
    ['tatoeba', 'bucc2018']
    """
    named = [n for n in targets(benchmark) if task(n).kind == "retrieval"]
    return sorted(named, key=lambda n: (task(n).output_type, n))


def parse_metric(printed: str) -> tuple[Metric, dict[str, float]]:
    """A metric and its options from a printed name; raises InputError for a name or option that it has not.

    >>> parse_metric("vendi(q=2)")[1]
    {'q': 2.0}
    """
    match = re.fullmatch(r"\s*([A-Za-z_]\w*)\s*(?:\(([^()]*)\))?\s*", printed)
    if not match:
        raise InputError(f"expected a metric such as cosine or vendi(q=2), found {printed!r}")
    known: Metric = get("metrics", match[1])
    try:
        return known, known.parsed(match[2] or "")
    except InputError as error:
        raise InputError(f"{error} in {printed!r}" if repr(printed) not in str(error) else str(error)) from None


def metric(printed: str) -> Metric:
    """The metric of a printed name; options in the name become its defaults.

    Parameters
    ----------
    printed
        A name, with options: `vendi(q=2)`.

    Returns
    -------
    Metric
        A function on rows, with what it claims; options in the name are its defaults.

    Raises
    ------
    InputError
        For an unknown name or option, with near matches.

    Examples
    --------
    >>> metric("cosine").name
    'cosine'
    """
    from dataclasses import replace
    from functools import partial

    known, values = parse_metric(printed)
    options = {name: replace(option, default=values[name]) for name, option in known.options.items()}
    return replace(known, function=partial(known.function, **values), options=options) if options else known
