"""What a metric claims, tested on drawn sets: the properties that hold for every metric of the catalog, and for one's own.

Each check takes a metric and returns what is wrong, in words, or an empty text. `check_claims` runs those that apply.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from diversity import catalog
from diversity.moments import moments, stack
from diversity.scoring.estimates import sampling_variance
from diversity.types import Array, DrawnRows, InputError, Metric

Rows = Callable[[np.random.Generator, int], Array]
AXIOMS = frozenset({"monotonicity", "uniqueness", "continuity"})
SETS = ([9, 14], [7, 6], [60, 90])  # rows of two tasks, three times
BAD: tuple[list[Any], ...] = ([[math.nan, 1.0], [1.0, 2.0]], [[0.0, 0.0], [1.0, 2.0]], [], [1.0, 2.0])
FEW, MANY = 10, 60  # rows of small sets and of larger ones
DRAWS = 100  # sets of each size
SLOW = {"medoid_span": 600, "rouge_l": 60}  # metrics that vary more, or cost more
FAR, NEAR = 6.0, 3.5  # standard errors of the difference
SMALLER: Mapping[str, Mapping[str, float]] = {  # options for sets of so few rows
    "kmeans_inertia": {"clusters": 8}, "partition_entropy": {"clusters": 8}, "rbf_vendi": {"features": 64},
}  # fmt: skip


@dataclass(frozen=True)
class Claim:
    """A claim of a metric and whether it holds; None where the metric says nothing of it."""

    metric: str
    claim: str
    holds: bool | None
    detail: str = ""


def check_claims(metric: Metric | str) -> list[Claim]:
    """Every claim of a metric, and what every metric must keep, tested on drawn sets.

    >>> all(claim.holds for claim in check_claims("cosine"))
    True
    """
    found = catalog.get("metrics", metric) if isinstance(metric, str) else metric
    return [Claim(found.name, claim, *_answered(check, found)) for claim, check in _checks(found)]


def _answered(check: Callable[[Metric], str | None], metric: Metric) -> tuple[bool | None, str]:
    try:
        problem = check(metric)
    except Exception as error:  # whatever the user's function does
        return False, f"{type(error).__name__}: {' '.join(str(error).split())}"
    return (None, "not stated") if problem is None else (not problem, problem)


def _checks(metric: Metric) -> Iterator[tuple[str, Callable[[Metric], str | None]]]:
    yield "says what it is, and its printed name parses back", metadata
    yield "the function's defaults are those of the options", defaults
    if metric.takes in ("rows", "partition"):
        for change in CHANGES:
            yield f"{change}: invariant as claimed", partial(invariance, change=change)
        yield "rows that cannot be are refused", refusals
    if metric.takes == "rows":
        yield "states the three axioms", lambda m: None if not m.axioms else axioms(m)
    if metric.takes != "weights":
        yield "moves with the number of rows alone, or not, as claimed", size
    if metric.mixtures is not None and not metric.sampled:
        yield "a task of weight 0 is left out", zero_weight
    if metric.influence is not None:
        yield "the standard error is the jackknife's", lambda m: jackknife(m, np.random.default_rng(0))
    if metric.from_drawn is not None:
        yield "rows drawn give the value of all rows, within their interval", drawn_rows


# --- Drawn sets ---------------------------------------------------------------------------------------


def unit(x: Array) -> Array:
    """Rows of length 1."""
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def rows_of_tasks(rng: np.random.Generator, sizes: Sequence[int], d: int = 8) -> tuple[Array, np.ndarray[Any, Any]]:
    """Rows of several tasks around centres of their own, and the task of each."""
    centres = rng.normal(size=(len(sizes), d))
    rows = [rng.normal(size=(n, d)) + c for n, c in zip(sizes, centres, strict=True)]
    return np.concatenate(rows), np.repeat([f"t{i}" for i in range(len(sizes))], sizes)


def gaussian(rng: np.random.Generator, n: int) -> Array:
    """Rows in three groups, neither isotropic nor centred."""
    return rng.normal(size=(n, 6)) * np.linspace(1.5, 0.3, 6) + 1.2 * np.eye(3, 6)[rng.integers(3, size=n)]


def heavy(rng: np.random.Generator, n: int) -> Array:
    """Rows of which most are near each other and a tenth far off: worse for means that depend on few rows."""
    return 0.2 * rng.normal(size=(n, 6)) + np.where(rng.random((n, 1)) < 0.1, 1, -1) * np.eye(1, 6)


SHARES = 1 / np.arange(1, 41) / (1 / np.arange(1, 41)).sum()


def texts(rng: np.random.Generator, n: int) -> list[str]:
    """Texts of 6 to 14 of forty words, drawn by Zipf's law."""
    drawn = rng.choice([f"w{i}" for i in range(40)], size=(n, 14), p=SHARES)
    return [" ".join(line[:length]) for line, length in zip(drawn, rng.integers(6, 15, size=n), strict=True)]


REFERENCE = gaussian(np.random.default_rng(99), 80)
TARGET = texts(np.random.default_rng(99), 4)


