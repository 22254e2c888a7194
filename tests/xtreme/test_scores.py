"""Scores of one task and language: worked out by hand, beside seqeval, and properties that they must have."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diversity import catalog
from diversity.types import InputError
from diversity.xtreme import scores
from diversity.xtreme.benchmark import XTREME
from diversity.xtreme.scores import scores_of

FORMS = {task: catalog.task(task).output_type for task in XTREME.tasks}

POS = "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split()
BIO = "O B-PER I-PER B-ORG I-ORG B-LOC I-LOC".split()
ODD = [*POS, *BIO, "E-PER", "S-PER", "B", "I", "E", "S", ".", "_", "O-X", "B-A-B", "I-A-B"]


def tags(text):
    """Sentences of a text: `DET NOUN | VERB`."""
    return [sentence.split() for sentence in text.split("|")]


def f1_of(gold, predicted):
    return scores_of("udpos", "en", tags(gold), tags(predicted))


# --- Tags, by hand -----------------------------------------------------------------------------------


def test_five_of_six_tokens_right_can_score_three_fifths():
    # Spans of the gold: DET, ADJ, NOUN NOUN, VERB, ADV; predicted: DET, ADJ, NOUN, VERB VERB, ADV. Three are the same.
    found = f1_of("DET ADJ NOUN NOUN VERB ADV", "DET ADJ NOUN VERB VERB ADV")
    assert found["f1"] == pytest.approx(60)
    assert found["token_accuracy"] == pytest.approx(100 * 5 / 6)


@pytest.mark.parametrize(
    ("gold", "predicted", "f1"),
    [
        ("NOUN NOUN", "NOUN NOUN", 100),  # one span
        ("NOUN NOUN", "NOUN VERB", 0),  # one against two, none the same
        ("NOUN | NOUN", "NOUN | NOUN", 100),  # a span ends with its sentence: two
        ("NOUN | NOUN", "NOUN | VERB", 50),
        ("B-PER I-PER O", "B-PER I-PER O", 100),
        ("B-PER I-PER O", "B-PER B-PER O", 0),  # two spans against one longer
        ("B-PER I-PER O", "I-PER I-PER O", 100),  # an I after an O begins a span
        ("B-PER I-PER O", "B-PER I-ORG O", 0),
        ("B-PER I-PER B-PER", "B-PER I-PER B-PER", 100),
        ("B-PER O B-LOC", "B-PER O O", 100 * 2 / 3),
        ("O O O", "O O O", 0),  # nothing to find: 0, as seqeval has it
        ("O O O", "B-PER O O", 0),
        # What seqeval (from 1.0 on) makes of tags without a hyphen: the first letter and the rest.
        ("CCONJ NOUN", "SCONJ NOUN", 100),  # both of type CONJ: taken for each other
        ("SCONJ SCONJ NOUN", "SCONJ SCONJ NOUN", 100),
        ("NOUN X", "NOUN X", 100),  # X at the end of a sentence is no span: one span in all
        ("NOUN X", "NOUN NOUN", 0),
        ("X", "X", 0),  # not even alone
        ("NOUN | X NOUN", "NOUN | X NOUN", 100),
    ],
)
def test_spans_by_hand(gold, predicted, f1):
    assert f1_of(gold, predicted)["f1"] == pytest.approx(f1)


@pytest.mark.parametrize(
    ("gold", "predicted", "now", "then"),
    [
        ("CCONJ NOUN", "SCONJ NOUN", 100, 50),  # the whole tag is the type in 0.0.12
        ("NOUN X", "NOUN X", 100, 100),
        ("X NOUN | X", "X NOUN | NOUN", 100 * 4 / 5, 100 * 2 / 3),  # spans now: 2 and 3; then: 3 and 3
        ("B-PER I-PER O", "B-PER O O", 0, 0),
    ],
)
def test_old_seqeval_differs_where_tags_have_no_hyphen(gold, predicted, now, then):
    found = f1_of(gold, predicted)
    assert found["f1"] == pytest.approx(now)
    assert found["f1_seqeval_0"] == pytest.approx(then)


def test_precision_and_recall_by_hand():
    found = scores_of("panx", "en", tags("B-PER O B-LOC | O"), tags("B-PER B-ORG B-LOC | B-ORG"))
    assert found["precision"] == pytest.approx(50)  # two of four
    assert found["recall"] == pytest.approx(100)
    assert found["f1"] == pytest.approx(100 * 2 / 3)


def test_tokens_outside_count_for_token_accuracy():
    assert scores_of("panx", "en", tags("O O B-PER"), tags("O B-PER O"))["token_accuracy"] == pytest.approx(100 / 3)


# --- Tags, beside seqeval ----------------------------------------------------------------------------


@st.composite
def sentences(draw):
    """Gold and predicted tags of some alphabet, alike in most places."""
    alphabet = draw(st.sampled_from([POS, BIO, ODD, ["X", "O"], ["CCONJ", "SCONJ", "X"]]))
    lengths = draw(st.lists(st.integers(1, 7), min_size=1, max_size=6))
    gold = [[draw(st.sampled_from(alphabet)) for _ in range(n)] for n in lengths]
    return gold, [[t if draw(st.booleans()) else draw(st.sampled_from(alphabet)) for t in s] for s in gold]


@settings(max_examples=100, deadline=None)
@given(sentences())
def test_spans_are_those_of_seqeval(pair):
    from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score

    gold, predicted = pair
    found = scores_of("udpos", "en", gold, predicted)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, function in (("f1", f1_score), ("precision", precision_score), ("recall", recall_score)):
            assert found[name] == pytest.approx(100 * function(gold, predicted), abs=1e-9)
        assert found["token_accuracy"] == pytest.approx(100 * accuracy_score(gold, predicted), abs=1e-9)


# --- Answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gold", "answer", "exact", "f1"),
    [
        (("the cat sat",), "A cat sat.", 1, 1),
        (("cat sat down",), "cat ran", 0, 2 / 5),  # one word shared: 2 * 1 / (2 + 3)
        (("cat cat",), "cat", 0, 2 / 3),  # words are counted
        (("dog", "cat"), "cat", 1, 1),  # the best of the gold answers...
        (("cat dog", "cow"), "cow dog", 0, 2 / 3),  # ...for each metric apart
        (("cat",), "", 0, 0),
        (("the",), "a", 1, 0),  # both empty once articles are gone: exact, but no word is shared
        (("Katze",), "die Katze", 0, 2 / 3),  # English rules in every language
        (("北京大学",), "北京", 0, 0),  # one word each
    ],
)
def test_answers_by_english_rules(gold, answer, exact, f1):
    for task in ("xquad", "tydiqa"):
        found = scores_of(task, "de", [("q", gold)], {"q": answer})
        assert found == {"exact_match": pytest.approx(100 * exact), "f1": pytest.approx(100 * f1)}


@pytest.mark.parametrize(
    ("language", "gold", "answer", "exact", "f1"),
    [
        ("de", "Katze", "die Katze", 1, 1),
        ("en", "Katze", "die Katze", 0, 2 / 3),
        ("es", "la casa blanca", "una casa", 0, 2 / 3),
        ("vi", "con mèo", "những con mèo", 1, 1),
        ("hi", "भारत।", "भारत", 1, 1),
        ("ar", "الكتاب", "كتاب", 1, 1),
        ("zh", "北京大学", "北京", 0, 2 / 3),  # characters: two of four, and of two
        ("zh", "2008年", "2008 年", 1, 1),
    ],
)
def test_answers_by_the_rules_of_mlqa(language, gold, answer, exact, f1):
    found = scores_of("mlqa", language, [("q", (gold,))], {"q": answer})
    assert found == {"exact_match": pytest.approx(100 * exact), "f1": pytest.approx(100 * f1)}


def test_a_question_without_an_answer_counts_as_wrong():
    gold = [("a", ("cat",)), ("b", ("dog",)), ("c", ("cow",)), ("d", ("hen",))]
    assert scores_of("xquad", "en", gold, {"a": "cat"}) == {"exact_match": 25, "f1": 25}
    assert scores_of("xquad", "en", gold, {}) == {"exact_match": 0, "f1": 0}


# --- Pairs and labels --------------------------------------------------------------------------------


def test_mined_pairs_are_a_set():
    gold = [("de-1", "en-1"), ("de-2", "en-2"), ("de-3", "en-3")]
    mined = [("de-1", "en-1"), ("de-1", "en-1"), ("de-1", "en-9"), ("de-9", "en-9")]
    found = scores_of("bucc2018", "de", gold, mined)
    assert found == {
        "f1": pytest.approx(100 / 3),
        "precision": pytest.approx(100 / 3),
        "recall": pytest.approx(100 / 3),
    }


def test_no_mined_pair_scores_nothing():
    assert scores_of("bucc2018", "de", [("de-1", "en-1")], []) == {"f1": 0, "precision": 0, "recall": 0}


def test_labels_line_by_line():
    assert scores_of("xnli", "sw", ["neutral"] * 3, ["neutral", "", "Neutral"]) == {"accuracy": pytest.approx(100 / 3)}
    assert scores_of("tatoeba", "sw", ["0", "1", "2", "3"], ["0", "1", "3", "2"]) == {"accuracy": 50}


# --- What does not fit -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "gold", "predicted", "message"),
    [
        ("xnli", ["neutral"] * 2, ["neutral"], r"xnli \(en\): expected 2 lines, .* found 1"),
        ("xnli", [], [], "expected gold labels, found none"),
        ("udpos", [["DET"]], [["DET"], ["DET"]], r"expected 1 sentences, as in the gold, found 2"),
        ("udpos", [["DET"], ["DET", "NOUN"]], [["DET"], ["DET"]], r"expected 2 tags in sentence 2, .* found 1"),
        ("udpos", [["DET"]], [[""]], "found an empty one"),
        ("udpos", [], [], "found none"),
        ("xquad", [("a", ("x",))], {"b": "x"}, r"xquad \(en\): .*found the unknown id 'b'$"),
        ("xquad", [("a", ("x",))], {"b": "x", "c": "x"}, r"the unknown id 'b' \(and 1 more\)"),
        ("xquad", [("a", ())], {}, "expected a gold answer to the question 'a', found none"),
        ("xquad", [("a", ("x",)), ("a", ("y",))], {}, "expected each question id once in the gold, found 'a' 2 times"),
        ("xquad", [], {}, "found none"),
        ("bucc2018", [], [("a", "b")], "expected gold pairs, found none"),
        ("mlqa", [("a", ("x",))], {"a": "x"}, "expected a language among"),
        ("xnly", [], [], "did you mean xnli"),
    ],
)
def test_what_does_not_fit_is_told(task, gold, predicted, message):
    with pytest.raises(InputError, match=message):
        scores_of(task, "fr" if task == "mlqa" else "en", gold, predicted)


# --- Properties --------------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(sentences())
def test_values_lie_between_0_and_100_and_gold_is_right(pair):
    gold, predicted = pair
    assert all(0 <= value <= 100 for value in scores_of("panx", "en", gold, predicted).values())
    same = scores_of("panx", "en", gold, gold)
    assert same["token_accuracy"] == 100
    assert {same["f1"], same["precision"], same["recall"]} in ({0.0}, {100.0})  # 0 where there is no span at all


@settings(max_examples=30, deadline=None)
@given(sentences())
def test_precision_and_recall_change_places_with_gold_and_predicted(pair):
    there, back = scores_of("panx", "en", *pair), scores_of("panx", "en", *pair[::-1])
    assert there["precision"] == back["recall"]
    assert there["f1"] == back["f1"]


@given(st.lists(st.tuples(st.text("ab ", max_size=5), st.text("ab ", max_size=5)), min_size=1, max_size=8))
def test_an_exact_answer_of_words_has_full_f1(pairs):
    gold = [(str(i), (text,)) for i, (text, _) in enumerate(pairs)]
    table = scores.answer_counts(gold, {str(i): answer for i, (_, answer) in enumerate(pairs)}, str.strip)
    exact, f1 = table[:, 0], table[:, 1]
    assert ((f1 >= 0) & (f1 <= 1)).all()
    words = np.array([bool(text.split()) for text, _ in pairs])
    assert (f1[(exact == 1) & words] == 1).all()


@pytest.mark.parametrize("task", FORMS)
def test_one_row_of_counts_for_each_item(task, submission):
    gold, predicted = submission.language_of(task, "zh", "0")
    table = scores.counts(task, "zh", gold, predicted)
    items = len({a for a, _ in {*gold, *predicted}}) if task == "bucc2018" else len(gold)
    assert len(table) == items
    total = scores.values(FORMS[task], table.sum(axis=0))
    assert scores_of(task, "zh", gold, predicted) == {name: float(value) for name, value in total.items()}
