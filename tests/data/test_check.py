"""`diversity data check` and `diversity data fetch`, the latter from a hub on this machine."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diversity import catalog
from diversity.data import check
from diversity.data import hub as hub_module
from diversity.data.lock import LOCK, Lock
from diversity.types import InputError

LABELS = ("entailment", "neutral", "contradiction")


def nli(*labels):
    """MultiNLI's JSON lines with these labels."""
    rows = [{"gold_label": label, "sentence1": f"A {n}.", "sentence2": f"B {n}."} for n, label in enumerate(labels)]
    return "".join(json.dumps(row) + "\n" for row in rows)


TRAIN, DEV, MISMATCHED = (f"mnli/multinli_1.0_{name}.jsonl" for name in ("train", "dev_matched", "dev_mismatched"))


def only(name, folder, **settings):
    """The one set of rows that is there of a task."""
    (found,) = check.check([name], data=folder, **settings)
    return found


# --- check -----------------------------------------------------------------------------------------------


def test_fewer_rows_than_the_release_are_partial_and_no_failure(write, tmp_path):
    write(TRAIN, nli(*LABELS))
    found = only("mnli", tmp_path)
    assert found == check.Checked("mnli", "train", "en", "release", 3, 392_702, 0, "partial")
    assert not found.failed


@pytest.mark.parametrize(
    ("rows", "status", "failed"), [(2490, "whole", False), (2489, "partial", False), (2491, "larger", True)]
)
def test_rows_are_counted_against_the_release(rows, status, failed, write, tmp_path):
    write("xnli/dev-sw.tsv", "".join(f"A {n}.\tB.\t{LABELS[n % 3]}\n" for n in range(rows)))
    found = only("xnli", tmp_path)
    assert (found.rows, found.expected, found.status, found.failed) == (rows, 2490, status, failed)


def test_rows_whose_number_in_the_release_is_not_known_are_counted(write, tmp_path):
    write("udpos/test-th.tsv", "ก\tNOUN\n\nข\tVERB\n")
    found = only("udpos", tmp_path)
    assert (found.rows, found.expected, found.status, found.failed) == (2, None, "counted", False)


def test_bad_rows_are_counted_and_the_first_is_shown(write, tmp_path):
    path = write(TRAIN, nli(*LABELS) + "{\n" + nli("maybe", "neutral"))
    found = only("mnli", tmp_path)
    assert (found.rows, found.bad, found.status, found.failed) == (4, 2, "bad rows", True)
    assert found.detail.startswith(f"{path}:4: expected a JSON object, found ")
    assert found.detail.endswith("(and 1 more)")


def test_one_bad_row_is_not_said_to_be_more(write, tmp_path):
    path = write(TRAIN, nli(*LABELS) + "[]\n")
    assert only("mnli", tmp_path).detail == f"{path}:4: expected an object with fields, found list"


def test_where_every_row_is_bad_the_first_is_shown(write, tmp_path):
    path = write(TRAIN, nli("maybe", "maybe"))
    found = only("mnli", tmp_path)
    assert (found.rows, found.bad, found.failed) == (0, 2, True)
    assert f"{path}:1: expected 'gold_label' to be one of" in found.detail


@pytest.mark.parametrize(("rows", "status"), [(50, "placeholder labels"), (49, "partial")])
def test_one_label_on_every_row_is_a_placeholder(rows, status, write, tmp_path):
    write("xnli/test-de.tsv", "A.\tB.\tneutral\n" * rows)
    found = only("xnli", tmp_path)
    assert (found.rows, found.status) == (rows, status)
    assert found.failed == (status == "placeholder labels")
    assert found.detail == ("all 50 rows are labelled 'neutral'" if found.failed else "")


def test_one_tag_on_every_word_is_a_placeholder(write, tmp_path):
    write("panx/test-de.tsv", "a\tO\nb\tO\n\n" * 60)
    found = only("panx", tmp_path)
    assert (found.status, found.detail) == ("placeholder labels", "all 60 rows are labelled 'O'")


def test_tags_that_were_taken_away_are_withheld(write, tmp_path):
    write("udpos/test-de.tsv", "a\nb\n\n" * 60)
    found = only("udpos", tmp_path)
    assert (found.status, found.detail, found.failed) == ("labels withheld", "60 of 60 rows without a label", False)


