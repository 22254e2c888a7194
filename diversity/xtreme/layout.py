"""The leaderboard's layout: `TASK/test-LANG.tsv` or `.json`, for predictions and for gold labels; read and written.

labels (pawsx, xnli, tatoeba): one a line. tags (udpos, panx): one a line, a blank line after each sentence. pairs
(bucc2018): foreign id, tab, English id. Tags may also stand in `TASK/test-LANG.txt` as CoNLL has them: a word and its tag
a line. answers (xquad, mlqa, tydiqa): JSON from question id to text; the gold is JSON
as SQuAD has it. Line ends of any kind, a byte-order mark and blank lines at the end make no difference.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from diversity import store
from diversity.data.lines import HEAD, check_head
from diversity.types import InputError, Predicted
from diversity.xtreme.benchmark import output_type
from diversity.xtreme.scores import Gold, Question


def path_of(folder: Path | str, task: str, language: str, split: str = "test") -> Path:
    """Where the file of a task in one language lies.

    >>> path_of("predictions", "xquad", "th").as_posix()
    'predictions/xquad/test-th.json'
    """
    suffix = "json" if output_type(task) == "answers" else "tsv"
    return Path(folder) / task / f"{split}-{language}.{suffix}"


def file_of(folder: Path | str, task: str, language: str, split: str = "test") -> Path:
    """Where the file of a task in one language is read: tags with their words (`.txt`) where those without are not there."""
    path = path_of(folder, task, language, split)
    words = path.with_suffix(".txt")
    return words if output_type(task) == "tags" and words.is_file() and not path.is_file() else path


# --- Reading ------------------------------------------------------------------------------------------


def read_predictions(folder: Path | str, task: str, language: str, *, split: str = "test") -> Predicted:
    """The predictions of a task in one language, in the form that `scores_of` takes.

    Raises InputError for a file that is not in the layout, FileNotFoundError for one that is not there. Blank lines at
    the end of a file of labels are kept, for a blank line may be an empty prediction: see `as_long_as`.
    """
    path = file_of(folder, task, language, split)
    form = output_type(task)
    if form == "labels":
        return _labels(path)
    if form == "tags":
        return _sentences(path)
    if form == "pairs":
        return _pairs(path)
    return _answers(path)


def read_gold(folder: Path | str, task: str, language: str, *, split: str = "test") -> Gold:
    """The gold labels of a task in one language, in the form that `scores_of` takes; raises as `read_predictions`."""
    path = file_of(folder, task, language, split)
    form = output_type(task)
    if form == "labels":
        labels = as_long_as(0, _labels(path))
        if "" in labels:
            raise InputError(f"{path}:{labels.index('') + 1}: expected a gold label, found a blank line")
        return labels
    if form == "tags":
        return _sentences(path)
    if form == "pairs":
        return _pairs(path)
    return _questions(path)


def as_long_as(number: int, labels: list[str]) -> list[str]:
    """Labels without the blank ones at the end that are beyond a number of lines.

    >>> as_long_as(2, ["1", "", "", ""])
    ['1', '']
    """
    end = len(labels)
    while end > number and not labels[end - 1]:
        end -= 1
    return labels[:end]


def _text(path: Path) -> str:
    raw = path.read_bytes()
    check_head(path, raw[:HEAD])
    try:
        return raw.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        number = raw.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}:{number}: expected UTF-8, found byte 0x{raw[error.start]:02x}") from None


def _lines(path: Path) -> list[str]:
    """Lines without the white space around them; the last one's end makes no further line."""
    lines = _text(path).split("\n")
    return [line.strip() for line in (lines if lines[-1] else lines[:-1])]


def _labels(path: Path) -> list[str]:
    labels = _lines(path)
    if number := next((n for n, line in enumerate(labels, 1) if "\t" in line), 0):
        columns = labels[number - 1].count("\t") + 1
        raise InputError(f"{path}:{number}: expected one label a line, found {columns} columns")
    return labels


_BLANK = re.compile(r"\n(?:[^\S\n]*\n)+")


def _sentences(path: Path) -> list[list[str]]:
    if path.suffix == ".txt":
        return [[tag for _, tag in sentence] for sentence in _columns(path)]
    text = _text(path)
    blocks = _BLANK.split(text.strip()) if text.strip() else []
    sentences = [block.split() for block in blocks]
    if any(len(tags) != block.count("\n") + 1 for tags, block in zip(sentences, blocks, strict=True)):
        number, line = next((n, line) for n, line in enumerate(text.split("\n"), 1) if len(line.split()) > 1)
        raise InputError(f"{path}:{number}: expected one tag a line, found {len(line.split())} columns")
    return sentences


def words_of(path: Path) -> list[tuple[str, ...]] | None:
    """The words of each sentence of a file of tags; None where it has tags alone."""
    if path.suffix != ".txt":
        return None
    return [tuple(word for word, _ in sentence) for sentence in _columns(path)]


def _columns(path: Path) -> list[list[tuple[str, str]]]:
    """The words and tags of sentences: the first column of each line and the last."""
    sentences: list[list[tuple[str, str]]] = [[]]
    for number, line in enumerate(_lines(path), 1):
        cells = line.split("\t") if "\t" in line else line.split()
        if not line:
            sentences.append([])
        elif len(cells) < 2 or not cells[-1].strip():
            raise InputError(f"{path}:{number}: expected a word and its tag, found {line!r}")
        else:
            sentences[-1].append((cells[0].strip(), cells[-1].strip()))
    return [sentence for sentence in sentences if sentence]


