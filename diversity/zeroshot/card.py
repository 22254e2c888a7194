"""The model card of a fine-tuned model, and its results in the forms that hubs read: `model-index` and `.eval_results`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from diversity import catalog, store
from diversity.training import card as cards
from diversity.types import Hub, Mixture, Task

CARD, RESULTS = "README.md", ".eval_results"
TASKS = {"classification": "text-classification", "multiple_choice": "multiple-choice", "span": "question-answering",
         "tagging": "token-classification"}  # fmt: skip
METRICS = {"accuracy": "Accuracy", "f1": "F1", "exact_match": "Exact match"}
FINAL = "test"  # the split whose scores are a benchmark's

ResultRow = Mapping[str, Any]


def write_card(
    folder: Path, record: Mapping[str, Any], rows: Sequence[ResultRow], *, model: str, mixture: Mixture
) -> None:
    """Write README.md, and `.eval_results/TARGET.yaml` where a benchmark's whole test split was scored, beside a model.

    `record` is that of the fine-tuning (training.json); `rows` are result rows of the targets that it was tested on; `model`
    and `mixture` are what it was before: an encoder, and what that was trained on.
    """
    store.write(folder / CARD, card(record, rows, model=model, mixture=mixture))
    entries = {
        target: yaml for target in _targets(rows) if (yaml := eval_results(_of(rows, target), cards.languages(record)))
    }
    for path in (folder / RESULTS).glob("*.yaml"):
        if path.stem not in entries:
            path.unlink()
    for target, yaml in entries.items():
        (folder / RESULTS).mkdir(exist_ok=True)
        store.write(folder / RESULTS / f"{target}.yaml", "\n".join(cards.yaml(yaml)) + "\n")


def card(record: Mapping[str, Any], rows: Sequence[ResultRow], *, model: str, mixture: Mixture) -> str:
    """README.md of a fine-tuned model in Markdown, with `model-index`: a result for each target, language and split."""
    source = record["tasks"][0]["task"]
    trained = cards.languages(record)
    after = f" after {mixture.name}" if mixture.tasks else ""
    title = f"{model}{after}, fine-tuned on {catalog.task(source).title}"
    tested = {row["language"] for row in rows}
    fields = {
        "library_name": "transformers",
        "pipeline_tag": "feature-extraction",
        "base_model": model if "/" in model else None,
        "language": sorted({language.partition("_")[0].partition("-")[0] for language in {*trained, *tested}}),
        "datasets": _data_sets([source, *mixture.tasks]),
        "metrics": sorted({row["metric"] for row in rows}),
        "tags": ["zero-shot-cross-lingual-transfer", *(["intermediate-task-training"] if mixture.tasks else [])],
        "model-index": [{"name": title, "results": list(_index(rows))}] if rows else None,
    }
    before = (
        f", which was first trained on {cards.listed(mixture.tasks)} (mixture {mixture.name})" if mixture.tasks else ""
    )
    parts = [
        cards.front_matter(fields),
        f"# {title}",
        f"{model}{before}, fine-tuned on {catalog.task(source).title} ({', '.join(trained)}). The encoder loads with "
        "`transformers.AutoModel.from_pretrained`; encoder and head load with "
        "`diversity.zeroshot.finetuned.load_finetuned` on a copy of this folder.",
        "## Results",
        *(_results(rows, trained) if rows else ["It was not scored: the labels of its targets are not public."]),
        "## Training",
        *cards.training(record),
        *cards.sources(record),
    ]
    return "\n\n".join(parts) + "\n"


def _targets(rows: Iterable[ResultRow]) -> list[str]:
    return list(dict.fromkeys(row["target"] for row in rows))


def _of(rows: Iterable[ResultRow], target: str) -> list[ResultRow]:
    return [row for row in rows if row["target"] == target]


def _hub(task: Task, split: str) -> Hub | None:
    """Where the hub has a split of a task; None where it has not, or other rows than the release."""
    hubs = [part.hub for part in task.splits.get(split, ()) if part.hub is not None]
    return hubs[0] if len(hubs) == 1 and not hubs[0].caution else None


def _data_sets(tasks: Iterable[str]) -> list[str]:
    """The data sets of the hub that tasks are trained on; a task of one's own that is not included here has none."""
    known = [catalog.task(task) for task in tasks if task in catalog.names("tasks")]
    return sorted({hub.repo for task in known if (hub := _hub(task, "train")) is not None})


