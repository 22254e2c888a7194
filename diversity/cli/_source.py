"""Where the tasks of a command come from: texts of a data folder, saved moments, or files of vectors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._common import MODELS, names_in, note, pinned
from diversity.cli._options import Long, Precision, checked_seed, with_options
from diversity.types import BadRow, InputError, Rows

if TYPE_CHECKING:
    from diversity.scoring.embedded import EmbeddedTasks
    from diversity.scoring.given import Given

Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=]FILE[:FIELD+FIELD]",
        help="Your own texts: .txt .jsonl .json .csv .tsv .parquet .arrow (also .gz .bz2 .xz), a folder, a glob, "
        "or owner/name[@revision/config:split]:FIELD of the hub; or vectors: .npy .safetensors, or lists in .parquet .arrow.",
        show_default=False,
    ),
]
Data = Annotated[
    Path | None, typer.Option(help="Folder of the tasks' data (default: none; the shipped moments are used).")
]
Limit = Annotated[
    int | None, typer.Option("--limit", "--sample", help="Texts of each task or file, drawn at random (default: all).")
]
Seed = Annotated[int, typer.Option(callback=checked_seed, help="Seed of the sample.")]
Split = Annotated[str, typer.Option(help="Split to read, or several in order of preference: train,dev.")]
Languages = Annotated[
    str, typer.Option("--languages", "--language", help="Languages of the rows, separated by commas.")
]
Embeddings = Annotated[
    list[str] | None, typer.Option(help="Precomputed vectors as a task: NAME=FILE[:COLUMN]. Repeatable.")
]
SameEncoder = Annotated[
    bool,
    typer.Option("--same-encoder", help="Vectors that do not say their encoder are of the one that embeds the texts."),
]
Saved = Annotated[Path | None, typer.Option(help="Folder of saved moments (default: the shipped ones).")]
Cache = Annotated[Path | None, typer.Option(help="Folder of cached vectors (default: ~/.cache/diversity).")]
OneEncoder = Annotated[
    str,
    typer.Option(help=f"Sentence encoder: {MODELS}."),
]


@dataclass(frozen=True)
class Source:
    """The options that say where tasks come from, and how their texts are embedded."""

    files: Files = None
    data: Data = None
    limit: Limit = None
    seed: Seed = 0
    split: Split = "train"
    languages: Languages = "en"
    embeddings: Embeddings = None
    same_encoder: SameEncoder = False
    moments: Saved = None
    cache: Cache = None
    precision: Precision = "fp32"
    long: Long = "truncate"
    max_length: int | None = None

    @cached_property
    def given(self) -> Given:
        """The files of texts and of vectors; where they come from the hub, that is said."""
        from diversity.scoring.given import Given

        given = Given.of_files(self.files or (), self.embeddings or ())
        for name, source in given.sets.items():
            if origin := getattr(source, "origin", ""):
                note(f"note: {name} is {origin}")
        return given

    def check(self) -> None:
        """InputError where the options contradict each other."""
        own = self.given.sets
        if self.limit is not None and self.data is None and not own:
            raise InputError("expected --data DIR with --limit: the shipped moments are of a fixed sample")
        if self.data is not None and self.moments is not None:
            raise InputError("expected --data or --moments, found both")
        embedding = () if self.data is not None or own else ("precision", "long", "max_length")
        for option in (*embedding, *(() if self.data is not None else ("split", "languages"))):
            if getattr(self, option) != getattr(Source, option):
                name = option.replace("_", "-")
                raise InputError(f"expected --data DIR with --{name}: saved moments and vectors stay as they are")

    @property
    def own(self) -> list[str]:
        """The names of what does not come from the catalog of tasks: files of texts and of vectors."""
        return self.given.own

    def spaces(
        self, names: Sequence[str], encoders: Sequence[str], bad: list[BadRow] | None = None
    ) -> list[EmbeddedTasks]:
        """The tasks measured with each encoder; what several encoders embed is read once."""
        from functools import partial

        from diversity.encoders.sentence import load_encoder

        self.check()
        given = replace(self.given, names=tuple(n for n in names if n not in self.own))
        rows = Rows(self.data, self.split, tuple(names_in(self.languages)), self.limit, self.seed, bad)
        load = partial(load_encoder, precision=self.precision, long=self.long, max_length=self.max_length)
        named = [pinned(name) for name in encoders] if given.sets or self.data is not None else encoders
        return given.embedded(
            named, rows, moments=self.moments, cache=self.cache, load=load, same_encoder=self.same_encoder
        )


# What one command alone offers, by options of its own, stays out.
with_source = with_options("source", Source, without=("precision", "long", "max_length"))


def once(tasks: Sequence[str]) -> None:
    """InputError for a task that --tasks names twice."""
    if repeated := sorted({t for t in tasks if list(tasks).count(t) > 1}):
        raise InputError(f"expected each task once in --tasks, found {repeated[0]} more than once")


def task_notes(space: EmbeddedTasks) -> None:
    """What must be known of the texts that were embedded: each thing once, on stderr."""
    longer: dict[str, list[str]] = {}
    for name, task in sorted(space.tasks.items()):
        about = task.provenance
        if about.get("note"):
            note(f"note: {name}: {about['note']}")
        if number := about.get("longer_than_limit"):
            done = "cut into pieces" if about["encoder"].get("long") == "chunk" else "truncated"
            longer.setdefault(done, []).append(f"{number:,} of {about['rows']:,} in {name}")
    for done, counts in longer.items():
        note(f"note: texts longer than the encoder reads were {done}: {', '.join(counts)}")
