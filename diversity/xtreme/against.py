"""Several systems on the same items: differences with paired intervals and tests, and who cannot be told apart."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from diversity.display.numbers import amount, interval, p_value
from diversity.display.summary import Shown, Summary
from diversity.types import Array, InputError, OutputType, Predicted
from diversity.xtreme import intervals, scores
from diversity.xtreme.benchmark import OFFICIAL, output_type
from diversity.xtreme.evaluate import AVERAGE, counted, files_of, gold_source, predictions_folder

if TYPE_CHECKING:
    import pandas as pd

    from diversity.xtreme.scores import Gold

LEVEL = 0.95
Counts = NDArray[np.int64]  # of kinds of items


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


@dataclass(frozen=True, repr=False)
class SystemContrasts(Shown):
    """Differences of each two systems by task, language and metric, and of their averages over languages."""

    systems: tuple[str, ...]
    differences: tuple[SystemDifference, ...]
    notes: tuple[str, ...] = ()

    def to_frame(self) -> pd.DataFrame:
        """All differences, a row each."""
        import pandas as pd

        return pd.DataFrame(list(self.differences), columns=list(SystemDifference._fields))

    def to_dict(self) -> dict[str, object]:
        """The systems, and all differences, a record each."""
        return {"systems": list(self.systems), "differences": [d._asdict() for d in self.differences]}

    @property
    def card(self) -> Summary:
        """What a reader sees first: the differences of each task's average over languages."""
        averages = [d for d in self.differences if d.language == AVERAGE]
        clear = sum(d.p_holm < 0.05 for d in averages)
        facts = [
            (f"{d.task}, {d.metric}", f"{d.first} minus {d.second}: {amount(d.difference)} ({interval(d.low, d.high)}), "
             f"{p_value(d.p_holm)}") for d in averages
        ]  # fmt: skip
        said = f"Averages that differ between systems: {clear} of {len(averages)}."
        return Summary(said, "", facts, self.notes)

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
    """A difference, the differences of its replicates (R,), and those where each item's two results may be exchanged.

    `seeds` are the values of the metric of each run of both systems; neither replicates nor exchanges draw the runs.
    """

    difference: float
    replicates: Array
    exchanged: Array
    p: float
    test: str
    seeds: tuple[Array, Array]

    def of_runs(self, rng: np.random.Generator) -> Array | float:
        """What other runs of the systems would add to the difference (R,): t of their variance, which both share.

        0 where each system has one run, which says nothing of others.
        """
        counts = [len(values) for values in self.seeds]
        df = sum(counts) - 2
        if not df:
            return 0.0
        variance = sum(float(((values - values.mean()) ** 2).sum()) for values in self.seeds) / df
        scale = (variance * sum(1 / count for count in counts)) ** 0.5
        return np.asarray(rng.standard_t(df, len(self.replicates)) * scale)


