"""`report`: from a table of results and a table of scores to one HTML file, with its tables and figures beside it."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from diversity import store
from diversity.reporting import page, sections, words
from diversity.reporting.page import Section
from diversity.types import InputError
from diversity.version import __version__

if TYPE_CHECKING:
    import pandas as pd

    from diversity.stats.compare import Comparison
    from diversity.stats.fit import Fit
    from diversity.stats.outcomes import Outcomes
    from diversity.stats.scores import Scores

TITLE = "Semantic diversity of intermediate tasks and zero-shot transfer"
PACKAGES = ("numpy", "scipy", "pandas", "statsmodels", "seaborn", "matplotlib")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Report:
    """The files of a report and the numbers that stand in it; `fit` and `comparison` are the reason where there is none."""

    html: Path
    files: tuple[Path, ...]
    fit: Fit | str
    comparison: Comparison | str


def report(
    results: pd.DataFrame | Path | str,
    scores: pd.DataFrame | Path | str,
    *,
    metric: str,
    output: Path | str,
    outcome: str = "mean9",
    covariates: Sequence[str] = (),
    encoder: str | None = None,
    english: bool = True,
    where: Mapping[str, object] | None = None,
    title: str = TITLE,
    alpha: float = 0.05,
    rope: float = 0.5,
    permutations: int = 10_000,
    bootstrap: int = 1000,
    seed: int = 0,
    exports: bool = True,
    groups: Mapping[str, str] | str | None = None,
    note: str = "",
) -> Report:
    """Write the report to OUTPUT (an `.html` file); `exports` writes its tables and figures to folders beside it.

    `results`, `scores`, `covariates`, `encoder`, `english` and `where` are those of `fit`; `metric` and `outcome` are the
    primary ones, declared before. `groups` are
    those of `compare`, where they were declared before: a mapping, or a column of the results such as `role`, which a
    grid of matched pairs writes. `note` is said first of all: what a reader has to know of these runs. What the
    tables do not allow (one seed, one target, three mixtures) is explained in its place. Raises InputError only where
    the tables cannot be read at all.
    """
    from tqdm import tqdm

    from diversity.stats.analysis import Analysis
    from diversity.stats.compare import compare
    from diversity.stats.fit import fit
    from diversity.stats.outcomes import read_outcomes
    from diversity.stats.scores import read_scores

    target = Path(output)
    if target.suffix.lower() not in (".html", ".htm"):
        raise InputError(f"{target}: expected a file that ends in .html")
    known = read_scores(scores)
    runs = read_outcomes(results, english=english, where=where)
    common: dict[str, Any] = {"metric": metric, "outcome": outcome, "permutations": permutations, "seed": seed}
    analysis = Analysis(
        outcome=outcome, encoder=encoder, english=english, where=where or {}, covariates=tuple(covariates), alpha=alpha,
        permutations=permutations, bootstrap=bootstrap, seed=seed,
    )  # fmt: skip
    bar = tqdm(total=4, desc="report", unit="step", disable=None)
    fitted = _step(
        bar,
        "slopes",
        lambda: _or_why(lambda: fit(runs, known, metric=metric, analysis=analysis)),
    )
    compared = _step(
        bar,
        "pairs",
        lambda: _or_why(
            lambda: compare(
                runs, known, metric=metric, rope=rope, groups=groups, analysis=replace(analysis, bootstrap=None)
            )
        ),
    )
    settings = {
        "alpha": alpha, "rope": rope, "seed": seed, "version": __version__, "covariates": ", ".join(covariates) or "none",
    }  # fmt: skip
    whole = _sections(fitted, compared, known, runs, settings, metric, encoder, note)
    encoders = encoder or ", ".join(sorted(e for e in known.frame["encoder"].unique() if e)) or "not told"
    all_settings = {
        **common, **settings, "bootstrap": bootstrap, "encoder of the scores": encoders,
        "English among the languages": "yes" if english else "no",
        "rows chosen": ", ".join(f"{k} = {v}" for k, v in (where or {}).items()) or "all",
    }  # fmt: skip
    whole.append(sections.provenance(_facts(results, scores, all_settings)))
    target.parent.mkdir(parents=True, exist_ok=True)
    html = _step(bar, "page", lambda: store.write(target, page.render(title, whole)))
    files = _step(bar, "files", lambda: tuple(page.export(whole, target.parent)) if exports else ())
    bar.close()
    return Report(html, files, fitted, compared)


def _step(bar: Any, name: str, work: Callable[[], Found]) -> Found:
    bar.set_postfix_str(name)
    found = work()
    bar.update()
    return found


def _or_why(work: Callable[[], Found]) -> Found | str:
    try:
        return work()
    except InputError as error:
        return str(error)


def _sections(
    fit: Fit | str, comparison: Comparison | str, scores: Scores, runs: Outcomes, settings: Mapping[str, object], metric: str,
    encoder: str | None, note: str,
) -> list[Section]:  # fmt: skip
    left_out = runs.failed if isinstance(fit, str) else fit.tables["left_out"]
    degenerate = None if isinstance(fit, str) else fit.tables["degenerate"]
    return [
        sections.verdict(fit, comparison, runs.runs, note),
        sections.design(fit, runs.runs),
        sections.mixtures(scores.of(metric, encoder), scores.frame, set(runs.runs["mixture"])),
        sections.accuracy(runs.runs),
        sections.compared(comparison),
        sections.slopes(fit),
        sections.retrieval(fit),
        sections.specifications(fit),
        sections.influence(fit),
        sections.checks(fit),
        sections.failed(left_out, degenerate),
        words.methods(fit, comparison, runs.runs, settings),
    ]


def _facts(results: object, scores: object, settings: Mapping[str, object]) -> list[tuple[str, object]]:
    facts: list[tuple[str, object]] = [
        ("diversity", settings["version"]),
        ("commit", store.commit() or "not a checkout"),
    ]
    facts += [(name, version) for name, version in store.versions(PACKAGES).items() if name != "diversity"]
    facts.append(("system", platform.platform()))
    facts += [(name, value) for name, value in settings.items() if name != "version"]
    for name, table in (("results", results), ("scores", scores)):
        facts.append((name, table if isinstance(table, str | Path) else "a DataFrame"))
        facts.append((f"{name}, SHA-256", _hash(table)))
    return facts


def _hash(table: Any) -> str:
    content = Path(table).read_bytes() if isinstance(table, str | Path) else table.to_csv(index=False).encode()
    return hashlib.sha256(content).hexdigest()
