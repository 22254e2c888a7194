"""Figures: what stands in them, and that the same data give the same figure."""

import numpy as np
import pandas as pd
import pytest

from diversity.reporting import plots


@pytest.fixture
def distances():
    """Two pairs of tasks; within a pair 1 beyond what the tasks themselves spread, between pairs 4."""
    values = np.array([[2.0, 6, 3, 6], [6, 2, 6, 3], [3, 6, 2, 6], [6, 3, 6, 2]])
    return pd.DataFrame(values, index=list("abcd"), columns=list("abcd"))


def test_the_tree_joins_tasks_at_their_distance_beyond_that_within(distances):
    tree = plots.linked(distances)
    assert tree[:, 2].tolist() == [1, 1, 4]
    assert [set(pair) for pair in tree[:2, :2].astype(int).tolist()] == [{0, 2}, {1, 3}]
    assert "".join(plots.alike(distances)) in {"acbd", "acdb", "cabd", "cadb", "bdac", "bdca", "dbac", "dbca"}


def test_rows_of_the_map_stand_beside_their_leaves(distances):
    figure = plots.tree(distances, "mmd")
    left, right = figure.axes[:2]
    leaves = [t.get_text() for t in left.get_yticklabels()]
    shown = [t.get_text() for t in right.get_yticklabels()]
    assert leaves == []
    assert "".join(shown) in {"acbd", "acdb", "cabd", "cadb", "bdac", "bdca", "dbac", "dbca"}
    assert sorted({round(v, 9) for line in left.collections for path in line.get_paths() for v in path.vertices[:, 0]}) == [
        0, 1, 4,
    ]  # fmt: skip
    assert figure.axes[2].get_ylabel() == "mmd distance"


def test_two_tasks_have_a_tree(distances):
    assert plots.tree(distances.iloc[:2, :2]).axes


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_the_same_data_give_the_same_file(distances, tmp_path, kind):
    scores = pd.DataFrame({"metric": "cosine", "tasks": [("a",), ("b",), ("a", "b")] * 9, "value": np.arange(27.0)})
    written = []
    for seed, name in enumerate(("first", "second")):
        np.random.seed(seed)  # what must not matter
        written.append(plots.save(plots.overview(distances, scores), tmp_path / f"{name}.{kind}").read_bytes())
    assert written[0] == written[1]


def test_each_mixture_is_a_point_near_its_number_of_tasks(distances):
    scores = pd.DataFrame({"metric": "cosine", "tasks": [("a",), ("b",), ("a", "b")], "value": [1.0, 2, 3]})
    figure = plots.overview(distances, scores)
    points = figure.axes[1].collections[0].get_offsets()
    assert np.abs(points[:, 0] - [1, 1, 2]).max() < 0.3
    assert points[:, 1].tolist() == [1, 2, 3]
    assert figure.axes[1].get_lines()[0].get_xydata().tolist() == [[1, 1.5], [2, 3]]


def test_a_long_name_of_a_mixture_leaves_room_for_the_axis():
    name = "+".join(f"task{n}" for n in range(20))
    values = pd.DataFrame({"label": [name, "mnli+qqp"], "value": [2.0, 1.0], "low": [1.9, 0.9], "high": [2.1, 1.1]})
    figure = plots.intervals(values, xlabel="vendi_beta(q=2) (more diverse to the right)")
    figure.canvas.draw()
    (axes,) = figure.axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["task0+task1+task2+task3+task4+… (20 tasks)", "mnli+qqp"]
    assert axes.xaxis.label.get_window_extent().x1 <= figure.bbox.x1
