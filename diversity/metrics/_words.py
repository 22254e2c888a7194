"""Words of texts, the same for every lexical metric.

A text is lower-cased and put into Unicode's composed form (NFC). Its words are the longest runs of letters, digits,
underscores and combining marks (`\\w+`, where Python leaves the marks out and would cut Hindi words at their vowel
signs). In the scripts that are written without spaces (Han, Hiragana, Katakana, Thai, Lao, Khmer, Burmese) each
character, with the marks that follow it, is a word. Punctuation separates: `don't` has two words.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import groupby

from diversity.types import InputError

UNSPACED = (
    "\u0e00-\u0eff"  # Thai, Lao
    "\u1000-\u109f\ua9e0-\ua9ff\uaa60-\uaa7f"  # Burmese
    "\u1780-\u17ff\u19e0-\u19ff"  # Khmer
    "\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f"  # Japanese: iteration mark and zero, kana
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af"  # Han
)


@cache
def _pattern() -> re.Pattern[str]:
    marks = [c for c in (*range(0x300, 0x20000), *range(0xE0100, 0xE01F0)) if unicodedata.category(chr(c))[0] == "M"]
    runs = [[c for _, c in run] for _, run in groupby(enumerate(marks), lambda pair: pair[1] - pair[0])]
    mark = "".join(f"{chr(run[0])}-{chr(run[-1])}" for run in runs)
    spaced = rf"[^\W{UNSPACED}]"
    return re.compile(rf"{spaced}+(?:[{mark}]+{spaced}*)*|(?=\w)[{UNSPACED}][{mark}]*")


def words(text: str) -> list[str]:
    """The words of a text.

    >>> words("Don't stop: 第3章 हिन्दी")
    ['don', 't', 'stop', '第', '3', '章', 'हिन्दी']
    """
    return _pattern().findall(unicodedata.normalize("NFC", text.lower()))


def checked(texts: Iterable[str], what: str = "texts") -> list[str]:
    """Texts as a list; raises InputError for none, for one string in place of a list, and for what is no text."""
    if isinstance(texts, str | bytes) or not isinstance(texts, Iterable):
        raise InputError(f"expected a list of {what}, found {type(texts).__name__}")
    items = list(texts)
    if not items:
        raise InputError(f"expected at least one of the {what}, found none")
    for i, text in enumerate(items):
        if not isinstance(text, str):
            raise InputError(f"expected {what} that are strings, found {type(text).__name__} at {i}")
    return items


def grams(items: list[str], n: int) -> Iterator[tuple[str, ...]]:
    """The n-grams of a text's words.

    >>> list(grams(["a", "b", "c"], 2))
    [('a', 'b'), ('b', 'c')]
    """
    return zip(*(items[k:] for k in range(n)), strict=False)
