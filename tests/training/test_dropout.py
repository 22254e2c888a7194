"""Cheap dropout beside torch's own: the same shares, scale and gradients, from draws that are independent."""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from diversity.encoders.pretrained import attending, first_position
from diversity.training import dropout, heads
from diversity.training.batching import rows
from diversity.training.heads import Output, network


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_shares_scale_and_gradients_are_those_of_torch(p, dtype) -> None:
    torch.manual_seed(0)
    x = torch.full((1001, 333), 3.0, dtype=dtype, requires_grad=True)
    for found in (dropout.dropout(x, p), torch.nn.functional.dropout(x, p)):
        (gradient,) = torch.autograd.grad(found.sum(), x)
        found = found.detach()
        kept = found != 0
        assert found.dtype == dtype
        assert float(kept.double().mean()) == pytest.approx(1 - p, abs=4 * np.sqrt(p * (1 - p) / x.numel()))
        assert float(found[kept].double().mean()) == pytest.approx(
            3 / (1 - p), rel=1e-3 if dtype == torch.float32 else 8e-3
        )
        assert torch.equal(gradient != 0, kept)
        assert torch.allclose(gradient[kept].double(), found[kept].double().mean() / 3, rtol=8e-3)


def test_the_four_elements_of_a_draw_are_independent() -> None:
    torch.manual_seed(1)
    kept = (dropout.dropout(torch.ones(1_000_000), 0.3) > 0).double().reshape(-1, 4)
    assert kept.mean(0).numpy() == pytest.approx(np.full(4, 0.7), abs=4 * np.sqrt(0.21 / 250_000))
    correlations = torch.corrcoef(kept.T) - torch.eye(4)
    assert float(correlations.abs().max()) < 4 / np.sqrt(250_000)
    flat = kept.flatten()
    for lag in (1, 4, 8, 312 * 4):  # 312 words of 64 bits are the state of the generator
        assert abs(float(torch.corrcoef(torch.stack([flat[:-lag], flat[lag:]]))[0, 1])) < 4 / 1000


def test_chance_is_of_the_seed_and_nothing_is_dropped_where_nothing_is_to_be() -> None:
    x = torch.ones(10, 7)
    found = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        found.append(dropout.dropout(x, 0.5))
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
    assert dropout.dropout(x, 0.5, training=False) is x
    assert dropout.dropout(x, 0.0) is x
    assert dropout.dropout(x, 1.0).sum() == 0
    assert dropout.dropout(x[:0], 0.5).shape == (0, 7)


class Calls(TorchDispatchMode):
    """The names of the operations that reach torch."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.names.add(str(function))
        return function(*args, **(kwargs or {}))


@pytest.mark.parametrize("architecture", ["bert", "xlm-roberta", "distilbert", "modernbert"])
def test_no_dropout_of_an_encoder_is_left_to_torch(architecture, loaded, small) -> None:
    encoder = loaded(architecture, attention_dropout=0.2, mlp_dropout=0.2, embedding_dropout=0.2)
    net = network(encoder, {"x": Output("tagging", 3)}, seed=0).train()
    step = {"x": small.features("tagging", 6, np.random.default_rng(0))}
    first = first_position(encoder.encoder)
    made = rows(step, [("x", np.arange(6))], packed=True, pad=0, first_position=first)
    found = {}
    for device in ("cpu", "cuda"):
        with attending(net["encoder"], "eager"), dropout.cheap(device), Calls() as calls, torch.no_grad():
            heads.logits(net, made)
        found[device] = {n for n in calls.names if "bernoulli" in n or "dropout" in n}
    assert not found["cpu"]
    assert found["cuda"], "on another device it is torch's own"
