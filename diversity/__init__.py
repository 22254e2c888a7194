"""Semantic diversity of intermediate tasks, and how it bears on zero-shot cross-lingual transfer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

# Name of the public API -> module that has it. Imported when first used: `import diversity` loads nothing heavy.
_API = {
    "check": "data",
    "compare": "stats.comparing",
    "design": "planning.designing",
    "contributions": "scoring",
    "distances": "scoring",
    "evaluate": "xtreme.report",
    "fetch": "data",
    "fit": "stats.fitting",
    "from_arrays": "measuring",
    "grid_status": "grid.running",
    "load_encoder": "embed",
    "measure": "measuring",
    "metric": "catalog",
    "run_grid": "grid.running",
    "plan_mix": "training.mixing",
    "plot": "reporting.drawing",
    "retrieve": "training.retrieving",
    "published": "stats.literature",
    "score": "scoring",
    "task": "catalog",
    "train_mix": "training.mixing",
    "transfer": "training.transferring",
    "report": "reporting.composing",
    "InputError": "types",
    "Mining": "training.retrieving",
    "Mixture": "types",
    "Sampling": "training.sampling",
    "Settings": "training.settings",
    "Space": "measuring",
}

__all__ = ["__version__", *_API]

if TYPE_CHECKING:
    from diversity.catalog import metric as metric
    from diversity.catalog import task as task
    from diversity.data import check as check
    from diversity.data import fetch as fetch
    from diversity.embed import load_encoder as load_encoder
    from diversity.grid.running import grid_status as grid_status
    from diversity.grid.running import run_grid as run_grid
    from diversity.measuring import Space as Space
    from diversity.measuring import from_arrays as from_arrays
    from diversity.measuring import measure as measure
    from diversity.planning.designing import design as design
    from diversity.reporting.composing import report as report
    from diversity.reporting.drawing import plot as plot
    from diversity.scoring import contributions as contributions
    from diversity.scoring import distances as distances
    from diversity.scoring import score as score
    from diversity.stats.comparing import compare as compare
    from diversity.stats.fitting import fit as fit
    from diversity.stats.literature import published as published
    from diversity.training.mixing import plan_mix as plan_mix
    from diversity.training.mixing import train_mix as train_mix
    from diversity.training.retrieving import Mining as Mining
    from diversity.training.retrieving import retrieve as retrieve
    from diversity.training.sampling import Sampling as Sampling
    from diversity.training.settings import Settings as Settings
    from diversity.training.transferring import transfer as transfer
    from diversity.types import InputError as InputError
    from diversity.types import Mixture as Mixture
    from diversity.xtreme.report import evaluate as evaluate


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module 'diversity' has no attribute {name!r}")
    return getattr(importlib.import_module(f"diversity.{_API[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_API})
