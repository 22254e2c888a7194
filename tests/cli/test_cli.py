"""The command line: forms of output that scripts depend on, and one line for whatever is wrong."""

import csv
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

import diversity
from diversity import catalog, store
from diversity.cli import _headings, app
from diversity.scoring import score
from diversity.training.settings import PRESETS
from diversity.types import QUESTIONS

SAMPLES = store.shipped() / "samples"


@pytest.fixture
def vectors(tmp_path, rng):
    """Files of vectors for three tasks."""
    paths = {}
    for name in "abc":
        paths[name] = tmp_path / f"{name}.npy"
        np.save(paths[name], rng.normal(size=(20, 4)).astype(np.float32))
    return paths


# --- Output ----------------------------------------------------------------------------------------


def test_the_json_of_the_contract(run):
    status, out, _ = run("score", "--tasks", "squad_v1,mnli", "--format", "json")
    records = json.loads(out)
    assert status == 0
    assert {tuple(r) for r in records} == {score.COLUMNS}
    first = records[0]
    assert first["mixture"] == "mnli+squad_v1"
    assert first["tasks"] == ["mnli", "squad_v1"]
    assert first["weights"] == [0.5, 0.5]
    assert first["encoder"] == "all-MiniLM-L6-v2"
    assert first["low"] <= first["value"] <= first["high"]
    assert first["n"] == 5800
    assert first["estimator"] == "U"
    for record in records:
        metric, options = catalog.parse_metric(record["metric"])
        assert metric.printed(**options) == record["metric"]


def test_csv_and_json_say_the_same(run, tmp_path):
    arguments = ["score", "--mixture", "x=mnli:3,qqp", "--mixture", "qqp,ccg", "--metrics", "cosine,vendi(q=2)"]
    records = json.loads(run(*arguments, "--format", "json")[1])
    status, out, err = run(*arguments, "--format", "csv", "--out", tmp_path / "s.csv")
    rows = list(csv.DictReader((tmp_path / "s.csv").open()))
    assert (status, out) == (0, "")
    assert f"wrote {tmp_path / 's.csv'}" in err
    assert [r["mixture"] for r in rows] == ["x", "x", "ccg+qqp", "ccg+qqp"]
    for row, record in zip(rows, records, strict=True):
        assert float(row["value"]) == record["value"]
        assert row["tasks"].split("+") == record["tasks"]
        assert [float(w) for w in row["weights"].split("+")] == record["weights"]
    assert rows[0]["weights"] == "0.75+0.25"


def test_the_table_shows_value_interval_and_estimator(run):
    status, out, err = run("score", "--tasks", "squad_v1,ccg")
    assert status == 0
    assert out.startswith("ccg+squad_v1: ccg 0.5, squad_v1 0.5 (encoder all-MiniLM-L6-v2)\n")
    assert re.search(r"\ncosine +0\.\d{4} +0\.\d{4} to 0\.\d{4} +5,800 +U\n", out)
    assert "note: ccg: gold categories of the Parallel Meaning Bank, not CCGbank" in err


def test_many_mixtures_are_cut_and_the_table_says_so(run):
    status, out, _ = run("score", "--all-subsets", "--metrics", "cosine,hill", "--no-intervals")
    assert status == 0
    assert "511 mixtures: the first 30 and the last 30." in out
    assert out.startswith("Most diverse first, by cosine (encoder all-MiniLM-L6-v2)\n")
    assert "95 % interval" not in out


