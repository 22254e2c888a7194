"""SQuAD 1.1: extractive question answering where every question has an answer."""

from diversity.data.formats import squad
from diversity.tasks._spans import hub_span
from diversity.types import Hub, Layout, Part, Task


def _part(file: str, split: str) -> Part:
    layouts = (Layout(f"{file}-v1.1.json", squad), Layout(f"{file}-v1.1.sample.json", squad))
    return Part(
        layouts,
        Hub("rajpurkar/squad@7b6d24c440a36b6815f21b70d25016731768db1f", "plain_text", split, hub_span),
        ("squad_v1", "squad"),
    )


TASK = Task(
    name="squad_v1",
    title="SQuAD 1.1",
    kind="span",
    role="intermediate",
    metric="f1",
    fields=("question", "context"),
    splits={"train": (_part("train", "train"),), "dev": (_part("dev", "validation"),)},
    rows={"train": 87_599, "dev": 10_570},
    hashes={
        "train-v1.1.json": "3527663986b8295af4f7fcdff1ba1ff3f72d07d61a20f487cb238a6ef92fd955",
        "dev-v1.1.json": "95aa6a52d5d6a735563366753ca50492a658031da74f301ac5238b03966972c9",
    },
    licence="CC BY-SA 4.0",
    citation="Rajpurkar et al. 2016. SQuAD: 100,000+ Questions for Machine Comprehension of Text. EMNLP. D16-1264",
    url="https://rajpurkar.github.io/SQuAD-explorer/",
)
