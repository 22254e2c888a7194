"""Retrieval targets from data to result rows: sentences read, embedded, matched, written, scored."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from diversity import catalog, results
from diversity.data import sources
from diversity.encoders.cache import embed
from diversity.encoders.hidden_states import LayerEncoder, SentenceVectors
from diversity.encoders.pretrained import Loaded
from diversity.encoders.registry import MINI, locate
from diversity.results import Lineage
from diversity.retrieval import mining as retrieval
from diversity.retrieval import neighbours
from diversity.retrieval.mining import Candidates, Margin, Pair, Repeated
from diversity.types import Encoder, InputError, Retrieval, Rows, check_list
from diversity.xtreme.layout import write_predictions
from diversity.xtreme.scores import scores_of

if TYPE_CHECKING:
    import pandas as pd

LONG = 60  # seconds: a search that takes longer is announced

Notify = Callable[[str], None]
TargetCell = tuple[str, str, str]  # target, language, split


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

    def __post_init__(self) -> None:
        """Raise InputError now for what would be found out after the encoding."""
        if self.k < 1:
            raise InputError(f"expected k of at least 1, found {self.k}")
        for what, value, known in (
            ("a margin among", self.margin, get_args(Margin)),
            ("retrieval by one of", self.retrieval, get_args(Candidates)),
            ("repeated sentences to be one of", self.repeated, get_args(Repeated)),
        ):
            if value not in known:
                raise InputError(f"expected {what} {', '.join(known)}, found {value!r}")
        if self.threshold is not None and not math.isfinite(self.threshold):
            raise InputError(f"expected a finite threshold, found {self.threshold}")


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
        return not mined(self.task)

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
class Retrieved:
    """What was matched in one language: lines of Tatoeba, or pairs of BUCC with the threshold that they passed."""

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

    @property
    def note(self) -> str:
        """What is to be said where there is no score."""
        at = self.bitext
        return "" if self.n else f"{at.task} ({at.split}, {at.language}): the gold pairs are withheld: no score"

    def write(self, folder: Path | str) -> None:
        """Write the predictions in the leaderboard's layout."""
        write_predictions(folder, self.bitext.task, self.bitext.language, self.predicted, split=self.bitext.split)


def mined(task: str) -> bool:
    """Whether a target is pairs of ids that are mined (as BUCC), not a line for each sentence (as Tatoeba)."""
    return catalog.task(task).output_type != "labels"


def bitext(task: str, data: Rows | Path | str, *, split: str, language: str) -> Bitext:
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
    model: str | Loaded | Encoder = MINI,
    targets: Sequence[str] = ("tatoeba", "bucc2018"),
    *,
    data: Rows | Path | str,
    vectors: SentenceVectors | None = None,
    mining: Mining | None = None,
    lineage: Lineage | None = None,
    output: Path | str | None = None,
    notify: Notify = lambda _: None,
) -> pd.DataFrame:
    """Result rows of the retrieval targets with an encoder's sentence vectors, from 0 to 100, one for each metric.

    `model` is a name, folder or `owner/name` of the hub, a model that is loaded, or any Encoder (its vectors are taken as
    they are, `vectors` counts for the cache alone). Tatoeba (accuracy): each English sentence's nearest foreign one by
    cosine. BUCC (F1, precision, recall): pairs by `mining`, whose threshold is tuned on the dev set of the language and
    used on the split. `data` are a folder, of which the test split is matched in all languages that are there, or Rows, whose
    English stands for all of them. `lineage` says what the model was trained on, for the rows alone; a checkpoint of
    `train_mix` says it itself. `output` gets the predictions in the leaderboard's layout.

    Parameters
    ----------
    model
        Name, folder or `owner/name` of the hub; a loaded model; or any Encoder.
    targets
        `tatoeba`, `bucc2018`.
    data
        Folder of the data, or `Rows` that say which split and languages.
    vectors
        Layer and pooling of the sentence vectors.
    mining
        How pairs of BUCC are mined.
    lineage
        What the model was trained on, for the rows alone.
    output
        Folder for the predictions, in the leaderboard's layout.
    notify
        A function that is called with each note.

    Returns
    -------
    DataFrame
        One row for each target, language and metric, from 0 to 100.

    Raises
    ------
    InputError
        Before anything is encoded, for a target, language, split or setting that cannot be.

    Examples
    --------
    >>> found = retrieve("mini", ["tatoeba"], data=Rows("data/samples", "test", languages=("de",)))
    >>> found["n"].tolist()
    [16]
    """
    cells = list(_cells(targets, data))
    matcher = Matcher.of(model, cells, data, vectors=vectors, mining=mining, notify=notify)
    lineage = lineage or (model_lineage(model) if isinstance(model, str) else Lineage(matcher.encoder.name))
    rows = []
    for task, language, chosen in cells:
        retrieved = matcher.match(task, data, chosen, language)
        if output is not None:
            retrieved.write(output)
        if retrieved.note:
            notify(retrieved.note)
        run = lineage.run(task, lineage.seed, matcher.settings(task))
        rows += run.rows(retrieved.values, matcher.details(retrieved))
    return results.table(rows)


