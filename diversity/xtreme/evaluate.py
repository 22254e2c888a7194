"""Scores of a whole submission: every task and language, their averages, and what is missing."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from diversity.data import sources
from diversity.display.numbers import count
from diversity.display.summary import Shown, Summary
from diversity.types import InputError, is_english
from diversity.xtreme import intervals, layout, scores
from diversity.xtreme.benchmark import OFFICIAL, Benchmark, benchmark_of, output_type
from diversity.xtreme.references import GoldData, GoldFolder, GoldSource
from diversity.xtreme.remarks import Remark, few, joined, remarks_on
from diversity.xtreme.sentences import differences

if TYPE_CHECKING:
    import pandas as pd

    from diversity.types import Array, Predicted
    from diversity.xtreme.scores import Gold

AVERAGE, WITHOUT_ENGLISH = "average", "average without en"


class Score(NamedTuple):
    """One number: of a task in a language, or (`language` is `average`) of a task, a group or all.

    `low` and `high` are the ends of its 95 % interval, where one was asked for; `n` is the number of items, languages or
    tasks that it is of.
    """

    task: str
    language: str
    metric: str
    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, repr=False)
class Evaluation(Shown):
    """The scores of a submission, from 0 to 100.

    `scores` are those of each task, language and metric; `averages` are computed from them. `missing` says what a whole
    submission has beside; `notes` what a reader should know of what is there.
    """

    version: str
    scores: tuple[Score, ...]
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def languages(self) -> dict[str, tuple[str, ...]]:
        """The languages that each task was scored in."""
        return {
            task: tuple(dict.fromkeys(s.language for s in self.scores if s.task == task))
            for task in dict.fromkeys(s.task for s in self.scores)
        }

    @cached_property
    def averages(self) -> tuple[Score, ...]:
        """Means over languages of each metric and of each task's `metric`, and means of tasks over groups and all.

        A task's `metric` is the mean of its mean exact match and mean F1 in question answering, elsewhere the mean of
        its accuracy or F1. Groups, and `all_task`, are there where all their tasks are, in all their languages. Each
        average is given with and without English.
        """
        return tuple(self._averages(AVERAGE)) + tuple(self._averages(WITHOUT_ENGLISH))

    def _averages(self, name: str) -> Iterable[Score]:
        whole, means = benchmark_of(self.version), dict[str, float]()
        for task, languages in self.languages.items():
            kept = [lang for lang in languages if name == AVERAGE or not is_english(lang)]
            if not kept:
                continue
            averages = {
                metric: _mean(values[lang] for lang in kept) for metric, values in self._by_metric(task).items()
            }
            form = output_type(task)
            means[task] = averages[OFFICIAL[form][0]]
            if form == "answers":
                means[task] = (averages["exact_match"] + averages["f1"]) / 2
            for metric, value in {**averages, "metric": means[task]}.items():
                yield Score(task, name, metric, value, math.nan, math.nan, len(kept))
        complete = {t for t in means if t in whole.tasks and set(self.languages[t]) >= set(whole.scored[t])}
        for group, tasks in {"all_task": whole.tasks + whole.unscored, **whole.groups}.items():
            if complete.issuperset(tasks):
                yield Score(group, name, "metric", _mean(means[t] for t in tasks), math.nan, math.nan, len(tasks))

    def _by_metric(self, task: str) -> dict[str, dict[str, float]]:
        values = dict[str, dict[str, float]]()
        for score in self.scores:
            if score.task == task:
                values.setdefault(score.metric, {})[score.language] = score.value
        return values

    def to_frame(self) -> pd.DataFrame:
        """All of it in long form: task, language, metric, value, low, high, n."""
        import pandas as pd

        return pd.DataFrame([*self.scores, *self.averages], columns=list(Score._fields))

    @property
    def card(self) -> Summary:
        """What a reader sees first: the benchmark's averages, and what is missing."""
        averages = [s for s in self.averages if s.language == AVERAGE and s.metric == "metric"]
        facts = [(s.task, f"{s.value:.1f}") for s in averages]
        tasks = count(len(self.languages), "task")
        return Summary(f"{tasks} of {self.version.upper()}.", "", facts, [*map(str, self.missing), *self.notes])

    def to_dict(self) -> dict[str, Any]:
        """The same as `as_json`."""
        return self.as_json()

    def as_json(self) -> dict[str, Any]:
        """The benchmark's own numbers, under the keys of its own script.

        `{all_task, GROUP, TASK: {METRIC: {LANG: value}, avg_METRIC: value, avg_metric: value}}`; `all_task` and a group
        only where all their tasks are there.
        """
        average = {(s.task, s.metric): s.value for s in self.averages if s.language == AVERAGE}
        groups = {task: value for (task, _), value in average.items() if task not in self.languages}
        numbers: dict[str, Any] = dict(groups)
        for task in self.languages:
            official = OFFICIAL[output_type(task)]
            by_metric = self._by_metric(task)
            numbers[task] = {
                **{metric: by_metric[metric] for metric in official},
                **{f"avg_{metric}": average[task, metric] for metric in (*official, "metric")},
            }
        return numbers