@pytest.mark.parametrize("place", ["xnli/test-de.tsv", "pawsx/test-de.tsv"])
def test_xtremes_test_files_without_labels_are_withheld_and_not_bad(place, write, tmp_path):
    # XTREME's scripts write two columns where they take the labels away (utils_preprocess.py).
    write(place, "A 1.\tB 1.\nA 2.\tB 2.\n")
    found = only(place.split("/")[0], tmp_path)
    assert (found.rows, found.status, found.detail) == (2, "labels withheld", "2 of 2 rows without a label")
    assert not found.failed


def test_answers_that_were_taken_away_are_withheld(write, tmp_path):
    qas = [{"id": f"q{n}", "question": "?", "answers": [{"text": "", "answer_start": 0}]} for n in range(3)]
    qas.append({"id": "q3", "question": "?", "answers": [{"text": "A", "answer_start": 0}]})
    write("xquad/xquad.el.json", json.dumps({"data": [{"paragraphs": [{"context": "A.", "qas": qas}]}]}))
    found = only("xquad", tmp_path)
    assert (found.rows, found.status, found.detail) == (4, "labels withheld", "3 of 4 rows without a label")


def test_the_hubs_minus_one_is_withheld(tmp_path):
    columns = ["id", "context", "question", "answer0", "answer1", "answer2", "answer3"]
    rows = [{**dict.fromkeys(columns, "t"), "label": label} for label in (-1, 2, -1)]
    path = tmp_path / "allenai" / "cosmos_qa" / "default" / "train" / "0000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), path)
    found = only("cosmosqa", tmp_path)
    assert (found.origin, found.rows, found.status) == ("hub", 3, "labels withheld")
    assert found.detail == "2 of 3 rows without a label"


@pytest.mark.parametrize(
    ("content", "message"),
    [("", "expected rows, found an empty file"), (nli("-"), "expected rows of mnli in 'en', found none")],
)
def test_a_file_without_rows_is_unreadable(content, message, write, tmp_path):
    write(TRAIN, content)
    found = only("mnli", tmp_path)
    assert (found.rows, found.status, found.failed) == (0, "unreadable", True)
    assert message in found.detail


def test_two_files_for_one_split_are_unreadable_and_the_others_are_read(write, tmp_path):
    write(TRAIN, nli(*LABELS))
    write("mnli/copy/multinli_1.0_train.jsonl", nli(*LABELS))
    write(DEV, nli(*LABELS))
    found = check.check(["mnli"], data=tmp_path)
    assert [(r.split, r.status) for r in found] == [("train", "unreadable"), ("dev", "partial")]
    assert "expected one file multinli_1.0_train.jsonl, found 2" in found[0].detail


def test_parts_that_are_missing_are_unreadable_where_the_task_was_asked_for(samples, tmp_path):
    shutil.copytree(samples / "mnli", tmp_path / "mnli")
    found = check.check(["anli_plus"], data=tmp_path)
    assert {(r.split, r.status) for r in found} == {("train", "unreadable"), ("dev", "unreadable")}
    assert "expected all its parts, found no R1/train.jsonl or facebook/anli" in found[0].detail


def test_a_folder_with_one_task_is_in_order_although_another_task_contains_it(samples, tmp_path):
    shutil.copytree(samples / "mnli", tmp_path / "mnli")
    assert [r for r in check.check(data=tmp_path) if r.failed] == []


def test_a_copy_of_ccgbank_without_its_test_section_is_in_order(files):
    found = check.check(["ccg"], data=files)
    assert [(r.split, r.rows) for r in found if not r.failed] == [("train", 4), ("dev", 2)]
    assert [r for r in found if r.failed] == []


def test_what_is_there_of_all_tasks_is_checked(samples):
    found = check.check(data=samples)
    assert {r.task for r in found} == set(catalog.names("tasks"))
    assert [r for r in found if r.failed or r.bad] == []
    assert {r.status for r in found} == {"partial", "counted", "labels withheld"}
    assert all(r.origin == "release" for r in found)


