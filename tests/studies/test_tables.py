"""What is read, what is refused in one line, and what an outcome is the mean of."""

import gzip

import numpy as np
import pandas as pd
import pytest

from diversity.studies.outcomes import read_outcomes
from diversity.studies.scores import read_scores
from diversity.studies.study import read_study
from diversity.studies.tables import tasks_in
from diversity.types import InputError


@pytest.fixture
def pairs(designs):
    return designs.subsets(4, [1, 2])


@pytest.fixture
def results(designs, pairs):
    return designs.results(pairs, 50.0 + np.arange(10))


@pytest.fixture
def scores(designs, pairs):
    return designs.scores(pairs, np.arange(10.0) ** 1.5, encoder="e")


def test_outcome_is_the_mean_of_means_and_question_answering_that_of_both_metrics(results, scores):
    first = results["mixture"] == "anli_plus"
    results.loc[first & (results["target"] == "xquad") & (results["metric"] == "exact_match"), "value"] = 30.0
    results.loc[first & (results["target"] == "xnli") & (results["language"] == "de"), "value"] = 70.0
    study = read_study(results, scores, metric="cosine")
    by_target = study.by_target.loc["anli_plus"]
    assert by_target["xquad"] == pytest.approx((30 + 50) / 2)
    assert by_target["xnli"] == pytest.approx((50 + 70) / 2)
    assert study.y[0] == pytest.approx((7 * 50 + 40 + 60) / 9)
    assert study.y[1:] == pytest.approx(51.0 + np.arange(9))
    seven = read_study(results, scores, metric="cosine", outcome="mean7")
    assert seven.y[0] == pytest.approx((5 * 50 + 40 + 60) / 7)
    assert read_study(results, scores, metric="cosine", outcome="retrieval").targets == ("bucc2018", "tatoeba")
    assert read_study(results, scores, metric="cosine", outcome="xnli").y[0] == pytest.approx(60)


def test_a_target_with_more_languages_counts_once(results, scores):
    results = pd.concat(
        [
            results,
            results[(results["target"] == "xnli") & (results["language"] == "en")].assign(language="sw", value=80.0),
        ]
    )
    study = read_study(results, scores, metric="cosine")
    assert study.y[0] == pytest.approx((8 * 50 + (50 + 50 + 80) / 3) / 9)


def test_zero_shot_leaves_english_out(results, scores):
    results.loc[results["language"] == "en", "value"] = 0.0
    study = read_study(read_outcomes(results, english=False), scores, metric="cosine")
    assert study.y[0] == 50
    with pytest.raises(InputError, match="other languages than English"):
        read_outcomes(results[results["language"] == "en"], english=False)


def test_seeds_are_averaged_within_cells(designs, pairs, scores):
    table = designs.results(pairs, np.zeros(10), seeds=(1, 2, 3))
    table["value"] = table["seed"] * 10.0
    assert read_study(table, scores, metric="cosine").y == pytest.approx(np.full(10, 20.0))


def test_names_in_any_order_and_given_names(results, scores):
    turned = results.assign(mixture=["+".join(reversed(m.split("+"))) for m in results["mixture"]])
    assert read_study(turned, scores, metric="cosine").mixtures == read_study(results, scores, metric="cosine").mixtures
    named = {m: f"m{i}" for i, m in enumerate(dict.fromkeys(results["mixture"]))}
    r, s = results.assign(mixture=results["mixture"].map(named)), scores.assign(tasks=scores["mixture"])
    study = read_study(r, s.assign(mixture=s["mixture"].map(named)), metric="cosine")
    assert study.mixtures[4] == "m4"
    assert study.tasks == ("anli_plus", "ccg", "commonsenseqa", "cosmosqa")
    assert study.weights[4] == pytest.approx([0.5, 0.5, 0, 0])


def test_weights_are_read_and_scaled(results, scores):
    table = scores.assign(
        tasks=scores["mixture"].str.split("+"), weights=[[3.0, 1.0][: m.count("+") + 1] for m in scores["mixture"]]
    )
    study = read_study(results, table, metric="cosine")
    assert study.weights[4] == pytest.approx([0.75, 0.25, 0, 0])
    text = table.assign(tasks=scores["mixture"], weights=["+".join(map(str, w)) for w in table["weights"]])
    assert (read_study(results, text, metric="cosine").weights == study.weights).all()
    assert not study.closed


