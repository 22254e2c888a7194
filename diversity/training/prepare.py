"""Before training begins: the model loaded, rows read and tokenised, batches planned; all that can fail fails here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from diversity import catalog
from diversity.data import sources
from diversity.encoders.pretrained import Loaded, check_length, load_model
from diversity.features.build import Features
from diversity.features.cache import cached
from diversity.training import batching, rows
from diversity.training.batching import Masking
from diversity.training.dev import Dev
from diversity.training.heads import Output, network
from diversity.training.loop import Job
from diversity.training.rows import MLM, TaskRows
from diversity.training.sampling import Plan, Sampling
from diversity.training.settings import Settings, preset
from diversity.types import BadRow, InputError, Mixture


@dataclass(frozen=True)
class Prepared:
    """Everything that was checked and read before training begins."""

    loaded: Loaded
    tasks: tuple[TaskRows, ...]
    devs: tuple[Dev, ...]
    shares: Mapping[str, float]
    sampling: Sampling
    job: Job

    @property
    def mixture(self) -> Mixture:
        """The tasks with the shares of examples that are drawn of them."""
        return Mixture.of(self.shares, sampling=self.sampling.rule, budget=self.job.plan.drawn)


def prepare(
    tasks: Sequence[str] | Mixture,
    *,
    model: str,
    data: Path | str | None,
    settings: Settings | None = None,
    sampling: Sampling | None = None,
    language: str = "en",
    split: str = "train,dev",
    limit: int | None = None,
    mlm: Sequence[Path | str] = (),
    cache: Path | str | None = None,
    bad: list[BadRow] | None = None,
) -> Prepared:
    """Load the model, read and tokenise the rows, and plan the batches of `train_mix`.

    Rows are in `language`, of the first of the splits `split` that is there (`train,dev`: some sets have dev files alone,
    of which a part is then held out), at most `limit` of each task; `mlm` are files of text, or folders of them, which
    add masked language modelling as one more task. `cache` is where tokenised rows are kept; rows that cannot be read go
    to `bad` where it is a list. Raises InputError for all of it that does not fit.
    """
    chosen, drawing = settings or preset("phang2020"), sampling or Sampling()
    if isinstance(tasks, Mixture):
        chosen, drawing = _of_mixture(tasks, chosen, drawing)
        tasks = tasks.tasks
    if not tasks and not mlm:
        raise InputError("expected tasks to train on, found none")
    if repeated := sorted({t for t in tasks if list(tasks).count(t) > 1}):
        raise InputError(f"expected each task of a mixture once, found {repeated[0]} more than once")
    for task in tasks:
        catalog.task(task)
    loaded = load_model(model)
    check_length(loaded, chosen.max_length)
    once = _read(sorted(tasks), data, chosen, language, split, limit, bad)
    if mlm:
        once.append(rows.read_texts(mlm, limit=limit, seed=chosen.seed))
    made = {t.name: _features(t, t.train, loaded, chosen, cache) for t in once}
    batching.check_fits(made, chosen.tokens, loaded.positions)
    devs = tuple(Dev(t.name, t.dev, _features(t, t.dev, loaded, chosen, cache), t.labels) for t in once if t.dev)
    shares = drawing.rates({t.name: len(t.train) for t in once})
    job = _job(loaded, once, made, shares, chosen, drawing)
    return Prepared(loaded, tuple(once), devs, shares, drawing, job)


def _read(
    tasks: Sequence[str],
    data: Path | str | None,
    settings: Settings,
    language: str,
    split: str,
    limit: int | None,
    bad: list[BadRow] | None,
) -> list[TaskRows]:
    """The rows of the tasks, each content once."""
    if not tasks:
        return []
    folder, dev, seed = sources.data_folder(data), settings.dev_examples, settings.seed
    return rows.each_once(
        [
            rows.read(t, folder, split=split, language=language, limit=limit, dev_examples=dev, seed=seed, bad=bad)
            for t in tasks
        ]
    )


def _of_mixture(mixture: Mixture, settings: Settings, sampling: Sampling) -> tuple[Settings, Sampling]:
    """The settings of a mixture: its weights where those are its rule, its rule otherwise, its budget."""
    if mixture.sampling == "weights":
        sampling = replace(sampling, rule="weights", weights=dict(zip(mixture.tasks, mixture.weights, strict=True)))
    else:
        sampling = replace(sampling, rule=mixture.sampling)
    if mixture.budget is not None:
        settings = replace(settings, examples=mixture.budget, steps=None, epochs=None)
    return settings, sampling


def _features(
    task: TaskRows, examples: Sequence[Any], loaded: Loaded, settings: Settings, cache: Path | str | None
) -> Features:
    return cached(
        examples,
        loaded.tokenizer,
        kind=task.kind,
        labels=task.labels,
        max_length=settings.max_length,
        stride=settings.stride,
        unseen="error" if examples is task.train else "ignore",
        cache=cache,
        label=task.name,
    )


def _job(
    loaded: Loaded,
    tasks: Sequence[TaskRows],
    made: Mapping[str, Features],
    shares: Mapping[str, float],
    settings: Settings,
    sampling: Sampling,
) -> Job:
    names, sizes = tuple(made), tuple(len(f) for f in made.values())
    _, drawn = settings.length(sum(sizes))
    weights = tuple(shares[n] for n in names)
    plan = Plan(names, sizes, weights, settings.batch, drawn, settings.seed, sampling.mixed)
    for option, value in (("packing", "on"), ("attention", "eager")):
        if getattr(settings, option) == value and not loaded.packs:
            kind = loaded.encoder.config.model_type
            raise InputError(
                f"expected an architecture that --{option} {value} is tested for, found {kind!r}: use --{option} auto"
            )
    outputs = {t.name: Output(t.kind, len(t.labels)) for t in tasks}
    masking = _masking(loaded) if MLM in names else None
    packed = loaded.packs and settings.packing != "off"
    identity = _identity(loaded, made, plan, settings, outputs)
    made_network = network(loaded, outputs, settings.seed, settings.dropout)
    return Job(made_network, made, plan, settings, packed, loaded.tokenizer.pad_token_id, masking, identity)


def _masking(loaded: Loaded) -> Masking:
    tokenizer = loaded.tokenizer
    if tokenizer.mask_token_id is None:
        raise InputError(f"{loaded.name}: expected a tokenizer with a mask token for --mlm, found none")
    return Masking(tokenizer.mask_token_id, tuple(tokenizer.all_special_ids), len(tokenizer))


def _identity(
    loaded: Loaded, made: Mapping[str, Features], plan: Plan, settings: Settings, outputs: Mapping[str, Output]
) -> str:
    """SHA-256 of everything that the weights are a function of: model, tokenised rows, plan, settings."""
    digest = hashlib.sha256(loaded.revision.encode())
    for name, features in made.items():
        digest.update(f"\n{name} {outputs[name]}\n".encode())
        for array in (features.ids, features.types, features.starts, features.groups, features.labels):
            digest.update(np.ascontiguousarray(array).data)
    digest.update(json.dumps([asdict(plan), {**asdict(settings), "save_every": None}], sort_keys=True).encode())
    return digest.hexdigest()
