"""Where the tasks of a command come from: texts of a data folder, saved moments, or files of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from diversity.cli._common import names_in
from diversity.cli._options import Long, Precision
from diversity.types import WHOLE, BadRow, InputError, Rows

if TYPE_CHECKING:
    from diversity.data.texts import TextFiles
    from diversity.data.vectors import VectorFile
    from diversity.scoring.embedded import EmbeddedTasks

Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=]FILE[:FIELD+FIELD]",
        help="Your own texts: .txt .jsonl .json .csv .tsv .parquet .arrow (also .gz .bz2 .xz), a folder or a glob; "
        "or vectors: .npy .safetensors, or a column of lists in .parquet .arrow.",
        show_default=False,
    ),
]
Data = Annotated[Path | None, typer.Option(help="Folder of the tasks' data; without it, the shipped moments.")]
Sample = Annotated[int | None, typer.Option(help="Rows of each task, drawn at random.")]
Seed = Annotated[int, typer.Option(min=0, max=WHOLE, help="Seed of the sample.")]
Split = Annotated[str, typer.Option(help="Split to read, or several in order of preference: train,dev.")]
Languages = Annotated[str, typer.Option(help="Languages of the rows, separated by commas.")]
Embeddings = Annotated[
    list[str] | None, typer.Option(help="A task from its vectors: NAME=FILE[:COLUMN]; any number of times.")
]
SameEncoder = Annotated[
    bool,
    typer.Option("--same-encoder", help="Vectors that do not say their encoder are of the one that embeds the texts."),
]
Saved = Annotated[Path | None, typer.Option(help="Folder of saved moments, in place of the shipped ones.")]
Cache = Annotated[Path | None, typer.Option(help="Folder of cached vectors (default: ~/.cache/diversity).")]
OneEncoder = Annotated[
    str, typer.Option(help="Sentence encoder: all-MiniLM-L6-v2, mini, a folder, or owner/name@commit.")
]


@dataclass(frozen=True)
class Source:
    """The options that say where tasks come from, and how their texts are embedded."""

    sets: Mapping[str, TextFiles] = field(default_factory=dict)
    arrays: Mapping[str, VectorFile] = field(default_factory=dict)
    data: Path | None = None
    moments: Path | None = None
    sample: int | None = None
    seed: int = 0
    split: str = "train"
    languages: str = "en"
    cache: Path | None = None
    precision: Precision = "fp32"
    long: Long = "truncate"
    max_tokens: int | None = None
    same_encoder: bool = False

    def check(self) -> None:
        """InputError where the options contradict each other."""
        if self.sample is not None and self.data is None and not self.sets:
            raise InputError("expected --data DIR with --sample: the shipped moments are of a fixed sample")
        if self.data is not None and self.moments is not None:
            raise InputError("expected --data or --moments, found both")
        embedding = () if self.data is not None or self.sets else ("precision", "long", "max_tokens")
        for option in (*embedding, *(() if self.data is not None else ("split", "languages"))):
            if getattr(self, option) != getattr(Source, option):
                name = option.replace("_", "-")
                raise InputError(f"expected --data DIR with --{name}: saved moments and vectors stay as they are")

    @property
    def own(self) -> list[str]:
        """The names of what does not come from the catalog of tasks: files of texts and of vectors."""
        return [*self.sets, *self.arrays]

    def spaces(
        self, names: Sequence[str], encoders: Sequence[str], bad: list[BadRow] | None = None
    ) -> list[EmbeddedTasks]:
        """The tasks measured with each encoder; what several encoders embed is read once."""
        from diversity.scoring import embedded

        self.check()
        measured = [n for n in names if n not in self.own]
        vectors = embedded.from_arrays(self.arrays)
        if (measured or self.sets) and not self.same_encoder:
            embedded.check_known(vectors, encoders[0])
        own_texts = embedded.read_sets(self.sets, limit=self.sample, seed=self.seed)
        texts = None
        if self.data is not None and measured:
            languages = tuple(names_in(self.languages))
            rows = Rows(self.data, self.split, languages, self.sample, self.seed, bad)
            texts = embedded.read_texts(measured, rows)

        def space_of(name: str) -> EmbeddedTasks:
            space = embedded.EmbeddedTasks("precomputed", {})
            if texts is None and measured:
                space = embedded.load_moments(measured, self.moments, name)
            if texts is None and not own_texts:
                return space
            from diversity.encoders.sentence import load_encoder

            model = load_encoder(name, precision=self.precision, long=self.long, max_tokens=self.max_tokens)
            new = embedded.embed_texts({**(texts or {}), **own_texts}, model, cache=self.cache)
            return embedded.EmbeddedTasks(new.encoder, {**space.tasks, **new.tasks})

        return [embedded.beside(space, vectors) for space in map(space_of, encoders)]


def source_files(
    files: Sequence[str] | None, embeddings: Sequence[str] | None
) -> tuple[dict[str, TextFiles], dict[str, VectorFile]]:
    """Sets of texts, and files of vectors, by name; InputError for what is no file and for a name that is given twice."""
    from diversity.data.texts import TextFiles, looks_like_files
    from diversity.data.vectors import VectorFile, holds_vectors

    sets: dict[str, TextFiles] = {}
    arrays: dict[str, VectorFile] = {}
    given: dict[str, str] = {}
    for text in [*(files or []), *(embeddings or [])]:
        vectors = text in (embeddings or []) or holds_vectors(text)
        if not vectors and not looks_like_files(text):
            raise InputError(f"expected a file of texts, found {text!r}: name tasks with --tasks {text}")
        source = VectorFile.parse(text) if vectors else TextFiles.parse(text)
        if (first := given.setdefault(source.name, text)) is not text:
            raise InputError(f"expected one set named {source.name}, found {first} and {text}: name one, as other=FILE")
        if isinstance(source, VectorFile):
            arrays[source.name] = source
        else:
            sets[source.name] = source
    return sets, arrays


def once(tasks: Sequence[str]) -> None:
    """InputError for a task that --tasks names twice."""
    if repeated := sorted({t for t in tasks if list(tasks).count(t) > 1}):
        raise InputError(f"expected each task once in --tasks, found {repeated[0]} more than once")
