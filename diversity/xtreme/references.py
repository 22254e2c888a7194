"""Gold labels: of a folder in the leaderboard's layout, or of the toolkit's data; placeholders are refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

from diversity import catalog
from diversity.data import sources
from diversity.types import Classification, Example, InputError, MultipleChoice, Retrieval, Rows, Span, Tagging
from diversity.xtreme import layout
from diversity.xtreme.benchmark import output_type
from diversity.xtreme.scores import Gold

Words = Sequence[tuple[str, ...]]  # of each sentence
MARKS = frozenset({"", "NS", "-", "?", "_", "-1", "None", "none", "null", "NA", "nan"})  # what stands for no label


def gold(task: str, data: Path | str, split: str = "test", language: str = "en") -> Gold:
    """The gold labels of a split in one language from the toolkit's folder of data, as `scores_of` takes them.

    Row by row in the order of `diversity.data.sources.rows`: labels; tags of each sentence; (question id, answers); pairs of
    ids. For tatoeba, for each English sentence, sorted as XTREME publishes them, the line of its translation, from 0.
    `split` may name several in order of preference (`test,dev`). Raises InputError where the rows are not there, or
    their labels are withheld.
    """
    output_type(task)
    rows = sources.rows(catalog.task(task), Rows.of(data, split=split, languages=[language]))
    labels = _retrieved(task, rows) if catalog.task(task).kind == "retrieval" else [_label(task, row) for row in rows]
    check(task, labels, f"{task} ({split}, {language}) in {data}")
    return labels


def gold_in(labels: Path | str, task: str, language: str) -> Gold:
    """The gold labels of a task in one language from a folder in the leaderboard's layout; raises as `gold` does."""
    gold_labels = layout.read_gold(labels, task, language)
    check(task, gold_labels, str(layout.file_of(labels, task, language)))
    return gold_labels


class GoldSource(Protocol):
    """Where gold labels are looked for."""

    def split(self, task: str, language: str) -> str | None:
        """The split that would be read; None where there are no labels of that task in that language."""
        ...

    def gold(self, task: str, language: str) -> Gold:
        """Its labels, checked."""
        ...

    def words(self, task: str, language: str) -> Words | None:
        """The words that its tags are of, sentence by sentence; None where they are not known."""
        ...

    def clusters(self, task: str, language: str) -> Sequence[str] | None:
        """Of each item the passage or the premise, which several may share; None where none is known."""
        ...


@dataclass(frozen=True)
class GoldFolder:
    """A folder of labels in the leaderboard's layout."""

    folder: Path

    def split(self, task: str, language: str) -> str | None:
        """`test`, or None."""
        return "test" if layout.file_of(self.folder, task, language).is_file() else None

    def gold(self, task: str, language: str) -> Gold:
        """Its labels, checked."""
        return gold_in(self.folder, task, language)

    def words(self, task: str, language: str) -> Words | None:
        """The words of its tags, where it has them."""
        return layout.words_of(layout.file_of(self.folder, task, language))

    def clusters(self, task: str, language: str) -> Sequence[str] | None:
        """The passages of its questions."""
        return (
            layout.passages_of(layout.file_of(self.folder, task, language)) if output_type(task) == "answers" else None
        )


@dataclass(frozen=True)
class GoldData:
    """The toolkit's folder of data: the first of the preferred splits that is there."""

    folder: Path
    preference: str

    def split(self, task: str, language: str) -> str | None:
        """The split, or None."""
        noun = catalog.task(task)
        if language not in noun.languages:
            return None
        wanted = [name.strip() for name in self.preference.split(",")]
        return next((name for name in wanted if sources.find(noun, self.folder, name, language)), None)

    def gold(self, task: str, language: str) -> Gold:
        """Its labels, checked."""
        return gold(task, self.folder, self.preference, language)

    def words(self, task: str, language: str) -> Words | None:
        """The words of its tags."""
        asked = Rows.of(self.folder, split=self.preference, languages=[language])
        return [row.tokens for row in sources.rows(catalog.task(task), asked) if isinstance(row, Tagging)]

    def clusters(self, task: str, language: str) -> Sequence[str] | None:
        """The passages of questions, and the first ones of pairs of sentences."""
        asked = Rows.of(self.folder, split=self.preference, languages=[language])
        rows = sources.rows(catalog.task(task), asked) if output_type(task) in ("answers", "labels") else []
        shared = [
            row.context if isinstance(row, Span) else row.text if isinstance(row, Classification) else ""
            for row in rows
        ]
        return shared if shared and all(shared) else None


def _label(task: str, row: Example) -> object:
    if isinstance(row, Classification) and row.label is not None:
        return row.label
    if isinstance(row, MultipleChoice) and row.label is not None:
        return str(row.label)
    if isinstance(row, Tagging) and row.tags is not None:
        return row.tags
    if isinstance(row, Span) and row.answers:
        return row.id, tuple(answer.text for answer in row.answers)
    raise InputError(f"{task}: expected gold labels, found a row without one ({row.id}): they are withheld")


def _retrieved(task: str, rows: Iterable[Example]) -> list[str] | list[tuple[str, str]]:
    sentences = [row for row in rows if isinstance(row, Retrieval)]
    foreign = [row for row in sentences if row.language != "en"]
    if output_type(task) == "pairs":
        return [(row.id, match) for row in foreign for match in row.matches]
    line = {row.id: str(number) for number, row in enumerate(foreign)}
    english = sorted((row for row in sentences if row.language == "en"), key=lambda row: row.text)
    return [line[match] for row in english for match in row.matches]


def check(task: str, labels: Gold, where: str) -> None:
    """Raise InputError for gold labels that are none: placeholders, or other text than labels."""
    form = output_type(task)
    if not len(labels):
        raise InputError(f"{where}: expected gold labels, found none")
    if form == "answers":
        if all(text == "" for _, answers in labels for text in answers):
            raise InputError(f"{where}: expected gold answers, found none or empty ones: they are withheld")
        return
    if form == "pairs":
        return
    tally = Counter(chain.from_iterable(labels) if form == "tags" else labels)
    # One label throughout so many rows cannot be chance; in tatoeba each row has another.
    many = 2 if catalog.task(task).kind == "retrieval" else 20
    if tally.keys() <= MARKS or (len(tally) == 1 and len(labels) >= many):
        shown = ", ".join(map(repr, sorted(tally)))
        raise InputError(f"{where}: expected gold labels, found nothing but {shown}: placeholders for labels withheld")
    if form == "tags":
        _tags(task, tally, where)


def _tags(task: str, tally: Counter[str], where: str) -> None:
    known = catalog.task(task).labels
    other = {tag: count for tag, count in tally.items() if tag not in known}
    if known and 2 * sum(other.values()) > tally.total():
        shown = ", ".join(map(repr, sorted(other)[:3]))
        raise InputError(f"{where}: expected tags such as {', '.join(known[:3])}, found {shown}: are these the words?")
