"""Tasks measured once: their texts embedded, their moments taken, kept on disk and read again."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from diversity import catalog, store
from diversity.data import sources
from diversity.data import texts as text_files
from diversity.data.texts import TextFiles
from diversity.data.vectors import VectorFile
from diversity.display.numbers import count
from diversity.display.summary import Shown, Summary
from diversity.encoders import cache as vector_cache
from diversity.encoders import language, registry, sentence
from diversity.moments import checked, moments, packed, rows_at, stack, unit_chunks, unpacked
from diversity.results import display_name
from diversity.types import Array, Encoder, InputError, Moments, Rows, Task, TaskMoments, check_list
from diversity.version import __version__

SHOWN = 12  # tasks that a card names
ROWS_KEPT = 4096  # rows of a task that standard errors and row metrics are computed from
ROWS_SHIPPED = 512

if TYPE_CHECKING:
    import pandas as pd

Texts = tuple[list[str], dict[str, Any]]  # of one task, with their provenance


@dataclass(frozen=True)
class EmbeddedTask:
    """A task's moments, a random sample of its unit rows (k, d) with their texts, and where they come from.

    The sample is what standard errors and the metrics of rows and of texts are computed from. `vectors` are all of them
    (n, d), where they are at hand, as they were given; `centre` (d,) is what was subtracted from the unit rows, if anything.
    """

    moments: Moments
    rows: Array
    provenance: Mapping[str, Any] = field(default_factory=dict)
    texts: tuple[str, ...] | None = None
    vectors: Any = None
    centre: Array | None = None

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the encoder's settings and of the centre; empty where the encoder is not known."""
        known = self.provenance.get("fingerprint") or self.provenance.get("encoder")
        if not known or isinstance(known, str):
            return known or ""
        centre = None if self.centre is None else hashlib.sha256(self.centre.tobytes()).hexdigest()
        return store.digest({"encoder": dict(known), "centre": centre} if centre else dict(known))


@dataclass(frozen=True, repr=False)
class EmbeddedTasks(Shown):
    """Tasks embedded with one encoder; raises InputError where their vectors are known to be of several."""

    encoder: str
    tasks: Mapping[str, EmbeddedTask]

    def __post_init__(self) -> None:
        one_encoder(self.tasks)

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the tasks' encoder; empty where it is not known of any."""
        return next((task.fingerprint for task in self.tasks.values() if task.fingerprint), "")

    @property
    def card(self) -> Summary:
        """What a reader sees first."""
        texts = sum(task.moments.n for task in self.tasks.values())
        dimensions = {len(task.moments.mean) for task in self.tasks.values()}
        facts = [("Encoder", self.encoder), ("Dimensions", ", ".join(map(str, sorted(dimensions))))]
        parts = [f"{name} {task.moments.n:,}" for name, task in self.tasks.items()]
        shown = f"{', '.join(parts[:SHOWN])}{f' and {len(parts) - SHOWN} more' if len(parts) > SHOWN else ''}"
        return Summary(f"{count(len(self.tasks), 'task')}, {count(texts, 'text')}.", "", [*facts, ("Texts", shown)])

    def to_frame(self) -> pd.DataFrame:
        """A row for each task: `task, texts, dimensions, rows` (of the sample that is kept), and `note`."""
        import pandas as pd

        rows = [
            (name, t.moments.n, len(t.moments.mean), len(t.rows), str(t.provenance.get("note") or ""))
            for name, t in self.tasks.items()
        ]
        return pd.DataFrame(rows, columns=["task", "texts", "dimensions", "rows", "note"])

    def to_dict(self) -> dict[str, object]:
        """The encoder, and of each task its texts and dimensions."""
        return {"encoder": self.encoder, "tasks": self.to_frame().to_dict("records")}

    @cached_property
    def stacked(self) -> TaskMoments:
        """The tasks' moments as arrays, sorted by name, with their sampled rows."""
        moments_of = {name: m.moments for name, m in self.tasks.items()}
        return stack(moments_of, {name: m.rows for name, m in self.tasks.items()})

    @property
    def rows(self) -> tuple[Array, ...]:
        """The sampled rows of each task, in the same order."""
        return self.stacked.rows


Space = EmbeddedTasks  # its name before version 0.2


def one_encoder(tasks: Mapping[str, EmbeddedTask]) -> None:
    """Raises InputError where two of the tasks have vectors of different encoders; unknown ones go with any."""
    known = {name: task for name, task in tasks.items() if task.fingerprint}
    for name, task in known.items():
        first, other = next(iter(known.items()))
        if task.fingerprint != other.fingerprint:
            raise InputError(
                f"expected vectors of one encoder, found {first} with {_difference(other, task)} and {name} with "
                f"{_difference(task, other)}"
            )


