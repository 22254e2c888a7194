"""A checkpoint whose weights are the mean of those of others: a mixture without training it."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from diversity import store
from diversity.encoders.registry import TOKENIZERS
from diversity.types import InputError, missing_file

if TYPE_CHECKING:
    from torch import Tensor

WEIGHTS, CONFIG, RECORD = "model.safetensors", "config.json", "merging.json"
BESIDE = (CONFIG, *TOKENIZERS, "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json", "merges.txt")


def merge(checkpoints: Mapping[str, Path | str], shares: Mapping[str, float], output: Path | str) -> Path:
    """Write a checkpoint whose weights are the mean of those of others, in given shares.

    Whether it stands in for one that was trained on all tasks together has to be measured: see `analyses/study`.
    `merging.json` beside the weights says what was merged.

    Parameters
    ----------
    checkpoints
        Folders of checkpoints of one architecture, by a name of each.
    shares
        The share of each name; they are scaled to a sum of 1.
    output
        The folder to write; it is there whole or not at all.

    Returns
    -------
    Path
        That folder. Integers among the weights, and the tokenizer, are those of the first checkpoint.

    Raises
    ------
    InputError
        For no checkpoint, other names of the shares, a share that is not above 0, a file that is missing, or weights of other
        names or shapes.

    Notes
    -----
    w = sum_i s_i w_i / sum_i s_i. Source: Wortsman et al. 2022 (Model soups, ICML), for equal shares.
    """
    with store.new_folder(Path(output)) as new:
        fill(new, checkpoints, shares)
    return Path(output)


def fill(folder: Path, checkpoints: Mapping[str, Path | str], shares: Mapping[str, float]) -> None:
    """The same into a folder that is there."""
    from safetensors.torch import load_file, save_file

    paths = {name: Path(path) for name, path in checkpoints.items()}
    scaled = _scaled(paths, shares)
    mean: dict[str, Tensor] = {}
    for name, path in paths.items():
        tensors = load_file(path / WEIGHTS)
        if mean:
            _check_alike(mean, tensors, path)
        for key, tensor in tensors.items():
            if not tensor.is_floating_point():
                mean.setdefault(key, tensor)
            elif key in mean:
                mean[key].add_(tensor, alpha=scaled[name])
            else:
                mean[key] = tensor * scaled[name]
    first = next(iter(paths.values()))
    for file in (file for pattern in BESIDE for file in first.glob(pattern)):
        shutil.copyfile(file, folder / file.name)
    save_file(mean, folder / WEIGHTS, metadata={"format": "pt"})
    store.write(folder / RECORD, json.dumps({"shares": scaled}, indent=1))


def _scaled(paths: Mapping[str, Path], shares: Mapping[str, float]) -> dict[str, float]:
    """The shares with a sum of 1; raises InputError for what cannot be merged."""
    if not paths or paths.keys() != shares.keys():
        given, wanted = ", ".join(shares) or "none", ", ".join(paths) or "none"
        raise InputError(f"expected a share of each checkpoint ({wanted}), found {given}")
    for name, share in shares.items():
        if not 0 < share < math.inf:
            raise InputError(f"expected a share above 0 of {name}, found {share}")
        for file in (WEIGHTS, CONFIG):
            if not (paths[name] / file).is_file():
                raise missing_file(paths[name] / file, "a checkpoint")
    total = sum(shares.values())
    return {name: shares[name] / total for name in paths}


def _check_alike(mean: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise InputError for weights of other names or shapes."""
    if other := sorted(mean.keys() ^ tensors.keys()):
        raise InputError(
            f"expected checkpoints of one architecture, found {other[0]} in one of {path} and those before"
        )
    for key, tensor in tensors.items():
        if tensor.shape != mean[key].shape:
            shapes = f"{tuple(tensor.shape)} in {path}, {tuple(mean[key].shape)} before"
            raise InputError(f"expected checkpoints of one architecture, found {key} of {shapes}")
