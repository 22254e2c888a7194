"""Plans are read strictly: whatever cannot be is told in one line that names the file."""

import re
import tomllib
from pathlib import Path
from typing import get_args

import pytest

import diversity
from diversity import InputError
from diversity.planning.plans import Plan, parse_plan, read_plan
from diversity.planning.tables import TableName, keys_of

WHOLE = {
    "model": "all-MiniLM-L6-v2",
    "targets": ["xnli", "xquad"],
    "seeds": [1, 2],
    "mixtures": [
        {"tasks": []},
        {"tasks": ["qqp", "mnli"], "role": "diverse", "pair": 1},
        {"tasks": {"ccg": 3, "qqp": 1}},
    ],
}


def parsed(**changes) -> Plan:
    return parse_plan({**WHOLE, **changes}, Path("folder/plan.toml"))


def test_a_plan_becomes_mixtures_targets_and_seeds():
    plan = parsed(train={"examples": 500, "sampling": "proportional"}, data="rows")
    assert [p.mixture.name for p in plan.mixtures] == ["baseline", "mnli+qqp", "ccg+qqp"]
    assert plan.mixtures[1].mixture.sampling.rule == "proportional"
    assert (plan.mixtures[2].mixture.sampling.rule, plan.mixtures[2].mixture.weights) == ("weights", (0.75, 0.25))
    assert {p.mixture.budget for p in plan.mixtures} == {500}
    assert (plan.mixtures[1].role, plan.mixtures[1].pair) == ("diverse", 1)
    assert (plan.runs, plan.tasks) == (12, ("ccg", "mnli", "qqp"))
    assert (plan.data, plan.name) == (Path("folder/rows"), "plan")


def test_a_target_has_seeds_of_the_plan():
    plan = parsed(target={"steps": 10, "xquad": {"seeds": [2]}})
    assert (plan.seeds_of("xnli"), plan.seeds_of("xquad"), plan.runs) == ((1, 2), (2,), 9)
    assert plan.settings("target", "xquad") == {"steps": 10}  # which seeds there are is no setting of training


