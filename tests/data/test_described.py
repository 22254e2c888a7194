"""Descriptions of tasks in TOML: every kind and format that they may name, and every way in which they can be wrong."""

from __future__ import annotations

import gzip
import json

import pytest

import diversity
from diversity import catalog
from diversity.data import sources
from diversity.data.described import read
from diversity.types import Answer, Classification, InputError, MultipleChoice, Retrieval, Span, Tagging

CLASS = 'kind = "classification"\nrole = "target"\n'


@pytest.fixture
def described(write, tmp_path):
    """A function that writes a description and files below the data folder, and reads rows of the task."""

    def described(description: str, files: dict, **changes):
        for name, content in files.items():
            write(f"data/own/{name}", content)
        task = read(write("mine/tasks/own.toml", description))
        return list(sources.rows(task, tmp_path / "data", **changes))

    return described


def texts(rows):
    return [(r.text, r.label) for r in rows]


# --- Files ---------------------------------------------------------------------------------------------

EXPECTED = [("A man sleeps.", "yes"), ("It rains.", "no")]
RECORDS = [{"text": t, "label": label} for t, label in EXPECTED]


@pytest.mark.parametrize(
    ("description", "name", "content"),
    [
        ('files = "{split}.jsonl"', "train.jsonl", "".join(json.dumps(r) + "\n" for r in RECORDS)),
        ('files = "{split}.jsonl"', "deep/er/train.jsonl", "".join(json.dumps(r) + "\n" for r in RECORDS)),
        (
            'files = "{split}.jsonl"',
            "train.jsonl.gz",
            gzip.compress("".join(json.dumps(r) + "\n" for r in RECORDS).encode(), mtime=0),
        ),
        ('files = "{split}.json"', "train.json", json.dumps(RECORDS)),
        ('files = "{split}.csv"', "train.csv", 'label,text\nyes,"A man sleeps."\nno,It rains.\n'),
        (
            'files = "{split}.csv"\nseparator = "semicolon"',
            "train.csv",
            'label;text\nyes;"A man sleeps."\nno;It rains.\n',
        ),
        ('files = "{split}.tsv"', "train.tsv", "text\tlabel\nA man sleeps.\tyes\nIt rains.\tno\n"),
        ('files = "{split}.txt"', "train.txt", "text\tlabel\nA man sleeps.\tyes\nIt rains.\tno\n"),
        ('files = "{split}.tsv"\nheader = ["label", "text"]', "train.tsv", "yes\tA man sleeps.\nno\tIt rains.\n"),
        (
            'files = "{split}.tsv"\nheader = false\nfields = {text = 2, label = 1}',
            "train.tsv",
            "yes\tA man sleeps.\nno\tIt rains.\n",
        ),
        (
            'files = "{split}.csv"\nheader = false\nfields = {text = 2, label = 1}',
            "train.csv",
            'yes,"A man sleeps."\nno,It rains.\n',
        ),
        ('files = "{split}.data"\nformat = "jsonl"', "train.data", "".join(json.dumps(r) + "\n" for r in RECORDS)),
        ('files.train = ["a.jsonl", "b.jsonl"]', None, None),
        ('files.train = "part-*.jsonl"', None, None),
    ],
)
def test_every_form_of_file(described, description, name, content):
    parts = [json.dumps(r) + "\n" for r in RECORDS]
    both = (
        {"a.jsonl": parts[0], "b.jsonl": parts[1]}
        if "[" in description
        else {"part-0.jsonl": parts[0], "part-1.jsonl": parts[1]}
    )
    assert texts(described(CLASS + description, {name: content} if name else both)) == EXPECTED


