"""Several systems on the same items: paired intervals and tests against other ways to compute them, and simulations."""

from __future__ import annotations

import itertools
import json
import shutil

import numpy as np
import pytest
from statsmodels.stats.contingency_tables import mcnemar as mcnemar_of_statsmodels
from statsmodels.stats.multitest import multipletests

import diversity
from diversity.types import InputError
from diversity.xtreme import scores
from diversity.xtreme.against import SystemContrasts, SystemDifference, evaluate_against, holm, mcnemar, paired
from diversity.xtreme.evaluate import AVERAGE


@pytest.fixture(name="systems")
def three_systems(submission, tmp_path):
    """A system, a copy of it, and one that says the same label everywhere in XNLI; with the gold labels."""
    predictions, labels = submission.write(tmp_path, "one", "xtreme")
    kept = {"xnli", "udpos", "xquad"}
    for task in [p for p in predictions.iterdir() if p.name not in kept]:
        shutil.rmtree(task)
    copy, flat = tmp_path / "copy", tmp_path / "flat"
    shutil.copytree(predictions, copy)
    shutil.copytree(predictions, flat)
    for path in (flat / "xnli").iterdir():
        path.write_text("neutral\n" * len(path.read_text().splitlines()))
    return {"one": predictions, "copy": copy, "flat": flat}, labels


def test_a_system_does_not_differ_from_itself(systems):
    folders, labels = systems
    contrasts = evaluate_against({"a": folders["one"], "b": folders["copy"]}, labels, replicates=200)
    assert contrasts.differences
    for d in contrasts.differences:
        assert (d.difference, d.low, d.high, d.p, d.p_holm) == (0, 0, 0, 1, 1)


def test_differences_are_those_of_the_scores(systems):
    folders, labels = systems
    contrasts = evaluate_against(folders, labels, replicates=200).to_frame()
    one, flat = (diversity.evaluate(folders[name], labels).to_frame() for name in ("one", "flat"))
    keys = ["task", "language", "metric"]
    both = one.merge(flat, on=keys).assign(difference=lambda t: t["value_x"] - t["value_y"])
    chosen = contrasts[(contrasts["first"] == "one") & (contrasts["second"] == "flat")].merge(both, on=keys)
    assert len(chosen) > 15
    assert chosen["difference_x"].to_numpy() == pytest.approx(chosen["difference_y"].to_numpy())
    assert (chosen["low"] <= chosen["difference_x"]).all()
    assert (chosen["high"] >= chosen["difference_x"]).all()


def test_systems_that_cannot_be_told_apart_are_grouped(systems):
    folders, labels = systems
    contrasts = evaluate_against(folders, labels, replicates=1000)
    assert ("one", "copy") in contrasts.alike("xnli", "accuracy")
    assert ("one", "copy", "flat") in contrasts.alike("xquad", "f1")
    made_up = [
        SystemDifference("t", AVERAGE, "m", a, b, 1, 0, 2, p, p, "exchange", 3)
        for a, b, p in (("a", "b", 0.5), ("b", "c", 0.5), ("a", "c", 0.01))
    ]
    assert SystemContrasts(("a", "b", "c"), tuple(made_up)).alike("t", "m") == [("a", "b"), ("b", "c")]


# --- Witnesses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_mcnemar_and_holm_are_those_of_statsmodels(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 2, 60), rng.integers(0, 2, 60)
    table = [[((one == a) & (other == b)).sum() for b in (1, 0)] for a in (1, 0)]
    assert mcnemar(one, other) == pytest.approx(mcnemar_of_statsmodels(table, exact=True).pvalue)
    p = rng.uniform(0, 0.2, 9)
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1])


def test_exchanges_agree_with_all_exchanges_of_few_items():
    rng = np.random.default_rng(5)
    gold, items = 3.0, 9
    one = np.stack([rng.integers(0, 4, items), np.full(items, gold), np.full(items, gold)], axis=1).astype(float)
    other = np.stack([rng.integers(0, 3, items), np.full(items, gold), np.full(items, gold)], axis=1).astype(float)
    counts = [np.hstack([c, np.zeros((items, 5))]) for c in (one, other)]
    value = scores.values("tags", counts[0].sum(axis=0))["f1"] - scores.values("tags", counts[1].sum(axis=0))["f1"]
    as_large = 0
    for kept in itertools.product([True, False], repeat=items):
        mask = np.array(kept)[:, None]
        first, second = np.where(mask, counts[0], counts[1]), np.where(mask, counts[1], counts[0])
        change = scores.values("tags", first.sum(axis=0))["f1"] - scores.values("tags", second.sum(axis=0))["f1"]
        as_large += abs(change) >= abs(value) - 1e-9
    found = paired("tags", *counts, 20_000, np.random.default_rng(1))["f1"]
    assert found.p == pytest.approx(as_large / 2**items, abs=0.015)


