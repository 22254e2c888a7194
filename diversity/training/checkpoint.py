"""Checkpoints that a run goes on from exactly: tensors as safetensors, the rest as JSON, whole or not there at all.

All chance is a function of seed and step, and so is the plan of batches: model, moments of the optimiser and the number
of the step are the whole state.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.training.request import Identity, differences
from diversity.training.vocabulary import UsedVocabulary
from diversity.types import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

AGAIN = "remove the folder of the checkpoint to begin anew"
MODEL, OPTIMISER, STATE = "model.safetensors", "optimiser.safetensors", "state.json"
TOKENS = "tokens"  # of which the moments of the embedding table are, where they are not of all


def tensors(network: torch.nn.Module) -> dict[str, Tensor]:
    """Parameters and buffers by name; of those that several layers share, one."""
    unique: dict[int, tuple[str, Tensor]] = {}
    for name, tensor in network.state_dict().items():
        unique.setdefault(tensor.data_ptr() if tensor.numel() else id(tensor), (name, tensor))
    return dict(unique.values())


def moments(
    network: torch.nn.Module, optimiser: torch.optim.Optimizer, vocabulary: UsedVocabulary | None = None
) -> dict[str, Tensor]:
    """The optimiser's state, each tensor under its own name and that of its parameter."""
    kept: dict[str, Tensor] = {} if vocabulary is None else {TOKENS: vocabulary.tokens}
    for name, parameter in network.named_parameters():
        owner = parameter if vocabulary is None else vocabulary.trained(parameter)
        kept |= {f"{key}/{name}": value for key, value in optimiser.state.get(owner, {}).items()}
    return kept


def save(
    folder: Path,
    step: int,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    state: Mapping[str, Any],
    vocabulary: UsedVocabulary | None = None,
) -> None:
    """Write a checkpoint, and only when it is whole and on the disk remove the one before.

    Of the embedding table it has all rows, and the moments of those that are trained.
    """
    final, temporary = folder / f"step-{step:08d}", folder / f".step-{step:08d}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    write(temporary / MODEL, tensors(network))
    write(temporary / OPTIMISER, moments(network, optimiser, vocabulary))
    whole = {
        **state,
        "step": step,
        "sha256": {name: store.sha256_file(temporary / name) for name in (MODEL, OPTIMISER)},
    }
    (temporary / STATE).write_text(json.dumps(whole, indent=1, sort_keys=True, allow_nan=False))
    sync(temporary / STATE)
    sync(temporary)
    shutil.rmtree(final, ignore_errors=True)
    os.replace(temporary, final)
    sync(folder)
    for old in folder.glob("step-*"):
        if old != final:
            shutil.rmtree(old)
    for old in folder.glob("best-*.safetensors"):
        if old != best(folder, state.get("best_step") or 0):
            old.unlink()


def best(folder: Path, step: int) -> Path:
    """The file of the weights that scored best, at that step."""
    return folder / f"best-{step:08d}.safetensors"


def write(path: Path, values: Mapping[str, Tensor]) -> None:
    """Tensors to a file, on the disk when this returns; raises InputError where they cannot be written (a full disk)."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    temporary = path.with_name(f".{path.name}.tmp")
    try:
        save_file({k: v.detach().contiguous().cpu() for k, v in values.items()}, temporary)
    except SafetensorError as error:
        temporary.unlink(missing_ok=True)
        raise InputError(f"{path}: expected to write a checkpoint, found {one_line(error)}") from error
    sync(temporary)
    os.replace(temporary, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Bring a file, or the names in a folder, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def latest(folder: Path) -> Path | None:
    """The last checkpoint of a run; None where there is none."""
    return max(folder.glob("step-*"), default=None)


def read(path: Path, sha256: str | None) -> dict[str, Tensor]:
    """The tensors of a file; raises InputError where it is not there or not as it was written (`sha256`, where known)."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if sha256 is not None and store.sha256_file(path) != sha256:
            raise InputError(f"{path}: expected the file that was written, found other bytes; {AGAIN}")
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise InputError(f"{path}: expected whole tensors, found {one_line(error)}; {AGAIN}") from error


def one_line(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__


def load_weights(path: Path, network: torch.nn.Module, sha256: str | None = None) -> None:
    """Read weights into a network of the same shape; raises InputError where they are of another or not whole."""
    weights, expected = read(path, sha256), tensors(network)
    if set(weights) != set(expected) or any(weights[k].shape != expected[k].shape for k in expected):
        raise InputError(f"{path}: expected the weights of this model and its heads, found others")
    for name, tensor in expected.items():
        tensor.copy_(weights[name])  # state_dict's tensors are detached: this writes the parameters


def load(
    path: Path,
    network: torch.nn.Module,
    optimiser: torch.optim.Optimizer,
    identity: Identity,
    vocabulary: UsedVocabulary | None = None,
) -> dict[str, Any]:
    """Read a checkpoint into network and optimiser, and give its state; InputError where it is of another run.

    It may have been written with the whole embedding table trained, or the rows alone that are used.
    """
    try:
        state: dict[str, Any] = json.loads((path / STATE).read_text())
        if other := differences(state["identity"], identity):
            raise InputError(f"{path.parent}: expected no run or this one, found another one's checkpoint: {other}")
        hashes = state.get("sha256", {})
        load_weights(path / MODEL, network, hashes.get(MODEL))
        parameters = dict(network.named_parameters())
        kept = read(path / OPTIMISER, hashes.get(OPTIMISER))
        tokens = kept.pop(TOKENS, None)
        for name, tensor in kept.items():
            key, _, parameter = name.partition("/")
            owner = parameters[parameter]
            if tokens is not None and tensor.ndim and tensor.shape != owner.shape:
                tensor = tensor.new_zeros(owner.shape).index_copy_(0, tokens, tensor)
            if vocabulary is not None and owner is vocabulary.whole:
                tensor = tensor[vocabulary.tokens.to(tensor.device)] if tensor.ndim else tensor
                owner = vocabulary.rows
            optimiser.state[owner][key] = tensor.to(owner.device)
    except (OSError, ValueError, KeyError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: expected a checkpoint of this run, found {one_line(error)}; {AGAIN}") from error
    return state
