"""Gold labels of real data there and back, in every language that is here: what does not come back has its cause."""

from __future__ import annotations

import importlib.util
from functools import cache
from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from diversity import catalog
from diversity.data import sources
from diversity.features import decode
from diversity.features import subwords as tokens
from diversity.features.build import IGNORE, FeatureSettings, build
from diversity.types import InputError, Rows

specification = importlib.util.spec_from_file_location("subwords", Path(__file__).parents[1] / "subwords.py")
subwords = importlib.util.module_from_spec(specification)
specification.loader.exec_module(subwords)


@pytest.fixture(scope="module", params=subwords.NAMES)
def source(request):
    tokenizer = subwords.tokenizer(request.param)
    return tokenizer, tokens.adapter(tokenizer)


@cache
def labelled(name: str, split: str, data: Path, count: int) -> tuple:
    """Some labelled rows of each language that is here, from the first ten times as many."""
    task, out = catalog.task(name), []
    for language in task.languages:
        try:
            rows = list(
                islice(sources.rows(task, Rows.of(data, split=split, languages=[language], bad=[])), 10 * count)
            )
        except InputError:
            continue
        rows = [r for r in rows if (r.answers if task.kind == "span" else r.tags) is not None]
        out += rows[:: max(1, len(rows) // count)][:count]
    return tuple(out)


def explained(row, text: str, tokenizer) -> bool:
    """By the tokenizer's own offsets: does the answer begin or end inside a token, or have what none covers?"""
    gold = row.answers[0]
    begin, end = gold.start, gold.start + len(gold.text)
    offsets = tokenizer(row.context, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    spans = [s for s in offsets["offset_mapping"] if s[0] < s[1]]
    crossed = any(a < begin < b or a < end < b for a, b in spans)
    return crossed or text == gold.text.strip() or not any(a < end and b > begin for a, b in spans)


@pytest.mark.parametrize(
    ("name", "split"), [("xquad", "test"), ("mlqa", "dev"), ("tydiqa", "train"), ("squad_v2", "dev")]
)
def test_answers_come_back_or_have_a_cause(name: str, split: str, real, source) -> None:
    tokenizer, adapted = source
    rows = labelled(name, split, real, 30)
    if not rows:
        pytest.skip(f"no {name} in the folder of real data")
    found = build(rows, adapted, FeatureSettings(kind="span", max_length=384))
    start, end = np.zeros((2, len(found.ids)), dtype=np.float32)
    known = found.labels[:, 0] != IGNORE
    start[found.starts[:-1][known] + found.labels[known, 0]] = 1
    end[found.starts[:-1][known] + found.labels[known, 1]] = 1
    threshold = 0.0 if name == "squad_v2" else None
    back = decode.spans(found, rows, start, end, max_answer_length=384, null_threshold=threshold, n_best=1)
    wrong = [(r, b.text) for r, b in zip(rows, back, strict=True) if b.text != (r.answers[0].text if r.answers else "")]
    held = [r for r, _ in wrong if (found.labels[found.example == rows.index(r)] == 0).all()]  # longer than a window
    assert all(r in held or explained(r, text, tokenizer) for r, text in wrong)
    assert len(held) <= 2
    assert len(wrong) < 0.15 * len(rows), "a small Unigram vocabulary joins unknown characters to one token"


@pytest.mark.parametrize(("name", "split"), [("udpos", "test"), ("udpos", "dev"), ("panx", "dev"), ("ccg", "train")])
def test_all_tags_come_back(name: str, split: str, real, source) -> None:
    rows = labelled(name, split, real, 50)
    if not rows:
        pytest.skip(f"no {name} in the folder of real data")
    labels = tuple(sorted({t for r in rows for t in r.tags}))
    found = build(rows, source[1], FeatureSettings(kind="tagging", labels=labels, max_length=12))
    assert len(found) > len(rows), "some sentences are longer than the model"
    assert decode.tags(found, rows, found.labels, labels) == [r.tags for r in rows]
