"""MultiNLI: natural language inference over ten genres of English."""

from diversity.data.formats import jsonl
from diversity.tasks._nli import LABELS, hub_pair, pair
from diversity.types import Hub, Layout, Part, Task


def _part(file: str, split: str) -> Part:
    hub = Hub(
        "nyu-mll/multi_nli@da70db2af9d09693783c3320c4249840212ee221",
        "default",
        split,
        hub_pair("premise", "hypothesis", "label", LABELS, keep_unlabelled=False),
    )
    return Part((Layout(f"multinli_1.0_{file}.jsonl", jsonl(pair)),), hub, ("mnli", "MNLI", "multinli_1.0"))


TASK = Task(
    name="mnli",
    title="MultiNLI",
    kind="classification",
    role="intermediate",
    metric="accuracy",
    labels=LABELS,
    fields=("text", "text_pair"),
    splits={
        "train": (_part("train", "train"),),
        "dev": (_part("dev_matched", "validation_matched"),),
        "dev_mismatched": (_part("dev_mismatched", "validation_mismatched"),),
    },
    rows={"train": 392_702, "dev": 9_815, "dev_mismatched": 9_832},
    licence="OANC for most genres; fiction under several permissive licences (see the paper)",
    citation="Williams, Nangia, Bowman 2018. A Broad-Coverage Challenge Corpus for Sentence Understanding through "
    "Inference. NAACL. N18-1101",
    url="https://cims.nyu.edu/~sbowman/multinli/",
)
