"""Speed of training beside the Hugging Face Trainer, in one run: `python benchmarks/training.py`.

One task on texts of mixed lengths (nine sentences to one passage, from $DIVERSITY_DATA where it is set, else the written
samples): which set does a text come from? The same random encoder, the same texts in the same order, batches of 32 and
AdamW; the Trainer with its default collator, which pads a batch to its longest text. Each way runs in a process of its
own, by turns, and the medians of the rounds' ratios are printed: of wall time, and of processor time, which other work
on the machine does not move as much. With a CUDA device an encoder of the size of XLM-R Large runs in bf16 there, with
its share of the measured rate of matrix products.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np

ROUNDS = int(os.environ.get("ROUNDS", "3"))
STEPS = int(os.environ.get("STEPS", "40"))
WARM = 4  # steps that are not timed
BATCH, LONGEST, RATE = 32, 128, 5e-4
WAYS = ("Trainer", "ours", "ours padded", "ours bf16")
DEVICE_WAYS = ("Trainer", "ours", "ours whole table", "ours padded")
SMALL = {"hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 1024}
TINY = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128}
LARGE = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}


def texts(number: int) -> tuple[list[str], list[int]]:
    """Sentences and passages, nine to one, and which of the two each is, or which of two sets of sentences."""
    from diversity import catalog, store
    from diversity.data import sources
    from diversity.types import Rows

    data = os.environ.get("DIVERSITY_DATA") or store.shipped() / "samples"

    def read(task: str, split: str, field: str) -> list[str]:
        found = sources.rows(catalog.task(task), Rows.of(data, split=split))
        return sorted({getattr(e, field) for e in found if getattr(e, field)})

    sentences = [read("qqp", "dev", "text"), read("commonsenseqa", "train", "question")]
    kinds = [*sentences, read("squad_v1", "train", "context")]
    rng = np.random.default_rng(0)
    labels = rng.choice(3, size=number, p=[0.45, 0.45, 0.1])
    return [kinds[k][rng.integers(len(kinds[k]))] for k in labels], labels.tolist()


def model(size: dict[str, int], vocabulary: int) -> Any:
    """A random XLM-R."""
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.XLMRobertaConfig(
        **size, vocab_size=vocabulary, max_position_embeddings=514, type_vocab_size=1, pad_token_id=1, num_labels=3
    )
    return transformers.XLMRobertaForSequenceClassification(config)


def token_ids(number: int, vocabulary: int, longest: int) -> tuple[list[list[int]], list[int]]:
    """Texts as ids of the embedded tokenizer, folded into a smaller vocabulary."""
    from diversity.encoders.pretrained import load_model

    found, labels = texts(number)
    tokenizer = load_model("all-MiniLM-L6-v2").tokenizer
    ids = tokenizer(found, truncation=True, max_length=longest)["input_ids"]
    return [[0, *(3 + i % (vocabulary - 3) for i in sequence[1:-1]), 2] for sequence in ids], labels


class Clock:
    """Seconds after the first steps, by the wall and of the processor."""

    def __init__(self) -> None:
        self.wall = self.cpu = 0.0

    def start(self) -> None:
        """Begin to count."""
        synchronise()
        self.wall, self.cpu = time.perf_counter(), time.process_time()

    def stop(self) -> tuple[float, float]:
        """Seconds since."""
        synchronise()
        return time.perf_counter() - self.wall, time.process_time() - self.cpu


def synchronise() -> None:
    """Wait for the device."""
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def plan(number: int) -> Any:
    """Which of so many texts each step sees."""
    from diversity.training.sampling import BatchSchedule

    return BatchSchedule(("x",), (number,), (1.0,), BATCH, STEPS * BATCH)


def by_trainer(ids: list[list[int]], labels: list[int], net: Any, clock: Clock, *, bf16: bool) -> list[float]:
    """Losses of the Trainer's steps, in our order of the texts."""
    import torch
    import transformers

    losses: list[float] = []

    class Watch(transformers.TrainerCallback):
        def on_step_end(self, _: Any, state: Any, control: Any, **others: Any) -> None:
            if state.global_step == WARM:
                clock.start()

        def on_log(self, _: Any, state: Any, control: Any, logs: dict[str, float], **others: Any) -> None:
            if "loss" in logs:
                losses.append(float(logs["loss"]))

    class Rows(torch.utils.data.Dataset[dict[str, Any]]):
        def __len__(self) -> int:
            return len(ids)

        def __getitem__(self, i: int) -> dict[str, Any]:
            return {"input_ids": ids[i], "attention_mask": [1] * len(ids[i]), "labels": labels[i]}

    class Tokenizer(transformers.PreTrainedTokenizerFast):
        """Pads, and nothing else."""

    class Trainer(transformers.Trainer):
        def _get_train_sampler(self, *_: Any) -> Any:
            steps = map(plan(len(ids)).step, range(STEPS))
            return [i for step in steps for _, units in step for i in units]

    from tokenizers import Tokenizer as Backend
    from tokenizers.models import WordLevel

    pads = Tokenizer(tokenizer_object=Backend(WordLevel({"<s>": 0, "<pad>": 1}, unk_token="<s>")), pad_token="<pad>")
    arguments = transformers.TrainingArguments(
        output_dir="/tmp/trainer", per_device_train_batch_size=BATCH, max_steps=STEPS, learning_rate=RATE, report_to=[],
        save_strategy="no", disable_tqdm=True, logging_steps=1, warmup_steps=STEPS // 10, bf16=bf16, seed=0,
        use_cpu=not torch.cuda.is_available(), dataloader_pin_memory=torch.cuda.is_available(),
    )  # fmt: skip
    trainer = Trainer(model=net, args=arguments, train_dataset=Rows(), processing_class=pads, callbacks=[Watch()])
    trainer.train()
    return losses


