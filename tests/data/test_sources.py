"""Rows of a task: which files are read, what is said where some are missing, samples, and the hub's Parquet files."""

from __future__ import annotations

import gzip
import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diversity import catalog
from diversity.data import sources
from diversity.types import (
    Answer,
    BadRow,
    Classification,
    InputError,
    MultipleChoice,
    Retrieval,
    Rows,
    Span,
    Tagging,
    Text,
)


def read(name, data, **settings):
    return list(sources.rows(catalog.task(name), Rows.of(data, **settings)))


def nli(*labels, start=0):
    """MultiNLI's JSON lines with these labels."""
    return "".join(
        json.dumps(
            {"gold_label": label, "pairID": f"p{n}", "sentence1": f"Premise {n}.", "sentence2": f"Hypothesis {n}."}
        )
        + "\n"
        for n, label in enumerate(labels, start)
    )


MNLI_TRAIN, MNLI_DEV = "multinli_1.0_train.jsonl", "multinli_1.0_dev_matched.jsonl"


# --- Which files are read --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "place",
    [
        "mnli/multinli_1.0/{}",
        "mnli/{}",
        "mnli/a/b/c/{}",
        "multinli_1.0/{}",
        "MNLI/original/{}",
        "{}",
    ],
)
def test_released_files_are_found_in_a_folder_of_the_tasks_name_or_at_the_top(place, write, tmp_path):
    write(place.format(MNLI_TRAIN), nli("neutral"))
    assert read("mnli", tmp_path) == [Classification("p0", "en", "Premise 0.", "Hypothesis 0.", "neutral")]


def test_the_folder_of_a_task_may_be_given_itself(samples):
    expected = read("mnli", samples)
    assert len(expected) == 48
    assert read("mnli", samples / "mnli") == expected
    assert read("mnli", samples / "mnli" / "multinli_1.0") == expected
    assert read("mnli", str(samples / "mnli")) == expected


@pytest.mark.parametrize(("name", "rows"), [("xnli", 12), ("mlqa", 6), ("tatoeba", 32), ("tydiqa", 6)])
def test_the_folder_of_a_task_may_be_the_working_directory(name, rows, samples, monkeypatch):
    language = "ru" if name == "tydiqa" else "de"
    monkeypatch.chdir(samples / name)
    assert len(read(name, ".", split="test", languages=[language])) == rows


def test_files_of_another_tasks_folder_are_not_searched(write, tmp_path):
    write("other/multinli_1.0_train.jsonl", nli("neutral"))
    with pytest.raises(InputError, match="found none"):
        read("mnli", tmp_path)


def test_a_gzipped_file_is_found(write, tmp_path):
    write(f"mnli/{MNLI_TRAIN}.gz", gzip.compress(nli("neutral", "entailment").encode(), mtime=0))
    assert [e.label for e in read("mnli", tmp_path)] == ["neutral", "entailment"]


@pytest.mark.parametrize("second", [f"mnli/b/{MNLI_TRAIN}", f"mnli/a/{MNLI_TRAIN}.gz"])
def test_two_files_where_one_is_expected_are_named(second, write, tmp_path):
    first = write(f"mnli/a/{MNLI_TRAIN}", nli("neutral"))
    other = write(second, nli("neutral"))
    with pytest.raises(InputError, match=rf"expected one file {MNLI_TRAIN}, found 2: ") as caught:
        read("mnli", tmp_path)
    assert str(first) in str(caught.value)
    assert str(other) in str(caught.value)


def test_the_files_of_a_treebank_are_read_together_in_their_order(write, tmp_path):
    line = "1\t{}\t_\tX\t_\t_\t0\t_\t_\t_\n"
    write("udpos/UD_German-GSD/de_gsd-ud-test.conllu", line.format("b"))
    write("udpos/UD_German-HDT/de_hdt-ud-test.conllu", line.format("c"))
    write("udpos/UD_Afrikaans/af_x-ud-test.conllu", line.format("a"))
    write("udpos/UD_German-GSD/de_gsd-ud-dev.conllu", line.format("d"))
    found = read("udpos", tmp_path, split="test", languages=["de"])
    assert [e.tokens for e in found] == [("b",), ("c",)]


def test_xtremes_file_comes_before_the_treebank(write, tmp_path):
    write("udpos/test-de.tsv", "a\tX\n")
    write("udpos/de_gsd-ud-test.conllu", "1\tb\t_\tX\t_\t_\t0\t_\t_\t_\n")
    assert [e.tokens for e in read("udpos", tmp_path, split="test", languages=["de"])] == [("a",)]


def test_tags_may_come_from_a_file_with_a_longer_name(write, tmp_path):
    write("udpos/test-de.from_ud_current.tsv", "a\tX\n")
    assert [e.tokens for e in read("udpos", tmp_path, split="test", languages=["de"])] == [("a",)]


def test_ccgbank_comes_before_the_parallel_meaning_bank_and_sections_are_kept_apart(files):
    train, dev = read("ccg", files, split="train"), read("ccg", files, split="dev")
    assert [" ".join(e.tokens) for e in dev] == [
        "The new manager is a former teacher .",
        "Farmers expect that the harvest will improve .",
    ]
    assert dev[0].tags == ("NP[nb]/N", "N/N", "N", "(S[dcl]\\NP)/NP", "NP[nb]/N", "N/N", "N", ".")
    assert [e.id for e in train] == [f"wsj_0201.auto:{n}" for n in (2, 4, 6, 8)]


def test_a_section_of_ccgbank_that_is_not_there_is_a_missing_split(files):
    assert sources.find(catalog.task("ccg"), files, "test", "en") is None
    assert sources.located(catalog.task("ccg"), Rows.of(files, split="test,dev")).split == "dev"


