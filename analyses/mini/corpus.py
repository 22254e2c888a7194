"""The text that the encoder learns from: cleaned, de-duplicated, nothing of an evaluation set in it.

Reads the folder of `multilingual_text` (`parallel/<source>/en-xx.tsv`, `mono/<language>/<source>.txt`, `MANIFEST.csv`) and
writes three Parquet files: `english` (each English sentence once; a row's number is its number in the teacher's vectors),
`pairs` (language, source, English row, translation) and `mono` (language, source, sentence).
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from diversity import store

# Where an evaluation sentence could come from: every text of every file here, training splits apart.
# The stand-in for the German, French and Russian parts of BUCC is made of newstest 2019, as NTREX-128 is, and is no
# published evaluation set: NTREX stays, and the encoder is not to be scored on the stand-in.
EVALUATION = ("tatoeba", "xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc2018")
WHOLE_WORDS = ("udpos", "panx")  # a token a line, a blank line after a sentence
LONGEST = 1000  # characters
# Punctuation, symbols, spaces and controls of the basic plane (a class that reaches beyond it is searched slowly).
_NEITHER = re.compile(
    "["
    + re.escape("".join(c for c in map(chr, range(0xD800)) if unicodedata.category(c)[0] in "PSZC"))
    + "\uf000-\uf8ff\ufe00-\ufe0f\ufeff\uff00-\uff0f\ufff0-\uffff]+"
)
SENTENCE_END = re.compile(r"(?<=[.!?。！？।؟၊။…])\s*")


def normal(text: str) -> str:
    """The text's letters and digits: case, punctuation, spaces and compatibility forms do not tell two texts apart.

    >>> normal("Déjà  VU!") == normal("déjà vu")
    True
    """
    return _NEITHER.sub("", unicodedata.normalize("NFKC", text).casefold())


def key(text: str) -> bytes:
    """Hash of the normal form; of a text without letters or digits, of the text itself."""
    return hashlib.blake2b((normal(text) or text.strip()).encode(), digest_size=8).digest()


def parts(text: str) -> list[str]:
    """The text and its sentences, those of at least 20 letters (shorter ones say nothing of where a text is from)."""
    sentences = [s for s in SENTENCE_END.split(text) if s]
    return [text, *(s for s in sentences if len(normal(s)) >= 20)] if len(sentences) > 1 else [text]


def _strings(node: object) -> Iterator[str]:
    """Contexts, questions and other texts of a JSON tree; ids and answers (single words, numbers) apart."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name not in ("id", "version", "answers", "title"):
                yield from [value] if isinstance(value, str) else _strings(value)
    elif isinstance(node, list):
        for value in node:
            yield from _strings(value)


def _sentences_of_tokens(path: Path) -> Iterator[str]:
    words: list[str] = []
    for line in [*path.read_text(encoding="utf-8").splitlines(), ""]:
        if line.strip():
            words.append(line.split("\t")[0])
        elif words:
            yield " ".join(words)
            words = []


def evaluation_texts(data: Path) -> Iterator[str]:
    """Every text of the evaluation files in the folder of real data."""
    for name in EVALUATION:
        for path in sorted((data / name).rglob("*")):
            if not path.is_file() or "train" in path.name or path.suffix == ".gold":
                continue
            if path.suffix == ".json":
                yield from _strings(json.loads(path.read_text(encoding="utf-8")))
            elif name in WHOLE_WORDS:
                yield from _sentences_of_tokens(path)
            else:
                for line in path.read_text(encoding="utf-8").splitlines():
                    yield from line.split("\t")


def evaluation_keys(texts: Iterable[str]) -> frozenset[bytes]:
    """Hashes of texts and of their sentences."""
    return frozenset(key(part) for text in texts for part in parts(text))


def clean(text: str) -> str:
    """One line in NFC without wiki quotes, bullets and runs of spaces."""
    text = re.sub(r"(?<!\S)'{1,5}(?!\S)|''+|^[#*:;\s]+", " ", unicodedata.normalize("NFC", text))
    return " ".join(text.split())


class Filter:
    """Lets a text through once, if it has letters, is not too long and no part of it is an evaluation text."""

    def __init__(self, forbidden: frozenset[bytes]) -> None:
        self.forbidden, self.dropped = forbidden, Counter[str]()

    def allows(self, *texts: str) -> bool:
        """Whether all the texts of a row may stay; what is dropped is counted by reason."""
        if any(not normal(t) or len(t) > LONGEST for t in texts):
            self.dropped["empty or long"] += 1
        elif any(key(part) in self.forbidden for t in texts for part in parts(t)):
            self.dropped["evaluation"] += 1
        else:
            return True
        return False


def free(manifest: Path) -> set[str]:
    """Files whose licence lets what is learnt from them ship."""
    with manifest.open(encoding="utf-8", newline="") as stream:
        return {r["file"] for r in csv.DictReader(stream) if not re.search("non-?commercial|-NC", r["licence"], re.I)}


def _unique(rows: list[tuple[str, str, str, str]]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["language", "source", "english", "text"])
    return table[
        ~pd.DataFrame({c: table[c].map(key) for c in ("english", "text")}).assign(l=table.language).duplicated()
    ]


def read(folder: Path, check: Filter) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Pairs (with their English text) and monolingual sentences that the filter lets through, in a fixed order."""
    allowed = free(folder / "MANIFEST.csv")
    pairs, mono = [], []
    for name in sorted(allowed):
        kind, *_ = name.split("/")
        for line in (folder / name).read_text(encoding="utf-8").splitlines():
            texts = [clean(cell) for cell in line.split("\t")]
            if kind == "parallel" and len(texts) == 2 and check.allows(*texts):
                pairs.append((Path(name).stem[3:], name.split("/")[1], *texts))
            elif kind == "mono" and check.allows(" ".join(texts)):
                mono.append((name.split("/")[1], Path(name).stem, "", " ".join(texts)))
    return _unique(pairs), _unique(mono).drop(columns="english")


def prepare(text: Path, data: Path, out: Path) -> dict[str, int]:
    """Write the corpus; the counts of what is in it and of what was dropped."""
    check = Filter(evaluation_keys(evaluation_texts(data)))
    pairs, mono = read(text, check)
    english = pd.concat([pairs["english"], mono.loc[mono.language == "en", "text"]]).drop_duplicates()
    rows = pd.Series(range(len(english)), index=english.to_numpy())
    pairs = pairs.assign(english=rows.loc[pairs["english"]].to_numpy("int32"))
    out.mkdir(parents=True, exist_ok=True)
    for name, table in (("english", english.to_frame("text")), ("pairs", pairs), ("mono", mono)):
        with store.replacing(out / f"{name}.parquet") as stream:
            table.to_parquet(stream, index=False)
    counts = {"english": len(english), "pairs": len(pairs), "mono": len(mono), "forbidden": len(check.forbidden)}
    counts |= {f"dropped: {reason}": n for reason, n in sorted(check.dropped.items())}
    store.write(out / "counts.json", json.dumps(counts, indent=1))
    return counts
