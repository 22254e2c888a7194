"""The study: its design is closed, its samples are what they say, merged weights are means, and agreement is scipy's."""

from __future__ import annotations

import json
import sys
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

sys.path.insert(0, str(Path(__file__).parents[2]))

import diversity
from analyses.study import analyse, lattice, merge, sample, witness, write_up
from diversity import catalog
from diversity.display.numbers import p_value
from diversity.planning.plans import read_plan


def test_the_design_is_closed_and_question_answering_has_one_seed():
    plan = read_plan(merge.PLAN)
    tasks = catalog.intermediate()
    sets = [(), *((t,) for t in tasks), *combinations(tasks, 2), tuple(tasks)]
    assert sorted(tuple(sorted(p.mixture.tasks)) for p in plan.mixtures) == sorted(tuple(sorted(s)) for s in sets)
    assert {t: plan.seeds_of(t) for t in plan.targets if plan.seeds_of(t) != plan.seeds} == dict.fromkeys(
        ("xquad", "mlqa", "tydiqa"), (1,)
    )
    assert plan.settings("target", "xquad") == plan.settings("target", "mlqa"), "one run serves both"
    assert plan.runs == 47 * (5 * 3 + 3)
    pilot = read_plan(Path(merge.PLAN).with_name("pilot.toml"))
    assert not {*pilot.seeds} & {*plan.seeds}, "the seed of the pilot is not used again"


def test_the_lattice_is_every_set_of_tasks_merged_and_trained_as_the_study_trains():
    plan, study = lattice.lattice(catalog.intermediate()), read_plan(analyse.PLAN)
    assert len(plan.mixtures) == 512
    assert len({frozenset(p.mixture.tasks) for p in plan.mixtures}) == 512
    assert plan.train == {**study.train, "merge": True}
    assert plan.settings("predict", "tatoeba") == {**study.settings("predict", "tatoeba"), "precision": "bf16"}
    assert (plan.targets, plan.seeds, plan.declared.metric) == (("tatoeba",), (2,), "")


def test_the_results_that_are_committed_are_cells_of_the_plan_each_once():
    plan, results = read_plan(merge.PLAN), pd.read_parquet(analyse.HERE / "results.parquet")
    names = {p.mixture.name if p.mixture.tasks else "baseline" for p in plan.mixtures}
    assert set(results["mixture"]) <= names
    assert not results.duplicated(["mixture", "target", "language", "metric", "seed"]).any()
    assert set(results["status"]) == {"finished"}
    assert results["value"].between(0, 100).all()
    for target, rows in results.groupby("target"):
        assert set(rows["seed"]) <= set(plan.seeds_of(target))
        if languages := plan.settings("predict", target).get("languages"):
            assert set(rows["language"]) == set(languages)


def test_what_is_said_of_the_lattice_is_what_its_tables_have():
    sets = pd.read_csv(analyse.HERE / "tables" / "lattice_mixtures.csv")
    assert len({frozenset(name.split("+")) for name in sets["mixture"]}) == 511
    shared = {"model": "mini", "tasks": sets["mixture"], "language": "xx", "metric": "accuracy", "seed": 2}
    results = sets.assign(**shared, target=lattice.TARGET, value=sets["outcome"])
    scores = sets.assign(
        metric=analyse.METRIC, encoder="all-MiniLM-L6-v2", value=sets["diversity"], tasks=sets["mixture"]
    )
    fit = diversity.fit(
        results.drop(columns=["outcome", "diversity", "k", "single_mean"]),
        scores[["mixture", "tasks", "metric", "encoder", "value"]],
        metric=analyse.METRIC,
        outcome=lattice.TARGET,
    )
    (row,) = pd.read_csv(analyse.HERE / "tables" / "lattice.csv").to_dict("records")
    assert (row["slope"], row["p"]) == (pytest.approx(fit.slope_per_sd), fit.p)
    page = " ".join((analyse.HERE / "README.md").read_text("utf8").split())
    interval = f"{row['low']:.2f} to {row['high']:.2f}"
    assert f"The slope is {row['slope']:.2f} points a standard deviation ({interval}, {p_value(row['p'])}" in page
    assert f"A slope of {row['detectable']:.2f} points would have been found" in page
    assert row["detectable"] == pytest.approx(2.8 / 1.96 * (row["high"] - row["low"]) / 2, rel=0.1)
    assert f"does alone it is {row['slope given members']:.2f} ({p_value(row['p given members'])})" in page


