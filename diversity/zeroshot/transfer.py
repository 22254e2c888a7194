"""`transfer`: fine-tune on the English data of a target, predict every language, score; from any checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import catalog, results, store
from diversity.data import sources
from diversity.encoders.hidden_states import SentenceVectors
from diversity.results import Lineage, Run
from diversity.retrieval.retrieve import Matcher, model_lineage
from diversity.training import log
from diversity.training.intermediate import (
    Trained,
    TrainingPlan,
    check_output,
    finished,
    plan_mix,
    read_record,
    train_mix,
)
from diversity.training.request import TrainingRequest
from diversity.training.settings import Settings, changed, preset
from diversity.types import InputError, Rows, Task, check_list
from diversity.version import __version__
from diversity.xtreme import layout, references
from diversity.xtreme.scores import scores_of
from diversity.zeroshot.card import write_card
from diversity.zeroshot.finetuned import FinetunedModel, load_finetuned

if TYPE_CHECKING:
    import pandas as pd

Notify = Callable[[str], None]
Scored = tuple[list[dict[str, Any]], list[str]]  # result rows, and what is to be said
PREDICTIONS, MODELS, CELLS, RESULTS = "predictions", "models", "cells", "results.csv"


@dataclass(frozen=True)
class TransferSettings:
    """How targets are trained on and predicted, the seed apart.

    `training` is a preset (phang2020 or xtreme), of which `changes` change single settings, or the Settings of every
    target. Of each language the first of `split` that is there is predicted. `vectors` are those of retrieval; `cache` keeps
    tokenised rows.
    """

    training: str | Settings = "phang2020"
    changes: Mapping[str, float | str | None] = field(default_factory=dict)
    split: str = "test,dev"
    vectors: SentenceVectors = field(default_factory=SentenceVectors)
    cache: Path | str | None = None
    trackers: Sequence[str] = ()

    def of(self, target: str, seed: int) -> Settings:
        """The settings that a target is trained with."""
        given = self.training if isinstance(self.training, Settings) else preset(self.training, target)
        return changed(given, **{**self.changes, "seed": seed})

    @property
    def preset(self) -> str:
        """The name of the preset; none where settings were given whole."""
        return "" if isinstance(self.training, Settings) else self.training


@dataclass(frozen=True)
class Transferred:
    """Result rows, the folder of predictions in the leaderboard's layout, the fine-tuned models, and what is not scored."""

    rows: pd.DataFrame
    folder: Path
    trained: Mapping[str, Trained]
    notes: tuple[str, ...]


def transfer(
    model: str,
    targets: Sequence[str],
    *,
    data: Rows | Path | str,
    output: Path | str,
    settings: str | Settings | TransferSettings = "phang2020",
    languages: Sequence[str] | None = None,
    seed: int = 0,
    lineage: Lineage | None = None,
    notify: Notify = lambda _: None,
) -> Transferred:
    """Fine-tune on each target's training rows in the source language and predict every language, zero-shot.

    `data` are a folder, whose English train split (or dev, where there is none) is trained on, or Rows that say otherwise.
    XQuAD and MLQA share one model, trained on SQuAD 1.1; Tatoeba and BUCC are not trained: sentence vectors come from
    `model` itself. `settings` are a preset (phang2020, xtreme, quick), Settings of every target, or TransferSettings. Of each
    language the first split that is there is predicted, never the split that was trained on: its rows may be translations
    of those in the source language; rows whose content is among the rows that targets are tested on are neither trained on
    nor selected by. Languages that a target lacks are left out with a note. Model selection sees rows of the source language
    alone. OUTPUT gets predictions/ in the leaderboard's layout, models/ (each with a model card that hubs read), cells/ (what
    each language scored) and results.csv, which holds the cells of every call on this folder; the same call goes on where it
    was interrupted. `lineage` says what `model` was trained on; a checkpoint of `train_mix` says it itself.

    Parameters
    ----------
    model
        Checkpoint to start from.
    targets
        Targets of XTREME, or your own.
    data
        Folder of the data, or `Rows` that say which of its rows.
    output
        Folder for predictions, models and results.
    settings
        A preset (`phang2020`, `xtreme`), Settings of every target, or TransferSettings.
    languages
        Languages to predict; default: all that a target has.
    seed
        Seed of all chance here.
    lineage
        What the model was trained on; a checkpoint of `train_mix` says it itself.
    notify
        A function that is called with each note.

    Returns
    -------
    Transferred
        Result rows and where predictions are.

    Raises
    ------
    InputError
        Before any training, for targets, languages, settings or data that do not fit.

    Examples
    --------
    >>> import tempfile
    >>> run = transfer("mini", ["tatoeba"], data="data/samples", output=tempfile.mkdtemp(), languages=["de"])
    >>> run.rows[["target", "language", "n"]].values.tolist()
    [['tatoeba', 'de', 16]]
    """
    plan = TransferPlan.checked(model, targets, data, settings, languages, seed, lineage)
    cells = Cells(Path(output), plan, list(plan.notes))
    trained = {source: plan.finetune(source, cells.folder / MODELS / source) for source in plan.sources}
    rows = []
    for source, group in plan.sources.items():
        finetuned = load_finetuned(cells.folder / MODELS / source)
        tested = [row for target in group for row in cells.of_target(target, finetuned, trained[source])]
        plan.describe(trained[source], [*tested, *cells.others(finetuned.identity)])
        rows += tested
    if retrieved := [t for t in plan.cells if catalog.task(t).kind == "retrieval"]:
        rows += cells.of_retrieval(retrieved, notify)
    store.write_table(results.table([*rows, *cells.others()]), cells.folder / RESULTS)
    for line in cells.notes:
        notify(line)
    return Transferred(results.table(rows), cells.folder, trained, tuple(cells.notes))


