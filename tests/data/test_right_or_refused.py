"""Files and fields that are not what they stand for: a bad row with file, line and field, or one clear error."""

import gzip
import json
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from diversity import catalog
from diversity.cli import main
from diversity.data import check, fields, json_text, sources
from diversity.types import Answer, InputError


@pytest.fixture
def read(tmp_path):
    """A function that reads a task from the folder: the rows, and the bad ones as text without the folder."""

    def read(name, split="train", language="en"):
        bad, rows = [], []
        try:
            rows.extend(sources.rows(catalog.task(name), tmp_path, split=split, languages=[language], bad=bad))
        except InputError:
            if not bad:
                raise
        return rows, [str(b).replace(f"{tmp_path}/", "") for b in bad]

    return read


def failures(name, folder):
    """What `data check` says is wrong with a task."""
    return [f"{r.status}: {r.detail}" for r in check.check([name], data=folder) if r.failed]


# --- Files that are no text ------------------------------------------------------------------------------

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
NO_TEXT = {
    "a Git LFS pointer": POINTER,
    "a git-annex pointer": b"/annex/objects/SHA256E-s3--98ea\n",
    "a page of HTML": b"\xef\xbb\xbf\n<!DOCTYPE html><html><body>Quota exceeded</body></html>\n",
    "a page of HTML or XML": b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>\n",
    "'404: Not Found'": b"404: Not Found",
    "quota": b"Sorry, quota exceeded for this file.\n",
    "the download failed": b'{"message": "Bad credentials"}\n',
    "a zip archive": b"PK\x03\x04" + b"\x14\x00" * 20,
    "gzip in a file": gzip.compress(b"A line.\n" * 9, mtime=0),
    "UTF-16": "A line.\nAnd another.\n".encode("utf-16"),
    "binary data": b"A line\x00 with zeros\n",
    "a PDF": b"%PDF-1.7\nx\n",
}
TEXT_FILES = {
    ("tatoeba", "test", "fr"): "tatoeba/tatoeba.fra-eng.fra",
    ("panx", "train", "en"): "panx/train-en.tsv",
    ("udpos", "train", "en"): "udpos/en_x-ud-train.conllu",
    ("mnli", "train", "en"): "mnli/multinli_1.0_train.jsonl",
    ("qqp", "train", "en"): "qqp/train.tsv",
    ("cosmosqa", "train", "en"): "cosmosqa/train.csv",
    ("squad_v1", "train", "en"): "squad_v1/train-v1.1.json",
    ("ccg", "train", "en"): "ccg/ccg.train.tsv",
    ("bucc2018", "dev", "de"): "bucc2018/de-en.dev.de",
}


@pytest.mark.parametrize("what", NO_TEXT)
@pytest.mark.parametrize("task", TEXT_FILES, ids=lambda t: t[0])
def test_what_is_no_text_is_refused_by_every_reader(task, what, write, read, tmp_path):
    path = write(TEXT_FILES[task], NO_TEXT[what])
    if task[0] in ("tatoeba", "bucc2018"):
        write(
            str(path.relative_to(tmp_path))[: -len(path.suffix)] + (".eng" if task[0] == "tatoeba" else ".en"), "a\tb\n"
        )
    with pytest.raises(InputError, match=f"expected (text|SQuAD JSON), found .*{what}"):
        list(sources.rows(catalog.task(task[0]), tmp_path, split=task[1], languages=[task[2]]))
    assert failures(task[0], tmp_path)


def test_a_pointer_inside_gzip_is_seen_too(write, read):
    write("panx/train-en.tsv.gz", gzip.compress(POINTER, mtime=0))
    with pytest.raises(InputError, match="found a Git LFS pointer"):
        read("panx")


def test_a_nul_far_inside_a_file_is_a_bad_row(write, read):
    write("panx/train-en.tsv", b"Anna\tB-PER\n\n" * 1000 + b"Os\x00lo\tB-LOC\n\nRome\tB-LOC\n")
    rows, bad = read("panx")
    assert len(rows) == 1001
    assert bad == ["panx/train-en.tsv:2001: expected text, found a NUL at byte 3"]


