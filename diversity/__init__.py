"""Semantic diversity of intermediate tasks, and how it bears on zero-shot cross-lingual transfer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Name of the public API -> module that has it. Imported when first used: `import diversity` loads nothing heavy.
_API = {
    "check": "data",
    "compare": "stats.comparing",
    "distances": "scoring",
    "fetch": "data",
    "fit": "stats.fitting",
    "from_arrays": "measuring",
    "load_encoder": "embed",
    "measure": "measuring",
    "metric": "catalog",
    "published": "stats.literature",
    "score": "scoring",
    "task": "catalog",
    "InputError": "types",
    "Mixture": "types",
    "Space": "measuring",
}

__all__ = ["__version__", *_API]

if TYPE_CHECKING:
    from diversity.catalog import metric as metric
    from diversity.catalog import task as task
    from diversity.data import check as check
    from diversity.data import fetch as fetch
    from diversity.embed import load_encoder as load_encoder
    from diversity.measuring import Space as Space
    from diversity.measuring import from_arrays as from_arrays
    from diversity.measuring import measure as measure
    from diversity.scoring import distances as distances
    from diversity.scoring import score as score
    from diversity.stats.comparing import compare as compare
    from diversity.stats.fitting import fit as fit
    from diversity.stats.literature import published as published
    from diversity.types import InputError as InputError
    from diversity.types import Mixture as Mixture


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module 'diversity' has no attribute {name!r}")
    return getattr(importlib.import_module(f"diversity.{_API[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
