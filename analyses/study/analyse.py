"""The analysis of the study, from its tables: `python -m analyses.study.analyse [GRID DATA]`.

With a finished grid and its data, `collect` first writes `results.parquet`, `scores.csv`, `covariates.csv` and
`hypothesis.json` beside this file. From these come `report/` and the tables of `tables/`:

- `outcomes.csv`: the slope for the declared outcome, the other means and each target; with English and without; and given
  what the constituents do as single tasks (`members`) or what may be confounded with diversity;
- `comparison.csv`: diverse pairs of tasks against homogeneous ones; `tasks.csv`: the declared slope without each task;
- `specifications.csv`: every metric of both encoders, for each outcome and set of covariates;
- `pairs.csv`: the pairs in the order of their diversity, how each did, and the most diverse one that `propose` finds;
- `targets.csv`: each mixture's mean of each target; `facts.csv`: what else a reader may ask, a number each.

The answer and what it rests on are written into README.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

import diversity
from analyses.study import witness, write_up
from diversity import store
from diversity.planning.confounders import covariates
from diversity.planning.plans import read_plan
from diversity.scoring.propose import Constraints
from diversity.scoring.score import agreement
from diversity.stats.fit import Fit
from diversity.studies.outcomes import Outcomes, read_outcomes

HERE = Path(__file__).parent
PLAN = HERE / "plan.toml"
METRIC = "vendi_beta(q=2)"
RETRIEVAL = ("bucc2018", "tatoeba")
STANDINS = ("bucc2018", "tydiqa")  # in place of data that are not at hand
ONE_SEED = ("xquad", "mlqa", "tydiqa")
KEPT = [
    "model", "mixture", "tasks", "weights", "budget", "target", "language", "metric", "value", "n", "seed", "split", "role",
    "status", "error",
]  # fmt: skip
CONFOUNDERS = {"words": "words of a text", "similarity, mean": "likeness to the targets"}


# --- From a grid to tables ---


def collect(grid: Path, data: Path, output: Path = HERE) -> None:
    """Write the study's tables from those of its grid: results, scores by both encoders, and possible confounders."""
    plan = read_plan(PLAN)
    mixtures = [planned.mixture for planned in plan.mixtures if planned.mixture.tasks]
    rows = diversity.Rows(data, limit=plan.diversity["sample"])
    first = pd.read_csv(grid / "scores.csv")
    second = diversity.score(
        list(plan.tasks), mixtures=mixtures, metrics=plan.diversity["metrics"], data=rows, encoder="mini"
    )
    as_text = first[["mixture", "tasks", "weights"]].drop_duplicates()  # as the grid writes them
    second = second.drop(columns=["tasks", "weights"]).merge(as_text, on="mixture")
    store.write(output / "hypothesis.json", (grid / "hypothesis.json").read_text("utf8"))
    store.write_table(pd.read_parquet(grid / "results.parquet")[KEPT], output / "results.parquet")
    store.write_table(pd.concat([first, second], ignore_index=True)[first.columns], output / "scores.csv")
    space = diversity.measure(list(plan.tasks), data=rows)
    tests = diversity.Rows(data, split="test,dev", limit=plan.diversity["sample"])
    # the likeness is to targets that have English text: the encoder reads no other
    in_english = [target for target in plan.targets if target not in RETRIEVAL]
    targets = diversity.measure(in_english, data=tests).tasks
    shares = np.array([[float(t in m.tasks) / len(m.tasks) for t in space.stacked.names] for m in mixtures])
    table = covariates(shares, space, targets)[list(CONFOUNDERS)].rename(columns=CONFOUNDERS)
    store.write_table(table.assign(mixture=[m.name for m in mixtures]), output / "covariates.csv")


