"""The training loop: the steps of a schedule, on a processor, one GPU or several, on from the last checkpoint."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diversity import store
from diversity.encoders.pretrained import attending, first_position
from diversity.features.build import Features
from diversity.training import batching, checkpoint, dropout, heads, log, passes, vocabulary
from diversity.training.batching import Masking, PaddedRows
from diversity.training.log import TrainingLog
from diversity.training.request import Identity
from diversity.training.sampling import BatchSchedule, generator
from diversity.training.settings import Settings
from diversity.training.vocabulary import UsedVocabulary, used_vocabulary
from diversity.types import InputError

if TYPE_CHECKING:
    import torch
    from accelerate import Accelerator
    from torch import Tensor

Evaluate = Callable[["torch.nn.ModuleDict"], Mapping[str, float]]  # dev scores of a network; their mean decides
NO_DECAY = ("bias", "norm")  # names of parameters without weight decay, as in BERT's own training


@dataclass(frozen=True)
class TrainingRun:
    """All that the weights which come out depend on, beside the machine.

    `pad` is the padding token. `identity` stands for all that network and data are a function of: a run goes on from no
    checkpoint that has another one.
    """

    network: torch.nn.ModuleDict
    data: Mapping[str, Features]
    schedule: BatchSchedule
    settings: Settings
    packed: bool
    pad: int
    masking: Masking | None = None
    identity: Identity = field(default_factory=dict)

    def step(self, number: int) -> dict[str, Features]:
        """The training instances of a step by task, the masks of masked language modelling drawn."""
        step = {}
        for task, instances in self.schedule.step(number):
            taken = batching.take(self.data[task], instances)
            if taken.kind == "mlm":
                if self.masking is None:
                    raise ValueError(f"expected masking for {task}, found none")
                taken = batching.masked(
                    taken, self.masking, generator(self.settings.optimisation.seed, "masks", task, number)
                )
            step[task] = taken
        return step


@dataclass
class State:
    """Where a run is: steps done, sums over them, and its dev scores: the best, where it was, how many since."""

    step: int = 0
    examples: int = 0
    tokens: int = 0
    seconds: float = 0.0
    loss: float = math.nan
    best: float = -math.inf
    best_step: int | None = None
    best_sha256: str | None = None
    scores: dict[str, float] = field(default_factory=dict)
    stale: int = 0
    tokens_at_once: int = 0

    @property
    def saved(self) -> dict[str, Any]:
        """What a checkpoint keeps, in JSON, which has no NaN and no infinity."""
        return {k: v for k, v in asdict(self).items() if not isinstance(v, float) or math.isfinite(v)}


@dataclass(frozen=True)
class Batch:
    """The micro-batches of a step for one process; `weights`, `counts` (instances by task) and `tokens` of the whole step."""

    micro_batches: tuple[PaddedRows, ...]
    weights: Mapping[str, float]
    counts: Mapping[str, int]
    tokens: int


@dataclass(frozen=True)
class Done:
    """A step that is under way on the device: its loss and the norm of its gradient have not been read."""

    number: int
    batch: Batch
    loss: Tensor
    norm: Tensor
    rate: float
    seconds: float


@dataclass(frozen=True)
class Hooks:
    """What is called as a run goes: `begins` with the number of a step, `ends` with it and the loss, once that is read."""

    begins: Callable[[int], object] = lambda step: None
    ends: Callable[[int, float], object] = lambda step, loss: None


def train(
    run: TrainingRun,
    folder: Path | None,
    *,
    evaluate: Evaluate | None = None,
    trackers: Sequence[str] = (),
    until: int | None = None,
    hooks: Hooks = Hooks(),  # frozen
) -> State:
    """Train `run.network` by its schedule, on the device that accelerate finds, where the network then stays.

    In `folder` are then checkpoints, log.jsonl and loss.png; nothing is written where it is None. A run that was interrupted
    goes on from its last checkpoint, to the same weights. With `evaluate` and `dev_every`, it ends early where the mean dev
    score has not risen `patience` times, and the network is left with the best weights. `until` a step, if given, it goes in
    this call. Each process of several (`torchrun`) calls this alike.

    Raises InputError for a loss that is no number, too little memory, and a folder with another run's checkpoint.
    """
    import torch

    accelerator = _accelerator(folder, trackers)
    settings, steps = run.settings, run.schedule.steps
    network = run.network.to(accelerator.device).train()
    table = _table(run)
    optimiser = adamw(network, settings, table)
    state = _resumed(run, folder, optimiser, table)
    accelerator.wait_for_everyone()
    if trackers:
        accelerator.init_trackers(log.PROJECT, config={k: v for k, v in settings.values.items() if v is not None})
    last, every = until or steps, settings.selection.dev_every
    with (
        log.following(accelerator, folder, state.step, steps) as record,
        _ahead(run, accelerator, state) as batch_of,
        attending(heads.encoder_of(network), settings.attends(accelerator.device.type)),
        _deterministic(settings, accelerator.device.type),
        vocabulary.attached(table, state),
        torch.random.fork_rng(devices=[accelerator.device] if accelerator.device.type == "cuda" else []),
    ):
        state.tokens_at_once = state.tokens_at_once or _tokens_at_once(run, accelerator)
        state.tokens_at_once = min(state.tokens_at_once, settings.computation.max_tokens_per_batch)
        begin, pending = time.perf_counter() - state.seconds, None
        while state.step < last and state.stale < settings.selection.patience:
            hooks.begins(state.step)
            done = _step(run, optimiser, batch_of(state.step), state.step, accelerator, begin)
            # The loss is read one step late: a GPU has the next step to work on while this process waits for it.
            if pending is not None:
                state.loss = _read(run, pending, record, hooks)
            state.step, state.seconds = done.number + 1, done.seconds
            state.examples += sum(done.batch.counts.values())
            state.tokens += done.batch.tokens
            pending, over = done, state.step == steps
            scored = evaluate is not None and every and (over or state.step % every == 0)
            kept = folder is not None and (over or state.step % settings.computation.save_every == 0)
            if scored or kept or state.step == last:
                state.loss, pending = _read(run, done, record, hooks), None
            with vocabulary.detached(table if scored or kept else None, state):
                if scored and evaluate is not None:
                    _score(state, network, evaluate, folder, record)
                if folder is not None and (kept or state.stale >= settings.selection.patience):
                    _save(folder, state, run, optimiser, table, accelerator)
    if trackers:
        accelerator.end_training()
    if folder is not None:
        _finish(folder, state, network, accelerator)
    return state


# --- One step ----------------------------------------------------------------------------------------


def prepare(
    run: TrainingRun, number: int, tokens: int, processes: int = 1, process: int = 0, device: str = "cpu"
) -> Batch:
    """The batch of a step, `tokens` at once: the same for the same step, whatever came before."""
    step = run.step(number)
    mine = batching.deal(step, processes, process)
    first = first_position(heads.encoder_of(run.network))
    micro_batches = tuple(
        batching.rows(mine, chosen, packed=run.packed, pad=run.pad, first_position=first, pin=device == "cuda")
        for chosen in (batching.micro_batches(mine, tokens, packed=run.packed, device=device) if mine else ())
    )
    counts = {t: len(f) for t, f in step.items()}
    return Batch(micro_batches, batching.weights(step), counts, sum(len(f.ids) for f in step.values()))


def _step(
    run: TrainingRun,
    optimiser: torch.optim.Optimizer,
    batch: Batch,
    number: int,
    accelerator: Accelerator,
    begin: float,
) -> Done:
    """One optimiser step; its chance is of the seed, the step and the process."""
    import torch

    settings, network = run.settings.optimisation, run.network
    rate = settings.learning_rate_at(number, run.schedule.steps)
    torch.manual_seed(int(generator(settings.seed, "dropout", number, accelerator.process_index).integers(2**63)))
    with _memory(run.settings, number, batch):
        loss = backward(network, batch, run.settings, accelerator.device)
        parameters = [p for p in network.parameters() if p.requires_grad]
        if accelerator.num_processes > 1:
            _sum_over_processes(parameters, loss)
        norm = torch.nn.utils.clip_grad_norm_(parameters, settings.max_grad_norm or math.inf)
        for group in optimiser.param_groups:
            group["lr"] = rate
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
    return Done(number, batch, loss, norm, rate, time.perf_counter() - begin)


def _tokens_at_once(run: TrainingRun, accelerator: Accelerator) -> int:
    """What is fastest on this processor, if asked for; else the limit, and where dropout would be drawn in another order."""
    limit, device = run.settings.computation.max_tokens_per_batch, accelerator.device
    if not passes.asked() or device.type != "cpu" or accelerator.num_processes > 1 or heads.drops(run.network):
        return limit
    lengths = np.concatenate([f.lengths for f in run.step(0).values()])

    def work(tokens: int) -> None:
        backward(run.network, prepare(run, 0, tokens), run.settings, device)
        run.network.zero_grad(set_to_none=True)

    encoder, attention = heads.encoder_of(run.network), run.settings.attends(device.type)
    key = passes.about(encoder, run.settings, attention, packed=run.packed, lengths=lengths)
    return passes.fastest(limit, int(lengths.sum()), work, key)


def backward(network: torch.nn.ModuleDict, batch: Batch, settings: Settings, device: torch.device) -> Tensor:
    """Add the gradients of all micro-batches of a step, and return the sum of their losses."""
    import torch

    total = torch.zeros((), device=device)
    for rows in batch.micro_batches:
        given = rows.to(device)
        with autocast(device, settings), dropout.cheap(device.type):
            scores = heads.logits(network, given)
        terms = [heads.loss(p, s) * batch.weights[p.task] for p, s in zip(given.parts, scores, strict=True)]
        loss = torch.stack(terms).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.detach()
    return total


def autocast(device: torch.device, settings: Settings) -> torch.autocast:
    """bf16 where the settings say so."""
    import torch

    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=settings.optimisation.precision == "bf16")


def _sum_over_processes(parameters: Sequence[torch.nn.Parameter], loss: Tensor) -> None:
    """Sum gradients and loss over processes: each was weighted by the whole step, so the sum is the step's mean.

    A parameter that no process used keeps no gradient; one that some used gets zeros on the others.
    """
    import torch
    from torch.distributed import all_reduce

    used = torch.tensor([float(p.grad is not None) for p in parameters], device=loss.device)
    all_reduce(used)
    waits = [all_reduce(loss, async_op=True)]
    for parameter, anywhere in zip(parameters, used.tolist(), strict=True):
        if anywhere:
            parameter.grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
            waits.append(all_reduce(parameter.grad, async_op=True))
    for wait in waits:
        wait.wait()


def adamw(network: torch.nn.ModuleDict, settings: Settings, table: UsedVocabulary | None = None) -> torch.optim.AdamW:
    """Fused AdamW; weights decay, biases and norms do not. Of the embeddings it trains the rows of `table`, if given."""
    import torch

    decayed, plain = list[torch.nn.Parameter](), list[torch.nn.Parameter]()
    for name, parameter in network.named_parameters():
        if parameter.requires_grad:
            trained = parameter if table is None else table.trained(parameter)
            (decayed if _decays(name, parameter) else plain).append(trained)
    chosen = settings.optimisation
    groups = [{"params": decayed, "weight_decay": chosen.weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=chosen.learning_rate, fused=True)


def _decays(name: str, parameter: torch.nn.Parameter) -> bool:
    return parameter.ndim >= 2 and not any(part in name.lower() for part in NO_DECAY)


# --- The rows of the embedding table that are used ----------------------------------------------------


def _table(run: TrainingRun) -> UsedVocabulary | None:
    """The embeddings that are trained in place of the whole table, if any."""
    if run.settings.computation.vocabulary == "whole":
        return None
    optimisation, steps = run.settings.optimisation, run.schedule.steps
    table = used_vocabulary(run.network, run.data, run.pad, lambda first, end: optimisation.decay(first, end, steps))
    if table is not None and not all(_decays(n, p) for n, p in run.network.named_parameters() if p is table.whole):
        table.decay = lambda first, end: 1.0
    return table


@contextmanager
def _memory(settings: Settings, number: int, batch: Batch) -> Iterator[None]:
    """Say which setting to lower where memory runs out."""
    import torch

    try:
        yield
    except (MemoryError, torch.OutOfMemoryError, RuntimeError) as error:
        if type(error) is RuntimeError and "allocate memory" not in str(error):
            raise
        largest = max((p.ids.numel() for p in batch.micro_batches), default=0)
        raise InputError(
            f"out of memory at step {number + 1}, in micro-batches of up to {largest:,} tokens: lower --batch-tokens (now "
            f"{settings.computation.max_tokens_per_batch:,}), which leaves the result as it is, or --max-length"
        ) from error


# --- What surrounds the steps ------------------------------------------------------------------------


def _accelerator(folder: Path | None, trackers: Sequence[str]) -> Accelerator:
    import torch
    from accelerate import Accelerator
    from accelerate.utils import DistributedType

    for name in trackers:
        log.check_tracker(name)
    # Without a GPU accelerate joins the processes of torchrun only where it is told that they are on a processor.
    cpu = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not torch.cuda.is_available()
    accelerator = Accelerator(cpu=cpu, mixed_precision="no", log_with=list(trackers) or None, project_dir=folder)
    kind = accelerator.distributed_type
    if kind not in (DistributedType.NO, DistributedType.MULTI_GPU, DistributedType.MULTI_CPU):
        raise InputError(f"expected one process or data parallelism, found {kind} (accelerate config)")
    return accelerator


@contextmanager
def _deterministic(settings: Settings, device: str) -> Iterator[None]:
    """Deterministic kernels on a GPU while training, where they are asked for."""
    import torch

    if device != "cuda" or not settings.computation.deterministic:
        yield
        return
    before, warn_only = (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read once a process, by the first product
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=warn_only)


@contextmanager
def _ahead(run: TrainingRun, accelerator: Accelerator, state: State) -> Iterator[Callable[[int], Batch]]:
    """A function that gives the batch of a step, while that of the next is being made."""
    waiting = dict[int, Future[Batch]]()
    share = (accelerator.num_processes, accelerator.process_index, accelerator.device.type)
    with ThreadPoolExecutor(1) as executor:

        def batch(number: int) -> Batch:
            tokens = state.tokens_at_once
            future = waiting.pop(number, None) or executor.submit(prepare, run, number, tokens, *share)
            if number + 1 < run.schedule.steps:
                waiting[number + 1] = executor.submit(prepare, run, number + 1, tokens, *share)
            return future.result()

        yield batch


def _read(run: TrainingRun, done: Done, record: TrainingLog, hooks: Hooks) -> float:
    """The loss of a step, logged; InputError, with the batch written to the log, where it is no number."""
    loss, norm, step = float(done.loss), float(done.norm), done.number + 1
    if math.isfinite(loss) and math.isfinite(norm):
        entry = {"step": step, "loss": loss, "rate": done.rate, "norm": norm, "seconds": round(done.seconds, 3)}
        record.step({**entry, "tasks": done.batch.counts, "tokens": done.batch.tokens})
        hooks.ends(done.number, loss)
        return loss
    batch = {task: instances.tolist() for task, instances in run.schedule.step(done.number)}
    record.write({"step": step, "stopped": f"loss {loss}, norm of the gradient {norm}", "batch": batch})
    some = "; ".join(f"{task}: {', '.join(map(str, u[:8]))}{', ...' * (len(u) > 8)}" for task, u in batch.items())
    raise InputError(
        f"step {step}: expected a finite loss and gradient, found {loss} and {norm} on instances of {some} (all of them in "
        f"{log.LOG}). Lower --learning-rate, or use --precision fp32"
    )


def _resumed(
    run: TrainingRun, folder: Path | None, optimiser: torch.optim.Optimizer, table: UsedVocabulary | None
) -> State:
    """The state of the last checkpoint, read into network and optimiser; a new one where there is none."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
    path = checkpoint.latest(folder) if folder is not None else None
    if path is None:
        return State()
    kept = checkpoint.load(path, run.network, optimiser, run.identity, table)
    return State(**{k: v for k, v in kept.items() if k in State.__dataclass_fields__})