def test_mixtures_are_ranked_with_intervals_and_a_sentence_each(run):
    mixtures = ("--mixture", "alike=mnli,anli_plus", "--mixture", "unlike=mnli,ccg,squad_v1", "--mixture", "ccg,qqp")
    code, out, err = run("score", *mixtures)
    records = json.loads(run("score", *mixtures, "--format", "json")[1])
    values = {(r["mixture"], r["metric"]): r for r in records}
    names = sorted({r["mixture"] for r in records}, key=lambda m: -values[m, "vendi_beta(q=2)"]["value"])
    assert code == 0
    assert "Most diverse first, by vendi_beta(q=2)" in out
    table = [line.split() for line in out.split("\n\n")[1].splitlines()[1:]]
    assert [line[1] for line in table] == names
    first = values[names[0], "vendi_beta(q=2)"]
    assert table[0][2:6] == [f"{first['value']:.3f}", f"{first['low']:.3f}", "to", f"{first['high']:.3f}"]
    plain = " ".join(out.split())
    assert "unlike: two texts differ by 0.9" in plain
    assert "and its 3 parts count as" in plain
    assert max(map(len, out.splitlines())) <= 100
    notes = err.splitlines()
    assert len(notes) == len(set(notes)) == 3
    assert sum("longer than the encoder reads were truncated" in line for line in notes) == 1


@pytest.mark.parametrize(("metrics", "title"), [("cosine,vendi(q=2)", "by cosine"), ("vendi(q=1)", "by vendi(q=1)")])
def test_the_first_metric_that_is_asked_for_ranks(metrics, title, run):
    _, out, _ = run("score", "--all-subsets", "--tasks", "mnli,qqp", "--metrics", metrics)
    assert title in out.splitlines()[0]
    assert {line.split()[1] for line in out.splitlines()[3:6]} == {"mnli", "qqp", "mnli+qqp"}


def test_infinity_and_no_value_are_null_in_json(run, tmp_path):
    np.save(tmp_path / "e.npy", np.eye(3))
    np.save(tmp_path / "one.npy", np.ones((1, 3)))
    arguments = ["score", "--embeddings", f"e={tmp_path}/e.npy", "--embeddings", f"one={tmp_path}/one.npy"]
    arguments += ["--metrics", "cosine,vendi(q=2),vendi(q=1)", "--format", "json"]
    status, out, _ = run(*arguments, "--mixture", "e")
    assert status == 0
    assert {r["metric"]: r["value"] for r in json.loads(out)} == {
        "cosine": pytest.approx(1), "vendi(q=2)": None, "vendi(q=1)": pytest.approx(3),
    }  # fmt: skip
    found = one_line(run(*arguments, "--mixture", "e,one"))
    assert "at least 2 rows of each task for cosine (U), found 1 of one: use estimator V" in found
    status, out, _ = run(*arguments, "--mixture", "one", "--estimator", "V")
    assert [r["value"] for r in json.loads(out)] == pytest.approx([0, 1, 1], abs=1e-12)
    assert [r["low"] for r in json.loads(out)] == [None, None, None]


def test_own_vectors_beside_each_other(run, vectors):
    given = [a for n, p in vectors.items() for a in ("--embeddings", f"{n}={p}")]
    status, out, _ = run("score", *given, "--all-subsets", "--metrics", "cosine", "--format", "json")
    assert status == 0
    assert [r["mixture"] for r in json.loads(out)] == ["a", "b", "c", "a+b", "a+c", "b+c", "a+b+c"]


def test_tasks_and_metrics_are_listed(run):
    _, out, _ = run("tasks", "--format", "json", "--data", SAMPLES)
    records = {r["task"]: r for r in json.loads(out)}
    assert len(records) == 18
    assert records["mnli"]["here"] == ["train", "dev", "dev_mismatched", "moments"]
    assert all(r["here"] for r in records.values())
    _, out, _ = run("tasks")
    for name in catalog.names("tasks"):
        assert f"\n{name} " in out
    _, out, _ = run("metrics")
    for name in catalog.names("metrics"):
        assert re.search(rf"^[* ] {name} ", out, flags=re.MULTILINE)


@pytest.mark.parametrize("arguments", [["tasks"], ["metrics"], *(["metrics", n] for n in catalog.names("metrics"))])
def test_lists_and_pages_fit_a_terminal(arguments, run):
    code, out, err = run(*arguments)
    assert (code, err) == (0, "")
    assert max(map(len, out.splitlines())) <= 80