def test_a_sentence_that_looks_like_an_answer_of_a_server_stands_in_a_longer_file(write, read):
    lines = ["Not found", *(f"Satz {n}, der hier steht." for n in range(20))]
    write("tatoeba/tatoeba.deu-eng.deu", "\n".join(lines) + "\n")
    write("tatoeba/tatoeba.deu-eng.eng", "\n".join(lines) + "\n")
    assert len(read("tatoeba", "test", "de")[0]) == 42


def test_the_command_exits_with_1(write, tmp_path, capsys):
    write("panx/train-en.tsv", POINTER)
    with pytest.raises(SystemExit) as caught:
        main(["data", "check", "panx", "--data", str(tmp_path)])
    assert caught.value.code == 1
    assert "Git LFS pointer" in capsys.readouterr().out


def test_a_pointer_in_place_of_parquet_is_refused(write, read):
    write("nyu-mll/multi_nli/data/train-00000-of-00001.parquet", POINTER)
    with pytest.raises(InputError, match="expected Parquet, found"):
        read("mnli")


def test_an_archive_under_another_name_is_refused(tmp_path, read):
    (tmp_path / "qqp").mkdir()
    with zipfile.ZipFile(tmp_path / "qqp" / "train.tsv", "w") as archive:
        archive.writestr("train.tsv", "id\tquestion1\n")
    with pytest.raises(InputError, match="found a zip archive: unpack it"):
        read("qqp")


# --- Half a surrogate pair -----------------------------------------------------------------------------------


def test_half_a_surrogate_pair_is_one_character_in_every_reader(write, read, tmp_path):
    row = r'{"gold_label": "neutral", "sentence1": "A \ud83d b.", "sentence2": "\ude00\ud83d\ude00 \\ud83d"}'
    write("mnli/multinli_1.0_train.jsonl", row + "\n")
    qa = {"id": "q", "question": "Q?", "answers": [{"text": "B@ird", "answer_start": 2}]}
    squad = json.dumps({"data": [{"paragraphs": [{"context": "A B@ird.", "qas": [qa]}]}]}).replace("@", r"\uD83D")
    write("squad_v1/train-v1.1.json", squad)
    ((mnli,), _), ((span,), _) = read("mnli"), read("squad_v1")
    assert (mnli.text, mnli.text_pair) == ("A \ufffd b.", "\ufffd\U0001f600 \\ud83d")
    assert (span.context, span.answers) == ("A B\ufffdird.", (Answer("B\ufffdird", 2),))
    (checked,) = check.check(["mnli"], data=tmp_path)
    assert checked.detail == "1 rows with U+FFFD in place of a character"


@pytest.mark.parametrize("size", [1, 2, 5, 7, 12, 13, 64])
def test_escapes_that_a_piece_of_the_file_cuts_are_whole(size):
    import io

    text = r'"\\\ud83d\ude00 \ud83d x \\ud83d \ude00 \\\\ \n \u00e9 \ud83d\ud83d\ude00"' * 3
    stream, pieces = json_text.WholeEscapes(io.BytesIO(text.encode())), []
    while piece := stream.read(size):
        pieces.append(piece)
    assert b"".join(pieces).decode() == fields.whole_escapes(text)
    assert json.loads(fields.whole_escapes(text).replace('""', "")).encode()


def test_encoders_read_half_a_surrogate_pair_as_the_readers_do():
    import numpy as np

    from diversity.encoders.hidden_states import layer_encoder
    from diversity.encoders.sentence import load_encoder

    for encoder in (load_encoder("mini"), load_encoder("mini", long="chunk"), layer_encoder("mini")):
        one, other = encoder.encode(["a \ud83d bird", "a \ufffd bird"])
        np.testing.assert_allclose(one, other, atol=1e-6)
        assert encoder.too_long(["a \ud83d bird"]) == 0