def test_parquet(described, tmp_path):
    import pandas as pd

    (tmp_path / "data" / "own").mkdir(parents=True)
    pd.DataFrame(RECORDS).to_parquet(tmp_path / "data" / "own" / "train.parquet")
    assert texts(described(CLASS + 'files = "{split}.parquet"', {})) == EXPECTED
    pd.DataFrame([{"text": "a", "label": float("nan")}, {"text": "b", "label": 1.0}]).to_parquet(
        tmp_path / "data" / "own" / "train.parquet"
    )
    with pytest.raises(InputError, match=r"train.parquet:2: expected text or a whole number in 'label', found 1.0"):
        described(CLASS + 'files = "{split}.parquet"', {})


def test_languages_in_names_in_folders_and_in_a_column(described):
    line = '{"text": "Mvua.", "label": "no"}\n'
    for pattern, name in (
        ("{lang}/{split}.jsonl", "swa_Latn/test.jsonl"),
        ("{split}.{lang}.jsonl", "test.swa_Latn.jsonl"),
    ):
        rows = described(
            f'{CLASS}files = "{pattern}"\nlanguages = ["swa_Latn", "eng_Latn"]',
            {name: line},
            split="test",
            languages=["swa_Latn"],
        )
        assert [(r.language, r.text) for r in rows] == [("swa_Latn", "Mvua.")]
    rows = described(
        f'{CLASS}files = "all_{{split}}.csv"\nlanguages = {{sw = "swahili", en = "english"}}\nfields = {{language = "lang"}}',
        {"all_test.csv": "lang,text,label\nswahili,Mvua.,no\nenglish,Rain.,no\nfrench,Pluie.,no\n"},
        split="test",
        languages=["sw", "en"],
    )
    assert [(r.language, r.text) for r in rows] == [("sw", "Mvua."), ("en", "Rain.")]


def test_english_goes_by_its_code_and_stands_first(write, tmp_path):
    task = read(write("own.toml", f'{CLASS}files = "{{lang}}/{{split}}.jsonl"\nlanguages = ["yor_Latn", "eng_Latn"]'))
    assert task.languages == ("eng_Latn", "yor_Latn")
    assert (task.english, task.code("en"), task.code("yor_Latn"), task.code("de")) == (
        "eng_Latn",
        "eng_Latn",
        "yor_Latn",
        "de",
    )
    write("data/own/eng_Latn/train.jsonl", '{"text": "Rain.", "label": "no"}\n')
    assert [r.language for r in sources.rows(task, tmp_path / "data")] == ["eng_Latn"]


# --- Kinds ---------------------------------------------------------------------------------------------


def test_pairs_with_labels_mapped_and_rows_left_out(described):
    rows = described(
        'kind = "classification"\nrole = "intermediate"\nfiles = "{split}.jsonl"\nlabels = ["no", "yes"]\n'
        '[fields]\ntext = "s1"\ntext_pair = "s2"\nid = "n"\n[mapping.label]\n1 = "yes"\n0 = "no"\n"-" = ""\n',
        {
            "train.jsonl": '{"s1": "a", "s2": "b", "label": 1, "n": 7}\n{"s1": "a", "s2": "", "label": "-", "n": 8}\n'
            '{"s1": "c", "s2": "", "label": "0", "n": "9"}\n{"s1": "d", "s2": "e", "label": null, "n": 10}\n'
        },
    )
    assert rows == [
        Classification("7", "en", "a", "b", "yes"),
        Classification("9", "en", "c", "", "no"),
        Classification("10", "en", "d", "e", None),
    ]


def test_choices_in_fields_of_their_own_and_in_a_list(described):
    rows = described(
        'kind = "multiple_choice"\nrole = "target"\nfiles = "{split}.jsonl"\n[fields]\ncontext = "premise"\n'
        'question = "question"\nchoices = ["choice1", "choice2"]\n[mapping.question]\ncause = "Why?"\n',
        {"test.jsonl": '{"premise": "p", "question": "cause", "choice1": "x", "choice2": "y", "label": 1}\n'},
        split="test",
    )
    assert rows == [MultipleChoice("test.jsonl:1", "en", "p", "Why?", ("x", "y"), 1)]
    rows = described(
        'kind = "multiple_choice"\nrole = "intermediate"\nfiles = "{split}.jsonl"\n[fields]\nquestion = "q"\nlabel = "key"\n'
        '[mapping.label]\nA = "0"\nB = "1"\n',
        {"train.jsonl": '{"q": "?", "choices": ["x", "y"], "key": "B"}\n'},
    )
    assert rows == [MultipleChoice("train.jsonl:1", "en", "", "?", ("x", "y"), 1)]


