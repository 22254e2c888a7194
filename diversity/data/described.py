"""Tasks described in TOML: which files, which fields of their records, which labels; no Python.

`read` makes the Task of a file `tasks/NAME.toml`. Every key and every value that can be wrong is an error of one line.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast, get_args

from diversity.data.examples import FIELDS, RowParser
from diversity.data.formats import squad
from diversity.data.records import FORMATS, SEPARATORS, Columns, Format, format_of, reader_of
from diversity.types import (
    OUTPUTS,
    InputError,
    Kind,
    Layout,
    Part,
    Reader,
    Role,
    Task,
    digest,
    is_english,
    unknown_name_error,
)

KINDS = tuple(OUTPUTS)
METRICS = {
    "classification": "accuracy",
    "multiple_choice": "accuracy",
    "span": "f1",
    "tagging": "f1",
    "retrieval": "accuracy",
}
RECIPES = {
    "classification": ("text", "text_pair"),
    "multiple_choice": ("context", "question", "choices"),
    "span": ("question", "context"),
    "tagging": ("tokens",),
    "retrieval": ("text",),
}
SPLITS = ("train", "dev", "test")
PROSE = ("title", "licence", "citation", "url", "note")  # change no row
LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
KEYS: Mapping[str, tuple[type, ...]] = {
    "kind": (str,),
    "role": (str,),
    "files": (str, dict),
    "languages": (list, dict),
    "format": (str,),
    "separator": (str,),
    "header": (bool, list),
    "quotes": (bool,),
    "fields": (dict,),
    "labels": (list,),
    "mapping": (dict,),
    "folder": (str, list),
    "train_on": (str,),
    "metric": (str,),
    "embed": (list,),
    **dict.fromkeys(PROSE, (str,)),
}
WORDS = {str: "a text", dict: "a table", list: "a list", bool: "true or false"}


@dataclass(frozen=True)
class Described:
    """The content of a description, each part checked; `problem` says what is wrong with the whole."""

    file: Path
    content: Mapping[str, Any]
    kind: Kind = field(init=False)

    def __post_init__(self) -> None:
        """Check the names and types of all keys; raise InputError for those that cannot be."""
        for key, value in self.content.items():
            if key not in KEYS:
                raise self.error(str(unknown_name_error(key, list(KEYS), "key")))
            if not isinstance(value, KEYS[key]):
                kinds = " or ".join(WORDS[t] for t in KEYS[key])
                raise self.error(f"expected {key} to be {kinds}, found {value!r}")
        if missing := [key for key in ("kind", "role", "files") if key not in self.content]:
            raise self.error(f"expected {missing[0]}, found {', '.join(self.content) or 'an empty file'}")
        object.__setattr__(self, "kind", self.choice("kind", KINDS))

    def error(self, problem: str) -> InputError:
        """An error that names the file."""
        return InputError(f"{self.file}: {problem}")

    def choice(self, key: str, known: Sequence[str], default: str = "") -> str:
        """A value that must be one of these; raises InputError with near matches."""
        value = self.content.get(key, default)
        if value != default and value not in known:
            raise self.error(str(unknown_name_error(value, list(known), key)))
        return str(value)

    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, each once."""
        values = self.content.get(key, [])
        values = [values] if isinstance(values, str) else values
        if wrong := [v for v in values if not isinstance(v, str) or not v.strip()]:
            raise self.error(f"expected {key} to be a list of texts, found {wrong[0]!r} in it")
        if twice := [v for i, v in enumerate(values) if v in values[:i]]:
            raise self.error(f"expected each of {key} once, found {twice[0]!r} twice")
        return tuple(values)

    def prose(self, key: str, default: str) -> str:
        """What is said of the task."""
        return str(self.content.get(key, default))

    @property
    def languages(self) -> dict[str, str]:
        """The codes of the languages, English first, each with its name in files and columns."""
        given = self.content.get("languages", ["en"])
        names = dict(given) if isinstance(given, dict) else {code: code for code in self.texts("languages") or ("en",)}
        for code, name in names.items():
            if not LANGUAGE.fullmatch(code) or not isinstance(name, str) or not name:
                raise self.error(f"expected languages as codes such as en, yo or yor_Latn, found {code!r}")
        return dict(sorted(names.items(), key=lambda item: not is_english(item[0])))

    @property
    def patterns(self) -> dict[str, tuple[str, ...]]:
        """The files of each split, as globs with `{lang}`."""
        given = self.content["files"]
        if isinstance(given, str):
            if "{split}" not in given:
                raise self.error(
                    f"expected files with {{split}} in the name, or a table of train, dev and test, found {given!r}"
                )
            given = {split: given.replace("{split}", split) for split in SPLITS}
        patterns = {}
        for split, value in given.items():
            if split not in SPLITS:
                raise self.error(str(unknown_name_error(split, SPLITS, "split in files")))
            several = [value] if isinstance(value, str) else value
            if (
                not isinstance(several, list)
                or not several
                or not all(isinstance(v, str) and v.strip() for v in several)
            ):
                raise self.error(f"expected files.{split} to be a name of a file or a list of them, found {value!r}")
            for pattern in several:
                self._check_pattern(split, pattern)
            patterns[split] = tuple(several)
        return patterns

    def _check_pattern(self, split: str, pattern: str) -> None:
        for name in re.findall(r"\{([^{}]*)\}", pattern):
            if name != "lang":
                raise self.error(str(unknown_name_error(name, ("lang", "split"), f"name in braces in files.{split}")))
        if pattern.count("{") != len(re.findall(r"\{[^{}]*\}", pattern)) or pattern.count("{") != pattern.count("}"):
            raise self.error(f"expected braces as in {{lang}} in files.{split}, found {pattern!r}")
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            raise self.error(f"expected files.{split} below the data folder, found {pattern!r}")
        if len(self.languages) > 1 and "{lang}" not in pattern and "language" not in self.content.get("fields", {}):
            hint = "{lang} in its name, or a field that says the language (fields.language)"
            raise self.error(
                f"expected files.{split} of {len(self.languages)} languages to have {hint}, found {pattern!r}"
            )

    @property
    def fields(self) -> dict[str, Any]:
        """The names of the fields of a record, by what they are for."""
        known, given = FIELDS[self.kind], self.content.get("fields", {})
        for name, value in given.items():
            if name not in known:
                raise self.error(str(unknown_name_error(name, list(known), f"field of a {self.kind} task")))
            listed = isinstance(value, list) and name == "choices" and len(value) > 1
            parts = value if listed else [value]
            if not all((isinstance(v, str) and v) or (isinstance(v, int) and not isinstance(v, bool)) for v in parts):
                expected = "a field's name, or the number of a column" + (
                    ", or a list of them" if name == "choices" else ""
                )
                raise self.error(f"expected fields.{name} to be {expected}, found {value!r}")
        return {
            name: [str(v) for v in value] if isinstance(value, list) else str(value) for name, value in given.items()
        }

    @property
    def mapping(self) -> dict[str, dict[str, str]]:
        """What stands for each value of a field."""
        known, given = FIELDS[self.kind], self.content.get("mapping", {})
        for name, table in given.items():
            if name not in known:
                raise self.error(str(unknown_name_error(name, list(known), f"field in mapping of a {self.kind} task")))
            if not isinstance(table, dict) or not all(isinstance(v, str) for v in table.values()):
                raise self.error(f"expected mapping.{name} to be a table from text to text, found {table!r}")
        return {name: dict(table) for name, table in given.items()}

    def table(self, format: Format) -> Columns:
        """How the cells of separated files are told apart, and what their columns are called."""
        separator = self.choice("separator", tuple(SEPARATORS)) or ("comma" if format == "csv" else "tab")
        header = self.content.get("header", format in ("csv", "tsv"))
        names = self.texts("header") if isinstance(header, list) else ()
        quotes = self.content.get("quotes", format == "csv")
        return Columns(SEPARATORS[separator], header is True, names, quotes)

    def parser(self, split: str) -> RowParser:
        """What makes examples of records of a split; of the test split labels may be withheld."""
        labels, mapping = self.texts("labels"), self.mapping
        what = "tags" if self.kind == "tagging" else "label"
        if labels and self.kind in ("classification", "tagging"):
            for value in mapping.get(what, {}).values():
                if value not in labels and (value or self.kind == "tagging"):
                    raise self.error(str(unknown_name_error(value, labels, f"label in mapping.{what}")))
        defaults = {name: default for name, default in FIELDS[self.kind].items() if default}
        return RowParser(
            self.kind, {**defaults, **self.fields}, mapping, labels, self.languages, withheld=split == "test"
        )

    def layout(self, split: str, pattern: str) -> Layout:
        """How the files of one pattern are read."""
        format = cast(Format, self.choice("format", FORMATS)) or format_of(pattern, self.kind)
        if not format:
            raise self.error(f"expected a format ({', '.join(FORMATS)}) for files named {pattern!r}, found none")
        if format == "squad" and self.kind != "span":
            raise self.error(f"expected a format of {self.kind} rows, found squad, which is of kind span")
        if format in ("columns", "conllu") and self.kind != "tagging":
            raise self.error(f"expected a format of {self.kind} rows, found {format}, which is of kind tagging")
        try:
            read: Reader = squad if format == "squad" else reader_of(format, self.table(format), self.parser(split))
        except InputError as error:
            raise error if str(self.file) in str(error) else self.error(str(error)) from None
        return Layout(pattern.replace("{lang}", "{code}"), read, several="*" in pattern, codes=self.languages)

    def task(self) -> Task:
        """The task that is described."""
        languages, labels = tuple(self.languages), self.texts("labels")
        folders = self.texts("folder") or (self.file.stem,)
        splits = {
            split: tuple(Part((self.layout(split, pattern),), None, folders, languages) for pattern in patterns)
            for split, patterns in self.patterns.items()
        }
        given = self.fields
        optional = ("text_pair", "context", "question") if self.kind != "span" else ()
        recipe = tuple(f for f in RECIPES[self.kind] if f not in optional or f in given)
        embed = self.texts("embed") or recipe
        if unknown := [name for name in embed if name not in RECIPES[self.kind]]:
            raise self.error(str(unknown_name_error(unknown[0], RECIPES[self.kind], "field in embed")))
        if self.kind == "multiple_choice" and not labels:
            labels = self._choice_labels()
        rows = {key: value for key, value in self.content.items() if key not in PROSE}
        return Task(
            name=self.file.stem,
            kind=self.kind,
            role=cast(Role, self.choice("role", get_args(Role))),
            metric=self.choice("metric", ("accuracy", "f1"), METRICS[self.kind]),
            fields=embed,
            splits=splits,
            labels=labels,
            languages=languages,
            train_on=str(self.content.get("train_on", "")),
            output="labels" if self.kind == "retrieval" else None,
            digest=digest(rows),
            title=self.prose("title", self.file.stem),
            licence=self.prose("licence", "not stated"),
            citation=self.prose("citation", "not stated"),
            url=self.prose("url", ""),
            note=self.prose("note", ""),
        )

    def _choice_labels(self) -> tuple[str, ...]:
        named = self.fields.get("choices")
        return tuple(map(str, range(len(named)))) if isinstance(named, list) else ()


def read(file: Path) -> Task:
    """The task that a TOML file describes; raises InputError, naming the file, for whatever cannot be."""
    try:
        content = tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{file}: expected TOML, found: {error}") from error
    return Described(file, content).task()
