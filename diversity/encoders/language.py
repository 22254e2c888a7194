"""Is an encoder made for the language of some texts? Seen from how its tokenizer cuts their words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from diversity.types import Encoder

ENGLISH = ("all-MiniLM-L6-v2",)  # encoders that were trained on English alone
LOOK = 200  # texts
# Of 40 languages of NTREX-128 English has 1.27 sub-words per word and Vietnamese, the next, 1.76; where words are unknown
# instead (Thai, Telugu, Malayalam, Burmese) .21 to .93 of the sub-words are.
MOST_SUBWORDS, MOST_UNKNOWN = 1.7, 0.01


def warning(encoder: Encoder, texts: Sequence[str]) -> str:
    """What to say where texts do not look like English to an English encoder; empty where they do, and for others.

    Words are counted by blanks. Code and names have many sub-words too: this is a hint, not a test of language.
    """
    tokenizer = getattr(getattr(encoder, "model", None), "tokenizer", None)
    if encoder.name not in ENGLISH or tokenizer is None:
        return ""
    some = list(islice(texts, LOOK))
    ids = [
        i
        for line in tokenizer(some, add_special_tokens=False, truncation=False, verbose=False)["input_ids"]
        for i in line
    ]
    words = sum(len(text.split()) for text in some)
    per_word, unknown = len(ids) / max(1, words), ids.count(tokenizer.unk_token_id) / max(1, len(ids))
    if per_word <= MOST_SUBWORDS and unknown <= MOST_UNKNOWN:
        return ""
    seen = f"{unknown:.0%} unknown sub-words" if unknown > MOST_UNKNOWN else f"{per_word:.1f} sub-words per word"
    return f"{encoder.name} is made for English, and these texts do not look like it ({seen}): try --encoder mini"
