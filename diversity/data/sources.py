"""Rows of a task: from its files as released, or from the hub's Parquet files brought to a folder; streamed, checked.

A data folder holds, for each task, a folder of its released files (`DATA/mnli/multinli_1.0/...`), or what
`diversity data fetch` brought (`DATA/nyu-mll/multi_nli/...`). Released files are read first where both are there.
"""

from __future__ import annotations

import fnmatch
import heapq
import os
import random
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from diversity import types
from diversity.data.formats import problem_of
from diversity.types import BadRow, Example, Hub, InputError, Layout, Part, RowChanges, Rows, Task


class MissingPart(InputError):
    """Some parts of a split are there and others are not."""


@dataclass(frozen=True)
class PartFiles:
    """Where one part of a split of a task lies: released files and how to read them, or a folder from the hub.

    `others` are files that are read along with them (the English side of a bitext, its gold pairs).
    """

    files: tuple[Path, ...]
    layout: Layout | None
    hub: Hub | None = None
    others: tuple[Path, ...] = ()

    @property
    def all_files(self) -> tuple[Path, ...]:
        """Every file that the rows come from."""
        return self.files + self.others

    @property
    def note(self) -> str:
        """What must be said wherever figures from these files are shown."""
        return self.layout.note if self.layout else self.hub.caution if self.hub else ""


@dataclass(frozen=True)
class SplitFiles:
    """The files of a split of a task in one language: looked up once, then read."""

    task: Task
    split: str
    language: str
    parts: tuple[PartFiles, ...]

    @property
    def files(self) -> list[Path]:
        """Every file that the rows come from."""
        return [file for part in self.parts for file in part.all_files]

    @property
    def origin(self) -> str:
        """`release` or `hub`."""
        return "hub" if self.parts[0].hub else "release"

    @property
    def sources(self) -> list[str]:
        """The repositories of the hub that rows come from, else the page of the release."""
        return sorted({p.hub.source for p in self.parts if p.hub}) or [self.task.url]

    @property
    def notes(self) -> list[str]:
        """What must be said wherever figures from these files are shown."""
        return sorted({p.note for p in self.parts} - {""})


def data_folder(data: Rows | Path | str | None) -> Path:
    """The folder that was asked for; raises InputError where there is none."""
    folder = Rows.of(data).folder
    if folder is None:
        raise InputError("expected a folder of data (--data DIR), found none")
    if not folder.is_dir():
        raise InputError(f"{folder}: expected a folder of data, found {'a file' if folder.exists() else 'nothing'}")
    return folder


def _released(part: Part, data: Path, language: str) -> PartFiles | None:
    # A folder of the task's name is searched at any depth; another one only at its top, for `dev-en.tsv` and the like
    # are names that several data sets use.
    own = [data / f for f in part.folders if (data / f).is_dir()] or (
        [data] if Path(os.path.realpath(data)).name in part.folders else []
    )
    for layout in part.layouts:
        pattern = layout.glob(language)
        for root in own or [data]:
            search = root.rglob if own else root.glob
            files = sorted(p for z in ("", ".gz") for p in search(pattern + z) if layout.accept(p))
            if len(files) > 1 and not layout.several:
                shown = ", ".join(str(f) for f in files[:3])
                raise InputError(f"{root}: expected one file {pattern}, found {len(files)}: {shown}")
            if files:
                return PartFiles(
                    tuple(files), layout, others=tuple(o for f in files for o in layout.others(f, language))
                )
    return None


def parquet_globs(config: str, split: str) -> list[str]:
    """Where the Parquet files of a configuration's split may lie in a repository of the hub."""
    stems = [f"{config}/{split}-*.parquet", f"{config}/{split}/*.parquet", f"{config}/{split}.parquet"]
    return [*stems, f"data/{split}-*.parquet", f"{split}-*.parquet"]


def matching(paths: Iterable[str], config: str, split: str) -> list[str]:
    """The paths that hold a configuration's split, by the first layout that fits."""
    names = sorted(paths)
    for pattern in parquet_globs(config, split):
        if hits := [p for p in names if fnmatch.fnmatchcase(p, pattern)]:
            check_whole(hits)
            return hits
    return []


def check_whole(paths: list[str]) -> None:
    """Raise InputError where shards (`-00000-of-00003.parquet`) are missing, or are of two sets."""
    shards = [m for p in paths if (m := re.search(r"-(\d+)-of-(\d+)(?:\.\w+)+$", p))]
    numbers, totals = sorted(int(m[1]) for m in shards), {int(m[2]) for m in shards}
    if shards and (len(totals) > 1 or numbers != list(range(max(totals))) or len(shards) != len(paths)):
        shown = ", ".join(Path(p).name for p in paths)
        raise InputError(f"{Path(paths[0]).parent}: expected one whole set of shards, found {shown}: fetch it again")


