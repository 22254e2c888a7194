"""Tables with a row a run: weights and outcomes in columns, in one file or two, and what is said of those that are wrong."""

import numpy as np
import pandas as pd
import pytest

from diversity import InputError
from diversity.reporting.report import report
from diversity.scoring.scorer import scores_of_weights
from diversity.stats.analysis import Analysis
from diversity.stats.fit import fit
from diversity.studies.study import read_study
from diversity.studies.wide import read_wide

DOMAINS = ["arxiv", "law", "code", "web", "books", "wiki"]


def runs(rng: np.random.Generator, count: int = 40, outcomes: int = 3) -> pd.DataFrame:
    """Dirichlet weights of three decimals, and losses that fall with the weight of their own domain."""
    weights = rng.dirichlet(np.full(len(DOMAINS), 0.5), count).round(3)
    worth = rng.normal(size=(len(DOMAINS), outcomes))
    losses = 4 - weights @ worth + rng.normal(0, 0.05, (count, outcomes))
    return pd.DataFrame(
        {"index": range(count)}
        | {f"train_{name}": column for name, column in zip(DOMAINS, weights.T, strict=True)}
        | {f"valid_{i}_loss": column for i, column in enumerate(losses.T)}
    )


def read(table: pd.DataFrame, **changes):
    return read_wide(table, **{"weights": "train_*", "outcomes": "valid_*_loss", "key": "index"} | changes)


def test_names_shares_and_directions(rng):
    table = runs(rng)
    checked = read(table)
    assert list(checked.cells.index[:2]) == ["index 0", "index 1"]
    assert checked.cells["1"].squeeze().to_list() == table["valid_1_loss"].to_list()
    assert checked.lower_is_better == {"0": True, "1": True, "2": True}
    shares = table.iloc[3, 1:7] / table.iloc[3, 1:7].sum()
    assert checked.shares["index 3"] == pytest.approx(
        {n: shares[f"train_{n}"] for n in DOMAINS if shares[f"train_{n}"]}
    )
    assert any("divided by their sum" in note for note in checked.notes)
    assert read(table, lower_is_better=False).lower_is_better == {"0": False, "1": False, "2": False}


def test_two_tables_are_joined_by_the_column_that_both_have(rng):
    table = runs(rng)
    weights, losses = table.filter(regex="index|train"), table.filter(regex="index|valid")
    shuffled = losses.sample(frac=1, random_state=0).iloc[1:].assign(index=lambda t: t["index"].astype(float))
    for key in (None, "index"):
        checked = read(shuffled, mixtures=weights, key=key)
        assert checked.cells.sort_index().equals(read(table.loc[shuffled.index]).cells.sort_index())
        assert any("1 of 40 rows of the mixtures have no row in the results" in note for note in checked.notes)


def test_runs_of_the_same_weights_are_seeds_of_one_mixture(rng):
    table = runs(rng, 10)
    checked = read(pd.concat([table, table.assign(index=table["index"] + 10)]))
    assert len(checked.cells) == 10
    assert set(checked.runs["seed"]) == {"0", "1"}
    assert "10 mixtures have several runs of the same weights, which count as seeds" in checked.notes


def test_an_empty_outcome_is_missing_and_other_columns_are_chosen_from_and_are_covariates(rng):
    table = runs(rng).assign(size=["1M"] * 20 + ["1B"] * 20, budget=np.arange(1, 41))
    table.loc[0, "valid_0_loss"] = np.nan
    checked = read(table, where={"size": "1M"})
    assert len(checked.cells) == 20
    assert np.isnan(checked.cells.loc["index 0", ("0", "")])
    scores = scores_of_weights(checked)
    fitted = fit(checked, scores, metric="hill(q=1)", analysis=Analysis(where={"size": "1M"}), details=False)
    assert fitted.n_mixtures == 19
    assert read_study(checked, scores, metric="hill(q=1)").log_budget is not None


def test_percent_and_counts(rng):
    table = runs(rng)
    columns = [f"train_{name}" for name in DOMAINS]
    percent = table.assign(**{c: 100 * table[c] for c in columns})
    assert read(percent).shares["index 5"] == pytest.approx(read(table).shares["index 5"])
    counts = table.assign(**{c: table[c] * (1 + table["index"]) for c in columns})
    with pytest.raises(InputError, match=r"sum to 1 .or 100. in each run, found [\d.]+ in index 3\d.*--normalise"):
        read(counts)
    assert read(counts, normalise=True).shares["index 5"] == pytest.approx(read(table).shares["index 5"])