# --- Flags, numbers, lists, null -------------------------------------------------------------------------------


def squad_file(**question):
    qa = {"id": "q", "question": "Where?", "answers": [{"text": "Oslo", "answer_start": 3}], **question}
    return json.dumps({"data": [{"paragraphs": [{"context": "In Oslo.", "qas": [qa, {**qa, "id": "w", **GOOD}]}]}]})


GOOD = {"question": "Where?", "answers": [{"text": "Oslo", "answer_start": 3}], "is_impossible": False}
BAD_QUESTIONS = [
    *(
        ({"is_impossible": v}, f"'is_impossible' to be true or false, found {v!r}")
        for v in ("False", "true", "0", 0, 1)
    ),
    ({"is_impossible": None}, "'is_impossible' to be true or false, found None"),
    ({"is_impossible": True}, "expected no answers where 'is_impossible' is true, found 1"),
    ({"is_impossible": False, "answers": []}, "expected an answer where 'is_impossible' is false, found none"),
    *(
        ({"answers": [{"text": "Oslo", "answer_start": v}]}, f"'answer_start' to be a whole number, found {v!r}")
        for v in ("3", 3.0, None, True, [3])
    ),
    ({"answers": {"text": ["Oslo"], "answer_start": [3]}}, "expected a list in 'answers', found dict"),
    ({"answers": "Oslo"}, "expected a list in 'answers', found str"),
    ({"answers": ["Oslo"]}, "expected answers with 'text' and 'answer_start', found str"),
    ({"answers": [{"text": None, "answer_start": 3}]}, "expected text in 'text', found NoneType"),
    ({"answers": [{"text": "Oslo"}]}, "expected the field 'answer_start'"),
    (
        {"answers": [{"text": "", "answer_start": 0}, {"text": "Oslo", "answer_start": 3}]},
        "expected text in 'text', found",
    ),
    ({"answers": [{"text": "Oslo", "answer_start": 4}]}, "expected the answer 'Oslo' at offset 4"),
    ({"id": None}, "expected an id in 'id', found None"),
    ({"id": ""}, "expected an id in 'id', found nothing"),
    ({"id": ["q"]}, "expected an id in 'id', found ['q']"),
    ({"question": 7}, "expected text in 'question', found int"),
]


@pytest.mark.parametrize(("question", "problem"), BAD_QUESTIONS)
def test_a_question_with_a_field_of_another_type_is_a_bad_row(question, problem, write, read, tmp_path):
    write("squad_v2/train-v2.0.json", squad_file(**question))
    rows, (bad,) = read("squad_v2")
    assert [row.id for row in rows] == ["w"]
    assert problem in bad
    assert bad.startswith("squad_v2/train-v2.0.json:data[0].paragraphs[0].qas[0]: ")
    assert failures("squad_v2", tmp_path)