def evaluate_against(
    systems: Mapping[str, Path | str | Sequence[Path | str]],
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

    A system may have several folders, of runs with other seeds: its score is then their mean, and intervals and tests are for
    the system, whose runs vary as those that are there (both systems alike; too careful where runs hardly differ). Intervals
    are of a bootstrap over items, which are drawn for both systems together, and with the items that share their passage or
    premise, where the labels say so; languages of an average are drawn apart. Accuracies of single runs on independent items
    are tested exactly (McNemar: items that only one of the two has right), all else by exchanging the two results of an
    item, or of those that share a passage, at random. The items of pairs (BUCC) are the foreign sentences that are in a gold
    pair or a mined one.

    Sources: Koehn 2004 (EMNLP); McNemar 1947; Noreen 1989 (approximate randomisation); Holm 1979.

    Parameters
    ----------
    systems
        Folder of the predictions of each system, by its name; several, of its runs with other seeds.
    labels
        Folder of gold labels in the leaderboard's layout.
    data
        Folder of the toolkit's data, in place of `labels`.
    split
        Split of `data` that is the gold.
    languages
        Languages to score; default: all of a task.
    benchmark
        `xtreme` or `xtreme-r`.
    replicates
        Replicates of the bootstrap and of the exchange of results.
    seed
        Seed of all chance here.

    Returns
    -------
    SystemContrasts
        The differences of each two systems, with intervals and p.

    Raises
    ------
    InputError
        For fewer than two systems, and where a system lacks predictions of a task that another has.

    Examples
    --------
    >>> import pathlib
    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name, labels in {"gold": "0\\n1\\n1\\n", "ours": "0\\n1\\n1\\n", "theirs": "1\\n1\\n1\\n"}.items():
    ...     (folder / name / "pawsx").mkdir(parents=True)
    ...     _ = (folder / name / "pawsx" / "test-de.tsv").write_text(labels)
    >>> systems = {"ours": folder / "ours", "theirs": folder / "theirs"}
    >>> round(evaluate_against(systems, folder / "gold", languages=["de"]).differences[0].difference, 1)
    33.3
    """
    if len(systems) < 2:
        raise InputError(f"expected at least two systems to compare, found {len(systems)}")
    if not intervals.LEAST <= replicates <= intervals.MOST:
        raise InputError(f"expected {intervals.LEAST} to {intervals.MOST:,} replicates, found {replicates}")
    source = gold_source(labels, data, split)
    runs = _runs(systems)
    first, plan = _same_files({label: files_of(f, source, languages, benchmark)[0] for label, f in runs.items()})
    known, notes = dict[tuple[str, str], dict[str, Array]](), list[str]()
    for task, language, name in plan:
        gold = source.gold(task, language)
        counts = {label: counted(folder, source, gold, task, language, name)[:2] for label, folder in runs.items()}
        tables = (
            _of_same_sentences(gold, counts) if output_type(task) == "pairs" else {r: c for r, (_, c) in counts.items()}
        )
        clusters = source.clusters(task, language)
        if clusters is not None and len({*clusters}) < len(clusters) == len(tables[first]):
            notes.append(f"{task}: items that share a passage or premise are drawn together")
            place = np.unique(np.asarray(clusters, dtype=object), return_inverse=True)[1]
            tables = {run: _summed(table, place) for run, table in tables.items()}
        known[task, language] = {
            system: np.stack([table for (name, _), table in tables.items() if name == system]) for system in systems
        }
    rows = [
        row
        for task in dict.fromkeys(task for task, _ in known)
        for row in _of_task(
            task, {lang: c for (t, lang), c in known.items() if t == task}, tuple(systems), replicates, seed
        )
    ]
    return SystemContrasts(tuple(systems), tuple(rows), tuple(dict.fromkeys(notes)))


Run = tuple[str, int]  # of a system, and which of its runs


def _runs(systems: Mapping[str, Path | str | Sequence[Path | str]]) -> dict[Run, Path]:
    """The folder of each run of each system."""
    folders: dict[Run, Path] = {}
    for name, given in systems.items():
        several = [given] if isinstance(given, str | Path) else list(given)
        if not several:
            raise InputError(f"expected a folder of predictions of {name}, found none")
        folders |= {(name, i): predictions_folder(folder) for i, folder in enumerate(several)}
    return folders


def _same_files(plans: Mapping[Run, list[tuple[str, str, str]]]) -> tuple[Run, list[tuple[str, str, str]]]:
    """The first run and its files; raises InputError where another has other ones."""
    first = next(iter(plans))
    for run, plan in plans.items():
        if other := sorted(set(plan) ^ set(plans[first])):
            task, language, _ = other[0]
            system, place = run if other[0] in plans[first] else first
            several = sum(name == system for name, _ in plans) > 1
            lacking = f"run {place + 1} of {system}" if several else system
            raise InputError(
                f"expected predictions of the same files from every system, {lacking} has no {task} in {language}"
            )
    return first, plans[first]


def _of_same_sentences(gold: Gold, counts: Mapping[Run, tuple[Predicted, Array]]) -> dict[Run, Array]:
    """Counts of pairs for the foreign sentences that any run mines, or the gold has."""
    mined = [predicted for predicted, _ in counts.values()]
    sentences = sorted({foreign for pairs in (gold, *mined) for foreign, _ in pairs})
    return {run: scores.pair_counts_of(sentences, gold, predicted) for run, (predicted, _) in counts.items()}


def _summed(table: Array, place: NDArray[np.intp]) -> Array:
    """The sums of the counts (items, k) in each cluster."""
    sums = np.zeros((int(place.max()) + 1, table.shape[1]))
    np.add.at(sums, place, table)
    return sums


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
                runs = c.of_runs(intervals.generator(seed, task, f"{lang} runs"))
                low, high = _ends(c.difference, c.replicates + runs)
                size = known[lang][one].shape[1]
                yield SystemDifference(
                    task, lang, metric, one, other, c.difference, low, high, c.p, p_holm, c.test, size
                )
            mean = float(np.mean([c.difference for c in compared.values()]))
            drawn, exchanged = (
                np.mean([getattr(c, name) for c in compared.values()], axis=0) for name in ("replicates", "exchanged")
            )
            each = [np.mean([c.seeds[side] for c in compared.values()], axis=0) for side in (0, 1)]
            whole = PairedDraws(mean, drawn, exchanged, 0.0, "", (each[0], each[1]))
            runs = whole.of_runs(intervals.generator(seed, task, "runs"))
            low, high = _ends(mean, drawn + runs)
            p = _as_large(mean, exchanged + runs)
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
    """Differences of the metrics of two systems, from the counts (items, k) of both on the same items, or (runs, items, k).

    Items may be clusters, with the sums of their items. With several runs the score of a system is their mean, and its p
    allows for other runs (see `PairedDraws.of_runs`); an exchange is of an item's results in all runs.

    >>> right, wrong = np.array([[1.0, 1.0]] * 30), np.array([[1.0, 1.0]] * 20 + [[0.0, 1.0]] * 10)
    >>> found = paired("labels", right, wrong, 1000, np.random.default_rng(0))["accuracy"]
    >>> round(found.difference, 1), round(found.p, 4), found.test
    (33.3, 0.002, 'McNemar')
    """
    one, other = (counts[None] if counts.ndim == 2 else counts for counts in (first, second))
    if one.shape[1:] != other.shape[1:]:
        raise InputError(f"expected counts of the same items, found {one.shape[1:]} and {other.shape[1:]}")
    runs, items, columns = math.lcm(len(one), len(other)), *one.shape[1:]
    joined = np.stack([one[np.arange(runs) % len(one)], other[np.arange(runs) % len(other)]])  # (2, runs, items, k)
    kinds, numbers = np.unique(np.moveaxis(joined, 2, 0).reshape(items, -1), axis=0, return_counts=True)
    sides = kinds.reshape(len(kinds), 2, runs, columns)
    drawn = rng.multinomial(items, numbers / items, size=replicates)
    kept = rng.binomial(numbers, 0.5, size=(replicates, len(numbers)))
    swapped = numbers - kept

    def means(own: Counts, of_other: Counts | None = None) -> list[dict[str, Array]]:
        """The metrics of both sides, the means over their runs, of kinds so many times each."""
        values = []
        for side in (0, 1):
            sums = np.tensordot(own, sides[:, side], 1)
            if of_other is not None:
                sums = sums + np.tensordot(of_other, sides[:, 1 - side], 1)
            values.append({name: v.mean(axis=-1) for name, v in scores.values(form, sums).items()})
        return values

    whole, resampled, exchanged = means(numbers), means(drawn), means(kept, swapped)
    by_run = [scores.values(form, counts.sum(axis=1)) for counts in (one, other)]
    exact = form == "labels" and runs == 1 and bool((one[..., 1] == 1).all())
    by_metric = {}
    for metric in whole[0]:
        difference = float(whole[0][metric] - whole[1][metric])
        null = exchanged[0][metric] - exchanged[1][metric]
        draws = PairedDraws(
            difference, resampled[0][metric] - resampled[1][metric], null, 0.0, "exchange",
            (by_run[0][metric], by_run[1][metric]),
        )  # fmt: skip
        if exact:
            by_metric[metric] = draws._replace(p=mcnemar(one[0, :, 0], other[0, :, 0]), test="McNemar")
        else:
            by_metric[metric] = draws._replace(p=_as_large(difference, null + draws.of_runs(rng)))
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
