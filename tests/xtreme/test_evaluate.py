"""Whole submissions: the averages, the JSON of the benchmark, what is missing, intervals, and the command."""

import json
import math
import shutil
from functools import partial

import numpy as np
import pytest

import diversity
from diversity import catalog
from diversity.types import InputError
from diversity.xtreme import intervals, layout
from diversity.xtreme.benchmark import XTREME, XTREME_R
from diversity.xtreme.evaluate import Evaluation

FORMS = {task: catalog.task(task).output_type for task in XTREME.tasks}


def numbers(found, path=()):
    """All numbers of nested dictionaries, by their keys."""
    if isinstance(found, dict):
        return {k: v for key, inner in found.items() for k, v in numbers(inner, (*path, key)).items()}
    return {path: found}


def copied(folders, tmp_path, tasks=tuple(FORMS)):
    """Copies of the folders of predictions and labels of some tasks, to be changed."""
    for folder in folders:
        for task in tasks:
            shutil.copytree(folder / task, tmp_path / folder.name / task)
    return [tmp_path / folder.name for folder in folders]


@pytest.fixture(name="run")
def evaluated(run):
    """Run the command in this process: its exit status, output and errors."""
    return partial(run, "evaluate")


# --- The official numbers ----------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["xtreme", "xtreme-r"])
def test_every_number_of_the_benchmarks_own_script(version, submission, golden, tmp_path):
    found = diversity.evaluate(*submission.write(tmp_path, version, version), benchmark=version).as_json()
    assert numbers(found) == pytest.approx(numbers(golden[version]), abs=1e-9)
    assert json.loads(json.dumps(found)) == found


def test_languages_are_those_of_the_tasks():
    for task, languages in XTREME.languages.items():
        assert set(languages) == set(catalog.task(task).languages), task
    assert {t: len(v) for t, v in XTREME.languages.items()} == dict(
        pawsx=7, xnli=15, panx=40, udpos=33, bucc2018=4, tatoeba=36, xquad=11, mlqa=7, tydiqa=9
    )
    assert {t: len(v) for t, v in XTREME_R.languages.items()} == dict(
        xnli=15, panx=48, udpos=38, tatoeba=41, xquad=12, mlqa=7, tydiqa=9
    )
    assert all(len(set(v)) == len(v) for b in (XTREME, XTREME_R) for v in b.languages.values())


def test_averages_by_hand(tmp_path):
    for language in XTREME.languages["xquad"]:
        answers = {"a": "x", "b": "z"} if language == "en" else {"a": "x y"}
        layout.write_gold(tmp_path / "labels", "xquad", language, [("a", ("x",)), ("b", ("z",))])
        layout.write_predictions(tmp_path / "predictions", "xquad", language, answers)
    found = diversity.evaluate(tmp_path / "predictions", tmp_path / "labels")
    # English: both 100. The ten others: exact match 0, F1 (2/3 + 0) / 2 = 1/3.
    exact, f1 = 100 / 11, (100 + 10 * 100 / 3) / 11
    task = found.as_json()["xquad"]
    assert task["avg_exact_match"] == pytest.approx(exact)
    assert task["avg_f1"] == pytest.approx(f1)
    assert task["avg_metric"] == pytest.approx((exact + f1) / 2)
    averages = {(s.language, s.metric): s.value for s in found.averages}
    assert averages["average without en", "f1"] == pytest.approx(100 / 3)
    assert averages["average without en", "metric"] == pytest.approx(100 / 6)
    assert found.as_json().keys() == {"xquad"}  # one task of three: no group


def test_a_group_is_there_where_all_its_tasks_are(whole, tmp_path):
    predictions, labels = copied(whole, tmp_path)
    shutil.rmtree(predictions / "mlqa")
    shutil.rmtree(labels / "panx")
    found = diversity.evaluate(predictions, labels)
    assert found.as_json().keys() == {"classification", "retrieval", *FORMS} - {"mlqa", "panx"}
    assert found.missing == ("panx: no gold labels", "mlqa: no predictions")
    means = found.as_json()
    assert means["classification"] == pytest.approx((means["xnli"]["avg_metric"] + means["pawsx"]["avg_metric"]) / 2)


def test_all_in_long_form(whole):
    found = diversity.evaluate(*whole)
    frame = found.to_frame()
    assert list(frame) == ["task", "language", "metric", "value", "low", "high", "n"]
    assert not frame.duplicated(["task", "language", "metric"]).any()
    assert not found.missing
    every = frame[frame["metric"] == "metric"].set_index(["task", "language"])
    nine = every.loc[[(task, "average") for task in FORMS], "value"]
    assert every.loc[("all_task", "average"), "value"] == pytest.approx(nine.mean())
    assert every.loc[("all_task", "average"), "n"] == 9
    assert every.loc[("udpos", "average without en"), "n"] == 32
    assert every.loc[("tatoeba", "average without en"), "n"] == 36
    tokens = frame[(frame["task"] == "udpos") & (frame["metric"] == "token_accuracy")]
    assert len(tokens) == 33 + 2


