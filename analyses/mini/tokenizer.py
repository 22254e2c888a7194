"""The vocabulary: a Unigram model balanced over languages, and what each entry means in the teacher's vocabulary.

One small Unigram model is trained for each language, and the vocabulary is the mixture of the forty, so that a language
gets entries by its weight in the mixture and not by how much text it happens to have. Letters keep their vowel signs
(BERT's stripping of accents takes them from Indic scripts); only optional pointing (Arabic, Hebrew) goes.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import log
from pathlib import Path

import numpy as np
import pandas as pd
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

from diversity import store

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
# Scripts written without spaces, and punctuation: one form, wherever it stands.
UNSPACED = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Myanmar}\p{P}]"
SAME = (("[’‘ʼ`´]", "'"), ("[“”„«»]", '"'), ("[–—−]", "-"), ("\u0307", ""))
POINTING = (  # Hebrew and Arabic, and characters without width
    "[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u0652\u0670\u0640"
    "\u200b-\u200f\u202a-\u202e\u2060\ufeff]"
)
LONGEST = 16  # characters of an entry
RARE = 3  # occurrences below which a character is unknown
CHARACTERS = 400_000  # of a language that its model is trained on; of English three times as many


def bare(model: models.Model) -> Tokenizer:
    """A tokenizer around a model: uncased, punctuation apart, `▁` before words except in unspaced scripts."""
    tokenizer = Tokenizer(model)
    same = [normalizers.Replace(Regex(old), new) for old, new in SAME]
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizers.NFKC(),
            normalizers.Lowercase(),
            normalizers.Replace(Regex(POINTING), ""),
            *same,
            normalizers.NFC(),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.BertPreTokenizer(),
            pre_tokenizers.Metaspace(prepend_scheme="always", split=False),
            pre_tokenizers.Split(Regex(f"▁(?={UNSPACED})"), behavior="removed"),
        ]
    )
    return tokenizer


def pieces(texts: Sequence[str], size: int) -> dict[str, float]:
    """Probability of each entry of a Unigram model of one language, its frequent words among the entries.

    The trainer takes its candidates from the list of different words, so that a frequent word which is no part of
    another one is none of them; such words are added with their relative frequency.
    """
    tokenizer = bare(models.Unigram())
    trainer = trainers.UnigramTrainer(
        vocab_size=size, unk_token="[UNK]", special_tokens=["[UNK]"], show_progress=False, max_piece_length=LONGEST
    )
    tokenizer.train_from_iterator(texts, trainer)
    found = {piece: score for piece, score in json.loads(tokenizer.to_str())["model"]["vocab"] if piece != "[UNK]"}
    total = np.logaddexp.reduce(list(found.values()))
    model = {piece: float(np.exp(score - total)) for piece, score in found.items()}
    counts = words(tokenizer, texts)
    tokens = sum(len(e.ids) for e in tokenizer.encode_batch(list(texts)))
    model |= {w: max(n / tokens, model.get(w, 0.0)) for w, n in counts.items() if n >= 5 and len(w) <= LONGEST}
    characters = Counter(c for w, n in counts.items() for c in w * min(n, RARE))
    return {piece: p for piece, p in model.items() if len(piece) > 1 or characters[piece] >= RARE}


def words(tokenizer: Tokenizer, texts: Iterable[str]) -> Counter[str]:
    """How often each word stands in the texts, as the tokenizer's normaliser and splitter see them."""
    normal, split = tokenizer.normalizer.normalize_str, tokenizer.pre_tokenizer.pre_tokenize_str
    return Counter(word for text in texts for word, _ in split(normal(text)))


def sampled(texts: Sequence[str], characters: int, rng: np.random.Generator) -> list[str]:
    """Texts in random order until their characters are as many."""
    chosen, budget = [], characters
    for index in rng.permutation(len(texts)):
        if budget <= 0:
            break
        chosen.append(texts[index])
        budget -= len(texts[index])
    return chosen


def mixture(parts: dict[str, dict[str, float]], weights: dict[str, float], size: int) -> list[tuple[str, float]]:
    """All single characters, and of each language its most probable entries, as many as its weight says, until the
    vocabulary is full; each with the log of its probability in the mixture of all languages."""
    probability: dict[str, float] = defaultdict(float)
    rank: dict[str, float] = defaultdict(lambda: float("inf"))
    for language, part in parts.items():
        for place, piece in enumerate(sorted(part, key=lambda piece: (-part[piece], piece))):
            probability[piece] += part[piece] / len(parts)
            rank[piece] = 0 if len(piece) == 1 else min(rank[piece], place / weights[language])
    kept = sorted(rank, key=lambda piece: (rank[piece], piece))[: size - len(SPECIAL)]
    return [(piece, round(log(probability[piece]), 4)) for piece in kept]


def assemble(entries: list[tuple[str, float]]) -> Tokenizer:
    """The tokenizer of the entries, with BERT's special tokens and layout of pairs."""
    lowest = min(score for _, score in entries) - 10
    tokenizer = bare(models.Unigram([(s, lowest if s == "[UNK]" else 0.0) for s in SPECIAL] + entries, unk_id=1))
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def texts_by_language(corpus: Path) -> dict[str, list[str]]:
    """All sentences of each language, those with a translation first."""
    tables = [pd.read_parquet(corpus / f"{name}.parquet", columns=["language", "text"]) for name in ("pairs", "mono")]
    english = pd.read_parquet(corpus / "english.parquet")["text"].tolist()
    both = pd.concat(tables)
    found = {str(language): table["text"].tolist() for language, table in both.groupby("language") if language != "en"}
    return found | {"en": english}


def parts(corpus: Path, out: Path, *, seed: int = 0) -> dict[str, dict[str, float]]:
    """The model of each language, kept in a JSON file."""
    from tqdm import tqdm

    found = json.loads(out.read_text("utf-8")) if out.exists() else {}
    texts = texts_by_language(corpus)
    for language in tqdm(sorted(texts.keys() - found.keys()), desc="vocabulary", disable=None):
        english = language == "en"
        rng = np.random.default_rng([seed, *language.encode()])
        chosen = sampled(texts[language], CHARACTERS * (3 if english else 1), rng)
        found[language] = pieces(chosen, 16_000 if english else 6_000)
        store.write(out, json.dumps(found, ensure_ascii=False))
    return found


def train(corpus: Path, work: Path, *, size: int = 65_536, english: float = 5.0, seed: int = 0) -> Tokenizer:
    """The vocabulary of a corpus: English (the teacher's language) of more weight, the other languages of weight 1."""
    found = parts(corpus, work / "vocabulary.json", seed=seed)
    return assemble(mixture(found, {language: english if language == "en" else 1.0 for language in found}, size))


def save(tokenizer: Tokenizer, folder: Path, longest: int = 512) -> None:
    """The tokenizer as transformers reads it."""
    from transformers import PreTrainedTokenizerFast

    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL, strict=True))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, model_max_length=longest, **names).save_pretrained(folder)


def scripts(entries: Iterable[str]) -> dict[str, int]:
    """How many entries are of each script, by the Unicode name of their first letter."""
    counts: dict[str, int] = defaultdict(int)
    for entry in entries:
        letters = [c for c in entry if unicodedata.category(c)[0] == "L"]
        counts[unicodedata.name(letters[0], "?").split()[0] if letters else "other"] += 1
    return dict(sorted(counts.items(), key=lambda item: -item[1]))