def test_tydiqas_training_file_holds_all_languages(write, tmp_path):
    qas = [
        {"id": f"{name}-{n}", "question": "?", "answers": [{"text": "A", "answer_start": 0}]}
        for name, n in [("english", 1), ("swahili", "-2-0"), ("english", 3)]
    ]
    content = json.dumps({"data": [{"paragraphs": [{"context": "A.", "qas": qas}]}]})
    write("tydiqa/tydiqa-goldp-v1.1-train.json", content)
    assert [e.id for e in read("tydiqa", tmp_path)] == ["english-1", "english-3"]
    assert [(e.id, e.language) for e in read("tydiqa", tmp_path, languages=["sw"])] == [("swahili--2-0", "sw")]
    with pytest.raises(InputError, match="expected rows of tydiqa in 'te', found none"):
        read("tydiqa", tmp_path, languages=["te"])


def test_tydiqas_dev_files_of_the_release_have_names_of_languages(write, tmp_path):
    qas = [{"id": "telugu-1", "question": "?", "answers": [{"text": "A", "answer_start": 0}]}]
    content = json.dumps({"data": [{"paragraphs": [{"context": "A.", "qas": qas}]}]})
    write("tydiqa/tydiqa-goldp-v1.1-dev/tydiqa-goldp-dev-telugu.json", content)
    assert [e.id for e in read("tydiqa", tmp_path, split="test", languages=["te"])] == ["telugu-1"]


XNLI = "language\tgold_label\tsentence1\tsentence2\tpairID\n"


def test_xnlis_release_holds_all_languages(write, tmp_path):
    lines = "de\tneutral\tA.\tB.\t1\nen\tentailment\tC.\tD.\t2\nde\tcontradiction\tE.\tF.\t3\n"
    write("xnli/XNLI-1.0/xnli.test.tsv", XNLI + lines)
    assert read("xnli", tmp_path, split="test", languages=["de", "en"]) == [
        Classification("1", "de", "A.", "B.", "neutral"),
        Classification("3", "de", "E.", "F.", "contradiction"),
        Classification("2", "en", "C.", "D.", "entailment"),
    ]


@pytest.mark.parametrize(
    ("place", "line", "expected"),
    [
        ("pawsx/x-final/fr/dev_2k.tsv", "id\tsentence1\tsentence2\tlabel\n7\tA .\tB .\t1\n", "dev"),
        ("pawsx/fr/translated_train.tsv", "id\tsentence1\tsentence2\tlabel\n7\tA .\tB .\t1\n", "train"),
        ("pawsx/test-fr.tsv", "A .\tB .\t1\n", "test"),
    ],
)
def test_pawsx_is_read_from_the_release_and_from_xtreme(place, line, expected, write, tmp_path):
    write(place, line)
    (found,) = read("pawsx", tmp_path, split=expected, languages=["fr"])
    assert (found.text, found.text_pair, found.label) == ("A .", "B .", "1")


@pytest.mark.parametrize("place", ["panx/fr/test", "panx/panx_dataset/fr/test", "panx/fr-test", "wikiann/fr/test"])
def test_panx_is_read_from_the_release(place, write, tmp_path):
    write(place, "fr:Upton\tB-ORG\nfr:FC\tI-ORG\n\n")
    assert read("panx", tmp_path, split="test", languages=["fr"]) == [
        Tagging("test:1" if "/test" in place else "fr-test:1", "fr", ("Upton", "FC"), ("B-ORG", "I-ORG"))
    ]


# --- What is missing -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [(None, "expected a folder of data"), ("nowhere", "found nothing"), ("file", "found a file")],
)
def test_a_folder_of_data_is_needed(data, message, write, tmp_path):
    write("file", "x")
    with pytest.raises(InputError, match=message):
        read("mnli", data and tmp_path / data)


def test_the_first_of_the_preferred_splits_that_is_there_is_read(write, tmp_path):
    task = catalog.task("mnli")
    write(f"mnli/{MNLI_DEV}", nli("neutral"))
    assert sources.located(task, Rows.of(tmp_path, split="train,dev")).split == "dev"
    assert sources.located(task, Rows.of(tmp_path, split=" train , dev ,")).split == "dev"
    assert [e.label for e in read("mnli", tmp_path, split="train,dev")] == ["neutral"]
    write(f"mnli/{MNLI_TRAIN}", nli("entailment"))
    assert [e.label for e in read("mnli", tmp_path, split="train,dev")] == ["entailment"]
    assert [e.label for e in read("mnli", tmp_path, split="dev,train")] == ["neutral"]


def test_rows_draw_a_sample_of_all_their_languages(samples):
    asked = Rows.of(samples, split="test", languages=["de", "en"], limit=5, seed=3)
    everything = list(sources.rows(catalog.task("xnli"), replace(asked, limit=None)))
    assert list(sources.rows(catalog.task("xnli"), asked)) == sources.sample(everything, 5, 3)
    assert {e.language for e in everything} == {"de", "en"}


def test_a_folder_stands_for_the_defaults_of_rows(samples):
    assert Rows.of(str(samples)) == Rows.of(samples) == Rows.of(Rows(samples)) == Rows(samples, languages=["en"])
    assert list(sources.rows(catalog.task("mnli"), samples)) == read("mnli", samples, split="train", languages=("en",))
    assert Rows.of(samples, split=" test , dev,").splits == ("test", "dev")


@pytest.mark.parametrize("languages", ["en", (), []])
def test_languages_are_a_list(languages):
    with pytest.raises(InputError, match="expected a list of languages, found"):
        Rows(languages=languages)


def test_a_missing_split_says_what_was_looked_for_and_what_is_there(write, tmp_path):
    write(f"mnli/{MNLI_DEV}", nli("neutral"))
    with pytest.raises(InputError) as caught:
        read("mnli", tmp_path, split="train")
    assert str(caught.value) == (
        f"{tmp_path}: expected files of mnli (train, en), such as {MNLI_TRAIN} or nyu-mll/multi_nli, found none; "
        "there is dev: use --split dev"
    )


def test_several_missing_splits_are_listed_in_words(tmp_path):
    with pytest.raises(InputError, match=r"expected files of mnli \(train or dev, en\), such as .* found none$"):
        read("mnli", tmp_path, split="train,dev")


@pytest.mark.parametrize("split", ["training", "dev_mismatched,validation", "train dev"])
def test_an_unknown_split_is_refused(split, tmp_path):
    with pytest.raises(InputError, match=r"unknown split '.*' of mnli: it has train, dev, dev_mismatched$"):
        read("mnli", tmp_path, split=split)


