"""Training instances become tensors: padded rows of one sequence, or packed rows with block-diagonal attention.

Both forms lay the tokens of a micro-batch out as one ragged run of sequences, and heads read states by their place in it,
so that nothing behind the encoder knows which form it was.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from diversity.features.build import IGNORE, Features
from diversity.features.subwords import ragged
from diversity.training.sampling import Ints
from diversity.types import InputError, Kind

if TYPE_CHECKING:
    import torch
    from torch import Tensor

Chosen = tuple[str, Ints]  # training instances of a task
MULTIPLE = 8  # rows are as long as a multiple of it: attention kernels of GPUs want aligned masks


def bounds(lengths: Ints) -> Ints:
    """Where runs of these lengths begin, and where the last one ends.

    >>> bounds(np.array([2, 3])).tolist()
    [0, 2, 5]
    """
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


# --- The training instances of a step -----------------------------------------------------------------------------


def instance_tokens(features: Features) -> Ints:
    """Tokens of each training instance, all its sequences together."""
    return np.diff(features.starts[features.groups])


def instance_longest(features: Features) -> Ints:
    """Tokens of the longest sequence of each training instance."""
    return np.maximum.reduceat(features.lengths, features.groups[:-1]) if len(features) else np.zeros(0, np.int64)


def take(features: Features, instances: Ints) -> Features:
    """These training instances alone, in this order."""
    counts = np.diff(features.groups)[instances]
    sequences = ragged(features.groups[instances], counts)
    lengths = features.lengths[sequences]
    tokens = ragged(features.starts[sequences], lengths)
    by_token = len(features.labels) != len(features) or features.kind == "tagging"
    return Features(
        kind=features.kind,
        ids=features.ids[tokens],
        types=features.types[tokens],
        starts=bounds(lengths),
        groups=bounds(counts),
        example=features.example[instances],
        labels=features.labels[tokens if by_token else instances],
        align=features.align[tokens] if features.align is not None else None,
    )


@dataclass(frozen=True)
class Masking:
    """What masked language modelling needs of a tokenizer; of `share` of the tokens, 80 % are masked, 10 % replaced."""

    mask: int
    special: tuple[int, ...]
    vocabulary: int
    share: float = 0.15


def masked(features: Features, masking: Masking, rng: np.random.Generator) -> Features:
    """Texts with masks drawn, labelled by token: what stood there where the model is asked, else IGNORE (Devlin 2019)."""
    ids, labels = features.ids.copy(), np.full(len(features.ids), IGNORE, np.int32)
    maskable = ~np.isin(ids, masking.special)
    asked = np.flatnonzero(maskable & (rng.random(len(ids)) < masking.share))
    if not len(asked):  # of very short texts: the loss of a step must be of something
        asked = np.flatnonzero(maskable)[:1]
    labels[asked] = ids[asked]
    dice = rng.random(len(asked))
    ids[asked[dice < 0.8]] = masking.mask
    ids[asked[dice >= 0.9]] = rng.integers(masking.vocabulary, size=int((dice >= 0.9).sum()))
    return replace(features, ids=ids, labels=labels)


def counted(features: Features) -> int:
    """What the loss is the mean over: labelled instances, or labelled tokens (tagging, masked language modelling)."""
    labels = features.labels if features.labels.ndim == 1 else features.labels[:, 0]
    return int((labels != IGNORE).sum())


def weights(step: Mapping[str, Features]) -> dict[str, float]:
    """What one instance or token that counts weighs in the loss of a step, by task.

    The loss of a task is the mean over its labelled instances, or labelled tokens; that of a step is the mean over its
    instances of their tasks' losses. However the step is divided into micro-batches and among processes, the sum is the
    same.
    """
    instances = sum(len(f) for f in step.values())
    return {task: len(f) / instances / max(1, counted(f)) for task, f in step.items()}


def deal(step: Mapping[str, Features], processes: int, number: int) -> dict[str, Features]:
    """The share of one process of a step's instances: dealt by length, forth and back, so that all have as many tokens."""
    if processes == 1:
        return dict(step)
    order = np.argsort(-np.concatenate([instance_tokens(f) for f in step.values()]), kind="stable")
    turn = np.arange(len(order)) % (2 * processes)
    hand = np.empty(len(order), dtype=np.int64)
    hand[order] = np.where(turn < processes, turn, 2 * processes - 1 - turn)
    hands = np.split(hand, np.cumsum([len(f) for f in step.values()])[:-1])
    shares = {t: np.flatnonzero(h == number) for (t, h) in zip(step, hands, strict=True)}
    return {t: take(step[t], units) for t, units in shares.items() if len(units)}


