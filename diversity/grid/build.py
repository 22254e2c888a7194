"""From a plan to its stages: what is trained, predicted and scored, and which stages cells share."""

from __future__ import annotations

import os
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
from diversity.grid.results import Cell
from diversity.grid.stages import KINDS, SHARES
from diversity.planning.plans import Plan, PlannedMixture
from diversity.results import Lineage, display_name
from diversity.retrieval.retrieve import Mining, mined
from diversity.training import settings as presets
from diversity.training.rows import tested_on
from diversity.types import InputError, Mixture, Rows, Sampling

SPLITS = "train,dev"  # trained on: the first that is there
TESTS = "test,dev"  # predicted


@dataclass(frozen=True)
class GridStages:
    """A plan's stages, its cells, and the stages that score the diversity of mixtures; notes say what is not as asked."""

    graph: Graph
    cells: tuple[Cell, ...]
    scores: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Start:
    """The model that everything starts from, as a stage is given it: fingerprint, paths, and the name of no folder."""

    data: Mapping[str, str]
    paths: Mapping[str, str]
    settings: Mapping[str, str]


class Builder:
    """Makes the stages of a plan; equal ones are one by their keys."""

    def __init__(self, plan: Plan, data: Path, fingerprints: Fingerprints) -> None:
        plan = replace(plan, model=registry.pinned(plan.model))
        self.plan, self.data, self.fingerprints = plan, data, fingerprints
        self.stages: dict[str, Stage] = {}
        self.notes: list[str] = []
        self.tested = {name: self._tested(name) for name in plan.targets}
        folder, pin = registry.is_folder(plan.model), fingerprints.model(plan.model)
        place, named = {"data": str(data)}, {"model": plan.model}
        self.model = Start({"model": pin}, {**place, **named} if folder else place, {} if folder else named)
        self.checkpoint_only = Start({}, place, {})

    def add(self, stage: Stage) -> str:
        """A stage, once; its key."""
        return self.stages.setdefault(stage.key, stage).key

    # --- Diversity ---

    def diversity(self, planned: PlannedMixture) -> str:
        """The stage that scores a mixture, in the shares that it is trained in."""
        mixture, chosen, primary = planned.mixture, self.plan.diversity, self.plan.primary_metric
        metrics = list(chosen.get("metrics", catalog.METRICS))
        settings = {
            "mixture": mixture.name,
            "metrics": metrics if not primary or primary in metrics else [primary, *metrics],
            "encoder": display_name(chosen.get("encoder", registry.DEFAULT)),
            "seed": chosen.get("seed", 0),
        }
        own = {name: catalog.parse_metric(name)[0].digest for name in settings["metrics"]}
        data = {f"metric {name}": digest for name, digest in own.items() if digest}
        counted, known = self._proportions(planned)
        inputs = {**{task: self.moments(task) for task in mixture.tasks}, **counted}
        return self.add(Stage(KINDS["diversity"], {**settings, **known}, inputs, data, title=mixture.name))

    def _proportions(self, planned: PlannedMixture) -> tuple[dict[str, str], dict[str, Any]]:
        """The shares of a mixture's tasks, as an input of a stage where they are counted, else as a setting."""
        if shares := self.shares(planned):
            return {SHARES: shares}, {}
        mixture = planned.mixture
        return {}, {"weights": dict.fromkeys(mixture.tasks, 1.0) if len(mixture.tasks) < 2 else mixture.shares()}

    def shares(self, planned: PlannedMixture) -> str | None:
        """The stage that counts in what shares tasks are trained on; None where these do not depend on sizes.

        The seed decides which rows are held out: the counts are those of the first one.
        """
        if not planned.mixture.sampling.size_dependent or len(planned.mixture.tasks) < 2:
            return None
        stage = self._training(planned, self.plan.seeds[0])
        return self.add(replace(stage, kind=KINDS["shares"], title=planned.mixture.name))

    def moments(self, task: str) -> str:
        """The moments of a task, merged from those of its shards."""
        chosen = self.plan.diversity
        shards = chosen.get("shards", 1)
        name = registry.pinned(chosen.get("encoder", registry.DEFAULT))
        local = registry.is_folder(name)
        shared = {
            "task": task,
            "sample": chosen.get("sample", catalog.SAMPLE),
            "seed": chosen.get("seed", 0),
            "split": chosen.get("split", SPLITS),
            "encoder": display_name(name) if local else name,
            "shards": shards,
        }
        rows = self.fingerprints.task(task, self.data, shared["split"], ["en"])
        data = {task: rows, "encoder": self.fingerprints.model(name)}
        paths = {"data": str(self.data)} | ({"encoder": name} if local else {})
        parts = {}
        for shard in range(shards):
            title = f"{task}, {shard + 1} of {shards}" if shards > 1 else task
            stage = Stage(KINDS["embed"], {**shared, "shard": shard}, data=data, paths=paths, title=title)
            parts[f"shard{shard:04d}"] = self.add(stage)
        return self.add(Stage(KINDS["moments"], {"task": task}, parts, title=task))

    # --- Training ---

    def checkpoint(self, planned: PlannedMixture, seed: int) -> tuple[str | None, Lineage]:
        """The stage that trains on a mixture, and what it gives; no stage for the empty one, which is the model itself."""
        mixture = planned.mixture
        lineage = Lineage(display_name(self.plan.model), self.fingerprints.model(self.plan.model), mixture)
        if not mixture.tasks:
            return None, lineage
        stage = self._training(planned, seed)
        files = {task: self._files(task, stage.settings["split"]) for task in mixture.tasks}
        trained = results.training(stage.settings["training"], stage.settings["limit"], files)
        if self.plan.train.get("merge") and len(mixture.tasks) > 1:
            return self.add(self._merging(planned, seed)), replace(lineage, training={**trained, "merged": True})
        return self.add(stage), replace(lineage, training=trained)

    def _merging(self, planned: PlannedMixture, seed: int) -> Stage:
        """The stage that takes the mean of the weights of a mixture's tasks, each trained alone."""
        mixture = planned.mixture
        rule = mixture.sampling if mixture.sampling.rule != "weights" else Sampling("uniform")
        alone = {task: replace(planned, mixture=Mixture.of([task], sampling=rule)) for task in mixture.tasks}
        inputs = {task: self.add(self._training(one, seed)) for task, one in alone.items()}
        counted, known = self._proportions(planned)
        return Stage(KINDS["merge"], known, {**inputs, **counted}, title=f"{mixture.name}, seed {seed}")

    def _training(self, planned: PlannedMixture, seed: int) -> Stage:
        """The stage that trains on a mixture."""
        mixture, chosen = planned.mixture, dict(self.plan.train)
        preset, split, limit = chosen.pop("preset", "phang2020"), chosen.pop("split", SPLITS), chosen.pop("limit", None)
        chosen = {name: value for name, value in chosen.items() if name in presets.setting_types()}
        training = presets.changed(presets.preset(preset), **chosen, seed=seed)
        settings = {
            "tasks": list(mixture.tasks),
            "sampling": asdict(mixture.sampling),
            "split": split,
            "limit": limit,
            "training": training.identity,
        }
        data = {f"{task}:{part}": hash for task in mixture.tasks for part, hash in self._trained(task, split).items()}
        return Stage(
            KINDS["train"],
            {**settings, **self.model.settings},
            data={**self.model.data, **data},
            paths=self.model.paths,
            options={"computation": asdict(training.computation)},
            title=f"{mixture.name}, seed {seed}",
        )

    def finetuned(self, checkpoint: str | None, target: str, title: str, seed: int) -> tuple[str, dict[str, Any]]:
        """The stage that trains on a target's English data, shared by targets of one training set, and its settings."""
        chosen, source = self.plan.settings("target", target), catalog.task(target).train_on or target
        preset, split, limit = chosen.pop("preset", "phang2020"), chosen.pop("split", SPLITS), chosen.pop("limit", None)
        training = presets.changed(presets.preset(preset, target), **chosen, seed=seed)
        settings = {"task": source, "split": split, "limit": limit, "training": training.identity}
        start = self.model if checkpoint is None else self.checkpoint_only
        stage = Stage(
            KINDS["finetune"],
            {**settings, **start.settings},
            {"checkpoint": checkpoint} if checkpoint else {},
            {**start.data, **self._trained(source, split)},
            start.paths,
            {"computation": asdict(training.computation)},
            f"{source} from {title}",
        )
        trained = results.training(training.identity, limit, {source: self._files(source, split)})
        return self.add(stage), {"finetuning": trained}

    def _trained(self, task: str, split: str) -> dict[str, str]:
        """Fingerprints of a task's English training and dev data, and of the rows that are tested on and so left out."""
        hashes, parts = self.fingerprints.task, self._parts(task, split)
        tested: dict[tuple[str, str], list[str]] = {}
        for files in tested_on(catalog.task(task), Rows.of(self.data, split=split)):
            tested.setdefault((files.task.name, files.split), []).append(files.language)
        return {
            **{part: hashes(task, self.data, s, ["en"]) for part, s in parts.items()},
            **{f"tested on {name}": hashes(name, self.data, s, sides) for (name, s), sides in tested.items()},
        }

    def _files(self, task: str, split: str) -> list[str]:
        """Hashes of the files of a task's English training and dev data."""
        parts = self._parts(task, split).values()
        return [hash for s in parts for hashes in self.fingerprints.files(task, self.data, s, "en") for hash in hashes]

    def _parts(self, task: str, split: str) -> dict[str, str]:
        dev = "dev" in catalog.task(task).splits and sources.find(catalog.task(task), self.data, "dev", "en")
        return {"train": split, "dev": "dev"} if dev else {"train": split}

    # --- Predictions and scores ---

    def score(self, model: str | None, target: str, title: str, retrieval: Mapping[str, Any]) -> str:
        """The stage that scores a target's predictions, and the one that makes them."""
        splits, fingerprint = self.tested[target]
        chosen = {"target": target, "splits": splits}
        start = self.model if model is None else self.checkpoint_only
        data, task, title = dict(start.data), catalog.task(target), f"{target} by {title}"
        if retrieval and "dev" in task.splits:  # on which the threshold of mining is tuned
            languages = [lang for lang in splits if sources.find(task, self.data, "dev", lang)]
            data[f"{target}:dev"] = self.fingerprints.task(target, self.data, "dev", languages)
        predictions = Stage(
            KINDS["predict"],
            {**chosen, **retrieval, **start.settings},
            {"checkpoint": model} if model else {},
            {**data, target: fingerprint},
            start.paths,
            title=title,
        )
        inputs, paths = {"predictions": self.add(predictions)}, {"data": str(self.data)}
        return self.add(Stage(KINDS["score"], chosen, inputs, {target: fingerprint}, paths, title=title))

    def _tested(self, name: str) -> tuple[dict[str, str], str]:
        """The split that is predicted of each language of a target that has rows and is asked for, and a fingerprint.

        Never the split that was trained on, whose rows may be translations of those in English.
        """
        task, chosen = catalog.task(name), self.plan.settings("predict", name)
        preference = str(chosen.get("split", TESTS))
        asked = [lang for lang in chosen.get("languages", task.languages) if lang in task.languages]
        trained = self.plan.settings("target", name).get("split", SPLITS)
        known = [s for s in sources.unseen(task, preference, Rows.of(self.data, split=trained)) if s in task.splits]
        first = {lang: next((s for s in known if sources.find(task, self.data, s, lang)), "") for lang in asked}
        splits = {lang: split for lang, split in first.items() if split}
        if not splits:
            wanted = " or ".join(known) or "a split that is not trained on"
            raise InputError(f"{self.data}: expected rows of {name} ({wanted}), found none")
        if missing := [lang for lang in asked if lang not in splits]:
            self.notes.append(f"{name}: no rows in {' '.join(missing)}")
        hashes = {lang: self.fingerprints.task(name, self.data, s, [lang]) for lang, s in splits.items()}
        return splits, store.digest(hashes)


