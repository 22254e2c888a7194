"""`compare`: diverse against homogeneous mixtures, in matched pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from diversity import catalog
from diversity.display import numbers
from diversity.display.summary import Summary
from diversity.stats import matching, model, paired, sentences
from diversity.stats.analysis import Analysis
from diversity.stats.declared import GROUPS
from diversity.stats.paired import PairedTest, Pairs
from diversity.stats.permutation import Relabelled, SetScores, labels
from diversity.stats.relabelling import Relabelling
from diversity.stats.result import Result
from diversity.studies.outcomes import Outcomes, read_outcomes
from diversity.studies.scores import Scores, read_scores
from diversity.studies.study import Study, read_study
from diversity.studies.tables import BASELINES, canonical
from diversity.studies.weights import closed, size_means
from diversity.types import Array, InputError

if TYPE_CHECKING:
    import pandas as pd

Judgement = Literal["better", "equal", "worse", "undecided"]
BOOTSTRAP = 10_000  # draws of pairs
ROPE = 0.5  # points of accuracy
BY_METRIC = "metric"  # in the place of groups: by the metric, whatever the results declare
MATCH = ("k", "budget")
FEWEST = 3  # pairs: two have no interval
SIMULATED = 1999  # draws of the parametric bootstrap
RELABELLINGS = 1999  # for each of which groups and pairs are formed again


@dataclass(frozen=True, repr=False)
class Comparison(Result):
    """Diverse minus homogeneous, in outcome units (accuracy points), over matched pairs.

    `low` and `high` are the interval of a bootstrap over pairs, `low_tasks` and `high_tasks` one that knows that
    pairs share tasks, on which the verdict rests: the differences that the primary test (`primary`, `p`) does not reject,
    both of level 1 - `alpha`. `p_permutation` permutes the tasks' labels, and forms groups and pairs again (nan where that
    cannot be had); `p_reml` is a parametric bootstrap with the variances of tasks and noise of all mixtures;
    `p_sign_flip` exchanges the members of each pair as if pairs were independent. `effect_size` is the mean difference
    over its standard deviation. `verdict`: is the difference practically `better`, `equal` or `worse`, its interval being
    wholly above, within or below the region of practical equivalence +-`rope`, or `undecided`; where `lower_is_better`, a
    negative difference is better. `better` and `worse` must hold given what each task is worth, too
    (table `members`): that diverse mixtures do well for the good tasks in them is no effect of mixing. `rope`
    is nan where the outcomes are not in points of 100 and none was given: then `better` and `worse` are by the interval
    alone and nothing is `equal`. `why` says why there is no test.
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
    primary: str
    p: float
    alpha: float
    lower_is_better: bool
    in_points: bool
    why: str

    def to_frame(self) -> pd.DataFrame:
        """The pairs with their differences."""
        return self.tables["pairs"]

    @property
    def sentence(self) -> str:
        """The verdict in words that follow from the numbers."""
        return sentences.of_comparison(self)

    @property
    def card(self) -> Summary:
        """What a reader sees first."""
        return sentences.card_of_comparison(self)