@pytest.mark.parametrize(
    ("extra", "record"),
    [
        ("", {"answers": {"text": ["tea"], "answer_start": [5]}}),
        ("", {"answers": [{"text": "tea", "answer_start": 5}]}),
        ("", {"answers": "tea"}),
        ("", {"answers": ["tea"]}),
        ('start = "at"\n', {"answers": "tea", "at": 5}),
    ],
)
def test_answers_in_every_form(described, extra, record):
    line = json.dumps({"question": "What?", "context": "Some tea.", **record})
    rows = described(
        f'kind = "span"\nrole = "target"\nfiles = "{{split}}.jsonl"\n[fields]\n{extra}', {"train.jsonl": line}
    )
    assert rows == [Span("train.jsonl:1", "en", "What?", "Some tea.", (Answer("tea", 5),))]


def test_squad_is_read_as_it_is(described):
    question = {"id": "q", "question": "What?", "answers": [{"text": "tea", "answer_start": 5}]}
    squad = json.dumps({"data": [{"paragraphs": [{"context": "Some tea.", "qas": [question]}]}]})
    rows = described('kind = "span"\nrole = "target"\nfiles = "{split}.json"', {"train.json": squad})
    assert rows == [Span("q", "en", "What?", "Some tea.", (Answer("tea", 5),))]


TAGS = 'kind = "tagging"\nrole = "target"\nfiles = "{split}.txt"\nlabels = ["O", "B-PER", "I-PER"]\n'


def test_words_with_a_space_or_a_tab_and_tags_mapped(described):
    expected = [
        Tagging("train.txt:1", "en", ("Ada", "Lovelace", "1843"), ("B-PER", "I-PER", "O")),
        Tagging("train.txt:5", "en", ("Yes",), ("O",)),
    ]
    mapping = '[mapping.tags]\nB-DATE = "O"\n'
    lines = "Ada B-PER\nLovelace I-PER\n1843 B-DATE\n\nYes O\n"
    assert described(f'{TAGS}separator = "space"\n{mapping}', {"train.txt": lines}) == expected
    assert described(TAGS + mapping, {"train.txt": lines.replace(" ", "\t")}) == expected
    wide = "".join(f"{n} {line}\n" if line else "\n" for n, line in enumerate(lines.split("\n")))
    fields = "[fields]\ntokens = 2\ntags = 3\n"
    assert described(f'{TAGS}separator = "space"\n{fields}{mapping}', {"train.txt": wide}) == expected


def test_tags_as_numbers_and_withheld(described):
    description = TAGS.replace(".txt", ".jsonl")
    rows = described(description, {"train.jsonl": '{"tokens": ["Ada", "sees"], "tags": [1, 0]}\n'})
    assert rows[0].tags == ("B-PER", "O")
    rows = described(description, {"test.jsonl": '{"tokens": ["Ada", "sees"]}\n'}, split="test")
    assert rows[0].tags is None
    assert described(TAGS, {"test.txt": "Ada\nsees\n"}, split="test")[0].tags is None


