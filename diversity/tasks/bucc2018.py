"""BUCC 2018: mining the translation pairs hidden in two monolingual corpora; nothing is trained."""

from collections.abc import Iterator
from pathlib import Path

from diversity.data.formats import Items
from diversity.data.lines import lines
from diversity.tasks._bitext import sibling
from diversity.types import BadRow, InputError, Layout, Part, Retrieval, Task

LANGUAGES = ("de", "fr", "ru", "zh")


def _columns(path: Path) -> Iterator[tuple[int, str, str] | BadRow]:
    """Lines of two columns: their number and the two cells."""
    for number, line in lines(path):
        if isinstance(line, BadRow):
            yield line
        elif line.strip():
            cells = line.split("\t")
            if len(cells) == 2 and all(c.strip() for c in cells):
                yield number, cells[0].strip(), cells[1].strip()
            else:
                yield BadRow(path, number, f"expected an id, a tab and a text, found {len(cells)} columns")


def bitext(path: Path, language: str) -> Items:
    """The sentences of both sides; a foreign one with the ids of its gold translations, where they are given.

    Bad rows are ids that stand twice on a side, and gold pairs of ids that no sentence has.
    """
    english = sibling(path, language, "en")
    if english is None:
        raise InputError(f"{path}: expected the English side beside it ({path.stem}.en), found none")
    sides = ((path, language), (english, "en"))
    gold: dict[str, tuple[str, ...]] = {}
    if (gold_file := sibling(path, language, "gold")) is not None:
        known = [
            {line.split("\t")[0].strip() for _, line in lines(f) if not isinstance(line, BadRow)} for f, _ in sides
        ]
        for item in _columns(gold_file):
            if isinstance(item, BadRow):
                yield item
                continue
            number, *pair = item
            matches = gold.get(pair[0], ())
            lost = next((i for i in (0, 1) if pair[i] not in known[i]), None)
            if lost is not None:
                stray = f"{pair[lost]!r}, which is not in {sides[lost][0].name}"
                yield BadRow(gold_file, number, f"expected a gold pair of ids of both sides, found {stray}")
            elif pair[1] not in matches:
                gold[pair[0]] = (*matches, pair[1])
    for file, side in sides:
        seen = set[str]()
        for item in _columns(file):
            if isinstance(item, BadRow):
                yield item
            elif item[1] in seen:
                yield BadRow(file, item[0], f"expected each id once, found {item[1]!r} again")
            else:
                seen.add(item[1])
                yield Retrieval(item[1], side, item[2], gold.get(item[1], ()) if side == language else ())


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
