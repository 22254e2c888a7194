"""Tables as other tools write them: understood, refused, or said; never another number without a word."""

import numpy as np
import pandas as pd
import pytest

from diversity.studies.outcomes import read_outcomes
from diversity.studies.study import read_study
from diversity.studies.tables import membership, tasks_in
from diversity.types import InputError


@pytest.fixture
def mixtures(designs):
    return designs.subsets(4, [1, 2, 3])


@pytest.fixture
def results(designs, mixtures):
    return designs.results(mixtures, 50.0 + np.arange(14), seeds=(1, 2), targets=("xnli", "xquad"))


@pytest.fixture
def scores(designs, mixtures):
    return designs.scores(mixtures, np.arange(14.0) ** 1.5)


def study_of(results, scores, outcome="xnli", **options):
    return read_study(read_outcomes(results, **options), scores, metric="cosine", outcome=outcome)


def of_members(join):
    """Each mixture's cell of tasks, from the list of them."""
    return lambda names: [join(name.split("+")) for name in names]


# --- The tasks of a mixture --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "join",
    [
        "+".join, ",".join, list, set, frozenset, np.array, tuple, lambda t: str(np.array(t)), lambda t: str(set(t)), str,
        lambda t: str(tuple(t)), lambda t: repr(frozenset(t)), lambda t: "[" + ", ".join(f'"{n}"' for n in t) + "]",
    ],
)  # fmt: skip
def test_lists_of_tasks_are_read_in_whatever_way_they_are_printed(results, scores, join):
    plain = study_of(results, scores)
    study = study_of(results, scores.assign(tasks=of_members(join)(scores["mixture"])))
    assert study.tasks == plain.tasks
    assert (study.weights == plain.weights).all()


@pytest.mark.parametrize("joint", [";", "|", " ", "; ", " / "])
def test_tasks_joined_in_another_way_are_refused(results, scores, joint):
    table = scores.assign(tasks=of_members(joint.join)(scores["mixture"]))
    with pytest.raises(InputError, match=r"expected names of tasks joined by \+ or commas, found"):
        study_of(results, table)


def test_tasks_that_are_not_those_of_the_name_are_refused(results, scores):
    table = scores.assign(tasks=of_members("/".join)(scores["mixture"]))
    with pytest.raises(InputError, match=r"expected the tasks of 'anli_plus\+ccg' to be those of its name"):
        study_of(results, table)


@pytest.mark.parametrize("joint", ["_", "/", " ", "-", "|"])
def test_names_that_look_joined_are_refused_where_each_would_be_a_task(results, scores, joint):
    renamed = [t.assign(mixture=t["mixture"].str.replace("+", joint)) for t in (results, scores)]
    with pytest.raises(InputError, match="that look joined by"):
        study_of(*renamed)


@pytest.mark.parametrize(
    "names",
    [["squad_v1", "squad_v2", "mnli", "qqp"], [f"run-{n}" for n in range(9)], ["owner/a", "owner/b", "owner/c"]],
)
def test_single_tasks_may_have_such_names(names):
    assert membership(pd.DataFrame({"mixture": names})) == {name: {name: 1.0} for name in names}


def test_the_tasks_of_a_column_count_whatever_the_name(results, scores):
    tasks = results["mixture"]
    numbers = {name: f"mix{n}" for n, name in enumerate(tasks.unique())}
    named = results.assign(tasks=tasks, mixture=tasks.map(numbers))
    study = study_of(named, scores.assign(mixture=scores["mixture"].map(numbers)))
    assert study.tasks == study_of(results, scores).tasks
    assert (study.weights == study_of(results, scores).weights).all()


def weighted(table, first=0.9):
    """With weights of the first task, and equal ones of the others."""
    rows = table["mixture"].map(lambda name: [first] + [(1 - first) / max(name.count("+"), 1)] * name.count("+"))
    return table.assign(tasks=table["mixture"], weights=rows.map(lambda w: w if len(w) > 1 else [1.0]))