def test_a_task_that_is_not_there_is_named(write, tmp_path):
    write(TRAIN, nli(*LABELS))
    with pytest.raises(InputError, match=r"expected files of xquad, found none of its splits \(train, dev, test\)"):
        check.check(["xquad"], data=tmp_path)
    with pytest.raises(InputError, match=r"unknown task 'mnly': did you mean mnli"):
        check.check(["mnly"], data=tmp_path)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(InputError, match="expected files of the tasks, found none"):
        check.check(data=tmp_path)
    with pytest.raises(InputError, match="expected a folder of data, found nothing"):
        check.check(data=tmp_path / "nowhere")


def test_released_hashes_are_compared(samples):
    found = {r.split: r.detail for r in check.check(["commonsenseqa"], data=samples)}
    assert found["train"] == found["dev"] == "files differ from the released ones"


def test_a_released_file_is_recognised(write, tmp_path, monkeypatch):
    from dataclasses import replace

    path = write(
        "hellaswag/hellaswag_val.jsonl", '{"ind": 1, "ctx": "A", "endings": ["a", "b", "c", "d"], "label": 1}\n'
    )
    task = catalog.task("hellaswag")
    known = replace(task, hashes={path.name: hashlib.sha256(path.read_bytes()).hexdigest()})
    monkeypatch.setattr(catalog, "task", lambda name: known)
    assert only("hellaswag", tmp_path).detail == "files are the released ones"


# --- The lock file ---------------------------------------------------------------------------------------


def test_a_changed_byte_is_found_after_a_lock(write, tmp_path):
    path = write(TRAIN, nli(*LABELS))
    write(DEV, nli(*LABELS))
    assert not any(r.failed for r in check.check(["mnli"], data=tmp_path, lock=True))
    lock = json.loads((tmp_path / LOCK).read_text())
    assert lock == {
        "files": {name: hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() for name in (DEV, TRAIN)},
        "revisions": {},
    }
    assert [r.status for r in check.check(["mnli"], data=tmp_path)] == ["partial", "partial"]

    content = path.read_bytes()
    path.write_bytes(content.replace(b"A 1.", b"A 7."))
    assert len(path.read_bytes()) == len(content)
    found = check.check(["mnli"], data=tmp_path)
    assert [(r.split, r.status, r.failed) for r in found] == [("train", "changed", True), ("dev", "partial", False)]
    assert found[0].detail == f"{path} is not as {LOCK} has it"

    path.write_bytes(content)
    assert [r.status for r in check.check(["mnli"], data=tmp_path)] == ["partial", "partial"]


def test_without_lock_nothing_is_written(write, tmp_path):
    write(TRAIN, nli(*LABELS))
    check.check(["mnli"], data=tmp_path)
    assert not (tmp_path / LOCK).exists()


def test_a_later_lock_keeps_what_an_earlier_one_recorded(write, tmp_path):
    write(TRAIN, nli(*LABELS))
    write("xnli/dev-de.tsv", "A.\tB.\tneutral\n")
    check.check(["mnli"], data=tmp_path, lock=True)
    before = Lock.read(tmp_path)
    check.check(["xnli"], data=tmp_path, lock=True)
    after = Lock.read(tmp_path)
    assert set(after.files) == {TRAIN, "xnli/dev-de.tsv"}
    assert after.files[TRAIN] == before.files[TRAIN]


def test_a_second_file_of_a_bitext_is_locked_too(samples, tmp_path):
    shutil.copytree(samples / "tatoeba", tmp_path / "tatoeba")
    check.check(["tatoeba"], data=tmp_path, lock=True)
    english = tmp_path / "tatoeba" / "v1" / "tatoeba.deu-eng.eng"
    english.write_text(english.read_text().replace("a", "o", 1))
    assert [r.language for r in check.check(["tatoeba"], data=tmp_path) if r.status == "changed"] == ["de"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"files": {}}', '{"files": 1, "revisions": {}}', "\x00"])
def test_a_damaged_lock_file_is_refused(content, write, tmp_path):
    write(TRAIN, nli(*LABELS))
    path = write(LOCK, content)
    with pytest.raises(InputError, match="expected a lock file written by diversity data, found ") as caught:
        check.check(["mnli"], data=tmp_path)
    assert str(caught.value).startswith(str(path))


