"""Sentence vectors from one layer of any Hugging Face encoder, by the mean over its tokens or by its first one."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from diversity.data.fields import encodable
from diversity.encoders.pretrained import Loaded, check_length, load_model
from diversity.encoders.registry import DEFAULT, layers_of
from diversity.encoders.sentence import TOKENS, Precision, token_batches
from diversity.results import display_name
from diversity.types import InputError

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Module
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Pooling = Literal["mean", "cls"]
States = Callable[[Mapping[str, "Tensor"]], "Tensor"]

DEPTH = 0.58  # layer 14 of XLM-R Large's 24 (jiant, XTREME's Tatoeba script), 7 of 12
LENGTH = 512  # tokens, as in both; fewer where the model has fewer positions


def layer_index(layer: float, depth: int) -> int:
    """The index into `hidden_states` (0: the embeddings, `depth`: the last layer) of an index or a fraction of the depth.

    A float is a fraction, rounded to the nearest layer (halves up); negative indices count from the last layer. Raises
    InputError for one that the model has not.

    >>> layer_index(0.58, 24), layer_index(0.58, 12), layer_index(-1, 12), layer_index(1, 12), layer_index(1.0, 12)
    (14, 7, 12, 1, 12)
    """
    if isinstance(layer, float):
        if not 0 <= layer <= 1:
            raise InputError(f"expected a layer's depth from 0.0 to 1.0, found {layer:g}")
        return math.floor(layer * depth + 0.5)
    if not -depth - 1 <= layer <= depth:
        raise InputError(f"expected a layer from {-depth - 1} to {depth}, or a fraction such as 0.58, found {layer}")
    return int(layer) % (depth + 1)


@dataclass(frozen=True)
class SentenceVectors:
    """How sentences are embedded by any encoder of transformers, checked before one is loaded.

    `layer` is an index into `hidden_states` (0: the embeddings, -1: the last); without one it is at the fraction `depth` of
    the model. The vector is the mean over the tokens or the first one (`pooling`); at most `max_length` are read. Vectors
    are kept in the folder `cache` ($DIVERSITY_CACHE, or ~/.cache/diversity).
    """

    layer: int | None = None
    depth: float = DEPTH
    pooling: Pooling = "mean"
    precision: Precision = "fp32"
    max_length: int | None = None
    cache: Path | str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Raise InputError for what no model can do."""
        if self.pooling not in get_args(Pooling):
            raise InputError(f"expected pooling to be one of {', '.join(get_args(Pooling))}, found {self.pooling!r}")
        if self.precision not in get_args(Precision):
            raise InputError(
                f"expected precision to be one of {', '.join(get_args(Precision))}, found {self.precision!r}"
            )
        if not 0 <= self.depth <= 1:
            raise InputError(f"expected a layer's depth from 0.0 to 1.0, found {self.depth:g}")
        if self.max_length is not None and self.max_length < 3:
            raise InputError(f"expected a length of at least 3 tokens, found {self.max_length}")

    @staticmethod
    def at(layer: str | float) -> SentenceVectors:
        """The vectors of a layer as people write it: `14` and `-1` are indices, `0.58` and `1.0` fractions of the depth.

        >>> SentenceVectors.at("-1").layer, SentenceVectors.at("0.5").depth, SentenceVectors.at(1).layer
        (-1, 0.5, 1)
        """
        text = str(layer)
        try:
            return SentenceVectors(layer=int(text))
        except ValueError:
            pass
        try:
            return SentenceVectors(depth=float(text))
        except ValueError:
            raise InputError(
                f"expected a layer's index such as 14, or a fraction such as 0.58, found {text!r}"
            ) from None

    def check_model(self, model: str) -> None:
        """Raise InputError where a model, as far as its files say so, has not the layer; nothing is loaded."""
        if self.layer is not None and (known := layers_of(model)) is not None:
            layer_index(self.layer, known)

    @property
    def identity(self) -> dict[str, float | str | None]:
        """What changes a vector, as it stands in the settings of a run."""
        where = {"depth": self.depth} if self.layer is None else {"layer": self.layer}
        return {**where, "pooling": self.pooling, "precision": self.precision, "max_tokens": self.max_length}

    @staticmethod
    def read(identity: Mapping[str, Any], cache: Path | str | None = None) -> SentenceVectors:
        """The vectors of an identity, as it stands in the settings of a run."""
        values = {"max_length" if name == "max_tokens" else name: value for name, value in identity.items()}
        return SentenceVectors(**values, cache=cache)

    def encoder(self, model: str | Loaded) -> LayerEncoder:
        """The encoder of a model by name, folder or `owner/name` of the hub, or of one that is loaded."""
        return layer_encoder(
            model,
            layer=float(self.depth) if self.layer is None else self.layer,
            pooling=self.pooling,
            precision=self.precision,
            max_length=self.max_length,
        )


