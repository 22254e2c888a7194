"""Training the rows of the embedding table that a run uses, beside the whole table, in one run.

`python benchmarks/vocabulary.py [mini] [base]`: the embedded encoder `mini`, and random weights of the size of XLM-R Base
(a vocabulary of 250,002). Sentence pairs of MNLI ($DIVERSITY_DATA where it is set, else the written samples), 16 a step,
bf16 (FP32=1: fp32), one thread. Each way runs in a process of its own, by turns; printed are medians of the rounds' ratios
of time a step and of peak memory, without that of the process before training, and the largest difference of any weight.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

ROUNDS, STEPS, WARM, BATCH = int(os.environ.get("ROUNDS", "3")), int(os.environ.get("STEPS", "12")), 2, 16
PRECISION = "fp32" if os.environ.get("FP32") else "bf16"
WAYS = ("whole", "used")


def loaded(size: str) -> Any:
    """`mini`, or random weights of the size of XLM-R Base with its tokenizer."""
    import torch
    import transformers

    from diversity.encoders.pretrained import Loaded, load_model

    mini = load_model("mini")
    if size == "mini":
        return mini
    torch.manual_seed(0)
    config = transformers.XLMRobertaConfig(
        vocab_size=250_002,
        max_position_embeddings=514,
        type_vocab_size=1,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=2,
    )
    config._attn_implementation = "sdpa"
    return Loaded("base", "", "", transformers.XLMRobertaModel(config, add_pooling_layer=False), mini.tokenizer)


def child(size: str, way: str, output: str) -> None:
    """Train one way; JSON on the last line."""
    import torch
    from safetensors.torch import save_file

    from diversity import catalog, store
    from diversity.data import sources
    from diversity.features.build import FeatureSettings, build
    from diversity.training import checkpoint, heads, loop
    from diversity.training.heads import Output
    from diversity.training.sampling import BatchSchedule
    from diversity.training.settings import Settings
    from diversity.types import Rows

    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    data = os.environ.get("DIVERSITY_DATA") or store.shipped() / "samples"
    examples = list(sources.rows(catalog.task("mnli"), Rows.of(data, limit=1000)))
    model, labels = loaded(size), tuple(sorted({e.label for e in examples}))
    features = build(examples, model.tokenizer, FeatureSettings(kind="classification", labels=labels, max_length=128))
    chosen = Settings.of(
        batch_size=BATCH,
        steps=STEPS,
        weight_decay=0.01,
        learning_rate=1e-4,
        dropout=0.0,
        precision=PRECISION,
        vocabulary=way,
    )
    network = heads.network(model, {"mnli": Output("classification", len(labels))}, 0, 0.0)
    schedule = BatchSchedule(("mnli",), (len(features),), (1.0,), BATCH, STEPS * BATCH)
    before, times = memory(), list[float]()
    run = loop.TrainingRun(network, {"mnli": features}, schedule, chosen, True, model.tokenizer.pad_token_id)
    loop.train(run, None, hooks=loop.Hooks(begins=lambda step: times.append(time.process_time())))
    steps = [b - a for a, b in pairwise(times)][WARM:]
    peak = memory()
    save_file({k: v.contiguous() for k, v in checkpoint.tensors(network).items()}, output)
    tokens = len(set(features.ids.tolist()))
    print(json.dumps({"step": statistics.median(steps), "memory": peak - before, "tokens": tokens}))


def memory() -> int:
    """The most memory that this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def difference(one: Path, other: Path) -> float:
    """The largest difference of a weight, tensor by tensor, for the largest has a GB."""
    from safetensors import safe_open

    with safe_open(one, "pt") as first, safe_open(other, "pt") as second:
        names = list(first.keys())
        return max(float((first.get_tensor(k) - second.get_tensor(k)).abs().max()) for k in names)


def main(sizes: list[str]) -> None:
    """Print the table."""
    print(f"{ROUNDS} rounds of {STEPS} steps of {BATCH} sentence pairs, {PRECISION}, processor seconds of one thread")
    for size in sizes:
        figures: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder) / way for way in WAYS]
            for _ in range(ROUNDS):
                for way, path in zip(WAYS, files, strict=True):
                    done = subprocess.run(
                        [sys.executable, __file__, "child", size, way, str(path)],
                        capture_output=True,
                        text=True,
                        check=False,
                    )
                    if done.returncode:
                        raise SystemExit(done.stderr[-2000:])
                    figures[way].append(json.loads(done.stdout.splitlines()[-1]))
            apart = difference(*files)
        whole, used = (figures[way] for way in WAYS)
        ratios = {
            k: statistics.median(b[k] / a[k] for a, b in zip(whole, used, strict=True)) for k in ("step", "memory")
        }
        step, peak = (statistics.median(f[k] for f in whole) for k in ("step", "memory"))
        print(
            f"{size:5} whole table {step:7.3f} s a step, {peak / 2**30:5.2f} GiB; used rows ({used[0]['tokens']:,.0f}) "
            f"{ratios['step']:.2f} x the time, {ratios['memory']:.2f} x the memory; weights within {apart:.1e}"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        child(*sys.argv[2:])
    else:
        main(sys.argv[1:] or ["mini", "base"])
