"""The plan binds: what is frozen, what takes the place of a default, and how what departs from it is marked."""

import json
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import diversity
from diversity import Analysis, InputError
from diversity.planning.commitment import FILE, freeze, read_commitment, read_frozen
from diversity.stats.declared import Commitment, Declared

DECLARED = Declared(metric="cosine", outcome="mean7", test="labels", alpha=0.01, equivalence=0.5, failures="refuse")
PLAN = """model = "mini"
targets = ["xnli", "udpos"]
seeds = [1]
[hypothesis]
primary_metric = "{metric}"
outcome = "mean"
alpha = {alpha}
[[mixtures]]
tasks = ["qqp"]
"""


@pytest.fixture
def study(designs, rng):
    weights = designs.subsets(5, [1, 2, 3])
    x = designs.rao(weights, rng)
    scores = pd.concat([designs.scores(weights, x), designs.scores(weights, x**2).assign(metric="other")])
    return designs.results(weights, 60 + weights @ rng.normal(size=5) + 3 * x, languages=("en", "de")), scores


@pytest.fixture
def grid(study, tmp_path):
    """A grid's folder with tables, and what was frozen."""
    results, scores = study
    results.to_csv(tmp_path / "results.csv", index=False)
    scores.to_csv(tmp_path / "scores.csv", index=False)
    assert freeze(DECLARED, tmp_path, name="a plan") == ""
    return tmp_path


def fitted(study, **options):
    plan = Commitment(DECLARED, "2026-01-01", reason=options.pop("reason", ""))
    metric = options.pop("metric", "")
    return diversity.fit(*study, metric=metric, analysis=Analysis(plan=plan, **options), details=False)


def test_what_is_declared_takes_the_place_of_defaults(study):
    fit = fitted(study)
    assert (fit.metric, fit.outcome, fit.alpha) == ("cosine", "mean7", 0.01)
    assert not fit.exploratory
    assert fit.deviations == ()
    record = fit.to_dict()
    assert (record["exploratory"], record["plan"], record["frozen"]) == (False, DECLARED.hash, "2026-01-01")
    assert fit.notes[0].startswith("declared before there were results: metric cosine, outcome mean7, test labels")
    assert "exploratory" not in diversity.fit(*study, metric="cosine", details=False).to_dict()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"metric": "other"}, "metric: declared cosine, used other"),
        ({"outcome": "xnli"}, "outcome: declared mean7, used xnli"),
        ({"alpha": 0.1}, "alpha: declared 0.01, used 0.1"),
        ({"covariates": ("tasks",)}, "covariates: none declared, used tasks"),
        ({"where": {"seed": "1"}}, "rows: all declared, used those with seed=1"),
        ({"english": False}, "languages: all declared, used those but English"),
    ],
)
def test_what_departs_from_the_plan_is_exploratory_and_says_why(study, options, said):
    results, scores = study
    fit = fitted((results.assign(seed=1), scores), **options, reason="a reviewer asked")
    assert fit.exploratory
    assert fit.sentence.startswith("Exploratory, not as the plan declares: ")
    assert fit.to_dict()["deviations"] == [f"{said} (reason: a reviewer asked)"]
    assert any(said in note for note in fit.notes)
    assert "(no reason is given)" in fitted((results.assign(seed=1), scores), **options).deviations[0]


def test_a_test_that_the_design_forces_is_listed_and_is_no_exploration(study):
    gone = study[0]["mixture"].unique()[[7, 12]]  # so that the design is not closed
    fit = fitted(tuple(table[~table["mixture"].isin(gone)] for table in study))
    assert fit.primary == "no test"
    assert not fit.exploratory
    assert fit.deviations[0].startswith("test: declared labels, used none")


def test_failures_that_a_plan_refuses_are_listed(study):
    results, scores = study
    lost = results.assign(status="ok")
    lost.loc[lost["mixture"] == lost["mixture"].iloc[-1], ["status", "value"]] = ["failed", float("nan")]
    plan = Analysis(plan=Commitment(DECLARED, "2026-01-01"))
    fit = diversity.fit(lost, scores, metric="cosine", analysis=plan)
    assert any(text.startswith("failures: declared that there be none, left out") for text in fit.deviations)


def test_tables_of_other_metrics_and_outcomes_mark_their_rows(study):
    fit = diversity.fit(*study, metric="", analysis=Analysis(plan=Commitment(DECLARED, "2026-01-01"), permutations=100))
    table = fit.tables["specifications"]
    own = (table["metric"] == "cosine") & (table["outcome"] == "mean7") & table["covariates"].isin(["", "size"])
    assert own.sum() == 1
    assert (table["exploratory"] == ~own).all()
    assert fit.tables["targets_by_metric"]["exploratory"].all()  # no single target is what was declared


def test_a_comparison_is_bound_too(study):
    plan = Analysis(plan=Commitment(DECLARED, "2026-01-01"))
    compared = diversity.compare(*study, analysis=plan)
    assert (compared.metric, compared.outcome, compared.alpha, compared.rope) == ("cosine", "mean7", 0.01, 0.5)
    assert not compared.exploratory
    other = diversity.compare(*study, metric="other", analysis=plan)
    assert other.sentence.startswith("Exploratory, not as the plan declares: ")
    groups = {m: "diverse" if "ccg" in m else "homogeneous" for m in study[0]["mixture"].unique()}
    by_role = diversity.compare(study[0], groups=groups, analysis=plan)
    assert not by_role.exploratory


