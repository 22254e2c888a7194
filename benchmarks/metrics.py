"""Vendi scores beside vendi-score 0.0.3, and the spectra of all mixtures beside a plain loop, in one run.

    python3 -m venv PEERS && PEERS/bin/pip install -c constraints.txt torch vendi-score==0.0.3 numpy pandas typer
    PYTHONPATH=. PEERS/bin/python benchmarks/metrics.py

`score_X` of the peer takes one and a half minutes and 2.4 GB at n = 10,000: `--quick` leaves it out.
"""

from __future__ import annotations

import sys
import time

import numpy as np
from timing import seconds

from diversity import catalog
from diversity.metrics import vendi
from diversity.moments import mix
from diversity.scoring import embedded, mixtures

N, D = 10_000, 384


def beside_vendi_score(quick: bool) -> None:
    """One set of rows: time and value."""
    from vendi_score import vendi as peer

    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, D)) * np.linspace(2, 0.1, D)
    ours, dual = seconds(lambda: vendi.vendi(x), 5), seconds(lambda: peer.score_dual(x), 5)
    value = vendi.vendi(x)
    off = abs(peer.score_dual(x) / value - 1)
    print(f"n = {N:,}: vendi {ours * 1000:.0f} ms")
    print(f"score_dual {dual * 1000:.0f} ms, {dual / ours:.1f} x, value off by {off:.0e}")
    if not quick:
        start = time.perf_counter()
        slow = peer.score_X(x)
        took = time.perf_counter() - start
        print(f"score_X {took:.1f} s, {took / ours:,.0f} x, value off by {abs(slow / value - 1):.0e}")


def all_mixtures() -> None:
    """Every order for the 511 mixtures of the nine tasks."""
    names = catalog.intermediate()
    space = embedded.load_moments(names)
    w = mixtures.weights_of(mixtures.subsets(names), space.stacked.names)
    orders = (0.1, 0.5, 1, 2, np.inf)
    ratios = []
    for _ in range(3):
        start = time.perf_counter()
        spectra = [np.linalg.eigvalsh(mix(space.stacked, v)[1]) for v in w]
        plain = time.perf_counter() - start
        fresh = embedded.load_moments(names).stacked
        start = time.perf_counter()
        values = {q: vendi.mixtures(fresh, w, q=q) for q in orders}
        ours = time.perf_counter() - start
        ratios.append((ours / plain, ours, plain))
    ratio, ours, plain = sorted(ratios)[1]
    entropies = [np.exp(-(s[s > 0] * np.log(s[s > 0])).sum()) for s in (v / v.sum() for v in spectra)]
    off = np.abs(values[1] / np.array(entropies) - 1).max()
    print(
        f"511 mixtures, {len(orders)} orders: {ours:.2f} s, {ratio:.2f} of a plain loop's {plain:.2f} s, off by {off:.0e}"
    )


if __name__ == "__main__":
    beside_vendi_score("--quick" in sys.argv)
    all_mixtures()
