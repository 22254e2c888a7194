"""Rows are read once, held out by context, and count once in a mixture."""

import json
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diversity import catalog
from diversity.data import sources
from diversity.training import rows as reading
from diversity.training import shared
from diversity.training.rows import TaskRows, content, each_once, held_out
from diversity.types import Answer, Classification, InputError, MultipleChoice, Rows, Span


def pair(id: str, text: str, label: str = "neutral") -> Classification:
    return Classification(id, "en", text, "h", label)


def rows(name: str, texts: str, dev: str = "") -> TaskRows:
    train = [pair(f"{name}{i}", t) for i, t in enumerate(texts)]
    return TaskRows(name, "classification", train, [pair(f"d{t}", t) for t in dev], ("neutral", "x"), {})


def texts(task: TaskRows) -> str:
    return "".join(e.text for e in task.train)


def test_a_content_counts_once_for_the_smallest_task_that_has_it() -> None:
    large, small = each_once([rows("anli_plus", "abcdef"), rows("mnli", "cd")])
    assert (texts(large), texts(small)) == ("abef", "cd")
    assert large.provenance["removed"] == {"tested_on": 0, "in_dev": 0, "in_other_tasks": 2}
    assert large.provenance["trained_on"] == 4


def test_training_rows_that_are_in_a_dev_set_are_left_out() -> None:
    one, two = each_once([rows("a", "abc", dev="x"), rows("b", "xyz", dev="b")])
    assert (texts(one), texts(two)) == ("ac", "yz")


def test_repetitions_within_a_task_stay() -> None:
    assert texts(each_once([rows("a", "aab")])[0]) == "aab"


def test_a_task_with_no_row_left_is_told() -> None:
    with pytest.raises(InputError, match="b: expected rows that no other task of the mixture has, found none left"):
        each_once([rows("a", "ab"), rows("b", "ba")])


@given(
    st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=12), st.lists(st.sampled_from("abcdefgh"), min_size=1)
)
def test_no_content_is_in_two_tasks_and_none_is_lost(first: list[str], second: list[str]) -> None:
    try:
        one, two = each_once([rows("a", "".join(first)), rows("b", "".join(second))])
    except InputError:
        assert set(first) <= set(second) or set(second) <= set(first)
        return
    assert not set(texts(one)) & set(texts(two))
    assert set(texts(one)) | set(texts(two)) == set(first) | set(second)


def test_content_is_what_a_model_reads() -> None:
    assert content(pair("1", "a  b", "neutral")) == content(pair("2", "a b", "x")), "not the label, not the id"
    assert content(Classification("1", "en", "a", "b c", "x")) != content(Classification("1", "en", "a b", "c", "x"))
    one = Span("1", "en", "q", "c", (Answer("c", 0),))
    assert content(one) == content(Span("2", "en", "q", "c", ()))


def test_held_out_rows_share_no_context_with_training_rows() -> None:
    examples = [MultipleChoice(str(i), "en", f"context {i // 3}", "q", ("a", "b"), 0) for i in range(60)]
    train, dev = held_out(examples, 10, 0, "cosmosqa")
    assert {e.context for e in train}.isdisjoint(e.context for e in dev)
    assert len(train) + len(dev) == 60
    assert len(dev) == 9
    assert dev == held_out(examples, 10, 0, "cosmosqa")[1]
    assert dev != held_out(examples, 10, 1, "cosmosqa")[1]


def test_one_context_cannot_be_divided() -> None:
    examples = [MultipleChoice(str(i), "en", "one", "q", ("a", "b"), 0) for i in range(9)]
    with pytest.raises(InputError, match="cosmosqa: expected rows of several contexts"):
        held_out(examples, 3, 0, "cosmosqa")


def test_the_written_samples_are_read(samples) -> None:
    found = reading.read(catalog.task("mnli"), samples, dev_examples=5)
    assert len(found.dev) == 5
    assert found.labels == ("entailment", "neutral", "contradiction")
    assert found.provenance["split"] == "train"
    assert found.provenance["dev"]["split"] == "dev"
    assert all(len(digest) == 64 for digest in found.provenance["files"].values())
    only = reading.read(catalog.task("mnli"), Rows.of(samples, split="dev"), dev_examples=500)
    assert only.provenance["dev"]["held_out"] == len(only.dev) > 0
    assert len(only.train) + len(only.dev) == 16
    assert len(reading.read(catalog.task("mnli"), Rows.of(samples, limit=7)).train) == 7