# --- Micro-batches ------------------------------------------------------------------------


def fit(lengths: Ints, size: int) -> tuple[Ints, Ints, int]:
    """Row and column of sequences packed into rows of `size` (best fit by decreasing length), and the number of rows.

    >>> [a.tolist() for a in fit(np.array([5, 3, 4, 4]), 8)[:2]]
    [[0, 0, 1, 1], [0, 5, 0, 4]]
    """
    row, column = np.empty(len(lengths), np.int64), np.empty(len(lengths), np.int64)
    room: list[tuple[int, int]] = []  # what is left of each row, in order
    number = 0
    for i in np.argsort(-lengths, kind="stable"):
        place = bisect.bisect_left(room, (int(lengths[i]), -1))
        if place == len(room):
            room.append((size, number))
            number += 1
        left, row[i] = room.pop(place)
        column[i] = size - left
        bisect.insort(room, (left - int(lengths[i]), int(row[i])))
    return row, column, number


def _rounded(length: int) -> int:
    return -(-length // MULTIPLE) * MULTIPLE


SPARE = 1.25  # sequences that are padded to less than this times their length need no micro-batch for themselves
# Tokens that are worth a micro-batch: each has gradients of all weights to add, and a GPU to start.
WORTH = {"cpu": 512, "cuda": 8192}


def micro_batches(
    step: Mapping[str, Features], tokens: int, *, packed: bool, device: str = "cpu"
) -> Iterator[list[Chosen]]:
    """Instances of a step in micro-batches of at most `tokens` tokens, with padding (or of one instance); long ones first.

    Packed instances share a micro-batch as they come; padded ones only with those of about their length.
    """
    names = list(step)
    task = np.repeat(np.arange(len(names)), [len(f) for f in step.values()])
    units = np.concatenate([np.arange(len(f)) for f in step.values()])
    longest = np.concatenate([instance_longest(f) for f in step.values()])
    size = np.concatenate([instance_tokens(f) for f in step.values()])
    lengths = [run for f in step.values() for run in np.split(f.lengths, f.groups[1:-1])]
    order = np.argsort(-longest, kind="stable")

    def area(first: int, end: int) -> int:
        row = _rounded(int(longest[order[first]]))
        chosen = [lengths[i] for i in order[first:end]]
        return row * (fit(np.concatenate(chosen), row)[2] if packed else sum(map(len, chosen)))

    first = 0
    while first < len(order):
        room = first + 1 + int(np.searchsorted(np.cumsum(size[order[first + 1 :]]), tokens))
        end = min(room, len(order))
        if area(first, end) > tokens:  # the largest end for which it fits, at least one instance on
            ends = range(first + 1, end)
            end = max(first + 1, first + bisect.bisect_right(ends, tokens, key=partial(area, first)))
        chosen = order[first:end]
        if not packed:
            apart = longest[chosen] * SPARE < longest[chosen[0]]
            apart &= np.cumsum(size[chosen]) - size[chosen] >= WORTH.get(device, WORTH["cuda"])
            end = first + int(np.argmax(apart)) if apart.any() else end
        chosen = np.sort(order[first:end])
        yield [(names[t], units[chosen[task[chosen] == t]]) for t in np.unique(task[chosen])]
        first = end


@dataclass(frozen=True)
class Segment:
    """The training instances of one task in a micro-batch.

    `reads` (n,) are the places in the flattened rows of the states that the head takes. `groups` (instances, m) say which
    of the n an instance chooses among, -1 where there are fewer than m; None where each of the n has a class of its own.
    `labels` are (n,); with `groups` (instances,), or (instances, 2) for the ends of a span.
    """

    task: str
    kind: Kind
    reads: Tensor
    groups: Tensor | None
    labels: Tensor


@dataclass(frozen=True)
class PaddedRows:
    """Inputs of one micro-batch, tensors (b, t).

    `segments` number the sequences; padding is a segment of its own (0), so that each token has one to attend to.
    """

    ids: Tensor
    types: Tensor
    positions: Tensor
    segments: Tensor
    packed: bool
    parts: tuple[Segment, ...]
    tokens: int = field(default=0)

    def to(self, device: torch.device) -> PaddedRows:
        """The same on another device."""

        def moved(tensor: Tensor) -> Tensor:
            return tensor.to(device, non_blocking=True)

        parts = tuple(
            replace(
                p,
                reads=moved(p.reads),
                labels=moved(p.labels),
                groups=moved(p.groups) if p.groups is not None else None,
            )
            for p in self.parts
        )
        ids, types, positions, segments = map(moved, (self.ids, self.types, self.positions, self.segments))
        return replace(self, ids=ids, types=types, positions=positions, segments=segments, parts=parts)


def rows(
    step: Mapping[str, Features],
    chosen: Sequence[Chosen],
    *,
    packed: bool,
    pad: int,
    first_position: int = 0,
    every_token: bool = False,
    pin: bool = False,
) -> PaddedRows:
    """The inputs of one micro-batch; prediction reads `every_token` of a tagged sentence, not only the labelled ones."""
    import torch

    taken = {task: take(step[task], instances) for task, instances in chosen}
    lengths = np.concatenate([f.lengths for f in taken.values()])
    size = _rounded(int(lengths.max()))
    row, column, number = np.arange(len(lengths)), np.zeros(len(lengths), np.int64), len(lengths)
    if packed:
        row, column, number = fit(lengths, size)
    at = ragged(row * size + column, lengths)  # the place of each token

    def tensor(values: NDArray[Any]) -> Tensor:
        whole = torch.from_numpy(np.ascontiguousarray(values, dtype=np.int64))
        return whole.pin_memory() if pin else whole

    def filled(values: NDArray[Any], empty: int) -> Tensor:
        flat = np.full(number * size, empty, dtype=np.int64)
        flat[at] = values
        return tensor(flat.reshape(number, size))

    parts, start = [], 0
    for task, features in taken.items():
        reads, groups, labels = _reads(features, every_token)
        places = tensor(at[start + reads])
        parts.append(
            Segment(task, features.kind, places, tensor(groups) if groups is not None else None, tensor(labels))
        )
        start += len(features.ids)
    return PaddedRows(
        ids=filled(np.concatenate([f.ids for f in taken.values()]), pad),
        types=filled(np.concatenate([f.types for f in taken.values()]), 0),
        positions=filled(ragged(np.full(len(lengths), first_position), lengths), first_position),
        segments=filled(np.repeat(np.arange(1, len(lengths) + 1), lengths), 0),
        packed=packed,
        parts=tuple(parts),
        tokens=len(at),
    )


def _reads(features: Features, every_token: bool) -> tuple[Ints, Ints | None, NDArray[np.int32]]:
    """The tokens whose states a head takes, how they group, and the labels."""
    if features.kind == "span":
        return np.arange(len(features.ids)), _padded(instance_tokens(features)), features.labels
    if features.kind in ("tagging", "mlm"):
        asked = np.arange(len(features.ids)) if every_token else np.flatnonzero(features.labels != IGNORE)
        return asked, None, features.labels[asked]
    groups = _padded(np.diff(features.groups)) if features.kind == "multiple_choice" else None
    return features.starts[:-1], groups, features.labels


def _padded(counts: Ints) -> Ints:
    """Indices 0, 1, ... in rows of so many, padded with -1.

    >>> _padded(np.array([2, 1])).tolist()
    [[0, 1], [2, -1]]
    """
    columns = np.arange(counts.max(initial=1))
    return np.where(columns < counts[:, None], bounds(counts)[:-1, None] + columns, -1)


def check_fits(data: Mapping[str, Features], tokens: int, limit: int) -> None:
    """Raise InputError for a sequence that is longer than the model, and an instance that is larger than a micro-batch."""
    for task, features in data.items():
        if (longest := int(features.lengths.max(initial=0))) > limit:
            raise InputError(f"{task}: expected sequences of at most {limit} tokens, found one of {longest}")
        if (largest := int(instance_tokens(features).max(initial=0))) > tokens:
            raise InputError(
                f"{task}: expected --batch-tokens of at least {largest}, its longest training instance, found {tokens}"
            )
