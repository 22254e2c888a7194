"""The verdict on tables whose answer is known, and the numbers under their names."""

import json
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import diversity
from diversity.stats import permutation
from diversity.types import InputError

CONTRACT = (
    "metric outcome n_tasks n_mixtures slope_per_sd low high p_permutation p_reml p_ols_naive pearson spearman kendall "
    "r2_leave_one_task_out baselines minimum_detectable_slope verdict"
).split()


def tables(designs, rng, *, tasks=6, sizes=(1, 2, 3), slope=0.0, noise=0.2, effect=1.0, **options):
    weights = designs.subsets(tasks, sizes)
    x = designs.rao(weights, rng) if max(sizes) > 1 else rng.normal(size=len(weights))
    z = (x - x.mean()) / x.std(ddof=1)
    y = 60 + weights @ rng.normal(0, effect, tasks) + slope * z + noise * rng.normal(size=len(x))
    return designs.results(weights, y, languages=("en",), **options), designs.scores(weights, x), x, y


def test_an_effect_is_found_with_the_names_of_the_contract(designs, rng):
    results, scores, x, y = tables(designs, rng, slope=0.8)
    fit = diversity.fit(results, scores, metric="cosine")
    assert list(fit.to_dict())[: len(CONTRACT)] == CONTRACT
    assert json.loads(json.dumps(fit.to_dict(), allow_nan=False))["verdict"] == "positive"
    assert (fit.n_tasks, fit.n_mixtures, fit.outcome) == (6, 41, "mean9")
    assert fit.slope_per_sd == pytest.approx(0.8 * fit.sd / x.std(ddof=1), abs=0.2)
    assert fit.low < fit.slope_per_sd < fit.high
    assert fit.p_permutation < 0.05
    assert fit.p_reml < 0.05
    assert fit.p_ols_naive == pytest.approx(stats.linregress(x, y).pvalue)
    assert fit.pearson == pytest.approx(stats.pearsonr(x, y).statistic)
    assert fit.spearman == pytest.approx(stats.spearmanr(x, y).statistic)
    assert fit.kendall == pytest.approx(stats.kendalltau(x, y).statistic)
    assert set(fit.baselines) == {"k", "log_budget", "single_mean"}
    assert fit.baselines["log_budget"] is None
    assert 0 < fit.minimum_detectable_slope < 0.8
    assert "More diverse mixtures did better. Mixtures one standard deviation more diverse scored " in fit.sentence
    names = (
        "methods predictive members design mixtures correlations partial targets heterogeneity languages shapes prediction "
        "influence cook ranking measurement degenerate left_out specifications targets_by_metric null power"
    )
    assert set(fit.tables) == set(names.split())
    assert all(isinstance(t, pd.DataFrame) for t in fit.tables.values())
    negative = diversity.fit(results, scores.assign(value=-x), metric="cosine", details=False)
    assert negative.verdict == "negative"
    assert negative.slope_per_sd == pytest.approx(-fit.slope_per_sd)
    assert negative.p_permutation == pytest.approx(fit.p_permutation)


def test_no_effect_is_not_established(designs):
    verdicts = []
    for seed in range(8):
        results, scores, *_ = tables(designs, np.random.default_rng(seed), tasks=5, targets=("xnli",))
        verdicts.append(diversity.fit(results, scores, metric="cosine", outcome="xnli", details=False).verdict)
    assert verdicts.count("not established") >= 6


