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

from analyses.study import analyse, merge, sample
from diversity import catalog
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


def test_merged_weights_are_means_in_the_shares_that_are_given(tmp_path):
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file, save_file

    folders = {}
    for number, share in enumerate((0.25, 0.75)):
        folder = tmp_path / str(number)
        folder.mkdir()
        tensors = {"weight": torch.full((2, 3), float(number + 1)), "position_ids": torch.arange(4)}
        save_file(tensors, folder / "model.safetensors")
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
            (folder / name).write_text(json.dumps({"from": number}))
        folders[folder] = share
    merged = merge.merge(folders, tmp_path / "merged")
    tensors = load_file(merged / "model.safetensors")
    np.testing.assert_allclose(tensors["weight"].numpy(), 0.25 * 1 + 0.75 * 2)
    assert tensors["position_ids"].tolist() == [0, 1, 2, 3]
    assert json.loads((merged / "config.json").read_text()) == {"from": 0}


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
            "mixture": ["mnli", "qqp"] * 2,
            "metric": analyse.METRIC,
            "encoder": ["a", "a", "b", "b"],
            "value": [1, 2, 1, 3],
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
