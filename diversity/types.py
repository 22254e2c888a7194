"""The nouns of the toolkit: frozen dataclasses and Protocols, no work."""

from __future__ import annotations

import difflib
import hashlib
import json
import math
import numbers
import re
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import (
    TYPE_CHECKING,
    Any,
    Generic,
    Literal,
    Protocol,
    TypedDict,
    TypeVar,
    Unpack,
    get_args,
    runtime_checkable,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
else:
    Array = Any  # so that listing tasks need not load numpy

T = TypeVar("T")

Z95 = 1.959963984540054  # standard errors on either side of a 95 % interval

Kind = Literal["classification", "multiple_choice", "span", "tagging", "retrieval", "mlm"]
Role = Literal["intermediate", "target"]
Rule = Literal["proportional", "examples-proportional", "temperature", "uniform", "weights"]
RULES: tuple[Rule, ...] = get_args(Rule)
CAP = 2**17  # of examples-proportional sampling
# How predictions look: a label a line, a tag a line in sentences, answers by question, mined pairs of ids.
OutputType = Literal["labels", "tags", "answers", "pairs"]
OUTPUTS: dict[str, OutputType] = {
    "classification": "labels",
    "multiple_choice": "labels",
    "tagging": "tags",
    "span": "answers",
    "retrieval": "pairs",
}


class InputError(ValueError):
    """What a user gave cannot be used; the message says what was expected, found, and where."""


def unknown_name_error(name: str, known: Sequence[str], what: str) -> InputError:
    """The error for an unknown name: what was found, near matches, else all that is known."""
    close = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.5)
    hint = f"did you mean {', '.join(close)}?" if close else f"expected one of {', '.join(known)}"
    return InputError(f"unknown {what} {name!r}: {hint}")


class BadRow(InputError):
    """One row of a file that cannot be read."""

    def __init__(self, path: Path | str, where: int | str, problem: str) -> None:
        super().__init__(f"{path}:{where}: {problem}")
        self.path, self.where, self.problem = str(path), where, problem

    def __reduce__(self) -> tuple[Any, ...]:
        return BadRow, (self.path, self.where, self.problem)


def canonical(value: Any) -> str:
    """The one JSON text of a value: sorted keys, no spaces, ASCII; raises ValueError for numbers that are not finite.

    >>> canonical({"b": 1, "a": [0.5, None]})
    '{"a":[0.5,null],"b":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value: the same on every machine.

    >>> digest({})[:8]
    '44136fa3'
    """
    return hashlib.sha256(canonical(value).encode()).hexdigest()


class RowChanges(TypedDict, total=False):
    """The parts of `Rows` by name, as `Rows.of` takes them."""

    folder: Path
    split: str
    languages: Sequence[str]
    limit: int | None
    seed: int
    bad: list[BadRow] | None


@dataclass(frozen=True)
class Rows:
    """Which rows of a task: a data folder, splits in order of preference, languages, how many, and bad rows.

    The first of the splits that is there is read; `limit` rows of it are drawn with `seed`. Where `bad` is a list, rows
    that cannot be read are added to it; without one they are an error. A folder stands for all its defaults:

    >>> Rows.of("data", split="dev").languages
    ('en',)
    """

    folder: Path | None = None
    split: str = "train,dev"
    languages: tuple[str, ...] = ("en",)
    limit: int | None = None
    seed: int = 0
    bad: list[BadRow] | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        """Take the languages as a list, too; raise InputError for none, or for text in place of a list."""
        if isinstance(self.languages, str) or not self.languages:
            raise InputError(f"expected a list of languages, found {self.languages!r}")
        object.__setattr__(self, "languages", tuple(self.languages))

    @staticmethod
    def of(data: Rows | Path | str | None, **changes: Unpack[RowChanges]) -> Rows:
        """The rows that a folder or `Rows` stand for, with these changes."""
        given = data if isinstance(data, Rows) else Rows(None if data is None else Path(data).expanduser())
        return replace(given, **changes)  # type: ignore[arg-type]  # a list of languages becomes a tuple

    @property
    def splits(self) -> tuple[str, ...]:
        """The preferred splits, one by one."""
        return tuple(s.strip() for s in self.split.split(",") if s.strip())


# --- Examples: one labelled item of a task, by kind -------------------------------------------------


@dataclass(frozen=True, slots=True)
class Classification:
    """A sentence, or a pair of them, and its class (None where the label is not given)."""

    id: str
    language: str
    text: str
    text_pair: str | None
    label: str | None