def test_a_good_task_that_is_diverse_is_no_effect_of_diversity(designs, rng):
    """Diversity is the mean of the tasks' own, and so is accuracy: what each task is worth explains all of it."""
    weights = designs.subsets(7, [1, 2, 3])
    own = np.arange(7.0)
    noise = 0.02 * rng.normal(size=len(weights))
    results = designs.results(weights, 60 + weights @ (own + 0.1 * rng.normal(size=7)) + noise, languages=("en",))
    scores = designs.scores(weights, weights @ own + 1e-3 * rng.normal(size=len(weights)))
    fit = diversity.fit(results, scores, metric="cosine", details=False)
    assert fit.p_permutation < 0.01
    assert fit.verdict == "not established"
    assert any("does not hold given what each task is worth" in n for n in fit.notes)
    alone = results[results["mixture"].str.contains("+", regex=False)]
    without = diversity.fit(alone, scores, metric="cosine", details=False)
    assert without.verdict == "positive"
    assert any("not every task was trained alone" in n for n in without.notes)


def test_a_lost_mixture_changes_little(designs, rng):
    """The scores have what relabelling makes of the mixtures, also of those that were lost."""
    results, scores, *_ = tables(designs, rng, slope=0.8, sizes=(2, 3))
    whole = diversity.fit(results, scores, metric="cosine", details=False)
    some = results[results["mixture"] != results["mixture"].iloc[-1]]
    fit = diversity.fit(some, scores, metric="cosine", details=False)
    assert fit.p_permutation == pytest.approx(whole.p_permutation, abs=0.02)
    assert fit.verdict == whole.verdict == "positive"
    assert fit.slope_per_sd == pytest.approx(whole.slope_per_sd, rel=0.1)


@pytest.mark.parametrize("tasks", [7, 9])
def test_a_curve_of_the_number_of_tasks_is_no_effect_of_diversity(tasks, designs):
    """Accuracy 60 + 3 (1 - 1/k) and one mixture lost of all: with a line in k, p = 6e-21."""
    rng = np.random.default_rng(tasks)
    weights = designs.subsets(tasks, range(1, tasks + 1))
    x, k = designs.rao(weights, rng), (weights > 0).sum(axis=1)
    y = 60 + 3 * (1 - 1 / k) + weights @ rng.normal(size=tasks) + 0.1 * rng.normal(size=len(x))
    results = designs.results(weights, y, targets=("xnli",), languages=("en",))
    some = results[results["mixture"] != "anli_plus+ccg"]
    fit = diversity.fit(some, designs.scores(weights, x), metric="cosine", outcome="xnli", details=False)
    assert fit.n_mixtures == 2**tasks - 2
    assert fit.verdict == "not established"
    assert fit.p_permutation > 0.05
    assert any("alone of its number of tasks" in n for n in fit.notes)


def test_an_open_design_without_scores_of_relabelled_mixtures_is_judged_by_a_bootstrap(designs, rng):
    weights = designs.subsets(9, [3])[::4]
    x = designs.rao(weights, rng)
    y = 60 + weights @ rng.normal(size=9) + 0.8 * (x - x.mean()) / x.std() + 0.1 * rng.normal(size=21)
    results, scores = designs.results(weights, y, languages=("en",)), designs.scores(weights, x)
    fit = diversity.fit(results, scores, metric="cosine", details=False)
    assert math.isnan(fit.p_permutation)
    assert fit.to_dict()["p_permutation"] is None
    assert fit.verdict == "positive"
    assert any("not in the table: give the moments or vectors" in n for n in fit.notes)
    assert fit.to_frame().query("primary")["method"].tolist() == ["multi-membership REML, parametric bootstrap"]
    few = diversity.fit(
        results[results["mixture"].isin(designs.names(weights)[:6])], scores, metric="cosine", details=False
    )
    assert few.verdict == "not established"
    assert "No answer. Too few mixtures for a verdict" in few.sentence
    many = designs.subsets(9, [3])[:-1]
    y = 60 + many @ rng.normal(size=9) + rng.normal(size=83)
    lost = diversity.fit(
        designs.results(many, y, languages=("en",)),
        designs.scores(many, designs.rao(many, rng)),
        metric="cosine",
        details=False,
    )
    assert math.isnan(lost.p)
    assert "interactions would pass for diversity" in lost.why


