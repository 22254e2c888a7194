"""`compare`: diverse against homogeneous mixtures, in matched pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from diversity.stats import matching, permutation
from diversity.stats.analysis import Analysis
from diversity.stats.multimembership import slopes
from diversity.stats.outcomes import Outcomes, read_outcomes
from diversity.stats.result import Result
from diversity.stats.scores import Scores
from diversity.stats.study import Study, read_study
from diversity.stats.tables import BASELINES
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

Judgement = Literal["better", "equal", "worse", "undecided"]
Pairs = Sequence[tuple[int, int]]  # of mixtures: the diverse and the homogeneous one
FLIPS = 14  # pairs up to which all signs are tried
BOOTSTRAP = 10_000  # draws of pairs


@dataclass(frozen=True)
class Comparison(Result):
    """Diverse minus homogeneous, in outcome units (accuracy points), over matched pairs.

    `low` and `high` are the 95 % interval of a bootstrap over pairs, `low_tasks` and `high_tasks` one that
    knows that pairs share tasks, on which the verdict rests: the differences that permuting the tasks' labels does not
    reject where the design is closed, else that of the multi-membership model. `p_permutation` permutes the
    tasks' labels (nan where the design is not closed under relabelling), `p_reml` is that of the model, `p_sign_flip`
    exchanges the members of each pair as if pairs were independent (anticonservative). `effect_size` is the mean
    difference over its standard deviation. `verdict`: is the difference practically `better`, `equal` or `worse`, its
    interval being wholly above, within or below the region of practical equivalence +-`rope`, or `undecided`.
    """

    metric: str
    outcome: str
    n_tasks: int
    n_pairs: int
    difference: float
    low: float
    high: float
    low_tasks: float
    high_tasks: float
    p_permutation: float
    p_reml: float
    p_sign_flip: float
    effect_size: float
    rope: float
    verdict: Judgement

    def to_frame(self) -> pd.DataFrame:
        """The pairs with their differences."""
        return self.tables["pairs"]

    @property
    def sentence(self) -> str:
        """The verdict in words that follow from the numbers."""
        said = {
            "better": "diverse mixtures are practically better than homogeneous ones",
            "worse": "diverse mixtures are practically worse than homogeneous ones",
            "equal": "diverse and homogeneous mixtures are practically equal",
            "undecided": "whether diverse mixtures are better than homogeneous ones is not decided",
        }[self.verdict]
        return (
            f"{self.n_pairs} pairs of mixtures of {self.n_tasks} tasks: {said} on {self.outcome}: {self.difference:+.3g} "
            f"(95 % interval {self.low_tasks:+.3g} to {self.high_tasks:+.3g}; practically none: up to {self.rope:g})."
        )


def compare(
    results: pd.DataFrame | Path | str | Outcomes,
    scores: pd.DataFrame | Path | str | Scores | None = None,
    *,
    metric: str | None = None,
    groups: Mapping[str, str] | str | None = None,
    outcome: str | None = None,
    share: float = 1 / 3,
    match: Sequence[str] = ("k", "budget"),
    rope: float = 0.5,
    seed: int | None = None,
    analysis: Analysis | None = None,
) -> Comparison:
    """Compare diverse with homogeneous mixtures, in pairs of the same number of tasks and the same budget.

    The groups are given (`groups`: mixture -> diverse or homogeneous, or the name of a column of the results), or are
    the `share` of greatest and of least `metric` in `scores` within each stratum of `match` (k, budget, or any column of
    numbers; a budget that the results do not have is passed over). Pairs share as many tasks as they can, each mixture
    being in one pair at most. `results`, `outcome`, `seed` and `analysis` are those of `fit`.

    Raises InputError for tables that cannot be used, and where no stratum has mixtures of both groups.
    """
    if rope < 0 or not math.isfinite(rope):
        raise InputError(f"expected a region of practical equivalence of at least 0, found {rope}")
    asked = (analysis or Analysis()).changed(outcome=outcome, seed=seed)
    runs = read_outcomes(results, english=asked.english, where=asked.where)
    known = _given(groups, runs)
    if known is None and (scores is None or metric is None):
        raise InputError("expected scores and a metric, or groups, to tell diverse mixtures from homogeneous ones")
    table = _as_scores(known, runs) if scores is None or metric is None else scores
    study = read_study(runs, table, metric=metric or "group", outcome=asked.outcome, encoder=asked.encoder)
    strata, notes = _strata(study, match)
    side = matching.split(study.x, strata, share) if known is None else matching.given(known, study.mixtures)
    pairs = matching.pairs(side, strata, study.x, study.weights)
    if not pairs:
        raise InputError(
            f"expected diverse and homogeneous mixtures of the same {' and '.join(match)}, found no such pair"
        )
    numbers = _numbers(study, pairs, asked)
    paired = _table(study, pairs, strata)
    return Comparison(
        metric=study.metric if known is None else "group",
        outcome=study.outcome,
        n_tasks=len(study.tasks),
        n_pairs=len(pairs),
        **numbers,
        rope=rope,
        verdict=_verdict(numbers["low_tasks"], numbers["high_tasks"], rope),
        tables={"pairs": paired, "strata": _by_stratum(paired), "left_out": study.left_out},
        notes=(*study.notes, *notes, *_notes(side, pairs, numbers["low_tasks"])),
    )


def _given(groups: Mapping[str, str] | str | None, runs: Outcomes) -> Mapping[str, str] | None:
    if not isinstance(groups, str):
        return groups
    if groups not in runs.rows.columns:
        raise InputError(f"expected a column {groups!r} of groups in the results, found {', '.join(runs.rows.columns)}")
    named = runs.rows[["mixture", groups]].astype(str).drop_duplicates()
    if (twice := named["mixture"].duplicated()).any():
        raise InputError(f"expected one group of each mixture, found several of {named['mixture'][twice].iloc[0]!r}")
    return dict(zip(named["mixture"], named[groups], strict=True))


def _as_scores(groups: Mapping[str, str] | None, runs: Outcomes) -> pd.DataFrame:
    """Groups in the place of a score, where no score is given."""
    import pandas as pd

    names = [m for m in runs.cells.index if m not in BASELINES]
    side = matching.given(groups or {}, names)
    value = {"diverse": 1.0, "homogeneous": 0.0, "": 0.5}
    shares = [runs.shares[n] for n in names]
    return pd.DataFrame(
        {
            "mixture": names, "metric": "group", "value": [value[s] for s in side],
            "tasks": ["+".join(s) for s in shares], "weights": ["+".join(map(repr, s.values())) for s in shares],
        }
    )  # fmt: skip


def _strata(study: Study, match: Sequence[str]) -> tuple[list[tuple[float, ...]], list[str]]:
    columns, notes = [np.zeros(len(study.x))], []
    for name in match:
        if name == "k":
            columns.append(study.k)
        elif name in study.columns:
            columns.append(study.columns[name].to_numpy(float))
        elif name == "budget":
            notes.append("the results have no column budget: pairs are matched on the rest")
        else:
            raise InputError(f"expected to match on k or a column of numbers, found {name!r}")
    return [tuple(row) for row in np.round(np.column_stack(columns), 9).tolist()], notes


def _numbers(study: Study, pairs: Pairs, analysis: Analysis) -> dict[str, float]:
    diverse, homogeneous = (list(side) for side in zip(*pairs, strict=True))
    difference = study.y[diverse] - study.y[homogeneous]
    n, mean, rng = len(pairs), float(difference.mean()), np.random.default_rng(analysis.seed)
    sd = float(difference.std(ddof=1)) if n > 1 else math.nan
    draws = analysis.bootstrap or BOOTSTRAP
    drawn = rng.choice(difference, (draws, n)).mean(axis=1) if n > 1 else np.array([math.nan])
    low, high = (float(q) for q in np.quantile(drawn, [0.025, 0.975]))
    low_tasks, high_tasks, p_reml = shared_tasks(study.weights[diverse] - study.weights[homogeneous], difference)
    test = label_test(study, diverse, homogeneous, analysis.permutations, rng)
    if test is not None:
        low_tasks, high_tasks = (float(end[0]) for end in test.interval())
    return {
        "difference": mean, "low": low, "high": high, "low_tasks": low_tasks, "high_tasks": high_tasks,
        "p_permutation": math.nan if test is None else float(test.p()[0]), "p_reml": p_reml,
        "p_sign_flip": sign_flip_p(difference, analysis.permutations, rng), "effect_size": mean / sd if sd > 0 else math.nan,
    }  # fmt: skip


def shared_tasks(between: Array, difference: Array) -> tuple[float, float, float]:
    """95 % interval and p-value of the mean of differences (n,) whose pairs differ by the shares `between` (n, T).

    Its variance is sd_task^2 |sum of shares|^2 / n^2 + sd_noise^2 / n, both standard deviations by REML, with Welch and
    Satterthwaite's degrees of freedom: T - 1 of the tasks' part, n - 1 of the rest. nan with fewer than three pairs.
    """
    from scipy.special import stdtr, stdtrit

    n, tasks = between.shape
    if n < 3:
        return math.nan, math.nan, math.nan
    fitted = slopes(between, np.ones(n), difference, np.empty((n, 0)))
    parts = (
        float(fitted.sd_task[0]) ** 2 * float((between.sum(axis=0) ** 2).sum()) / n**2,
        float(fitted.sd_noise[0]) ** 2 / n,
    )
    mean, variance = float(difference.mean()), sum(parts)
    if variance == 0:
        return mean, mean, 0.0 if mean else 1.0
    df = variance**2 / (parts[0] ** 2 / max(tasks - 1, 1) + parts[1] ** 2 / (n - 1))
    half = float(stdtrit(df, 0.975)) * math.sqrt(variance)
    return mean - half, mean + half, float(2 * stdtr(df, -abs(mean) / math.sqrt(variance)))


def label_test(
    study: Study, diverse: Sequence[int], homogeneous: Sequence[int], draws: int, rng: np.random.Generator
) -> permutation.LabelTest | None:
    """The same pairs, of the mixtures that relabelling makes of them; None where the design is not closed."""
    if not study.closed:
        return None
    contrast = np.zeros(len(study.x))
    contrast[diverse], contrast[homogeneous] = 1.0, -1.0
    columns = np.column_stack([study.y, contrast / 2])  # a difference of 1 is half up, half down
    order, exact = permutation.labels(len(study.tasks), draws, rng)
    a, b = (
        np.concatenate([moved @ contrast for moved in permutation.relabelled(study.weights, order, column)])
        / len(diverse)
        for column in columns.T
    )
    sums = np.array([[study.y @ study.y], [study.y @ contrast], [contrast @ contrast]])
    a, b, none = (a - a.mean())[None], b - b.mean(), np.zeros_like(b)
    return permutation.LabelTest(a, b, none[None], none, (sums, sums), (1.0, 0, 0), exact)


def sign_flip_p(difference: Array, draws: int, rng: np.random.Generator) -> float:
    """Two-sided p-value of differences (n,) whose signs are exchanged, all ways up to 14 pairs, else `draws` times."""
    n = len(difference)
    if n <= FLIPS:
        signs = 1.0 - 2.0 * (np.arange(2**n)[:, None] >> np.arange(n) & 1)
    else:
        signs = np.concatenate([np.ones((1, n)), rng.choice([-1.0, 1.0], (draws, n))])
    statistic = np.abs(signs @ difference)
    return float(np.mean(statistic >= statistic[0] * (1 - 1e-9)))


def _verdict(low: float, high: float, rope: float) -> Judgement:
    if low > rope:
        return "better"
    if high < -rope:
        return "worse"
    return "equal" if low >= -rope and high <= rope else "undecided"


def _table(study: Study, pairs: Pairs, strata: Sequence[tuple[float, ...]]) -> pd.DataFrame:
    import pandas as pd

    label = [", ".join(f"{v:g}" for v in s[1:]) or "all" for s in strata]
    names, x, y, weights = study.mixtures, study.x, study.y, study.weights
    rows = [
        (
            names[a],
            names[b],
            label[a],
            x[a],
            x[b],
            y[a],
            y[b],
            y[a] - y[b],
            float(np.minimum(weights[a], weights[b]).sum()),
        )
        for a, b in pairs
    ]
    columns = ["diverse", "homogeneous", "stratum", "diversity_diverse", "diversity_homogeneous"]
    return pd.DataFrame(rows, columns=[*columns, "outcome_diverse", "outcome_homogeneous", "difference", "shared"])


def _by_stratum(paired: pd.DataFrame) -> pd.DataFrame:
    return paired.groupby("stratum", sort=False)["difference"].agg(["size", "mean", "std"]).reset_index()


def _notes(side: Sequence[str], pairs: Pairs, low: float) -> list[str]:
    notes = []
    unpaired = sum(s != "" for s in side) - 2 * len(pairs)
    if unpaired:
        notes.append(f"{unpaired} mixtures of a group have no partner and are not compared")
    if math.isnan(low):
        notes.append(f"{len(pairs)} pairs are too few for an interval that knows of shared tasks: nothing is decided")
    return notes
