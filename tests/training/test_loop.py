"""The loop: it learns, it divides a step as it likes, it goes on bit for bit after SIGKILL, it stops where it must."""

import json
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

from diversity.encoders.pretrained import first_position, load_model
from diversity.training import checkpoint, dev, log, loop
from diversity.training.batching import Masking
from diversity.training.heads import Output, network
from diversity.training.loop import TrainingRun, train
from diversity.training.sampling import BatchSchedule
from diversity.training.settings import Settings, changed
from diversity.types import InputError

KINDS = ("classification", "multiple_choice", "span", "tagging", "mlm")
MASKING = Masking(mask=4, special=(0, 1, 2, 3), vocabulary=120)


@pytest.fixture(scope="module")
def folder(small, tmp_path_factory):
    """A tiny XLM-R with dropout."""
    return small.folder(tmp_path_factory.mktemp("model"), "xlm-roberta", initializer_range=0.05)


def job(
    small, folder, *, kinds=KINDS, steps=12, mixed=False, packed=True, units=40, identity=("x", 1), **settings
) -> TrainingRun:
    """A job on written features; everything in it is new, so that nothing is shared between runs."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    data = {kind: small.features(kind, units, rng, longest=14) for kind in kinds}
    chosen = Settings.of(**{"learning_rate": 2e-3, "batch": 8, "steps": steps, "save_every": 3, **settings})
    outputs = {k: Output(k, 3 if k in ("classification", "tagging") else 0) for k in kinds}
    net = network(load_model(str(folder)), outputs, seed=chosen.optimisation.seed)
    sizes = tuple(len(f) for f in data.values())
    plan = BatchSchedule(
        tuple(kinds),
        sizes,
        (1 / len(kinds),) * len(kinds),
        chosen.optimisation.batch_size,
        steps * chosen.optimisation.batch_size,
        0,
        mixed,
    )
    return TrainingRun(net, data, plan, chosen, packed, 1, MASKING, dict([identity]))


def weights(net) -> dict[str, torch.Tensor]:
    return {k: v.clone() for k, v in checkpoint.tensors(net).items()}


def same(one, two) -> bool:
    return set(one) == set(two) and all(torch.equal(one[k], two[k]) for k in one)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_head_learns(small, folder, kind) -> None:
    made = job(small, folder, kinds=(kind,), steps=60, units=64, batch=16)
    first = train(made, None, until=1).loss
    made = job(small, folder, kinds=(kind,), steps=60, units=64, batch=16)
    last = train(made, None).loss
    # The written words tell the labels of the first four kinds; the texts of the last are random, but their share of
    # tokens that are left as they are is not.
    assert last < (0.95 if kind == "mlm" else 0.6) * first


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(small, folder) -> None:
    found = []
    for seed in (0, 0, 1):
        made = job(small, folder, steps=4, seed=seed)
        train(made, None)
        found.append(weights(made.network))
    assert same(found[0], found[1])
    assert not same(found[0], found[2])


@pytest.mark.parametrize("mixed", [False, True])
def test_passes_change_the_weights_by_rounding_alone(small, folder, mixed) -> None:
    found = []
    for packed, tokens in ((True, 16_384), (True, 80), (False, 16_384), (False, 120)):
        made = without_dropout(job(small, folder, steps=6, mixed=mixed, packed=packed, tokens=tokens))
        state = train(made, None)
        assert (state.examples, state.step) == (48, 6)
        found.append(weights(made.network))
    assert all(close(other, found[0]) for other in found[1:])


# A softmax does not see what is added to all its scores: the gradients of these are rounding, which AdamW scales up.
UNSEEN = ("key.bias", "multiple_choice.4.bias", "span.1.bias")


def close(one, two) -> bool:
    """Equal but for rounding; AdamW carries that far where a gradient is near 0, hence medians."""
    return all((one[k] - two[k]).abs().median() < 1e-5 for k in one if not k.endswith(UNSEEN))


# --- Beside the Trainer of transformers --------------------------------------------------------------


@pytest.mark.parametrize("packed", [True, False])
def test_the_steps_are_those_of_the_trainer_of_transformers(small, folder, tmp_path, packed) -> None:
    """The same batches and first weights, no dropout: the Trainer's losses, gradient norms and rates, at every step.

    Without warm-up: that of transformers begins at a rate of 0, so that its first step changes nothing.
    """
    import transformers

    steps, batch = 12, 8
    made = without_dropout(
        job(small, folder, kinds=("classification",), steps=steps, batch=batch, packed=packed, warmup=0)
    )
    features = made.data["classification"]

    config = small.without_dropout(transformers.AutoConfig.from_pretrained(folder, num_labels=3))
    peer = transformers.AutoModelForSequenceClassification.from_pretrained(folder, config=config)
    dense, out = made.network["heads"]["classification"][1], made.network["heads"]["classification"][4]
    peer.classifier.dense.load_state_dict(dense.state_dict())
    peer.classifier.out_proj.load_state_dict(out.state_dict())

    class Rows(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(features)

        def __getitem__(self, unit: int) -> dict[str, object]:
            ids = features.ids[features.starts[unit] : features.starts[unit + 1]].tolist()
            return {"input_ids": ids, "attention_mask": [1] * len(ids), "labels": int(features.labels[unit])}

    class Trainer(transformers.Trainer):
        def _get_train_sampler(self, *_: object) -> list[int]:
            return [unit for number in range(steps) for _, units in made.schedule.step(number) for unit in units]

    optimisation = made.settings.optimisation
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path / "trainer"), per_device_train_batch_size=batch, max_steps=steps, report_to=[],
        learning_rate=optimisation.learning_rate, max_grad_norm=optimisation.max_grad_norm, use_cpu=True, logging_steps=1,
        save_strategy="no", disable_tqdm=True,
    )  # fmt: skip
    trainer = Trainer(model=peer, args=arguments, train_dataset=Rows(), processing_class=small.tokenizer(1))
    trainer.train()
    theirs = [line for line in trainer.state.log_history if "grad_norm" in line]

    train(made, tmp_path / "ours")
    ours = [line for line in log.lines(tmp_path / "ours" / "log.jsonl") if "loss" in line]
    assert len(ours) == len(theirs) == steps
    for mine, names in (("loss", "loss"), ("norm", "grad_norm"), ("rate", "learning_rate")):
        np.testing.assert_allclose([x[mine] for x in ours], [x[names] for x in theirs], rtol=1e-4, err_msg=mine)
    encoder = made.network["encoder"].state_dict()
    for name, weight in peer.roberta.state_dict().items():
        if not name.endswith(UNSEEN):
            assert (encoder[name] - weight).abs().median() < 1e-5, name


# --- Killed and gone on ------------------------------------------------------------------------------


def killed(small, folder, target: Path, *, step: int | None = None, sync: int | None = None, **options) -> None:
    """Train in a process that SIGKILL ends: before a step, or at the n-th time that a file is put on the disk."""

    def run() -> None:
        made = job(small, folder, **options)
        real_sync, calls = checkpoint.sync, [0]

        def begins(number):
            if number == step:
                os.kill(os.getpid(), signal.SIGKILL)

        def syncing(path):
            calls[0] += 1
            if calls[0] == sync:
                os.kill(os.getpid(), signal.SIGKILL)
            real_sync(path)

        checkpoint.sync = syncing
        train(made, target, evaluate=options.get("dev_every") and evaluate, hooks=loop.Hooks(begins=begins))

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def evaluate(net) -> dict[str, float]:
    """A dev score that falls and rises: the best weights are not the last."""
    value = float(net["heads"]["tagging"][1].bias.detach().sum())
    return {"bias": round(abs(value), 9)}


@pytest.fixture(scope="module")
def uninterrupted(small, folder, tmp_path_factory):
    """The weights of the run that nothing stopped, its log, and those with early stopping."""
    made = job(small, folder)
    target = tmp_path_factory.mktemp("whole")
    train(made, target)
    return weights(made.network), log.lines(target / log.LOG)


def without_times(lines):
    return [{k: v for k, v in line.items() if k != "seconds"} for line in lines]


@pytest.mark.parametrize("steps", [(2,), (3, 7), (10, 11, 5)])
def test_killed_at_a_step_and_resumed_the_weights_are_the_same_bits(
    small, folder, uninterrupted, tmp_path, steps
) -> None:
    done = 0
    for step in steps:
        if step >= done:
            killed(small, folder, tmp_path, step=step)
            done = step - step % 3
    made = job(small, folder)
    state = train(made, tmp_path)
    assert same(weights(made.network), uninterrupted[0])
    assert state.step == 12
    assert without_times(log.lines(tmp_path / log.LOG)) == without_times(uninterrupted[1])
    assert [p.name for p in tmp_path.glob("*step-*")] == ["step-00000012"]


# A save puts 6 things on the disk: two files and their folder each (1-4), the state (5), the folder (6), the name (7).
@pytest.mark.parametrize("sync", [2, 5, 6, 7, 9, 14])
def test_killed_in_the_middle_of_a_save(small, folder, uninterrupted, tmp_path, sync) -> None:
    killed(small, folder, tmp_path, sync=sync)
    made = job(small, folder)
    train(made, tmp_path)
    assert same(weights(made.network), uninterrupted[0])


def test_killed_with_early_stopping_the_best_weights_are_the_same_bits(small, folder, tmp_path) -> None:
    options = {"dev_every": 2, "patience": 3, "steps": 14, "mixed": True}
    made = job(small, folder, **options)
    state = train(made, tmp_path / "whole", evaluate=evaluate)
    expected = weights(made.network)
    assert state.best_step is not None
    assert state.best == max(line["mean"] for line in log.lines(tmp_path / "whole" / "log.jsonl") if "dev" in line)
    for step in (5, 8):
        killed(small, folder, tmp_path / "again", step=step, **options)
    made = job(small, folder, **options)
    again = train(made, tmp_path / "again", evaluate=evaluate)
    assert same(weights(made.network), expected)
    assert (again.step, again.best_step, again.scores) == (state.step, state.best_step, state.scores)


def test_a_finished_run_is_not_done_again(small, folder, tmp_path) -> None:
    made = job(small, folder, steps=3)
    train(made, tmp_path)
    before = (tmp_path / "log.jsonl").read_text()
    again = job(small, folder, steps=3)
    assert train(again, tmp_path).step == 3
    assert same(weights(again.network), weights(made.network))
    assert (tmp_path / "log.jsonl").read_text() == before


def test_a_folder_of_another_run_is_left_alone(small, folder, tmp_path) -> None:
    train(job(small, folder, steps=3), tmp_path)
    with pytest.raises(InputError, match="found another one's checkpoint: x is 1, not 2"):
        train(job(small, folder, steps=3, identity=("x", 2)), tmp_path)
    (tmp_path / "step-00000003" / "state.json").write_text("{")
    with pytest.raises(InputError, match="expected a checkpoint of this run"):
        train(job(small, folder, steps=3), tmp_path)


# --- Several processes -------------------------------------------------------------------------------


def without_dropout(made: TrainingRun) -> TrainingRun:
    for part in made.network.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return made


# One of two processes, set up as `torchrun --nproc-per-node 2` does.
WORKER = """
import json, os, sys
import torch
from accelerate import PartialState
from safetensors.torch import save_file
sys.path[:0] = [sys.argv[1], sys.argv[1] + "/training"]
import small
from test_loop import job, train, weights, without_dropout
made = without_dropout(job(small, sys.argv[2], steps=5, mixed=True, batch=7, tokens=60))
state = train(made, None)
out = f"{sys.argv[3]}/{os.environ['RANK']}"
save_file(weights(made.network), out + ".safetensors")
with open(out + ".json", "w") as file:
    json.dump([PartialState().num_processes, state.loss, state.examples, state.tokens], file)
