"""Before training begins: the model loaded, rows read and tokenised, batches scheduled; all that can fail fails here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from diversity import catalog
from diversity.encoders.pretrained import Loaded, check_length, load_model
from diversity.features.build import Features, FeatureSettings
from diversity.features.cache import cached
from diversity.training import batching, rows
from diversity.training.batching import Masking
from diversity.training.dev import Dev
from diversity.training.heads import Output, freeze, network
from diversity.training.loop import TrainingRun
from diversity.training.request import Identity, TrainingRequest
from diversity.training.rows import MLM, TaskRows
from diversity.training.sampling import BatchSchedule
from diversity.training.settings import Settings
from diversity.types import Example, InputError, Mixture

FAR = 0.1  # sampled and stated shares differ by more than so much of it: said


@dataclass(frozen=True)
class Prepared:
    """Everything that was checked and read before training begins; `mixture` has the shares that are trained on."""

    loaded: Loaded
    mixture: Mixture
    tasks: tuple[TaskRows, ...]
    devs: tuple[Dev, ...]
    run: TrainingRun

    @property
    def notes(self) -> list[str]:
        """What must be said of the run: tasks whose share of the examples is not the stated one, by more than a tenth."""
        schedule, shares = self.run.schedule, self.mixture.shares()
        said = []
        for task, count in zip(schedule.tasks, schedule.instances_sampled().tolist(), strict=True):
            sampled = count / schedule.sampled
            if abs(sampled / shares[task] - 1) > FAR:
                said.append(
                    f"{task} has {sampled:.1%} of the examples, not its share of {shares[task]:.1%}: steps are few"
                )
        return said


def prepare(request: TrainingRequest, *, identity: Identity | None = None, cache: Path | str | None = None) -> Prepared:
    """Load the model, read and tokenise the rows, and schedule the batches.

    Of a task that has dev files alone, a part of the rows is held out. `cache` is where tokenised rows are kept. Raises
    InputError for all of it that does not fit.
    """
    settings, known = request.settings, request.identity() if identity is None else identity
    loaded = load_model(request.model)
    check_length(loaded, settings.optimisation.max_length)
    _check_packs(loaded, settings)
    seed, dev_examples = settings.optimisation.seed, settings.selection.dev_examples
    read = [rows.read(catalog.task(t), request.rows, dev_examples=dev_examples, seed=seed) for t in request.tasks]
    tasks = rows.each_once(read)
    if request.texts:
        tasks.append(rows.read_texts(request.texts, limit=request.rows.limit, seed=seed))
    features = {t.name: _features(t, t.train, loaded, settings, cache) for t in tasks}
    batching.check_fits(features, settings.computation.max_tokens_per_batch, loaded.positions)
    devs = tuple(Dev(t.name, t.dev, _features(t, t.dev, loaded, settings, cache), t.labels) for t in tasks if t.dev)
    shares = request.mixture.shares({name: len(own) for name, own in features.items()})
    schedule = _schedule(features, shares, settings, mixed=request.mixture.sampling.mixed)
    outputs = {t.name: Output(t.kind, len(t.labels)) for t in tasks}
    tokenizer = loaded.tokenizer
    if MLM in features and tokenizer.mask_token_id is None:
        raise InputError(f"{loaded.name}: expected a tokenizer with a mask token for --mlm, found none")
    masking = (
        Masking(tokenizer.mask_token_id, tuple(tokenizer.all_special_ids), len(tokenizer)) if MLM in features else None
    )
    whole = network(loaded, outputs, seed, settings.optimisation.dropout)
    freeze(whole, settings.optimisation.frozen_layers)
    run = TrainingRun(
        network=whole,
        data=features,
        schedule=schedule,
        settings=settings,
        packed=loaded.packs and settings.computation.packing != "off",
        pad=tokenizer.pad_token_id,
        masking=masking,
        identity=known,
    )
    return Prepared(loaded, request.mixture.trained(shares, schedule.sampled), tuple(tasks), devs, run)


def _check_packs(loaded: Loaded, settings: Settings) -> None:
    """Raise InputError where packing, or eager attention, is asked of an architecture that is not tested with it."""
    computation = settings.computation
    for option, given, value in (("packing", computation.packing, "on"), ("attention", computation.attention, "eager")):
        if given == value and not loaded.packs:
            kind = loaded.encoder.config.model_type
            raise InputError(
                f"expected an architecture that --{option} {value} is tested for, found {kind!r}: use --{option} auto"
            )


def _features(
    task: TaskRows, examples: Sequence[Example], loaded: Loaded, settings: Settings, cache: Path | str | None
) -> Features:
    return cached(
        examples,
        loaded.tokenizer,
        FeatureSettings(
            kind=task.kind,
            labels=task.labels,
            max_length=settings.optimisation.max_length,
            doc_stride=settings.optimisation.doc_stride,
            unseen="error" if examples is task.train else "ignore",
        ),
        cache=cache,
        label=task.name,
    )


def _schedule(
    features: Mapping[str, Features], shares: Mapping[str, float], settings: Settings, *, mixed: bool
) -> BatchSchedule:
    names, sizes, chosen = tuple(features), tuple(len(f) for f in features.values()), settings.optimisation
    sequences = sum(shares[n] * (len(f.starts) - 1) / len(f) for n, f in features.items())
    tokens = sum(shares[n] * len(f.ids) / len(f) for n, f in features.items())
    _, sampled = chosen.length(sum(sizes), sequences, tokens)
    schedule = BatchSchedule(
        names, sizes, tuple(shares[n] for n in names), chosen.batch_size, sampled, chosen.seed, mixed
    )
    absent = [name for name, count in zip(names, schedule.instances_sampled(), strict=True) if not count]
    if absent:
        raise InputError(
            f"expected a step for each task, found none for {', '.join(absent)} in {schedule.steps} steps of "
            f"{chosen.batch_size} examples: train longer, use mixed batches (--mixed), or leave it out"
        )
    return schedule
