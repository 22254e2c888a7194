"""Proposed mixtures: known optima, witnesses that are not this code, and constraints that hold."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from diversity import catalog
from diversity.moments import moments, stack
from diversity.planning.plans import read_plan
from diversity.scoring import embedded, optimum
from diversity.scoring.asked import Asked
from diversity.scoring.mixtures import subsets, weights_of
from diversity.scoring.propose import Constraints, propose, surface
from diversity.scoring.shares import Feasible, quadratic
from diversity.types import InputError, SecondOrder


@pytest.fixture(scope="module")
def nine():
    return embedded.load_moments(catalog.intermediate())


def free(tasks: int, cap: float = 1.0) -> Feasible:
    return Feasible(np.zeros(tasks), np.full(tasks, cap))


# --- Known answers, found by other means ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("metric", "estimator", "cap", "value"),
    [
        ("vendi(q=2)", "U", 1, 162.188351),
        ("vendi(q=2)", "U", 0.25, 160.529668),
        ("cosine", "U", 1, 0.98901090),
        ("rao_beta", "V", 1, 0.05902632),
        ("vendi(q=1)", "V", 1, 225.686198),
        ("vendi_beta(q=1)", "V", 1, 1.497167),
    ],
)
def test_known_optima_of_the_nine_tasks(nine, metric, estimator, cap, value):
    proposal = propose(nine, metric, estimator=estimator, constraints=Constraints(cap=cap), ties=False)
    assert proposal.value == pytest.approx(value, abs=5.1e-9 if value < 1 else 5.1e-7)
    assert proposal.proven
    assert sum(proposal.weights.values()) == pytest.approx(1, abs=1e-12)
    assert max(proposal.weights.values()) <= cap + 1e-12


@pytest.mark.parametrize("metric", ["vendi(q=2)", "cosine", "rao_beta", "vendi_beta(q=2)"])
def test_no_subset_and_no_random_weights_score_more_of_second_order(nine, metric):
    asked, proposal = Asked.of(metric), propose(nine, metric, ties=False)
    names = nine.stacked.names
    drawn = np.random.default_rng(1).dirichlet(np.full(9, 0.4), 65_536)
    others = np.vstack([weights_of(subsets(names), names), drawn])
    assert asked.from_moments(nine.stacked, others).max() <= proposal.value * (1 + 1e-12)


@pytest.mark.parametrize(("metric", "best_subset"), [("vendi_beta(q=1)", 1.457779), ("vendi(q=1)", None)])
def test_no_subset_scores_more_of_first_order(nine, metric, best_subset):
    names, proposal = nine.stacked.names, propose(nine, metric, estimator="V", ties=False)
    best = Asked.of(metric, "V").from_moments(nine.stacked, weights_of(subsets(names), names)).max()
    assert best < proposal.value
    assert best_subset is None or best == pytest.approx(best_subset, abs=1e-6)


# --- The quadratic program -------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 2**32 - 1), st.booleans())
def test_quadratic_programs_are_solved_to_a_gap_of_rounding(tasks, rank, seed, bounded):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((tasks, rank)) * rng.choice([1e-3, 1.0, 1e3])
    matrix, gain = rows @ rows.T, rng.standard_normal(tasks) * rng.choice([0.0, 1.0])
    low, high = np.zeros(tasks), np.ones(tasks)
    if bounded:
        low, high = rng.dirichlet(np.ones(tasks)) * 0.5, np.minimum(1, rng.uniform(1.2, 4, tasks) / tasks + 0.5 / tasks)
        high = np.maximum(high, low)
        low, high = (low, high) if high.sum() >= 1 else (low, np.ones(tasks))
    solved = quadratic(matrix, gain, Feasible(low, high))
    size = np.abs(matrix).max() + np.abs(gain).max()
    assert solved.gap <= 1e-9 * size
    assert (solved.shares >= low - 1e-12).all()
    assert (solved.shares <= high + 1e-12).all()
    assert solved.shares.sum() == pytest.approx(1, abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 8), st.integers(0, 2**32 - 1))
def test_a_likeness_is_kept_at_the_least_cost(tasks, seed):
    rng = np.random.default_rng(seed)
    rows = rng.standard_normal((tasks, 10))
    matrix, like = rows @ rows.T + np.eye(tasks), rng.uniform(-1, 1, tasks)
    least = float(np.quantile(like, 0.8))
    solved = quadratic(matrix, np.zeros(tasks), Feasible(np.zeros(tasks), np.ones(tasks), like, least))
    assert like @ solved.shares >= least - 1e-9
    witness = minimize(
        lambda w: w @ matrix @ w,
        np.eye(tasks)[int(like.argmax())],
        jac=lambda w: 2 * matrix @ w,
        method="SLSQP",
        bounds=[(0, 1)] * tasks,
        constraints=[
            {"type": "eq", "fun": lambda w: w.sum() - 1},
            {"type": "ineq", "fun": lambda w: like @ w - least},
        ],
        options={"ftol": 1e-14, "maxiter": 500},
    )
    value = solved.shares @ matrix @ solved.shares
    assert value == pytest.approx(witness.fun, rel=1e-6)
    assert solved.gap <= 1e-7 * value


@settings(max_examples=15, deadline=None)
@given(st.integers(2, 4), st.integers(0, 2**32 - 1))
def test_the_bound_holds_where_the_form_is_not_convex(tasks, seed):
    rng = np.random.default_rng(seed)
    matrix = rng.standard_normal((tasks, tasks))
    matrix = (matrix + matrix.T) / 2
    form = SecondOrder(matrix, np.zeros(tasks), lambda w, _: 1 - w)
    reached = optimum.greatest_of_form(form, free(tasks))
    drawn = rng.dirichlet(np.full(tasks, 0.5), 5000)
    best = (1 - np.einsum("ma,ab,mb->m", drawn, matrix, drawn)).max()
    best = max(best, (1 - np.diag(matrix)).max())
    assert reached.value <= reached.bound + 1e-9
    assert best <= reached.bound + 1e-9
    assert reached.value >= best - 1e-2  # a local search, but a thorough one


# --- The concave functions of the spectrum ---------------------------------------------------------------


def small_tasks(tasks: int = 5, d: int = 6, seed: int = 3):
    rng = np.random.default_rng(seed)
    return stack({f"t{i}": moments(rng.standard_normal((20, d)) @ rng.standard_normal((d, d))) for i in range(tasks)})


def capacity(seconds: np.ndarray, rounds: int = 20_000) -> float:
    """The Holevo capacity by Blahut's and Arimoto's iteration, an algorithm of its own."""
    shares = np.full(len(seconds), 1 / len(seconds))
    logs = [scipy.linalg.logm(s) for s in seconds]
    for _ in range(rounds):
        whole = scipy.linalg.logm(np.tensordot(shares, seconds, axes=1))
        relative = np.array([np.trace(s @ (own - whole)).real for s, own in zip(seconds, logs, strict=True)])
        if relative.max() - shares @ relative < 1e-9:
            break
        shares = shares * np.exp(relative)
        shares /= shares.sum()
    return float(np.exp(shares @ relative))


def test_the_holevo_quantity_reaches_the_capacity_of_blahut_and_arimoto():
    tasks = small_tasks()
    asked = Asked.of("vendi_beta(q=1)")
    reached = optimum.greatest_of_spectrum(tasks, asked.metric.spectral(tasks, q=1.0), free(5))
    assert reached.value == pytest.approx(capacity(tasks.seconds), rel=1e-7)
    assert reached.bound == pytest.approx(reached.value, rel=1e-8)


@pytest.mark.parametrize("q", [0.3, 0.5, 1.0, 1.5, 2.0, 3.0])
def test_vendi_of_any_order_is_climbed_to_its_bound(q):
    tasks = small_tasks(4, 5, seed=8)
    asked = Asked.of(f"vendi(q={q})", "V")
    reached = optimum.greatest_of_spectrum(tasks, asked.metric.spectral(tasks, q=q), free(4, 0.6))
    assert reached.bound == pytest.approx(reached.value, rel=1e-8)
    drawn = np.random.default_rng(0).dirichlet(np.full(4, 0.7), 3000)
    drawn = drawn[drawn.max(axis=1) <= 0.6]
    assert asked.from_moments(tasks, drawn).max() <= reached.value * (1 + 1e-10)
    assert asked.from_moments(tasks, reached.shares[None])[0] == pytest.approx(reached.value, rel=1e-9)


def test_order_two_is_the_same_by_both_ways(nine):
    form = Asked.of("vendi(q=2)", "V").second_order(nine.stacked)
    spectral = Asked.of("vendi(q=2)", "V").metric.spectral(nine.stacked, q=2.0)
    one = optimum.greatest_of_form(form, free(9))
    other = optimum.greatest_of_spectrum(nine.stacked, spectral, free(9))
    assert one.value == pytest.approx(other.value, rel=1e-9)
    assert one.shares == pytest.approx(other.shares, abs=1e-4)


# --- Constraints --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3])
def test_at_most_so_many_tasks_is_the_best_of_all_subsets(nine, number):
    proposal = propose(nine, "vendi(q=2)", constraints=Constraints(tasks=number), ties=False)
    form = Asked.of("vendi(q=2)").second_order(nine.stacked)
    best = 0.0
    for chosen in itertools.combinations(range(9), number):
        out = np.array([i not in chosen for i in range(9)])
        best = max(best, optimum.greatest_of_form(form, free(9).without(out)).value)
    assert proposal.value == pytest.approx(best, rel=1e-10)
    assert len(proposal.weights) <= number
    assert proposal.proven


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 6), st.integers(0, 2**32 - 1))
def test_corners_are_all_the_corners(tasks, seed):
    rng = np.random.default_rng(seed)
    low = rng.choice([0, 0.05], tasks) * 1.0
    high = np.maximum(low, rng.choice([0.2, 0.5, 1.0], tasks))
    if high.sum() < 1:
        high[:] = 1
    feasible = Feasible(low, high)
    corners = feasible.corners()
    assert corners is not None
    assert corners.sum(axis=1) == pytest.approx(1)
    # an extreme point of every direction is among them
    for gain in rng.standard_normal((50, tasks)):
        assert (corners @ gain).max() == pytest.approx(gain @ feasible.corner(gain), abs=1e-12)
    assert (((corners > low + 1e-12) & (corners < high - 1e-12)).sum(axis=1) <= 1).all()


def test_at_most_so_many_tasks_of_the_least_diverse_mixture(rng):
    """Three narrow tasks with a cap, and a wide one: two tasks cannot do without the wide one."""
    centres = np.eye(8)[:3]
    narrow = {f"narrow{i}": c + 0.2 * rng.standard_normal((60, 8)) for i, c in enumerate(centres)}
    space = embedded.from_arrays({**narrow, "wide": rng.standard_normal((60, 8))})
    sizes = dict.fromkeys(narrow, 340) | {"wide": 1000}
    constraints = Constraints(repeats=1, budget=1000, sizes=sizes)
    whole = propose(space, "vendi(q=2)", aim="minimise", constraints=constraints, ties=False)
    assert len(whole.weights) > 2
    two = propose(space, "vendi(q=2)", aim="minimise", constraints=replace(constraints, tasks=2), ties=False)
    corners = constraints.feasible(space.stacked).corners()
    allowed = corners[(corners > 1e-9).sum(axis=1) <= 2]
    assert two.value == pytest.approx(Asked.of("vendi(q=2)").from_moments(space.stacked, allowed).min())
    assert two.proven


@pytest.mark.parametrize("q", [0.05, 0.5, 1.0])
def test_tasks_without_a_share_do_not_count_by_directions_of_their_own(rng, q):
    rows = {"flat": rng.standard_normal((30, 2)) @ rng.standard_normal((2, 12)), "wide": rng.standard_normal((9, 12))}
    space = embedded.from_arrays(rows)
    singles = Asked.of(f"vendi(q={q})").from_moments(space.stacked, np.eye(2))
    one = propose(space, f"vendi(q={q})", constraints=Constraints(tasks=1), ties=False)
    fixed = propose(space, f"vendi(q={q})", constraints=Constraints(fixed={"wide": 0.0}), ties=False)
    assert one.value == pytest.approx(singles.max())
    assert fixed.value == pytest.approx(singles[0])
    assert fixed.proven


def test_a_gap_counts_from_the_score_that_is_given(rng):
    """A bound is of every mixture, and so no less than any score."""
    space = embedded.from_arrays({n: rng.standard_normal((4, 12)) for n in "abc"})
    for q in (0.05, 0.3, 0.9, 1.0, 1.1, 3.0):
        asked = Asked.of(f"vendi(q={q})", "V")
        proposal = propose(space, asked.name, estimator="V", constraints=Constraints(cap=0.5), ties=False)
        drawn = np.random.default_rng(0).dirichlet(np.ones(3), 3000)
        best = asked.from_moments(space.stacked, drawn[drawn.max(axis=1) <= 0.5]).max()
        assert proposal.gap is not None
        assert proposal.value + proposal.gap >= best * (1 - 1e-12)


def test_sizes_may_be_given_of_some_tasks(nine):
    few = propose(nine, "cosine", constraints=Constraints(repeats=1, budget=4000, sizes={"mnli": 40}), ties=False)
    assert few.weights.get("mnli", 0) <= 0.01 + 1e-12
    assert max(few.weights.values()) <= 2900 / 4000 + 1e-12
    with pytest.raises(InputError, match="did you mean mnli"):
        propose(nine, "cosine", constraints=Constraints(repeats=1, budget=4000, sizes={"mnl": 40}), ties=False)


def test_the_least_diverse_mixture_is_a_single_task(nine):
    proposal = propose(nine, "vendi(q=2)", aim="minimise", ties=False)
    singles = Asked.of("vendi(q=2)").from_moments(nine.stacked, np.eye(9))
    assert proposal.value == pytest.approx(singles.min())
    assert list(proposal.weights.values()) == [1.0]
    assert proposal.proven


def test_fixed_shares_floors_repeats_and_likeness_are_kept(nine):
    fixed = propose(nine, "cosine", constraints=Constraints(fixed={"mnli": 0.4}, floor=0.02), ties=False)
    assert fixed.weights["mnli"] == pytest.approx(0.4)
    assert min(fixed.weights.values()) >= 0.02 - 1e-12
    few = dict.fromkeys(nine.stacked.names, 400)
    repeated = propose(
        nine, "cosine", constraints=Constraints(repeats=2, budget=4000, sizes=few | {"qqp": 100}), ties=False
    )
    assert repeated.weights.get("qqp", 0) <= 0.05 + 1e-12
    assert max(repeated.weights.values()) <= 0.2 + 1e-12
    like = propose(nine, "vendi(q=2)", constraints=Constraints(target="hellaswag", least=0.25), ties=False)
    assert like.likeness == pytest.approx(0.25, abs=1e-6)
    assert "hellaswag" not in like.weights
    alone = propose(nine, "vendi(q=2)", constraints=Constraints(target="hellaswag", least=-1.0), ties=False)
    assert alone.value > like.value


def test_ties_say_what_the_best_mixture_without_a_task_scores(nine):
    proposal = propose(nine, "vendi_beta(q=2)")
    by_task = proposal.ties.set_index("task")
    assert set(by_task.index) == set(proposal.weights)
    without = propose([t for t in nine.stacked.names if t != "squad_v1"], "vendi_beta(q=2)", ties=False)
    assert by_task.loc["squad_v1", "without"] == pytest.approx(without.value)
    assert by_task.loc["squad_v1", "exchangeable"]
    assert not by_task.loc["squad_v2", "exchangeable"]


def test_a_metric_without_structure_has_no_certificate():
    rng = np.random.default_rng(2)
    space = embedded.from_arrays({name: rng.standard_normal((30, 4)) + i for i, name in enumerate("abc")})
    proposal = propose(space, "vendi_beta(q=3)", ties=False)
    assert proposal.gap is None
    assert not proposal.proven
    assert "nothing proves" in proposal.summary()
    asked = Asked.of("vendi_beta(q=3)")
    drawn = np.random.default_rng(0).dirichlet(np.ones(3), 2000)
    assert proposal.value >= asked.from_moments(space.stacked, drawn).max() * (1 - 1e-6)


@pytest.mark.parametrize(
    ("constraints", "words"),
    [
        ({"cap": 0.05}, "caps that sum to at least 1"),
        ({"floor": 0.2}, "floors that sum to at most 1"),
        ({"cap": 1.2}, "from 0 to 1"),
        ({"fixed": {"mnl": 0.2}}, "did you mean mnli"),
        ({"fixed": {"mnli": 0.6, "qqp": 0.6}}, "floors that sum to at most 1"),
        ({"tasks": 0}, "at least 1 task"),
        ({"tasks": 2, "floor": 0.1}, "found both"),
        ({"tasks": 3, "cap": 0.2}, "3 tasks"),
        ({"repeats": 2.0}, "no budget"),
        ({"target": "mnli"}, "only one of them"),
        ({"target": "mnli", "least": 0.99}, "likeness that these tasks can reach"),
    ],
)
def test_constraints_that_no_mixture_keeps_are_refused(nine, constraints, words):
    with pytest.raises(InputError, match=words):
        propose(nine, "cosine", constraints=Constraints(**constraints), ties=False)


@pytest.mark.parametrize("metric", ["self_bleu", "mst", "nonsense"])
def test_metrics_of_rows_are_refused(nine, metric):
    with pytest.raises(InputError):
        propose(nine, metric)


# --- The command -----------------------------------------------------------------------------------------


@pytest.fixture
def proposed(run):
    """The command in this process."""
    return lambda *arguments: SimpleNamespace(
        **dict(zip(("returncode", "stdout", "stderr"), run("propose", *arguments), strict=True))
    )


def test_the_command_prints_the_contract_and_writes_a_plan(tmp_path, proposed):
    plan = tmp_path / "two.toml"
    done = proposed("--tasks", "ccg,mnli,qqp,squad_v1", "--maximise", "vendi(q=2)", "--cap", "0.4", "--format", "json",
               "--plan", str(plan))  # fmt: skip
    assert done.returncode == 0, done.stderr
    record = json.loads(done.stdout)
    assert {"metric", "value", "gap", "weights", "low", "high"} <= record.keys()
    assert record["gap"] <= 1e-9
    assert record["low"] < record["value"] < record["high"]
    read = read_plan(plan)
    roles = {m.role: m.mixture for m in read.mixtures}
    assert dict(zip(roles["diverse"].tasks, roles["diverse"].weights, strict=True)) == pytest.approx(record["weights"])
    assert set(roles) == {"diverse", "homogeneous"}
    assert (
        proposed("--tasks", "ccg,mnli", "--maximise", "cosine", "--estimator", "V", "--plan", str(plan)).returncode == 0
    )
    least = propose(["ccg", "mnli"], "cosine", aim="minimise", estimator="V", ties=False)
    assert f"cosine {least.value:.4f}" in plan.read_text()


def test_three_tasks_are_drawn_with_the_optimum(tmp_path, proposed):
    drawn = proposed("--tasks", "ccg,mnli,qqp", "--plot", str(tmp_path / "three.png"))
    assert drawn.returncode == 0, drawn.stderr
    assert (tmp_path / "three.png").stat().st_size > 10_000
    table = surface(embedded.load_moments(["ccg", "mnli", "qqp"]), "vendi_beta(q=2)")
    best = propose(["ccg", "mnli", "qqp"], "vendi_beta(q=2)", ties=False)
    assert table["value"].max() <= best.value * (1 + 1e-12)
    assert table["value"].max() == pytest.approx(best.value, rel=1e-3)
    refused = proposed("--tasks", "ccg,mnli", "--plot", str(tmp_path / "two.png"))
    assert refused.returncode == 2
    assert "three tasks" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("--maximise", "cosine", "--minimise", "cosine"),
        ("--fix", "mnli"),
        ("--fix", "mnli=x"),
        ("--fix", "mnli=0.2", "--fix", "mnli=0.3"),
        ("--sizes", "mnli=5,mnli=6", "--repeats", "2", "--budget", "5"),
        ("--like", "mnli"),
        ("--sizes", "mnli=1.5", "--repeats", "2", "--budget", "5"),
        ("--tasks", "mnli,mnli"),
        ("--cap", "nan"),
    ],
)
def test_the_command_refuses_in_one_line(arguments, proposed):
    done = proposed(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("diversity: ")
    assert done.stderr.count("\n") == 1
    assert not done.stdout