def test_what_score_writes_is_read_from_csv_and_parquet(tmp_path, results):
    import diversity

    score = diversity.score(["anli_plus", "ccg", "commonsenseqa", "cosmosqa"], all_subsets=True)
    score.to_parquet(tmp_path / "s.parquet")
    score.assign(
        tasks=score["tasks"].map("+".join), weights=score["weights"].map(lambda w: "+".join(map(repr, w)))
    ).to_csv(tmp_path / "s.csv", index=False)
    results.to_csv(tmp_path / "r.csv", index=False)
    results.to_parquet(tmp_path / "r.parquet")
    one = read_study(tmp_path / "r.csv", tmp_path / "s.csv", metric="vendi(q=2)")
    two = read_study(tmp_path / "r.parquet", tmp_path / "s.parquet", metric="vendi(q=2.0)")
    assert one.x == pytest.approx(two.x)
    assert one.y == pytest.approx(two.y)
    assert (one.x_se > 0).all()
    assert "hill(q=1)" in one.columns


def test_the_baseline_is_left_out_and_said(results, scores):
    table = pd.concat([results, results[results["mixture"] == "ccg"].assign(mixture="", value=1.0)])
    study = read_study(table, scores, metric="cosine")
    assert len(study.mixtures) == 10
    assert any("baseline" in n for n in study.notes)


def test_missing_cells_leave_the_mixture_out_and_are_listed(results, scores):
    gone = (results["mixture"] == "ccg") & (results["target"] == "panx") & (results["language"] == "de")
    study = read_study(results[~gone], scores, metric="cosine")
    assert "ccg" not in study.mixtures
    assert study.left_out[["mixture", "target", "language"]].values.tolist() == [["ccg", "panx", "de"]]
    assert any("1 mixtures lack results" in n for n in study.notes)
    assert not study.closed
    assert len(read_study(results[~gone], scores, metric="cosine", outcome="xnli").mixtures) == 10


def test_failed_runs_are_listed_not_used(results, scores):
    failed = (results["mixture"] == "ccg") & (results["target"] == "xnli") & (results["language"] == "de")
    table = results.assign(status=np.where(failed, "failed", "done"))
    table.loc[failed, "value"] = np.nan
    study = read_study(table, scores, metric="cosine")
    assert "ccg" not in study.mixtures
    assert set(study.left_out["reason"]) == {"no result: the mixture is left out", "failed run"}


def test_covariates(designs, pairs, results, scores):
    table = results.assign(budget=results["mixture"].str.len() * 100, note="x")
    more = pd.concat([scores, scores.assign(metric="hill(q=1)", value=np.arange(10.0))])
    study = read_study(table, more, metric="cosine")
    assert study.covariate("k").tolist() == [1] * 4 + [2] * 6
    assert study.covariate("entropy") == pytest.approx([0] * 4 + [np.log(2)] * 6)
    assert study.covariate("log_budget")[0] == pytest.approx(np.log(900))
    assert study.covariate("hill(q=1)") == pytest.approx(np.arange(10.0))
    assert study.covariate("single_mean")[4] == pytest.approx(50.5)
    with pytest.raises(InputError, match="unknown covariate 'entrpy': did you mean entropy"):
        study.covariate("entrpy")
    with pytest.raises(InputError, match="not every task was trained alone"):
        study.some(study.k > 1).covariate("single_mean")


def test_a_covariate_that_the_baseline_lacks_is_one(results, scores):
    words = {name: float(len(name)) for name in scores["mixture"]}
    table = results.assign(words=results["mixture"].map(words))
    baseline = table[table["mixture"] == "ccg"].assign(mixture="baseline", words=np.nan)
    study = read_study(pd.concat([table, baseline], ignore_index=True), scores, metric="cosine")
    assert "baseline" not in study.mixtures
    assert study.covariate("words").tolist() == [words[name] for name in study.mixtures]


def change(table, **columns):
    return table.assign(**columns)


BAD_RESULTS = {
    "a column 'seed'": lambda r: r.drop(columns="seed"),
    "found no rows": lambda r: r[:0],
    "expected a finite value": lambda r: r.assign(value=[np.nan, *r["value"][1:]]),
    "expected a finite value,": lambda r: r.assign(value=[np.inf, *r["value"][1:]]),
    "expected numbers in the column 'value', found 'good' in row 2": lambda r: r.assign(
        value=["1", "good", *r["value"][2:]]
    ),
    "found 2 at mixture anli_plus, target xnli": lambda r: pd.concat([r, r[:1]]),
    "differ in model, choose with --where": lambda r: pd.concat([r.assign(model="a"), r.assign(model="b")]),
    "unknown mixture .*'cgc': did you mean ccg": lambda r: r.assign(mixture=r["mixture"].replace("ccg", "cgc")),
    "at least 4 mixtures": lambda r: r[r["mixture"].isin(["ccg", "anli_plus", "cosmosqa"])],
    "8 targets|9 targets for the outcome mean9, tatoeba not": lambda r: r[r["target"] != "tatoeba"],
    "one metric of own, found accuracy, f1": lambda r: pd.concat(
        [r, r[:1].assign(target="own"), r[:1].assign(target="own", metric="f1")]
    ),
    "expected exact_match and f1 of xquad, found only one": lambda r: r.drop(
        r[(r["target"] == "xquad") & (r["metric"] == "f1")].index[:1]
    ),
    "found 0 of 10: xnli in 'sw' is missing for": lambda r: pd.concat(
        [r, r[:1].assign(language="sw"), r[r["mixture"] == "ccg"][:1].assign(language="yo")]
    ),
    "each task of a mixture once": lambda r: pd.concat([r, r[:1].assign(mixture="ccg+ccg")]),
}