@dataclass(frozen=True)
class LayerEncoder:
    """One hidden layer of an encoder behind the Encoder protocol; its vectors are not scaled.

    `layer` is the index into `hidden_states`; layers above it are not run. The mean is over the attention mask, special
    tokens included; `cls` is the first token. Texts beyond `max_tokens` are truncated. `settings` holds everything that
    changes a vector; it is None where the weights are not pinned, and then nothing is cached.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    layer: int
    pooling: Pooling
    precision: Precision
    max_tokens: int
    states: States
    settings: Mapping[str, Any] | None = None

    def _ids(self, texts: Sequence[str], **truncation: int | bool) -> list[list[int]]:
        ids: list[list[int]] = self.tokenizer(
            encodable(texts), return_token_type_ids=False, verbose=False, **truncation
        )["input_ids"]
        return ids

    def too_long(self, texts: Sequence[str]) -> int:
        """How many texts are longer than `max_tokens`."""
        return sum(len(ids) > self.max_tokens for ids in self._ids(texts, truncation=False))

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts, shape (n, d), float32; in length-sorted batches of a bounded number of tokens."""
        import torch

        device = next(self.model.parameters()).device
        rows = self._ids(texts, truncation=True, max_length=self.max_tokens)
        lengths = np.array([len(r) for r in rows], dtype=np.int64)
        out = np.empty((len(rows), self.model.config.hidden_size), dtype=np.float32)
        half = torch.autocast(device.type, dtype=torch.bfloat16, enabled=self.precision == "bf16")
        with torch.inference_mode(), half, _evaluating(self.model):
            for batch in token_batches(lengths, TOKENS.get(device.type, 1024)):
                inputs = padded([rows[i] for i in batch], self.tokenizer.pad_token_id or 0)
                inputs = {k: v.to(device) for k, v in inputs.items()}
                pooled = pool(self.states(inputs).float(), inputs["attention_mask"], self.pooling)
                out[batch] = pooled.cpu().numpy()
        return out