def test_metrics_are_listed_by_question_with_a_sentence_each(run):
    _, out, _ = run("metrics")
    for name in catalog.names("metrics"):
        metric = catalog.get("metrics", name)
        assert QUESTIONS[metric.question] in out
        assert metric.question, name
        assert " ".join(metric.measures.split()) in " ".join(out.split())
        assert metric.use, name
        assert metric.large, name
        for text in (metric.measures, metric.use, metric.large, metric.caveats):
            for sentence in re.split(r"(?<=[.;]) ", text):
                assert len(sentence.split()) <= 30, (name, sentence)


def test_a_metric_and_a_task_have_a_page(run):
    _, out, _ = run("metrics", "vendi(q=2)")
    for part in ("vendi(q=1)\n\nHow many", "use  ", "what is large  ", "range  ", "beware  ", "formula  ", "source  "):
        assert part in out
    assert "axioms                monotone: yes, unique: no, continuous: yes" in run("metrics", "chamfer")[1]
    assert "axioms" not in run("metrics", "hill")[1]
    assert json.loads(run("metrics", "cosine", "--format", "json")[1])["measures"]
    assert "did you mean cosine?" in run("metrics", "cosin")[2]
    _, out, _ = run("tasks", "xnli")
    for part in ("what it is  ", "languages  ", "licence  ", "citation  "):
        assert part in out
    assert json.loads(run("tasks", "mnli", "--format", "json")[1])["train_rows"] == 392702
    assert "did you mean mnli" in run("tasks", "mnly")[2]


def test_other_forms_of_the_list_say_which_axioms_hold(run):
    _, out, _ = run("metrics", "--format", "json")
    records = {r["metric"]: r for r in json.loads(out)}
    assert (records["vendi(q=1)"]["monotone"], records["hill(q=1)"]["unique"]) == (False, None)


NINE = re.compile(
    r"(?:With q=2, the|The) nine tasks: (\S+) \((\w+)\) to (\S+) \((\w+)\); their 511 mixtures: (\S+) to (\S+)\.$"
)


@pytest.mark.parametrize("name", ["cosine", "rao_gamma", "rao_alpha", "vendi", "vendi_alpha", "lai"])
def test_what_is_said_to_be_large_is_what_the_shipped_tasks_have(name):
    metric = catalog.get("metrics", name)
    low, lowest, high, highest, least, most = NINE.search(metric.large).groups()
    printed = metric.printed(**({"q": 2} if "q" in metric.options else {}))
    table = diversity.score(catalog.intermediate(), all_subsets=True, metrics=[printed], intervals=False)
    values = table.set_index("mixture")["value"]
    assert [values[lowest], values[highest], values.min(), values.max()] == pytest.approx(
        [float(v) for v in (low, high, least, most)], rel=6e-3
    )
    single = values[catalog.intermediate()]
    assert (single.idxmin(), single.idxmax()) == (lowest, highest)


def test_distances_in_three_forms_and_a_dendrogram(run, vectors, tmp_path):
    given = [a for n, p in vectors.items() for a in ("--embeddings", f"{n}={p}")]
    status, out, err = run("distances", *given, "--distance", "mmd", "--plot", tmp_path / "tree.svg")
    assert status == 0
    assert out.startswith("mmd distance of tasks (encoder precomputed)\n")
    assert re.search(r"\na +0\.0000 +\d\.\d{4} +\d\.\d{4}\n", out)
    assert f"wrote {tmp_path / 'tree.svg'}" in err
    assert (tmp_path / "tree.svg").read_bytes().startswith(b"<?xml")
    records = json.loads(run("distances", *given, "--distance", "mmd", "--format", "json")[1])
    assert [(r["first"], r["second"]) for r in records] == [(x, y) for x in "abc" for y in "abc"]
    rows = list(csv.DictReader(run("distances", *given, "--distance", "mmd", "--format", "csv")[1].splitlines()))
    assert [float(r["value"]) for r in rows] == [r["value"] for r in records]
    table = diversity.distances(diversity.from_arrays(vectors), distance="mmd")
    assert [r["value"] for r in records] == table.to_numpy().ravel().tolist()