def test_a_split_that_a_task_does_not_have_is_no_unknown_split(samples):
    with pytest.raises(
        InputError, match=r"expected files of bucc2018 \(train, de\).*there is dev, test: use --split dev"
    ):
        read("bucc2018", samples, split="train", languages=["de"])


@pytest.mark.parametrize(("name", "language"), [("mnli", "de"), ("xquad", "sw"), ("bucc2018", "en"), ("panx", "EN")])
def test_a_language_that_a_task_does_not_have_is_refused(name, language, samples):
    with pytest.raises(InputError, match=rf"^{name}: expected a language among .*, found '{language}'$"):
        read(name, samples, languages=[language])


@pytest.mark.parametrize(("name", "language"), [("mlqa", "es"), ("xquad", "de"), ("xnli", "th")])
def test_english_training_rows_are_not_read_as_another_language(name, language, samples):
    assert read(name, samples, split="train", languages=["en"])
    with pytest.raises(InputError, match=rf"expected files of {name} \(train, {language}\).*use --split (dev|test)"):
        read(name, samples, split="train", languages=[language])


def test_a_part_that_is_missing_is_named(samples, tmp_path):
    for folder in ("anli", "mnli"):
        shutil.copytree(samples / folder, tmp_path / folder)
    with pytest.raises(InputError) as caught:
        read("anli_plus", tmp_path)
    assert str(caught.value) == (
        f"anli_plus (train) in {tmp_path}: expected all its parts, found no snli_1.0_train.jsonl or stanfordnlp/snli"
    )
    shutil.copytree(samples / "snli", tmp_path / "snli")
    assert len(read("anli_plus", tmp_path)) == 144


def test_languages_are_read_in_the_order_in_which_they_are_asked_for(samples):
    found = read("xnli", samples, split="dev", languages=["zh", "en", "ar"])
    assert [e.language for e in found] == ["zh"] * 12 + ["en"] * 12 + ["ar"] * 12


# --- Bad rows --------------------------------------------------------------------------------------------


def test_a_bad_row_stops_the_reading_or_is_collected(write, tmp_path):
    path = write(f"mnli/{MNLI_TRAIN}", nli("neutral") + "{\n" + nli("maybe", "entailment", start=3))
    with pytest.raises(BadRow, match=rf"{MNLI_TRAIN}:2: expected a JSON object"):
        read("mnli", tmp_path)
    bad = []
    assert [e.id for e in read("mnli", tmp_path, bad=bad)] == ["p0", "p4"]
    assert [(b.path, b.where) for b in bad] == [(str(path), 2), (str(path), 3)]
    assert bad[1].problem == "expected 'gold_label' to be one of entailment, neutral, contradiction or -, found 'maybe'"


def test_rows_before_a_bad_one_have_been_given_by_then(write, tmp_path):
    write(f"mnli/{MNLI_TRAIN}", nli("neutral", "entailment") + "{\n")
    stream = sources.rows(catalog.task("mnli"), tmp_path)
    assert [next(stream).id, next(stream).id] == ["p0", "p1"]
    with pytest.raises(BadRow):
        next(stream)


def test_a_file_that_cannot_be_read_on_is_a_bad_row_and_the_next_language_is_read(samples, tmp_path):
    shutil.copytree(samples / "mlqa", tmp_path / "mlqa")
    (broken,) = tmp_path.rglob("dev-context-de-question-de.json")
    broken.write_text(broken.read_text()[:-100])
    bad = []
    found = read("mlqa", tmp_path, split="dev", languages=["de", "en"], bad=bad)
    assert [e.language for e in found] == ["de"] * 4 + ["en"] * 6
    assert [(b.path, b.where) for b in bad] == [(str(broken), "data[2]")]


@pytest.mark.parametrize(
    ("name", "place", "content", "message"),
    [
        ("udpos", "udpos/test-de.tsv", "a\tX\n\nb\tNOUNS\n", "expected tags among ADJ, .*, found 'NOUNS'"),
        ("panx", "panx/test-de.tsv", "a\tO\n\nb\tB-MISC\n", "expected tags among O, .*, found 'B-MISC'"),
    ],
)
def test_a_tag_that_the_task_does_not_have_is_a_bad_row(name, place, content, message, write, tmp_path):
    write(place, content)
    bad = []
    found = read(name, tmp_path, split="test", languages=["de"], bad=bad)
    assert [e.tokens for e in found] == [("a",)]
    assert len(bad) == 1
    with pytest.raises(BadRow, match=message):
        read(name, tmp_path, split="test", languages=["de"])


