"""Features on disk: a folder of plain arrays, written whole or not at all, and found again under a complete key."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diversity import store
from diversity.features import build, subwords
from diversity.features.build import Features, FeatureSettings
from diversity.types import Example, InputError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

ARRAYS = tuple(f.name for f in fields(Features) if f.name != "kind")
META = "features.json"


def save(features: Features, folder: Path | str, settings: Mapping[str, object] | None = None) -> None:
    """Write features to a folder that must not be there yet; it appears when all of it is on the disk.

    One `.npy` file an array, and `features.json` with the kind, the arrays' sizes and SHA-256, and the settings. Raises
    OSError where the folder is there already or cannot be written.
    """
    with store.new_folder(Path(folder)) as partial:
        written = {name: _write(partial / f"{name}.npy", getattr(features, name)) for name in ARRAYS}
        arrays = {name: about for name, about in written.items() if about}
        (partial / META).write_text(
            json.dumps({"kind": features.kind, "arrays": arrays, "settings": dict(settings or {})}, indent=1)
        )


def _write(path: Path, array: NDArray[np.generic] | None) -> dict[str, Any] | None:
    if array is None:
        return None
    np.save(path, array, allow_pickle=False)
    return {"shape": array.shape, "dtype": str(array.dtype), "sha256": store.sha256_file(path)}


def load(folder: Path | str) -> Features:
    """Features of a folder, memory-mapped; raises InputError where they are not whole, or not as they were written."""
    target = Path(folder)
    try:
        meta = json.loads((target / META).read_text())
        arrays = {name: _read(target / f"{name}.npy", about) for name, about in meta["arrays"].items()}
        return Features(kind=meta["kind"], **arrays)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{target}: expected whole features, found {error}") from error


def _read(path: Path, about: Mapping[str, Any]) -> Any:  # each array has a type of its own
    if store.sha256_file(path) != about["sha256"]:
        raise ValueError(f"{path.name} changed")
    return np.load(path, mmap_mode="r" if all(about["shape"]) else None, allow_pickle=False)


def key(examples: Sequence[Example], source: subwords.TokenizerAdapter, settings: Mapping[str, Any]) -> str:
    """SHA-256 of all that features depend on: every field of every row, the tokenizer's content, settings, versions."""
    import tokenizers

    versions = {"recipe": build.VERSION, "tokenizers": tokenizers.__version__, "tokenizer": source.digest}
    digest = hashlib.sha256(json.dumps({**settings, **versions}, sort_keys=True).encode())
    for example in examples:
        digest.update(f"\n{example!r}".encode())
    return digest.hexdigest()


def cached(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase | subwords.TokenizerAdapter,
    settings: FeatureSettings,
    *,
    cache: Path | str | None = None,
    label: str = "",
) -> Features:
    """What `build` makes of the rows, from the cache where it is there; else built and kept; memory-mapped.

    `cache` is a folder (by default that of `store.cache_folder`). An entry is found again only for the same rows in the
    same order, tokenizer content, settings and version of the recipe; one that is not whole is built anew. Of two
    processes that want the same entry one builds it, and the other waits.
    """
    source = subwords.adapter(tokenizer)
    about = {**asdict(settings), "labels": list(settings.labels)}
    with store.cache_entry(cache, key(examples, source, about), "features") as folder:
        if folder.exists():
            try:
                return load(folder)
            except InputError:
                shutil.rmtree(folder)
        features = build.build(examples, source, settings, label=label)
        save(features, folder, {**about, "tokenizer": source.digest, "rows": len(examples)})
        return load(folder)