def test_contributions_in_three_forms(run):
    arguments = ["contributions", "--mixture", "x=squad_v1:2,mnli", "--metrics", "cosine,vendi(q=1)"]
    status, out, err = run(*arguments)
    assert status == 0
    assert out.startswith("x (encoder all-MiniLM-L6-v2, 5,800 rows)\n\ncosine (U)\n")
    assert re.search(r"\nsquad_v1 +0\.667 +0\.\d{4} +0\.\d{4} +0\.\d{4} +0\.\d{4} to 0\.\d{4}\n", out)
    assert "note: vendi(q=1) grows with the number of rows, which differs between the subsets" in err
    records = json.loads(run(*arguments, "--format", "json")[1])
    assert [(r["metric"], r["task"]) for r in records] == [
        (m, t) for m in ("cosine", "vendi(q=1)") for t in ("mnli", "squad_v1")
    ]
    whole = diversity.score([], mixtures=["x=squad_v1:2,mnli"], metrics=["cosine"])["value"][0]
    assert sum(r["shapley"] for r in records[:2]) == pytest.approx(whole)
    rows = list(csv.DictReader(run(*arguments, "--format", "csv")[1].splitlines()))
    assert [float(r["shapley"]) for r in rows] == [r["shapley"] for r in records]


def test_distances_and_contributions_of_no_named_tasks_are_of_the_nine(run):
    assert run("distances")[1].count("\n") == 12
    assert run("contributions", "--metrics", "hill")[1].count("\n") == 14


def test_check_reads_the_samples(run):
    status, out, _ = run("data", "check", "--data", SAMPLES)
    assert status == 0
    assert "0 with something wrong" in out
    status, out, _ = run("data", "check", "mnli", "--data", SAMPLES, "--format", "json")
    assert [r["rows"] for r in json.loads(out)] == [48, 16, 16]


def test_texts_are_encoded_scored_and_their_moments_kept(run, tmp_path):
    arguments = ["--data", SAMPLES, "--cache", tmp_path / "cache", "--metrics", "cosine", "--format", "json"]
    status, out, err = run("score", "--tasks", "qqp,ccg", "--limit", 12, *arguments, "--save-moments", tmp_path / "m")
    assert status == 0
    live = json.loads(out)[0]
    assert live["n"] == 24
    assert f"wrote {tmp_path / 'm' / 'all-MiniLM-L6-v2' / 'ccg.npz'}" in err
    status, out, _ = run("score", "--tasks", "qqp,ccg", "--moments", tmp_path / "m", *arguments[4:])
    assert json.loads(out)[0]["value"] == pytest.approx(live["value"], rel=1e-12)


def test_bad_rows_are_counted_and_reported_where_that_is_asked(run, tmp_path):
    shutil.copytree(SAMPLES / "qqp", tmp_path / "qqp")
    path = tmp_path / "qqp" / "QQP" / "train.tsv"
    path.write_text(path.read_text() + "1\t2\t3\tonly four\n")
    arguments = ["score", "--tasks", "qqp", "--data", tmp_path, "--cache", tmp_path / "cache"]
    status, out, err = run(*arguments)
    assert (status, out) == (2, "")
    columns = "id, qid1, qid2, question1, question2, is_duplicate"
    assert err == f"diversity: {path}:50: expected 6 tab-separated columns ({columns}), found 4\n"
    status, out, err = run(*arguments, "--skip-bad-rows")
    assert status == 0
    assert re.search(r"\ncosine .* 48 +U\n", out)
    assert f"note: 1 bad rows were passed over, the first: {path}:50" in err