def test_status_words_are_sorted_into_failures_and_others():
    def failed(status):
        return check.Checked("t", "s", "l", "o", 1, 1, 0, status).failed

    assert [s for s in ("whole", "partial", "counted", "labels withheld") if failed(s)] == []
    assert all(failed(s) for s in ("larger", "placeholder labels", "bad rows", "changed", "unreadable"))


# --- fetch: without a hub --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ccg", "bucc2018"])
def test_a_task_that_the_hub_does_not_have_says_where_it_is(name, tmp_path):
    with pytest.raises(InputError, match=rf"^{name}: expected a task that the hub has, found none\. .*https://"):
        hub_module.fetch([name], data=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_task_is_refused_before_anything_is_brought(tmp_path):
    with pytest.raises(InputError, match="unknown task 'mnly': did you mean mnli"):
        hub_module.fetch(["qqp", "mnly"], data=tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["panx", "xquad", "tydiqa"])
def test_a_language_that_a_task_does_not_have_is_named(name, tmp_path):
    with pytest.raises(InputError, match="'xx'"):
        hub_module.fetch([name], data=tmp_path, languages=["xx"])


def test_the_configurations_of_the_languages_are_brought_and_no_others():
    repositories = hub_module.hubs(catalog.task("xquad"), ["de", "th"])
    assert set(repositories) == {"google/xtreme", "rajpurkar/squad"}
    assert {config for _, config in repositories["google/xtreme"]} == {"XQuAD.de", "XQuAD.th"}
    assert {(h.split, config) for h, config in repositories["rajpurkar/squad"]} == {
        ("train", "plain_text"),
        ("validation", "plain_text"),
    }
    everything = hub_module.hubs(catalog.task("tatoeba"))
    assert len(everything["google/xtreme"]) == 36


def test_a_repository_is_asked_once_however_many_splits_it_holds():
    repositories = hub_module.hubs(catalog.task("anli_plus"))
    assert {repo: len(uses) for repo, uses in repositories.items()} == {
        "facebook/anli": 6,
        "nyu-mll/multi_nli": 2,
        "stanfordnlp/snli": 2,
    }


# --- fetch: from a hub on this machine -------------------------------------------------------------------

PINNED = catalog.task("mnli").splits["train"][0].hub.revision
NEWER = "0123456789abcdef0123456789abcdef01234567"
SPLITS = {"train": 40, "validation_matched": 20, "validation_mismatched": 10}


def file_of(split):
    return f"data/{split}-00000-of-00001.parquet"


def repository(tag):
    """MultiNLI's files with a few rows each."""
    files = {"README.md": b"# MultiNLI", ".gitattributes": b"x", "data/other.bin": b"not wanted"}
    for split, rows in SPLITS.items():
        records = [{"premise": f"{tag} {n}.", "hypothesis": "H.", "label": n % 3} for n in range(rows)]
        stream = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(records), stream)
        files[file_of(split)] = stream.getvalue()
    return files


@pytest.fixture
def mnli(hub, hub_module):
    """The hub with MultiNLI at the pinned commit and at a newer one, which is the head."""
    repo = hub_module.Repo(NEWER, {PINNED: repository("Old"), NEWER: repository("New")})
    hub.repos["nyu-mll/multi_nli"] = repo
    return repo


FETCH = ("-m", "diversity", "data", "fetch", "mnli", "--data", "here")
# The same with a task whose hub names no commit.
UNPINNED = """
from dataclasses import replace
import diversity.tasks.mnli as module
from diversity import cli
parts = {
    split: tuple(replace(p, hub=replace(p.hub, source="nyu-mll/multi_nli", ref="REF")) for p in parts)
    for split, parts in module.TASK.splits.items()
}
module.TASK = replace(module.TASK, splits=parts)
cli.main(["data", "fetch", "mnli", "--data", "here"])
"""


def finish(process):
    out, error = process.communicate(timeout=60)
    return process.returncode, out, error


