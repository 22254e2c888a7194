"""The tables of a plan: the names that each may have, and the types of their values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from diversity import catalog
from diversity.encoders.hidden_states import Pooling
from diversity.training.settings import setting_types
from diversity.types import InputError

LARGEST = 2**63 - 1  # of seeds: what tables and generators hold
TableName = Literal["plan", "hypothesis", "mixture", "train", "target", "predict", "diversity"]

# Types with bounds; the description says what is expected of a value that is not of the type.
Text = Annotated[str, Meta(description="a text")]
Truth = Annotated[bool, Meta(description="true or false")]
Whole = Annotated[int, Meta(description="a whole number")]
Count = Annotated[int, Meta(ge=1, description="a whole number of at least 1")]
Sample = Annotated[int, Meta(ge=2, description="a whole number of at least 2")]
Seed = Annotated[int, Meta(ge=0, le=LARGEST, description=f"a whole number of at least 0 and at most {LARGEST}")]
Seeds = Annotated[
    list[Seed], Meta(min_length=1, description=f"a list of whole numbers of at least 0 and at most {LARGEST}")
]
Number = Annotated[float, Meta(description="a number")]
Split = Annotated[str, Meta(description="a split, or several in order of preference")]
Folder = Annotated[str, Meta(description="the path of a folder")]
Table = Annotated[dict[str, Any], Meta(description="a table")]
Mixtures = Annotated[list[dict[str, Any]], Meta(min_length=1, description="tables [[mixtures]]")]
Tasks = Annotated[list[str] | dict[str, float], Meta(description="a list of tasks, or a table of their weights")]
Tests = Annotated[Literal["labels", "bootstrap"], Meta(description="labels or bootstrap")]
Failures = Annotated[Literal["leave out", "refuse"], Meta(description="leave out or refuse")]
Level = Annotated[float, Meta(gt=0, lt=1, description="a number between 0 and 1")]
Positive = Annotated[float, Meta(ge=0, description="a number of at least 0")]
Layer = Annotated[int | float, Meta(description="a layer, or a share of the depth")]

OF_TYPE: Mapping[type, Any] = {int: Whole, float: Number, bool: Truth, str: Text}


def _texts(noun: str) -> Any:
    return Annotated[list[str], Meta(min_length=1, description=f"a list of {noun}")]


@cache
def types_of(table: TableName) -> Mapping[str, Any]:
    """The type of each value that a table may have.

    >>> types_of("mixture")["pair"] is Whole
    True
    """
    training = {"preset": Text, **{name: OF_TYPE[kind] for name, kind in setting_types().items() if name != "seed"}}
    data = {"split": Split, "limit": Count}
    tables: dict[TableName, dict[str, Any]] = {
        "plan": {
            "name": Text, "model": Text, "data": Folder, "include": _texts("folders"),
            "threads": Count, "targets": _texts("targets"), "seeds": Seeds,
            "hypothesis": Table, "train": Table, "target": Table, "predict": Table, "diversity": Table, "mixtures": Mixtures,
        },
        "hypothesis": {
            "primary_metric": Text, "encoder": Text, "outcome": Text, "test": Tests, "alpha": Level, "equivalence": Positive,
            "failures": Failures,
        },
        "mixture": {"name": Text, "tasks": Tasks, "role": Text, "pair": Whole},
        "train": {
            "sampling": Text, "cap": Count, "temperature": Number, "mixed": Truth, "merge": Truth, **data, **training,
        },
        "target": {"seeds": Seeds, **data, **training},
        "predict": {"split": Split, "languages": _texts("languages"), "layer": Layer, "pooling": Pooling},
        "diversity": {
            "metrics": _texts("metrics"), "encoder": Text, "sample": Sample, "seed": Seed, "split": Split, "shards": Count,
        },
    }  # fmt: skip
    return tables[table]


def checked(values: Mapping[str, Any], table: TableName, where: str = "") -> dict[str, Any]:
    """The values of a table of the plan; raises InputError for an unknown name, with near matches, or another type."""
    where, types = where or f"[{table}]", types_of(table)
    for name, value in values.items():
        if name not in types:
            raise catalog.near(name, list(types), f"setting of {where}")
        parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
        numbers = [part for part in parts if isinstance(part, float)]
        if table != "plan" and not all(map(math.isfinite, numbers)):  # a plan's tables are checked each on its own
            raise InputError(f"expected {name} in {where} to be finite, found {', '.join(map(repr, numbers))}")
        try:
            msgspec.convert(value, types[name])
        except msgspec.ValidationError:
            described = getattr(types[name], "__metadata__", ())
            kind = str(described[0].description) if described else "one of " + ", ".join(get_args(types[name]))
            raise InputError(f"expected {name} in {where} to be {kind}, found {value!r}") from None
    return dict(values)
