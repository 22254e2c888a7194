"""Pairs by hand, exact tests by brute force, verdicts that are known."""

import itertools
import os
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import diversity
from diversity.stats import matching, paired
from diversity.stats.permutation import Relabelled, SetScores, label_test, labels
from diversity.studies.weights import size_means
from diversity.types import InputError

LONG = os.environ.get("DIVERSITY_LONG") == "1"  # as .ci/run asks: simulations and drawn studies in full


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
    assert f" in {found.n_pairs} matched pairs (95 % CI " in found.sentence


def test_little_data_decides_nothing(designs, rng):
    results, scores, _ = tables(designs, rng, 0.4, spread=2.0)
    assert diversity.compare(results, scores, metric="cosine").verdict == "undecided"


def test_label_permutation_by_brute_force(designs, rng):
    """All relabellings of five tasks: groups and pairs formed again, the difference over its variance by dense matrices."""
    weights = designs.subsets(5, [2, 3])
    x = designs.rao(weights, rng)
    y = 60 + weights @ rng.normal(0, 0.5, 5) + 0.3 * rng.normal(size=20)
    found = diversity.compare(
        designs.results(weights, y, languages=("en",)), designs.scores(weights, x), metric="cosine"
    )
    strata = [(k,) for k in (weights > 0).sum(axis=1)]
    by_name = {tuple(np.flatnonzero(w)): v for w, v in zip(weights, x, strict=True)}
    fixed = size_means(weights)
    variance = label_test(
        Relabelled(weights, labels(5, 0, rng)[0], True, SetScores.of(weights > 0, x)), y, fixed
    ).theta(np.zeros(1))[0]
    statistic = []
    for order in itertools.permutations(range(5)):
        moved = np.array([by_name[tuple(sorted(order[i] for i in np.flatnonzero(w)))] for w in weights])
        pairs = matching.pairs(matching.split(moved, strata), strata, moved, weights)
        c = paired.contrast(pairs, 20)
        statistic.append((c @ y) ** 2 / (c @ (variance * weights @ weights.T + np.eye(20)) @ c))
    expected = np.mean(np.array(statistic) >= statistic[0] * (1 - 1e-9))
    assert found.p_permutation == pytest.approx(expected, abs=1e-9)
    assert found.primary == "task-label permutation"


def test_level_of_few_pairs(designs):
    """Three to eight pairs of an open design, chosen by diversity: .08 to .11 with variances from the pairs alone."""
    rng, rejected = np.random.default_rng(4), []
    singles, triples = designs.subsets(9, [1]), designs.subsets(9, [3])
    for _ in range(150):
        some = triples[rng.choice(84, 10, replace=False)]
        weights = np.vstack([singles, some])
        x = designs.rao(weights, rng)
        y = weights @ rng.normal(size=9) + 0.25 * rng.normal(size=19)
        side = matching.split(x, [(k,) for k in (weights > 0).sum(axis=1)])
        pairs = matching.pairs(side, (weights > 0).sum(axis=1).tolist(), x, weights)
        model = paired.PairedComponents.of(weights, pairs)
        rejected.append(model.test(y, draws=399, rng=rng).p() <= 0.05)
    assert np.mean(rejected) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 150))


def test_difference_given_tasks_is_that_of_regression(designs, rng):
    """Given what each task is worth: the coefficient of the groups beside the shares of all tasks (least squares)."""
    weights = designs.subsets(6, [1, 2, 3])
    k = (weights > 0).sum(axis=1)
    x = designs.rao(weights, rng)
    side = matching.split(x, k.tolist())
    pairs = matching.pairs(side, k.tolist(), x, weights)
    y = 60 + weights @ rng.normal(size=6) + 0.3 * rng.normal(size=len(k))
    group = np.sign(paired.contrast(pairs, len(k))) / 2
    sizes = (k[:, None] == [1, 2, 3]).astype(float)
    expected, *_ = np.linalg.lstsq(np.column_stack([group, sizes, weights]), y, rcond=None)
    relabelled = Relabelled(weights, labels(6, 0, rng)[0], True, SetScores.of(weights > 0, x))

    def pairs_of(moved):
        return matching.pairs(matching.split(moved, k.tolist()), k.tolist(), moved, weights)

    by_labels = paired.RelabelledPairs.of(relabelled.fewer(50, rng), pairs, pairs_of).given_tasks(y)
    bootstrap = paired.PairedComponents.of(weights, pairs, given_tasks=True).test(y, draws=50, rng=rng)
    assert by_labels.difference == pytest.approx(expected[0])
    assert bootstrap.difference == pytest.approx(expected[0])


