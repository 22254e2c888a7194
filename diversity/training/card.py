"""The model card of an intermediate checkpoint: data, mixture, settings and results, as they were recorded."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from diversity.results import display_name
from diversity.training.settings import Settings

WORDS = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}  # YAML reads these as something else than words


def card(record: Mapping[str, Any], text: str = "", *, heads: str = "drop") -> str:
    """README.md of a checkpoint, in Markdown; `text` is a section on the diversity of the mixture."""
    name, model = record["mixture"]["name"], display_name(record["model"]["name"])
    fields = {
        "library_name": "transformers",
        "pipeline_tag": "feature-extraction",
        "base_model": model if "/" in model else None,
        "language": languages(record),
        "tags": ["intermediate-task-training"],
    }
    kept = {
        "drop": "the heads of the intermediate tasks are not part of it",
        "keep": "the heads are in heads.safetensors",
    }
    parts = [
        front_matter(fields),
        f"# {model} after {name}",
        f"An encoder trained on {listed(record['mixture']['shares'])}, to be fine-tuned. It loads with "
        f"`transformers.AutoModel.from_pretrained`; {kept[heads]}.",
        "## Mixture",
        *training(record),
        "## Results",
        _results(record["result"]),
    ]
    if text:
        parts += ["## Diversity of the mixture", text.strip()]
    return "\n\n".join([*parts, *sources(record)]) + "\n"


def languages(record: Mapping[str, Any]) -> list[str]:
    """The languages of the rows that were trained on."""
    return sorted({about.get("language", "en") for about in record["data"].values()})


def listed(tasks: Iterable[str]) -> str:
    """Tasks in words."""
    *others, last = sorted(tasks)
    return f"{', '.join(others)} and {last}" if others else last


def training(record: Mapping[str, Any]) -> list[str]:
    """How a checkpoint was trained: paragraphs, and the table of its tasks."""
    result = record["result"]
    return [
        f"Sampling: {_sampling(record['mixture']['sampling'])}. {result['examples']:,} examples in {result['steps']:,} "
        f"steps, {result['tokens']:,} tokens, {result['seconds']:,.0f} s ({record['device']}).",
        table(
            ["task", "kind", "rows", "share", "examples"],
            [
                [t["task"], t["kind"], f"{t['rows']:,}", f"{t['share']:.4f}", f"{t['sampled']:,}"]
                for t in record["tasks"]
            ],
        ),
        *(f"Note: {line}." for line in record.get("notes", ())),
    ]


def sources(record: Mapping[str, Any]) -> list[str]:
    """The sections on data and settings."""
    settings = table(["setting", "value"], [[k, str(v)] for k, v in _settings(record).items()])
    return ["## Data", *(_data(task, about) for task, about in record["data"].items()), "## Settings", settings]


def front_matter(fields: Mapping[str, Any]) -> str:
    """The head of a card, which hubs read; what is None or empty is left out.

    >>> print(front_matter({"base_model": None, "language": ["en", "no"]}))
    ---
    language:
    - en
    - "no"
    ---
    """
    return "\n".join(["---", *yaml({k: v for k, v in fields.items() if v not in (None, [], "")}), "---"])


def yaml(value: Mapping[str, Any] | Sequence[Any], indent: str = "") -> list[str]:
    """Lines of YAML: mappings and lists of strings and numbers.

    >>> print(*yaml([{"dataset": {"id": "google/xtreme"}, "value": 50.0}]), sep="\\n")
    - dataset:
        id: google/xtreme
      value: 50.0
    """
    lines: list[str] = []
    if not isinstance(value, Mapping):
        for item in value:
            inner = [f"{indent}  {_scalar(item)}"] if isinstance(item, str | int | float) else yaml(item, f"{indent}  ")
            lines += [f"{indent}- {inner[0].lstrip()}", *inner[1:]]
        return lines
    for name, item in value.items():
        if isinstance(item, str | int | float):
            lines.append(f"{indent}{name}: {_scalar(item)}")
        else:
            lines += [f"{indent}{name}:", *yaml(item, f"{indent}  " if isinstance(item, Mapping) else indent)]
    return lines


def _scalar(value: str | float) -> str:
    plain = (
        isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./-]*( [\w./-]+)*", value) and value.lower() not in WORDS
    )
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def _sampling(sampling: Mapping[str, Any]) -> str:
    given = {k: sampling[k] for k in ("cap", "weights") if sampling[k]}
    if sampling["rule"] == "temperature":
        given["T"] = sampling["temperature"]
    numbers = ", ".join(f"{k} {v}" for k, v in given.items())
    batches = "mixed batches" if sampling["mixed"] else "one task a batch"
    return f"{sampling['rule']}{f' ({numbers})' if numbers else ''}, {batches}"


def _results(result: Mapping[str, Any]) -> str:
    """Dev scores with intervals, and where they were best."""
    rows = []
    for d in result["dev"]:
        interval = f"{d['low']:.2f} to {d['high']:.2f}"
        rows.append([d["task"], d["metric"], f"{d['score']:.2f}", interval, f"{d['baseline']:.2f}", f"{d['n']:,}"])
    if not rows:
        return f"Loss of the last step: {result['loss']:.4f}. There were no dev rows."
    best = f" The weights are those of step {result['best_step']:,}." if result["best_step"] else ""
    scores = table(["task", "metric", "dev score", "95 % interval", "majority", "dev rows"], rows)
    return f"Dev scores, with intervals for the sampling of rows.{best}\n\n{scores}"


def _data(task: str, about: Mapping[str, Any]) -> str:
    said = [f"**{task}**: {about['rows']:,} rows with labels"]
    said += [f"split {about['split']} ({about['language']})"] if "split" in about else []
    said += [f"{about['trained_on']:,} trained on"]
    for what, count in about.get("removed", {}).items():
        said += [f"{count:,} left out ({what.replace('_', ' ')})"] if count else []
    said += [f"source {', '.join(about['source'])}"] if about.get("source") else []
    said += [f"licence: {about['licence']}"] if about.get("licence") else []
    note = f" Note: {about['note']}." if about.get("note") else ""
    files = "\n".join(f"- `{name}` SHA-256 `{digest}`" for name, digest in about["files"].items())
    return f"{'; '.join(said)}.{note}\n\n{files}"


def _settings(record: Mapping[str, Any]) -> dict[str, Any]:
    chosen = {k: v for k, v in Settings.read(record["settings"]).values.items() if v is not None}
    model = {"model": record["model"]["name"], "revision": record["model"]["revision"]}
    machine = {k: record[k] for k in ("packed", "attention", "device", "processes", "threads")}
    return {**model, **chosen, **machine, "toolkit": record["toolkit"], **record["versions"]}


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
