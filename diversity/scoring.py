"""Diversity of mixtures: tasks are measured once, and every mixture of them follows from their moments."""

from __future__ import annotations

import hashlib
import itertools
import json
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from diversity import __version__, catalog, embed, sources, store
from diversity.moments import checked, moments, stack, unit_chunks
from diversity.types import Array, BadRow, Encoder, InputError, Metric, Mixture, Moments, TaskMoments

if TYPE_CHECKING:
    import pandas as pd

Estimator = Literal["auto", "U", "V"]

METRICS = ("cosine", "rao_beta", "vendi(q=2)", "vendi_beta(q=2)", "hill(q=1)")
COLUMNS = ("mixture", "tasks", "weights", "encoder", "metric", "value", "low", "high", "n", "estimator")
ROWS_KEPT = 4096  # rows of a task from which the standard errors of its scores are estimated
ROWS_SHIPPED = 512
Z95 = 1.959963984540054


@dataclass(frozen=True)
class Measured:
    """A task's moments, a sample of its unit rows (k, d) for standard errors, and where they come from."""

    moments: Moments
    rows: Array
    provenance: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Space:
    """Tasks measured with one encoder."""

    encoder: str
    tasks: Mapping[str, Measured]

    @cached_property
    def stacked(self) -> TaskMoments:
        """The tasks' moments as arrays, sorted by name."""
        return stack({name: m.moments for name, m in self.tasks.items()})

    @cached_property
    def rows(self) -> list[Array]:
        """The sampled rows of each task, in the same order."""
        return [self.tasks[name].rows for name in self.stacked.names]


# --- Measuring tasks ---------------------------------------------------------------------------------


def measured(vectors: Any, *, provenance: Mapping[str, Any] | None = None, keep: int = ROWS_KEPT) -> Measured:
    """Moments of any embeddings (n, d), an array or a memory-mapped one, and a fixed random sample of `keep` rows."""
    rows = checked(vectors)
    chosen = np.sort(np.random.default_rng(0).permutation(len(rows))[:keep]) if len(rows) > keep else slice(None)
    return Measured(moments(rows), np.concatenate(list(unit_chunks(rows[chosen]))), dict(provenance or {}))


def measure(
    names: Sequence[str],
    *,
    data: Path | str,
    encoder: Encoder | str | Callable[[], Encoder] = embed.DEFAULT,
    sample: int | None = None,
    seed: int = 0,
    split: str = "train",
    languages: Sequence[str] = ("en",),
    cache: Path | str | None = None,
    bad: list[BadRow] | None = None,
) -> Space:
    """Embed tasks from a data folder and take their moments.

    `sample` rows of each task are drawn with `seed` (all of them where it is None); `split` may name several in order of
    preference; rows that cannot be read raise BadRow, or go to `bad` where it is a list. `encoder` is a name, an Encoder,
    or a function that loads one once the rows have been read. Vectors are cached.
    """
    found = {name: _texts(name, data, sample, seed, split, languages, bad) for name in names}
    model = _loaded(encoder)
    tasks = {}
    for name, (texts, provenance) in found.items():
        result = embed.embed(texts, model, cache=cache, label=name)
        provenance |= {
            "encoder": dict(getattr(model, "settings", {"model": model.name})),
            "longer_than_limit": result.long,
        }
        tasks[name] = measured(result.vectors, provenance=provenance)
    return Space(model.name, tasks)


def _loaded(encoder: Encoder | str | Callable[[], Encoder]) -> Encoder:
    if isinstance(encoder, str):
        return embed.load_encoder(encoder)
    return encoder if isinstance(encoder, Encoder) else encoder()


def _texts(
    name: str,
    data: Path | str,
    size: int | None,
    seed: int,
    split: str,
    languages: Sequence[str],
    bad: list[BadRow] | None,
) -> tuple[list[str], dict[str, Any]]:
    task = catalog.task(name)
    chosen = sources.split_of(task, data, split, languages[0])
    already = len(bad or ())
    examples = sources.sample(sources.rows(task, data, split=chosen, languages=languages, bad=bad), size, seed)
    texts = [t for e in examples if (t := sources.text_of(e, task.fields))]
    if not texts:
        raise InputError(f"{name} ({chosen}) in {data}: expected rows with text, found none")
    parts = [part for lang in languages for part in sources.find(task, data, chosen, lang)]
    notes = {p.layout.note if p.layout else p.hub.caution if p.hub else "" for p in parts}
    provenance = {
        "task": name,
        "split": chosen,
        "languages": list(languages),
        "files": {f.name: embed.sha256_file(f) for part in parts for f in part.files},
        "rows": len(texts),
        "sample": size,
        "seed": seed,
        "texts_sha256": hashlib.sha256("\n".join(texts).encode("utf-8", "surrogatepass")).hexdigest(),
        "recipe": task.recipe,
        "bad_rows": len(bad or ()) - already,
        "note": "; ".join(sorted(notes - {""})),
    }
    return texts, provenance


