"""Submissions and gold labels with something wrong in them: the score is that of the files, or it is said, or refused."""

from __future__ import annotations

import importlib.util
import json
import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import fuzz
import fuzz_readers

from diversity.xtreme import layout, normalise
from diversity.xtreme.benchmark import output_type
from diversity.xtreme.evaluate import Evaluation, evaluate

_PLACE = Path(__file__).parent / "xtreme" / "submission.py"
_SPECIFICATION = importlib.util.spec_from_file_location("submission", _PLACE)
assert _SPECIFICATION is not None
assert _SPECIFICATION.loader is not None
submission: Any = importlib.util.module_from_spec(_SPECIFICATION)
_SPECIFICATION.loader.exec_module(submission)

TASKS = ("xnli", "pawsx", "tatoeba", "udpos", "panx", "bucc2018", "xquad", "mlqa", "tydiqa")
METRIC = {"labels": "accuracy", "tags": "token_accuracy", "pairs": "f1", "answers": "exact_match"}
VALUES: tuple[Any, ...] = (
    "", " ", "None", "nan", "0", "1", "-1", "12", "99999999999999999999", "NEUTRAL", "neutral ", "Neutral", "contradictory",
    "[PAD]", "B_PER", "b-per", "noun", "x\u200b", "\ufeffx", "a b", "a\tb", "e\u0301", "٣", "1.0", "de-000000001", "en-1",
    None, 3, 1.5, True, [], ["x"], {},
)  # fmt: skip


def lines_of(gold: Any, task: str) -> str:
    """Labels, tags or pairs as a file has them, whatever they are."""
    form = output_type(task)
    if form == "pairs":
        return "".join("\t".join(map(str, pair)) + "\n" for pair in gold)
    if form == "tags":
        return "".join("".join(f"{tag}\n" for tag in sentence) + "\n" for sentence in gold)
    return "".join(f"{label}\n" for label in gold)


def file_of(value: Any, task: str, *, gold: bool) -> str:
    """The text of a file of predictions or gold."""
    if output_type(task) != "answers":
        return lines_of(value, task)
    if not gold:
        return json.dumps(value)
    questions = [{"id": id, "answers": [{"text": text, "answer_start": 0} for text in texts]} for id, texts in value]
    return json.dumps({"data": [{"paragraphs": [{"context": "", "qas": questions}]}]})


def score(task: str, language: str, gold: Any, predicted: Any) -> float:
    """The score of what is in two files, counted once more; the rules of comparing answers have their own tests."""
    form = output_type(task)
    if form == "answers":
        rules = partial(normalise.mlqa, language=language) if task == "mlqa" else normalise.squad
        texts_of = {str(id): [rules(str(text)) for text in texts] for id, texts in gold}
        right = [id in predicted and rules(predicted[id]) in texts for id, texts in texts_of.items()]
    elif form == "pairs":
        gold, predicted = set(gold), set(predicted)
        return 200 * len(gold & predicted) / (len(gold) + len(predicted)) if predicted else 0.0
    elif form == "tags":
        flat = [[tag for sentence in side for tag in sentence] for side in (gold, predicted)]
        right = [a == b for a, b in zip(*flat, strict=True)]
    else:
        predicted = [
            *predicted,
            *[""] * (len(gold) - len(predicted)),
        ]  # empty lines at the end are answers that are empty
        right = [a == b for a, b in zip(gold, predicted, strict=True)]
    return 100 * sum(right) / len(right)


