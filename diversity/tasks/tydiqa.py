"""TyDi QA, gold passage task, in nine languages; XTREME evaluates on its dev set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from diversity.data.formats import Items, squad
from diversity.tasks._spans import hub_span_test
from diversity.tasks._xtreme import XTREME
from diversity.types import BadRow, Hub, Layout, Part, Span, Task

LANGUAGES = ("en", "ar", "bn", "fi", "id", "ko", "ru", "sw", "te")
NAMES = dict(
    en="english", ar="arabic", bn="bengali", fi="finnish", id="indonesian", ko="korean", ru="russian", sw="swahili",
    te="telugu",
)  # fmt: skip


def release(path: Path, language: str) -> Items:
    """The release's training file holds all languages: a row's id starts with the name of its own."""
    for item in squad(path, language):
        if isinstance(item, BadRow) or (isinstance(item, Span) and item.id.startswith(NAMES[language])):
            yield item


def hub(row: Mapping[str, Any], id: str, language: str) -> Span | None:
    """A row of the hub, which holds all languages."""
    return hub_span_test(row, id, language) if str(row["id"]).startswith(NAMES[language]) else None


def _part(file: str, split: str) -> Part:
    layouts: tuple[Layout, ...] = (
        Layout(f"tydiqa.goldp.{{lang}}.{file}.json", squad),
        Layout(f"tydiqa.{{lang}}.{file}.json", squad),
        Layout(f"tydiqa-goldp-{file}-{{code}}.json", squad, codes=NAMES),
        Layout(f"tydiqa-goldp-v1.1-{file}.json", release),
    )
    return Part(layouts, Hub(XTREME, "tydiqa", split, hub), ("tydiqa",), LANGUAGES)


TASK = Task(
    name="tydiqa",
    title="TyDi QA, gold passage",
    kind="span",
    role="target",
    metric="f1",
    benchmark="xtreme",
    fields=("question", "context"),
    languages=LANGUAGES,
    splits={"train": (_part("train", "train"),), "test": (_part("dev", "validation"),)},
    rows={
        "train": {"en": 3_696},
        "test": dict(en=440, ar=921, bn=113, fi=782, id=565, ko=276, ru=812, sw=499, te=669),
    },
    hashes={
        "tydiqa-goldp-v1.1-train.json": "cefc8e09ff2548d9b10a678d3a6bbbe5bc036be543f92418819ea676c97be23b",
        "tydiqa-goldp-v1.1-dev.json": "b286e0f34bc7f52259359989716f369b160565bd12ad8f3a3e311f9b0dbad1c0",
    },
    licence="Apache-2.0",
    citation="Clark et al. 2020. TyDi QA: A Benchmark for Information-Seeking Question Answering in Typologically Diverse "
    "Languages. TACL 8. 2020.tacl-1.30",
    url="https://github.com/google-research-datasets/tydiqa",
    note="`test` is the released dev set, as in XTREME. XTREME's copy of it has the answers taken away.",
)
