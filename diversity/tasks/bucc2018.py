"""BUCC 2018: mining the translation pairs hidden in two monolingual corpora; nothing is trained."""

from collections.abc import Iterator
from pathlib import Path

from diversity.data.formats import Items, lines
from diversity.tasks._bitext import sibling
from diversity.types import BadRow, InputError, Layout, Part, Retrieval, Task

LANGUAGES = ("de", "fr", "ru", "zh")


def _columns(path: Path) -> Iterator[tuple[str, str] | BadRow]:
    for number, line in lines(path):
        if isinstance(line, BadRow):
            yield line
        elif line.strip():
            cells = line.split("\t")
            if len(cells) == 2 and all(c.strip() for c in cells):
                yield cells[0].strip(), cells[1].strip()
            else:
                yield BadRow(path, number, f"expected an id, a tab and a text, found {len(cells)} columns")


def bitext(path: Path, language: str) -> Items:
    """The sentences of both sides; a foreign one with the ids of its gold translations, where they are given."""
    english = sibling(path, language, "en")
    if english is None:
        raise InputError(f"{path}: expected the English side beside it ({path.stem}.en), found none")
    gold: dict[str, tuple[str, ...]] = {}
    if (gold_file := sibling(path, language, "gold")) is not None:
        for item in _columns(gold_file):
            if isinstance(item, BadRow):
                yield item
            else:
                known = gold.get(item[0], ())
                gold[item[0]] = known if item[1] in known else (*known, item[1])
    for file, side in ((path, language), (english, "en")):
        for item in _columns(file):
            if isinstance(item, BadRow):
                yield item
            else:
                yield Retrieval(item[0], side, item[1], gold.get(item[0], ()) if side == language else ())


def others(path: Path, language: str) -> tuple[Path, ...]:
    """The English side and the gold pairs, where they are there."""
    return tuple(p for p in (sibling(path, language, "en"), sibling(path, language, "gold")) if p)


def _part(*files: str) -> Part:
    layouts = tuple(Layout(f"{{lang}}-en.{f}.{{lang}}", bitext, others=others) for f in files)
    return Part(layouts, None, ("bucc2018", "bucc"), LANGUAGES)


TASK = Task(
    name="bucc2018",
    title="BUCC 2018 bitext mining",
    kind="retrieval",
    role="target",
    metric="f1",
    benchmark="xtreme",
    fields=("text",),
    languages=LANGUAGES,
    splits={"dev": (_part("dev", "sample"),), "test": (_part("training", "test"),)},
    licence="not stated by the release (shared task, research use)",
    citation="Zweigenbaum, Sharoff, Rapp 2018. Overview of the Third BUCC Shared Task. BUCC workshop, LREC",
    url="https://comparable.limsi.fr/bucc2018/",
    note="XTREME's dev is the release's sample set, its test the training set. The hub's copy holds only the gold pairs, "
    "which is not the mining task: the original files are needed.",
)
