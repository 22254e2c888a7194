"""`make demo`: its plan is one that runs, its grid ends with a report that says what it is worth, and is done once."""

import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from diversity.grid import build
from diversity.grid.stages import KINDS
from diversity.planning.plans import read_plan

sys.path.insert(0, str(Path(__file__).parents[2]))

from analyses import demo

HERE = Path(__file__).parent


def test_the_plan_has_ten_mixtures_two_targets_two_seeds_and_the_samples_for_all_of_it():
    plan = read_plan(demo.PLAN)
    made = build.stages_of(plan)
    assert len([m for m in plan.mixtures if len(m.mixture.tasks) == 2]) == 10
    assert (plan.targets, plan.seeds, len(made.cells)) == (("udpos", "tatoeba"), (1, 2), 44)
    assert made.notes == ()
    kinds = Counter(stage.kind.name for stage in made.graph.stages.values())
    assert set(kinds) | {"shares", "merge"} == set(KINDS), (
        "equal shares need no counting, and what is trained no merging"
    )
    assert (kinds["train"], kinds["finetune"]) == (20, 22)


@pytest.fixture
def pretending(monkeypatch, tmp_path):
    """Every kind of stage stands in for itself, in milliseconds."""
    monkeypatch.syspath_prepend(str(HERE.parent / "grid"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(build, "KINDS", {n: replace(kind, function="grid_stages:pretend") for n, kind in KINDS.items()})


def test_the_grid_ends_with_a_report_that_says_it_establishes_nothing(pretending, tmp_path, capsys):
    page = demo.grid(tmp_path / "demo")
    assert page == tmp_path / "demo" / "report" / "report.html"
    html = page.read_text("utf8")
    assert "establishes nothing about semantic diversity" in html
    assert html.index("establishes nothing about") < html.index("10 mixtures")
    assert "establishes nothing" in capsys.readouterr().out
    table = pd.read_csv(tmp_path / "demo" / "grid" / "results.csv", keep_default_na=False)
    assert set(table["status"]) == {"finished"}
    assert set(table["role"]) == {"closed", "baseline"}
    records = {p: p.stat().st_mtime_ns for p in (tmp_path / "demo" / "grid" / "stages").glob("*/record.json")}
    assert demo.grid(tmp_path / "demo") == page
    assert {p: p.stat().st_mtime_ns for p in records} == records


def test_a_stage_that_fails_ends_the_demo_with_its_message(pretending, tmp_path):
    Path("fail").write_text("udpos")
    with pytest.raises(SystemExit, match=r"failed: .*udpos.*it was asked to fail"):
        demo.grid(tmp_path / "demo")
