"""Model inputs of a task: tokenised once, ragged, so that they can be saved, memory-mapped, padded or packed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from diversity.types import Kind

IGNORE = -100  # a label that no loss counts


@dataclass(frozen=True)
class Features:
    """Tokenised inputs of one task in one language.

    Sequence i is `ids[starts[i]:starts[i + 1]]`, special tokens included. A *unit* is what is drawn into a batch and
    gets one prediction: unit u is the sequences `groups[u]` to `groups[u + 1]`: the choices of one multiple-choice
    question, one sequence each in the other kinds. A passage or a sentence that is longer than the model is several
    units, its windows; `example[u]` is the row of the task that unit u is of.

    `labels` by kind: classification (units,) the class; multiple_choice (units,) the right choice; span (units, 2) the
    first and last token of the answer within the sequence, (0, 0) where the window has none; tagging (tokens,) the tag
    at the first sub-word of a word, else IGNORE; mlm none (units,) of IGNORE: masks are drawn when a batch is made.
    Labels that are withheld are IGNORE.

    `align` maps tokens back to the example: span (tokens, 2) the characters of the context that a token covers, in code
    points, (-1, -1) for tokens outside of it; tagging (tokens,) the index of the word whose first sub-word this is in
    the window that predicts it, else -1; other kinds None.
    """

    kind: Kind
    ids: NDArray[np.int32]
    types: NDArray[np.uint8]
    starts: NDArray[np.int64]
    groups: NDArray[np.int64]
    example: NDArray[np.int32]
    labels: NDArray[np.int32]
    align: NDArray[np.int32] | None = None

    def __len__(self) -> int:
        """The number of units."""
        return len(self.groups) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each sequence."""
        return np.diff(self.starts)
