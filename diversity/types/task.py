"""A task: what it is, how it is scored, and where its rows come from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from diversity.types.errors import BadRow
from diversity.types.examples import Example

Kind = Literal["classification", "multiple_choice", "span", "tagging", "retrieval", "mlm"]
Role = Literal["intermediate", "target"]
# How predictions look: a label a line, a tag a line in sentences, answers by question, mined pairs of ids.
OutputType = Literal["labels", "tags", "answers", "pairs"]
OUTPUTS: dict[str, OutputType] = {
    "classification": "labels",
    "multiple_choice": "labels",
    "tagging": "tags",
    "span": "answers",
    "retrieval": "pairs",
}


Reader = Callable[[Path, str], Iterator[Example | BadRow]]
HubParser = Callable[[Mapping[str, Any], str, str], "Example | tuple[Example, ...] | None"]
Predicted = Any  # by the output type of a target: labels, tags, answers by question id, or pairs of ids


@dataclass(frozen=True)
class Layout:
    """Files of a release, and how one of them becomes examples.

    `pattern` is a glob below the task's folder, at any depth, with `{lang}` for the language and `{code}` for its name
    in `codes`; `.gz` is understood. Where it names several files, `several` says that they belong together; otherwise
    that is an error. `accept` leaves out files that the glob alone cannot tell; `others` are files that are read along
    with one. `note` is what must be said wherever figures from these files are shown.
    """

    pattern: str
    read: Reader
    several: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    accept: Callable[[Path], bool] = lambda _: True
    others: Callable[[Path, str], tuple[Path, ...]] = lambda *_: ()

    def glob(self, language: str) -> str:
        """The pattern for one language."""
        return self.pattern.format(lang=language, code=self.codes.get(language, language))


@dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face hub, in Parquet.

    `source` is `owner/name@commit` with the full commit id, or `owner/name` where none is known: then the first fetch
    resolves `ref` and writes the commit to the lock file beside the data. `config` is one name, or a name for each
    language. `parse` takes (row, id, language). `caution` says how these rows differ from the original release.
    """

    source: str
    config: str | Mapping[str, str]
    split: str
    parse: HubParser
    ref: str = "main"
    caution: str = ""

    @property
    def repo(self) -> str:
        """`owner/name`."""
        return self.source.partition("@")[0]

    @property
    def revision(self) -> str | None:
        """The pinned commit, or None."""
        return self.source.partition("@")[2] or None

    def config_of(self, language: str) -> str | None:
        """The configuration that holds a language, or None."""
        return self.config if isinstance(self.config, str) else self.config.get(language)


@dataclass(frozen=True)
class Part:
    """A set of rows that a split of a task is made of: alternative layouts, the first that is there is read.

    `folders` are names that the folder of the files may have; `languages` are those that the rows are in.
    """

    layouts: tuple[Layout, ...]
    hub: Hub | None = None
    folders: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True, repr=False)
class Task:
    """An intermediate task or a target: what it is, how it is scored, and where its rows come from.

    `languages` are codes of BCP 47 (`en`, `eng_Latn`), English first; `labels` is empty where the set is open (spans,
    supertags); `fields` is the text recipe: the fields of an example that are embedded, in this order, joined by a space;
    `rows` are the rows of each split of the whole release: of every language, or by language; `contains` names tasks
    whose rows it includes; `hashes` are the SHA-256 of released files.

    What evaluation and training need to know of a target stands here as well: the `benchmark` that it is a task of, if
    any; `output`, how its predictions look where its kind does not say it; `answers`, whose rules compare answers;
    `train_on`, the task whose training rows it is trained on, where they are not its own; `presets`, the target whose
    published settings hold for it, where there are none of its own and its kind's do not. `digest` is that of the file
    that describes a task from outside the toolkit, so that its rows are not taken for those of another description.
    """

    name: str
    title: str
    kind: Kind
    role: Role
    metric: str
    fields: tuple[str, ...]
    splits: Mapping[str, tuple[Part, ...]]
    licence: str
    citation: str
    url: str
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    rows: Mapping[str, int | Mapping[str, int]] = field(default_factory=dict)
    contains: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    benchmark: str = ""
    output: OutputType | None = None
    answers: Literal["squad", "mlqa"] = "squad"
    train_on: str = ""
    presets: str = ""
    digest: str = ""

    def __repr__(self) -> str:
        count = len(self.languages)
        spoken = self.languages[0] if count == 1 else f"{count} languages"
        return f"Task({self.name}: {self.title}; {self.kind}, {self.role}, {spoken})"

    @property
    def output_type(self) -> OutputType:
        """How predictions of it look."""
        return self.output or OUTPUTS[self.kind]

    def expected(self, split: str, language: str) -> int | None:
        """Rows of a split of the whole release in one language; None where that is not known."""
        known = self.rows.get(split)
        return known if isinstance(known, int) or known is None else known.get(language)

    @property
    def recipe(self) -> str:
        """The text recipe with its version, as it stands in cache keys and provenance."""
        return "v1:" + "+".join(self.fields) + (f":{self.digest}" if self.digest else "")

    @property
    def english(self) -> str:
        """The code that its English rows have (`en`, `eng_Latn`), or nothing where it has none."""
        return next((code for code in self.languages if is_english(code)), "")

    def code(self, language: str) -> str:
        """The code that the task has for a language: that itself, or its own for English, asked for as `en`."""
        return self.english if language not in self.languages and is_english(language) and self.english else language


def is_english(code: str) -> bool:
    """Whether a code of BCP 47 or ISO 639-3, with or without script and region, is English.

    >>> is_english("eng_Latn"), is_english("en-GB"), is_english("enm")
    (True, True, False)
    """
    return re.split("[-_]", code)[0] in ("en", "eng")
