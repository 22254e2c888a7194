"""Does each test keep its level, and each interval its coverage? `python analyses/simulation/study.py [--draws N]`.

Outcomes are simulated as the mean of the effects of a mixture's tasks (normal, sd 1), noise of the mixture (sd 0.25) and a
disturbance, diversity as the mean distance of its tasks, the distances being drawn. Every design is crossed with every
disturbance. Finished cells stand in `cells.csv`, a row each, so that a run that was stopped goes on where it was. Writes
README.md beside it (both into --out).
"""

from __future__ import annotations

import argparse
import itertools
import math
import time
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from diversity import store
from diversity.stats import matching, paired
from diversity.stats.calibration import calibrated
from diversity.stats.model import primary_test
from diversity.stats.multimembership import slopes
from diversity.stats.permutation import Relabelled, drawn_labels, label_test
from diversity.studies.study import sd_within
from diversity.studies.weights import size_means

HERE = Path(__file__).parent
SD_TASK, SD_NOISE, PERMUTATIONS, BOOTSTRAP, EACH = 1.0, 0.25, 199, 199, 20
COVERED = 0.5  # the slope whose intervals are looked at, and
SHOWN = 0.1  # the slope whose power is
Draw = Callable[[np.random.Generator], np.ndarray]


def subsets(tasks: int, sizes: range | tuple[int, ...]) -> np.ndarray:
    """Equal weights of all subsets of these sizes, (M, tasks)."""
    rows = [[(i in c) / k for i in range(tasks)] for k in sizes for c in itertools.combinations(range(tasks), k)]
    return np.array(rows, dtype=float)


def some(weights: np.ndarray, number: int) -> Draw:
    """So many of the mixtures, at random."""
    return lambda rng: weights[np.sort(rng.choice(len(weights), number, replace=False))]


def with_singles(draw: Draw) -> Draw:
    """The nine single tasks beside them."""
    return lambda rng: np.vstack([np.eye(9), draw(rng)])


TRIPLES = subsets(9, (3,))
DESIGNS: dict[str, Draw] = {
    "all 127 of 7 tasks": lambda _: subsets(7, range(1, 8)),
    "84 triples": lambda _: TRIPLES,
    "36 pairs": lambda _: subsets(9, (2,)),
    "36 pairs + 9 singles": lambda _: subsets(9, (1, 2)),
    "9 singles": lambda _: np.eye(9),
    "126 of 127": lambda _: subsets(7, range(1, 8))[np.arange(127) != 20],
    "510 of 511": lambda _: subsets(9, range(1, 10))[np.arange(511) != 30],
    "83 of 84 triples": some(TRIPLES, 83),
    "60 of 84 triples": some(TRIPLES, 60),
    "30 of sizes 2 to 5": some(subsets(9, (2, 3, 4, 5)), 30),
    "40 of sizes 1 to 5": some(subsets(9, (1, 2, 3, 4, 5)), 40),
    "12 triples": some(TRIPLES, 12),
    "10 triples": some(TRIPLES, 10),
    "8 triples + 9 singles": with_singles(some(TRIPLES, 8)),
    "8 of sizes 1 to 3 of 4 tasks": some(subsets(4, (1, 2, 3)), 8),
    "40 of sizes 2 and 3 of 20 tasks": some(subsets(20, (2, 3)), 40),
    "60 with Dirichlet weights": lambda rng: rng.dirichlet(np.full(9, 0.3), 60),
}
CHOSEN = "8 + 8 triples chosen by diversity + 9 singles"


