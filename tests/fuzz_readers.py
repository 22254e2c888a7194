"""Valid files of every reader with something wrong in them: `python tests/fuzz_readers.py COUNT [SEED]`.

A case is a task's rows as records, one mutation of a record or of a file, and what is then read. Whatever the mutation:

- nothing is raised but InputError (one line);
- no row is changed in silence: each row that is read is one of those before the mutation, or differs from it only where it
  holds exactly what the mutation wrote, or has a label that was taken away; and where fewer rows are read than before, a
  bad row or an error says so.
"""

from __future__ import annotations

import copy
import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

from diversity import catalog
from diversity.data import sources
from diversity.types import BadRow, InputError

WORDS = "Anna sleeps in Oslo ; the café is « open » naïve 東京 не знаю ﷽ a\u0301b x\u2028y 0 -1 None nan true".split(
    " "
)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"<!DOCTYPE html><html><body>Error</body></html>\n"


def text(rng: random.Random) -> str:
    """A text of a few words."""
    return " ".join(rng.choice(WORDS[:17]) for _ in range(rng.randint(1, 6)))


# --- Records of each task, and the file that they make --------------------------------------------------------


def mnli(rng: random.Random, n: int) -> dict[str, Any]:
    label = rng.choice(["entailment", "neutral", "contradiction"])
    return {"gold_label": label, "sentence1": text(rng), "sentence2": text(rng), "pairID": f"p{n}", "genre": "x"}


def anli(rng: random.Random, n: int) -> dict[str, Any]:
    return {"uid": f"u{n}", "context": text(rng), "hypothesis": text(rng), "label": rng.choice("enc")}


def hellaswag(rng: random.Random, n: int) -> dict[str, Any]:
    return {"ind": n, "ctx": text(rng), "endings": [text(rng) for _ in range(4)], "label": rng.randrange(4)}


def commonsenseqa(rng: random.Random, n: int) -> dict[str, Any]:
    choices = [{"label": letter, "text": text(rng)} for letter in "ABCDE"]
    return {"id": f"c{n}", "question": {"stem": text(rng), "choices": choices}, "answerKey": rng.choice("ABCDE")}


def cosmosqa(rng: random.Random, n: int) -> dict[str, Any]:
    answers = {f"answer{i}": text(rng) for i in range(4)}
    return {"id": f"c{n}", "context": text(rng), "question": text(rng), **answers, "label": str(rng.randrange(4))}


def qqp(rng: random.Random, n: int) -> dict[str, Any]:
    return {"id": str(n), "question1": text(rng), "question2": text(rng), "is_duplicate": rng.choice("01")}


def xnli(rng: random.Random, n: int) -> dict[str, Any]:
    label = rng.choice(["entailment", "neutral", "contradiction"])
    return {"premise": text(rng), "hypothesis": text(rng), "label": label}


def pawsx(rng: random.Random, n: int) -> dict[str, Any]:
    return {"id": str(n), "sentence1": text(rng), "sentence2": text(rng), "label": rng.choice("01")}


def squad(rng: random.Random, n: int) -> dict[str, Any]:
    words = text(rng).split(" ")
    at = rng.randrange(len(words))
    start = sum(len(word) + 1 for word in words[:at])
    answer = {"text": words[at], "answer_start": start}
    qa = {"id": f"q{n}", "question": text(rng), "answers": [answer]}
    return {"context": " ".join(words), "qas": [qa]}


def squad2(rng: random.Random, n: int) -> dict[str, Any]:
    record = squad(rng, n)
    impossible = rng.random() < 0.4
    record["qas"][0] |= {"is_impossible": impossible} | ({"answers": []} if impossible else {})
    return record


def hub_squad(rng: random.Random, n: int) -> dict[str, Any]:
    record = squad(rng, n)
    qa = record["qas"][0]
    answers = {name: [answer[name] for answer in qa["answers"]] for name in ("text", "answer_start")}
    return {"id": qa["id"], "context": record["context"], "question": qa["question"], "answers": answers}


def hub_panx(rng: random.Random, n: int) -> dict[str, Any]:
    tokens = [rng.choice(WORDS[:17]) for _ in range(rng.randint(1, 5))]
    return {"tokens": tokens, "ner_tags": [rng.randrange(7) for _ in tokens], "langs": ["en"] * len(tokens)}


def hub_commonsenseqa(rng: random.Random, n: int) -> dict[str, Any]:
    choices = {"label": list("ABCDE"), "text": [text(rng) for _ in range(5)]}
    return {"id": f"c{n}", "question": text(rng), "choices": choices, "answerKey": rng.choice("ABCDE")}


