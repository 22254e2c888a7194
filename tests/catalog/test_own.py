"""Tasks and metrics of one's own: folders, names, entry points, and what cannot be in them."""

from __future__ import annotations

import shutil
from importlib.metadata import EntryPoint

import pytest

import diversity
from diversity import catalog
from diversity.catalog import own
from diversity.data import sources
from diversity.types import Classification, InputError, is_english

PAIRS = (
    'kind = "classification"\nrole = "intermediate"\nfiles = "{split}.jsonl"\nfields = {text = "a", text_pair = "b"}\n'
)
ROWS = (
    '{"a": "A man sleeps.", "b": "He rests.", "label": "yes"}\n{"a": "It rains.", "b": "It is dry.", "label": "no"}\n'
)
PYTHON = """
from diversity.data.fields import one_of, text
from diversity.data.formats import jsonl
from diversity.types import Classification, Layout, Part, Task

def parse(record, id, language):
    label = one_of(record, "label", {"yes": "yes", "no": "no"})
    return Classification(id, language, text(record, "a"), text(record, "b"), label)

TASK = Task(name="coded", title="C", kind="classification", role="intermediate", metric="accuracy", fields=("text",),
            splits={"train": (Part((Layout("train.jsonl", jsonl(parse)),), None, ("coded",)),)},
            licence="", citation="", url="")
"""
METRIC = """
import numpy as np
from diversity.types import Metric

def spread(x):
    return float(np.linalg.norm(x - np.mean(x, axis=0), axis=1).mean())

METRIC = Metric(name="spread", function=spread, formula="f", range="0 and above", cost="O(n d)", reference="mine, 2026")
"""


@pytest.fixture
def mine(write):
    """A folder with a described task, a coded one and a metric, and data of both."""
    write("mine/tasks/pairs.toml", PAIRS)
    write("mine/tasks/coded.py", PYTHON)
    write("mine/tasks/_helper.py", "1/0")
    write("mine/metrics/spread.py", METRIC)
    write("data/pairs/train.jsonl", ROWS)
    return write("data/coded/train.jsonl", ROWS).parent.parent.parent


def test_a_folder_adds_to_what_is_known_and_a_block_takes_it_back(mine):
    before = catalog.names("tasks"), catalog.names("metrics")
    with diversity.include(mine / "mine"):
        assert set(catalog.names("tasks")) - set(before[0]) == {"coded", "pairs"}
        assert set(catalog.names("metrics")) - set(before[1]) == {"spread"}
        rows = list(sources.rows(catalog.task("pairs"), mine / "data"))
        assert rows[0] == Classification("train.jsonl:1", "en", "A man sleeps.", "He rests.", "yes")
        assert [r.text for r in sources.rows(catalog.task("coded"), mine / "data")] == ["A man sleeps.", "It rains."]
        assert diversity.metric("spread")([[0.0, 0.0], [2.0, 0.0]]) == 1.0
        assert len(catalog.intermediate()) == 9
    assert (catalog.names("tasks"), catalog.names("metrics")) == before


def test_the_environment_names_folders(mine, monkeypatch):
    monkeypatch.setenv("DIVERSITY_INCLUDE", f"{mine / 'mine'}")
    assert "pairs" in catalog.names("tasks")
    monkeypatch.setenv("DIVERSITY_INCLUDE", f"{mine / 'nowhere'}")
    with pytest.raises(InputError, match=r"nowhere: expected a folder with tasks/ or metrics/, found nothing"):
        catalog.names("tasks")


def test_a_changed_description_is_read_again_and_has_another_recipe(mine):
    diversity.include(mine / "mine")
    first = catalog.task("pairs")
    (mine / "mine/tasks/pairs.toml").write_text(PAIRS + 'licence = "mine"\n')
    second = catalog.task("pairs")
    assert (second.licence, second.recipe) == ("mine", first.recipe)
    (mine / "mine/tasks/pairs.toml").write_text(PAIRS + 'labels = ["yes", "no"]\n')
    assert catalog.task("pairs").recipe != first.recipe
    assert catalog.task("mnli").recipe == "v1:text+text_pair"


