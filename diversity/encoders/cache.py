"""Vectors of texts, kept under a key of everything that changes them; a run that is killed goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from diversity import store
from diversity.types import Encoder, InputError

Vectors = NDArray[np.float32]
BLOCK = 512  # texts: what a crash can lose


@dataclass(frozen=True)
class Embeddings:
    """Vectors of texts (n, d), memory-mapped where they are cached; `long` texts were beyond the encoder's limit."""

    vectors: Vectors
    long: int
    cached: bool
    key: str


def cache_key(texts: Sequence[str], settings: Mapping[str, Any]) -> str:
    """SHA-256 of the encoder's settings and of every text with its length."""
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for text in texts:
        raw = text.encode("utf-8", "surrogatepass")
        digest.update(f"\n{len(raw)}:".encode())
        digest.update(raw)
    return digest.hexdigest()


def embed(texts: Sequence[str], encoder: Encoder, *, cache: Path | str | None = None, label: str = "") -> Embeddings:
    """Vectors of texts, from the cache where they are there; else encoded and kept.

    Blocks of texts are written as they are finished, so that a run that is killed goes on where it was. An encoder
    without `settings` is not cached. Raises InputError for no text, or vectors that are not finite.
    """
    if not texts:
        raise InputError("expected texts to embed, found none")
    settings = getattr(encoder, "settings", None)
    count_long = getattr(encoder, "too_long", lambda _: 0)
    if settings is None:
        return Embeddings(_valid(encoder.encode(list(texts)), len(texts), encoder), count_long(texts), False, "")
    key = cache_key(texts, settings)
    with store.cache_entry(cache, key) as folder:
        folder.mkdir(exist_ok=True)
        if (kept := _cached(folder, key)) is not None:
            return kept
        _encode_into(folder, texts, encoder, label)
        vectors = folder / "vectors.npy"
        os.replace(folder / "partial.npy", vectors)
        long = int(count_long(texts))
        meta = {"key": key, "sha256": store.sha256_file(vectors), "long": long, "settings": dict(settings)}
        store.write(folder / "meta.json", json.dumps(meta, indent=1))
        (folder / "blocks.jsonl").unlink(missing_ok=True)
        return Embeddings(np.load(vectors, mmap_mode="r", allow_pickle=False), long, False, key)


def _cached(folder: Path, key: str) -> Embeddings | None:
    """What is there, if it is whole and what it says it is."""
    try:
        meta = json.loads((folder / "meta.json").read_text())
        if meta["key"] != key or meta["sha256"] != store.sha256_file(folder / "vectors.npy"):
            return None
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        return Embeddings(vectors, int(meta["long"]), True, key)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _valid(vectors: ArrayLike, n: int, encoder: Encoder) -> Vectors:
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or len(array) != n:
        raise InputError(f"encoder {encoder.name}: expected vectors of shape ({n}, d), found {array.shape}")
    if not np.isfinite(array).all():
        raise InputError(f"encoder {encoder.name}: expected finite vectors, found NaN or infinity")
    return array


def _encode_into(folder: Path, texts: Sequence[str], encoder: Encoder, label: str) -> None:
    """Fill partial.npy block by block, each with its checksum in blocks.jsonl once it is on disk."""
    from tqdm import tqdm

    order = np.argsort([len(t) for t in texts], kind="stable")
    blocks = [order[i : i + BLOCK] for i in range(0, len(order), BLOCK)]
    partial, log = folder / "partial.npy", folder / "blocks.jsonl"
    finished, out = _resumable(partial, log, blocks, len(texts))
    with tqdm(total=len(texts), desc=label or encoder.name, unit="text", delay=2, disable=None, leave=False) as bar:
        for number, block in enumerate(blocks):
            if number not in finished:
                vectors = _valid(encoder.encode([texts[i] for i in block]), len(block), encoder)
                if out is None:
                    out = _allocate(partial, (len(texts), vectors.shape[1]))
                out[block] = vectors
                out.flush()
                with log.open("a") as stream:
                    stream.write(json.dumps({"block": number, "sha256": _digest(vectors)}) + "\n")
                    stream.flush()
                    os.fsync(stream.fileno())
            bar.update(len(block))


def _allocate(path: Path, shape: tuple[int, int]) -> np.memmap[Any, Any]:
    """An array file with its room on the disk reserved: a full disk is an error here, not a crash at a later write."""
    out = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=shape)
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as stream:
            try:
                os.posix_fallocate(stream.fileno(), 0, path.stat().st_size)
            except OSError as error:
                path.unlink(missing_ok=True)
                raise OSError(error.errno, error.strerror, str(path)) from error
    return out


def _digest(vectors: Vectors) -> str:
    return hashlib.sha256(np.ascontiguousarray(vectors).tobytes()).hexdigest()


def _resumable(
    partial: Path, log: Path, blocks: list[NDArray[np.int64]], n: int
) -> tuple[set[int], np.memmap[Any, Any] | None]:
    """The blocks of an interrupted run whose vectors are on disk as they were written, and their array."""
    try:
        out = np.load(partial, mmap_mode="r+", allow_pickle=False)
        if out.ndim != 2 or len(out) != n or out.dtype != np.float32:
            raise ValueError
        entries = [json.loads(line) for line in log.read_text().splitlines() if line.endswith("}")]
        done = {e["block"] for e in entries if _digest(out[blocks[e["block"]]]) == e["sha256"]}
        return done, out
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        log.unlink(missing_ok=True)
        return set(), None
