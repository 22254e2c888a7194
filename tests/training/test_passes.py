"""How much goes through the model at once: measured once, kept, recorded, and the same weights but for rounding."""

import numpy as np
import pytest
import torch

from diversity import store
from diversity.training import passes
from diversity.training.intermediate import read_record, train_mix
from diversity.training.settings import Settings


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Measurements of this test alone, which are asked for."""
    monkeypatch.setenv(passes.ASKED, "1")
    monkeypatch.setenv("DIVERSITY_CACHE", str(tmp_path / "kept"))


def clock(monkeypatch, seconds):
    """A processor whose passes take so long."""
    now, calls = [0.0], []
    monkeypatch.setattr(passes.time, "process_time", lambda: now[0])

    def work(tokens):
        calls.append(tokens)
        now[0] += seconds[tokens]

    return work, calls


def test_nothing_is_measured_unless_it_is_asked_for(monkeypatch):
    """A choice by the clock made two runs of one grid differ by up to a point."""
    monkeypatch.delenv(passes.ASKED)
    assert passes.fastest(16384, 10**6, lambda tokens: pytest.fail("measured"), {"a": 1}) == 16384


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({16384: 3.0, 8192: 2.5, 4096: 2.0, 2048: 1.0, 1024: 1.5}, 2048),
        ({16384: 1.0, 8192: 1.0, 4096: 0.99, 2048: 1.0, 1024: 1.0}, 16384),
    ],
)
def test_the_fastest_is_taken_once_for_all(monkeypatch, seconds, expected) -> None:
    work, calls = clock(monkeypatch, seconds)
    assert passes.fastest(16384, 10**6, work, {"a": 1}) == expected
    assert set(calls) == set(seconds)
    calls.clear()
    assert passes.fastest(16384, 10**6, work, {"a": 1}) == expected
    assert not calls
    passes.fastest(16384, 10**6, work, {"a": 2})
    assert calls, "another model is measured for itself"


def test_what_is_too_small_is_not_measured(monkeypatch) -> None:
    work, calls = clock(monkeypatch, {})
    assert passes.fastest(16384, 900, work, {}) == 16384
    assert passes.fastest(512, 10**6, work, {}) == 512
    assert not calls


def test_without_a_place_to_keep_it_the_limit_holds(monkeypatch, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DIVERSITY_CACHE", str(tmp_path / "file"))
    assert passes.fastest(4096, 10**6, lambda tokens: None, {}) == 4096


def test_weights_are_the_same_and_the_choice_is_recorded(small, samples, tmp_path, monkeypatch) -> None:
    torch.set_num_threads(1)
    monkeypatch.setattr(passes, "CANDIDATES", (64, 128))
    monkeypatch.setattr(passes, "WORTH", 1e9)  # the smallest
    model = str(small.folder(tmp_path / "model", "bert", initializer_range=0.05))
    settings = Settings.of(learning_rate=1e-4, steps=4, batch=8, max_length=48, tokens=400, dev_examples=6, dropout=0.0)
    given = {"model": model, "data": samples, "settings": settings, "cache": tmp_path / "cache"}
    trained = train_mix(["squad_v1"], output=tmp_path / "measured", **given)
    assert trained.tokens_at_once == 64
    assert read_record(trained.folder)["result"]["tokens_at_once"] == 64
    assert train_mix(["squad_v1"], output=tmp_path / "measured", **given) == trained
    monkeypatch.setattr(passes, "CANDIDATES", ())
    whole = train_mix(["squad_v1"], output=tmp_path / "whole", **given)
    assert whole.tokens_at_once == 400
    from safetensors.torch import load_file

    one, two = (load_file(t.folder / "model.safetensors") for t in (trained, whole))
    assert max(float((one[k] - two[k]).abs().median()) for k in one if not k.endswith("key.bias")) < 1e-5


def test_the_processor_has_a_name() -> None:
    assert passes.processor()
    assert store.digest({"processor": passes.processor()})
    assert np.all(np.diff(passes.CANDIDATES) > 0)
