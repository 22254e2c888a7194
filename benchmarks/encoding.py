"""Speed of encoding beside `SentenceTransformer.encode`, in one run: `python benchmarks/encoding.py`.

Sentences and passages of the folder in $DIVERSITY_DATA where it is set (CommonsenseQA stems, SQuAD contexts), else of the
written samples. The ways take turns, round by round, so that what else the machine does falls on all of them alike; the
medians of the rounds' ratios are printed.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Callable

import numpy as np
from timing import seconds

from diversity import catalog, store
from diversity.data import sources
from diversity.encoders import cache, sentence
from diversity.scoring import embedded, score
from diversity.types import Rows

ROUNDS = int(os.environ.get("ROUNDS", "5"))


def texts() -> dict[str, list[str]]:
    """400 short and 60 long texts."""
    data = os.environ.get("DIVERSITY_DATA") or store.shipped() / "samples"
    short = [sources.text_of(e, ("text",)) for e in sources.rows(catalog.task("qqp"), Rows.of(data, split="dev"))]
    long = [e.context for e in sources.rows(catalog.task("squad_v1"), Rows.of(data, split="train"))]
    long = sorted(set(long))
    rng = np.random.default_rng(0)
    return {
        "sentences": [short[i % len(short)] for i in rng.permutation(len(short))[:400]]
        * (1 if len(short) >= 400 else 10),
        "passages": [long[i % len(long)] for i in rng.permutation(max(60, len(long)))[:60]],
    }


def main() -> None:
    """Print the table."""
    import torch

    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, {ROUNDS} rounds")
    fp32, bf16 = sentence.load_encoder(), sentence.load_encoder(precision="bf16")
    peer = fp32.model
    for kind, chosen in texts().items():
        ways: dict[str, Callable[[], np.ndarray]] = {
            "sentence-transformers": lambda t=chosen: peer.encode(
                t, normalize_embeddings=True, show_progress_bar=False
            ),
            "fp32": lambda t=chosen: fp32.encode(t),
            "bf16": lambda t=chosen: bf16.encode(t),
        }
        vectors = {name: way() for name, way in ways.items()}
        times = {name: [] for name in ways}
        for _ in range(ROUNDS):
            for name, way in ways.items():
                times[name].append(seconds(way))
        tokens = fp32.lengths(chosen).mean()
        print(f"\n{len(chosen)} {kind} of {tokens:.0f} tokens")
        reference = vectors["sentence-transformers"]
        scores = {n: score.score(embedded.from_arrays({"x": v}), intervals=False)["value"] for n, v in vectors.items()}
        for name in ways:
            ratio = statistics.median(b / a for a, b in zip(times[name], times["sentence-transformers"], strict=True))
            worst = float((1 - (vectors[name].astype(float) * reference).sum(axis=1)).max())
            shift = (scores[name] / scores["sentence-transformers"] - 1).abs().max()
            rate = len(chosen) / statistics.median(times[name])
            print(f"  {name:22} {ratio:5.2f} x  {rate:8.1f} texts/s  worst 1-cos {worst:.1e}  scores moved {shift:.2%}")
    with tempfile.TemporaryDirectory() as folder:
        chosen = [t for k in texts().values() for t in k]
        first = seconds(lambda: cache.embed(chosen, fp32, cache=folder))
        again = statistics.median(seconds(lambda: cache.embed(chosen, fp32, cache=folder)) for _ in range(5))
        print(f"\ncached: {first / again:.0f} x ({first:.2f} s, then {again * 1000:.1f} ms)")


if __name__ == "__main__":
    sys.exit(main())
