"""Tiny random encoders and written features, which the tests of training share (tests are no package)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from diversity.features.build import IGNORE, Features

VOCABULARY = 120
KINDS = ("classification", "multiple_choice", "span", "tagging", "mlm")
SMALL = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}


def config(architecture: str, **changes: Any) -> Any:
    """A tiny configuration, with biases and norms drawn widely enough to be seen."""
    import transformers as t

    common = {**SMALL, "vocab_size": VOCABULARY, "max_position_embeddings": 64, "initializer_range": 0.3}
    made = {
        "bert": lambda: t.BertConfig(**common),
        "roberta": lambda: t.RobertaConfig(**common, pad_token_id=1),
        "xlm-roberta": lambda: t.XLMRobertaConfig(**common, pad_token_id=1, type_vocab_size=1),
        "camembert": lambda: t.CamembertConfig(**common, pad_token_id=1, type_vocab_size=1),
        "distilbert": lambda: t.DistilBertConfig(
            vocab_size=VOCABULARY, dim=32, n_layers=2, n_heads=4, hidden_dim=48, max_position_embeddings=64,
            initializer_range=0.3, sinusoidal_pos_embds=False,
        ),
        "modernbert": lambda: t.ModernBertConfig(
            **common, pad_token_id=0, cls_token_id=2, sep_token_id=3, bos_token_id=2, eos_token_id=3,
            local_attention=8, global_attn_every_n_layers=2,
        ),
        "electra": lambda: t.ElectraConfig(**common, embedding_size=24),
        "mpnet": lambda: t.MPNetConfig(**common, pad_token_id=1),
    }[architecture]()  # fmt: skip
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def without_dropout(made: Any) -> Any:
    """The same configuration, all its dropouts 0."""
    for name, value in made.to_dict().items():
        if "dropout" in name and isinstance(value, float):
            setattr(made, name, 0.0)
    return made


def folder(path: Path, architecture: str = "bert", *, masked_head: bool = False, **changes: Any) -> Path:
    """A checkpoint in a folder: tiny random weights, and a tokenizer of words w5 to w119."""
    import torch
    import transformers

    torch.manual_seed(0)
    made = config(architecture, **changes)
    kind = transformers.AutoModelForMaskedLM if masked_head else transformers.AutoModel
    kind.from_config(made).save_pretrained(path)
    tokenizer(made.pad_token_id or 0).save_pretrained(path)
    return path


def tokenizer(pad: int = 0) -> Any:
    """A fast tokenizer that splits at spaces: entries 0 to 4 are special, n is the word `wn`."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[CLS]", "[SEP]", "[UNK]", "[MASK]"]
    special.insert(pad, "[PAD]")
    words = {w: i for i, w in enumerate([*special, *(f"w{n}" for n in range(5, VOCABULARY))])}
    fast = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    fast.pre_tokenizer = pre_tokenizers.Whitespace()
    cls, sep = ("[CLS]", words["[CLS]"]), ("[SEP]", words["[SEP]"])
    fast.post_processor = processors.BertProcessing(sep, cls)
    names = {f"{n}_token": f"[{n.upper()}]" for n in ("pad", "cls", "sep", "unk", "mask")}
    return PreTrainedTokenizerFast(tokenizer_object=fast, model_max_length=64, **names)


def features(kind: str, units: int, rng: np.random.Generator, *, classes: int = 3, longest: int = 30) -> Features:
    """Units whose labels can be learnt: the class is written in the first word, a tag in its own word, and so on."""
    per_unit = rng.integers(2, 5, units) if kind == "multiple_choice" else np.ones(units, np.int64)
    groups = np.concatenate([[0], np.cumsum(per_unit)])
    lengths = rng.integers(4, longest, groups[-1])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ids = rng.integers(10, VOCABULARY, starts[-1])
    labels: Any = rng.integers(classes, size=units)
    if kind == "classification":
        ids[starts[:-1] + 1] = 10 + labels
    elif kind == "multiple_choice":
        labels = rng.integers(per_unit)
        ids[starts[:-1] + 1] = 20
        ids[starts[groups[:-1] + labels] + 1] = 21
    elif kind == "span":
        first = rng.integers(1, lengths - 2)
        labels = np.stack([first, np.minimum(first + 1, lengths - 2)], axis=1)
        labels[::5] = 0
        ids[starts[:-1] + labels[:, 0]], ids[starts[:-1] + labels[:, 1]] = 22, 23
    elif kind == "tagging":
        labels = np.where(rng.random(len(ids)) < 0.6, ids % classes, IGNORE)
    elif kind == "mlm":
        labels = np.full(units, IGNORE)
    ids[starts[:-1]], ids[starts[1:] - 1] = 2, 3
    types = (np.arange(len(ids)) - np.repeat(starts[:-1], lengths) > np.repeat(lengths // 2, lengths)).astype(np.uint8)
    return Features(
        kind=kind,
        ids=ids.astype(np.int32),
        types=types,
        starts=starts.astype(np.int64),
        groups=groups.astype(np.int64),
        example=np.arange(units, dtype=np.int32),
        labels=np.asarray(labels).astype(np.int32),
    )