def compare(
    results: pd.DataFrame | Path | str | Outcomes,
    scores: pd.DataFrame | Path | str | Scores | None = None,
    *,
    metric: str | None = None,
    groups: Mapping[str, str] | str | None = None,
    outcome: str | None = None,
    share: float = 1 / 3,
    match: Sequence[str] | None = None,
    analysis: Analysis | None = None,
) -> Comparison:
    """Compare diverse with homogeneous mixtures, in pairs of the same number of tasks and the same budget.

    The groups are given (`groups`: mixture -> diverse or homogeneous, or the name of a column of the results), or
    declared by the results: a grid writes the columns `role` and `pair` of its design. Else they are the `share` of
    greatest and of least `metric` in `scores`, within each stratum of `match` (k, budget, or any column of numbers; a
    budget that the results do not have is passed over). Pairs are those declared where groups are a column and `match` is
    not given; else they share as many tasks as they can, each mixture being in one pair at most. `results`, `outcome` and
    `analysis` are those of `fit`.

    Where the scores of relabelled mixtures can be had and the groups are those of the score, the primary test permutes the
    tasks' labels and forms groups and pairs again; else it is a parametric bootstrap.

    Parameters
    ----------
    results
        Results with the columns `mixture, target, language, seed, metric, value`: a table (pandas, polars or Arrow), a
        CSV or Parquet file, or results that are checked already.
    scores
        Scores with the columns `mixture, metric, value`, as `score` returns them: a table, a file, or checked scores.
    metric
        Metric that divides the mixtures into diverse and homogeneous ones.
    groups
        Mixture -> `diverse` or `homogeneous`, or the name of a column of the results that says so. Default: the column
        `role`, where the results declare both groups in it; `metric`: by the metric, whatever is declared.
    outcome
        `mean9`, `mean7`, `retrieval`, `mean`, or a target.
    share
        Part of the mixtures of each stratum that counts as diverse, and as homogeneous.
    match
        Columns in which the two mixtures of a pair are alike. Default: the pairs that the results declare, else those
        of one number of tasks (`k`) and one `budget`.
    analysis
        How the question is asked and tested; the defaults do for most studies.

    Returns
    -------
    Comparison
        Verdict, difference, interval and the table of pairs.

    Raises
    ------
    InputError
        For tables that cannot be used, and where no stratum has mixtures of both groups.

    Examples
    --------
    >>> import pandas as pd
    >>> mixtures = ["a+b", "a+c", "b+c", "a+d", "b+d", "c+d"]
    >>> scores = pd.DataFrame({"mixture": mixtures, "metric": "cosine", "value": [0.9, 0.8, 0.7, 0.6, 0.5, 0.4]})
    >>> rows = [(m, "xnli", "en", s, "accuracy", 60 + i + s) for i, m in enumerate(mixtures) for s in (1, 2)]
    >>> results = pd.DataFrame(rows, columns=["mixture", "target", "language", "seed", "metric", "value"])
    >>> compare(results, scores, metric="cosine", outcome="xnli").verdict
    'undecided'
    """
    asked = (analysis or Analysis()).changed(outcome=outcome)
    runs = read_outcomes(results, english=asked.english, where=asked.where, lower_is_better=asked.lower_is_better)
    if declared := groups is None and matching.declares(runs):
        groups = matching.ROLE
    known = None if groups == BY_METRIC else _given(groups, runs)
    if known is None and (scores is None or metric is None):
        raise InputError("expected scores and a metric, or groups, to tell diverse mixtures from homogeneous ones")
    table = read_scores(_as_scores(known, runs) if scores is None or metric is None else scores)
    study = read_study(runs, table, metric=metric or GROUPS, outcome=asked.outcome, encoder=asked.encoder)
    sides = None if known is None else matching.given(known, study.mixtures)
    chosen = isinstance(groups, str) and match is None and sides is not None
    numbered = matching.declared_pairs(runs, sides, study.mixtures) if chosen and sides else []
    strata, notes = _strata(study, MATCH if match is None else match)
    if numbered:
        notes = []
    if declared:
        columns = "columns role and pair of the results declare" if numbered else "column role of the results declares"
        notes.append(f"the groups are those that the {columns}; --groups metric: by the metric")
    matched = Matched(study, strata, notes, share, sides, numbered)
    pairs = matched.pairs(study.x)
    if not pairs:
        same = " and ".join(MATCH if match is None else match)
        raise InputError(f"expected diverse and homogeneous mixtures of the same {same}, found no such pair")
    relabelling = Relabelling.of(table, study.metric, study.encoder, None if known is not None else asked.scorers)
    return _compared(matched, pairs, model.Tester(relabelling, asked))


@dataclass(frozen=True)
class Matched:
    """How the mixtures of a study are put into groups and pairs: within strata, by diversity or by the groups given."""

    study: Study
    strata: list[tuple[float, ...]]
    notes: list[str]
    share: float
    given: list[str] | None
    declared: Pairs

    def groups(self, x: Array) -> list[str]:
        """The group of each mixture by its diversity x (M,), or as given."""
        return matching.split(x, self.strata, self.share) if self.given is None else self.given

    def pairs(self, x: Array) -> Pairs:
        """Pairs of a diverse and a homogeneous mixture."""
        return self.declared or matching.pairs(self.groups(x), self.strata, x, self.study.weights)

    def relabelled_pairs(self, side: Array) -> Pairs:
        """Pairs of the mixtures that relabelling makes of the groups given: `side` (M,) is 1, 0.5 or 0."""
        groups = ["diverse" if s > 0.75 else "homogeneous" if s < 0.25 else "" for s in side]
        return matching.pairs(groups, self.strata, side, self.study.weights)


