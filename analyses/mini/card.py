"""The model card that goes with the weights, from the corpus's manifest and counts and its scores."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from analyses.mini.corpus import EVALUATION, free

if TYPE_CHECKING:
    import pandas as pd

HEAD = """---
license: cc-by-sa-4.0
language: [{languages}]
library_name: sentence-transformers
pipeline_tag: sentence-similarity
base_model: sentence-transformers/all-MiniLM-L6-v2
---
# mini: a small multilingual encoder

{parameters:.1f} million parameters, {layers} layers of {width}, embeddings of {rank} dimensions for {entries:,} entries,
{longest} tokens at most, 40 languages, uncased. A sentence's vector is the mean of the last layer, scaled to unit length.
It can also be fine-tuned as any encoder (`AutoModel` loads an ELECTRA). Its English vectors follow those
of all-MiniLM-L6-v2, its teacher (Apache 2.0), whose six layers it started from.

## Text it learnt from

Sentences of an evaluation set ({evaluation}; all that are held locally) were kept out by the hash
of their letters and digits, whole and sentence by sentence: {dropped:,} rows were dropped. What is left of Tatoeba's pairs is
of the same kind as the sentences of the Tatoeba evaluation (short, everyday): other texts are harder. NTREX-128 is made of
newstest 2019: a stand-in for BUCC that is made of the same news would be no fair test. {mono}

| text | rows | licence |
|---|---|---|
"""
ALONE = "The vocabulary was made from all rows; the weights learnt from the parallel ones alone."
LIMITS = """
## Limits

- Trained for {hours:.1f} processor hours on sentences drawn from {pairs:,} pairs; {least} have the fewest.
- Uncased, without the pointing of Arabic and Hebrew; no sense of text beyond {longest} tokens.
- Languages differ much in quality (the table): do not read a difference between languages as one between texts.
- It has the biases of its text (news, encyclopedias, collected example sentences) and of its teacher.
"""


def _rows_used(corpus: Path) -> Counter[tuple[str, str]]:
    import pandas as pd

    pairs, mono = (pd.read_parquet(corpus / f"{n}.parquet", columns=["source"])["source"] for n in ("pairs", "mono"))
    return Counter(
        {("parallel", s): n for s, n in Counter(pairs).items()} | {("mono", s): n for s, n in Counter(mono).items()}
    )


def _sources(text: Path, corpus: Path) -> list[str]:
    used, allowed = _rows_used(corpus), free(text / "MANIFEST.csv")
    with (text / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        licences = {
            tuple(r["dataset"].split("/")): r["licence"] for r in csv.DictReader(stream) if r["file"] in allowed
        }
    return [
        f"| {kind}: {name} | {used[kind, name]:,} | {licence} |" for (kind, name), licence in sorted(licences.items())
    ]


SCORES = Path(__file__).with_name("scores.csv")  # zero-shot: target, language, metric, value, low, high, n, split
PEERS = Path(__file__).with_name("peers.csv")  # the same of other models, by the same commands; a column `model` first


def _means(table: pd.DataFrame) -> str:
    """English, and the mean of the others."""
    value = table.set_index("language")["value"]
    others = value.drop("en", errors="ignore").mean()
    return f"{value['en']:.1f}, {others:.1f}" if "en" in value else f"{others:.1f}"


def _beside(scores: pd.DataFrame, peers: pd.DataFrame) -> list[str]:
    """A table of means: mini and its peers, target by target."""
    models = list(dict.fromkeys(peers["model"]))
    lines = [f"| English, mean of others | mini | {' | '.join(models)} |", f"|---|---{'|---' * len(models)}|"]
    for target, table in scores.groupby("target", sort=False):
        what = f"{target} ({table['metric'].iloc[0]}, {(table['language'] != 'en').sum()} others)"
        theirs = peers[peers["target"] == target]
        found = [_means(t) for t in (table, *(theirs[theirs["model"] == m] for m in models))]
        lines.append(f"| {what} | {' | '.join(found)} |")
    return lines


def _scores(scores: Path = SCORES, peers: Path = PEERS) -> list[str]:
    """A table of means beside other models, and one of all languages with their 95 % intervals."""
    import pandas as pd

    found = pd.read_csv(scores)
    lines = [
        "",
        "## Scores",
        "",
        "Zero-shot: fine-tuned on English alone, a seed; Tatoeba without any training (English queries). Test rows, but",
        "dev rows where there is no test (panx: most languages) or it is without labels (xnli).",
        "95 % intervals are over rows, not over seeds. Beside it, trained and predicting in the same way, its teacher and",
        "an encoder of its shape with random weights, on a sample of the rows (analyses/mini/peers.csv, with intervals).",
        "",
    ]
    lines += _beside(found, pd.read_csv(peers))
    cells = {
        (r.language, r.target): f"{r.value:.1f} ({r.low:.1f} to {r.high:.1f})" for r in found.itertuples(index=False)
    }
    targets = list(dict.fromkeys(found["target"]))
    lines += ["", f"| language | {' | '.join(targets)} |", f"|---{'|---' * len(targets)}|"]
    languages = sorted(set(found["language"]), key=lambda language: (language != "en", language))
    return lines + [f"| {name} | {' | '.join(cells.get((name, t), '') for t in targets)} |" for name in languages]


def write(work: Path, run: Path, text: Path, out: Path) -> Path:
    """Write README.md of a model folder."""
    import pandas as pd
    from safetensors import safe_open

    config, counts = (json.loads(p.read_text()) for p in (out / "config.json", work / "corpus" / "counts.json"))
    pairs = pd.read_parquet(work / "corpus" / "pairs.parquet", columns=["language"])["language"].value_counts()
    with safe_open(out / "model.safetensors", "np") as stored:
        parameters = sum(int(stored.get_tensor(name).size) for name in stored.keys())  # noqa: SIM118
    with safe_open(run / "checkpoint.safetensors", "np") as stored:
        settings, progress = (json.loads(stored.metadata()[name]) for name in ("settings", "progress"))
    told = {
        "languages": ", ".join(sorted([*pairs.index, "en"])),
        "parameters": parameters / 1e6,
        "layers": config["num_hidden_layers"],
        "width": config["hidden_size"],
        "rank": config["embedding_size"],
        "entries": config["vocab_size"],
        "longest": config["max_position_embeddings"],
        "evaluation": ", ".join(EVALUATION),
        "dropped": counts["dropped: evaluation"],
        "pairs": counts["pairs"],
        "least": ", ".join(sorted(pairs.index[-8:])),
        "hours": progress["cpu"] / 3600,
        "mono": ALONE if settings["route"] == "distil" else "",
    }
    body = [HEAD.format(**told) + "\n".join(_sources(text, work / "corpus")), *_scores(), LIMITS.format(**told)]
    (out / "README.md").write_text("\n".join(body), encoding="utf-8")
    return out
