"""XQuAD: SQuAD 1.1 questions translated by professionals; trained on SQuAD 1.1."""

from diversity.data.formats import squad
from diversity.tasks import squad_v1
from diversity.tasks._spans import hub_span_test
from diversity.tasks._xtreme import XTREME
from diversity.types import Hub, Layout, Part, Task

LANGUAGES = ("en", "es", "de", "el", "ru", "tr", "ar", "vi", "th", "zh", "hi")
CONFIGS = {lang: f"XQuAD.{lang}" for lang in LANGUAGES}

TASK = Task(
    name="xquad",
    title="XQuAD",
    kind="span",
    role="target",
    metric="f1",
    benchmark="xtreme",
    train_on="squad_v1",
    fields=("question", "context"),
    languages=LANGUAGES,
    splits={
        **squad_v1.TASK.splits,
        "test": (
            Part(
                (Layout("xquad.{lang}.json", squad),),
                Hub(XTREME, CONFIGS, "validation", hub_span_test),
                ("xquad",),
                LANGUAGES,
            ),
        ),
    },
    rows={**squad_v1.TASK.rows, "test": 1_190},
    licence="CC BY-SA 4.0",
    citation="Artetxe, Ruder, Yogatama 2020. On the Cross-lingual Transferability of Monolingual Representations. ACL. "
    "2020.acl-main.421",
    url="https://github.com/google-deepmind/xquad",
)