def _fetched(part: Part, data: Path, language: str) -> PartFiles | None:
    hub = part.hub
    config = hub.config_of(language) if hub else None
    if hub is None or config is None:
        return None
    for root in (data / hub.repo, data / hub.repo.split("/")[-1]):
        if root.is_dir():
            inside = (p.relative_to(root).as_posix() for p in root.rglob("*.parquet"))
            if files := matching(inside, config, hub.split):
                return PartFiles(tuple(root / f for f in files), None, hub)
    return None


def find(task: Task, data: Rows | Path | str | None, split: str, language: str) -> SplitFiles | None:
    """Where the parts of one split lie; None where none is there; raises InputError where only some are."""
    folder = data_folder(data)
    parts = task.splits.get(split, ())
    language = language if any(language in p.languages for p in parts) else task.code(language)
    parts = tuple(p for p in parts if language in p.languages)
    files = [_released(p, folder, language) or _fetched(p, folder, language) for p in parts]
    if any(files) and not all(files):
        missing = next(p for p, f in zip(parts, files, strict=True) if not f)
        raise MissingPart(
            f"{task.name} ({split}) in {folder}: expected all its parts, found no {_looked(missing, language)}"
        )
    return SplitFiles(task, split, language, tuple(f for f in files if f)) if any(files) else None


def _looked(part: Part, language: str) -> str:
    names = [layout.glob(language) for layout in part.layouts]
    return " or ".join(names + ([part.hub.repo] if part.hub else []))


def looked_for(task: Task) -> str:
    """The files that the rows of a task may be in, below a folder of its name or at the top of the data folder."""
    part = next(p for parts in task.splits.values() for p in parts if set(p.languages) & set(task.languages))
    return f"{part.folders[0]}/{_looked(part, part.languages[0])}" if part.folders else _looked(part, part.languages[0])


def located(task: Task, data: Rows | Path | str | None, language: str | None = None) -> SplitFiles:
    """The files of the first of the preferred splits that is there, in one language (by default the first asked for).

    Raises InputError where none is there, naming what is.
    """
    rows = Rows.of(data)
    language = language or rows.languages[0]
    for split in rows.splits:
        if split not in ("train", "dev", "test") and split not in task.splits:
            raise InputError(f"unknown split {split!r} of {task.name}: it has {', '.join(task.splits)}")
        if files := find(task, rows, split, language):
            return files
    others = [s for s in task.splits if s not in rows.splits and find(task, rows, s, language)]
    hint = f"; there is {', '.join(others)}: use --split {others[0]}" if others else ""
    looked = [_looked(p, language) for s in rows.splits for p in task.splits.get(s, ())]
    what = f"{task.name} ({' or '.join(rows.splits)}, {language})"
    example = f", such as {looked[0]}" if looked else ""
    raise InputError(f"{data_folder(rows)}: expected files of {what}{example}, found none{hint}")


def unseen(task: Task, preference: str, trained: Rows | Path | str | None) -> list[str]:
    """Of the preferred splits those that a target may be predicted on: not the one that it is trained on.

    Where only dev rows are there to train on, the same rows in other languages are translations of them, so no row of that
    split is unseen. `trained` are the rows that training takes, in the language that it takes.
    """
    preferred = Rows(split=preference).splits
    if task.kind == "retrieval" or task.train_on:
        return list(preferred)
    used = located(task, trained).split
    return [s for s in preferred if s != used]


def _read(part: PartFiles, language: str) -> Iterator[tuple[Path, Example | BadRow]]:
    """The rows of a part, each with its file."""
    if part.layout is not None:
        for path in part.files:
            try:
                for item in part.layout.read(path, language):
                    yield path, item
            except BadRow as error:  # the file cannot be read on from here
                yield path, error
    elif part.hub is not None:
        for item in _read_parquet(part, part.hub, language):
            yield part.files[0], item


def _read_parquet(part: PartFiles, hub: Hub, language: str) -> Iterator[Example | BadRow]:
    import datasets
    import pyarrow

    try:
        files = [str(f) for f in part.files]
        rows = datasets.load_dataset("parquet", data_files=files, split="train", streaming=True)
        for number, row in enumerate(rows):
            where = f"row {number}"
            try:
                example = hub.parse(row, f"{hub.config_of(language)}:{hub.split}:{number}", language)
            except KeyError as error:
                yield BadRow(part.files[0], where, f"expected the column {error.args[0]!r}, found {', '.join(row)}")
            except (ValueError, TypeError, IndexError, AttributeError) as error:
                yield BadRow(part.files[0], where, problem_of(error, row))
            else:
                yield from example if isinstance(example, tuple) else () if example is None else (example,)
    except (OSError, ValueError, TypeError, datasets.exceptions.DatasetGenerationError, pyarrow.ArrowInvalid) as error:
        raise InputError(f"{part.files[0]}: expected Parquet, found {str(error).splitlines()[0]}") from error