def parsed(content: bytes, task: str) -> Any:
    """What is in a file, by another way; raises where it is none."""
    text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    form = output_type(task)
    if form == "answers":
        value = json.loads(text)
        if "data" not in value:
            return value
        return [(q["id"], [a["text"] for a in q["answers"]]) for q in value["data"][0]["paragraphs"][0]["qas"]]
    lines = [line.strip() for line in text.split("\n")]
    if form == "tags":
        return [block.split("\n") for block in "\n".join(lines).strip("\n").replace("\n\n\n", "\n\n").split("\n\n")]
    if form == "pairs":
        return [tuple(cell.strip() for cell in line.split("\t")) for line in lines if line]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def changed(value: Any, task: str, rng: random.Random) -> Any:
    """Labels, tags, pairs or answers with one gone, twice, exchanged or replaced."""
    items = list(value.items()) if isinstance(value, dict) else list(value)
    at, kind = rng.randrange(len(items)), rng.randrange(5)
    form = output_type(task)
    if kind == 0:
        del items[at]
    elif kind == 1:
        items.insert(at, items[at])
    elif kind == 2:
        rng.shuffle(items)
    elif form == "labels":
        items[at] = rng.choice(VALUES)
    elif form == "tags":
        items[at] = [*items[at][:-1], rng.choice(VALUES)] if rng.random() < 0.8 else items[at][:-1]
    elif form == "pairs":
        items[at] = tuple(reversed(items[at])) if rng.random() < 0.3 else (items[at][0], rng.choice(VALUES))
    else:
        id, answer = items[at]
        items[at] = (rng.choice(VALUES), answer) if rng.random() < 0.3 else (id, rng.choice(VALUES))
        if isinstance(value, dict):
            items = [(str(key), answer) for key, answer in items]
        elif not isinstance(items[at][1], tuple | list):  # one gold answer of another type
            items[at] = (items[at][0], [items[at][1]])
    return dict(items) if isinstance(value, dict) else items


SAME: tuple[Callable[[bytes], bytes], ...] = (*fuzz_readers.SAME, lambda content: content.replace(b"\n", b"\r"))


def case(rng: random.Random, folder: Path) -> str:
    """One mutation of one file: what was done. Raises AssertionError for a score that is not that of the files."""
    task = rng.choice(TASKS)
    language = {"tatoeba": "fr", "bucc2018": "de", "tydiqa": "en"}.get(task, "en" if rng.random() < 0.5 else "es")
    gold, predicted = submission.language_of(task, language, str(rng.randrange(1000)))
    contents = {"labels": gold, "predictions": predicted}
    which, what = (
        rng.choice(["labels", "predictions", "predictions"]),
        rng.choice(["item", "item", "lines", "bytes", "same"]),
    )
    if what == "item":
        contents[which] = changed(contents[which], task, rng)
    files = {name: file_of(value, task, gold=name == "labels").encode() for name, value in contents.items()}
    if what == "same":
        files[which] = rng.choice(SAME)(files[which])
    elif what != "item" and files[which]:
        files[which] = (fuzz_readers.in_lines if what == "lines" else fuzz_readers.in_bytes)(files[which], rng)
    for name, content in files.items():
        for other in (folder / name).rglob("test-*") if (folder / name).exists() else ():
            other.unlink()
        path = layout.path_of(folder / name, task, language)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name in files:  # folders of other tasks, left by earlier cases
        for inner in (folder / name).iterdir():
            if inner.name != task:
                inner.rmdir()
    after = fuzz.answer(lambda: evaluate(folder / "predictions", folder / "labels", languages=[language]))
    about = f"{task} {language}: {what} of {which}\n{files}\n{after}"
    if what == "same":
        assert not isinstance(after, str), about
    if isinstance(after, str):
        return f"{what} of {which}"
    value = next(s.value for s in after.scores if s.metric == METRIC[output_type(task)])
    expected = score(task, language, *(parsed(files[name], task) for name in ("labels", "predictions")))
    assert abs(value - expected) < 1e-9, f"expected {expected}, found {value}\n{about}"
    if what != "same":
        check(task, contents if what == "item" else {n: parsed(c, task) for n, c in files.items()}, after, about)
    return f"{what} of {which}"


def check(task: str, contents: dict[str, Any], after: Evaluation, about: str) -> None:
    """What cannot be right whatever the item is said in a note."""
    form, gold, predicted = output_type(task), contents["labels"], contents["predictions"]
    if form == "labels" and task != "tatoeba":
        known = {*submission.LABELS[task], *map(str, gold)}
        strange = [p for p in map(str, predicted) if p.strip() not in {k.strip() for k in known}]
    elif form == "tags":
        known = {*submission.TAGS[task], *(str(tag) for sentence in gold for tag in sentence)}
        strange = [str(t) for s in predicted for t in s if str(t).strip() not in {k.strip() for k in known}]
    elif form == "answers":
        strange = [id for id, _ in gold if str(id) not in predicted]
    else:
        strange = []
    notes = [note for note in after.notes if "averages are over" not in note]
    assert notes or not strange, f"nothing said of {strange[:3]}\n{about}"
