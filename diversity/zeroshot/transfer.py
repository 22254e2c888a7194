"""`transfer`: fine-tune on the English data of a target, predict every language, score; from any checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import catalog, store
from diversity.data import sources
from diversity.encoders.hidden_states import DEPTH, Pooling
from diversity.encoders.pretrained import Loaded, load_model
from diversity.features.cache import cached
from diversity.features.predictions import predictions
from diversity.retrieval import retrieve
from diversity.training import dev, log
from diversity.training.heads import Output, network
from diversity.training.intermediate import HEADS, RECORD, Trained, train_mix
from diversity.training.settings import Settings, changed, preset
from diversity.types import Example, InputError, Mixture, Rows, Run, Sampling, Task
from diversity.version import __version__
from diversity.xtreme import layout, references
from diversity.xtreme.scores import scores_of

if TYPE_CHECKING:
    import pandas as pd

Notify = Callable[[str], None]
COLUMNS = (
    "run", "model", "mixture", "tasks", "sampling", "budget", "target", "language", "metric", "value", "n", "seed",
    "split", "source_language", "trained_on", "preset", "steps", "examples", "layer", "pooling",
)  # fmt: skip
WHOLE = ("budget", "n", "seed", "steps", "examples", "layer")  # columns of whole numbers, which may be missing
PREDICTIONS, MODELS, CELLS, RESULTS = "predictions", "models", "cells", "results.csv"


@dataclass(frozen=True)
class Transferred:
    """Result rows, the folder of predictions in the leaderboard's layout, the fine-tuned models, and what is not scored."""

    rows: pd.DataFrame
    folder: Path
    trained: Mapping[str, Trained]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Tuned:
    """A fine-tuned model: encoder, tokenizer and the head of the task that it was trained on."""

    loaded: Loaded
    network: Any
    task: str
    labels: tuple[str, ...]
    split: str
    settings: Settings
    packed: bool
    identity: str = ""


def transfer(
    model: str,
    targets: Sequence[str],
    *,
    data: Path | str,
    output: Path | str,
    preset: str = "phang2020",
    overrides: Mapping[str, Any] | None = None,
    languages: Sequence[str] | None = None,
    split: str = "test,dev",
    train_split: str = "train,dev",
    source_language: str = "en",
    limit: int | None = None,
    seed: int = 0,
    mixture: Mixture | None = None,
    cache: Path | str | None = None,
    layer: float = DEPTH,
    pooling: Pooling = "mean",
    trackers: Sequence[str] = (),
    notify: Notify = lambda _: None,
) -> Transferred:
    """Fine-tune on each target's training rows in the source language and predict every language, zero-shot.

    XQuAD and MLQA share one model, trained on SQuAD 1.1; Tatoeba and BUCC are not trained: sentence vectors come from
    `model` itself (`layer`, `pooling`). `preset` is phang2020 or xtreme, `overrides` change single settings of it. Of each
    language the first of `split` that is there is predicted, never the split that was trained on: its rows may be
    translations of those in the source language. Model selection sees rows of the source language alone. OUTPUT gets
    predictions/ in the leaderboard's layout, models/, cells/ (what each language scored) and results.csv; the same call
    goes on where it was interrupted.
    `mixture` says what `model` was trained on; a checkpoint of `train_mix` says it itself.

    Raises InputError, before any training, for targets, languages, settings or data that do not fit.
    """
    import pandas as pd

    folder, wanted = Path(output), _targets(targets)
    plans = {t: _cells(catalog.task(t), data, languages, split, train_split, source_language) for t in wanted}
    chosen = {t: _settings(preset, t, overrides, seed) for t in wanted if catalog.task(t).kind != "retrieval"}
    about = mixture if mixture is not None else mixture_of(model)
    for name in trackers:
        log.check_tracker(name)
    notes = [n for t, cells in plans.items() if (n := _missing(catalog.task(t), cells, languages, data))]
    records: list[dict[str, Any]] = []
    trained: dict[str, Trained] = {}
    for source, group in _groups(chosen).items():
        own = _only(source, [chosen[t] for t in group])
        into = folder / MODELS / source
        trained[source] = train_target(
            source, model=model, data=data, output=into, settings=own, language=source_language, split=train_split,
            limit=limit, cache=cache, trackers=trackers,
        )  # fmt: skip
        tuned = load_tuned(into)
        shared = {
            **_about(model, about, seed),
            "trained_on": source,
            "source_language": source_language,
            "preset": preset,
        }
        shared |= {"steps": trained[source].steps, "examples": trained[source].examples}
        for target in group:
            for language, chosen_split in plans[target]:
                found, unscored = _kept_or_new(tuned, target, language, chosen_split, data, folder, cache)
                records += [_row(shared, target, language, chosen_split, r, own) for r in found]
                notes.extend(unscored)
    records += _retrieval(
        model, wanted, plans, data, folder / PREDICTIONS, about, seed, cache, layer, pooling, notes.append
    )
    table = pd.DataFrame(records, columns=list(COLUMNS)).astype(dict.fromkeys(WHOLE, "Int64"))
    store.write(folder / RESULTS, table.to_csv(index=False))
    for line in notes:
        notify(line)
    return Transferred(table, folder, trained, tuple(notes))


