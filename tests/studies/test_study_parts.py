"""Targets, influence, errors of measurement, specifications: each beside statsmodels, a dense formula or what was put in."""

import math
import os

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from diversity.stats import influence, methods, model, multicomp, reliability, sentences, specification, targets
from diversity.studies.outcomes import read_outcomes
from diversity.studies.scores import read_scores
from diversity.studies.study import read_study
from diversity.types import InputError

LONG = os.environ.get("DIVERSITY_LONG") == "1"  # as .ci/run asks: simulations and drawn studies in full


@pytest.fixture
def study(designs, rng):
    weights = designs.subsets(6, [1, 2, 3])
    x = designs.rao(weights, rng)
    z = (x - x.mean()) / x.std(ddof=1)
    y = 60 + weights @ rng.normal(size=6) + 0.8 * z + 0.2 * rng.normal(size=len(x))
    results = designs.results(weights, y, seeds=(1, 2), spread=0.5, rng=rng)
    return read_study(results, designs.scores(weights, x, low=x - 0.01, high=x + 0.01), metric="cosine")


def cosine_tester(scores):
    """The tester of cosine in a table of scores."""
    return model.Testers(read_scores(scores)).of("cosine", "")


@pytest.fixture
def tester(study, designs):
    return cosine_tester(designs.scores(study.weights, study.x))


def test_targets_are_tested_each_alone(study, tester):
    table, differ = targets.table(study, tester)
    table = table.set_index("target")
    assert table[table["kind"] == "mean"].index.tolist() == ["mean9", "mean7", "retrieval"]
    assert (table["kind"] == "target").sum() == 9
    alone = tester.estimates(study.of_targets(["tatoeba"]), few=True)
    assert table.loc["tatoeba", "slope"] == pytest.approx(alone.slope[0])
    assert table.loc["tatoeba", "p"] == alone.p[0]
    assert table.loc["mean9", "slope"] == pytest.approx(tester.estimates(study, few=True).slope[0])
    assert table.loc["xnli", "languages"] == "en de"
    single = table[table["kind"] == "target"]
    assert single["p_holm"].to_numpy() == pytest.approx(multicomp.holm(single["p"].to_numpy()))
    assert (
        (single["pooled"] - single["slope"].mean()).abs() <= (single["slope"] - single["slope"].mean()).abs() + 0.02
    ).all()
    assert 0 < differ["p"] <= 1


def test_whether_targets_differ_holds_its_level(designs):
    """Q among relabellings; by the chi-square, which takes its errors as known, .18 to .40 in small designs."""
    rng, rejected, by_chance = np.random.default_rng(5), [], []
    weights, draws = designs.subsets(4, [1, 2]), 60 if LONG else 20
    for _ in range(draws):
        x = designs.rao(weights, rng)
        table = designs.scores(weights, x)
        y = 50 + weights @ rng.normal(size=4) + 0.3 * rng.normal(size=10)
        runs = designs.results(weights, y, languages=("en",), spread=1.0, rng=rng)
        differ = targets.table(read_study(runs, table, metric="cosine"), cosine_tester(table))[1]
        rejected.append(differ["p"] <= 0.05)
        by_chance.append(stats.chi2.sf(differ["q"], 8) <= 0.05)
    most = 0.05 + 3 * math.sqrt(0.05 * 0.95 / draws)
    assert np.mean(rejected) <= most < np.mean(by_chance)


def test_heterogeneity_by_hand():
    slope, se = np.array([1.0, 3.0]), np.array([1.0, 1.0])
    found = targets.heterogeneity(slope, se)
    assert (found["mean"], found["q"], found["i2"]) == (pytest.approx(2), pytest.approx(2), pytest.approx(0.5))
    assert found["tau"] == pytest.approx(1)  # (Q - df) / (sum w - sum w^2 / sum w) = 1 / 1
    assert targets.partially_pooled(slope, se) == pytest.approx([1.5, 2.5])
    assert math.isnan(targets.heterogeneity(slope[:1], se[:1])["tau"])


