"""Designs: what is chosen is matched, closed or evenly spread, and what it can show is said."""

import dataclasses
import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diversity
from diversity import Assumptions, Hypothesis, InputError, Training, design
from diversity.cli import main
from diversity.moments import moments
from diversity.planning import confounders, selection
from diversity.planning.plans import read_plan
from diversity.scoring import embedded

FIELDS = {field.name: kind for kind in (Hypothesis, Training, Assumptions) for field in dataclasses.fields(kind)}
TASKS = ["anli_plus", "ccg", "commonsenseqa", "cosmosqa", "hellaswag", "mnli", "qqp", "squad_v1", "squad_v2"]


# --- Choosing ----------------------------------------------------------------------------------------


@given(st.integers(1, 8), st.integers(1, 8))
def test_subsets_are_all_of_a_size_once(tasks, k):
    if k > tasks:
        with pytest.raises(InputError, match="expected a size of 1 to"):
            selection.subsets(tasks, k)
        return
    weights = selection.subsets(tasks, k)
    assert len({tuple(row) for row in weights}) == len(weights) == math.comb(tasks, k)
    assert weights.sum(axis=1) == pytest.approx(1)


def brute_force(diversity, covariates, importance):
    """Least sum of mismatch over contrast over all assignments, by trying every one."""
    third = len(diversity) // 3
    order = np.argsort(diversity, kind="stable")
    low, high = order[:third], order[-third:]
    z = selection.standardised(covariates) * np.sqrt(importance)
    sums = []
    for chosen in itertools.permutations(low):
        pairs = zip(high, chosen, strict=True)
        sums.append(sum(np.linalg.norm(z[a] - z[b]) / (diversity[a] - diversity[b]) for a, b in pairs))
    return min(sums) * diversity.std()


def test_the_assignment_of_pairs_is_the_best_of_all(rng):
    diversity, covariates, importance = rng.normal(size=15), rng.normal(size=(15, 3)), np.array([1.0, 4.0, 0.5])
    pairs = selection.matched(diversity, covariates, importance, 5)
    z = selection.standardised(covariates) * np.sqrt(importance)
    costs = [np.linalg.norm(z[a] - z[b]) / (diversity[a] - diversity[b]) * diversity.std() for a, b in pairs]
    assert sum(costs) == pytest.approx(brute_force(diversity, covariates, importance))
    assert costs == sorted(costs)
    assert len(set(pairs.ravel())) == 10
    assert selection.matched(diversity, covariates, importance, 2).tolist() == pairs[:2].tolist()


def test_pairs_are_taken_so_that_no_task_stands_on_one_side_alone():
    """By hand: task 0 makes a mixture diverse in the two cheapest pairs; the third, a little dearer, has it on no side."""
    diversity = np.array([0.0, 0.1, 0.2, 1.0, 1.1, 1.2, 5.0, 5.1, 5.2])
    covariate = np.array([0.0, 10.0, 20.0, 100.0, 101.0, 102.0, 0.1, 10.1, 20.3])[:, None]
    weights = np.array(
        [[0, 1.0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 0, 0], [1, 0, 0], [0, 1, 0]]
    )
    assert {tuple(p) for p in selection.matched(diversity, covariate, np.ones(1), 2).tolist()} == {(6, 0), (7, 1)}
    assert selection.matched(diversity, covariate, np.ones(1), 2, weights)[:, 0].tolist().count(8) == 1


def test_matched_pairs_of_the_nine_tasks_hold_no_task_on_one_side():
    """Four pairs by mismatch alone all exchange SQuAD 1.1 for 2.0: their effects could not be told from diversity's."""
    study = designed(mixtures=4, targets=["xnli", "udpos", "xquad", "tatoeba"], draws=20)
    table = study.mixtures
    for task in TASKS:
        sides = [
            sum(task in t for t in table.loc[table["role"] == role, "tasks"]) for role in ("diverse", "homogeneous")
        ]
        noted = any(note.startswith(f"{task} is in {sides[0]} diverse") for note in study.notes)
        assert abs(sides[0] - sides[1]) <= 2
        assert noted == (abs(sides[0] - sides[1]) > 2)


def test_pairs_that_cannot_be_are_told():
    with pytest.raises(InputError, match="expected 1 to 2 pairs of 6 mixtures, found 3"):
        selection.matched(np.arange(6.0), np.zeros((6, 1)), np.ones(1), 3)
    with pytest.raises(InputError, match="expected mixtures that differ in diversity"):
        selection.matched(np.ones(6), np.zeros((6, 1)), np.ones(1), 2)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 12), st.integers(0, 10_000))