def value(metric: Metric, rng: np.random.Generator, n: int, rows: Rows) -> float:
    """The metric of a drawn set of what it takes."""
    options = SMALLER.get(metric.name, {})
    if metric.takes in ("texts", "reference_texts"):
        given = (texts(rng, n), TARGET) if metric.takes == "reference_texts" else (texts(rng, n),)
        return metric(*given, **options)
    x = rows(rng, n)
    if metric.takes in ("partition", "labelled"):
        # the second half is another task: the tasks' shares are the mixture's, and do not vary
        second = np.arange(n) >= n // 2
        return metric(x + 0.8 * second[:, None] * np.eye(6)[5], second.astype(int), **options)
    return metric(x, REFERENCE, **options) if metric.takes == "reference" else metric(x, **options)


def called(metric: Metric, x: object, labels: object) -> float:
    """The metric of rows, with the task of each where it takes that."""
    return metric(x, labels) if metric.takes == "partition" else metric(x)


# --- Checks -------------------------------------------------------------------------------------------


def metadata(metric: Metric) -> str:
    """Formula, range, cost and a reference with a year are there, and the printed name parses back."""
    absent = [name for name in ("formula", "range", "cost") if not getattr(metric, name)]
    if absent:
        return f"expected {absent[0]}, found nothing"
    if not any(c.isdigit() for c in metric.reference):
        return f"expected a reference with a year, found {metric.reference!r}"
    if metric.name not in catalog.names("metrics"):
        return ""
    parsed, options = catalog.parse_metric(metric.printed())
    same = parsed.name == metric.name and options == metric.defaults
    return "" if same else f"expected {metric.printed()} to parse back, found {parsed.name} with {options}"


def defaults(metric: Metric) -> str:
    """The function has the options as parameters, with the same defaults, each within its bounds."""
    parameters = inspect.signature(metric.function).parameters
    for name, default in metric.defaults.items():
        if name not in parameters:
            return f"expected the function to have {name}, found {', '.join(parameters)}"
        if parameters[name].default != default:
            return f"expected {name}={default} in the function, found {name}={parameters[name].default}"
        if metric.options[name].checked(name, default) != default:
            return f"expected the default of {name} within its bounds, found {default}"
    return ""


def _rotated(x: Array, rng: np.random.Generator) -> Array:
    from scipy.stats import ortho_group

    return np.asarray(x @ ortho_group.rvs(x.shape[1], random_state=rng))


Change = Callable[[Array, np.ndarray[Any, Any], np.random.Generator], tuple[Array, np.ndarray[Any, Any]]]


def _permuted(x: Array, labels: np.ndarray[Any, Any], rng: np.random.Generator) -> tuple[Array, np.ndarray[Any, Any]]:
    order = rng.permutation(len(x))
    return x[order], labels[order]


CHANGES: Mapping[str, Change] = {
    "order": _permuted,
    "rotation": lambda x, labels, rng: (_rotated(x, rng), labels),
    "row scale": lambda x, labels, rng: (x * rng.uniform(0.1, 9, (len(x), 1)), labels),
    "replication": lambda x, labels, _: (np.concatenate([x, x]), np.concatenate([labels, labels])),
}


def changes_value(metric: Metric, change: str) -> list[bool]:
    """Of each of three sets, whether its value is another one after the change (by 1e-6 of it)."""
    found = []
    for seed, sizes in enumerate(SETS):
        rng = np.random.default_rng(seed)
        x, labels = rows_of_tasks(rng, sizes, d=5)
        before, after = called(metric, x, labels), called(metric, *CHANGES[change](x, labels, rng))
        found.append(not (after == before or abs(after - before) <= max(1e-6 * abs(before), 1e-12)))
    return found


def invariance(metric: Metric, change: str) -> str:
    """What is claimed holds on every set; what is not claimed fails on one, so that no claim is forgotten."""
    unknown = sorted(metric.invariant_to - set(CHANGES))
    if unknown:
        return f"expected invariant_to among {', '.join(CHANGES)}, found {unknown[0]!r}"
    moved = changes_value(metric, change)
    if change in metric.invariant_to and any(moved):
        return f"claimed, and the value of a set of {sum(SETS[moved.index(True)])} rows is another one"
    if change not in metric.invariant_to and not any(moved):
        return f"not claimed, and it holds on every set that was drawn: add {change!r} to invariant_to"
    return ""


def refusals(metric: Metric) -> str:
    """Rows that are not finite, of length 0, none at all, or no table are an InputError."""
    for bad in BAD:
        try:
            found = called(metric, bad, ["a", "b"])
        except InputError:
            continue
        except Exception as error:  # whatever the user's function does
            return f"expected an InputError for the rows {bad}, found {type(error).__name__}"
        return f"expected an InputError for the rows {bad}, found {found}"
    return ""


def axioms(metric: Metric) -> str:
    """All three are stated, as true or false."""
    return (
        ""
        if set(metric.axioms) == AXIOMS
        else f"expected {', '.join(sorted(AXIOMS))}, found {', '.join(metric.axioms)}"
    )


