"""Random distances in the place of diversity, on real studies: how often does the default test find an effect?

`python analyses/simulation/placebos.py [--regmix REGMIX] [--draws N]`, REGMIX being a folder with the tables of Liu et al.
2024 (RegMix: 17 domains, 512, 256 and 64 runs with Dirichlet weights, losses), and the nine-task grid of this repository.
Outcomes and designs are real; the metric knows nothing of them: the mean of random distances between a mixture's tasks.
Writes placebos.csv beside it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from diversity import store
from diversity.stats.analysis import Analysis
from diversity.stats.model import Tester, design_matrix
from diversity.stats.multimembership import slopes
from diversity.stats.relabelling import Relabelling
from diversity.studies.study import Study, read_study, sd_within
from diversity.types import Scorer

HERE = Path(__file__).parent
GRID = HERE.parent / "grid" / "results.csv"
REGMIX = {"512 runs, 1M": "train_{}_1m.csv", "256 runs, 60M": "test_{}_60m.csv", "64 runs, 1B": "test_{}_1B.csv"}


@dataclass(frozen=True)
class Distances:
    """The mean distance within mixtures."""

    names: tuple[str, ...]
    matrix: np.ndarray

    def values(self, weights: np.ndarray) -> np.ndarray:
        """Of mixtures with weights (M, T)."""
        return np.asarray(((weights @ self.matrix) * weights).sum(axis=1))

    def relabelled(self, weights: np.ndarray, permutations: np.ndarray) -> np.ndarray:
        """After relabellings (B, T): task `permutations[b, i]` takes the weight of task i."""
        return np.array([self.values(weights[:, np.argsort(p)]) for p in permutations])

    @staticmethod
    def drawn(names: tuple[str, ...], rng: np.random.Generator) -> Distances:
        """Uniform distances, within tasks too."""
        matrix = rng.random((len(names), len(names)))
        return Distances(names, (matrix + matrix.T) / 2)


def regmix(folder: Path, pattern: str) -> pd.DataFrame:
    """Results of one of RegMix's tables: a row for each run and loss."""
    weights = pd.read_csv(folder / pattern.format("mixture")).set_index("index")
    losses = pd.read_csv(folder / pattern.format("pile_loss")).set_index("index")
    weights = weights.rename(columns=lambda c: c.removeprefix("train_the_pile_"))
    weights = weights.loc[losses.index].div(weights.loc[losses.index].sum(axis=1), axis=0)
    rows = []
    for (index, shares), (_, loss) in zip(weights.iterrows(), losses.iterrows(), strict=True):
        used = shares[shares > 0]
        tasks, given = "+".join(used.index), "+".join(repr(float(v)) for v in used)
        rows += [
            (f"run {index}", tasks, given, name.removeprefix("metric/the_pile_").removesuffix("_val_loss"), value)
            for name, value in loss.items()
        ]
    table = pd.DataFrame(rows, columns=["mixture", "tasks", "weights", "target", "value"])
    return table.assign(language="en", seed=0, metric="loss")


def study_of(results: pd.DataFrame, outcome: str) -> Study:
    """The study, with some score that placebos replace."""
    names = results[[c for c in ("mixture", "tasks", "weights") if c in results]].drop_duplicates()
    scores = names.assign(metric="placebo", value=np.random.default_rng(0).random(len(names)))
    return read_study(results, scores, metric="placebo", outcome=outcome)


def placebos(study: Study, draws: int, permutations: int, seed: int = 0) -> Iterator[tuple[float, float]]:
    """p of the default test and of REML with Satterthwaite's degrees of freedom, for each drawn metric."""
    for draw in range(draws):
        rng = np.random.default_rng([seed, draw])
        scorer: Scorer = Distances.drawn(study.tasks, rng)
        x = scorer.values(study.weights)
        sd = sd_within(x, study.weights)
        one = replace(study, x=x, sd=sd, z=(x - x.mean()) / sd)
        # labels are not permuted where the design was chosen by its diversity: the scores are not asked for
        relabelling = Relabelling() if study.chosen_by_diversity else Relabelling(scorer=scorer)
        tester = Tester(relabelling, Analysis(permutations=permutations, seed=draw))
        fixed = design_matrix(one).fixed
        yield float(tester.estimates(one).p[0]), float(slopes(one.weights, one.z, one.y, fixed).p()[0])


def main() -> None:
    """Run them, and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--regmix", type=Path)
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--out", type=Path, default=HERE / "placebos.csv")
    chosen = parser.parse_args()
    studies = {}
    if chosen.regmix:
        studies |= {name: study_of(regmix(chosen.regmix, pattern), "mean") for name, pattern in REGMIX.items()}
    grid = pd.read_csv(GRID)
    studies |= {f"the grid, {outcome}": study_of(grid, outcome) for outcome in ("mean", *grid["target"].unique())}
    rows = []
    for name, study in studies.items():
        p = np.array(list(placebos(study, chosen.draws, chosen.permutations)))
        share = (p <= 0.05).mean(axis=0)
        error = np.sqrt(share * (1 - share) / len(p))
        rows.append((name, len(study.x), len(study.tasks), chosen.draws, share[0], error[0], share[1], error[1]))
        print(rows[-1], "untested:", int(np.isnan(p[:, 0]).sum()), flush=True)
    columns = ["study", "mixtures", "tasks", "placebos", "default", "default_error", "reml", "reml_error"]
    store.write(chosen.out, pd.DataFrame(rows, columns=columns).round(4).to_csv(index=False))


if __name__ == "__main__":
    main()
