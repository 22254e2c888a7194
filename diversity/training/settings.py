"""What one training run is done with, and the published settings as data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cache
from typing import Any, Literal, get_args, get_type_hints

from diversity import catalog
from diversity.results import LATER
from diversity.types import InputError

Precision = Literal["fp32", "bf16"]
Packing = Literal["auto", "on", "off"]
Attention = Literal["auto", "sdpa", "eager"]
Vocabulary = Literal["used", "whole"]
Value = float | str | None  # of a setting; whole numbers and bools are floats to a type checker
LENGTHS = ("steps", "examples", "epochs", "sequences", "training_tokens")  # of which a run has one

# Names of version 0.1.0, as they stand in its records, in plans and in the options of the command line.
OLD_NAMES = {"batch": "batch_size", "clip": "max_grad_norm", "stride": "doc_stride", "tokens": "max_tokens_per_batch"}


LONGEST = 10**9  # training instances of a run


@dataclass(frozen=True)
class Optimisation:
    """What changes the weights that come out.

    Peak `learning_rate` of AdamW with `weight_decay` (none on biases and norms); linear warm-up over `warmup` steps (below
    1: a share of them), then linear decay to 0. Gradients are clipped to the norm `max_grad_norm` (0: not). An optimiser
    step has `batch_size` training instances, whatever the number of processes and of micro-batches. `dropout` takes the
    place of the model's own, in encoder and heads (0: none, by which a processor trains about 1.4 times as fast). The
    length of the run is one of `steps`, `examples` (training instances), `epochs`, `sequences` and `training_tokens`: the
    last two are a cost, of which an instance with four choices has four times that of one text. Sequences have at most
    `max_length` tokens; the windows of a long passage begin `doc_stride` tokens apart. `frozen_layers` is the share of the
    encoder's layers, from the lowest up, that stay as they are, and with them the embeddings (0: all are trained).
    `precision` is that of the products; weights are float32 always. `seed` is that of all chance.
    """

    learning_rate: float = 1e-5
    weight_decay: float = 0.0
    warmup: float = 0.1
    max_grad_norm: float = 1.0
    batch_size: int = 32
    steps: int | None = None
    examples: int | None = None
    epochs: float | None = None
    sequences: int | None = None
    training_tokens: int | None = None
    dropout: float | None = None
    frozen_layers: float = 0.0
    max_length: int = 256
    doc_stride: int = 128
    precision: Precision = "fp32"
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise InputError for a value out of range, and for two lengths of the run."""
        _check(self)
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"expected dropout of at least 0 and below 1, found {self.dropout}")
        if not 0 <= self.frozen_layers < 1:
            raise InputError(f"expected frozen_layers of at least 0 and below 1, found {self.frozen_layers}")
        if self.epochs is not None and not 0 < self.epochs < math.inf:
            raise InputError(f"expected epochs above 0, found {self.epochs}")
        given = [n for n in LENGTHS if getattr(self, n) is not None]
        if len(given) > 1:
            raise InputError(f"expected one length of the run, found {' and '.join(given)}")

    def length(self, instances: int, sequences: float = 1, tokens: float = 1) -> tuple[int, int]:
        """Optimiser steps and training instances, for so many instances an epoch; one epoch where no length is given.

        `sequences` and `tokens` are those of a drawn instance on average. Raises InputError for more than a billion
        instances, whose schedule no memory holds.

        >>> Optimisation(examples=100, batch_size=32).length(1000)
        (4, 100)
        >>> Optimisation(sequences=400, batch_size=32).length(1000, sequences=4)
        (4, 100)
        """
        whole = self.steps * self.batch_size if self.steps is not None else self.examples
        for cost, each in ((self.sequences, sequences), (self.training_tokens, tokens)):
            whole = whole if cost is None else max(1, round(cost / each))
        if (most := whole or (self.epochs or 1) * instances) > LONGEST or self.batch_size > LONGEST:
            found = f"{most:g} in batches of {self.batch_size:g}"
            raise InputError(f"expected a run of at most {LONGEST:,} examples, found {found}")
        if self.steps is not None:
            return self.steps, self.steps * self.batch_size
        sampled = whole or math.ceil((self.epochs or 1) * instances)
        return math.ceil(sampled / self.batch_size), sampled

    def learning_rate_at(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0: linear warm-up, then linear decay to 0 after the last.

        The warm-up begins at 1 / `warmup`, one step ahead of that of transformers, whose first step has a rate of 0.

        >>> [Optimisation(learning_rate=1.0, warmup=2).learning_rate_at(s, 4) for s in range(4)]
        [0.5, 1.0, 1.0, 0.5]
        """
        warm = self.warmup * steps if self.warmup < 1 else self.warmup
        if step + 1 <= warm:
            return self.learning_rate * (step + 1) / warm
        return self.learning_rate * max(0.0, min(1.0, (steps - step) / max(1.0, steps - warm)))

    def decay(self, first: int, end: int, steps: int) -> float:
        """What AdamW's weight decay multiplies a weight without a gradient by, from step `first` to before `end`.

        >>> Optimisation(learning_rate=1.0, weight_decay=0.5, warmup=2).decay(0, 2, steps=4)
        0.375
        """
        if not self.weight_decay:
            return 1.0
        return math.prod(1 - self.learning_rate_at(step, steps) * self.weight_decay for step in range(first, end))


@dataclass(frozen=True)
class Selection:
    """Which weights of a run are kept.

    `dev_examples` rows of each task are scored after the last step and, above 0, every `dev_every` steps. Then the run ends
    after `patience` scores without a new best mean, and the best weights are kept; with `dev_every` 0, the last ones.
    """

    dev_examples: int = 500
    dev_every: int = 0
    patience: int = 30

    def __post_init__(self) -> None:
        """Raise InputError for a value out of range."""
        _check(self)


@dataclass(frozen=True)
class Computation:
    """How the same weights are computed: these settings change them by rounding alone.

    At most `max_tokens_per_batch` tokens, padding included, go through the model at once: a larger step is divided into
    micro-batches, and less memory is used. `packing` of several sequences in one row (`auto`: where it is tested to give
    the same outputs); `attention` of transformers (`auto`: whichever is faster, `Settings.attends`). Of the token
    embeddings those are trained that the run's data use (`vocabulary`; the others decay, as they would), or the `whole`
    table. A checkpoint every `save_every` steps; `deterministic` kernels on a GPU (a processor's are).
    """

    packing: Packing = "auto"
    attention: Attention = "auto"
    vocabulary: Vocabulary = "used"
    max_tokens_per_batch: int = 16_384
    save_every: int = 1000
    deterministic: bool = False

    def __post_init__(self) -> None:
        """Raise InputError for a value out of range."""
        _check(self)


@dataclass(frozen=True)
class Settings:
    """Settings of one training run, in three parts.

    A run is the same one, and goes on from its checkpoints, where `optimisation` and `selection` are the same.

    >>> Settings.of(batch_size=16, dev_every=100).optimisation.batch_size
    16
    """

    optimisation: Optimisation = field(default_factory=Optimisation)
    selection: Selection = field(default_factory=Selection)
    computation: Computation = field(default_factory=Computation)

    @staticmethod
    def of(**values: Value) -> Settings:
        """Settings from single values by name; the others are the defaults. InputError for an unknown name."""
        return changed(Settings(), **values)

    @staticmethod
    def read(record: Mapping[str, Any]) -> Settings:
        """Settings as a record holds them: in three parts, or in one with the names of version 0.1.0."""
        values: dict[str, Value] = {}
        for name, value in record.items():
            values |= value if isinstance(value, Mapping) else {name: value}
        return Settings.of(**values)

    @property
    def values(self) -> dict[str, Value]:
        """Every setting by name, the parts put together."""
        return {name: value for part in asdict(self).values() for name, value in part.items()}

    @property
    def identity(self) -> dict[str, dict[str, Value]]:
        """The parts that say which run it is: all but the computation, and settings of later versions where they are used."""
        optimisation = {k: v for k, v in asdict(self.optimisation).items() if v or k not in LATER}
        return {"optimisation": optimisation, "selection": asdict(self.selection)}

    def attends(self, device: str) -> str:
        """The attention that is trained with on a device; prediction is faster with `sdpa` everywhere.

        `auto` is `eager` on a processor with dropout, which the fused kernel has none of there, or in bf16, in which its
        gradients are slow.

        >>> Settings().attends("cpu"), Settings.of(dropout=0).attends("cpu"), Settings().attends("cuda")
        ('eager', 'sdpa', 'sdpa')
        """
        if self.computation.attention != "auto":
            return self.computation.attention
        slow = self.optimisation.precision == "bf16" or self.optimisation.dropout != 0
        return "eager" if slow and device == "cpu" else "sdpa"


# What each setting is, for `--help` and the reference of plans.
MEANING = {
    "learning_rate": "Peak learning rate.",
    "weight_decay": "Weight decay of AdamW.",
    "warmup": "Warm-up: steps, or below 1 a share of them.",
    "max_grad_norm": "Norm that gradients are clipped to; 0: no clipping.",
    "batch_size": "Examples a step, over all processes.",
    "steps": "Steps to train for.",
    "examples": "Examples to train on; a window of a long passage is one.",
    "epochs": "Epochs to train for.",
    "sequences": "Sequences to train on; four choices are four.",
    "training_tokens": "Tokens to train on.",
    "dropout": "Dropout of encoder and heads; 0: none.",
    "frozen_layers": "Share of the layers that is not trained, from the lowest up.",
    "max_length": "Tokens of a sequence at most.",
    "doc_stride": "Tokens from one window of a passage to the next.",
    "precision": "Precision of the products.",
    "dev_examples": "Dev rows of each task.",
    "dev_every": "Steps between dev scores, of which the best decides; 0: score the last weights only.",
    "patience": "Dev scores without a new best one before training ends.",
    "packing": "Several sequences in a row of tokens.",
    "attention": "Attention in training.",
    "vocabulary": "Token embeddings that are trained: those used, or all; the weights are the same.",
    "max_tokens_per_batch": "Tokens in one pass through the model at most; lower it to save memory.",
    "save_every": "Steps between checkpoints.",
    "deterministic": "Kernels on a GPU that give the same weights again; a processor's always do.",
}


LEAST = {
    "learning_rate": 0.0,
    "weight_decay": 0.0,
    "warmup": 0.0,
    "max_grad_norm": 0.0,
    "batch_size": 1,
    "steps": 1,
    "examples": 1,
    "sequences": 1,
    "training_tokens": 1,
    "max_length": 8,
    "doc_stride": 1,
    "seed": 0,
    "dev_examples": 1,
    "dev_every": 0,
    "patience": 1,
    "max_tokens_per_batch": 8,
    "save_every": 1,
}
MOST = {"seed": 2**63 - 1}  # whole numbers of a result table have 64 bits


def _check(part: Optimisation | Selection | Computation) -> None:
    """Raise InputError for a value that is too small, not finite, or none of the known ones."""
    for name, choices in get_type_hints(type(part)).items():
        value, least = getattr(part, name), LEAST.get(name)
        if least is not None and value is not None and not least <= value < math.inf:
            raise InputError(f"expected {name} of at least {least:g}, found {value}")
        if name in MOST and value > MOST[name]:
            raise InputError(f"expected {name} of at most {MOST[name]}, found {value}")
        known = [choice for choice in get_args(choices) if isinstance(choice, str)]
        if known and value not in known:
            raise InputError(f"expected {name} to be one of {', '.join(known)}, found {value!r}")


@cache
def setting_types() -> dict[str, type]:
    """The type of each setting by its name and by its older one: int, float, bool, or str where it is a choice.

    >>> setting_types()["warmup"], setting_types()["precision"]
    (<class 'float'>, <class 'str'>)
    """
    types: dict[str, type] = {}
    for part in (Optimisation, Selection, Computation):
        for name, hint in get_type_hints(part).items():
            first = get_args(hint)[0] if get_args(hint) else hint
            types[name] = first if isinstance(first, type) else type(first)
    return types | {old: types[new] for old, new in OLD_NAMES.items()}


def changed(settings: Settings, **values: Value) -> Settings:
    """Settings with those changed that are given (not None); a given length of the run takes the place of another.

    Raises InputError for an unknown name and a value that cannot be.

    >>> changed(Settings.of(epochs=2), steps=10, batch_size=None).optimisation.epochs is None
    True
    """
    for name in values:
        if name not in setting_types():
            raise catalog.near(name, sorted(setting_types()), "setting")
    new: dict[str, Any] = {OLD_NAMES.get(k, k): v for k, v in values.items() if v is not None}
    if any(k in new for k in LENGTHS):
        new = {**dict.fromkeys(LENGTHS), **new}
    parts = {f.name: getattr(settings, f.name) for f in fields(settings)}
    own = {name: {f.name for f in fields(part)} for name, part in parts.items()}
    return Settings(**{p: replace(parts[p], **{k: v for k, v in new.items() if k in own[p]}) for p in parts})


# --- Presets -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Preset:
    """Named settings: of intermediate training, of fine-tuning on targets by kind, and of the targets that differ.

    A target that the source does not know has the settings of its kind.
    """

    intermediate: Settings
    kinds: Mapping[str, Settings]
    targets: Mapping[str, Settings] = field(default_factory=dict)


# phang2020: jiant's guide to Phang et al. 2020 (nyu-mll/jiant, daa5a258). xtreme: the baseline scripts of the benchmark
# for XLM-R Large (google-research/xtreme, 838c13b). What a source does not say is as in Settings. Classification is as
# on PAWS-X, the smaller of the two sets; XNLI has its own settings.
_PHANG = Settings.of(weight_decay=0.01, dev_every=1000)
_XTREME = Settings.of(learning_rate=2e-5, warmup=0, max_length=128, dev_every=500)
PRESETS: dict[str, Preset] = {
    "phang2020": Preset(
        intermediate=_PHANG,
        kinds={
            "classification": changed(_PHANG, epochs=5),
            "multiple_choice": changed(_PHANG, epochs=5),
            "tagging": changed(_PHANG, epochs=10),
            "span": changed(_PHANG, epochs=2, batch_size=16, max_length=384),
        },
        targets={"xnli": changed(_PHANG, epochs=2)},
    ),
    "xtreme": Preset(
        intermediate=_XTREME,
        kinds={
            "classification": changed(_XTREME, epochs=5),
            "multiple_choice": changed(_XTREME, epochs=5),
            "tagging": changed(_XTREME, epochs=10),
            "span": changed(_XTREME, learning_rate=3e-5, max_length=384, warmup=500, weight_decay=1e-4, epochs=3),
        },
        targets={"xnli": changed(_XTREME, learning_rate=3e-5, epochs=5)},
    ),
}


# Not published: for first looks, at a fraction of the cost. The embeddings and the lower two thirds of the layers stay as
# they are, batches are of 32 throughout, nothing is dropped out, and the last weights are kept.
_QUICK: dict[str, float | str | None] = {"batch_size": 32, "frozen_layers": 2 / 3, "dropout": 0.0, "dev_every": 0}
PRESETS["quick"] = Preset(
    intermediate=changed(_PHANG, **_QUICK),
    kinds={kind: changed(settings, **_QUICK) for kind, settings in PRESETS["phang2020"].kinds.items()},
    targets={name: changed(settings, **_QUICK) for name, settings in PRESETS["phang2020"].targets.items()},
)


def preset(name: str, target: str = "") -> Settings:
    """The settings of that name for fine-tuning on a target, or, without one, for intermediate training.

    Raises InputError for an unknown preset, an unknown target, and one of retrieval, which is not trained on.

    >>> preset("phang2020", "xquad").optimisation.batch_size
    16
    """
    if name not in PRESETS:
        raise catalog.near(name, sorted(PRESETS), "preset")
    known = PRESETS[name]
    if not target:
        return known.intermediate
    task = catalog.task(target)
    name, kind = task.presets or target, task.kind
    if name not in known.targets and kind not in known.kinds:
        raise InputError(f"{target}: expected a target that is fine-tuned on ({', '.join(known.kinds)}), found {kind}")
    return known.targets.get(name) or known.kinds[kind]


def in_presets(name: str) -> str:
    """What each preset has of a setting for mixtures, and for kinds of targets where those differ; '' where none has any.

    >>> in_presets("learning_rate")
    'phang2020 1e-05; xtreme 2e-05, 3e-05 for span and xnli; quick 1e-05'
    """
    parts = {}
    for preset, published in PRESETS.items():
        own, apart = published.intermediate.values[name], dict[str, list[str]]()
        for kind, settings in {**published.kinds, **published.targets}.items():
            if (value := settings.values[name]) != own:
                apart.setdefault(_shown(name, value), []).append(kind.replace("_", " "))
        others = [f"{value} for {' and '.join(kinds)}" for value, kinds in apart.items()]
        parts[preset] = ", ".join([_shown(name, own), *others])
    if len(set(parts.values())) == 1:
        return next(iter(parts.values()))
    return "; ".join(f"{preset} {values}" for preset, values in parts.items())


def _shown(name: str, value: Value) -> str:
    if value is None:
        return {"epochs": "1", "dropout": "the model's own"}.get(name, "")
    return f"{value:g}" if isinstance(value, float) else str(value)