def by_us(ids: list[list[int]], labels: list[int], net: Any, clock: Clock, **settings: Any) -> list[float]:
    """Losses of our steps: the same encoder, with a head of the same shape."""
    from diversity.encoders.pretrained import Loaded
    from diversity.features.build import Features
    from diversity.training import heads, loop
    from diversity.training.batching import bounds
    from diversity.training.heads import Output
    from diversity.training.settings import Settings

    n = len(ids)
    flat = np.concatenate(ids).astype(np.int32)
    units = np.arange(n, dtype=np.int32)
    features = Features(
        "classification", flat, np.zeros(len(flat), np.uint8), bounds(np.array([len(i) for i in ids])),
        np.arange(n + 1), units, np.array(labels, np.int32),
    )  # fmt: skip
    chosen = Settings.of(learning_rate=RATE, batch_size=BATCH, steps=STEPS, warmup=STEPS // 10, **settings)
    net.roberta.set_attn_implementation("sdpa")
    loaded = Loaded("random", "", "", net.roberta, None)
    made = heads.network(loaded, {"x": Output("classification", 3)}, 0)
    job = loop.TrainingRun(made, {"x": features}, plan(n), chosen, chosen.computation.packing != "off", 1)
    losses: list[float] = []
    hooks = loop.Hooks(
        begins=lambda step: clock.start() if step == WARM else None, ends=lambda _, loss: losses.append(loss)
    )
    loop.train(job, None, hooks=hooks)
    return losses


def child(way: str, size: str) -> None:
    """One way, in a process of its own: JSON on the last line."""
    import torch

    torch.set_num_threads(int(os.environ.get("THREADS", "1")))
    vocabulary, longest = (250_002, 256) if size == "large" else (8_000, LONGEST)
    ids, labels = token_ids(STEPS * BATCH, vocabulary, longest)
    net, clock = model({"small": SMALL, "tiny": TINY, "large": LARGE}[size], vocabulary), Clock()
    before, bf16 = peak(), size == "large" or way.endswith("bf16")
    if way == "Trainer":
        losses = by_trainer(ids, labels, net, clock, bf16=size == "large")
    else:
        packing, table = "off" if "padded" in way else "auto", "whole" if "whole" in way else "used"
        precision = "bf16" if bf16 else "fp32"
        losses = by_us(ids, labels, net, clock, precision=precision, packing=packing, vocabulary=table)
    wall, cpu = clock.stop()
    timed = (STEPS - WARM) * BATCH
    found = {
        "wall": timed / wall, "cpu": timed / cpu, "loss": float(np.mean(losses[-STEPS // 4 :])), "first": losses[0],
        "memory": peak() - (0 if torch.cuda.is_available() else before), "length": sum(map(len, ids)) / len(ids),
        "squared": sum(len(i) ** 2 for i in ids) / sum(map(len, ids)),
    }  # fmt: skip
    if size == "large":
        found["matmul"] = matmul_rate()
    print(json.dumps(found))


def peak() -> int:
    """The most memory so far, in bytes: of the device, or of the process."""
    import torch

    if torch.cuda.is_available():
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def matmul_rate() -> float:
    """Floating-point operations a second of bf16 matrix products here."""
    import torch

    n, device = 8192, "cuda"
    a, b = (torch.randn(n, n, device=device, dtype=torch.bfloat16) for _ in range(2))
    for _ in range(5):
        a @ b
    clock = Clock()
    clock.start()
    for _ in range(30):
        a @ b
    return 30 * 2 * n**3 / clock.stop()[0]


def run(way: str, size: str) -> dict[str, float]:
    """The figures of one way."""
    done = subprocess.run([sys.executable, __file__, way, size], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{way}: {done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    """Print the tables."""
    import torch

    print(f"torch {torch.__version__}, {ROUNDS} rounds of {STEPS} steps of {BATCH} texts, one thread")
    table({way: [] for way in WAYS}, "small")
    if torch.cuda.is_available():
        print(f"\nXLM-R Large, random weights, bf16, on {torch.cuda.get_device_name()}")
        table({way: [] for way in DEVICE_WAYS}, "large")


def table(results: dict[str, list[dict[str, float]]], size: str) -> None:
    """Rounds of all ways by turns."""
    for _ in range(ROUNDS):
        for way in results:
            results[way].append(run(way, size))

    def median(way: str, key: str) -> float:
        return statistics.median(r[key] for r in results[way])

    def ratio(way: str, base: str, key: str) -> float:
        return statistics.median(a[key] / b[key] for a, b in zip(results[way], results[base], strict=True))

    print(f"texts of {median('ours', 'length'):.0f} tokens on average")
    for way in results:
        line = (
            f"  {way:12} {ratio(way, 'Trainer', 'wall'):5.2f} x ({ratio(way, 'Trainer', 'cpu'):5.2f} x processor time)"
        )
        line += f"  {median(way, 'wall'):8.1f} texts/s  loss {median(way, 'first'):.3f} to {median(way, 'loss'):.3f}"
        print(f"{line}  memory {ratio(way, 'Trainer', 'memory'):.2f} x")
        if size == "large":
            print(f"    {utilisation(results[way])}")
    if "ours bf16" in results:
        print(
            f"  bf16 beside fp32: {ratio('ours bf16', 'ours', 'wall'):.2f} x "
            f"({ratio('ours bf16', 'ours', 'cpu'):.2f} x processor time)"
        )


def utilisation(found: list[dict[str, float]]) -> str:
    """Tokens a second, and their share of the rate of matrix products: 6 N + 12 L d s operations a token."""
    layers, width = LARGE["num_hidden_layers"], LARGE["hidden_size"]
    matrices = layers * (4 * width**2 + 2 * width * LARGE["intermediate_size"])
    shares, rates = [], []
    for figures in found:
        rates.append(figures["wall"] * figures["length"])
        operations = 6 * matrices + 12 * layers * width * figures["squared"]
        shares.append(rates[-1] * operations / figures["matmul"])
    memory = statistics.median(f["memory"] for f in found) / 2**30
    return (
        f"{statistics.median(rates):,.0f} tokens/s, {statistics.median(shares):.1%} of bf16 products, {memory:.1f} GiB"
    )


if __name__ == "__main__":
    sys.exit(child(*sys.argv[1:]) if len(sys.argv) > 1 else main())
