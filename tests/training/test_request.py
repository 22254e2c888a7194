"""What is asked of a run, and what tells it from others, without a model or a row being read."""

from pathlib import Path

import pytest

from diversity.training import rows
from diversity.training.request import TrainingRequest, differences
from diversity.training.settings import Settings, changed
from diversity.types import InputError, Mixture, Rows, Sampling


def identity(samples, mixture=("mnli", "ccg"), settings=None, **changes) -> dict:
    return TrainingRequest.of(mixture, "mini", Rows.of(samples, **changes), settings or Settings()).identity()


def test_no_row_is_read_for_an_identity(samples, monkeypatch) -> None:
    monkeypatch.setattr(rows, "read", None)
    assert identity(samples)["tasks"] == "ccg+mnli"


def test_what_changes_the_weights_changes_the_identity(samples) -> None:
    one = identity(samples)
    assert one == identity(samples, ["ccg", "mnli"])
    for other, said in [
        (identity(samples, limit=5), "limit is None, not 5"),
        (
            identity(samples, Mixture.of(["mnli", "ccg"], sampling="uniform")),
            "rule is examples-proportional, not uniform",
        ),
        (identity(samples, settings=Settings.of(seed=3)), "seed is 0, not 3"),
        (identity(samples, settings=Settings.of(dev_every=3)), "dev_every is 0, not 3"),
        (identity(samples, bad=[]), "bad rows is refused, not left out"),
        (identity(samples, split="dev"), "train rows of ccg is"),
    ]:
        assert said in differences(one, other)


def test_what_changes_rounding_alone_does_not(samples) -> None:
    cheap = changed(Settings(), tokens=64, packing="off", attention="eager", save_every=3, deterministic=True)
    assert identity(samples) == identity(samples, settings=cheap)


def test_a_run_of_version_0_1_0_is_another_one(samples) -> None:
    assert differences("a hash", identity(samples)) == "of another version of the toolkit"


def test_the_budget_of_a_mixture_is_the_length_of_the_run(samples) -> None:
    request = TrainingRequest.of(Mixture.of(["mnli"], budget=40), "mini", samples, Settings.of(epochs=2))
    assert (request.settings.optimisation.examples, request.settings.optimisation.epochs) == (40, None)


@pytest.mark.parametrize(
    ("mixture", "data", "message"),
    [
        (Mixture.of({"mnli": 1, "ccg": 0}), None, "expected weights above 0, found 0 for ccg"),
        (["mnli"], Rows(languages=("en", "de")), "expected one language to train on, found en, de"),
        (["mlm"], None, r"expected files of text \(--mlm\)"),
        ([], None, "expected tasks to train on, found none"),
    ],
)
def test_what_cannot_be_asked(mixture, data, message) -> None:
    with pytest.raises(InputError, match=message):
        TrainingRequest.of(mixture, "mini", data)


def test_texts_add_a_task(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x\n")
    request = TrainingRequest.of(Mixture.of(["mnli"], sampling=Sampling()), "mini", None, mlm=[tmp_path])
    assert (request.mixture.tasks, request.tasks) == (("mlm", "mnli"), ("mnli",))
