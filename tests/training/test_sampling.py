"""Sampling rates, and the plan of batches."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diversity.training import sampling
from diversity.training.sampling import BatchSchedule, allotment, stream
from diversity.types import InputError, Rule, Sampling


def rates(sizes: dict[str, int], rule: Rule = "examples-proportional", **numbers: Any) -> dict[str, float]:
    return Sampling(rule, **numbers).shares(sizes)


# Sizes of the nine tasks with K = 2^17: by hand, the four large ones count 131,072 each (SQuAD v2.0 has fewer).
NINE = {"mnli": 392_702, "qqp": 363_846, "squad_v2": 130_319, "commonsenseqa": 9_741}


def test_examples_proportional_by_hand() -> None:
    total = 131_072 + 131_072 + 130_319 + 9_741
    found = rates(NINE)
    assert found["mnli"] == pytest.approx(131_072 / total)
    assert found["commonsenseqa"] == pytest.approx(9_741 / total)


def test_the_rules_by_hand() -> None:
    sizes = {"a": 800, "b": 200}
    assert rates(sizes, "proportional") == pytest.approx({"a": 0.8, "b": 0.2})
    assert rates(sizes, "examples-proportional", cap=300) == pytest.approx({"a": 0.6, "b": 0.4})
    assert rates(sizes, "temperature", temperature=2) == pytest.approx({"a": 2 / 3, "b": 1 / 3})
    assert rates(sizes, "temperature", temperature=2, cap=200) == pytest.approx({"a": 0.5, "b": 0.5})
    assert rates(sizes, "uniform") == {"a": 0.5, "b": 0.5}
    assert rates(sizes, "weights", weights={"a": 1, "b": 3}) == pytest.approx({"a": 0.25, "b": 0.75})


@given(st.lists(st.integers(1, 10**7), min_size=1, max_size=9), st.floats(1, 100))
def test_temperature_lies_between_proportional_and_uniform(sizes: list[int], temperature: float) -> None:
    named = {str(i): n for i, n in enumerate(sizes)}
    proportional, uniform = rates(named, "proportional"), rates(named, "uniform")
    found = rates(named, "temperature", temperature=temperature)
    assert sum(found.values()) == pytest.approx(1)
    largest = max(named, key=lambda t: named[t])
    assert uniform[largest] - 1e-9 <= found[largest] <= proportional[largest] + 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rule": "proportionl"}, "did you mean proportional"),
        ({"rule": "weights"}, "expected weights of a, b, found none"),
        ({"rule": "weights", "weights": {"a": 1, "c": 1}}, "expected weights of a, b, found a, c"),
        ({"rule": "weights", "weights": {"a": 0, "b": 0}}, "expected a weight above 0"),
        ({"rule": "temperature", "temperature": 0.0}, "expected a temperature above 0"),
        ({"cap": 0}, "expected a cap of at least 1"),
    ],
)
def test_rates_that_cannot_be(arguments: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rates({"a": 2, "b": 1}, **arguments)


def test_a_task_without_rows_is_told() -> None:
    with pytest.raises(InputError, match="b: expected rows to train on, found none"):
        rates({"a": 2, "b": 0})


@given(st.lists(st.floats(0.001, 1), min_size=1, max_size=12), st.integers(0, 10_000))
def test_allotment_is_whole_and_within_one_of_the_shares(shares: list[float], total: int) -> None:
    counts = allotment(shares, total)
    assert counts.sum() == total
    exact = np.array(shares) / sum(shares) * total
    assert (np.abs(counts - exact) <= 1 + 1e-6).all()


def plans() -> st.SearchStrategy[BatchSchedule]:
    def build(sizes: list[int], batch: int, drawn: int, seed: int, mixed: bool) -> BatchSchedule:
        names = tuple(f"task{i}" for i in range(len(sizes)))
        shares = tuple(rates(dict(zip(names, sizes, strict=True))).values())
        return BatchSchedule(names, tuple(sizes), shares, batch, drawn, seed, mixed)

    sizes = st.lists(st.integers(1, 50), min_size=1, max_size=4)
    return st.builds(build, sizes, st.integers(1, 9), st.integers(1, 200), st.integers(0, 3), st.booleans())


@settings(max_examples=60, deadline=None)
@given(plans())
def test_every_epoch_has_each_unit_once_and_the_budget_is_exact(plan: BatchSchedule) -> None:
    drawn: dict[str, list[int]] = {t: [] for t in plan.tasks}
    for step in range(plan.steps):
        parts = plan.step(step)
        assert plan.mixed or len(parts) == 1
        assert sum(len(u) for _, u in parts) == (
            plan.batch_size if step < plan.steps - 1 else plan.sampled - step * plan.batch_size
        )
        for task, units in parts:
            drawn[task] += units.tolist()
    assert [len(drawn[t]) for t in plan.tasks] == plan.instances_sampled().tolist()
    for task, size in zip(plan.tasks, plan.sizes, strict=True):
        for epoch in range(0, len(drawn[task]), size):
            counts = Counter(drawn[task][epoch : epoch + size])
            assert max(counts.values()) == 1


@settings(max_examples=30, deadline=None)
@given(plans(), st.integers(0, 200))
def test_a_step_depends_on_nothing_but_its_number(plan: BatchSchedule, step: int) -> None:
    step %= plan.steps
    again = BatchSchedule(**{f: getattr(plan, f) for f in BatchSchedule.__dataclass_fields__})
    sampling.permutation.cache_clear()
    for (a, x), (b, y) in zip(plan.step(step), again.step(step), strict=True):
        assert a == b
        assert x.tolist() == y.tolist()


def test_the_seed_and_the_name_of_a_task_decide_its_order() -> None:
    positions = np.arange(100)
    first = stream(0, "mnli", 100, positions)
    assert sorted(first) == list(range(100))
    assert first.tolist() != stream(1, "mnli", 100, positions).tolist()
    assert first.tolist() != stream(0, "qqp", 100, positions).tolist()
    assert first.tolist() != stream(0, "mnli", 100, positions + 100).tolist()


def test_the_orders_are_pinned() -> None:
    # Written down once: the same order on every machine, in every version.
    assert stream(0, "mnli", 10, np.arange(10)).tolist() == [0, 5, 6, 2, 1, 9, 4, 3, 7, 8]
    assert [BatchSchedule(("a", "b"), (9, 9), (0.5, 0.5), 2, 12).step(s)[0][0] for s in range(6)] == list("baabba")