CHOICES = [{"label": letter, "text": letter.lower()} for letter in "ABCDE"]
BAD_LINES = {
    "commonsenseqa/train_rand_split.jsonl": [
        (
            {"question": {"stem": "?", "choices": [*CHOICES[:4], {"label": "E", "text": None}]}},
            "'text[4]', found None",
        ),
        (
            {"question": {"stem": "?", "choices": [*CHOICES[:4], {"label": "E", "text": " "}]}},
            "'text[4]', found nothing",
        ),
        ({"question": {"stem": "?", "choices": [*CHOICES[:4], {"label": "E"}]}}, "choices with 'label' and 'text'"),
        ({"question": {"stem": "?", "choices": "ABCDE"}}, "expected a list in 'choices', found str"),
        ({"question": "?"}, "expected an object in 'question', found str"),
        ({"question": {"stem": "?", "choices": CHOICES[:4]}}, "expected the choices A to E, found A, B, C, D"),
        ({"answerKey": 0.5}, "expected 'answerKey' from A to E, found 0.5"),
        ({"answerKey": "BC"}, "expected 'answerKey' from A to E, found 'BC'"),
        ({"id": {"a": 1}}, "expected an id in 'id'"),
    ],
    "hellaswag/hellaswag_train.jsonl": [
        ({"endings": ["a", None, "c", "d"]}, "text in 'endings[1]', found NoneType"),
        ({"endings": "abcd"}, "expected a list in 'endings', found str"),
        ({"endings": ["", "", "", ""]}, "text in 'endings[0]', found nothing"),
        ({"endings": ["a", "b", "c"]}, "expected 4 endings, found 3"),
        ({"label": True}, "'label' to be a whole number, found True"),
        ({"label": 1.0}, "'label' to be a whole number, found 1.0"),
        ({"label": "3.0"}, "'label' to be a whole number, found '3.0'"),
        ({"label": [1]}, "'label' to be a whole number, found [1]"),
        ({"label": "4"}, "'label' from 0 to 3, found '4'"),
        ({"ind": None, "ctx": None}, "expected text in 'ctx', found NoneType"),
    ],
    "mnli/multinli_1.0_train.jsonl": [
        ({"gold_label": None}, "expected 'gold_label' to be one of"),
        ({"gold_label": ["neutral"]}, "expected 'gold_label' to be one of"),
        ({"gold_label": "Neutral"}, "expected 'gold_label' to be one of"),
        ({"sentence1": None}, "expected text in 'sentence1', found NoneType"),
        ({"pairID": {"a": 1}}, "expected an id in 'pairID'"),
    ],
    "anli_plus/R1/train.jsonl": [({"label": ["e"]}, "expected 'label' to be one of e, n, c, found ['e']")],
}
GOOD_LINES = {
    "commonsenseqa/train_rand_split.jsonl": {
        "id": "1",
        "answerKey": "A",
        "question": {"stem": "?", "choices": CHOICES},
    },
    "hellaswag/hellaswag_train.jsonl": {"ind": 1, "ctx": "A", "endings": ["a", "b", "c", "d"], "label": 1},
    "mnli/multinli_1.0_train.jsonl": {"gold_label": "neutral", "sentence1": "A.", "sentence2": "B.", "pairID": "p"},
    "anli_plus/R1/train.jsonl": {"label": "e", "context": "A.", "hypothesis": "B.", "uid": "u"},
}


@pytest.mark.parametrize(
    ("file", "change", "problem"), [(file, *case) for file, cases in BAD_LINES.items() for case in cases]
)
def test_a_line_with_a_field_of_another_type_is_a_bad_row(file, change, problem, write):
    good = GOOD_LINES[file]
    task = catalog.task(file.split("/")[0])
    path = write(file, json.dumps({**good, **change}) + "\n" + json.dumps(good) + "\n")
    layout = next(x for p in task.splits["train"] for x in p.layouts if path.match(f"*/{x.pattern}"))
    bad, row = layout.read(path, "en")
    assert problem in str(bad)
    assert str(bad).startswith(f"{path}:1: ")
    assert not isinstance(row, InputError)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            '{"gold_label": "neutral", "gold_label": "entailment", "sentence1": "A.", "sentence2": "B."}',
            "'gold_label' twice",
        ),
        ('{"gold_label": NaN, "sentence1": "A.", "sentence2": "B."}', "NaN, which is no number"),
    ],
)
def test_json_that_says_two_things_or_none_is_a_bad_row(line, problem, write, read):
    write("mnli/multinli_1.0_train.jsonl", line + "\n")
    assert problem in read("mnli")[1][0]


@pytest.mark.parametrize(
    ("file", "header"),
    [
        ("qqp/train.tsv", "id\tqid1\tqid2\tquestion1\tquestion2\tis_duplicate\tis_duplicate\n"),
        ("cosmosqa/train.csv", "id,context,question,answer0,answer1,answer2,answer3,label, label\n"),
    ],
)
def test_a_column_that_stands_twice_is_refused(file, header, write, read):
    separator = "\t" if file.endswith("tsv") else ","
    write(file, header + separator.join("1" * (header.count(separator) + 1)) + "\n")
    with pytest.raises(InputError, match=r"expected each column once, found '(is_duplicate|label)' twice"):
        read(file.split("/")[0])


