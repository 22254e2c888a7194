"""The last layer computes the states alone that heads read: the same logits, gradients and runs, but for rounding."""

import numpy as np
import pytest
import torch

from diversity.encoders.pretrained import first_position, load_model
from diversity.training import batching, heads
from diversity.training.heads import Output

FAMILIES = ("bert", "roberta", "xlm-roberta", "camembert", "electra", "distilbert", "modernbert", "mpnet")


@pytest.fixture(scope="module")
def models(small, tmp_path_factory):
    """A tiny model of each family."""
    root = tmp_path_factory.mktemp("models")
    return {name: load_model(str(small.folder(root / name, name))) for name in FAMILIES}


def rows_and_network(small, loaded, kinds, *, packed, dropout=0.0):
    """A micro-batch of these kinds, and a network in training."""
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    data = {kind: small.features(kind, 12, rng, longest=14) for kind in kinds}
    rows = batching.rows(
        data, [(kind, np.arange(len(f))) for kind, f in data.items()], packed=packed,
        pad=loaded.tokenizer.pad_token_id, first_position=first_position(loaded.encoder),
    )  # fmt: skip
    return rows, heads.network(loaded, {kind: Output(kind, 3) for kind in kinds}, 0, dropout).train()


def computed(monkeypatch, net, rows, few: float):
    """Logits and gradients, and how many tokens the last layer put out."""
    monkeypatch.setattr(heads, "FEW", few)
    net.zero_grad()
    seen = []
    encoder = net["encoder"]
    hook = encoder.register_forward_hook(lambda _, __, output: seen.append(output.last_hidden_state[..., 0].numel()))
    found = heads.logits(net, rows)
    hook.remove()
    sum((x**2).sum() for x in found).backward()
    gradients = {n: p.grad.clone() for n, p in net.named_parameters() if p.grad is not None}
    return [x.detach() for x in found], gradients, seen[0]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_gradients_are_the_same(small, models, monkeypatch, family, packed) -> None:
    loaded = models[family]
    rows, net = rows_and_network(small, loaded, ("classification", "multiple_choice"), packed=packed and loaded.packs)
    whole, expected, tokens = computed(monkeypatch, net, rows, 0.0)
    few, found, fewer = computed(monkeypatch, net, rows, 0.9)
    for one, other in zip(whole, few, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)
    for name, gradient in expected.items():
        assert (found[name] - gradient).abs().max() <= 1e-5 * gradient.abs().max() + 1e-5, name
    reads = sum(len(part.reads) for part in rows.parts)
    assert (fewer == reads < tokens) == (family in heads.ONE_TOKEN)
    assert not net["encoder"]._forward_pre_hooks


@pytest.mark.parametrize("kinds", [("span",), ("tagging",)])
def test_where_most_states_are_read_all_are_computed(small, models, monkeypatch, kinds) -> None:
    rows, net = rows_and_network(small, models["bert"], kinds, packed=True)
    assert computed(monkeypatch, net, rows, heads.FEW)[2] == rows.ids.numel()


def test_not_in_training_with_dropout(small, models, monkeypatch) -> None:
    """It would be drawn for other elements."""
    rows, net = rows_and_network(small, models["bert"], ("classification",), packed=True, dropout=0.1)
    assert computed(monkeypatch, net, rows, 0.9)[2] == rows.ids.numel()
    net.eval()
    assert computed(monkeypatch, net, rows, 0.9)[2] == 12
