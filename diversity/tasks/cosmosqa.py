"""CosmosQA: reading comprehension that needs commonsense about everyday narratives, four choices."""

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import choice, identity, text
from diversity.data.formats import csv_file
from diversity.types import Hub, Layout, MultipleChoice, Part, Task


def parse(record: Mapping[str, Any], id: str, language: str) -> MultipleChoice:
    """A row of the release's CSV, which is also a row of the hub."""
    answers = tuple(text(record, f"answer{i}") for i in range(4))
    context, question = text(record, "context"), text(record, "question")
    return MultipleChoice(identity(record, "id"), language, context, question, answers, choice(record, "label", 4))


def _part(file: str, split: str) -> Part:
    hub = Hub(
        "allenai/cosmos_qa@ed50fe83db62b355759053b1cd5eef344ee371e0",
        "default",
        split,
        parse,
        ref="refs/convert/parquet",
    )
    return Part((Layout(f"{file}.csv", csv_file(parse)),), hub, ("cosmosqa", "cosmos_qa"))


TASK = Task(
    name="cosmosqa",
    title="CosmosQA",
    kind="multiple_choice",
    role="intermediate",
    metric="accuracy",
    labels=("0", "1", "2", "3"),
    fields=("context", "question", "choices"),
    splits={"train": (_part("train", "train"),), "dev": (_part("valid", "validation"),)},
    rows={"train": 25_262, "dev": 2_985},
    hashes={
        "train.csv": "d8d5ca1f9f6534b6530550718591af89372d976a8fc419360fab4158dee4d0b2",
        "valid.csv": "a6a94fc1463ca82bb10f98ef68ed535405e6f5c36e044ff8e136b5c19dea63f3",
    },
    licence="CC BY 4.0",
    citation="Huang et al. 2019. Cosmos QA: Machine Reading Comprehension with Contextual Commonsense Reasoning. "
    "EMNLP. D19-1243",
    url="https://wilburone.github.io/cosmos/",
)
