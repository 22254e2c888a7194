"""Predictions that cannot be right are remarked on, whatever their score; right ones are not."""

import pytest

import diversity
from diversity.xtreme import layout
from diversity.xtreme.remarks import remarks_on

TAGS = [["B-PER", "O"], ["O", "B-LOC"]]
LINES = [str(n) for n in (2, 0, 1, 3)]
PAIRS = [(f"de-{n}", f"en-{n + 10}") for n in range(5)]


def texts(task, gold, predicted):
    return [f"{text}: {where}" for _, text, where in remarks_on(task, "de", gold, predicted)]


@pytest.mark.parametrize(
    ("task", "gold", "predicted"),
    [
        ("xnli", ["neutral", "entailment"], ["neutral", "contradiction"]),  # a label of the task
        ("xnli", ["0", "1"], ["1", "1"]),
        ("panx", TAGS, [["B-ORG", "I-ORG"], ["O", "O"]]),
        ("tatoeba", LINES, ["3", "2", "1", "0"]),
        ("bucc2018", PAIRS, [("de-4", "en-1"), ("de-900", "en-12")]),  # not every sentence is in a gold pair
    ],
)
def test_what_can_be_right_is_not_remarked_on(task, gold, predicted):
    assert texts(task, gold, predicted) == []


@pytest.mark.parametrize(
    ("task", "gold", "predicted", "remark"),
    [
        ("xnli", ["neutral", "contradiction"], ["neutral", "contradictory"], "labels: de 1 of 2 ('contradictory')"),
        ("xnli", ["neutral", "neutral"], ["neutral", "\u200bneutral"], "labels: de 1 of 2 ('\\u200bneutral')"),
        ("xnli", ["neutral", "neutral"], ["neutral", "neutral\0"], "labels: de 1 of 2 ('neutral\\x00')"),
        ("pawsx", ["0", "1"], ["0", "entailment"], "labels: de 1 of 2 ('entailment')"),
        ("panx", TAGS, [["b-per", "O"], ["O", "O"]], "gold tags: de 1 of 4 ('b-per')"),
        ("panx", TAGS, [["B_PER", "[PAD]"], ["[PAD]", "nan"]], "gold tags: de 4 of 4 ('[PAD]')"),
        ("tatoeba", LINES, ["3", "1", "2", "4"], "counted from 1, where the first line is 0: de 1 of 4 ('4')"),
        ("tatoeba", LINES, ["-1", "2.0", "2", "0"], "line numbers that are not among the gold's: de 2 of 4 ('-1')"),
        ("bucc2018", PAIRS, [(b, a) for a, b in PAIRS], "the English id first, where the foreign one is expected: de 5 of 5"),
        ("bucc2018", PAIRS, [("1", "en-11"), PAIRS[0]], "not of the form of the gold's: de 1 of 2 ('1, en-11')"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_remarked_on(task, gold, predicted, remark):
    (text,) = texts(task, gold, predicted)
    assert remark in text


def test_blanks_around_the_ids_of_a_pair_make_no_difference(tmp_path):
    layout.write_gold(tmp_path / "gold", "bucc2018", "de", PAIRS)
    path = layout.path_of(tmp_path / "predictions", "bucc2018", "de")
    path.parent.mkdir(parents=True)
    path.write_text("".join(f"{a} \t {b}\n" for a, b in PAIRS), "utf8")
    scores = diversity.evaluate(tmp_path / "predictions", tmp_path / "gold", languages=["de"])
    assert scores.as_json()["bucc2018"]["avg_f1"] == 100
    assert not any("form" in note for note in scores.notes)
