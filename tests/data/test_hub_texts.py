"""Texts and models of the hub: which files are taken, at which commit, and what is said where the hub has none."""

import io
import json

import numpy as np
import pandas as pd
import pytest

from diversity.data import commits
from diversity.data.hub_texts import HubTexts
from diversity.data.texts import TextFiles
from diversity.types import InputError

OLD, NEW = "a" * 40, "b" * 40


def parquet(*texts: str) -> bytes:
    stream = io.BytesIO()
    pd.DataFrame({"title": texts, "label": range(len(texts))}).to_parquet(stream)
    return stream.getvalue()


@pytest.fixture
def news(reached, hub_module):
    """A data set whose main branch is at OLD."""
    files = {
        "README.md": b"# News",
        "data/train-00000-of-00002.parquet": parquet("one", "two"),
        "data/train-00001-of-00002.parquet": parquet("three"),
        "data/test-00000-of-00001.parquet": parquet("four"),
    }
    newer = {"data/train-00000-of-00001.parquet": parquet("five")}
    repo = hub_module.Repo(OLD, {OLD: files, NEW: newer}, branches={"v2": NEW})
    reached.repos["somebody/news"] = repo
    return repo


def test_a_name_is_resolved_once_and_its_commit_used_again(news, reached):
    source = TextFiles.parse("somebody/news:title")
    assert (source.name, source.origin) == ("news", f"somebody/news@{OLD} (train)")
    assert list(source.texts()) == ["one", "two", "three"]
    news.head = NEW
    assert list(TextFiles.parse("somebody/news").texts()) == ["one", "two", "three"]
    assert list(TextFiles.parse("mine=somebody/news@main:title").texts()) == ["five"]
    assert list(TextFiles.parse("somebody/news@v2").texts()) == ["five"]
    assert list(TextFiles.parse(f"somebody/news@{OLD}:test:title").texts()) == ["four"]
    assert list(TextFiles.parse("https://huggingface.co/datasets/somebody/news:test:title").texts()) == ["four"]
    asked = len(reached.requests)
    assert commits.commit_of("somebody/news", kind="dataset") == OLD
    assert len(reached.requests) == asked


def test_without_the_hub_what_was_downloaded_is_read(news, reached, monkeypatch):
    from huggingface_hub import constants

    TextFiles.parse("somebody/news")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert list(TextFiles.parse("somebody/news").texts()) == ["one", "two", "three"]
    with pytest.raises(
        InputError, match=r"somebody/news@aaaaaaaaaaaa: expected files of the split test, found data/train"
    ):
        TextFiles.parse("somebody/news:test:title")


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("nobody/nothing", r"nobody/nothing@main: expected a data set of the hub .* found RepositoryNotFoundError"),
        ("somebody/news@v9", r"somebody/news@v9: expected a data set of the hub .* found RevisionNotFoundError"),
        (
            "somebody/news@main:dev:title",
            r"somebody/news@aaaaaaaaaaaa: expected files of the split dev, found README.md, data/test",
        ),
        ("somebody/news@main/fr", r"somebody/news: expected a configuration among \(it has none\), found 'fr'"),
        ("somebody/news.csv", r"somebody/news.csv: expected a file, a folder or a glob"),
    ],
)
def test_what_the_hub_does_not_have_is_one_line(spec, message, news):
    with pytest.raises(InputError, match=message) as raised:
        TextFiles.parse(spec)
    assert "\n" not in str(raised.value)


def test_the_hubs_own_conversion_is_read_where_the_files_are_of_another_form(news, reached):
    news.commits[OLD] = {"news.zip": b"PK"}
    news.commits[NEW] = {"default/train/0000.parquet": parquet("converted"), "default/test/0000.parquet": parquet("no")}
    news.branches = {"refs/convert/parquet": NEW}
    source = TextFiles.parse("somebody/news")
    assert (list(source.texts()), source.origin) == (["converted"], f"somebody/news@{NEW} (train)")


def test_an_unknown_field_names_the_fields(news):
    with pytest.raises(InputError, match="unknown field 'titel': did you mean title"):
        list(TextFiles.parse("somebody/news:titel").texts())


CARD = {
    "configs": [
        {"config_name": "en", "data_files": [{"split": "train", "path": "english/*.jsonl"}]},
        {"config_name": "fi", "data_files": {"train": "finnish/a.jsonl", "validation": "finnish/b.jsonl"}},
    ]
}


