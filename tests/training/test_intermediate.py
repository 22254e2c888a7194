"""train-mix on the written samples: what it leaves behind, what it refuses, and that it goes on."""

import hashlib
import json
import multiprocessing
import os
import shutil
import signal

import numpy as np
import pytest
import safetensors.torch
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

import diversity
from diversity.training import card, loop, rows
from diversity.training import prepare as preparing
from diversity.training.intermediate import plan_mix, train_mix
from diversity.training.prepare import prepare
from diversity.training.request import TrainingRequest
from diversity.training.settings import Settings, changed
from diversity.types import InputError, Mixture, Rows, Sampling

NINE = "anli_plus ccg commonsenseqa cosmosqa hellaswag mnli qqp squad_v1 squad_v2".split()
SMALL = Settings.of(learning_rate=1e-3, steps=6, batch=4, max_length=48, tokens=400, dev_examples=6, save_every=2)


@pytest.fixture(scope="module")
def model(small, tmp_path_factory) -> str:
    """A tiny BERT."""
    torch.set_num_threads(1)
    return str(small.folder(tmp_path_factory.mktemp("model"), "bert", initializer_range=0.05))


@pytest.fixture(scope="module")
def given(samples, model, tmp_path_factory):
    """The arguments that the runs share."""
    return {"model": model, "data": samples, "settings": SMALL, "cache": tmp_path_factory.mktemp("cache")}


def prepared(mixture, *, model, data, settings, cache):
    """What `train_mix` trains with."""
    return prepare(TrainingRequest.of(mixture, model, data, settings), cache=cache)


@pytest.fixture(scope="module")
def trained(given, tmp_path_factory):
    """All nine tasks and masked language modelling in one run, heads kept."""
    folder = tmp_path_factory.mktemp("out") / "mix"
    texts = tmp_path_factory.mktemp("texts") / "sw"
    texts.mkdir()
    (texts / "a.txt").write_text("".join(f"w{i} w{i + 1} w{i + 2}\n" for i in range(5, 60)))
    return train_mix(
        Mixture.of(NINE, sampling=Sampling("uniform", mixed=True)),
        output=folder,
        heads="keep",
        mlm=[texts],
        describe=lambda m: f"of {len(m.tasks)}",
        **given,
    )


def test_the_nine_tasks_train_in_one_run(trained) -> None:
    assert (trained.steps, trained.examples) == (6, 24)
    assert [d.task for d in trained.dev] == NINE
    assert all(0 <= d.score <= 100 and d.n > 0 and d.low <= d.score <= d.high for d in trained.dev)


def test_the_checkpoint_is_an_ordinary_one(trained, given) -> None:
    from transformers import AutoModel, AutoTokenizer

    encoder = AutoModel.from_pretrained(trained.folder, add_pooling_layer=False)
    before = AutoModel.from_pretrained(given["model"], add_pooling_layer=False)
    old, new = before.state_dict(), encoder.state_dict()
    assert set(old) == set(new)
    assert any((old[k] - new[k]).abs().max() > 1e-4 for k in old), "it was trained"
    assert len(AutoTokenizer.from_pretrained(trained.folder)) == 120
    heads = load_file(trained.folder / "heads.safetensors")
    assert {k.split(".")[0] for k in heads} == {*NINE, "mlm"}
    names = {p.name for p in trained.folder.iterdir()}
    assert {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "README.md",
        "training.json",
        "log.jsonl",
        "loss.png",
    } <= names
    assert not {n for n in names if n.endswith((".tmp", ".bin", ".pt")) or n == "run"}


def test_the_checkpoint_is_a_model_to_go_on_with(trained, given) -> None:
    again = prepared(["mnli"], **{**given, "model": str(trained.folder)})
    assert again.loaded.packs