def _mean(values: Iterable[float]) -> float:
    numbers = list(values)
    return sum(numbers) / len(numbers)


def evaluate(
    predictions: Path | str,
    labels: Path | str | None = None,
    *,
    data: Path | str | None = None,
    split: str = "test",
    languages: Sequence[str] | None = None,
    benchmark: str = "xtreme",
    bootstrap: int = 0,
    seed: int = 0,
) -> Evaluation:
    """The official scores of the predictions in a folder of the leaderboard's layout, and what goes beside them.

    `labels` is a folder in the same layout, or `data` the toolkit's folder of data, whose `split` is the gold (or the
    first that is there of several, `test,dev`); the files of predictions then bear the split's name (`dev-en.tsv`).
    Tasks whose folder is not there are listed as missing; a task that is there needs all its languages, or those of
    `languages`. `bootstrap` is a number of replicates for 95 % intervals over items.

    Parameters
    ----------
    predictions
        Folder of predictions in the leaderboard's layout.
    labels
        Folder of gold labels in the same layout.
    data
        Folder of the toolkit's data, in place of `labels`.
    split
        Split of `data` that is the gold, or several: the first that is there.
    languages
        Languages to score; default: all of a task.
    benchmark
        `xtreme` or `xtreme-r`.
    bootstrap
        Replicates for 95 % intervals over items; 0: none.
    seed
        Seed of the bootstrap.

    Returns
    -------
    Evaluation
        Every number: `.to_frame()` in long form, `.as_json()` under the benchmark's keys.

    Raises
    ------
    InputError
        For files that are missing or do not fit each other, unknown ids, and gold labels that are placeholders.

    Examples
    --------
    >>> import pathlib
    >>> import tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name, labels in {"gold": "0\\n1\\n", "mine": "0\\n0\\n"}.items():
    ...     (folder / name / "pawsx").mkdir(parents=True)
    ...     _ = (folder / name / "pawsx" / "test-de.tsv").write_text(labels)
    >>> evaluate(folder / "mine", folder / "gold", languages=["de"]).as_json()["pawsx"]["accuracy"]
    {'de': 50.0}
    """
    whole = benchmark_of(benchmark)
    if seed < 0 or (bootstrap != 0 and not intervals.LEAST <= bootstrap <= intervals.MOST):
        least = (
            f"bootstrap of 0 (none) or of at least {intervals.LEAST} replicates, at most {intervals.MOST:,}, and a seed of "
            "at least 0"
        )
        raise InputError(f"expected {least}, found {bootstrap} and {seed}")
    folder, source = predictions_folder(predictions), gold_source(labels, data, split)
    wanted, missing = files_of(folder, source, languages, benchmark)
    rows, remarks = list[Score](), list[Remark]()
    for task, language, name in _progress(wanted):
        gold = source.gold(task, language)
        predicted, counts, differing = counted(folder, source, gold, task, language, name)
        rows += _scores(task, language, counts, bootstrap, seed)
        if differing:
            remarks.append(Remark(task, f"the words are not the gold's: {differing}", language))
        remarks += remarks_on(task, language, gold, predicted)
    notes = _strangers(whole, folder) + _partial(whole, wanted) + joined(remarks)
    return Evaluation(benchmark, tuple(rows), tuple(missing), tuple(notes))


