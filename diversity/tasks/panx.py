"""PAN-X (WikiANN) named-entity recognition in forty languages, in the balanced split of Rahimi et al."""

from diversity.data.conll import conll
from diversity.tasks._tags import hub_tags
from diversity.tasks._xtreme import XTREME
from diversity.types import Hub, Layout, Part, Task

LANGUAGES = tuple(
    "en af ar bg bn de el es et eu fa fi fr he hi hu id it ja jv ka kk ko ml mr ms my nl pt ru sw ta te th tl tr ur vi "
    "yo zh".split()
)
TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


# Rows of the smaller languages (training, dev and test); the others have 20,000, 10,000 and 10,000.
ROWS = {
    **dict.fromkeys(("af", "hi", "mr"), (5_000, 1_000, 1_000)),
    **dict.fromkeys(("bn", "ml", "tl"), (10_000, 1_000, 1_000)),
    **dict.fromkeys(("eu", "ka"), (10_000, 10_000, 10_000)),
    **dict.fromkeys(("ms", "ur"), (20_000, 1_000, 1_000)),
    **dict.fromkeys(("kk", "sw", "te"), (1_000, 1_000, 1_000)),
    **dict.fromkeys(("jv", "my", "yo"), (100, 100, 100)),
    "et": (15_000, 10_000, 10_000),
    "ta": (15_000, 1_000, 1_000),
}


def _part(file: str, split: str) -> Part:
    test = file == "test"  # XTREME takes its tags away
    columns = conll(token=0, tag=1, labels=TAGS, withheld=test)
    release = conll(token=0, tag=1, strip_language=True, labels=TAGS, withheld=test)
    layouts = (
        Layout(f"{file}-{{lang}}.tsv", columns),
        Layout(f"{{lang}}-{file}", release),
        Layout(f"{{lang}}/{file}", release),
    )
    configs = {lang: f"PAN-X.{lang}" for lang in LANGUAGES}
    return Part(
        layouts,
        Hub(XTREME, configs, split, hub_tags("ner_tags", TAGS)),
        ("panx", "panx_dataset", "wikiann"),
        LANGUAGES,
    )


TASK = Task(
    name="panx",
    title="PAN-X named entities",
    kind="tagging",
    role="target",
    metric="f1",
    benchmark="xtreme",
    labels=TAGS,
    fields=("tokens",),
    languages=LANGUAGES,
    splits={
        "train": (_part("train", "train"),),
        "dev": (_part("dev", "validation"),),
        "test": (_part("test", "test"),),
    },
    rows={
        split: {lang: ROWS.get(lang, (20_000, 10_000, 10_000))[i] for lang in LANGUAGES}
        for i, split in enumerate(("train", "dev", "test"))
    },
    licence="not stated by the release (Wikipedia text: CC BY-SA 3.0)",
    citation="Pan et al. 2017. Cross-lingual Name Tagging and Linking for 282 Languages. ACL. P17-1178; Rahimi, Li, Cohn "
    "2019. Massively Multilingual Transfer for NER. ACL. P19-1015",
    url="https://github.com/afshinrahimi/mmner",
    note="XTREME's download takes the test tags away; the release has them.",
)
