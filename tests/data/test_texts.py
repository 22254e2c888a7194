"""Anybody's texts: every form, plain and compressed; names, fields, shards; and one line for what is no text."""

import bz2
import gzip
import json
import lzma

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diversity.data import texts
from diversity.data.texts import TextFiles
from diversity.types import InputError

ROWS = [{"title": "Rain", "body": "It rains in Oslo."}, {"title": "Sun", "body": "Ha már süt a nap."}]
JOINED = ["Rain It rains in Oslo.", "Sun Ha már süt a nap."]


def written(folder, suffix: str, rows=ROWS):
    """The rows in a file of a form, by a library of its own."""
    frame, path = pd.DataFrame(rows), folder / f"news{suffix}"
    if suffix == ".jsonl":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif suffix == ".json":
        path.write_text(json.dumps(rows))
    elif suffix in (".csv", ".tsv"):
        frame.to_csv(path, sep="," if suffix == ".csv" else "\t", index=False)
    elif suffix == ".parquet":
        frame.to_parquet(path)
    else:
        import pyarrow as pa

        table = pa.Table.from_pandas(frame, preserve_index=False)
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
            writer.write_table(table)
    return path


@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv", ".tsv", ".parquet", ".arrow"])
def test_every_form_gives_the_same_texts(suffix, tmp_path):
    path = written(tmp_path, suffix)
    source = TextFiles.parse(f"{path}:title+body")
    assert source.name == "news"
    assert list(source.texts()) == JOINED
    assert list(TextFiles.parse(f"mine={path}:body").texts()) == [r["body"] for r in ROWS]


@pytest.mark.parametrize(("suffix", "opened"), [(".gz", gzip.open), (".bz2", bz2.open), (".xz", lzma.open)])
@pytest.mark.parametrize("form", [".jsonl", ".json", ".csv", ".txt"])
def test_compressed_files_are_read_as_plain_ones(form, suffix, opened, tmp_path):
    path = tmp_path / f"a{form}{suffix}"
    content = (
        "one\ntwo\n" if form == ".txt" else written(tmp_path, form, [{"text": "one"}, {"text": "two"}]).read_text()
    )
    with opened(path, "wt", encoding="utf-8") as stream:
        stream.write(content)
    source = TextFiles.parse(str(path))
    assert source.name == "a"
    assert list(source.texts()) == ["one", "two"]
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=r"a\.\w+\.\w+"):
        list(TextFiles.parse(str(path)).texts())