def test_variance_of_the_difference_by_dense_matrices(designs, rng):
    """The standard error is that of the fitted covariance: tasks, pairs of tasks and noise at the best point of the grid."""
    weights = designs.subsets(6, [1, 2, 3])
    k = (weights > 0).sum(axis=1)
    x = designs.rao(weights, rng)
    pairs = matching.pairs(matching.split(x, k.tolist()), k.tolist(), x, weights)
    y = weights @ rng.normal(size=6) + 0.3 * rng.normal(size=len(k))
    model = paired.PairedComponents.of(weights, pairs)
    c, parts = paired.contrast(pairs, len(k)), model.components
    difference, se, (at,) = model.fitted(parts.contrasts.T @ y[:, None])
    covariance = parts.contrasts @ parts.factor[at] @ parts.factor[at].T @ parts.contrasts.T
    fixed = np.column_stack([(k[:, None] == [1, 2, 3]).astype(float), np.sign(c)])
    inside = np.linalg.qr(fixed, mode="complete")[0][:, 4:]
    within = inside.T @ (covariance + fixed @ fixed.T) @ inside
    noise = (inside.T @ y) @ np.linalg.solve(within, inside.T @ y) / inside.shape[1]
    assert difference[0] == pytest.approx(c @ y)
    assert se[0] == pytest.approx(np.sqrt(c @ covariance @ c * noise))


@pytest.mark.parametrize("sizes", [(1, 2), (3,)])
def test_good_tasks_that_are_diverse_are_no_effect_of_mixing(sizes, designs, monkeypatch):
    """Mixtures are worth the mean of their tasks, the good ones being far from all: half were false differences before."""
    monkeypatch.setattr("diversity.stats.compare.RELABELLINGS", 199)
    rng, decided, plain = np.random.default_rng(8), [], []
    weights = designs.subsets(7, sizes)
    draws = 30 if LONG else 12
    for _ in range(draws):
        distances = rng.random((7, 7))
        distances += distances.T
        far = distances.mean(axis=1)
        x = np.einsum("mi,ij,mj->m", weights, distances, weights)
        y = 60 + weights @ (2 * (far - far.mean()) / far.std() + rng.normal(size=7))
        y += 0.25 * rng.normal(size=len(y))
        found = diversity.compare(
            designs.results(weights, y, languages=("en",)), designs.scores(weights, x), metric="cosine",
            analysis=diversity.Analysis(permutations=499, bootstrap=100, rope=0.0),
        )  # fmt: skip
        decided.append(found.verdict in ("better", "worse"))
        plain.append(found.p <= 0.05)
        if plain[-1] and not decided[-1]:
            assert any("does not hold given what each task is worth" in note for note in found.notes)
    most = 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)
    assert np.mean(decided) <= most < np.mean(plain)


def test_an_effect_of_mixing_holds_given_what_tasks_are_worth(designs, rng):
    results, scores, _ = tables(designs, rng, 3.0, sizes=(1, 2, 3))
    found = diversity.compare(results, scores, metric="cosine")
    assert found.verdict == "better"
    assert list(found.tables["members"]["given"]) == ["nothing", "what each task is worth"]
    assert found.tables["members"]["p"].max() < 0.05


