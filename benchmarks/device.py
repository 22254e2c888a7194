"""The parts of benchmarks/device.sh, each in a process of its own with a limit; the table comes last.

Training: an encoder of the size of XLM-R Large with random weights, bf16, packed, with the used rows of the embedding table
and with the whole one, and padded, beside the Trainer with its defaults: tokens a second, their share of the rate of bf16
matrix products that is measured here, peak memory. Encoding with the embedded encoder, and exact neighbours of its
dimension. A grid of two cells of `mini` on the written samples, end to end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

TINY = bool(os.environ.get("TINY"))
LIMITS = {"training": 70, "encoding": 60, "neighbours": 45, "grid": 90}  # seconds of a part; four of them train: 475
SAMPLES = Path(__file__).parent.parent / "data" / "samples"
PLAN = """
name = "two cells"
model = "mini"
targets = ["xnli"]
seeds = [1]
[train]
steps = {steps}
precision = "bf16"
dev_every = 0
[target]
steps = {steps}
precision = "bf16"
dev_every = 0
[predict]
languages = ["en", "de"]
[diversity]
metrics = ["cosine"]
[[mixtures]]
tasks = ["mnli"]
[[mixtures]]
tasks = ["ccg", "qqp"]
"""


def training(way: str) -> dict[str, Any]:
    """One way of benchmarks/training.py."""
    import training as benchmark

    benchmark.child(way, "tiny" if TINY else "large")
    return {}


def encoding(_: str) -> dict[str, Any]:
    """Texts a second of the embedded encoder, and how far bf16 is from fp32."""
    import numpy as np

    from diversity.encoders.sentence import load_encoder

    words = "the a of diverse sets are measured by many texts with several words in each".split()
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(words, rng.integers(5, 40))) for _ in range(64 if TINY else 50_000)]
    rows, vectors = {}, {}
    for precision in ("fp32", "bf16"):
        model = load_encoder(precision=precision)
        model.encode(texts[:64])
        start = time.perf_counter()
        vectors[precision] = model.encode(texts)
        rows[f"encoding {precision}"] = f"{len(texts) / (time.perf_counter() - start):,.0f} texts/s"
    cosines = np.einsum("ij,ij->i", vectors["fp32"], vectors["bf16"])
    cosines /= np.linalg.norm(vectors["fp32"], axis=1) * np.linalg.norm(vectors["bf16"], axis=1)
    rows["encoding bf16"] += f", 1 - cosine at most {1 - cosines.min():.1e}"
    return rows


def neighbours(_: str) -> dict[str, Any]:
    """Exact neighbours both ways."""
    import numpy as np

    from diversity.retrieval import neighbours as exact

    n = 2_000 if TINY else 200_000
    x, y = (np.random.default_rng(s).normal(size=(n, 384)).astype(np.float32) for s in (0, 1))
    start = time.perf_counter()
    exact.neighbours(x, y, 4)
    return {"neighbours": f"{n:,} a side, 4 each, both ways: {time.perf_counter() - start:.1f} s"}


def grid(_: str) -> dict[str, Any]:
    """A grid of two cells."""
    with tempfile.TemporaryDirectory() as folder:
        plan = Path(folder) / "plan.toml"
        plan.write_text(PLAN.format(steps=2 if TINY else 100))
        start = time.perf_counter()
        command = [sys.executable, "-m", "diversity", "grid", "run", str(plan), "--output", f"{folder}/grid"]
        done = subprocess.run([*command, "--data", str(SAMPLES)], capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(done.stderr[-1000:])
        seconds = time.perf_counter() - start
        rows = len((Path(folder) / "grid" / "results.csv").read_text().splitlines()) - 1
    return {"grid": f"two cells, {rows} result rows: {seconds:.1f} s"}


def part(name: str, way: str = "") -> dict[str, Any] | str:
    """What a part says on its last line, or why it says nothing."""
    steps = {"STEPS": os.environ.get("STEPS", "8" if TINY else "40")}
    try:
        done = subprocess.run(
            [sys.executable, __file__, name, way], capture_output=True, text=True, timeout=LIMITS[name],
            env=os.environ | steps, check=False,
        )  # fmt: skip
        figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return figures
    except subprocess.TimeoutExpired:
        return f"not finished in {LIMITS[name]} s"
    except (IndexError, ValueError):
        return f"failed: {' '.join(done.stderr.split())[-300:]}"


def trained(figures: dict[str, float]) -> str:
    """Tokens a second, their share of the products where that was measured, and peak memory."""
    import training as benchmark

    if "matmul" in figures:
        return benchmark.utilisation([figures])
    return f"{figures['wall'] * figures['length']:,.0f} tokens/s, {figures['memory'] / 2**30:.2f} GiB"


def main() -> None:
    """Run all parts, and print the table."""
    import torch
    import training as benchmark

    begin, lines = time.perf_counter(), [f"torch {torch.__version__}, {device()}{', TINY' * TINY}"]
    for way in benchmark.DEVICE_WAYS:
        figures = part("training", way)
        lines.append(f"training, {way:18} {figures if isinstance(figures, str) else trained(figures)}")
        print(lines[-1], file=sys.stderr)
    for name in ("encoding", "neighbours", "grid"):
        figures = part(name)
        rows = {name: figures} if isinstance(figures, str) else figures
        lines += [f"{label:28} {text}" for label, text in rows.items()]
        print(lines[-1], file=sys.stderr)
    lines.append(f"{time.perf_counter() - begin:.0f} s in all")
    print("\n".join(lines))
    if out := os.environ.get("OUT"):
        (Path(out) / "device.txt").write_text("\n".join(lines) + "\n")


def device() -> str:
    """What this machine computes on."""
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "no CUDA device"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        found = {"training": training, "encoding": encoding, "neighbours": neighbours, "grid": grid}[sys.argv[1]](
            sys.argv[2]
        )
        if found:
            print(json.dumps(found))
    else:
        main()
