"""`fit` and `compare` as `import diversity` has them: the shipped moments give the scores of relabelled mixtures.

The statistics know nothing of moments; a table of scores that names the shipped encoder is joined with them here.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import replace
from typing import ParamSpec, TypeVar

from diversity.scoring.scorer import scorers
from diversity.stats import compare as comparing
from diversity.stats import fit as fitting
from diversity.stats.analysis import Analysis
from diversity.stats.declared import as_declared, bound
from diversity.stats.result import Result
from diversity.studies.scores import Scores, read_scores
from diversity.types import Scorer

P = ParamSpec("P")
R = TypeVar("R", bound=Result)


def with_shipped(analysis: Analysis | None, scores: Scores) -> Analysis:
    """The analysis with the scorers of the shipped moments, for encoders that the scores name; its own, where it has some."""
    asked = analysis or Analysis()
    if asked.scorers is not None or not scores.encoders:
        return asked
    shipped = scorers(scores)

    def named(metric: str, encoder: str) -> Scorer | None:
        return shipped(metric, encoder) if encoder else None

    return replace(asked, scorers=named)


def _joined(function: Callable[P, R]) -> Callable[P, R]:
    """The function with its scores read, and its analysis joined with what computes them."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def joined(*args: P.args, **kwargs: P.kwargs) -> R:
        asked = signature.bind(*args, **kwargs)
        given = asked.arguments.get("scores")
        if given is not None:
            asked.arguments["scores"] = known = read_scores(given)
            asked.arguments["analysis"] = with_shipped(asked.arguments.get("analysis"), known)
        if (analysis := asked.arguments.get("analysis")) is None:
            return function(*asked.args, **asked.kwargs)
        metric, analysis = as_declared(asked.arguments.get("metric") or "", analysis)
        asked.arguments["analysis"] = analysis
        if asked.arguments.get("groups") is None:
            asked.arguments["metric"] = metric or None
        return bound(function(*asked.args, **asked.kwargs), analysis)

    return joined


fit = _joined(fitting.fit)
compare = _joined(comparing.compare)