def test_the_pinned_commit_is_brought_and_recorded(hub, mnli, command, tmp_path):
    status, out, error = finish(command(hub.endpoint, *FETCH))
    assert (status, out) == (0, f"nyu-mll/multi_nli@{PINNED}: 3 files in here/nyu-mll/multi_nli\n")
    assert error == f"nyu-mll/multi_nli@{PINNED[:12]}: 3 files\n"
    assert hub.asked(PINNED)
    assert hub.asked(NEWER) == hub.asked("/main") == []
    assert not hub.asked("other.bin")

    folder = tmp_path / "here" / "nyu-mll" / "multi_nli"
    for split in SPLITS:
        assert (folder / file_of(split)).read_bytes() == mnli.commits[PINNED][file_of(split)]
    assert json.loads((tmp_path / "here" / LOCK).read_text()) == {
        "revisions": {"nyu-mll/multi_nli": PINNED},
        "files": {
            f"nyu-mll/multi_nli/{file_of(s)}": hashlib.sha256(mnli.commits[PINNED][file_of(s)]).hexdigest()
            for s in SPLITS
        },
    }
    found = check.check(["mnli"], data=tmp_path / "here")
    assert [(r.split, r.origin, r.rows, r.status) for r in found] == [
        ("train", "hub", 40, "partial"),
        ("dev", "hub", 20, "partial"),
        ("dev_mismatched", "hub", 10, "partial"),
    ]

    (folder / file_of("train")).write_bytes(mnli.commits[NEWER][file_of("train")])
    assert [r.status for r in check.check(["mnli"], data=tmp_path / "here")] == ["changed", "partial", "partial"]

    hub.requests.clear()
    assert finish(command(hub.endpoint, *FETCH))[0] == 0
    assert not hub.asked("/resolve/"), "what is there is brought again"


def test_a_commit_that_is_not_pinned_is_resolved_once_and_kept(hub, mnli, command, tmp_path):
    mnli.head = PINNED  # the oldest is the head, at first
    script = UNPINNED.replace("REF", "main")
    status, out, _ = finish(command(hub.endpoint, "-c", script))
    assert status == 0
    assert f"nyu-mll/multi_nli@{PINNED}" in out
    assert hub.asked("/revision/main")
    assert Lock.read(tmp_path / "here").revisions == {"nyu-mll/multi_nli": PINNED}

    mnli.head = NEWER
    shutil.rmtree(tmp_path / "here" / "nyu-mll")
    hub.requests.clear()
    status, out, _ = finish(command(hub.endpoint, "-c", script))
    assert status == 0
    assert f"nyu-mll/multi_nli@{PINNED}" in out
    assert hub.asked(NEWER) == hub.asked("/main") == []
    brought = tmp_path / "here" / "nyu-mll" / "multi_nli" / file_of("train")
    assert brought.read_bytes() == mnli.commits[PINNED][file_of("train")]
    assert Lock.read(tmp_path / "here").revisions == {"nyu-mll/multi_nli": PINNED}


def test_a_branch_of_the_hub_other_than_main_can_be_named(hub, mnli, command, tmp_path):
    status, out, _ = finish(command(hub.endpoint, "-c", UNPINNED.replace("REF", "refs/convert/parquet")))
    assert (status, out) == (0, f"nyu-mll/multi_nli@{NEWER}: 3 files in here/nyu-mll/multi_nli\n")
    assert hub.asked("/revision/refs/convert/parquet")
    assert Lock.read(tmp_path / "here").revisions == {"nyu-mll/multi_nli": NEWER}


def test_a_connection_that_breaks_in_the_middle_is_taken_up_again(hub, mnli, command, tmp_path):
    hub.drop_once = {file_of("train")}
    status, _, _ = finish(command(hub.endpoint, *FETCH))
    assert status == 0
    assert len([r for r in hub.asked(file_of("train")) if r[0] == "GET"]) == 2
    brought = tmp_path / "here" / "nyu-mll" / "multi_nli" / file_of("train")
    assert brought.read_bytes() == mnli.commits[PINNED][file_of("train")]


