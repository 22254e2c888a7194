"""Time and value of the pairwise metrics beside those of emb-diversity 0.1.0, in one process, on the same rows.

With `--all-rows`, without the peer, in place of that: the metrics of $N (10^5) rows of $D (64) dimensions in a
memory-mapped file, by --drawn rows each compared with all: processor time, peak memory, and the interval's half length.
Up to 10^4 rows the value of all of them stands beside it.

The peer needs an environment of its own, which has all that these metrics need:

    python3 -m venv PEERS && PEERS/bin/pip install emb-diversity==0.1.0
    OMP_NUM_THREADS=1 PYTHONPATH=. PEERS/bin/python benchmarks/pairwise.py --rows 5000

Both sides start from the same array; the peer's caches of distances, in memory and on disk, are emptied before each
metric, so that each pays for what it needs. Rows are unit vectors, since the peer takes the centroid of raw ones. Times
are the best of --repeat, after a call on few rows. The last figure is ours/peer - 1 of the values; the note says whether
both define the same thing ("=").
"""

from __future__ import annotations

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from diversity import catalog, from_arrays
from diversity.catalog import metric
from diversity.scoring import score
from diversity.scoring.asked import Draws

Rows = np.ndarray[Any, Any]
N, D = int(float(os.environ.get("N", "1e5"))), int(os.environ.get("D", "64"))


def shared(n: int) -> list[tuple[str, str, float, dict[str, Any], str]]:
    """Our metric, the peer's, by what ours is multiplied, the peer's options, and how the definitions differ."""
    return [
        ("chamfer", "chamfer_dist", 1, {}, "="),
        ("knn(k=1)", "knn", 1, {"k": 1}, "= at k = 1; else theirs is the k-th neighbour, ours the mean of k"),
        ("sum_bottleneck", "sum_bottleneck", 1, {}, "="),
        ("bottleneck", "bottleneck", 1, {}, "="),
        ("diameter", "diameter", 1, {}, "="),
        ("sum_diameter", "sum_diameter", 1, {}, "="),
        ("mst", "mst_dispersion", n - 1, {}, "= times n - 1; theirs drops edges between duplicates"),
        ("span", "span_centroid", 1, {}, "= on unit rows"),
        ("medoid_span", "span_medoid", 1, {}, "="),
        ("energy", "energy", 1, {}, "= without duplicates: floor 1e-6, theirs 1e-12"),
        ("dcscore", "dcscore", 1, {}, "="),
        ("graph_entropy", "graph_entropy", 1, {}, "="),
        ("renyi_entropy", "renyi_entropy", 1, {}, "="),
        ("grid_entropy", "bins_entropy", 1, {"projection": "pca", "normalization": "bins"}, "= by PCA of the rows"),
        ("kmeans_inertia(clusters=50)", "cluster_inertia", n, {"n_clusters": 50}, "another local optimum; times n"),
    ]


def best(function: Callable[[], float], repeat: int, before: Callable[[], None] = lambda: None) -> tuple[float, float]:
    """The least seconds of several calls, and the value."""
    times, value = [], float("nan")
    for _ in range(repeat):
        before()
        start = time.perf_counter()
        value = function()
        times.append(time.perf_counter() - start)
    return min(times), value


def ours(printed: str, x: Rows) -> float:
    found = metric(printed)
    if printed.startswith("kmeans_inertia"):
        from diversity.metrics import _partition

        _partition.fitted_means.cache_clear()
    return found(x, x) if found.takes == "reference" else found(x)


def line(printed: str, name: str, times: float, options: dict[str, Any], note: str, x: Rows, repeat: int) -> None:
    from emb_diversity import clear_distance_cache, get_measure

    ours(printed, x[:60]), get_measure(name)(x[:60], **options)  # what is loaded once is not timed
    seconds, value = best(lambda: ours(printed, x) * times, repeat)
    theirs, other = best(lambda: get_measure(name)(x, **options)["value"], repeat, clear_distance_cache)
    print(
        f"{printed:28} {seconds:8.3f} {theirs:8.3f} {theirs / seconds:7.1f}x {value:16.9g} {other:16.9g} "
        f"{value / other - 1:10.1e}  {note}",
        flush=True,
    )


def rows(n: int, d: int, groups: int = 20) -> Rows:
    """Unit rows in groups, as sentence embeddings of several tasks are."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(groups, d))[rng.integers(groups, size=n)] + 1.2 * rng.normal(size=(n, d))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def all_rows(metrics: list[str], drawn: int, folder: Path) -> None:
    """Metrics of a file of rows in groups, which is read as it is needed."""
    with (folder / "rows.npy").open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": (N, D)})
        centres = np.random.default_rng(0).standard_normal((20, D), np.float32)
        for start in range(0, N, 10_000):
            rng, size = np.random.default_rng([1, start]), min(10_000, N - start)
            noise = rng.standard_normal((size, D), np.float32)
            file.write((centres[rng.integers(20, size=size)] + noise).tobytes())
    start = time.process_time()
    space = from_arrays({"rows": folder / "rows.npy"})
    print(f"n={N:,} d={D} drawn={drawn:,}; moments and kept rows {time.process_time() - start:.1f} s")
    print(f"{'metric':24} {'value':>14} {'half interval':>14} {'processor s':>12} {'peak MiB':>9} {'of all rows':>14}")
    for printed in metrics:
        start = time.process_time()
        (row,) = score.score(space, metrics=[printed], draws=Draws(drawn, all_rows=True)).to_dict("records")
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
        whole = f"{ours(printed, np.load(folder / 'rows.npy')):14.6g}" if N <= 10_000 else ""
        half = (row["high"] - row["low"]) / 2
        print(f"{row['metric']:24} {row['value']:14.6g} {half:14.2g} {seconds:12.1f} {peak:9.0f} {whole}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="pairwise metrics beside emb-diversity's")
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument(
        "--trip-rows", type=int, default=300, help="of the Hamiltonian circuit, which the peer can do of few"
    )
    parser.add_argument("--all-rows", action="store_true")
    parser.add_argument("--drawn", type=int, default=1000)
    parser.add_argument("--metrics", nargs="*", default=[n for n in catalog.names("metrics") if metric(n).from_drawn])
    args = parser.parse_args()
    if args.all_rows:
        with tempfile.TemporaryDirectory() as folder:
            all_rows(args.metrics, args.drawn, Path(folder))
        return
    x = rows(args.rows, args.dimension)
    few = rows(args.trip_rows, args.dimension)
    print(f"n={args.rows} d={args.dimension} threads={os.environ.get('OMP_NUM_THREADS', 'all')} repeat={args.repeat}")
    print(f"{'metric':28} {'ours s':>8} {'peer s':>8} {'faster':>8} {'ours':>16} {'peer':>16} {'difference':>10}")
    with tempfile.TemporaryDirectory() as folder:
        here = Path.cwd()
        os.chdir(folder)  # the peer keeps its cache in the working directory
        try:
            for entry in shared(args.rows):
                line(*entry, x, args.repeat)
            for solver in ("greedy", "christofides"):
                note = f"both upper bounds; theirs {solver}, n={len(few)}"
                line("hamiltonian", "hamdiv", 1, {"solver": solver}, note, few, 1)
        finally:
            os.chdir(here)


if __name__ == "__main__":
    main()