def _difference(task: EmbeddedTask, other: EmbeddedTask) -> str:
    """The settings of a task's encoder in which it differs from another's."""
    mine, theirs = (dict(t.provenance.get("encoder") or {}) for t in (task, other))
    settings = [f"{k} {mine[k]!r}" for k in sorted(mine) if mine[k] != theirs.get(k)]
    return ", ".join(settings) or ("centred vectors" if task.centre is not None else "another centre or setting")


# --- Measuring tasks ---------------------------------------------------------------------------------


def measured(
    vectors: ArrayLike,
    *,
    texts: Sequence[str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    centre: Array | None = None,
    keep: int = ROWS_KEPT,
) -> EmbeddedTask:
    """Moments of any embeddings (n, d), an array or a memory-mapped one, and a fixed random sample of `keep` rows."""
    rows = checked(vectors)
    whole = moments(rows, centre=centre)  # first: it names a bad row by its place
    chosen = np.random.default_rng(0).permutation(len(rows))[:keep]
    kept = tuple(texts[i] for i in chosen) if texts is not None else None
    some = np.concatenate(list(unit_chunks(rows_at(rows, chosen), centre=centre)))
    return EmbeddedTask(whole, some, dict(provenance or {}), kept, vectors, centre)


def centred(space: EmbeddedTasks) -> EmbeddedTasks:
    """The same tasks with the mean of their means subtracted from every unit row, scaled to unit length again.

    Encoders are anisotropic: their vectors share a direction that makes all texts alike. Raises InputError where only the
    moments are at hand, for they do not give the length of a centred row.
    """
    if gone := [name for name, task in space.tasks.items() if task.vectors is None]:
        raise InputError(f"expected the vectors of {gone[0]} to centre them, found its moments only: use --data DIR")
    centre = space.stacked.means.mean(axis=0)
    tasks = {}
    for name, task in space.tasks.items():
        moved = measured(task.vectors, provenance={**task.provenance, "centred": True}, centre=centre)
        tasks[name] = replace(moved, texts=task.texts)
    return EmbeddedTasks(f"{space.encoder} (centred)", tasks)


def read_texts(names: Sequence[str], data: Rows | Path | str) -> dict[str, Texts]:
    """The texts of tasks from a data folder, and where they come from: what several encoders can then share."""
    return {name: _texts(catalog.task(name), Rows.of(data)) for name in names}


def read_sets(
    sets: Mapping[str, Iterable[str] | TextFiles], *, limit: int | None = None, seed: int = 0
) -> dict[str, Texts]:
    """Anybody's texts by the name of their set, from memory or from files, and where they come from.

    Blank texts are left out and counted; `limit` texts of each set are drawn with `seed`. Raises InputError for one text in
    place of many, for what is no text, and for a set without any; BadRow for a row of a file that cannot be read.
    """
    return {name: _set(name, given, limit, seed) for name, given in sets.items()}


def _set(name: str, given: Iterable[str] | TextFiles, limit: int | None, seed: int) -> Texts:
    given = given.resolved() if isinstance(given, TextFiles) else given
    files = given if isinstance(given, TextFiles) else TextFiles(name, ())
    texts = given.texts() if isinstance(given, TextFiles) else given
    sample = text_files.sample(name, texts, limit=limit, seed=seed)
    settings = {
        "task": name,
        "rows": len(sample.texts),
        "sample": limit,
        "texts_sha256": _digest(sample.texts),
        "recipe": "+".join(files.fields),
        **({"source": files.origin} if files.origin else {}),
        "blank": sample.blank,
        "repeated": sample.repeated,
        "note": "; ".join(filter(None, (files.note, sample.note.partition(": ")[2]))),
    }
    return list(sample.texts), store.provenance(files.files, seed=seed, settings=settings).to_dict()


def _digest(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def embed_texts(
    tasks: Mapping[str, Texts],
    encoder: Encoder | str | Callable[[], Encoder] = registry.DEFAULT,
    *,
    cache: Path | str | None = None,
) -> EmbeddedTasks:
    """Embed texts with one encoder and take their moments."""
    if isinstance(encoder, str):
        model: Encoder = sentence.load_encoder(encoder)
    else:
        model = encoder if isinstance(encoder, Encoder) else encoder()
    settings = dict(getattr(model, "settings", {"model": model.name}))
    measures = {}
    for name, (texts, provenance) in tasks.items():
        result = vector_cache.embed(texts, model, cache=cache, label=name)
        notes = [str(provenance.get("note") or ""), language.warning(model, texts, provenance.get("languages", ()))]
        about = {"longer_than_limit": result.long, "note": "; ".join(filter(None, notes))}
        origin = {**provenance, "encoder": settings, **about}
        measures[name] = measured(result.vectors, texts=texts, provenance=origin)
    return EmbeddedTasks(model.name, measures)


def _texts(task: Task, asked: Rows) -> Texts:
    folder = sources.data_folder(asked)
    rows = Rows.of(asked, split=sources.located(task, asked).split)
    already = len(rows.bad or ())
    texts = [t for e in sources.rows(task, rows) if (t := sources.text_of(e, task.fields))]
    if not texts:
        raise InputError(f"{task.name} ({rows.split}) in {folder}: expected rows with text, found none")
    splits = [sources.located(task, rows, language) for language in rows.languages]
    settings = {
        "task": task.name,
        "split": rows.split,
        "languages": list(rows.languages),
        "rows": len(texts),
        "sample": rows.limit,
        "texts_sha256": _digest(texts),
        "recipe": task.recipe,
        "bad_rows": len(rows.bad or ()) - already,
        "note": "; ".join(sorted({note for s in splits for note in s.notes})),
    }
    files = [file for s in splits for file in s.files]
    return texts, store.provenance(files, folder, seed=rows.seed, settings=settings).to_dict()


def from_arrays(arrays: Mapping[str, ArrayLike | Path | VectorFile], encoder: str = "") -> EmbeddedTasks:
    """Tasks from vectors: arrays (n, d), or files of them (`.npy`, `.safetensors`, a column of Parquet or Arrow).

    The encoder is `precomputed` unless it is named, or the files say it.

    Parameters
    ----------
    arrays
        Vectors (n, d) of each task by its name: arrays, tensors, DataFrames, or files of them.
    encoder
        Name of the encoder that made them; default: `precomputed`, or what the files say.

    Returns
    -------
    EmbeddedTasks
        Tasks that every function takes in place of names.

    Raises
    ------
    InputError
        For files that cannot be read, what is no array of numbers, and files of several encoders.

    Examples
    --------
    >>> import numpy as np
    >>> sorted(from_arrays({"mine": np.eye(3), "yours": np.eye(3)}).tasks)
    ['mine', 'yours']
    """
    if not isinstance(arrays, Mapping):
        raise InputError(
            f'expected vectors by the name of their task, found a {type(arrays).__name__}: write {{"mine": vectors}}'
        )
    tasks = {}
    for name, given in arrays.items():
        if isinstance(given, Sequence) and given and isinstance(given[0], str) and not isinstance(given, str):
            raise InputError(f"{name}: expected vectors, found texts: score and measure take texts")
        file = VectorFile.parse(str(given)) if isinstance(given, str | Path) else given
        try:
            tasks[name] = _of_file(file) if isinstance(file, VectorFile) else measured(file)
        except InputError as error:
            raise error if isinstance(file, VectorFile) else InputError(f"{name}: {error}") from error
    known = next(
        (str(t.provenance["encoder"].get("model", "")) for t in tasks.values() if "encoder" in t.provenance), ""
    )
    return EmbeddedTasks(encoder or display_name(known) or "precomputed", tasks)


def _of_file(file: VectorFile) -> EmbeddedTask:
    vectors = file.read()
    about = {"encoder": dict(vectors.encoder)} if vectors.encoder else {}
    try:
        return measured(vectors.values, provenance=store.provenance([file.path], settings=about).to_dict())
    except InputError as error:
        raise InputError(f"{file.path}: {error}") from error


def beside(space: EmbeddedTasks, vectors: EmbeddedTasks) -> EmbeddedTasks:
    """Embedded tasks with those of files of vectors beside them; raises InputError for vectors of another encoder.

    Vectors of an unknown encoder are taken to be of this one: see `check_known`.
    """
    return EmbeddedTasks(space.encoder, {**space.tasks, **vectors.tasks}) if space.tasks else vectors


def check_known(vectors: EmbeddedTasks, encoder: str) -> None:
    """Raises InputError for vectors that do not say of which encoder they are."""
    if unknown := [name for name, task in vectors.tasks.items() if not task.fingerprint]:
        raise InputError(
            f"{unknown[0]}: expected vectors that say that they are of {encoder}, which embeds the other tasks, found some "
            "of an unknown encoder: add --same-encoder if they are of the same one"
        )


def save_vectors(space: EmbeddedTasks, folder: Path | str) -> list[Path]:
    """Write each task's vectors to FOLDER/TASK.safetensors with the settings of their encoder; returns the paths.

    Parameters
    ----------
    space
        Tasks that are embedded.
    folder
        Folder to write to.

    Returns
    -------
    list[Path]
        The files, one for each task.

    Raises
    ------
    InputError
        For tasks whose vectors are not at hand.

    Examples
    --------
    >>> import tempfile
    >>> [file.name for file in save_vectors(from_arrays({"mine": np.eye(3)}), tempfile.mkdtemp())]
    ['mine.safetensors']
    """
    from safetensors.numpy import save

    target = Path(folder)
    for name, task in space.tasks.items():
        if task.vectors is None or task.centre is not None:
            raise InputError(f"{name}: expected vectors to write, found moments only: use its texts (--data DIR)")
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, task in space.tasks.items():
        settings = {**task.provenance.get("encoder", {})}
        said = {"encoder": json.dumps(settings, sort_keys=True)} if settings else {}
        values = np.ascontiguousarray(task.vectors, dtype=np.float32)
        written.append(store.write(target / f"{name}.safetensors", save({"vectors": values}, metadata=said)))
    return written


# --- Moments on disk ---------------------------------------------------------------------------------


def save_moments(space: EmbeddedTasks, folder: Path | str, *, rows: int = ROWS_SHIPPED) -> list[Path]:
    """Write each task's moments, `rows` of its rows (half precision) and provenance to FOLDER/ENCODER/TASK.npz.

    Parameters
    ----------
    space
        Tasks that are embedded.
    folder
        Folder to write to.
    rows
        Rows of each task that are kept, in half precision.

    Returns
    -------
    list[Path]
        The files, one for each task.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.mkdtemp()
    >>> [file.name for file in save_moments(from_arrays({"mine": np.eye(3)}), folder)]
    ['mine.npz']
    >>> load_moments(["mine"], folder, "precomputed").tasks["mine"].moments.n
    3
    """
    target = Path(folder) / space.encoder
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, task in space.tasks.items():
        m = task.moments
        meta = {
            "date": datetime.now(UTC).date().isoformat(),
            **task.provenance,
            "fingerprint": task.fingerprint,
            "n": m.n,
            "toolkit": __version__,
        }
        with store.replacing(target / f"{name}.npz") as stream:
            np.savez(
                stream,
                n=m.n,
                mean=m.mean,
                second=packed(m.second),
                rows=task.rows[:rows].astype(np.float16),
                provenance=np.array(json.dumps(meta, sort_keys=True, ensure_ascii=False)),
            )
        written.append(target / f"{name}.npz")
    return written


def load_moments(
    names: Sequence[str], folder: Path | str | None = None, encoder: str = registry.DEFAULT
) -> EmbeddedTasks:
    """Read moments that were saved.

    Parameters
    ----------
    names
        Tasks to read.
    folder
        Folder of saved moments; default: the shipped ones.
    encoder
        Encoder of the moments.

    Returns
    -------
    EmbeddedTasks
        The tasks with their moments.

    Raises
    ------
    InputError
        For a task without saved moments; it names those that are saved.

    Examples
    --------
    >>> load_moments(["mnli"]).tasks["mnli"].moments.n
    2900
    """
    check_list(names, "task names")
    root = Path(folder) if folder else store.shipped() / "moments"
    saved = sorted(p.stem for p in (root / encoder).glob("*.npz"))
    tasks = {}
    for name in names:
        if name not in saved:
            if name not in catalog.names("tasks") and not folder:
                raise catalog.near(name, catalog.names("tasks"), "task")
            there = f"there are {', '.join(saved)}" if saved else "there are none"
            if others := [p.parent.relative_to(root).as_posix() for p in sorted(root.rglob(f"{name}.npz"))]:
                there += f"; {', '.join(others)} has them"
            raise InputError(f"{name}: no moments of it with {encoder} in {root} ({there}): measure it with --data DIR")
        tasks[name] = _load(root / encoder / f"{name}.npz")
    return EmbeddedTasks(encoder, tasks)


def _load(path: Path) -> EmbeddedTask:
    try:
        with np.load(path, allow_pickle=False) as archive:
            mean, upper, rows = archive["mean"], archive["second"], archive["rows"].astype(np.float64)
            n, provenance = int(archive["n"]), json.loads(str(archive["provenance"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected saved moments, found: {str(error).splitlines()[0]}") from error
    return EmbeddedTask(
        Moments(n, mean, unpacked(upper, len(mean))), rows / np.linalg.norm(rows, axis=1, keepdims=True), provenance
    )
