"""Quora Question Pairs, in the GLUE split: do two questions ask the same?"""

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import identity, one_of, text
from diversity.data.formats import tsv
from diversity.tasks._nli import hub_pair
from diversity.types import Classification, Hub, Layout, Part, Task

LABELS = ("not_duplicate", "duplicate")


def parse(record: Mapping[str, Any], id: str, language: str) -> Classification:
    """A row of GLUE's tab-separated file."""
    label = one_of(record, "is_duplicate", {"0": LABELS[0], "1": LABELS[1]})
    first, second = text(record, "question1"), text(record, "question2")
    return Classification(identity(record, "id"), language, first, second, label)


def _part(file: str, split: str) -> Part:
    hub = Hub(
        "nyu-mll/glue@bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c",
        "qqp",
        split,
        hub_pair("question1", "question2", "label", LABELS, keep_unlabelled=False),
    )
    return Part((Layout(f"{file}.tsv", tsv(parse)),), hub, ("qqp", "QQP"))


TASK = Task(
    name="qqp",
    title="Quora Question Pairs",
    kind="classification",
    role="intermediate",
    metric="accuracy",
    labels=LABELS,
    fields=("text", "text_pair"),
    splits={"train": (_part("train", "train"),), "dev": (_part("dev", "validation"),)},
    rows={"train": 363_846, "dev": 40_430},
    licence="Quora's terms of service: non-commercial use",
    citation="Iyer, Dandekar, Csernai 2017. First Quora Dataset Release: Question Pairs; Wang et al. 2019. GLUE. ICLR. "
    "arXiv 1804.07461",
    url="https://gluebenchmark.com/tasks",
    note="A few rows of the released training file lack columns (the hub leaves them out): read it with --skip-bad-rows.",
)
