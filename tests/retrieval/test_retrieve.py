"""The retrieval targets from files to rows and predictions, with vectors that are known, and on the real files."""

import csv
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diversity import InputError, Mixture, catalog
from diversity.cli import main
from diversity.encoders.cache import embed
from diversity.encoders.hidden_states import SentenceVectors, layer_encoder
from diversity.results import ALWAYS, Lineage
from diversity.retrieval import retrieve as retrieving
from diversity.retrieval.retrieve import Mining, bitext, plan, retrieve
from diversity.types import Rows
from diversity.xtreme import layout, references
from diversity.xtreme.scores import scores_of


@dataclass(frozen=True)
class Known:
    """An encoder whose vector of a text is that of its key: texts of one key are translations of each other."""

    key: Callable[[str], str]
    name: str = "known"
    settings: Mapping[str, Any] | None = field(default=None)

    def encode(self, texts: list[str]) -> np.ndarray:
        seeds = (zlib.crc32(self.key(text).encode()) for text in texts)
        return np.stack([np.random.default_rng(seed).standard_normal(256) for seed in seeds]).astype(np.float32)


NUMBER = Known(lambda text: text.split()[-1])  # "Satz 7" and "sentence 7" are alike


@pytest.fixture
def data(write, tmp_path):
    """Tatoeba in German and Swahili, BUCC in German with dev and test."""
    order = [3, 0, 2, 1]
    write("data/tatoeba/v1/tatoeba.deu-eng.deu", "".join(f"Satz {n}\n" for n in order))
    write("data/tatoeba/v1/tatoeba.deu-eng.eng", "".join(f"sentence {n}\n" for n in order))
    write("data/tatoeba/v1/tatoeba.swh-eng.swh", "sentensi 1\nsentensi 3\nsentensi 2\n")
    write("data/tatoeba/v1/tatoeba.swh-eng.eng", "sentence 1\nsentence 2\nsentence 3\n")
    for split, pairs in (("dev", 6), ("test", 8)):
        lines = [f"de-{n:03d}\tSatz {split}{n}\n" for n in range(20)]
        write(f"data/bucc2018/de-en.{split}.de", "".join(lines))
        english = [f"en-{n:03d}\tsentence {split}{n if n < pairs else 100 + n}\n" for n in range(30)]
        write(f"data/bucc2018/de-en.{split}.en", "".join(english))
        write(f"data/bucc2018/de-en.{split}.gold", "".join(f"de-{n:03d}\ten-{n:03d}\n" for n in range(pairs)))
    return tmp_path / "data"


def value(table, **where):
    for name, wanted in where.items():
        table = table[table[name] == wanted]
    assert len(table) == 1
    return table["value"].iloc[0]


def test_rows_and_predictions_of_tatoeba(data, tmp_path):
    table = retrieve(NUMBER, ["tatoeba"], data=data, output=tmp_path / "predictions")
    assert tuple(table.columns) == ALWAYS
    assert value(table, language="de") == 100
    assert np.isclose(value(table, language="sw"), 100 / 3)  # 2 and 3 are in each other's line
    assert set(table["n"]) == {4, 3}
    # The English sentences sorted: 0, 1, 2, 3; their translations stand in lines 1, 3, 2, 0.
    assert (tmp_path / "predictions/tatoeba/test-de.tsv").read_text() == "1\n3\n2\n0\n"


def test_rows_say_what_they_are_of(data):
    mixture = Mixture.of(["mnli", "qqp"], sampling="uniform", budget=1000)
    german, lineage = Rows(data, "test", ("de",)), Lineage("known", mixture=mixture, seed=3)
    row = retrieve(NUMBER, ["tatoeba"], data=german, lineage=lineage).iloc[0]
    shown = {name: row[name] for name in ("model", "mixture", "tasks", "sampling", "budget", "target", "split", "seed")}
    assert shown == dict(model="known", mixture="mnli+qqp", tasks="mnli+qqp", sampling="uniform", budget=1000,
                         target="tatoeba", split="test", seed=3)  # fmt: skip
    other = retrieve(NUMBER, ["tatoeba"], data=german, lineage=replace(lineage, seed=4)).iloc[0]
    assert len(row["run"]) == 64
    assert row["run"] != other["run"]