torch.distributed.destroy_process_group()
"""


def test_two_processes_do_what_one_does(small, folder, tmp_path) -> None:
    from safetensors.torch import load_file

    here = Path(__file__).parents[1]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    group = {"WORLD_SIZE": 2, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "OMP_NUM_THREADS": 1}
    shared = {**os.environ, **{k: str(v) for k, v in group.items()}}
    shared["PYTHONPATH"] = str(here.parent)
    command = [sys.executable, "-c", WORKER, str(here), str(folder), str(tmp_path)]
    workers = [
        subprocess.Popen(command, env={**shared, "RANK": rank, "LOCAL_RANK": rank}, stderr=subprocess.PIPE, text=True)
        for rank in "01"
    ]
    try:
        errors = [w.communicate(timeout=300)[1] for w in workers]
    finally:
        for worker in workers:
            worker.kill()
    assert [w.returncode for w in workers] == [0, 0], errors
    made = without_dropout(job(small, folder, steps=5, mixed=True, batch=7, tokens=60))
    state = train(made, None)
    told = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in "01"]
    assert told[0] == told[1] == [2, pytest.approx(state.loss, rel=1e-5), state.examples, state.tokens]
    two, other = (load_file(tmp_path / f"{rank}.safetensors") for rank in "01")
    assert same(two, other), "all processes have the same weights"
    assert close(two, weights(made.network))


# --- Where it stops ----------------------------------------------------------------------------------


def test_a_loss_that_is_no_number_stops_the_run_with_its_batch(small, folder, tmp_path) -> None:
    made = job(small, folder, kinds=("tagging",), steps=9, learning_rate=0.1)
    train(job(small, folder, kinds=("tagging",), steps=9, learning_rate=0.1), tmp_path, until=4)
    real, count = loop.heads.logits, [3]  # steps that the checkpoint has

    def logits(net, rows):
        count[0] += 1
        return [s * float("nan") if count[0] == 5 else s for s in real(net, rows)]

    loop.heads.logits = logits
    try:
        with pytest.raises(
            InputError, match=r"step 5: expected a finite loss and gradient, found nan .* instances of tagging"
        ):
            train(made, tmp_path)
    finally:
        loop.heads.logits = real
    last = log.lines(tmp_path / "log.jsonl")[-1]
    assert last["batch"] == {"tagging": made.schedule.step(4)[0][1].tolist()}
    assert checkpoint.latest(tmp_path).name == "step-00000003", "the last good checkpoint is there"


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("x"), RuntimeError("can't allocate memory")])
def test_too_little_memory_says_what_to_lower(small, folder, monkeypatch, error) -> None:
    def full(*_):
        raise error

    monkeypatch.setattr(loop, "backward", full)
    with pytest.raises(InputError, match=r"out of memory at step 1, .*: lower --batch-tokens \(now 16,384\)"):
        train(job(small, folder, steps=2), None)


def test_other_errors_are_not_called_memory(small, folder, monkeypatch) -> None:
    def wrong(*_):
        raise RuntimeError("shapes")

    monkeypatch.setattr(loop, "backward", wrong)
    with pytest.raises(RuntimeError, match="shapes"):
        train(job(small, folder, steps=2), None)


def test_trackers_are_checked_first(small, folder) -> None:
    with pytest.raises(InputError, match="did you mean tensorboard"):
        train(job(small, folder, steps=1), None, trackers=["tensorbord"])
    with pytest.raises(InputError, match="pip install mlflow"):
        log.check_tracker("mlflow")


def test_what_a_run_leaves_behind(small, folder, tmp_path) -> None:
    train(job(small, folder, steps=3, dev_every=2), tmp_path, evaluate=evaluate)
    lines = log.lines(tmp_path / "log.jsonl")
    assert [line["step"] for line in lines] == [1, 2, 2, 3, 3]
    assert set(lines[0]) == {"step", "loss", "rate", "norm", "seconds", "tasks", "tokens"}
    assert (tmp_path / "loss.png").read_bytes().startswith(b"\x89PNG")
    state = json.loads((tmp_path / "step-00000003" / "state.json").read_text())
    assert state["step"] == 3
    assert not list(tmp_path.rglob("*.tmp")), "nothing half-written is left"
    assert not list(tmp_path.rglob("*.pt")) + list(tmp_path.rglob("*.bin")) + list(tmp_path.rglob("*.pkl"))


def test_a_processor_trains_with_eager_attention_and_predicts_with_sdpa(small, folder, monkeypatch) -> None:
    """And learns the same: the weights after 20 steps are those with `sdpa`, but for rounding."""
    found = {}
    for attention, precision in (("auto", "bf16"), ("sdpa", "bf16"), ("auto", "fp32"), ("sdpa", "fp32")):
        made = without_dropout(job(small, folder, steps=20, attention=attention, precision=precision, dev_every=5))
        encoder, seen, real = made.network["encoder"], [], loop.backward
        monkeypatch.setattr(
            loop, "backward", lambda *a, e=encoder, s=seen, r=real: (s.append(implementation(e)), r(*a))[1]
        )
        predicted = []
        train(made, None, evaluate=lambda net, p=predicted, m=made: (p.append(predicts_with(net, m)), {"x": 0.0})[1])
        monkeypatch.undo()
        assert set(seen) == {"eager" if attention == "auto" else "sdpa"}
        assert set(predicted) == {"sdpa"}
        assert implementation(encoder) == "sdpa", "the network is left as it was"
        found[attention, precision] = weights(made.network)
    for precision, tolerance in (("bf16", 2e-3), ("fp32", 1e-5)):
        one, two = found["auto", precision], found["sdpa", precision]
        assert all((one[k] - two[k]).abs().median() < tolerance for k in one if not k.endswith(UNSEEN))


def implementation(encoder) -> str:
    return encoder.config._attn_implementation


def predicts_with(net, made: TrainingRun) -> str:
    """The attention that dev scores are computed with."""
    seen = []
    hook = net["encoder"].register_forward_pre_hook(lambda module, _: seen.append(implementation(module)))
    dev.predict(net, "tagging", made.data["tagging"], made.settings, packed=True, pad=1)
    hook.remove()
    return seen[0]


def test_weight_decay_is_for_weights_alone(small, folder) -> None:
    made = job(small, folder)
    decayed, plain = loop.adamw(made.network, changed(made.settings, weight_decay=0.1)).param_groups
    names = {id(p): n for n, p in made.network.named_parameters()}
    assert decayed["weight_decay"] == 0.1
    assert plain["weight_decay"] == 0.0
    assert all("bias" not in names[id(p)] and "LayerNorm" not in names[id(p)] for p in decayed["params"])
    assert all(
        names[id(p)].endswith("bias") or "Norm" in names[id(p)] or "heads.mlm.2" in names[id(p)]
        for p in plain["params"]
    )
    assert first_position(made.network["encoder"]) == 2


@pytest.mark.parametrize("name", [checkpoint.MODEL, checkpoint.OPTIMISER, checkpoint.STATE])
@pytest.mark.parametrize("harm", ["cut", "flipped"])
def test_a_checkpoint_that_is_not_as_it_was_written_is_refused_in_one_line(small, folder, tmp_path, name, harm) -> None:
    train(job(small, folder, steps=3), tmp_path)
    path = checkpoint.latest(tmp_path) / name
    content = bytearray(path.read_bytes())
    if harm == "cut":
        content = content[: len(content) // 2]
    elif name != checkpoint.STATE:
        content[-5] ^= 16
    else:
        content = content.replace(b'"sha256"', b'"sha257"')[:-3]
    path.write_bytes(content)
    with pytest.raises(InputError, match="remove the folder of the checkpoint to begin anew") as error:
        train(job(small, folder, steps=6), tmp_path)
    assert "\n" not in str(error.value)


def test_a_full_disk_is_one_line(small, folder, tmp_path, monkeypatch) -> None:
    def full(*_):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    with pytest.raises(InputError, match=r"expected to write a checkpoint, found .*No space left on device"):
        train(job(small, folder, steps=3), tmp_path)


def test_a_resumed_run_keeps_its_choice_whatever_is_measured_now(small, folder, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv(loop.passes.ASKED, "1")
    monkeypatch.setattr(loop.passes, "fastest", lambda *_: 90)
    run = without_dropout(job(small, folder, steps=6))
    loop.train(run, tmp_path / "run", until=4)
    state = json.loads((next((tmp_path / "run").glob("step-*")) / "state.json").read_text())
    assert state["tokens_at_once"] == 90
    monkeypatch.setattr(loop.passes, "fastest", lambda *_: 16_384)
    assert loop.train(without_dropout(job(small, folder, steps=6)), tmp_path / "run").tokens_at_once == 90


def test_with_dropout_nothing_is_measured(small, folder, monkeypatch) -> None:
    """It is drawn in the order of the computation."""
    monkeypatch.setenv(loop.passes.ASKED, "1")
    monkeypatch.setattr(loop.passes, "fastest", lambda *_: pytest.fail("measured"))
    assert loop.train(job(small, folder, steps=1), None).tokens_at_once == 16_384
