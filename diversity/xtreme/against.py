"""Several systems on the same items: differences with paired intervals and tests, and who cannot be told apart."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from diversity.types import Array, InputError, OutputType
from diversity.xtreme import intervals, scores
from diversity.xtreme.benchmark import OFFICIAL, output_type
from diversity.xtreme.evaluate import AVERAGE, counted, files_of, gold_source, predictions_folder

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95


class SystemDifference(NamedTuple):
    """A metric of the `first` system minus that of the `second`, in points, on the same items.

    `low` and `high` are the ends of a 95 % interval, `p` a two-sided test of no difference by `test`, `p_holm` the same
    corrected for the languages of the task (Holm), or for the pairs of systems in an average.
    """

    task: str
    language: str
    metric: str
    first: str
    second: str
    difference: float
    low: float
    high: float
    p: float
    p_holm: float
    test: str
    n: int


@dataclass(frozen=True)
class SystemContrasts:
    """Differences of each two systems by task, language and metric, and of their averages over languages."""

    systems: tuple[str, ...]
    differences: tuple[SystemDifference, ...]
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """All differences, a row each."""
        import pandas as pd

        return pd.DataFrame(list(self.differences), columns=list(SystemDifference._fields))

    def _repr_html_(self) -> str:
        return str(self.to_frame().to_html(index=False))

    def alike(self, task: str, metric: str, alpha: float = 0.05) -> list[tuple[str, ...]]:
        """Groups of systems of which no two can be told apart in a task's average: the largest ones, which may overlap."""
        averages = [d for d in self.differences if (d.task, d.language, d.metric) == (task, AVERAGE, metric)]
        apart = {frozenset((d.first, d.second)) for d in averages if d.p_holm < alpha}
        groups: list[tuple[str, ...]] = []
        for size in range(len(self.systems), 0, -1):
            for group in itertools.combinations(self.systems, size):
                clear = any(frozenset(pair) in apart for pair in itertools.combinations(group, 2))
                if not clear and not any(set(group) <= set(known) for known in groups):
                    groups.append(group)
        return groups


class PairedDraws(NamedTuple):
    """A difference, the differences of its replicates (R,), and those where each item's two results may be exchanged."""

    difference: float
    replicates: Array
    exchanged: Array
    p: float
    test: str


def evaluate_against(
    systems: Mapping[str, Path | str],
    labels: Path | str | None = None,
    *,
    data: Path | str | None = None,
    split: str = "test",
    languages: Sequence[str] | None = None,
    benchmark: str = "xtreme",
    replicates: int = 2000,
    seed: int = 0,
) -> SystemContrasts:
    """Compare systems, by name the folders of their predictions, on the same items; other arguments as in `evaluate`.

    Intervals are of a bootstrap over items, which are drawn for both systems together; languages of an average are drawn
    apart. Accuracies are tested exactly (McNemar: items that only one of the two has right), other metrics by exchanging
    the two results of an item at random. Items that share a passage or premise count as independent, as in `evaluate`.
    Raises InputError for fewer than two systems, and where a system lacks predictions of a task that another has.

    Sources: Koehn 2004 (EMNLP); McNemar 1947; Noreen 1989 (approximate randomisation); Holm 1979.
    """
    if len(systems) < 2:
        raise InputError(f"expected at least two systems to compare, found {len(systems)}")
    if not intervals.LEAST <= replicates <= intervals.MOST:
        raise InputError(f"expected {intervals.LEAST} to {intervals.MOST:,} replicates, found {replicates}")
    source = gold_source(labels, data, split)
    folders = {name: predictions_folder(folder) for name, folder in systems.items()}
    plans = {name: files_of(folder, source, languages, benchmark)[0] for name, folder in folders.items()}
    first = next(iter(plans))
    for name, plan in plans.items():
        if other := sorted(set(plan) ^ set(plans[first])):
            task, language, _ = other[0]
            lacking = name if other[0] in plans[first] else first
            raise InputError(
                f"expected predictions of the same files from every system, {lacking} has no {task} in {language}"
            )
    known, notes = dict[tuple[str, str], dict[str, Array]](), list[str]()
    for task, language, name in plans[first]:
        if output_type(task) == "pairs":
            notes.append(f"{task}: not compared, for each system mines pairs of its own")
            continue
        gold = source.gold(task, language)
        known[task, language] = {
            system: counted(folder, source, gold, task, language, name)[1] for system, folder in folders.items()
        }
    rows = [
        row
        for task in dict.fromkeys(task for task, _ in known)
        for row in _of_task(
            task, {lang: c for (t, lang), c in known.items() if t == task}, tuple(systems), replicates, seed
        )
    ]
    return SystemContrasts(tuple(systems), tuple(rows), tuple(dict.fromkeys(notes)))