def test_the_card_says_what_was_done(trained) -> None:
    card = (trained.folder / "README.md").read_text()
    record = json.loads((trained.folder / "training.json").read_text())
    assert "## Diversity of the mixture\n\nof 10" in card
    assert "uniform, mixed batches" in card
    assert "gold categories of the Parallel Meaning Bank, not CCGbank" in card
    for digest in record["data"]["mnli"]["files"].values():
        assert digest in card
    assert sum(record["mixture"]["shares"].values()) == pytest.approx(1)
    assert record["settings"]["optimisation"]["steps"] == 6
    assert record["result"]["examples"] == 24


def test_a_finished_run_is_not_done_again(given, tmp_path, monkeypatch) -> None:
    first = train_mix(["mnli", "ccg"], output=tmp_path / "mix", **given)
    monkeypatch.setattr(loop, "train", None)
    assert train_mix(["ccg", "mnli"], output=tmp_path / "mix", **given) == first
    with pytest.raises(
        InputError,
        match=r"found ccg\+mnli of other rows or settings \(tasks is ccg\+mnli, not mnli\): use another folder",
    ):
        train_mix(["mnli"], output=tmp_path / "mix", **given)


@pytest.mark.parametrize("where", ["step", "export"])
def test_killed_and_called_again_the_checkpoint_is_the_same_bytes(given, tmp_path, monkeypatch, where) -> None:
    if where == "export":
        monkeypatch.setattr(card, "card", lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL))
    killed_at(3 if where == "step" else -1, tmp_path / "killed", **given)
    monkeypatch.undo()
    for name in ("killed", "whole"):
        train_mix(["mnli", "squad_v1"], output=tmp_path / name, **given)
    one, two = (tmp_path / n / "model.safetensors" for n in ("killed", "whole"))
    assert one.read_bytes() == two.read_bytes()


def test_a_finished_run_is_found_before_a_model_is_loaded(given, tmp_path, monkeypatch) -> None:
    first = train_mix(["ccg"], output=tmp_path / "mix", **given)
    monkeypatch.setattr(preparing, "load_model", None)
    monkeypatch.setattr(rows, "read", None)
    assert train_mix(["ccg"], output=tmp_path / "mix", **given) == first
    with pytest.raises(InputError, match=r"learning_rate is 0\.001, not 0\.002"):
        train_mix(["ccg"], output=tmp_path / "mix", **{**given, "settings": changed(SMALL, learning_rate=2e-3)})
    with pytest.raises(InputError, match="expected a run that kept its heads, found one that dropped them"):
        train_mix(["ccg"], output=tmp_path / "mix", heads="keep", **given)


def test_dev_rows_are_part_of_what_a_run_is(given, samples, tmp_path) -> None:
    data = shutil.copytree(samples, tmp_path / "data")
    mine = {**given, "data": data}
    train_mix(["mnli"], output=tmp_path / "mix", **mine)
    dev = next(data.rglob("*matched.jsonl"))
    dev.write_text(dev.read_text().replace('"entailment"', '"neutral"'))
    with pytest.raises(InputError, match="other dev rows of mnli"):
        train_mix(["mnli"], output=tmp_path / "mix", **mine)


def killed_at(step: int, output, **given) -> None:
    """Train in a process that ends before a step."""

    def run() -> None:
        real = loop.train
        hooks = loop.Hooks(begins=lambda n: os.kill(os.getpid(), signal.SIGKILL) if n == step else None)
        loop.train = lambda *a, **k: real(*a, **k, hooks=hooks)
        train_mix(["mnli", "squad_v1"], output=output, **given)

    process = multiprocessing.get_context("fork").Process(target=run)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


def test_a_run_goes_on_with_fewer_tokens_a_micro_batch(given, tmp_path) -> None:
    settings = changed(SMALL, dropout=0.0)
    killed_at(4, tmp_path / "killed", **{**given, "settings": settings})
    fewer = changed(settings, tokens=200, packing="off", attention="eager", save_every=3)
    train_mix(["mnli", "squad_v1"], output=tmp_path / "killed", **{**given, "settings": fewer})
    train_mix(["mnli", "squad_v1"], output=tmp_path / "whole", **{**given, "settings": settings})
    one, two = (load_file(tmp_path / n / "model.safetensors") for n in ("killed", "whole"))
    assert all((one[k] - two[k]).abs().median() < 1e-5 for k in one if not k.endswith("key.bias"))
    killed_at(4, tmp_path / "other", **{**given, "settings": settings})
    with pytest.raises(InputError, match="another one's checkpoint: batch_size is 4, not 8"):
        train_mix(
            ["mnli", "squad_v1"], output=tmp_path / "other", **{**given, "settings": changed(settings, batch_size=8)}
        )