def shift(metric: Metric, rows: Rows = gaussian, times: int = 1) -> float:
    """By how many standard errors the mean value of many rows lies above that of few."""
    draws = times * SLOW.get(metric.name, DRAWS)
    rng = np.random.default_rng(0)
    few, many = (np.array([value(metric, rng, n, rows) for _ in range(draws)]) for n in (FEW, MANY))
    error = np.sqrt((few.var(ddof=1) + many.var(ddof=1)) / draws)
    return float((many.mean() - few.mean()) / error)


def size(metric: Metric) -> str:
    """Where `size_dependent` is claimed, the value moves with the number of rows alone; where it is not, it stays."""
    if metric.size_dependent:
        by = abs(shift(metric))
        by = by if by > FAR else abs(shift(metric, times=10))
        return (
            ""
            if by > FAR
            else f"claimed (size_dependent), and {MANY} rows differ from {FEW} by {by:.1f} standard errors"
        )
    for rows in (gaussian, heavy) if "texts" not in metric.takes else (gaussian,):
        by = abs(shift(metric, rows, times=3))
        if not by < NEAR:
            return f"not claimed (size_dependent), and {MANY} rows differ from {FEW} by {by:.1f} standard errors"
    return ""


def zero_weight(metric: Metric) -> str:
    """Tasks of weight 0 have no part in the value of a mixture."""
    assert metric.mixtures is not None
    rng = np.random.default_rng(0)
    rows = {t: unit(rng.normal(size=(9 if t != "z" else 1, 4))) for t in "abcz"}
    tasks, without = (stack({t: moments(rows[t]) for t in names}, rows) for names in ("abcz", "ab"))
    left = metric.mixtures(tasks, np.array([[0.5, 0.5, 0, 0]]))
    right = metric.mixtures(without, np.array([[0.5, 0.5]]))
    return "" if np.allclose(left, right, rtol=1e-9, atol=1e-12) else f"expected {right[0]}, found {left[0]}"


def jackknife(metric: Metric, rng: np.random.Generator, **options: float) -> str:
    """Leaving each row out in turn, from the definition, gives the error that the influence function gives."""
    assert metric.mixtures is not None
    assert metric.influence is not None
    sizes = [60, 90]
    x, labels = rows_of_tasks(rng, sizes, d=5)
    x, weights, variance = unit(x), np.array([[0.35, 0.65]]), 0.0

    def kept(keep: np.ndarray[Any, Any]) -> Any:
        rows = {t: x[keep & (labels == t)] for t in ("t0", "t1")}
        return stack({t: moments(r) for t, r in rows.items()}, rows)

    for task, n in zip(("t0", "t1"), sizes, strict=True):
        without = [np.arange(len(x)) != i for i in np.flatnonzero(labels == task)]
        left_out = np.array([metric.mixtures(kept(keep), weights, **options)[0] for keep in without])
        variance += (n - 1) / n * ((left_out - left_out.mean()) ** 2).sum()
    tasks = kept(np.full(len(x), True))
    influence = metric.influence(tasks, weights, tasks.rows, **options)
    found = sum(sampling_variance(influence(0, a), tasks.n[a]) for a in range(2))
    if metric.sampled and options.get("q") == math.inf:  # one row decides: there is no interval
        return "" if math.isnan(found) else f"expected no interval, found {found}"
    expected = math.sqrt(variance)
    if abs(math.sqrt(found) - expected) <= max(0.06 * expected, 1e-9):
        return ""
    return f"expected a standard error of {expected:.4g}, found {math.sqrt(found):.4g}"


def drawn_rows(metric: Metric) -> str:
    """All rows drawn give the function's value without an error; the intervals of some hold it nine times in ten."""
    form = metric.from_drawn
    assert form is not None
    rng = np.random.default_rng(0)
    x, other = unit(gaussian(rng, 400)), unit(REFERENCE)
    whole = other if metric.takes == "reference" else x
    expected = metric(x, other) if metric.takes == "reference" else metric(x)

    def of(places: np.ndarray[Any, Any]) -> tuple[float, float, float]:
        own = np.full(len(places), -1) if whole is other else places
        drawn = DrawnRows(whole[places], own, len(whole), len(x), lambda: iter(np.array_split(x, 3)))
        return form(drawn, **metric.defaults)

    value, low, high = of(np.arange(len(whole)))
    if not np.allclose([value, low, high], expected, rtol=1e-5, atol=1e-9):
        return f"expected {expected} of all rows and no error, found {value} ({low} to {high})"
    held = 0
    for _ in range(DRAWS):
        _, low, high = of(np.sort(rng.choice(len(whole), len(whole) // 4, replace=False)))
        held += not (low > expected + 1e-9 or high < expected - 1e-9)
    return (
        "" if held >= 0.9 * DRAWS else f"the intervals of a quarter of the rows hold the value {held} times in {DRAWS}"
    )