def plan_transfer(
    model: str,
    targets: Sequence[str],
    *,
    data: Rows | Path | str,
    settings: str | Settings | TransferSettings = "phang2020",
    languages: Sequence[str] | None = None,
    seed: int = 0,
    output: Path | str | None = None,
) -> pd.DataFrame:
    """What `transfer` would do with the same arguments, after every check of it: a row for each target.

    Columns: target, trained_on, languages, steps, examples, tokens, seconds (of one fine-tuning, measured on its first
    steps; targets of one training set share it).

    Parameters
    ----------
    model
        Checkpoint to start from.
    targets
        Targets of XTREME, or your own.
    data
        Folder of the data, or `Rows` that say which of its rows.
    settings
        As in `transfer`.
    languages
        Languages to predict; default: all that a target has.
    seed
        Seed of all chance here.
    output
        Folder, to see what it already holds.

    Returns
    -------
    DataFrame
        One row for each target: trained_on, languages, steps, examples, tokens, seconds.

    Raises
    ------
    InputError
        For all that `transfer` raises it for.

    Examples
    --------
    >>> plan_transfer("mini", ["xnli"], data="data/samples")["examples"].tolist()
    [96]
    """
    import pandas as pd

    plan = TransferPlan.checked(model, targets, data, settings, languages, seed, None)
    for source in plan.sources if output is not None else ():
        plan.check_output(source, Path(output or "") / MODELS / source)
    planned = {source: plan.planned(source) for source in plan.sources}
    rows: list[dict[str, Any]] = []
    for source, group in plan.sources.items():
        about = {name: getattr(planned[source], name) for name in ("steps", "examples", "tokens", "seconds")}
        rows += [{"target": t, "trained_on": source, "languages": len(plan.cells[t]), **about} for t in group]
    retrieved = [t for t in plan.cells if catalog.task(t).kind == "retrieval"]
    if retrieved:
        plan.matcher(retrieved)
    rows += [{"target": t, "trained_on": "", "languages": len(plan.cells[t])} for t in retrieved]
    columns = ["target", "trained_on", "languages", "steps", "examples", "tokens", "seconds"]
    whole = dict.fromkeys(("steps", "examples", "tokens"), "Int64")
    return pd.DataFrame(rows, columns=columns).astype(whole)