def _given(groups: Mapping[str, str] | str | None, runs: Outcomes) -> Mapping[str, str] | None:
    if not isinstance(groups, str):
        known = {*runs.cells.index, *runs.failed["mixture"]}
        for name, group in dict(groups or {}).items():
            if str(group).strip() in matching.GROUPS and canonical(str(name)) not in known:
                raise catalog.near(str(name), sorted(map(str, known)), "mixture (it has a group and no results)")
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
            "mixture": names, "metric": GROUPS, "value": [value[s] for s in side],
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


def _compared(matched: Matched, pairs: Pairs, tester: model.Tester) -> Comparison:
    """The mean difference of the pairs, its tests and its verdict."""
    study, asked = matched.study, tester.analysis
    diverse, homogeneous = (list(side) for side in zip(*pairs, strict=True))
    differences = study.y[diverse] - study.y[homogeneous]
    mean, n, rng = float(differences.mean()), len(pairs), np.random.default_rng(asked.seed)
    sd = float(differences.std(ddof=1)) if n > 1 else math.nan
    drawn = (
        rng.choice(differences, (asked.bootstrap or BOOTSTRAP, n)).mean(axis=1) if n >= FEWEST else np.array([math.nan])
    )
    ends = [float(q) for q in np.quantile(drawn, [asked.alpha / 2, 1 - asked.alpha / 2])]
    region = (ROPE if study.in_points else math.nan) if asked.rope is None else asked.rope
    tests = _tests(matched, pairs, tester, rng)
    by_labels, bootstrap, primary = tests.by_labels, tests.bootstrap, tests.primary
    low, high = (math.nan, math.nan) if primary is None else primary.interval(asked.alpha)
    verdict = _verdict(low, high, region, study.lower_is_better)
    if primary is not None and verdict in ("better", "worse") and not tests.holds(primary.difference, asked.alpha):
        verdict = "undecided"
    rows = _table(study, pairs, matched.strata)
    p_permutation, p_reml = (math.nan if test is None else test.p() for test in (by_labels, bootstrap))
    return Comparison(
        metric=study.metric if matched.given is None else GROUPS,
        outcome=study.outcome,
        n_tasks=len(study.tasks),
        n_pairs=n,
        difference=mean,
        low=ends[0],
        high=ends[1],
        low_tasks=low,
        high_tasks=high,
        p_permutation=p_permutation,
        p_reml=p_reml,
        p_sign_flip=paired.sign_flip_p(differences, asked.permutations, rng),
        effect_size=mean / sd if sd > 0 else math.nan,
        rope=region,
        verdict=verdict,
        primary="task-label permutation" if by_labels else "parametric bootstrap" if bootstrap else "no test",
        p=p_permutation if by_labels else p_reml,
        alpha=asked.alpha,
        lower_is_better=study.lower_is_better,
        in_points=study.in_points,
        why="" if primary else tests.why,
        tables={
            "pairs": rows,
            "strata": _by_stratum(rows),
            "members": tests.table(asked.alpha),
            "left_out": study.left_out,
        },
        notes=(
            *study.notes,
            *matched.notes,
            *_notes(matched.groups(study.x), pairs, study, region),
            *tests.notes(asked.alpha),
        ),
    )


@dataclass(frozen=True)
class _Tests:
    """The tests of one mean difference: by task labels and by the bootstrap, where they can be had (else `why`), and the
    primary one given what each task is worth: None where it is not asked, else with the reason `untested` if it is None."""

    by_labels: PairedTest | None = None
    bootstrap: PairedTest | None = None
    given_tasks: PairedTest | None = None
    why: str = ""
    untested: str = ""

    @property
    def primary(self) -> PairedTest | None:
        """The test that the verdict rests on, if there is one."""
        return self.by_labels or self.bootstrap

    def holds(self, difference: float, alpha: float) -> bool:
        """Is a difference that the primary test shows also one given what each task is worth, where that is asked?"""
        given = self.given_tasks
        if given is None:
            return not self.untested
        return given.p() <= alpha and given.difference * difference > 0

    def table(self, alpha: float) -> pd.DataFrame:
        """The difference by the primary test, given nothing and given what each task is worth."""
        import pandas as pd

        rows = [("nothing", self.primary), ("what each task is worth", self.given_tasks)]
        numbers = [(given, t.difference, *t.interval(alpha), t.p()) for given, t in rows if t is not None]
        return pd.DataFrame(numbers, columns=["given", "difference", "low", "high", "p"])

    def notes(self, alpha: float) -> list[str]:
        """What a reader of the verdict must know of the second condition."""
        primary, given = self.primary, self.given_tasks
        if primary is None or primary.p() > alpha or self.holds(primary.difference, alpha):
            return []
        if given is None:
            return [
                f"the difference cannot be told apart from what the tasks are worth, so none is decided: {self.untested}"
            ]
        shown = f"{numbers.signed(given.difference)}, {numbers.p_value(given.p())}"
        return [f"the difference does not hold given what each task is worth ({shown}), so none is decided"]


