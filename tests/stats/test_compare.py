"""Pairs by hand, exact tests by brute force, verdicts that are known."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diversity
from diversity.stats import compare, matching
from diversity.types import InputError


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 5), min_size=2, max_size=20), st.sampled_from([0.2, 1 / 3, 0.5]))
def test_split_puts_the_greatest_above_the_least(values, share):
    x = np.array(values, dtype=float)
    side = np.array(matching.split(x, [1] * len(x), share))
    diverse, homogeneous = x[side == "diverse"], x[side == "homogeneous"]
    assert bool(len(diverse)) == bool(len(homogeneous)) == bool(len(set(values)) > 1)
    if len(diverse):
        assert diverse.min() > homogeneous.max()
        assert diverse.min() > np.sort(x[side != "diverse"]).max(initial=-1)


def test_pairs_share_the_most_tasks_within_their_stratum(designs, rng):
    weights = designs.subsets(5, [2, 3])
    x = designs.rao(weights, rng)
    strata = [(k,) for k in (weights > 0).sum(axis=1)]
    side = matching.split(x, strata)
    found = matching.pairs(side, strata, x, weights)
    assert len({i for pair in found for i in pair}) == 2 * len(found)
    for a, b in found:
        assert strata[a] == strata[b]
        assert (side[a], side[b]) == ("diverse", "homogeneous")
    for k in (2, 3):
        diverse, other = ([i for i in range(20) if side[i] == g and strata[i] == (k,)] for g in matching.GROUPS)
        best = max(
            sum(np.minimum(weights[a], weights[b]).sum() for a, b in zip(order, other, strict=False))
            for order in itertools.permutations(diverse)
        )
        here = [(a, b) for a, b in found if strata[a] == (k,)]
        assert sum(np.minimum(weights[a], weights[b]).sum() for a, b in here) == pytest.approx(best)


def tables(designs, rng, effect, sizes=(2, 3), spread=0.1, own=0.1):
    weights = designs.subsets(6, sizes)
    x = designs.rao(weights, rng)
    strata = [(k,) for k in (weights > 0).sum(axis=1)]
    side = np.array(matching.split(x, strata))
    y = 60 + weights @ rng.normal(0, own, 6) + effect * (side == "diverse") + spread * rng.normal(size=len(x))
    return designs.results(weights, y, languages=("en",)), designs.scores(weights, x), dict(
        zip(designs.names(weights), side, strict=True)
    )  # fmt: skip


@pytest.mark.parametrize(("effect", "verdict"), [(3.0, "better"), (-3.0, "worse"), (0.0, "equal")])
def test_verdicts(effect, verdict, designs, rng):
    results, scores, _ = tables(designs, rng, effect)
    found = diversity.compare(results, scores, metric="cosine", analysis=diversity.Analysis(bootstrap=500))
    assert found.verdict == verdict
    assert found.low_tasks - 1e-9 <= found.difference <= found.high_tasks + 1e-9
    assert found.difference == pytest.approx(effect, abs=0.3)
    assert found.difference == pytest.approx(found.tables["pairs"]["difference"].mean())
    assert (found.p_permutation < 0.05) == (effect != 0)
    assert set(found.to_dict()) >= {"difference", "p_permutation", "effect_size", "verdict"}
    assert found.sentence.startswith(f"{found.n_pairs} pairs of mixtures of 6 tasks")


def test_little_data_decides_nothing(designs, rng):
    results, scores, _ = tables(designs, rng, 0.4, spread=2.0)
    assert diversity.compare(results, scores, metric="cosine").verdict == "undecided"


def test_label_permutation_by_brute_force(designs, rng):
    results, scores, _ = tables(designs, rng, 0.2, spread=0.3, own=0.5)
    found = diversity.compare(results, scores, metric="cosine")
    y = results.groupby("mixture", sort=False)["value"].mean()
    pairs = found.tables["pairs"]
    tasks = designs.TASKS[:6]
    statistic = []
    for order in itertools.permutations(tasks):
        new = dict(zip(tasks, order, strict=True))

        def moved(name, new=new):
            return y["+".join(sorted(new[t] for t in name.split("+")))]

        statistic.append(np.mean([moved(a) - moved(b) for a, b in pairs[["diverse", "homogeneous"]].to_numpy()]))
    expected = np.mean(np.abs(statistic) >= abs(statistic[0]) - 1e-9)
    assert np.mean(statistic) == pytest.approx(0, abs=1e-9)
    assert found.p_permutation == pytest.approx(expected, abs=2e-3)


def test_given_groups_are_the_same_as_those_of_the_score(designs, rng, tmp_path):
    results, scores, side = tables(designs, rng, 1.0)
    by_score = diversity.compare(results, scores, metric="cosine")
    mapped = diversity.compare(results, groups=side)
    column = diversity.compare(results.assign(group=results["mixture"].map(side)), groups="group")
    assert by_score.n_pairs == mapped.n_pairs == column.n_pairs
    assert mapped.to_dict() == column.to_dict()
    assert set(mapped.tables["pairs"]["diverse"]) == set(by_score.tables["pairs"]["diverse"])


def test_sign_flips_of_few_pairs_are_all(rng):
    d = np.array([1.0, 2, 3, -0.5])
    expected = np.mean([abs(np.dot(s, d)) >= 5.5 for s in itertools.product([1, -1], repeat=4)])
    assert compare.sign_flip_p(d, 100, rng) == expected


def test_mean_of_differences_without_shared_tasks_is_the_t_test(rng):
    from scipy import stats

    d = rng.normal(1, 1, 12)
    low, high, p = compare.shared_tasks(np.zeros((12, 4)), d)
    expected = stats.ttest_1samp(d, 0)
    assert p == pytest.approx(expected.pvalue)
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval()))


def test_matching_on_a_budget(designs, rng):
    results, scores, _ = tables(designs, rng, 0.0)
    table = results.assign(budget=np.where(results["mixture"].str.contains("ccg"), 1000, 2000))
    found = diversity.compare(table, scores, metric="cosine")
    assert set(found.tables["strata"]["stratum"]) <= {"2, 1000", "2, 2000", "3, 1000", "3, 2000"}
    assert not any("no column budget" in n for n in found.notes)


def test_what_cannot_be_compared(designs, rng):
    results, scores, side = tables(designs, rng, 0.0)
    with pytest.raises(InputError, match="scores and a metric, or groups"):
        diversity.compare(results)
    with pytest.raises(InputError, match="groups diverse and homogeneous, found 'mixed'"):
        diversity.compare(results, groups={**side, "ccg+mnli": "mixed"})
    with pytest.raises(InputError, match="of the group homogeneous among those with results, found none"):
        diversity.compare(results, groups=dict.fromkeys(side, "diverse"))
    with pytest.raises(InputError, match="a share above 0"):
        diversity.compare(results, scores, metric="cosine", share=0.7)
    with pytest.raises(InputError, match="match on k or a column of numbers"):
        diversity.compare(results, scores, metric="cosine", match=["size"])
    one = {m: "diverse" if m.count("+") == 1 else "homogeneous" for m in side}
    with pytest.raises(InputError, match="of the same k and budget, found no such pair"):
        diversity.compare(results, groups=one)
    assert diversity.compare(results, groups=one, match=[]).n_pairs == 15
    with pytest.raises(InputError, match="practical equivalence"):
        diversity.compare(results, groups=side, rope=-1)


def test_two_pairs_decide_nothing(designs, rng):
    results, _, side = tables(designs, rng, 9.0)
    names = list(side)
    keep = {names[0]: "diverse", names[1]: "homogeneous", names[2]: "diverse", names[3]: "homogeneous"}
    some = results[results["mixture"].isin(keep)]
    found = diversity.compare(some, groups=keep)
    assert (found.n_pairs, found.verdict) == (2, "undecided")
    assert found.to_dict()["low_tasks"] is None
    assert any("too few" in n for n in found.notes)
