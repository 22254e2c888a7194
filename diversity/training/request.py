"""What is asked of a training run, before a model is loaded or a row is read; and what tells it from other runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from diversity import catalog, store
from diversity.data import sources
from diversity.encoders.registry import locate
from diversity.features import build
from diversity.training import rows
from diversity.training.rows import MLM
from diversity.training.settings import Settings, changed, preset
from diversity.types import InputError, Mixture, Rows, Sampling

RECIPE = 2  # of training: raised where the same request gives other weights than before
SHOWN = 3  # differences that a message names
HASH = 40  # characters at least of what stands for contents

Identity = Mapping[str, Any]  # what the weights are a function of, by name: numbers, names and hashes


@dataclass(frozen=True)
class TrainingRequest:
    """A mixture to train a model on, the rows it is made of, settings, and files of text for masked language modelling."""

    mixture: Mixture
    model: str
    rows: Rows
    settings: Settings
    texts: tuple[Path, ...] = ()

    @staticmethod
    def of(
        mixture: Mixture | Sequence[str],
        model: str,
        data: Rows | Path | str | None,
        settings: Settings | None = None,
        mlm: Sequence[Path | str] = (),
    ) -> TrainingRequest:
        """What is asked for, with the defaults; masked language modelling is a task of the mixture where there are texts.

        Names alone are sampled examples-proportionally; settings are those of `phang2020`; the budget of the mixture is
        the length of the run. Raises InputError for tasks that cannot be trained on, and where there is none.
        """
        whole = mixture if isinstance(mixture, Mixture) else Mixture.of(mixture, sampling=Sampling())
        if mlm and MLM not in whole.tasks:
            whole = replace(whole, tasks=tuple(sorted((*whole.tasks, MLM))))
        if not whole.tasks:
            raise InputError("expected tasks to train on, found none")
        if not mlm and MLM in whole.tasks:
            raise InputError("expected files of text (--mlm) for masked language modelling, found none")
        request = TrainingRequest(
            whole,
            model,
            Rows.of(data),
            changed(settings or preset("phang2020"), examples=whole.budget),
            rows.text_files(mlm) if mlm else (),
        )
        for task in request.tasks:
            rows.check_trainable(catalog.task(task))
        if whole.sampling.rule == "weights":
            weights = whole.shares(dict.fromkeys(whole.tasks, 1))
            if absent := [t for t, weight in weights.items() if weight <= 0]:
                raise InputError(f"expected weights above 0, found 0 for {absent[0]}")
        if len(request.rows.languages) > 1:
            raise InputError(f"expected one language to train on, found {', '.join(request.rows.languages)}")
        return request

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks that are read from the data folder: all but masked language modelling."""
        return tuple(t for t in self.mixture.tasks if t != MLM)

    def identity(self) -> dict[str, Any]:
        """All that the weights which come out are a function of: no model is loaded and no row read for it.

        The model by the hash of its files or its commit, training and dev rows by the hashes of their files, settings but
        for the computation. Raises InputError for an unknown model and for rows that are not there.
        """
        sampling = asdict(self.mixture.sampling)
        known: dict[str, Any] = {
            "recipe": f"{RECIPE}.{build.VERSION}",
            "model": locate(self.model)[1],
            "tasks": "+".join(self.mixture.tasks),
            "language": self.rows.languages[0],
            "limit": self.rows.limit,
            "bad rows": "refused" if self.rows.bad is None else "left out",
            **{name: sampling[name] for name in ("rule", "cap", "temperature", "mixed")},
            **{f"weight of {t}": w for t, w in (sampling["weights"] or {}).items()},
            **{name: value for part in self.settings.identity.values() for name, value in part.items()},
        }
        for task in self.tasks:
            known |= {f"{split} rows of {task}": digest for split, digest in self._files(task).items()}
            if tested := rows.tested_on(catalog.task(task), self.rows):
                known[f"rows that {task} is tested on"] = _digest(tested)
        if self.texts:
            known["texts"] = store.digest([store.sha256_file(f) for f in self.texts])
        return known

    def _files(self, name: str) -> dict[str, str]:
        """A hash of the files of the training rows, and of the dev rows where they are other ones, by split."""
        task, language = catalog.task(name), self.rows.languages[0]
        train = sources.located(task, self.rows, language)
        dev = sources.find(task, self.rows, "dev", language) if train.split != "dev" and "dev" in task.splits else None
        return {files.split: _digest([files]) for files in (train, dev) if files is not None}


def _digest(splits: Sequence[sources.SplitFiles]) -> str:
    """A hash of how rows are read and of the files that they are read from."""
    return store.digest([[f.task.recipe, *(store.sha256_file(path) for path in f.files)] for f in splits])


def differences(recorded: object, asked: Identity) -> str:
    """What differs between the identity that was recorded and the one that is asked for, in words; '' where nothing does.

    >>> differences({"seed": 0, "batch_size": 8}, {"seed": 1, "batch_size": 8})
    'seed is 0, not 1'
    """
    if not isinstance(recorded, Mapping):  # version 0.1.0 kept a hash
        return "of another version of the toolkit"
    names = [n for n in dict.fromkeys((*asked, *recorded)) if recorded.get(n) != asked.get(n)]
    names = ["tasks"] if "tasks" in names else names
    said = []
    for name in names[:SHOWN]:
        before, now = recorded.get(name), asked.get(name)
        hashed = all(isinstance(value, str) and len(value) >= HASH for value in (before, now))
        said.append(f"other {name}" if hashed else f"{name} is {before}, not {now}")
    return ", ".join(said + ([f"and {len(names) - SHOWN} more"] if len(names) > SHOWN else []))