def train_target(
    source: str, *, model: str, data: Path | str, output: Path | str, settings: Settings, **rows: Any
) -> Trained:
    """Fine-tune on one task and keep its head: `train_mix` of one task. What is finished there is not done again."""
    return train_mix([source], model=model, data=data, output=output, settings=settings, heads="keep", **rows)


def load_tuned(folder: Path | str) -> Tuned:
    """A model that `train_target` left; raises InputError where there is none, or its head was not kept."""
    from safetensors.torch import load_file

    path = Path(folder)
    if not (path / RECORD).is_file() or not (path / HEADS).is_file():
        raise InputError(f"{path}: expected a fine-tuned model with {RECORD} and {HEADS}, found none")
    record = json.loads((path / RECORD).read_text("utf8"))
    ((task, labels),) = {**{t["task"]: () for t in record["tasks"]}, **record["labels"]}.items()
    loaded = load_model(str(path))
    made = network(loaded, {task: Output(catalog.task(task).kind, len(labels))}, 0)
    made["heads"].load_state_dict(load_file(path / HEADS))
    made.eval()
    settings = Settings.read(record["settings"])
    split, packed = record["data"][task]["split"], loaded.packs and record["packed"]
    return Tuned(loaded, made, task, tuple(labels), split, settings, packed, record["identity"])


def predict(tuned: Tuned, rows: Sequence[Example], *, cache: Path | str | None = None, label: str = "") -> Any:
    """What a fine-tuned model says of rows of any language, in the form that `layout` writes."""
    import torch

    if torch.cuda.is_available():
        tuned.network.cuda()
    made = cached(
        rows, tuned.loaded.tokenizer, kind=catalog.task(tuned.task).kind, labels=tuned.labels, cache=cache, label=label,
        max_length=tuned.settings.optimisation.max_length, stride=tuned.settings.optimisation.doc_stride, unseen="ignore",
    )  # fmt: skip
    pad = tuned.loaded.tokenizer.pad_token_id
    logits = dev.predict(tuned.network, tuned.task, made, tuned.settings, packed=tuned.packed, pad=pad, label=label)
    return predictions(made, rows, logits, tuned.labels)


def mixture_of(model: str) -> Mixture:
    """What a checkpoint was trained on, as `train_mix` wrote it beside the weights; else the empty mixture."""
    path = Path(model) / RECORD
    if not path.is_file():
        return Mixture.of([])
    record = json.loads(path.read_text("utf8"))
    known = record["mixture"]
    shares = Mixture.of({task: share for task, share in known["shares"].items() if task != "mlm"}).shares()
    sampling = Sampling(**known["sampling"] | ({"weights": shares} if known["sampling"]["weights"] else {}))
    mixture = Mixture.of(list(shares), known["name"], sampling=sampling)
    return mixture.trained(shares, record["result"]["examples"])


# --- What is asked for -------------------------------------------------------------------------------


def _targets(targets: Sequence[str]) -> list[str]:
    known = catalog.targets()
    for name in targets:
        if name not in known:
            raise catalog.near(name, known, "target")
    if not targets:
        raise InputError(f"expected targets among {', '.join(known)}, found none")
    return list(dict.fromkeys(targets))


def _settings(name: str, target: str, overrides: Mapping[str, Any] | None, seed: int) -> Settings:
    return changed(preset(name, target), **{**(overrides or {}), "seed": seed})


def _groups(chosen: Mapping[str, Settings]) -> dict[str, list[str]]:
    groups: dict[str, list[str]] = {}
    for target in chosen:
        groups.setdefault(catalog.task(target).train_on or target, []).append(target)
    return groups


def _only(source: str, settings: Sequence[Settings]) -> Settings:
    if any(s != settings[0] for s in settings):
        raise InputError(f"expected the same settings for all targets that are trained on {source}, found several")
    return settings[0]


def _cells(
    task: Task, data: Path | str, languages: Sequence[str] | None, split: str, train_split: str, source_language: str
) -> list[tuple[str, str]]:
    """Each language that is there, with the split that is predicted; raises InputError where there is none."""
    for language in languages or ():
        if language not in task.languages:
            raise catalog.near(language, list(task.languages), f"language of {task.name}")
    splits = sources.unseen(task, split, Rows.of(data, split=train_split, languages=[source_language]))
    found = list(_there(task, data, splits, languages))
    if not found:
        unseen = "" if ",".join(splits) == split else " that are not trained on"
        raise InputError(f"{task.name}: expected rows of {split} in {data}{unseen}, found none")
    return found