def test_workers_see_what_the_driver_saw_or_say_that_they_do_not(mine):
    diversity.include(mine / "mine")
    seen = own.contents()
    own.include_as(seen)
    (mine / "mine/metrics/spread.py").write_text(METRIC + "# changed\n")
    with pytest.raises(InputError, match="expected the tasks and metrics that the grid was started with, found others"):
        own.include_as(seen)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("tasks/mnli.toml", PAIRS, "'mnli' is one of the toolkit's"),
        ("tasks/mean.toml", PAIRS, "'mean' has a meaning of its own"),
        ("tasks/a b.toml", PAIRS, "'a b' may have letters, digits, _ and - only"),
        ("metrics/a-b.py", METRIC, "'a-b' may have letters, digits and _ only"),
        ("metrics/cosine.py", METRIC, "'cosine' is one of the toolkit's"),
        ("tasks/pairs.py", PYTHON, "'pairs' is also in"),
    ],
)
def test_names_that_cannot_be(mine, write, name, content, message):
    write(f"mine/{name}", content)
    with pytest.raises(InputError, match=message):
        diversity.include(mine / "mine")
    assert "coded" not in catalog.names("tasks"), "nothing stays half included"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("x = (", r"coded.py:1: expected Python, found: '\(' was never closed"),
        ("import math\nmath.sqrt(-1)", "coded.py:2: ValueError"),
        ("import nothing_of_that_name", "coded.py:1: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("x = 1", r"coded.py: expected TASK = Task\(...\) in the file, found none"),
        ("TASK = 1", "coded.py: expected a Task, found int"),
        (
            PYTHON.replace('"coded", title', '"other", title'),
            "expected the name 'coded', as that of the file, found 'other'",
        ),
        (PYTHON.replace('url="")', 'url="", benchmark="xtreme")'), "expected a task of no benchmark"),
        (
            PYTHON.replace('fields=("text",)', 'fields=("text2",)'),
            "unknown field of a classification task 'text2': did you",
        ),
        (PYTHON.replace('kind="classification"', 'kind="clasification"'), "unknown kind 'clasification': did you mean"),
        (PYTHON.replace('role="intermediate"', 'role="middle"'), "unknown role 'middle'"),
        (PYTHON.replace('url="")', 'url="", train_on="mnly")'), "unknown task in train_on 'mnly': did you mean mnli"),
        (PYTHON.replace('url="")', 'url="", train_on="panx")'), "train_on to name a task of kind classification"),
    ],
)
def test_python_that_cannot_be_is_one_line_with_its_place(mine, write, content, message):
    write("mine/tasks/coded.py", content)
    diversity.include(mine / "mine")
    with pytest.raises(InputError, match=message) as error:
        catalog.task("coded")
    assert "\n" not in str(error.value)


def test_folders_that_cannot_be(tmp_path, write):
    write("empty/tasks/readme.md", "")
    with pytest.raises(InputError, match=r"empty: expected tasks/NAME.toml, tasks/NAME.py or metrics/NAME.py"):
        diversity.include(tmp_path / "empty")
    with pytest.raises(InputError, match=r"a.toml: expected a folder with tasks/ or metrics/, found a file"):
        diversity.include(write("a.toml", ""))


def test_two_folders_may_not_have_the_same_name_and_one_may_be_named_twice(mine):
    shutil.copytree(mine / "mine", mine / "copy")
    diversity.include(mine / "mine", mine / "mine")
    diversity.include(mine / "mine")
    with pytest.raises(InputError, match="'coded' is also in"):
        diversity.include(mine / "copy")


def test_installed_packages_add_tasks_and_metrics_bypackages_of(mine, monkeypatch):
    package = mine / "packages"
    shutil.copytree(mine / "mine" / "tasks", package / "theirs")
    shutil.copy(mine / "mine" / "metrics" / "spread.py", package / "theirs")
    (package / "theirs" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(package)
    points = {
        "tasks": (EntryPoint("coded", "theirs.coded:TASK", "diversity.tasks"),),
        "metrics": (EntryPoint("spread", "theirs.spread", "diversity.metrics"),),
    }
    monkeypatch.setattr(own, "packages_of", points.get)
    assert catalog.task("coded").kind == "classification"
    assert catalog.metric("spread").name == "spread"
    points["metrics"] = (EntryPoint("spread", "theirs.nothing", "diversity.metrics"),)
    with pytest.raises(InputError, match=r"theirs.nothing: ModuleNotFoundError"):
        own.Included("metrics", "x", "", "", own.included("metrics")["spread"].load).load()


def test_english_is_told_by_its_code():
    assert [is_english(c) for c in ("en", "eng", "eng_Latn", "en-GB", "de", "enm", "EN")] == [True] * 4 + [False] * 3
