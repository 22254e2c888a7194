"""Time and memory of every metric as the number of rows grows: growth.md, .csv, .png and .svg in docs/reference.

    python benchmarks/growth.py                                   # n = 1,000 to 1,000,000; about twenty minutes
    python benchmarks/growth.py --sizes 1000 4000 --budget 5      # a try
    python benchmarks/growth.py --metrics chamfer mst --sizes 1000 10000 100000 --budget 600

Each cell is a process of its own, on the same rows (single precision, read from a file). Time is the processor's, all
threads together, of one call after one on few rows (other work on the machine hardly moves it); memory is the process'
peak above what it held before the call. A cell that by the exponent of those before it would take longer than the budget
is not computed and not extrapolated: it is marked `over budget`. Up to 100,000 rows it is begun for its memory, which its
blocks reach early, and stopped when the budget is spent.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from diversity import catalog, store
from diversity.types import Metric

DOCS = Path(__file__).parent.parent / "docs" / "reference"
DIMENSION, REFERENCE, TASKS, GROUPS = 384, 1000, 4, 20
BEGUN_TO = 100_000  # rows: a larger cell beyond the budget is not begun
FAMILIES = ("rows, no pairs", "pairs of rows", "rows and a reference", "texts")


@dataclass(frozen=True)
class Cell:
    """What was measured of a metric at one size: nan where a call did not end, or was not begun."""

    metric: str
    family: str
    n: int
    seconds: float
    megabytes: float

    @property
    def ended(self) -> bool:
        """Whether the call ended within the budget."""
        return math.isfinite(self.seconds)


# --- In the process of a cell -------------------------------------------------------------------------


def write_rows(path: Path, n: int) -> None:
    """Rows in groups, as sentence embeddings of several tasks are, in single precision."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(GROUPS, DIMENSION)).astype(np.float32)
    rows = np.memmap(path, dtype=np.float32, mode="w+", shape=(n, DIMENSION))
    for start in range(0, n, 10_000):
        part = rows[start : start + 10_000]
        part[:] = centres[rng.integers(GROUPS, size=len(part))]
        part += np.float32(1.2) * rng.standard_normal(part.shape, dtype=np.float32)
    rows.flush()


def texts(n: int, seed: int) -> list[str]:
    """Texts of 6 to 14 of 20,000 words, drawn by Zipf's law."""
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(1, 20_001)
    lengths = rng.integers(6, 15, size=n)
    words = np.searchsorted(np.cumsum(shares) / shares.sum(), rng.random(int(lengths.sum()))).tolist()
    ends = np.cumsum(lengths).tolist()
    return [" ".join(f"w{w}" for w in words[end - length : end]) for end, length in zip(ends, lengths, strict=True)]


def arguments(metric: Metric, n: int, rows: Path) -> tuple[Any, ...]:
    """What a metric takes, of size n."""
    if metric.takes == "weights":
        return (np.arange(1.0, n + 1),)
    if metric.takes in ("texts", "reference_texts"):
        return (texts(n, 0), texts(REFERENCE, 1))[: 1 if metric.takes == "texts" else 2]
    x = np.memmap(rows, dtype=np.float32, mode="r", shape=(n, DIMENSION))
    if metric.takes in ("partition", "labelled"):
        return x, np.arange(n) % TASKS
    return (x, np.array(x[:REFERENCE])) if metric.takes == "reference" else (x,)