def files_of(
    folder: Path, source: GoldSource, languages: Sequence[str] | None, benchmark: str
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """The files of a folder of predictions that can be scored, as (task, language, split), and what is missing in words.

    Raises InputError for unknown languages, where a task lacks one, and where there is nothing to score.
    """
    whole = benchmark_of(benchmark)
    return _plan(whole, folder, source, _known(whole, languages))


def predictions_folder(path: Path | str) -> Path:
    """A folder of predictions; InputError where it is none."""
    return _folder(path, "predictions")


def _folder(path: Path | str, what: str) -> Path:
    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of {what}, found {'a file' if folder.exists() else 'nothing'}")
    return folder


def gold_source(labels: Path | str | None, data: Path | str | None, split: str) -> GoldSource:
    """Where the gold labels come from: a folder in the layout of submissions, or one of data; InputError for both or none."""
    if labels is not None and data is None:
        return GoldFolder(_folder(labels, "labels"))
    if data is not None and labels is None:
        return GoldData(sources.data_folder(data), split)
    given = "none" if labels is None else "both"
    raise InputError(f"expected a folder of labels (--labels DIR) or one of data (--data DIR), found {given}")


def _known(whole: Benchmark, languages: Sequence[str] | None) -> Sequence[str] | None:
    known = sorted({language for languages in whole.scored.values() for language in languages})
    for language in languages or ():
        if language not in known:
            raise InputError(f"{whole.version}: expected languages among {', '.join(known)}, found {language!r}")
    return languages or None


def _plan(
    whole: Benchmark, folder: Path, source: GoldSource, languages: Sequence[str] | None
) -> tuple[list[tuple[str, str, str]], list[str]]:
    """What is scored, as (task, language, split), and what is missing; InputError where a task lacks a language."""
    plan, missing = (
        list[tuple[str, str, str]](),
        [f"{task}: not scored here" for task in whole.unscored if task not in whole.scored],
    )
    for task, known in whole.scored.items():
        if not (folder / task).is_dir():
            missing += [f"{task}: no predictions"] if task in whole.tasks else []
            continue
        wanted = [lang for lang in known if languages is None or lang in languages]
        splits = {lang: source.split(task, lang) for lang in wanted}
        if any(splits.values()):
            plan += _task_plan(folder, task, splits)
        else:
            missing.append(f"{task}: no gold labels" if wanted else f"{task}: none of the languages")
    if not plan:
        predicted = [task for task in whole.scored if (folder / task).is_dir()]
        expected = (
            f"gold labels of {' or '.join(predicted)}" if predicted else f"folders such as {whole.tasks[0]} in {folder}"
        )
        raise InputError(f"expected {expected}, found none")
    return plan, missing


def _task_plan(folder: Path, task: str, splits: Mapping[str, str | None]) -> list[tuple[str, str, str]]:
    plan = [(task, lang, split) for lang, split in splits.items() if split is not None]
    paths = {lang: layout.file_of(folder, task, lang, split) for _, lang, split in plan}
    unlabelled = [lang for lang, split in splits.items() if split is None]
    absent = [lang for lang, path in paths.items() if not path.is_file()]
    rest = ",".join(lang for lang in paths if lang not in absent)
    hint = f": for these alone, use --languages {rest}" if rest else ""
    if unlabelled:
        raise InputError(f"{task}: expected gold labels in all its languages, found none in {few(unlabelled)}{hint}")
    if absent:
        expected = f"expected predictions of {task} in all its languages, found none in {few(absent)}"
        raise InputError(f"{paths[absent[0]]}: {expected}{hint}")
    return plan


def _strangers(whole: Benchmark, folder: Path) -> list[str]:
    """Notes on folders of predictions that are passed over, and on files of languages that a task has not."""
    notes = []
    for inner in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith(".")):
        if inner.name in whole.scored:
            known = {
                f"-{language}.{suffix}" for language in whole.scored[inner.name] for suffix in ("tsv", "json", "txt")
            }
            files = sorted(p.name for p in inner.iterdir() if p.is_file() and not p.name.startswith("."))
            if others := [name for name in files if not any(name.endswith(end) for end in known)]:
                notes.append(f"{inner}: passed over, for {inner.name} has no such language: {few(others)}")
        elif inner.name not in whole.unscored:
            notes.append(f"{inner}: passed over, for {whole.version} has no such task")
    return notes


def _partial(whole: Benchmark, plan: Sequence[tuple[str, str, str]]) -> list[str]:
    """Notes on tasks of which some languages only are scored."""
    notes = []
    for task, languages in whole.scored.items():
        scored = [lang for name, lang, _ in plan if name == task]
        if scored and len(scored) < len(languages):
            notes.append(f"{task}: averages are over {len(scored)} of {len(languages)} languages")
    return notes


def _differences(path: Path, source: GoldSource, task: str, language: str) -> str:
    """Which sentences of a file are not the gold's, in words; empty where they are, and where words are not known."""
    predicted = layout.words_of(path)
    gold = source.words(task, language) if predicted is not None else None
    return differences(gold, predicted) if gold is not None and predicted is not None else ""


def _progress(plan: Sequence[tuple[str, str, str]]) -> Iterable[tuple[str, str, str]]:
    from tqdm import tqdm

    bar: Iterable[tuple[str, str, str]] = tqdm(plan, "scoring", unit="file", leave=False, disable=None)
    return bar


def counted(
    folder: Path, source: GoldSource, gold: Gold, task: str, language: str, split: str
) -> tuple[Predicted, Array, str]:
    """The predictions of a file, what each item adds to the scores, and the sentences that are not the gold's, in words.

    These are known where both say their words. Raises InputError, with the path, where gold and predictions do not fit.
    """
    predicted = layout.read_predictions(folder, task, language, split=split)
    path = layout.file_of(folder, task, language, split)
    differing = _differences(path, source, task, language)
    fitted = layout.as_long_as(len(gold), predicted) if output_type(task) == "labels" else predicted
    try:
        return predicted, scores.counts(task, language, gold, fitted), differing
    except InputError as error:
        problem = f"expected predictions of the gold's sentences, found others: {differing}" if differing else error
        raise InputError(f"{path}: {problem}") from None


def _scores(task: str, language: str, counts: Array, replicates: int, seed: int) -> list[Score]:
    form = output_type(task)
    metrics = scores.values(form, counts.sum(axis=0))
    ends = dict[str, tuple[float, float]]()
    if replicates:
        ends = intervals.intervals(form, counts, replicates, intervals.generator(seed, task, language))
    unknown = (math.nan, math.nan)
    return [Score(task, language, m, float(v), *ends.get(m, unknown), len(counts)) for m, v in metrics.items()]