def test_the_bootstrap_has_the_variance_of_paired_differences():
    rng = np.random.default_rng(0)
    one, other = (rng.random(500) < 0.7).astype(float), (rng.random(500) < 0.6).astype(float)
    counts = [np.stack([right, np.ones(500)], axis=1) for right in (one, other)]
    found = paired("labels", *counts, 20_000, np.random.default_rng(1))["accuracy"]
    assert found.replicates.std() == pytest.approx(100 * (one - other).std() / 500**0.5, rel=0.03)


def test_level_and_coverage_by_simulation():
    """Systems that are right on overlapping items, with and without a true difference; 400 draws, error about .011."""
    rng = np.random.default_rng(3)
    rejected = {"accuracy": 0, "f1": 0}
    covered, draws, items = 0, 400, 300
    for _ in range(draws):
        common = rng.random(items) < 0.5
        right = [np.where(rng.random(items) < 0.6, common, rng.random(items) < p).astype(float) for p in (0.5, 0.5)]
        labels = [np.stack([r, np.ones(items)], axis=1) for r in right]
        rejected["accuracy"] += paired("labels", *labels, 200, rng)["accuracy"].p < 0.05
        spans = [
            np.hstack([np.stack([2 * r, r + 1, np.full(items, 2.0)], axis=1), np.zeros((items, 5))]) for r in right
        ]
        found = paired("tags", *spans, 200, rng)["f1"]
        rejected["f1"] += found.p < 0.05
        low, high = np.quantile(found.replicates, [0.025, 0.975])
        covered += low <= 0 <= high
    assert rejected["accuracy"] / draws <= 0.07  # exact, so at most .05
    assert 0.02 <= rejected["f1"] / draws <= 0.085
    assert 0.92 <= covered / draws <= 0.98


# --- Bad use and the command ----------------------------------------------------------------------------


def test_bad_use(systems):
    folders, labels = systems
    with pytest.raises(InputError, match="at least two systems"):
        evaluate_against({"one": folders["one"]}, labels)
    with pytest.raises(InputError, match="replicates"):
        evaluate_against(folders, labels, replicates=5)
    path = folders["flat"] / "xnli" / "test-sw.tsv"
    lines = path.read_text()
    path.write_text(lines + "neutral\n" * 3)
    with pytest.raises(InputError, match=f"^{path}: "):
        evaluate_against(folders, labels, replicates=200)
    path.write_text(lines)
    shutil.rmtree(folders["flat"] / "udpos")
    with pytest.raises(InputError, match="flat has no udpos"):
        evaluate_against(folders, labels, replicates=200)


def test_the_command(run, systems, tmp_path):
    folders, labels = systems
    common = ("evaluate", "--predictions", folders["one"], "--labels", labels)
    status, out, err = run(*common, "--against", folders["copy"], "--against", folders["flat"])
    assert status == 0, err
    assert "xnli, accuracy: not told apart at 5 %: predictions, copy" in out
    assert "+0.00" in out
    status, out, _ = run(*common, "--against", folders["flat"], "--format", "json")
    assert status == 0
    records = json.loads(out)
    assert {"task", "language", "metric", "difference", "low", "high", "p", "p_holm", "test"} <= records[0].keys()
    refused = [[folders["one"]], [tmp_path / "none"], [folders["flat"], "--json", tmp_path / "x"]]
    for arguments in refused:
        status, out, err = run(*common, "--against", *arguments)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1


# --- Runs of one system, clusters, pairs ------------------------------------------------------------------


def accuracies(rng, level, seeds, items, difficulty, sd_seed):
    """Counts of runs of a system: items of some difficulty, and a run's own luck."""
    skill = level + rng.normal(0, sd_seed, seeds)
    right = rng.normal(size=(seeds, items)) < skill[:, None] - difficulty
    return np.stack([right.astype(float), np.ones((seeds, items))], axis=2)


