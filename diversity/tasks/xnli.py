"""XNLI: natural language inference in fifteen languages; the English training data is MultiNLI's."""

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import identity, one_of, text, unquoted
from diversity.data.formats import tsv
from diversity.tasks import mnli
from diversity.tasks._nli import LABELS
from diversity.tasks._xtreme import XTREME
from diversity.types import Classification, Hub, Layout, Part, Task

VALUES = {**dict(zip(LABELS, LABELS, strict=True)), "contradictory": "contradiction"}
LANGUAGES = ("en", "ar", "bg", "de", "el", "es", "fr", "hi", "ru", "sw", "th", "tr", "ur", "vi", "zh")


def xtreme(record: Mapping[str, Any], id: str, language: str) -> Classification:
    """A line of XTREME's `dev-xx.tsv`: premise, hypothesis, label; its `test-xx.tsv` has the label taken away."""
    label = one_of(record, "label", VALUES) if "label" in record else None
    if label is None and record["hypothesis"].strip() in VALUES:
        raise ValueError(f"expected a sentence in 'hypothesis', found the label {record['hypothesis']!r}")
    premise, hypothesis = unquoted(text(record, "premise")), unquoted(text(record, "hypothesis"))
    return Classification(id, language, premise, hypothesis, label)


def release(record: Mapping[str, Any], id: str, language: str) -> Classification | None:
    """A row of XNLI 1.0's `xnli.dev.tsv` and `xnli.test.tsv`, which hold all languages."""
    if record["language"] != language:
        return None
    label = one_of(record, "gold_label", VALUES)
    return Classification(
        identity(record, "pairID", id), language, text(record, "sentence1"), text(record, "sentence2"), label
    )


def hub(row: Mapping[str, Any], id: str, language: str) -> Classification | None:
    """A row of the hub, which holds all languages."""
    if row["language"] != language:
        return None
    label = one_of(row, "gold_label", VALUES)
    return Classification(id, language, text(row, "sentence1"), text(row, "sentence2"), label)


def _part(file: str, split: str) -> Part:
    labelled = Layout(
        f"{file}-{{lang}}.tsv",
        tsv(xtreme, ("premise", "hypothesis", "label"), withheld="label" if file == "test" else None),
    )
    layouts = (labelled, Layout(f"xnli.{file}.tsv", tsv(release)))
    return Part(layouts, Hub(XTREME, "XNLI", split, hub), ("xnli", "XNLI-1.0"), LANGUAGES)


TASK = Task(
    name="xnli",
    title="XNLI",
    kind="classification",
    role="target",
    metric="accuracy",
    benchmark="xtreme",
    train_on="mnli",
    labels=LABELS,
    fields=("text", "text_pair"),
    languages=LANGUAGES,
    splits={"train": mnli.TASK.splits["train"], "dev": (_part("dev", "validation"),), "test": (_part("test", "test"),)},
    rows={"train": 392_702, "dev": 2_490, "test": 5_010},
    licence="CC BY-NC 4.0",
    citation="Conneau et al. 2018. XNLI: Evaluating Cross-lingual Sentence Representations. EMNLP. D18-1269",
    url="https://github.com/facebookresearch/XNLI",
    note="XTREME's download takes the test labels away; the release has them.",
)
