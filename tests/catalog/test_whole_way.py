"""A task, a target and a metric of one's own go the whole way: listed, scored, trained on, transferred to, in a grid."""

from __future__ import annotations

import itertools
import json
import shutil

import pandas as pd
import pytest

import diversity
from diversity import catalog
from diversity.cli import main
from diversity.grid.build import stages_of
from diversity.planning.plans import read_plan
from diversity.studies.outcomes import read_outcomes, targets_of

METRIC = """
import numpy as np
from diversity.types import Metric

def spread(x):
    return float(np.linalg.norm(x - np.mean(x, axis=0), axis=1).mean())

METRIC = Metric(name="spread", function=spread, formula="1/n sum |x - m|", range="0 and above", cost="O(n d)",
                reference="2026")
"""
PAIRS = (
    'kind = "classification"\nrole = "intermediate"\nfiles = "{split}.jsonl"\n[fields]\ntext = "a"\ntext_pair = "b"\n'
)
TOPICS = (
    'kind = "classification"\nrole = "target"\nfiles = "{lang}/{split}.tsv"\nlanguages = ["eng_Latn", "yor_Latn"]\n'
)
SETTINGS = "max_length = 32\nexamples = 16\nbatch_size = 8\ndev_every = 100\n"


@pytest.fixture(scope="module")
def home(tmp_path_factory, small, samples):
    """Data, descriptions, a tiny model and a plan."""
    root = tmp_path_factory.mktemp("whole")
    shutil.copytree(samples, root / "data")
    words = [f"w{i}" for i in range(5, 45)]
    pairs = [{"a": f"{w} {v}", "b": v, "label": v[-1]} for w, v in itertools.pairwise(words)]
    files = {
        "mine/tasks/pairs.toml": PAIRS,
        "mine/tasks/topics.toml": TOPICS,
        "mine/metrics/spread.py": METRIC,
        "data/pairs/train.jsonl": "".join(json.dumps(p) + "\n" for p in pairs),
    }
    for lang in ("eng_Latn", "yor_Latn"):
        for split, part in (("train", words[:24]), ("dev", words[24:30]), ("test", words[30:])):
            rows = "".join(f"{lang} {w}\t{'ab'[i % 2]}\n" for i, w in enumerate(part))
            files[f"data/topics/{lang}/{split}.tsv"] = "text\tlabel\n" + rows
    files["plan.toml"] = (
        'model = "model"\ndata = "data"\ninclude = ["mine"]\ntargets = ["topics", "pawsx"]\nseeds = [1]\nthreads = 1\n'
        f'[train]\n{SETTINGS}[target]\n{SETTINGS}[diversity]\nmetrics = ["spread", "cosine"]\n'
        '[[mixtures]]\ntasks = []\n[[mixtures]]\ntasks = ["pairs"]\n[[mixtures]]\ntasks = ["pairs", "qqp"]\n'
    )
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    small.folder(root / "model", "bert")
    return root


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as stop:
        main([str(a) for a in arguments])
    assert not stop.value.code, capsys.readouterr().err
    return capsys.readouterr().out


def test_they_are_listed_checked_and_scored(home, capsys):
    own = ("--include", home / "mine", "--format", "json")
    listed = {r["task"]: r for r in json.loads(run(capsys, "tasks", "--data", home / "data", *own))}
    assert (listed["topics"]["role"], listed["topics"]["here"]) == ("target", ["train", "dev", "test"])
    assert listed["topics"]["languages"] == ["eng_Latn", "yor_Latn"]
    assert "spread" in {r["metric"] for r in json.loads(run(capsys, "metrics", *own))}
    checked = json.loads(run(capsys, "data", "check", "topics", "pairs", "--data", home / "data", *own))
    assert {(r["split"], r["rows"]) for r in checked} == {("train", 24), ("dev", 6), ("test", 10), ("train", 39)}
    scored = json.loads(
        run(capsys, "score", "--tasks", "pairs,qqp", "--data", home / "data", "--metrics", "spread,cosine", *own)
    )
    assert {r["metric"] for r in scored} == {"spread", "cosine"}
    with diversity.include(home / "mine"):
        assert len(targets_of("mean9", catalog.targets())) == 9
        assert len(targets_of("mean", catalog.targets())) == 10


def test_a_target_is_fine_tuned_on_its_english_and_predicted_zero_shot(home, tmp_path, capsys):
    with diversity.include(home / "mine"):
        settings = diversity.Settings.of(steps=2, batch_size=4, max_length=32, dev_every=100)
        trained = diversity.train_mix(["pairs"], model=str(home / "model"), data=home / "data", output=tmp_path / "pairs",
                                      settings=settings)  # fmt: skip
        done = diversity.transfer(str(trained.folder), ["topics"], data=home / "data", output=tmp_path / "run",
                                  settings=settings)  # fmt: skip
        assert list(done.rows["language"]) == ["eng_Latn", "yor_Latn"]
        assert set(done.rows["split"]) == {"test"}
        assert set(done.rows["mixture"]) == {"pairs"}
        again = diversity.evaluate(tmp_path / "run" / "predictions", data=home / "data")
        values = {s.language: s.value for s in again.scores}
        assert values == dict(zip(done.rows["language"], done.rows["value"], strict=True))
        without = [s for s in again.averages if s.language == "average without en"]
        assert {s.value for s in without if s.metric == "accuracy"} == {values["yor_Latn"]}