def test_pairs_of_sentences_are_matched(described):
    rows = described(
        'kind = "retrieval"\nrole = "target"\nfiles = "{lang}.tsv"\n'.replace("{lang}.tsv", "{lang}-{split}.tsv")
        + 'languages = ["sw"]\nheader = ["text", "english"]',
        {"sw-test.tsv": "Mvua.\tRain.\n"},
        split="test",
        languages=["sw"],
    )
    assert rows == [
        Retrieval("sw-test.tsv:1", "sw", "Mvua.", ("sw-test.tsv:1-en",)),
        Retrieval("sw-test.tsv:1-en", "en", "Rain.", ("sw-test.tsv:1",)),
    ]


def test_a_target_has_the_training_rows_of_the_task_that_it_names(write):
    write("mine/tasks/choices.toml", 'kind = "multiple_choice"\nrole = "target"\nfiles.test = "{lang}.jsonl"\n'
          'languages = ["sw"]\ntrain_on = "commonsenseqa"\n[fields]\nchoices = ["a", "b"]\n')  # fmt: skip
    mine = write("mine/tasks/names.toml", TAGS + 'train_on = "panx"\n').parent.parent
    with diversity.include(mine):
        assert catalog.task("choices").splits["train"] == catalog.task("commonsenseqa").splits["train"]
        assert catalog.task("names").train_on == "panx"
    write("mine/tasks/names.toml", TAGS.replace("I-PER", "B-DATE") + 'train_on = "panx"\n')
    write("mine/tasks/a.toml", CLASS + 'files = "{split}.tsv"\ntrain_on = "b"\n')
    write("mine/tasks/b.toml", CLASS + 'files = "{split}.tsv"\ntrain_on = "a"\n')
    with diversity.include(mine):
        with pytest.raises(InputError, match=r"names.toml: expected labels among those of panx"):
            catalog.task("names")
        with pytest.raises(InputError, match="with training rows of its own, found b"):
            catalog.task("a")


# --- What cannot be ------------------------------------------------------------------------------------

FILES = 'files = "{split}.jsonl"\n'


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("", "expected kind, found an empty file"),
        ("kind = ", "expected TOML, found: Invalid value"),
        (b'kind = "\xff"', "expected TOML, found: 'utf-8' codec"),
        ('kind = "classification"\nkind = "span"\n', "expected TOML, found: Cannot overwrite a value"),
        ('knd = "classification"\n', "unknown key 'knd': did you mean kind"),
        (
            'kind = "clasification"\nrole = "target"\n' + FILES,
            "unknown kind 'clasification': did you mean classification",
        ),
        ('kind = "classification"\nrole = "targt"\n' + FILES, "unknown role 'targt': did you mean target"),
        ('kind = "classification"\n' + FILES, "expected role, found kind, files"),
        ('kind = 1\nrole = "target"\n' + FILES, "expected kind to be a text, found 1"),
        (
            CLASS + 'files = "train.jsonl"\n',
            r"expected files with \{split\} in the name, or a table of train, dev and test",
        ),
        (CLASS + 'files.trian = "a.jsonl"\n', "unknown split in files 'trian': did you mean train"),
        (CLASS + "files.train = 3\n", "expected files.train to be a name of a file or a list of them, found 3"),
        (CLASS + 'files.train = "{lng}.jsonl"\n', "unknown name in braces in files.train 'lng': did you mean lang"),
        (CLASS + 'files.train = "{lang.jsonl"\n', r"expected braces as in \{lang\} in files.train"),
        (CLASS + 'files.train = "../a.jsonl"\n', "expected files.train below the data folder"),
        (CLASS + 'files.train = "a.xlsx"\n', r"expected a format \(jsonl, json, csv"),
        (CLASS + FILES + 'format = "jsonlines"\n', "unknown format 'jsonlines': did you mean json"),
        (CLASS + FILES + 'format = "squad"\n', "expected a format of classification rows, found squad"),
        (CLASS + FILES + 'separator = "tabs"\n', "unknown separator 'tabs': did you mean tab"),
        (
            CLASS + FILES + 'languages = ["english"]\n',
            "expected languages as codes such as en, yo or yor_Latn, found 'english'",
        ),
        (
            CLASS + FILES + 'languages = ["en", "sw"]\n',
            r"expected files.train of 2 languages to have \{lang\} in its name",
        ),
        (CLASS + FILES + 'languages = ["en", "en"]\n', "expected each of languages once, found 'en' twice"),
        (CLASS + FILES + "[fields]\ntxt = 'a'\n", "unknown field of a classification task 'txt': did you mean text"),
        (CLASS + FILES + "[fields]\ntext = ['a', 'b']\n", "expected fields.text to be a field's name, or the number"),
        (CLASS + FILES + "[mapping.lable]\na = 'b'\n", "unknown field in mapping of a classification task 'lable'"),
        (
            CLASS + FILES + "[mapping]\nlabel = 'b'\n",
            "expected mapping.label to be a table from text to text, found 'b'",
        ),
        (
            CLASS + FILES + 'labels = ["yes", "no"]\n[mapping.label]\n1 = "yess"\n',
            "unknown label in mapping.label 'yess'",
        ),
        (CLASS + FILES + 'labels = ["yes", 1]\n', "expected labels to be a list of texts, found 1 in it"),
        (CLASS + FILES + 'metric = "acuracy"\n', "unknown metric 'acuracy': did you mean accuracy"),
        (CLASS + FILES + 'embed = ["txt"]\n', "unknown field in embed 'txt': did you mean text"),
        (
            TAGS + '[fields]\ntags = "tag"\n',
            "expected fields.tags to be the number of a column, 1 for the first, found 'tag'",
        ),
    ],
)
def test_descriptions_that_cannot_be(write, description, message):
    file = write("own.toml", description)
    with pytest.raises(InputError, match=message) as error:
        read(file)
    assert str(error.value).startswith(f"{file}: ")
    assert str(error.value).count(str(file)) == 1
    assert "\n" not in str(error.value)