def _tests(matched: Matched, pairs: Pairs, tester: model.Tester, rng: np.random.Generator) -> _Tests:
    """The tests of the mean difference of the pairs, and why there are none."""
    study, n = matched.study, len(pairs)
    if n < FEWEST:
        verb = "is" if n == 1 else "are"
        return _Tests(why=f"{numbers.count(n, 'pair')} {verb} too few for an interval that allows for shared tasks")
    relabelled, pairs_of = _relabelled(matched, tester)
    choice = model.primary_test(
        study.weights, relabelled=isinstance(relabelled, Relabelled), chosen_by_diversity=tester.chosen(study)
    )
    again = None
    if choice.test == "labels" and isinstance(relabelled, Relabelled):
        again = paired.RelabelledPairs.of(relabelled.fewer(RELABELLINGS, rng), pairs, pairs_of)
    by_labels, bootstrap, why = None if again is None else again.test(study.y), None, choice.why
    try:
        components = paired.PairedComponents.of(study.weights, pairs)
        if again or choice.test == "bootstrap":
            bootstrap = components.test(study.y, draws=SIMULATED, rng=rng)
    except InputError as error:
        why = why or str(error)
    if (by_labels or bootstrap) is None:
        return _Tests(why=why)
    given, untested = _given_tasks(study, pairs, again, chosen=tester.chosen(study), rng=rng)
    return _Tests(by_labels, bootstrap, given, untested=untested)


def _given_tasks(
    study: Study, pairs: Pairs, again: paired.RelabelledPairs | None, *, chosen: bool, rng: np.random.Generator
) -> tuple[PairedTest | None, str]:
    """The primary test given what each task is worth; or why there is none, where it is asked.

    Good tasks that happen to be diverse make diverse mixtures good, and that is no effect of mixing: so it is asked of all
    studies of mixtures. Where single tasks were not trained, what they are worth is fitted to the mixtures alone.
    """
    if not (study.k > 1).any():
        return None, ""
    free = model.beyond_sizes(study.weights, np.column_stack([size_means(study.weights), study.weights]))
    choice = model.primary_test(
        study.weights, relabelled=again is not None, chosen_by_diversity=chosen, covariates=free
    )
    if choice.test == "none":
        return None, choice.why
    try:
        if again is not None:
            return again.given_tasks(study.y), ""
        return paired.PairedComponents.of(study.weights, pairs, given_tasks=True).test(
            study.y, draws=SIMULATED, rng=rng
        ), ""
    except InputError as error:
        return None, str(error)


def _relabelled(matched: Matched, tester: model.Tester) -> tuple[Relabelled | str, Callable[[Array], Pairs]]:
    """The diversity of relabelled mixtures, and how it makes pairs; of groups given, their sides in a closed design."""
    study = matched.study
    if matched.given is None:
        return tester.relabelled(study), lambda z: matched.pairs(z * study.sd)
    if matched.declared or not closed(study.weights):
        return "the groups of relabelled mixtures are not known", matched.relabelled_pairs
    side = np.array([{"diverse": 1.0, "homogeneous": 0.0}.get(g, 0.5) for g in matched.given])
    orders, exact = labels(len(study.tasks), tester.analysis.permutations, np.random.default_rng(tester.analysis.seed))
    return Relabelled(study.weights, orders, exact, SetScores.of(study.weights > 0, side)), matched.relabelled_pairs


def _verdict(low: float, high: float, rope: float, lower_is_better: bool) -> Judgement:
    region = 0.0 if math.isnan(rope) else rope
    if low > region:
        return "worse" if lower_is_better else "better"
    if high < -region:
        return "better" if lower_is_better else "worse"
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


def _notes(side: Sequence[str], pairs: Pairs, study: Study, region: float) -> list[str]:
    notes = []
    unpaired = sum(s != "" for s in side) - 2 * len(pairs)
    if unpaired:
        verb = "has no partner and is" if unpaired == 1 else "have no partner and are"
        notes.append(f"{numbers.count(unpaired, 'mixture')} of a group {verb} not compared")
    if math.isnan(region):
        why = "lower outcomes are better" if study.lower_is_better else "the outcomes are not in points of 100"
        notes.append(f"{why}, so there is no region of practical equivalence: give one with --rope")
    return notes