def test_several_encoders_are_compared(run, tmp_path):
    from diversity.encoders.registry import DEFAULT, locate

    shutil.copytree(locate(DEFAULT)[0], tmp_path / "again")
    arguments = ["score", "--tasks", "qqp,ccg", "--all-subsets", "--data", SAMPLES, "--cache", tmp_path / "cache"]
    arguments += ["--encoder", DEFAULT, "--encoder", tmp_path / "again", "--centred", "--metrics", "cosine"]
    status, out, _ = run(*arguments)
    assert status == 0
    table = out[out.index("Do the encoders rank the mixtures alike?") :].splitlines()
    assert re.fullmatch(r"cosine +all-MiniLM-L6-v2 +again +1\.000 +3", table[2])
    status, out, _ = run(*arguments, "--format", "json")
    encoders = [r["encoder"] for r in json.loads(out)]
    assert list(dict.fromkeys(encoders)) == [DEFAULT, "again", f"{DEFAULT} (centred)", "again (centred)"]


def test_several_encoders_read_the_data_once(run, tmp_path):
    from diversity.encoders.registry import DEFAULT, locate

    shutil.copytree(locate(DEFAULT)[0], tmp_path / "again")
    shutil.copytree(SAMPLES / "qqp", tmp_path / "data" / "qqp")
    path = tmp_path / "data" / "qqp" / "QQP" / "train.tsv"
    path.write_text(path.read_text() + "1\t2\t3\tonly four\n")
    arguments = [
        "score",
        "--tasks",
        "qqp",
        "--data",
        tmp_path / "data",
        "--cache",
        tmp_path / "cache",
        "--skip-bad-rows",
    ]
    status, _, err = run(*arguments, "--encoder", DEFAULT, "--encoder", tmp_path / "again")
    assert status == 0
    assert "note: 1 bad rows were passed over" in err


# --- Errors ----------------------------------------------------------------------------------------


def one_line(result):
    status, out, err = result
    assert status == 2
    assert out == ""
    assert err.startswith("diversity: ")
    assert err.count("\n") == 1
    return err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--metrics", "cosine,cosine"], "expected each metric once, found cosine twice"),
        (["--metrics", "vendi,vendi(q=1)", "--all-subsets"], "expected each metric once, found vendi(q=1) twice"),
        (["--metrics", "vendi(q=2,q=3)"], "expected q of vendi once"),
        (["--rarefy", "100,100"], "to rarefy to once, found 100 twice"),
        (["--rarefy", "10²"], "expected --rarefy of at least 2 rows"),
        (["--bootstrap", "1" + "0" * 30], "at most 1,000,000 resamples"),
        (["--split", "dev"], "expected --data DIR with --split"),
        (["--max-length", "9"], "expected --data DIR with --max-length"),
        (["--data", "DIR", "--moments", "DIR"], "expected --data or --moments, found both"),
        (["--embeddings", "a=a.npy", "--embeddings", "a=b.npy"], "one set named a, found a=a.npy and a=b.npy"),
    ],
)
def test_options_of_score_that_cannot_be(run, arguments, message):
    assert message in one_line(run("score", "--tasks", "mnli,qqp", *arguments))


