"""The rows of the embedding table that a run uses, trained in place of the whole table.

A row whose token is nowhere in the run's data has no gradient: all that AdamW does to it is decay. So the rows that occur
are trained as a table for themselves, and the others are multiplied by the decay of the steps between. The weights are
those of training the whole table but for rounding, without gradient, moments, clipping and zeros of rows that nothing reads.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from diversity.features.build import Features
from diversity.training import heads
from diversity.training.sampling import Ints

if TYPE_CHECKING:
    import torch
    from torch import Tensor
    from torch.nn import Embedding, Parameter

Decay = Callable[[int, int], float]  # what weight decay multiplies a weight by, from one step to another


@dataclass
class UsedVocabulary:
    """The table of token embeddings, of which `rows` alone, those of `tokens` (ascending), are trained.

    `places` has the row of each token of the vocabulary, -1 where it has none. `step` is that of the `whole` table, and
    `decay` what its other rows are multiplied by from one step to another.
    """

    embedding: Embedding
    tokens: Tensor
    rows: Parameter
    places: Tensor
    whole: Parameter
    padding: int | None
    decay: Decay
    step: int = 0
    hook: Any = field(default=None, repr=False)

    def attach(self) -> None:
        """Let the network read and train the rows, as they are in the whole table."""
        self.rows.data.copy_(self.whole.detach()[self.tokens])
        self.embedding.weight = self.rows
        if self.padding is not None:
            self.embedding.padding_idx = int(self.places[self.padding])
        self.hook = self.embedding.register_forward_pre_hook(lambda _, given: (self.places[given[0]], *given[1:]))

    def detach(self, step: int) -> None:
        """Let the network read the whole table, as it is at a step: the rows put in place, the others decayed."""
        import torch

        self.hook.remove()
        self.embedding.weight, self.embedding.padding_idx = self.whole, self.padding
        with torch.no_grad():
            if (factor := self.decay(self.step, step)) != 1:
                self.whole.mul_(factor)
            self.whole[self.tokens] = self.rows
        self.step, self.hook = step, None

    def trained(self, parameter: Parameter) -> Parameter:
        """What the optimiser has of a parameter: the rows, of the table."""
        return self.rows if parameter is self.whole else parameter


class Steps(Protocol):
    """What counts the steps of a run."""

    step: int


@contextmanager
def attached(table: UsedVocabulary | None, steps: Steps) -> Iterator[None]:
    """The network with the rows that are trained; afterwards with the whole table, as it is after the last step."""
    if table is None:
        yield
        return
    table.step = steps.step
    table.attach()
    try:
        yield
    finally:
        table.detach(steps.step)


@contextmanager
def detached(table: UsedVocabulary | None, steps: Steps) -> Iterator[None]:
    """Amid training, the network with the whole table."""
    if table is None:
        yield
        return
    table.detach(steps.step)
    try:
        yield
    finally:
        table.attach()


def used_vocabulary(
    network: torch.nn.ModuleDict, data: Mapping[str, Features], pad: int, decay: Decay
) -> UsedVocabulary | None:
    """The part of the table that the tokens of `data` and padding read; None where the whole table has to be trained.

    That is so for masked language modelling, which scores the whole vocabulary, where all tokens occur, where the table is
    frozen, shared with another layer, or read otherwise than by looking rows up.
    """
    import torch
    from torch import nn

    embedding: Any = heads.encoder_of(network).get_input_embeddings()
    if type(embedding) is not nn.Embedding or not embedding.weight.requires_grad or _shared(network, embedding.weight):
        return None
    if embedding.max_norm is not None or embedding.scale_grad_by_freq or embedding.sparse or _masks(data):
        return None
    whole: Any = embedding.weight
    used = np.zeros(len(whole), bool)
    used[[pad, *([] if embedding.padding_idx is None else [embedding.padding_idx])]] = True
    for features in data.values():
        used[features.ids] = True
    if used.all():
        return None
    tokens: Ints = np.flatnonzero(used)
    places = np.full(len(whole), -1)
    places[tokens] = np.arange(len(tokens))
    index = torch.from_numpy(tokens).to(whole.device)
    return UsedVocabulary(
        embedding=embedding,
        tokens=index,
        rows=nn.Parameter(whole.detach()[index]),
        places=torch.from_numpy(places).to(whole.device),
        whole=whole,
        padding=embedding.padding_idx,
        decay=decay,
    )


def _masks(data: Mapping[str, Features]) -> bool:
    return any(features.kind == "mlm" for features in data.values())


def _shared(network: torch.nn.ModuleDict, table: Tensor) -> bool:
    """Whether more than one layer has the table, as a parameter or as a part of one."""
    names = [n for n, p in network.named_parameters(remove_duplicate=False) if p.data_ptr() == table.data_ptr()]
    return len(names) > 1
