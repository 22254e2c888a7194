"""Does the diversity of a data mixture lower the loss? RegMix's runs, and what tests find in them when nothing is there.

`python analyses/regmix/study.py REGMIX [--draws N]`, REGMIX being a folder with the tables of Liu et al. 2024
(https://github.com/sail-sg/regmix, regression_data: `{train,test}_{mixture,pile_loss}_{1m,60m,1B}.csv`): 512, 256, 256 and
64 runs, Dirichlet weights of 17 domains, losses on 13. Writes beside it `outcomes.csv` (for each loss: p-values, the
smallest effect that would be seen, predictive R2), `domains.csv` (the slope without each domain), and adds to
`false_positives.csv` as many draws as are asked for (what stands in it is not drawn again).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from diversity import store
from diversity.scoring.scorer import scores_of_weights
from diversity.stats.analysis import Analysis
from diversity.stats.model import Tester
from diversity.stats.multimembership import basis, slopes
from diversity.stats.predictive import leave_task_out
from diversity.stats.relabelling import Relabelling
from diversity.studies.study import Study, read_study, sd_within
from diversity.studies.weights import size_means
from diversity.studies.wide import read_wide

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "simulation"))
from placebos import Distances  # noqa: E402  (the random distances of the other study)

Matrix = np.ndarray
STUDIES = {
    "512 runs, 1M": "train_{}_1m.csv",
    "256 runs, 1M": "test_{}_1m.csv",
    "256 runs, 60M": "test_{}_60m.csv",
    "64 runs, 1B": "test_{}_1B.csv",
}
METRIC = "hill(q=1)"
CHUNK = 50  # draws that are written at a time
RELABELLINGS = 499
FOLDS = 10
PLACEBOS = 20  # random distances for the smallest effect that the test of labels shows


def read(folder: Path) -> dict[str, Study]:
    """The four studies, with the Hill number of the weights as their diversity."""
    studies = {}
    for name, pattern in STUDIES.items():
        results = read_wide(
            folder / pattern.format("pile_loss"),
            mixtures=folder / pattern.format("mixture"),
            key="index",
            weights="train_the_pile_*",
            outcomes="metric/the_pile_*_val_loss",
        )
        studies[name] = read_study(results, scores_of_weights(results), metric=METRIC, outcome="mean")
    return studies


def returns(weights: Matrix) -> Matrix:
    """Shares, and each domain's own diminishing returns, w log w, without the domains that no run has."""
    logs = np.log(np.where(weights > 0, weights, 1.0))
    columns = np.column_stack([weights, weights * logs])
    return columns[:, np.ptp(columns, axis=0) > 0]


def given(weights: Matrix) -> dict[str, Matrix]:
    """What a regression may be given beside diversity: nothing, the shares, and each domain's diminishing returns."""
    ones = np.ones((len(weights), 1))
    return {
        "nothing": ones,
        "weights": np.column_stack([ones, weights]),
        "returns": np.column_stack([ones, returns(weights)]),
    }


def regressions(x: Matrix, outcomes: Matrix, fixed: Matrix) -> tuple[Matrix, Matrix, Matrix, int]:
    """Slope on x (M,), standard error and p of each outcome (M, D) by ordinary regression given fixed effects, and its df."""
    q = basis(fixed)
    df = len(x) - q.shape[1] - 1
    left, rest = x - q @ (q.T @ x), outcomes - q @ (q.T @ outcomes)
    slope = left @ rest / (left @ left)
    error = ((rest - left[:, None] * slope) ** 2).sum(axis=0) / df
    se = np.sqrt(error / (left @ left))
    return slope, se, 2 * stats.t.sf(np.abs(slope / se), df), df


def predictive(study: Study, y: Matrix) -> dict[str, float]:
    """Predictive R2 of runs that were left out (ten folds), and of runs with a domain that the others lack."""
    fold = np.random.default_rng(0).permutation(len(y)) % FOLDS
    predictors = {
        "hill": study.x[:, None],
        "weights": study.weights,
        "weights_hill": np.column_stack([study.weights, study.x]),
        "returns": returns(study.weights),
        "returns_hill": np.column_stack([returns(study.weights), study.x]),
    }
    values = {}
    for name, columns in predictors.items():
        whole, error = np.column_stack([np.ones(len(y)), columns]), 0.0
        for k in range(FOLDS):
            beta = np.linalg.lstsq(whole[fold != k], y[fold != k], rcond=None)[0]
            error += float(((y[fold == k] - whole[fold == k] @ beta) ** 2).sum())
        values[f"r2_{name}"] = 1 - error / float(((y - y.mean()) ** 2).sum())
    for name in ("hill", "weights"):
        values[f"r2_domain_out_{name}"] = leave_task_out(study.weights, predictors[name], y)
    return values