@pytest.mark.parametrize(
    ("name", "place", "content", "message"),
    [
        (
            "qqp",
            "qqp/train.tsv",
            "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\n1\t2\t3\tA?\tB?\tyes\n",
            "is_duplicate",
        ),
        ("pawsx", "pawsx/train-en.tsv", "A .\tB .\t2\n", "expected 'label' to be one of 0, 1"),
        (
            "xnli",
            "xnli/dev-en.tsv",
            "A.\tB.\tmaybe\n",
            "expected 'label' to be one of entailment, neutral, contradiction",
        ),
        ("anli_plus", "anli/R1/dev.jsonl", '{"context": "A.", "hypothesis": "B.", "label": "x"}\n', "one of e, n, c"),
        (
            "commonsenseqa",
            "commonsenseqa/train_rand_split.jsonl",
            '{"id": "1", "answerKey": "A", "question": {"stem": "?", "choices": [{"label": "A", "text": "a"}]}}\n',
            "expected the choices A to E, found A",
        ),
        (
            "commonsenseqa",
            "commonsenseqa/dev_rand_split.jsonl",
            json.dumps(
                {
                    "id": "1",
                    "answerKey": "F",
                    "question": {"stem": "?", "choices": [{"label": c, "text": c} for c in "ABCDE"]},
                }
            ),
            "expected 'answerKey' from A to E, found 'F'",
        ),
        (
            "hellaswag",
            "hellaswag/hellaswag_train.jsonl",
            '{"ind": 1, "ctx": "A", "endings": ["a", "b", "c"], "label": 0}\n',
            "expected 4 endings, found 3",
        ),
        (
            "hellaswag",
            "hellaswag/hellaswag_val.jsonl",
            '{"ind": 1, "ctx": "A", "endings": ["a", "b", "c", "d"], "label": 4}\n',
            "expected 'label' from 0 to 3, found 4",
        ),
        (
            "cosmosqa",
            "cosmosqa/train.csv",
            "id,context,question,answer0,answer1,answer2,answer3,label\n1,A,B?,a,b,c,,0\n",
            "expected text in 'answer3', found nothing",
        ),
    ],
)
def test_a_value_that_a_release_does_not_have_is_a_bad_row(name, place, content, message, write, tmp_path):
    path = write(place, content)
    split = "dev" if "dev" in place or "_val." in place else "train"
    task = catalog.task(name)
    layouts = [layout for part in task.splits[split] for layout in part.layouts]
    layout = next(x for x in layouts if path.match(x.glob("en")))
    (found,) = layout.read(path, "en")
    assert isinstance(found, BadRow)
    assert message in found.problem


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "expected rows, found an empty file"),
        ("\n \n", "expected rows of mnli in 'en', found none"),
        (nli("-"), "found none"),
    ],
)
def test_a_file_without_rows_is_refused(content, message, write, tmp_path):
    path = write(f"mnli/{MNLI_TRAIN}", content)
    with pytest.raises(InputError, match=message) as caught:
        read("mnli", tmp_path)
    assert str(caught.value).startswith(str(path))


def test_an_empty_gzip_file_is_refused(write, tmp_path):
    write(f"mnli/{MNLI_TRAIN}.gz", gzip.compress(b"", mtime=0))
    with pytest.raises(InputError, match="expected rows of mnli in 'en', found none"):
        read("mnli", tmp_path)


def test_a_folder_with_the_name_of_a_file_is_refused(tmp_path):
    (tmp_path / "mnli" / MNLI_TRAIN).mkdir(parents=True)
    with pytest.raises(InputError, match="expected a file, found a directory"):
        read("mnli", tmp_path)


# --- Samples, texts, labels ------------------------------------------------------------------------------

TEXTS = [Text(str(n), "en", f"text {n}") for n in range(30)]


def test_a_sample_keeps_the_order_and_holds_no_row_twice():
    for seed in range(20):
        found = [int(e.id) for e in sources.sample(iter(TEXTS), 12, seed)]
        assert len(found) == 12
        assert found == sorted(set(found))


def test_a_sample_is_the_seeds():
    one, again, other = (sources.sample(TEXTS, 10, seed) for seed in (1, 1, 2))
    assert one == again != other
    assert sources.sample(iter(TEXTS), 10, 1) == one


def test_a_sample_is_uniform():
    # 4,000 samples of 5 of 30: each row is expected 4000 / 6 times, with variance n p (1 - p); the seeds are fixed.
    counts = [0] * 30
    for seed in range(4000):
        for example in sources.sample(TEXTS, 5, seed):
            counts[int(example.id)] += 1
    expected = 4000 * 5 / 30
    # Draws without replacement: the sum over (count - e)^2 / (e (1 - p)) times 29 / 30 is chi-square with 29 degrees.
    statistic = sum((c - expected) ** 2 for c in counts) / (expected * (1 - 5 / 30)) * 29 / 30
    assert sum(counts) == 20_000
    assert 9 < statistic < 62  # 0.0003 and 0.9996 of chi-square with 29 degrees of freedom


def test_pairs_of_rows_are_sampled_uniformly():
    counts = dict.fromkeys([(a, b) for a in range(5) for b in range(a + 1, 5)], 0)
    for seed in range(5000):
        a, b = (int(e.id) for e in sources.sample(TEXTS[:5], 2, seed))
        counts[a, b] += 1
    assert sum((c - 500) ** 2 / 500 for c in counts.values()) < 30  # 0.9996 of chi-square with 9 degrees of freedom


@pytest.mark.parametrize("size", [30, 31, 10_000, None])
def test_a_sample_of_more_than_there_is_is_all(size):
    assert sources.sample(iter(TEXTS), size, 0) == TEXTS


@pytest.mark.parametrize("size", [0, -3])
def test_a_sample_of_nothing_is_refused(size):
    with pytest.raises(InputError, match=f"expected a sample of at least 1 row, found {size}"):
        sources.sample(TEXTS, size, 0)


def test_equal_rows_can_be_sampled():
    assert len(sources.sample([TEXTS[0]] * 50, 7, 0)) == 7


PAIR = Classification("1", "en", " A man sleeps. ", "A man rests.", "neutral")


@pytest.mark.parametrize(
    ("example", "recipe", "text"),
    [
        (PAIR, ("text", "text_pair"), "A man sleeps. A man rests."),
        (PAIR, ("text_pair", "text"), "A man rests. A man sleeps."),
        (PAIR, ("text",), "A man sleeps."),
        (Classification("1", "en", "Alone.", None, "neutral"), ("text", "text_pair"), "Alone."),
        (Classification("1", "en", "Alone.", " ", "neutral"), ("text", "text_pair"), "Alone."),
        (MultipleChoice("1", "en", "C.", "", ("a", "b"), 0), ("context", "question", "choices"), "C. a b"),
        (MultipleChoice("1", "en", "C.", "Q?", ("a", "b"), 0), ("context", "question", "choices"), "C. Q? a b"),
        (Span("1", "en", "Q?", "C.", None), ("question", "context"), "Q? C."),
        (Tagging("1", "en", ("New York", "sleeps", "."), None), ("tokens",), "New York sleeps ."),
        (Retrieval("1", "th", "สวัสดี", ()), ("text",), "สวัสดี"),
        (Text("1", "en", "T."), ("text",), "T."),
    ],
)
def test_the_text_of_an_example_is_its_recipes_fields(example, recipe, text):
    assert sources.text_of(example, recipe) == text