def test_mixtures_chosen_by_their_diversity_are_not_relabelled(designs, rng):
    results, scores, *_ = tables(designs, rng, slope=0.8, tasks=7, sizes=(1, 3))
    roles = {name: "single" if "+" not in name else "diverse" for name in results["mixture"].unique()}
    some = results[~results["mixture"].isin(list(roles)[-16:])]
    chosen = some.assign(role=some["mixture"].map(roles))
    fit = diversity.fit(chosen, scores, metric="cosine", details=False)
    assert fit.primary == "multi-membership REML, parametric bootstrap"
    assert any("chosen by their diversity" in n for n in fit.notes)
    free = diversity.fit(
        chosen, scores, metric="cosine", details=False, analysis=diversity.Analysis(chosen_by_diversity=False)
    )
    assert free.primary.startswith("task-label permutation")


class Quadratic:
    """A scorer of mixtures by the mean distance of their tasks."""

    def __init__(self, names, distances):
        self.names, self.distances = names, distances

    def values(self, weights):
        return np.einsum("ma,ab,mb->m", weights, self.distances, weights)


def test_a_scorer_gives_what_the_table_lacks(designs, rng):
    tasks, weights = designs.TASKS[:7], designs.subsets(7, [2, 3])[::2]
    distances = np.triu(rng.random((7, 7)), 1)
    scorer = Quadratic(tasks, distances + distances.T)
    x = scorer.values(weights)
    y = 60 + weights @ rng.normal(size=7) + 0.8 * (x - x.mean()) / x.std() + 0.1 * rng.normal(size=len(x))
    results, scores = designs.results(weights, y, languages=("en",)), designs.scores(weights, x)
    fit = diversity.fit(results, scores, metric="cosine", details=False, analysis=diversity.Analysis(scorers=scorer))
    assert fit.primary == "task-label permutation (all 5,040)"
    every = designs.subsets(7, [2, 3])
    table = diversity.fit(results, designs.scores(every, scorer.values(every)), metric="cosine", details=False)
    assert table.p == fit.p
    other = Quadratic(tasks, np.ones((7, 7)))
    told = diversity.fit(results, scores, metric="cosine", details=False, analysis=diversity.Analysis(scorers=other))
    assert math.isnan(told.p_permutation)
    assert "the moments give other scores than the table" in told.why


def test_unequal_weights_need_a_scorer(designs, rng):
    """Anything concave in the shares passes for diversity: without relabelled scores there is no verdict."""
    tasks, weights = designs.TASKS[:8], rng.dirichlet(np.full(8, 0.4), 60)
    distances = np.triu(rng.random((8, 8)), 1)
    scorer = Quadratic(tasks, distances + distances.T)
    names = [f"run{i}" for i in range(60)]
    y = 60 - 2 * np.exp(-3 * weights).sum(axis=1) + 0.1 * rng.normal(size=60)
    results = pd.DataFrame(
        {"mixture": names, "target": "xnli", "language": "en", "seed": 1, "metric": "accuracy", "value": y}
    )
    scores = pd.DataFrame(
        {"mixture": names, "metric": "cosine", "value": scorer.values(weights), "tasks": "+".join(tasks),
         "weights": ["+".join(map(repr, w.tolist())) for w in weights]}
    )  # fmt: skip
    options = {"metric": "cosine", "outcome": "xnli", "details": False}
    fit = diversity.fit(results, scores, **options)
    assert fit.verdict == "not established"
    assert "diminishing returns" in fit.why
    assert "give the moments or vectors" in fit.why
    tested = diversity.fit(results, scores, **options, analysis=diversity.Analysis(scorers=scorer, permutations=499))
    assert tested.primary == "task-label permutation (drawn, 500)"
    assert 0.002 <= tested.p <= 1
    assert tested.p_error == pytest.approx(math.sqrt(tested.p * (1 - tested.p) / 500))


