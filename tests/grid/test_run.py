"""From a plan to tables: which stages there are, what they share, and the commands."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from diversity import Assumptions, Hypothesis, InputError, Training, design, grid_status, run_grid, store
from diversity.cli import main
from diversity.grid import build
from diversity.grid.build import stages_of
from diversity.grid.driver import Policy
from diversity.grid.fingerprints import Fingerprints
from diversity.grid.stages import KINDS
from diversity.planning.plans import parse_plan

HERE = Path(__file__).parent
MIXTURES = [{"tasks": []}, {"tasks": ["qqp"]}, {"tasks": ["qqp", "squad_v1"], "role": "diverse", "pair": 1}]
PLAN = {
    "model": "all-MiniLM-L6-v2",
    "targets": ["xquad", "mlqa", "udpos", "tatoeba"],
    "seeds": [1, 2],
    "train": {"examples": 64},
    "mixtures": MIXTURES,
}


@pytest.fixture(scope="session")
def plan_of(samples):
    """A plan over the written samples, with changes."""

    def plan_of(**changes):
        return parse_plan({**PLAN, "data": str(samples), **changes}, Path("plan.toml"))

    return plan_of


@pytest.fixture
def pretending(monkeypatch, tmp_path):
    """Every kind of stage stands in for itself, in milliseconds."""
    monkeypatch.syspath_prepend(str(HERE))
    monkeypatch.chdir(tmp_path)
    kinds = {name: replace(kind, function="grid_stages:pretend") for name, kind in KINDS.items()}
    monkeypatch.setattr(build, "KINDS", kinds)


def by_kind(made) -> Counter:
    return Counter(stage.kind.name for stage in made.graph.stages.values())


# --- Stages of a plan --------------------------------------------------------------------------------


def test_cells_share_what_they_can(plan_of):
    """By hand: 2 mixtures are trained with 2 seeds; 3 models x 2 seeds are tuned on SQuAD (for xquad and mlqa) and udpos.

    24 cells are predicted; those of the untrained model on tatoeba do not know a seed, so they are one.
    """
    made = stages_of(plan_of())
    assert by_kind(made) == {
        "train": 4, "finetune": 12, "predict": 23, "score": 23, "embed": 2, "moments": 2, "diversity": 2
    }  # fmt: skip
    assert len(made.cells) == 24
    stages = made.graph.stages
    squad = {s.key for s in stages.values() if s.kind.name == "finetune" and s.settings["task"] == "squad_v1"}
    assert len(squad) == 6
    users = [stages[u].settings["target"] for u in made.graph.consumers[next(iter(squad))]]
    assert sorted(users) == ["mlqa", "xquad"]


def test_retrieval_uses_the_checkpoint_as_it_is(plan_of):
    made = stages_of(plan_of(targets=["tatoeba", "bucc2018"]))
    assert by_kind(made)["finetune"] == 0
    stages = made.graph.stages
    kinds = {
        stages[s.inputs["checkpoint"]].kind.name if s.inputs else "model"
        for s in stages.values()
        if s.kind.name == "predict"
    }
    assert kinds == {"train", "model"}


@pytest.mark.parametrize(
    ("changes", "redone"),
    [
        ({"predict": {"layer": 5}}, {"predict": 5, "score": 5}),  # of tatoeba alone
        ({"predict": {"precision": "bf16"}}, {"predict": 5, "score": 5}),
        ({"predict": {"precision": "fp32", "pooling": "mean"}}, {}),  # which is what it is without
        ({"predict": {"languages": ["en", "de"]}}, {"predict": 23, "score": 23}),
        ({"predict": {"udpos": {"languages": ["en", "ar"]}}}, {"predict": 6, "score": 6}),
        ({"target": {"udpos": {"epochs": 1}}}, {"finetune": 6, "predict": 6, "score": 6}),
        ({"target": {"epochs": 1}}, {"finetune": 12, "predict": 18, "score": 18}),
        ({"train": {"examples": 65}}, {"train": 4, "finetune": 8, "predict": 16, "score": 16}),
        ({"train": {"examples": 64, "sampling": "proportional"}},
         {"shares": 1, "diversity": 1, "train": 4, "finetune": 8, "predict": 16, "score": 16}),
        ({"train": {"examples": 64, "save_every": 7, "tokens": 4096, "packing": "off", "attention": "eager"}}, {}),
        ({"target": {"save_every": 7, "tokens": 4096}}, {}),
        ({"diversity": {"metrics": ["cosine"]}}, {"diversity": 2}),
        ({"diversity": {"sample": 10}}, {"embed": 2, "moments": 2, "diversity": 2}),
        ({"diversity": {"shards": 2}}, {"embed": 4, "moments": 2, "diversity": 2}),
        ({"hypothesis": {"primary_metric": "rao_beta"}}, {}),
        ({"name": "another"}, {}),
        ({"mixtures": [*MIXTURES, {"tasks": ["ccg"]}]},
         {"embed": 1, "moments": 1, "diversity": 1, "train": 2, "finetune": 4, "predict": 8, "score": 8}),
    ],
)  # fmt: skip
def test_a_change_makes_new_stages_where_it_bears_and_nowhere_else(plan_of, changes, redone):
    before = stages_of(plan_of()).graph.stages
    after = stages_of(plan_of(**changes)).graph.stages
    assert Counter(s.kind.name for k, s in after.items() if k not in before) == redone


def test_changed_data_changes_what_reads_it(plan_of, samples, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(samples, copy)
    before = stages_of(plan_of()).graph.stages.keys()
    assert stages_of(plan_of(), copy).graph.stages.keys() == before
    (file,) = (p for p in copy.rglob("*") if p.name.startswith("xquad.de"))
    file.write_text(file.read_text("utf8") + " ", "utf8")
    kinds = [stage for key, stage in stages_of(plan_of(), copy).graph.stages.items() if key not in before]
    assert {s.kind.name for s in kinds} == {"predict", "score"}
    assert {s.settings["target"] for s in kinds} == {"xquad"}


def test_fingerprints_are_read_once_and_again_when_a_file_changes(tmp_path, write, monkeypatch):
    import hashlib

    file, kept = write("a.txt", "one"), tmp_path / "prints.json"
    prints = Fingerprints(kept)
    assert prints.file(file) == hashlib.sha256(b"one").hexdigest()
    prints.save()
    read = []
    monkeypatch.setattr(store, "sha256_file", lambda path: read.append(path) or "new")
    assert Fingerprints(kept).file(file) == hashlib.sha256(b"one").hexdigest()
    assert not read
    write("a.txt", "two")
    assert Fingerprints(kept).file(file) == "new"
    kept.write_text("{cut")
    assert Fingerprints(kept).file(file) == "new"


def test_the_english_rows_that_are_tested_on_are_in_the_keys_of_what_is_trained(plan_of, samples, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(samples, copy)
    before = stages_of(plan_of()).graph.stages
    assert set(stages_of(plan_of(targets=["udpos"])).graph.stages) < set(before), "a target more changes no training"
    (file,) = (p for p in copy.rglob("*") if p.name.startswith("xquad.en"))
    file.write_text(file.read_text("utf8") + " ", "utf8")
    changed = Counter(s.kind.name for k, s in stages_of(plan_of(), copy).graph.stages.items() if k not in before)
    assert (changed["train"], changed["finetune"], changed["embed"]) == (2, 8, 0), "what SQuAD is in, and what follows"


def test_a_layer_that_the_model_has_not_is_found_before_anything_runs(plan_of, tmp_path):
    """`--dry-run` accepted it, and the stage failed once the checkpoints were trained."""
    for layer, said in ((99, "expected a layer from -7 to 6"), (-8, "expected a layer from -7 to 6")):
        with pytest.raises(InputError, match=said):
            run_grid(plan_of(predict={"layer": layer}), tmp_path / "grid", dry_run=True)
    run_grid(plan_of(predict={"layer": -1}), tmp_path / "grid", dry_run=True)


def test_a_dry_run_says_what_is_trained_again_and_why(plan_of, pretending, tmp_path):
    """A target more trained everything again, without a word."""
    run_grid(plan_of(seeds=[1], targets=["tatoeba"]), tmp_path / "grid")
    notes = []
    run_grid(plan_of(seeds=[1], targets=["tatoeba", "xquad"]), tmp_path / "grid", dry_run=True, notify=notes.append)
    assert [text for text in notes if "no rows in" not in text] == [
        "note: train qqp, seed 1 and 1 more: done again, for new stages need what was removed when it was used up "
        "(--keep keeps it)"
    ]


def test_a_plan_may_fix_the_threads(plan_of, pretending, tmp_path):
    """The same plan gave other tables with another number of workers."""
    run_grid(plan_of(seeds=[1], threads=1), tmp_path / "grid", workers=2)
    records = [json.loads(p.read_text()) for p in (tmp_path / "grid" / "stages").glob("*/record.json")]
    assert {r["computed"]["threads"] for r in records} == {1}
    assert stages_of(plan_of(threads=1)).graph.stages.keys() == stages_of(plan_of()).graph.stages.keys()


def test_data_that_is_not_there_is_told_before_anything_runs(plan_of, tmp_path):
    with pytest.raises(InputError, match="expected a folder of data"):
        run_grid(plan_of(), tmp_path / "grid", data=tmp_path / "none")
    with pytest.raises(InputError, match="expected rows of xquad"):
        run_grid(plan_of(), tmp_path / "grid", data=tmp_path)
    assert list(tmp_path.iterdir()) == []


# --- Running -----------------------------------------------------------------------------------------


def test_a_grid_leaves_its_tables_and_runs_once(plan_of, pretending, tmp_path):
    plan, folder = plan_of(), tmp_path / "grid"
    assert run_grid(plan, folder, dry_run=True).total("missing") == 68
    assert not folder.exists()
    status = run_grid(plan, folder, workers=2)
    assert status.done
    assert status.cells == (24, 24)
    table = pd.read_csv(folder / "results.csv", keep_default_na=False)
    assert list(table.columns)[:13] == [
        "run", "model", "mixture", "tasks", "weights", "sampling", "budget", "target", "language", "metric", "value",
        "n", "seed",
    ]  # fmt: skip
    assert set(table["status"]) == {"finished"}
    assert set(table["mixture"]) == {"baseline", "qqp", "qqp+squad_v1"}
    assert set(table[table["mixture"] == "qqp+squad_v1"]["tasks"]) == {"qqp+squad_v1"}
    assert set(table["budget"]) == {64}
    languages = table.groupby("target")["language"].nunique()
    assert (languages > 1).all()
    packed = pd.read_parquet(folder / "results.parquet")
    assert packed["value"].tolist() == table["value"].tolist()
    assert set(pd.read_csv(folder / "scores.csv")["mixture"]) == {"qqp", "qqp+squad_v1"}
    assert not (folder / "failures.csv").exists()
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != "grid.lock"}
    assert run_grid(plan, folder).done
    assert before == {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.name != "grid.lock"}


def test_a_grid_with_failures_lists_them_and_goes_on_when_they_are_mended(plan_of, pretending, tmp_path):
    plan, folder, fail = plan_of(seeds=[1]), tmp_path / "grid", tmp_path / "fail"
    fail.write_text("xquad")
    status = run_grid(plan, folder)
    assert status.cells == (9, 12)
    assert (status.total("failed"), status.total("blocked")) == (3, 3)
    assert {f["message"] for f in status.failures} == {"ValueError: it was asked to fail"}
    listed = pd.read_csv(folder / "failures.csv")
    assert listed["cells"].tolist() == [1, 1, 1]
    table = pd.read_csv(folder / "results.csv", keep_default_na=False)
    lost = table[table["status"] == "failed"]
    assert lost["target"].tolist() == ["xquad"] * 3
    assert lost["value"].tolist() == [""] * 3
    assert all("it was asked to fail" in e for e in lost["error"])
    fail.unlink()
    assert not run_grid(plan, folder).done
    assert run_grid(plan, folder, policy=Policy(retry_failed=True)).done
    assert not (folder / "failures.csv").exists()
    assert set(pd.read_csv(folder / "results.csv")["status"]) == {"finished"}


def test_status_says_what_is_running_and_who_is_at_work(plan_of, pretending, tmp_path):
    from filelock import FileLock

    from diversity.grid.layout import GridFolder
    from diversity.grid.lock import driving

    plan, layout = plan_of(), GridFolder(tmp_path / "grid")
    made = stages_of(plan)
    stage = next(s for s in made.graph.stages.values() if s.kind.name == "train")
    with driving(layout):
        layout.work(stage.key).mkdir()
        with FileLock(layout.work(stage.key) / "lock"):
            status = grid_status(plan, layout.root)
    assert status.running == (stage.label,)
    assert status.driver["pid"] == os.getpid()
    assert status.counts["train"] == {"running": 1, "missing": 3}
    assert grid_status(plan, layout.root).driver is None
    assert grid_status(plan, layout.root).total("running") == 0


def test_time_left_follows_from_the_durations(plan_of, pretending, tmp_path):
    plan, folder = plan_of(seeds=[1]), tmp_path / "grid"
    assert grid_status(plan, folder).seconds_left is None
    assert len(grid_status(plan, folder).unmeasured) == 7
    run_grid(plan, folder)
    assert grid_status(plan, folder).seconds_left == 0
    more = grid_status(plan_of(seeds=[1, 2]), folder)
    again = grid_status(plan_of(seeds=[1, 2]), folder, workers=2)
    assert more.seconds_left > 0
    assert again.seconds_left == pytest.approx(more.seconds_left / 2)


# --- Commands ----------------------------------------------------------------------------------------


def command(arguments: list[str], capsys) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stop:
        main(["grid", *arguments])
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def write_plan(folder: Path, samples: Path) -> Path:
    tasks = ["ccg", "qqp", "squad_v1"]
    study = design(
        tasks, size=2, scheme="closed", hypothesis=Hypothesis(targets=("udpos", "tatoeba")),
        training=Training(seeds=1, budget=64), assumptions=Assumptions(draws=20),
    )  # fmt: skip
    path = folder / "plan.toml"
    path.write_text(study.plan.replace('# data = "DIR"', f'data = "{samples}"'))
    return path


def test_the_commands_run_a_designed_plan(samples, pretending, tmp_path, capsys):
    """3 pairs of tasks, 3 single tasks and the baseline: 7 mixtures x 2 targets."""
    arguments = [str(write_plan(tmp_path, samples)), "--output", "grid"]
    code, out, _ = command(["run", *arguments, "--dry-run"], capsys)
    assert code == 0
    assert "0 of 14 cells" in out
    (tmp_path / "fail").write_text("udpos")
    code, out, err = command(["run", *arguments], capsys)
    assert code == 1
    assert "7 of 14 cells" in out
    assert "failed: predict udpos by baseline, seed 1: ValueError: it was asked to fail" in out
    assert "wrote grid/results.csv" in err
    (tmp_path / "fail").unlink()
    code, out, _ = command(["run", *arguments, "--retry-failed"], capsys)
    assert (code, "14 of 14 cells" in out, "failed" in out) == (0, True, False)
    code, out, _ = command(["status", *arguments, "--format", "json"], capsys)
    told = json.loads(out)
    assert (code, told["cells"], told["driver"]) == (0, {"finished": 14, "all": 14}, None)
    assert told["stages"]["finished"] == sum(sum(c.values()) for c in told["counts"].values())


def test_bad_use_is_one_line(tmp_path, capsys, write):
    plan = write("plan.toml", 'model = "m"\ntargets = ["xnli"]\nseeds = [1]\nmixture = []\n')
    for arguments, message in (
        (["run", str(plan), "--output", "grid"], "unknown setting of the plan 'mixture': did you mean mixtures"),
        (["status", "none.toml", "--output", "grid"], "none.toml: expected a plan, found no such file"),
    ):
        code, _, err = command(arguments, capsys)
        assert code == 2
        assert message in err
        assert len(err.splitlines()) == 1


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_stops_cleanly_and_says_how_to_go_on(samples, tmp_path, how):
    code = (
        "import sys; from dataclasses import replace; from diversity.grid import build, stages\n"
        "build.KINDS = {n: replace(k, function='grid_stages:sleeps') for n, k in stages.KINDS.items()}\n"
        "add = build.Builder.add\n"
        "build.Builder.add = lambda self, stage: add(self, replace(stage, paths={'log': 'x/log'}))\n"
        "from diversity.cli import main\n"
        "main(sys.argv[1:])\n"
    )
    plan = write_plan(tmp_path, samples)
    (tmp_path / "x").mkdir()
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    driver = subprocess.Popen(
        [sys.executable, "-c", code, "grid", "run", str(plan), "--output", str(tmp_path / "grid")],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 30
    while not (tmp_path / "x" / "pids").exists():
        assert driver.poll() is None, driver.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    driver.send_signal(how)
    _, err = driver.communicate(timeout=30)
    assert driver.returncode == 130
    assert "interrupted; what was finished is kept, and the same command goes on from there" in err
    assert "Traceback" not in err
    for pid in (tmp_path / "x" / "pids").read_text().split():
        assert (
            not Path(f"/proc/{pid}").exists() or "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        )
    left = {p.name for p in (tmp_path / "grid" / "work").iterdir()}
    assert len(left) <= 1  # a stage that resumes keeps what it has


def test_the_first_run_freezes_the_hypothesis(plan_of, pretending, tmp_path):
    folder, notes = tmp_path / "grid", []
    plan = plan_of(seeds=[1], targets=["udpos"], hypothesis={"primary_metric": "rao_beta", "alpha": 0.01})
    run_grid(plan, folder, dry_run=True)
    assert not folder.exists()
    run_grid(plan, folder)
    frozen = json.loads((folder / "hypothesis.json").read_text())
    assert frozen["hypothesis"] == {"metric": "rao_beta", "alpha": 0.01}
    assert frozen["late"] is False
    other = plan_of(seeds=[1], targets=["udpos"], hypothesis={"primary_metric": "cosine"})
    run_grid(other, folder, notify=notes.append)
    assert json.loads((folder / "hypothesis.json").read_text()) == frozen
    assert any(frozen["hash"][:12] in note and other.declared.hash[:12] in note for note in notes)
    (folder / "hypothesis.json").unlink()
    run_grid(other, folder, notify=notes.append)
    assert notes[-1] == "note: the hypothesis is frozen now, when there are results already"
