"""What a study declared before its results, and what an analysis that departs from it is marked with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from diversity.stats.result import Result

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.analysis import Analysis

Failures = Literal["", "leave out", "refuse"]
DeclaredTest = Literal["", "labels", "bootstrap"]
R = TypeVar("R", bound=Result)
GROUPS = "group"  # the metric of a comparison whose groups were given
SHORT = 12  # digits of a hash that are shown


@dataclass(frozen=True)
class Declared:
    """The hypothesis of a plan: what is tested, how, and what becomes of failures; what is empty is not declared.

    `metric` of `encoder` is related to `outcome`, by the `test` (`labels`: task-label permutation; `bootstrap`: REML with a
    parametric bootstrap) at level `alpha`; differences up to `equivalence` are practically none; failed runs are left out
    with their mixtures, or refused: then the analysis of a study with failures departs from its plan.

    >>> Declared(metric="cosine").hash == Declared(metric="cosine", alpha=None).hash
    True
    """

    metric: str = ""
    encoder: str = ""
    outcome: str = ""
    test: DeclaredTest = ""
    alpha: float | None = None
    equivalence: float | None = None
    failures: Failures = ""

    @property
    def content(self) -> dict[str, str | float]:
        """What is declared, by name."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None)}

    @property
    def hash(self) -> str:
        """SHA-256 of what is declared, as JSON with sorted names."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Commitment:
    """What binds an analysis: what was declared, when it was `frozen` (an ISO date; '' where no grid has run), and where.

    `late` says that results were there before, `reason` why an analysis departs from it.
    """

    declared: Declared
    frozen: str = ""
    source: str = ""
    late: bool = False
    reason: str = ""

    @property
    def text(self) -> str:
        """What was declared and when, in a line."""
        said = ", ".join(f"{name} {value}" for name, value in self.declared.content.items()) or "nothing"
        short = self.declared.hash[:SHORT]
        if not self.frozen:
            return f"the plan declares {said} (hash {short}); it is not frozen, for no grid has run from it"
        when = "when results were there already" if self.late else "before there were results"
        return f"declared {when}: {said} (frozen {self.frozen}, hash {short})"


def as_declared(metric: str, analysis: Analysis) -> tuple[str, Analysis]:
    """The metric and the analysis with what the plan declares in the place of what is left at its default."""
    if analysis.plan is None:
        return metric, analysis
    d, default = analysis.plan.declared, type(analysis)()
    return metric or d.metric, replace(
        analysis,
        outcome=analysis.outcome or d.outcome,
        encoder=d.encoder or None if analysis.encoder is None else analysis.encoder,
        alpha=d.alpha if d.alpha is not None and analysis.alpha == default.alpha else analysis.alpha,
        rope=d.equivalence if analysis.rope is None else analysis.rope,
    )


def departures(result: Result, analysis: Analysis) -> tuple[dict[str, str], dict[str, str]]:
    """What an analysis does otherwise than declared, by name: what was chosen, and what the data forced."""
    assert analysis.plan is not None
    d = analysis.plan.declared
    chosen, forced = dict[str, str](), dict[str, str]()
    used: Mapping[str, Any] = {
        "metric": (d.metric, "" if (metric := getattr(result, "metric", "")) == GROUPS else metric),
        "encoder": (d.encoder, analysis.encoder or d.encoder),
        "outcome": (d.outcome, getattr(result, "outcome", "")),
        "alpha": (d.alpha, analysis.alpha),
        "equivalence": (d.equivalence, analysis.rope),
    }
    for name, (declared, value) in used.items():
        if declared not in ("", None) and value not in ("", None) and declared != value:
            chosen[name] = f"declared {declared}, used {value}"
    if analysis.covariates:
        chosen["covariates"] = f"none declared, used {', '.join(analysis.covariates)}"
    if analysis.where:
        rows = ", ".join(f"{column}={value}" for column, value in analysis.where.items())
        chosen["rows"] = f"all declared, used those with {rows}"
    if not analysis.english:
        chosen["languages"] = "all declared, used those but English"
    test = _test(getattr(result, "primary", ""))
    if d.test and test != d.test:
        forced["test"] = f"declared {d.test}, used {test}: {getattr(result, 'why', '') or 'what this design gets'}"
    left_out = result.tables.get("left_out")
    if d.failures == "refuse" and left_out is not None and len(left_out):
        forced["failures"] = f"declared that there be none, left out {len(left_out)} results"
    return chosen, forced


def _test(primary: str) -> str:
    """The declared name of a test in words."""
    return "labels" if primary.startswith("task-label") else "bootstrap" if "bootstrap" in primary else "none"


def bound(result: R, analysis: Analysis) -> R:
    """The result marked with what it does otherwise than its plan declares: exploratory, where that was chosen."""
    if analysis.plan is None or result.plan:
        return result
    chosen, forced = departures(result, analysis)
    reason = f"reason: {analysis.plan.reason}" if analysis.plan.reason else "no reason is given"
    said = [f"{name}: {text} ({reason})" for name, text in chosen.items()]
    said += [f"{name}: {text}" for name, text in forced.items()]
    return replace(
        result,
        plan=analysis.plan.declared.hash,
        frozen=analysis.plan.frozen,
        exploratory=bool(chosen),
        deviations=tuple(said),
        tables={name: _marked(table, analysis.plan.declared) for name, table in result.tables.items()},
        notes=(analysis.plan.text, *(f"otherwise than declared, {text}" for text in said), *result.notes),
    )


def _marked(table: pd.DataFrame, declared: Declared) -> pd.DataFrame:
    """A table of several metrics or outcomes, with a column that says which rows are not what was declared."""
    several = [c for c in ("metric", "encoder", "outcome") if c in table and getattr(declared, c)]
    if not {"metric", "slope"} <= {*table.columns} or not several:
        return table
    other = (table[several] != [getattr(declared, c) for c in several]).any(axis=1)
    if "target" in table:
        other |= table["target"] != declared.outcome
    if "covariates" in table:
        other |= ~table["covariates"].isin(["", "size"])
    return table.assign(exploratory=other)