def test_losses_are_read_the_right_way(designs, rng):
    results, scores, *_ = tables(designs, rng, slope=-0.4, targets=("own",))
    loss = results.assign(metric="valid_loss", value=results["value"] / 20)
    fit = diversity.fit(loss, scores, metric="cosine", outcome="own")
    assert fit.slope_per_sd < 0
    assert fit.verdict == "positive"
    assert fit.lower_is_better
    assert fit.sentence.startswith("More diverse mixtures did better. ")
    assert "Lower is better." in fit.sentence
    turned = diversity.fit(
        loss, scores, metric="cosine", outcome="own", details=False, analysis=diversity.Analysis(lower_is_better=False)
    )
    assert turned.verdict == "negative"
    assert turned.p == fit.p
    best = fit.tables["ranking"].set_index("ranked_by").loc["diversity"]
    assert best["ndcg"] > fit.tables["ranking"].set_index("ranked_by").loc["chance", "ndcg"]
    column = diversity.fit(results.assign(lower_is_better="yes"), scores, metric="cosine", outcome="own", details=False)
    assert column.verdict == "positive"
    both = pd.concat([results, loss.assign(target="other")])
    with pytest.raises(InputError, match="all better where higher, or all where lower"):
        diversity.fit(both, scores, metric="cosine", outcome="mean")


def test_one_level_everywhere(designs, rng):
    results, scores, *_ = tables(designs, rng, slope=0.3, tasks=5, targets=("xnli", "panx"))
    five = diversity.fit(results, scores, metric="cosine", outcome="mean")
    twenty = diversity.fit(results, scores, metric="cosine", outcome="mean", analysis=diversity.Analysis(alpha=0.2))
    assert "95 % CI" in five.sentence
    assert "80 % CI" in twenty.sentence
    for name in ("methods", "targets", "languages", "correlations", "influence", "specifications"):
        one, other = (f.tables[name].dropna(subset=["low", "high"]) for f in (five, twenty))
        wide, narrow = (t["high"] - t["low"] for t in (one, other))
        assert (narrow <= wide.to_numpy() + 1e-9).all(), name
        assert narrow.sum() < wide.sum(), name


def test_single_tasks_are_an_ordinary_correlation(designs, rng):
    results, scores, x, y = tables(designs, rng, tasks=8, sizes=(1,), slope=3.0, targets=("xnli",))
    fit = diversity.fit(results, scores, metric="cosine", outcome="xnli", details=False)
    assert fit.slope_per_sd == pytest.approx(stats.linregress(x, y).slope * x.std(ddof=1))
    assert fit.p_reml == pytest.approx(fit.p_ols_naive, abs=0.03)
    assert any("each mixture is one task" in n for n in fit.notes)


def test_a_score_that_counts_tasks_gets_no_verdict(designs, rng):
    results, scores, *_ = tables(designs, rng)
    count = scores.assign(value=scores["mixture"].str.count(r"\+") + 1.0)
    for table in (results, results[results["mixture"] != "ccg"]):
        fit = diversity.fit(table, count, metric="cosine")
        assert fit.verdict == "not established"
        assert all(math.isnan(v) for v in (fit.p, fit.p_permutation, fit.p_reml, fit.low, fit.high, fit.slope_per_sd))
        assert "cannot be told apart from that of the number of tasks" in fit.sentence
        assert "specifications" not in fit.tables


def test_the_shipped_grid_says_nothing_of_hill_numbers():
    grid = Path(__file__).parents[2] / "analyses" / "grid"
    fit = diversity.fit(grid / "results.csv", grid / "scores.csv", metric="hill(q=1)", outcome="mean", details=False)
    assert fit.verdict == "not established"
    assert math.isnan(fit.p)


