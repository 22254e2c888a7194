"""Lexical metrics: each against a slow implementation of its definition, and against nltk's and rouge-score's values."""

import itertools
import math
import random
import zlib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diversity import catalog
from diversity.metrics import rouge_l as rouge
from diversity.metrics._words import words
from diversity.metrics.compression_ratio import compression_ratio
from diversity.metrics.distinct_n import distinct_n
from diversity.metrics.mean_length import mean_length
from diversity.metrics.rouge_l import rouge_l
from diversity.metrics.self_bleu import self_bleu
from diversity.metrics.self_repetition import self_repetition
from diversity.metrics.type_token_ratio import type_token_ratio
from diversity.metrics.vocabulary_overlap import vocabulary_overlap
from diversity.types import InputError

# few words, so that n-grams recur; texts of no word among them
TEXTS = st.lists(st.lists(st.sampled_from("abcde"), max_size=12).map(" ".join), min_size=2, max_size=7)
NAMES = [n for n in catalog.names("metrics") if catalog.get("metrics", n).takes == "texts"]
ROWS = [
    "The cat sat on the mat.",
    "The dog sat on the mat, and the cat sat too.",
    "A cat; a dog; a mat!",
    "No",
    "",
    "Where do people usually keep a cat on the mat?",
    "the the the the the cat",
]


# --- Words --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The cat's 3.5 km_h", ["the", "cat", "s", "3", "5", "km_h"]),
        ("ÉCOLE École e\u0301cole", ["école", "école", "école"]),
        ("Straße, naïve", ["straße", "naïve"]),
        ("हिन्दी में बात", ["हिन्दी", "में", "बात"]),
        ("বাংলা தமிழ் తెలుగు", ["বাংলা", "தமிழ்", "తెలుగు"]),
        ("قَالَ السلام", ["قَالَ", "السلام"]),
        ("שלום עולם", ["שלום", "עולם"]),
        ("我们在2024年。", ["我", "们", "在", "2024", "年"]),
        ("東京タワー、です", ["東", "京", "タ", "ワ", "ー", "で", "す"]),
        ("ภาษาไทย ที่นี่", ["ภ", "า", "ษ", "า", "ไ", "ท", "ย", "ที่", "นี่"]),
        ("မြန်မာ", ["မြ", "န်", "မာ"]),
        ("ភាសា", ["ភា", "សា"]),
        ("ພາສາ", ["ພ", "າ", "ສ", "າ"]),
        ("한국어 공부", ["한국어", "공부"]),
        ("iPhone手机x", ["iphone", "手", "机", "x"]),
        ("", []),
        (" ?! 🙂 \u0301", []),
    ],
)
def test_words_of_many_scripts(text, expected):
    assert words(text) == expected


@given(st.text())
def test_words_hold_all_letters_and_digits_in_order(text):
    import unicodedata

    composed = unicodedata.normalize("NFC", text.lower())
    found = "".join(words(text))
    assert [c for c in found if c.isalnum()] == [c for c in composed if c.isalnum()]
    assert words(" ".join(words(text))) == words(text)


# --- Slow implementations of the definitions -----------------------------------------------------------


def ngrams(text, n):
    w = words(text)
    return [tuple(w[i : i + n]) for i in range(len(w) - n + 1)]


def slow_bleu(references, hypothesis, n):
    """Papineni et al. 2002 for a sentence, with smoothing 1 of Chen & Cherry 2014."""
    if not hypothesis:
        return 0.0
    logs = 0.0
    for k in range(1, n + 1):
        own = Counter(tuple(hypothesis[i : i + k]) for i in range(len(hypothesis) - k + 1))
        matched = 0
        for gram, count in own.items():
            most = max(sum(tuple(r[i : i + k]) == gram for i in range(len(r) - k + 1)) for r in references)
            matched += min(count, most)
        if k == 1 and matched == 0:
            return 0.0
        logs += math.log((matched or 0.1) / max(1, sum(own.values()))) / n
    closest = min((len(r) for r in references), key=lambda length: (abs(length - len(hypothesis)), length))
    brevity = 1.0 if len(hypothesis) > closest else math.exp(1 - closest / len(hypothesis))
    return brevity * math.exp(logs)


def slow_self_bleu(texts, n):
    w = [words(t) for t in texts]
    return sum(slow_bleu(w[:i] + w[i + 1 :], own, n) for i, own in enumerate(w)) / len(w)


