"""MLQA: extractive question answering in seven languages; trained on SQuAD 1.1."""

from diversity.data.formats import squad
from diversity.tasks import squad_v1
from diversity.tasks._spans import hub_span_test
from diversity.tasks._xtreme import XTREME
from diversity.types import Hub, Layout, Part, Task

LANGUAGES = ("en", "es", "de", "ar", "hi", "vi", "zh")
CONFIGS = {lang: f"MLQA.{lang}.{lang}" for lang in LANGUAGES}


def _part(file: str, split: str) -> Part:
    layout = Layout(f"{file}-context-{{lang}}-question-{{lang}}.json", squad)
    return Part(
        (layout,),
        Hub(XTREME, CONFIGS, split, hub_span_test),
        ("mlqa", "MLQA_V1"),
        LANGUAGES,
    )


TASK = Task(
    name="mlqa",
    title="MLQA",
    kind="span",
    role="target",
    metric="f1",
    benchmark="xtreme",
    train_on="squad_v1",
    answers="mlqa",
    fields=("question", "context"),
    languages=LANGUAGES,
    splits={
        "train": squad_v1.TASK.splits["train"],
        "dev": (_part("dev", "validation"),),
        "test": (_part("test", "test"),),
    },
    rows={
        "train": 87_599,
        "dev": dict(en=1_148, es=500, de=512, ar=517, hi=507, vi=511, zh=504),
        "test": dict(en=11_590, es=5_253, de=4_517, ar=5_335, hi=4_918, vi=5_495, zh=5_137),
    },
    licence="CC BY-SA 3.0",
    citation="Lewis et al. 2020. MLQA: Evaluating Cross-lingual Extractive Question Answering. ACL. 2020.acl-main.653",
    url="https://github.com/facebookresearch/MLQA",
)