def test_a_plan_leaves_random_numbers_and_weights_alone(given) -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    plan_mix(["ccg"], **given)
    assert torch.rand(1) == expected


def test_early_stopping_keeps_the_best_weights(given, tmp_path) -> None:
    settings = changed(SMALL, dev_every=1, patience=2, steps=12)
    result = train_mix(["ccg"], output=tmp_path / "mix", **{**given, "settings": settings})
    lines = [json.loads(line) for line in (tmp_path / "mix" / "log.jsonl").read_text().splitlines()]
    best = max(line["mean"] for line in lines if "dev" in line)
    assert result.dev[0].score == pytest.approx(best)


def test_what_trackers_write_is_kept(given, tmp_path, monkeypatch) -> None:
    """TensorBoard writes into the folder of the run, which is removed when all is done."""
    real = loop.train

    def tracked(job, folder, **options):
        (folder / "diversity").mkdir(parents=True)
        (folder / "diversity" / "events.1").write_text("x")
        return real(job, folder, **options)

    monkeypatch.setattr(loop, "train", tracked)
    train_mix(["mnli"], output=tmp_path / "mix", **given)
    assert (tmp_path / "mix" / "trackers" / "events.1").read_text() == "x"
    assert not (tmp_path / "mix" / "run").exists()


def test_overlapping_tasks_lose_rows_and_say_so(given) -> None:
    found = {t.name: t for t in prepared(["squad_v2", "squad_v1"], **given).tasks}
    both = {t.name: t for t in prepared(["squad_v2"], **given).tasks}
    lost = found["squad_v2"].provenance["removed"]["in_other_tasks"]
    assert len(found["squad_v2"].train) + lost == len(both["squad_v2"].train)


def test_a_mixture_brings_its_weights_and_its_budget(given) -> None:
    mixture = Mixture.of({"mnli": 3, "ccg": 1}, budget=40)
    schedule = prepared(mixture, **given).run.schedule
    assert dict(zip(schedule.tasks, schedule.shares, strict=True)) == {"ccg": 0.25, "mnli": 0.75}
    assert (schedule.sampled, schedule.steps) == (40, 10)
    assert schedule.instances_sampled().sum() == 40


def test_shares_count_training_instances_not_rows(given) -> None:
    whole = prepared(Mixture.of(["squad_v1", "mnli"], sampling="proportional"), **given)
    sizes = {name: len(features) for name, features in whole.run.data.items()}
    assert sizes["squad_v1"] > len({t.name: t for t in whole.tasks}["squad_v1"].train), "windows of long passages"
    assert whole.mixture.shares()["mnli"] == pytest.approx(sizes["mnli"] / sum(sizes.values()))


def test_a_task_without_a_step_is_refused(given, tmp_path) -> None:
    mixture = Mixture.of({"mnli": 100, "ccg": 1, "qqp": 1})
    with pytest.raises(InputError, match="expected a step for each task, found none for ccg, qqp in 6 steps of 4"):
        train_mix(mixture, output=tmp_path / "mix", **given)


def test_sampled_shares_far_from_the_stated_ones_are_noted(given) -> None:
    plan = plan_mix(Mixture.of({"mnli": 4, "ccg": 1}), measure=0, **given)
    assert plan.notes == ("ccg has 16.7% of the examples, not its share of 20.0%: steps are few",)


def test_equal_budgets_for_all_mixtures(given) -> None:
    plans = [plan_mix(t, measure=0, **given) for t in (["mnli"], ["mnli", "ccg", "qqp"])]
    assert len({(p.steps, p.examples) for p in plans}) == 1