def _results(rows: Sequence[ResultRow], trained: Sequence[str]) -> list[str]:
    """A table for each target: a row for each language, and the means over them."""
    parts = [f"From 0 to 100. Zero-shot in all languages but {', '.join(trained)}."]
    for target in _targets(rows):
        own = _of(rows, target)
        metrics = list(dict.fromkeys(row["metric"] for row in own))
        values: dict[tuple[str, str], dict[str, ResultRow]] = {}
        for row in own:
            values.setdefault((row["language"], row["split"]), {})[row["metric"]] = row
        lines = [
            [language, split, f"{max(row['n'] for row in by.values()):,}", *(_shown(by.get(m)) for m in metrics)]
            for (language, split), by in values.items()
        ]
        if len(lines) > 1:
            means = [f"{fmean(row['value'] for row in own if row['metric'] == m):.2f}" for m in metrics]
            lines.append([f"mean of {len(lines)}", "", "", *means])
        parts += [f"### {catalog.task(target).title}", cards.table(["language", "split", "rows", *metrics], lines)]
    return parts


def _shown(row: ResultRow | None) -> str:
    return f"{row['value']:.2f}" if row else ""


def _index(rows: Sequence[ResultRow]) -> Iterable[dict[str, Any]]:
    """The results of `model-index`: what was tested, in which language and split, and every metric's value."""
    for target in _targets(rows):
        task = catalog.task(target)
        by_cell: dict[tuple[str, str], list[ResultRow]] = {}
        for row in _of(rows, target):
            by_cell.setdefault((row["language"], row["split"]), []).append(row)
        for (language, split), cell in by_cell.items():
            hub = _hub(task, split)
            place = (
                {"type": hub.repo, "config": hub.config_of(language), "split": hub.split} if hub else {"split": split}
            )
            dataset = {"type": target, "name": f"{task.title} ({language})", **place, "args": {"language": language}}
            metrics = [
                {
                    "type": row["metric"],
                    "value": row["value"],
                    "name": f"{METRICS.get(row['metric'], row['metric'])} (0-100)",
                }
                for row in cell
            ]
            yield {
                "task": {"type": TASKS.get(task.kind, task.kind), "name": task.title},
                "dataset": {name: value for name, value in dataset.items() if value},
                "metrics": metrics,
            }


def eval_results(rows: Sequence[ResultRow], trained: Sequence[str]) -> list[dict[str, Any]]:
    """Entries of `.eval_results` for one target, of a model that was fine-tuned in the languages `trained`.

    There is an entry for each configuration of its data set on the hub, whose name is taken for that of the benchmark's task.
    Only what is the benchmark's own number counts: the main metric on its whole test split, the mean where one configuration
    holds all languages. Empty for what the hub does not have, has other rows of, or was not tested on whole.
    Format: https://huggingface.co/docs/hub/eval-results.
    """
    task = catalog.task(rows[0]["target"])
    hub = _hub(task, FINAL)
    scored = {r["language"]: r for r in rows if r["metric"] == task.metric and r["split"] == FINAL}
    if hub is None:
        return []
    whole = {lang: row["value"] for lang, row in scored.items() if row["n"] == task.expected(FINAL, lang)}
    by_config: dict[str, list[str]] = {}
    for language in task.languages:
        if config := hub.config_of(language):
            by_config.setdefault(config, []).append(language)
    entries = []
    for config, languages in by_config.items():
        if all(language in whole for language in languages):
            value = fmean(whole[language] for language in languages)
            mean = f", mean of {len(languages)} languages" if len(languages) > 1 else ""
            notes = f"{task.metric} from 0 to 100{mean}, fine-tuned on rows in {cards.listed(trained)} alone"
            entries.append({"dataset": {"id": hub.repo, "task_id": config}, "value": value, "notes": notes})
    return entries
