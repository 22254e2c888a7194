"""The result row: what a run is, its key, and the columns in which every command writes what a run scored."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversity.types import InputError, Mixture, Sampling, digest

if TYPE_CHECKING:
    import pandas as pd

# Every column of a result table, in order. A new one is named in this line and filled where its value is known.
COLUMNS = (
    "run", "model", "mixture", "tasks", "weights", "sampling", "budget", "target", "language", "metric", "value", "n",
    "seed", "split",  # those of every table; the others stand in a table where a row has them
    "source_language", "trained_on", "preset", "steps", "examples", "layer", "pooling", "precision", "max_tokens", "k",
    "margin", "retrieval", "repeated", "threshold",
)  # fmt: skip
ALWAYS = COLUMNS[: COLUMNS.index("split") + 1]
WHOLE = ("budget", "n", "seed", "steps", "examples", "layer", "max_tokens", "k")  # whole numbers, which may be missing
COMPUTATION = (  # settings that change a result by rounding alone
    "computation", "packing", "attention", "vocabulary", "tokens", "save_every", "deterministic",
)  # fmt: skip
LATER = ("sequences", "training_tokens", "frozen_layers")  # settings of later versions: no part of a run without them
TRAINED = "training.json"  # what `train_mix` writes beside a checkpoint


@dataclass(frozen=True)
class Run:
    """A model, trained on a mixture, then on a target, with a seed and its settings: one cell of a grid.

    `revision` pins the model's weights. `settings` hold all else that determines the result, hashes of the training data
    included. What a study calls the run (its mixture's name, its role, its pair) is no part of it.
    """

    model: str
    mixture: Mixture
    target: str
    seed: int
    settings: Mapping[str, Any] = field(default_factory=dict)
    revision: str = ""

    @property
    def key(self) -> str:
        """SHA-256 of what determines the result: the same run has the same key from every command on every machine."""
        sampling = asdict(self.mixture.sampling)
        weights = {task: round(weight, 12) for task, weight in (sampling["weights"] or {}).items()}
        mixture = {"tasks": self.mixture.tasks, "sampling": {**sampling, "weights": weights}}
        return digest(
            {
                "model": self.revision or self.model,
                "mixture": mixture if self.mixture.tasks else {},
                "target": self.target,
                "seed": self.seed,
                "settings": self.settings,
            }
        )

    @property
    def columns(self) -> dict[str, Any]:
        """What the run gives to each of its rows."""
        return {
            "run": self.key,
            "model": self.model,
            "mixture": self.mixture.name,
            "tasks": "+".join(self.mixture.tasks),
            "weights": "+".join(map(repr, known_shares(self.mixture).values())),
            "sampling": self.mixture.sampling.rule,
            "budget": self.mixture.budget,
            "target": self.target,
            "seed": self.seed,
        }

    def rows(self, scores: Mapping[str, float], details: Mapping[str, Any]) -> list[dict[str, Any]]:
        """A result row for each metric; `details` are the language, the split, n, and settings worth a column."""
        shared = {**self.columns, **details}
        return [{**shared, "metric": metric, "value": value} for metric, value in scores.items()]


def known_shares(mixture: Mixture) -> dict[str, float]:
    """The shares of a mixture, as far as they are known: none where they depend on sizes that no run has recorded."""
    unknown = mixture.sampling.size_dependent and mixture.recorded is None
    return {} if unknown else mixture.shares()


@dataclass(frozen=True)
class Lineage:
    """What a model is: the encoder that it began as, what pins that, and what it was trained on since."""

    model: str
    revision: str = ""
    mixture: Mixture = field(default_factory=lambda: Mixture.of([]))
    training: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0  # that of this training

    def __post_init__(self) -> None:
        """Raise InputError for a seed that tables cannot hold."""
        check_seed(self.seed)

    def run(self, target: str, seed: int, settings: Mapping[str, Any]) -> Run:
        """The run that tests the model on a target."""
        trained = {"intermediate": self.training} if self.mixture.tasks else {}
        return Run(self.model, self.mixture, target, seed, {**trained, **settings}, self.revision)


def check_seed(seed: int) -> None:
    """Raise InputError for a seed that tables cannot hold."""
    if not 0 <= seed < 2**63:
        raise InputError(f"expected a seed of at least 0 and at most {2**63 - 1}, found {seed}")


def lineage_of(model: Path | str) -> Lineage | None:
    """The lineage of a checkpoint as `train_mix` wrote it beside the weights; None for any other model.

    Raises InputError where the record is not whole.
    """
    record = training_record(model)
    if record is None:
        return None
    try:
        start, mixed = record["model"], record["mixture"]
        shares = {task["task"]: mixed["shares"][task["task"]] for task in record["tasks"] if task["kind"] != "mlm"}
        weights = shares if mixed["sampling"]["rule"] == "weights" else None
        sampling = Sampling(**{**mixed["sampling"], "weights": weights})
        mixture = Mixture.of(list(shares), mixed["name"], sampling=sampling)
        mixture = mixture.trained(Mixture.of(shares).shares(), record["result"]["examples"])
        return Lineage(display_name(start["name"]), start["revision"], mixture, training_of(record), seed_of(record))
    except (KeyError, TypeError) as error:
        raise InputError(
            f"{Path(model) / TRAINED}: expected the record of a checkpoint, found none of {error}"
        ) from None


def training_record(model: Path | str) -> dict[str, Any] | None:
    """What `train_mix` wrote beside a checkpoint; None where there is no such file; InputError for one cut short."""
    path = Path(model) / TRAINED
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_text("utf8"))
    except ValueError as error:
        raise InputError(f"{path}: expected the record of a checkpoint in JSON, found: {error}") from error
    return record


def training_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """Of the record of a training: what determines its weights, in the form that `Run.settings` hold."""
    files = {  # of a task's training rows, and of its dev rows where they have files of their own
        task: [*about["files"].values(), *about.get("dev", {}).get("files", {}).values()]
        for task, about in record["data"].items()
    }
    limits = {about["limit"] for about in record["data"].values()}
    return training(record["settings"], limits.pop() if len(limits) == 1 else None, files)


def seed_of(record: Mapping[str, Any]) -> int:
    """The seed of a training by its record."""
    settings = record["settings"]
    return int(settings.get("optimisation", settings)["seed"])


def training(settings: Mapping[str, Any], limit: int | None, files: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """What determines the weights that a training gives: settings, rows a task, and hashes of each task's files."""
    kept = {name: value for name, value in settings.items() if name not in COMPUTATION}
    if "optimisation" in kept:
        kept["optimisation"] = {k: v for k, v in kept["optimisation"].items() if v or k not in LATER}
    return {"settings": kept, "limit": limit, "data": {task: sorted(set(hashes)) for task, hashes in files.items()}}


def display_name(model: str) -> str:
    """The name of a model in result rows: that of its folder, or its name on the hub without the commit.

    >>> display_name("FacebookAI/xlm-roberta-base@e73636d4f797dec63c3081bb6ed5c7b0bb3f2089")
    'FacebookAI/xlm-roberta-base'
    """
    return Path(model).name if Path(model).is_dir() else model.partition("@")[0]


def table(rows: Sequence[Mapping[str, Any]], extra: Sequence[str] = ()) -> pd.DataFrame:
    """Result rows as a table: the columns of all tables, those of COLUMNS that a row has, then `extra`, then all others.

    >>> rows = Run("mini", Mixture.of(["mnli"]), "xnli", 0).rows({"accuracy": 50.0}, {"language": "sw", "n": 10})
    >>> table(rows)[["tasks", "target", "language", "value", "seed"]].values.tolist()
    [['mnli', 'xnli', 'sw', 50.0, 0]]
    """
    import pandas as pd

    named = {name for row in rows for name in row}
    columns = [name for name in COLUMNS if name in named or name in ALWAYS]
    columns += [name for name in extra if name not in columns]
    frame = pd.DataFrame(list(rows), columns=[*columns, *sorted(named - set(columns))])
    return frame.astype({name: "Int64" for name in WHOLE if name in columns} | {"value": "float64"})