def test_the_plan_is_what_a_run_does(given, tmp_path) -> None:
    plan = plan_mix(["mnli", "ccg"], **given)
    done = train_mix(["mnli", "ccg"], output=tmp_path / "mix", **given)
    assert (plan.steps, plan.examples, plan.mixture) == (done.steps, done.examples, done.mixture)
    assert plan.tokens == pytest.approx(done.tokens, rel=0.3)
    assert plan.seconds > 0
    assert plan.memory > 10**7


@pytest.mark.parametrize(
    ("tasks", "changes", "message"),
    [
        ([], {}, "expected tasks to train on, found none"),
        (["mnli", "mnli"], {}, "each task of a mixture once"),
        (["mnl"], {}, "did you mean mnli"),
        (["mnli"], {"model": "nothing"}, "unknown encoder 'nothing'"),
        (["mnli"], {"data": None}, "expected a folder of data"),
        (["mnli"], {"settings": Settings.of(max_length=65)}, "at most 64 tokens"),
        (["mnli"], {"settings": Settings.of(max_length=48, tokens=8)}, "expected --batch-tokens of at least"),
        (Mixture.of({"mnli": 1}), {"mlm": [__file__]}, "expected weights of mlm, mnli, found mnli"),
        (["mnli"], {"data": Rows(languages=["sw"])}, "expected a folder of data"),
        (["tatoeba"], {}, "expected a task that a head can be trained on"),
        (["mnli"], {"mlm": ["/nowhere"]}, "expected text files"),
    ],
)
def test_what_cannot_be_is_told_before_any_training(given, tmp_path, monkeypatch, tasks, changes, message) -> None:
    monkeypatch.setattr(loop, "train", None)
    with pytest.raises(InputError, match=message):
        train_mix(tasks, output=tmp_path / "mix", **{**given, **changes})
    assert not (tmp_path / "mix").exists(), "nothing is written"


def test_a_folder_with_other_things_is_left_alone(given, tmp_path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match=r"expected an empty folder or a run to go on with, found thesis.tex"):
        train_mix(["mnli"], output=tmp_path, **given)
    with pytest.raises(InputError, match="expected a folder to write to, found a file"):
        train_mix(["mnli"], output=tmp_path / "thesis.tex", **given)


