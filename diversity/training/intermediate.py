"""Intermediate training: a mixture of tasks, one shared encoder, an ordinary checkpoint at the end."""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from diversity import store
from diversity.training import card, log, loop
from diversity.training import dev as evaluation
from diversity.training.checkpoint import one_line
from diversity.training.dev import Dev
from diversity.training.heads import encoder_of
from diversity.training.loop import TrainingRun
from diversity.training.prepare import Prepared, prepare
from diversity.training.request import Identity, TrainingRequest, differences
from diversity.training.settings import Settings
from diversity.types import Array, InputError, Mixture, Rows
from diversity.version import __version__
from diversity.xtreme.intervals import wilson

if TYPE_CHECKING:
    from torch.nn import ModuleDict

RECORD, HEADS, RUN, EXPORT, TRACKED = "training.json", "heads.safetensors", "run", ".export.tmp", "trackers"
Heads = Literal["drop", "keep"]


@dataclass(frozen=True)
class TaskPlan:
    """What is sampled of one task: its `rows`, as training `instances` of `tokens` each on average; `epochs` of them."""

    task: str
    kind: str
    rows: int
    dev: int
    instances: int
    tokens: float
    share: float
    sampled: int

    @property
    def epochs(self) -> float:
        """How often each training instance is seen."""
        return self.sampled / self.instances


@dataclass(frozen=True)
class TrainingPlan:
    """What a run would do. `seconds` and `memory` (bytes) are measured on a few of its steps; None where they were not."""

    mixture: str
    model: str
    parameters: int
    tasks: tuple[TaskPlan, ...]
    steps: int
    examples: int
    tokens: int
    packed: bool
    seconds: float | None = None
    memory: int | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class DevScore:
    """The score of a task on its `n` dev rows, from 0 to 100, with a 95 % interval, and that of the majority baseline."""

    task: str
    metric: str
    score: float
    low: float
    high: float
    baseline: float
    n: int


@dataclass(frozen=True)
class Trained:
    """An intermediate checkpoint: where it is, what it was trained on, how long, its dev scores, and the tasks' shares.

    `tokens_at_once` went through the model at most: on a processor, what was measured to be fastest.
    """

    folder: Path
    mixture: str
    steps: int
    examples: int
    tokens: int
    seconds: float
    loss: float
    best_step: int | None
    dev: tuple[DevScore, ...]
    shares: Mapping[str, float] = field(default_factory=dict, compare=False)
    notes: tuple[str, ...] = ()
    tokens_at_once: int = 0


def train_mix(
    mixture: Mixture | Sequence[str],
    *,
    model: str,
    data: Rows | Path | str | None,
    output: Path | str,
    settings: Settings | None = None,
    mlm: Sequence[Path | str] = (),
    heads: Heads = "drop",
    trackers: Sequence[str] = (),
    describe: Callable[[Mixture], str] | None = None,
    cache: Path | str | None = None,
) -> Trained:
    """Train an encoder on a mixture of intermediate tasks and save it as an ordinary checkpoint.

    Names of tasks alone are sampled examples-proportionally. `model` is the default encoder, `mini`, a local folder, or
    `owner/name` of the hub. `data` is a folder, or says which rows of it; of the preferred splits the first that is
    there is trained on (`train,dev`: some sets have dev files alone, of which a part is then held out). `mlm` are files of
    text, or folders of them, which add masked language modelling as one more task. `settings` are those of `phang2020`
    unless given; `examples` and `steps` count training instances (a window of a long passage is one), and without either
    the run is one epoch.

    `output` is then a folder that `AutoModel.from_pretrained` loads, with the tokenizer, a model card (README.md),
    training.json, log.jsonl, loss.png, heads.safetensors where `heads` are kept, and the files that trackers wrote
    (trackers/). The same call goes on where it was interrupted, to the same weights, and does nothing where it is finished.
    `describe` gives text for the card, such as diversity scores of the mixture. `cache` is where tokenised rows are kept.

    Parameters
    ----------
    mixture
        The mixture, or names of tasks.
    model
        Encoder to train: `mini`, all-MiniLM-L6-v2, a local folder, or `owner/name` of the hub.
    data
        Folder of the data, or `Rows` that say which of its rows.
    output
        Folder of the checkpoint.
    settings
        Settings of training; default: those of `phang2020`.
    mlm
        Files or folders of text for masked language modelling, as one more task.
    heads
        `drop` or `keep` the heads of the tasks.
    trackers
        Names of trackers, such as `tensorboard`.
    describe
        Text for the model card, such as the mixture's diversity.
    cache
        Folder of tokenised rows.

    Returns
    -------
    Trained
        The checkpoint's folder, and what the training was.

    Raises
    ------
    InputError
        Before any training, for a model, data, labels or lengths that do not fit.

    Examples
    --------
    >>> import tempfile
    >>> settings = Settings.of(examples=8, batch_size=8)
    >>> trained = train_mix(
    ...     ["mnli"], model="mini", data="data/samples", output=f"{tempfile.mkdtemp()}/mix", settings=settings
    ... )
    >>> trained.folder.name
    'mix'
    """
    folder = Path(output)
    check_output(folder)
    for name in trackers:
        log.check_tracker(name)
    request = TrainingRequest.of(mixture, model, data, settings, mlm)
    identity = request.identity()
    if (done := finished(folder, identity, heads)) is not None:
        return done
    prepared = prepare(request, identity=identity, cache=cache)
    from accelerate import PartialState

    def evaluate(_: ModuleDict) -> dict[str, float]:
        return {dev.task: evaluation.score(_items(prepared, dev)) for dev in prepared.devs}

    state = loop.train(prepared.run, folder / RUN, evaluate=evaluate if prepared.devs else None, trackers=trackers)
    trained = Trained(
        folder=folder,
        mixture=prepared.mixture.name,
        steps=state.step,
        examples=state.examples,
        tokens=state.tokens,
        seconds=state.seconds,
        loss=state.loss,
        best_step=state.best_step,
        dev=tuple(_dev_score(prepared, d) for d in prepared.devs),
        shares=prepared.mixture.shares(),
        notes=tuple(prepared.notes),
        tokens_at_once=state.tokens_at_once,
    )
    if PartialState().is_main_process:
        _export(prepared, trained, heads, describe(prepared.mixture) if describe else "")
    PartialState().wait_for_everyone()
    return trained