@pytest.mark.parametrize("message", BAD_RESULTS)
def test_bad_results_are_one_line(message, results, scores):
    with pytest.raises(InputError, match=message) as caught:
        read_study(BAD_RESULTS[message](results), scores, metric="cosine", outcome="mean9")
    assert "\n" not in str(caught.value)


def test_without_an_outcome_it_is_the_mean_of_what_is_there(results, scores):
    assert read_study(results, scores, metric="cosine").outcome == "mean9"
    eight = read_study(results[results["target"] != "tatoeba"], scores, metric="cosine")
    assert eight.outcome == "mean"
    assert any("mean of the 8 targets of the table" in note for note in eight.notes)
    assert read_study(results[results["target"] == "xnli"], scores, metric="cosine").outcome == "xnli"


BAD_SCORES = {
    "a column 'metric'": lambda s: s.drop(columns="metric"),
    "expected finite scores, found nan for cosine of 'ccg'": lambda s: s.assign(
        value=s["value"].where(s["mixture"] != "ccg")
    ),
    "one encoder, found e, f": lambda s: pd.concat([s, s.assign(encoder="f")]),
    "several of 'anli_plus': keep one of the values of n": lambda s: pd.concat([s.assign(n=1), s.assign(n=2)]),
    "cosine to differ between the mixtures": lambda s: s.assign(value=0.3),
    "unknown metric of the scores 'cosine'": lambda s: s.assign(metric="vendi(q=2)"),
    "it has results and no score": lambda s: s[s["mixture"] != "ccg"],
    "expected 1 weights": lambda s: s.assign(weights="0.5+0.5"),
    "numbers as the weights": lambda s: s.assign(weights="half"),
    "one set of tasks and weights": lambda s: pd.concat(
        [s.assign(tasks=s["mixture"]), s.assign(metric="other", tasks="ccg+mnli")]
    ),
}


@pytest.mark.parametrize("message", BAD_SCORES)
def test_bad_scores_are_one_line(message, results, scores):
    with pytest.raises(InputError, match=message) as caught:
        read_study(results, BAD_SCORES[message](scores), metric="cosine")
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path, scores):
    with pytest.raises(InputError, match=r"none\.csv"):
        read_outcomes(tmp_path / "none.csv")
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "not.parquet").write_text("x")
    for name in ("empty.csv", "not.parquet"):
        with pytest.raises(InputError, match="expected a CSV or Parquet table"):
            read_outcomes(tmp_path / name)


def test_choosing_rows(results, scores):
    both = pd.concat([results.assign(model="a"), results.assign(model="b", value=1.0)])
    assert read_study(read_outcomes(both, where={"model": "b"}), scores, metric="cosine").y == pytest.approx(
        np.ones(10)
    )
    with pytest.raises(InputError, match="unknown column of the results 'modle': did you mean model"):
        read_outcomes(both, where={"modle": "b"})
    with pytest.raises(InputError, match="model among a, b"):
        read_outcomes(both, where={"model": "c"})


def test_runs_that_give_one_answer_to_everything_are_said(results, scores):
    once = results.drop_duplicates(["mixture", "target", "seed"])
    more = [once.assign(language=code, value=once["value"] + i) for i, code in enumerate(("de", "ru", "sw"))]
    table = pd.concat(more)
    assert not any("the same in every language" in n for n in read_study(table, scores, metric="cosine").notes)
    stuck = (table["mixture"] == "ccg") & (table["target"] == "xnli")
    flat = table.assign(value=np.where(stuck, 33.33, table["value"]))
    (said,) = (n for n in read_study(flat, scores, metric="cosine").notes if "the same in every language" in n)
    assert said.startswith("1 run scores the same in every language")
    assert table[stuck]["seed"].nunique() == 1
    assert "ccg on xnli, seed" in said
    assert not any(
        "the same in every language" in n for n in read_study(flat, scores, metric="cosine", outcome="panx").notes
    )


