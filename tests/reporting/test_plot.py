"""`plot`: every kind of thing is drawn in one call, and what cannot be drawn is told."""

import matplotlib
import numpy as np
import pandas as pd
import pytest

import diversity
from diversity.reporting import plots
from diversity.types import InputError

FEW = diversity.Analysis(outcome="mean", permutations=200, bootstrap=100)


@pytest.fixture(scope="module")
def fit(made_tables):
    results, scores = made_tables
    return diversity.fit(results, scores, metric="vendi(q=2)", analysis=FEW)


@pytest.mark.parametrize("what", ["", "targets", "mixtures", "specifications", "influence"])
def test_a_fit(fit, what):
    figure = diversity.plot(fit, what)
    assert figure.axes[0].has_data()


def test_the_forest_has_the_numbers_of_the_fit(fit):
    axes = diversity.plot(fit).axes[0]
    shown = [line.get_xdata()[0] for line in axes.lines if len(line.get_xdata()) == 1]
    assert shown == pytest.approx(fit.tables["targets"]["slope"].tolist())
    assert [t.get_text() for t in axes.get_yticklabels()] == fit.tables["targets"]["target"].tolist()


def test_the_colours_are_those_of_the_palette_wherever_it_is_drawn(fit):
    from matplotlib.colors import to_hex

    from diversity.reporting import style

    axes = diversity.plot(fit).axes[0]
    assert {to_hex(line.get_color()) for line in axes.lines} <= set(style.COLOURS[False])


def test_tables(made_tables):
    results, scores = made_tables
    rows = results[results["metric"] == "accuracy"]
    heat = diversity.plot(rows).axes[0]
    cells = rows.groupby(["language", "target"])["value"].mean().unstack()
    shown = {float(t.get_text()) for t in heat.texts}
    assert shown == {float(f"{v:.0f}") for v in cells.to_numpy().ravel()}
    axes = diversity.plot(scores, metric="cosine").axes[0]
    drawn = [x for line in axes.lines for x in line.get_xdata()]
    assert set(scores.query("metric == 'cosine'")["value"].round(9)) == set(np.round(drawn, 9))
    assert diversity.plot(scores).axes[0].get_xlabel() == "vendi(q=2) (more diverse to the right)"
    near = pd.DataFrame([[0.5, 0.9], [0.9, 0.6]], index=["a", "b"], columns=["a", "b"])
    assert [t.get_text() for t in diversity.plot(near).axes[1].texts] == ["0.60", "0.90", "0.90", "0.50"]


def test_lines_and_groups():
    table = pd.DataFrame({"x": [0, 1, 0, 1], "y": [1.0, 2, 3, 4], "g": ["a", "a", "b", "b"], "e": [0.1] * 4})
    axes = diversity.plot(table, "lines", x="x", y="y", by="g", error="e", reference=2.5).axes[0]
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["a", "b"]
    axes = diversity.plot(table, "groups", x="y", by="g").axes[0]
    assert [list(line.get_xdata()) for line in axes.lines] == [[1, 2], [3, 4]]


def test_a_comparison_and_a_design(made_tables):
    results, scores = made_tables
    found = diversity.compare(results, scores, metric="vendi(q=2)", analysis=FEW)
    axes = diversity.plot(found).axes[0]
    mean = next(line for line in axes.lines if line.get_label() == "mean").get_ydata()
    assert mean[1] - mean[0] == pytest.approx(found.difference)
    hypothesis = diversity.Hypothesis(targets=("xnli",))
    study = diversity.design(["mnli", "qqp", "squad_v1", "ccg"], size=2, scheme="closed", hypothesis=hypothesis)
    axes = diversity.plot(study).axes[0]
    counts = dict(
        zip((t.get_text() for t in axes.get_yticklabels()), (len(x.get_xdata()) for x in axes.lines), strict=True)
    )
    assert counts == {"single": 4, "closed": 6}


def test_what_cannot_be_drawn_is_told(fit):
    with pytest.raises(InputError, match="unknown figure of a Fit 'target': did you mean targets"):
        diversity.plot(fit, "target")
    with pytest.raises(InputError, match="found a list"):
        diversity.plot([1, 2])


def test_a_table_that_says_nothing_of_its_figure_is_an_error(made_tables):
    table = pd.DataFrame({"x": [0, 1], "y": [1.0, 2]})
    with pytest.raises(
        InputError, match=r"expected a table of distances, or columns of results .*found x, y: name the fig"
    ):
        diversity.plot(table)
    with pytest.raises(InputError, match="found none"):
        diversity.plot(pd.DataFrame())
    with pytest.raises(InputError, match="unknown column for y 'z'"):
        diversity.plot(table, "lines", x="x", y="z")
    with pytest.raises(InputError, match="expected x and y for the figure lines, found no y"):
        diversity.plot(table, "lines", x="x")
    with pytest.raises(InputError, match="unknown option of the figure lines 'colour'"):
        diversity.plot(table, "lines", x="x", y="y", colour="red")


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ({"label": ["a"], "estimate": ["1.0"], "low": [0.0], "high": [2.0]}, {}, "expected numbers in the column 'estimate'"),
        ({"x": [1, 2], "y": ["1", "2"]}, {"what": "lines", "x": "x", "y": "y"}, "expected numbers in the column 'y', found"),
        ({"label": [], "estimate": [], "low": [], "high": []}, {}, "expected rows to draw, found none"),
    ],
)  # fmt: skip
def test_text_and_nothing_are_not_drawn(table, options, message):
    with pytest.raises(InputError, match=message):
        diversity.plot(pd.DataFrame(table), **(options or {"xlabel": "x"}))


def test_distances_that_are_none_are_not_drawn():
    for values in ([[1.0, np.nan], [np.nan, 1.0]], [[1.0]]):
        names = list("ab")[: len(values)]
        with pytest.raises(InputError, match="expected finite distances of two tasks or more"):
            diversity.plot(pd.DataFrame(values, names, names))


def test_a_class_of_the_same_name_is_no_design():
    class Design:
        mixtures = pd.DataFrame()

    with pytest.raises(
        InputError,
        match=r"expected a Fit, a Comparison, a Report, a Design, .* to draw, found a Design",
    ):
        diversity.plot(Design())


def test_dollar_signs_in_names_are_no_mathematics(tmp_path):
    names = [r"$\bad$", "$y$", "a$"]
    rows = pd.DataFrame({"label": names, "estimate": [1.0, 2, 3], "low": [0.0, 1, 2], "high": [2.0, 3, 4]})
    figure = diversity.plot(rows, xlabel="$x$ of $points$")
    text = plots.save(figure, tmp_path / "figure.svg").read_text("utf8")
    assert all(name in text for name in [*names, "$x$ of $points$"])
    heat = pd.DataFrame([[0.5, 0.9], [0.9, 0.6]], index=names[:2], columns=names[:2])
    assert plots.save(diversity.plot(heat), tmp_path / "heat.png").stat().st_size


def test_settings_and_backend_stay_as_they_were(fit):
    import matplotlib.pyplot as plt

    before, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    open_figures = plt.get_fignums()
    diversity.plot(fit)
    with pytest.raises(InputError):
        diversity.plot(fit, "pairs")
    assert dict(matplotlib.rcParams) == before
    assert matplotlib.get_backend() == backend
    assert plt.get_fignums() == open_figures