def model_lineage(model: str) -> Lineage:
    """What a model is by its name: for a checkpoint of `train_mix` what that wrote beside it."""
    return results.lineage_of(model) or Lineage(results.display_name(model), locate(model)[1])


@dataclass(frozen=True)
class Matcher:
    """An encoder that was loaded once, and how sentences are matched with it: for every target and language."""

    encoder: Encoder
    vectors: SentenceVectors
    mining: Mining
    notify: Notify

    @staticmethod
    def of(
        model: str | Loaded | Encoder,
        cells: Iterable[TargetCell] = (),
        data: Rows | Path | str = ".",
        *,
        vectors: SentenceVectors | None = None,
        mining: Mining | None = None,
        notify: Notify = lambda _: None,
    ) -> Matcher:
        """Load the encoder, once `mining` and what it needs of the cells' data are found to be right."""
        vectors, mining = vectors or SentenceVectors(), mining or Mining()
        if isinstance(model, str):
            vectors.check_model(model)
        for task, language, split in cells:
            tuned = mined(task) and split != "dev" and mining.threshold is None
            if tuned and not sources.find(catalog.task(task), data, "dev", language):
                hint = "to tune the threshold on, found none: give one with --threshold"
                raise InputError(f"{sources.data_folder(data)}: expected files of {task} (dev, {language}) {hint}")
        encoder = vectors.encoder(model) if isinstance(model, str | Loaded) else model
        return Matcher(encoder, vectors, mining, notify)

    def match(self, task: str, data: Rows | Path | str, split: str, language: str) -> Retrieved:
        """Match the sentences of a target in one language."""
        given = bitext(task, data, split=split, language=language)
        if given.by_line:
            sides = [
                self._embed([row.text for row in rows], f"{task} {language}") for rows in (given.english, given.foreign)
            ]
            return Retrieved(given, [str(line) for line in retrieval.tatoeba(*sides)], {})
        scores, threshold = self._mine(given), self.mining.threshold
        if threshold is None:
            dev = given if given.split == "dev" else bitext(task, data, split="dev", language=language)
            threshold = retrieval.tune(scores if dev is given else self._mine(dev), dev.pairs).threshold
        return Retrieved(given, retrieval.extract(scores, threshold), {**asdict(self.mining), "threshold": threshold})

    def _embed(self, texts: Sequence[str], label: str) -> neighbours.Vectors:
        return embed(texts, self.encoder, cache=self.vectors.cache, label=label).vectors

    def _mine(self, given: Bitext) -> dict[Pair, float]:
        """Scores of the pairs that are mined from the distinct sentences of both sides."""
        label = f"{given.task} {given.split} {given.language}"
        source, target = (
            retrieval.unique([r.text for r in s], [r.id for r in s]) for s in (given.foreign, given.english)
        )
        x, y = (self._embed(side.texts, label) for side in (source, target))
        if (expected := search_seconds(x, y, self.mining.k)) > LONG:
            self.notify(f"{label}: {len(x):,} x {len(y):,} sentences: about {duration(expected)} to search")
        nearest = neighbours.neighbours(x, y, self.mining.k, label=label)
        mined = retrieval.mine(nearest, margin=self.mining.margin, candidates=self.mining.retrieval)
        return retrieval.identified(mined, source, target, self.mining.repeated)

    def settings(self, task: str) -> dict[str, Any]:
        """What determines the score of a target beside the model."""
        mining = {"mining": asdict(self.mining)} if mined(task) else {}
        if isinstance(self.encoder, LayerEncoder):
            return {"vectors": self.vectors.identity, **mining}
        return {"vectors": dict(getattr(self.encoder, "settings", None) or {"model": self.encoder.name}), **mining}

    def details(self, retrieved: Retrieved) -> dict[str, Any]:
        """What a result row says beside its run: language, split, n, and the settings as they were used."""
        at, names = retrieved.bitext, ("layer", "pooling", "precision", "max_tokens")
        layer = {n: getattr(self.encoder, n) for n in names} if isinstance(self.encoder, LayerEncoder) else {}
        return {"language": at.language, "split": at.split, "n": retrieved.n, **layer, **retrieved.settings}


