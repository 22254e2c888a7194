"""Semantic diversity of intermediate tasks, and how it bears on zero-shot cross-lingual transfer."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from diversity.version import __version__

# Name of the public API -> module that has it. Imported when first used: `import diversity` loads nothing heavy.
_API = {
    "Analysis": "stats.analysis",
    "check": "data.check",
    "compare": "reporting.analyses",
    "design": "planning.design",
    "contributions": "scoring.score",
    "distances": "scoring.score",
    "evaluate": "xtreme.evaluate",
    "evaluate_against": "xtreme.against",
    "fetch": "data.hub",
    "fit": "reporting.analyses",
    "from_arrays": "scoring.embedded",
    "grid_status": "grid.run",
    "include": "catalog",
    "load_encoder": "encoders.sentence",
    "load_moments": "scoring.embedded",
    "measure": "scoring.given",
    "metric": "catalog",
    "mixed_membership": "stats.mixed_membership",
    "run_grid": "grid.run",
    "plan_mix": "training.intermediate",
    "propose": "scoring.propose",
    "plot": "reporting.plot",
    "read_commitment": "planning.commitment",
    "read_plan": "planning.plans",
    "read_wide": "studies.wide",
    "retrieve": "retrieval.retrieve",
    "published": "data.shipped",
    "save_moments": "scoring.embedded",
    "save_vectors": "scoring.embedded",
    "score": "scoring.score",
    "scorers": "scoring.scorer",
    "scores_of_weights": "scoring.scorer",
    "task": "catalog",
    "TransferSettings": "zeroshot.transfer",
    "train_mix": "training.intermediate",
    "transfer": "zeroshot.transfer",
    "plan_transfer": "zeroshot.transfer",
    "report": "reporting.report",
    "Assumptions": "planning.choice",
    "Constraints": "scoring.propose",
    "Draws": "scoring.asked",
    "EmbeddedTasks": "scoring.embedded",
    "Presentation": "reporting.report",
    "Hypothesis": "planning.choice",
    "InputError": "types",
    "Mining": "retrieval.retrieve",
    "Mixture": "types",
    "Lineage": "results",
    "Rows": "types",
    "Sampling": "types",
    "SentenceVectors": "encoders.hidden_states",
    "Settings": "training.settings",
    "Space": "scoring.embedded",
    "Training": "planning.choice",
}

_WRAPPED = {"compare": "stats.compare", "fit": "stats.fit"}  # where the functions stand that these join with scorers

__all__ = ["__version__", *_API]

if TYPE_CHECKING:
    from diversity.catalog import include as include
    from diversity.catalog import metric as metric
    from diversity.catalog import task as task
    from diversity.data.check import check as check
    from diversity.data.hub import fetch as fetch
    from diversity.data.shipped import published as published
    from diversity.encoders.hidden_states import SentenceVectors as SentenceVectors
    from diversity.encoders.sentence import load_encoder as load_encoder
    from diversity.grid.run import grid_status as grid_status
    from diversity.grid.run import run_grid as run_grid
    from diversity.planning.choice import Assumptions as Assumptions
    from diversity.planning.choice import Hypothesis as Hypothesis
    from diversity.planning.choice import Training as Training
    from diversity.planning.commitment import read_commitment as read_commitment
    from diversity.planning.design import design as design
    from diversity.planning.plans import read_plan as read_plan
    from diversity.reporting.analyses import compare as compare
    from diversity.reporting.analyses import fit as fit
    from diversity.reporting.plot import plot as plot
    from diversity.reporting.report import Presentation as Presentation
    from diversity.reporting.report import report as report
    from diversity.results import Lineage as Lineage
    from diversity.retrieval.retrieve import Mining as Mining
    from diversity.retrieval.retrieve import retrieve as retrieve
    from diversity.scoring.asked import Draws as Draws
    from diversity.scoring.embedded import EmbeddedTasks as EmbeddedTasks
    from diversity.scoring.embedded import Space as Space
    from diversity.scoring.embedded import from_arrays as from_arrays
    from diversity.scoring.embedded import load_moments as load_moments
    from diversity.scoring.embedded import save_moments as save_moments
    from diversity.scoring.embedded import save_vectors as save_vectors
    from diversity.scoring.given import measure as measure
    from diversity.scoring.propose import Constraints as Constraints
    from diversity.scoring.propose import propose as propose
    from diversity.scoring.score import contributions as contributions
    from diversity.scoring.score import distances as distances
    from diversity.scoring.score import score as score
    from diversity.scoring.scorer import scorers as scorers
    from diversity.scoring.scorer import scores_of_weights as scores_of_weights
    from diversity.stats.analysis import Analysis as Analysis
    from diversity.stats.mixed_membership import mixed_membership as mixed_membership
    from diversity.studies.wide import read_wide as read_wide
    from diversity.training.intermediate import plan_mix as plan_mix
    from diversity.training.intermediate import train_mix as train_mix
    from diversity.training.settings import Settings as Settings
    from diversity.types import InputError as InputError
    from diversity.types import Mixture as Mixture
    from diversity.types import Rows as Rows
    from diversity.types import Sampling as Sampling
    from diversity.xtreme.against import evaluate_against as evaluate_against
    from diversity.xtreme.evaluate import evaluate as evaluate
    from diversity.zeroshot.transfer import TransferSettings as TransferSettings
    from diversity.zeroshot.transfer import plan_transfer as plan_transfer
    from diversity.zeroshot.transfer import transfer as transfer


def place(name: str) -> str:
    """Where a name of the public API is defined, as `diversity.room.module.name`."""
    return f"diversity.{_WRAPPED.get(name, _API[name])}.{name}"


def __getattr__(name: str) -> Any:
    if name not in _API:
        raise AttributeError(f"module 'diversity' has no attribute {name!r}")
    return getattr(importlib.import_module(f"diversity.{_API[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