@pytest.mark.parametrize("command", ["score", "distances", "contributions"])
def test_a_seed_is_at_most_63_bits(run, command):
    assert run(command, "--tasks", "mnli,qqp", "--seed", 2**63 - 1)[0] == 0
    status, out, err = run(command, "--tasks", "mnli,qqp", "--seed", 2**63)
    assert (status, out) == (2, "")
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["score"], "expected files, --tasks a,b,c"),
        (["score", "--tasks", "squad"], "unknown task 'squad': did you mean xquad, squad_v2, squad_v1?"),
        (["score", "--tasks", "mnli,mnli"], "each task once in --tasks, found mnli more than once"),
        (["score", "--tasks", "mnli", "--metrics", "vendy"], "unknown metric 'vendy': did you mean vendi"),
        (["score", "--mixture", "a=mnli:-1,qqp"], "at least 0, found -1 for mnli"),
        (["score", "--mixture", "a=mnli:0"], "found only zeros"),
        (["score", "--tasks", "mnli", "--limit", "5"], "expected --data DIR with --limit"),
        (["score", "--tasks", "mnli", "--data", "/no/such"], "/no/such: expected a folder of data, found nothing"),
        (["score", "--tasks", "mnli", "--data", __file__], "expected a folder of data, found a file"),
        (["score", "--tasks", "xnli"], "no moments of it with all-MiniLM-L6-v2"),
        (["score", "--tasks", "mnli", "--encoder", "nothing"], "no moments of it with nothing"),
        (["score", "--tasks", "mnli", "--data", str(SAMPLES), "--encoder", "nothing"], "unknown encoder 'nothing'"),
        (["score", "--tasks", "mnli", "--data", str(SAMPLES), "--limit", "0"], "at least 1 row, found 0"),
        (["score", "--tasks", "mnli", "--data", str(SAMPLES), "--split", "test"], "expected files of mnli (test, en)"),
        (["score", "--tasks", "mnli", "--data", str(SAMPLES), "--split", "tset"], "unknown split 'tset' of mnli"),
        (["score", "--tasks", "mnli", "--data", str(SAMPLES), "--languages", "fr"], "mnli"),
        (["score", "--tasks", "mnli", "--data", str(SAMPLES), "--max-length", "4"], "--max-length from 8 to 256"),
        (["score", "--tasks", "mnli", "--precision", "fp8"], "--precision to be one of fp32, bf16, found 'fp8'"),
        (["score", "--tasks", "mnli", "--output", "/no/such/file.csv"], "file.csv: expected a file that can be written"),
        (["score", "--tasks", "mnli", "--out", "/"], "found a directory"),
        (["score", "--tasks", "mine.csv"], "found the file mine.csv: write it first, without an option"),
        (["score", "--tasks", "mnli", "--centred"], "expected the vectors of mnli to centre them"),
        (["score", "--tasks", "mnli", "--rarefy", "1"], "expected --rarefy of at least 2 rows, found '1'"),
        (["score", "--tasks", "mnli", "--rarefy", "9999"], "expected at least 9999 rows by weight to rarefy to, found 512"),
        (["score", "--tasks", "mnli", "--metrics", "distinct_n"], "there are none of mnli here: use --data DIR"),
        (["distances", "--distance", "cosin"], "unknown distance 'cosin': did you mean cosine"),
        (["distances", "--tasks", "mnli,mnli"], "each task once in --tasks"),
        (["distances", "--tasks", "mnli", "--plot", "a.png"], "at least two tasks for a figure"),
        (["distances", "--plot", "a.txt"], "ends in .png, .svg or .pdf, found 'a.txt'"),
        (["distances", "--plot", "/no/such/a.png"], "expected a file that can be written"),
        (["distances", "--limit", "5"], "expected --data DIR with --limit"),
        (["contributions", "--tasks", "mnli", "--mixture", "a=mnli"], "expected --tasks or --mixture, found both"),
        (["contributions", "--mixture", "a=mnli:0,qqp"], "expected weights above 0"),
        (["contributions", "--empty", "nan"], "--empty to be a finite number, found nan"),
        (["contributions", "--tasks", "mnli", "--metrics", "vendy"], "did you mean vendi"),
        (["contributions", "--tasks", "mnli", "--metrics", "logme"], "logme takes labelled"),
        (["score", "--embeddings", "a"], "expected vectors as NAME=FILE or NAME=FILE:COLUMN"),
        (["score", "--embeddings", "a=/no.npy"], "/no.npy: expected a .npy file, found nothing"),
        (["score", "--tasks", "mnli", "--seed", "x"], "Invalid value for '--seed'"),
        (["score", "--tasks", "mnli", "--seed", "-1"], "expected --seed from 0 to"),
        (["score", "--nonsense"], "No such option: --nonsense"),
        (["scores"], "No such command 'scores'"),
        (["data", "check", "--data", "/no/such"], "/no/such: expected a folder of data, found nothing"),
        (["data", "check", "mnly", "--data", str(SAMPLES)], "did you mean mnli"),
        (["data", "fetch", "bucc2018"], "the original files are needed"),
        (["data", "fetch", "ccg"], "https://catalog.ldc.upenn.edu/LDC2005T13"),
    ],
    ids=lambda v: " ".join(v)[:60] if isinstance(v, list) else "",
)  # fmt: skip
def test_bad_use_and_bad_input_are_one_line(run, arguments, message):
    err = one_line(run(*arguments))
    assert message in err