@dataclass(frozen=True, slots=True)
class MultipleChoice:
    """A context, a question (may be empty), the choices and the index of the right one."""

    id: str
    language: str
    context: str
    question: str
    choices: tuple[str, ...]
    label: int | None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and where it starts in its context, in Unicode code points."""

    text: str
    start: int


@dataclass(frozen=True, slots=True)
class Span:
    """A question on a passage. `answers` is None where the gold answers are withheld, empty where there is none."""

    id: str
    language: str
    question: str
    context: str
    answers: tuple[Answer, ...] | None


@dataclass(frozen=True, slots=True)
class Tagging:
    """The words of a sentence and one tag for each (None where the tags are withheld)."""

    id: str
    language: str
    tokens: tuple[str, ...]
    tags: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Retrieval:
    """A sentence of one side of a bitext and the ids of its translations on the other side."""

    id: str
    language: str
    text: str
    matches: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """A text without a label, for masked language modelling."""

    id: str
    language: str
    text: str


Example = Classification | MultipleChoice | Span | Tagging | Retrieval | Text

# --- Tasks: what there is, and where its rows come from ---------------------------------------------

Reader = Callable[[Path, str], Iterator[Example | BadRow]]
HubParser = Callable[[Mapping[str, Any], str, str], "Example | tuple[Example, ...] | None"]


@dataclass(frozen=True)
class Layout:
    """Files of a release, and how one of them becomes examples.

    `pattern` is a glob below the task's folder, at any depth, with `{lang}` for the language and `{code}` for its name
    in `codes`; `.gz` is understood. Where it names several files, `several` says that they belong together; otherwise
    that is an error. `accept` leaves out files that the glob alone cannot tell; `others` are files that are read along
    with one. `note` is what must be said wherever figures from these files are shown.
    """

    pattern: str
    read: Reader
    several: bool = False
    codes: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    accept: Callable[[Path], bool] = lambda _: True
    others: Callable[[Path, str], tuple[Path, ...]] = lambda *_: ()

    def glob(self, language: str) -> str:
        """The pattern for one language."""
        return self.pattern.format(lang=language, code=self.codes.get(language, language))


@dataclass(frozen=True)
class Hub:
    """A data set on the Hugging Face hub, in Parquet.

    `source` is `owner/name@commit` with the full commit id, or `owner/name` where none is known: then the first fetch
    resolves `ref` and writes the commit to the lock file beside the data. `config` is one name, or a name for each
    language. `parse` takes (row, id, language). `caution` says how these rows differ from the original release.
    """

    source: str
    config: str | Mapping[str, str]
    split: str
    parse: HubParser
    ref: str = "main"
    caution: str = ""

    @property
    def repo(self) -> str:
        """`owner/name`."""
        return self.source.partition("@")[0]

    @property
    def revision(self) -> str | None:
        """The pinned commit, or None."""
        return self.source.partition("@")[2] or None

    def config_of(self, language: str) -> str | None:
        """The configuration that holds a language, or None."""
        return self.config if isinstance(self.config, str) else self.config.get(language)


@dataclass(frozen=True)
class Part:
    """A set of rows that a split of a task is made of: alternative layouts, the first that is there is read.

    `folders` are names that the folder of the files may have; `languages` are those that the rows are in.
    """

    layouts: tuple[Layout, ...]
    hub: Hub | None = None
    folders: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)


@dataclass(frozen=True)
class Task:
    """An intermediate task or a target: what it is, how it is scored, and where its rows come from.

    `languages` are ISO 639-1 codes, English first; `labels` is empty where the set is open (spans, supertags);
    `fields` is the text recipe: the fields of an example that are embedded, in this order, joined by a space;
    `rows` are the rows of each split of the whole release: of every language, or by language; `contains` names tasks
    whose rows it includes; `hashes` are the SHA-256 of released files.

    What evaluation and training need to know of a target stands here as well: the `benchmark` that it is a task of, if
    any; `output`, how its predictions look where its kind does not say it; `answers`, whose rules compare answers;
    `train_on`, the task whose training rows it is trained on, where they are not its own; `presets`, the target whose
    published settings hold for it, where there are none of its own and its kind's do not.
    """

    name: str
    title: str
    kind: Kind
    role: Role
    metric: str
    fields: tuple[str, ...]
    splits: Mapping[str, tuple[Part, ...]]
    licence: str
    citation: str
    url: str
    labels: tuple[str, ...] = ()
    languages: tuple[str, ...] = ("en",)
    rows: Mapping[str, int | Mapping[str, int]] = field(default_factory=dict)
    contains: tuple[str, ...] = ()
    hashes: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    benchmark: str = ""
    output: OutputType | None = None
    answers: Literal["squad", "mlqa"] = "squad"
    train_on: str = ""
    presets: str = ""

    @property
    def output_type(self) -> OutputType:
        """How predictions of it look."""
        return self.output or OUTPUTS[self.kind]

    def expected(self, split: str, language: str) -> int | None:
        """Rows of a split of the whole release in one language; None where that is not known."""
        known = self.rows.get(split)
        return known if isinstance(known, int) or known is None else known.get(language)

    @property
    def recipe(self) -> str:
        """The text recipe with its version, as it stands in cache keys and provenance."""
        return "v1:" + "+".join(self.fields)


@dataclass(frozen=True)
class Sampling:
    """In what proportions the tasks of a mixture are sampled, and whether a batch may hold several of them (`mixed`).

    The share of a task is proportional to its size n (`proportional`), to min(n, cap) with a cap of 2^17 unless one is
    given (`examples-proportional`), to min(n, cap)^(1 / temperature), without a cap unless one is given (`temperature`), to
    1 (`uniform`), or to its `weights`.

    Source: Raffel et al. 2020 (JMLR 21:140), section 3.5.2; the cap is that of Phang et al. 2020.

    Raises InputError for an unknown rule, a cap below 1, a temperature that is not above 0, and wrong weights.
    """

    rule: Rule = "examples-proportional"
    cap: int | None = None
    temperature: float = 2.0
    weights: Mapping[str, float] | None = field(default=None, hash=False)
    mixed: bool = False

    def __post_init__(self) -> None:
        """Check what is given."""
        if self.rule not in RULES:
            raise unknown_name_error(self.rule, RULES, "sampling rule")
        if self.cap is not None and self.cap < 1:
            raise InputError(f"expected a cap of at least 1 example, found {self.cap}")
        if not 0 < self.temperature < math.inf:
            raise InputError(f"expected a temperature above 0, found {self.temperature}")
        for name, weight in (self.weights or {}).items():
            if not 0 <= weight < math.inf:
                raise InputError(f"expected finite weights of at least 0, found {weight:g} for {name}")
        if self.weights and not max(self.weights.values()) > 0:
            raise InputError("expected a weight above 0 for at least one task of the mixture, found only zeros")

    @property
    def size_dependent(self) -> bool:
        """Whether the shares depend on the sizes of the tasks."""
        return self.rule not in ("uniform", "weights")

    def shares(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """The share of each task of these sizes; they sum to 1. InputError for an empty task, and weights of other tasks.

        >>> Sampling("uniform").shares({"mnli": 400_000, "csqa": 10_000})
        {'mnli': 0.5, 'csqa': 0.5}
        >>> Sampling("temperature", temperature=2).shares({"a": 400, "b": 100})["a"]
        0.6666666666666666
        """
        if empty := [t for t, n in sizes.items() if n < 1]:
            raise InputError(f"{empty[0]}: expected rows to train on, found none")
        raw = dict.fromkeys(sizes, 1.0)
        if self.rule == "weights":
            if not self.weights or set(self.weights) != set(sizes):
                given = ", ".join(sorted(self.weights or {})) or "none"
                raise InputError(f"expected weights of {', '.join(sorted(sizes))}, found {given}")
            most = max(self.weights.values())
            raw = {t: self.weights[t] / most for t in sizes}  # so that the sum of huge weights is finite
        elif self.size_dependent:
            cap = self.cap or (CAP if self.rule == "examples-proportional" else None)
            power = 1 / self.temperature if self.rule == "temperature" else 1.0
            largest = max(sizes.values(), default=1)
            raw = {t: (min(n, cap or n) / largest) ** power for t, n in sizes.items()}
        total = sum(raw.values())
        return {t: r / total for t, r in raw.items()}


@dataclass(frozen=True)
class Mixture:
    """A set of tasks, sorted by name, how they are sampled, and how many examples are trained on (`budget`).

    The empty mixture is the baseline. `recorded` are the shares of a run that is finished, where it is known.

    >>> Mixture.of({"snli": 1, "mnli": 3}).weights
    (0.75, 0.25)
    >>> Mixture.of(["squad_v1", "mnli"]).name
    'mnli+squad_v1'
    """

    tasks: tuple[str, ...]
    sampling: Sampling
    label: str = ""
    budget: int | None = None
    recorded: tuple[float, ...] | None = None

    @staticmethod
    def of(
        tasks: Sequence[str] | Mapping[str, float],
        label: str = "",
        *,
        sampling: Sampling | Rule = "weights",
        budget: int | None = None,
    ) -> Mixture:
        """A mixture of equal or given weights, or of another rule; InputError for a repeated task or impossible weights."""
        if not isinstance(tasks, Mapping) and (repeated := sorted({t for t in tasks if list(tasks).count(t) > 1})):
            raise InputError(f"expected each task of a mixture once, found {repeated[0]} more than once")
        names = tuple(sorted(tasks))
        drawn = sampling if isinstance(sampling, Sampling) else Sampling(sampling)
        if drawn.rule == "weights" and names:
            given = tasks if isinstance(tasks, Mapping) else drawn.weights or dict.fromkeys(names, 1.0)
            shares = replace(drawn, weights=dict(given)).shares(dict.fromkeys(names, 1))
            drawn = replace(drawn, weights=shares)
        elif isinstance(tasks, Mapping):
            raise InputError(f"expected tasks without weights where they are sampled by {drawn.rule}, found weights")
        return Mixture(names, drawn, label, budget)

    @property
    def name(self) -> str:
        """The given name, or the sorted task names joined by `+`."""
        return self.label or "+".join(self.tasks)

    def shares(self, sizes: Mapping[str, int] | None = None) -> dict[str, float]:
        """In what proportions the tasks are trained on, scored and analysed: a share of each; they sum to 1.

        `sizes` are the numbers of training instances of the tasks; only the rules that depend on them need them. Those of a
        finished run are the ones that it recorded. Raises InputError where a rule needs sizes and has none.

        >>> Mixture.of(["mnli", "qqp"], sampling="proportional").shares({"mnli": 300, "qqp": 100})
        {'mnli': 0.75, 'qqp': 0.25}
        """
        if self.recorded is not None:
            return dict(zip(self.tasks, self.recorded, strict=True))
        if self.sampling.size_dependent and sizes is None and self.tasks:
            raise InputError(
                f"{self.name}: expected the sizes of its tasks, on which {self.sampling.rule} sampling depends, found none"
            )
        if self.sampling.rule == "weights" and set(self.sampling.weights or ()) == set(self.tasks):
            return {t: (self.sampling.weights or {})[t] for t in self.tasks}
        return self.sampling.shares({t: 1 if sizes is None else sizes[t] for t in self.tasks})

    @property
    def weights(self) -> tuple[float, ...]:
        """The shares in the order of the tasks; InputError where they depend on sizes."""
        return tuple(self.shares().values())

    def trained(self, shares: Mapping[str, float], budget: int | None = None) -> Mixture:
        """The same mixture with the shares, and the number of examples, that a run recorded."""
        return replace(self, recorded=tuple(shares[t] for t in self.tasks), budget=budget or self.budget)


Predicted = Any  # by the output type of a target: labels, tags, answers by question id, or pairs of ids

# --- Embeddings and metrics --------------------------------------------------------------------------


@runtime_checkable
class Encoder(Protocol):
    """Anything that turns texts into vectors.

    An encoder whose vectors may be cached also has `settings`, a mapping of everything that changes them.
    """

    @property
    def name(self) -> str:
        """The name that stands in result rows."""
        ...

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        """Vectors of the texts, shape (n, d), float32."""
        ...


@dataclass(frozen=True)
class Moments:
    """Number of rows, their mean (d,) and second moment X'X/n (d, d), in float64: mergeable by `+`.

    The sufficient statistic of every Tier-1 metric; those of a mixture are the weighted means of its tasks'.
    """

    n: int
    mean: Array
    second: Array

    def __add__(self, other: Moments) -> Moments:
        """The moments of both sets of rows together."""
        if self.mean.shape != other.mean.shape:
            raise InputError(f"expected moments of one dimension, found {self.mean.size} and {other.mean.size}")
        n = self.n + other.n
        a, b = self.n / n, other.n / n
        return Moments(n, a * self.mean + b * other.mean, a * self.second + b * other.second)


class Memo(Generic[T]):
    """What was computed already, by key, for several threads; of more than `size` entries the oldest are dropped."""

    def __init__(self, size: int | None = None) -> None:
        self._size, self._known, self._lock = size, dict[object, T](), threading.Lock()

    def get(self, key: object) -> T | None:
        """The value of a key, or None."""
        with self._lock:
            return self._known.get(key)

    def put(self, key: object, value: T) -> T:
        """Keep a value and return it."""
        with self._lock:
            self._known[key] = value
            if self._size is not None and len(self._known) > self._size:
                del self._known[next(iter(self._known))]
        return value


@dataclass(frozen=True)
class TaskMoments:
    """The moments of T tasks in one space: names, n (T,), means (T, d), seconds (T, d, d).

    `rows` are a sample of each task's unit rows, (k, d) each, where they are kept: what a mean over rows is taken over.
    What metrics share is kept: products of moments and spectra of mixtures in `memo`, the last eigenvectors of mixtures in
    `systems`, the last influences of rows in `influences`.
    """

    names: tuple[str, ...]
    n: Array
    means: Array
    seconds: Array
    rows: tuple[Array, ...] = ()
    memo: Memo[Array] = field(default_factory=Memo, init=False, repr=False, compare=False)
    systems: Memo[tuple[Array, Array]] = field(default_factory=lambda: Memo(64), init=False, repr=False, compare=False)
    influences: Memo[Array] = field(default_factory=lambda: Memo(1024), init=False, repr=False, compare=False)

    @property
    def inner(self) -> Array:
        """Frobenius products <C_a, C_b> of the second moments (T, T), which several metrics share."""
        known = self.memo.get("inner")
        if known is not None:
            return known
        flat = self.seconds.reshape(len(self.names), -1)
        return self.memo.put("inner", flat @ flat.T)


@dataclass(frozen=True)
class SecondOrder:
    """A metric of second order: `value(w'Gw, w'l)` for a matrix G (T, T) and a vector l (T,) of the tasks."""

    matrix: Array
    vector: Array
    value: Callable[[Array, Array], Array]


class Scorer(Protocol):
    """What gives the diversity of any mixture of its tasks: from moments, from vectors, or from a table."""

    @property
    def names(self) -> tuple[str, ...]:
        """The tasks, in the order of the columns of weights."""
        ...

    def values(self, weights: Array) -> Array:
        """The diversity (M,) of mixtures with weights (M, T), whose rows sum to 1."""
        ...


INFINITY, FLOAT = float("inf"), sys.float_info.max
WHOLE = 2**63 - 1  # the largest whole number of an option: what a table can hold

Influence = Callable[[int, int], "Array"]


def number(text: str) -> float | None:
    """The number that a text says, in ASCII and without signs of grouping; None where it says none.

    >>> number("1e-3"), number("inf"), number("1_000"), number("1,5")
    (0.001, inf, None, None)
    """
    plain = re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?inf(inity)?|nan", text, re.ASCII)
    return float(text) if plain else None


@dataclass(frozen=True)
class Option:
    """A number that may stand in a metric's printed name: its type, its default and its bounds.

    `high` None is any finite number (any up to 2^63 - 1 of a whole one); infinity is allowed where `high` is infinity.
    `above` leaves the lower bound itself out. `title` is what errors call it.

    >>> k = Option(int, 5, low=1)
    >>> k.checked("k", 7.0), k.parsed("k", "7"), k.printed(7)
    (7, 7, '7')
    """

    type: type[float]
    default: float
    low: float = 0
    high: float | None = None
    above: bool = False
    title: str = ""

    def checked(self, name: str, value: float) -> Any:
        """The value in the option's type; raises InputError where it is of another kind or out of bounds."""
        most = self.high if self.high is not None else WHOLE if self.type is int else FLOAT
        real = isinstance(value, numbers.Real)
        inside = real and (self.low < value <= most if self.above else self.low <= value <= most)
        if not inside or (self.type is not float and value != int(value)):
            raise InputError(f"expected {self._expected(name)}, found {value!r}")
        return self.type(min(value, FLOAT) if isinstance(value, int) else value)

    def _expected(self, name: str) -> str:
        if self.type is bool:
            return f"{name} of 0 or 1"
        what = self.title or (f"a whole number {name}" if self.type is int else name)
        if self.above:
            return f"{what} above {self.low:g}" + (f" and at most {self.high:g}" if self.high is not None else "")
        return (
            f"{what} of at least {self.low:g}"
            if self.high in (None, INFINITY)
            else f"{what} from {self.low:g} to {self.high:g}"
        )

    def parsed(self, name: str, text: str) -> Any:
        """The value that a text says; raises InputError as `checked` does, and for what is no number."""
        digits = re.fullmatch(r"[+-]?[0-9]{1,4000}", text)
        value = int(text) if digits and self.type is not float else number(text)
        if value is None:
            raise InputError(f"expected a number for {name}, found {text!r}")
        return self.checked(name, value)

    def printed(self, value: float) -> str:
        """The shortest text that `parsed` takes back to the same value."""
        exact = self.type(value)
        return str(int(exact)) if self.type is not float or (exact.is_integer() and abs(exact) < 1e15) else repr(exact)


