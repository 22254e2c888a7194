"""Exact nearest neighbours both ways beside faiss's flat index, in one run: `python benchmarks/retrieval.py`.

faiss is no dependency: $FAISS_PYTHON names the Python of an environment that has faiss-cpu. N vectors a side ($N, 100,000)
of $D (384) dimensions, k = 4, both directions, $THREADS (2) threads; each way in a process of its own, which reports the
time of the search alone, its processor time (which a busy machine moves less) and its peak memory; the ways take turns
for $ROUNDS (1) rounds. `fp32` and `bf16` force the product; `auto` is what users get. $KIND: random, or one_direction,
whose cosines are all near 1 as those of raw hidden states are.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

N, D = int(os.environ.get("N", "100000")), int(os.environ.get("D", "384"))
ROUNDS, THREADS, K = int(os.environ.get("ROUNDS", "1")), os.environ.get("THREADS", "2"), 4
KIND, FAISS = os.environ.get("KIND", "random"), os.environ.get("FAISS_PYTHON")

COMMON = """
import json, resource, sys, time
import numpy as np
x, y = np.load(sys.argv[1] + "/x.npy"), np.load(sys.argv[1] + "/y.npy")
def report(start, *found):
    seconds, cpu = time.perf_counter() - start[0], time.process_time() - start[1]
    np.savez(sys.argv[1] + "/" + sys.argv[2] + ".npz", *found)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"seconds": seconds, "cpu": cpu, "peak": peak}))
"""
OURS = """
from diversity.retrieval import neighbours
start = time.perf_counter(), time.process_time()
found = neighbours.neighbours(x, y, int(sys.argv[3]), product=sys.argv[2])
report(start, found.forward, found.backward)
"""
PEER = """
import faiss
start = time.perf_counter(), time.process_time()
found = []
for queries, others in ((x, y), (y, x)):
    index = faiss.IndexFlatIP(x.shape[1])
    index.add(others)
    found.append(index.search(queries, int(sys.argv[3]))[1])
    del index
report(start, *found)
"""


def run(way: str, folder: str) -> dict[str, float]:
    """One way in a process of its own: its seconds, processor seconds and peak memory in bytes."""
    python, code = (FAISS, PEER) if way == "faiss" else (sys.executable, OURS)
    environment = os.environ | {"OMP_NUM_THREADS": THREADS, "OPENBLAS_NUM_THREADS": THREADS}
    done = subprocess.run(
        [str(python), "-c", COMMON + code, folder, way, str(K)], env=environment, stdout=subprocess.PIPE, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def unit(seed: int) -> np.ndarray:
    """Unit vectors (N, D)."""
    x = np.random.default_rng(seed).standard_normal((N, D), dtype=np.float32)
    if KIND == "one_direction":
        x = 0.1 * x + 1
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return x


def differences(folder: str, way: str, other: str) -> tuple[float, float]:
    """Share of neighbours that differ, and how far the cosines of those are apart at most."""
    x, y = (np.load(f"{folder}/{side}.npy") for side in "xy")
    with np.load(f"{folder}/{way}.npz") as one, np.load(f"{folder}/{other}.npz") as two:
        count, apart = 0, 0.0
        for name, queries, others in (("arr_0", x, y), ("arr_1", y, x)):
            rows, columns = np.nonzero(one[name] != two[name])
            count += len(rows)
            mine, theirs = (
                (queries[rows].astype(float) * others[found[name][rows, columns]]).sum(axis=1) for found in (one, two)
            )
            apart = max(apart, float(np.abs(mine - theirs).max(initial=0)))
    return count / (2 * N * K), apart


def main() -> None:
    """Print the table."""
    ways = [*(["faiss"] if FAISS else []), "auto", "fp32", "bf16"]
    print(f"{N:,} x {N:,}, d = {D}, k = {K}, both ways, {KIND}, {THREADS} threads, {ROUNDS} rounds")
    with tempfile.TemporaryDirectory() as folder:
        for seed, side in enumerate("xy"):
            np.save(Path(folder) / f"{side}.npy", unit(seed))
        runs = {way: [] for way in ways}
        for _ in range(ROUNDS):
            for way in ways:
                runs[way].append(run(way, folder))
        for way, found in runs.items():
            names = ("seconds", "cpu", "peak")
            seconds, cpu, peak = (statistics.median(r[name] for r in found) for name in names)
            rate = 2 * N * N * D / seconds / 1e9
            against = ""
            if FAISS and way != "faiss":
                ratio = statistics.median(
                    b["seconds"] / a["seconds"] for a, b in zip(found, runs["faiss"], strict=True)
                )
                share, apart = differences(folder, way, "faiss")
                against = f"  {ratio:5.2f} x faiss; {share:.2e} of neighbours differ, their cosines by {apart:.1e}"
            print(
                f"  {way:6} {seconds:7.1f} s  cpu {cpu:7.1f} s  {rate:5.0f} Gflop/s  peak {peak / 2**30:.2f} GiB{against}"
            )
    from diversity.retrieval import neighbours

    x, y = (np.random.default_rng(seed).standard_normal((4 * neighbours.BLOCK, D), dtype=np.float32) for seed in (0, 1))
    for n in (N, 400_000):
        print(f"  estimate for {n:,} x {n:,} from one strip: {neighbours.seconds(n, n, x, y, K):.0f} s")


if __name__ == "__main__":
    sys.exit(main())
