"""ANLI+: Adversarial NLI rounds 1 to 3, MultiNLI and SNLI together, as jiant's `adversarial_nli` guide joins them."""

from collections.abc import Mapping
from typing import Any

from diversity.data.fields import identity, one_of, text
from diversity.data.formats import jsonl
from diversity.tasks import mnli
from diversity.tasks._nli import LABELS, hub_pair, pair
from diversity.types import Classification, Hub, Layout, Part, Task


def anli(record: Mapping[str, Any], id: str, language: str) -> Classification:
    """A row of ANLI's JSON lines, whose labels are e, n and c."""
    label = one_of(record, "label", {"e": "entailment", "n": "neutral", "c": "contradiction"})
    return Classification(
        identity(record, "uid", id), language, text(record, "context"), text(record, "hypothesis"), label
    )


def _anli_part(number: int, split: str) -> Part:
    parse = hub_pair("premise", "hypothesis", "label", LABELS, keep_unlabelled=False)
    hub = Hub("facebook/anli@8e4813d81f46d313dac7892e1c28076917cfcdf9", "plain_text", f"{split}_r{number}", parse)
    return Part((Layout(f"R{number}/{split}.jsonl", jsonl(anli)),), hub, ("anli", "anli_v1.0"))


def _snli_part(file: str, split: str) -> Part:
    parse = hub_pair("premise", "hypothesis", "label", LABELS, keep_unlabelled=False)
    hub = Hub("stanfordnlp/snli@cdb5c3d5eed6ead6e5a341c8e56e669bb666725b", "plain_text", split, parse)
    return Part((Layout(f"snli_1.0_{file}.jsonl", jsonl(pair)),), hub, ("snli", "snli_1.0"))


TASK = Task(
    name="anli_plus",
    title="ANLI+ (ANLI rounds 1-3, MultiNLI, SNLI)",
    kind="classification",
    role="intermediate",
    metric="accuracy",
    labels=LABELS,
    fields=("text", "text_pair"),
    splits={
        "train": (
            *(_anli_part(r, "train") for r in (1, 2, 3)),
            *mnli.TASK.splits["train"],
            _snli_part("train", "train"),
        ),
        "dev": (
            *(_anli_part(r, "dev") for r in (1, 2, 3)),
            *mnli.TASK.splits["dev"],
            _snli_part("dev", "validation"),
        ),
    },
    rows={"train": 162_865 + 392_702 + 549_367, "dev": 3_200 + 9_815 + 9_842},
    contains=("mnli",),
    licence="ANLI CC BY-NC 4.0; SNLI CC BY-SA 4.0; MultiNLI as in mnli",
    citation="Nie et al. 2020. Adversarial NLI. ACL. 2020.acl-main.441; Bowman et al. 2015. A large annotated corpus for "
    "learning natural language inference. EMNLP. D15-1075; Williams et al. 2018. N18-1101",
    url="https://github.com/facebookresearch/anli",
)
