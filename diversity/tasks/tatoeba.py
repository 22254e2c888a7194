"""Tatoeba: find each sentence's translation among 1,000; nothing is trained."""

from pathlib import Path

from diversity.data.formats import Items
from diversity.data.lines import lines
from diversity.tasks._bitext import hub_pair, sibling
from diversity.tasks._xtreme import XTREME
from diversity.types import BadRow, Hub, InputError, Layout, Part, Retrieval, Task

CODES = dict(
    ar="ara", he="heb", vi="vie", id="ind", jv="jav", tl="tgl", eu="eus", ml="mal", ta="tam", te="tel", af="afr",
    nl="nld", de="deu", el="ell", bn="ben", hi="hin", mr="mar", ur="urd", fa="pes", fr="fra", it="ita", pt="por",
    es="spa", bg="bul", ru="rus", ja="jpn", ka="kat", ko="kor", th="tha", sw="swh", zh="cmn", kk="kaz", tr="tur",
    et="est", fi="fin", hu="hun",
)  # fmt: skip


LANGUAGES = tuple(CODES)
# Pairs of sentences, where they are not 1,000.
PAIRS = dict(jv=205, ka=746, kk=575, ml=687, sw=390, ta=307, te=234, th=548)


def bitext(path: Path, language: str) -> Items:
    """The sentences of both sides, line by line translations of each other; ids are `xx-0`, `en-0` and so on."""
    code = CODES[language]
    english = sibling(path, code, "eng")
    if english is None:
        raise InputError(f"{path}: expected the English side beside it ({path.stem}.eng), found none")
    counts = [sum(1 for _ in lines(file)) for file in (path, english)]
    if counts[0] != counts[1]:
        raise InputError(f"{path}: expected as many lines as {english.name}, found {counts[0]} and {counts[1]}")
    for file, side, other in ((path, language, "en"), (english, "en", language)):
        for number, line in lines(file):
            if isinstance(line, BadRow):
                yield line
            elif not line.strip():
                yield BadRow(file, number, "expected a sentence, found an empty line")
            else:
                yield Retrieval(f"{side}-{number - 1}", side, line.strip(), (f"{other}-{number - 1}",))


def others(path: Path, language: str) -> tuple[Path, ...]:
    """The English side."""
    english = sibling(path, CODES[language], "eng")
    return (english,) if english else ()


TASK = Task(
    name="tatoeba",
    title="Tatoeba sentence retrieval",
    kind="retrieval",
    role="target",
    metric="accuracy",
    benchmark="xtreme",
    output="labels",
    fields=("text",),
    languages=LANGUAGES,
    splits={
        "test": (
            Part(
                (Layout("tatoeba.{code}-eng.{code}", bitext, codes=CODES, others=others),),
                Hub(
                    XTREME,
                    {lang: f"tatoeba.{code}" for lang, code in CODES.items()},
                    "validation",
                    hub_pair,
                ),
                ("tatoeba",),
                LANGUAGES,
            ),
        ),
    },
    rows={"test": {lang: 2 * PAIRS.get(lang, 1000) for lang in LANGUAGES}},
    licence="CC BY 2.0 FR",
    citation="Artetxe, Schwenk 2019. Massively Multilingual Sentence Embeddings for Zero-Shot Cross-Lingual Transfer and "
    "Beyond. TACL 7. Q19-1038",
    url="https://github.com/facebookresearch/LASER/tree/main/data/tatoeba/v1",
    note="The English sentences differ from pair to pair: accuracies of two languages are not of one test.",
)
