"""What one training run is done with, and the published settings as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any, Literal, get_args

from diversity import catalog
from diversity.types import InputError

Precision = Literal["fp32", "bf16"]
Packing = Literal["auto", "on", "off"]
Attention = Literal["auto", "sdpa", "eager"]


@dataclass(frozen=True)
class Settings:
    """Settings of one training run, in three groups: the optimisation, the English dev set, the computation.

    Optimisation: peak `learning_rate` of AdamW with `weight_decay` (none on biases and norms), linear warm-up over
    `warmup` steps (a share of them below 1), then linear decay to 0; gradients clipped to the norm `clip`; `batch` units
    an optimiser step, whatever the number of processes and of passes; `dropout` in place of the model's own, in encoder
    and heads (0: none, by which a processor trains about 1.4 times as fast). The length of the run is one of `steps`,
    `examples` (units) and `epochs`. Sequences have at most `max_length` tokens; windows of a passage overlap by `stride`.
    `seed` is that of all chance.

    Dev set: `dev_examples` of it are scored every `dev_every` steps (0: never); the run ends after `patience` scores
    without a new best one, and the best weights are kept.

    Computation, which changes results by rounding alone: `precision`; `packing` of several sequences in one row (`auto`:
    where it is tested to give the same outputs); `attention` of transformers, `sdpa` or `eager` (`auto`: whichever is
    faster, `attends`); at most `tokens` tokens, padding included, in one pass through the
    model (a batch that is larger is accumulated); a checkpoint every `save_every` steps; `deterministic` kernels on a
    GPU (a processor's are).
    """

    learning_rate: float = 1e-5
    weight_decay: float = 0.0
    warmup: float = 0.1
    clip: float = 1.0
    batch: int = 32
    steps: int | None = None
    examples: int | None = None
    epochs: float | None = None
    dropout: float | None = None
    max_length: int = 256
    stride: int = 128
    seed: int = 0

    dev_examples: int = 500
    dev_every: int = 0
    patience: int = 30

    precision: Precision = "fp32"
    packing: Packing = "auto"
    attention: Attention = "auto"
    tokens: int = 16_384
    save_every: int = 1000
    deterministic: bool = False

    def __post_init__(self) -> None:
        for name, least in (("learning_rate", 0.0), ("weight_decay", 0.0), ("warmup", 0.0), ("clip", 0.0)):
            if not least <= getattr(self, name) < math.inf:
                raise InputError(f"expected {name} of at least {least:g}, found {getattr(self, name)}")
        for name, least in LEAST.items():
            if getattr(self, name) is not None and getattr(self, name) < least:
                raise InputError(f"expected {name} of at least {least}, found {getattr(self, name)}")
        for name, known in (("precision", Precision), ("packing", Packing), ("attention", Attention)):
            if getattr(self, name) not in get_args(known):
                raise InputError(
                    f"expected {name} to be one of {', '.join(get_args(known))}, found {getattr(self, name)!r}"
                )
        if self.dropout is not None and not 0 <= self.dropout < 1:
            raise InputError(f"expected dropout of at least 0 and below 1, found {self.dropout}")
        if self.epochs is not None and not 0 < self.epochs < math.inf:
            raise InputError(f"expected epochs above 0, found {self.epochs}")
        given = [n for n in ("steps", "examples", "epochs") if getattr(self, n) is not None]
        if len(given) > 1:
            raise InputError(f"expected one length of the run, found {' and '.join(given)}")

    def length(self, units: int) -> tuple[int, int]:
        """Optimiser steps and units drawn, for so many units in an epoch; one epoch where no length is given.

        >>> Settings(examples=100, batch=32).length(1000)
        (4, 100)
        """
        if self.steps is not None:
            return self.steps, self.steps * self.batch
        drawn = self.examples or math.ceil((self.epochs or 1) * units)
        return math.ceil(drawn / self.batch), drawn

    def attends(self, device: str) -> str:
        """The attention that is trained with on a device; prediction is faster with `sdpa` everywhere.

        `auto` is `eager` on a processor with dropout, which the fused kernel has none of there, or in bf16, in which its
        gradients are slow.

        >>> Settings().attends("cpu"), Settings(dropout=0).attends("cpu"), Settings().attends("cuda")
        ('eager', 'sdpa', 'sdpa')
        """
        if self.attention != "auto":
            return self.attention
        slow = self.precision == "bf16" or self.dropout != 0
        return "eager" if slow and device == "cpu" else "sdpa"

    def rate(self, step: int, steps: int) -> float:
        """The learning rate of a step, counted from 0: linear warm-up, then linear decay to 0 after the last.

        >>> [Settings(learning_rate=1.0, warmup=2).rate(s, 4) for s in range(4)]
        [0.5, 1.0, 1.0, 0.5]
        """
        warm = self.warmup * steps if self.warmup < 1 else self.warmup
        if step + 1 <= warm:
            return self.learning_rate * (step + 1) / warm
        return self.learning_rate * max(0.0, min(1.0, (steps - step) / max(1.0, steps - warm)))


LEAST = {
    "batch": 1,
    "steps": 1,
    "examples": 1,
    "max_length": 8,
    "stride": 1,
    "seed": 0,
    "dev_examples": 1,
    "dev_every": 0,
    "patience": 1,
    "tokens": 8,
    "save_every": 1,
}


# phang2020: jiant's guide to Phang et al. 2020 (nyu-mll/jiant, daa5a258). xtreme: the baseline scripts of the benchmark
# for XLM-R Large (google-research/xtreme, 838c13b). What a source does not say is as in Settings.
_PHANG = Settings(weight_decay=0.01, dev_every=1000)
_XTREME = Settings(learning_rate=2e-5, warmup=0, max_length=128, dev_every=500)
_XTREME_QA = replace(_XTREME, learning_rate=3e-5, max_length=384, warmup=500, weight_decay=1e-4, epochs=3)
PRESETS: dict[str, dict[str, Settings]] = {
    "phang2020": {
        "xnli": replace(_PHANG, epochs=2),
        "pawsx": replace(_PHANG, epochs=5),
        **dict.fromkeys(("udpos", "panx"), replace(_PHANG, epochs=10)),
        **dict.fromkeys(("xquad", "mlqa", "tydiqa"), replace(_PHANG, epochs=2, batch=16, max_length=384)),
        "intermediate": _PHANG,
    },
    "xtreme": {
        "xnli": replace(_XTREME, learning_rate=3e-5, epochs=5),
        "pawsx": replace(_XTREME, epochs=5),
        **dict.fromkeys(("udpos", "panx"), replace(_XTREME, epochs=10)),
        **dict.fromkeys(("xquad", "mlqa", "tydiqa"), _XTREME_QA),
        "intermediate": _XTREME,
    },
}


def preset(name: str, target: str = "intermediate") -> Settings:
    """The published settings for a target, or those that a preset has for intermediate training.

    >>> preset("phang2020", "xquad").batch
    16
    """
    if name not in PRESETS:
        raise catalog.near(name, sorted(PRESETS), "preset")
    if target not in PRESETS[name]:
        raise catalog.near(target, sorted(PRESETS[name]), f"target of the preset {name}")
    return PRESETS[name][target]


def changed(settings: Settings, **given: Any) -> Settings:
    """Settings with those changed that are given (not None); a given length of the run takes the place of another.

    >>> changed(Settings(epochs=2), steps=10, batch=None).epochs is None
    True
    """
    known = {f.name for f in fields(Settings)}
    if unknown := sorted(set(given) - known):
        raise catalog.near(unknown[0], sorted(known), "setting")
    new = {k: v for k, v in given.items() if v is not None}
    if any(k in new for k in ("steps", "examples", "epochs")):
        new = {"steps": None, "examples": None, "epochs": None, **new}
    return replace(settings, **new)