def padded(rows: Sequence[Sequence[int]], pad: int) -> dict[str, Tensor]:
    """`input_ids` and `attention_mask` (rows, longest), padded at the right."""
    import torch

    ids = torch.full((len(rows), max(map(len, rows))), pad, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = torch.tensor(row)
        mask[index, : len(row)] = 1
    return {"input_ids": ids, "attention_mask": mask}


def pool(states: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """Vectors (n, d) from hidden states (n, length, d): the mean over the mask, or the first token."""
    if pooling == "cls":
        return states[:, 0]
    weights = mask.unsqueeze(2).to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


def layer_encoder(
    model: str | Loaded = DEFAULT,
    *,
    layer: float = DEPTH,
    pooling: Pooling = "mean",
    precision: Precision = "fp32",
    max_length: int | None = None,
    device: str | None = None,
) -> LayerEncoder:
    """An encoder of sentences from a layer of a model: by name, folder or `owner/name` of the hub, or one that is loaded.

    `layer` is an index into `hidden_states` or a fraction of the depth (see `layer_index`). A loaded model is left as it
    is, and its vectors are not cached, for its weights may have been trained since. Raises InputError for a model, layer
    or length that cannot be.
    """
    SentenceVectors(pooling=pooling, precision=precision, max_length=max_length)  # which checks them
    loaded = load_model(model) if isinstance(model, str) else model
    if max_length is not None:
        check_length(loaded, max_length)
    limit = max_length or min(LENGTH, loaded.positions)
    if isinstance(model, str):
        encoder: Any = loaded.encoder
        encoder.to(device or _device())
    depth = int(loaded.encoder.config.num_hidden_layers)
    index = layer_index(layer, depth)
    settings = {
        "model": loaded.name.partition("@")[0],
        "revision": loaded.revision,
        "layer": index,
        "layers": depth,
        "pooling": pooling,
        "max_tokens": limit,
        "precision": precision,
        "normalised": False,
        "recipe": "hidden state 1",
    }
    states = hidden_states(loaded.encoder, index)
    pinned = settings if isinstance(model, str) else None
    return LayerEncoder(
        display_name(loaded.name), loaded.encoder, loaded.tokenizer, index, pooling, precision, limit, states, pinned
    )


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


# --- The hidden state of a layer, without the layers above it -----------------------------------------


class _Reached(Exception):
    """Ends a forward pass at the layer that was wanted."""

    def __init__(self, states: Tensor) -> None:
        super().__init__("reached")
        self.states = states


def hidden_states(model: Module, layer: int) -> States:
    """A function from inputs to `hidden_states[layer]` (n, length, d) that stops there where the model allows it.

    A stack of as many modules as there are layers is found and tried: what it gives must equal the whole model's hidden
    state to 1e-6. Without such a stack (shared layers) the whole model is run. `model` is not changed.
    """
    from torch import nn

    config: Any = model.config
    depth = int(config.num_hidden_layers)

    def whole(inputs: Mapping[str, Tensor]) -> Tensor:
        states: Tensor = model(**inputs, output_hidden_states=True).hidden_states[layer]
        return states

    if layer == depth:
        return lambda inputs: model(**inputs).last_hidden_state
    for stack in (m for m in model.modules() if isinstance(m, nn.ModuleList) and len(m) == depth):
        early = _until(model, stack, layer)
        if _agree(model, early, whole):
            return early
    return whole


def _until(model: Module, stack: Any, layer: int) -> States:
    def before(_: Module, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        raise _Reached(arguments[0] if arguments else named["hidden_states"])

    def after(_: Module, __: Any, output: Any) -> None:
        raise _Reached(output[0] if isinstance(output, tuple) else output)

    def states(inputs: Mapping[str, Tensor]) -> Tensor:
        if layer == 0:
            hook = stack[0].register_forward_pre_hook(before, with_kwargs=True)
        else:
            hook = stack[layer - 1].register_forward_hook(after)
        try:
            model(**inputs)
        except _Reached as reached:
            return reached.states
        finally:
            hook.remove()
        raise LookupError("the layer was not run")

    return states


def _agree(model: Module, early: States, whole: States) -> bool:
    """Whether both ways give the same on a padded batch of two short sequences."""
    import torch

    config: Any = model.config
    rows = [[n % config.vocab_size for n in range(start, start + length)] for start, length in ((2, 7), (5, 4))]
    device = next(model.parameters()).device
    inputs = {k: v.to(device) for k, v in padded(rows, config.pad_token_id or 0).items()}
    with torch.inference_mode(), _evaluating(model):
        try:
            stopped, complete = early(inputs), whole(inputs)
        except (LookupError, KeyError, TypeError):
            return False
        return stopped.shape == complete.shape and bool(torch.allclose(stopped, complete, rtol=1e-6, atol=1e-6))


@contextmanager
def _evaluating(model: Module) -> Iterator[None]:
    """Without dropout; the model is in its former mode afterwards."""
    training = model.training
    model.eval()
    try:
        yield
    finally:
        model.train(training)
