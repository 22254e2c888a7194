"""Does each test keep its level, and each interval its coverage? `python analyses/simulation/study.py [--draws N]`.

Outcomes are simulated as the mean of the effects of a mixture's tasks (normal, sd 1), noise of the mixture (sd 0.25) and a
disturbance, diversity as the mean distance of its tasks, the distances being drawn. Every design is crossed with every
disturbance. The tests that are given by default are run in all draws, the others beside them in the first few. Finished cells
stand in `cells.csv`, a row for each method, so that a run that was stopped goes on where it was. Writes README.md beside it
(both into --out).
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import math
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd

from diversity import store
from diversity.stats import matching, paired
from diversity.stats.calibration import calibrated
from diversity.stats.interactions import MOST, pair_shares, with_interactions
from diversity.stats.model import beyond_sizes, primary_test
from diversity.stats.multimembership import slopes
from diversity.stats.paired import PairedTest, Pairs
from diversity.stats.permutation import Relabelled, drawn_labels, label_test, labels
from diversity.studies.study import sd_within
from diversity.studies.weights import size_groups, size_means
from diversity.types import InputError

HERE = Path(__file__).parent
SD_TASK, SD_NOISE, PERMUTATIONS, BOOTSTRAP, EACH = 1.0, 0.25, 199, 199, 20
COVERED = 0.5  # the slope whose intervals are looked at, and
SHOWN = 0.1  # the slope whose power is
OTHERS = 6  # draws in which the methods that are no default are run, too
COMPARED = 10  # outcomes of each draw that matched pairs are made of
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
    "6 pairs of 4 tasks": lambda _: subsets(4, (2,)),
    "14 of 4 tasks": lambda _: subsets(4, (1, 2, 3)),
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
    "60 pairs of 64 tasks": some(subsets(64, (2,)), 60),
    "60 with Dirichlet weights": lambda rng: rng.dirichlet(np.full(9, 0.3), 60),
}
INTERACTIONS = "REML with interactions, bootstrap"
CHOSEN = "8 + 8 triples chosen by diversity + 9 singles"


@dataclass(frozen=True)
class Drawn:
    """One draw of a design: weights (M, T), distances (T, T) whose mean is a mixture's score, and how it was chosen."""

    weights: np.ndarray
    distances: np.ndarray
    chosen: bool

    def score(self, weights: np.ndarray) -> np.ndarray:
        """The mean distance within mixtures (M, T)."""
        return np.asarray(((weights @ self.distances) * weights).sum(axis=1))

    @cached_property
    def z(self) -> np.ndarray:
        """Diversity (M,) in standard deviations within sizes."""
        x = self.score(self.weights)
        return np.asarray((x - x.mean()) / sd_within(x, self.weights))

    @cached_property
    def k(self) -> np.ndarray:
        """The number of tasks (M,)."""
        return np.asarray((self.weights > 0).sum(axis=1), dtype=float)

    def relabelled(self, count: int, rng: np.random.Generator) -> Relabelled:
        """The mixtures under relabellings, their scores computed."""
        x = self.score(self.weights)

        def moved(permutations: np.ndarray) -> np.ndarray:
            return np.array([self.score(self.weights[:, np.argsort(p)]) for p in permutations])

        few = math.factorial(self.weights.shape[1]) <= count
        orders = (
            labels(self.weights.shape[1], count, rng)[0] if few else drawn_labels(self.weights.shape[1], count, rng)
        )
        return Relabelled(self.weights, orders, few, None, moved, float(x.mean()), sd_within(x, self.weights))