def test_xtreme_r_wants_its_own_languages(whole):
    with pytest.raises(
        InputError, match=r"^panx: expected gold labels in all its languages, found none in qu, pl, uk, az"
    ):
        diversity.evaluate(*whole, benchmark="xtreme-r")


def test_some_languages_only(whole):
    found = diversity.evaluate(*whole, languages=["en", "de"])
    assert found.languages["xquad"] == ("en", "de")
    assert found.languages["bucc2018"] == ("de",)
    assert not {"all_task", "qa", "tagging"} & found.as_json().keys()
    assert "xquad: averages are over 2 of 11 languages" in found.notes
    english = diversity.evaluate(*whole, languages=["en"])
    assert english.missing == ("bucc2018: none of the languages", "tatoeba: none of the languages")
    assert {s.language for s in english.averages} == {"average"}


# --- What is wrong -----------------------------------------------------------------------------------


def spoil(predictions, labels, name, content):
    """Write or take away a file of predictions (`xnli/...`) or labels (`labels/xnli/...`)."""
    folder, name = (labels, name.removeprefix("labels/")) if name.startswith("labels/") else (predictions, name)
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_text(content, "utf8")


QUESTION = '{"data": [{"paragraphs": [{"qas": [%s]}]}]}'
WRONG = [
    (
        "xnli/test-sw.tsv",
        None,
        r"xnli/test-sw.tsv: expected predictions of xnli in all its languages, found none in sw: for these alone, use "
        r"--languages ar,bg,de,el,en,es,fr,hi,ru,th,tr,ur,vi,zh$",
    ),
    ("labels/xnli/test-sw.tsv", None, r"^xnli: expected gold labels in all its languages, found none in sw"),
    ("xnli/test-sw.tsv", "neutral\n" * 11, r"xnli/test-sw.tsv: xnli \(sw\): expected 12 lines, .* found 11"),
    ("xnli/test-sw.tsv", "neutral\n" * 13, r"expected 12 lines, .* found 13"),
    (
        "panx/test-yo.tsv",
        "O\n\n" * 11,
        r"panx/test-yo.tsv: panx \(yo\): expected 12 sentences, as in the gold, found 11",
    ),
    ("panx/test-yo.tsv", "O\n\n" * 12, r"expected [2-9] tags in sentence \d+, as in the gold, found 1"),
    ("mlqa/test-hi.json", '{"q": "a"}', r"mlqa/test-hi.json: mlqa \(hi\): .* found the unknown id 'q'"),
    ("mlqa/test-hi.json", "{", r"mlqa/test-hi.json:1: expected JSON"),
    ("labels/xnli/test-sw.tsv", "neutral\n" * 20, r"labels/xnli/test-sw.tsv: .*nothing but 'neutral': placeholders"),
    ("labels/pawsx/test-ko.tsv", "0\n" * 12 + "0\n" * 30, "nothing but '0': placeholders"),
    ("labels/pawsx/test-ko.tsv", "NS\n" * 12, "nothing but 'NS': placeholders"),
    ("labels/tatoeba/test-sw.tsv", "0\n" * 12, "nothing but '0': placeholders"),
    ("labels/panx/test-yo.tsv", "O\n\n" * 20, "nothing but 'O': placeholders"),
    ("labels/udpos/test-en.tsv", "_\n_\n\n_\n", "nothing but '_': placeholders"),
    (
        "labels/udpos/test-en.tsv",
        "The\nX\ncat\n\nsat\n",
        "expected tags such as ADJ, ADP, ADV, found 'The', 'cat', 'sat'",
    ),
    ("labels/udpos/test-en.tsv", "The\tDET\n", "expected one tag a line, found 2 columns"),
    ("labels/udpos/test-en.tsv", "", "expected gold labels, found none"),
    ("labels/mlqa/test-hi.json", QUESTION % '{"id": "a", "answers": [{"text": ""}]}', "they are withheld"),
    ("labels/mlqa/test-hi.json", QUESTION % "", "expected gold labels, found none"),
    ("labels/bucc2018/test-de.tsv", "\n", "expected gold labels, found none"),
]


