"""The leaderboard's layout: what is written is read back, and what real files look like is read."""

import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diversity import catalog
from diversity.types import InputError
from diversity.xtreme import layout
from diversity.xtreme.benchmark import XTREME

FORMS = {task: catalog.task(task).output_type for task in XTREME.tasks}

CELL = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=6)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
FORM = {
    "labels": st.lists(CELL, max_size=6),
    "tags": st.lists(st.lists(CELL, min_size=1, max_size=4), max_size=5),
    "pairs": st.lists(st.tuples(CELL, CELL), max_size=5),
    "answers": st.dictionaries(TEXT, TEXT, max_size=5),
}
CASES = st.sampled_from(sorted(FORMS)).flatmap(lambda task: st.tuples(st.just(task), FORM[FORMS[task]]))


@settings(max_examples=80, deadline=None)
@given(CASES)
def test_predictions_are_read_back(tmp_path_factory, case):
    task, predicted = case
    folder = tmp_path_factory.mktemp("round")
    path = layout.write_predictions(folder, task, "sw", predicted)
    assert path == layout.path_of(folder, task, "sw")
    assert layout.read_predictions(folder, task, "sw") == predicted
    assert os.listdir(path.parent) == [path.name]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(TEXT, st.lists(TEXT, max_size=3).map(tuple)), max_size=4))
def test_gold_answers_are_read_back(tmp_path_factory, gold):
    folder = tmp_path_factory.mktemp("round")
    layout.write_gold(folder, "mlqa", "hi", gold)
    assert layout.read_gold(folder, "mlqa", "hi") == gold


@pytest.mark.parametrize("task", [t for t, form in FORMS.items() if form != "answers"])
def test_gold_labels_are_read_back(task, submission, tmp_path):
    gold, _ = submission.language_of(task, "de", "0")
    layout.write_gold(tmp_path, task, "de", gold)
    assert layout.read_gold(tmp_path, task, "de") == gold


@pytest.mark.parametrize(
    ("task", "name"),
    [("xnli", "test-sw.tsv"), ("udpos", "test-sw.tsv"), ("bucc2018", "test-sw.tsv"), ("tydiqa", "test-sw.json")],
)
def test_the_names_of_the_leaderboard(task, name, tmp_path):
    assert layout.path_of(tmp_path, task, "sw") == tmp_path / task / name
    assert layout.path_of(tmp_path, task, "sw", "dev").name == name.replace("test", "dev")


def test_numbers_stand_for_labels(tmp_path):
    path = layout.write_predictions(tmp_path, "tatoeba", "sw", [3, 0, 12])
    assert path.read_bytes() == b"3\n0\n12\n"


def test_the_files_are_those_of_the_leaderboard(tmp_path):
    path = layout.write_predictions(tmp_path, "udpos", "sw", [["DET", "NOUN"], ["X"]])
    assert path.read_bytes() == b"DET\nNOUN\n\nX\n\n"
    path = layout.write_predictions(tmp_path, "bucc2018", "zh", [("zh-1", "en-2")])
    assert path.read_bytes() == b"zh-1\ten-2\n"
    path = layout.write_predictions(tmp_path, "xquad", "th", {"a": "กรุงเทพฯ"})
    assert path.read_text("utf8") == '{\n "a": "กรุงเทพฯ"\n}\n'


# --- What files look like ----------------------------------------------------------------------------

SENTENCES = [["DET", "NOUN"], ["VERB"]]


@pytest.mark.parametrize(
    "content",
    [
        "DET\nNOUN\n\nVERB\n\n",
        "DET\nNOUN\n\nVERB",  # no line end at the end
        "DET\r\nNOUN\r\n\r\nVERB\r\n",  # CRLF
        "DET\rNOUN\r\rVERB\r",  # CR
        "\ufeffDET\nNOUN\n\nVERB\n",  # a byte-order mark
        "DET\nNOUN\n\nVERB\n\n\n\n",  # blank lines at the end
        "\nDET\nNOUN\n\n\nVERB\n",  # several between, and at the start
        "DET \nNOUN\n \t\n VERB\n",  # white space around
    ],
)
def test_sentences_of_tags(content, write):
    path = write("udpos/test-sw.tsv", content)
    assert layout.read_predictions(path.parent.parent, "udpos", "sw") == SENTENCES
    assert layout.read_gold(path.parent.parent, "udpos", "sw") == SENTENCES


@pytest.mark.parametrize("content", ["1\n0\n", "1\n0", "1\r\n0\r\n", "\ufeff1\n0\n", "1\n0\n\n\n", " 1\n0 \n"])
def test_labels_line_by_line(content, write):
    folder = write("pawsx/test-sw.tsv", content).parent.parent
    assert layout.as_long_as(2, layout.read_predictions(folder, "pawsx", "sw")) == ["1", "0"]
    assert layout.read_gold(folder, "pawsx", "sw") == ["1", "0"]


def test_a_blank_line_may_be_an_empty_prediction(write):
    folder = write("pawsx/test-sw.tsv", "1\n\n0\n\n\n").parent.parent
    assert layout.as_long_as(4, layout.read_predictions(folder, "pawsx", "sw")) == ["1", "", "0", ""]


