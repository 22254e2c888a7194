"""Hand-worked cases of the rules by which answers are compared. Every rule was read in the official scripts (SQuAD's
evaluate-v1.1.py, MLQA's mlqa_evaluation_v1.py), and every expected text worked out by hand."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diversity.types import InputError
from diversity.xtreme.normalise import mlqa, squad


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Cat", "cat"),
        ("an  apple\tand\u00a0a pear", "apple and pear"),  # a no-break space is white space
        ("anthem of Athens", "anthem of athens"),  # articles are whole words
        ("U.S.A.", "usa"),
        ("a.k.a.", "aka"),  # punctuation goes first: no article is left over
        ("1,000.50", "100050"),
        ("$5 + ~x~ = <y>", "5 x y"),  # string.punctuation holds signs, too
        ("«el gato»", "«el gato»"),  # nothing beyond ASCII, no articles but English ones
        ("l'été", "lété"),
        ("北京，the 大学", "北京， 大学"),
        ("北京the大学", "北京the大学"),  # no word ends between a Chinese character and a letter
        ("the", ""),
        ("", ""),
        ("...", ""),
    ],
)
def test_english_rules(text, expected):
    assert squad(text) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "The house, an inn and a barn", "house inn and barn"),
        ("en", "“the” — house…", "house"),  # punctuation of any script goes
        ("en", "$5 + 3", "5 3"),  # and the signs of ASCII
        ("en", "€5 × 3", "€5 × 3"),  # but no other signs
        ("es", "El río y LA casa de los Ángeles; unas, unos, un, una, las", "río y casa de ángeles"),
        ("es", "¿Qué? lo del él elefante", "qué lo del él elefante"),
        ("de", "Der Hund, die Katze und das Tier", "hund katze und tier"),
        ("de", "ein eine einen einem eines einer den dem des deren", "deren"),
        ("hi", "एक भारत। का a the", "एक भारत का a the"),  # no articles; the danda is punctuation
        ("vi", "Những con mèo của cái là chiếc", "con mèo"),
        ("vi", "láng cáit", "láng cáit"),
        ("ar", "الكتاب", "كتاب"),  # a prefix: what is left is a word of its own
        ("ar", "سالم والكتاب، في البيت؟", "س م و كتاب في بيت"),  # anywhere in a word, not only at its start
        ("zh", "在2008年，北京", "在 2008 年 北 京"),
        ("zh", "GDP增长 the一", "gdp 增 长 the 一"),  # no articles, Latin words whole
        ("zh", "《红楼梦》", "红 楼 梦"),
        ("zh", "龥龦", "龥 龦"),  # the range ends at U+9FA5: what follows is no token of its own...
        ("zh", "龦龦龥", "龦龦 龥"),  # ...but a run, as Latin letters are
    ],
)
def test_rules_of_mlqa(language, text, expected):
    assert mlqa(text, language) == expected


def test_a_language_that_mlqa_has_not_is_refused():
    with pytest.raises(InputError, match=r"expected a language among en, es, .*, found 'fr'"):
        mlqa("le chat", "fr")


@given(st.text())
def test_what_is_left_has_single_spaces_and_no_ascii_punctuation(text):
    for found in (squad(text), *(mlqa(text, language) for language in ("en", "es", "de", "vi", "hi", "zh"))):
        assert found == " ".join(found.split())
        assert not set(found) & set(string.punctuation)


@given(st.text())
def test_case_and_ends_make_no_difference(text):
    assert squad(f"  {text}. ") == squad(text)
    assert mlqa(f"  {text}。 ", "zh") == mlqa(text, "zh")
