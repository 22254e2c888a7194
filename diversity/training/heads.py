"""One shared encoder, and one head a task."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from diversity.encoders.pretrained import Loaded
from diversity.features.build import IGNORE
from diversity.training.batching import PaddedRows, Segment
from diversity.training.sampling import generator
from diversity.types import InputError, Kind

if TYPE_CHECKING:
    from torch import Tensor
    from torch.nn import Linear, Module, ModuleDict, Sequential
    from transformers import PretrainedConfig, PreTrainedModel


@dataclass(frozen=True)
class Output:
    """What a task's head has to give: its kind, and the number of its classes (classification and tagging)."""

    kind: Kind
    classes: int = 0


def encoder_of(network: ModuleDict) -> PreTrainedModel:
    """The encoder of a network."""
    return cast("PreTrainedModel", network["encoder"])


# --- Through the encoder -----------------------------------------------------------------------------

# Architectures (`model_type`) whose last layer is tested to give the same where it computes the states that are read alone.
ONE_TOKEN = ("bert", "roberta", "xlm-roberta", "camembert", "electra")

FEW = 0.5  # of the tokens: where fewer states are read, the last layer computes those alone


def read_states(encoder: PreTrainedModel, rows: PaddedRows) -> list[Tensor]:
    """The last hidden states (n, d) that each segment of a micro-batch reads.

    Where they are few, as of sequences that are classified by one token, the last layer leaves out what follows attention
    for all others. Not in training with dropout, which would be drawn for other elements.
    """
    import torch

    reads = torch.cat([part.reads for part in rows.parts])
    last = _after_attention(encoder) if len(reads) < FEW * rows.tokens else None
    if last is None:
        flat = states(encoder, rows)
        return [flat[part.reads] for part in rows.parts]

    def chosen(_: Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(tensor.reshape(-1, tensor.shape[-1])[reads][None] for tensor in given)

    hook = last.register_forward_pre_hook(chosen)
    try:
        return list(states(encoder, rows).split([len(part.reads) for part in rows.parts]))  # type: ignore[no-untyped-call]
    finally:
        hook.remove()


def _after_attention(encoder: PreTrainedModel) -> Module | None:
    """The module of the last layer that follows attention, of architectures of BERT's form; else None."""
    stack = getattr(getattr(encoder, "encoder", None), "layer", None)
    if encoder.config.model_type not in ONE_TOKEN or stack is None:
        return None
    last = stack[-1]
    dropped = encoder.training and any(getattr(m.dropout, "p", 1) for m in (last.attention.output, last.output))
    return None if dropped else cast("Module", last.attention.output)


def states(encoder: PreTrainedModel, rows: PaddedRows) -> Tensor:
    """The last hidden states of the rows, flattened (b * t, d)."""
    given: dict[str, Any] = {"input_ids": rows.ids, "attention_mask": (rows.segments > 0).long()}
    if _takes_types(encoder.__class__.forward) and getattr(encoder.config, "type_vocab_size", 0) > 1:
        given["token_type_ids"] = rows.types
    if rows.packed:
        given |= {"attention_mask": attention(encoder, rows.segments), "position_ids": rows.positions}
    hidden: Tensor = encoder(**given).last_hidden_state
    return hidden.reshape(-1, hidden.shape[-1])


@cache
def _takes_types(forward: Callable[..., object]) -> bool:
    return "token_type_ids" in inspect.signature(forward).parameters


def attention(encoder: PreTrainedModel, segments: Tensor) -> Any:
    """Which tokens attend to which, (b, 1, t, t): those of one sequence to each other, and within its window if it has.

    transformers hands masks of four dimensions on as they are, to `sdpa` (True: attends) and to `eager`, which adds them
    to the scores, and takes one for each kind of layer where a model has several kinds.
    """
    import torch

    same = (segments[:, None, :, None] == segments[:, None, None, :]).contiguous()
    kinds = set(getattr(encoder.config, "layer_types", None) or ())
    if "sliding_attention" not in kinds:
        return _mask(encoder, same)
    place = torch.arange(segments.shape[1], device=segments.device)
    near = (place[:, None] - place[None, :]).abs() <= encoder.config.sliding_window
    return {"full_attention": _mask(encoder, same), "sliding_attention": _mask(encoder, same & near)}


def _mask(encoder: PreTrainedModel, attends: Tensor) -> Tensor:
    """What attention takes of such a mask; to add, in the type that the scores will have."""
    import torch

    if encoder.config._attn_implementation == "sdpa":
        return attends
    device = attends.device
    kind = torch.get_autocast_dtype(device.type) if torch.is_autocast_enabled(device.type) else torch.float32
    return torch.zeros(attends.shape, dtype=kind, device=device).masked_fill(~attends, torch.finfo(kind).min)


# --- Heads -------------------------------------------------------------------------------------------


def network(loaded: Loaded, outputs: Mapping[str, Output], seed: int, dropout: float | None = None) -> ModuleDict:
    """The encoder of `loaded` (`encoder`) and a head for each task (`heads`), drawn with `seed` and the task's name.

    `dropout`, if given, takes the place of each that the model has; its configuration keeps its own.
    """
    import torch
    from torch import nn

    heads = nn.ModuleDict()
    with torch.random.fork_rng(devices=[]):
        for task, output in outputs.items():
            torch.manual_seed(int(generator(seed, "head", task).integers(2**31)))
            heads[task] = _mlm_head(loaded) if output.kind == "mlm" else _head(loaded.encoder.config, output)
    whole = nn.ModuleDict({"encoder": loaded.encoder, "heads": heads})
    if dropout is not None:
        _set_dropout(whole, dropout)
    return whole


def drops(network: Module) -> bool:
    """Does the network drop anything out in training: in its layers, or in attention that keeps its share as a number?"""
    from torch import nn

    layers = any(m.p for m in network.modules() if isinstance(m, nn.Dropout))
    return layers or any(
        v for m in network.modules() for n, v in vars(m).items() if "dropout" in n and isinstance(v, float)
    )


def _set_dropout(network: Module, share: float) -> None:
    """In its layers, and in the attention of those that keep it as a number."""
    from torch import nn

    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = share
        for name in [n for n, v in vars(module).items() if "dropout" in n and isinstance(v, float)]:
            setattr(module, name, share)


def freeze(network: ModuleDict, share: float) -> None:
    """Train neither the embeddings nor this share of the encoder's layers, from the lowest up (0: train all).

    Raises InputError where the encoder has no layers one above the other.
    """
    from torch import nn

    if not share:
        return
    encoder = encoder_of(network)
    depth = int(encoder.config.num_hidden_layers)
    stacks = [m for m in encoder.modules() if isinstance(m, nn.ModuleList) and len(m) == depth]
    if not stacks:
        raise InputError(f"expected layers to freeze, found none in {encoder.config.model_type!r}: use frozen_layers 0")
    parts = [module for name, module in encoder.named_modules() if "embeddings" in name]
    for module in [*parts, *stacks[0][: round(share * depth)]]:
        module.requires_grad_(False)


def logits(network: ModuleDict, rows: PaddedRows) -> list[Tensor]:
    """What the heads say of each segment of a micro-batch, (n, k) for the n states that it reads."""
    heads = cast("ModuleDict", network["heads"])
    read = read_states(encoder_of(network), rows)
    return [heads[part.task](own) for part, own in zip(rows.parts, read, strict=True)]


def _dropout(config: PretrainedConfig) -> float:
    """The dropout of a model's own heads."""
    names = ("classifier_dropout", "seq_classif_dropout", "hidden_dropout_prob", "dropout", "mlp_dropout")
    given = [v for n in names if (v := getattr(config, n, None)) is not None]
    return float(given[0]) if given else 0.1


def _linear(inputs: int, outputs: int, std: float, *, bias: bool = True) -> Linear:
    from torch import nn

    layer = nn.Linear(inputs, outputs, bias=bias)
    nn.init.normal_(layer.weight, std=std)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


def _head(config: PretrainedConfig, output: Output) -> Sequential:
    """Logits (n, k) from states (n, d): of a whole sequence through a tanh layer, of single tokens directly."""
    from torch import nn

    width, std = int(config.hidden_size), float(getattr(config, "initializer_range", 0.02))
    if output.kind in ("tagging", "span"):
        classes = 2 if output.kind == "span" else output.classes
        return nn.Sequential(nn.Dropout(_dropout(config)), _linear(width, classes, std))
    classes = 1 if output.kind == "multiple_choice" else output.classes
    drop = nn.Dropout(_dropout(config))
    return nn.Sequential(drop, _linear(width, width, std), nn.Tanh(), drop, _linear(width, classes, std))


# Where checkpoints keep the weights of their own masked-language-modelling head: dense layer, norm, output bias.
OWN_HEADS = (
    ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm", "cls.predictions.bias"),
    ("lm_head.dense", "lm_head.layer_norm", "lm_head.bias"),
    ("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
    ("head.dense", "head.norm", "decoder.bias"),
    ("generator_predictions.dense", "generator_predictions.LayerNorm", "generator_lm_head.bias"),
)


def _mlm_head(loaded: Loaded) -> Sequential:
    """Dense layer, GELU, norm, and the input embeddings as output weights; from the checkpoint's own head if it has one."""
    from torch import nn

    config, own = loaded.encoder.config, _own_head(loaded.source)
    embeddings: Any = loaded.encoder.get_input_embeddings()
    vocabulary, width = embeddings.weight.shape  # ELECTRA's are narrower than its states
    # DistilBERT's configuration has no epsilon.
    epsilon = getattr(config, "layer_norm_eps", None) or getattr(config, "norm_eps", None)
    dense = _linear(int(config.hidden_size), width, config.initializer_range, bias=not own or "0.bias" in own)
    norm = nn.LayerNorm(width, eps=float(epsilon or 1e-12), bias=not own or "2.bias" in own)
    decoder = _linear(width, vocabulary, 0.0)
    decoder.weight = embeddings.weight
    head = nn.Sequential(dense, nn.GELU(), norm, decoder)
    if own:
        head.load_state_dict({**own, "3.weight": embeddings.weight})
    return head


def _own_head(source: str) -> dict[str, Tensor]:
    """The weights of a checkpoint's own head under our names; empty where it has none."""
    from huggingface_hub import try_to_load_from_cache
    from safetensors import safe_open

    folder, paths = Path(source), list[Path]()
    if folder.is_dir():
        paths = sorted(folder.glob("*.safetensors"))
    elif isinstance(cached := try_to_load_from_cache(source, "model.safetensors"), str):  # it was loaded already
        paths = [Path(cached)]
    own: dict[str, Tensor] = {}
    for path in paths:
        with safe_open(path, framework="pt") as tensors:
            names = set(tensors.keys())
            for dense, norm, bias in OWN_HEADS:
                ours = {f"{dense}.weight": "0.weight", f"{dense}.bias": "0.bias", bias: "3.bias"}
                ours |= {f"{norm}.weight": "2.weight", f"{norm}.bias": "2.bias"}
                own |= {ours[n]: tensors.get_tensor(n).float() for n in sorted(names & set(ours))}
    return own if {"0.weight", "2.weight", "3.bias"} <= set(own) else {}


# --- Losses and predictions --------------------------------------------------------------------------


def grouped(logits: Tensor, groups: Tensor) -> Tensor:
    """Scores of what an instance chooses among, (instances, m, k); -inf where there are fewer than m."""
    chosen = logits[groups.clamp(min=0)]
    return chosen.masked_fill((groups < 0)[..., None], float("-inf"))


def loss(part: Segment, logits: Tensor) -> Tensor:
    """The sum of the cross-entropies of a segment's labelled instances, or tokens; a span's is the mean of its two ends."""
    from torch.nn.functional import cross_entropy

    scores = logits.float()
    if part.groups is None:
        return cross_entropy(scores, part.labels, ignore_index=IGNORE, reduction="sum")
    scores = grouped(scores, part.groups)
    if part.kind == "multiple_choice":
        return cross_entropy(scores[..., 0], part.labels, ignore_index=IGNORE, reduction="sum")
    ends = [cross_entropy(scores[..., i], part.labels[:, i], ignore_index=IGNORE, reduction="sum") for i in (0, 1)]
    return (ends[0] + ends[1]) / 2