def test_an_even_spread_has_every_mixture_once_and_is_sorted(size, seed):
    rng = np.random.default_rng(seed)
    diversity = rng.choice([rng.normal(size=20), rng.exponential(size=20), np.repeat(rng.normal(size=5), 4)])
    chosen = selection.spread(diversity, rng.normal(size=(20, 2)), np.eye(20), size, rng)
    assert len(set(chosen.tolist())) == size
    assert (np.diff(diversity[chosen]) >= 0).all()


def test_an_even_spread_is_balanced_where_it_can_be():
    """Two candidates in each bin, one of which follows the confounder: by hand, the other is taken in every second bin."""
    diversity = np.repeat(np.arange(8.0), 2) + np.tile([0.0, 0.1], 8)
    confounder = np.where(np.arange(16) % 2, -np.repeat(np.arange(8.0), 2), np.repeat(np.arange(8.0), 2))[:, None]
    chosen = selection.spread(diversity, confounder, np.ones((16, 1)), 8)
    assert abs(np.corrcoef(diversity[chosen], confounder[chosen, 0])[0, 1]) < 0.1


# --- Confounders -------------------------------------------------------------------------------------


def test_covariates_by_hand():
    space = embedded.EmbeddedTasks(
        "hand",
        {
            "squad_v1": embedded.EmbeddedTask(moments([[1.0, 0]]), np.ones((1, 2)), {}, ("a b c",)),
            "qqp": embedded.EmbeddedTask(moments([[0.0, 1]]), np.ones((1, 2)), {}, ("a",)),
        },
    )
    target = {"xnli": embedded.EmbeddedTask(moments([[0.0, 1]]), np.ones((1, 2)), {}, ("a d",))}
    table = confounders.covariates(np.array([[0.5, 0.5], [1, 0]]), space, target, {"qqp": 60, "squad_v1": 80})
    assert table["log10 examples"].tolist() == pytest.approx(
        [(math.log10(363_846) + math.log10(87_599)) / 2, math.log10(363_846)]
    )
    assert table["words"].tolist() == [2, 1]
    assert table["kind span"].tolist() == [0.5, 0]
    assert table["strength"].tolist() == [70, 60]
    assert table["similarity, mean"].tolist() == [0.5, 1]
    assert table["similarity, greatest"].tolist() == [1, 1]
    assert table["vocabulary overlap"].tolist() == pytest.approx([(1 / 2 + 1 / 4) / 2, 1 / 2])


def test_balance_by_hand():
    table = confounders.balance(
        np.array([3.0, 4, 1, 2]), pd.DataFrame({"size": [1.0, 3, 2, 5]}), ["diverse"] * 2 + ["homogeneous"] * 2
    )
    row = table.set_index("covariate").loc["size"]
    assert row["correlation"] == pytest.approx(-0.5 / math.sqrt(5 * 8.75))
    assert (row["diverse"], row["homogeneous"]) == (2, 3.5)
    assert row["smd"] == pytest.approx(-1.5 / math.sqrt(3.25))


# --- Designs -----------------------------------------------------------------------------------------


def designed(tasks=(), **values):
    """A design of single values, each in the object that has it."""
    objects = {kind: {n: v for n, v in values.items() if FIELDS.get(n) is kind} for kind in set(FIELDS.values())}
    if "targets" in values:
        objects[Hypothesis]["targets"] = tuple(values["targets"])
    rest = {name: value for name, value in values.items() if name not in FIELDS}
    return design(tasks, **rest, **{kind.__name__.lower(): kind(**of) for kind, of in objects.items()})


def results_of_singles(strength):
    rows = [
        {"mixture": t, "target": "xnli", "language": "en", "seed": 1, "metric": "accuracy", "value": v}
        for t, v in strength.items()
    ]
    return pd.DataFrame(rows)


def test_matched_pairs_are_alike_in_format_and_strength_and_unlike_in_diversity():
    strength = dict(zip(TASKS, (60, 52, 50, 55, 57, 62, 58, 54, 56), strict=True))
    study = designed(mixtures=6, targets=["xnli"], results=results_of_singles(strength), draws=40)
    balance = study.balance.set_index("covariate")
    formats = [c for c in balance.index if c.startswith("kind")]
    assert balance.loc["diversity", "smd"] > 3
    assert (balance.loc[[*formats, "strength"], "smd"].abs() < 0.5).all()
    table = study.mixtures
    for _, pair in table[table["pair"].notna()].groupby("pair"):
        values = pair.set_index("role")["vendi_beta(q=2)"]
        assert values["diverse"] > values["homogeneous"]
    assert set(table["k"]) == {0, 1, 3}
    assert sorted(table[table["role"] == "single"]["mixture"]) == TASKS
    assert any("sd between tasks from the results: 3.77" in n for n in study.notes)