class _Checks:
    """What is checked of each row of a split beside its form: labels that the task has, and ids that stand once."""

    def __init__(self, files: SplitFiles) -> None:
        self.task, self.seen = files.task, set[str]()
        # Predictions are found by id; ids of some training rows repeat.
        self.unique = files.task.kind in ("span", "multiple_choice") and files.split != "train"

    def problem(self, example: Example) -> str | None:
        """What is wrong with a row; None where nothing is."""
        known = self.task.labels
        if known and isinstance(example, types.Classification | types.Tagging):
            what = "tags" if isinstance(example, types.Tagging) else "a label"
            if wrong := [label for label in labels_of(example) or () if label not in known]:
                return f"expected {what} among {', '.join(known)}, found {wrong[0]!r}"
        if self.unique:
            if example.id in self.seen:
                return f"expected each id once, found {example.id!r} again"
            self.seen.add(example.id)
        return None


def rows(task: Task, data: Rows | Path | str | None, **changes: Unpack[RowChanges]) -> Iterator[Example]:
    """Stream the rows of a task, language by language, in the files' order and in bounded memory.

    `changes` are those of `Rows.of`: `rows(task, "data", split="dev")`.

    Of the preferred splits the first that is there is read. A row that cannot be read raises BadRow, with file and
    line; where `data.bad` is a list, it is added there instead and passed over. With a limit, so many rows of all
    languages together are drawn.
    Raises InputError for a missing split, an unknown language, an empty file or one that holds no row of the task.
    """
    asked = Rows.of(data, **changes)
    stream = _rows(task, asked)
    yield from stream if asked.limit is None else sample(stream, asked.limit, asked.seed)


def _rows(task: Task, asked: Rows) -> Iterator[Example]:
    for language in map(task.code, asked.languages):
        trained_on = (
            p.languages for split in asked.splits for p in task.splits.get(split, ())
        )  # those of another task
        if language not in task.languages and not any(language in languages for languages in trained_on):
            raise InputError(f"{task.name}: expected a language among {', '.join(task.languages)}, found {language!r}")
        yield from read(located(task, asked, language), bad=asked.bad)


def read(files: SplitFiles, *, bad: list[BadRow] | None = None) -> Iterator[Example]:
    """Stream the rows of files that were looked up; broken rows and empty files as in `rows`."""
    task, language, checks = files.task, files.language, _Checks(files)
    for part in files.parts:
        count = 0
        for file, item in _read(part, language):
            problem = item if isinstance(item, BadRow) else None
            if not isinstance(item, BadRow):
                if wrong := checks.problem(item):
                    problem = BadRow(file, item.id, wrong)
                else:
                    count += 1
                    yield item
            if problem is not None:
                if bad is None:
                    raise problem
                bad.append(problem)
        if not count:
            why = f": {len(bad)} bad rows, the first {bad[0]}" if bad else ""
            raise InputError(f"{part.files[0]}: expected rows of {task.name} in {language!r}, found none{why}")


def sample(items: Iterable[Example], size: int | None, seed: int) -> list[Example]:
    """A uniform sample without replacement, in the original order: the `size` rows of smallest random priority.

    One pass, memory for `size` rows. `None` keeps all. The same seed and rows give the same sample.

    >>> sample([Ellipsis] * 5, 2, seed=0)
    [Ellipsis, Ellipsis]
    """
    if size is None:
        return list(items)
    if size < 1:
        raise InputError(f"expected a sample of at least 1 row, found {size}")
    generator = random.Random(seed)
    heap: list[tuple[float, int, Example]] = []
    for index, item in enumerate(items):
        entry = (-generator.random(), -index, item)
        if len(heap) < size:
            heapq.heappush(heap, entry)
        elif entry[:2] > heap[0][:2]:
            heapq.heapreplace(heap, entry)
    return [item for _, _, item in sorted(heap, key=lambda e: -e[1])]


def text_of(example: Example, recipe: Sequence[str]) -> str:
    """The text of an example that is embedded: the recipe's fields in order, joined by a space.

    >>> from diversity.types import Classification
    >>> text_of(Classification("1", "en", "A man sleeps.", "A man rests.", "entailment"), ("text", "text_pair"))
    'A man sleeps. A man rests.'
    """
    parts: list[str] = []
    for name in recipe:
        value: Any = getattr(example, name)
        parts.extend([value] if isinstance(value, str) else value or ())
    return " ".join(p.strip() for p in parts if p.strip())


def labels_of(example: Example) -> tuple[str, ...] | None:
    """The labels of an example as text, for counting; None where they are withheld; () where it has none."""
    if isinstance(example, types.Classification | types.MultipleChoice):
        return None if example.label is None else (str(example.label),)
    if isinstance(example, types.Tagging):
        return example.tags
    if isinstance(example, types.Span):
        return None if example.answers is None else ()
    return ()


def placeholder(task: Task, counts: Mapping[str, int], labelled: int) -> bool:
    """Do the labels look like placeholders: one and the same on at least 50 rows of a task that has several?

    XTREME's scripts write such labels where they take the gold ones away; scores against them look like chance.
    """
    several = len(task.labels) > 1 or task.kind == "tagging"
    return several and labelled >= 50 and len(counts) == 1
