"""Load an encoder for training: any of transformers' by name, folder or commit, from safetensors, in float32."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity.encoders.registry import check_tokenizer, locate
from diversity.types import InputError

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel, PreTrainedTokenizerBase

Load = Callable[..., tuple["PreTrainedModel", dict[str, Any]]]
# Architectures (`model_type`) whose packed outputs are tested to be equal to padded ones, with either attention.
PACKED = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra", "modernbert")


@dataclass(frozen=True)
class Loaded:
    """An encoder with its tokenizer; `source` is the folder or hub id it came from, `revision` what pins it."""

    name: str
    source: str
    revision: str
    encoder: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase

    @property
    def positions(self) -> int:
        """The longest sequence that the model has positions for."""
        return int(self.encoder.config.max_position_embeddings) - first_position(self.encoder)

    @property
    def packs(self) -> bool:
        """Whether several sequences may share a row."""
        return self.encoder.config.model_type in PACKED and self.encoder.config._attn_implementation == "sdpa"


def first_position(encoder: PreTrainedModel) -> int:
    """The position id of a sequence's first token: the RoBERTa family counts from the padding id + 1."""
    embeddings = getattr(encoder, "embeddings", None)
    if hasattr(embeddings, "create_position_ids_from_input_ids"):
        return int(encoder.config.pad_token_id) + 1
    return 0


@contextmanager
def attending(encoder: PreTrainedModel, attention: str) -> Iterator[None]:
    """The encoder with `sdpa` or `eager` attention, where its architecture is tested with both."""
    before = encoder.config._attn_implementation
    if encoder.config.model_type in PACKED and before != attention:
        encoder.set_attn_implementation(attention)
    try:
        yield
    finally:
        if encoder.config._attn_implementation != before:
            encoder.set_attn_implementation(str(before))


def load_model(name: str) -> Loaded:
    """An encoder and its tokenizer by name: the default one, `mini`, a local folder, or `owner/name` of the hub.

    Raises InputError for an unknown model, one without safetensors, one that is no encoder, and a tokenizer that does not
    fit it. No code of the model's is run.
    """
    source, revision = locate(name)
    import torch
    from transformers import AutoConfig, AutoModel, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    pinned: dict[str, Any] = {"trust_remote_code": False}
    if not Path(source).is_dir():
        pinned["revision"] = revision
    try:
        config = AutoConfig.from_pretrained(source, **pinned)
        _check_encoder(name, config)
        tokenizer = AutoTokenizer.from_pretrained(source, use_fast=True, **pinned)
        options = {"use_safetensors": True, "dtype": torch.float32, "config": config, **_no_pooling(config), **pinned}
        encoder = _complete(name, *_with_sdpa(AutoModel.from_pretrained, source, options))
    except InputError:
        raise
    except Exception as error:  # the hub client, transformers and safetensors share no base class
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"model {name!r}: expected an encoder of transformers with safetensors, {reason}") from error
    _check_tokenizer(name, source, tokenizer, encoder)
    return Loaded(name, source, revision, encoder, tokenizer)


def _with_sdpa(load: Load, source: str, options: dict[str, Any]) -> tuple[PreTrainedModel, dict[str, Any]]:
    """The model and what was found of its weights, with `sdpa` attention, or with its own where it has no such."""
    from logging import ERROR

    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity(ERROR)  # its report of heads that are left out; what is missing is an error here
    try:
        for attention in ("sdpa", "eager"):
            try:
                return load(source, attn_implementation=attention, output_loading_info=True, **options)
            except ValueError as error:
                if attention == "eager" or "scaled_dot_product" not in str(error):
                    raise
    finally:
        logging.set_verbosity(level)
    raise AssertionError


def _complete(name: str, encoder: PreTrainedModel, loading: dict[str, Any]) -> PreTrainedModel:
    """Raise InputError where weights are not in the checkpoint, and would be random."""
    missing = sorted(map(str, [*loading.get("missing_keys", ()), *loading.get("mismatched_keys", ())]))
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise InputError(f"model {name!r}: expected all weights of the encoder, found none that fit {missing[0]}{more}")
    return encoder


def _check_encoder(name: str, config: PretrainedConfig) -> None:
    from transformers import AutoModelForMaskedLM

    known = type(config) in AutoModelForMaskedLM._model_mapping
    if getattr(config, "is_encoder_decoder", False) or getattr(config, "is_decoder", False) or not known:
        raise InputError(f"model {name!r}: expected an encoder (such as XLM-R or BERT), found {config.model_type!r}")


def _no_pooling(config: PretrainedConfig) -> dict[str, bool]:
    """Leave the pooling layer off where the class allows: no head reads it."""
    from transformers import AutoModel

    architecture: Any = AutoModel._model_mapping[type(config)]
    parameters = inspect.signature(architecture).parameters
    return {"add_pooling_layer": False} if "add_pooling_layer" in parameters else {}


def _check_tokenizer(name: str, source: str, tokenizer: PreTrainedTokenizerBase, encoder: PreTrainedModel) -> None:
    embeddings: Any = encoder.get_input_embeddings()
    rows = len(embeddings.weight)
    if not getattr(tokenizer, "is_fast", False):
        raise InputError(
            f"model {name!r}: expected a fast tokenizer (tokenizer.json), found {type(tokenizer).__name__}"
        )
    check_tokenizer(name, source, len(tokenizer), rows)
    if missing := [k for k in ("pad", "cls", "sep") if getattr(tokenizer, f"{k}_token_id") is None]:
        raise InputError(f"model {name!r}: expected a tokenizer with pad, cls and sep tokens, found no {missing[0]}")


def check_length(loaded: Loaded, max_length: int) -> None:
    """Raise InputError where sequences of `max_length` tokens are longer than the model."""
    if max_length > loaded.positions:
        raise InputError(
            f"expected a length of at most {loaded.positions} tokens for {loaded.name}, found {max_length} (--max-length)"
        )