def test_sentences_of_ones_own_are_matched(home, tmp_path):
    (home / "mine/tasks/bitext.toml").write_text(
        'kind = "retrieval"\nrole = "target"\nfiles.test = "{lang}.tsv"\nlanguages = ["sw", "yo"]\n'
    )
    (home / "data/bitext").mkdir()
    for lang in ("sw", "yo"):
        rows = "".join(f"w{i} w{i + 1}\tw{i} w{i + 1} w{i + 2}\n" for i in range(5, 25))
        (home / "data/bitext" / f"{lang}.tsv").write_text("text\tenglish\n" + rows)
    try:
        with diversity.include(home / "mine"):
            found = diversity.retrieve(str(home / "model"), ["bitext"], data=home / "data", output=tmp_path / "run")
            assert set(found["language"]) == {"sw", "yo"}
            again = diversity.evaluate(tmp_path / "run", data=home / "data")
            assert {s.value for s in again.scores} == set(found["value"])
    finally:
        (home / "mine/tasks/bitext.toml").unlink()


BROKEN = [
    ("mine/tasks/pairs.toml", PAIRS.replace("kind", "knd"), "pairs.toml: unknown key 'knd': did you mean kind"),
    ("mine/tasks/pairs.toml", PAIRS.replace('"a"', '"A"'), "train.jsonl:1: unknown field 'A': did you mean"),
    ("mine/metrics/spread.py", METRIC.replace("METRIC = ", "METRICS = "), "spread.py: expected METRIC = Metric(...)"),
    ("data/pairs/train.jsonl", "", "train.jsonl: expected rows, found an empty file"),
    (
        "data/pairs/train.jsonl",
        '{"a": ["x"], "b": "y", "label": "z"}\n',
        "train.jsonl:1: expected text in 'a', found list",
    ),
]


@pytest.mark.parametrize(("name", "content", "message"), BROKEN)
def test_what_is_broken_is_one_line_and_nothing_is_half_written(home, tmp_path, capsys, name, content, message):
    before = (home / name).read_text()
    (home / name).write_text(content)
    own = ("--include", home / "mine", "--data", home / "data")
    commands = [
        ("score", "--tasks", "pairs,qqp", "--metrics", "spread", "--output", tmp_path / "scores.csv", *own),
        (
            "train-mix",
            "--tasks",
            "pairs",
            "--model",
            home / "model",
            "--output",
            tmp_path / "run",
            "--steps",
            "1",
            "--max-length",
            "32",
            *own,
        ),
    ]
    try:
        for command in commands if "metrics" not in name else commands[:1]:
            with pytest.raises(SystemExit) as stop:
                main([str(a) for a in command])
            out, err = capsys.readouterr()
            assert (stop.value.code, out) == (2, "")
            assert message in err
            assert err.strip().count("\n") == 0
            left = [p for p in tmp_path.rglob("*") if p.is_file() and p.suffix in (".csv", ".safetensors")]
            assert left == []
    finally:
        (home / name).write_text(before)


def test_a_plan_includes_them_and_a_worker_runs_it(home, capsys):
    run(capsys, "grid", "run", home / "plan.toml", "--output", home / "grid", "--workers", "1")
    results = pd.read_csv(home / "grid" / "results.csv", keep_default_na=False)
    assert set(results["target"]) == {"topics", "pawsx"}
    assert set(results[results["target"] == "topics"]["language"]) == {"eng_Latn", "yor_Latn"}
    assert set(results["status"]) == {"done"} or not any(results["error"])
    scores = pd.read_csv(home / "grid" / "scores.csv")
    assert {"spread", "cosine"} <= set(scores["metric"])
    outcomes = read_outcomes(results, english=False)
    assert set(outcomes.runs["target"]) == {"topics", "pawsx"}
    assert set(outcomes.cells.columns.get_level_values("language")) & {"en", "eng_Latn", "yor_Latn"} == {"yor_Latn"}


def test_a_plan_that_is_proposed_includes_them(home, tmp_path, capsys):
    plan = tmp_path / "two.toml"
    run(capsys, "propose", "--tasks", "pairs,qqp", "--data", home / "data", "--include", home / "mine", "--plan", plan)
    assert read_plan(plan).include == (home / "mine",)


def test_another_description_or_metric_is_another_stage_and_a_comment_is_none(home):
    def keys():
        return {s.label + s.kind.name: s.key for s in stages_of(read_plan(home / "plan.toml")).graph.stages.values()}

    before = keys()
    (home / "mine/tasks/topics.toml").write_text("# a comment\n" + TOPICS)
    assert keys() == before
    (home / "mine/tasks/topics.toml").write_text(TOPICS + 'labels = ["a", "b"]\n')
    changed = {label for label, key in keys().items() if before[label] != key}
    assert changed
    assert all("topics" in label for label in changed)
    (home / "mine/tasks/topics.toml").write_text(TOPICS)
    (home / "mine/metrics/spread.py").write_text(METRIC + "\n# changed\n")
    changed = {label for label, key in keys().items() if before[label] != key}
    assert {label.split()[0] for label in changed} == {"diversity"}
    (home / "mine/metrics/spread.py").write_text(METRIC)


def test_a_worker_that_sees_another_folder_says_so(home):
    from diversity.catalog import own
    from diversity.grid.job import Job, perform

    job = Job("k", "m:f", {}, {}, str(home / "job"), include={str(home / "mine"): "0" * 64})
    outcome = perform(job)
    assert outcome.state == "failed"
    assert "expected the tasks and metrics that the grid was started with, found others" in outcome.message
    with diversity.include(home / "mine"):
        assert own.contents().keys() == {str(home / "mine")}