def lcs(a, b):
    """By the table of all prefixes."""
    table = [[0] * (len(b) + 1) for _ in range(len(a) + 1)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            table[i + 1][j + 1] = table[i][j] + 1 if x == y else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def slow_rouge_l(texts):
    w = [words(t) for t in texts]
    scores = [2 * lcs(a, b) / (len(a) + len(b)) if a and b else 0.0 for a, b in itertools.combinations(w, 2)]
    return sum(scores) / len(scores)


def slow_self_repetition(texts, n):
    sets = [set(ngrams(t, n)) for t in texts]
    return sum(any(a & b for j, b in enumerate(sets) if j != i) for i, a in enumerate(sets)) / len(texts)


@given(TEXTS, st.integers(1, 5))
def test_self_bleu_is_its_definition(texts, n):
    assert self_bleu(texts, n=n) == pytest.approx(slow_self_bleu(texts, n), abs=1e-12)


@given(TEXTS)
def test_rouge_l_is_its_definition(texts):
    assert rouge_l(texts) == pytest.approx(slow_rouge_l(texts), abs=1e-12)


@pytest.mark.parametrize("block", [1, 8, 100, 2**16])
def test_rouge_l_of_long_texts_in_blocks_of_any_size(block, monkeypatch):
    """Texts longer than a machine word, and of exactly as many words as fill it, whose sums carry from one to the next."""
    draw = random.Random(3)
    texts = [" ".join(draw.choices("abcdefgh", k=n)) for n in (1, 7, 8, 9, 63, 64, 65, 127, 128, 200)]
    texts += ["a " * 64, "a " * 65, "b a " * 40, ""]
    monkeypatch.setattr(rouge, "BLOCK", block)
    assert rouge_l(texts) == pytest.approx(slow_rouge_l(texts), abs=1e-12)


@given(TEXTS, st.integers(1, 4))
def test_self_repetition_is_its_definition(texts, n):
    assert self_repetition(texts, n=n) == slow_self_repetition(texts, n)


@given(TEXTS, st.integers(1, 4))
def test_distinct_n_is_its_definition(texts, n):
    found = [gram for text in texts for gram in ngrams(text, n)]
    expected = len(set(found)) / len(found) if found else math.nan
    assert distinct_n(texts, n=n) == pytest.approx(expected, nan_ok=True)
    if n == 1:
        assert type_token_ratio(texts) == pytest.approx(expected, nan_ok=True)


@given(TEXTS, TEXTS)
def test_vocabulary_overlap_is_the_jaccard_index(texts, others):
    a, b = (Counter(words(" ".join(t))) for t in (texts, others))
    smaller = sum((Counter(set(a)) & Counter(set(b))).values())
    expected = smaller / (len(a) + len(b) - smaller) if a or b else math.nan
    assert vocabulary_overlap(texts, others) == pytest.approx(expected, nan_ok=True)
    assert vocabulary_overlap(texts, others) == pytest.approx(vocabulary_overlap(others, texts), nan_ok=True)


# --- Other programs' values ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (1, 0.5018606813748628),
        (2, 0.38610253736523786),
        (3, 0.2787419752213142),
        (4, 0.1974478697543825),
        (5, 0.12252815802249152),
    ],
)
def test_self_bleu_is_nltks(n, expected):
    """nltk 3.10.4: sentence_bleu of each text's words against the others', SmoothingFunction().method1."""
    assert self_bleu(ROWS, n=n) == pytest.approx(expected, abs=1e-14)


def test_rouge_l_is_rouge_scores():
    """rouge-score 0.1.2: the mean F-measure of rougeL over the pairs, without stemming."""
    assert rouge_l(ROWS) == pytest.approx(0.162531679338402, abs=1e-14)


# --- By hand -------------------------------------------------------------------------------------------


def test_texts_that_are_all_the_same():
    texts = ["the cat sat on the mat"] * 10
    assert self_bleu(texts) == pytest.approx(1)
    assert rouge_l(texts) == pytest.approx(1)
    assert self_repetition(texts) == 1
    assert distinct_n(texts) == pytest.approx(5 / 50)
    assert type_token_ratio(texts) == pytest.approx(5 / 60)
    assert mean_length(texts) == 6
    assert compression_ratio(texts) > 5
    assert vocabulary_overlap(texts, texts[:1]) == 1


def test_texts_without_a_word_in_common():
    texts = ["one two three four", "five six seven eight", "nine ten"]
    assert self_bleu(texts) == 0
    assert rouge_l(texts) == 0
    assert self_repetition(texts) == 0
    assert distinct_n(texts) == 1
    assert type_token_ratio(texts) == 1
    assert mean_length(texts) == pytest.approx(10 / 3)
    assert vocabulary_overlap(texts[:1], texts[1:]) == 0


def test_self_bleu_by_hand():
    """`a b` against `a b c`: precisions 1, 1, brevity exp(1 - 3/2). `a b c` against `a b`: 2/3, 1/2, no penalty."""
    expected = (math.exp(-0.5) + math.sqrt(2 / 3 * 1 / 2)) / 2
    assert self_bleu(["a b", "a b c"], n=2) == pytest.approx(expected)


def test_matches_are_clipped_at_the_largest_count_in_one_other_text():
    """`a a a` has its a once in each of the others: one match in three, not two."""
    texts = ["a a a", "a b c", "a d e"]
    first, second = 1 / 3, 1 / 3
    assert self_bleu(texts, n=1) == pytest.approx((first + 2 * second) / 3)


