"""Retrieval targets from data to result rows: sentences read, embedded, matched, written, scored."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from diversity import catalog
from diversity.data import sources
from diversity.encoders.hidden_states import DEPTH, LayerEncoder, Pooling, layer_encoder
from diversity.encoders.pretrained import Loaded
from diversity.encoders.sentence import DEFAULT, Precision, embed
from diversity.retrieval import mining as retrieval
from diversity.retrieval import neighbours
from diversity.retrieval.mining import Candidates, Margin, Pair, Repeated
from diversity.types import Encoder, InputError, Mixture, Retrieval, Rows, Run, Task
from diversity.xtreme.layout import write_predictions
from diversity.xtreme.scores import scores_of

if TYPE_CHECKING:
    import pandas as pd

BASELINE = Mixture.of([])
COLUMNS = (
    "run", "model", "mixture", "tasks", "sampling", "budget", "target", "language", "metric", "value", "n", "seed",
    "split", "layer", "pooling", "precision", "max_tokens", "k", "margin", "retrieval", "repeated", "threshold",
)  # fmt: skip
WHOLE = ("budget", "n", "seed", "layer", "max_tokens", "k")  # columns of whole numbers, which may be missing
LONG = 60  # seconds: a search that takes longer is announced

Notify = Callable[[str], None]


@dataclass(frozen=True)
class Mining:
    """How BUCC's pairs are mined: see `retrieval.mine` and `retrieval.identified`.

    `threshold` is the score that a pair must reach; None tunes it on dev.
    """

    k: int = 4
    margin: Margin = "ratio"
    retrieval: Candidates = "max"
    repeated: Repeated = "drop"
    threshold: float | None = None


@dataclass(frozen=True)
class Bitext:
    """Both sides of a target in one language, in the order in which predictions stand.

    Tatoeba's English side is sorted by its text, as the benchmark publishes it.
    """

    task: str
    split: str
    language: str
    foreign: tuple[Retrieval, ...]
    english: tuple[Retrieval, ...]

    @property
    def by_line(self) -> bool:
        """Whether predictions are a line each (as Tatoeba's), not pairs of ids (as BUCC's)."""
        return catalog.task(self.task).output_type == "labels"

    @property
    def pairs(self) -> list[Pair]:
        """Gold pairs of a foreign and an English id; none where they are withheld."""
        return [(row.id, match) for row in self.foreign for match in row.matches]

    @property
    def lines(self) -> list[str]:
        """For each English sentence the line of its translation, from 0."""
        line = {row.id: str(number) for number, row in enumerate(self.foreign)}
        return [line[row.matches[0]] for row in self.english]


@dataclass(frozen=True)
class Found:
    """What was found in one language: lines of Tatoeba, or pairs of BUCC with the threshold that they passed."""

    bitext: Bitext
    predicted: Sequence[Any]
    settings: Mapping[str, Any]

    @property
    def values(self) -> dict[str, float]:
        """The official metrics, from 0 to 100; empty where the gold pairs are withheld."""
        task = self.bitext.task
        gold: Sequence[Any] = self.bitext.lines if self.bitext.by_line else self.bitext.pairs
        return scores_of(task, self.bitext.language, gold, self.predicted) if gold else {}

    @property
    def n(self) -> int:
        """Queries of Tatoeba, gold pairs of BUCC."""
        return len(self.bitext.english if self.bitext.by_line else self.bitext.pairs)


def bitext(task: str, data: Path | str, *, split: str, language: str) -> Bitext:
    """Read both sides of a retrieval target; `split` may name several in order of preference (`test,dev`)."""
    noun = catalog.task(task)
    files = sources.located(noun, Rows.of(data, split=split), language)
    rows = [r for r in sources.read(files) if isinstance(r, Retrieval)]
    foreign = tuple(r for r in rows if r.language != "en")
    english = tuple(r for r in rows if r.language == "en")
    if noun.output_type == "labels":
        english = tuple(sorted(english, key=lambda row: row.text))
    return Bitext(task, files.split, language, foreign, english)


def retrieve(
    model: str | Loaded | Encoder = DEFAULT,
    targets: Sequence[str] = ("tatoeba", "bucc2018"),
    *,
    data: Path | str,
    languages: Sequence[str] | None = None,
    split: str = "test",
    layer: float = DEPTH,
    pooling: Pooling = "mean",
    precision: Precision = "fp32",
    max_tokens: int | None = None,
    mining: Mining | None = None,
    mixture: Mixture = BASELINE,
    seed: int = 0,
    cache: Path | str | None = None,
    output: Path | str | None = None,
    notify: Notify = lambda _: None,
) -> pd.DataFrame:
    """Result rows of the retrieval targets with an encoder's sentence vectors, from 0 to 100, one for each metric.

    `model` is a name, folder or `owner/name@commit`, a model that is loaded, or any Encoder (its vectors are taken as
    they are, `layer` and the others do not count). Tatoeba (accuracy): each English sentence's nearest foreign one by
    cosine. BUCC (F1, precision, recall): pairs by `mining`, whose threshold is tuned on the dev set of the language and
    used on `split`. `languages`: all that are there. `mixture` and `seed` say what the model was trained on, for the rows
    alone. `output` gets the predictions in the leaderboard's layout. Raises InputError for a target, language, split or
    setting that cannot be.
    """
    import pandas as pd

    mining = mining or Mining()
    wanted = list(_cells(targets, data, languages, split))
    _check(mining)
    encoder = _encoder(model, layer, pooling, precision, max_tokens)
    records = []
    for task, language in wanted:
        found = _find(task, data, language, split, mining, _embedder(encoder, cache, language), notify)
        if output is not None:
            write_predictions(output, task, language, found.predicted, split=found.bitext.split)
        if not (values := found.values):
            notify(f"{task} ({found.bitext.split}, {language}): the gold pairs are withheld: no score")
        shared = _row(encoder, found, mixture, seed)
        records += [{**shared, "metric": metric, "value": value} for metric, value in values.items()]
    table = pd.DataFrame(records, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(WHOLE, "Int64"))


def _cells(
    targets: Sequence[str], data: Path | str, languages: Sequence[str] | None, split: str
) -> Iterable[tuple[str, str]]:
    """Targets and languages, all checked before anything is computed."""
    available = catalog.retrieval()
    for name in targets:
        if name not in available:
            raise catalog.near(name, available, "retrieval target")
    if not targets:
        raise InputError(f"expected targets among {', '.join(available)}, found none")
    tasks = [catalog.task(name) for name in dict.fromkeys(targets)]
    known = {language for task in tasks for language in task.languages}
    if unknown := [language for language in languages or () if language not in known]:
        raise catalog.near(unknown[0], sorted(known), f"language of {', '.join(targets)}")
    for task in tasks:
        chosen = [lang for lang in task.languages if lang in languages] if languages else _there(task, data, split)
        if languages and not chosen:
            expected = f"a language among {', '.join(task.languages)}"
            raise InputError(f"{task.name}: expected {expected}, found {', '.join(languages)}")
        for language in chosen or task.languages[:1]:
            sources.located(task, Rows.of(data, split=split), language)
            yield task.name, language


def _there(task: Task, data: Path | str, split: str) -> list[str]:
    splits = [s.strip() for s in split.split(",")]
    return [lang for lang in task.languages if any(sources.find(task, data, s, lang) for s in splits)]


def _check(mining: Mining) -> None:
    """Raise InputError now for what would be found out after the encoding."""
    one = np.ones((1, 1), dtype=np.float32)
    found = neighbours.neighbours(one, one, mining.k)
    mined = retrieval.mine(found, margin=mining.margin, candidates=mining.retrieval)
    side = retrieval.unique(["a"], ["a"])
    retrieval.identified(mined, side, side, mining.repeated)


def _encoder(
    model: str | Loaded | Encoder, layer: float, pooling: Pooling, precision: Precision, max_tokens: int | None
) -> Encoder:
    if isinstance(model, str | Loaded):
        return layer_encoder(model, layer=layer, pooling=pooling, precision=precision, max_tokens=max_tokens)
    return model


Embedder = Callable[[Sequence[str], str], neighbours.Vectors]


def _embedder(encoder: Encoder, cache: Path | str | None, language: str) -> Embedder:
    def vectors(texts: Sequence[str], label: str) -> neighbours.Vectors:
        return embed(texts, encoder, cache=cache, label=f"{label} {language}").vectors

    return vectors


def _find(
    task: str, data: Path | str, language: str, split: str, mining: Mining, vectors: Embedder, notify: Notify
) -> Found:
    given = bitext(task, data, split=split, language=language)
    if given.by_line:
        sides = [vectors([row.text for row in rows], task) for rows in (given.english, given.foreign)]
        return Found(given, [str(line) for line in retrieval.tatoeba(*sides)], {})
    threshold = mining.threshold
    scores = _mined(given, mining, vectors, notify)
    if threshold is None:
        dev = given if given.split == "dev" else bitext(task, data, split="dev", language=language)
        tuned = retrieval.tune(scores if dev is given else _mined(dev, mining, vectors, notify), dev.pairs)
        threshold = tuned.threshold
    settings = {**asdict(mining), "threshold": threshold}
    return Found(given, retrieval.extract(scores, threshold), settings)


def _mined(given: Bitext, mining: Mining, vectors: Embedder, notify: Notify) -> dict[Pair, float]:
    """Scores of the pairs that are mined from the distinct sentences of both sides."""
    label = f"{given.task} {given.split} {given.language}"
    source, target = (retrieval.unique([r.text for r in s], [r.id for r in s]) for s in (given.foreign, given.english))
    x, y = (vectors(side.texts, f"{given.task} {given.split}") for side in (source, target))
    if (expected := search_seconds(x, y, mining.k)) > LONG:
        notify(f"{label}: {len(x):,} x {len(y):,} sentences: about {duration(expected)} to search")
    found = neighbours.neighbours(x, y, mining.k, label=label)
    mined = retrieval.mine(found, margin=mining.margin, candidates=mining.retrieval)
    return retrieval.identified(mined, source, target, mining.repeated)


def _row(encoder: Encoder, found: Found, mixture: Mixture, seed: int) -> dict[str, Any]:
    at = found.bitext
    settings = dict(getattr(encoder, "settings", None) or {"model": encoder.name})
    if isinstance(encoder, LayerEncoder):
        names = ("layer", "pooling", "precision", "max_tokens")
        settings |= {name: getattr(encoder, name) for name in names}
    settings |= {**found.settings, "split": at.split}
    run = Run(encoder.name, mixture, at.task, seed, settings)
    return {
        **settings,
        "run": run.key,
        "model": encoder.name,
        "mixture": mixture.name,
        "tasks": "+".join(mixture.tasks),
        "sampling": mixture.sampling.rule,
        "budget": mixture.budget,
        "target": at.task,
        "language": at.language,
        "n": found.n,
        "seed": seed,
    }


# --- How long it takes --------------------------------------------------------------------------------


def search_seconds(x: neighbours.Vectors, y: neighbours.Vectors, k: int) -> float:
    """The time of a search, measured on a part of it where it is not short anyway."""
    return neighbours.seconds(len(x), len(y), x, y, k) if x.size * len(y) > 1e12 else 0.0


def plan(
    model: str | Loaded | Encoder = DEFAULT,
    targets: Sequence[str] = ("tatoeba", "bucc2018"),
    *,
    data: Path | str,
    languages: Sequence[str] | None = None,
    split: str = "test",
    layer: float = DEPTH,
    pooling: Pooling = "mean",
    precision: Precision = "fp32",
    max_tokens: int | None = None,
    mining: Mining | None = None,
    sample: int = 128,
) -> pd.DataFrame:
    """What `retrieve` would do, with estimates of its time: a row for each set of sentences that is matched.

    Columns: target, split, language, foreign, english (distinct sentences), dimensions, encode_seconds,
    search_seconds. The times are measured on `sample` sentences of each side and on one strip of random vectors' product.
    """
    import pandas as pd

    mining = mining or Mining()
    encoder = _encoder(model, layer, pooling, precision, max_tokens)
    rows = []
    for task, language in list(_cells(targets, data, languages, split)):
        parts = [bitext(task, data, split=split, language=language)]
        if not parts[0].by_line and mining.threshold is None and parts[0].split != "dev":
            parts.append(bitext(task, data, split="dev", language=language))
        rows += [_planned(part, encoder, mining, sample) for part in parts]
    return pd.DataFrame(rows)


def _planned(part: Bitext, encoder: Encoder, mining: Mining, sample: int) -> dict[str, Any]:
    import time

    sides = [list(dict.fromkeys(row.text for row in rows)) for rows in (part.foreign, part.english)]
    generator = np.random.default_rng(0)
    drawn = [[s[i] for i in generator.permutation(len(s))[:sample]] for s in sides]
    encoder.encode(drawn[0][:2])
    start = time.perf_counter()
    d = [encoder.encode(texts).shape[1] for texts in drawn][-1]
    a_text = (time.perf_counter() - start) / sum(map(len, drawn))
    n, m = map(len, sides)
    x, y = (generator.standard_normal((size, d), dtype=np.float32) for size in (min(n, 4096), min(m, 16384)))
    return {
        "target": part.task,
        "split": part.split,
        "language": part.language,
        "foreign": n,
        "english": m,
        "dimensions": d,
        "encode_seconds": a_text * (n + m),
        "search_seconds": neighbours.seconds(n, m, x, y, 1 if part.by_line else mining.k),
    }


def duration(seconds: float) -> str:
    """A time to read.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
