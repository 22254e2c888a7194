"""What a caller gives as tasks: names, files of texts or vectors, texts in memory, or tasks that are embedded already."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from diversity import catalog
from diversity.data import texts, vectors
from diversity.data.texts import TextFiles
from diversity.data.vectors import VectorFile
from diversity.encoders import registry, sentence
from diversity.results import display_name
from diversity.scoring import embedded
from diversity.scoring.embedded import EmbeddedTasks
from diversity.types import Encoder, InputError, Mixture, Rows

Sets = Mapping[str, Iterable[str] | TextFiles]
Tasks = Sequence[str] | Mapping[str, Iterable[str]] | EmbeddedTasks


@dataclass(frozen=True)
class Given:
    """Names of tasks, and by their own names sets of texts and files of vectors."""

    names: tuple[str, ...] = ()
    sets: Sets = field(default_factory=dict)
    arrays: Mapping[str, VectorFile] = field(default_factory=dict)

    @property
    def own(self) -> list[str]:
        """The names of what is not in the catalog of tasks: sets of texts and of vectors."""
        return [*self.sets, *self.arrays]

    @staticmethod
    def of(tasks: Sequence[str] | Mapping[str, Iterable[str]], others: Iterable[str] = ()) -> Given:
        """What is given in Python: names of tasks and files in a list, or texts by the name of their set.

        `others` are the names that mixtures add. Raises InputError for one text or one table where many are meant.
        """
        texts.check_sets(tasks)
        others = list(others)
        if not len(tasks) and not others:
            raise InputError("expected names of tasks, or texts by the name of their set, found none")
        if isinstance(tasks, Mapping):
            return Given(tuple(sorted({*others} - {*tasks})), tasks)
        if len(set(tasks)) < len(tasks):
            raise InputError(f"expected each task once, found {', '.join(tasks)}")
        known = catalog.names("tasks")  # a task's name is its own, though a folder of data be called the same
        files = Given.of_files([t for t in tasks if t not in known and texts.looks_like_files(t)])
        names = {*others, *(t for t in tasks if t in known or not texts.looks_like_files(t))} - {*files.own}
        return Given(tuple(sorted(names)), files.sets, files.arrays)

    @staticmethod
    def of_files(files: Sequence[str], embeddings: Sequence[str] = ()) -> Given:
        """Sets of texts, and of vectors, by name; `embeddings` are vectors whatever their columns hold.

        Raises InputError for what is no file, and for a name that is given twice.
        """
        sets: dict[str, TextFiles] = {}
        arrays: dict[str, VectorFile] = {}
        given: dict[str, str] = {}
        for text in [*files, *embeddings]:
            computed = text in embeddings or vectors.holds_vectors(text)
            task = difflib.get_close_matches(text, catalog.names("tasks"), 1)
            if task and not computed and not texts.looks_like_files(text):
                raise InputError(f"expected a file of texts, found {text!r}: name tasks with --tasks {task[0]}")
            source = VectorFile.parse(text) if computed else TextFiles.parse(text)
            if (first := given.setdefault(source.name, text)) is not text:
                raise InputError(
                    f"expected one set named {source.name}, found {first} and {text}: name one, as other=FILE"
                )
            if isinstance(source, VectorFile):
                arrays[source.name] = source
            else:
                sets[source.name] = source
        return Given((), sets, arrays)

    def embedded(
        self,
        encoders: Sequence[Encoder | str | Callable[[], Encoder]],
        rows: Rows,
        *,
        moments: Path | None = None,
        cache: Path | None = None,
        load: Callable[[str], Encoder] = sentence.load_encoder,
        same_encoder: bool = False,
    ) -> list[EmbeddedTasks]:
        """All of it with each encoder, one result each; what several encoders embed is read once.

        Named tasks are embedded from the data folder of `rows`; without one, their saved `moments` are read. Raises
        InputError for vectors of another encoder, and for those of an unknown one unless they are of the `same_encoder`.
        """
        computed = embedded.from_arrays(self.arrays)
        if (self.names or self.sets) and not same_encoder:
            embedded.check_known(computed, _name(encoders[0]))
        read = embedded.read_sets(self.sets, limit=rows.limit, seed=rows.seed)
        if rows.folder is not None and self.names:
            read = {**embedded.read_texts(self.names, rows), **read}
        stored = self.names if rows.folder is None else ()

        def space_of(encoder: Encoder | str | Callable[[], Encoder]) -> EmbeddedTasks:
            space = EmbeddedTasks("precomputed", {})
            if stored:
                space = embedded.load_moments(stored, moments, _name(encoder))
            if read:
                new = embedded.embed_texts(read, load(encoder) if isinstance(encoder, str) else encoder, cache=cache)
                space = EmbeddedTasks(new.encoder, {**space.tasks, **new.tasks})
            return embedded.beside(space, computed)

        return [space_of(encoder) for encoder in encoders]


def _name(encoder: Encoder | str | Callable[[], Encoder]) -> str:
    """What moments of an encoder are saved under."""
    if isinstance(encoder, str):
        return display_name(encoder).removeprefix("sentence-transformers/")
    return str(getattr(encoder, "name", "the encoder"))


def embedded_tasks(
    tasks: Tasks,
    mixtures: Sequence[Mixture] = (),
    data: Rows | Path | str | None = None,
    encoder: Encoder | str | Callable[[], Encoder] | None = None,
) -> EmbeddedTasks:
    """The tasks that are given, and those of the mixtures, embedded from data or loaded from the shipped moments.

    Raises InputError for tasks that are embedded already beside `data` or an encoder, and for rows without a data folder.
    """
    if isinstance(tasks, EmbeddedTasks):
        if data is not None or encoder is not None:
            what = "data" if data is not None else "an encoder"
            raise InputError(f"expected names of tasks with {what}, found tasks that are embedded already")
        return tasks
    given = Given.of(tasks, [t for m in mixtures for t in m.tasks])
    rows = Rows.of(data)
    if data is not None and rows.folder is None and not given.sets:
        raise InputError(
            "expected a data folder with these rows, found none: the shipped moments are of a fixed sample"
        )
    (space,) = given.embedded([registry.DEFAULT if encoder is None else encoder], rows)
    return space


def measure(
    tasks: Tasks,
    *,
    data: Rows | Path | str | None = None,
    encoder: Encoder | str | Callable[[], Encoder] = registry.DEFAULT,
    cache: Path | str | None = None,
) -> EmbeddedTasks:
    """Embed tasks from a data folder, files or texts of your own, and take their moments.

    `tasks` are names and files, or texts by the name of their set, as in `score`. `data` is the folder, or `Rows` that say
    which of its rows. `encoder` is a name, an Encoder, or a function that loads one once the rows have been read. Vectors are
    kept in `cache` (default: $DIVERSITY_CACHE, or ~/.cache/diversity).

    Parameters
    ----------
    tasks
        Names of tasks; files of your own (`"news=news.csv:headline"`) beside them; texts by the name of their set
        (`{"reviews": texts}`); or tasks that are embedded already.
    data
        Folder of the tasks' data, or `Rows` that say which of its rows. Without it, the shipped moments are used.
    encoder
        A name, an Encoder, or a function that loads one once the rows have been read.
    cache
        Folder of vectors; default: `$DIVERSITY_CACHE`, or `~/.cache/diversity`.

    Returns
    -------
    EmbeddedTasks
        Tasks that are embedded once; every function takes them in place of names.

    Raises
    ------
    InputError
        For unknown tasks and missing data; BadRow for rows that cannot be read, unless `data.bad` is a list.

    Examples
    --------
    >>> sorted(measure({"talks": ["Bees can count.", "They dance."], "notes": ["Buy milk.", "Call."]}).tasks)
    ['notes', 'talks']
    """
    if isinstance(tasks, EmbeddedTasks):
        return tasks
    given, rows = Given.of(tasks), Rows.of(data)
    if given.names and rows.folder is None:
        raise InputError(f"expected a folder of data for {given.names[0]}, found none")
    (space,) = given.embedded([encoder], rows, cache=None if cache is None else Path(cache))
    return space