def _cells(targets: Sequence[str], data: Rows | Path | str) -> Iterable[TargetCell]:
    """Targets, languages and splits, all checked before anything is computed."""
    available = catalog.retrieval()
    check_list(targets, "targets")
    for name in targets:
        if name not in available:
            raise catalog.near(name, available, "retrieval target")
    if not targets:
        raise InputError(f"expected targets among {', '.join(available)}, found none")
    rows = data if isinstance(data, Rows) else Rows.of(data, split="test")
    asked = () if rows.languages == Rows.languages else rows.languages
    tasks = [catalog.task(name) for name in dict.fromkeys(targets)]
    known = {language for task in tasks for language in task.languages}
    if unknown := [language for language in asked if language not in known]:
        raise catalog.near(unknown[0], sorted(known), f"language of {', '.join(targets)}")
    for task in tasks:
        having = [lang for lang in task.languages if any(sources.find(task, rows, s, lang) for s in rows.splits)]
        chosen = [lang for lang in task.languages if lang in asked] if asked else having
        if asked and not chosen:
            expected = f"a language among {', '.join(task.languages)}"
            raise InputError(f"{task.name}: expected {expected}, found {', '.join(asked)}")
        for language in chosen or task.languages[:1]:
            yield task.name, language, sources.located(task, rows, language).split


# --- How long it takes --------------------------------------------------------------------------------


def search_seconds(x: neighbours.Vectors, y: neighbours.Vectors, k: int) -> float:
    """The time of a search, measured on a part of it where it is not short anyway."""
    return neighbours.seconds(len(x), len(y), x, y, k) if x.size * len(y) > 1e12 else 0.0


def plan(
    model: str | Loaded | Encoder = MINI,
    targets: Sequence[str] = ("tatoeba", "bucc2018"),
    *,
    data: Rows | Path | str,
    vectors: SentenceVectors | None = None,
    mining: Mining | None = None,
    sample: int = 128,
) -> pd.DataFrame:
    """What `retrieve` would do, with estimates of its time: a row for each set of sentences that is matched.

    Columns: target, split, language, foreign, english (distinct sentences), dimensions, encode_seconds,
    search_seconds. The times are measured on `sample` sentences of each side and on one strip of random vectors' product.
    """
    import pandas as pd

    cells = list(_cells(targets, data))
    matcher = Matcher.of(model, cells, data, vectors=vectors, mining=mining)
    parts = [bitext(task, data, split=chosen, language=language) for task, language, chosen in cells]
    if matcher.mining.threshold is None:
        tuned = [part for part in parts if not part.by_line and part.split != "dev"]
        parts += [bitext(part.task, data, split="dev", language=part.language) for part in tuned]
    return pd.DataFrame([_measured(part, matcher, sample) for part in parts])


def _measured(part: Bitext, matcher: Matcher, sample: int) -> dict[str, Any]:
    sides = [list(dict.fromkeys(row.text for row in rows)) for rows in (part.foreign, part.english)]
    generator = np.random.default_rng(0)
    drawn = [[s[i] for i in generator.permutation(len(s))[:sample]] for s in sides]
    encode = matcher.encoder.encode
    encode(drawn[0][:2])
    start = time.perf_counter()
    d = [encode(texts).shape[1] for texts in drawn][-1]
    seconds_a_text = (time.perf_counter() - start) / sum(map(len, drawn))
    n, m = map(len, sides)
    x, y = (generator.standard_normal((size, d), dtype=np.float32) for size in (min(n, 4096), min(m, 16384)))
    return {
        "target": part.task,
        "split": part.split,
        "language": part.language,
        "foreign": n,
        "english": m,
        "dimensions": d,
        "encode_seconds": seconds_a_text * (n + m),
        "search_seconds": neighbours.seconds(n, m, x, y, 1 if part.by_line else matcher.mining.k),
    }


def duration(seconds: float) -> str:
    """A time to read.

    >>> duration(42), duration(600), duration(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