def damage(kind, path):
    content = path.read_bytes()
    lines = content.splitlines(keepends=True)
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "columns":
        path.write_bytes(content.replace(b'"sentence2"', b'"hypothesis"'))
    elif kind == "utf8":
        path.write_bytes(b"".join([lines[0], lines[1].replace(b"e", b"\xff", 1), *lines[2:]]))
    elif kind == "directory":
        path.unlink()
        path.mkdir()
    elif kind == "cut":
        path.write_bytes(content[:-30])
    elif kind == "label":
        path.write_bytes(content.replace(b'"gold_label": "neutral"', b'"gold_label": "maybe"', 1))


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("empty", "expected rows, found an empty file"),
        ("columns", "jsonl:1: expected the field 'sentence2', found the fields"),
        ("utf8", "jsonl:2: expected UTF-8, found byte 0xff at byte"),
        ("directory", "expected a file, found a directory"),
        ("cut", "jsonl:48: expected a JSON object, found"),
        ("label", "expected 'gold_label' to be one of entailment, neutral, contradiction or -, found 'maybe'"),
    ],
)
def test_damaged_files_are_one_line_and_nothing_is_written(run, tmp_path, kind, message):
    shutil.copytree(SAMPLES / "mnli", tmp_path / "data" / "mnli")
    damage(kind, tmp_path / "data" / "mnli" / "multinli_1.0" / "multinli_1.0_train.jsonl")
    out = tmp_path / "scores.csv"
    result = run(
        "score", "--tasks", "mnli", "--data", tmp_path / "data", "--output", out, "--cache", tmp_path / "cache"
    )
    assert message in one_line(result)
    assert not out.exists()
    assert not (tmp_path / "cache").exists()


