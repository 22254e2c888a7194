"""How many tokens go through the model at once on a processor: what a short measurement finds to be fastest, kept."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity import store
from diversity.training.sampling import Ints
from diversity.training.settings import Settings

if TYPE_CHECKING:
    from transformers import PreTrainedModel

CANDIDATES = (1024, 2048, 4096, 8192)
ROUNDS = 2
ASKED = (
    "DIVERSITY_MEASURE_PASSES"  # 1: measure; other passes round otherwise, so by default no result depends on a clock
)
WORTH = 0.97  # of the time of a larger pass: a smaller one that is hardly faster is not taken


def asked() -> bool:
    """Is a measurement asked for? Otherwise nothing need be prepared for one."""
    return os.environ.get(ASKED) == "1"


def fastest(limit: int, most: int, work: Callable[[int], object], key: Mapping[str, Any]) -> int:
    """The tokens at once, at most `limit`, by which `work`, which has `most` tokens, takes least processor time.

    It is `limit` unless DIVERSITY_MEASURE_PASSES is 1: passes of another size round otherwise, in bf16 by up to a point of
    accuracy in the end. Then it is measured once for each `key`, on each kind of processor, and kept in the cache. Where
    nothing can be kept, or there is nothing to choose, it is `limit`, too.
    """
    choices = [tokens for tokens in CANDIDATES if tokens < min(limit, most)]
    if not choices or not asked():
        return limit
    entry = store.digest({**key, "limit": limit, "processor": processor(), "recipe": 1})
    try:
        with store.cache_entry(None, entry, "passes") as file:
            if not file.exists():
                times = {tokens: _seconds(work, tokens) for tokens in (limit, *reversed(choices))}
                best = limit
                for tokens, seconds in times.items():
                    best = tokens if seconds < WORTH * times[best] else best
                store.write(file, json.dumps({"tokens": best, "seconds": times}))
            return int(json.loads(file.read_text())["tokens"])
    except (OSError, ValueError, KeyError):
        return limit


def about(
    encoder: PreTrainedModel, settings: Settings, attention: str, *, packed: bool, lengths: Ints
) -> dict[str, Any]:
    """What the time of a pass depends on: the model, how it computes, and about how long sequences (tokens each) are."""
    import torch

    config = encoder.config
    return {
        "model": [config.model_type, config.hidden_size, config.num_hidden_layers],
        "precision": settings.optimisation.precision,
        "attention": attention,
        "packed": packed,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "size": [int(lengths.sum()).bit_length(), int(lengths.max()).bit_length()],
    }


def _seconds(work: Callable[[int], object], tokens: int) -> float:
    times = []
    for _ in range(ROUNDS):
        begin = time.process_time()
        work(tokens)
        times.append(time.process_time() - begin)
    return min(times)


@cache
def processor() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