def test_seeds_average_their_noise_out():
    """What a design shows depends on the seeds of each mixture, where they differ."""
    options = {"mixtures": 4, "targets": ["xnli"], "sd_task": 1.0, "sd_noise": 0.1, "draws": 60}
    one, nine = (designed(seeds=seeds, sd_seed=1.0, **options).power.set_index("quantity")["value"] for seeds in (1, 9))
    for name in ("minimum detectable slope", "minimum detectable difference"):
        assert nine[name] < 0.75 * one[name]
    seeds = [
        results_of_singles(dict.fromkeys(TASKS, 50.0)).assign(seed=s, value=50.0 + d) for s, d in ((1, 2), (2, -2))
    ]
    known = designed(results=pd.concat(seeds), sd_task=3.0, **{k: v for k, v in options.items() if k != "sd_task"})
    assert "sd between seeds from the results: 2.83" in known.notes
    assert any("sd between seeds is not known" in note for note in designed(**options).notes)


def test_pairs_that_are_not_alike_are_said():
    study = designed(targets=["xnli"], draws=20)
    balance = study.balance.set_index("covariate")["smd"].drop("diversity")
    noted = {n.split(" in ")[1].split(":")[0] for n in study.notes if "are not alike in" in n}
    assert noted == set(balance.index[balance.abs() > 0.25])
    assert noted


def test_balanced_tasks_show_smaller_differences(monkeypatch):
    """At the weight of .05 tasks stood on one side, and their effects were the noise of the pairs."""
    options = {"targets": ["xnli"], "draws": 60, "sd_noise": 0.25}
    now = designed(**options).power.set_index("quantity")["value"]["minimum detectable difference"]
    monkeypatch.setattr(selection, "SURPLUS", 0.05)
    before = designed(**options).power.set_index("quantity")["value"]["minimum detectable difference"]
    assert now < 0.85 * before


def test_a_closed_design_has_every_mixture_of_its_sizes():
    study = designed(size=[2, 3], scheme="closed", targets=["xquad"], metric="cosine", draws=40)
    assert study.mixtures["k"].value_counts().to_dict() == {3: 84, 2: 36, 1: 9, 0: 1}
    power = study.power.set_index("quantity")["value"]
    assert power["mixtures of several tasks"] == 120
    assert 1 < power["effective sample size"] < 60
    assert any("anli_plus contains mnli" in n for n in study.notes)


def test_an_even_spread_uses_the_whole_range():
    study = designed(scheme="space-filling", mixtures=9, targets=["xnli"], draws=40)
    every = designed(scheme="closed", targets=["xnli"], draws=20).mixtures
    whole = every[every["k"] == 3]["vendi_beta(q=2)"]
    found = study.mixtures[study.mixtures["role"] == "space-filling"]["vendi_beta(q=2)"]
    width = np.ptp(whole) / 9
    assert designed(scheme="space", mixtures=9, targets=["xnli"], draws=20).mixtures.equals(study.mixtures)
    assert found.min() < whole.min() + width
    assert found.max() > whole.max() - width
    assert np.diff(sorted(found)).max() < 2 * width


def test_runs_and_hours_by_hand():
    """11 mixtures (6 pairs of tasks, 4 single, the baseline) x 2 seeds; xquad and mlqa share one training set."""
    study = designed(
        TASKS[:4],
        size=2,
        scheme="closed",
        targets=["xquad", "mlqa", "tatoeba"],
        seeds=2,
        budget=1000,
        rate=100,
        draws=20,
    )
    assert study.runs == {"intermediate": 20, "target": 22, "cells": 66}
    assert study.examples == 20 * 1000 + 22 * 2 * 87_599
    assert study.hours == pytest.approx(study.examples / 360_000)


def test_the_rate_is_measured_on_this_machine(samples, monkeypatch):
    from types import SimpleNamespace

    from diversity.training import intermediate

    asked = []

    def plan_mix(tasks, **options):
        asked.append((tasks, options["model"], options["settings"].optimisation.examples))
        return SimpleNamespace(examples=640, seconds=3.2)

    monkeypatch.setattr(intermediate, "plan_mix", plan_mix)
    space = embedded.load_moments(TASKS[:3])
    options = {"size": 2, "scheme": "closed", "targets": ["tatoeba"], "draws": 20, "budget": 64, "measure_rate": True}
    study = designed(space, data=samples, **options)
    assert asked == [(TASKS[:3], "mini", 64)]
    assert study.hours == pytest.approx(study.examples / 200 / 3600)
    assert any("likeness to tatoeba is not known: there are no English texts" in n for n in study.notes)
    with pytest.raises(InputError, match="expected a folder of data"):
        designed(space, **options)