def hub_pair(rng: random.Random, n: int) -> dict[str, Any]:
    return {"question1": text(rng), "question2": text(rng), "label": rng.randrange(2), "idx": n}


def tagged(labels: tuple[str, ...]) -> Callable[[random.Random, int], dict[str, Any]]:
    def record(rng: random.Random, n: int) -> dict[str, Any]:
        words = [rng.choice(WORDS[:17]) for _ in range(rng.randint(1, 5))]
        return {"rows": [[word, rng.choice(labels)] for word in words]}

    return record


def treebank(rng: random.Random, n: int) -> dict[str, Any]:
    words = [rng.choice(WORDS[:17]) for _ in range(rng.randint(2, 6))]
    rows = [[str(i), word, word, "NOUN", "_", "_", str(i - 1), "dep", "_", "_"] for i, word in enumerate(words, 1)]
    if rng.random() < 0.5:
        first = rng.randint(1, len(words) - 1)
        rows.insert(first - 1, [f"{first}-{first + 1}", "".join(words[first - 1 : first + 1]), *"________"])
    return {"rows": rows}


def jsonl(records: list[Any]) -> bytes:
    return "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records).encode("utf-8", "surrogatepass")


def nested(records: list[Any]) -> bytes:
    return json.dumps({"version": "1", "data": [{"title": "t", "paragraphs": records}]}).encode()


def written(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def tsv(header: bool) -> Callable[[list[Any]], bytes]:
    def make(records: list[Any]) -> bytes:
        rows = [[written(v) for v in r.values()] for r in records]
        rows = [list(records[0]), *rows] if header else rows
        return "".join("\t".join(row) + "\n" for row in rows).encode("utf-8", "surrogatepass")

    return make


def comma(records: list[Any]) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(records[0])
    writer.writerows([[written(v) for v in r.values()] for r in records])
    return out.getvalue().encode("utf-8", "surrogatepass")


def columns(records: list[Any]) -> bytes:
    blocks = ("".join("\t".join(map(written, row)) + "\n" for row in r["rows"]) for r in records)
    return "\n".join(blocks).encode("utf-8", "surrogatepass")


@dataclass(frozen=True)
class Kind:
    """A reader with files that it reads: the task and split, what makes a record, and the file of several."""

    task: str
    split: str
    file: str
    record: Callable[[random.Random, int], dict[str, Any]]
    make: Callable[[list[Any]], bytes] | None


PANX, UDPOS = catalog.task("panx").labels, catalog.task("udpos").labels
KINDS = (
    Kind("mnli", "train", "multinli_1.0_train.jsonl", mnli, jsonl),
    Kind("anli_plus", "train", "R1/train.jsonl", anli, jsonl),
    Kind("hellaswag", "train", "hellaswag_train.jsonl", hellaswag, jsonl),
    Kind("commonsenseqa", "train", "train_rand_split.jsonl", commonsenseqa, jsonl),
    Kind("cosmosqa", "train", "train.csv", cosmosqa, comma),
    Kind("qqp", "train", "train.tsv", qqp, tsv(True)),
    Kind("xnli", "dev", "dev-en.tsv", xnli, tsv(False)),
    Kind("pawsx", "train", "en/train.tsv", pawsx, tsv(True)),
    Kind("squad_v1", "train", "train-v1.1.json", squad, nested),
    Kind("squad_v2", "dev", "dev-v2.0.json", squad2, nested),
    Kind("mlqa", "test", "test-context-en-question-en.json", squad, nested),
    Kind("panx", "train", "train-en.tsv", tagged(PANX), columns),
    Kind("panx", "test", "test-en.tsv", tagged(PANX), columns),
    Kind("udpos", "train", "train-en.tsv", tagged(UDPOS), columns),
    Kind("udpos", "dev", "en_x-ud-dev.conllu", treebank, columns),
    Kind("squad_v1", "train", "", hub_squad, None),
    Kind("panx", "train", "", hub_panx, None),
    Kind("commonsenseqa", "train", "", hub_commonsenseqa, None),
    Kind("qqp", "train", "", hub_pair, None),
)


# --- Mutations ------------------------------------------------------------------------------------------------------

VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 7, 1.0, 0.5, 1e308, float("nan"), "", " ", "\t", "0", "3.0", "None", "null", "False",
    [], ["x"], {}, {"text": "x"}, "x", "\ud83d", "a\x00b", "neutral ", "Neutral", "B-PER", "e", 2**63, "١",
)  # fmt: skip


