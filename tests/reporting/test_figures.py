"""Every figure is looked at: as many marks as there are rows, names where they belong, nothing outside or cut off."""

import itertools

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import diversity
from diversity.reporting import plots, style
from diversity.types import InputError

FEW = diversity.Analysis(outcome="mean", permutations=200, bootstrap=100)


def whole(figure):
    """Nothing is cut off, no name covers another, and what is drawn lies within the limits of its axes."""
    figure.draw_without_rendering()
    figure.canvas.draw()
    box, (width, height) = figure.get_tightbbox(), figure.get_size_inches()
    assert box.x0 >= -0.02
    assert box.y0 >= -0.02
    assert box.x1 <= width + 0.02
    assert box.y1 <= height + 0.02
    for ax in figure.axes:
        for line in ax.lines:
            if line.get_transform() == ax.transData and line.get_clip_on():
                x, y = (np.ma.masked_invalid(np.asarray(v, dtype=float)) for v in (line.get_xdata(), line.get_ydata()))
                slack = [1e-6 * (b - a) for a, b in (sorted(ax.get_xlim()), sorted(ax.get_ylim()))]
                assert (
                    x.count() == 0
                    or min(ax.get_xlim()) - slack[0] <= x.min() <= x.max() <= max(ax.get_xlim()) + slack[0]
                )
                assert (
                    y.count() == 0
                    or min(ax.get_ylim()) - slack[1] <= y.min() <= y.max() <= max(ax.get_ylim()) + slack[1]
                )
        for names in (ax.get_xticklabels(), ax.get_yticklabels()):
            boxes = [n.get_window_extent() for n in names if n.get_text() and not n.get_rotation()]
            assert not any(a.overlaps(b) for a, b in itertools.pairwise(boxes))
    return figure


@pytest.fixture(scope="module")
def fit(made_tables):
    results, scores = made_tables
    return diversity.fit(results, scores, metric="vendi(q=2)", analysis=FEW)


@pytest.fixture(scope="module")
def results():
    """Two mixtures and no intermediate task, two targets, three languages, two seeds."""
    rng = np.random.default_rng(0)
    rows = [
        (m, t, lang, s, 50.0 + 3 * (m != "baseline") + rng.normal())
        for m in ("baseline", "mnli", "mnli+qqp")
        for t in ("xnli", "udpos")
        for lang in ("en", "de", "sw")
        for s in (1, 2)
    ]
    return pd.DataFrame(rows, columns=["mixture", "target", "language", "seed", "value"])


@pytest.fixture(scope="module")
def scores():
    """Every mixture of four tasks by two encoders."""
    rng, tasks = np.random.default_rng(1), ["mnli", "qqp", "ccg", "squad_v1"]
    mixtures = [m for k in (1, 2, 3, 4) for m in itertools.combinations(tasks, k)]
    rows = [("+".join(m), m, e, "cosine", len(m) + rng.normal(0, 0.1)) for e in ("one", "two") for m in mixtures]
    return pd.DataFrame(rows, columns=["mixture", "tasks", "encoder", "metric", "value"])


@pytest.fixture(scope="module")
def distances():
    names = ["mnli", "qqp", "squad_v1", "squad_v2", "hellaswag"]
    points = np.random.default_rng(2).normal(size=(5, 3))
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    return pd.DataFrame(apart, index=names, columns=names)


@pytest.mark.parametrize("width", [None, "single", "double"])
@pytest.mark.parametrize("what", ["targets", "mixtures", "effect", "specifications", "influence", "null", "power"])
def test_figures_of_a_fit(fit, what, width):
    figure = whole(diversity.plot(fit, what, width=width))
    if width:
        assert figure.get_size_inches()[0] == plots.inches(width)


def test_the_effect_has_its_interval_and_what_could_be_detected(fit):
    ax = whole(diversity.plot(fit, "effect")).axes[0]
    drawn = [list(line.get_xdata()) for line in ax.lines]
    assert [fit.slope_per_sd] in drawn
    assert [fit.low, fit.high] in drawn
    assert [-fit.minimum_detectable_slope, fit.minimum_detectable_slope] in drawn
    endless = pd.DataFrame({"label": ["a"], "estimate": [1.0], "low": [-np.inf], "high": [np.inf]})
    with style.theme():
        ax = whole(plots.effect(endless, xlabel="points", rope=0.5)).axes[0]
    assert [line.get_marker() for line in ax.lines if line.get_marker() in "<>"] == ["<", ">"]
    assert np.isfinite(ax.get_xlim()).all()