def _pairs(path: Path) -> list[tuple[str, str]]:
    pairs = []
    for number, line in enumerate(_lines(path), 1):
        cells = line.split("\t")
        if len(cells) == 2:
            pairs.append((cells[0].strip(), cells[1].strip()))
        elif line:
            raise InputError(f"{path}:{number}: expected two ids with a tab between them, found {len(cells)} columns")
    return pairs


def _json(path: Path) -> Any:
    """The content of a JSON file; InputError for what is none, and for a key that stands twice in one object."""

    def each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        content = dict(pairs)
        if len(content) < len(pairs):
            key = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise InputError(f"{path}: expected each key of an object once, found {key!r} more often")
        return content

    try:
        return json.loads(_text(path), object_pairs_hook=each_once)
    except InputError:
        raise
    except json.JSONDecodeError as error:
        raise InputError(f"{path}:{error.lineno}: expected JSON, found {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise InputError(f"{path}: expected JSON, found it nested too deeply") from None
    except ValueError as error:  # a number of thousands of digits
        raise InputError(f"{path}: expected JSON, found: {error}") from None


def _answers(path: Path) -> dict[str, str]:
    answers = _json(path)
    if not isinstance(answers, dict):
        raise InputError(f"{path}: expected an object from question id to answer, found {type(answers).__name__}")
    if wrong := next((id for id, answer in answers.items() if not isinstance(answer, str)), None):
        raise InputError(f"{path}: expected a text as answer to {wrong!r}, found {type(answers[wrong]).__name__}")
    return answers


def _questions(path: Path) -> list[Question]:
    content = _json(path)
    try:
        articles = content["data"] if isinstance(content, dict) else content
        questions = [q for article in articles for paragraph in article["paragraphs"] for q in paragraph["qas"]]
        gold = [(q["id"], tuple(a["text"] for a in q["answers"])) for q in questions]
    except (TypeError, KeyError, AttributeError):
        where = "data[].paragraphs[].qas[] with id and answers[].text"
        raise InputError(f"{path}: expected gold answers as SQuAD has them ({where}), found other JSON") from None
    for id, texts in gold:
        if isinstance(id, bool) or not isinstance(id, str | int):
            raise InputError(f"{path}: expected text as the id of a question, found {id!r}")
        if wrong := [text for text in texts if not isinstance(text, str)]:
            raise InputError(f"{path}: expected text as the gold answers of {id!r}, found {wrong[0]!r}")
    return [(str(id), texts) for id, texts in gold]


def passages_of(path: Path) -> list[str] | None:
    """The passage of each question of gold answers, in their order; None where they have none."""
    content = _json(path)
    try:
        articles = content["data"] if isinstance(content, dict) else content
        return [str(p["context"]) for article in articles for p in article["paragraphs"] for _ in p["qas"]]
    except (TypeError, KeyError, AttributeError):
        return None


# --- Writing ------------------------------------------------------------------------------------------


def write_predictions(
    folder: Path | str, task: str, language: str, predicted: Predicted, *, split: str = "test"
) -> Path:
    """Write the predictions of a task in one language, atomically; what `read_predictions` reads back is the same.

    `predicted` in the form of the task, as `scores_of` takes it; numbers may stand for labels (tatoeba's line numbers,
    from 0). Folders are made. Returns the path. Raises InputError for what the layout cannot hold: an empty label or
    tag, a sentence without tags, a line end or a tab in a label or an id.
    """
    path = path_of(folder, task, language, split)
    form = output_type(task)
    if form == "answers":
        if wrong := next((id for id, answer in predicted.items() if not isinstance(answer, str)), None):
            raise InputError(f"{path}: expected a text as answer to {wrong!r}, found {predicted[wrong]!r}")
        return _write(path, json.dumps(dict(predicted), ensure_ascii=False, indent=1) + "\n")
    return _write(path, _tsv(path, task, predicted))


def write_gold(folder: Path | str, task: str, language: str, gold: Gold, *, split: str = "test") -> Path:
    """Write gold labels in the layout, as `write_predictions` does; gold answers as SQuAD has them, without contexts."""
    path = path_of(folder, task, language, split)
    if output_type(task) != "answers":
        return _write(path, _tsv(path, task, gold))
    questions = [
        {"id": id, "question": "", "answers": [{"text": text, "answer_start": 0} for text in answers]}
        for id, answers in gold
    ]
    squad = {"version": "1.1", "data": [{"title": "", "paragraphs": [{"context": "", "qas": questions}]}]}
    return _write(path, json.dumps(squad, ensure_ascii=False, indent=1) + "\n")


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    store.write(path, text)
    return path


def _tsv(path: Path, task: str, rows: Any) -> str:
    form = output_type(task)
    if form == "labels":
        return "".join(f"{_cell(path, label)}\n" for label in rows)
    if form == "pairs":
        return "".join(f"{_cell(path, a)}\t{_cell(path, b)}\n" for a, b in rows)
    if any(not len(sentence) for sentence in rows):
        raise InputError(f"{path}: expected tags in every sentence, found a sentence without one")
    return "".join("".join(f"{_cell(path, tag)}\n" for tag in sentence) + "\n" for sentence in rows)


def _cell(path: Path, value: object) -> str:
    text = str(value)
    if not text or text != text.strip() or any(c in text for c in "\t\r\n\ufeff"):
        raise InputError(f"{path}: expected text without tabs, line ends or blanks around it, found {text!r}")
    return text
