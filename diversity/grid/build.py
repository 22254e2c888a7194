"""From a plan to its stages: what is trained, predicted and scored, and which stages cells share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from diversity import catalog, results, store
from diversity.data import sources
from diversity.encoders import hidden_states, registry
from diversity.encoders.hidden_states import SentenceVectors
from diversity.grid.fingerprints import Fingerprints
from diversity.grid.graph import Graph, Stage
from diversity.grid.results import Cell, expected_shares
from diversity.grid.stages import KINDS
from diversity.planning.plans import Plan, PlannedMixture
from diversity.results import Lineage, display_name
from diversity.retrieval.retrieve import Mining, mined
from diversity.training import settings as presets
from diversity.types import InputError, Rows

SPLITS = "train,dev"  # trained on: the first that is there
TESTS = "test,dev"  # predicted


@dataclass(frozen=True)
class Study:
    """A plan's stages, its cells, and the stages that score the diversity of mixtures; notes say what is not as asked."""

    graph: Graph
    cells: tuple[Cell, ...]
    scores: tuple[str, ...]
    notes: tuple[str, ...]


class Builder:
    """Makes the stages of a plan; equal ones are one by their keys."""

    def __init__(self, plan: Plan, data: Path, prints: Fingerprints) -> None:
        self.plan, self.data, self.prints = plan, data, prints
        self.stages: dict[str, Stage] = {}
        self.notes: list[str] = []
        self.tested = {name: self._tested(name) for name in plan.targets}

    def add(self, kind: str, title: str, settings: Mapping[str, Any], **rest: Mapping[str, str]) -> str:
        """A stage, once; its key."""
        stage = Stage(KINDS[kind], settings, title=title, **rest)
        return self.stages.setdefault(stage.key, stage).key

    # --- Diversity ---

    def diversity(self, planned: PlannedMixture) -> str:
        """The stage that scores a mixture."""
        mixture, chosen = planned.mixture, self.plan.diversity
        settings = {
            "mixture": mixture.name,
            "weights": expected_shares(mixture),
            "metrics": self._metrics(),
            "encoder": display_name(chosen.get("encoder", registry.DEFAULT)),
            "seed": chosen.get("seed", 0),
        }
        return self.add("diversity", mixture.name, settings, inputs={t: self.moments(t) for t in mixture.tasks})

    def _metrics(self) -> list[str]:
        named = list(self.plan.diversity.get("metrics", catalog.METRICS))
        primary = self.plan.primary_metric
        return named if not primary or primary in named else [primary, *named]

    def moments(self, task: str) -> str:
        """The moments of a task, merged from those of its shards."""
        chosen = self.plan.diversity
        shards = chosen.get("shards", 1)
        name = chosen.get("encoder", registry.DEFAULT)
        shared = {
            "task": task,
            "sample": chosen.get("sample", catalog.SAMPLE),
            "seed": chosen.get("seed", 0),
            "split": chosen.get("split", SPLITS),
        }
        local = registry.is_folder(name)
        data = {task: self.prints.task(task, self.data, shared["split"], ["en"]), "encoder": self.prints.model(name)}
        places = {"data": str(self.data)} | ({"encoder": name} if local else {})
        parts = {}
        for shard in range(shards):
            title = f"{task}, {shard + 1} of {shards}" if shards > 1 else task
            settings = {**shared, "encoder": display_name(name) if local else name, "shard": shard, "shards": shards}
            parts[f"shard{shard:04d}"] = self.add("embed", title, settings, data=data, places=places)
        return self.add("moments", task, {"task": task}, inputs=parts)

    # --- Training ---

    def checkpoint(self, planned: PlannedMixture, seed: int) -> tuple[str | None, Lineage]:
        """The stage that trains on a mixture, and what it gives; no stage for the empty one, which is the model itself."""
        mixture, chosen = planned.mixture, dict(self.plan.train)
        lineage = Lineage(display_name(self.plan.model), self.prints.model(self.plan.model), mixture)
        if not mixture.tasks:
            return None, lineage
        preset, split, limit = chosen.pop("preset", "phang2020"), chosen.pop("split", SPLITS), chosen.pop("limit", None)
        chosen = {n: v for n, v in chosen.items() if n not in ("sampling", "cap", "temperature", "mixed")}
        training = asdict(presets.changed(presets.preset(preset), **chosen, seed=seed))
        settings = {
            "tasks": list(mixture.tasks),
            "sampling": asdict(mixture.sampling),
            "split": split,
            "limit": limit,
            "training": training,
        }
        data, places, model = self._model()
        data |= {f"{task}:{part}": hash for task in mixture.tasks for part, hash in self._trained(task, split).items()}
        key = self.add("train", f"{mixture.name}, seed {seed}", {**settings, **model}, data=data, places=places)
        trained = results.training(training, limit, {task: self._files(task, split) for task in mixture.tasks})
        return key, replace(lineage, training=trained)

    def finetuned(self, checkpoint: str | None, target: str, title: str, seed: int) -> tuple[str, dict[str, Any]]:
        """The stage that trains on a target's English data, shared by targets of one training set, and its settings."""
        chosen = self.plan.settings("target", target)
        source, split, limit = (
            catalog.task(target).train_on or target,
            chosen.pop("split", SPLITS),
            chosen.pop("limit", None),
        )
        training = asdict(
            presets.changed(presets.preset(chosen.pop("preset", "phang2020"), target), **chosen, seed=seed)
        )
        settings = {"task": source, "split": split, "limit": limit, "training": training}
        data, places, model = self._model() if checkpoint is None else ({}, {"data": str(self.data)}, {})
        key = self.add(
            "target",
            f"{source} from {title}",
            {**settings, **model},
            inputs={"checkpoint": checkpoint} if checkpoint else {},
            data={**data, **self._trained(source, split)},
            places=places,
        )
        return key, {"finetuning": results.training(training, limit, {source: self._files(source, split)})}

    def _model(self) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
        """The model that everything starts from: its fingerprint, its place, and its name where that is no folder."""
        name = self.plan.model
        data, places = {"model": self.prints.model(name)}, {"data": str(self.data)}
        return (data, {**places, "model": name}, {}) if registry.is_folder(name) else (data, places, {"model": name})

    def _trained(self, task: str, split: str) -> dict[str, str]:
        """Fingerprints of a task's English training and dev data."""
        return {part: self.prints.task(task, self.data, s, ["en"]) for part, s in self._parts(task, split).items()}

    def _files(self, task: str, split: str) -> list[str]:
        """Hashes of the files of a task's English training and dev data."""
        parts = self._parts(task, split).values()
        return [hash for s in parts for hashes in self.prints.files(task, self.data, s, "en") for hash in hashes]

    def _parts(self, task: str, split: str) -> dict[str, str]:
        dev = "dev" in catalog.task(task).splits and sources.find(catalog.task(task), self.data, "dev", "en")
        return {"train": split, "dev": "dev"} if dev else {"train": split}

    # --- Predictions and scores ---

    def score(self, model: str | None, target: str, title: str, retrieval: Mapping[str, Any]) -> str:
        """The stage that scores a target's predictions, and the one that makes them."""
        splits, fingerprint = self.tested[target]
        chosen = {"target": target, "splits": splits}
        data, places, name = self._model() if model is None else ({}, {"data": str(self.data)}, {})
        task = catalog.task(target)
        if retrieval and "dev" in task.splits:  # on which the threshold of mining is tuned
            dev = [lang for lang in splits if sources.find(task, self.data, "dev", lang)]
            data = {**data, f"{target}:dev": self.prints.task(target, self.data, "dev", dev)}
        predictions = self.add(
            "predict",
            f"{target} by {title}",
            {**chosen, **retrieval, **name},
            inputs={"checkpoint": model} if model else {},
            data={**data, target: fingerprint},
            places=places,
        )
        inputs, labels = {"predictions": predictions}, {target: fingerprint}
        return self.add(
            "score", f"{target} by {title}", chosen, inputs=inputs, data=labels, places={"data": str(self.data)}
        )

    def _tested(self, name: str) -> tuple[dict[str, str], str]:
        """The split that is predicted of each language of a target that is here and asked for, and a fingerprint.

        Never the split that was trained on, whose rows may be translations of those in English.
        """
        task, chosen = catalog.task(name), self.plan.settings("predict", name)
        preference = str(chosen.get("split", TESTS))
        asked = [lang for lang in chosen.get("languages", task.languages) if lang in task.languages]
        trained = self.plan.settings("target", name).get("split", SPLITS)
        known = [s for s in sources.unseen(task, preference, Rows.of(self.data, split=trained)) if s in task.splits]
        found = {lang: next((s for s in known if sources.find(task, self.data, s, lang)), "") for lang in asked}
        here = {lang: split for lang, split in found.items() if split}
        if not here:
            wanted = " or ".join(known) or "a split that is not trained on"
            raise InputError(f"{self.data}: expected rows of {name} ({wanted}), found none")
        if missing := [lang for lang in asked if lang not in here]:
            self.notes.append(f"{name}: not here in {' '.join(missing)}")
        return here, store.digest({lang: self.prints.task(name, self.data, s, [lang]) for lang, s in here.items()})