def plan_mix(
    mixture: Mixture | Sequence[str],
    *,
    model: str,
    data: Rows | Path | str | None,
    settings: Settings | None = None,
    mlm: Sequence[Path | str] = (),
    measure: int = 3,
    cache: Path | str | None = None,
) -> TrainingPlan:
    """What `train_mix` would do with the same arguments: every check of it, and time and memory of `measure` steps.

    Parameters
    ----------
    mixture
        The mixture, or names of tasks.
    model
        Encoder to train.
    data
        Folder of the data, or `Rows` that say which of its rows.
    settings
        Settings of training; default: those of `phang2020`.
    mlm
        Files or folders of text for masked language modelling.
    measure
        Steps that are run to measure time and memory.
    cache
        Folder of tokenised rows.

    Returns
    -------
    TrainingPlan
        Rows, shares, steps, tokens, time and memory.

    Raises
    ------
    InputError
        For all that `train_mix` raises it for.

    Examples
    --------
    >>> planned = plan_mix(["mnli"], model="mini", data="data/samples", settings=Settings.of(epochs=2.0), measure=0)
    >>> planned.examples
    96
    """
    prepared = prepare(TrainingRequest.of(mixture, model, data, settings, mlm), cache=cache)
    planned = _planned(prepared)
    if not measure:
        return planned
    seconds, memory = _measured(prepared.run, planned, measure)
    return replace(planned, seconds=seconds, memory=memory)


# --- The plan, and what it costs ---------------------------------------------------------------------


def _planned(prepared: Prepared) -> TrainingPlan:
    run = prepared.run
    sampled = dict(zip(run.schedule.tasks, run.schedule.instances_sampled().tolist(), strict=True))
    plans, shares = [], prepared.mixture.shares()
    for task in prepared.tasks:
        features = run.data[task.name]
        mean = len(features.ids) / len(features)
        share = shares[task.name]
        plans.append(
            TaskPlan(
                task.name, task.kind, len(task.train), len(task.dev), len(features), mean, share, sampled[task.name]
            )
        )
    tokens = round(sum(p.sampled * p.tokens for p in plans))
    parameters = sum(p.numel() for p in run.network.parameters())
    return TrainingPlan(
        mixture=prepared.mixture.name,
        model=prepared.loaded.name,
        parameters=parameters,
        tasks=tuple(plans),
        steps=run.schedule.steps,
        examples=run.schedule.sampled,
        tokens=tokens,
        packed=run.packed,
        notes=tuple(prepared.notes),
    )


def _measured(run: TrainingRun, planned: TrainingPlan, steps: int) -> tuple[float, int]:
    """Seconds of the whole run and bytes at most, from its first steps; the first of all is not timed.

    The network is afterwards what it was.
    """
    import torch

    before = {name: tensor.detach().cpu().clone() for name, tensor in run.network.state_dict().items()}
    first = loop.train(run, None, until=1).tokens
    begin = time.perf_counter()
    steps = min(steps + 1, planned.steps)
    tokens = loop.train(run, None, until=steps).tokens if steps > 1 else first
    spent = time.perf_counter() - begin
    run.network.load_state_dict(before)
    if torch.cuda.is_available():
        memory = torch.cuda.max_memory_allocated()
    else:  # the most that this process has had, without the copy of the weights
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        memory = peak - sum(t.numel() * t.element_size() for t in before.values())
    return planned.tokens / (max(1, tokens) / spent), memory


# --- After training ----------------------------------------------------------------------------------


def _items(prepared: Prepared, dev: Dev) -> Array:
    run = prepared.run
    logits = evaluation.predict(run.network, dev.task, dev.features, run.settings, packed=run.packed, pad=run.pad)
    return evaluation.items(dev, logits)


METRICS = {"span": "f1", "tagging": "token_accuracy"}