def from_arrays(arrays: Mapping[str, Any], encoder: str = "precomputed") -> Space:
    """Tasks from embeddings that are there already: arrays (n, d), or paths of `.npy` files (never unpickled)."""
    tasks = {}
    for name, given in arrays.items():
        array, provenance = given, {}
        if isinstance(given, str | Path):
            array, provenance = _npy(Path(given)), {"files": {Path(given).name: embed.sha256_file(Path(given))}}
        try:
            tasks[name] = measured(array, provenance=provenance)
        except InputError as error:
            where = f"{given}: " if isinstance(given, str | Path) else f"{name}: "
            raise InputError(f"{where}{error}") from error
    return Space(encoder, tasks)


def _npy(path: Path) -> np.ndarray[Any, Any]:
    if not path.is_file():
        raise InputError(f"{path}: expected a .npy file, found {'a directory' if path.is_dir() else 'nothing'}")
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path}: expected a .npy file of numbers, found: {str(error).splitlines()[0]}") from error
    if not isinstance(loaded, np.ndarray):
        raise InputError(f"{path}: expected one array (.npy), found an archive of several")
    return loaded


# --- Moments on disk ---------------------------------------------------------------------------------


def save(space: Space, folder: Path | str, *, rows: int = ROWS_SHIPPED) -> list[Path]:
    """Write each task's moments, `rows` of its rows (half precision) and provenance to FOLDER/ENCODER/TASK.npz."""
    target = Path(folder) / space.encoder
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for name, task in space.tasks.items():
        m = task.moments
        meta = {**task.provenance, "n": m.n, "date": datetime.now(UTC).date().isoformat(), "toolkit": __version__}
        upper = np.triu_indices(len(m.second))
        with store.replacing(target / f"{name}.npz") as stream:
            np.savez(
                stream,
                n=m.n,
                mean=m.mean,
                second=m.second[upper],
                rows=task.rows[:: -(-len(task.rows) // rows)].astype(np.float16),
                provenance=np.array(json.dumps(meta, sort_keys=True, ensure_ascii=False)),
            )
        written.append(target / f"{name}.npz")
    return written


def load(names: Sequence[str], folder: Path | str | None = None, encoder: str = embed.DEFAULT) -> Space:
    """Read moments that were saved; raises InputError, naming what there is, for a task without any."""
    root = Path(folder) if folder else store.shipped() / "moments"
    here = sorted(p.stem for p in (root / encoder).glob("*.npz"))
    tasks = {}
    for name in names:
        if name not in here:
            if name not in catalog.names("tasks") and not folder:
                raise catalog.near(name, catalog.names("tasks"), "task")
            there = f"there are {', '.join(here)}" if here else "there are none"
            raise InputError(f"{name}: no moments of it with {encoder} in {root} ({there}): measure it with --data DIR")
        tasks[name] = _load(root / encoder / f"{name}.npz")
    return Space(encoder, tasks)


def _load(path: Path) -> Measured:
    try:
        with np.load(path, allow_pickle=False) as archive:
            mean, packed, rows = archive["mean"], archive["second"], archive["rows"].astype(np.float64)
            n, provenance = int(archive["n"]), json.loads(str(archive["provenance"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: expected saved moments, found: {str(error).splitlines()[0]}") from error
    second = np.zeros((len(mean), len(mean)))
    second[np.triu_indices(len(mean))] = packed
    second += np.triu(second, 1).T
    return Measured(Moments(n, mean, second), rows / np.linalg.norm(rows, axis=1, keepdims=True), provenance)


# --- Scoring mixtures --------------------------------------------------------------------------------


def parse_mixture(spec: str) -> Mixture:
    """A mixture from `NAME=a,b:2,c` or `a,b`: tasks with optional weights.

    >>> parse_mixture("nli=mnli:3,anli_plus").weights
    (0.25, 0.75)
    """
    label, equals, tasks = spec.partition("=")
    label, tasks = (label.strip(), tasks) if equals else ("", spec)
    weights: dict[str, float] = {}
    for item in (s.strip() for s in tasks.split(",")):
        name, colon, number = (s.strip() for s in item.partition(":"))
        if not name or name in weights:
            raise InputError(f"expected a mixture such as NAME=a,b:2,c with each task once, found {spec!r}")
        try:
            weights[name] = float(number) if colon else 1.0
        except ValueError:
            raise InputError(f"expected a number as the weight of {name} in {spec!r}, found {number!r}") from None
    return Mixture.of(weights, label)


def subsets(tasks: Sequence[str]) -> list[Mixture]:
    """Every non-empty subset of the tasks with equal weights, by size.

    >>> [m.name for m in subsets(["a", "b"])]
    ['a', 'b', 'a+b']
    """
    names = sorted(tasks)
    return [Mixture.of(c) for k in range(1, len(names) + 1) for c in itertools.combinations(names, k)]


def score(
    tasks: Sequence[str] | Space,
    *,
    mixtures: Sequence[Mixture | str] | None = None,
    all_subsets: bool = False,
    metrics: Sequence[str] = METRICS,
    estimator: Estimator = "auto",
    intervals: bool = True,
    **source: Any,
) -> pd.DataFrame:
    """Diversity of mixtures of tasks: one row for each mixture and metric, in the columns of the contract.

    `tasks` are names, measured as `source` says (see `measure`; without `data`, from the shipped moments), or a Space.
    The mixture is all of them with equal weights, or those in `mixtures`, or all subsets. `estimator` U leaves the pairs of
    a row with itself out and does not depend on the number of rows; `auto` is U where a metric has it, else V. `low` and
    `high` are a 95 % interval for the sampling of rows (delta method, normal approximation, rows taken as independent
    draws); `n` is the number of rows.
    Raises InputError for an unknown task or metric, weights that cannot be, and dimensions that differ.

    >>> score(["squad_v1", "mnli"], metrics=["cosine"])[["mixture", "estimator"]].values.tolist()
    [['mnli+squad_v1', 'U']]
    """
    import pandas as pd

    given = [parse_mixture(m) if isinstance(m, str) else m for m in mixtures or ()]
    wanted = [_estimated(printed, estimator) for printed in metrics]
    if isinstance(tasks, Space):
        space, names = tasks, sorted(tasks.tasks)
    else:
        names = sorted({*tasks, *(t for m in given for t in m.tasks)})
        if len(set(tasks)) < len(tasks):
            raise InputError(f"expected each task once, found {', '.join(tasks)}")
        space = measure(names, **source) if source.get("data") else load(names, **source)
    if all_subsets:
        given += subsets(names)
    given = given or [Mixture.of(names)]
    weights = _weights(given, space.stacked.names)
    records = []
    for metric, options, unbiased in wanted:
        columns = _values(space, weights, metric, options, unbiased, intervals)
        kind = "exact" if metric.takes == "weights" else "U" if unbiased else "V"
        name = metric.printed(**options)
        for mixture, w, value, error in zip(given, weights, *columns, strict=True):
            n = int(space.stacked.n[w > 0].sum())
            low, high = value - Z95 * error, value + Z95 * error
            records.append(
                (mixture.name, mixture.tasks, mixture.weights, space.encoder, name, value, low, high, n, kind)
            )
    order = {m.name: i for i, m in enumerate(given)}
    records.sort(key=lambda r: order[r[0]])
    return pd.DataFrame(records, columns=list(COLUMNS))


def _estimated(printed: str, estimator: Estimator) -> tuple[Metric, dict[str, float], bool]:
    if estimator not in ("auto", "U", "V"):
        raise InputError(f"expected an estimator among auto, U and V, found {estimator!r}")
    metric, options = catalog.parse_metric(printed)
    has = metric.unbiased(**options)
    if estimator == "U" and not has and metric.takes != "weights":
        raise InputError(f"{metric.printed(**options)} has no unbiased (U) estimator: use auto or V")
    return metric, options, has and estimator != "V"


def _weights(mixtures: Sequence[Mixture], names: Sequence[str]) -> Array:
    column = {name: i for i, name in enumerate(names)}
    weights = np.zeros((len(mixtures), len(names)))
    for row, mixture in enumerate(mixtures):
        for task, weight in zip(mixture.tasks, mixture.weights, strict=True):
            if task not in column:
                raise catalog.near(task, list(names), "task")
            weights[row, column[task]] = weight
    counts = Counter(m.name for m in mixtures)
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise InputError(f"expected a name for each mixture, found {repeated[0]!r} twice")
    return weights


def _values(
    space: Space, weights: Array, metric: Metric, options: Mapping[str, float], unbiased: bool, intervals: bool
) -> tuple[Array, Array]:
    tasks = space.stacked
    if metric.mixtures is None:
        raise InputError(
            f"{metric.name} is computed on {metric.takes}, not from moments: use diversity.metric in Python"
        )
    extra = {"unbiased": unbiased} if metric.unbiased(**options) else {}
    values = metric.mixtures(tasks, weights, **options, **extra)
    errors = np.full(len(weights), np.nan)
    if intervals and metric.influence is not None and options.get("q") != 0:
        influence = metric.influence(tasks, weights, space.rows, **options)
        for m, w in enumerate(weights):
            present = [int(a) for a in np.flatnonzero(w)]
            if all(len(space.rows[a]) > 1 for a in present):
                errors[m] = np.sqrt(sum(influence(m, a).var(ddof=1) / tasks.n[a] for a in present))
    return values, errors


def distances(tasks: Sequence[str] | Space, **source: Any) -> pd.DataFrame:
    """Task x task mean cosine distance: of two texts, one from each; on the diagonal, of two distinct texts of one task.

    The `cosine` of a mixture (U) is w' D w with this matrix D.
    """
    import pandas as pd

    from diversity.metrics._gram import gram

    space = (
        tasks if isinstance(tasks, Space) else measure(tasks, **source) if source.get("data") else load(tasks, **source)
    )
    names = list(space.stacked.names)
    return pd.DataFrame(1 - gram(space.stacked, unbiased=True), index=names, columns=names)


def overlaps(mixture: Mixture) -> list[str]:
    """What a reader must know of a mixture whose tasks share rows: `anli_plus contains mnli`."""
    known = [t for t in mixture.tasks if t in catalog.names("tasks")]
    return [f"{a} contains {b}" for a in known for b in catalog.task(a).contains if b in known]