def test_the_plan_says_what_was_designed(tmp_path):
    study = designed(size=2, scheme="matched", mixtures=3, targets=["udpos", "tatoeba"], seeds=2, budget=5000, draws=20)
    path = tmp_path / "plan.toml"
    plan = read_plan(study.write(path))
    assert plan.name == "plan"
    assert [p.mixture.tasks for p in plan.mixtures] == study.mixtures["tasks"].tolist()
    assert [p.role for p in plan.mixtures] == study.mixtures["role"].tolist()
    assert [p.pair for p in plan.mixtures][:7] == [1, 1, 2, 2, 3, 3, None]
    assert (plan.primary_metric, plan.outcome, plan.seeds) == ("vendi_beta(q=2)", "mean", (1, 2))
    assert {p.mixture.budget for p in plan.mixtures} == {5000}
    assert "minimum detectable slope" in study.plan


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": ["mnly"]}, "unknown task 'mnly'"),
        ({"size": 1}, "expected a size of at least 2"),
        ({"size": 10}, "expected a size of 1 to 9"),
        ({"size": [2, 3]}, "expected one size for the scheme matched, found 2, 3"),
        ({"scheme": "close"}, "unknown scheme 'close': did you mean closed"),
        ({"mixtures": 99}, "expected 1 to 28 pairs of 84 mixtures, found 99"),
        ({"metric": "vendy"}, "unknown metric"),
        ({"metric": "hill(q=1)"}, "expected mixtures that differ in diversity"),
        ({"outcome": "mean8"}, "unknown outcome"),
        ({"outcome": "xquad"}, "unknown outcome"),
        ({"targets": ["mnli"]}, "expected targets, found mnli"),
        ({"seeds": 10**12}, "expected at most 1,000 seeds, found 1000000000000"),
        ({"draws": 10**12}, "expected 1 to 100,000 draws of the simulation, found 1000000000000"),
        ({"seeds": 0}, "expected seeds of at least 1"),
        ({"rate": 0}, "expected a rate above 0"),
        ({"preset": "phang"}, "unknown preset 'phang'"),
        ({"sd_task": -1}, "expected a standard deviation of task of at least 0"),
        (
            {"results": results_of_singles({"mnli": 1})},
            "expected the results to have each task alone, found none of anli_plus",
        ),
    ],
)
def test_designs_that_cannot_be_are_told(options, message):
    with pytest.raises(InputError) as error:
        designed(**{"targets": ["xnli"], "draws": 20, **options})
    assert message in str(error.value)


def test_the_command_prints_the_design_and_writes_the_plan(tmp_path, capsys):
    path = tmp_path / "plan.toml"
    with pytest.raises(SystemExit) as stop:
        main(["design", "--size", "2", "--mixtures", "3", "--targets", "xnli", "--draws", "20", "--output", str(path)])
    assert not stop.value.code
    printed = capsys.readouterr().out
    for text in ("homogeneous", "minimum detectable slope", "effective sample size", "smd"):
        assert text in printed
    assert "45 intermediate and 48 target trainings" in printed
    assert len(read_plan(path).mixtures) == 16


def test_a_bad_command_writes_nothing(tmp_path, capsys):
    for arguments in (["--size", "two"], ["--scheme", "no"], ["--size", "30"]):
        with pytest.raises(SystemExit) as stop:
            main(["design", *arguments, "--output", str(tmp_path / "plan.toml")])
        assert stop.value.code == 2
        assert capsys.readouterr().err.startswith("diversity: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("scheme", "k", "mixtures"),
    [("closed", 2, 8), ("closed", (2, 3), 8), ("matched", 3, 8), ("matched", 3, 2), ("space-filling", 3, 14)],
)
def test_fit_gives_the_test_that_the_design_promised(scheme, k, mixtures, designs, rng):
    few = Assumptions(draws=20)  # of power, which is not looked at
    study = design(
        TASKS, size=k, scheme=scheme, mixtures=mixtures, hypothesis=Hypothesis(targets=("xnli",)), assumptions=few
    )
    trained = study.mixtures[study.mixtures["k"] > 0]
    rows = [
        {"mixture": row["mixture"], "role": row["role"], "pair": row["pair"], "target": "xnli", "language": language,
         "seed": 0, "metric": "accuracy", "value": 60 + rng.normal()}
        for row in trained.to_dict("records") for language in ("en", "de")
    ]  # fmt: skip
    scores = diversity.score(TASKS, all_subsets=True, metrics=[study.metric], intervals=False)
    found = diversity.fit(pd.DataFrame(rows), scores, metric=study.metric, outcome="xnli", details=False)
    test = found.primary.partition(" (")[0].replace("no test", "no verdict")
    assert [test in note for note in study.notes if note.startswith("fit will ")] == [True], (test, study.notes)
