"""How question answering compares texts: SQuAD's English rules, and MLQA's rules for each of its languages.

XQuAD and TyDi QA are scored with the English rules in every language. Sources: SQuAD's `evaluate-v1.1.py` and MLQA's
`mlqa_evaluation_v1.py`, as google-research/xtreme 838c13b has them in `third_party/`.
"""

from __future__ import annotations

import re
import string
import unicodedata

from diversity.types import InputError


class _WithoutPunctuation(dict[int, int | None]):
    """For `str.translate`: no ASCII punctuation and no character of a Unicode category P; filled as it is used."""

    def __missing__(self, code: int) -> int | None:
        mark = chr(code) in string.punctuation or unicodedata.category(chr(code)).startswith("P")
        self[code] = None if mark else code
        return self[code]


_ASCII = str.maketrans("", "", string.punctuation)
_UNICODE = _WithoutPunctuation()


def _words(words: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{'|'.join(words.split())})\b")


# MLQA's articles, as whole words; Vietnamese has classifiers and the like, Hindi and Chinese nothing.
_ARTICLES = {
    "en": _words("a an the"),
    "es": _words("un una unos unas el la los las"),
    "de": _words("ein eine einen einem eines einer der die das den dem des"),
    "vi": _words("của là cái chiếc những"),
    # The Arabic article is a prefix, and the rule takes these two letters away wherever they stand.
    "ar": re.compile("ال"),
    "hi": None,
    "zh": None,
}
_HAN = re.compile("([\u4e00-\u9fa5])")


def squad(text: str) -> str:
    """A text in lower case, without ASCII punctuation, without a, an and the as words, and with single spaces.

    >>> squad("The  Cat's (a) hat")
    'cats hat'
    >>> squad("« Die Katze »")  # punctuation beyond ASCII and the articles of other languages stay
    '« die katze »'
    """
    return " ".join(_ARTICLES["en"].sub(" ", text.lower().translate(_ASCII)).split())  # type: ignore[union-attr]


def mlqa(text: str, language: str) -> str:
    """A text by MLQA's rules: lower case, no Unicode punctuation, no articles of the language, single spaces.

    In Chinese every character from U+4E00 to U+9FA5 is a token of its own. Raises InputError for a language that MLQA
    has not.

    >>> mlqa("« Die Katze »", "de")
    'katze'
    >>> mlqa("在2008年，", "zh")
    '在 2008 年'
    """
    if language not in _ARTICLES:
        raise InputError(f"mlqa: expected a language among {', '.join(_ARTICLES)}, found {language!r}")
    plain, articles = text.lower().translate(_UNICODE), _ARTICLES[language]
    if articles is not None:
        plain = articles.sub(" ", plain)
    if language == "zh":
        plain = _HAN.sub(r" \1 ", plain)
    return " ".join(plain.split())
