"""`report`: from a table of results and a table of scores to one HTML file, with its tables and figures beside it."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from diversity import store
from diversity.display.summary import Shown, Summary
from diversity.reporting import page, sections, words
from diversity.reporting.analyses import compare, fit
from diversity.reporting.sections import Findings
from diversity.scoring.scorer import scorers
from diversity.stats.analysis import Analysis
from diversity.stats.compare import Comparison
from diversity.stats.declared import as_declared
from diversity.stats.fit import Fit
from diversity.studies.outcomes import Outcomes, read_outcomes
from diversity.studies.scores import Scores, read_scores
from diversity.studies.tables import as_frame
from diversity.types import InputError
from diversity.version import __version__

if TYPE_CHECKING:
    import pandas as pd
    from tqdm import tqdm

    Source = pd.DataFrame | Path | str | Outcomes | Scores

TITLE = "Semantic diversity of intermediate tasks and zero-shot transfer"
PACKAGES = ("numpy", "scipy", "pandas", "statsmodels", "seaborn", "matplotlib")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Presentation:
    """How a report is presented: its title, a note of what a reader has to know first, whether files are exported, and its
    date (today's, or that of SOURCE_DATE_EPOCH)."""

    title: str = TITLE
    note: str = ""
    exports: bool = True
    date: str = ""

    @property
    def line(self) -> str:
        """The line under the title: the date, and what made the report."""
        made = os.environ.get("SOURCE_DATE_EPOCH")
        moment = datetime.fromtimestamp(int(made), UTC) if made else datetime.now(UTC)
        return f"{self.date or moment.date().isoformat()}, diversity {__version__}"


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """The files of a report and the numbers that stand in it; `fit` and `comparison` are the reason where there is none."""

    html: Path
    files: tuple[Path, ...]
    fit: Fit | str
    comparison: Comparison | str

    @property
    def card(self) -> Summary:
        """What a reader sees first: the card of the page, and where it lies."""
        paired = [] if isinstance(self.comparison, str) else [("Matched pairs", self.comparison.sentence)]
        page = [("Page", str(self.html)), *([("Files", f"{len(self.files)} beside it")] if self.files else [])]
        if isinstance(self.fit, str):
            return Summary("No answer.", f"A slope cannot be computed: {self.fit.rstrip('.')}.", [*paired, *page])
        card = self.fit.card
        return replace(card, facts=[*card.facts, *paired, *page])

    def to_frame(self) -> pd.DataFrame:
        """The slope by every method; raises InputError where there is no slope."""
        if isinstance(self.fit, str):
            raise InputError(self.fit)
        return self.fit.to_frame()

    def to_dict(self) -> dict[str, object]:
        """The files, and the numbers of the fit and of the comparison, or why there are none."""
        parts = {"fit": self.fit, "comparison": self.comparison}
        numbers = {name: part if isinstance(part, str) else part.to_dict() for name, part in parts.items()}
        return {"html": str(self.html), "files": [str(file) for file in self.files], **numbers}


def report(
    results: pd.DataFrame | Path | str | Outcomes,
    scores: pd.DataFrame | Path | str | Scores,
    *,
    metric: str,
    output: Path | str,
    groups: Mapping[str, str] | str | None = None,
    analysis: Analysis | None = None,
    presentation: Presentation | None = None,
) -> Report:
    """Write the report to OUTPUT (an `.html` file), and its tables and figures to folders beside it.

    `results`, `scores` and `analysis` are those of `fit`; `metric` and the outcome of the analysis are the primary ones,
    declared before. `groups` are those of `compare`; without them, the column `role` that a grid of matched pairs writes,
    else thirds of diversity. What the tables do not allow (one seed, one target, three mixtures) is explained in its
    place. The scores of relabelled mixtures are computed from the shipped moments where the analysis has no
    scorers.

    Parameters
    ----------
    results
        Results with the columns `mixture, target, language, seed, metric, value`: a table (pandas, polars or Arrow), a
        CSV or Parquet file, or results that are checked already.
    scores
        Scores with the columns `mixture, metric, value`, as `score` returns them: a table, a file, or checked scores.
    metric
        The primary metric, chosen before the results were seen.
    output
        The page to write, a file that ends in `.html`.
    groups
        Mixture -> `diverse` or `homogeneous`, or the name of a column of the results that says so.
    analysis
        How the question is asked and tested; the defaults do for most studies.
    presentation
        Title, note, and whether tables and figures are written beside the page.

    Returns
    -------
    Report
        The files, and the numbers that stand in the page.

    Raises
    ------
    InputError
        Only where the tables cannot be read at all.

    Examples
    --------
    >>> import tempfile
    >>> import diversity
    >>> import pandas as pd
    >>> tasks = ["mnli", "qqp", "squad_v1", "ccg"]
    >>> scores = diversity.score(tasks, mixtures=tasks, metrics=["cosine"], intervals=False)
    >>> rows = [(t, "xnli", "de", s, "accuracy", 60 + i + s) for i, t in enumerate(tasks) for s in (1, 2)]
    >>> results = pd.DataFrame(rows, columns=["mixture", "target", "language", "seed", "metric", "value"])
    >>> page = f"{tempfile.mkdtemp()}/report.html"
    >>> report(results, scores, metric="cosine", output=page, presentation=Presentation(exports=False)).html.name
    'report.html'
    """
    from tqdm import tqdm

    target = Path(output)
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{target}: expected a file that ends in .html")
    top = presentation or Presentation()
    metric, asked = as_declared(metric, analysis or Analysis())
    known = read_scores(scores)
    runs = read_outcomes(results, english=asked.english, where=asked.where, lower_is_better=asked.lower_is_better)
    asked = asked if asked.scorers is not None else replace(asked, scorers=scorers(known))
    with tqdm(total=4, desc="report", postfix="slopes", unit="step", disable=None) as bar:
        fitted = _or_why(lambda: fit(runs, known, metric=metric, analysis=asked))
        _next(bar, "pairs")
        of_pairs = replace(asked, bootstrap=None)
        compared = _or_why(lambda: compare(runs, known, metric=metric, groups=groups, analysis=of_pairs))
        _next(bar, "page")
        findings = Findings(fitted, compared, runs, known.of(metric, asked.encoder), known.frame)
        settings = {
            "alpha": asked.alpha, "seed": asked.seed,
            "rope": "half a point of 100" if asked.rope is None else asked.rope,
            "version": __version__, "covariates": ", ".join(asked.covariates) or "none",
        }  # fmt: skip
        facts = _facts(
            {"results": results, "scores": scores}, _settings(metric, _resolved(asked, fitted), known, settings)
        )
        content = [
            *sections.of(findings, top.note),
            words.methods(fitted, compared, words.Materials(runs, findings.primary, settings)),
            sections.provenance(facts),
        ]
        target.parent.mkdir(parents=True, exist_ok=True)
        html = store.write(target, page.render(top.title, content, note=top.line))
        _next(bar, "files")
        files = tuple(page.export(content, target.parent)) if top.exports else ()
        bar.update()
    return Report(html, files, fitted, compared)


def _resolved(asked: Analysis, fitted: Fit | str) -> Analysis:
    """The same with the outcome that was analysed, where none was asked for."""
    return asked if isinstance(fitted, str) else asked.changed(outcome=fitted.outcome)


def _next(bar: tqdm[Any], step: str) -> None:
    bar.update()
    bar.set_postfix_str(step)


def _or_why(work: Callable[[], Result]) -> Result | str:
    """What a step gives, or why it cannot."""
    try:
        return work()
    except InputError as error:
        return str(error)


def _settings(metric: str, analysis: Analysis, scores: Scores, settings: Mapping[str, object]) -> dict[str, object]:
    """Everything that was asked for, as the table of provenance has it."""
    chosen = ", ".join(f"{column} = {value}" for column, value in analysis.where.items())
    return {
        "metric": metric, "outcome": analysis.outcome, "permutations": analysis.permutations, "seed": analysis.seed,
        **settings, "bootstrap": analysis.bootstrap or "the defaults",
        "encoder of the scores": analysis.encoder or ", ".join(scores.encoders) or "not given",
        "English among the languages": "yes" if analysis.english else "no", "rows chosen": chosen or "all",
    }  # fmt: skip


def _facts(tables: Mapping[str, Source], settings: Mapping[str, object]) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("diversity", settings["version"]),
        ("commit", store.commit() or "not a checkout"),
    ]
    facts += [(name, version) for name, version in store.versions(PACKAGES).items() if name != "diversity"]
    facts.append(("system", platform.platform()))
    facts += [(name, value) for name, value in settings.items() if name != "version"]
    for name, table in tables.items():
        facts.append((name, table if isinstance(table, str | Path) else "a table in memory"))
        if isinstance(table, str | Path):
            facts.append((f"{name}, SHA-256", store.sha256_file(Path(table))))
        else:  # checked results and scores hold their table
            held = table.rows if isinstance(table, Outcomes) else table.frame if isinstance(table, Scores) else table
            frame = as_frame(held, name)
            facts.append((f"{name}, SHA-256", hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()))
    return facts