@pytest.mark.parametrize(
    ("example", "labels"),
    [
        (PAIR, ("neutral",)),
        (Classification("1", "en", "A.", None, None), None),
        (MultipleChoice("1", "en", "C.", "", ("a", "b"), 0), ("0",)),
        (MultipleChoice("1", "en", "C.", "", ("a", "b"), None), None),
        (Tagging("1", "en", ("a", "b"), ("X", "Y")), ("X", "Y")),
        (Tagging("1", "en", ("a", "b"), None), None),
        (Span("1", "en", "Q?", "C.", (Answer("C", 0),)), ()),
        (Span("1", "en", "Q?", "C.", ()), ()),
        (Span("1", "en", "Q?", "C.", None), None),
        (Retrieval("1", "en", "A.", ()), ()),
        (Text("1", "en", "A."), ()),
    ],
)
def test_labels_of_an_example_are_told_from_withheld_ones(example, labels):
    assert sources.labels_of(example) == labels


@pytest.mark.parametrize(
    ("name", "counts", "labelled", "suspicious"),
    [
        ("xnli", {"neutral": 50}, 50, True),
        ("xnli", {"neutral": 49}, 49, False),
        ("xnli", {"neutral": 49, "entailment": 1}, 50, False),
        ("udpos", {"X": 400}, 60, True),
        ("udpos", {"X": 400, "VERB": 1}, 60, False),
        ("ccg", {"N": 400}, 60, True),  # an open set, but tags
        ("xquad", {}, 0, False),
        ("squad_v1", {}, 1000, False),
    ],
)
def test_one_label_on_all_of_many_rows_is_a_placeholder(name, counts, labelled, suspicious):
    assert sources.placeholder(catalog.task(name), counts, labelled) is suspicious


# --- The hub's Parquet files -----------------------------------------------------------------------------

STRINGS = pa.list_(pa.string())
PAIRED = pa.struct({"text": STRINGS, "answer_start": pa.list_(pa.int32())})
CHOICES = pa.struct({"label": STRINGS, "text": STRINGS})


