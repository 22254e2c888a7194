"""A fine-tuned model: trained on one task, loaded with its head, and asked about rows of any language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from diversity import catalog
from diversity.data import sources
from diversity.encoders.pretrained import Loaded, load_model
from diversity.features.build import FeatureSettings
from diversity.features.cache import cached
from diversity.features.decode import predictions
from diversity.results import training_record
from diversity.training import dev
from diversity.training.heads import Output, network
from diversity.training.intermediate import HEADS, RECORD
from diversity.training.settings import Settings
from diversity.types import Example, InputError, Predicted, Rows, digest
from diversity.xtreme import layout

if TYPE_CHECKING:
    from torch.nn import ModuleDict


@dataclass(frozen=True)
class FinetunedModel:
    """Encoder, tokenizer and the head of the task that they were trained on; `identity` is that of the training."""

    loaded: Loaded
    network: ModuleDict
    task: str
    labels: tuple[str, ...]
    split: str
    settings: Settings
    packed: bool
    identity: str = ""

    def predict(self, rows: Sequence[Example], *, cache: Path | str | None = None, label: str = "") -> Predicted:
        """What the model says of rows of any language, in the form that `layout` writes.

        Predictions are made on a GPU where there is one; the model is where it was, afterwards.
        """
        tokenizer = self.loaded.tokenizer
        features = cached(
            rows, tokenizer, FeatureSettings(kind=catalog.task(self.task).kind, labels=self.labels,
            max_length=self.settings.optimisation.max_length, doc_stride=self.settings.optimisation.doc_stride,
            unseen="ignore"), cache=cache, label=label,
        )  # fmt: skip
        with _on_gpu(self.network):
            logits = dev.predict(
                self.network, self.task, features, self.settings, packed=self.packed, pad=tokenizer.pad_token_id,
                label=label,
            )  # fmt: skip
        return predictions(features, rows, logits, self.labels)

    def write_predictions(
        self, target: str, language: str, split: str, *, data: Rows | Path | str, folder: Path | str,
        cache: Path | str | None = None,
    ) -> tuple[int, Predicted]:  # fmt: skip
        """Predict a split of a target in one language in the leaderboard's layout; the number of rows, the predictions."""
        rows = list(sources.rows(catalog.task(target), Rows.of(data, split=split, languages=[language])))
        predicted = self.predict(rows, cache=cache, label=f"{target} {language}")
        layout.write_predictions(folder, target, language, predicted, split=split)
        return len(rows), predicted


def load_finetuned(folder: Path | str) -> FinetunedModel:
    """A model that `transfer` left; raises InputError where there is none, it is not whole, or its head was not kept."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = Path(folder)
    record = training_record(path)
    if record is None or not (path / HEADS).is_file():
        raise InputError(f"{path}: expected a fine-tuned model with {RECORD} and {HEADS}, found none")
    task = record["tasks"][0]["task"]
    labels = tuple(record["labels"].get(task, ()))
    loaded = load_model(str(path))
    net = network(loaded, {task: Output(catalog.task(task).kind, len(labels))}, 0)
    try:
        net["heads"].load_state_dict(load_file(path / HEADS))
    except (SafetensorError, RuntimeError) as error:
        problem = " ".join(str(error).split())
        raise InputError(
            f"{path / HEADS}: expected the head of {task}, found a file that is not whole ({problem}): remove {path}"
        ) from error
    net.eval()
    split, packed = record["data"][task]["split"], loaded.packs and record["packed"]
    return FinetunedModel(
        loaded, net, task, labels, split, Settings.read(record["settings"]), packed, digest(record["identity"])
    )


@contextmanager
def _on_gpu(network: ModuleDict) -> Iterator[None]:
    """The network on a GPU where there is one; back where it was afterwards."""
    import torch

    before = next(network.parameters()).device
    if torch.cuda.is_available():
        network.cuda()
    try:
        yield
    finally:
        network.to(before)