def test_pairs_are_mined_with_the_threshold_of_dev(data, tmp_path):
    table = retrieve(NUMBER, ["bucc2018"], data=data, output=tmp_path)
    assert [value(table, metric=m) for m in ("f1", "precision", "recall")] == [100, 100, 100]
    assert set(table["n"]) == {8}
    threshold = table["threshold"].iloc[0]
    dev = retrieve(NUMBER, ["bucc2018"], data=Rows(data, "dev"))
    assert threshold == dev["threshold"].iloc[0] > 1
    assert (tmp_path / "bucc2018/test-de.tsv").read_text().splitlines()[0].split("\t")[0].startswith("de-00")
    given = retrieve(NUMBER, ["bucc2018"], data=data, mining=Mining(threshold=0.0))
    assert value(given, metric="precision") < 100 == value(given, metric="recall")


def test_settings_of_mining_stand_in_the_rows(data):
    mining = Mining(k=2, margin="distance", retrieval="intersect", repeated="expand")
    row = retrieve(NUMBER, ["bucc2018"], data=Rows(data, "dev"), mining=mining).iloc[0]
    shown = [row[n] for n in ("k", "margin", "retrieval", "repeated", "split")]
    assert shown == [2, "distance", "intersect", "expand", "dev"]


def test_without_gold_there_are_predictions_and_no_score(data, tmp_path):
    (data / "bucc2018/de-en.test.gold").unlink()
    notes: list[str] = []
    table = retrieve(NUMBER, ["bucc2018"], data=data, output=tmp_path, notify=notes.append)
    assert table.empty
    assert tuple(table.columns) == ALWAYS
    assert notes == ["bucc2018 (test, de): the gold pairs are withheld: no score"]
    assert len((tmp_path / "bucc2018/test-de.tsv").read_text().splitlines()) == 8


def test_without_dev_a_threshold_is_asked_for(data):
    for path in (data / "bucc2018").glob("*.dev.*"):
        path.unlink()
    with pytest.raises(InputError, match=r"dev.*found none"):
        retrieve(NUMBER, ["bucc2018"], data=data)
    assert not retrieve(NUMBER, ["bucc2018"], data=data, mining=Mining(threshold=1.1)).empty


def test_a_sentence_that_stands_twice_is_in_no_pair(data):
    path = data / "bucc2018/de-en.dev.de"
    path.write_text(path.read_text() + "de-900\tSatz dev0\n")
    dropped = retrieve(NUMBER, ["bucc2018"], data=Rows(data, "dev"))
    assert np.isclose(value(dropped, metric="recall"), 100 * 5 / 6)
    expanded = retrieve(NUMBER, ["bucc2018"], data=Rows(data, "dev"), mining=Mining(repeated="expand"))
    assert value(expanded, metric="recall") == 100
    assert np.isclose(value(expanded, metric="precision"), 100 * 6 / 7)


def test_what_cannot_be_is_refused_before_anything_is_encoded(data):
    class Never:
        name = "never"

        def encode(self, texts):
            raise AssertionError

    for words, settings in (
        ("unknown retrieval target 'tatoba': did you mean tatoeba", {"targets": ["tatoba"]}),
        ("expected targets among tatoeba, bucc2018, found none", {"targets": []}),
        ("unknown language of tatoeba, bucc2018 'xx'", {"data": Rows(data, "test", ("xx",))}),
        ("bucc2018: expected a language among de, fr, ru, zh, found sw", {"data": Rows(data, "test", ("sw",))}),
        ("tatoeba-like|fra", {"data": Rows(data, "test", ("fr",))}),
        ("unknown split 'tset'", {"data": Rows(data, "tset")}),
    ):
        with pytest.raises(InputError, match=words):
            retrieve(Never(), **{"targets": catalog.retrieval(), "data": data, **settings})
    for words, settings in (
        ("expected a margin among", {"margin": "cosine"}),
        ("expected retrieval by one of", {"retrieval": "fwd"}),
        ("k of at least 1, found 0", {"k": 0}),
        ("drop, expand, found 'keep'", {"repeated": "keep"}),
        ("a finite threshold, found nan", {"threshold": float("nan")}),
    ):
        with pytest.raises(InputError, match=words):
            Mining(**settings)


def test_missing_dev_pairs_are_found_before_anything_is_encoded(data):
    """`retrieve` read and encoded both sides of test first, and then said: there is test, use --split test."""
    for path in (data / "bucc2018").glob("*.dev.*"):
        path.unlink()
    known = Known(lambda _: pytest.fail("encoded"))
    with pytest.raises(
        InputError, match=r"\(dev, de\) to tune the threshold on, found none: give one with --threshold"
    ):
        retrieve(known, ["bucc2018"], data=data)


def test_a_long_search_is_announced(data, monkeypatch):
    monkeypatch.setattr(retrieving, "search_seconds", lambda *_: 3600.0)
    notes: list[str] = []
    retrieve(NUMBER, ["bucc2018"], data=Rows(data, "dev"), notify=notes.append)
    assert notes == ["bucc2018 dev de: 20 x 30 sentences: about 60 min to search"]