def test_chance_and_power(fit):
    ax = whole(diversity.plot(fit, "null")).axes[0]
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(100)
    assert [fit.slope_per_sd] * 2 in [list(line.get_xdata()) for line in ax.lines]
    ax = whole(diversity.plot(fit, "power")).axes[0]
    (curve, *_) = ax.lines
    assert len(curve.get_xdata()) == len(fit.tables["power"]) > 3
    assert f"smallest detectable: {fit.minimum_detectable_slope:.1f}" in ax.get_legend().get_texts()[0].get_text()
    without = fit.tables["null"].iloc[:0]
    with pytest.raises(InputError, match="null: the labels of the tasks were not permuted"):
        diversity.plot(type(fit)(**{**vars(fit), "tables": {**fit.tables, "null": without}}), "null")


def test_matched_pairs_are_pairs(made_tables):
    found = diversity.compare(*made_tables, metric="vendi(q=2)", analysis=FEW)
    ax = whole(diversity.plot(found, width="single")).axes[0]
    ends = [list(line.get_xdata()) for line in ax.lines]
    assert ends.count([0, 1]) == found.n_pairs + 1  # and their mean
    assert [t.get_text() for t in ax.get_xticklabels()] == ["homogeneous", "diverse"]


def test_gains_over_the_baseline_by_language(results):
    ax = whole(diversity.plot(results, "gains")).axes[0]
    names = [t.get_text() for t in ax.get_yticklabels()]
    assert names[0] == "xnli, en"
    assert len(names) == 6
    points = [x for line in ax.lines if line.get_marker() == "o" for x in line.get_xdata()]
    assert len(points) == 2 * 6
    assert 2 < np.mean(points) < 4
    with pytest.raises(InputError, match="found no baseline"):
        diversity.plot(results[results["mixture"] != "baseline"], "gains")


def test_the_spread_of_seeds(results):
    ax = whole(diversity.plot(results, "seeds")).axes[0]
    assert len(ax.get_yticklabels()) == 3
    assert sorted(len(line.get_xdata()) for line in ax.lines) == [3, 3]
    with pytest.raises(InputError, match="two seeds or more"):
        diversity.plot(results[results["seed"] == 1], "seeds")


def test_figures_of_results_draw_the_official_score_and_no_mean_of_all_metrics():
    values = {
        ("udpos", "f1"): 60.0,
        ("udpos", "token_accuracy"): 90.0,
        ("xquad", "exact_match"): 10.0,
        ("xquad", "f1"): 20.0,
    }
    rows = [
        {"mixture": name, "target": target, "language": "de", "seed": seed, "metric": metric, "value": value + gain}
        for (target, metric), value in values.items()
        for name, gain in ((None, 0.0), ("mnli", 4.0 if metric == "f1" else 0.0))
        for seed in (1, 2)
    ]
    results = pd.DataFrame([*rows, {**rows[0], "mixture": "qqp", "value": np.nan}])
    drawn = whole(diversity.plot(results)).axes[0]
    assert sorted(float(t.get_text()) for t in drawn.texts) == [16, 62]
    ax = whole(diversity.plot(results, "gains")).axes[0]
    assert [x for line in ax.lines if line.get_marker() == "o" for x in line.get_xdata()] == [4, 2]
    ax = whole(diversity.plot(results, "seeds")).axes[0]
    assert [list(line.get_xdata()) for line in ax.lines] == [[37.5, 40.5], [37.5, 40.5]]
    assert diversity.plot(results.drop(columns=["metric", "seed"]).dropna()).axes  # a table of one unnamed metric


def test_every_mixture_by_its_number_of_tasks(scores):
    ax = whole(diversity.plot(scores[scores["encoder"] == "one"], "sizes")).axes[0]
    assert len(ax.collections[0].get_offsets()) == 15
    assert list(ax.lines[0].get_xdata()) == [1, 2, 3, 4]
    assert ax.get_ylabel() == "cosine"
    with pytest.raises(InputError, match="scores of one encoder, found one, two"):
        diversity.plot(scores, "sizes")
    two = pd.concat([scores.assign(n=n, estimator="rarefied", low=0.0, high=9.0) for n in (10, 20)])
    with pytest.raises(InputError, match="scores of one encoder, found one, two"):
        diversity.plot(two, "rarefaction")
    assert diversity.plot(two[two["encoder"] == "one"]).axes


