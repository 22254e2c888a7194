"""The kinds of stages, and the one place where the grid calls the rest of the toolkit.

A function takes the paths of its inputs by role (stages and outside places alike), its settings, and the folder to leave
its files in; it returns result rows. Change what one computes, and raise its recipe in KINDS.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store, types
from diversity.grid.graph import ResultRows, StageKind
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.scoring.embedded import EmbeddedTask
    from diversity.training.intermediate import DevScore
    from diversity.training.settings import Settings
    from diversity.types import Mixture

MODULE = "diversity.grid.stages"
SHARES = "shares"  # the role, and the file, of the shares in which the tasks of a mixture are trained on
ROWS = "settings.json"  # what predictions say of themselves in result rows, by language: layer, pooling

# Kinds of greater priority run first where several are ready, so that checkpoints are used up before new ones are made.
KINDS = {
    kind.name: kind
    for kind in (
        StageKind("embed", f"{MODULE}:embed", resumes=True, gpu=True),
        StageKind("moments", f"{MODULE}:moments", priority=1),
        StageKind("shares", f"{MODULE}:shares", priority=1),
        StageKind("diversity", f"{MODULE}:diversity", priority=2),
        StageKind("train", f"{MODULE}:train", priority=1, transient=True, resumes=True, gpu=True, multi_gpu=True),
        StageKind("merge", f"{MODULE}:merge", priority=1, transient=True),
        StageKind("finetune", f"{MODULE}:finetune", priority=2, transient=True, resumes=True, gpu=True, multi_gpu=True),
        StageKind("predict", f"{MODULE}:predict", priority=3, gpu=True),
        StageKind("score", f"{MODULE}:score", priority=4),
    )
}


# --- Diversity of the mixtures ---------------------------------------------------------------------


def embed(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """The moments of one shard of a task's texts: every `shards`-th text of the sample, from number `shard` on."""
    from diversity import types
    from diversity.scoring import embedded

    rows = types.Rows(inputs["data"], split=settings["split"], limit=settings["sample"], seed=settings["seed"])
    texts = embedded.read_texts([settings["task"]], rows)
    chosen, provenance = texts[settings["task"]]
    part = chosen[settings["shard"] :: settings["shards"]]
    if not part:  # more shards than texts
        return [{"task": settings["task"], "rows": 0, "encoder": settings["encoder"]}]
    encoder = str(inputs.get("encoder", settings["encoder"]))
    space = embedded.embed_texts({settings["task"]: (part, provenance)}, encoder, cache=folder / "cache")
    embedded.save_moments(replace(space, encoder="moments"), folder, rows=embedded.ROWS_KEPT)
    _remove(folder / "cache")
    return [{"task": settings["task"], "rows": len(part), "encoder": space.encoder}]