def stages_of(plan: Plan, data: Path | str | None = None, fingerprints: Fingerprints | None = None) -> GridStages:
    """The stages and cells of a plan, with the data of a folder (by default the plan's).

    Raises InputError where the data of a task or target is not there.
    """
    catalog.include(*plan.include)
    folder = Path(os.path.realpath(sources.data_folder(data or plan.data)))
    builder = Builder(plan, folder, fingerprints or Fingerprints())
    scores = [builder.diversity(planned) for planned in plan.mixtures if planned.mixture.tasks]
    # Seed after seed, so that a grid that is stopped early has all mixtures of the first ones.
    of_seeds = [[_cells(builder, planned, seed) for planned in plan.mixtures] for seed in plan.seeds]
    builder.fingerprints.save()
    in_order = (cell for of_mixture in zip(*of_seeds, strict=True) for cells in of_mixture for cell in cells)
    return GridStages(Graph(builder.stages.values()), tuple(in_order), tuple(scores), tuple(builder.notes))


def _cells(builder: Builder, planned: PlannedMixture, seed: int) -> Sequence[Cell]:
    plan, title = builder.plan, f"{planned.mixture.name}, seed {seed}"
    checkpoint, lineage = builder.checkpoint(planned, seed)
    cells = []
    for target in (name for name in plan.targets if seed in plan.seeds_of(name)):
        if catalog.task(target).kind == "retrieval":
            given = plan.settings("predict", target)
            vectors = SentenceVectors.at(given.get("layer", hidden_states.DEPTH))
            vectors = replace(vectors, **{name: given[name] for name in ("pooling", "precision") if name in given})
            settings: dict[str, Any] = {"vectors": vectors.identity, "mining": asdict(Mining())}
            stage = builder.score(checkpoint, target, title, settings)
            settings = settings if mined(target) else {"vectors": settings["vectors"]}
        else:
            finetuned, settings = builder.finetuned(checkpoint, target, title, seed)
            stage = builder.score(finetuned, target, title, {})
        run = lineage.run(target, seed, settings)
        cells.append(Cell(run, stage, planned.role, planned.pair, builder.shares(planned)))
    return cells