def test_runs_of_a_system_nest_and_the_level_holds():
    """Two systems of the same skill, three runs each, which differ in luck; 300 draws, error about .013.

    One run of each is compared as if it were the system: then luck passes for skill.
    """
    rng = np.random.default_rng(0)
    nested = single = covered = 0
    for _ in range(300):
        difficulty = rng.normal(size=400)
        one, other = (accuracies(rng, 0.5, 3, 400, difficulty, 0.2) for _ in range(2))
        found = paired("labels", one, other, 200, rng)["accuracy"]
        nested += found.p < 0.05
        low, high = np.quantile(found.replicates + found.of_runs(rng), [0.025, 0.975])
        covered += low <= 0 <= high
        single += paired("labels", one[0], other[0], 200, rng)["accuracy"].p < 0.05
    assert nested / 300 < 0.09
    assert covered / 300 > 0.92
    assert single / 300 > 0.2


def test_a_system_of_runs_is_their_mean_whatever_their_order_and_number():
    rng = np.random.default_rng(1)
    difficulty = rng.normal(size=200)
    one, other = accuracies(rng, 0.5, 3, 200, difficulty, 0.1), accuracies(rng, 0.3, 2, 200, difficulty, 0.1)
    found = paired("labels", one, other, 4000, np.random.default_rng(2))["accuracy"]
    each = [100 * runs[..., 0].mean(axis=1) for runs in (one, other)]
    assert found.difference == pytest.approx(each[0].mean() - each[1].mean())
    assert found.seeds[0] == pytest.approx(each[0])
    differences = one[..., 0].mean(axis=0) - other[..., 0].mean(axis=0)
    assert found.replicates.std() == pytest.approx(100 * differences.std() / 200**0.5, rel=0.05)
    pooled = (each[0].var() * 3 + each[1].var() * 2) / 3
    spread = found.of_runs(np.random.default_rng(3))
    assert np.quantile(spread, 0.75) == pytest.approx(0.7649 * np.sqrt(pooled * (1 / 3 + 1 / 2)), rel=0.1)  # t of 3


def test_clusters_widen_intervals_and_keep_the_level():
    """Five questions a passage, of which each system knows all or none; counts summed over passages."""
    rng = np.random.default_rng(4)
    by_item = by_passage = 0
    for _ in range(200):
        known = [np.repeat(rng.random(60) < 0.5, 5).astype(float) for _ in range(2)]
        items = [np.stack([k, k, np.ones(300)], axis=1) for k in known]
        passages = [c.reshape(60, 5, 3).sum(axis=1) for c in items]
        by_item += paired("answers", *items, 200, rng)["f1"].p < 0.05
        by_passage += paired("answers", *passages, 200, rng)["f1"].p < 0.05
    assert by_passage / 200 < 0.09
    assert by_item / 200 > 0.2


def test_questions_of_a_passage_are_drawn_together_and_pairs_are_compared(submission, tmp_path):
    predictions, labels = submission.write(tmp_path, "one", "xtreme")
    other = tmp_path / "other"
    shutil.copytree(predictions, other)
    path = next((other / "bucc2018").iterdir())
    path.write_text(path.read_text().splitlines()[0] + "\n")
    gold = next((labels / "xquad").glob("*en*"))
    content = json.loads(gold.read_text())
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            paragraph["context"] = "one passage for all"
    gold.write_text(json.dumps(content))
    contrasts = evaluate_against({"a": predictions, "b": other}, labels, replicates=200)
    assert any(note.startswith("xquad: items that share a passage") for note in contrasts.notes)
    english = next(d for d in contrasts.differences if (d.task, d.language) == ("xquad", "en"))
    assert english.n == 1
    pairs = [d for d in contrasts.differences if d.task == "bucc2018"]
    assert any(d.difference != 0 for d in pairs)
    nested = evaluate_against({"a": [predictions, other], "b": [other, predictions]}, labels, replicates=200)
    assert {d.difference for d in nested.differences} == {0}


def test_the_command_takes_runs_of_systems(run, systems):
    folders, labels = systems
    common = ("evaluate", "--predictions", f"mine={folders['one']},{folders['copy']}", "--labels", labels)
    status, out, err = run(*common, "--against", f"theirs={folders['flat']}")
    assert status == 0, err
    assert "theirs" in out
    for against in ("=x", f"theirs={folders['one']}", f"mine={folders['flat']}"):
        status, out, err = run(*common, "--against", against)
        assert (status, out) == (2, "")
        assert err.count("\n") == 1