def test_the_stream_of_the_library_datasets_is_read(tmp_path):
    import pyarrow as pa

    table = pa.table({"text": ["one", None], "n": [1, 2]})
    with pa.OSFile(str(tmp_path / "a.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert list(TextFiles.parse(str(tmp_path / "a.arrow")).texts()) == ["one", ""]


def test_columns_of_labels_and_ids_are_passed_over_and_said(tmp_path):
    rows = [{"id": f"q{i}", "text": f"text number {i}", "kind": "ab"[i % 2]} for i in range(9)]
    source = TextFiles.parse(str(written(tmp_path, ".jsonl", rows))).resolved()
    assert source.fields == ("text",)
    assert source.note == "the texts are those of 'text', not of 'id' or 'kind'"
    assert list(TextFiles.parse(f"{tmp_path / 'news.jsonl'}:kind").texts()) == [r["kind"] for r in rows]


def test_shards_by_folder_and_by_glob(tmp_path):
    (tmp_path / "talks").mkdir()
    for number, text in enumerate(["one", "two", "three"]):
        (tmp_path / "talks" / f"part-{number:05d}.txt").write_text(text + "\n")
    (tmp_path / "talks" / "README").write_text("no texts")
    for path, name in [("talks", "talks"), ("talks/part-*.txt", "part")]:
        source = TextFiles.parse(f"{tmp_path}/{path}")
        assert (source.name, list(source.texts())) == (name, ["one", "two", "three"])
    assert TextFiles.parse(f"mine={tmp_path}/talks/*.txt").name == "mine"
    (tmp_path / "talks" / "more.csv").write_text("text\nfour\n")
    with pytest.raises(InputError, match=r"expected files of one form, found \.csv and \.txt"):
        TextFiles.parse(str(tmp_path / "talks"))


def test_a_file_with_one_column_of_text_needs_no_field(tmp_path):
    path = written(
        tmp_path, ".csv", [{"id": 1, "score": "0.5", "review": "good"}, {"id": 2, "score": "", "review": "bad"}]
    )
    assert list(TextFiles.parse(str(path)).texts()) == ["good", "bad"]
    path = written(tmp_path, ".csv")
    with pytest.raises(
        InputError,
        match=r"expected one column of text, found several: title, body: write .*news.csv:body, or several as title\+body",
    ):
        list(TextFiles.parse(str(path)).texts())


@pytest.mark.parametrize(
    ("name", "content", "spec", "message"),
    [
        ("a.jsonl", '{"txt": "x"}', ":text", r"a\.jsonl:1: .*unknown field 'text': did you mean txt\?"),
        ("a.jsonl", '{"text": ["x"]}', ":text", r"a\.jsonl:1: expected text in 'text', found a list"),
        ("a.jsonl", '{"text": 3}', ":text", "found the number 3"),
        ("a.jsonl", '{"text": NaN}', ":text", "found the number nan"),
        ("a.jsonl", '{"text": "x"}\n{"text": "y"', "", r"a\.jsonl:2: expected a JSON object a line"),
        ("a.jsonl", "[" * 10000, "", "nested too deeply"),
        ("a.jsonl", "[1, 2]", "", "expected an object with fields or a text, found a list"),
        ("a.jsonl", '{"a": "x", "a": "y"}', ":a", "expected a JSON object a line, found the field 'a' twice"),
        ("a.csv.gz", gzip.compress(b"", mtime=0), ":a", "expected a header with the names of the columns, found none"),
        ("a.json", '{"a": 1}', "", "expected one JSON array of texts or objects"),
        ("a.json", '["x", "y"', "", "expected a JSON array, found after item 2"),
        ("a.csv", "a;b\nx;y\n", "", "expected columns separated by a comma, found a header with a semicolon"),
        ("a.csv", "a,b\nx\n", ":a", r"a\.csv:2: expected 2 cells as in the header, found 1"),
        ("a.csv", 'a,b\n"x,y\n', ":a", "expected separated values"),
        ("a.csv", "a,a\nx,y\n", ":a", "expected each column once, found 'a' twice"),
        ("a.csv", "a,b\n", ":a", "expected texts, found none"),
        ("a.txt", b"caf\xe9\n", "", r"a\.txt:1: expected text in UTF-8, found byte 0xe9 at byte 4"),
        ("a.txt", b"\x89PNG\x00\x00", "", "found binary data"),
        ("a.txt", "version https://git-lfs.github.com/spec/v1\noid x\n", "", "found a Git LFS pointer"),
        ("a.txt", "<!DOCTYPE html>\n<html>", "", "found a page of HTML or XML: the download failed"),
        ("a.txt", gzip.compress(b"x\n", mtime=0), "", "found gzip in a file whose name does not end in .gz"),
        ("a.txt", "x\n".encode("utf-16"), "", "found UTF-16: save it as UTF-8"),
        ("a.json", '{"error": "Not Found"}\n', "", "the download failed"),
        ("a.txt", "", "", "found an empty file"),
        ("a.txt", "\n \n", "", "found 2 blank rows"),
        ("a.parquet", "PAR1 no", "", "expected Parquet"),
        ("a.arrow", "ARROW1 no", "", "expected an Arrow file"),
        ("a.docx", "x", "", r"expected a file of texts .* found \.docx"),
        ("a.jsonl", '{"text": "x"}\n{"text": 3}\n', "", r"a\.jsonl:2: expected text in 'text', found the number 3"),
        ("a.jsonl", '{"messages": [{"content": "x"}]}\n', "", r"a\.jsonl:1: expected text in 'messages', found a list"),
        ("a.jsonl", '{"title": "x"}\n', ":Title+body", r"a\.jsonl:1: unknown field 'Title': did you mean title\?"),
        ("a.csv", "id,n\n1,2\n", "", "expected one column of text, found none among id, n"),
        ("a.csv", b"title,body\ncaf\xe9,x\n", ":title", r"a\.csv:2: expected text in UTF-8, found byte 0xe9 at byte 4"),
    ],
)  # fmt: skip
def test_what_is_no_text_is_one_line(name, content, spec, message, write):
    path = write(name, content)
    with pytest.raises(InputError, match=message) as error:
        texts.sample("a", TextFiles.parse(f"{path}{spec}").texts())
    assert "\n" not in str(error.value)


def test_half_of_a_surrogate_pair_becomes_the_replacement_character(write):
    path = write("a.jsonl", '{"text": "A bird \\ud83d sings."}')
    assert list(TextFiles.parse(str(path)).texts()) == ["A bird \N{REPLACEMENT CHARACTER} sings."]


def test_a_missing_file_and_a_missing_field_name(tmp_path):
    with pytest.raises(InputError, match=r"no\.txt: expected a file, a folder or a glob of texts, found nothing"):
        TextFiles.parse(f"{tmp_path}/no.txt")
    with pytest.raises(InputError, match=r"expected fields such as"):
        TextFiles.parse(f"{tmp_path}/no.csv:")


def test_what_names_no_file_says_what_is_beside_it(write, monkeypatch):
    monkeypatch.chdir(write("news.csv", "title\nx\n").parent)
    write("pictures/a.png", "x")
    for spec, message in {
        "new.csv:title": r"new.csv: expected a file, .* found nothing: did you mean news.csv\?",
        "no/*.txt": r"no/\*.txt: expected a file, a folder or a glob of texts, found nothing$",
        "pictures": r"pictures: expected a folder with files of texts \(.txt .*\), found none in it",
        "https://example.org/news.csv": "expected a file on this disk, found an address: download it first",
        "news.csv:": r"expected fields such as news.csv:title\+body, found 'news.csv:'",
    }.items():
        with pytest.raises(InputError, match=message) as raised:
            TextFiles.parse(spec)
        assert "\n" not in str(raised.value)


def test_a_line_without_end_is_no_text(write, monkeypatch):
    monkeypatch.setattr(texts, "LONGEST", 2**20)
    with pytest.raises(InputError, match=r"a\.txt:1: expected lines of at most 1 MiB, found a longer one"):
        list(TextFiles.parse(str(write("a.txt", "x" * 2**21))).texts())


def test_lists_and_bytes_in_a_column_are_no_texts(tmp_path):
    pd.DataFrame({"text": [["a"], ["b"]], "raw": [b"a", b"b"], "n": [1, 2]}).to_parquet(tmp_path / "a.parquet")
    for field, message in {
        "": "expected one column of text, found none among text, raw, n",
        ":text": "a.parquet:1: expected text in 'text', found a list",
        ":raw": "a.parquet:1: expected text in 'raw', found bytes",
        ":test": "a.parquet:1: unknown field 'test': did you mean text",
    }.items():
        with pytest.raises(InputError, match=message):
            list(TextFiles.parse(f"{tmp_path / 'a.parquet'}{field}").texts())


def test_a_sample_counts_what_it_leaves_out():
    drawn = texts.sample("a", ["x", "", "y", "x", " "])
    assert (drawn.texts, drawn.rows, drawn.blank, drawn.repeated) == (("x", "y", "x"), 5, 2, 1)
    assert texts.sample("a", map(str, range(1000)), limit=10, seed=1) == texts.sample(
        "a", map(str, range(1000)), limit=10, seed=1
    )


@pytest.mark.parametrize(
    ("given", "message"),
    [("one text", "found one text: write"), (7, "expected a list of texts, found int"), ([1], "found the number 1"),
     ([], "found none"),
     ([None], "found 1 blank row"), ([["a"]], "found a list")],
)  # fmt: skip
def test_what_is_no_list_of_texts(given, message):
    with pytest.raises(InputError, match=message):
        texts.sample("a", given)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1), min_size=1, max_size=20))