def _dev_score(prepared: Prepared, dev: Dev) -> DevScore:
    items = _items(prepared, dev)
    baseline = evaluation.score(evaluation.majority(dev, prepared.run.data[dev.task]))
    metric = METRICS.get(dev.features.kind, "accuracy")
    return DevScore(dev.task, metric, evaluation.score(items), *wilson(items), baseline, len(items))


def _record(prepared: Prepared, trained: Trained) -> dict[str, Any]:
    """All that is known of a run, for training.json and the card."""
    import torch
    from accelerate import PartialState

    planned, device = asdict(_planned(prepared)), PartialState().device.type
    return {
        "identity": dict(prepared.run.identity),
        "toolkit": __version__,
        "model": {"name": prepared.loaded.name, "revision": prepared.loaded.revision},
        "mixture": {
            "name": trained.mixture,
            "shares": prepared.mixture.shares(),
            "sampling": asdict(prepared.mixture.sampling),
        },
        "tasks": planned["tasks"],
        "notes": planned["notes"],
        "packed": planned["packed"],
        "device": device,
        "processes": PartialState().num_processes,
        "threads": torch.get_num_threads(),
        "attention": prepared.run.settings.attends(device),
        "data": {t.name: dict(t.provenance) for t in prepared.tasks},
        "labels": {t.name: t.labels for t in prepared.tasks if t.labels},
        "settings": asdict(prepared.run.settings),
        "versions": store.versions(),
        "commit": store.commit(),
        "result": {k: v for k, v in asdict(trained).items() if k not in ("folder", "shares", "notes")},
    }


def _export(prepared: Prepared, trained: Trained, heads: Heads, text: str) -> None:
    """Put the checkpoint in place, file by file, training.json last: where that is, all is."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    folder, temporary = trained.folder, trained.folder / EXPORT
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    net, checkpoints = prepared.run.network.cpu(), folder / RUN
    try:
        encoder_of(net).save_pretrained(temporary)
        prepared.loaded.tokenizer.save_pretrained(temporary)
        if heads == "keep":
            own = {k: v.contiguous() for k, v in net["heads"].state_dict().items() if not k.endswith("mlm.3.weight")}
            save_file(own, temporary / HEADS)
    except SafetensorError as error:  # a full disk
        raise InputError(f"{folder}: expected to write the checkpoint, found {one_line(error)}") from error
    weights = {p.name: store.sha256_file(p) for p in sorted(temporary.glob("*.safetensors"))}
    record = {**_record(prepared, trained), "sha256": weights}
    (temporary / "README.md").write_text(card.card(record, text, heads=heads), encoding="utf-8")
    for name in (log.LOG, log.PLOT):
        shutil.copyfile(checkpoints / name, temporary / name)
    if (checkpoints / log.PROJECT).is_dir():
        shutil.copytree(checkpoints / log.PROJECT, folder / TRACKED, dirs_exist_ok=True)
    for path in sorted(temporary.iterdir()):
        path.chmod((folder.stat().st_mode & 0o666) | 0o600)  # safetensors writes for the owner alone
        os.replace(path, folder / path.name)
    store.write(folder / RECORD, json.dumps(record, indent=1, ensure_ascii=False) + "\n")
    temporary.rmdir()
    shutil.rmtree(checkpoints)


def check_output(folder: Path) -> None:
    """Raise InputError where a folder holds something that is neither a run to go on with nor a finished one."""
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder}: expected a folder to write to, found a file")
    names = {p.name for p in folder.iterdir()} if folder.is_dir() else set()
    if names and not names & {RUN, RECORD}:
        raise InputError(f"{folder}: expected an empty folder or a run to go on with, found {min(names)}")
    parent = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise InputError(f"{folder}: expected a folder that can be written to, found {parent}, which cannot")


def finished(folder: Path, identity: Identity, heads: Heads) -> Trained | None:
    """What was trained in a folder already; InputError where it was something else, or its heads are wanted and gone."""
    if not (folder / RECORD).is_file():
        return None
    record = read_record(folder)
    if other := differences(record["identity"], identity):
        name = record["mixture"]["name"]
        raise InputError(
            f"{folder}: expected no run or this one, found {name} of other rows or settings ({other}): use another folder"
        )
    if heads == "keep" and not (folder / HEADS).is_file():
        raise InputError(
            f"{folder}: expected a run that kept its heads, found one that dropped them: use another folder"
        )
    for left in (RUN, EXPORT):  # of a process that ended after the record was written
        shutil.rmtree(folder / left, ignore_errors=True)
    result = {**record["result"], "dev": tuple(DevScore(**d) for d in record["result"]["dev"])}
    return Trained(folder, **result, shares=record["mixture"]["shares"], notes=tuple(record.get("notes", ())))


def read_record(folder: Path | str) -> dict[str, Any]:
    """What `train_mix` wrote of a run in training.json; raises InputError where it is not there or was cut short."""
    path = Path(folder) / RECORD
    try:
        record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: expected the record of a finished run, found none") from error
    except ValueError as error:
        raise InputError(f"{path}: expected the record of a finished run, found no whole JSON ({error})") from error
    return record
