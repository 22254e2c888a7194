"""The executor on Ray, on a cluster of this machine's own: the same tables as processes give."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from diversity import InputError

HERE = Path(__file__).parent
without = importlib.util.find_spec("ray") is None
needs_ray = pytest.mark.skipif(without, reason="ray is not installed: pip install 'semantic-diversity[ray]'")

# In a process of its own: a cluster that is not left behind, and workers that find the stages.
CODE = """
import sys
from pathlib import Path
import grid_stages as stages
from diversity import store
from diversity.grid import results
from diversity.grid.ray_cluster import Ray
from diversity.grid.driver import drive
from diversity.grid.graph import Graph, StageKind, Stage
from diversity.grid.local import Processes

root = Path(sys.argv[1])
graph, cells = stages.study(3, 0.01, root / "log")
paths = {"log": str(root / "other.log")}
die = Stage(StageKind("die", "grid_stages:die"), {"number": 1, "times": 2}, paths=paths)
fail = Stage(StageKind("fail", "grid_stages:fail"), {"number": 2}, paths={"log": str(root / "x" / "log")})
for name, executor in (("ray", lambda: Ray("local")), ("processes", lambda: Processes(2))):
    def save(state):
        for suffix in (".csv", ".parquet"):
            store.write_table(results.results(cells, state, {}), root / name / f"results{suffix}")

    report = drive(Graph([*graph.stages.values(), die, fail]), root / name, executor, save=save)
    assert report.failed == {fail.key: "ValueError: the loss is not a number"}, report.failed
    assert len(report.ran) == len(graph.stages) + 1
    assert not list((root / name / "work").iterdir())
    if name == "ray":
        assert len((root / "other.log").read_text().split()) == 3
"""


@needs_ray
def test_ray_gives_the_same_tables_and_retries_what_it_loses(tmp_path):
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": path, "RAY_USAGE_STATS_ENABLED": "0"}
    done = subprocess.run([sys.executable, "-c", CODE, tmp_path], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for name in ("results.csv", "results.parquet"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "processes" / name).read_bytes()


@needs_ray
def test_a_cluster_that_is_not_there_is_told():
    code = "from diversity.grid.ray_cluster import Ray; Ray('127.0.0.1:1')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1]) + os.pathsep + os.environ.get("PYTHONPATH", "")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "InputError: 127.0.0.1:1: expected a Ray cluster, found" in done.stderr


def test_what_ray_raises_bare_is_one_line(monkeypatch):
    """`ray.init` raises Exception itself where versions differ: a traceback."""
    from types import SimpleNamespace

    from diversity.grid import ray_cluster

    def init(**_):
        raise Exception("Version mismatch: the cluster was started with Python 3.9\nThis process: Python 3.12")

    monkeypatch.setattr(ray_cluster.importlib, "import_module", lambda _: SimpleNamespace(init=init))
    with pytest.raises(InputError, match=r"^auto: expected a Ray cluster, found Version mismatch: .* Python 3.9$"):
        ray_cluster.Ray("auto")


@pytest.mark.skipif(not without, reason="ray is installed")
def test_without_ray_the_option_says_what_to_do():
    from diversity.grid.ray_cluster import check_ray

    with pytest.raises(
        InputError, match=r"expected ray for --ray, found none: pip install 'semantic-diversity\[ray\]'"
    ):
        check_ray()
