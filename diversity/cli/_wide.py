"""The options by which `fit` and `report` read other people's tables: a row a run, weights and outcomes in columns."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._analysis import AnalysisOptions
from diversity.cli._common import note
from diversity.cli._options import with_options
from diversity.types import InputError

if TYPE_CHECKING:
    from diversity.studies.outcomes import Outcomes
    from diversity.studies.scores import Scores

HILL = "hill(q=1)"  # of the weights: the score that needs nothing else

AnyScores = Annotated[
    Path | None,
    typer.Option(
        help="Diversity: CSV or Parquet with mixture, metric, value, as `diversity score` writes (default: computed from the "
        "weights of the results, and the moments)."
    ),
]
AnyMetric = Annotated[
    str,
    typer.Option(
        "--metric",
        "--metrics",
        help="Metric of the scores, such as cosine or vendi(q=2) (default: hill(q=1) of the weights, without scores).",
    ),
]


@dataclass(frozen=True)
class WideOptions:
    """How a table with a row a run is read."""

    weights: Annotated[
        str,
        typer.Option(
            help='Of a table with a row a run: the columns of weights, such as "train_*" or a,b,c (default: a long table).'
        ),
    ] = ""
    outcomes: Annotated[
        str, typer.Option(help='Of the same table: the columns of outcomes, such as "valid_*" (default: a long table).')
    ] = ""
    mixtures: Annotated[
        Path | None,
        typer.Option(
            rich_help_panel="Input", help="The table of the weights, where it is one of its own (default: --results)."
        ),
    ] = None
    key: Annotated[
        str | None,
        typer.Option(help="The column that names the runs and joins two tables (default: the one they share)."),
    ] = None
    normalise: Annotated[bool, typer.Option("--normalise", help="Divide each run's weights by their sum.")] = False

    def read(self, results: Path, options: AnalysisOptions) -> Outcomes:
        """The checked results of a wide table, or of a long one where no columns are named."""
        from diversity.studies.outcomes import read_outcomes
        from diversity.studies.wide import read_wide

        where = options.chosen_rows
        if self.weights and self.outcomes:
            return read_wide(
                results, weights=self.weights, outcomes=self.outcomes, mixtures=self.mixtures, key=self.key,
                normalise=self.normalise, where=where, lower_is_better=options.lower_is_better,
            )  # fmt: skip
        if given := next((name for name, value in vars(self).items() if value), None):
            missing = "--weights and --outcomes" if not self.weights and not self.outcomes else "both"
            raise InputError(f"expected {missing} for a table with a row a run, found --{given} alone")
        return read_outcomes(results, english=options.english, where=where, lower_is_better=options.lower_is_better)


def scores_for(results: Outcomes, scores: Path | None, metric: str, options: AnalysisOptions) -> tuple[Scores, str]:
    """The scores of the results and the metric: of a table, or computed from the weights."""
    from diversity.scoring.scorer import scores_of_weights
    from diversity.studies.scores import read_scores

    if scores is not None:
        if not metric:
            raise InputError("expected --metric, one of those of the scores")
        return read_scores(scores), metric
    known = scores_of_weights(
        results, [metric or HILL], encoder=options.encoder, moments=options.moments, embeddings=options.vectors
    )
    encoders = f" and the moments of {', '.join(known.encoders)}" if known.encoders else ""
    note(f"note: no table of scores: {metric or HILL} is computed from the weights{encoders}")
    return known, metric or HILL


with_wide = with_options("wide", WideOptions)
