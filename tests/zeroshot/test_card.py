"""The card of a fine-tuned model and its `.eval_results`, as huggingface_hub reads them."""

import pytest
import yaml
from huggingface_hub import ModelCard, parse_eval_result_entries
from huggingface_hub.utils import validate_repo_id

from diversity import catalog
from diversity.training import card as cards
from diversity.types import Mixture
from diversity.zeroshot.card import card, eval_results, write_card

RECORD = {
    "model": {"name": "owner/encoder", "revision": "0" * 40},
    "mixture": {"name": "mnli", "sampling": {"rule": "uniform", "cap": None, "weights": None, "mixed": False}},
    "tasks": [{"task": "mnli", "kind": "classification", "rows": 10, "share": 1.0, "sampled": 20}],
    "data": {
        "mnli": {"language": "en", "rows": 10, "trained_on": 10, "split": "train", "files": {"a.tsv": "f" * 64}},
    },
    "result": {"examples": 20, "steps": 5, "tokens": 100, "seconds": 1.0, "dev": [], "loss": 1.0},
    "settings": {"seed": 3},
    "packed": False,
    "attention": "sdpa",
    "device": "cpu",
    "processes": 1,
    "threads": 1,
    "toolkit": "0",
    "versions": {},
}
XNLI = catalog.task("xnli")
MIXTURE = Mixture.of(["squad_v1", "qqp"], "a: mixture #1")


def row(language, value=50.0, n=5010, target="xnli", split="test", metric="accuracy"):
    return {"target": target, "language": language, "split": split, "metric": metric, "value": value, "n": n}


def read(rows, **changes):
    return ModelCard(card(RECORD, rows, **{"model": "owner/encoder", "mixture": MIXTURE, **changes}))


def test_the_hub_library_reads_every_value_of_the_card():
    rows = [row("sw", 41.25), row("en", 80.5), row("no", 7.0, 12, "panx", "dev", "f1")]
    data = read(rows).data
    assert data.base_model == "owner/encoder"
    assert data.datasets == ["nyu-mll/glue", "nyu-mll/multi_nli", "rajpurkar/squad"]
    assert data.language == ["en", "no", "sw"], "no is Norwegian, not false"
    assert data.metrics == ["accuracy", "f1"]
    assert data.tags == ["zero-shot-cross-lingual-transfer", "intermediate-task-training"]
    assert data.model_name == "owner/encoder after a: mixture #1, fine-tuned on MultiNLI"
    first, second, third = data.eval_results
    assert (first.task_type, first.task_name) == ("text-classification", "XNLI")
    assert (first.dataset_type, first.dataset_config, first.dataset_split) == ("google/xtreme", "XNLI", "test")
    assert (first.dataset_name, first.dataset_args) == ("XNLI (sw)", {"language": "sw"})
    assert (first.metric_type, first.metric_value) == ("accuracy", 41.25)
    assert second.metric_value == 80.5
    assert (third.task_type, third.dataset_split, third.metric_value) == ("token-classification", "validation", 7.0)


def test_every_name_of_a_repository_is_one_that_the_hub_takes():
    for target in catalog.targets():
        task = catalog.task(target)
        for language in task.languages:
            for split in task.splits:
                result = read([row(language, 1.0, 1, target, split)]).data.eval_results[0]
                if "/" in result.dataset_type:
                    validate_repo_id(result.dataset_type)


def test_a_local_model_is_no_base_model():
    data = read([row("sw")], model="checkpoint", mixture=Mixture.of([])).data
    assert data.base_model is None
    assert data.tags == ["zero-shot-cross-lingual-transfer"]


def test_a_mixture_of_tasks_that_are_not_included_here_has_a_card():
    assert read([row("sw")], mixture=Mixture.of(["qqp", "a_task_of_theirs"])).data.datasets == [
        "nyu-mll/glue",
        "nyu-mll/multi_nli",
    ]


def test_other_rows_than_the_hub_has_are_not_called_by_its_configuration():
    result = read([row("de", 1.0, 10, "udpos", metric="f1")]).data.eval_results[0]
    assert (result.dataset_type, result.dataset_config) == ("udpos", None)


def test_a_model_without_scores_has_a_card():
    data = read([]).data
    assert data.eval_results is None
    assert data.base_model == "owner/encoder"


@pytest.mark.parametrize(
    "value", ["plain words", "no", "a: b", "# x", "- x", "1", "1e3", "", "ünï", '"q"', "x\ny", 3, 0.1]
)
def test_what_is_written_is_what_yaml_reads(value):
    nested = [{"a": value, "b": [value, value], "c": {"d": {"e": [{"f": value, "g": 1}]}}}]
    assert yaml.safe_load("\n".join(cards.yaml(nested))) == nested


def test_eval_results_are_the_benchmarks_own_numbers(tmp_path):
    rows = [row(language, float(number)) for number, language in enumerate(XNLI.languages)]
    write_card(tmp_path, RECORD, rows, model="m", mixture=MIXTURE)
    content = yaml.safe_load((tmp_path / ".eval_results" / "xnli.yaml").read_text())
    (entry,) = parse_eval_result_entries(content)
    assert (entry.dataset_id, entry.task_id, entry.value) == ("google/xtreme", "XNLI", 7.0)
    assert entry.notes == "accuracy from 0 to 100, mean of 15 languages, fine-tuned on rows in en alone"
    write_card(tmp_path, RECORD, rows[1:], model="m", mixture=MIXTURE)
    assert not list(tmp_path.rglob("*.yaml")), "of 14 of 15 languages there is no number of the benchmark"


def test_eval_results_by_language_where_the_hub_has_them_so():
    rows = [row("de", 30.0, 2000, "pawsx"), row("fr", 31.0, 1999, "pawsx"), row("ko", 32.0, 2000, "pawsx", "dev")]
    (entry,) = eval_results(rows, ["en"])
    assert entry["dataset"] == {"id": "google/xtreme", "task_id": "PAWS-X.de"}
    assert entry["value"] == 30.0


def test_no_eval_results_of_what_the_hub_has_other_rows_of():
    assert eval_results([row("de", 1.0, 977, "udpos", metric="f1")], ["en"]) == []
