"""Universal Dependencies part-of-speech tagging (UD 2.5) in thirty-three languages."""

from diversity.data.conll import conll, conllu
from diversity.tasks._tags import hub_tags
from diversity.tasks._xtreme import XTREME
from diversity.types import Hub, Layout, Part, Task

LANGUAGES = tuple(
    "en af ar bg de el es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh".split()
)
TAGS = tuple("ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split())
NAMES = dict(
    af="Afrikaans", ar="Arabic", bg="Bulgarian", de="German", el="Greek", en="English", es="Spanish", et="Estonian",
    eu="Basque", fa="Persian", fi="Finnish", fr="French", he="Hebrew", hi="Hindi", hu="Hungarian", id="Indonesian",
    it="Italian", ja="Japanese", kk="Kazakh", ko="Korean", mr="Marathi", nl="Dutch", pt="Portuguese", ru="Russian",
    ta="Tamil", te="Telugu", th="Thai", tl="Tagalog", tr="Turkish", ur="Urdu", vi="Vietnamese", yo="Yoruba",
    zh="Chinese",
)  # fmt: skip


def _part(file: str, split: str) -> Part:
    tokens = conll(token=0, tag=1, labels=TAGS, withheld=file == "test")
    layouts = (
        Layout(f"{file}-{{lang}}.tsv", tokens),
        Layout(f"{file}-{{lang}}.*.tsv", tokens),
        Layout(f"{{lang}}_*-ud-{file}.conllu", conllu, several=True),
    )
    configs = {lang: f"udpos.{NAMES[lang]}" for lang in LANGUAGES}
    caution = (
        "the hub's rows are not XTREME's: multiword tokens are split, empty nodes kept, and treebanks of related "
        "languages (Ancient Greek, Swiss German, Old French and others) joined in"
    )
    hub = Hub(
        XTREME,
        configs,
        split,
        hub_tags("pos_tags", TAGS),
        caution=caution,
    )
    return Part(layouts, hub, ("udpos", "ud-treebanks-v2.5"), LANGUAGES)


TASK = Task(
    name="udpos",
    title="UD part-of-speech tagging",
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
    rows={"train": {"en": 21_253}, "dev": {"en": 3_974}},
    licence="per treebank: CC BY, CC BY-SA, CC BY-NC-SA or GPL",
    citation="Nivre et al. 2018. Universal Dependencies 2.2 (XTREME uses 2.5). LINDAT/CLARIAH-CZ. 11234/1-3105",
    url="https://universaldependencies.org/",
    note="XTREME's download takes the test tags away; treebanks are joined by language and multiword tokens fused.",
)