def test_covariates_of_the_mixtures_stay_with_their_outcomes(designs, rng):
    results, scores, x, _ = tables(designs, rng, slope=0.8)
    noise = dict(zip(scores["mixture"], rng.normal(size=len(x)), strict=True))
    options = {"metric": "cosine", "analysis": diversity.Analysis(permutations=500), "details": False}
    fit = diversity.fit(results.assign(steps=results["mixture"].map(noise)), scores, covariates=["steps"], **options)
    assert fit.primary == "task-label permutation (all 720)"
    assert fit.verdict == "positive"
    more = pd.concat([scores, scores.assign(metric="other", value=rng.normal(size=len(x)))])
    moved = diversity.fit(results, more, covariates=["other"], **options)
    assert moved.primary == fit.primary  # the covariate moves with the labels, and is in the table for all of them
    assert moved.verdict == "positive"
    some = results[results["mixture"] != results["mixture"].iloc[-1]]
    lost = more[(more["metric"] == "cosine") | (more["mixture"] != results["mixture"].iloc[-1])]
    unknown = diversity.fit(some, lost, covariates=["other"], **options)
    assert math.isnan(unknown.p_permutation)
    assert "of the covariate other, the scores of relabelled mixtures are not in the table" in unknown.why
    with pytest.raises(InputError, match="unknown covariate 'othr': did you mean other"):
        diversity.fit(results, more, metric="cosine", covariates=["othr"])
    with pytest.raises(InputError, match="more than a linear function of"):
        diversity.fit(results, more, metric="cosine", covariates=["cosine"])


def test_degenerate_tables_are_explained(designs, rng):
    results, scores, *_ = tables(designs, rng, tasks=5, targets=("xnli", "panx"))
    flat = diversity.fit(results.assign(value=50.0), scores, metric="cosine", outcome="mean")
    assert flat.verdict == "not established"
    assert flat.record()["pearson"] is None
    assert any("nothing to explain" in n for n in flat.notes)
    few, little, *_ = tables(designs, rng, tasks=3, sizes=(1, 2))
    three = diversity.fit(few, little, metric="cosine")
    assert three.verdict == "not established"
    four = diversity.fit(*tables(designs, rng, tasks=4, sizes=(1,))[:2], metric="cosine")
    assert four.n_mixtures == 4
    one = diversity.fit(*tables(designs, rng, targets=("xnli",))[:2], metric="cosine", outcome="xnli")
    assert len(one.tables["targets"]) == 1
    assert math.isnan(one.tables["predictive"]["r2_leave_one_target_out"].iloc[0])
    with pytest.raises(InputError, match="alpha between 0 and 1"):
        diversity.Analysis(alpha=5)
    with pytest.raises(InputError, match="at least 100"):
        diversity.Analysis(permutations=1)


def test_the_same_seed_the_same_numbers(designs, rng, monkeypatch):
    monkeypatch.setattr(permutation, "ALL", 3)
    results, scores, *_ = tables(designs, rng, targets=("xnli", "own"))
    analysis = diversity.Analysis(outcome="mean", permutations=300, bootstrap=100)
    options = {"metric": "cosine", "analysis": analysis, "details": False}
    first, again, other = (diversity.fit(results, scores, **options, seed=s) for s in (1, 1, 2))
    assert first.to_dict() == again.to_dict()
    assert first.p_permutation != other.p_permutation
    assert first.p_permutation == pytest.approx(other.p_permutation, abs=0.1)
    assert first.tables["methods"]["method"].iloc[0] == "task-label permutation (drawn, 301)"


def test_all_mixtures_of_nine_tasks_by_all_permutations(designs, rng):
    """All 362,880 permutations of 511 mixtures."""
    weights = designs.subsets(9, range(1, 10))
    x = designs.rao(weights, rng)
    results = designs.results(weights, 60 + weights @ rng.normal(size=9), targets=("xnli",), languages=("en",))
    fit = diversity.fit(results, designs.scores(weights, x), metric="cosine", outcome="xnli", details=False)
    assert fit.n_mixtures == 511
    assert fit.primary == "task-label permutation (all 362,880)"
    assert 1 / 362_880 <= fit.p_permutation <= 1