def _of_task(
    task: str, known: Mapping[str, Mapping[str, Array]], systems: Sequence[str], replicates: int, seed: int
) -> Iterable[SystemDifference]:
    form, averages = output_type(task), list[SystemDifference]()
    for one, other in itertools.combinations(systems, 2):
        by_language = {
            lang: paired(form, c[one], c[other], replicates, intervals.generator(seed, task, lang))
            for lang, c in known.items()
        }
        for metric in OFFICIAL[form]:
            compared = {lang: found[metric] for lang, found in by_language.items()}
            corrected = holm([c.p for c in compared.values()])
            for (lang, c), p_holm in zip(compared.items(), corrected, strict=True):
                low, high = _ends(c.difference, c.replicates)
                size = len(known[lang][one])
                yield SystemDifference(
                    task, lang, metric, one, other, c.difference, low, high, c.p, p_holm, c.test, size
                )
            mean = float(np.mean([c.difference for c in compared.values()]))
            drawn, exchanged = (
                np.mean([getattr(c, name) for c in compared.values()], axis=0) for name in ("replicates", "exchanged")
            )
            low, high = _ends(mean, drawn)
            p = _as_large(mean, exchanged)
            averages.append(
                SystemDifference(task, AVERAGE, metric, one, other, mean, low, high, p, p, "exchange", len(compared))
            )
    for metric in OFFICIAL[form]:
        chosen = [a for a in averages if a.metric == metric]
        for a, p_holm in zip(chosen, holm([a.p for a in chosen]), strict=True):
            yield a._replace(p_holm=p_holm)


def paired(
    form: OutputType, first: Array, second: Array, replicates: int, rng: np.random.Generator
) -> dict[str, PairedDraws]:
    """Differences of the metrics of two systems, from the counts (items, k) of both on the same items.

    >>> right, wrong = np.array([[1.0, 1.0]] * 30), np.array([[1.0, 1.0]] * 20 + [[0.0, 1.0]] * 10)
    >>> found = paired("labels", right, wrong, 1000, np.random.default_rng(0))["accuracy"]
    >>> round(found.difference, 1), round(found.p, 4), found.test
    (33.3, 0.002, 'McNemar')
    """
    if first.shape != second.shape:
        raise InputError(f"expected counts of the same items, found {first.shape} and {second.shape}")
    kinds, numbers = np.unique(np.hstack([first, second]), axis=0, return_counts=True)
    one, other = np.hsplit(kinds, 2)
    drawn = rng.multinomial(len(first), numbers / len(first), size=replicates)
    kept = rng.binomial(numbers, 0.5, size=(replicates, len(numbers)))
    whole = scores.values(form, numbers @ one), scores.values(form, numbers @ other)
    resampled = scores.values(form, drawn @ one), scores.values(form, drawn @ other)
    swapped = numbers - kept
    exchanged = scores.values(form, kept @ one + swapped @ other), scores.values(form, swapped @ one + kept @ other)
    by_metric = {}
    for metric in whole[0]:
        difference = float(whole[0][metric] - whole[1][metric])
        null = exchanged[0][metric] - exchanged[1][metric]
        exact = form == "labels"
        p = mcnemar(first[:, 0], second[:, 0]) if exact else _as_large(difference, null)
        test = "McNemar" if exact else "exchange"
        by_metric[metric] = PairedDraws(difference, resampled[0][metric] - resampled[1][metric], null, p, test)
    return by_metric


def mcnemar(first: Array, second: Array) -> float:
    """Exact two-sided p of as many items that only one system has right as only the other has.

    >>> round(mcnemar(np.array([1, 1, 1, 1, 1, 1, 0]), np.array([0, 0, 0, 0, 0, 0, 0])), 5)
    0.03125
    """
    from scipy.stats import binomtest

    more, less = int((first > second).sum()), int((first < second).sum())
    return float(binomtest(more, more + less, 0.5).pvalue) if more + less else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """Holm's correction of several p values, in their order.

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate([min(1.0, (len(p) - i) * p[k]) for i, k in enumerate(order)])
    corrected = np.empty(len(p))
    corrected[order] = steps
    return [float(v) for v in corrected]


def _ends(difference: float, replicates: Array) -> tuple[float, float]:
    low, high = np.quantile(replicates, [0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    return min(float(low), difference), max(float(high), difference)


def _as_large(difference: float, null: Array) -> float:
    """The share of exchanges that give at least as large a difference, the observed one counted in."""
    return float((1 + (np.abs(null) >= abs(difference) - 1e-9).sum()) / (1 + len(null)))