def test_vectors_that_do_not_fit_together(run, tmp_path, vectors):
    np.save(tmp_path / "d.npy", np.ones((3, 5)))
    err = one_line(run("score", "--embeddings", f"a={vectors['a']}", "--embeddings", f"d={tmp_path}/d.npy"))
    assert "one dimension, found 4 for a and 5 for d" in err
    broken = np.ones((3, 4))
    broken[1, 2] = np.nan
    np.save(tmp_path / "n.npy", broken)
    assert "n.npy: expected finite numbers, found NaN or infinity in row 1" in one_line(
        run("score", "--embeddings", f"n={tmp_path}/n.npy")
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device that is always full is there on Linux only")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "diversity", "score", "--tasks", "mnli"],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert "No space left on device" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_interruption_is_one_line_and_leaves_nothing_half_written(tmp_path):
    out = tmp_path / "scores.csv"
    command = ["score", "--tasks", "squad_v1,cosmosqa", "--data", str(SAMPLES), "--output", str(out)]
    command += ["--cache", str(tmp_path / "cache")]
    process = subprocess.Popen(
        [sys.executable, "-m", "diversity", *command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.rglob("*.lock")) and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    output, errors = process.communicate()
    assert process.returncode == 130
    assert output == ""
    assert [line for line in errors.splitlines() if line][-1].startswith("diversity: interrupted")
    assert "Traceback" not in errors
    assert not out.exists()
    assert not list(tmp_path.rglob("*.tmp"))


INTERRUPTED_IMPORT = """
import builtins, os, signal
real = builtins.__import__
def hooked(name, *more, **options):
    if name == "typer":
        builtins.__import__ = real
        os.kill(os.getpid(), signal.SIGINT)
    return real(name, *more, **options)
builtins.__import__ = hooked
import diversity.cli
"""


def test_an_interruption_while_modules_are_imported_prints_nothing():
    """Ctrl-C in the first second was a traceback."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED_IMPORT], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_reader_that_stops_early_is_no_error():
    command = f"{sys.executable} -m diversity score --all-subsets --format csv --no-intervals | head -n 1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("mixture,tasks,weights")
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr


# --- Help ------------------------------------------------------------------------------------------


def commands():
    import typer.main

    def walk(command, path):
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                yield from walk(inner, [*path, name])
        else:
            yield " ".join(path), command

    return dict(walk(typer.main.get_command(app), []))


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_has_help(name):
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        assert getattr(parameter, "help", None) or parameter.name == "help", parameter.name


@pytest.mark.parametrize(
    ("words", "offered"), [("diversity des", "design"), ("diversity design --scheme space", "space-filling")]
)
def test_the_shell_completes_commands_and_choices(words, offered):
    environment = {"_DIVERSITY_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    done = subprocess.run(
        [sys.executable, "-m", "diversity"], env={**os.environ, **environment}, capture_output=True, text=True
    )
    assert done.stdout.split() == [offered]


@pytest.mark.parametrize("command", ["design", "train-mix", "transfer", "retrieve"])
def test_what_is_for_transfer_to_other_languages_starts_from_the_encoder_of_40_languages(command, run):
    help_text = " ".join(run(command, "--help")[1].replace("│", " ").split()).replace("- ", "-")
    assert "mini (40 languages), all-MiniLM-L6-v2 (English), a folder, or owner/name of the hub." in help_text
    assert "[default: mini]" in help_text


def test_help_groups_commands_and_options_and_says_the_version(run):
    status, out, err = run()
    assert (status, err) == (0, "")
    for heading in ("Score", "Design", "Train", "Analyse", "Data"):
        assert f"─ {heading} ─" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "..." not in out.split("─ Score ─")[1]
    assert run("--version")[1] == f"diversity {diversity.__version__}\n"


def test_every_option_is_under_a_heading_and_says_its_default():
    for name, command in commands().items():
        panels = [option.rich_help_panel for option in command.options if not option.hidden]
        assert panels == sorted(panels, key=list(_headings.OPTIONS).index), name
        for option in command.options:
            said = re.search("default|required|Repeatable", option.help) or isinstance(option.show_default, str)
            known = option.required or option.is_flag or option.default not in (None, "", [])
            assert known or said or option.hidden or option.rich_help_panel == "Output", (name, option.name)
    used = {option.name for command in commands().values() for option in command.options}
    assert {name for names in _headings.OPTIONS.values() for name in names} <= used


def test_defaults_of_a_preset_are_the_presets(run):
    shown = " ".join(run("transfer", "--help")[1].replace("│", " ").split())
    for preset in PRESETS:
        rate = PRESETS[preset].intermediate.optimisation.learning_rate
        assert re.search(rf"of the preset: .*{preset} {rate:g}", shown)
    assert "30 for span" not in shown
    assert re.search("xtreme 2e-05, 3e-05 for span and xnli", shown)


@pytest.mark.parametrize("name", commands())
def test_help_fits_a_terminal_of_80_columns(name, run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    shown = run(*name.split(), "--help")[1].partition(" Examples:")[0]
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= 80
    known = {o for option in commands()[name].options if not option.hidden for o in option.opts}
    flat = shown.replace("--[no-]", "--")
    assert {option for option in known if option not in flat} == set()


@pytest.mark.parametrize("name", commands())
def test_every_command_has_examples_that_parse(name, run):
    command = commands()[name]
    shown = run(*name.split(), "--help")[1]
    assert command.examples
    for example in command.examples:
        assert f"   {example}\n" in shown
        program, *arguments = shlex.split(example)
        assert program == "diversity"
        called = next(known for known in commands() if arguments[: len(known.split())] == known.split())
        commands()[called].make_context(called, arguments[len(called.split()) :])
    assert any(
        example.startswith(f"diversity {name} ") or example == f"diversity {name}" for example in command.examples
    )


@pytest.mark.parametrize("group", ["data", "grid"])
def test_a_group_alone_prints_its_help(group, run):
    code, out, err = run(group)
    assert (code, err) == (2, "")
    assert out.strip() == run(group, "--help")[1].strip()