def interactions(weights: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Effects of pairs of tasks that have nothing to do with diversity."""
    first, second = np.triu_indices(weights.shape[1], 1)
    return np.asarray(4 * (weights[:, first] * weights[:, second]) @ rng.normal(0, 0.5, (len(first), count)))


DISTURBANCES: dict[str, Callable[[np.ndarray, int, np.random.Generator], np.ndarray]] = {
    "none": lambda w, n, rng: np.zeros((len(w), n)),
    "interactions": interactions,
    "curve of k": lambda w, n, rng: np.repeat(3 * (1 - 1 / (w > 0).sum(axis=1))[:, None], n, axis=1),
    "concave in shares": lambda w, n, rng: np.repeat(-2 * np.exp(-3 * w).sum(axis=1)[:, None], n, axis=1),
    "heavy tails": lambda w, n, rng: 0.25 * rng.standard_t(2.5, (len(w), n)),
    "noise by size": lambda w, n, rng: rng.normal(size=(len(w), n)) * 2 / (w > 0).sum(axis=1)[:, None],
    "collapses": lambda w, n, rng: -4.0 * (rng.random((len(w), n)) < 0.05),
}


@dataclass(frozen=True)
class Drawn:
    """One draw of a design: weights (M, T), the score of any weights, diversity in standard deviations within sizes."""

    weights: np.ndarray
    score: Callable[[np.ndarray], np.ndarray]
    z: np.ndarray
    chosen: bool

    def relabelled(self, count: int, rng: np.random.Generator) -> Relabelled:
        """The mixtures under relabellings, their scores computed."""
        x = self.score(self.weights)

        def moved(permutations: np.ndarray) -> np.ndarray:
            return np.array([self.score(self.weights[:, np.argsort(p)]) for p in permutations])

        orders = drawn_labels(self.weights.shape[1], count, rng)
        return Relabelled(self.weights, orders, False, None, moved, float(x.mean()), sd_within(x, self.weights))


def drawn(design: str, rng: np.random.Generator) -> Drawn:
    """A design, and drawn distances; single tasks have a drawn distance within."""
    weights = TRIPLES if design == CHOSEN else DESIGNS[design](rng)
    tasks = weights.shape[1]
    distances = rng.random((tasks, tasks))
    distances = (distances + distances.T) / 2

    def score(weights: np.ndarray) -> np.ndarray:
        return np.einsum("ma,ab,mb->m", weights, distances, weights)

    if design == CHOSEN:
        order = np.argsort(score(TRIPLES))
        weights = np.vstack([np.eye(9), TRIPLES[order[:8]], TRIPLES[order[-8:]]])
    x = score(weights)
    return Drawn(weights, score, (x - x.mean()) / sd_within(x, weights), design == CHOSEN)


def by_method(
    one: Drawn, relabelled: Relabelled, y: np.ndarray, rng: np.random.Generator, ends: bool = False
) -> dict[str, np.ndarray]:
    """p-value, slope and, where asked for, the ends of the interval (2 or 4, D) by each method, the default among them."""
    fixed = size_means(one.weights)
    labels = label_test(relabelled, y, fixed)
    fitted = calibrated(one.weights, one.z, y, fixed, draws=BOOTSTRAP, rng=rng)
    ols = slopes(np.zeros_like(one.weights), one.z, y, fixed)  # no task is in any mixture: ordinary regression
    interval = labels.interval() if ends else None
    lines = {
        "task labels": [labels.p(), labels.sign, *([interval.low, interval.high] if interval else [])],
        "REML, bootstrap": [fitted.p(), fitted.fitted.slope, *(fitted.interval() if ends else [])],
        "REML, Satterthwaite": [fitted.fitted.p(), fitted.fitted.slope, *(fitted.fitted.interval() if ends else [])],
        "OLS within sizes": [ols.p(), ols.slope, *(ols.interval() if ends else [])],
    }
    for known, name in ((True, "default"), (False, "default without relabelled scores")):
        choice = primary_test(one.weights, relabelled=known, chosen_by_diversity=one.chosen)
        method = {"labels": "task labels", "bootstrap": "REML, bootstrap"}.get(choice.test)
        lines[name] = lines[method] if method else [np.full(y.shape[1], np.nan)] * (4 if ends else 2)
    return {name: np.array(line) for name, line in lines.items()}


def pairs_tested(one: Drawn, y: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """p-values (D,) of `compare` by parametric bootstrap, groups and pairs by diversity."""
    strata = (one.weights > 0).sum(axis=1).tolist()
    pairs = matching.pairs(matching.split(one.z, strata), strata, one.z, one.weights)
    if len(pairs) < 3:
        return {}
    p = [paired.by_bootstrap(column, one.weights, pairs, draws=BOOTSTRAP, rng=rng).p() for column in y.T]
    return {"compare, bootstrap": np.array(p)}


def cell(design: str, disturbance: str, draws: int, seed: int = 0) -> Iterator[dict[str, object]]:
    """A row for each method: level at no slope, coverage and power at the slopes above, with Monte-Carlo errors."""
    rng = np.random.default_rng([seed, zlib.crc32(f"{design} {disturbance}".encode())])
    rejected: dict[str, list[float]] = {}
    covered: dict[str, list[float]] = {}
    shown: dict[str, list[float]] = {}
    for _ in range(draws):
        one = drawn(design, rng)
        tasks = one.weights.shape[1]
        y = one.weights @ rng.normal(0, SD_TASK, (tasks, EACH)) + rng.normal(0, SD_NOISE, (len(one.weights), EACH))
        y += DISTURBANCES[disturbance](one.weights, EACH, rng)
        relabelled = one.relabelled(PERMUTATIONS, rng)
        for method, (p, _) in by_method(one, relabelled, y, rng).items():
            rejected.setdefault(method, []).append(float(np.mean(p <= 0.05)) if np.isfinite(p).all() else math.nan)
        for method, p in pairs_tested(one, y[:, :3], rng).items():
            rejected.setdefault(method, []).append(float(np.mean(p <= 0.05)))
        for method, (p, _, low, high) in by_method(
            one, relabelled, y + COVERED * one.z[:, None], rng, ends=True
        ).items():
            held = (low <= COVERED) & (high >= COVERED)
            covered.setdefault(method, []).append(float(np.mean(held)) if np.isfinite(p).all() else math.nan)
        for method, (p, slope) in by_method(one, relabelled, y + SHOWN * one.z[:, None], rng).items():
            shown.setdefault(method, []).append(float(np.mean((p <= 0.05) & (slope > 0))))
    for method, values in rejected.items():
        row = {"design": design, "disturbance": disturbance, "method": method, "draws": draws, "outcomes": draws * EACH}
        for name, part in (("level", values), ("coverage", covered.get(method)), ("power", shown.get(method))):
            known = np.array(part if part is not None else [math.nan] * draws)
            row |= {
                name: known.mean(),
                f"{name}_error": known.std(ddof=1) / math.sqrt(len(known)) if draws > 1 else math.nan,
            }
        yield row


def markdown(table: pd.DataFrame, value: str, method: str) -> str:
    """A method's share by design and disturbance."""
    part = table[table["method"] == method].dropna(subset=[value])
    wide = part.assign(cell=[f"{v:.3f} ± {e:.3f}" for v, e in zip(part[value], part[f"{value}_error"], strict=True)])
    wide = wide.pivot(index="design", columns="disturbance", values="cell").reindex(
        index=part["design"].drop_duplicates(), columns=part["disturbance"].drop_duplicates()
    )
    lines = ["| design | " + " | ".join(wide.columns) + " |", "|---" * (len(wide.columns) + 1) + "|"]
    lines += [f"| {d} | " + " | ".join(r.fillna("").tolist()) + " |" for d, r in wide.iterrows()]
    return "\n".join(lines)


def report(table: pd.DataFrame) -> str:
    """The tables in Markdown."""
    outcomes = int(table["outcomes"].min())
    sections = []
    for method in ("default", "task labels", "REML, bootstrap", "REML, Satterthwaite", "OLS within sizes"):
        sections += [f"### {method}", "", markdown(table, "level", method), ""]
    pairs = markdown(table, "level", "compare, bootstrap")
    return f"""# Level, coverage and power of the tests

`python analyses/simulation/study.py`: tasks with effects of sd {SD_TASK:g}, noise of sd {SD_NOISE:g} for each mixture,
diversity the mean of drawn distances between a mixture's tasks, {PERMUTATIONS} relabellings, {BOOTSTRAP} draws, at least
{outcomes} outcomes a cell in groups of {EACH} that share a drawn diversity; ± is the Monte-Carlo error. A cell is empty where
the design gets no test.

`default` is the test that `diversity fit` gives such a design where the scores of relabelled mixtures can be had: task
labels, but for the design that was chosen by its diversity. "Task labels" of that design stand beside it to show why.

## False positives at nominal 5 %

{chr(10).join(sections)}
### Matched pairs (`compare`), parametric bootstrap

{pairs}

## Coverage of 95 % intervals of a slope of {COVERED:g} by the default test

{markdown(table, "coverage", "default")}

## Power for a slope of {SHOWN:g} by the default test

{markdown(table, "power", "default")}

The standard deviation of the tasks' effects is 1: a slope of 0.1 is a tenth of what one task differs from another.
"""


def main() -> None:
    """Run what is not finished, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=30, help="drawn diversities of each cell (default: %(default)s)")
    parser.add_argument("--only", default="", help="designs and disturbances whose name has this in it")
    parser.add_argument("--minutes", type=float, default=math.inf, help="stop after so many")
    parser.add_argument("--out", type=Path, default=HERE)
    chosen = parser.parse_args()
    chosen.out.mkdir(exist_ok=True)
    file, start = chosen.out / "cells.csv", time.monotonic()
    table = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["design", "disturbance", "draws"])
    for disturbance, design in itertools.product(DISTURBANCES, [*DESIGNS, CHOSEN]):
        known = table[(table["design"] == design) & (table["disturbance"] == disturbance)]
        if (known["draws"] >= chosen.draws).any() or chosen.only not in f"{design} {disturbance}":
            continue
        if time.monotonic() - start > 60 * chosen.minutes:
            break
        rows = pd.DataFrame(list(cell(design, disturbance, chosen.draws)))
        table = pd.concat([table.drop(index=known.index), rows], ignore_index=True)
        store.write(file, table.round(4).to_csv(index=False))
        default = rows.set_index("method")["level"]
        print(f"{design}, {disturbance}: {default.round(3).to_dict()}", flush=True)
    store.write(chosen.out / "README.md", report(pd.read_csv(file)))


if __name__ == "__main__":
    main()