def placebo(study: Study, seed: list[int]) -> tuple[Study, Tester]:
    """The study with random distances in the place of its diversity, and the test that relabels domains."""
    scorer = Distances.drawn(study.tasks, np.random.default_rng(seed))
    fast = Forms(scorer.names, scorer.matrix)
    x = fast.values(study.weights)
    sd = sd_within(x, study.weights)
    one = replace(study, metric="placebo", x=x, sd=sd, z=(x - x.mean()) / sd)
    return one, Tester(Relabelling(scorer=fast), Analysis(permutations=RELABELLINGS, seed=seed[-1]))


class Forms(Distances):
    """The same, all relabellings by one product of matrices."""

    def relabelled(self, weights: Matrix, permutations: Matrix) -> Matrix:
        """After relabellings (B, T): task `permutations[b, i]` takes the weight of task i."""
        first, second = np.triu_indices(weights.shape[1])
        pairs = weights[:, first] * weights[:, second] * np.where(first == second, 1, 2)
        return np.asarray(self.matrix[permutations[:, first], permutations[:, second]] @ pairs.T)


def of_outcomes(name: str, study: Study) -> pd.DataFrame:
    """A row for each loss, and for their mean."""
    outcomes = np.column_stack([study.by_target.to_numpy(float), study.y])
    targets = [*map(str, study.by_target.columns), "mean"]
    z = (study.x - study.x.mean()) / study.x.std(ddof=1)
    columns: dict[str, object] = {
        "study": name,
        "runs": len(z),
        "outcome": targets,
        "sd_outcome": outcomes.std(axis=0, ddof=1),
    }
    for what, fixed in given(study.weights).items():
        slope, se, p, df = regressions(z, outcomes, fixed)
        detectable = (stats.t.ppf(0.975, df) + stats.t.ppf(0.8, df)) * se
        columns |= {f"slope_given_{what}": slope, f"p_given_{what}": p, f"detectable_given_{what}": detectable}
    shown, random = [], []
    for draw in range(PLACEBOS):
        one, tester = placebo(study, [1, draw])
        e = tester.estimates(one, outcomes)
        shown.append((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / stats.norm.ppf(0.975) * (e.high - e.low) / 2)
        random.append(e.p)
    columns["detectable_labels"] = np.median(shown, axis=0)
    columns["p_labels_random"] = np.median(random, axis=0)
    rows = pd.DataFrame(columns)
    more = pd.DataFrame([predictive(study, y) for y in outcomes.T])
    return pd.concat([rows, more], axis=1)


def of_domains(name: str, study: Study) -> pd.DataFrame:
    """The slope of the mean loss on the Hill number in the runs without each domain, and with that domain's loss left out."""
    rows = []
    sd, losses = float(study.x.std(ddof=1)), study.by_target
    for index, domain in enumerate(study.tasks):
        keep = study.weights[:, index] == 0
        others = losses.drop(columns=domain, errors="ignore").mean(axis=1).to_numpy(float)
        row: dict[str, object] = {"study": name, "domain": domain, "runs_without": int(keep.sum())}
        for what, fixed in given(study.weights).items():
            slope, _, p, _ = regressions(study.x / sd, others[:, None], fixed)
            row |= {f"slope_other_losses_given_{what}": float(slope[0]), f"p_other_losses_given_{what}": float(p[0])}
        if keep.sum() > 20:
            slope, _, p, _ = regressions(study.x[keep] / sd, study.y[keep, None], np.ones((int(keep.sum()), 1)))
            row |= {"slope_without": float(slope[0]), "p_without": float(p[0])}
        rows.append(row)
    return pd.DataFrame(rows)


def outcomes_without_diversity(study: Study, null: str, rng: np.random.Generator) -> Matrix:
    """Outcomes (M,) in which diversity does nothing: permuted among the runs, or drawn under a fitted model."""
    if null == "permuted":
        return rng.permutation(study.y)
    fixed = given(study.weights)[null]
    q = basis(fixed)
    fit = q @ (q.T @ study.y)
    sd = math.sqrt(float(((study.y - fit) ** 2).sum()) / (len(fit) - q.shape[1]))
    return fit + rng.normal(0, sd, len(fit))


NULLS = ("permuted", "weights", "returns", "published")
TESTS = ("naive", "reml", "given_weights", "given_returns", "labels")


def rejections(study: Study, null: str, seed: tuple[int, int], fixed: Mapping[str, Matrix]) -> dict[str, list[float]]:
    """p of each test for the Hill number and for random distances, in one draw; the test of labels for these alone."""
    rng = np.random.default_rng([2, NULLS.index(null), *seed])
    y = study.y if null == "published" else outcomes_without_diversity(study, null, rng)
    one, tester = placebo(study, [3, NULLS.index(null), *seed])
    p: dict[str, list[float]] = {}
    for what, x in (("hill", study.z), ("random", one.z)):
        by_regression = [float(regressions(x, y[:, None], f)[2][0]) for f in fixed.values()]
        reml = float(slopes(study.weights, x, y, size_means(study.weights)).p()[0])
        labels = float(tester.estimates(one, y[:, None]).p[0]) if what == "random" else math.nan
        p[what] = [by_regression[0], reml, *by_regression[1:], labels]
    return p


def false_positives(studies: Mapping[str, Study], draws: int, file: Path) -> None:
    """Add draws to the file: a row for a chunk of a study, null and kind of diversity, with the rejections of each test."""
    known = pd.read_csv(file) if file.exists() else pd.DataFrame(columns=["study", "null", "first"])
    done = set(zip(known["study"], known["null"], known["first"], strict=True))
    for first in range(0, draws, CHUNK):
        for place, (name, study) in enumerate(studies.items()):
            fixed = given(study.weights)
            for null in NULLS:
                if (name, null, first) in done:
                    continue
                drawn = [rejections(study, null, (place, draw), fixed) for draw in range(first, first + CHUNK)]
                rows = []
                for what in ("hill", "random"):
                    if null == "published" and what == "hill":
                        continue  # the published losses and the Hill number do not change
                    p = np.array([d[what] for d in drawn])
                    counts = {t: float((p[:, i] <= 0.05).sum()) for i, t in enumerate(TESTS)}
                    if what == "hill":
                        counts["labels"] = 0.0  # the Hill number is the same after every relabelling: p is 1
                    rows.append(
                        {"study": name, "null": null, "first": first, "diversity": what, "draws": CHUNK, **counts}
                    )
                known = pd.concat([known, pd.DataFrame(rows)], ignore_index=True)
                store.write(file, known.to_csv(index=False))
        print(f"{first + CHUNK} draws", flush=True)


def rates(table: pd.DataFrame) -> pd.DataFrame:
    """Shares of rejections at 5 %, with their Monte-Carlo standard error."""
    sums = table.groupby(["study", "null", "diversity"], sort=False)[["draws", *TESTS]].sum().reset_index()
    for test in TESTS:
        share = sums[test] / sums["draws"]
        sums[test], sums[f"{test}_error"] = share.round(4), np.sqrt(share * (1 - share) / sums["draws"]).round(4)
    return sums


def main() -> None:
    """Write the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("regmix", type=Path)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--output", type=Path, default=HERE)
    parser.add_argument("--only-draws", action="store_true", help="add draws, and leave the other tables as they are")
    chosen = parser.parse_args()
    studies = read(chosen.regmix)
    if not chosen.only_draws:
        for file, function in (("outcomes.csv", of_outcomes), ("domains.csv", of_domains)):
            table = pd.concat([function(name, study) for name, study in studies.items()])
            store.write(chosen.output / file, table.to_csv(index=False, float_format="%.4g"))
    draws = chosen.output / "draws.csv"
    false_positives(studies, chosen.draws, draws)
    store.write(chosen.output / "false_positives.csv", rates(pd.read_csv(draws)).to_csv(index=False))


if __name__ == "__main__":
    main()
