"""Mixtures: their tasks, how they are sampled, and the one answer to "in what proportions"."""

import pytest

from diversity.types import InputError, Mixture, Sampling


def test_shares_of_rules_that_do_not_depend_on_sizes() -> None:
    assert Mixture.of(["b", "a"], sampling="uniform").shares() == {"a": 0.5, "b": 0.5}
    assert Mixture.of({"a": 3, "b": 1}).shares({"a": 9, "b": 9}) == {"a": 0.75, "b": 0.25}
    assert Mixture.of({"a": 3, "b": 1}) == Mixture.of({"b": 0.25, "a": 0.75})


def test_shares_that_depend_on_sizes_are_no_equal_ones() -> None:
    mixture = Mixture.of(["a", "b"], sampling="proportional", budget=10)
    assert mixture.shares({"a": 300, "b": 100}) == {"a": 0.75, "b": 0.25}
    with pytest.raises(InputError, match=r"a\+b: expected the sizes of its tasks"):
        mixture.shares()
    with pytest.raises(InputError, match="expected the sizes"):
        _ = mixture.weights


def test_a_trained_mixture_has_the_shares_that_were_recorded() -> None:
    mixture = Mixture.of(["a", "b"], sampling=Sampling("temperature", temperature=4)).trained({"b": 0.4, "a": 0.6}, 80)
    assert (mixture.weights, mixture.budget, mixture.sampling.rule) == ((0.6, 0.4), 80, "temperature")


def test_mixtures_that_cannot_be() -> None:
    with pytest.raises(InputError, match="without weights where they are sampled by uniform"):
        Mixture.of({"a": 1, "b": 2}, sampling="uniform")
    with pytest.raises(InputError, match="expected weights of a, b, found a, c"):
        Mixture.of(["a", "b"], sampling=Sampling("weights", weights={"a": 1, "c": 1}))
    with pytest.raises(InputError, match="a more than once"):
        Mixture.of(["a", "a"])