def peak(process: int | str = "self") -> float:
    """Peak resident memory of a process in MB; nan where it is gone."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM"))
    except (OSError, StopIteration):
        return math.nan


def spent(process: int) -> float:
    """Processor seconds of a process; 0 where it is gone."""
    try:
        user, system = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[11:13]
    except OSError:
        return 0.0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def measure(name: str, n: int, rows: Path) -> None:
    """One call: what the process held before it, then its seconds and its peak, a line each."""
    metric = catalog.get("metrics", name)
    few = metric(*arguments(metric, 200, rows))
    given = arguments(metric, n, rows)
    print(json.dumps({"before": peak()}), flush=True)
    start = time.process_time()
    metric(*given)
    print(json.dumps({"seconds": time.process_time() - start, "peak": peak(), "few": few}), flush=True)


# --- The grid -----------------------------------------------------------------------------------------


def family(metric: Metric) -> str:
    """Which panel a metric stands in."""
    if "texts" in metric.takes:
        return FAMILIES[3]
    if metric.takes == "reference":
        return FAMILIES[2]
    return FAMILIES[1] if "n^2" in metric.cost else FAMILIES[0]


def run(name: str, n: int, rows: Path, limit: float) -> Cell:
    """A cell in a process of its own, which is stopped after `limit` seconds of its call; its memory so far then counts."""
    command = [sys.executable, __file__, "--cell", name, str(n), str(rows)]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = process.stdout.readline()
    began, high = spent(process.pid), math.nan
    while process.poll() is None and spent(process.pid) - began < limit:
        seen = peak(process.pid)
        high = seen if math.isfinite(seen) else high
        time.sleep(0.05)
    if stopped := process.poll() is None:
        process.kill()
    rest = process.communicate()[0]
    if not stopped and (process.returncode or not first):
        raise RuntimeError(f"{name} at n = {n:,} failed with status {process.returncode}")
    before = json.loads(first)["before"]
    last = {"seconds": math.nan, "peak": high} if stopped else json.loads(rest)
    return Cell(name, family(catalog.get("metrics", name)), n, last["seconds"], last["peak"] - before)


def exponent(cells: Sequence[Cell]) -> float:
    """The slope of log time over log n between the last two cells that ended; nan of fewer than two."""
    ended = [c for c in cells if c.ended]
    if len(ended) < 2:
        return math.nan
    a, b = ended[-2:]
    return math.log(b.seconds / a.seconds) / math.log(b.n / a.n)


def column(name: str, sizes: Sequence[int], budget: float, go: Callable[[str, int, float], Cell]) -> Iterator[Cell]:
    """The cells of a metric, by size."""
    found: list[Cell] = []
    for n in sizes:
        slope = exponent(found)
        expected = found[-1].seconds * (n / found[-1].n) ** max(slope, 1) if found and math.isfinite(slope) else 0.0
        gone = bool(found) and not found[-1].ended
        if (gone or expected > budget) and n > BEGUN_TO:
            cell = Cell(name, family(catalog.get("metrics", name)), n, math.nan, math.nan)
        else:
            cell = go(name, n, budget)
        found.append(cell)
        yield cell


# --- What is written ----------------------------------------------------------------------------------


def shown(cell: Cell) -> str:
    """A cell of the table."""
    if cell.ended:
        return f"{cell.seconds:.3g} s, {max(cell.megabytes, 0):,.0f} MB"
    return "over budget" + (f", {cell.megabytes:,.0f} MB so far" if math.isfinite(cell.megabytes) else "")


def page(cells: Sequence[Cell], sizes: Sequence[int], budget: float, threads: str) -> str:
    """The page of the documentation."""
    head = ["metric", *(f"n = {n:,}" for n in sizes), "exponent"]
    lines = [
        "<!-- Written by benchmarks/growth.py: run it. -->\n\n# Time and memory of every metric\n",
        f"One call of each metric on n rows of {DIMENSION} dimensions (single precision, from a file; a reference has "
        f"{REFERENCE:,} rows, a partition {TASKS} tasks) or n texts of ten words, in a process of its "
        f"own (BLAS threads: {threads}): processor seconds, and peak memory above what the process held before. The "
        "exponent is the slope of log time over log n between the last two sizes that ended. A call of more than "
        f"{budget:g} s is over budget: it is not extrapolated. `rouge_l` compares a sample of 2,000 texts where there are "
        "more.\n",
        "![Time and memory of every metric](growth.png)\n",
    ]
    for name in FAMILIES:
        part = [c for c in cells if c.family == name]
        if part:
            lines += [f"## {name[0].upper()}{name[1:]}", "", "| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
        for metric in dict.fromkeys(c.metric for c in part):
            row = [c for c in part if c.metric == metric]
            slope = exponent(row)
            last = f"{slope:.2f}" if math.isfinite(slope) else "-"
            lines.append("| " + " | ".join([f"`{metric}`", *map(shown, row), last]) + " |")
        lines += [""]
    return "\n".join(lines)


def figure(cells: Sequence[Cell]) -> Any:
    """Log-log: seconds above, megabytes below, a column for each family of metrics."""
    import matplotlib.pyplot as plt
    import seaborn

    seaborn.set_theme(context="paper", style="ticks", palette="colorblind")
    names = [f for f in FAMILIES if any(c.family == f for c in cells)]
    grid, axes = plt.subplots(
        2, len(names), figsize=(4.4 * len(names), 8), layout="constrained", sharex=True, sharey="row", squeeze=False
    )
    styles = [(f"C{i % 10}", mark) for mark in ("o-", "s--", "^:") for i in range(10)]
    for name, (above, below) in zip(names, axes.T, strict=True):
        part = [c for c in cells if c.family == name]
        for (colour, style), metric in zip(styles, dict.fromkeys(c.metric for c in part), strict=False):
            own = [c for c in part if c.metric == metric]
            line = {"color": colour, "markersize": 3, "linewidth": 1}
            above.loglog([c.n for c in own], [c.seconds for c in own], style, label=metric, **line)
            below.loglog([c.n for c in own], [max(c.megabytes, 0.1) for c in own], style, **line)
        above.set(title=name)
        below.set(xlabel="n")
        below.axhline(2048, color="0.6", linewidth=0.8)
        above.legend(fontsize=6, frameon=False, ncols=2)
    axes[0, 0].set_ylabel("processor seconds")
    axes[1, 0].set_ylabel("MB above what was held before (line: 2 GB)")
    seaborn.despine(grid)
    return grid


def write(cells: Sequence[Cell], sizes: Sequence[int], budget: float, docs: Path) -> None:
    """Table, page and figures."""
    import pandas as pd

    from diversity.reporting import plots

    docs.mkdir(parents=True, exist_ok=True)
    store.write(docs / "growth.csv", pd.DataFrame([asdict(c) for c in cells]).to_csv(index=False))
    store.write(docs / "growth.md", page(cells, sizes, budget, os.environ.get("OMP_NUM_THREADS", str(os.cpu_count()))))
    for kind in ("png", "svg"):
        plots.save(figure(cells), docs / f"growth.{kind}")


def main() -> None:
    from tqdm import tqdm

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000, 100_000, 1_000_000])
    parser.add_argument("--budget", type=float, default=30.0, help="seconds of a cell")
    parser.add_argument("--metrics", nargs="+", default=list(catalog.names("metrics")))
    parser.add_argument("--docs", type=Path, default=DOCS, help="folder to write to")
    args = parser.parse_args()
    sizes, cells = sorted(args.sizes), list[Cell]()
    with tempfile.TemporaryDirectory() as folder:
        rows = Path(folder) / "rows.f32"
        write_rows(rows, max(*sizes, REFERENCE))
        with tqdm(total=len(args.metrics) * len(sizes), unit="cell", disable=None) as bar:
            for name in args.metrics:
                for cell in column(name, sizes, args.budget, lambda m, n, limit: run(m, n, rows, limit)):
                    bar.set_postfix_str(f"{name} {cell.n:,}: {shown(cell)}")
                    bar.update()
                    cells.append(cell)
    write(cells, sizes, args.budget, args.docs)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--cell"]:
        measure(sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
