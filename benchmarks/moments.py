"""Moments beside the bare product, and how many rows a second are reduced, in one run: `python benchmarks/moments.py`.

First, float32 rows to moments beside the products of their chunks alone, in double and in single precision; the ways take
turns, and medians of the rounds' ratios of processor time are printed. Then $N (10^6) rows of $D (256) dimensions, drawn by
a seeded generator in place of a disk, in $SHARDS (4), through what `diversity measure` does with a shard, with products of
$PRODUCTS (fp64): the rate of each shard without the time of drawing, peak memory, and what merging them in the other order
changes. With a folder $KEEP, finished shards are kept there, and a run that was stopped goes on; $ROUNDS (7) of 0 leaves out
the first part.
"""

from __future__ import annotations

import functools
import json
import operator
import os
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from diversity import moments as ours
from diversity import store
from diversity.scoring import reduced
from diversity.scoring.reduced import Products, Reduced

N, D = int(float(os.environ.get("N", "1e6"))), int(os.environ.get("D", "256"))
SHARDS, PRODUCTS = int(os.environ.get("SHARDS", "4")), cast(Products, os.environ.get("PRODUCTS", "fp64"))
ROUNDS, BLOCK = int(os.environ.get("ROUNDS", "7")), 8192


def bare(rows: NDArray[np.floating], dtype: type) -> NDArray[np.float64]:
    """The sum of the products of chunks, on rows that need nothing else."""
    total = np.zeros((rows.shape[1],) * 2)
    for start in range(0, len(rows), ours.CHUNK):
        part = rows[start : start + ours.CHUNK].astype(dtype, copy=False)
        total += part.T @ part
    return total


def ratios() -> None:
    """The first table."""
    for d in (256, 384, 768):
        single = np.random.default_rng(0).normal(size=(16_000_000 // d, d)).astype(np.float32)
        double = single.astype(np.float64)
        ways: dict[str, Callable[[], object]] = {
            "bare double": lambda x=double: bare(x, np.float64),
            "moments": lambda x=single: ours.moments(x),
            "bare single": lambda x=single: bare(x, np.float32),
            "single_moments": lambda x=single: ours.single_moments(x),
        }
        times: dict[str, list[float]] = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way, work in ways.items():
                start = time.process_time()
                work()
                times[way].append(time.process_time() - start)

        def ratio(way: str, base: str, found: dict[str, list[float]] = times) -> float:
            return statistics.median(a / b for a, b in zip(found[way], found[base], strict=True))

        error = np.abs(ours.single_moments(single).second - ours.moments(single).second).max()
        rate = len(single) / statistics.median(times["moments"])
        print(
            f"d = {d}: moments {ratio('moments', 'bare double'):.2f} x the product in double ({rate:,.0f} rows/s); in single "
            f"{ratio('single_moments', 'bare double'):.2f} x that, {ratio('single_moments', 'bare single'):.2f} x "
            f"the product in single; entries within {error:.1e}"
        )


def blocks(shard: int, spent: list[float]) -> Iterator[tuple[NDArray[np.float32], int, int]]:
    """Rows of a shard as a generator draws them; the time that it takes goes to `spent`."""
    rows = N * (shard + 1) // SHARDS - N * shard // SHARDS
    for number in range(-(-rows // BLOCK)):
        start = time.process_time()
        block = np.random.default_rng([7, shard, number]).standard_normal(
            (min(BLOCK, rows - number * BLOCK), D), np.float32
        )
        spent.append(time.process_time() - start)
        yield block, 0, 0


def kept(shard: int) -> tuple[Reduced, float]:
    """A shard reduced, and its rate; from $KEEP where it is there."""
    folder = Path(os.environ.get("KEEP", ""))
    file, known = folder / f"{N}-{D}-{PRODUCTS}-{shard}-of-{SHARDS}.npz", folder / f"{N}-{D}-{PRODUCTS}-{SHARDS}.json"
    rates = json.loads(known.read_text("utf8")) if folder.name and known.exists() else {}
    if str(shard) in rates:
        return reduced.load(file), rates[str(shard)]
    spent, start = list[float](), time.process_time()
    found = reduced.reduced(blocks(shard, spent), seed=shard, products=PRODUCTS)
    rate = N / SHARDS / (time.process_time() - start - sum(spent))
    if folder.name:
        found.save(file)
        store.write(known, json.dumps({**rates, str(shard): rate}))
    return found, rate


def main() -> None:
    """Print both."""
    if ROUNDS:
        ratios()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    shards, rates = list[Reduced](), list[float]()
    for shard in range(SHARDS):
        found, rate = kept(shard)
        shards.append(found)
        rates.append(rate)
        print(f"shard {shard + 1} of {SHARDS}: {rate:,.0f} rows/s of processor time, without drawing them", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    one, other = (functools.reduce(operator.add, order) for order in (shards, shards[::-1]))
    assert one.moments is not None
    assert other.moments is not None
    apart = np.abs(one.moments.second - other.moments.second).max()
    assert np.array_equal(one.rows, other.rows)
    print(
        f"{one.moments.n:,} rows of {D} dimensions in {PRODUCTS}: {SHARDS / sum(1 / r for r in rates):,.0f} rows/s; peak "
        f"memory {peak / 2**20:.2f} GiB, before {before / 2**20:.2f}; merged in the other order: entries within {apart:.0e}, "
        "the same sample"
    )


if __name__ == "__main__":
    main()