def test_one_encoder_against_another(scores):
    ax = whole(diversity.plot(scores, "encoders")).axes[0]
    assert len(ax.lines[0].get_xdata()) == 15
    assert ax.get_xlabel() == "cosine, one"
    assert "rank correlation" in ax.get_title()
    with pytest.raises(InputError, match="scores of two encoders, found one"):
        diversity.plot(scores[scores["encoder"] == "one"], "encoders")


def test_the_map_of_tasks_keeps_their_distances(distances):
    ax = whole(diversity.plot(distances, "map")).axes[0]
    assert [t.get_text() for t in ax.texts] == list(distances.index)
    points = np.array([[*line.get_xdata(), *line.get_ydata()] for line in ax.lines])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    assert np.corrcoef(apart.ravel(), distances.to_numpy().ravel())[0, 1] > 0.8
    flat = distances * 0 + np.abs(np.arange(5)[:, None] - np.arange(5)[None]).astype(float)
    line = whole(diversity.plot(flat, "map")).axes[0].lines
    x = np.array([p.get_xdata()[0] for p in line])
    assert np.abs(np.abs(x[:, None] - x[None]) - flat.to_numpy()).max() < 1e-6


def test_contributions_are_bars():
    table = diversity.contributions(["mnli", "qqp", "ccg"], metrics=["cosine", "vendi_beta(q=2)"])
    ax = whole(diversity.plot(table)).axes[0]
    assert len(ax.patches) == 3
    rows = table[table["metric"] == "cosine"].sort_values("shapley", ascending=False)
    assert [bar.get_width() for bar in ax.patches] == pytest.approx(rows["shapley"].tolist())
    assert [t.get_text() for t in ax.get_yticklabels()] == rows["task"].tolist()
    assert "vendi_beta(q=2)" in diversity.plot(table, metric="vendi_beta(q=2)").axes[0].get_xlabel()


def test_rarefaction_is_a_curve():
    table = diversity.score(
        ["mnli", "qqp"], mixtures=["mnli", "mnli,qqp"], metrics=["vendi(q=2)"], rarefy=(50, 100, 200)
    )
    ax = whole(diversity.plot(table)).axes[0]
    assert [list(line.get_xdata()) for line in ax.lines] == [[50, 100, 200]] * 2
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["mnli", "mnli+qqp"]
    assert [t.get_text() for t in ax.get_xticklabels()] == ["50", "100", "200"]


def test_the_tree_of_a_few_tasks_keeps_its_label(distances):
    for count in (3, 4, 5):
        names = list(distances.index[:count])
        figure = whole(diversity.plot(distances.loc[names, names]))
        assert figure.axes[0].get_xlabel().replace("\n", " ") == "distance between groups of tasks"


@pytest.mark.parametrize(("width", "inches"), [("single", 3.5), ("double", 7.2), (5, 5.0)])
def test_width_letters_title_and_file(fit, width, inches, tmp_path):
    path = tmp_path / "figure.pdf"
    figure = whole(diversity.plot(fit, width=width, font_size=7, title="Slopes", output=path))
    assert figure.get_size_inches()[0] == inches
    assert figure.axes[0].xaxis.label.get_fontsize() == pytest.approx(7, abs=0.6)
    assert figure.get_suptitle() == "Slopes"
    assert path.read_bytes().startswith(b"%PDF")
    with pytest.raises(InputError, match=r"ends in \.png"):
        diversity.plot(fit, output=tmp_path / "figure.xyz")
    with pytest.raises(InputError, match="expected a width of single or double"):
        diversity.plot(fit, width="triple")


def test_axes_of_ones_own(fit, distances):
    figure, (left, right) = plt.subplots(ncols=2)
    assert diversity.plot(fit, ax=left, title="Slopes") is figure
    assert fit.plot("mixtures", ax=right) is figure
    assert left.get_title() == "Slopes"
    assert right.get_xlabel().startswith("vendi(q=2)")
    with pytest.raises(InputError, match="expected a figure of one panel for ax"):
        diversity.plot(distances, ax=left)
    plt.close(figure)


def test_a_table_that_nothing_draws_is_one_line():
    table = diversity.published("task_sizes")
    with pytest.raises(InputError, match="expected a table of distances, or columns of"):
        diversity.plot(table)
    with pytest.raises(InputError, match="for the figure contributions, found no task"):
        diversity.plot(pd.DataFrame({"a": [1]}), "contributions")