def parquet(path: Path, columns: dict, rows: list[tuple]) -> Path:
    """A Parquet file of these columns (name -> type) and rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [dict(zip(columns, row, strict=True)) for row in rows]
    pq.write_table(pa.Table.from_pylist(records, schema=pa.schema(columns.items())), path)
    return path


TEXT, INT32, INT64 = pa.string(), pa.int32(), pa.int64()
NLI = {"premise": TEXT, "hypothesis": TEXT, "label": INT64}
SQUAD = {"id": TEXT, "title": TEXT, "context": TEXT, "question": TEXT, "answers": PAIRED}
XTREME_TAGS = {"tokens": STRINGS, "ner_tags": pa.list_(INT64), "langs": STRINGS}
BITEXT = {"source_sentence": TEXT, "target_sentence": TEXT, "source_lang": TEXT, "target_lang": TEXT}
COSMOS = dict.fromkeys(("id", "context", "question", "answer0", "answer1", "answer2", "answer3"), TEXT) | {
    "label": INT32
}
SWAG = {"ind": INT32, "activity_label": TEXT, "ctx": TEXT, "endings": STRINGS, "split": TEXT, "label": TEXT}
ONE = "-00000-of-00001.parquet"
FIVE = {"label": list("ABCDE"), "text": ["v", "w", "x", "y", "z"]}

# task, split, language, files (path below the data folder -> columns, rows), what is read
HUB = [
    (
        "mnli",
        "train",
        "en",
        {
            f"nyu-mll/multi_nli/data/train{ONE}": (
                {"promptID": INT32, "pairID": TEXT, **NLI, "genre": TEXT},
                [
                    (1, "1n", "A.", "B.", 1, "fiction"),
                    (2, "2c", "C.", "", 2, "slate"),
                    (3, "3", "E.", "F.", -1, "slate"),
                ],
            )
        },
        [
            Classification("default:train:0", "en", "A.", "B.", "neutral"),
            Classification("default:train:1", "en", "C.", "", "contradiction"),
        ],
    ),
    (
        "mnli",
        "dev_mismatched",
        "en",
        {f"nyu-mll/multi_nli/data/validation_mismatched{ONE}": (NLI, [("A.", "B.", 0)])},
        [Classification("default:validation_mismatched:0", "en", "A.", "B.", "entailment")],
    ),
    (
        "qqp",
        "dev",
        "en",
        {
            f"nyu-mll/glue/qqp/validation{ONE}": (
                {"question1": TEXT, "question2": TEXT, "label": INT64, "idx": INT32},
                [("A?", "B?", 1, 0), ("C?", "D?", 0, 1)],
            ),
            f"nyu-mll/glue/mrpc/validation{ONE}": ({"sentence1": TEXT, "label": INT64}, [("wrong", 0)]),
        },
        [
            Classification("qqp:validation:0", "en", "A?", "B?", "duplicate"),
            Classification("qqp:validation:1", "en", "C?", "D?", "not_duplicate"),
        ],
    ),
    (
        "squad_v1",
        "train",
        "en",
        {
            f"rajpurkar/squad/plain_text/train{ONE}": (
                SQUAD,
                [("q1", "T", "Bo is in Rome.", "Who?", {"text": ["Bo", "Bo"], "answer_start": [0, 0]})],
            )
        },
        [Span("q1", "en", "Who?", "Bo is in Rome.", (Answer("Bo", 0), Answer("Bo", 0)))],
    ),
    (
        "squad_v2",
        "dev",
        "en",
        {
            f"rajpurkar/squad_v2/squad_v2/validation{ONE}": (
                SQUAD,
                [
                    ("q1", "T", "Bo is in Rome.", "Where?", {"text": ["Rome"], "answer_start": [9]}),
                    ("q2", "T", "Bo is in Rome.", "When?", {"text": [], "answer_start": []}),
                ],
            )
        },
        [
            Span("q1", "en", "Where?", "Bo is in Rome.", (Answer("Rome", 9),)),
            Span("q2", "en", "When?", "Bo is in Rome.", ()),
        ],
    ),
    (
        "commonsenseqa",
        "train",
        "en",
        {
            f"tau/commonsense_qa/data/train{ONE}": (
                {"id": TEXT, "question": TEXT, "question_concept": TEXT, "choices": CHOICES, "answerKey": TEXT},
                [("a1", "Q?", "c", FIVE, "C"), ("a2", "R?", "c", FIVE, "")],
            )
        },
        [
            MultipleChoice("a1", "en", "", "Q?", ("v", "w", "x", "y", "z"), 2),
            MultipleChoice("a2", "en", "", "R?", ("v", "w", "x", "y", "z"), None),
        ],
    ),
    (
        "hellaswag",
        "dev",
        "en",
        {
            f"Rowan/hellaswag/data/validation{ONE}": (
                SWAG,
                [
                    (24, "Roof", "A man", ["a", "b", "c", "d"], "val", "3"),
                    (25, "Roof", "B", ["a", "b", "c", "d"], "val", ""),
                ],
            )
        },
        [
            MultipleChoice("24", "en", "A man", "", ("a", "b", "c", "d"), 3),
            MultipleChoice("25", "en", "B", "", ("a", "b", "c", "d"), None),
        ],
    ),
    (
        "cosmosqa",
        "train",
        "en",
        {
            "allenai/cosmos_qa/default/train/0000.parquet": (
                COSMOS,
                [("i1", "C", "Q?", "a", "b", "c", "d", 1), ("i2", "C", "Q?", "a", "b", "c", "d", -1)],
            )
        },
        [
            MultipleChoice("i1", "en", "C", "Q?", ("a", "b", "c", "d"), 1),
            MultipleChoice("i2", "en", "C", "Q?", ("a", "b", "c", "d"), None),
        ],
    ),
    (
        "anli_plus",
        "train",
        "en",
        {
            **{
                f"facebook/anli/plain_text/train_r{r}{ONE}": (
                    {"uid": TEXT, **NLI, "reason": TEXT},
                    [(f"u{r}", f"R{r}.", "H.", r - 1, "")],
                )
                for r in (1, 2, 3)
            },
            f"nyu-mll/multi_nli/data/train{ONE}": (NLI, [("M.", "H.", 0)]),
            f"stanfordnlp/snli/plain_text/train{ONE}": (NLI, [("S.", "H.", -1), ("S.", "I.", 2)]),
        },
        [
            Classification("plain_text:train_r1:0", "en", "R1.", "H.", "entailment"),
            Classification("plain_text:train_r2:0", "en", "R2.", "H.", "neutral"),
            Classification("plain_text:train_r3:0", "en", "R3.", "H.", "contradiction"),
            Classification("default:train:0", "en", "M.", "H.", "entailment"),
            Classification("plain_text:train:1", "en", "S.", "I.", "contradiction"),
        ],
    ),
    (
        "xnli",
        "test",
        "sw",
        {
            f"google/xtreme/XNLI/test{ONE}": (
                {"language": TEXT, "sentence1": TEXT, "sentence2": TEXT, "gold_label": TEXT},
                [("de", "A.", "B.", "neutral"), ("sw", "C.", "D.", "entailment"), ("sw", "E.", "F.", "contradiction")],
            )
        },
        [
            Classification("XNLI:test:1", "sw", "C.", "D.", "entailment"),
            Classification("XNLI:test:2", "sw", "E.", "F.", "contradiction"),
        ],
    ),
    (
        "pawsx",
        "test",
        "ko",
        {
            f"google/xtreme/PAWS-X.ko/test{ONE}": (
                {"sentence1": TEXT, "sentence2": TEXT, "label": TEXT},
                [("가 .", "나 .", "1"), ("다 .", "라 .", "0")],
            )
        },
        [
            Classification("PAWS-X.ko:test:0", "ko", "가 .", "나 .", "1"),
            Classification("PAWS-X.ko:test:1", "ko", "다 .", "라 .", "0"),
        ],
    ),
    (
        "udpos",
        "test",
        "de",
        {
            f"google/xtreme/udpos.German/test{ONE}": (
                {"tokens": STRINGS, "pos_tags": pa.list_(INT64)},
                [(["Er", "schläft", "."], [10, 15, 12]), ([], [])],
            )
        },
        [Tagging("udpos.German:test:0", "de", ("Er", "schläft", "."), ("PRON", "VERB", "PUNCT"))],
    ),
    (
        "panx",
        "dev",
        "yo",
        {
            f"google/xtreme/PAN-X.yo/validation{ONE}": (
                XTREME_TAGS,
                [(["Bola", "Tinubu", "ni", "Èkó"], [1, 2, 0, 5], ["yo"] * 4), (["UN"], [3], ["yo"])],
            )
        },
        [
            Tagging("PAN-X.yo:validation:0", "yo", ("Bola", "Tinubu", "ni", "Èkó"), ("B-PER", "I-PER", "O", "B-LOC")),
            Tagging("PAN-X.yo:validation:1", "yo", ("UN",), ("B-ORG",)),
        ],
    ),
    (
        "xquad",
        "test",
        "hi",
        {
            f"google/xtreme/XQuAD.hi/validation{ONE}": (
                {k: v for k, v in SQUAD.items() if k != "title"},
                [("q1", "बो रोम में है।", "कहाँ?", {"text": ["रोम"], "answer_start": [3]})],
            )
        },
        [Span("q1", "hi", "कहाँ?", "बो रोम में है।", (Answer("रोम", 3),))],
    ),
    (
        "mlqa",
        "dev",
        "zh",
        {
            f"google/xtreme/MLQA.zh.zh/validation{ONE}": (
                SQUAD,
                [("q1", "T", "波在罗马。", "在哪里？", {"text": ["罗马"], "answer_start": [2]})],
            ),
            f"google/xtreme/MLQA.zh.de/validation{ONE}": (
                SQUAD,
                [("no", "T", "C", "Q", {"text": [], "answer_start": []})],
            ),
        },
        [Span("q1", "zh", "在哪里？", "波在罗马。", (Answer("罗马", 2),))],
    ),
    (
        "tydiqa",
        "test",
        "fi",
        {
            f"google/xtreme/tydiqa/validation{ONE}": (
                SQUAD,
                [
                    ("finnish--763-0", "T", "Bo on Roomassa.", "Missä?", {"text": ["Roomassa"], "answer_start": [6]}),
                    ("english-1-0", "T", "Bo.", "Who?", {"text": ["Bo"], "answer_start": [0]}),
                    ("finnish-764-1", "T", "Bo on Roomassa.", "Kuka?", {"text": [""], "answer_start": [0]}),
                ],
            )
        },
        [
            Span("finnish--763-0", "fi", "Missä?", "Bo on Roomassa.", (Answer("Roomassa", 6),)),
            Span("finnish-764-1", "fi", "Kuka?", "Bo on Roomassa.", None),
        ],
    ),
    (
        "tatoeba",
        "test",
        "fr",
        {
            f"google/xtreme/tatoeba.fra/validation{ONE}": (
                BITEXT,
                [("Bonjour.\n", "Hello.\n", "fra", "eng"), ("Merci.\n", "Thanks.\n", "fra", "eng")],
            )
        },
        [
            Retrieval("fr-0", "fr", "Bonjour.", ("en-0",)),
            Retrieval("en-0", "en", "Hello.", ("fr-0",)),
            Retrieval("fr-1", "fr", "Merci.", ("en-1",)),
            Retrieval("en-1", "en", "Thanks.", ("fr-1",)),
        ],
    ),
]


def test_every_task_that_the_hub_has_is_tested():
    with_hub = {n for n in catalog.names("tasks") for ps in catalog.task(n).splits.values() for p in ps if p.hub}
    assert {case[0] for case in HUB} == with_hub


@pytest.mark.parametrize(("name", "split", "language", "files", "expected"), HUB, ids=[f"{c[0]}-{c[1]}" for c in HUB])
def test_the_hubs_rows_are_read(name, split, language, files, expected, tmp_path):
    for path, (columns, rows) in files.items():
        parquet(tmp_path / path, columns, rows)
    assert read(name, tmp_path, split=split, languages=[language]) == expected
    found = sources.find(catalog.task(name), tmp_path, split, language)
    assert found.origin == "hub"


@pytest.mark.parametrize("name", [c[0] for c in HUB if c[0] != "mnli"])
def test_the_owners_folder_may_be_left_out(name, tmp_path):
    _, split, language, files, expected = next(c for c in HUB if c[0] == name)
    for path, (columns, rows) in files.items():
        parquet(tmp_path / path.split("/", 1)[1], columns, rows)
    assert read(name, tmp_path, split=split, languages=[language]) == expected


def test_several_shards_are_read_in_their_order(tmp_path):
    for n in (2, 0, 1):
        parquet(tmp_path / f"nyu-mll/multi_nli/data/train-0000{n}-of-00003.parquet", NLI, [(f"P{n}.", "H.", n)])
    assert [(e.id, e.text) for e in read("mnli", tmp_path)] == [
        ("default:train:0", "P0."),
        ("default:train:1", "P1."),
        ("default:train:2", "P2."),
    ]


@pytest.mark.parametrize(
    "shards", [["0-of-00003", "2-of-00003"], ["0-of-00002"], ["0-of-00001", "0-of-00002", "1-of-00002"]], ids=" ".join
)
def test_shards_that_are_no_whole_set_are_refused(shards, tmp_path):
    for shard in shards:
        parquet(tmp_path / f"nyu-mll/multi_nli/data/train-0000{shard}.parquet", NLI, [(f"{shard}.", "H.", 1)])
    with pytest.raises(InputError, match=r"-of-0000\d"):
        read("mnli", tmp_path)


def test_released_files_come_before_the_hubs(write, tmp_path):
    parquet(tmp_path / f"nyu-mll/multi_nli/data/train{ONE}", NLI, [("Hub.", "H.", 0)])
    assert [e.text for e in read("mnli", tmp_path)] == ["Hub."]
    write(f"mnli/{MNLI_TRAIN}", nli("neutral"))
    assert [e.text for e in read("mnli", tmp_path)] == ["Premise 0."]


def test_class_labels_in_the_metadata_of_a_hubs_file_are_read_as_numbers(tmp_path):
    import datasets

    names = ["entailment", "neutral", "contradiction"]
    features = datasets.Features(
        premise=datasets.Value("string"), hypothesis=datasets.Value("string"), label=datasets.ClassLabel(names=names)
    )
    rows = [{"premise": "A.", "hypothesis": "B.", "label": n} for n in (2, 0, -1)]
    path = tmp_path / f"nyu-mll/multi_nli/data/train{ONE}"
    path.parent.mkdir(parents=True)
    datasets.Dataset.from_list(rows, features=features).to_parquet(path)
    assert [e.label for e in read("mnli", tmp_path)] == ["contradiction", "entailment"]


def test_the_layout_is_one_that_the_datasets_library_reads(write, tmp_path):
    import datasets

    folder = tmp_path / "nyu-mll" / "multi_nli"
    for split, rows in {"train": [("A.", "B.", 1), ("C.", "D.", 0)], "validation_matched": [("E.", "F.", 2)]}.items():
        parquet(folder / f"data/{split}{ONE}", NLI, rows)
    listed = "".join(f"  - split: {s}\n    path: data/{s}-*\n" for s in ("train", "validation_matched"))
    write("nyu-mll/multi_nli/README.md", f"---\nconfigs:\n- config_name: default\n  data_files:\n{listed}---\n")
    loaded = datasets.load_dataset(str(folder), "default", split="train", cache_dir=str(tmp_path / "cache"))
    found = read("mnli", tmp_path)
    assert loaded["premise"][:] == [e.text for e in found] == ["A.", "C."]
    assert loaded["label"][:] == [1, 0]
    assert [e.label for e in found] == ["neutral", "entailment"]
    assert len(read("mnli", tmp_path, split="dev")) == 1


@pytest.mark.parametrize(
    "content", [b"PAR1 is how it begins", b"no Parquet at all", b""], ids=["magic", "text", "empty"]
)
def test_a_file_that_is_no_parquet_is_refused_in_one_line(content, write, tmp_path):
    path = write(f"nyu-mll/multi_nli/data/train{ONE}", content)
    with pytest.raises(InputError) as caught:
        read("mnli", tmp_path)
    assert str(caught.value).startswith(f"{path}: expected Parquet, found ")
    assert "\n" not in str(caught.value)


def test_a_parquet_file_that_is_cut_off_is_refused_in_one_line(tmp_path):
    path = parquet(tmp_path / f"nyu-mll/multi_nli/data/train{ONE}", NLI, [("A.", "B.", 1)] * 100)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(InputError) as caught:
        read("mnli", tmp_path)
    assert str(caught.value).startswith(f"{path}: expected Parquet, found ")
    assert "\n" not in str(caught.value)


def test_a_parquet_file_with_damaged_pages_is_refused_in_one_line(tmp_path):
    texts = [(f"A long premise with the number {n * n}.", "B.", n % 3) for n in range(5000)]
    path = parquet(tmp_path / f"nyu-mll/multi_nli/data/train{ONE}", NLI, texts)
    content = bytearray(path.read_bytes())
    content[100:20_000] = bytes(19_900)
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read("mnli", tmp_path)
    assert str(caught.value).startswith(f"{path}: expected Parquet, found ")
    assert "\n" not in str(caught.value)


def test_a_column_that_is_missing_lists_the_columns_there_are(tmp_path):
    columns = {"sentence1": TEXT, "hypothesis": TEXT, "label": INT64}
    path = parquet(tmp_path / f"nyu-mll/multi_nli/data/train{ONE}", columns, [("A.", "B.", 1)])
    with pytest.raises(BadRow) as caught:
        read("mnli", tmp_path)
    assert str(caught.value) == f"{path}:row 0: expected the column 'premise', found sentence1, hypothesis, label"


def test_bad_rows_of_the_hub_are_collected_with_their_number(tmp_path):
    rows = [("A.", "B.", 1), ("C.", "D.", 3), ("", "F.", 1), (None, "H.", 1), ("I.", "J.", 2)]
    path = parquet(tmp_path / f"nyu-mll/multi_nli/data/train{ONE}", NLI, rows)
    bad = []
    assert [e.text for e in read("mnli", tmp_path, bad=bad)] == ["A.", "I."]
    assert [(b.path, b.where) for b in bad] == [(str(path), f"row {n}") for n in (1, 2, 3)]
    assert bad[0].problem == "expected 'label' from -1 to 2, found 3"


@pytest.mark.parametrize(
    ("name", "file", "columns", "row", "problem"),
    [
        (
            "squad_v1",
            f"rajpurkar/squad/plain_text/train{ONE}",
            SQUAD,
            ("1", "T", "Bo.", "?", {"text": ["Bo"], "answer_start": [1]}),
            "expected the answer 'Bo' at offset 1 of its context",
        ),
        (
            "udpos",
            f"google/xtreme/udpos.English/train{ONE}",
            {"tokens": STRINGS, "pos_tags": pa.list_(INT64)},
            (["a", "b"], [1]),
            "expected a tag for each of 2 tokens, found 1",
        ),
        (
            "udpos",
            f"google/xtreme/udpos.English/train{ONE}",
            {"tokens": STRINGS, "pos_tags": pa.list_(INT64)},
            (["a"], [17]),
            "",
        ),
        ("tydiqa", f"google/xtreme/tydiqa/train{ONE}", SQUAD, ("english-1", "T", "Bo.", "?", None), ""),
    ],
    ids=["offset", "fewer tags", "unknown tag", "no answers"],
)
def test_a_value_of_the_hub_that_cannot_be_is_a_bad_row(name, file, columns, row, problem, tmp_path):
    parquet(tmp_path / file, columns, [row])
    with pytest.raises(BadRow, match="row 0: ") as caught:
        read(name, tmp_path)
    assert problem in caught.value.problem


def test_a_tag_of_minus_one_is_no_tag(tmp_path):
    columns = {"tokens": STRINGS, "pos_tags": pa.list_(INT64)}
    parquet(tmp_path / f"google/xtreme/udpos.German/test{ONE}", columns, [(["a", "b"], [-1, -1]), (["c"], [0])])
    bad = []
    found = read("udpos", tmp_path, split="test", languages=["de"], bad=bad)
    assert "X" not in {t for e in found for t in e.tags or ()}  # -1 would be the last tag


def test_a_language_without_a_configuration_of_its_own_is_not_there(tmp_path):
    parquet(
        tmp_path / f"google/xtreme/XQuAD.de/validation{ONE}",
        SQUAD,
        [("1", "T", "A.", "?", {"text": [], "answer_start": []})],
    )
    task = catalog.task("xquad")
    assert sources.find(task, tmp_path, "test", "de")
    assert not sources.find(task, tmp_path, "test", "el")


@pytest.mark.parametrize(
    ("paths", "config", "split", "expected"),
    [
        (["data/train-00000-of-00001.parquet"], "default", "train", ["data/train-00000-of-00001.parquet"]),
        (["default/train/0001.parquet", "default/train/0000.parquet"], "default", "train",
         ["default/train/0000.parquet", "default/train/0001.parquet"]),
        (["qqp/train-0-of-1.parquet", "mrpc/train-0-of-1.parquet"], "qqp", "train", ["qqp/train-0-of-1.parquet"]),
        (["a/test-0.parquet", "a/test_unlabelled-0.parquet"], "a", "test", ["a/test-0.parquet"]),
        (["plain_text/train_r1-0.parquet", "plain_text/train_r2-0.parquet"], "plain_text", "train_r2",
         ["plain_text/train_r2-0.parquet"]),
        (["PAN-X.en/test-0.parquet", "PAN-X.es/test-0.parquet"], "PAN-X.es", "test", ["PAN-X.es/test-0.parquet"]),
        (["README.md", "data/train.jsonl"], "default", "train", []),
        (["other/a/train-0.parquet"], "a", "train", []),
        (["a/train.parquet"], "a", "train", ["a/train.parquet"]),
    ],
)  # fmt: skip
def test_files_of_a_configurations_split_in_a_repository(paths, config, split, expected):
    assert sources.matching(paths, config, split) == expected
