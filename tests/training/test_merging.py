"""Merged checkpoints: means in the shares, whole or not at all, loadable, and what cannot be merged is refused."""

import json

import numpy as np
import pytest

from diversity.training.merging import merge
from diversity.types import InputError

torch = pytest.importorskip("torch")


@pytest.fixture
def checkpoint(tmp_path):
    from safetensors.torch import save_file

    def write(name, value, shape=(2, 3), key="weight"):
        folder = tmp_path / name
        folder.mkdir()
        tensors = {key: torch.full(shape, float(value)), "position_ids": torch.arange(4) + int(value)}
        save_file(tensors, folder / "model.safetensors")
        for file in ("config.json", "tokenizer.json"):
            (folder / file).write_text(json.dumps({"from": name}))
        return folder

    return write


def test_weights_are_means_in_the_shares_that_are_given(checkpoint, tmp_path):
    from safetensors.torch import load_file

    merged = merge({"a": checkpoint("a", 1), "b": checkpoint("b", 2)}, {"a": 1, "b": 3}, tmp_path / "merged")
    tensors = load_file(merged / "model.safetensors")
    np.testing.assert_allclose(tensors["weight"].numpy(), 0.25 * 1 + 0.75 * 2)
    assert tensors["position_ids"].tolist() == [1, 2, 3, 4], "integers are those of the first"
    assert json.loads((merged / "config.json").read_text()) == {"from": "a"}
    assert json.loads((merged / "merging.json").read_text()) == {"shares": {"a": 0.25, "b": 0.75}}


@pytest.mark.parametrize(
    ("shares", "other", "message"),
    [
        ({}, {}, r"expected a share of each checkpoint \(a, b\), found none"),
        ({"a": 1, "c": 1}, {}, r"expected a share of each checkpoint \(a, b\), found a, c"),
        ({"a": 1, "b": 0}, {}, "expected a share above 0 of b, found 0"),
        ({"a": 1, "b": float("nan")}, {}, "expected a share above 0 of b, found nan"),
        ({"a": 1, "b": 1}, {"shape": (3, 2)}, r"found weight of \(3, 2\) in .*b, \(2, 3\) before"),
        ({"a": 1, "b": 1}, {"key": "bias"}, "of one architecture, found bias in one of .*b"),
    ],
)
def test_what_cannot_be_merged_is_refused_and_leaves_nothing(checkpoint, tmp_path, shares, other, message):
    folders = {"a": checkpoint("a", 1), "b": checkpoint("b", 2, **other)}
    with pytest.raises(InputError, match=message):
        merge(folders, shares, tmp_path / "merged")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


def test_a_folder_without_weights_is_named(checkpoint, tmp_path):
    folder = checkpoint("a", 1)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"model\.safetensors"):
        merge({"a": folder}, {"a": 1}, tmp_path / "merged")
