"""`measure`: sets that outgrow one machine, reduced shard by shard to moments and a sample of rows, by a grid's executors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from diversity import store
from diversity.data import shards
from diversity.data.shards import Shard, ShardedSet
from diversity.data.vectors import VectorFile
from diversity.encoders import registry
from diversity.encoders.sentence import load_encoder
from diversity.grid.driver import Notify, Policy, drive
from diversity.grid.fingerprints import Fingerprints
from diversity.grid.graph import Graph, ResultRows, Stage, StageKind
from diversity.grid.layout import GridFolder
from diversity.grid.run import Workers
from diversity.results import display_name
from diversity.scoring import embedded, reduced
from diversity.scoring.embedded import EmbeddedTask, EmbeddedTasks
from diversity.scoring.reduced import Products, Reduced
from diversity.types import Encoder, InputError, Moments

MODULE = "diversity.grid.measure"
SHARD = StageKind("measure", f"{MODULE}:reduce_shard", resumes=True, gpu=True)
MERGE = StageKind("merge", f"{MODULE}:merge", priority=1)
ROWS = 1_000_000  # of a shard, where a file can be divided
TEXTS = 1024  # embedded at once
EVERY = 100_000  # rows after which a shard keeps what it has
MOMENTS, ABOUT, STAGES, PARTIAL = "moments.npz", "encoder.json", "shards", "partial.npz"


@dataclass(frozen=True)
class Embedding:
    """How texts are embedded: the encoder by its name, the precision of its products, and what is done with long ones."""

    encoder: str = registry.DEFAULT
    precision: Literal["fp32", "bf16"] = "fp32"
    long: Literal["truncate", "chunk"] = "truncate"
    max_tokens: int | None = None

    def load(self) -> Encoder:
        """The encoder."""
        return load_encoder(self.encoder, precision=self.precision, long=self.long, max_length=self.max_tokens)


@dataclass(frozen=True)
class Measured:
    """A store of moments: its folder, the encoder, rows by set, and messages of the shards that failed."""

    folder: Path
    encoder: str
    rows: Mapping[str, int]
    failed: Mapping[str, str]


def measure_store(
    sources: Sequence[str],
    output: Path | str,
    *,
    embedding: Embedding = Embedding(),
    workers: Workers | int = 1,
    rows: int = ROWS,
    products: Products = "fp64",
    notify: Notify = lambda _: None,
) -> Measured:
    """Reduce sets of texts or vectors of any size to moments and a sample of rows, in the folder `output`.

    A source is `NAME=PLACE:FIELD`: a file, a folder or a glob of shards, an address that fsspec knows, or `owner/name` of
    the hub; the sources are of texts, or of vectors of one encoder. Parquet and `.npy` are divided into shards of about
    `rows` rows, each the work of one worker; memory is that of a block. The same call goes on where it was interrupted,
    to the same bytes. `score`, `distances`, `propose` and `design` read the folder as `moments`. With `products` of `fp32`
    float32 vectors are reduced in about half the time; what comes out is within 1e-7.

    Raises InputError for sources that are not there or cannot be put together.
    """
    root, workers = Path(output), workers if isinstance(workers, Workers) else Workers(workers)
    sets = [ShardedSet.parse(spec, rows) for spec in sources]
    if not sets:
        raise InputError("expected sources to measure, found none")
    if twice := sorted({s.name for s in sets if [other.name for other in sets].count(s.name) > 1}):
        raise InputError(f"expected one source named {twice[0]}, found several: name one, as other=FILE")
    embedding = replace(embedding, encoder=registry.pinned(embedding.encoder))
    encoder, known = _encoder(sets, embedding)
    folder, fingerprints = GridFolder(root / STAGES), Fingerprints(root / STAGES / "fingerprints.json")
    stages, merged = list[Stage](), dict[str, Stage]()
    for given in sets:
        parts = [_stage(given, shard, embedding, known, fingerprints, products) for shard in given.shards]
        inputs = {f"shard{number:08d}": part.key for number, part in enumerate(parts)}
        merged[given.name] = Stage(MERGE, {"set": given.name}, inputs, title=given.name)
        stages += [*parts, merged[given.name]]
    graph = Graph(stages)
    folder.root.mkdir(parents=True, exist_ok=True)
    outcome = drive(graph, folder.root, workers.executor(None), Policy(retry_failed=True), notify=notify)
    fingerprints.save()
    written = {}
    for given in sets:
        path = folder.files(merged[given.name].key) / MOMENTS
        if path.exists():
            written[given.name] = _write(root, given, path.parent, encoder)
    failed = {graph.stages[key].label: message for key, message in outcome.failed.items()}
    return Measured(root, encoder, written, failed)


def _encoder(sets: Sequence[ShardedSet], embedding: Embedding) -> tuple[str, dict[str, Any]]:
    """The name of the sets' encoder and what is known of it; InputError for several."""
    if any(given.embedded for given in sets) and not all(given.embedded for given in sets):
        names = {kind: next(s.name for s in sets if s.embedded is kind) for kind in (True, False)}
        raise InputError(
            f"expected sources of vectors or of texts, found both ({names[True]} and {names[False]}): measure them into "
            "one folder each, or embed the texts first"
        )
    if not sets[0].embedded:
        model = embedding.encoder
        return display_name(model).removeprefix("sentence-transformers/"), {}
    said = dict[str, dict[str, Any]]()
    for given in sets:
        with shards.local(given.shards[0]) as path:
            said[given.name] = dict(VectorFile("", path, "".join(given.fields)).encoder())
    nothing = np.zeros(1)
    embedded.one_encoder(
        {
            name: EmbeddedTask(Moments(0, nothing, nothing[None]), nothing[None], {"encoder": settings})
            for name, settings in said.items()
        }
    )
    known = next((settings for settings in said.values() if settings), {})
    return display_name(str(known.get("model", ""))) or "precomputed", known