def tables(folder: Path = HERE) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Results, with what may be confounded as columns of each mixture, and scores."""
    results = pd.read_parquet(folder / "results.parquet")
    return results.merge(pd.read_csv(folder / "covariates.csv"), on="mixture", how="left"), pd.read_csv(
        folder / "scores.csv"
    )


# --- The analysis ---


def asked(outcome: str = "", reason: str = "one of several questions", **options: Any) -> diversity.Analysis:
    """The declared analysis; where an outcome or option is given, one that departs from it and is marked so."""
    plan, _ = diversity.read_commitment(results=HERE, reason=reason)
    return diversity.Analysis(outcome, plan=plan, **options)


def slope(question: str, fit: Fit) -> dict[str, Any]:
    """A row of `outcomes.csv`: the slope, and that given what the constituents do as single tasks."""
    members = fit.tables["members"].iloc[-1]
    return {
        "question": question,
        "mixtures": fit.n_mixtures,
        "slope": fit.slope_per_sd,
        "low": fit.low,
        "high": fit.high,
        "p": fit.p,
        "detectable": fit.minimum_detectable_slope,
        "verdict": fit.verdict,
        **{f"{name} given members": members[name] for name in ("slope", "low", "high", "p")},
    }


def outcomes(results: pd.DataFrame, scores: pd.DataFrame) -> tuple[Fit, pd.DataFrame]:
    """The declared fit, and the slope of every question that is asked of the same mixtures."""
    without = {
        "retrieval": RETRIEVAL,
        "data that stand in for others": STANDINS,
        "targets of one seed": ONE_SEED,
    }
    questions = {
        "declared: mean of the targets": (results, asked()),
        "without English": (results, asked(english=False)),
        **{f"without {name}": (results[~results["target"].isin(these)], asked()) for name, these in without.items()},
        "retrieval": (results, asked("retrieval")),
        **{str(target): (results, asked(str(target))) for target in sorted(results["target"].unique())},
        **{f"given {name}": (results, asked(covariates=(name,))) for name in CONFOUNDERS.values()},
    }
    declared, *_ = questions
    fits = {
        question: diversity.fit(rows, scores, metric=METRIC, analysis=analysis, details=question == declared)
        for question, (rows, analysis) in questions.items()
    }
    return fits[declared], pd.DataFrame([slope(question, fit) for question, fit in fits.items()])


def pairs(fit: Fit) -> pd.DataFrame:
    """The pairs of tasks, most diverse first, each with the rank of its outcome, and which one `propose` finds."""
    table = fit.tables["mixtures"].query("k == 2").sort_values("diversity", ascending=False, ignore_index=True)
    tasks = sorted({task for name in table["mixture"] for task in name.split("+")})
    found = diversity.propose(tasks, METRIC, constraints=Constraints(tasks=2)).mixture.tasks
    proposed = [{*name.split("+")} == {*found} for name in table["mixture"]]
    return table.assign(rank=table["outcome"].rank(ascending=False).astype(int), proposed=proposed)


def by_target(results: pd.DataFrame | Outcomes) -> pd.DataFrame:
    """The official score of each mixture, target and seed (seeds are text): the mean of its languages."""
    runs = read_outcomes(results).runs
    return runs.groupby(["mixture", "target", "seed"], as_index=False)["value"].mean()


def facts(results: pd.DataFrame | Outcomes, scores: pd.DataFrame, fit: Fit) -> pd.Series[float]:
    """What a reader may ask besides the slopes; differences and standard deviations in points."""
    read = read_outcomes(results)
    runs = by_target(read).pivot(index=["mixture", "seed"], columns="target", values="value")
    means = runs.groupby("mixture").mean()
    gains = (means.mean(axis=1) - means.loc["baseline"].mean()).drop("baseline")
    xnli = read.runs.query("target == 'xnli'")
    foreign = xnli[(xnli["mixture"] == "baseline") & (xnli["language"] != "en")]
    one_answer = xnli.groupby(["mixture", "seed"])["value"].agg(lambda v: bool(np.allclose(v, 100 / 3, atol=0.01)))
    seeds = runs.drop(columns=list(ONE_SEED)).mean(axis=1)  # of the targets that have all of them
    # of mixtures of several tasks: single ones have a diversity of 1 each
    several = scores[(scores["metric"] == METRIC) & scores["tasks"].str.contains("+", regex=False)]
    tested = fit.tables["specifications"]
    without = fit.tables["influence"].query("kind == 'task'")
    values = {
        "runs": runs.notna().sum().sum(),
        "runs on XNLI with one answer": one_answer.sum(),
        "mixtures above the baseline": (gains > 0).sum(),
        "baseline on XNLI outside English": foreign["value"].mean(),
        "baseline on Tatoeba": means.loc["baseline", "tatoeba"],
        "lowest gain over the baseline": gains.min(),
        "highest gain over the baseline": gains.max(),
        "sd between mixtures": seeds.groupby("mixture").mean().drop("baseline").std(),
        "sd between seeds": float(np.sqrt(seeds.groupby("mixture").var().mean())),
        write_up.TAU: agreement(several)["kendall"].item(),
        "specifications": len(tested),
        "specifications with p < .05": (tested["p"] < 0.05).sum(),
        "specifications with a positive slope": (tested["slope"] > 0).sum(),
        "lowest slope without a task": without["slope"].min(),
        "highest slope without a task": without["slope"].max(),
    }
    return pd.Series(values, dtype=float)


def by_other_means(results: pd.DataFrame | Outcomes, scores: pd.DataFrame, encoder: str) -> pd.Series[float]:
    """The declared test's p, and that given what the constituents do as single tasks, without the toolkit's statistics."""
    means = by_target(results).groupby(["mixture", "target"])["value"].mean().groupby("mixture").mean()
    names, members, x = design(scores, encoder)
    named = {"p by other means": False, "p by other means, given members": True}
    y = means[names].to_numpy()
    return pd.Series({name: witness.p_value(members, x, y, fixed=fixed) for name, fixed in named.items()})


def clustered(results: pd.DataFrame | Outcomes, scores: pd.DataFrame, encoder: str) -> pd.Series[float]:
    """What a regression of all cells finds, its errors clustered, and what it finds where the tasks are exchanged."""
    mixtures, members, x = design(scores, encoder)
    runs = read_outcomes(results).runs.groupby(["mixture", "target", "language"])["value"].mean()
    cells = runs.unstack(["target", "language"]).loc[mixtures]
    targets = cells.columns.get_level_values("target")
    weights = 1 / targets.map(targets.value_counts()).to_numpy()
    found = {}
    for level in ("target", "language"):
        groups, names = pd.factorize(cells.columns.get_level_values(level))
        t = witness.clustered(members, x, cells.to_numpy(), weights, groups)
        p = 2 * stats.t.sf(t, len(names) - 1)
        found[f"p by errors clustered by {level}"] = p[0]
        found[f"the same below .05 where tasks are exchanged, clustered by {level}"] = (p < 0.05).mean()
    return pd.Series(found)


def design(scores: pd.DataFrame, encoder: str) -> tuple[pd.Series[str], NDArray[np.bool_], NDArray[np.float64]]:
    """The mixtures, which tasks (mixtures, tasks) they have, and their diversity by the declared metric."""
    rows = scores[(scores["metric"] == METRIC) & (scores["encoder"] == encoder)]
    return rows["mixture"], rows["tasks"].str.get_dummies("+").to_numpy().astype(bool), rows["value"].to_numpy()


def save(table: pd.DataFrame, name: str, folder: Path = HERE) -> None:
    """Write `tables/NAME.csv`."""
    (folder / "tables").mkdir(exist_ok=True)
    store.write_table(table, folder / "tables" / f"{name}.csv")


def analyse(folder: Path = HERE) -> None:
    """Write the tables and the report."""
    plan, _ = diversity.read_commitment(results=folder)
    assert plan is not None, "the plan was frozen before there were results"
    results, scores = tables(folder)
    fit, of_outcomes = outcomes(results, scores)
    comparison = diversity.compare(results, scores, metric=METRIC, analysis=asked())
    read = read_outcomes(results)
    declared = read, scores, plan.declared.encoder
    known = pd.concat([facts(read, scores, fit), by_other_means(*declared), clustered(*declared)])
    written = {
        "outcomes": of_outcomes,
        "comparison": comparison.to_frame(),
        "tasks": fit.tables["influence"].query("kind == 'task'"),
        "specifications": fit.tables["specifications"],
        "targets_by_metric": fit.tables["targets_by_metric"],
        "pairs": pairs(fit),
        "targets": by_target(read).pivot_table("value", "mixture", "target").reset_index(),
        "facts": known.rename("value").rename_axis("fact").reset_index(),
    }
    for name, table in written.items():
        save(table, name, folder)
    sentences = [fit.sentence, comparison.sentence]
    print(*sentences, sep="\n")
    floors = {"floors": pd.read_csv(folder / "tables" / "floors.csv")}
    seeds = sorted(results.loc[results["target"] == "xnli", "seed"].unique())
    none = plan.declared.equivalence
    assert none is not None, "the plan declares what counts as none"
    block = write_up.results(written | floors, sentences, seeds, none)
    readme = folder / "README.md"
    store.write(readme, write_up.written(readme.read_text("utf8"), block))
    diversity.report(results, scores, metric=METRIC, output=folder / "report" / "report.html", analysis=asked())


def main() -> None:
    """Collect the tables, where a grid is given, and analyse them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("grid", type=Path, nargs="?", help="folder of the finished grid")
    parser.add_argument("data", type=Path, nargs="?", help="folder of the sampled data")
    given = parser.parse_args()
    if given.grid and given.data:
        collect(given.grid, given.data)
    analyse()


if __name__ == "__main__":
    main()
