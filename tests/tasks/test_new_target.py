"""A tenth target is one file: what evaluation, training and the statistics know of it, and that `mean9` stays nine."""

import dataclasses
import json
import types

import pandas as pd
import pytest

import diversity
from diversity import InputError, catalog
from diversity.studies.outcomes import read_outcomes, targets_of
from diversity.training.settings import preset
from diversity.xtreme.benchmark import benchmark_of

NLI = {"name": "ninli", "benchmark": "", "presets": "xnli", "languages": ("en", "yo"), "rows": {}, "hashes": {}}


@pytest.fixture
def tenth(monkeypatch):
    """Targets like XNLI and Tatoeba under other names, which are in no benchmark."""
    made = {
        "ninli": dataclasses.replace(catalog.task("xnli"), **NLI),
        "tatoebas": dataclasses.replace(catalog.task("tatoeba"), name="tatoebas", benchmark=""),
        "qasa": dataclasses.replace(catalog.task("xquad"), name="qasa", benchmark="", languages=("en",)),
    }
    known, get = catalog.names("tasks"), catalog.get
    names = lambda folder: tuple(sorted([*known, *made])) if folder == "tasks" else catalog.names(folder)  # noqa: E731
    monkeypatch.setattr(catalog, "names", names)
    monkeypatch.setattr(catalog, "get", lambda folder, name: made[name] if name in made else get(folder, name))
    return types.SimpleNamespace(**made)


def test_mean9_is_the_mean_of_the_nine_of_xtreme_whatever_else_there_is(tenth):
    nine = [t for t in catalog.targets() if t not in ("ninli", "tatoebas", "qasa")]
    assert len(nine) == 9
    assert set(targets_of("mean9", [*nine, "ninli"])) == set(nine)
    assert set(targets_of("retrieval", [*nine, "tatoebas"])) == {"bucc2018", "tatoeba"}
    assert set(targets_of("mean", [*nine, "ninli"])) == {*nine, "ninli"}
    assert benchmark_of("xtreme").tasks == tuple(benchmark_of("xtreme").languages)


def test_a_new_target_has_settings_to_be_trained_with(tenth):
    assert preset("phang2020", "ninli") == preset("phang2020", "xnli")
    assert preset("xtreme", "qasa") == preset("xtreme", "xquad")
    with pytest.raises(InputError, match="tatoebas: expected a target that is fine-tuned on"):
        preset("xtreme", "tatoebas")


def test_a_new_target_is_among_those_that_can_be_trained_on_and_matched(tenth):
    assert {"ninli", "qasa"} <= set(catalog.targets())
    assert catalog.retrieval() == ["tatoeba", "tatoebas", "bucc2018"]
    assert (catalog.task("ninli").train_on, catalog.task("ninli").output_type) == ("mnli", "labels")


def test_a_new_target_is_evaluated_and_in_no_average_of_the_benchmark(tenth, tmp_path):
    gold = "neutral\nentailment\ncontradiction\nneutral\n"
    for folder, text in (("labels", gold), ("predictions", gold.replace("neutral", "entailment", 1))):
        for task, language in [
            ("ninli", "en"),
            ("ninli", "yo"),
            *(("xnli", x) for x in catalog.task("xnli").languages),
        ]:
            path = tmp_path / folder / task / f"test-{language}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    answers = {"q": "yes"}
    squad = {"data": [{"paragraphs": [{"qas": [{"id": "q", "answers": [{"text": "yes"}]}]}]}]}
    for folder, content in (("labels", squad), ("predictions", answers)):
        (tmp_path / folder / "qasa").mkdir()
        (tmp_path / folder / "qasa" / "test-en.json").write_text(json.dumps(content))
    found = diversity.evaluate(tmp_path / "predictions", tmp_path / "labels")
    assert found.as_json()["ninli"] == {
        "accuracy": {"en": 75.0, "yo": 75.0}, "avg_accuracy": 75.0, "avg_metric": 75.0
    }  # fmt: skip
    assert found.as_json()["qasa"]["avg_metric"] == 100.0
    assert not {"all_task", "classification", "qa"} & set(found.as_json())
    assert not any("ninli" in text or "qasa" in text for text in (*found.missing, *found.notes))


def test_results_of_a_new_target_are_read_by_its_own_metric(tenth):
    rows = [("a", "qasa", "en", 1, m, v) for m, v in (("exact_match", 40.0), ("f1", 60.0), ("accuracy", 1.0))]
    table = pd.DataFrame(rows, columns=["mixture", "target", "language", "seed", "metric", "value"])
    assert read_outcomes(table).runs["value"].tolist() == [50.0]