def test_weights_that_one_table_has_are_used_and_two_that_differ_refused(results, scores):
    expected = study_of(results, weighted(scores)).weights
    assert expected.max() == 1
    assert (np.sort(expected, axis=1)[:, -1] >= 0.9).all()
    for tables in ((weighted(results), scores), (weighted(results), weighted(scores))):
        assert study_of(*tables).weights == pytest.approx(expected)
    printed = weighted(results).assign(weights=lambda t: t["weights"].map(lambda w: str(np.array(w))))
    assert study_of(printed, scores).weights == pytest.approx(expected)
    for other in (weighted(scores, 0.5), weighted(scores, 0.8)):
        with pytest.raises(InputError, match=r"expected the same weights of .* in results and scores"):
            study_of(weighted(results), other)


def test_names_with_blanks_are_tasks_in_a_list():
    assert tasks_in(["my news", "b"]) == ("my news", "b")
    assert tasks_in("['my news', 'b']") == ("my news", "b")


# --- Scales, metrics, languages, errors --------------------------------------------------------------


@pytest.mark.parametrize("column", ["seed", "mixture"])
def test_a_part_of_a_target_on_another_scale_is_said(results, scores, column):
    part = (results["target"] == "xnli") & (results[column] == results[column].iloc[-1])
    results.loc[part, "value"] /= 100
    (note,) = [n for n in study_of(results, scores).notes if "scales" in n]
    assert note.startswith(f"xnli: {column} {results[column].iloc[-1]} lies between 0 and 1 and others do not")


def test_exact_match_on_another_scale_than_f1_is_said_and_f1_below_it_refused(results, scores):
    parts = {m: (results["target"] == "xquad") & (results["metric"] == m) for m in ("exact_match", "f1")}
    exact = results.assign(value=results["value"].where(~parts["exact_match"], results["value"] / 100))
    assert any("xquad: metric exact_match lies" in n for n in study_of(exact, scores, "xquad").notes)
    f1 = results.assign(value=results["value"].where(~parts["f1"], results["value"] / 100))
    with pytest.raises(
        InputError, match=r"expected F1 of at least exact match, found 0\.5 and 50 of xquad at anli_plus"
    ):
        study_of(f1, scores, "xquad")


@pytest.mark.parametrize("spelling", ["Accuracy", "acc", "ACC", " accuracy "])
def test_a_metric_under_another_spelling_is_the_same(results, scores, spelling):
    second = results["seed"].astype(str) == "2"
    other = results.assign(metric=results["metric"].where(~(second & (results["metric"] == "accuracy")), spelling))
    assert (study_of(other, scores).y == study_of(results, scores).y).all()


def test_exact_match_and_f1_in_capitals(results, scores):
    capitals = results.assign(metric=results["metric"].replace({"exact_match": "EM", "f1": "F1"}))
    assert (study_of(capitals, scores, "xquad").y == study_of(results, scores, "xquad").y).all()


def test_rows_of_metrics_that_are_not_used_are_counted(results, scores):
    second = (results["seed"].astype(str) == "2") & (results["target"] == "xnli")
    other = results.assign(metric=results["metric"].where(~second, "macro_f1"))
    (note,) = [n for n in study_of(other, scores).notes if "not used" in n]
    assert note == "xnli: 28 rows of macro_f1 are not used, for their runs have no accuracy"


@pytest.mark.parametrize("spelling", ["EN", "eng", "en-US", "en_GB", "English"])
def test_english_under_another_code_is_english(results, scores, spelling):
    results.loc[results["language"] == "en", "value"] = 0.0
    other = results.assign(language=results["language"].replace({"en": spelling}))
    expected = study_of(results, scores, english=False).y
    assert (study_of(other, scores, english=False).y == expected).all()


def test_no_english_to_leave_out_is_said(results, scores):
    notes = study_of(results[results["language"] != "en"], scores, english=False).notes
    assert "the results are without English: there is none to leave out" in notes


def test_numbers_in_a_column_of_errors_are_no_failures(results, scores):
    expected = study_of(results, scores).y
    assert (study_of(results.assign(error=0.25), scores).y == expected).all()
    assert (study_of(results.assign(error=["0.5", ""] * (len(results) // 2)), scores).y == expected).all()
    with pytest.raises(InputError, match=r"found that all \d+ rows have an error"):
        study_of(results.assign(error="CUDA out of memory"), scores)


@pytest.mark.parametrize("value", [1.7e308, -1e200])
def test_a_sentinel_is_no_result(results, scores, value):
    results.loc[3, "value"] = value
    with pytest.raises(InputError, match=r"expected values below 1e\+100, found"):
        study_of(results, scores)
