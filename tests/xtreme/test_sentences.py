"""Predictions and gold as CoNLL has them, a word and its tag a line: scored, and said which sentences differ."""

import os
from pathlib import Path

import pytest
from seqeval.metrics import f1_score, precision_score, recall_score

import diversity
from diversity.types import InputError
from diversity.xtreme.sentences import differences

OWN = (
    'kind = "tagging"\nrole = "target"\nfiles = "{lang}/{split}.txt"\nseparator = "space"\nlanguages = ["hau", "swa"]\n'
)
GOLD = "Ada B-PER\nsees O\nLagos B-LOC\n\nA O\nB B-DATE\n\nYes O\n"
PREDICTED = GOLD.replace("B-LOC", "B-ORG", 1)


@pytest.fixture
def names(write):
    """Gold, predictions and data of a tagging target of one's own in two languages."""
    folder = write("mine/tasks/names.toml", OWN).parent.parent.parent
    for lang in ("hau", "swa"):
        write(f"predictions/names/test-{lang}.txt", PREDICTED)
        write(f"labels/names/test-{lang}.txt", GOLD)
        write(f"data/names/{lang}/test.txt", GOLD)
    diversity.include(folder / "mine")
    return folder


def tags(text):
    return [[line.split()[1] for line in block.split("\n") if line] for block in text.split("\n\n")]


@pytest.mark.parametrize("gold", ["labels", "data"])
def test_words_with_tags_are_scored_as_seqeval_does(names, gold):
    found = diversity.evaluate(names / "predictions", **{gold: names / gold})
    values = {s.metric: s.value for s in found.scores if s.language == "swa"}
    for metric, function in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
        assert values[metric] == pytest.approx(100 * function(tags(GOLD), tags(PREDICTED)), abs=1e-12)
    assert not any("words" in note for note in found.notes)


def test_other_sentences_are_said_by_number(names, write):
    write("data/names/swa/test.txt", GOLD.replace("A O\n", "A O\nnew O\n"))
    with pytest.raises(InputError) as error:
        diversity.evaluate(names / "predictions", data=names / "data")
    assert str(error.value).endswith(
        "test-swa.txt: expected predictions of the gold's sentences, found others: of the gold's 3 sentences 1 is not "
        "predicted (2), of the 3 predicted 1 is not in the gold (2)"
    )


def test_other_words_of_the_same_number_are_a_note(names, write):
    write("data/names/swa/test.txt", GOLD.replace("Ada", "Eve"))
    *_, note = diversity.evaluate(names / "predictions", data=names / "data").notes
    assert "the words are not the gold's: of the gold's 3 sentences 1 is not predicted (1)" in note


def test_a_line_without_a_tag_is_refused(names, write):
    write("predictions/names/test-swa.txt", "Ada B-PER\nsees\n")
    with pytest.raises(InputError, match=r"test-swa.txt:2: expected a word and its tag, found 'sees'"):
        diversity.evaluate(names / "predictions", names / "labels")


def test_runs_of_numbers_are_short():
    many = [(str(n),) for n in range(100)]
    assert differences(many, many) == ""
    said = differences(many, many[:50])
    assert (
        said
        == "of the gold's 100 sentences 50 are not predicted (51 to 100), of the 50 predicted none is not in the gold"
    )
    assert "and 44 more places" in differences(many, [w if i % 2 else (w[0] + "x",) for i, w in enumerate(many)])


@pytest.mark.skipif("DIVERSITY_OPEN_DATA" not in os.environ, reason="DIVERSITY_OPEN_DATA does not name a folder")
@pytest.mark.parametrize("model", ["xlmrlarge", "xlmrbase", "mbert"])
@pytest.mark.parametrize("run", "123")
def test_published_scores_of_masakhaner(names, write, model, run):
    """The authors' own scores of their own predictions (masakhane-io/masakhane-ner ba5843c); mBERT's on Hausa are others'."""
    runs = Path(os.environ["DIVERSITY_OPEN_DATA"]) / "masakhaner2" / "runs"
    for lang in ("hau", "swa"):
        write(f"predictions/names/test-{lang}.txt", (runs / model / run / f"{lang}.txt").read_bytes())
        write(f"labels/names/test-{lang}.txt", (runs / f"gold.{lang}.txt").read_bytes())
    found = diversity.evaluate(names / "predictions", names / "labels")
    for lang in ("hau", "swa") if model != "mbert" else ("swa",):
        published = dict(
            line.split(" = ") for line in (runs / model / run / f"{lang}.result.txt").read_text().split("\n")[:4]
        )
        values = {s.metric: s.value for s in found.scores if s.language == lang}
        for metric in ("f1", "precision", "recall"):
            assert values[metric] / 100 == pytest.approx(float(published[metric]), abs=1e-15)
