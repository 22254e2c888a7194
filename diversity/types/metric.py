"""A diversity metric, and the numbers that may stand in its name."""

from __future__ import annotations

import numbers
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from diversity.types.array import Array
from diversity.types.embedding import SecondOrder, Spectral
from diversity.types.errors import InputError

INFINITY, FLOAT = float("inf"), sys.float_info.max
WHOLE = 2**63 - 1  # the largest whole number of an option: what a table can hold
Influence = Callable[[int, int], "Array"]
Takes = Literal["rows", "partition", "weights", "texts", "labelled", "reference", "reference_texts"]
Aggregate = Literal["mean", "sum", "extreme"]
Question = Literal["", "texts", "number", "tasks", "reference", "words", "covariate"]
QUESTIONS: dict[Question, str] = {
    "texts": "How different are the texts from each other?",
    "number": "How many different things do the texts say?",
    "tasks": "How different are the tasks of a mixture?",
    "reference": "How do the texts lie to a reference or a target?",
    "words": "Do the texts repeat words and phrases?",
    "covariate": "What else could explain an effect?",
    "": "Metrics of your own",
}
Larger = Literal["more diverse", "less diverse", "neither more nor less diverse"]


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


@dataclass(frozen=True, repr=False)
class Metric:
    """A diversity metric: the function on rows, its form for mixtures, and what it claims.

    `function` returns a float and takes what `takes` says: `rows` x (n, d); `partition`: rows and the task of each;
    `weights` of a mixture (T,); `texts`; `labelled`: rows and a class of each; `reference`: rows and other rows (m, d);
    `reference_texts`: texts and other texts.
    `mixtures(tasks, weights, **options)`, if any, takes TaskMoments and weights (M, T) and returns M exact
    values without touching a row; where `sampled`, they are means over the rows that `tasks` keeps, exact in all else. A
    metric without it is computed on rows drawn by weight.
    `second_order(tasks, **options)` is the same as a function of two forms in the weights, or None at these options: many
    relabellings of the tasks are then one product of matrices. `spectral(tasks, **options)` is the same as a function of
    the spectrum that is concave in the weights, or None: its largest value can be found, and shown to be it.
    `influence(tasks, weights, rows, **options)` gives the influence (k,) of each row of task a on the value of mixture m:
    its variance is the sampling variance of the value (delta method). That of a `sampled` metric has two columns: by way of
    the moments of all rows, and by way of the mean over those that are kept. `options` are the numbers that may stand in the
    printed name; `unbiased(**options)` says whether it has a U estimator.

    `from_drawn(drawn, **options)` gives the value of a set that outgrows memory and the ends of its 95 % interval, from rows
    drawn from it (`DrawnRows`; from the reference, where the metric takes one), each compared with all rows of the set;
    with all rows drawn it is the function's value. A metric that has it is a mean over rows, or says bounds.

    `aggregate` says how a set's value comes from its rows, which resampling has to know: a `sum` grows in proportion to their
    number, an `extreme` depends on very few of them; all else counts as a `mean`.

    Claims, all tested: `invariant_to` some of order, rotation, row scale, replication; `size_dependent` where the expected
    value moves with the number of rows alone; `axioms` of Mironov & Prokhorenkova 2024 that hold or fail (monotonicity:
    larger distances never lower it; uniqueness: a new point in a duplicate's place raises it; continuity). `digest` is that
    of the file of a metric from outside the toolkit.

    Words for a reader: `measures` is one plain sentence, `question` the key in `QUESTIONS` of what it answers, `use` when to
    use it, `large` what is a large value, `larger` what a larger value means, `caveats` what to beware of.
    """

    name: str
    function: Callable[..., float]
    formula: str
    range: str
    cost: str
    reference: str
    mixtures: Callable[..., Array] | None = None
    second_order: Callable[..., SecondOrder | None] | None = None
    spectral: Callable[..., Spectral | None] | None = None
    influence: Callable[..., Influence] | None = None
    sampled: bool = False
    from_drawn: Callable[..., tuple[float, float, float]] | None = None
    options: Mapping[str, Option] = field(default_factory=dict)
    takes: Takes = "rows"
    invariant_to: frozenset[str] = frozenset()
    size_dependent: bool = False
    aggregate: Aggregate = "mean"
    axioms: Mapping[str, bool] = field(default_factory=dict)
    unbiased: Callable[..., bool] = lambda **_: False
    measures: str = ""
    question: Question = ""
    use: str = ""
    large: str = ""
    larger: Larger = "more diverse"
    caveats: str = ""
    digest: str = ""

    def __repr__(self) -> str:
        return f"Metric({self.printed()}: {self.measures or self.formula})"

    def __call__(self, *args: object, **options: float) -> float:
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
