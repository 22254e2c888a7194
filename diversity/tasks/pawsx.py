"""PAWS-X: paraphrase identification between sentences with the same words, seven languages."""

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import one_of, text, unquoted
from diversity.data.formats import tsv
from diversity.tasks._xtreme import XTREME
from diversity.types import Classification, Hub, Layout, Part, Task

LANGUAGES = ("en", "de", "es", "fr", "ja", "ko", "zh")
VALUES = {"0": "0", "1": "1", 0: "0", 1: "1"}


def parse(record: Mapping[str, Any], id: str, language: str) -> Classification:
    """A row of two sentences and 0 or 1, as the release and the hub have it."""
    label = one_of(record, "label", VALUES)
    return Classification(id, language, text(record, "sentence1"), text(record, "sentence2"), label)


def xtreme(record: Mapping[str, Any], id: str, language: str) -> Classification:
    """A line of XTREME's `dev-xx.tsv`, with cells quoted where need was; its `test-xx.tsv` has the label taken away."""
    label = one_of(record, "label", VALUES) if "label" in record else None
    if label is None and record["sentence2"].strip() in VALUES:
        raise ValueError(f"expected a sentence in 'sentence2', found the label {record['sentence2']!r}")
    first, second = unquoted(text(record, "sentence1")), unquoted(text(record, "sentence2"))
    return Classification(id, language, first, second, label)


def _part(file: str, release: tuple[str, ...], split: str) -> Part:
    layouts = (
        Layout(
            f"{file}-{{lang}}.tsv",
            tsv(xtreme, ("sentence1", "sentence2", "label"), withheld="label" if file == "test" else None),
        ),
        *(Layout(f"{{lang}}/{name}.tsv", tsv(parse)) for name in release),
    )
    configs = {lang: f"PAWS-X.{lang}" for lang in LANGUAGES}
    return Part(
        layouts,
        Hub(XTREME, configs, split, parse),
        ("pawsx", "paws-x", "x-final"),
        LANGUAGES,
    )


TASK = Task(
    name="pawsx",
    title="PAWS-X",
    kind="classification",
    role="target",
    metric="accuracy",
    benchmark="xtreme",
    labels=("0", "1"),
    fields=("text", "text_pair"),
    languages=LANGUAGES,
    splits={
        "train": (_part("train", ("train", "translated_train"), "train"),),
        "dev": (_part("dev", ("dev_2k",), "validation"),),
        "test": (_part("test", ("test_2k",), "test"),),
    },
    rows={"train": {"en": 49_401}, "dev": 2_000, "test": 2_000},
    licence="free for any purpose with acknowledgement of Google LLC as the data source",
    citation="Yang et al. 2019. PAWS-X: A Cross-lingual Adversarial Dataset for Paraphrase Identification. EMNLP. "
    "D19-1382",
    url="https://github.com/google-research-datasets/paws/tree/master/pawsx",
    note="A few dev and test sentences are the placeholder NS, as released. "
    "XTREME's download takes the test labels away; the release has them.",
)