def passage(number: int) -> dict:
    answer = {"text": f"word{number}", "answer_start": 0}
    question = {"id": "0", "question": f"Which is {number}?", "answers": [answer]}
    return {"paragraphs": [{"context": f"word{number} and more", "qas": [question]}]}


def test_tydiqa_is_scored_on_questions_that_are_not_trained_on(tmp_path):
    name = "tydiqa-goldp-v1.1-{0}/tydiqa.goldp.{1}.{0}.json"
    for folder in ("data", "output"):
        for split, languages in {"train": ("en", "ko", "sw"), "dev": ("en", "fi")}.items():
            for language in languages:
                file = tmp_path / folder / name.format(split, language)
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(json.dumps({"version": "1.1", "data": [passage(n) for n in range(30)]}))
    sample.answered(tmp_path / "data", tmp_path / "output", 5)

    def contexts(split: str, language: str) -> list[str]:
        content = json.loads((tmp_path / "output" / name.format(split, language)).read_text())
        return [p["context"] for p in sample.paragraphs(content)]

    assert len(contexts("dev", "en")) == len(contexts("dev", "ko")) == 5
    assert not {*contexts("dev", "en")} & {*contexts("train", "en")}
    assert len(contexts("train", "en")) == 25
    assert sorted(p.name for p in (tmp_path / "output").rglob("*.json")) == sorted(
        Path(name.format(*file)).name for file in [("train", "en"), ("dev", "en"), ("dev", "ko"), ("dev", "sw")]
    )
    dev = json.loads((tmp_path / "output" / name.format("dev", "ko")).read_text())
    assert [q["id"] for p in sample.paragraphs(dev) for q in p["qas"]] == [f"ko-{n}" for n in range(5)]


def test_bucc_is_dealt_out_in_halves_with_both_sentences_of_a_pair_in_one(tmp_path):
    folder, output = tmp_path / "data", tmp_path / "output"
    folder.mkdir()
    output.mkdir()
    for side in ("zh", "en"):
        (folder / f"zh-en.dev.{side}").write_text("".join(f"{side}-{n}\tsentence {n}\n" for n in range(100)))
    pairs = {f"zh-{n}": f"en-{99 - n}" for n in range(0, 100, 10)}
    (folder / "zh-en.dev.gold").write_text("".join(f"{a}\t{b}\n" for a, b in pairs.items()))
    sample.halves(folder, output, "zh", 5)
    seen: list[str] = []
    for split in ("dev", "test"):
        ids = {
            side: {line.split("\t")[0] for line in (output / f"zh-en.{split}.{side}").read_text().splitlines()}
            for side in ("zh", "en")
        }
        gold = [line.split("\t") for line in (output / f"zh-en.{split}.gold").read_text().splitlines()]
        assert len(gold) == 5
        assert all(a in ids["zh"] and b in ids["en"] for a, b in gold)
        assert all(pairs[a] == b for a, b in gold)
        assert not ids["zh"] & {a for a in pairs if a not in {a for a, _ in gold}}
        seen += [a for a, _ in gold]
    assert sorted(seen) == sorted(pairs)