def paths(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values stand in a record or plan."""
    if at:
        yield at
    inside = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inside:
        yield from paths(item, (*at, key))


def changed(record: dict[str, Any], rng: random.Random) -> tuple[dict[str, Any], Any]:
    """A record with one value taken away, doubled or replaced, and what was written."""
    out = copy.deepcopy(record)
    # Of columns, a cell. A question more or less, and an answer, is what was written.
    places = [p for p in paths(out) if "rows" not in out or len(p) == 3]
    *way, key = rng.choice([p for p in places if p[-2:-1] not in (("qas",), ("answers",))])
    place: Any = out
    for step in way:
        place = place[step]
    kind = rng.randrange(6)
    if kind == 0:
        del place[key]
        return out, None
    if kind == 1 and isinstance(place, list):
        place.insert(key, copy.deepcopy(place[key]))
        return out, None
    if kind == 2:
        place[key] = [place[key]] if rng.random() < 0.5 else {"text": place[key]}
    elif kind == 3 and isinstance(place[key], str | int | float):
        place[key] = f"{place[key]} " if rng.random() < 0.5 else str(place[key])
    else:
        place[key] = rng.choice(VALUES)
    return out, place[key]


def in_lines(content: bytes, rng: random.Random) -> bytes:
    """A file with its separators, ends of lines or lines changed."""
    lines = content.split(b"\n")
    at = rng.randrange(len(lines))
    kind = rng.randrange(9)
    if kind == 0:
        lines[at] = lines[at].replace(b"\t", b" ")
    elif kind == 1:
        return content.replace(b"\t", rng.choice([b" ", b"  ", b";", b",", b"|", b"\t\t"]))
    elif kind == 2:
        lines[at] = lines[at].replace(b"\t", b"\t\t", 1)
    elif kind == 3:
        lines[at] = b"\t".join(reversed(lines[at].split(b"\t")))
    elif kind == 4:
        lines[at] = rng.choice([b"", b"#", b"-DOCSTART-", b"\t", b"{}", b"[]", b"null", b"1-1\t_", lines[at] + b"\tx"])
    elif kind == 5:
        lines.insert(at, rng.choice([b"-DOCSTART-\tO\n", b"\t\t", b"2-1\tx\tx\tX\t_\t_\t0\t_\t_\t_"]))
    elif kind == 6:
        lines[at] = lines[at][: rng.randrange(len(lines[at]) + 1)]
    elif kind == 7:
        lines[0] = lines[0].upper()
    else:
        lines[0] = lines[0] + rng.choice([b"\t", b","]) + lines[0].replace(b",", b"\t").split(b"\t")[-1]
    return b"\n".join(lines)


def in_bytes(content: bytes, rng: random.Random) -> bytes:
    """A file with bytes changed, or another file in its place."""
    at = rng.randrange(len(content))
    return rng.choice(
        [
            lambda: content[:at],
            lambda: (
                content[:at] + rng.choice([b"\x00", b"\xff", b"\r", b"\n", b'"', b"\\", b"\xed\xa0\xbd"]) + content[at:]
            ),
            lambda: POINTER,
            lambda: PAGE + content,
            lambda: content.decode("utf-8", "replace").encode("utf-16"),
            lambda: content.decode("utf-8", "replace").encode("latin-1", "replace"),
            lambda: b"PK\x03\x04" + content,
            lambda: gzip.compress(content, mtime=0),
            lambda: content + content,
            lambda: rng.randbytes(40),
        ]
    )()


SAME: tuple[Callable[[bytes], bytes], ...] = (
    lambda content: b"\xef\xbb\xbf" + content,
    lambda content: content.replace(b"\n", b"\r\n"),
    lambda content: content + b"\n\n",
)


# --- What is read ------------------------------------------------------------------------------------------------------


def read(kind: Kind, records: list[Any], content: bytes | None, folder: Path) -> tuple[list[Any], list[str]]:
    """The rows of a file, or of rows of the hub, and what is said of others; an error is said, too."""
    task = catalog.task(kind.task)
    if kind.make is None:
        return from_hub(task, kind, records)
    assert content is not None
    path = folder / kind.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    layouts = [x for p in task.splits[kind.split] for x in p.layouts if path.match(x.glob("en"))]
    files = sources.SplitFiles(task, kind.split, "en", (sources.PartFiles((path,), layouts[0]),))
    bad: list[BadRow] = []
    rows: list[Any] = []
    try:
        rows.extend(sources.read(files, bad=bad))
    except InputError as error:
        said = str(error)
        assert "\n" not in said, said
        return rows, [*map(str, bad), said]
    return rows, list(map(str, bad))


def from_hub(task: Any, kind: Kind, records: list[Any]) -> tuple[list[Any], list[str]]:
    hub = next(p.hub for p in task.splits[kind.split] if p.hub)
    rows, bad = list[Any](), list[str]()
    for number, record in enumerate(records):
        try:
            row = hub.parse(record, f"hub:{number}", "en")
            rows += [] if row is None else [row]
        except (KeyError, ValueError) as error:
            bad.append(str(error))
    return rows, bad


def values(row: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """The parts of a row by name; ids aside, which hold a place in the file."""
    if is_dataclass(row):
        for field in fields(row):
            if field.name != "id":
                yield from values(getattr(row, field.name), field.name)
    elif isinstance(row, tuple):
        yield name, len(row)
        for i, item in enumerate(row):
            yield from values(item, f"{name}[{i}]")
    else:
        yield name, row


def explained(row: Any, before: list[dict[str, Any]], wrote: Any) -> bool:
    """Is a row one of those before, but for what was written and labels taken away?"""
    now = dict(values(row))
    texts = (
        {str(wrote), str(wrote).strip(), str(wrote).replace("\ud83d", "\ufffd"), str(wrote).replace(" ", "")}
        if wrote is not None
        else set()
    )
    texts |= {str(item) for item in wrote} if isinstance(wrote, list) else set()
    classes = type(wrote) is int or wrote in ("0", "1", "e", "neutral ", "B-PER")  # which is what a label may be
    for old in before:
        if now.keys() != old.keys() and not (
            now.get("label", 0) is None or now.get("tags", 0) is None or "answers" in now
        ):
            continue
        differs = {k for k in now.keys() | old.keys() if now.get(k) != old.get(k)}
        kept = {k for k in differs if not (now.get(k) is None or str(now[k]).strip() in texts | {""})}
        kept = {k for k in kept if not (classes and k.startswith(("tags", "label")) and now.get(k) is not None)}
        if all(k.startswith(("tags", "answers", "label")) and now.get(k.split("[")[0]) is None for k in kept):
            return True
    return False


def case(rng: random.Random, folder: Path) -> str:
    """One mutation of one file: what was done. Raises AssertionError where something is read that should not be."""
    kind = rng.choice(KINDS)
    records = [kind.record(rng, n) for n in range(rng.randint(2, 5))]
    content = kind.make(records) if kind.make else None
    rows, bad = read(kind, records, content, folder)
    assert rows, (kind, records, bad)
    assert not bad, (kind, records, bad)
    what = "record" if content is None else rng.choice(["record", "record", "record", "lines", "bytes", "same"])
    wrote: Any = None
    mutated = list(records)
    if what == "record":
        at = rng.randrange(len(records))
        mutated[at], wrote = changed(records[at], rng)
        try:
            content = kind.make(mutated) if kind.make else None
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):  # cannot be written as such a file
            return "unwritable"
    elif content is not None:
        content = (
            {"lines": in_lines, "bytes": in_bytes}[what](content, rng) if what != "same" else rng.choice(SAME)(content)
        )
    after, said = read(kind, mutated, content, folder)
    about = f"{kind.task} {kind.split} {kind.file}: {what}, wrote {wrote!r}\n{mutated}\n{content!r}\n{after}\n{said}"
    if what == "same":
        assert [dict(values(r)) for r in after] == [dict(values(r)) for r in rows], about
        assert not said, about
    elif what == "record":
        before = [dict(values(r)) for r in rows]
        for row in after:
            # Where the first sentence lost its tags, it is said of all others that they differ from it.
            if not any("as in the first sentence" in said_of for said_of in said):
                assert explained(row, before, wrote), f"changed in silence: {row}\n{about}"
        assert len(after) >= len(rows) or said or wrote in ("-", []) or kind.make is columns or dropped(kind, wrote), (
            about
        )
    return what


def dropped(kind: Kind, wrote: Any) -> bool:
    """Rows that the task's own rules leave out: those of the hub whose label is withheld (-1), where they are of no use."""
    return kind.make is None and wrote in (-1, [], "-1")


if __name__ == "__main__":
    import sys

    import fuzz

    fuzz.main("readers", *map(int, sys.argv[1:]))