def _stage(
    given: ShardedSet,
    shard: Shard,
    embedding: Embedding,
    known: Mapping[str, Any],
    fingerprints: Fingerprints,
    products: Products,
) -> Stage:
    """The stage that reduces a shard: its key says content, part and encoder."""
    place = os.path.abspath(shard.place) if not shard.remote else shard.place
    content = shard.stamp or fingerprints.file(Path(place))
    data, paths = {"content": content}, {} if shard.remote else {"file": place}
    part = {"groups": shard.groups, "start": shard.start, "stop": shard.stop}
    settings: dict[str, Any] = {"set": given.name, "file": Path(place).name, "fields": list(given.fields), **part}
    settings |= {"vectors": dict(known)} if given.embedded else {"embedding": asdict(embedding)}
    settings |= {"products": products} if products != "fp64" else {}  # a key of an earlier version stays what it was
    if not given.embedded:
        data["encoder"] = fingerprints.model(embedding.encoder)
        if registry.is_folder(embedding.encoder):
            settings["embedding"]["encoder"] = ""
            paths["encoder"] = os.path.abspath(embedding.encoder)
    options = {"place": place, "embedded": given.embedded}
    title = f"{given.name}, {Path(place).name}{_part(shard)}"
    return Stage(SHARD, settings, {}, data, paths, options, title)


def _part(shard: Shard) -> str:
    if shard.groups is not None:
        return f" group {shard.groups[0]} on"
    return f" row {shard.start} on" if shard.stop is not None else ""


def _write(root: Path, given: ShardedSet, files: Path, encoder: str) -> int:
    """Write a set's merged moments to the store as every command reads them; its rows."""
    whole, settings = reduced.load(files / MOMENTS), json.loads((files / ABOUT).read_text("utf8"))
    assert whole.moments is not None
    about = {
        "task": given.name,
        "rows": whole.moments.n,
        "source": given.origin or "+".join(given.fields),
        "shards": len(given.shards),
        "blank": whole.blank,
        "longer_than_limit": whole.longer,
        "date": "",  # the same bytes on another day
        **({"encoder": settings} if settings else {}),
    }
    task = EmbeddedTask(whole.moments, whole.rows.astype(np.float64), about)
    embedded.save_moments(EmbeddedTasks(encoder, {given.name: task}), root, rows=embedded.ROWS_KEPT)
    return whole.moments.n


# --- The stages --------------------------------------------------------------------------------------


def reduce_shard(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """Moments and a sample of the rows of one shard; on from what an earlier try of it kept."""
    given = ShardedSet(settings["set"], (), tuple(settings["fields"]), settings["embedded"])
    groups = None if settings["groups"] is None else list(settings["groups"])  # which the seed is drawn from
    shard = Shard(settings["place"], None if groups is None else tuple(groups), settings["start"], settings["stop"])
    partial = folder / PARTIAL
    done = reduced.load(partial) if partial.exists() else Reduced()
    seed = int(
        hashlib.sha256(repr((settings["set"], settings["file"], groups, shard.start)).encode()).hexdigest()[:15], 16
    )
    with shards.local(shard, folder) as path:
        blocks: Iterator[tuple[ArrayLike, int, int]]
        if given.embedded:
            blocks, about = ((block, 0, 0) for block in given.blocks(shard, path)), settings["vectors"]
        else:
            chosen = Embedding(**settings["embedding"])
            model = _loaded(replace(chosen, encoder=str(inputs["encoder"])) if "encoder" in inputs else chosen)
            about = dict(getattr(model, "settings", {"model": model.name}))
            blocks = _embedded(given.texts(shard, path), model, done.blocks)
        rest = islice(blocks, done.blocks if given.embedded else 0, None)
        products = settings.get("products", "fp64")
        done = reduced.reduced(
            rest, seed, done=done, products=products, every=EVERY, save=lambda now: now.save(partial)
        )
    done.save(folder / MOMENTS)
    store.write(folder / ABOUT, json.dumps(about, sort_keys=True))
    partial.unlink(missing_ok=True)
    return [{"set": given.name, "rows": done.moments.n if done.moments else 0}]


@lru_cache(maxsize=1)
def _loaded(embedding: Embedding) -> Encoder:
    """The encoder, once for all shards of a worker."""
    return embedding.load()


def _embedded(texts: Iterator[str], model: Encoder, skip: int) -> Iterator[tuple[ArrayLike, int, int]]:
    """Blocks of texts embedded, without the first `skip`, which are read alone; with counts of blank and long texts."""
    count_long = getattr(model, "too_long", lambda _: 0)
    for number, block in enumerate(iter(lambda: list(islice(texts, TEXTS)), [])):
        if number >= skip:
            chosen = [text for text in block if text.strip()]
            vectors = model.encode(chosen) if chosen else np.zeros((0, 1))
            yield vectors, len(block) - len(chosen), count_long(chosen) if chosen else 0


def merge(inputs: dict[str, Path], settings: dict[str, Any], folder: Path) -> ResultRows:
    """The moments and the sample of a set, from those of its shards; InputError for shards of several encoders."""
    whole, known = Reduced(), ""
    for role in sorted(inputs):
        about = (inputs[role] / ABOUT).read_text("utf8")
        if known and about != known:
            raise InputError(f"{settings['set']}: expected shards of one encoder, found several: measure it anew")
        whole, known = whole + reduced.load(inputs[role] / MOMENTS), about
    whole.save(folder / MOMENTS)
    store.write(folder / ABOUT, known)
    return [{"set": settings["set"], "merged": whole.moments.n if whole.moments else 0}]