def test_losses_are_better_where_lower(designs, rng):
    results, scores, _ = tables(designs, rng, 3.0)
    once = results.drop_duplicates(["mixture", "target", "language", "seed"])
    loss = once.assign(metric="loss", value=once["value"] / 20)
    found = diversity.compare(loss, scores, metric="cosine")
    assert found.difference > 0
    assert found.verdict == "worse"
    assert "Lower is better." in found.sentence
    higher = diversity.Analysis(lower_is_better=False)
    assert diversity.compare(loss, scores, metric="cosine", analysis=replace(higher, rope=0.01)).verdict == "better"


def test_fractions_are_not_practically_equal_by_default(designs, rng):
    results, scores, _ = tables(designs, rng, 8.5)
    found = diversity.compare(results.assign(value=results["value"] / 100), scores, metric="cosine")
    assert found.difference == pytest.approx(0.085, abs=0.01)
    assert found.verdict == "better"
    assert "What difference would count as none was not given." in found.sentence
    none = diversity.compare(*tables(designs, rng, 0.0)[:2], metric="cosine")
    small = tables(designs, rng, 0.0)
    assert none.verdict == "equal"
    assert (
        diversity.compare(small[0].assign(value=small[0]["value"] / 100), small[1], metric="cosine").verdict != "equal"
    )
    fractions = small[0].assign(value=small[0]["value"] / 100)
    given = diversity.compare(fractions, small[1], metric="cosine", analysis=diversity.Analysis(rope=0.05))
    assert given.verdict == "equal"


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
    assert paired.sign_flip_p(d, 100, rng) == expected


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
        diversity.compare(results, groups=side, analysis=diversity.Analysis(rope=-1))


def test_two_pairs_decide_nothing(designs, rng):
    results, _, side = tables(designs, rng, 9.0)
    names = list(side)
    keep = {names[0]: "diverse", names[1]: "homogeneous", names[2]: "diverse", names[3]: "homogeneous"}
    some = results[results["mixture"].isin(keep)]
    found = diversity.compare(some, groups=keep)
    assert (found.n_pairs, found.verdict) == (2, "undecided")
    assert found.to_dict()["low_tasks"] is None
    assert "2 pairs are too few for an interval that allows for shared tasks" in found.sentence


def test_groups_and_pairs_that_the_results_declare_are_used(designs, rng):
    results, scores, side = tables(designs, rng, 1.0)
    names = {group: [m for m, s in side.items() if s == group] for group in matching.GROUPS}
    number = {m: i for members in names.values() for i, m in enumerate(members, start=1)}
    role = results["mixture"].map(side).replace("", "single")
    results = results.assign(role=role, pair=results["mixture"].map(number).where(role != "single"))
    found = diversity.compare(results)
    pairs = found.to_frame()
    assert [(number[a], side[b]) for a, b in zip(pairs["diverse"], pairs["homogeneous"], strict=True)] == [
        (number[b], "homogeneous") for b in pairs["homogeneous"]
    ]
    assert any("columns role and pair of the results declare" in n for n in found.notes)
    assert diversity.compare(results, scores, metric="cosine").to_frame()["diverse"].tolist() == list(pairs["diverse"])
    matched = diversity.compare(results, match=("k",)).to_frame()
    assert set(zip(matched["diverse"], matched["homogeneous"], strict=True)) != set(
        zip(pairs["diverse"], pairs["homogeneous"], strict=True)
    )
    by_metric = diversity.compare(results, scores, metric="cosine", groups="metric")
    assert by_metric.metric == "cosine"
    assert (
        by_metric.to_dict()
        == diversity.compare(results.drop(columns=["role", "pair"]), scores, metric="cosine").to_dict()
    )
    some = results.assign(
        pair=results["pair"].where(results["pair"] != 1)
    )  # one pair without a number: none is declared
    assert diversity.compare(some).to_frame().equals(diversity.compare(results, match=("k", "budget")).to_frame())
    half = results[results["mixture"] != names["diverse"][0]]  # one side of a pair has no result
    assert diversity.compare(half).n_pairs == found.n_pairs - 1