def test_languages_one_by_one(study, tester):
    table = targets.languages(study, tester)
    assert len(table) == 18
    assert table["slope"].mean() == pytest.approx(0.8, abs=0.3)


def test_clustered_errors_are_those_of_a_formula_with_all_cells(study, tester):
    import statsmodels.formula.api as smf

    z, design = study.z, model.design_matrix(study)
    table = methods.table(study, design, tester.estimates(study)).set_index("method")
    long = study.cells.copy()
    long.columns = ["|".join(c) for c in long.columns]
    long = long.assign(z=z, k=study.k).melt(["z", "k"], var_name="cell", value_name="y")
    long["target"] = long["cell"].str.split("|").str[0].astype("category").cat.codes
    fit = smf.ols("y ~ z + C(k) + C(cell)", long).fit()
    expected = fit.get_robustcov_results("cluster", groups=long["target"], use_t=True)
    line = table.loc["OLS of cells, errors clustered by target"]
    at = list(fit.params.index).index("z")
    assert line["slope"] == pytest.approx(expected.params[at])
    # the cells' means are absorbed here, not estimated: only the small-sample factor differs
    assert line["se"] == pytest.approx(expected.bse[at], rel=0.02)
    assert line["df"] == 8
    one = table.loc["OLS, one predictor (naive)"]
    assert one["p"] == pytest.approx(smf.ols("y ~ z", pd.DataFrame({"y": study.y, "z": z})).fit().pvalues["z"])
    assert table["primary"].sum() == 1


def test_mixed_model_finds_the_slope(study, tester):
    design = model.design_matrix(study)
    line = methods.table(study, design, tester.estimates(study)).set_index("method")
    ols, mixed = line.loc["OLS", "slope"], line.loc["mixed model, slope by target", "slope"]
    assert mixed == pytest.approx(ols, rel=1e-3)  # balanced: the same estimate


def test_dropping_what_carries_the_finding(designs, rng):
    weights = designs.subsets(7, [2])
    x = rng.normal(size=21) + 5.0 * weights[:, 0]
    y = 60 + 4.0 * weights[:, 0] + 0.01 * rng.normal(size=21)
    scores = designs.scores(weights, x)
    study, tester = read_study(designs.results(weights, y), scores, metric="cosine"), cosine_tester(scores)
    table = influence.table(study, tester).set_index("dropped")
    assert table.loc["", "slope"] == pytest.approx(tester.estimates(study, few=True).slope[0])
    assert table.loc["anli_plus", "mixtures"] == 15
    part = study.some(study.weights[:, 0] == 0)
    assert table.loc["anli_plus", "slope"] == pytest.approx(tester.estimates(part, few=True).slope[0])
    assert set(table["kind"]) == {"none", "task", "target", "language"}
    assert table["turned"].dtype == bool


def test_a_slope_that_was_not_computed_is_no_change_of_sign(designs, rng):
    weights = designs.subsets(5, [1])
    x = np.array([1.0, 2, 3, 4, 6])
    scores = designs.scores(weights, x)
    runs = designs.results(weights, 50 + np.array([1.0, 3, 2, 5, 4]), targets=("xnli",), languages=("en",))
    study = read_study(runs, scores, metric="cosine", outcome="xnli")
    table = influence.table(study, cosine_tester(scores))
    assert not table["turned"].any()
    assert table.loc[table["slope"].isna(), "note"].str.len().gt(0).all()
    three = table.assign(slope=[1.0, -2, 0, np.nan, np.nan, np.nan][: len(table)])
    assert sentences.of_influence(three) == (
        "The slope was computed again with one task, target or language left out (2 cases of 5). No case turns its sign with "
        "an interval that leaves out 0; 1 has a slope of the other sign."
    )
    turned = three.assign(turned=[False, True, False, False, False, False])
    assert "1 turns its sign with an interval that leaves out 0: task anli_plus" in sentences.of_influence(turned)


