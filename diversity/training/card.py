"""The model card of an intermediate checkpoint: data, mixture, settings and results, as they were recorded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from diversity.training.settings import Settings


def card(record: Mapping[str, Any], text: str = "") -> str:
    """README.md of a checkpoint, in Markdown; `text` is a section on the diversity of the mixture."""
    result, name = record["result"], record["mixture"]["name"]
    *others, last = sorted(record["mixture"]["shares"])
    tasks = f"{', '.join(others)} and {last}" if others else last
    languages = sorted({d.get("language", "en") for d in record["data"].values()})
    front = ["---", "library_name: transformers", "pipeline_tag: feature-extraction"]
    front += [f"base_model: {record['model']['name']}"] if "/" in record["model"]["name"] else []
    front += ["language:", *(f"- {lang}" for lang in languages), "tags:", "- intermediate-task-training", "---"]
    parts = [
        "\n".join(front),
        f"# {record['model']['name']} after {name}",
        f"An encoder trained on {tasks}, to be fine-tuned. It loads with "
        "`transformers.AutoModel.from_pretrained`; the heads of the intermediate tasks are not part of it.",
        "## Mixture",
        f"Sampling: {_sampling(record['mixture']['sampling'])}. {result['examples']:,} examples in {result['steps']:,} "
        f"steps, {result['tokens']:,} tokens, {result['seconds']:,.0f} s ({record['device']}).",
        _table(
            ["task", "kind", "rows", "share", "examples"],
            [
                [t["task"], t["kind"], f"{t['rows']:,}", f"{t['share']:.4f}", f"{t['sampled']:,}"]
                for t in record["tasks"]
            ],
        ),
        *(f"Note: {line}." for line in record.get("notes", ())),
        "## Results",
        _results(result),
    ]
    if text:
        parts += ["## Diversity of the mixture", text.strip()]
    parts += ["## Data", *(_data(task, about) for task, about in record["data"].items())]
    parts += ["## Settings", _table(["setting", "value"], [[k, str(v)] for k, v in _settings(record).items()])]
    return "\n\n".join(parts) + "\n"


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
    table = _table(["task", "metric", "dev score", "95 % interval", "majority", "dev rows"], rows)
    return f"Dev scores, with intervals for the sampling of rows.{best}\n\n{table}"


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


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