Takes = Literal["rows", "partition", "weights", "texts", "labelled", "reference", "reference_texts"]
Aggregate = Literal["mean", "sum", "extreme"]


@dataclass(frozen=True)
class Metric:
    """A diversity metric: the function on rows, its form for mixtures, and what it claims.

    `function` returns a float and takes what `takes` says: `rows` x (n, d); `partition`: rows and the task of each;
    `weights` of a mixture (T,); `texts`; `labelled`: rows and a class of each; `reference`: rows and other rows (m, d);
    `reference_texts`: texts and other texts.
    `mixtures(tasks, weights, **options)`, if any, takes TaskMoments and weights (M, T) and returns M exact
    values without touching a row; where `sampled`, they are means over the rows that `tasks` keeps, exact in all else. A
    metric without it is computed on rows drawn by weight.
    `second_order(tasks, **options)` is the same as a function of two forms in the weights, or None at these options: many
    relabellings of the tasks are then one product of matrices.
    `influence(tasks, weights, rows, **options)` gives the influence (k,) of each row of task a on the value of mixture m:
    its variance is the sampling variance of the value (delta method). That of a `sampled` metric has two columns: by way of
    the moments of all rows, and by way of the mean over those that are kept. `options` are the numbers that may stand in the
    printed name; `unbiased(**options)` says whether it has a U estimator.

    `aggregate` says how a set's value comes from its rows, which resampling has to know: a `sum` grows in proportion to their
    number, an `extreme` depends on very few of them; all else counts as a `mean`.

    Claims, all tested: `invariant_to` some of order, rotation, row scale, replication; `size_dependent` where the expected
    value moves with the number of rows alone; `axioms` of Mironov & Prokhorenkova 2024 that hold or fail (monotonicity:
    larger distances never lower it; uniqueness: a new point in a duplicate's place raises it; continuity).
    """

    name: str
    function: Callable[..., float]
    formula: str
    range: str
    cost: str
    reference: str
    mixtures: Callable[..., Array] | None = None
    second_order: Callable[..., SecondOrder | None] | None = None
    influence: Callable[..., Influence] | None = None
    sampled: bool = False
    options: Mapping[str, Option] = field(default_factory=dict)
    takes: Takes = "rows"
    invariant_to: frozenset[str] = frozenset()
    size_dependent: bool = False
    aggregate: Aggregate = "mean"
    axioms: Mapping[str, bool] = field(default_factory=dict)
    unbiased: Callable[..., bool] = lambda **_: False
    note: str = ""

    def __call__(self, *args: Any, **options: Any) -> float:
        """Compute the metric on rows: `metric("vendi")(x, q=2)`."""
        return self.function(*args, **options)

    @property
    def defaults(self) -> dict[str, float]:
        """The default of every option."""
        return {name: option.default for name, option in self.options.items()}

    def printed(self, **options: float) -> str:
        """The name that parses back, with every option that the metric has: `vendi(q=2)`."""
        if unknown := sorted(set(options) - set(self.options)):
            raise InputError(f"unknown option {unknown[0]!r} of metric {self.name}: it has {self._known()}")
        values = {**self.defaults, **options}
        inner = ",".join(f"{name}={option.printed(values[name])}" for name, option in self.options.items())
        return f"{self.name}({inner})" if inner else self.name

    def _known(self) -> str:
        return ", ".join(self.options) or "no options"

    def parsed(self, text: str) -> dict[str, float]:
        """The options in the parentheses of a printed name, defaults where it has none; raises InputError."""
        values: dict[str, float] = {}
        for item in filter(None, (s.strip() for s in text.split(","))):
            name, _, value = (s.strip() for s in item.partition("="))
            if name not in self.options:
                raise InputError(f"unknown option {name!r} of metric {self.name}: it has {self._known()}")
            if name in values:
                raise InputError(f"expected {name} of {self.name} once, found it twice in {text!r}")
            values[name] = self.options[name].parsed(name, value)
        return {**self.defaults, **values}
