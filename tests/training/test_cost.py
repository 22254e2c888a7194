"""Budgets in sequences and tokens, and encoders whose lower layers stay as they are."""

import json

import numpy as np
import pytest
import torch

from diversity.encoders.pretrained import load_model
from diversity.training.heads import Output, freeze, network
from diversity.training.intermediate import plan_mix, train_mix
from diversity.training.request import TrainingRequest
from diversity.training.settings import PRESETS, Settings, changed, preset
from diversity.types import InputError, Mixture, Sampling

SHORT = {"learning_rate": 1e-3, "batch": 4, "max_length": 48, "tokens": 400, "dev_examples": 6}


@pytest.fixture(scope="module")
def given(small, samples, tmp_path_factory):
    """The arguments that the runs share."""
    torch.set_num_threads(1)
    model = str(small.folder(tmp_path_factory.mktemp("model"), "bert", initializer_range=0.05))
    return {"model": model, "data": samples, "cache": tmp_path_factory.mktemp("cache")}


def planned(given, tasks, **length):
    mixture = Mixture.of(tasks, sampling=Sampling("uniform", mixed=True))
    return plan_mix(mixture, settings=Settings.of(**SHORT, **length), measure=0, **given)


def test_four_choices_are_four_sequences(given) -> None:
    assert planned(given, ["hellaswag"], sequences=80).examples == 20
    assert planned(given, ["mnli"], sequences=80).examples == 80
    assert planned(given, ["mnli", "hellaswag"], sequences=100).examples == 40


@pytest.mark.parametrize("tasks", [["mnli"], ["hellaswag", "squad_v1"], ["ccg", "cosmosqa", "qqp"]])
def test_equal_tokens_are_equal_cost_whatever_the_tasks(given, tasks) -> None:
    plan = planned(given, tasks, training_tokens=20_000)
    assert plan.tokens == pytest.approx(20_000, rel=0.05)
    assert planned(given, tasks, examples=plan.examples).tokens == pytest.approx(plan.tokens, rel=1e-9)


def test_what_is_trained_counts_as_planned(given, tmp_path) -> None:
    settings = Settings.of(**SHORT, training_tokens=1500)
    trained = train_mix(["hellaswag"], output=tmp_path, settings=settings, **given)
    assert trained.tokens == pytest.approx(1500, rel=0.1)


def test_a_run_has_one_length() -> None:
    with pytest.raises(InputError, match="one length of the run, found examples and training_tokens"):
        Settings.of(examples=5, training_tokens=5)
    assert changed(Settings.of(examples=5), sequences=8).optimisation.examples is None
    with pytest.raises(InputError, match="expected sequences of at least 1, found 0"):
        Settings.of(sequences=0)


def test_runs_of_earlier_versions_are_the_same_ones(given) -> None:
    """Settings that came later stand in the identity of the runs alone that use them."""
    identity = Settings.of(steps=3).identity["optimisation"]
    assert not {"sequences", "training_tokens", "frozen_layers"} & set(identity)
    assert Settings.of(training_tokens=9).identity["optimisation"]["training_tokens"] == 9
    request = TrainingRequest.of(["mnli"], given["model"], given["data"], Settings.of(frozen_layers=0.5))
    assert request.identity()["frozen_layers"] == 0.5


def test_the_command_and_its_unit(given, run, tmp_path) -> None:
    shared = ["train-mix", "--tasks", "hellaswag", "--model", given["model"], "--data", given["data"], "--dry-run"]
    shared += ["--cache", given["cache"], "--max-length", "48", "--format", "json"]
    found = {}
    for unit in ("examples", "sequences", "tokens"):
        status, out, errors = run(*shared, "--budget", 4000, "--budget-unit", unit)
        assert status == 0, errors
        (task,) = json.loads(out)
        found[unit] = task["sampled"]
    assert found["examples"] == 4000
    assert found["sequences"] == 1000
    assert found["tokens"] < 200


# --- Lower layers that stay --------------------------------------------------------------------------


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "distilbert", "electra", "modernbert", "mpnet"])
def test_frozen_are_the_embeddings_and_the_lower_layers(small, tmp_path, family) -> None:
    loaded = load_model(str(small.folder(tmp_path, family)))
    net = network(loaded, {"x": Output("classification", 3)}, 0)
    freeze(net, 0.5)
    parameters = dict(net["encoder"].named_parameters())
    frozen = {name for name, p in parameters.items() if not p.requires_grad}
    assert {n for n in parameters if "embedding" in n} <= frozen
    layers = {n for n in frozen if "embedding" not in n}
    assert layers
    assert all(".0." in n for n in layers), "the lower one of two"
    assert layers == {n for n in parameters if ".0." in f".{n}" and "embedding" not in n}
    assert all(p.requires_grad for p in net["heads"].parameters())


def test_a_quick_run_changes_the_upper_layers_alone(given, tmp_path) -> None:
    settings = Settings.of(**SHORT, steps=3, frozen_layers=0.5, dropout=0.0)
    train_mix(["mnli"], output=tmp_path / "mix", settings=settings, **given)
    before, after = (load_model(str(p)).encoder.state_dict() for p in (given["model"], tmp_path / "mix"))
    changed_ = {n for n in before if not torch.equal(before[n], after[n])}
    assert changed_
    assert all(".1." in n for n in changed_)


def test_the_quick_preset_says_what_it_is() -> None:
    assert set(PRESETS["quick"].kinds) == set(PRESETS["phang2020"].kinds)
    for target in ("", "xnli", "xquad", "udpos"):
        quick, published = preset("quick", target), preset("phang2020", target)
        differing = {n for n, v in quick.values.items() if v != published.values[n]}
        assert differing <= {"batch_size", "frozen_layers", "dropout", "dev_every"}
        assert quick.optimisation.batch_size == 32
        assert np.isclose(quick.optimisation.frozen_layers, 2 / 3)