def test_agreement_is_the_rank_correlation_of_the_same_pairs_and_seeds():
    rng = np.random.default_rng(1)
    names = [f"a+{n}" for n in range(36)]
    one = pd.DataFrame({"mixture": names, "target": "tatoeba", "seed": "1", "value": rng.normal(50, 5, 36)})
    other = one.assign(value=one["value"] + rng.normal(0, 2, 36)).sample(frac=1, random_state=0)
    unpaired = other.assign(seed="2", value=0.0)
    (row,) = merge.agreement(one, pd.concat([other, unpaired])).to_dict("records")
    expected = stats.spearmanr(one["value"], other.sort_index()["value"]).statistic
    assert row["pairs"] == 36
    assert row["spearman"] == pytest.approx(expected)
    assert row["low"] < expected < row["high"]


def test_the_pair_that_propose_finds_is_marked_whatever_the_order_of_its_tasks():
    table = pd.DataFrame(
        {"mixture": ["squad_v2+hellaswag", "qqp+mnli", "qqp"], "k": [2, 2, 1], "diversity": [1.2, 1.4, 1.0]}
    )
    pairs = analyse.pairs(SimpleNamespace(tables={"mixtures": table.assign(outcome=[50.0, 51.0, 52.0])}))
    assert pairs["mixture"].tolist() == ["qqp+mnli", "squad_v2+hellaswag"]
    assert pairs["rank"].tolist() == [1, 2]
    assert pairs["proposed"].tolist() == [False, True], (
        "propose goes by the shipped moments: stories are farthest from passages"
    )


def test_facts_count_gains_runs_with_one_answer_and_specifications():
    rng = np.random.default_rng(0)
    rows = [
        {"mixture": name, "target": target, "language": language, "metric": "accuracy", "value": value, "seed": seed}
        for name in ("baseline", "mnli", "qqp")
        for target in ("xnli", "tatoeba", "xquad", "mlqa", "tydiqa")
        for language in ("de", "zh")
        for seed in (1, 2)
        for value in [100 / 3 if (name, target, seed) == ("qqp", "xnli", 2) else 50 + rng.normal()]
    ]
    scores = pd.DataFrame(
        {
            "mixture": ["mnli", "qqp", "mnli+qqp", "ccg+qqp", "ccg+mnli"] * 2,
            "tasks": ["mnli", "qqp", "mnli+qqp", "ccg+qqp", "ccg+mnli"] * 2,
            "metric": analyse.METRIC,
            "encoder": ["a"] * 5 + ["b"] * 5,
            "value": [1, 1 + 1e-15, 2, 3, 4, 1 + 1e-15, 1, 2, 5, 6],  # of single tasks it is rounding that differs
        }
    )
    tables = {
        "specifications": pd.DataFrame({"slope": [-1.0, 2, 3], "p": [0.01, 0.5, 0.04]}),
        "influence": pd.DataFrame({"kind": ["task", "task", "target"], "slope": [-2.0, 1, 9]}),
    }
    results = pd.DataFrame([r | ({"metric": "f1"} if r["target"] in analyse.ONE_SEED else {}) for r in rows])
    exact = results[results["metric"] == "f1"].assign(metric="exact_match")
    facts = analyse.facts(pd.concat([results, exact]), scores, SimpleNamespace(tables=tables))
    assert facts["runs"] == 3 * 5 * 2
    assert facts["runs on XNLI with one answer"] == 1
    mean = results.groupby(["mixture", "target"])["value"].mean().groupby("mixture").mean()
    gains = (mean - mean["baseline"]).drop("baseline")
    assert facts["lowest gain over the baseline"] == pytest.approx(gains.min())
    assert facts["mixtures above the baseline"] == (gains > 0).sum()
    assert facts["Kendall's tau of the diversities by both encoders"] == 1
    assert facts[
        ["specifications", "specifications with p < .05", "specifications with a positive slope"]
    ].tolist() == [3, 2, 2]
    assert facts[["lowest slope without a task", "highest slope without a task"]].tolist() == [-2, 1]


