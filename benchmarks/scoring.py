"""Start-up, moments and scores of all mixtures, in one run: `python benchmarks/scoring.py`."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from timing import seconds

from diversity import catalog
from diversity.moments import CHUNK, moments
from diversity.scoring import embedded, score

N, D = 1_000_000, 384


def wall(command: Sequence[str]) -> float:
    """Median seconds of a command."""
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True), 7)


def startup() -> None:
    """Commands beside the import of numpy."""
    python = sys.executable
    base = wall([python, "-c", "import numpy"])
    print(f"import numpy                        {base:.3f} s")
    for arguments in (["--help"], ["tasks"], ["score", "--tasks", "squad_v1,mnli"]):
        took = wall([python, "-m", "diversity", *arguments])
        print(f"diversity {' '.join(arguments):25} {took:.3f} s  {took / base:.1f} x")


def streaming(path: Path) -> None:
    """Moments of a file in a process of its own (called with the file's name): seconds and peak memory."""
    x = np.load(path, mmap_mode="r")
    start = time.perf_counter()
    found = moments(x)
    took = time.perf_counter() - start
    # the kernel's own mark: getrusage's would start from the parent's
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    peak = int(status["VmHWM"].split()[0]) / 1024
    print(f"{took:.3f} {peak:.0f} {found.n}")


def large_file() -> None:
    """Moments of 1,000,000 x 384 float32 beside the bare product of the same chunks in float64."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.npy"
        rng = np.random.default_rng(0)
        x = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(N, D))
        for start in range(0, N, 50_000):
            x[start : start + 50_000] = rng.standard_normal((50_000, D), dtype=np.float32)
        x.flush()
        del x
        one = np.load(path, mmap_mode="r")[:CHUNK].astype(np.float64)
        rounds = []
        for _ in range(3):
            begin = time.perf_counter()
            for _ in range(N // CHUNK):
                one.T @ one
            product = time.perf_counter() - begin
            done = subprocess.run([sys.executable, __file__, str(path)], check=True, capture_output=True, text=True)
            took, peak, _ = map(float, done.stdout.split())
            rounds.append((took / product, took, product, peak))
        ratio, took, product, peak = sorted(rounds)[1]
        beside = f"{ratio:.2f} x the product's own {product:.2f} s"
        print(f"moments of {N:,} x {D} float32: {took:.2f} s, {beside}, peak {peak:.0f} MB")


def mixtures() -> None:
    """All 511 mixtures of the nine tasks, after loading."""
    names = catalog.intermediate()
    space = embedded.load_moments(names)
    assert space.rows
    second = ["cosine", "rao_beta", "vendi(q=2)", "vendi_beta(q=2)", "hill(q=1)"]
    for title, metrics, intervals in (
        ("cosine, Rao, Vendi 2", ["cosine", "rao_beta", "vendi(q=2)"], False),
        ("the five headline scores", second, False),
        ("the five, with intervals", second, True),
    ):
        took = seconds(lambda m=metrics, i=intervals: score.score(space, all_subsets=True, metrics=m, intervals=i), 9)
        print(f"511 mixtures, {title:26} {took * 1000:7.1f} ms")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        streaming(Path(sys.argv[1]))
    else:
        startup()
        large_file()
        mixtures()
