"""Settings, presets, and the schedule."""

from dataclasses import asdict

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

from diversity.training.settings import PRESETS, Selection, Settings, changed, preset
from diversity.types import InputError


def test_the_schedule_is_that_of_transformers() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = get_linear_schedule_with_warmup(optimiser, 10, 100)
    ours = [Settings.of(learning_rate=1.0, warmup=0.1).optimisation.learning_rate_at(s, 100) for s in range(100)]
    theirs = []
    for _ in range(101):
        theirs.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        reference.step()
    # Warm-up begins at 1/10 in place of 0, so that no step is lost; from its end on the two are the same.
    assert ours[:10] == pytest.approx(theirs[1:11])
    assert ours[10:] == pytest.approx(theirs[10:100])


def test_length_of_a_run() -> None:
    assert Settings.of(steps=10, batch_size=4).optimisation.length(1000) == (10, 40)
    assert Settings.of(examples=41, batch_size=4).optimisation.length(1000) == (11, 41)
    assert Settings.of(epochs=1.5, batch_size=4).optimisation.length(10) == (4, 15)
    assert Settings.of(batch_size=4).optimisation.length(10) == (3, 10)


def test_presets_have_the_targets_and_what_the_table_says() -> None:
    # From the table of the two protocols (batch = passes x accumulation).
    for name, target, rate, batch, epochs, length in [
        ("phang2020", "xnli", 1e-5, 32, 2, 256),
        ("phang2020", "pawsx", 1e-5, 32, 5, 256),
        ("phang2020", "panx", 1e-5, 32, 10, 256),
        ("phang2020", "mlqa", 1e-5, 16, 2, 384),
        ("xtreme", "xnli", 3e-5, 32, 5, 128),
        ("xtreme", "udpos", 2e-5, 32, 10, 128),
        ("xtreme", "tydiqa", 3e-5, 32, 3, 384),
    ]:
        found = preset(name, target).optimisation
        assert (found.learning_rate, found.batch_size, found.epochs, found.max_length) == (rate, batch, epochs, length)
    assert preset("phang2020", "xnli").optimisation.warmup == 0.1
    assert preset("phang2020", "xnli").selection == Selection(dev_every=1000, patience=30)
    assert preset("xtreme", "xquad").optimisation.warmup == 500
    targets = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa")
    assert all(preset(name, target).optimisation.epochs for name in PRESETS for target in targets)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch": 0}, "expected batch_size of at least 1, found 0"),
        ({"precision": "fp16"}, "expected precision to be one of fp32, bf16, found 'fp16'"),
        ({"steps": 1, "epochs": 2}, "expected one length of the run, found steps and epochs"),
        ({"epochs": 0.0}, "expected epochs above 0"),
        ({"dropout": 1.0}, "expected dropout of at least 0 and below 1, found 1.0"),
        ({"attention": "flash"}, "expected attention to be one of auto, sdpa, eager, found 'flash'"),
        ({"learning_rate": float("nan")}, "expected learning_rate"),
        ({"seed": 2**63}, "expected seed of at most 9223372036854775807, found 9223372036854775808"),
    ],
)
def test_settings_that_cannot_be(given: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings.of(**given)


def test_unknown_names_are_told_with_near_ones() -> None:
    with pytest.raises(InputError, match="did you mean phang2020"):
        preset("phang2022")
    with pytest.raises(InputError, match="did you mean xnli"):
        preset("phang2020", "xnl")
    with pytest.raises(InputError, match="did you mean warmup"):
        changed(Settings(), warmups=1)


def test_a_run_is_the_same_one_whatever_the_computation() -> None:
    one = Settings.of(batch_size=4, dev_every=10)
    assert one.identity == changed(one, max_tokens_per_batch=64, packing="off", save_every=1).identity
    assert one.identity != changed(one, batch_size=8).identity
    assert one.identity != changed(one, patience=1).identity


def test_records_of_version_0_1_0_are_read() -> None:
    old = {"learning_rate": 1e-4, "clip": 0.5, "batch": 16, "stride": 64, "tokens": 4096, "steps": None, "epochs": 2}
    assert Settings.read(old) == Settings.of(
        learning_rate=1e-4, max_grad_norm=0.5, batch_size=16, doc_stride=64, max_tokens_per_batch=4096, epochs=2
    )
    settings = Settings.of(steps=3, precision="bf16")
    assert Settings.read(asdict(settings)) == settings


def test_a_new_target_has_the_settings_of_its_kind() -> None:
    assert preset("xtreme", "qqp").optimisation.epochs == preset("xtreme", "pawsx").optimisation.epochs == 5
    with pytest.raises(InputError, match="tatoeba: expected a target that is fine-tuned on"):
        preset("xtreme", "tatoeba")


@pytest.mark.parametrize(
    "changes", [{"steps": 2**64}, {"examples": 2**64}, {"epochs": 1e308}, {"epochs": 2.0**64}, {"batch_size": 2**64}]
)
def test_a_run_that_no_memory_holds_is_one_line(changes):
    """A length with a digit too many was a MemoryError or an OverflowError."""
    with pytest.raises(InputError, match="expected a run of at most 1,000,000,000 examples, found"):
        Settings.of(**changes).optimisation.length(100)