# --- Columns of tokens and tags ----------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "tag"), [("panx", "B-PER"), ("udpos", "PROPN")])
def test_a_blank_between_token_and_tag_is_a_bad_row(name, tag, write, read, tmp_path):
    for split in ("train", "test"):
        write(f"{name}/{split}-en.tsv", f"Anna {tag}\nlives {tag}\n\nAnna\t{tag}\n\nOslo {tag}\t{tag}\n")
        rows, bad = read(name, split)
        assert [row.tokens for row in rows] == [("Anna",)]
        assert bad[0] == (
            f"{name}/{split}-en.tsv:1: expected a tab between token and tag, found a blank in 'Anna {tag}'"
        )
        assert len(bad) == 2
    assert len(failures(name, tmp_path)) == 2


@pytest.mark.parametrize("name", ["panx", "udpos"])
def test_tags_are_withheld_in_test_files_alone(name, write, read):
    tag = catalog.task(name).labels[0]
    for split in ("train", "dev", "test"):
        write(f"{name}/{split}-en.tsv", f"Anna\nlives\n\nOslo\t{tag}\n")
    rows, (bad,) = read(name, "test")
    assert [row.tags for row in rows] == [None]
    assert bad == f"{name}/test-en.tsv:4: expected no tags, as in the first sentence, found 1"
    for split in ("train", "dev"):
        rows, (bad,) = read(name, split)
        assert [row.tokens for row in rows] == [("Oslo",)]
        assert bad == f"{name}/{split}-en.tsv:1: expected a tag for each of 2 tokens, found 0"
    write(f"{name}/test-en.tsv", f"Oslo\t{tag}\n\nAnna\nlives\n")
    assert read(name, "test")[1] == [f"{name}/test-en.tsv:3: expected a tag for each of 2 tokens, found 0"]


def test_tags_without_their_tokens_are_a_bad_row(write, read):
    write("panx/test-en.tsv", "Anna\n\nB-PER\nI-PER\n\nO\n")
    rows, (bad,) = read("panx", "test")
    assert [row.tokens for row in rows] == [("Anna",), ("O",)]
    assert "found nothing but tags: B-PER I-PER" in bad


@pytest.mark.parametrize("name", ["xnli", "pawsx"])
def test_labels_are_withheld_in_test_files_alone_and_are_no_sentences(name, write, read):
    label = catalog.task(name).labels[0]
    for split in ("dev", "test"):
        write(f"{name}/{split}-en.tsv", f"A.\tB.\n\nA.\tC.\t{label}\n")
    assert len(read(name, "test")[0]) == 1
    assert [row.label for row in read(name, "dev")[0]] == [label]
    write(f"{name}/test-en.tsv", f"A.\t{label}\nA.\tB.\n")
    rows, (bad,) = read(name, "test")
    assert len(rows) == 1
    assert f"found the label '{label}'" in bad


def test_the_prefix_of_wikiann_is_taken_off_whatever_the_file_is_called(write, read):
    write("panx/train-en.tsv", "-DOCSTART-\tO\n\nen:Rome\tB-LOC\nen:is\tO\n\nen::\tO\n")
    assert [row.tokens for row in read("panx")[0]] == [("Rome", "is"), (":",)]


def test_a_word_with_a_colon_keeps_it_where_the_others_have_no_prefix(write, read):
    write("panx/train-en.tsv", "See\tO\nen:Rome\tB-LOC\n\nen:Rome\tB-LOC\n")
    assert [row.tokens for row in read("panx")[0]] == [("See", "en:Rome"), ("en:Rome",)]