def test_a_folder_that_cannot_be_written_to_is_refused_before_anything_is_read(given, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(preparing, "load_model", None)
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(InputError, match="expected a folder that can be written to"):
        train_mix(["mnli"], output=tmp_path / "a" / "b", **given)


@pytest.mark.parametrize("content", ["", "{", '{"identity": {"recipe"'])
def test_a_record_that_was_cut_short_is_one_line(given, tmp_path, content) -> None:
    (tmp_path / "training.json").write_text(content)
    with pytest.raises(InputError, match=r"training.json: expected the record of a finished run, found no whole JSON"):
        train_mix(["mnli"], output=tmp_path, **given)


def test_what_a_killed_process_left_of_a_finished_run_goes(given, tmp_path) -> None:
    first = train_mix(["ccg"], output=tmp_path / "mix", **given)
    (tmp_path / "mix" / "run").mkdir()
    assert train_mix(["ccg"], output=tmp_path / "mix", **given) == first
    assert not (tmp_path / "mix" / "run").exists()


def test_the_record_has_hashes_of_the_weights_threads_and_processes(trained) -> None:
    record = json.loads((trained.folder / "training.json").read_text())
    for name, digest in record["sha256"].items():
        assert hashlib.sha256((trained.folder / name).read_bytes()).hexdigest() == digest
    assert set(record["sha256"]) == {"model.safetensors", "heads.safetensors"}
    assert (record["processes"], record["threads"]) == (1, torch.get_num_threads())


def test_a_full_disk_at_the_end_is_one_line(given, tmp_path, monkeypatch) -> None:
    real = safetensors.torch.save_file

    def full(tensors, filename, *more, **options):
        if str(filename).endswith("heads.safetensors"):
            raise SafetensorError("I/O error: No space left on device (os error 28)")
        return real(tensors, filename, *more, **options)

    monkeypatch.setattr(safetensors.torch, "save_file", full)
    with pytest.raises(InputError, match=r"expected to write the checkpoint, found .*No space left"):
        train_mix(["ccg"], output=tmp_path / "mix", heads="keep", **given)
    monkeypatch.undo()
    assert train_mix(["ccg"], output=tmp_path / "mix", heads="keep", **given).steps == 6


def test_packing_that_is_not_tested_is_refused(small, given, tmp_path) -> None:
    other = str(small.folder(tmp_path / "m", "mpnet"))
    with pytest.raises(InputError, match="found 'mpnet': use --packing auto"):
        prepared(["mnli"], **{**given, "model": other, "settings": Settings.of(max_length=48, packing="on")})
    assert not prepared(["mnli"], **{**given, "model": other}).run.packed


# --- The command -------------------------------------------------------------------------------------


def test_the_command(run, given, tmp_path) -> None:
    common = [
        "train-mix",
        "--model",
        given["model"],
        "--data",
        given["data"],
        "--cache",
        given["cache"],
        "--steps",
        "3",
    ]
    common += ["--batch", "4", "--max-length", "48", "--weights", "mnli:3,ccg"]
    status, out, error = run(*common, "--dry-run")
    assert status == 0
    assert error.splitlines() == [
        "note: ccg has 33.3% of the examples, not its share of 25.0%: steps are few",
        "note: mnli has 66.7% of the examples, not its share of 75.0%: steps are few",
    ]
    assert out.startswith("ccg+mnli on ")
    assert "3 steps, 12 examples" in out
    status, out, _ = run(*common, "--output", tmp_path / "mix", "--format", "json")
    assert status == 0
    assert [r["task"] for r in json.loads(out)] == ["ccg", "mnli"]
    card = (tmp_path / "mix" / "README.md").read_text()
    assert "| cosine |" in card, "diversity scores come from the shipped moments"
    assert "weights {'ccg': 0.25, 'mnli': 0.75}" in card


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--tasks", "mnli"], "expected --output DIR, or --dry-run"),
        (["--tasks", "mnli", "--dry-run"], "expected a folder of data (--data DIR)"),
        (
            ["--tasks", "mnli", "--dry-run", "--preset", "phang"],
            "expected --preset to be one of phang2020, xtreme, quick, found",
        ),
        (["--tasks", "mnli", "--dry-run", "--budget", "5", "--steps", "5"], "expected one length of the run"),
        (
            ["--tasks", "mnli", "--dry-run", "--sampling", "unifrom", "--data", "."],
            "uniform, weights, found 'unifrom'",
        ),
        (["--weights", "mnli:x", "--dry-run"], "expected a number as the weight of mnli"),
        (["--weights", "mnli:1_0", "--dry-run"], "expected a number as the weight of mnli"),
        (["--weights", "mnli:1,mnli:2", "--dry-run"], "expected one weight of mnli, found two in 'mnli:1,mnli:2'"),
        (["--tasks", "mnli", "--weights", "qqp:2", "--dry-run"], "expected weights of the tasks in --tasks"),
        (["--tasks", "mnli", "--output", "x", "--trackers", "tensorbord", "--data", "."], "did you mean tensorboard"),
        (["--tasks", "mnli", "--heads", "no", "--dry-run"], "expected --heads to be one of drop, keep"),
    ],
)
def test_bad_use_is_one_line(run, samples, model, arguments, message) -> None:
    where = [str(samples) if a == "." else a for a in arguments]
    status, out, error = run("train-mix", "--model", model, "--max-length", "48", *where)
    assert (status, out) == (2, "")
    assert message in error
    assert error.count("\n") == 1


def test_the_function_is_part_of_the_interface() -> None:
    assert diversity.train_mix is train_mix
    assert np.isclose(diversity.Sampling("uniform").shares({"a": 1, "b": 9})["a"], 0.5)
