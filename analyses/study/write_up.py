"""What the study's README says of its results, from the tables.

By hand are the sizes of the design, and the level that simulations gave. `analyse` writes it
between the two marks of README.md.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from diversity.display.numbers import listed, p_value, probability

BEGIN, END = "<!-- results: written by analyse.py -->", "<!-- end of results -->"
TAU = "Kendall's tau of the diversities by both encoders"
NAMES = {
    "bucc2018": "BUCC", "mlqa": "MLQA", "panx": "PAN-X", "retrieval": "BUCC and Tatoeba", "tatoeba": "Tatoeba",
    "tydiqa": "TyDi QA", "udpos": "UD-POS", "xnli": "XNLI", "xquad": "XQuAD",
}  # fmt: skip


def results(tables: Mapping[str, pd.DataFrame], sentences: Sequence[str], seeds: Sequence[int], none: float) -> str:
    """The answer, its table and the ten questions, as Markdown.

    `sentences` are those of the fit and of the comparison; `none` is how many points a standard deviation count as none.
    """
    read = Read(tables)
    taken = listed([str(seed) for seed in seeds])
    lines = [
        "## The answer",
        "",
        f"From {'seeds' if len(seeds) > 1 else 'seed'} {taken} of the plan (question answering has seed 1 alone).",
        "",
        *(f"> {sentence}\n" for sentence in sentences),
        "Points for one standard deviation of diversity. Only the first row was declared; the others are uncorrected.",
        "*Given its tasks*: once it is known what each task does alone.",
        "",
        *of_outcomes(tables["outcomes"]),
        "",
        *forgetful(read.facts),
        "",
        *proposed(tables["pairs"]),
        "",
        "## Ten questions of a hostile reviewer",
        "",
        *(f"{number}. **{asked}** {said}" for number, (asked, said) in enumerate(questions(read, none), 1)),
    ]
    return "\n".join(lines) + "\n"


class Read:
    """The tables by name: a fact, a floor, the slope of a question."""

    def __init__(self, tables: Mapping[str, pd.DataFrame]) -> None:
        self.facts: Mapping[str, float] = tables["facts"].set_index("fact")["value"].to_dict()
        self.floors: Mapping[str, float] = tables["floors"].set_index("target")["random weights"].to_dict()
        self.outcomes = tables["outcomes"].set_index("question")

    def fact(self, name: str) -> str:
        """In points, or as a ratio."""
        return f"{self.facts[name]:.1f}"

    def count(self, name: str) -> str:
        """A whole number."""
        return f"{self.facts[name]:.0f}"

    def slope(self, question: str) -> str:
        """The slope of a question, its interval and p."""
        row = self.outcomes.loc[question]
        return f"{row['slope']:.2f} ({row['low']:.2f} to {row['high']:.2f}, {p_value(row['p'])})"


def of_outcomes(outcomes: pd.DataFrame) -> list[str]:
    """The slope of every question, a row each."""
    lines = [
        "| outcome | slope | 95 % interval | p | given its tasks | p | detectable |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in outcomes.to_dict("records"):
        cells = [
            NAMES.get(row["question"], row["question"]),
            f"{row['slope']:.2f}",
            f"{row['low']:.2f} to {row['high']:.2f}",
            probability(row["p"]),
            f"{row['slope given members']:.2f}",
            probability(row["p given members"]),
            f"{row['detectable']:.2f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def forgetful(facts: Mapping[str, float]) -> list[str]:
    """What errors clustered by language or target are worth."""
    p, exchanged = (
        [facts[f"{what} clustered by {level}"] for level in ("language", "target")]
        for what in ("p by errors", "the same below .05 where tasks are exchanged,")
    )
    language, target = (f"{100 * share:.0f} %" for share in exchanged)
    return [
        f"A regression of all cells has {p_value(p[0])} with errors clustered by language, and {p_value(p[1])} by target.",
        f"Neither means anything: where the tasks are exchanged at random, {language} and {target} of these regressions have",
        "p < .05. They forget that mixtures share tasks.",
    ]


def proposed(pairs: pd.DataFrame) -> list[str]:
    """How the pair did that `propose` finds."""
    (row,) = pairs[pairs["proposed"]].to_dict("records")
    place = int((pairs["diversity"] > row["diversity"]).sum()) + 1
    names, outcomes = row["mixture"].replace("+", " and "), pairs["outcome"]
    return [
        f"`propose` finds {names} as the most diverse pair of the nine tasks. On the data of the study it is number {place}",
        f"of {len(pairs)} by diversity, and number {row['rank']} by its outcome: {row['outcome']:.1f} points. The pairs have",
        f"{outcomes.min():.1f} to {outcomes.max():.1f}, and a median of {outcomes.median():.1f}.",
    ]


def questions(read: Read, none: float) -> list[tuple[str, str]]:
    """The ten questions, each with its answer."""
    fact, count, slope = read.fact, read.count, read.slope
    declared = read.outcomes.loc["declared: mean of the targets"]
    inside = max(-declared["low"], declared["high"]) < none
    within = (
        "lies within it: a larger effect is ruled out" if inside else "goes beyond it: such an effect is not ruled out"
    )
    return [
        (
            "The encoder was distilled from an English one. Is this cross-lingual transfer at all?",
            f"The baseline has {fact('baseline on XNLI outside English')} % on XNLI outside English and "
            f"{fact('baseline on Tatoeba')} % on Tatoeba; random weights have {read.floors['xnli']:.1f} and "
            f"{read.floors['tatoeba']:.1f}. For XLM-R: cannot be said here.",
        ),
        (
            "With such budgets nothing is learned.",
            f"Mixtures are {fact('lowest gain over the baseline')} to {fact('highest gain over the baseline')} points from "
            f"the baseline, {count('mixtures above the baseline')} of 46 above it. With full budgets: cannot be said here.",
        ),
        (
            "The test sets stand in for others.",
            "BUCC and TyDi QA do. Without them the slope is "
            f"{slope('without data that stand in for others')}. PAWS-X: cannot be said here.",
        ),
        (
            "Question answering has one seed.",
            f"Without it the slope is {slope('without targets of one seed')}. On the mean of the other targets, seeds of a "
            f"mixture have a standard deviation of {fact('sd between seeds')} points, and mixtures one of "
            f"{fact('sd between mixtures')}.",
        ),
        (
            "One task makes the answer.",
            f"Without each task in turn the slope is {read.facts['lowest slope without a task']:.2f} to "
            f"{read.facts['highest slope without a task']:.2f}.",
        ),
        (
            "You chose the metric.",
            f"Before anything was trained. Of {count('specifications')} combinations of metric, encoder, outcome and "
            f"covariates {count('specifications with p < .05')} have p < .05, uncorrected, and "
            f"{count('specifications with a positive slope')} a positive slope.",
        ),
        (
            "Another encoder would order the mixtures otherwise.",
            "Kendall's tau of the diversities by MiniLM and by mini is "
            f"{read.facts[TAU]:.2f} over the mixtures of several tasks. Encoders of another family: cannot be said here.",
        ),
        (
            "Runs that failed are not shown.",
            f"All {count('runs')} are in the table. The number of those on XNLI that give one answer to everything is "
            f"{count('runs on XNLI with one answer')}; they count as they are.",
        ),
        (
            "The p-value is wrong.",
            f"All 362,880 relabellings are tried; p is {declared['p']:.5f}. A second, short program in numpy "
            f"(`witness.py`) gives {read.facts['p by other means']:.5f}. Once each task's worth is known they have "
            f"{declared['p given members']:.5f} and {read.facts['p by other means, given members']:.5f}. In simulations "
            "without an effect on this design .043 to .055 of the p-values are below .05.",
        ),
        (
            "It is too small to find anything.",
            f"{declared['detectable']:.2f} points would be found four times in five. Up to {none:g} counts as "
            f"practically none; the interval, {declared['low']:.2f} to {declared['high']:.2f}, {within}.",
        ),
    ]


def written(text: str, block: str) -> str:
    """A page with what stands between the marks replaced."""
    head, rest = text.split(BEGIN)
    return f"{head}{BEGIN}\n\n{block}\n{END}{rest.split(END)[1]}"
