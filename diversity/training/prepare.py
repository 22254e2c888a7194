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
from diversity.training.loop import TrainingRun
from diversity.training.rows import MLM, TaskRows
from diversity.training.sampling import BatchSchedule
from diversity.training.settings import Settings, changed, preset
from diversity.types import BadRow, InputError, Mixture, Sampling


@dataclass(frozen=True)
class Prepared:
    """Everything that was checked and read before training begins; `mixture` has the shares that are trained on."""

    loaded: Loaded
    mixture: Mixture
    tasks: tuple[TaskRows, ...]
    devs: tuple[Dev, ...]
    run: TrainingRun


def prepare(
    mixture: Mixture | Sequence[str],
    *,
    model: str,
    data: Path | str | None,
    settings: Settings | None = None,
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
    whole = mixture_with(mixture, mlm)
    chosen = settings or preset("phang2020")
    if whole.budget is not None:
        chosen = changed(chosen, examples=whole.budget)
    names = [t for t in whole.tasks if t != MLM]
    for task in names:
        catalog.task(task)
    loaded = load_model(model)
    check_length(loaded, chosen.optimisation.max_length)
    tasks = _read(names, data, chosen, language, split, limit, bad)
    if mlm:
        tasks.append(rows.read_texts(mlm, limit=limit, seed=chosen.optimisation.seed))
    features = {t.name: _features(t, t.train, loaded, chosen, cache) for t in tasks}
    batching.check_fits(features, chosen.computation.max_tokens_per_batch, loaded.positions)
    devs = tuple(Dev(t.name, t.dev, _features(t, t.dev, loaded, chosen, cache), t.labels) for t in tasks if t.dev)
    shares = whole.shares({t.name: len(t.train) for t in tasks})
    if absent := [t for t, share in shares.items() if share <= 0]:
        raise InputError(f"expected weights above 0, found 0 for {absent[0]}")
    run = _run(loaded, tasks, features, whole.trained(shares), chosen)
    return Prepared(loaded, whole.trained(shares, run.schedule.sampled), tuple(tasks), devs, run)


def mixture_with(mixture: Mixture | Sequence[str], mlm: Sequence[Path | str] = ()) -> Mixture:
    """The mixture that is trained on, masked language modelling a task of it where there are texts.

    Names alone are sampled examples-proportionally. Raises InputError where there is nothing to train on.
    """
    whole = mixture if isinstance(mixture, Mixture) else Mixture.of(mixture, sampling=Sampling())
    if mlm and MLM not in whole.tasks:
        whole = replace(whole, tasks=tuple(sorted((*whole.tasks, MLM))))
    if not whole.tasks:
        raise InputError("expected tasks to train on, found none")
    if whole.sampling.rule == "weights":
        whole.shares(dict.fromkeys(whole.tasks, 1))  # weights of these tasks, or an error before anything is read
    if not mlm and MLM in whole.tasks:
        raise InputError("expected files of text (--mlm) for masked language modelling, found none")
    return whole


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
    folder = sources.data_folder(data)
    dev, seed = settings.selection.dev_examples, settings.optimisation.seed
    return rows.each_once(
        [
            rows.read(t, folder, split=split, language=language, limit=limit, dev_examples=dev, seed=seed, bad=bad)
            for t in tasks
        ]
    )


def _features(
    task: TaskRows, examples: Sequence[Any], loaded: Loaded, settings: Settings, cache: Path | str | None
) -> Features:
    return cached(
        examples,
        loaded.tokenizer,
        kind=task.kind,
        labels=task.labels,
        max_length=settings.optimisation.max_length,
        stride=settings.optimisation.doc_stride,
        unseen="error" if examples is task.train else "ignore",
        cache=cache,
        label=task.name,
    )


def _run(
    loaded: Loaded, tasks: Sequence[TaskRows], features: Mapping[str, Features], mixture: Mixture, settings: Settings
) -> TrainingRun:
    names, sizes = tuple(features), tuple(len(f) for f in features.values())
    chosen, shares = settings.optimisation, mixture.shares()
    _, sampled = chosen.length(sum(sizes))
    schedule = BatchSchedule(
        names, sizes, tuple(shares[n] for n in names), chosen.batch_size, sampled, chosen.seed, mixture.sampling.mixed
    )
    computation = settings.computation
    for option, given, value in (("packing", computation.packing, "on"), ("attention", computation.attention, "eager")):
        if given == value and not loaded.packs:
            kind = loaded.encoder.config.model_type
            raise InputError(
                f"expected an architecture that --{option} {value} is tested for, found {kind!r}: use --{option} auto"
            )
    outputs = {t.name: Output(t.kind, len(t.labels)) for t in tasks}
    masking = _masking(loaded) if MLM in names else None
    packed = loaded.packs and computation.packing != "off"
    identity = _identity(loaded, features, schedule, settings, outputs)
    net = network(loaded, outputs, chosen.seed, chosen.dropout)
    return TrainingRun(net, features, schedule, settings, packed, loaded.tokenizer.pad_token_id, masking, identity)


def _masking(loaded: Loaded) -> Masking:
    tokenizer = loaded.tokenizer
    if tokenizer.mask_token_id is None:
        raise InputError(f"{loaded.name}: expected a tokenizer with a mask token for --mlm, found none")
    return Masking(tokenizer.mask_token_id, tuple(tokenizer.all_special_ids), len(tokenizer))


def _identity(
    loaded: Loaded,
    features: Mapping[str, Features],
    schedule: BatchSchedule,
    settings: Settings,
    outputs: Mapping[str, Output],
) -> str:
    """SHA-256 of everything that the weights are a function of: model, tokenised rows, schedule, settings."""
    digest = hashlib.sha256(loaded.revision.encode())
    for name, own in features.items():
        digest.update(f"\n{name} {outputs[name]}\n".encode())
        for array in (own.ids, own.types, own.starts, own.groups, own.labels):
            digest.update(np.ascontiguousarray(array).data)
    digest.update(json.dumps([asdict(schedule), settings.identity], sort_keys=True).encode())
    return digest.hexdigest()
