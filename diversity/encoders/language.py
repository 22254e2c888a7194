"""Is an encoder made for the language of some texts? As they are declared, or by how its tokenizer cuts their words."""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from diversity.encoders.registry import DEFAULT, MINI
from diversity.types import Encoder

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

# The languages that the encoders which come with the toolkit were trained on; those of mini as its card says.
LANGUAGES: Mapping[str, frozenset[str]] = {
    DEFAULT: frozenset(["en"]),
    MINI: frozenset(
        "af ar bg bn de el en es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi "
        "yo zh".split()
    ),
}
LOOK = 200  # texts
# Of 40 languages of NTREX-128 English has 1.27 sub-words per word and Vietnamese, the next, 1.76; where words are unknown
# instead (Thai, Telugu, Malayalam, Burmese) .21 to .93 of the sub-words are.
MOST_SUBWORDS, MOST_UNKNOWN = 1.7, 0.01


def warning(encoder: Encoder, texts: Sequence[str], languages: Sequence[str] = ()) -> str:
    """What to say where texts are not of a language that an encoder was trained on; empty where they are, or it is unknown.

    `languages` are those that are declared, if any; else it is seen from the first texts: an English encoder cuts the words
    of other languages into many sub-words, and any encoder finds unknown ones in a script that it has not learnt. Words are
    counted by blanks. Code and names have many sub-words too: this is a hint, not a test of language.
    """
    if encoder.name in LANGUAGES and languages:
        foreign = [language for language in languages if language not in LANGUAGES[encoder.name]]
        return (
            f"{_made_for(encoder.name)}, and these texts are in {', '.join(foreign)}" + _advice(encoder)
            if foreign
            else ""
        )
    tokenizer = getattr(getattr(encoder, "model", None), "tokenizer", None)
    if tokenizer is None:
        return ""
    some = list(islice(texts, LOOK))
    letters = ["".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" else " " for c in text) for text in some]
    unknown = np.mean(_ids(tokenizer, letters) == tokenizer.unk_token_id)  # of letters: no encoder knows every emoji
    per_word = len(_ids(tokenizer, some)) / max(1, sum(len(text.split()) for text in some))
    if unknown > MOST_UNKNOWN:
        scripts = Counter(unicodedata.name(c, "unknown").split()[0].title() for t in some for c in t if c.isalpha())
        seen = f"{scripts.most_common(1)[0][0]} letters, {unknown:.0%} unknown sub-words"
    elif encoder.name == DEFAULT and per_word > MOST_SUBWORDS:
        seen = f"{per_word:.1f} sub-words per word"
    else:
        return ""
    return f"{_made_for(encoder.name)}, and these texts do not look like it ({seen})" + _advice(encoder)


def _ids(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> NDArray[np.int64]:
    lines = tokenizer(list(texts), add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
    return np.array([i for line in lines for i in line] or [-1])


def _made_for(name: str) -> str:
    languages = LANGUAGES.get(name, frozenset())
    what = {0: "the languages of its vocabulary", 1: "English"}.get(len(languages), f"{len(languages)} languages")
    return f"{name} is made for {what}"


def _advice(encoder: Encoder) -> str:
    return (
        ": try --encoder mini" if encoder.name != MINI else ": take an encoder that knows them (--encoder owner/name)"
    )