def test_the_budget_follows_from_steps():
    assert parsed(train={"steps": 10, "batch": 8}).mixtures[0].mixture.budget == 80


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sead": [1]}, "unknown setting of the plan 'sead': did you mean seeds"),
        ({"seeds": [True]}, "expected seeds in the plan to be a list of whole numbers"),
        ({"seeds": [-1]}, "expected seeds in the plan to be a list of whole numbers of at least 0"),
        ({"seeds": []}, "expected seeds in the plan to be a list"),
        ({"seeds": [1, 1]}, "expected each seed once, found 1 twice"),
        (
            {"target": {"seeds": [1]}},
            "expected seeds of a target in its own table, [target.NAME], found them in [target]",
        ),
        ({"target": {"xquad": {"seeds": [3]}}}, "expected seeds of xquad among 1, 2, found 3"),
        ({"target": {"xquad": {"seeds": [1, 1]}}}, "expected each seed of xquad once, found 1 twice"),
        ({"targets": ["xnly"]}, "unknown task 'xnly': did you mean xnli"),
        ({"targets": ["mnli"]}, "expected targets, found mnli, which is an intermediate task"),
        ({"targets": ["xnli", "xnli"]}, "expected each target once"),
        ({"mixtures": [{"tasks": ["nli"]}]}, "unknown task 'nli'"),
        ({"mixtures": [{"task": ["mnli"]}]}, "unknown setting of mixture 1 'task': did you mean tasks"),
        ({"mixtures": [{"role": "diverse"}]}, "expected tasks in mixture 1, found role"),
        ({"mixtures": [{"tasks": "mnli"}]}, "expected tasks in mixture 1 to be a list of tasks, or a table"),
        ({"mixtures": [{"tasks": {"mnli": "2"}}]}, "expected tasks in mixture 1 to be a list of tasks, or a table"),
        ({"mixtures": [{"tasks": ["mnli", "mnli"]}]}, "expected each task of a mixture once"),
        ({"mixtures": [{"tasks": ["mnli"]}] * 2}, "expected each mixture once, found 'mnli' twice"),
        (
            {"mixtures": [{"tasks": ["mnli"], "role": "divers"}]},
            "unknown role of mixture 1 'divers': did you mean diverse",
        ),
        ({"mixtures": [{"tasks": ["tatoeba"]}]}, "found tatoeba, which has no training data"),
        ({"train": {"learning_rat": 1e-5}}, "unknown setting of [train] 'learning_rat': did you mean learning_rate"),
        ({"train": {"batch": 1.5}}, "expected batch in [train] to be a whole number, found 1.5"),
        ({"train": {"batch": 0}}, "[train]: expected batch_size of at least 1, found 0"),
        ({"train": {"examples": 5, "steps": 5}}, "expected one length of the run, found steps and examples"),
        ({"train": {"sampling": "unifrom"}}, "unknown sampling rule in [train] 'unifrom': did you mean uniform"),
        ({"train": {"seed": 1}}, "unknown setting of [train] 'seed'"),
        ({"target": {"preset": "phang"}}, "unknown preset in [target] 'phang': did you mean phang2020"),
        ({"target": {"udpos": {}}}, "unknown target of [target] 'udpos'"),
        ({"target": {"xnli": {"epoch": 1}}}, "unknown setting of [target.xnli] 'epoch': did you mean epochs"),
        ({"predict": {"splits": "dev"}}, "unknown setting of [predict] 'splits': did you mean split"),
        ({"predict": {"languages": ["de", "ger"]}}, "unknown language of the targets 'ger'"),
        ({"predict": {"languages": ["de", "de"]}}, "expected each language once, found 'de' twice"),
        ({"predict": {"udpos": {}}}, "unknown target of [predict] 'udpos'"),
        ({"predict": {"xquad": {"languages": ["sw"]}}}, "unknown language of xquad 'sw'"),
        ({"predict": {"xquad": {"language": ["de"]}}}, "unknown setting of [predict.xquad] 'language'"),
        ({"hypothesis": {"primary_metric": "vendy"}}, "unknown metric 'vendy': did you mean vendi"),
        ({"hypothesis": {"outcome": "mean8"}}, "unknown outcome 'mean8': did you mean mean"),
        ({"diversity": {"metrics": ["vendi(p=2)"]}}, "unknown option 'p' of metric vendi"),
        (
            {"seeds": [2**63]},
            "expected seeds in the plan to be a list of whole numbers of at least 0 and at most 9223372036854775807",
        ),
        ({"mixtures": [{"tasks": {"mnli": 1, "qqp": 0}}]}, "expected weights above 0 in mixture 1, found 0 for qqp"),
        ({"mixtures": [{"tasks": {"mnli": float("nan")}}]}, "expected tasks in mixture 1 to be finite, found nan"),
        ({"train": {"temperature": float("nan")}}, "expected temperature in [train] to be finite, found nan"),
        ({"train": {"temperature": 0}}, "[train]: expected a temperature above 0, found 0"),
        ({"train": {"cap": -5}}, "expected cap in [train] to be a whole number of at least 1, found -5"),
        ({"train": {"limit": 0}}, "expected limit in [train] to be a whole number of at least 1, found 0"),
        ({"target": {"xnli": {"limit": -3}}}, "expected limit in [target.xnli] to be a whole number of at least 1"),
        ({"predict": {"layer": float("inf")}}, "expected layer in [predict] to be finite, found inf"),
        ({"predict": {"pooling": "max"}}, "expected pooling in [predict] to be one of mean, cls, found 'max'"),
        ({"predict": {"precision": "fp16"}}, "expected precision in [predict] to be one of fp32, bf16, found 'fp16'"),
        ({"diversity": {"metrics": ["self_bleu"]}}, "expected metrics of vectors in [diversity], found self_bleu"),
        (
            {"hypothesis": {"primary_metric": "self_bleu"}},
            "expected metrics of vectors in [hypothesis], found self_bleu",
        ),
        (
            {"diversity": {"metrics": ["cosine", "vendi", "vendi(q=1)"]}},
            "expected each metric of [diversity] once, found vendi(q=1) twice",
        ),
        ({"diversity": {"sample": 1}}, "expected sample in [diversity] to be a whole number of at least 2, found 1"),
    ],
)
def test_what_cannot_be_is_told(changes, message):
    with pytest.raises(InputError) as error:
        parsed(**changes)
    assert message in str(error.value)