def test_the_second_program_gives_the_declared_tests_p():
    rng = np.random.default_rng(3)
    tasks = ["ccg", "cosmosqa", "mnli", "qqp", "squad_v1"]
    sets = [*((t,) for t in tasks), *combinations(tasks, 2), tuple(tasks)]
    worth = dict(zip(tasks, rng.normal(0, 2, len(tasks)), strict=True))
    rows = [
        {
            "mixture": "+".join(s),
            "target": "xnli",
            "language": "de",
            "metric": "accuracy",
            "seed": 1,
            "value": 50 + np.mean([worth[t] for t in s]) + rng.normal(),
        }
        for s in sets
    ]
    scores = pd.DataFrame(
        {
            "mixture": ["+".join(s) for s in sets],
            "tasks": ["+".join(s) for s in sets],
            "metric": analyse.METRIC,
            "encoder": "a",
            "value": [1.0 if len(s) == 1 else rng.uniform(1, len(s)) for s in sets],
        }
    )
    results = pd.DataFrame(rows)
    fit = diversity.fit(results, scores, metric=analyse.METRIC, analysis=diversity.Analysis("xnli"))
    known = analyse.by_other_means(results, scores, "a")
    assert known["p by other means"] == fit.p
    assert known["p by other means, given members"] == fit.tables["members"].iloc[-1]["p"]
    members = scores["tasks"].str.get_dummies("+").to_numpy().astype(bool)[1:]
    with pytest.raises(ValueError, match="expected a closed design"):
        witness.p_value(members, np.arange(len(members)) + 1.0, rng.normal(size=len(members)))


def test_the_write_up_takes_its_numbers_from_the_tables_and_leaves_the_rest_of_the_page():
    asked = ["declared: mean of the targets", "without data that stand in for others", "without targets of one seed"]
    row = {"slope": -0.41, "low": -0.92, "high": 0.11, "p": 0.12, "detectable": 0.77, "slope given members": -0.3}
    tables = {
        "outcomes": pd.DataFrame([{"question": q, **row, "p given members": 0.25} for q in [*asked, "xnli"]]),
        "pairs": pd.DataFrame(
            {
                "mixture": ["ccg+qqp", "mnli+qqp"],
                "diversity": [1.9, 1.2],
                "outcome": [40.0, 44.0],
                "rank": [2, 1],
                "proposed": [True, False],
            }
        ),
        "floors": pd.DataFrame({"target": ["xnli", "tatoeba"], "random weights": [33.33, 2.05]}),
        "facts": pd.DataFrame(
            {
                "fact": [
                    "runs", "runs on XNLI with one answer", "mixtures above the baseline", "baseline on XNLI outside English",
                    "baseline on Tatoeba", "lowest gain over the baseline", "highest gain over the baseline",
                    "sd between mixtures", "sd between seeds", "Kendall's tau of the diversities by both encoders",
                    "specifications", "specifications with p < .05", "specifications with a positive slope",
                    "lowest slope without a task", "highest slope without a task", "p by other means",
                    "p by other means, given members", "p by errors clustered by language",
                    "p by errors clustered by target",
                    "the same below .05 where tasks are exchanged, clustered by language",
                    "the same below .05 where tasks are exchanged, clustered by target",
                ],
                "value": [
                    846, 3, 12, 51.2, 58.9, -7.5, 1.6, 2.1, 0.4, 0.81, 144, 9, 60, -0.6, 0.2, 0.12, 0.25, 0.0004, 0.02,
                    0.832, 0.364,
                ],
            }
        ),
    }  # fmt: skip
    block = write_up.results(tables, ["No clear effect."], [1, 2], 1.0)
    for said in (
        "> No clear effect.",
        "seeds 1 and 2",
        "| XNLI | -0.41 | -0.92 to 0.11 | .12 | -0.30 | .25 | 0.77 |",
        "`propose` finds ccg and qqp",
        "number 1 of 2 by diversity, and number 2 by its outcome: 40.0",
        "-7.5 to 1.6 points",
        "give one answer to everything is 3;",
        "has p < .001 with errors clustered by language, and p = .02 by target.",
        "83 % and 36 % of these regressions",
        "p is 0.12000",
        "-0.92 to 0.11, lies within it: a larger effect is ruled out",
        "0.77 points would be found four times in five",
    ):
        assert said in " ".join(block.split())
    page = f"above\n{write_up.BEGIN}\nold\n{write_up.END}\nbelow\n"
    once = write_up.written(page, block)
    assert once.startswith("above\n")
    assert once.endswith("\nbelow\n")
    assert "old" not in once
    assert write_up.written(once, block) == once