def word(id, form):
    return "\t".join([id, form, form, "X", "_", "_", "0", "_", "_", "_"]) + "\n"


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ([("2-1", "dela"), ("1", "de"), ("2", "la")], "the multiword token 2-1 without its parts"),
        ([("2-4", "dela"), ("1", "de"), ("2", "la")], "the multiword token 2-4 without its parts"),
        ([("1-2", "dela"), ("1", "de"), ("2", "la"), ("2-3", "lacasa"), ("3", "casa")], "1-2 and 2-3, which overlap"),
        ([("1-2", "dela"), ("1-2", "dela"), ("1", "de"), ("2", "la")], "1-2 and 1-2, which overlap"),
        (
            [("1-3", "delacasa"), ("1", "de"), ("2-3", "lacasa"), ("2", "la"), ("3", "casa")],
            "1-3 and 2-3, which overlap",
        ),
        ([("0.5", "x"), ("1", "de")], "the id '0.5' after word 0"),
        ([("1", "de"), ("0.5", "x")], "the id '0.5' after word 1"),
        ([("1", "de"), ("2", "la"), ("1-2", "dela")], "the id '1-2' after word 2"),
        ([("²", "de")], "the id '²'"),
        ([("1", "\u200c")], "nothing in place of word 1"),
    ],
)
def test_ranges_of_conllu_that_cannot_be_are_bad_rows(lines, problem, write, read, tmp_path):
    write("udpos/en_x-ud-train.conllu", "".join(word(*line) for line in lines) + "\n" + word("1", "ok") + "\n")
    rows, (bad,) = read("udpos")
    assert problem in bad
    assert [row.tokens for row in rows] == [("ok",)]
    assert failures("udpos", tmp_path)


def test_a_derivation_with_a_broken_leaf_loses_no_word(write, read):
    leaf = "(<L N NNP NNP {} N>)"
    good, broken = leaf.format("Anna") + leaf.format("sleeps"), leaf.format("Anna") + "(<L N NNP sleeps N>)"
    write("ccg/AUTO/02/wsj_0201.auto", f"ID=1\n{good}\nID=2\n{broken}\n")
    rows, (bad,) = read("ccg")
    assert [row.tokens for row in rows] == [("Anna", "sleeps")]
    assert "found 1 of 2 whole" in bad


# --- Ids -----------------------------------------------------------------------------------------------------------


def test_gold_pairs_of_ids_that_are_not_there_are_bad_rows(write, read, tmp_path):
    write("bucc2018/de-en.dev.de", "de-1\tEins.\nde-2\tZwei.\n")
    write("bucc2018/de-en.dev.en", "en-1\tOne.\nen-2\tTwo.\n")
    write("bucc2018/de-en.dev.gold", "de-1\ten-1\nde-3\ten-2\nde-2\ten-9\nen-2\tde-2\n")
    rows, bad = read("bucc2018", "dev", "de")
    assert [row.matches for row in rows] == [("en-1",), (), (), ()]
    expected = "expected a gold pair of ids of both sides, found"
    assert bad == [
        f"bucc2018/de-en.dev.gold:2: {expected} 'de-3', which is not in de-en.dev.de",
        f"bucc2018/de-en.dev.gold:3: {expected} 'en-9', which is not in de-en.dev.en",
        f"bucc2018/de-en.dev.gold:4: {expected} 'en-2', which is not in de-en.dev.de",
    ]
    assert failures("bucc2018", tmp_path)


def test_ids_of_sentences_that_stand_twice_are_bad_rows(write, read):
    write("bucc2018/de-en.dev.de", "de-1\tEins.\nde-1\tZwei.\n")
    write("bucc2018/de-en.dev.en", "en-1\tOne.\nen-1\tOne.\n")
    rows, bad = read("bucc2018", "dev", "de")
    assert [(row.id, row.text) for row in rows] == [("de-1", "Eins."), ("en-1", "One.")]
    assert bad == [
        "bucc2018/de-en.dev.de:2: expected each id once, found 'de-1' again",
        "bucc2018/de-en.dev.en:2: expected each id once, found 'en-1' again",
    ]