@pytest.mark.parametrize(("name", "content", "message"), WRONG)
def test_one_clear_line_for_what_is_wrong(name, content, message, whole, tmp_path, run):
    predictions, labels = copied(whole, tmp_path, [name.removeprefix("labels/").split("/")[0]])
    spoil(predictions, labels, name, content)
    with pytest.raises(InputError, match=message):
        diversity.evaluate(predictions, labels)
    out = tmp_path / "scores.json"
    status, printed, errors = run("--predictions", predictions, "--labels", labels, "--output", out)
    assert status == 2
    assert not printed
    assert errors.startswith("diversity: ")
    assert errors.count("\n") == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["labels", "predictions"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--predictions", "{here}/nowhere", "--labels", "{labels}"], "nowhere: expected a folder of predictions"),
        (["--predictions", "{predictions}", "--labels", "{here}/nowhere"], "nowhere: expected a folder of labels"),
        (["--predictions", "{predictions}"], "expected a folder of labels (--labels DIR) or one of data"),
        (["--predictions", "{predictions}", "--labels", "{labels}", "--data", "{labels}"], "found both"),
        (["--predictions", "{predictions}/bucc2018", "--labels", "{labels}"], "expected folders such as pawsx"),
        (["--predictions", "{predictions}", "--labels", "{predictions}/bucc2018"], "expected gold labels of bucc2018"),
        (["--predictions", "{predictions}", "--labels", "{labels}", "--benchmark", "xtrem"], "did you mean xtreme"),
        (["--predictions", "{predictions}", "--labels", "{labels}", "--languages", "xx"], "expected languages among"),
        (
            ["--predictions", "{predictions}", "--labels", "{labels}", "--split", "dev"],
            "expected --data DIR with --split",
        ),
        (["--predictions", "{predictions}", "--labels", "{labels}", "--bootstrap", "-1"], "bootstrap"),
        (["--predictions", "{predictions}", "--labels", "{labels}", "--bootstrap", "1"], "at least 100 replicates"),
        (
            ["--predictions", "{predictions}", "--labels", "{labels}", "--bootstrap", "1000000000000"],
            "at most 1,000,000",
        ),
        (["--predictions", "{predictions}", "--labels", "{labels}", "--output", "{here}/no/x.json"], "expected a file"),
    ],
)
def test_bad_use_is_told(arguments, message, small, run):
    predictions, labels = small
    folders = dict(here=predictions.parent, predictions=predictions, labels=labels)
    status, printed, errors = run(*(a.format(**folders) for a in arguments))
    assert status == 2
    assert not printed
    assert message in errors


def test_line_ends_marks_and_blank_lines_change_nothing(whole, tmp_path):
    predictions, labels = copied(whole, tmp_path)
    for path in (p for folder in (predictions, labels) for p in folder.rglob("test-de.*")):
        content = path.read_bytes().replace(b"\n", b"\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + content + (b"\r\n\r\n" if path.suffix == ".tsv" else b""))
    found, expected = (diversity.evaluate(*folders, languages=["de"]) for folders in ((predictions, labels), whole))
    assert len(found.languages) == 8
    assert [s[:4] for s in found.scores] == [s[:4] for s in expected.scores]


def test_notes_on_what_can_be_scored_but_looks_wrong(whole, tmp_path):
    predictions, labels = copied(whole, tmp_path)
    (predictions / "mewslix").mkdir()
    (predictions / "xnli" / "test-sw.tsv").write_text("0\n" * 12)
    (predictions / "mlqa" / "test-hi.json").write_text("{}")
    (predictions / "xnli" / "test-pt.tsv").write_text("neutral\n")
    notes = "\n".join(diversity.evaluate(predictions, labels).notes)
    assert "mewslix: passed over, for xtreme has no such task" in notes
    assert "xnli: passed over, for xnli has no such language: test-pt.tsv" in notes
    assert "xnli: no predicted label is one of the gold labels: sw ('0', not 'contradiction')" in notes
    assert "hi 12 of 12" in notes


# --- Intervals ---------------------------------------------------------------------------------------


def test_intervals_hold_the_values_and_follow_the_seed(whole):
    some = dict(languages=["en", "de", "sw"])
    found = diversity.evaluate(*whole, bootstrap=200, seed=1, **some)
    assert all(s.low <= s.value <= s.high for s in found.scores)
    assert found == diversity.evaluate(*whole, bootstrap=200, seed=1, **some)
    assert found.scores != diversity.evaluate(*whole, bootstrap=200, seed=2, **some).scores
    without = diversity.evaluate(*whole, **some)
    assert [s.value for s in found.scores] == [s.value for s in without.scores]
    assert all(math.isnan(s.low) for s in without.scores)


def test_the_interval_of_a_language_does_not_depend_on_what_is_beside_it(whole):
    every = {s[:3]: s for s in diversity.evaluate(*whole, languages=["de", "sw", "th"], bootstrap=100).scores}
    for score in diversity.evaluate(*whole, languages=["sw"], bootstrap=100).scores:
        assert every[score[:3]] == score


def test_the_bootstrap_of_an_accuracy_is_binomial(rng):
    from scipy.stats import binom

    counts = np.column_stack([np.arange(300) < 210, np.ones(300)]).astype(float)
    low, high = intervals.intervals("labels", counts, 20_000, rng)["accuracy"]
    exact = 100 * binom(300, 0.7).ppf([0.025, 0.975]) / 300
    assert (low, high) == pytest.approx(tuple(exact), abs=0.5)


@pytest.mark.parametrize("form", ["labels", "answers", "tags", "pairs"])
@pytest.mark.parametrize("right", [0, 1])
def test_no_interval_has_no_width_at_the_ends(form, right, rng):
    items = {"labels": [right, 1], "answers": [right, right, 1], "pairs": [right, 1, 1]}
    counts = np.tile(np.array(items.get(form, [right, 1, 1, right, 1, right, 1, 1]), float), (20, 1))
    for low, high in intervals.intervals(form, counts, 1000, rng).values():
        assert (low, high) == pytest.approx((83.157, 100) if right else (0, 16.843), abs=0.01)


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97, 0.99, 0.999])
@pytest.mark.parametrize("n", [20, 100, 500])
def test_intervals_hold_their_level_near_the_ends(share, n):
    """By simulation: 95 % less what chance and the bootstrap's own shortness in the middle allow."""
    rng, held = np.random.default_rng([n, int(1000 * share)]), 0
    for _ in range(400):
        right = rng.random(n) < share
        low, high = intervals.intervals("labels", np.column_stack([right, np.ones(n)]), 500, rng)["accuracy"]
        held += low <= 100 * share <= high
    assert held / 400 >= 0.92