def moments(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """The moments of a task: those of its shards, merged."""
    from diversity.scoring import embedded

    task = settings["task"]
    folders = [inputs[role] for role in sorted(inputs) if any(inputs[role].iterdir())]
    shards = [embedded.load_moments([task], folder, "moments").tasks[task] for folder in folders]
    merged = _merged(shards)
    embedded.save_moments(embedded.EmbeddedTasks("moments", {task: merged}), folder, rows=embedded.ROWS_KEPT)
    return [{"task": task, "rows": merged.moments.n}]


def _merged(shards: Sequence[EmbeddedTask]) -> EmbeddedTask:
    """One task from its shards: exact moments, and a random sample of the rows that the shards kept.

    Raises InputError for shards of several encoders.
    """
    import numpy as np

    from diversity.scoring import embedded

    embedded.one_encoder({f"shard {number}": shard for number, shard in enumerate(shards)})
    rows = np.concatenate([s.rows for s in shards])
    chosen = np.random.default_rng(0).permutation(len(rows))[: embedded.ROWS_KEPT]
    return embedded.EmbeddedTask(
        sum((s.moments for s in shards[1:]), shards[0].moments), rows[chosen], shards[0].provenance
    )


def diversity(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """Diversity scores of one mixture, in the columns of `score`."""
    from diversity.scoring import embedded
    from diversity.scoring import score as scoring
    from diversity.scoring.asked import Draws
    from diversity.types import Mixture

    weights = _shares(inputs, settings)
    tasks = {task: embedded.load_moments([task], path, "moments").tasks[task] for task, path in inputs.items()}
    space = embedded.EmbeddedTasks(settings["encoder"], tasks)
    mixture = Mixture.of(weights, settings["mixture"])
    table = scoring.score(space, mixtures=[mixture], metrics=settings["metrics"], draws=Draws(seed=settings["seed"]))
    return [{str(k): _cell(v) for k, v in row.items()} for row in table.to_dict("records")]


def _shares(inputs: dict[str, Path], settings: dict[str, Any]) -> dict[str, float]:
    """The share of each task of a mixture: counted by a stage, which is taken from the inputs, or in the settings."""
    counted = inputs.pop(SHARES, None)
    shares: dict[str, float] = json.loads((counted / SHARES).read_text("utf8")) if counted else settings["weights"]
    return shares


def _cell(value: Any) -> Any:
    """Lists as the CSV of `score` has them."""
    return "+".join(v if isinstance(v, str) else repr(float(v)) for v in value) if isinstance(value, tuple) else value


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


# --- Training, predictions, scores -------------------------------------------------------------------


def _model(inputs: dict[str, Path], settings: dict[str, Any]) -> str:
    """The checkpoint that a stage starts from, or the model that everything does."""
    return str(inputs.get("checkpoint") or inputs.get("model") or settings["model"])


def _settings(settings: dict[str, Any]) -> Settings:
    """The settings of a training: what is in the stage's key, and how it is computed."""
    from diversity.training.settings import Settings

    return Settings.read({**settings["training"], "computation": settings["computation"]})


def _rows(inputs: dict[str, Path], settings: dict[str, Any]) -> types.Rows:
    """The rows that are trained on."""
    return types.Rows.of(inputs["data"], split=settings["split"], limit=settings["limit"])


def _mixture(settings: dict[str, Any]) -> Mixture:
    from diversity.types import Mixture, Sampling

    return Mixture.of(settings["tasks"], sampling=Sampling(**settings["sampling"]))


def shares(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """In what shares the tasks of a mixture are trained on: their training instances are counted as training counts them."""
    from diversity.training.intermediate import plan_mix

    planned = plan_mix(
        _mixture(settings),
        model=_model(inputs, settings),
        data=_rows(inputs, settings),
        settings=_settings(settings),
        measure=0,
    )
    store.write(folder / SHARES, json.dumps({task.task: task.share for task in planned.tasks}))
    return [{"task": task.task, "share": task.share} for task in planned.tasks]


def train(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """Intermediate training on a mixture: a checkpoint, and the dev scores of its tasks."""
    from diversity.training.intermediate import train_mix

    trained = train_mix(
        _mixture(settings),
        model=_model(inputs, settings),
        data=_rows(inputs, settings),
        output=folder,
        settings=_settings(settings),
    )
    return [_dev(score) for score in trained.dev]


def merge(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """The mean of the weights of a mixture's tasks, each trained alone, in the mixture's shares."""
    from diversity.training import merging

    shares = _shares(inputs, settings)
    merging.fill(folder, inputs, shares)
    return [{"task": task, "share": share} for task, share in shares.items()]


def finetune(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """Fine-tuning on a target's English data: a model with its head, and its dev score."""
    from diversity.training.intermediate import train_mix

    trained = train_mix(
        [settings["task"]],
        model=_model(inputs, settings),
        data=_rows(inputs, settings),
        output=folder,
        settings=_settings(settings),
        heads="keep",
    )
    return [_dev(score) for score in trained.dev]


def _dev(score: DevScore) -> dict[str, Any]:
    return {name: getattr(score, name) for name in ("task", "metric", "score", "low", "high", "baseline", "n")}


def predict(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """Zero-shot predictions of a target in its languages, in the leaderboard's layout."""
    if "mining" in settings:
        return _retrieved(inputs, settings, folder)
    from diversity.zeroshot.finetuned import load_finetuned

    model, data = load_finetuned(inputs["checkpoint"]), inputs["data"]
    for language, split in settings["splits"].items():  # tokenised once for all cells, in the cache that training has
        model.write_predictions(settings["target"], language, split, data=data, folder=folder)
    return []


def _retrieved(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """Predictions of a retrieval target, and beside them the settings that stand in the result rows."""
    from diversity.encoders.hidden_states import SentenceVectors
    from diversity.retrieval.retrieve import Matcher, Mining

    target, splits, data = settings["target"], settings["splits"], inputs["data"]
    vectors = SentenceVectors.read(settings["vectors"], cache=folder / "cache")
    cells = [(target, language, split) for language, split in splits.items()]
    matcher = Matcher.of(_model(inputs, settings), cells, data, vectors=vectors, mining=Mining(**settings["mining"]))
    details = {}
    for language, split in splits.items():
        retrieved = matcher.match(target, data, split, language)
        retrieved.write(folder)
        details[language] = {k: v for k, v in matcher.details(retrieved).items() if k not in ("language", "split", "n")}
    _remove(folder / "cache")
    store.write(folder / ROWS, json.dumps(details))
    return []


def score(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """The official scores of a target's predictions in each language; one whose labels are withheld has a row that says so.

    Raises InputError where no language can be scored.
    """
    from diversity.xtreme.evaluate import evaluate

    name, predictions = settings["target"], inputs["predictions"]
    file = predictions / ROWS
    known = json.loads(file.read_text("utf8")) if file.exists() else {}
    rows: list[dict[str, Any]] = []
    for language, split in settings["splits"].items():
        shared = {"language": language, "split": split, **known.get(language, {})}
        try:
            scores = evaluate(predictions, data=inputs["data"], split=split, languages=[language]).scores
        except InputError as error:
            rows.append({**shared, "metric": "", "status": "not scored", "error": str(error)})
        else:
            rows += [{**shared, "metric": s.metric, "value": s.value, "n": s.n} for s in scores if s.task == name]
    if not any("value" in row for row in rows):
        raise InputError(f"{name}: no language can be scored: {rows[0]['error']}")
    return rows