def test_questions_that_are_predicted_have_an_id_each(write, read):
    qas = [{"id": i, "question": "Q?", "answers": [{"text": "A", "answer_start": 0}]} for i in ("a", "a", "b")]
    content = json.dumps({"data": [{"paragraphs": [{"context": "A b.", "qas": qas}]}]})
    write("squad_v1/dev-v1.1.json", content)
    write("squad_v1/train-v1.1.json", content)
    rows, (bad,) = read("squad_v1", "dev")
    assert [row.id for row in rows] == ["a", "b"]
    assert bad == "squad_v1/dev-v1.1.json:a: expected each id once, found 'a' again"
    assert len(read("squad_v1")[0]) == 3  # ids of some training rows repeat


# --- Rows of the hub ---------------------------------------------------------------------------------------------------

HUB_ROWS = {
    "panx": (
        "google/xtreme/PAN-X.en/train-00000-of-00001.parquet",
        {"tokens": ["Anna"], "ner_tags": [1], "langs": ["en"]},
    ),
    "squad_v1": (
        "rajpurkar/squad/plain_text/train-00000-of-00001.parquet",
        {"id": "1", "context": "In Oslo.", "question": "Where?", "answers": {"text": ["Oslo"], "answer_start": [3]}},
    ),
    "commonsenseqa": (
        "tau/commonsense_qa/data/train-00000-of-00001.parquet",
        {"id": "1", "question": "?", "choices": {"label": list("ABCDE"), "text": list("abcde")}, "answerKey": "A"},
    ),
    "qqp": (
        "nyu-mll/glue/qqp/train-00000-of-00001.parquet",
        {"question1": "A?", "question2": "B?", "label": 0, "idx": 1},
    ),
}
BAD_HUB_ROWS = [
    ("panx", {"tokens": [None]}, "expected text in 'tokens[0]', found NoneType"),
    ("panx", {"tokens": None}, "expected a list in 'tokens', found NoneType"),
    ("panx", {"ner_tags": None}, "expected a list in 'ner_tags', found NoneType"),
    ("panx", {"ner_tags": [9]}, "expected tags from -1 to 6, found 9"),
    ("panx", {"ner_tags": [1, 0]}, "expected a tag for each of 1 tokens, found 2"),
    ("squad_v1", {"answers": None}, "expected an object in 'answers', found NoneType"),
    (
        "squad_v1",
        {"answers": {"text": ["Oslo"], "answer_start": []}},
        "an 'answer_start' for each of 1 answers, found 0",
    ),
    (
        "squad_v1",
        {"answers": {"text": ["Oslo"], "answer_start": [None]}},
        "'answer_start' to be a whole number, found None",
    ),
    (
        "commonsenseqa",
        {"choices": {"label": list("ABCDE"), "text": list("abc")}, "answerKey": "E"},
        "expected 5 text, found 3",
    ),
    ("commonsenseqa", {"choices": None}, "expected an object in 'choices', found NoneType"),
    ("qqp", {"label": None}, "expected 'label' to be a whole number, found None"),
    ("qqp", {"question1": None}, "expected text in 'question1', found NoneType"),
]


@pytest.mark.parametrize(("name", "change", "problem"), BAD_HUB_ROWS)
def test_a_row_of_the_hub_with_a_field_of_another_type_is_a_bad_row(name, change, problem, tmp_path, read):
    file, good = HUB_ROWS[name]
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([good, {**good, **change}]), path)
    rows, (bad,) = read(name)
    assert len(rows) == 1
    assert problem in bad


@pytest.mark.parametrize("labels", [[0.0, 1.0], ["0", "x"], [True, False]])
def test_classes_of_the_hub_are_whole_numbers(labels, tmp_path, read):
    file, good = HUB_ROWS["qqp"]
    path = tmp_path / file
    path.parent.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist([{**good, "label": label} for label in labels]), path)
    assert "expected 'label' to be a whole number, found" in read("qqp")[1][-1]