def test_what_was_frozen_first_stays_valid(tmp_path):
    assert freeze(DECLARED, tmp_path, name="a plan") == ""
    before = (tmp_path / FILE).read_bytes()
    assert freeze(DECLARED, tmp_path, name="a plan") == ""
    said = freeze(Declared(metric="cosine"), tmp_path, name="a plan")
    assert DECLARED.hash[:12] in said
    assert Declared(metric="cosine").hash[:12] in said
    assert "stays valid" in said
    assert "\n" not in said
    assert (tmp_path / FILE).read_bytes() == before
    assert freeze(Declared(), tmp_path / "none", name="no hypothesis") == ""
    assert not (tmp_path / "none").exists()


def test_a_hypothesis_frozen_after_the_results_says_so(tmp_path):
    assert "when there are results already" in freeze(DECLARED, tmp_path, name="a plan", late=True)
    known = read_frozen(tmp_path / FILE)
    assert known.late
    assert known.text.startswith("declared when results were there already")


def test_a_frozen_file_that_was_changed_or_broken_is_refused(tmp_path):
    freeze(DECLARED, tmp_path, name="a plan")
    record = json.loads((tmp_path / FILE).read_text())
    record["hypothesis"]["metric"] = "vendi(q=2)"
    (tmp_path / FILE).write_text(json.dumps(record))
    with pytest.raises(InputError, match="the file was changed"):
        read_frozen(tmp_path / FILE)
    for broken in ("{", "[]", "{}", '{"hypothesis": {"metrik": 1}, "frozen": "", "hash": ""}'):
        (tmp_path / FILE).write_text(broken)
        with pytest.raises(InputError, match="expected a frozen hypothesis"):
            read_frozen(tmp_path / FILE)


def test_a_plan_beside_what_is_frozen(grid, tmp_path):
    plan = tmp_path / "plan.toml"
    plan.write_text(PLAN.format(metric="vendi(q=2)", alpha=0.05))
    bound, notes = read_commitment(plan, results=grid / "results.csv")
    assert bound.declared == DECLARED
    assert len(notes) == 1
    assert DECLARED.hash[:12] in notes[0]
    alone, _ = read_commitment(plan)
    assert (alone.declared.metric, alone.declared.alpha, alone.frozen) == ("vendi(q=2)", 0.05, "")
    assert "it is not frozen" in alone.text
    assert read_commitment(results=tmp_path / "elsewhere" / "r.csv") == (None, ())
    with pytest.raises(InputError, match="expected a plan, or the folder of a grid"):
        read_commitment(tmp_path / "elsewhere")
    plan.write_text(PLAN.format(metric="cosine", alpha=5))
    with pytest.raises(InputError, match="alpha"):
        read_commitment(plan)


def test_commands_take_the_plan_from_the_folder_of_the_grid(grid, run):
    for results in (grid, grid / "results.csv"):
        given = () if results == grid else ("--scores", grid / "scores.csv")
        status, out, err = run("fit", "--results", results, *given, "--output", grid / "fit.json", "--bootstrap", 100)
        assert status == 0, err
        record = json.loads((grid / "fit.json").read_text())
        assert (record["metric"], record["outcome"], record["exploratory"]) == ("cosine", "mean7", False)
        assert "declared before there were results" in err
    other = ("--metric", "other", "--reason", "the first one is constant")
    status, out, err = run("fit", "--results", grid, *other, "--output", grid / "fit.json", "--bootstrap", 100)
    assert status == 0, err
    assert out.startswith("Exploratory, not as the plan declares: ")
    assert "(reason: the first one is constant)" in err
    assert json.loads((grid / "fit.json").read_text())["exploratory"] is True
    status, out, err = run("compare", "--results", grid, "--outcome", "xnli")
    assert out.startswith("Exploratory"), err
    status, _, err = run("fit", "--results", grid / "results.csv", "--plan", grid / "none.toml")
    assert (status, len(err.strip().splitlines())) == (2, 1)


def test_the_report_shows_that_it_is_exploratory(grid, run):
    status, _, err = run(
        "report", "--results", grid, "--metric", "other", "--reason", "we looked", "--output", grid / "r.html",
        "--bootstrap", 100, "--permutations", 100, "--no-exports",
    )  # fmt: skip
    assert status == 0, err
    page = (grid / "r.html").read_text("utf8")
    assert "Exploratory, not as the plan declares" in page
    assert "metric: declared cosine, used other (reason: we looked)" in page


def test_an_effect_that_was_declared_to_matter_is_ruled_out_where_the_interval_lies_within(study):
    results, scores = study
    rng = np.random.default_rng(2)
    noise = results.assign(value=60 + rng.normal(size=len(results)))
    narrow = fitted((noise, scores), metric="cosine")
    assert narrow.verdict == "not established"
    largest = max(-narrow.low, narrow.high)
    for equivalence, said in ((largest * 1.01, True), (largest * 0.99, False)):
        plan = Commitment(replace(DECLARED, equivalence=equivalence), "2026-01-01")
        fit = diversity.fit(noise, scores, metric="cosine", analysis=Analysis(plan=plan), details=False)
        assert fit.rope == equivalence
        assert ("is ruled out" in fit.sentence) == said
    assert math.isnan(diversity.fit(noise, scores, metric="cosine", details=False).rope)
