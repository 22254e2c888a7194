"""What the benchmark's versions are made of: tasks with their languages, groups of tasks, and what is scored beside them.

Source of the lists: `evaluate.py` of google-research/xtreme, commit 838c13b (both versions are in it).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from diversity import catalog
from diversity.types import OutputType

# What the benchmark reports of an output type; other metrics are computed beside these.
OFFICIAL: Mapping[OutputType, tuple[str, ...]] = {
    "labels": ("accuracy",),
    "tags": ("f1", "precision", "recall"),
    "answers": ("exact_match", "f1"),
    "pairs": ("f1", "precision", "recall"),
}


@dataclass(frozen=True)
class Benchmark:
    """A version of the benchmark: the languages of each task that is scored here, and groups of tasks.

    `unscored` are tasks of the version that are not scored here: an average that needs one of them is never there.
    """

    version: str
    languages: Mapping[str, tuple[str, ...]]
    groups: Mapping[str, tuple[str, ...]]
    unscored: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks of it that are scored here."""
        return tuple(self.languages)

    @property
    def scored(self) -> dict[str, tuple[str, ...]]:
        """The languages of all that is scored: its tasks, and targets of no benchmark, which no average is over."""
        others = (catalog.task(name) for name in catalog.targets())
        return {**self.languages, **{t.name: t.languages for t in others if not t.benchmark}}


_XTREME = {
    "pawsx": "de en es fr ja ko zh",
    "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
    "panx": "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh kk "
    "tr et fi hu",
    "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh",
    "bucc2018": "de fr ru zh",
    "tatoeba": "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et fi "
    "hu",
    "xquad": "en es de el ru tr ar vi th zh hi",
    "mlqa": "en es de ar hi vi zh",
    "tydiqa": "en ar bn fi id ko ru sw te",
}
_ADDED = {"panx": "qu pl uk az lt pa gu ro", "udpos": "lt pl uk wo ro", "tatoeba": "az lt pl uk ro", "xquad": "ro"}
_KEPT = ("xnli", "panx", "udpos", "tatoeba", "xquad", "mlqa", "tydiqa")

XTREME = Benchmark(
    "xtreme",
    {task: tuple(languages.split()) for task, languages in _XTREME.items()},
    {
        "classification": ("pawsx", "xnli"),
        "tagging": ("udpos", "panx"),
        "qa": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("bucc2018", "tatoeba"),
    },
)
XTREME_R = Benchmark(
    "xtreme-r",
    {task: (*XTREME.languages[task], *_ADDED.get(task, "").split()) for task in _KEPT},
    {
        "classification": ("xnli", "xcopa"),
        "tagging": ("udpos", "panx"),
        "qa": ("xquad", "mlqa", "tydiqa"),
        "retrieval": ("tatoeba", "mewslix"),
        "multi_choice": ("xcopa",),
    },
    unscored=("xcopa", "mewslix", "lareqa"),
)
VERSIONS = {b.version: b for b in (XTREME, XTREME_R)}


def benchmark_of(version: str) -> Benchmark:
    """The version of that name.

    >>> len(benchmark_of("xtreme").languages["panx"]), len(benchmark_of("xtreme-r").languages["panx"])
    (40, 48)
    """
    if version not in VERSIONS:
        raise catalog.near(version, tuple(VERSIONS), "version")
    return VERSIONS[version]


def output_type(task: str) -> OutputType:
    """How predictions of a target look; raises InputError with near matches for an unknown one.

    >>> output_type("udpos")
    'tags'
    """
    if task not in (targets := catalog.targets()):
        raise catalog.near(task, targets, "target")
    return catalog.task(task).output_type