def test_cooks_distance_is_statsmodels(study):
    import statsmodels.api as sm

    fixed = np.column_stack([np.ones(len(study.x)), study.k])
    expected = sm.OLS(study.y, np.column_stack([fixed, study.x])).fit().get_influence().cooks_distance[0]
    assert influence.cooks_distance(study.x, study.y, fixed) == pytest.approx(expected)
    table = influence.mixtures(study, fixed)
    assert table["cooks_distance"].iloc[0] == pytest.approx(expected.max())


def test_noise_ceiling_is_what_was_put_in(designs):
    rng = np.random.default_rng(3)
    weights = designs.subsets(9, [3])
    truth = rng.normal(0, 1, 84)
    results = designs.results(
        weights, truth, seeds=(1, 2, 3), targets=("xnli",), languages=("en",), spread=1.0, rng=rng
    )
    study = read_study(results, designs.scores(weights, rng.normal(size=84)), metric="cosine", outcome="xnli")
    found = reliability.noise_ceiling(study)
    assert found["sd_seed"] == pytest.approx(1, abs=0.15)
    assert found["reliability"] == pytest.approx(truth.var(ddof=1) / (truth.var(ddof=1) + 1 / 3), abs=0.1)
    assert found["ceiling"] == pytest.approx(np.corrcoef(truth, study.y)[0, 1], abs=0.07)
    one = read_study(results[results["seed"] == 1], designs.scores(weights, truth), metric="cosine", outcome="xnli")
    assert math.isnan(reliability.noise_ceiling(one)["ceiling"])


def test_error_of_the_score_flattens_the_slope(designs):
    rng = np.random.default_rng(4)
    weights = designs.subsets(9, [3])
    truth = rng.normal(size=84)
    x = truth + 0.5 * rng.normal(size=84)
    half = 0.5 * 1.959964
    results = designs.results(weights, truth, targets=("xnli",), languages=("en",))
    table = designs.scores(weights, x, low=x - half, high=x + half)
    study = read_study(results, table, metric="cosine", outcome="xnli")
    found = reliability.score_error(study, np.ones((84, 1)), rng=rng)
    assert found["reliability"] == pytest.approx(1 / 1.25, abs=0.07)
    assert found["corrected_slope"] == pytest.approx(x.std(ddof=1), abs=0.15)  # the slope of the true score
    assert 0 < found["slope_sd"] < 0.2
    bare = read_study(results, designs.scores(weights, x), metric="cosine", outcome="xnli")
    assert math.isnan(reliability.score_error(bare, np.ones((84, 1)))["reliability"])


def test_the_correction_undoes_the_flattening_where_tasks_are_shared(designs):
    """At a reliability near .7, over 40 draws; with the variance of the scores in place of what the slope weighs: .83."""
    rng, ratios = np.random.default_rng(8), []
    weights = designs.subsets(7, [3])
    for _ in range(40):
        truth = designs.rao(weights, rng)
        sd = truth.std(ddof=1)
        x = truth + 0.4 * sd * rng.normal(size=35)
        half = 0.4 * sd * 1.959964
        y = 60 + weights @ rng.normal(size=7) + 2 * truth / sd + 0.1 * rng.normal(size=35)
        runs = designs.results(weights, y, targets=("xnli",), languages=("en",))
        study = read_study(
            runs, designs.scores(weights, x, low=x - half, high=x + half), metric="cosine", outcome="xnli"
        )
        found = reliability.score_error(study, np.ones((35, 1)), rng=rng)
        ratios.append(found["corrected_slope"] / (2 * study.sd / sd))
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)


def test_collapsed_losses_are_on_the_other_side(study):
    runs = study.runs.reset_index(drop=True)
    runs.loc[5, "value"] = 300.0
    assert reliability.degenerate(runs).empty
    found = reliability.degenerate(runs, lower_is_better=True)
    assert found["value"].tolist() == [300.0]
    assert found["reason"].tolist() == ["far above the others"]


