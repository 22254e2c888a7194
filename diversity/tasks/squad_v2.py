"""SQuAD 2.0: extractive question answering with questions that have no answer."""

from diversity.data.formats import squad
from diversity.tasks._spans import hub_span
from diversity.types import Hub, Layout, Part, Task


def _part(file: str, split: str) -> Part:
    layouts = (Layout(f"{file}-v2.0.json", squad), Layout(f"{file}-v2.0.sample.json", squad))
    return Part(
        layouts,
        Hub("rajpurkar/squad_v2@3ffb306f725f7d2ce8394bc1873b24868140c412", "squad_v2", split, hub_span),
        ("squad_v2", "squad"),
    )


TASK = Task(
    name="squad_v2",
    title="SQuAD 2.0",
    kind="span",
    role="intermediate",
    metric="f1",
    fields=("question", "context"),
    splits={"train": (_part("train", "train"),), "dev": (_part("dev", "validation"),)},
    rows={"train": 130_319, "dev": 11_873},
    contains=("squad_v1",),
    hashes={
        "train-v2.0.json": "68dcfbb971bd3e96d5b46c7177b16c1a4e7d4bdef19fb204502738552dede002",
        "dev-v2.0.json": "80a5225e94905956a6446d296ca1093975c4d3b3260f1d6c8f68bc2ab77182d8",
    },
    licence="CC BY-SA 4.0",
    citation="Rajpurkar, Jia, Liang 2018. Know What You Don't Know: Unanswerable Questions for SQuAD. ACL. P18-2124",
    url="https://rajpurkar.github.io/SQuAD-explorer/",
)