def test_the_nearest_reference_is_the_shorter_of_two():
    """Lengths 2, 4, 6: the text of 4 words is nearest to the one of 2, so it has no penalty."""
    texts = ["a b", "a b c d", "a b c d e f"]
    penalty = math.exp(1 - 4 / 2)
    assert self_bleu(texts, n=1) == pytest.approx((penalty * 1 + 1 + 4 / 6) / 3)


def test_a_text_that_repeats_itself_alone_does_not_count():
    assert self_repetition(["a b c d a b c d", "e f g h"]) == 0
    assert self_repetition(["a b c d a b c d", "z a b c d"]) == 1
    assert self_repetition(["a b c", "a b c"]) == 0
    assert self_repetition(["a b c", "a b c"], n=3) == 1


def test_compression_ratio_is_zlibs():
    text = "\n".join(ROWS).encode()
    assert compression_ratio(ROWS) == len(text) / len(zlib.compress(text, 9))
    assert compression_ratio(["x"]) < 1
    assert math.isnan(compression_ratio([""]))
    assert compression_ratio(["a lone \ud800 surrogate"]) > 0


# --- Sampling ------------------------------------------------------------------------------------------


def test_a_sample_of_the_texts_is_near_the_whole_and_the_same_for_one_seed():
    draw = random.Random(1)
    texts = [" ".join(draw.choices("abcdefghijklmnop", k=draw.randint(3, 20))) for _ in range(400)]
    whole = rouge_l(texts, sample=0)
    assert rouge_l(texts, sample=400) == whole == rouge_l(texts)
    part = rouge_l(texts, sample=100)
    assert part == rouge_l(texts, sample=100)
    assert part != rouge_l(texts, sample=100, rng=np.random.default_rng(5))
    assert part == pytest.approx(whole, rel=0.1)


def test_rouge_l_does_not_depend_on_the_number_of_texts():
    """The mean over draws of a few texts is the value of all: a U estimator."""
    texts = ["a b c", "a c", "d e", "a e f", "b c d e", "f"]
    draws = [rouge_l(list(c)) for c in itertools.combinations(texts, 3)]
    assert sum(draws) / len(draws) == pytest.approx(rouge_l(texts))


# --- Claims --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_invariances_are_those_claimed(name):
    metric, before = catalog.get("metrics", name), catalog.get("metrics", name)(ROWS)
    order = [metric([ROWS[i] for i in order]) for order in ([6, 5, 4, 3, 2, 1, 0], [3, 0, 6, 2, 5, 1, 4])]
    hold = {"order"} if order == pytest.approx([before] * 2, rel=1e-12) else set()
    hold |= {"replication"} if metric(ROWS * 2) == pytest.approx(before, rel=1e-12) else set()
    assert hold == metric.invariant_to


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=30)
@given(texts=st.lists(st.text(max_size=20), min_size=1, max_size=5))
def test_any_text_has_a_value_in_the_range(name, texts):
    value = catalog.get("metrics", name)(texts)
    assert math.isnan(value) or 0 <= value <= (1 + 1e-12 if name not in ("mean_length", "compression_ratio") else 1032)


@pytest.mark.parametrize("name", NAMES)
def test_one_text(name):
    value = catalog.get("metrics", name)(["just one text here"])
    assert math.isnan(value) == (name in ("self_bleu", "rouge_l"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", ["one string", [], ["a", 3], [None], 7, b"bytes"])
def test_what_are_no_texts(name, bad):
    with pytest.raises(InputError):
        catalog.get("metrics", name)(bad)


@pytest.mark.parametrize("bad", ["one string", [], ["a", 3]])
def test_what_are_no_reference_texts(bad):
    with pytest.raises(InputError, match="reference texts"):
        vocabulary_overlap(["a"], bad)


@pytest.mark.parametrize("metric", [distinct_n, self_repetition, self_bleu])
@pytest.mark.parametrize("n", [0, -1, 1.5, math.nan])
def test_orders_that_cannot_be(metric, n):
    with pytest.raises(InputError, match="whole number"):
        metric(["a b", "b c"], n=n)


def test_samples_that_cannot_be():
    with pytest.raises(InputError, match="sample"):
        rouge_l(["a", "b"], sample=-1)
    assert math.isnan(rouge_l(["a", "b"], sample=1))


@pytest.mark.parametrize("name", [*NAMES, "vocabulary_overlap"])
def test_the_printed_name_parses_back_and_runs(name):
    metric = catalog.metric(catalog.get("metrics", name).printed())
    texts = (ROWS, ROWS[:3]) if name == "vocabulary_overlap" else (ROWS,)
    assert metric(*texts) == catalog.get("metrics", name)(*texts)
    assert metric.axioms == {}
