"""Gold labels through features, logits, decoding and the leaderboard's files: the official scores are 100."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from diversity import catalog
from diversity.data import sources
from diversity.features.build import IGNORE, FeatureSettings, build
from diversity.features.decode import predictions
from diversity.types import Answer, InputError, MultipleChoice, Rows, Span, Text
from diversity.xtreme import layout, references, scores

specification = importlib.util.spec_from_file_location("subwords", Path(__file__).parents[1] / "subwords.py")
subwords = importlib.util.module_from_spec(specification)
specification.loader.exec_module(subwords)


def gold_logits(found, classes: int):
    if found.kind == "span":
        logits = np.zeros((len(found.ids), 2), dtype=np.float32)
        known = found.labels[:, 0] != IGNORE
        for side in (0, 1):
            logits[found.starts[:-1][known] + found.labels[known, side], side] = 1
        return logits
    return np.eye(classes, dtype=np.float32)[np.maximum(found.labels, 0)]


@pytest.mark.parametrize(
    ("name", "language"),
    [("xnli", "th"), ("xnli", "en"), ("pawsx", "ja"), ("udpos", "ta"), ("panx", "ja"), ("xquad", "hi"), ("xquad", "en"),
     ("mlqa", "zh"), ("tydiqa", "ko")],
)  # fmt: skip
def test_gold_labels_score_100_in_the_leaderboards_files(name: str, language: str, samples, tmp_path) -> None:
    task = catalog.task(name)
    rows = list(sources.rows(task, Rows.of(samples, split="test", languages=[language])))
    tokenizer = subwords.tokenizer("wordpiece")
    found = build(rows, tokenizer, FeatureSettings(kind=task.kind, labels=task.labels, max_length=128))
    logits = gold_logits(found, len(task.labels))
    predicted = predictions(found, rows, logits, task.labels, max_answer_length=128)
    layout.write_predictions(tmp_path, name, language, predicted)
    again = layout.read_predictions(tmp_path, name, language)
    official = scores.scores_of(name, language, references.gold(name, samples, "test", language), again)
    assert official
    assert set(official.values()) == {100.0}


def test_choices_are_indices_and_texts_have_no_prediction() -> None:
    fast = subwords.tokenizer("bytes")
    rows = [MultipleChoice("1", "en", "", "q", ("a", "b"), 1)]
    found = build(rows, fast, FeatureSettings(kind="multiple_choice", max_length=16))
    assert predictions(found, rows, np.array([0.0, 1.0])) == [1]
    texts = [Text("1", "en", "a")]
    with pytest.raises(InputError, match="expected features of a task with labels, found mlm"):
        predictions(build(texts, fast, FeatureSettings(kind="mlm", max_length=16)), texts, np.zeros(1))


def test_question_ids_that_repeat_are_refused() -> None:
    rows = [Span("7", "en", "q", "a b", (Answer("a", 0),))] * 2
    found = build(rows, subwords.tokenizer("wordpiece"), FeatureSettings(kind="span", max_length=16))
    with pytest.raises(InputError, match="an id of its own for each question, found '7' 2 times"):
        predictions(found, rows, gold_logits(found, 0))
    with pytest.raises(InputError, match=r"expected logits of shape \(\d+, 2\), found \(3, 3\)"):
        predictions(found, rows, np.zeros((3, 3)))