def test_rows_that_a_target_is_tested_on_neither_train_nor_select(samples, tmp_path) -> None:
    data = shutil.copytree(samples, tmp_path / "data")
    before = reading.read(catalog.task("squad_v1"), data)
    tested = json.loads((data / "xquad" / "xquad.en.json").read_text())["data"]
    for path in (data / "squad_v1").rglob("*-v1.1.json"):
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, "data": [*content["data"], *tested]}))
    after = reading.read(catalog.task("squad_v1"), data)
    assert ([e.question for e in after.train], [e.question for e in after.dev]) == (
        [e.question for e in before.train],
        [e.question for e in before.dev],
    )
    number = sum(len(p["qas"]) for article in tested for p in article["paragraphs"])
    assert (after.provenance["tested_on"], after.provenance["dev"]["tested_on"]) == (number, number)
    assert before.provenance["tested_on"] == 0
    (kept,) = each_once([after])
    assert kept.provenance["removed"]["tested_on"] == number
    assert {f.task.name for f in reading.tested_on(catalog.task("squad_v2"), Rows.of(data))} == {"xquad", "mlqa"}


def test_a_sentence_that_retrieval_tests_is_no_row_of_tags(samples, tmp_path) -> None:
    """CCG's sentences are Tatoeba's: 464 of 7,745 training rows were English sentences that Tatoeba tests."""
    data = shutil.copytree(samples, tmp_path / "data")
    before = reading.read(catalog.task("ccg"), data)
    english = data / "tatoeba" / "v1" / "tatoeba.deu-eng.eng"
    lines = english.read_text("utf8").splitlines()
    row = before.train[0]
    lines[0] = " ".join(row.tokens).replace(" .", ".").replace(" ,", ",")  # as it is written, not in tokens
    english.write_text("\n".join(lines) + "\n", "utf8")
    after = reading.read(catalog.task("ccg"), data)
    assert row.tokens not in [e.tokens for e in (*after.train, *after.dev)]
    assert after.provenance["tested_on"] == before.provenance["tested_on"] + 1
    assert reading.tested_on(catalog.task("mnli"), Rows.of(data)) != reading.tested_on(
        catalog.task("ccg"), Rows.of(data)
    )


def test_supertags_are_learnt_from_the_rows(samples) -> None:
    found = reading.read(catalog.task("ccg"), samples)
    assert len(found.labels) > 5
    assert found.labels == tuple(sorted(found.labels))
    assert "Parallel Meaning Bank" in found.provenance["note"]


def test_retrieval_cannot_be_trained(samples) -> None:
    with pytest.raises(InputError, match="tatoeba: expected a task that a head can be trained on"):
        reading.read(catalog.task("tatoeba"), samples)


def test_placeholder_labels_are_refused(samples, monkeypatch) -> None:
    monkeypatch.setattr(shared, "kept", {})
    real = sources.read

    def same(files, **options):
        for example in list(real(files, **options)) * 10:
            yield Classification(example.id, "en", example.text, example.text_pair, "neutral")

    monkeypatch.setattr(sources, "read", same)
    with pytest.raises(InputError, match="expected labels, found 480 rows all of 'neutral'"):
        reading.read(catalog.task("mnli"), samples)
    assert catalog.task("mnli").labels


def test_texts_are_lines_of_files_and_folders_are_languages(write, tmp_path) -> None:
    write("sw/a.txt", "moja\n\n  mbili  \n")
    write("de/b.txt", "eins\n")
    found = reading.read_texts(reading.text_files([tmp_path / "sw", tmp_path / "de" / "b.txt"]))
    assert [(e.language, e.text) for e in found.train] == [("sw", "moja"), ("sw", "mbili"), ("de", "eins")]
    assert found.provenance["languages"] == ["de", "sw"]
    whole = reading.read_texts(reading.text_files([tmp_path]))
    assert {e.language for e in whole.train} == {"sw", "de"}, "folders of folders are read, too"
    with pytest.raises(InputError, match="expected text files"):
        reading.read_texts(reading.text_files([tmp_path / "none"]))
    write("de/c.txt", b"\xff\xfe")
    with pytest.raises(InputError, match="expected text in UTF-8"):
        reading.read_texts(reading.text_files([tmp_path / "de"]))