def _save(
    folder: Path,
    state: State,
    run: TrainingRun,
    optimiser: torch.optim.Optimizer,
    table: UsedVocabulary | None,
    accelerator: Accelerator,
) -> None:
    if accelerator.is_main_process:
        known = {**state.saved, "identity": dict(run.identity)}
        checkpoint.save(folder, state.step, run.network, optimiser, known, table)
    accelerator.wait_for_everyone()


def _score(
    state: State, network: torch.nn.ModuleDict, evaluate: Evaluate, folder: Path | None, record: TrainingLog
) -> None:
    """Dev scores at this step; the best weights so far are kept."""
    import torch
    from accelerate.utils import broadcast

    own, accelerator = dict(evaluate(network)), record.accelerator
    network.train()
    # The first process decides for all: scores may differ in the last digit, and a run that ends on some of them hangs.
    agreed = broadcast(torch.tensor(list(own.values()), dtype=torch.float64, device=accelerator.device)).tolist()
    scores, mean = dict(zip(own, agreed, strict=True)), sum(agreed) / len(agreed)
    record.dev(state.step, scores, mean)
    state.stale += 1
    if mean > state.best:
        state.best, state.best_step, state.scores, state.stale = mean, state.step, scores, 0
        if folder is not None and accelerator.is_main_process:
            path = checkpoint.best(folder, state.step)
            checkpoint.write(path, checkpoint.tensors(network))
            state.best_sha256 = store.sha256_file(path)


def _finish(folder: Path, state: State, network: torch.nn.ModuleDict, accelerator: Accelerator) -> None:
    """Leave the network with its best weights, and draw the loss."""
    accelerator.wait_for_everyone()
    if state.best_step is not None:
        checkpoint.load_weights(checkpoint.best(folder, state.best_step), network, state.best_sha256)
    if accelerator.is_main_process:
        log.plot(folder)