MISTAKES = {
    "no such weights": (lambda t: t, {"weights": "mix_*"}, "columns of weights like 'mix_.*', found the columns index"),
    "a misspelled column": (lambda t: t, {"outcomes": "valid_1_los"}, "did you mean valid_1_loss"),
    "weights that are outcomes": (lambda t: t, {"outcomes": "*"}, "weights and outcomes in different columns"),
    "one column of weights": (lambda t: t, {"weights": "train_web"}, "at least two columns of weights"),
    "no key": (lambda t: t, {"key": "run"}, "with a column 'run'"),
    "a key twice": (lambda t: t.assign(index=1), {}, "expected each index once, found 'index 1' more often"),
    "half the weights": (lambda t: t, {"weights": "train_w*,train_law"}, "weights that sum to 1.*do the columns have all"),
    "a negative weight": (lambda t: t.assign(train_web=-0.1), {}, "weights of at least 0, found -0.1 in index 0"),
    "a weight that is missing": (lambda t: t.assign(train_web=None), {}, "a weight as a number in 'train_web' of index 0"),
    "a comma for a point": (lambda t: t.assign(valid_1_loss="3,5"), {}, "in 'valid_1_loss' of index 0, found '3,5'"),
    "an infinite outcome": (lambda t: t.assign(valid_1_loss=np.inf), {}, "in 'valid_1_loss' of index 0, found 'inf'"),
    "no outcome": (lambda t: t.assign(valid_1_loss=""), {}, "numbers in the column of outcomes 'valid_1_loss'"),
    "no weights at all": (lambda t: t.assign(**dict.fromkeys([c for c in t if "train" in c], 0)), {}, "not all 0"),
    "no rows": (lambda t: t[:0], {}, "found no rows"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_gets_the_line_that_helps(rng, mistake):
    change, options, said = MISTAKES[mistake]
    with pytest.raises(InputError, match=said) as caught:
        read(change(runs(rng)), **options)
    assert "\n" not in str(caught.value)


def test_mistakes_in_two_tables(rng):
    table = runs(rng)
    weights, losses = table.filter(regex="index|train"), table.filter(regex="index|valid")
    for changed, said in (
        (weights.assign(index=weights["index"] + 100), "the same index in results and mixtures, found none in both"),
        (pd.concat([weights, weights]), "each index once in the mixtures, found '0'"),
        (weights.assign(valid_1_loss=1), "a column in one of the two tables, found 'valid_1_loss' in both"),
        (weights.drop(columns="index"), "with a column 'index'"),
    ):
        with pytest.raises(InputError, match=said):
            read(losses, mixtures=changed)
    with pytest.raises(InputError, match="--key, the column that joins the two tables: they share none"):
        read(losses, mixtures=weights.rename(columns={"index": "run"}), key=None)


def test_losses_that_fall_with_diversity_are_an_effect_for_the_better(rng, tmp_path):
    vectors = {n: rng.normal(size=(30, 8)) + 2 * rng.normal(size=8) for n in [*DOMAINS, "more", "yet"]}
    table = runs(rng, 30).assign(train_more=0.0, train_yet=0.0)
    weights = rng.dirichlet(np.full(8, 0.7), 30)
    table[[f"train_{n}" for n in vectors]] = weights
    scores = scores_of_weights(read(table), ["cosine"], embeddings=vectors)
    assert set(scores.frame["metric"]) == {"cosine", "hill(q=1)"}
    diverse = scores.of("cosine")["value"].to_numpy()
    for i in range(3):
        table[f"valid_{i}_loss"] = 5 - 20 * diverse + rng.normal(0, 0.01, 30)
    from diversity.scoring.scorer import scorers

    analysis = Analysis(permutations=199, bootstrap=100, scorers=scorers(scores, embeddings=vectors))
    fitted = fit(read(table), scores, metric="cosine", analysis=analysis, details=False)
    assert fitted.slope_per_sd < 0
    assert fitted.verdict == "positive"
    assert "More diverse mixtures did better" in fitted.sentence
    turned = fit(read(table, lower_is_better=False), scores, metric="cosine", analysis=analysis, details=False)
    assert turned.verdict == "negative"
    written = report(read(table), scores, metric="cosine", output=tmp_path / "report.html", analysis=analysis)
    assert "More diverse mixtures did better" in written.html.read_text("utf8")


def test_the_hill_number_of_unequal_weights_is_never_an_effect(rng):
    checked = read(runs(rng))
    fitted = fit(checked, scores_of_weights(checked), metric="hill(q=1)", details=False)
    assert fitted.verdict == "not established"
    assert "of the weights alone" in fitted.sentence


def test_hundreds_of_outcomes_in_one_command(rng, tmp_path, run):
    runs(rng, 30, 200).to_csv(tmp_path / "runs.csv", index=False)
    columns = ("--results", tmp_path / "runs.csv", "--weights", "train_*", "--outcomes", "valid_*_loss")
    status, out, err = run("fit", *columns, "--key", "index", "--output", tmp_path / "fit.json")
    assert status == 0, err
    assert "30 mixtures, 6 tasks" in out
    assert "mean of the 200 targets of the table" in err


def test_options_that_lack_each_other(rng, tmp_path, run):
    runs(rng).to_csv(tmp_path / "runs.csv", index=False)
    for given, said in (
        (("--weights", "train_*"), "expected both for a table with a row a run, found --weights alone"),
        (("--key", "index"), "expected --weights and --outcomes for a table with a row a run, found --key alone"),
        ((), "--weights and --outcomes"),
    ):
        status, _, err = run("report", "--results", tmp_path / "runs.csv", *given, "--output", tmp_path / "r.html")
        assert status == 2
        assert said in err
        assert len(err.strip().splitlines()) == 1