def test_the_plan_counts_what_would_be_matched(data):
    table = plan(NUMBER, data=Rows(data, "test", ("de",)))
    shown = table[["target", "split", "foreign", "english", "dimensions"]].to_numpy().tolist()
    assert shown == [
        ["tatoeba", "test", 4, 4, 256],
        ["bucc2018", "test", 20, 30, 256],
        ["bucc2018", "dev", 20, 30, 256],
    ]
    assert (table[["encode_seconds", "search_seconds"]] > 0).all(axis=None)


def test_the_official_scores_of_the_predictions_are_the_rows(data, tmp_path):
    table = retrieve(NUMBER, data=data, output=tmp_path)
    for task, language in (("tatoeba", "de"), ("tatoeba", "sw"), ("bucc2018", "de")):
        found = layout.read_predictions(tmp_path, task, language)
        scores = scores_of(task, language, references.gold(task, data, "test", language), found)
        for metric, expected in scores.items():
            assert value(table, target=task, language=language, metric=metric) == expected


# --- The command --------------------------------------------------------------------------------------


@pytest.fixture
def model(small, tmp_path):
    return str(small.folder(tmp_path / "model", "xlm-roberta"))


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main(["retrieve", *arguments])
    return stop.value.code


def test_the_command_writes_rows_and_predictions(data, model, tmp_path, capsys):
    options = ["--model", model, "--data", str(data), "--languages", "de", "--cache", str(tmp_path / "cache")]
    assert run(*options, "--output", str(tmp_path / "out"), "--format", "csv", "--layer", "1", "--neighbours", "2") == 0
    rows = list(csv.DictReader(capsys.readouterr().out.splitlines()))
    assert [(r["target"], r["metric"]) for r in rows] == [
        ("tatoeba", "accuracy"), ("bucc2018", "f1"), ("bucc2018", "precision"), ("bucc2018", "recall"),
    ]  # fmt: skip
    assert {(r["model"], r["layer"], r["pooling"], r["max_tokens"]) for r in rows} == {("model", "1", "mean", "62")}
    assert rows[1]["k"] == "2"
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.tsv")) == ["test-de.tsv", "test-de.tsv"]
    assert run(*options, "--layer", "1") == 0
    assert "hidden state 1, mean" in capsys.readouterr().out
    assert run(*options, "--format", "json", "--targets", "tatoeba") == 0
    assert json.loads(capsys.readouterr().out)[0]["layer"] == 1  # 0.58 of 2


def test_the_command_says_how_long_it_would_take(data, model, capsys):
    assert run("--model", model, "--data", str(data), "--dry-run") == 0
    shown = capsys.readouterr().out
    assert "20 x 30" in shown
    assert "measured on a part of it" in shown


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--margin", "cosine"], "expected --margin to be one of ratio, distance, absolute, found 'cosine'"),
        (["--layer", "last"], "expected a layer's index such as 14, or a fraction such as 0.58, found 'last'"),
        (["--data", "nowhere"], "nowhere: expected a folder of data, found nothing"),
    ],
)
def test_bad_use_is_one_line(arguments, words, capsys):
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


# --- Real data ----------------------------------------------------------------------------------------

# The first lines of the labels that google-research/xtreme@838c13b has for its own tests.
OFFICIAL = {
    "af": "308 441 713 233 757",
    "ar": "669 982 957 832 543",
    "el": "847 672 840 841 994",
    "kk": "299 99 537 281 518",
    "zh": "687 981 504 127 508",
}


@pytest.mark.parametrize("language", OFFICIAL)
def test_lines_are_the_official_labels(real, language):
    assert bitext("tatoeba", real, split="test", language=language).lines[:5] == OFFICIAL[language].split()


def test_equal_vectors_give_everything_in_all_languages_of_tatoeba(real):
    for language in ("de", "jv", "sw", "te", "th"):
        side = bitext("tatoeba", real, split="test", language=language)
        key = {row.text: line for row, line in zip(side.english, side.lines, strict=True)}
        key |= {row.text: str(number) for number, row in enumerate(side.foreign)}
        table = retrieve(Known(key.__getitem__), ["tatoeba"], data=Rows(real, "test", (language,)))
        repeated = len(side.foreign) - len({row.text for row in side.foreign})
        assert table["value"].iloc[0] >= 100 * (1 - 2 * repeated / len(side.foreign))
        assert repeated or table["value"].iloc[0] == 100