@dataclass(frozen=True)
class TransferPlan:
    """What is trained and predicted, all of it checked: the language and split of each target's cells."""

    model: str
    rows: Rows  # that are trained on
    settings: TransferSettings
    seed: int
    lineage: Lineage
    cells: Mapping[str, Sequence[tuple[str, str]]]
    notes: tuple[str, ...]

    @staticmethod
    def checked(
        model: str, targets: Sequence[str], data: Rows | Path | str, settings: str | Settings | TransferSettings,
        languages: Sequence[str] | None, seed: int, lineage: Lineage | None,
    ) -> TransferPlan:  # fmt: skip
        """The plan of `transfer`'s arguments; raises InputError for those that do not fit."""
        rows = Rows.of(data)
        check_list(targets, "targets")
        check_list(languages, "languages")
        if unknown := [name for name in targets if name not in catalog.targets()]:
            raise catalog.near(unknown[0], catalog.targets(), "target")
        if not targets:
            raise InputError(f"expected targets among {', '.join(catalog.targets())}, found none")
        wanted = [catalog.task(name) for name in dict.fromkeys(targets)]
        chosen = settings if isinstance(settings, TransferSettings) else TransferSettings(settings)
        for name in chosen.trackers:
            log.check_tracker(name)
        known = sorted({language for task in wanted for language in task.languages})
        if unknown := [language for language in languages or () if language not in known]:
            raise catalog.near(unknown[0], known, f"language of {', '.join(task.name for task in wanted)}")
        results.check_seed(seed)
        cells, notes = dict[str, list[tuple[str, str]]](), list[str]()
        for task in wanted:
            asked = [lang for lang in languages or task.languages if lang in task.languages]
            if lacking := [lang for lang in languages or () if lang not in asked]:
                notes.append(f"{task.name} has no {', '.join(lacking)}: left out")
            if asked:
                cells[task.name] = _cells(task, asked, rows, chosen.split)
            if missing := [lang for lang in asked if lang not in dict(cells[task.name])]:
                notes.append(f"{task.name}: no rows in {', '.join(missing)} in {rows.folder}")
        plan = TransferPlan(model, rows, chosen, seed, lineage or model_lineage(model), cells, tuple(notes))
        for source in plan.sources:
            plan.training(source)
        if any(catalog.task(target).kind == "retrieval" for target in cells):
            chosen.vectors.check_model(model)
        return plan

    @property
    def sources(self) -> dict[str, list[str]]:
        """The tasks that are trained on, and the targets that each is for."""
        groups: dict[str, list[str]] = {}
        for target in self.cells:
            if catalog.task(target).kind != "retrieval":
                groups.setdefault(catalog.task(target).train_on or target, []).append(target)
        return groups

    def training(self, source: str) -> Settings:
        """The settings that a training set is trained with; raises InputError where its targets want several."""
        first, *others = [self.settings.of(target, self.seed) for target in self.sources[source]]
        if any(other != first for other in others):
            raise InputError(f"expected the same settings for all targets that are trained on {source}, found several")
        return first

    def finetune(self, source: str, folder: Path) -> Trained:
        """Train on one task and keep its head. What is finished in the folder is not done again."""
        return train_mix(
            [source],
            model=self.model,
            data=self.rows,
            output=folder,
            settings=self.training(source),
            heads="keep",
            trackers=self.settings.trackers,
            cache=self.settings.cache,
        )

    def describe(self, trained: Trained, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write the card of a fine-tuned model with what it scored."""
        record = read_record(trained.folder)
        write_card(trained.folder, record, rows, model=self.lineage.model, mixture=self.lineage.mixture)

    def planned(self, source: str) -> TrainingPlan:
        """What `finetune` would do."""
        settings, cache = self.training(source), self.settings.cache
        return plan_mix([source], model=self.model, data=self.rows, settings=settings, cache=cache)

    def check_output(self, source: str, folder: Path) -> None:
        """Raise InputError where `finetune` could not write to a folder, or it holds another run."""
        check_output(folder)
        identity = TrainingRequest.of([source], self.model, self.rows, self.training(source)).identity()
        finished(folder, identity, "keep")

    def matcher(self, targets: Iterable[str], notify: Notify = lambda _: None) -> Matcher:
        """The model as an encoder of sentences, loaded once for all languages of the retrieval targets."""
        cells = [(target, *cell) for target in targets for cell in self.cells[target]]
        return Matcher.of(self.model, cells, self.rows, vectors=self.settings.vectors, notify=notify)


def _cells(task: Task, languages: Sequence[str], rows: Rows, split: str) -> list[tuple[str, str]]:
    """Each language that has rows, with the split that is predicted; raises InputError where none has."""
    splits = sources.unseen(task, split, rows)
    known = [name for name in splits if name in task.splits]
    first = {lang: next((s for s in known if sources.find(task, rows, s, lang)), "") for lang in languages}
    if not any(first.values()):
        unseen = "" if ",".join(splits) == split else " that are not trained on"
        raise InputError(f"{task.name}: expected rows of {split} in {rows.folder}{unseen}, found none")
    return [cell for cell in first.items() if cell[1]]


# --- One language of a target ------------------------------------------------------------------------


@dataclass(frozen=True)
class Cells:
    """The cells of a folder: predictions and result rows of one target in one language, each in its own files."""

    folder: Path
    plan: TransferPlan
    notes: list[str]
    taken: set[Path] = field(default_factory=set)

    def of_target(self, target: str, finetuned: FinetunedModel, trained: Trained) -> list[dict[str, Any]]:
        """Result rows of a target in its languages: predicted, written and scored, unless an earlier call did."""
        plan = self.plan
        record = results.training_record(trained.folder) or {}
        run = plan.lineage.run(target, plan.seed, {"finetuning": results.training_of(record)})
        about: dict[str, Any] = {"trained_on": finetuned.task, "source_language": plan.rows.languages[0]}
        about |= {"preset": plan.settings.preset, "steps": trained.steps, "examples": trained.examples}
        rows = []
        for language, split in plan.cells[target]:
            details = {**about, "language": language, "split": split}
            key = {"model": finetuned.identity, **details, **run.columns}
            rows += self._kept_or_new(target, language, split, key, partial(self._predicted, finetuned, run, details))
        return rows

    def _predicted(self, finetuned: FinetunedModel, run: Run, details: Mapping[str, Any]) -> Scored:
        """Predict, write and score one language."""
        language, split, data = details["language"], details["split"], sources.data_folder(self.plan.rows)
        n, predicted = finetuned.write_predictions(
            run.target, language, split, data=data, folder=self.folder / PREDICTIONS, cache=self.plan.settings.cache
        )
        try:
            gold = references.gold(run.target, data, split, language)
        except InputError as error:
            return [], [f"{run.target} ({split}, {language}) is predicted and not scored: {error}"]
        return run.rows(scores_of(run.target, language, gold, predicted), {**details, "n": n}), []

    def of_retrieval(self, targets: Sequence[str], notify: Notify) -> list[dict[str, Any]]:
        """Result rows of the retrieval targets, from one load of the model."""
        matcher = self.plan.matcher(targets, notify)
        rows = []
        for target in targets:
            run = self.plan.lineage.run(target, self.plan.seed, matcher.settings(target))
            for language, split in self.plan.cells[target]:
                key = {"split": split, **run.columns}
                rows += self._kept_or_new(
                    target, language, split, key, partial(self._matched, matcher, run, language, split)
                )
        return rows

    def _matched(self, matcher: Matcher, run: Run, language: str, split: str) -> Scored:
        """Match the sentences of one language, write and score."""
        retrieved = matcher.match(run.target, self.plan.rows, split, language)
        retrieved.write(self.folder / PREDICTIONS)
        return run.rows(retrieved.values, matcher.details(retrieved)), [retrieved.note] if retrieved.note else []

    def _kept_or_new(
        self, target: str, language: str, split: str, key: Mapping[str, Any], score: Callable[[], Scored]
    ) -> list[dict[str, Any]]:
        """The rows of a cell: those that an earlier call left of the same run and the same files, else new ones."""
        files = sources.located(catalog.task(target), Rows.of(self.plan.rows, split=split), language).files
        digests = sorted(store.sha256_file(f) for f in files)
        whole = {**key, "files": digests, "toolkit": __version__}
        path = self.folder / CELLS / target / f"{split}-{language}.json"
        predictions = layout.path_of(self.folder / PREDICTIONS, target, language, split)
        self.taken.add(path)
        kept = _cell(path) if predictions.is_file() else None
        if kept is not None and kept["key"] == whole and kept["predictions"] == store.sha256_file(predictions):
            rows, notes = kept["rows"], kept["notes"]
        else:
            rows, notes = score()
            path.parent.mkdir(parents=True, exist_ok=True)
            about = {"key": whole, "predictions": store.sha256_file(predictions), "rows": rows, "notes": notes}
            store.write(path, json.dumps(about, indent=1) + "\n")
        self.notes.extend(notes)
        return list(rows)

    def others(self, model: str = "") -> list[dict[str, Any]]:
        """Result rows of the cells that other calls left in the folder, of all models or of one by its identity."""
        rows: list[dict[str, Any]] = []
        for path in sorted((self.folder / CELLS).glob("*/*.json")):
            if path not in self.taken and (kept := _cell(path)) is not None and model in ("", kept["key"].get("model")):
                rows += kept["rows"]
        return rows


def _cell(path: Path) -> dict[str, Any] | None:
    """What a call left of a cell; None where there is none, or it is not whole: then it is computed again."""
    try:
        kept: dict[str, Any] = json.loads(path.read_text("utf8"))
        return kept if {"key", "predictions", "rows", "notes"} <= kept.keys() else None
    except (OSError, ValueError, AttributeError):
        return None