def interactions(one: Drawn, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Effects of pairs of tasks that have nothing to do with diversity."""
    shares = pair_shares(one.weights)
    return np.asarray(y + shares @ rng.normal(0, 0.5, (shares.shape[1], y.shape[1])))


def good_are_diverse(one: Drawn, y: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tasks far from the others are good ones: diverse mixtures are good, for what their members are worth alone."""
    far = one.distances.mean(axis=1)
    return np.asarray(y + (one.weights @ (far - far.mean()) / far.std())[:, None])


Disturbance = Callable[[Drawn, np.ndarray, np.random.Generator], np.ndarray]
DISTURBANCES: dict[str, Disturbance] = {
    "none": lambda one, y, rng: y,
    "interactions": interactions,
    "curve of k": lambda one, y, rng: y + 3 * (1 - 1 / one.k)[:, None],
    "concave in shares": lambda one, y, rng: y - 2 * np.exp(-3 * one.weights).sum(axis=1)[:, None],
    "heavy tails": lambda one, y, rng: y + 0.25 * rng.standard_t(2.5, y.shape),
    "noise by size": lambda one, y, rng: y + rng.normal(size=y.shape) * 2 / one.k[:, None],
    "noisy singles": lambda one, y, rng: y + rng.normal(size=y.shape) * (one.k == 1)[:, None],
    "collapses": lambda one, y, rng: y - 4.0 * (rng.random(y.shape) < 0.05),
    "floor": lambda one, y, rng: np.maximum(y, np.quantile(y, 0.3, axis=0)),
    "noise with diversity": lambda one, y, rng: y + rng.normal(size=y.shape) * 0.5 * np.exp(one.z / 2)[:, None],
    "good tasks are diverse": good_are_diverse,
}
NOT_THE_NULL = ("good tasks are diverse",)  # what tasks are worth depends on their texts: for the second condition


def drawn(design: str, rng: np.random.Generator) -> Drawn:
    """A design, and drawn distances; single tasks have a drawn distance within."""
    weights = TRIPLES if design == CHOSEN else DESIGNS[design](rng)
    tasks = weights.shape[1]
    distances = rng.random((tasks, tasks))
    one = Drawn(weights, (distances + distances.T) / 2, design == CHOSEN)
    if not one.chosen:
        return one
    order = np.argsort(one.score(TRIPLES))
    return Drawn(np.vstack([np.eye(9), TRIPLES[order[:8]], TRIPLES[order[-8:]]]), one.distances, True)


def plain_permutation(one: Drawn, relabelled: Relabelled, y: np.ndarray) -> list[np.ndarray]:
    """p and slope by permuting task labels with the slope of plain regression within sizes as the statistic."""
    group = size_groups(one.weights)
    means = (group[:, None] == np.arange(group.max() + 1)) / np.bincount(group)
    x = np.concatenate(list(relabelled.chunks()))
    x = x - (x @ means)[:, group]
    slope = (x @ y) / np.maximum((x**2).sum(axis=1), 1e-300)[:, None]
    return [(np.abs(slope) >= np.abs(slope[0]) * (1 - 1e-9)).mean(axis=0), slope[0]]


@dataclass(frozen=True)
class Outcomes:
    """Outcomes (M, D) without a slope, and slopes that are added to them."""

    one: Drawn
    none: np.ndarray
    relabelled: Relabelled

    def plus(self, slope: float) -> np.ndarray:
        """With a slope on diversity."""
        return np.asarray(self.none + slope * self.one.z[:, None])

    @cached_property
    def asked(self) -> np.ndarray:
        """No slope, the one that power is asked of, and the one that is to be covered: (M, 3 D)."""
        return np.hstack([self.none, self.plus(SHOWN), self.plus(COVERED)])


Numbers = tuple[
    np.ndarray, np.ndarray, np.ndarray
]  # p and slope of asked outcomes (3 D,), and which of the last are covered


def by_method(y: Outcomes, rng: np.random.Generator, *, others: bool) -> dict[str, Numbers]:
    """Each method, the default among them."""
    one, count = y.one, y.none.shape[1]
    fixed, lines = size_means(one.weights), dict[str, Numbers]()
    choices = {
        name: primary_test(one.weights, relabelled=known, chosen_by_diversity=one.chosen).test
        for known, name in ((True, "default"), (False, "default without relabelled scores"))
    }
    if others or "labels" in choices.values():
        first = label_test(y.relabelled, y.asked[:, : 2 * count], fixed)
        last = label_test(y.relabelled, y.plus(COVERED), fixed)
        held = last.interval()
        p, sign = (np.append(*pair) for pair in ((first.p(), last.p()), (first.sign, last.sign)))
        lines["task labels"] = p, sign, (held.low <= COVERED) & (held.high >= COVERED)
    if (others and len(one.weights) <= MOST) or "bootstrap" in choices.values():
        fitted = with_interactions(one.weights, one.z, y.asked, fixed, draws=BOOTSTRAP, rng=rng)
        lines[INTERACTIONS] = fitted.p(), fitted.slope, fitted.p(COVERED)[2 * count :] > 0.05
    if others:
        plain = calibrated(one.weights, one.z, y.asked, fixed, draws=BOOTSTRAP, rng=rng)
        lines["REML, bootstrap"] = plain.p(), plain.fitted.slope, plain.p(COVERED)[2 * count :] > 0.05
        ordinary = np.zeros_like(one.weights)  # no task is in any mixture
        for name, weights in (("REML, Satterthwaite", one.weights), ("OLS within sizes", ordinary)):
            model = slopes(weights, one.z, y.asked, fixed)
            low, high = model.interval()
            lines[name] = model.p(), model.slope, ((low <= COVERED) & (high >= COVERED))[2 * count :]
    p, slope = plain_permutation(one, y.relabelled, y.asked)
    lines["plain permutation"] = p, slope, np.full(count, math.nan)
    for name, test in choices.items():
        if test != "none":
            lines[name] = lines["task labels" if test == "labels" else INTERACTIONS]
    return lines


def members_known(one: Drawn) -> bool:
    """Are all single tasks among the mixtures, and mixtures beside them?"""
    return one.weights.shape[1] <= (one.k == 1).sum() < len(one.weights)


def given_tasks(y: Outcomes, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray] | None:
    """p and slope (D,) of the default given what each task is worth; None where it is not asked."""
    one = y.one
    if not members_known(one):
        return None
    fixed = np.column_stack([size_means(one.weights), one.weights])
    free = beyond_sizes(one.weights, fixed)
    choice = primary_test(one.weights, relabelled=True, chosen_by_diversity=one.chosen, covariates=free).test
    if choice == "bootstrap":
        fitted = with_interactions(one.weights, one.z, y.none, fixed, draws=BOOTSTRAP, rng=rng)
        return fitted.p(), fitted.slope
    test = label_test(y.relabelled, y.none, fixed)
    return test.p(), test.sign


Tests = dict[
    str, list[tuple[PairedTest, PairedTest | None]]
]  # of each outcome: the test, and that given what tasks are worth


def pairs_tested(one: Drawn, relabelled: Relabelled, y: np.ndarray, rng: np.random.Generator) -> Tests:
    """Tests of `compare` of each outcome, groups and pairs by diversity, formed again for each relabelling."""
    strata, formed = one.k.tolist(), dict[bytes, Pairs]()

    def pairs_of(x: np.ndarray) -> Pairs:
        if x.tobytes() not in formed:
            formed[x.tobytes()] = matching.pairs(matching.split(x, strata), strata, x, one.weights)
        return formed[x.tobytes()]

    pairs, tests = pairs_of(one.z), Tests()
    if len(pairs) < 3:
        return tests
    asked = bool((one.k > 1).any())
    with contextlib.suppress(InputError):
        plain = paired.PairedComponents.of(one.weights, pairs)
        given = paired.PairedComponents.of(one.weights, pairs, given_tasks=True) if asked else None
        tests["compare, bootstrap"] = [
            (
                plain.test(column, draws=BOOTSTRAP, rng=rng),
                given.test(column, draws=BOOTSTRAP, rng=rng) if given else None,
            )
            for column in y.T
        ]
    test = primary_test(one.weights, relabelled=True, chosen_by_diversity=one.chosen).test
    if test == "labels":
        again = paired.RelabelledPairs.of(relabelled, pairs, pairs_of)
        with contextlib.suppress(InputError):
            tests["compare, task labels"] = [
                (again.test(column), again.given_tasks(column) if asked else None) for column in y.T
            ]
    if (name := f"compare, {'task labels' if test == 'labels' else test}") in tests:
        tests["compare, default"] = tests[name]
    return tests


def decided(test: PairedTest, given: PairedTest | None) -> bool:
    """Does `compare` find a difference, where any difference counts?"""
    return test.p() <= 0.05 and (given is None or (given.p() <= 0.05 and given.difference * test.difference > 0))


@dataclass(frozen=True)
class Shares:
    """The share of outcomes of each draw in which something was so, by method and what it was."""

    of: dict[tuple[str, str], list[float]]

    def add(self, method: str, what: str, held: np.ndarray) -> None:
        """One draw."""
        self.of.setdefault((method, what), []).append(float(np.mean(held)))

    def rows(self, base: Mapping[str, object]) -> Iterator[dict[str, object]]:
        """A row for each method: the means over draws with their Monte-Carlo errors."""
        for method in dict.fromkeys(m for m, _ in self.of):
            row = dict(base, method=method, draws_of_method=len(self.of.get((method, "level"), [])))
            for what in ("level", "coverage", "power", "verdict"):
                known = np.array(self.of.get((method, what), [math.nan]))
                error = known.std(ddof=1) / math.sqrt(len(known)) if len(known) > 1 else math.nan
                row |= {what: known.mean(), f"{what}_error": error}
            yield row


def cell(design: str, disturbance: str, draws: int, seed: int = 0) -> Iterator[dict[str, object]]:
    """A row for each method: level at no slope, coverage and power at the slopes above, with Monte-Carlo errors.

    `verdict` is the share of `positive` and `negative` verdicts at no slope: rejected, and so given what each task is worth.
    """
    rng = np.random.default_rng([seed, zlib.crc32(f"{design} {disturbance}".encode())])
    shares = Shares({})
    for draw in range(draws):
        one = drawn(design, rng)
        y = one.weights @ rng.normal(0, SD_TASK, (one.weights.shape[1], EACH))
        y = DISTURBANCES[disturbance](one, y + rng.normal(0, SD_NOISE, y.shape), rng)
        relabelled, others = one.relabelled(PERMUTATIONS, rng), draw < OTHERS
        simulated = Outcomes(one, y, relabelled)
        numbers = by_method(simulated, rng, others=others)
        for method, (p, sign, covered) in numbers.items():
            shares.add(method, "level", p[:EACH] <= 0.05)
            shares.add(method, "power", (p[EACH : 2 * EACH] <= 0.05) & (sign[EACH : 2 * EACH] > 0))
            shares.add(method, "coverage", covered)
        if "default" in numbers and (again := given_tasks(simulated, rng)) is not None:
            p, sign = (part[:EACH] for part in numbers["default"][:2])
            shares.add("default", "verdict", (p <= 0.05) & (again[0] <= 0.05) & (sign * again[1] > 0))
        for method, tests in pairs_tested(one, relabelled, y[:, :COMPARED], rng).items():
            shares.add(method, "level", np.array([t.p() for t, _ in tests]) <= 0.05)
            shares.add(method, "verdict", np.array([decided(*both) for both in tests]))
    yield from shares.rows({"design": design, "disturbance": disturbance, "draws": draws, "outcomes": draws * EACH})


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


def outside(table: pd.DataFrame) -> str:
    """The cells of tests given by default whose level or coverage is out of bounds by more than two standard errors."""
    lines = []
    for what, low, high in (("level", 0.03, 0.07), ("coverage", 0.93, 0.97)):
        part = table[table["method"].isin(["default", "compare, default"])].dropna(subset=[what])
        part = part[~part["disturbance"].isin(NOT_THE_NULL)]
        error = 2 * part[f"{what}_error"]
        for _, row in part[(part[what] + error < low) | (part[what] - error > high)].iterrows():
            share = f"{what} {row[what]:.3f} ± {row[f'{what}_error']:.3f}"
            lines.append(f"- {row['design']}, {row['disturbance']}, {row['method']}: {share}")
    return "\n".join(lines or ["None."])


def report(table: pd.DataFrame) -> str:
    """The tables in Markdown."""
    outcomes = int(table["outcomes"].min())
    sections = []
    for method in (
        "default", "compare, default", "task labels", "plain permutation", "default without relabelled scores",
        INTERACTIONS, "REML, bootstrap", "REML, Satterthwaite", "OLS within sizes", "compare, bootstrap",
    ):  # fmt: skip
        sections += [f"### {method}", "", markdown(table, "level", method), ""]
    return f"""# Level, coverage and power of the tests

`python analyses/simulation/study.py`: tasks with effects of sd {SD_TASK:g}, noise of sd {SD_NOISE:g} for each mixture,
diversity the mean of drawn distances between a mixture's tasks, {PERMUTATIONS} relabellings, {BOOTSTRAP} draws, at least
{outcomes} outcomes a cell in groups of {EACH} that share a drawn diversity ({COMPARED} of each in `compare`; methods that are
no default in the first {OTHERS} groups); ± is the Monte-Carlo error. A cell is empty where the design gets no test.

`default` is the test that `diversity fit` gives such a design where the scores of relabelled mixtures can be had: task
labels, but for the design that was chosen by its diversity. "Task labels" of that design stand beside it to show why.
`compare, default` is that of `diversity compare`, groups and pairs being formed again for each relabelling.

## Out of bounds

Tests given by default whose level is not within .03 to .07, or whose coverage is not within .93 to .97, by more than two
Monte-Carlo errors:

{outside(table)}

## False positives at nominal 5 %

"Good tasks are diverse" is no null of the slope: what tasks are worth depends on their texts, and mixing adds nothing. The
second condition of the verdict is for that, below.

{chr(10).join(sections)}
## False verdicts, positive or negative

Where all single tasks are in the design: rejected, and so given what each task is worth.

{markdown(table, "verdict", "default")}

Of `compare`, where any difference counts (`--rope 0`), always given what each task is worth:

{markdown(table, "verdict", "compare, default")}

## Coverage of 95 % intervals of a slope of {COVERED:g} by the default test

{markdown(table, "coverage", "default")}

## Power for a slope of {SHOWN:g}

### default

{markdown(table, "power", "default")}

### plain permutation

{markdown(table, "power", "plain permutation")}

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
        levels = rows.set_index("method")["level"]
        print(f"{design}, {disturbance}: {levels.round(3).to_dict()}", flush=True)
    store.write(chosen.out / "README.md", report(pd.read_csv(file)))


if __name__ == "__main__":
    main()
