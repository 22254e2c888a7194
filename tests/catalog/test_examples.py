"""The descriptions that ship as examples, and the checks of one's own tasks and metrics, on rows written for the tests."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import diversity
from diversity import catalog, store
from diversity.data import sources
from diversity.planning.costs import training_rows
from diversity.xtreme.references import gold

METRIC = """
import numpy as np
from diversity.types import Metric

def spread(x):
    return float(np.linalg.norm(x - np.mean(x, axis=0), axis=1).mean())

METRIC = Metric(name="spread", function=spread, formula="f", range="0 and above", cost="O(n d)", reference="2026",
                invariant_to=frozenset({CLAIMS}), size_dependent=True)
"""
ALL = '{"order", "rotation", "replication"}'
FILES = {
    "sib200/yor_Latn/test.tsv": "index_id\tcategory\ttext\n7\tsports\tBọ́ọ̀lù.\n",
    "xcopa/sw/test.sw.jsonl": '{"premise": "Mvua ilinyesha.", "choice1": "a", "choice2": "b", "question": "effect", '
    '"label": 1, "idx": 3, "changed": false}\n',
    "masakhaner2/hau/test.txt": "Ada B-PER\nta O\nLahadi B-DATE\n\nEh O\n",
}


@pytest.fixture
def examples(write, tmp_path):
    """Rows of the three examples, which are included."""
    for name, content in FILES.items():
        write(f"data/{name}", content)
    diversity.include(store.shipped() / "examples")
    return tmp_path / "data"


def rows(name, data, language):
    return list(sources.rows(catalog.task(name), data, split="test", languages=[language]))


def test_each_common_kind_has_an_example_that_reads_rows(examples):
    (topic,) = rows("sib200", examples, "yor_Latn")
    assert (topic.id, topic.text, topic.label) == ("7", "Bọ́ọ̀lù.", "sports")
    (choice,) = rows("xcopa", examples, "sw")
    assert (choice.id, choice.question, choice.choices, choice.label) == (
        "3",
        "What happened as a result?",
        ("a", "b"),
        1,
    )
    assert gold("xcopa", examples, "test", "sw") == ["1"]
    names, _ = rows("masakhaner2", examples, "hau")
    assert names.tags == ("B-PER", "O", "O"), "dates count as no name"
    assert {catalog.task(n).train_on for n in ("sib200", "xcopa", "masakhaner2")} == {"", "commonsenseqa", "panx"}
    assert all(catalog.task(n).role == "target" and catalog.task(n).licence for n in ("sib200", "xcopa", "masakhaner2"))


def test_the_english_of_a_target_without_any_is_that_of_the_task_it_is_trained_on(examples, write):
    choices = [{"label": letter, "text": letter} for letter in "ABCDE"]
    row = {"answerKey": "B", "id": "q", "question": {"question_concept": "x", "stem": "Why?", "choices": choices}}
    write("data/commonsenseqa/train_rand_split.jsonl", json.dumps(row) + "\n")
    (example,) = sources.rows(catalog.task("xcopa"), examples)
    assert (example.language, example.question) == ("en", "Why?")
    assert training_rows("xcopa", examples) == 9_741
    assert training_rows("sib200", examples) == 0
    write("data/sib200/eng_Latn/train.tsv", "index_id\tcategory\ttext\n1\tsports\tA\n2\tsports\tB\n")
    assert training_rows("sib200", examples) == 2
    assert training_rows("sib200", None) == 0


def test_check_shows_rows_and_passes(examples, run):
    code, out, _ = run("tasks", "--check", "masakhaner2", "--data", examples)
    assert code == 0
    assert "tagging, target, scored by f1" in out
    assert "Ada | ta | Lahadi" in out
    assert "B-PER | O | O" in out
    assert "0 of 1 sets of rows with something wrong" in out
    _, out, _ = run("tasks", "--check", "sib200", "--data", examples, "--format", "json")
    (seen,) = json.loads(out)
    assert seen["rows"][0]["label"] == "sports"
    assert seen["labels"] == {"sports": 1}


def test_check_says_file_line_and_field_of_what_is_wrong(examples, write, run):
    write("data/sib200/yor_Latn/test.tsv", "index_id\tcatgory\ttext\n7\tsports\tx\n")
    code, out, _ = run("tasks", "--check", "sib200", "--data", examples)
    assert code == 1
    assert "test.tsv:2: unknown field 'category': did you mean catgory?" in out
    code, _, err = run("tasks", "--check", "xcopa", "--data", examples / "sib200")
    assert (code, err.count("\n")) == (2, 1)
    assert "expected files of xcopa, such as xcopa/et/val.et.jsonl, found none" in err
    code, _, err = run("tasks", "--check", "xcopa")
    assert (code, "expected a folder of data (--data DIR)" in err) == (2, True)
    code, _, err = run("tasks", "--check", "xcoppa", "--data", examples)
    assert (code, "did you mean xcopa?" in err) == (2, True)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (METRIC.replace("{CLAIMS}", ALL), ""),
        (METRIC.replace("{CLAIMS}", ALL.replace("}", ', "row scale"}')), "row scale: invariant as claimed"),
        (METRIC.replace("{CLAIMS}", "set()"), "not claimed, and it holds on every set that was drawn: add 'order'"),
        (
            METRIC.replace("{CLAIMS}", ALL).replace("2026", "mine"),
            "expected a reference with a year, found 'mine'",
        ),
        (
            METRIC.replace("{CLAIMS}", ALL).replace("return", "return 1 / 0 +"),
            "ZeroDivisionError: division by zero",
        ),
        (METRIC.replace("{CLAIMS}", ALL).replace("size_dependent=True", ""), "60 rows differ from 10 by"),
    ],
)
def test_what_a_metric_claims_is_tested(write, run, content, message):
    content = content.replace("def spread(x):\n", "def spread(x):\n    x = checked(x)\n") + REFUSES
    folder = write("mine/metrics/spread.py", content).parent.parent
    code, out, err = run("metrics", "--check", "spread", "--include", folder)
    assert code == (1 if message else 0), out + err
    assert message in out


REFUSES = """
from diversity.types import InputError

def checked(x):
    x = np.asarray(x, dtype=float)
    if x.ndim != 2 or not len(x) or not np.isfinite(x).all() or not x.any(axis=1).all():
        raise InputError("expected rows of finite numbers, none of them all 0")
    return x
"""


def test_a_metric_of_the_toolkit_holds_what_it_claims(run):
    code, out, _ = run("metrics", "--check", "vendi")
    assert (code, "FAILS" in out) == (0, False)


def test_the_examples_are_in_the_data_that_ships():
    assert sorted(p.stem for p in (store.shipped() / "examples" / "tasks").glob("*.toml")) == [
        "masakhaner2",
        "sib200",
        "xcopa",
    ]
    assert not list(Path(store.shipped() / "examples").rglob("*.tsv"))