def test_a_fetch_that_was_killed_goes_on_when_it_is_repeated(hub, mnli, command, tmp_path):
    hub.hold = {file_of("train")}
    process = command(hub.endpoint, *FETCH)
    try:
        assert hub.held.wait(30)
        folder = tmp_path / "here" / "nyu-mll" / "multi_nli"
        others = [*(file_of(s) for s in SPLITS if s != "train"), "README.md"]
        # a file counts as brought once the hub client has written its three lines about it
        notes = [folder / ".cache" / "huggingface" / "download" / f"{o}.metadata" for o in others]
        patience = time.monotonic() + 30
        while not all(n.exists() and n.read_text().count("\n") >= 3 for n in notes):
            assert time.monotonic() < patience
            time.sleep(0.02)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
    hub.release()
    assert not (folder / file_of("train")).exists(), "half a file has the name of a whole one"
    assert Lock.read(tmp_path / "here").revisions == {"nyu-mll/multi_nli": PINNED}

    hub.requests.clear()
    assert finish(command(hub.endpoint, *FETCH))[0] == 0
    assert (folder / file_of("train")).read_bytes() == mnli.commits[PINNED][file_of("train")]
    assert {r[1].rpartition("/")[2] for r in hub.asked("/resolve/") if r[0] == "GET"} == {
        file_of("train").rpartition("/")[2]
    }, "what had been brought is brought again"
    assert set(Lock.read(tmp_path / "here").files) == {f"nyu-mll/multi_nli/{file_of(s)}" for s in SPLITS}


def test_a_hub_that_is_down_is_one_line_that_says_what_to_do(command, tmp_path):
    with socket.socket() as held:  # bound and not listening: nothing answers there
        held.bind(("127.0.0.1", 0))
        status, out, error = finish(command(f"http://127.0.0.1:{held.getsockname()[1]}", *FETCH))
    assert (status, out) == (2, "")
    assert error.count("\n") == 1
    assert error.startswith("diversity: the hub cannot give nyu-mll/multi_nli (")
    advice = ("Run the same command on a machine that reaches it", "copy here here", catalog.task("mnli").url)
    for part in (*advice, "--data here"):
        assert part in error
    assert not (tmp_path / "here" / "nyu-mll").exists()


@pytest.mark.parametrize("case", ["no repository", "no commit", "no Parquet files"])
def test_what_the_hub_does_not_have_is_one_line(case, hub, mnli, command):
    if case == "no repository":
        hub.repos.clear()
    elif case == "no commit":
        del mnli.commits[PINNED]
    else:
        mnli.commits[PINNED] = {"README.md": b"", "multi_nli.py": b"", "data/train.jsonl": b"{}"}
    status, out, error = finish(command(hub.endpoint, *FETCH))
    assert (status, out) == (2, "")
    assert error.count("\n") == 1
    assert "nyu-mll/multi_nli" in error
    if case == "no Parquet files":
        assert "expected Parquet files of default, found none among 3" in error


def test_a_caution_is_said_where_rows_differ_from_the_release(hub, hub_module, command, tmp_path):
    udpos = catalog.task("udpos").splits["train"][0].hub
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([{"tokens": ["a"], "pos_tags": [0]}]), stream)
    names = ["udpos.Thai/test", "udpos.Tamil/test", "udpos.Tamil/train", "XNLI/test"]
    files = {f"{name}-00000-of-00001.parquet": stream.getvalue() for name in names}
    hub.repos[udpos.repo] = hub_module.Repo(NEWER, {udpos.revision: files})
    arguments = ("-m", "diversity", "data", "fetch", "udpos", "--languages", "th,ta", "--data", "here")
    status, out, error = finish(command(hub.endpoint, *arguments))
    assert (status, out) == (0, f"google/xtreme@{udpos.revision}: 3 files in here/google/xtreme\n")
    assert "note: google/xtreme: the hub's rows are not XTREME's" in error
    folders = sorted(p.parent.relative_to(tmp_path / "here").as_posix() for p in tmp_path.rglob("*.parquet"))
    assert folders == ["google/xtreme/udpos.Tamil", "google/xtreme/udpos.Tamil", "google/xtreme/udpos.Thai"]


def test_a_locked_file_that_is_gone_is_told(samples, tmp_path):
    import shutil

    shutil.copytree(samples / "qqp", tmp_path / "qqp")
    assert not any(r.failed for r in check.check(data=tmp_path, lock=True))
    (tmp_path / "qqp" / "QQP" / "dev.tsv").unlink()
    (gone,) = [r for r in check.check(data=tmp_path) if r.failed]
    assert (gone.status, gone.detail) == ("gone", "qqp/QQP/dev.tsv is in diversity.lock.json and not here")
