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
    from diversity.scoring.embedded import EmbeddedTasks

Files = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME=]FILE[:FIELD+FIELD]",
        help="Your own texts: .txt .jsonl .json .csv .tsv .parquet .arrow (also .gz .bz2 .xz), a folder or a glob; "
        "or vectors: .npy.",
        show_default=False,
    ),
]
Data = Annotated[Path | None, typer.Option(help="Folder of the tasks' data; without it, the shipped moments.")]
Sample = Annotated[int | None, typer.Option(help="Rows of each task, drawn at random.")]
Seed = Annotated[int, typer.Option(min=0, max=WHOLE, help="Seed of the sample.")]
Split = Annotated[str, typer.Option(help="Split to read, or several in order of preference: train,dev.")]
Languages = Annotated[str, typer.Option(help="Languages of the rows, separated by commas.")]
Embeddings = Annotated[
    list[str] | None, typer.Option(help="A task from its vectors: NAME=FILE.npy; any number of times.")
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
    arrays: Mapping[str, Path] = field(default_factory=dict)
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

        own = embedded.from_arrays(self.arrays).tasks
        return [embedded.EmbeddedTasks(s.encoder, {**s.tasks, **own}) for s in map(space_of, encoders)]


def arrays_in(embeddings: Sequence[str] | None) -> dict[str, Path]:
    """Files by name from NAME=FILE.npy; InputError for another form, and for a name that is given twice."""
    arrays: dict[str, Path] = {}
    for text in embeddings or []:
        name, equals, path = (part.strip() for part in text.partition("="))
        if not equals or not name or not path:
            raise InputError(f"expected NAME=FILE.npy, found {text!r}")
        if name in arrays:
            raise InputError(f"expected one file of vectors for {name}, found {arrays[name]} and {path}")
        arrays[name] = Path(path)
    return arrays


def source_files(
    files: Sequence[str] | None, embeddings: Sequence[str] | None
) -> tuple[dict[str, TextFiles], dict[str, Path]]:
    """Sets of texts, and files of vectors, by name; InputError for what is no file and for a name that is given twice."""
    from diversity.data.texts import TextFiles, looks_like_files

    sets: dict[str, TextFiles] = {}
    vectors = [f if "=" in f else f"{Path(f).stem}={f}" for f in files or [] if f.endswith(".npy")]
    arrays = arrays_in([*vectors, *(embeddings or [])])
    for text in (f for f in files or [] if not f.endswith(".npy")):
        if not looks_like_files(text):
            raise InputError(f"expected a file of texts, found {text!r}: name tasks with --tasks {text}")
        source = TextFiles.parse(text)
        if source.name in {*sets, *arrays}:
            raise InputError(f"expected one set named {source.name}, found two: name one, as other={text}")
        sets[source.name] = source
    return sets, arrays


def once(tasks: Sequence[str]) -> None:
    """InputError for a task that --tasks names twice."""
    if repeated := sorted({t for t in tasks if list(tasks).count(t) > 1}):
        raise InputError(f"expected each task once in --tasks, found {repeated[0]} more than once")
