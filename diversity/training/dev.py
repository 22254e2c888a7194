"""Logits of a network on a task, and what they are worth on rows with gold labels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diversity import types
from diversity.encoders.pretrained import attending, first_position
from diversity.features import decode
from diversity.features.build import IGNORE, Features
from diversity.features.subwords import ragged
from diversity.training import batching, heads, passes
from diversity.training.loop import autocast
from diversity.training.sampling import Ints
from diversity.training.settings import Settings
from diversity.types import Array, Example
from diversity.xtreme import normalise, scores

if TYPE_CHECKING:
    from torch.nn import ModuleDict

    from diversity.types import Kind

BLOCK = 2048  # instances that are sorted by length together
TRIED = 8192  # tokens by which it is measured how many at once are fastest


@dataclass(frozen=True)
class Dev:
    """Rows with gold labels, tokenised; `labels` are the classes of the head in their order."""

    task: str
    examples: Sequence[Example]
    features: Features
    labels: tuple[str, ...]


def predict(
    network: ModuleDict, task: str, features: Features, settings: Settings, *, packed: bool, pad: int, label: str = ""
) -> Array:
    """Logits of a task's head in evaluation mode, flat as `decoding` reads them, float32; `label` names a progress bar.

    classification (instances, classes), multiple_choice (sequences,), span (tokens, 2), tagging (tokens, classes).
    """
    import torch
    from tqdm import tqdm

    device = next(network.parameters()).device
    network.eval()
    by_sequence = len(features.starts) - 1 if features.kind == "multiple_choice" else len(features)
    entries = len(features.ids) if features.kind in ("span", "tagging") else by_sequence
    out: Array | None = None
    order = np.argsort(batching.instance_longest(features), kind="stable")[::-1]
    bar = tqdm(total=len(order), desc=label or task, unit="row", delay=2, disable=None, leave=False)
    first = first_position(heads.encoder_of(network))

    def scored(step: Mapping[str, Features], tokens: int) -> Iterator[tuple[Ints, Array]]:
        for chosen in batching.micro_batches(step, tokens, packed=packed, device=device.type):
            rows = batching.rows(step, chosen, packed=packed, pad=pad, first_position=first, every_token=True)
            yield chosen[0][1], heads.logits(network, rows.to(device))[0].float().cpu().numpy()

    with bar, torch.inference_mode(), autocast(device, settings), attending(heads.encoder_of(network), "sdpa"):
        tokens = settings.computation.max_tokens_per_batch
        if passes.asked() and device.type == "cpu":
            some = batching.take(features, np.sort(order[:: max(1, len(features.ids) // TRIED)]))
            key = passes.about(heads.encoder_of(network), settings, features.kind, packed=packed, lengths=some.lengths)
            tokens = passes.fastest(tokens, len(some.ids), lambda n: list(scored({task: some}, n)), key)
        for start in range(0, len(order), BLOCK):
            block = np.sort(order[start : start + BLOCK])
            for chosen, scores in scored({task: batching.take(features, block)}, tokens):
                if out is None:
                    out = np.empty((entries, scores.shape[1]), dtype=np.float32)
                out[_places(features, block[chosen])] = scores
                bar.update(len(chosen))
    assert out is not None
    return out[:, 0] if features.kind == "multiple_choice" else out


def _places(features: Features, instances: Ints) -> Ints:
    """Where the logits of instances stand among those of all."""
    if features.kind == "classification":
        return instances
    sequences = ragged(features.groups[instances], np.diff(features.groups)[instances])
    if features.kind == "multiple_choice":
        return sequences
    return ragged(features.starts[sequences], features.lengths[sequences])


def items(dev: Dev, logits: Array) -> Array:
    """What each example adds to the score of its task and to the number that it is divided by, shape (n, 2).

    classification and multiple_choice: right or not, and 1. span: F1 with SQuAD's rules (for a question without an answer:
    whether the answer is none), and 1. tagging: words whose tag is right, and words with a gold tag.
    """
    if dev.features.kind == "span":
        right: Any = _answers(dev, logits)
        return np.stack([right, np.ones(len(right))], axis=1)
    if dev.features.kind == "tagging":
        return _tags(dev, logits)
    if dev.features.kind == "multiple_choice":
        predicted: list[object] = list(decode.choices(dev.features, logits))
    else:
        predicted = list(decode.classes(dev.features, logits, dev.labels))
    right = [p == getattr(e, "label", None) for p, e in zip(predicted, dev.examples, strict=True)]
    return np.stack([np.asarray(right, dtype=np.float64), np.ones(len(right))], axis=1)


def _answers(dev: Dev, logits: Array) -> Array:
    examples: list[Any] = list(dev.examples)
    some_without = any(not e.answers for e in examples)
    answers = decode.spans(
        dev.features, examples, logits[:, 0], logits[:, 1], null_threshold=0.0 if some_without else None
    )
    gold = [(str(i), tuple(a.text for a in e.answers) or (" ",)) for i, e in enumerate(examples)]
    counts = scores.answer_counts(gold, {str(i): f.text for i, f in enumerate(answers)}, normalise.squad)
    none = np.array([not e.answers for e in examples])
    return np.where(none, [not f.text for f in answers], counts[:, 1])


def _tags(dev: Dev, logits: Array) -> Array:
    examples: list[types.Tagging] = [e for e in dev.examples if isinstance(e, types.Tagging)]
    tags = decode.tags(dev.features, examples, logits, dev.labels)
    right = [sum(map(str.__eq__, e.tags or (), f)) for e, f in zip(examples, tags, strict=True)]
    return np.array([[r, len(e.tags or ())] for r, e in zip(right, examples, strict=True)], dtype=np.float64)


def score(counts: Array) -> float:
    """The score of items, from 0 to 100.

    >>> score(np.array([[1.0, 1.0], [0.0, 1.0]]))
    50.0
    """
    return float(100 * counts[:, 0].sum() / counts[:, 1].sum())


def majority(dev: Dev, train: Features) -> Array:
    """The items of the baseline that always says what is most frequent in training; of spans, no answer at all."""
    kind: Kind = dev.features.kind
    if kind == "span":
        none = [float(not getattr(e, "answers", ())) for e in dev.examples]
        return np.stack([none, np.ones(len(none))], axis=1)
    labels: NDArray[np.int32] = train.labels[train.labels != IGNORE]
    most = int(np.bincount(labels).argmax())
    if kind == "tagging":
        tags = [Counter(getattr(e, "tags", None) or ()) for e in dev.examples]
        return np.array([[t[dev.labels[most]], t.total()] for t in tags], dtype=np.float64)
    name = most if kind == "multiple_choice" else dev.labels[most]
    right = [float(getattr(e, "label", None) == name) for e in dev.examples]
    return np.stack([right, np.ones(len(right))], axis=1)