@pytest.mark.parametrize("content", ["a\tb\nc\td\n", "a\tb\r\nc\td", "\ufeffa\tb\nc\td\n\n\n"])
def test_pairs(content, write):
    folder = write("bucc2018/test-zh.tsv", content).parent.parent
    assert layout.read_predictions(folder, "bucc2018", "zh") == [("a", "b"), ("c", "d")]


@pytest.mark.parametrize("content", ['{"a": "x"}', '\ufeff{"a": "x"}\r\n'])
def test_answers(content, write):
    folder = write("xquad/test-th.json", content).parent.parent
    assert layout.read_predictions(folder, "xquad", "th") == {"a": "x"}


@pytest.mark.parametrize("frame", ['{"version": "1.1", "data": %s}', "%s"])
def test_gold_answers_with_and_without_the_frame(frame, write):
    articles = '[{"paragraphs": [{"context": "", "qas": [{"id": "a", "answers": [{"text": "x"}, {"text": "y"}]}]}]}]'
    folder = write("xquad/test-th.json", frame % articles).parent.parent
    assert layout.read_gold(folder, "xquad", "th") == [("a", ("x", "y"))]


# --- What cannot be ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "xnli/test-sw.tsv",
            "neutral\npremise\thypothesis\tneutral\n",
            r":2: expected one label a line, found 3 columns",
        ),
        ("panx/test-sw.tsv", "O\n\nAnna\tB-PER\n", r":3: expected one tag a line, found 2 columns"),
        ("panx/test-sw.tsv", "O\n\nAnna B-PER\n", r":3: expected one tag a line, found 2 columns"),
        ("bucc2018/test-sw.tsv", "a\tb\n0.9\ta\tb\n", r":2: expected two ids with a tab between them, found 3 columns"),
        ("xnli/test-sw.tsv", b"neutral\n\xff\xfe\n", r":2: expected UTF-8, found byte 0xff"),
        ("xquad/test-sw.json", '{"a": "x",\n}', r":2: expected JSON, found .* at column 1"),
        ("xquad/test-sw.json", "", r":1: expected JSON, found"),
        ("xquad/test-sw.json", "[" * 100_000, "nested too deeply"),
        ("xquad/test-sw.json", '["x"]', "expected an object from question id to answer, found list"),
        ("xquad/test-sw.json", '{"a": null}', "expected a text as answer to 'a', found NoneType"),
    ],
)
def test_predictions_that_cannot_be_read(name, content, message, write):
    folder = write(name, content).parent.parent
    with pytest.raises(InputError, match=message):
        layout.read_predictions(folder, name.split("/")[0], "sw")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("xnli/test-sw.tsv", "neutral\n\nneutral\n", r":2: expected a gold label, found a blank line"),
        ("xquad/test-sw.json", '{"a": "x"}', "expected gold answers as SQuAD has them"),
        ("xquad/test-sw.json", '{"data": [{"paragraphs": [{"qas": [{"id": "a"}]}]}]}', "as SQuAD has them"),
        ("xquad/test-sw.json", '{"data": 3}', "as SQuAD has them"),
        ("xquad/test-sw.json", "3", "as SQuAD has them"),
    ],
)
def test_gold_that_cannot_be_read(name, content, message, write):
    folder = write(name, content).parent.parent
    with pytest.raises(InputError, match=message):
        layout.read_gold(folder, name.split("/")[0], "sw")


@pytest.mark.parametrize(
    ("task", "predicted"),
    [
        ("xnli", ["neutral", ""]),
        ("xnli", ["a\nb"]),
        ("xnli", ["a\tb"]),
        ("xnli", [" a"]),
        ("udpos", [["DET"], []]),
        ("udpos", [["DET", ""]]),
        ("bucc2018", [("a", "b\r")]),
        ("xquad", {"a": None}),
        ("xquad", {"a": 3}),
    ],
)
def test_what_the_layout_cannot_hold_is_not_written(task, predicted, tmp_path):
    with pytest.raises(InputError, match="expected"):
        layout.write_predictions(tmp_path, task, "sw", predicted)
    assert not list(tmp_path.rglob("*.*"))


def test_a_file_is_there_whole_or_as_it_was_before(tmp_path):
    path = layout.write_predictions(tmp_path, "xnli", "sw", ["neutral"])

    def stops():
        yield "entailment"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        layout.write_predictions(tmp_path, "xnli", "sw", stops())
    assert path.read_text() == "neutral\n"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"q1": "a", "q2": "b", "q1": "c"}', "expected each key of an object once, found 'q1' more often"),
        ('{"q1": ' + "9" * 5000 + "}", "expected JSON, found: Exceeds the limit"),
    ],
)
def test_answers_that_would_be_lost_or_cannot_be_read_are_refused(tmp_path, text, message):
    path = layout.path_of(tmp_path, "xquad", "de")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        layout.read_predictions(tmp_path, "xquad", "de")


@pytest.mark.parametrize(("id", "answer"), [("null", '"a"'), ("true", '"a"'), ('"q"', "null"), ('"q"', "5")])
def test_gold_answers_are_text(tmp_path, id, answer):
    path = layout.path_of(tmp_path, "xquad", "de")
    path.parent.mkdir(parents=True)
    question = f'{{"id": {id}, "answers": [{{"text": {answer}}}]}}'
    path.write_text(f'{{"data": [{{"paragraphs": [{{"qas": [{question}]}}]}}]}}')
    with pytest.raises(InputError, match="expected text as the"):
        layout.read_gold(tmp_path, "xquad", "de")