ROW = '{"text": "a", "label": "x"}\n'


@pytest.mark.parametrize(
    ("description", "files", "message"),
    [
        ("", {"train.jsonl": ROW.replace("text", "txt")}, "train.jsonl:1: unknown field 'text': did you mean txt"),
        (
            "",
            {"train.jsonl": ROW + ROW.replace("label", "lable")},
            "train.jsonl:2: unknown field 'label': did you mean lable",
        ),
        ("", {"train.jsonl": ROW.replace('"a"', "3")}, "train.jsonl:1: expected text in 'text', found int"),
        ("", {"train.jsonl": ROW.replace('"a"', '["a"]')}, "train.jsonl:1: expected text in 'text', found list"),
        ("", {"train.jsonl": ROW.replace('"a"', "null")}, "train.jsonl:1: expected text in 'text', found NoneType"),
        ("", {"train.jsonl": ROW.replace('"x"', "0.5")}, "expected text or a whole number in 'label', found 0.5"),
        ("", {"train.jsonl": ROW.replace('"x"', "NaN")}, "train.jsonl:1: expected a JSON object"),
        ("", {"train.jsonl": ROW.replace('"x"', '["x"]')}, "expected text or a whole number in 'label', found a list"),
        ("", {"train.jsonl": "[1]\n"}, "train.jsonl:1: expected an object with fields, found list"),
        ("", {"train.jsonl": ""}, "train.jsonl: expected rows, found an empty file"),
        ("", {"train.jsonl": "\n\n"}, "train.jsonl: expected rows of own in 'en', found none"),
        ("", {"train.jsonl": b"\x00\x01\x02" * 50}, "train.jsonl: expected text, found binary data"),
        ("", {"train.jsonl": ROW.encode() + b'{"text": "\xe9"}\n'}, "train.jsonl:2: expected UTF-8, found byte 0xe9"),
        ("", {"train.txt": ROW}, r"expected files of own \(train or dev, en\), such as train.jsonl, found none"),
        ('labels = ["y", "z"]\n', {"train.jsonl": ROW}, "expected a label among y, z, found 'x'"),
        ("", {"a/train.jsonl": ROW, "b/train.jsonl": ROW}, "expected one file train.jsonl, found 2"),
        (
            '[fields]\nid = "n"\n',
            {"train.jsonl": ROW.replace("{", '{"n": "", ')},
            "expected an id in 'n', found nothing",
        ),
    ],
)
def test_rows_that_cannot_be(described, description, files, message):
    with pytest.raises(InputError, match=message) as error:
        described(CLASS + FILES + description, files)
    assert "\n" not in str(error.value)


