"""Settings, presets, and the schedule."""

import pytest
import torch
from transformers import get_linear_schedule_with_warmup

from diversity.training.settings import PRESETS, Settings, changed, preset
from diversity.types import InputError


def test_the_schedule_is_that_of_transformers() -> None:
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = get_linear_schedule_with_warmup(optimiser, 10, 100)
    ours = [Settings(learning_rate=1.0, warmup=0.1).rate(s, 100) for s in range(100)]
    theirs = []
    for _ in range(101):
        theirs.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        reference.step()
    # Warm-up begins at 1/10 in place of 0, so that no step is lost; from its end on the two are the same.
    assert ours[:10] == pytest.approx(theirs[1:11])
    assert ours[10:] == pytest.approx(theirs[10:100])


def test_length_of_a_run() -> None:
    assert Settings(steps=10, batch=4).length(1000) == (10, 40)
    assert Settings(examples=41, batch=4).length(1000) == (11, 41)
    assert Settings(epochs=1.5, batch=4).length(10) == (4, 15)
    assert Settings(batch=4).length(10) == (3, 10)


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
        found = preset(name, target)
        assert (found.learning_rate, found.batch, found.epochs, found.max_length) == (rate, batch, epochs, length)
    assert preset("phang2020", "xnli").warmup == 0.1
    assert (preset("phang2020", "xnli").dev_every, preset("phang2020", "xnli").patience) == (1000, 30)
    assert preset("xtreme", "xquad").warmup == 500
    assert all({"xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa"} <= set(p) for p in PRESETS.values())


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"batch": 0}, "expected batch of at least 1, found 0"),
        ({"precision": "fp16"}, "expected precision to be one of fp32, bf16, found 'fp16'"),
        ({"steps": 1, "epochs": 2}, "expected one length of the run, found steps and epochs"),
        ({"epochs": 0.0}, "expected epochs above 0"),
        ({"dropout": 1.0}, "expected dropout of at least 0 and below 1, found 1.0"),
        ({"attention": "flash"}, "expected attention to be one of auto, sdpa, eager, found 'flash'"),
        ({"learning_rate": float("nan")}, "expected learning_rate"),
    ],
)
def test_settings_that_cannot_be(given: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Settings(**given)


def test_unknown_names_are_told_with_near_ones() -> None:
    with pytest.raises(InputError, match="did you mean phang2020"):
        preset("phang2022")
    with pytest.raises(InputError, match="did you mean xnli"):
        preset("phang2020", "xnl")
    with pytest.raises(InputError, match="did you mean warmup"):
        changed(Settings(), warmups=1)