@pytest.mark.parametrize("name", ["model", "targets", "seeds", "mixtures"])
def test_what_is_missing_is_told(name):
    with pytest.raises(InputError, match=f"expected {name} in the plan, found"):
        parse_plan({k: v for k, v in WHOLE.items() if k != name}, Path("plan.toml"))


def test_a_file_that_is_no_toml_is_named_with_the_line(write):
    path = write("plan.toml", "seeds = [1,,2]\n")
    with pytest.raises(InputError, match=r"plan\.toml: expected TOML, found: .*line 1"):
        read_plan(path)
    path = write("bytes.toml", b"\xff\xfe")
    with pytest.raises(InputError, match=r"bytes\.toml: expected TOML"):
        read_plan(path)


def test_a_plan_with_a_byte_order_mark_is_read(write):
    text = 'model = "mini"\ntargets = ["xnli"]\nseeds = [0]\n[[mixtures]]\ntasks = []\nrole = "space"\n'
    plan = diversity.read_plan(write("plan.toml", b"\xef\xbb\xbf" + text.encode()))
    assert plan.seeds == (0,)
    assert plan.mixtures[0].role == "space-filling"  # of version 0.1.0: space


def test_a_metric_is_kept_as_it_is_printed():
    assert parsed(hypothesis={"primary_metric": "vendi"}).primary_metric == "vendi(q=1)"


def test_targets_have_settings_of_their_own():
    assert parsed(target={"epochs": 1, "xnli": {"steps": 3}}).target == {"epochs": 1, "xnli": {"steps": 3}}


def test_targets_are_predicted_in_languages_of_their_own():
    plan = parsed(predict={"languages": ["de", "sw"], "split": "dev", "xquad": {"languages": ["ar", "de"]}})
    assert plan.settings("predict", "xnli") == {"languages": ["de", "sw"], "split": "dev"}
    assert plan.settings("predict", "xquad") == {"languages": ["ar", "de"], "split": "dev"}


def test_a_model_beside_the_plan_is_found(write):
    path = write("plan.toml", 'model = "mine"\ntargets = ["xnli"]\nseeds = [0]\n[[mixtures]]\ntasks = []\n')
    assert read_plan(path).model == "mine"
    (path.parent / "mine").mkdir()
    assert read_plan(path).model == str(path.parent / "mine")
    assert tomllib.loads(path.read_text())["model"] == "mine"


def test_a_model_that_needs_no_hub_is_no_folder_beside_the_plan(tmp_path) -> None:
    (tmp_path / "mini").mkdir()
    (tmp_path / "own").mkdir()
    models = [parse_plan({**WHOLE, "model": m}, tmp_path / "plan.toml").model for m in ("mini", "./mini", "own")]
    assert models == ["mini", str(tmp_path / "mini"), str(tmp_path / "own")]


@pytest.mark.parametrize("predict", [{"layer": 7}, {"tatoeba": {"layer": -8}}])
def test_a_layer_that_the_model_has_not_is_found_when_the_plan_is_read(predict):
    with pytest.raises(InputError, match="expected a layer from -7 to 6"):
        parsed(model="mini", targets=["xnli", "tatoeba"], predict=predict)
    assert parsed(model="owner/name@commit", targets=["tatoeba"], predict=predict).targets == ("tatoeba",)
    assert parsed(model="mini", targets=["xnli"], predict={"layer": 7}).targets == ("xnli",)  # which asks for none


def test_the_example_of_the_reference_is_a_plan():
    page = (Path(__file__).parents[2] / "docs" / "reference" / "plan.md").read_text("utf8")
    (example,) = re.findall(r"```toml\n(.*?)```", page, flags=re.DOTALL)
    plan = parse_plan(tomllib.loads(example), Path("plan.toml"))
    assert [p.mixture.name for p in plan.mixtures][:2] == ["baseline", "mnli+qqp"]
    assert plan.settings("target", "xnli") == {"learning_rate": 1e-4, "examples": 4000}


@pytest.mark.parametrize("table", get_args(TableName))
def test_every_value_of_a_plan_is_explained(table):
    for key in keys_of(table).values():
        assert key.meaning.endswith(".")
        assert key.expected