def test_equal_vectors_give_everything_in_bucc(real):
    side = bitext("bucc2018", real, split="dev", language="zh")
    text = {row.id: row.text for row in side.english}
    key = {row.text: text[row.matches[0]] for row in side.foreign if row.matches}
    table = retrieve(Known(lambda t: key.get(t, t)), ["bucc2018"], data=Rows(real, "dev", ("zh",)))
    assert (len(side.foreign), len(side.english), len(side.pairs)) == (8624, 13589, 257)
    assert table.set_index("metric")["value"].to_dict() == {"f1": 100, "precision": 100, "recall": 100}


def test_the_default_encoder_on_tatoeba(real, tmp_path):
    from diversity.encoders.sentence import load_encoder

    table = retrieve(
        data=Rows(real, "test", ("jv",)), targets=["tatoeba"], vectors=SentenceVectors(layer=-1, cache=tmp_path)
    )
    side = bitext("tatoeba", real, split="test", language="jv")
    english, foreign = (load_encoder("mini").encode([r.text for r in rows]) for rows in (side.english, side.foreign))
    nearest = (english @ foreign.T).argmax(axis=1)
    assert table["value"].iloc[0] == 100 * np.mean(nearest == np.array(side.lines, dtype=int))
    assert 5 < table["value"].iloc[0] < 50
    assert Path(tmp_path).is_dir()


def reduced(source: Path, language: str, target: Path, pairs: int) -> Path:
    """The first gold pairs of a BUCC dev set and as many other sentences of each side, in a folder of their own."""

    def read(suffix: str) -> list[str]:
        return (source / f"{language}-en.dev.{suffix}").read_text("utf8").splitlines()

    gold = read("gold")[:pairs]
    (target / "bucc2018").mkdir(parents=True)
    for column, suffix in enumerate((language, "en")):
        wanted = {line.split("\t")[column] for line in gold}
        lines = read(suffix)
        others = [line for line in lines if line.split("\t")[0] not in wanted][:pairs]
        kept = {*others, *(line for line in lines if line.split("\t")[0] in wanted)}
        text = "".join(f"{line}\n" for line in lines if line in kept)
        (target / "bucc2018" / f"{language}-en.dev.{suffix}").write_text(text, "utf8")
    (target / "bucc2018" / f"{language}-en.dev.gold").write_text("".join(f"{line}\n" for line in gold))
    return target


@pytest.mark.parametrize(("folder", "language"), [("bucc2018", "zh"), ("bucc_substitute", "de")])
def test_the_default_encoder_on_bucc(real, tmp_path, folder, language):
    if not (real / folder).is_dir():
        pytest.skip(f"there is no {folder}")
    data = reduced(real / folder, language, tmp_path / "data", 100)
    vectors = SentenceVectors(layer=-1, cache=tmp_path)
    table = retrieve(data=Rows(data, "dev", (language,)), targets=["bucc2018"], vectors=vectors)
    table = table.set_index("metric")["value"]
    side = bitext("bucc2018", data, split="dev", language=language)
    texts = [list(dict.fromkeys(row.text for row in rows)) for rows in (side.foreign, side.english)]
    vectors = [embed(t, layer_encoder("mini", layer=-1), cache=tmp_path).vectors.astype(float) for t in texts]
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in vectors)
    assert np.isclose(table["f1"], 100 * best_f1(x @ y.T, side, *texts), atol=1e-9)
    assert table["f1"] > (20 if language == "de" else 0)


def best_f1(cosines: np.ndarray, side: Any, foreign: list[str], english: list[str]) -> float:
    """The best F1 of greedy pairs by the ratio margin: the whole matrix, in plain loops."""
    means = [np.sort(table, axis=1)[:, -4:].mean(axis=1) for table in (cosines, cosines.T)]
    ratio = cosines / ((means[0][:, None] + means[1]) / 2)
    candidates = set()
    for table, scores, turned in ((cosines, ratio, False), (cosines.T, ratio.T, True)):
        for i, row in enumerate(table):
            near = np.argsort(-row)[:4]
            j = int(near[scores[i, near].argmax()])
            candidates.add((j, i) if turned else (i, j))
    ids = [{}, {}]
    for at, rows in enumerate((side.foreign, side.english)):
        for row in rows:
            ids[at].setdefault(row.text, []).append(row.id)
    gold, taken, right, mined, best = set(side.pairs), (set(), set()), 0, 0, 0.0
    for i, j in sorted(candidates, key=lambda pair: -ratio[pair]):
        if i in taken[0] or j in taken[1]:
            continue
        taken[0].add(i)
        taken[1].add(j)
        here, there = ids[0][foreign[i]], ids[1][english[j]]
        if len(here) == len(there) == 1:
            mined += 1
            right += (here[0], there[0]) in gold
            best = max(best, 2 * right / (mined + len(gold)))
    return best