def test_the_bootstrap_is_that_over_rows_one_by_one(rng):
    """Drawing kinds of rows by a multinomial gives the distribution that drawing rows gives."""
    from diversity.xtreme.scores import values

    counts = rng.integers(0, 4, size=(60, 3)).astype(float)
    counts[:, 1:] += counts[:, :1]
    found = intervals.intervals("pairs", counts, 20_000, rng)
    rows = counts[rng.integers(0, 60, size=(20_000, 60))].sum(axis=1)
    for name, drawn in values("pairs", rows).items():
        assert found[name] == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.4), name


# --- The command -------------------------------------------------------------------------------------


def test_the_command_writes_the_benchmarks_json(whole, tmp_path, run, golden):
    predictions, labels = whole
    status, out, errors = run("--predictions", predictions, "--labels", labels, "--output", tmp_path / "scores.json")
    assert status == 0
    written = json.loads((tmp_path / "scores.json").read_text())
    assert numbers(written) == pytest.approx(numbers(golden["xtreme"]), abs=1e-9)
    average = {tuple(line.split()[:2]): line.split()[2] for line in out.splitlines()[1:] if line}
    assert average["all_task", "score"] == f"{golden['xtreme']['all_task']:.2f}"
    assert average["udpos", "f1"] == f"{golden['xtreme']['udpos']['avg_f1']:.2f}"
    assert "missing" not in errors


def test_the_command_lists_what_is_missing(small, run):
    predictions, labels = small
    status, out, errors = run("--predictions", predictions, "--labels", labels, "--format", "csv", "--bootstrap", "100")
    assert status == 0
    assert "missing: pawsx: no predictions; xnli: no predictions" in errors
    header, first, *_ = out.splitlines()
    assert header == "task,language,metric,value,low,high,n"
    assert first.startswith("bucc2018,de,f1,50.0,")
    records = json.loads(run("--predictions", predictions, "--labels", labels, "--format", "json")[1])
    assert records[0] == dict(task="bucc2018", language="de", metric="f1", value=50.0, low=None, high=None, n=2)


def test_the_command_scores_on_a_split_of_the_data(samples, tmp_path, run):
    from diversity.xtreme import references

    for language in ("en", "de"):
        gold = references.gold("pawsx", samples, "dev", language)
        layout.write_predictions(tmp_path, "pawsx", language, gold, split="dev")
    status, out, errors = run("--predictions", tmp_path, "--data", samples, "--split", "dev", "--languages", "en,de")
    assert status == 0
    assert "100.00" in out
    assert "note: pawsx: averages are over 2 of 7 languages" in errors


def test_an_evaluation_can_be_made_of_scores_alone():
    from diversity.xtreme.evaluate import Score

    rows = tuple(Score("pawsx", lang, "accuracy", 50.0, math.nan, math.nan, 2) for lang in XTREME.languages["pawsx"])
    assert Evaluation("xtreme", rows).as_json()["pawsx"]["avg_metric"] == 50
