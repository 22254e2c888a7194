"""CommonsenseQA: questions on everyday concepts with five choices, random split."""

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import identity, inner, items, text, texts
from diversity.data.formats import jsonl
from diversity.types import Hub, Layout, MultipleChoice, Part, Task

LETTERS = "ABCDE"


def _example(record: Mapping[str, Any], language: str, question: str, choices: Mapping[str, Any]) -> MultipleChoice:
    """A question with its choices as lists of labels and texts."""
    labels = items(choices, "label")
    if list(labels) != list(LETTERS):
        raise ValueError(f"expected the choices A to E, found {', '.join(map(str, labels))}")
    key = record.get("answerKey") or None
    if key is not None and (not isinstance(key, str) or len(key) != 1 or key not in LETTERS):
        raise ValueError(f"expected 'answerKey' from A to E, found {key!r}")
    return MultipleChoice(
        identity(record, "id"),
        language,
        "",
        question,
        texts(choices, "text", len(LETTERS)),
        LETTERS.index(key) if key else None,
    )


def parse(record: Mapping[str, Any], id: str, language: str) -> MultipleChoice:
    """A row of the release's JSON lines."""
    question = inner(record, "question")
    choices = items(question, "choices")
    if wrong := [c for c in choices if not (isinstance(c, Mapping) and {"label", "text"} <= set(c))]:
        raise ValueError(f"expected choices with 'label' and 'text', found {type(wrong[0]).__name__}")
    lists = {name: [c[name] for c in choices] for name in ("label", "text")}
    return _example(record, language, text(question, "stem"), lists)


def hub(row: Mapping[str, Any], id: str, language: str) -> MultipleChoice:
    """A row of the hub, whose choices are parallel lists."""
    return _example(row, language, text(row, "question"), inner(row, "choices"))


def _part(file: str, split: str) -> Part:
    layout = Layout(f"{file}.jsonl", jsonl(parse))
    return Part(
        (layout,),
        Hub("tau/commonsense_qa@94630fe30dad47192a8546eb75f094926d47e155", "default", split, hub),
        ("commonsenseqa", "commonsense_qa"),
    )


TASK = Task(
    name="commonsenseqa",
    title="CommonsenseQA",
    kind="multiple_choice",
    role="intermediate",
    metric="accuracy",
    labels=("0", "1", "2", "3", "4"),
    fields=("question", "choices"),
    splits={
        "train": (_part("train_rand_split", "train"),),
        "dev": (_part("dev_rand_split", "validation"),),
        "test": (_part("test_rand_split_no_answers", "test"),),
    },
    rows={"train": 9_741, "dev": 1_221, "test": 1_140},
    hashes={
        "train_rand_split.jsonl": "58ffa3c8472410e24b8c43f423d89c8a003d8284698a6ed7874355dedd09a2fb",
        "dev_rand_split.jsonl": "3210497fdaae614ac085d9eb873dd7f4d49b6f965a93adadc803e1229fd8a02a",
        "test_rand_split_no_answers.jsonl": "b426896d71a9cd064cf01cfaf6e920817c51701ef66028883ac1af2e73ad5f29",
    },
    licence="MIT",
    citation="Talmor et al. 2019. CommonsenseQA: A Question Answering Challenge Targeting Commonsense Knowledge. "
    "NAACL. N19-1421",
    url="https://www.tau-nlp.org/commonsenseqa",
)
