"""Sentence vectors of retrieval in bf16 beside single precision, in one run: `python benchmarks/precision.py`.

Tatoeba of the folder in $DIVERSITY_DATA where it is set, else of the written samples, in eight languages; $MODEL is the
encoder (`mini`). Printed by language: how many nearest neighbours change, both accuracies, and for how many queries the gap
between the two nearest is below twice the largest difference of a cosine: these would have to be encoded again for the
same neighbours.
"""

from __future__ import annotations

import os
import time

import numpy as np

from diversity import store
from diversity.encoders.hidden_states import LayerEncoder, SentenceVectors
from diversity.retrieval.retrieve import Bitext, bitext
from diversity.types import Rows

LANGUAGES = ("de", "ar", "zh", "hi", "tr", "ru", "th", "sw")


def main() -> None:
    """Print both times, and what half precision changes."""
    rows = Rows.of(os.environ.get("DIVERSITY_DATA") or store.shipped() / "samples", split="test")
    given = [bitext("tatoeba", rows, split="test", language=language) for language in LANGUAGES]
    single, half = (SentenceVectors(precision=p).encoder(os.environ.get("MODEL", "mini")) for p in ("fp32", "bf16"))
    times, changed, close = [0.0, 0.0], 0, 0
    for at in given:
        (a, a_time), (b, b_time) = cosines(single, at), cosines(half, at)
        times = [times[0] + a_time, times[1] + b_time]
        second, first = np.sort(a, axis=1)[:, -2:].T
        error = np.abs(a - b).max()
        differ, near = a.argmax(axis=1) != b.argmax(axis=1), first - second < 2 * error
        changed, close = changed + differ.sum(), close + near.sum()
        right = [100 * np.mean(x.argmax(axis=1) == np.array(at.lines, dtype=int)) for x in (a, b)]
        print(
            f"{at.language}: {differ.sum()} of {len(differ)} neighbours change; accuracy {right[0]:.2f} and {right[1]:.2f}; "
            f"cosines differ by {error:.4f} at most; {near.mean():.0%} of the gaps are below twice that"
        )
    ratio = times[0] / times[1]
    print(f"fp32 {times[0]:.1f} processor seconds, bf16 {times[1]:.1f}: {ratio:.2f} times as fast")
    print(f"{changed} neighbours change, {close} queries would have to be encoded again")


def cosines(encoder: LayerEncoder, at: Bitext) -> tuple[np.ndarray, float]:
    """Cosines of the English with the foreign sentences, in double precision, and the time of their encoding."""
    texts = [[row.text for row in side] for side in (at.english, at.foreign)]
    encoder.encode(texts[0][:8])  # so that neither precision is timed cold
    start = time.process_time()
    a, b = (encoder.encode(side).astype(np.float64) for side in texts)
    taken = time.process_time() - start
    a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in (a, b))
    return a @ b.T, taken


if __name__ == "__main__":
    main()