def _retrieval(given: Mapping[str, Any]) -> dict[str, Any]:
    """How sentences are embedded and pairs are mined: everything that changes a prediction."""
    vectors = replace(SentenceVectors.at(given.get("layer", hidden_states.DEPTH)), pooling=given.get("pooling", "mean"))
    return {"vectors": vectors.identity, "mining": asdict(Mining())}


def study(plan: Plan, data: Path | str | None = None, prints: Fingerprints | None = None) -> Study:
    """The stages and cells of a plan, with the data of a folder (by default the plan's).

    Raises InputError where the data of a task or target is not there.
    """
    folder = sources.data_folder(data or plan.data).resolve()
    builder = Builder(plan, folder, prints or Fingerprints())
    cells, scores = list[Cell](), list[str]()
    for planned in plan.mixtures:
        if planned.mixture.tasks:
            scores.append(builder.diversity(planned))
        for seed in plan.seeds:
            cells += _cells(builder, planned, seed)
    builder.prints.save()
    return Study(Graph(builder.stages.values()), tuple(cells), tuple(scores), tuple(builder.notes))


def _cells(builder: Builder, planned: PlannedMixture, seed: int) -> Sequence[Cell]:
    plan, title = builder.plan, f"{planned.mixture.name}, seed {seed}"
    checkpoint, lineage = builder.checkpoint(planned, seed)
    cells = []
    for target in plan.targets:
        if catalog.task(target).kind == "retrieval":
            settings = _retrieval(plan.settings("predict", target))
            stage = builder.score(checkpoint, target, title, settings)
            settings = settings if mined(target) else {"vectors": settings["vectors"]}
        else:
            finetuned, settings = builder.finetuned(checkpoint, target, title, seed)
            stage = builder.score(finetuned, target, title, {})
        cells.append(Cell(lineage.run(target, seed, settings), stage, planned.role, planned.pair))
    return cells
