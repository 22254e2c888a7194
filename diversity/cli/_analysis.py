"""The options that `fit`, `compare` and `report` share: what is asked of the results, and how it is tested."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._common import pairs

if TYPE_CHECKING:
    from diversity.scoring.scorer import MomentScorer
    from diversity.studies.scores import Scores

LowerIsBetter = Annotated[
    bool | None,
    typer.Option(
        help="Whether lower outcomes are better (default: as a column of that name or the metric's name says)."
    ),
]
Chosen = Annotated[
    bool | None,
    typer.Option(help="Whether the mixtures were chosen by their diversity (default: as the column role says)."),
]
Rope = Annotated[
    float | None, typer.Option(help="A difference up to this is practically none (default: half a point of 100).")
]
Moments = Annotated[
    Path | None, typer.Option(help="Folder of saved moments for the scores of relabelled mixtures (default: shipped).")
]
Embeddings = Annotated[
    list[str] | None, typer.Option(help="A task's vectors for the same: NAME=FILE.npy; any number of times.")
]


def choices(where: list[str] | None) -> dict[str, object]:
    """The columns and values of `--where COLUMN=VALUE`."""
    return dict(pairs(where, "--where COLUMN=VALUE"))


def scorers_of(
    scores: Scores, moments: Path | None, embeddings: list[str] | None
) -> Callable[[str, str], MomentScorer | None]:
    """What computes the scores of relabelled mixtures: vectors, saved moments, or the shipped ones."""
    from diversity.scoring.scorer import scorers

    files = {name: Path(str(file)) for name, file in pairs(embeddings, "--embeddings NAME=FILE.npy").items()}
    return scorers(scores, moments=moments, embeddings=files)
