"""HellaSwag: which of four endings continues a description of an activity?"""

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import choice, identity, text, texts
from diversity.data.formats import jsonl
from diversity.types import Hub, Layout, MultipleChoice, Part, Task


def parse(record: Mapping[str, Any], id: str, language: str) -> MultipleChoice:
    """A row of the release's JSON lines, which is also a row of the hub (its label is then a string)."""
    endings, label = texts(record, "endings", 4), choice(record, "label", 4)
    return MultipleChoice(identity(record, "ind", id), language, text(record, "ctx"), "", endings, label)


def _part(file: str, split: str) -> Part:
    hub = Hub("Rowan/hellaswag@218ec52e09a7e7462a5400043bb9a69a41d06b76", "default", split, parse)
    return Part((Layout(f"hellaswag_{file}.jsonl", jsonl(parse)),), hub, ("hellaswag",))


TASK = Task(
    name="hellaswag",
    title="HellaSwag",
    kind="multiple_choice",
    role="intermediate",
    metric="accuracy",
    labels=("0", "1", "2", "3"),
    fields=("context", "choices"),
    splits={"train": (_part("train", "train"),), "dev": (_part("val", "validation"),)},
    rows={"train": 39_905, "dev": 10_042},
    hashes={
        "hellaswag_train.jsonl": "dae5e69249868cb9fe4e23ff925c60b66169564cfb7072d793cd7356a2b69f8d",
        "hellaswag_val.jsonl": "0aa3b88843990f3f10a97b9575c94d7b71fb2205240ba04ae4884d9e9c992588",
    },
    licence="MIT",
    citation="Zellers et al. 2019. HellaSwag: Can a Machine Really Finish Your Sentence? ACL. P19-1472",
    url="https://rowanzellers.com/hellaswag/",
)