def test_collapsed_runs_are_listed(study):
    runs = study.runs.reset_index(drop=True)
    assert reliability.degenerate(runs).empty
    runs.loc[5, "value"] = 3.0
    found = reliability.degenerate(runs)
    assert found["value"].tolist() == [3.0]
    assert found["mixture"].iloc[0] == runs["mixture"][5]
    assert found["reason"].tolist() == ["far below the others"]


def test_runs_of_one_value_in_all_languages_are_listed(study):
    runs = pd.concat([study.runs.assign(language=c, value=study.runs["value"] + i) for i, c in enumerate("abc")])
    runs = runs.drop_duplicates(["mixture", "target", "seed", "language"], ignore_index=True)
    assert reliability.degenerate(runs).empty
    one = (runs["mixture"] == runs["mixture"][0]) & (runs["target"] == runs["target"][0])
    runs.loc[one, "value"] = runs["value"].median()
    found = reliability.degenerate(runs)
    assert len(found) == one.sum()
    assert set(found["reason"]) == {"one value in all languages"}


def test_specifications(designs, rng, study):
    weights = study.weights
    other = rng.normal(size=len(study.x))
    table = pd.concat(
        [designs.scores(weights, study.x, encoder="e"), designs.scores(weights, study.x + 1e-3 * other, encoder="f"),
         designs.scores(weights, other, "noise", encoder="e"), designs.scores(weights, 1.0, "constant", encoder="e"),
         designs.scores(weights, study.k, "count", encoder="e")]
    )  # fmt: skip
    results = designs.results(weights, study.y)
    runs, testers = read_outcomes(results), model.Testers(read_scores(table))
    found = specification.specifications(runs, testers, outcomes=("mean9", "retrieval", "panx", "none"))
    assert set(found["metric"]) == {"cosine", "noise"}  # not the constant one, nor the one that counts tasks
    assert found["slope"].is_monotonic_increasing
    assert set(found["outcome"]) == {"mean9", "retrieval", "panx"}
    assert set(found[found["metric"] == "cosine"]["covariates"]) == {"size", "size + single_mean"}
    one = found[(found["metric"] == "cosine") & (found["encoder"] == "e") & (found["outcome"] == "mean9")]
    whole = one[one["covariates"] == "size"]
    alone = read_study(runs, read_scores(table), metric="cosine", encoder="e")
    estimate = testers.of("cosine", "e").estimates(alone, few=True)
    assert whole["slope"].iloc[0] == pytest.approx(estimate.slope[0])
    assert whole["p"].iloc[0] == estimate.p[0]
    assert (found["p_holm"] >= found["p"]).all()
    every = specification.targets_by_metric(runs, testers, outcome="mean9")
    assert len(every) == 9 * 4
    known = every[every["p"].notna()]
    assert set(known["metric"]) == {"cosine", "noise"}
    assert known["p_holm"].to_numpy() == pytest.approx(multicomp.holm(known["p"].to_numpy()))
    line = every[(every["metric"] == "noise") & (every["target"] == "mlqa")].iloc[0]
    alone = read_study(runs, read_scores(table), metric="noise", encoder="e", outcome="mlqa")
    assert line["slope"] == pytest.approx(testers.of("noise", "e").estimates(alone, few=True).slope[0])
    with pytest.raises(InputError, match="to differ between the mixtures"):
        specification.specifications(runs, model.Testers(read_scores(designs.scores(weights, 1.0, "constant"))))


def test_many_specifications_are_no_count_of_chance():
    table = pd.DataFrame({"p": [0.01, 0.5], "p_holm": [0.02, 0.5], "slope": [1.0, -1.0]})
    text = sentences.of_specifications(table, 0.05)
    assert text.startswith("2 specifications: 1 with p of at most .05, 1 after Holm's correction; 1 slope above 0.")
    assert "twenty" not in text
