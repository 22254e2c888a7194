"""The tables of a plan: the names that each may have, and the types of their values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, get_args

import msgspec
from msgspec import Meta

from diversity import catalog
from diversity.encoders.hidden_states import Pooling
from diversity.encoders.sentence import Precision
from diversity.planning.choice import ROLES, RULES
from diversity.training.settings import MEANING, OLD_NAMES, setting_types
from diversity.types import InputError
from diversity.types.mixture import CAP

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


class Key(NamedTuple):
    """What a value of a plan has to be, and what it is for."""

    type: Any
    meaning: str

    @property
    def expected(self) -> str:
        """The type in words.

        >>> keys_of("mixture")["pair"].expected
        'a whole number'
        """
        described = getattr(self.type, "__metadata__", ())
        return str(described[0].description) if described else "one of " + ", ".join(get_args(self.type))


@cache
def keys_of(table: TableName) -> Mapping[str, Key]:
    """What a table of a plan may have, by name.

    >>> keys_of("plan")["targets"].meaning
    'Targets of XTREME, or your own.'
    """
    training = {
        "preset": Key(Text, "Published settings, of which those below change single ones: phang2020, xtreme or quick."),
        **{
            name: Key(OF_TYPE[kind], MEANING[OLD_NAMES.get(name, name)])
            for name, kind in setting_types().items()
            if name != "seed"
        },
    }
    data = {
        "split": Key(Split, "Split to train on; of several the first that is there (train,dev)."),
        "limit": Key(Count, "Rows of each task at most, drawn at random (all)."),
    }
    tables: dict[TableName, dict[str, Key]] = {
        "plan": {
            "name": Key(Text, "Name of the study (that of the file)."),
            "model": Key(Text, "Encoder that is trained: mini, a folder, or owner/name of the hub."),
            "targets": Key(_texts("targets"), "Targets of XTREME, or your own."),
            "seeds": Key(Seeds, "Seeds of training. Each is a run of every mixture on every target."),
            "data": Key(Folder, "Folder of the data, beside the plan or anywhere; --data says another."),
            "include": Key(_texts("folders"), "Folders of tasks, targets and metrics of your own."),
            "threads": Key(Count, "Threads of each process; the same tables on any machine (as many as it has)."),
            "hypothesis": Key(Table, "What is declared before anything is trained."),
            "train": Key(Table, "Training of mixtures."),
            "target": Key(Table, "Fine-tuning on targets."),
            "predict": Key(Table, "What is predicted."),
            "diversity": Key(Table, "Scores of the mixtures."),
            "mixtures": Key(Mixtures, "A table for each mixture."),
        },
        "hypothesis": {
            "primary_metric": Key(Text, "The metric of diversity that the answer rests on, with its options."),
            "encoder": Key(Text, "Encoder of the vectors that it is computed from."),
            "outcome": Key(Text, "mean, mean9, mean7, retrieval, or a target."),
            "test": Key(Tests, "Exact test by task labels, or REML with a parametric bootstrap."),
            "alpha": Key(Level, "Level of the test (0.05)."),
            "equivalence": Key(Positive, "Points a standard deviation that are as good as none."),
            "failures": Key(Failures, "Mixtures with a failed run are left out, or the analysis departs from the plan."),
        },
        "train": {
            "sampling": Key(Text, f"In what proportions tasks are drawn: {', '.join(RULES)} (uniform)."),
            "cap": Key(Count, f"Rows of a task that count at most (examples-proportional: {CAP:,}; temperature: all)."),
            "temperature": Key(Number, "Temperature of the sampling of that name (2)."),
            "mixed": Key(Truth, "Whether a batch may hold several tasks (false)."),
            "merge": Key(Truth, "Mean of the weights of single tasks, in place of training on mixtures (false)."),
            **data, **training,
        },
        "target": {"seeds": Key(Seeds, "Seeds of one target, in its own table (all)."), **data, **training},
        "predict": {
            "split": Key(Split, "Split to predict; of several the first that is there (test,dev)."),
            "languages": Key(_texts("languages"), "Languages (all that the data have)."),
            "layer": Key(Layer, "Retrieval: layer of the sentence vectors, an index or a share of the depth (0.58)."),
            "pooling": Key(Pooling, "Retrieval: mean over the tokens, or the first token (mean)."),
            "precision": Key(Precision, "Retrieval: precision of the products (fp32)."),
        },
        "diversity": {
            "metrics": Key(_texts("metrics"), "Metrics, with their options."),
            "encoder": Key(Text, "Encoder of the texts (all-MiniLM-L6-v2)."),
            "sample": Key(Sample, f"Texts of each task, drawn at random ({catalog.SAMPLE})."),
            "seed": Key(Seed, "Seed of that sample (0)."),
            "split": Key(Split, "Split of the texts; of several the first that is there (train,dev)."),
            "shards": Key(Count, "Stages that a task's texts are embedded in (1)."),
        },
        "mixture": {
            "tasks": Key(Tasks, "Its tasks, or their weights; none for the baseline."),
            "name": Key(Text, "Its name (those of the tasks)."),
            "role": Key(Text, f"Its part in the design: {', '.join(ROLES)}."),
            "pair": Key(Whole, "Number of the matched pair that it belongs to."),
        },
    }  # fmt: skip
    return tables[table]


def checked(values: Mapping[str, Any], table: TableName, where: str = "") -> dict[str, Any]:
    """The values of a table of the plan; raises InputError for an unknown name, with near matches, or another type."""
    where, keys = where or f"[{table}]", keys_of(table)
    for name, value in values.items():
        if name not in keys:
            raise catalog.near(name, list(keys), f"setting of {where}")
        parts = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else [value]
        numbers = [part for part in parts if isinstance(part, float)]
        if table != "plan" and not all(map(math.isfinite, numbers)):  # a plan's tables are checked each on its own
            raise InputError(f"expected {name} in {where} to be finite, found {', '.join(map(repr, numbers))}")
        try:
            msgspec.convert(value, keys[name].type)
        except msgspec.ValidationError:
            raise InputError(f"expected {name} in {where} to be {keys[name].expected}, found {value!r}") from None
    return dict(values)