def test_a_long_cell_is_read_whatever_was_read_before(described):
    import csv

    csv.field_size_limit(1 << 17)  # as when Python starts
    rows = described(CLASS + 'files = "{split}.csv"\n', {"train.csv": f"text,label\n{'x' * 200_000},a\ny,b\n"})
    assert [len(row.text) for row in rows] == [200_000, 1]


def test_a_huge_line_is_no_line(described, monkeypatch):
    from diversity.data import lines

    monkeypatch.setattr(lines, "LONGEST", 1 << 20)
    with pytest.raises(InputError, match="expected lines of at most 1 MiB, found a longer one in line 2: is this text"):
        described(CLASS + FILES, {"train.jsonl": ROW + "x" * (3 << 20)})


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (
            "Ada B-PER\n",
            r'train.txt:1: expected a word and its tag with a tab between them, found .*: is it separator = "space"',
        ),
        ("Ada\tB-PER\nsees\n", "train.txt:2: expected a word and its tag with a tab between them, found 'sees'$"),
        ("Ada\tB-PER\nsees\tx\tO\n", "train.txt:2: expected 2 columns, as in the sentence's first line, found 3"),
        ("Ada\t\n", "train.txt:1: expected a tag, found nothing"),
        ("Ada\tB-PRE\n", "expected tags among O, B-PER, I-PER, found 'B-PRE'"),
    ],
)
def test_columns_that_cannot_be(described, lines, message):
    with pytest.raises(InputError, match=message):
        described(TAGS, {"train.txt": lines})


@pytest.mark.parametrize(
    ("kind", "record", "message"),
    [
        ("multiple_choice", {"choices": ["a"], "label": 0}, "expected at least 2 choices, found 1"),
        ("multiple_choice", {"choices": "a, b", "label": 0}, "expected a list in 'choices', found str"),
        ("multiple_choice", {"choices": ["a", "b"], "label": 2}, "expected 'label' from 0 to 1, found '2'"),
        ("multiple_choice", {"choices": ["a", "b"], "label": "A"}, "expected 'label' to be a whole number, found 'A'"),
        ("tagging", {"tokens": ["a"], "tags": ["O", "O"]}, "expected a tag for each of 1 tokens, found 2"),
        ("tagging", {"tokens": "a b", "tags": "O O"}, "expected a list in 'tokens', found str"),
        ("tagging", {"tokens": ["a"], "tags": [9]}, "expected tags in 'tags' from 0 to 2, found 9"),
        ("span", {"question": "q", "context": "c", "answers": "x"}, "expected the answer 'x' in its context"),
        ("span", {"question": "q", "context": "c", "answers": [1]}, "expected text as an answer, found 1"),
        (
            "span",
            {"question": "q", "context": "c", "answers": {"text": ["c"], "answer_start": []}},
            "expected a start for each",
        ),
        ("retrieval", {"text": "a"}, "unknown field 'english'"),
    ],
)
def test_rows_of_other_kinds_that_cannot_be(described, kind, record, message):
    labels = 'labels = ["O", "B-PER", "I-PER"]\n' if kind == "tagging" else ""
    with pytest.raises(InputError, match=message):
        described(f'kind = "{kind}"\nrole = "target"\n{FILES}{labels}', {"train.jsonl": json.dumps(record)})