@pytest.fixture(scope="module")
def study():
    """The tables that are committed, the declared fit and the comparison of pairs."""
    results, scores = analyse.tables()
    asked = {"metric": analyse.METRIC, "analysis": analyse.asked()}
    return results, scores, diversity.fit(results, scores, **asked), diversity.compare(results, scores, **asked)


def test_the_studys_p_values_are_those_of_the_second_program(study):
    results, scores, fit, _ = study
    encoder = read_plan(analyse.PLAN).declared.encoder
    known = analyse.by_other_means(results, scores, encoder)
    assert known["p by other means"] == fit.p
    assert known["p by other means, given members"] == fit.tables["members"].iloc[-1]["p"]
    found, methods = analyse.clustered(results, scores, encoder), fit.to_frame().set_index("method")
    for level in ("target", "language"):
        row = methods.loc[f"OLS of cells, errors clustered by {level}"]
        assert found[f"p by errors clustered by {level}"] == pytest.approx(row["p"], rel=1e-6)


def test_what_is_said_of_the_study_is_what_its_tables_have(study):
    results, _, fit, comparison = study
    tables = {path.stem: pd.read_csv(path) for path in (analyse.HERE / "tables").glob("*.csv")}
    outcomes = tables["outcomes"].set_index("question")
    assert outcomes["slope"].iloc[0] == pytest.approx(fit.slope_per_sd)
    assert outcomes["p"].iloc[0] == fit.p
    seeds = sorted(results.loc[results["target"] == "xnli", "seed"].unique())
    none = read_plan(analyse.PLAN).declared.equivalence
    block = write_up.results(tables, [fit.sentence, comparison.sentence], seeds, none)
    page = (analyse.HERE / "README.md").read_text("utf8")
    assert write_up.written(page, block) == page
    root = analyse.HERE.parents[1]
    facts = tables["facts"].set_index("fact")["value"]
    by_encoder = pd.read_csv(analyse.HERE / "scores.csv").query(
        "metric == @analyse.METRIC and tasks.str.contains('[+]')"
    )
    both = [rows.sort_values("mixture")["value"] for _, rows in by_encoder.groupby("encoder")]
    assert facts[write_up.TAU] == pytest.approx(stats.kendalltau(*both).statistic)
    share = facts["the same below .05 where tasks are exchanged, clustered by language"]
    assert f"{100 * share:.0f} % of such regressions" in (root / "docs" / "explanation" / "study.md").read_text("utf8")
    for readme in (root / "README.md", root / "docs" / "explanation" / "study.md"):
        assert fit.sentence in readme.read_text("utf8")


def test_the_agreement_of_merged_pairs_that_is_said_is_that_of_the_tables(study):
    merged = pd.read_csv(analyse.HERE / "tables" / "merged.csv", dtype={"seed": str})
    table = pd.read_csv(analyse.HERE / "tables" / "agreement.csv").set_index(["of", "target"])
    page = (analyse.HERE / "README.md").read_text("utf8")
    trained = analyse.by_target(study[0])
    for target, rows in merged.groupby("target"):
        both = rows.merge(trained, on=["mixture", "target", "seed"])
        expected = stats.spearmanr(both["value_x"], both["value_y"]).statistic
        assert table.loc[("all pairs", target), "spearman"] == pytest.approx(expected)
        for of in ("all pairs", "without ccg"):
            row = table.loc[(of, target)]
            assert f"| {row['spearman']:.2f} ({row['low']:.2f} to {row['high']:.2f}) |" in page
