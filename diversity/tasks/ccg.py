"""CCG supertagging: CCGbank where the user has a licence, the Parallel Meaning Bank's gold categories elsewhere."""

from collections.abc import Callable
from pathlib import Path

from diversity.data.conll import Items, ccgbank_auto, conll, supertags
from diversity.types import BadRow, Layout, Part, Tagging, Task

PMB = "gold categories of the Parallel Meaning Bank, not CCGbank"


def pmb(path: Path, language: str) -> Items:
    """The Parallel Meaning Bank's seven columns; `~` stands for a space inside a token."""
    for item in conll(token=0, tag=4, width=7)(path, language):
        if isinstance(item, BadRow):
            yield item
        elif isinstance(item, Tagging):
            yield Tagging(item.id, language, tuple(t.replace("~", " ") for t in item.tokens), item.tags)


def sections(first: int, last: int) -> Callable[[Path], bool]:
    """Whether a file of CCGbank is of the sections `first` to `last` (the folder that it lies in)."""
    return lambda path: first <= int(path.parent.name) <= last


def _part(file: str, first: int, last: int) -> Part:
    layouts = (
        Layout("AUTO/[0-9][0-9]/*.auto", ccgbank_auto, several=True, accept=sections(first, last)),
        Layout(f"{{lang}}/gold/{file}.conll", pmb, note=PMB),
        Layout(f"ccg.{file}.tsv", supertags),
    )
    return Part(layouts, None, ("ccg", "ccgbank", "ccg_pmb", "CCG"))


TASK = Task(
    name="ccg",
    title="CCG supertagging",
    kind="tagging",
    role="intermediate",
    metric="accuracy",
    fields=("tokens",),
    splits={"train": (_part("train", 2, 21),), "dev": (_part("dev", 0, 0),), "test": (_part("test", 23, 23),)},
    rows={},
    licence="CCGbank: LDC licence, supplied by the user (LDC2005T13); Parallel Meaning Bank 4.0.0: open (see pmb.let.rug.nl)",
    citation="Hockenmaier, Steedman 2007. CCGbank. Computational Linguistics 33(3). J07-3004; Abzianidze et al. 2017. The "
    "Parallel Meaning Bank. EACL. E17-2039",
    url="https://catalog.ldc.upenn.edu/LDC2005T13",
    note="The shipped moments are of the gold categories of the Parallel Meaning Bank, not of CCGbank.",
)
