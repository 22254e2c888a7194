"""Targets, influence, errors of measurement, specifications: each beside statsmodels, a dense formula or what was put in."""

import math

import numpy as np
import pandas as pd
import pytest

from diversity.stats import influence, methods, model, multicomp, reliability, specification, targets
from diversity.stats.multimembership import slopes
from diversity.stats.outcomes import read_outcomes
from diversity.stats.scores import read_scores
from diversity.stats.study import read_study
from diversity.types import InputError


@pytest.fixture
def study(designs, rng):
    weights = designs.subsets(6, [1, 2, 3])
    x = designs.rao(weights, rng)
    z = (x - x.mean()) / x.std(ddof=1)
    y = 60 + weights @ rng.normal(size=6) + 0.8 * z + 0.2 * rng.normal(size=len(x))
    results = designs.results(weights, y, seeds=(1, 2), spread=0.5, rng=rng)
    return read_study(results, designs.scores(weights, x, low=x - 0.01, high=x + 0.01), metric="cosine")


def test_targets_are_fitted_each_alone(study):
    z = study.z
    table = targets.table(study).set_index("target")
    assert table[table["kind"] == "mean"].index.tolist() == ["mean9", "mean7", "retrieval"]
    assert (table["kind"] == "target").sum() == 9
    fixed = model.design_matrix(study).fixed
    alone = slopes(study.weights, z, study.by_target["tatoeba"].to_numpy(), fixed)
    assert table.loc["tatoeba", "slope"] == pytest.approx(alone.slope[0])
    assert table.loc["mean9", "slope"] == pytest.approx(slopes(study.weights, z, study.y, fixed).slope[0])
    assert table.loc["xnli", "languages"] == "en de"
    single = table[table["kind"] == "target"]
    assert single["p_holm"].to_numpy() == pytest.approx(multicomp.holm(single["p"].to_numpy()))
    assert (
        (single["pooled"] - single["slope"].mean()).abs() <= (single["slope"] - single["slope"].mean()).abs() + 0.02
    ).all()


def test_heterogeneity_by_hand():
    slope, se = np.array([1.0, 3.0]), np.array([1.0, 1.0])
    found = targets.heterogeneity(slope, se)
    assert (found["mean"], found["q"], found["i2"]) == (pytest.approx(2), pytest.approx(2), pytest.approx(0.5))
    assert found["tau"] == pytest.approx(1)  # (Q - df) / (sum w - sum w^2 / sum w) = 1 / 1
    assert targets.partially_pooled(slope, se) == pytest.approx([1.5, 2.5])
    assert math.isnan(targets.heterogeneity(slope[:1], se[:1])["tau"])


def test_languages_one_by_one(study):
    table = targets.languages(study)
    assert len(table) == 18
    assert table["slope"].mean() == pytest.approx(0.8, abs=0.3)


def test_clustered_errors_are_those_of_a_formula_with_all_cells(study):
    import statsmodels.formula.api as smf

    z, design = study.z, model.design_matrix(study)
    table = methods.table(study, design, model.estimate(study, design, permutations=100)).set_index("method")
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


def test_mixed_model_finds_the_slope(study):
    design = model.design_matrix(study)
    line = methods.table(study, design, model.estimate(study, design, permutations=100)).set_index("method")
    ols, mixed = line.loc["OLS", "slope"], line.loc["mixed model, slope by target", "slope"]
    assert mixed == pytest.approx(ols, rel=1e-3)  # balanced: the same estimate


def test_dropping_what_carries_the_finding(designs, rng):
    weights = designs.subsets(6, [2])
    x = rng.normal(size=15) + 5.0 * weights[:, 0]
    y = 60 + 4.0 * weights[:, 0] + 0.01 * rng.normal(size=15)
    study = read_study(designs.results(weights, y), designs.scores(weights, x), metric="cosine")
    table = influence.table(study).set_index("dropped")
    assert table.loc["", "slope"] == pytest.approx(slopes(study.weights, study.z, study.y).slope[0])
    assert table.loc["anli_plus", "mixtures"] == 10
    part = study.some(study.weights[:, 0] == 0)
    z = study.z[study.weights[:, 0] == 0]
    assert table.loc["anli_plus", "slope"] == pytest.approx(slopes(part.weights, z, part.y).slope[0])
    assert set(table["kind"]) == {"none", "task", "target", "language"}


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
    found = specification.specifications(results, table, outcomes=("mean9", "retrieval", "panx", "none"))
    assert set(found["metric"]) == {"cosine", "noise", "count"}
    assert found["slope"].is_monotonic_increasing
    assert set(found["outcome"]) == {"mean9", "retrieval", "panx"}
    assert set(found[found["metric"] == "cosine"]["covariates"]) == {"size", "size + single_mean"}
    one = found[(found["metric"] == "cosine") & (found["encoder"] == "e") & (found["outcome"] == "mean9")]
    whole = one[one["covariates"] == "size"]
    z = study.z
    assert whole["slope"].iloc[0] == pytest.approx(
        slopes(weights, z, study.y, model.design_matrix(study).fixed).slope[0]
    )
    assert (found["p_holm"] >= found["p"]).all()
    every = specification.targets_by_metric(read_outcomes(results), read_scores(table), outcome="mean9")
    assert len(every) == 9 * 4  # the constant metric is left out
    assert every["p_holm"].to_numpy() == pytest.approx(multicomp.holm(every["p"].to_numpy()))
    line = every[(every["metric"] == "noise") & (every["target"] == "mlqa")].iloc[0]
    alone = read_study(results, read_scores(table), metric="noise", encoder="e", outcome="mlqa")
    fixed = model.design_matrix(alone).fixed
    assert line["slope"] == pytest.approx(slopes(alone.weights, alone.z, alone.y, fixed).slope[0])
    with pytest.raises(InputError, match="to differ between the mixtures"):
        specification.specifications(results, designs.scores(weights, 1.0, "constant"))
