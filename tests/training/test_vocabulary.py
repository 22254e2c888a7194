"""Training the rows of the embedding table that are used gives what training the whole table gives."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
import transformers

from diversity.encoders.pretrained import load_model
from diversity.training import checkpoint, dev, loop
from diversity.training.batching import Masking
from diversity.training.heads import Output, network
from diversity.training.loop import TrainingRun, train
from diversity.training.sampling import BatchSchedule
from diversity.training.settings import Settings
from diversity.training.vocabulary import used_vocabulary

FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra", "modernbert", "mpnet", "deberta-v2")
KINDS = ("classification", "multiple_choice", "span", "tagging")
USED = 60  # of the 120 tokens of the vocabulary
STEPS = 9
# A softmax does not see what is added to all its scores: the gradients of these are rounding, which AdamW scales up.
UNSEEN = ("key.bias", "k_lin.bias", "attn.k.bias", "key_proj.bias", "multiple_choice.4.bias", "span.1.bias")


def deberta(path, small):
    """A tiny DeBERTa, which is trained in padded rows."""
    torch.manual_seed(0)
    config = transformers.DebertaV2Config(
        **small.SMALL, vocab_size=small.VOCABULARY, max_position_embeddings=64, initializer_range=0.1, pad_token_id=0,
        relative_attention=True, pos_att_type=["p2c", "c2p"], position_buckets=16, type_vocab_size=0,
    )  # fmt: skip
    transformers.AutoModel.from_config(config).save_pretrained(path)
    small.tokenizer(0).save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def models(small, tmp_path_factory):
    """A tiny model of each family."""
    root = tmp_path_factory.mktemp("models")
    known = {n: small.folder(root / n, n, initializer_range=0.1) for n in FAMILIES if n != "deberta-v2"}
    return {**known, "deberta-v2": deberta(root / "deberta-v2", small)}


def run_of(small, folder, *, kinds=KINDS, packed=None, used=USED, **settings) -> TrainingRun:
    """A run on written features of few tokens; everything in it is new."""
    torch.set_num_threads(1)
    rng, loaded = np.random.default_rng(0), load_model(str(folder))
    data = {kind: small.features(kind, 40, rng, longest=14) for kind in kinds}
    for features in data.values():
        features.ids[:] = np.where(features.ids < used, features.ids, 24 + features.ids % (used - 24))
    chosen = Settings.of(
        **{"learning_rate": 2e-3, "weight_decay": 0.1, "batch": 8, "steps": STEPS, "save_every": 3, **settings}
    )
    outputs = {k: Output(k, 3 if k in ("classification", "tagging") else 0) for k in kinds}
    sizes = tuple(len(f) for f in data.values())
    plan = BatchSchedule(tuple(kinds), sizes, (1 / len(kinds),) * len(kinds), 8, STEPS * 8, 0, True)
    masking = Masking(mask=4, special=(0, 1, 2, 3), vocabulary=120)
    packs = loaded.packs if packed is None else packed
    pad = loaded.tokenizer.pad_token_id
    return TrainingRun(network(loaded, outputs, seed=0), data, plan, chosen, packs, pad, masking, {"x": 1})


def scores(run: TrainingRun) -> dict[str, float]:
    """Of the whole vocabulary, tokens that are nowhere in the training data included."""
    found = {}
    for kind, features in run.data.items():
        other = replace(features, ids=np.where(features.ids > 30, 150 - features.ids, features.ids))
        logits = dev.predict(run.network, kind, other, run.settings, packed=run.packed, pad=run.pad)
        found[kind] = float(np.abs(logits).mean())
    return found


def trained(run: TrainingRun, folder=None, **options):
    """Weights, dev scores by step, and the number of rows that were trained."""
    history, rows = [], []
    real = loop.backward

    def backward(net, *given):
        rows.append(len(net["encoder"].get_input_embeddings().weight))
        return real(net, *given)

    def evaluate(net):
        assert len(net["encoder"].get_input_embeddings().weight) == 120
        history.append(scores(run))
        return {"all": sum(history[-1].values())}

    loop.backward = backward
    try:
        train(run, folder, evaluate=evaluate, **options)
    finally:
        loop.backward = real
    return {k: v.clone() for k, v in checkpoint.tensors(run.network).items()}, history, set(rows)


def table_of(run: TrainingRun) -> str:
    table = run.network["encoder"].get_input_embeddings().weight
    return next(name for name, p in run.network.named_parameters() if p is table)


@pytest.mark.parametrize("clip", [0.0, 1.0])
@pytest.mark.parametrize("family", FAMILIES)
def test_weights_and_dev_scores_are_those_of_the_whole_table(small, models, family, clip) -> None:
    """Without clipping every other weight to the bit: the norm alone is summed in another order."""
    settings = {"clip": clip, "dev_every": 2, "warmup": 3}
    whole = run_of(small, models[family], vocabulary="whole", **settings)
    first = {k: v.clone() for k, v in checkpoint.tensors(whole.network).items()}
    weights, history, rows = trained(whole)
    assert rows == {120}
    run = run_of(small, models[family], **settings)
    name, occurring = table_of(run), np.unique(np.concatenate([f.ids for f in run.data.values()]))
    others = np.setdiff1d(np.arange(120), [*occurring, run.pad])
    found, again, rows = trained(run)
    assert rows == {120 - len(others)}
    assert set(found) == set(weights)
    for key, value in weights.items():
        if clip == 0 and key != name:
            assert torch.equal(found[key], value), key
        elif not key.endswith(UNSEEN):
            assert (found[key] - value).abs().median() < 1e-6, key
    if clip == 0:
        assert torch.equal(found[name][occurring], weights[name][occurring])
    torch.testing.assert_close(found[name][others], weights[name][others], rtol=4e-7, atol=0)
    assert not torch.equal(found[name][others], first[name][others]), "they decayed"
    assert len(again) == len(history) == 5
    for one, other in zip(history, again, strict=True):
        assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("packed", [True, False])
def test_padded_and_packed_rows(small, models, packed) -> None:
    runs = [
        run_of(small, models["xlm-roberta"], packed=packed, vocabulary=v, clip=0, tokens=90) for v in ("whole", "used")
    ]
    (weights, *_), (found, *_) = map(trained, runs)
    for key, value in weights.items():
        torch.testing.assert_close(found[key], value, rtol=4e-7, atol=1e-9)


def test_without_decay_the_other_rows_are_as_they_were(small, models) -> None:
    run = run_of(small, models["bert"], weight_decay=0)
    name, before = table_of(run), run.network["encoder"].get_input_embeddings().weight.detach().clone()
    others = np.setdiff1d(np.arange(120), np.concatenate([f.ids for f in run.data.values()]))
    assert torch.equal(trained(run)[0][name][others], before[others])


@pytest.mark.parametrize("reason", ["mlm", "all", "frozen", "shared", "hooked"])
def test_the_whole_table_is_trained_where_its_rows_are_not_enough(small, models, reason) -> None:
    kinds, used = (("mlm", "tagging") if reason == "mlm" else KINDS), 120 if reason == "all" else USED
    run = run_of(small, models["bert"], kinds=kinds, used=used)
    table = run.network["encoder"].get_input_embeddings()
    if reason == "all":
        run.data["tagging"].ids[:120] = np.arange(120)
    elif reason == "frozen":
        table.weight.requires_grad = False
    elif reason == "shared":
        run.network["other"] = torch.nn.Linear(32, 120)
        run.network["other"].weight = table.weight
    elif reason == "hooked":
        run.network["encoder"].set_input_embeddings(torch.nn.EmbeddingBag(120, 32))
    assert used_vocabulary(run.network, run.data, run.pad, lambda first, end: 1.0) is None


def test_a_token_that_is_not_in_the_table_is_an_error(small, models) -> None:
    run = run_of(small, models["bert"])
    run.step(0)
    table = used_vocabulary(run.network, run.data, run.pad, lambda first, end: 1.0)
    table.attach()
    with pytest.raises(IndexError):
        run.network["encoder"](input_ids=torch.tensor([[119]]))
    table.detach(0)
    run.network["encoder"](input_ids=torch.tensor([[119]]))


# --- Checkpoints -------------------------------------------------------------------------------------


class Stopped(Exception):
    """Ends a run amid a step."""


def stopped(run: TrainingRun, folder, step: int, **options) -> None:
    def begins(number):
        if number == step:
            raise Stopped

    with pytest.raises(Stopped):
        train(run, folder, hooks=loop.Hooks(begins=begins), **options)


@pytest.mark.parametrize("settings", [{}, {"dev_every": 2}])
def test_a_resumed_run_is_the_uninterrupted_one_to_the_bit(small, models, tmp_path, settings) -> None:
    run = run_of(small, models["xlm-roberta"], **settings)
    weights, *_ = trained(run, tmp_path / "whole")
    for step in (4, 7):
        again = run_of(small, models["xlm-roberta"], **settings)
        stopped(again, tmp_path / "again", step, evaluate=lambda net, r=again: {"all": sum(scores(r).values())})
    run = run_of(small, models["xlm-roberta"], **settings)
    found, *_ = trained(run, tmp_path / "again")
    assert all(torch.equal(found[k], v) for k, v in weights.items())
    names = [checkpoint.MODEL, checkpoint.OPTIMISER]
    one, other = (checkpoint.latest(tmp_path / folder) for folder in ("whole", "again"))
    assert [(one / n).read_bytes() for n in names] == [(other / n).read_bytes() for n in names]


@pytest.mark.parametrize(("before", "after"), [("whole", "used"), ("used", "whole")])
def test_a_run_goes_on_from_checkpoints_of_the_other_way(small, models, tmp_path, before, after) -> None:
    """Those of earlier versions have moments of the whole table."""
    expected, *_ = trained(run_of(small, models["bert"], clip=0, vocabulary=before))
    stopped(run_of(small, models["bert"], clip=0, vocabulary=before), tmp_path, 5)
    found, *_ = trained(run_of(small, models["bert"], clip=0, vocabulary=after), tmp_path)
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=1e-6, atol=1e-9)


def test_a_checkpoint_has_all_rows_and_the_moments_of_those_that_are_trained(small, models, tmp_path) -> None:
    run = run_of(small, models["bert"])
    train(run, tmp_path)
    folder, name = checkpoint.latest(tmp_path), table_of(run)
    moments = checkpoint.read(folder / checkpoint.OPTIMISER, None)
    tokens = moments[checkpoint.TOKENS]
    assert checkpoint.read(folder / checkpoint.MODEL, None)[name].shape == (120, 32)
    assert moments[f"exp_avg/{name}"].shape == (len(tokens), 32)
    assert set(np.concatenate([f.ids for f in run.data.values()])) <= set(tokens.tolist())
    assert json.loads((folder / checkpoint.STATE).read_text())["step"] == STEPS