def test_scale_is_said(results, scores):
    study = read_study(results.assign(value=results["value"] / 100), scores, metric="cosine")
    assert any("between 0 and 1" in n for n in study.notes)
    mixed = results.assign(value=np.where(results["target"] == "xnli", 0.5, results["value"]))
    assert any(n.startswith("xnli lies between 0 and 1") for n in read_study(mixed, scores, metric="cosine").notes)


def test_a_language_called_nan_is_a_language(tmp_path, results):
    table = results.assign(language=results["language"].replace("de", "nan"))
    table.to_csv(tmp_path / "r.csv", index=False)
    assert set(read_outcomes(tmp_path / "r.csv").runs["language"]) == {"en", "nan"}


def test_lists_of_tasks():
    assert tasks_in(np.array(["a", "b"])) == ("a", "b")
    assert tasks_in("a, b") == ("a", "b")
    assert tasks_in(None) == ()
    assert tasks_in(pd.NA) == ()


def test_scores_of_two_encoders_can_be_chosen(results, scores):
    both = pd.concat([scores, scores.assign(encoder="f", value=-scores["value"])])
    assert read_scores(both).pairs == [("cosine", "e"), ("cosine", "f")]
    assert read_study(results, both, metric="cosine", encoder="f").x[1] == -scores["value"][1]
    with pytest.raises(InputError, match="unknown encoder of the scores"):
        read_study(results, both, metric="cosine", encoder="g")


# --- Tables that are not what they seem ---------------------------------------------------------------

HEADER = "mixture,target,language,seed,metric,value\n"
ROW = "mnli,xnli,en,1,accuracy,60\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (HEADER + "mnli,xnli,en,1,accuracy,60,\n" * 2, r"r\.csv:2: expected 6 cells as in the header, found 7"),
        (HEADER + ROW + "mnli,xnli,de,1,accuracy\n", r"r\.csv:3: expected 6 cells as in the header, found 5"),
        (HEADER.replace("\n", ",value\n") + ROW.replace("\n", ",61\n"), "each column once, found 'value' twice"),
        ((HEADER + ROW).replace(",", ";"), "expected columns separated by a comma, found a header with a semicolon"),
        ((HEADER + ROW).replace(",", "\t"), "expected columns separated by a comma, found a header with a tab"),
        ("version https://git-lfs.github.com/spec/v1\noid x\n", "found a Git LFS pointer"),
        ("<!DOCTYPE html><html></html>\n", "found a page of HTML"),
        (gzip.compress((HEADER + ROW).encode(), mtime=0), "found gzip in a file whose name does not end in .gz"),
        ((HEADER + ROW).encode("utf-16"), "found UTF-16"),
        (HEADER + ROW + ROW.replace("xnli", "xn\0li"), "binary data"),
        (HEADER + ROW + ROW.replace("xnli", "XNLI"), "one spelling of each target, found 'XNLI' and 'xnli'"),
        (HEADER + ROW + ROW.replace("en", "zh") + ROW.replace("en", "ZH"), "one spelling of each language"),
        (HEADER + ROW + ROW.replace("mnli", "mn\u0301li") + ROW.replace("mnli", "m\u0144li"), "one spelling of each mixture"),
        (HEADER + ROW + ROW.replace("xnli", ""), "expected a target in each row of the results, found none in row 2"),
        (HEADER + ROW.replace("60", "True"), "expected numbers in the column 'value', found True in row 1"),
        (HEADER + ROW.replace("60", "60,5").replace("60,5", '"60,5"'), "expected numbers in the column 'value'"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_what_it_seems_is_one_line(content, message, tmp_path):
    path = tmp_path / "r.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as raised:
        read_outcomes(path)
    assert "\n" not in str(raised.value)


def test_tasks_of_two_spellings_are_refused(results, scores):
    turned = scores.assign(
        mixture=["MNLI" if m == "anli_plus" else m.replace("ccg", "mnli") for m in scores["mixture"]]
    )
    with pytest.raises(InputError, match=r"expected one spelling of each (mixture|task), found 'MNLI' and 'mnli'"):
        read_scores(turned)


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz"])
def test_a_compressed_table_reads_as_the_plain_one(results, suffix, tmp_path):
    results.to_csv(tmp_path / f"r.csv{suffix}", index=False)
    pd.testing.assert_frame_equal(read_outcomes(tmp_path / f"r.csv{suffix}").runs, read_outcomes(results).runs)