def _missing(task: Task, cells: Sequence[tuple[str, str]], languages: Sequence[str] | None, data: Path | str) -> str:
    """What to say of languages that were asked for, or are the benchmark's, and are not there."""
    absent = [lang for lang in languages or task.languages if lang not in {c[0] for c in cells}]
    return f"{task.name}: no rows in {', '.join(absent)} in {data}" if absent else ""


def _there(
    task: Task, data: Path | str, preference: Sequence[str], languages: Sequence[str] | None
) -> Iterable[tuple[str, str]]:
    for language in languages or task.languages:
        for name in preference:
            if name in task.splits and sources.find(task, data, name, language):
                yield language, name
                break


# --- One language ------------------------------------------------------------------------------------


def write_predictions(
    tuned: Tuned,
    target: str,
    language: str,
    split: str,
    *,
    data: Path | str,
    folder: Path | str,
    cache: Path | str | None = None,
) -> tuple[int, Any]:
    """Predict a split of a target in one language and write it in the leaderboard's layout: its rows, and what is said."""
    rows = list(sources.rows(catalog.task(target), Rows.of(data, split=split, languages=[language])))
    said = predict(tuned, rows, cache=cache, label=f"{target} {language}")
    layout.write_predictions(folder, target, language, said, split=split)
    return len(rows), said


def _kept_or_new(
    tuned: Tuned, target: str, language: str, split: str, data: Path | str, folder: Path, cache: Path | str | None
) -> tuple[list[tuple[str, float, int]], list[str]]:
    """What `_cell` gives, or gave an earlier call with the same model and the same files."""
    files = sources.located(catalog.task(target), Rows.of(data, split=split), language).files
    digests = sorted(store.sha256_file(f) for f in files)
    key = {"model": tuned.identity, "split": split, "files": digests, "toolkit": __version__}
    path = folder / CELLS / target / f"{split}-{language}.json"
    if path.is_file() and layout.path_of(folder / PREDICTIONS, target, language, split).is_file():
        kept = json.loads(path.read_text("utf8"))
        if kept["key"] == key:
            return [(m, v, n) for m, v, n in kept["found"]], kept["notes"]
    found, notes = _cell(tuned, target, language, split, data, folder / PREDICTIONS, cache)
    path.parent.mkdir(parents=True, exist_ok=True)
    store.write(path, json.dumps({"key": key, "found": found, "notes": notes}, indent=1) + "\n")
    return found, notes


def _cell(
    tuned: Tuned, target: str, language: str, split: str, data: Path | str, folder: Path, cache: Path | str | None
) -> tuple[list[tuple[str, float, int]], list[str]]:
    """Predict, write, score: (metric, value, n) for each metric, and what is to be said."""
    n, said = write_predictions(tuned, target, language, split, data=data, folder=folder, cache=cache)
    try:
        gold = references.gold(target, data, split, language)
    except InputError as error:
        return [], [f"{target} ({split}, {language}) is predicted and not scored: {error}"]
    return [(metric, value, n) for metric, value in scores_of(target, language, gold, said).items()], []


def _about(model: str, mixture: Mixture, seed: int) -> dict[str, Any]:
    return {
        "model": Path(model).name if Path(model).is_dir() else model,
        "mixture": mixture.name,
        "tasks": "+".join(mixture.tasks),
        "sampling": mixture.sampling.rule,
        "budget": mixture.budget,
        "seed": seed,
        "_mixture": mixture,
    }


def _row(
    shared: Mapping[str, Any], target: str, language: str, split: str, found: tuple[str, float, int], settings: Settings
) -> dict[str, Any]:
    metric, value, n = found
    run = Run(shared["model"], shared["_mixture"], target, shared["seed"], {**settings.values, "split": split})
    return {
        **{k: v for k, v in shared.items() if k != "_mixture"},
        "run": run.key,
        "target": target,
        "language": language,
        "split": split,
        "metric": metric,
        "value": value,
        "n": n,
    }


def _retrieval(
    model: str,
    wanted: Sequence[str],
    plans: Mapping[str, Sequence[tuple[str, str]]],
    data: Path | str,
    folder: Path,
    mixture: Mixture,
    seed: int,
    cache: Path | str | None,
    layer: float,
    pooling: Pooling,
    notify: Notify,
) -> list[dict[str, Any]]:
    records: list[dict[str, Any]] = []
    for target in (t for t in wanted if catalog.task(t).kind == "retrieval"):
        for language, split in plans[target]:
            table = retrieve.retrieve(
                model, [target], data=data, languages=[language], split=split, layer=layer, pooling=pooling,
                mixture=mixture, seed=seed, cache=cache, output=folder, notify=notify,
            )  # fmt: skip
            records += [{str(k): v for k, v in r.items()} for r in table.to_dict("records")]
    return records