@pytest.mark.parametrize(
    ("spec", "published", "card", "expected"),
    [
        ("a/b", ["train.csv", "test.csv", "README.md", ".gitattributes"], {}, ["train.csv"]),
        ("a/b", ["x.jsonl", "LICENSE.txt", "dataset_infos.json"], {}, ["x.jsonl"]),
        ("a/b", ["b.txt.gz", "a.txt.gz"], {}, ["b.txt.gz", "a.txt.gz"]),
        ("a/b", ["default/train/0000.parquet", "train.csv", "raw/train.csv"], {}, ["default/train/0000.parquet"]),
        (
            "a/b@main/fi:dev",
            ["fi/validation.jsonl", "en/validation.jsonl", "fi/train.jsonl"],
            {},
            ["fi/validation.jsonl"],
        ),
        ("a/b@main/en", ["english/1.jsonl", "finnish/a.jsonl"], CARD, ["english/1.jsonl"]),
        ("a/b@main/fi:dev", ["finnish/a.jsonl", "finnish/b.jsonl"], CARD, ["finnish/b.jsonl"]),
        ("a/b@main/fi:validation", ["finnish/b.jsonl"], CARD, ["finnish/b.jsonl"]),
        ("a/b:test", ["train.csv"], {}, []),
        ("a/b", ["constrained.csv", "test.csv"], {}, []),
    ],
)
def test_the_files_of_a_split_are_those_of_the_card_or_of_its_name(spec, published, card, expected):
    assert HubTexts.parse(spec).choose(published, card) == expected


@pytest.mark.parametrize(
    ("spec", "published", "card", "message"),
    [
        ("a/b", [], CARD, "a/b: expected a configuration among en, fi, found none named: write a/b@main/en"),
        ("a/b@main/e", [], CARD, "expected a configuration among en, fi, found 'e'"),
        ("a/b", ["en/train.csv", "fi/train.csv"], {}, "expected a configuration among en, fi, found none named"),
        ("a/b", ["train-00000-of-00002.parquet"], {}, "expected one whole set of shards"),
    ],
)
def test_a_configuration_is_named_where_there_are_several(spec, published, card, message):
    with pytest.raises(InputError, match=message):
        HubTexts.parse(spec).choose(published, card)


def test_what_is_no_name_of_the_hub():
    names = ["news.csv", "a/b/c", "../a", "a/b.jsonl.gz", "a/*", "~/texts", "a b/c", "/a/b"]
    assert [HubTexts.parse(name) for name in names] == [None] * len(names)


def test_a_plan_and_a_grid_name_the_commit_of_their_model(news, tmp_path, samples, capsys):
    from diversity.cli import main
    from diversity.grid.build import Builder
    from diversity.grid.fingerprints import Fingerprints
    from diversity.planning.plans import read_plan

    plan = tmp_path / "plan.toml"
    options = ["--tasks", "mnli,qqp,ccg", "--size", "2", "--scheme", "closed", "--targets", "tatoeba", "--draws", "20"]
    with pytest.raises(SystemExit) as stop:
        main(["design", *options, "--model", "somebody/news", "--output", str(plan)])
    assert not stop.value.code
    assert f"note: somebody/news is somebody/news@{OLD}\n" in capsys.readouterr().err
    assert read_plan(plan).model == f"somebody/news@{OLD}"
    plan.write_text(plan.read_text().replace(f"somebody/news@{OLD}", "somebody/news"))
    news.head = NEW
    built = Builder(read_plan(plan), samples, Fingerprints())
    assert (built.plan.model, built.model.data["model"]) == (f"somebody/news@{OLD}", OLD)


SCORE = ["score", "somebody/news:title", "--encoder", "somebody/encoder", "--metrics", "cosine"]


def test_the_command_says_and_records_the_commits_of_texts_and_encoder(
    news, reached, hub_module, run, tmp_path, small, monkeypatch
):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

    word = Transformer(str(small.folder(tmp_path / "bert")))
    SentenceTransformer(modules=[word, Pooling(32)]).save(str(tmp_path / "encoder"))
    files = (p for p in (tmp_path / "encoder").rglob("*") if p.is_file())
    content = {p.relative_to(tmp_path / "encoder").as_posix(): p.read_bytes() for p in files}
    reached.repos["somebody/encoder"] = hub_module.Repo(NEW, {NEW: content})

    monkeypatch.chdir(tmp_path)
    options = ["--cache", tmp_path / "vectors", "--save-moments", "moments", "--format", "json"]
    code, out, err = run(*SCORE, *options)
    assert code == 0, err
    assert f"note: news is somebody/news@{OLD} (train)\n" in err
    assert f"note: somebody/encoder is somebody/encoder@{NEW}\n" in err
    assert json.loads(out)[0]["encoder"] == "somebody/encoder"
    recorded = json.loads(str(np.load(tmp_path / "moments" / "somebody" / "encoder" / "news.npz")["provenance"]))
    assert recorded["source"] == f"somebody/news@{OLD} (train)"
    assert recorded["encoder"]["revision"] == NEW