def test_what_is_written_is_read(tmp_path_factory, rows):
    """JSON lines, JSON, CSV and Parquet give back every text as it was, whatever is in it."""
    folder = tmp_path_factory.mktemp("texts")
    for suffix in (".jsonl", ".json", ".parquet"):
        path = written(folder, suffix, [{"text": r} for r in rows])
        assert list(TextFiles.parse(f"{path}:text").texts()) == [r.strip() for r in rows]


def test_memory_is_bounded_by_the_limit(tmp_path):
    path = tmp_path / "big.txt"
    with path.open("w") as stream:
        stream.writelines(f"text number {n}\n" for n in range(20_000))
    import tracemalloc

    tracemalloc.start()
    assert len(texts.sample("big", TextFiles.parse(str(path)).texts(), limit=100).texts) == 100
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**19


@pytest.mark.parametrize("suffix", [".json", ".jsonl"])
def test_json_with_a_mark_and_half_a_surrogate_pair_reads_alike(suffix, tmp_path):
    record = '{"a": "x \\ud83d"}'
    path = tmp_path / f"set{suffix}"
    path.write_text(f"\ufeff[{record}]" if suffix == ".json" else f"\ufeff{record}\n", "utf8")
    assert list(TextFiles("set", (path,), ("a",)).texts()) == ["x \N{REPLACEMENT CHARACTER}"]


def test_very_many_columns_are_refused_at_once(tmp_path):
    """Each name was looked for among all others, and all of them stood in the error."""
    path = tmp_path / "wide.csv"
    path.write_text(",".join(f"c{i}" for i in range(10**5)) + "\n" + ",".join(["word"] * 10**5) + "\n")
    with pytest.raises(InputError, match="expected one column of text, found several: c0, c1") as raised:
        list(TextFiles.parse(str(path)).texts())
    assert len(str(raised.value)) < 2000


def test_a_folder_that_is_a_circle_of_links_is_one_line(tmp_path, run):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    for arguments in (
        ("tasks", "--include", tmp_path / "a"),
        ("data", "check", "--data", tmp_path / "a"),
        ("score", tmp_path / "a"),
    ):
        code, out, err = run(*arguments)
        assert (code, out, err.count("\n")) == (2, "", 1), arguments
