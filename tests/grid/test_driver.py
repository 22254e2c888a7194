"""The engine of the grid: keys, sharing, what is redone and what is not, failures, and a folder that is shared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from diversity import InputError, store
from diversity.grid import lock
from diversity.grid.driver import Policy, drive
from diversity.grid.graph import Graph, Stage, StageKind, resolve
from diversity.grid.job import Job, Outcome, gpus, perform
from diversity.grid.layout import GridFolder
from diversity.grid.local import Processes, shares
from diversity.grid.progress import in_words
from diversity.grid.ranks import launch
from diversity.grid.scan import Scan, scan

HERE = Path(__file__).parent
ADD = StageKind("add", "grid_stages:add")
CHECKPOINT = replace(ADD, name="checkpoint", transient=True)


@pytest.fixture(autouse=True)
def workers_find_the_stages(monkeypatch):
    monkeypatch.syspath_prepend(str(HERE))


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


class Here:
    """An executor that runs jobs in this process, one after the other: the interface is small."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []

    def free(self) -> int:
        return 2 - len(self.jobs)

    def submit(self, job: Job) -> None:
        self.jobs.append(job)

    def wait(self, timeout: float) -> list[Outcome]:
        return [perform(self.jobs.pop(0))] if self.jobs else []

    def close(self) -> None:
        self.jobs.clear()


@pytest.fixture
def run(tmp_path):
    """Drive stages in one folder; the report."""

    def run(*stages: Stage, executor=Here, **options):
        names = ("keep", "retry_failed", "verify", "max_retries")
        policy = Policy(**{name: options.pop(name) for name in names if name in options})
        return drive(Graph(stages), tmp_path / "grid", executor, policy, **options)

    return run


def chain(log: Path, *, seed: int = 1, cells: int = 2) -> list[Stage]:
    """A checkpoint and the cells that use it."""
    paths = {"log": str(log)}
    first = Stage(CHECKPOINT, {"number": 100, "seed": seed}, paths=paths)
    return [first, *(Stage(ADD, {"number": n}, {"model": first.key}, paths=paths) for n in range(cells))]


def kind(name: str, **options) -> StageKind:
    return StageKind(name, f"grid_stages:{name}", **options)


def started(log: Path) -> list[int]:
    return sorted(map(int, log.read_text().split()))


def scanned(tmp_path: Path, stages: list[Stage]) -> Scan:
    return scan(Graph(stages), GridFolder(tmp_path / "grid"))


# --- Keys ----------------------------------------------------------------------------------------------


def test_a_key_is_the_sha256_of_canonical_json():
    """By hand: `printf '{"data":{},...}' | sha256sum`."""
    import hashlib

    text = '{"data":{"d":"ff"},"inputs":{},"kind":"add","recipe":1,"settings":{"a":[1,2.5],"b":"\\u00e9"}}'
    stage = Stage(ADD, {"b": "é", "a": [1, 2.5]}, data={"d": "ff"}, paths={"p": "/anywhere"}, title="a title")
    assert stage.key == hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize(
    "change",
    [
        {"kind": replace(ADD, name="other")},
        {"kind": replace(ADD, recipe=2)},
        {"settings": {"number": 2}},
        {"inputs": {"model": "0" * 64}},
        {"data": {"mnli": "0" * 64}},
    ],
)
def test_whatever_determines_a_stage_changes_its_key(change):
    stage = Stage(ADD, {"number": 1})
    assert replace(stage, **change).key != stage.key


def test_where_things_lie_and_how_they_run_change_no_key():
    stage = Stage(ADD, {"number": 1})
    same = Stage(replace(ADD, transient=True, gpu=True, function="a:b"), {"number": 1}, paths={"data": "/x"}, title="t")
    assert same.key == stage.key


def test_a_stage_needs_its_inputs_before_it():
    with pytest.raises(InputError, match="add late: expected its model to be a stage before it"):
        Graph([Stage(ADD, inputs={"model": "0" * 64}, title="late")])


def test_an_unknown_function_is_told():
    with pytest.raises(InputError, match=r"expected a function 'grid_stages:nothing'"):
        resolve("grid_stages:nothing")


# --- What is done, and redone -----------------------------------------------------------------------


def test_a_shared_stage_runs_once_and_nothing_runs_twice(run, log):
    assert len(run(*chain(log), *chain(log)).ran) == 3
    assert started(log) == [0, 1, 100]
    assert run(*chain(log)).ran == ()
    assert started(log) == [0, 1, 100]


def test_a_changed_setting_redoes_what_depends_on_it_only(run, log):
    run(*chain(log), Stage(ADD, {"number": 7}, paths={"log": str(log)}))
    changed = chain(log)
    changed[2] = replace(changed[2], settings={"number": 5})
    run(*changed, Stage(ADD, {"number": 7}, paths={"log": str(log)}), keep=True)
    assert started(log) == [0, 1, 5, 7, 100, 100]  # the checkpoint had been removed
    log.unlink()
    run(*chain(log, seed=2))
    assert started(log) == [0, 1, 100]


def test_results_follow_from_the_inputs(run, log, tmp_path):
    run(*chain(log))
    found = scanned(tmp_path, chain(log)).records
    assert [found[s.key].rows[0]["value"] for s in chain(log)] == [100 / 7, 100 / 7, 101 / 7]


def test_checkpoints_that_nothing_needs_are_removed_and_their_records_stay(run, log, tmp_path):
    first, *cells = chain(log)
    run(first, *cells)
    layout = GridFolder(tmp_path / "grid")
    assert not layout.files(first.key).exists()
    assert all(layout.files(c.key).exists() for c in cells)
    assert first.key in scanned(tmp_path, [first, *cells]).records
    assert run(first, *cells).ran == ()


def test_checkpoints_are_kept_where_asked_and_removed_later(run, log, tmp_path):
    run(*chain(log), keep=True)
    files = GridFolder(tmp_path / "grid").files(chain(log)[0].key)
    assert files.exists()
    run(*chain(log))  # as after a crash between the last record and the removal
    assert not files.exists()


def test_a_checkpoint_that_is_the_result_is_kept(run, log, tmp_path):
    run(chain(log)[0])
    assert GridFolder(tmp_path / "grid").files(chain(log)[0].key).exists()


def test_a_removed_checkpoint_is_made_again_where_something_new_needs_it(run, log):
    run(*chain(log, cells=2))
    run(*chain(log, cells=3))
    assert started(log) == [0, 1, 2, 100, 100]


# --- Damage --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2],
        lambda text: b"",
        lambda text: b"\x00" * len(text),
        lambda text: text.replace(b'"value":', b'"Value":'),
        lambda text: b'{"sha256":"' + b"0" * 64 + b'"}',
    ],
    ids=["cut", "empty", "zeros", "changed", "another"],
)
def test_a_damaged_record_is_told_and_its_stage_done_again(run, log, tmp_path, damage):
    run(*chain(log), keep=True)
    record = tmp_path / "grid" / "stages" / chain(log)[1].key / "record.json"
    whole = json.loads(record.read_bytes())
    record.write_bytes(damage(record.read_bytes()))
    told = []
    run(*chain(log), notify=told.append)
    assert started(log) == [0, 0, 1, 100]
    assert len(told) == 1
    assert str(record) in told[0]
    again = json.loads(record.read_bytes())
    assert again["rows"] == whole["rows"]
    assert again["key"] == whole["key"]


def test_a_record_moved_to_another_stage_is_not_believed(run, log, tmp_path):
    run(*chain(log), keep=True)
    one, two = (tmp_path / "grid" / "stages" / s.key / "record.json" for s in chain(log)[1:])
    one.write_bytes(two.read_bytes())
    run(*chain(log))
    assert started(log) == [0, 0, 1, 100]


def test_a_file_cut_short_is_made_again_before_it_is_used(run, log, tmp_path):
    run(*chain(log), keep=True)
    first = GridFolder(tmp_path / "grid").files(chain(log)[0].key) / "sum.txt"
    first.write_text("1")
    run(*chain(log, cells=3), keep=True)
    assert started(log) == [0, 1, 2, 100, 100]
    assert first.read_text() == "0100"


def test_a_damaged_checkpoint_that_nothing_needs_is_left_alone(run, log, tmp_path):
    run(*chain(log))
    (tmp_path / "grid" / "stages" / chain(log)[0].key / "record.json").write_text("")
    assert run(*chain(log)).ran == ()


@pytest.mark.parametrize("again", [False, True])
def test_a_flipped_bit_is_found_where_asked_and_its_stage_done_again(run, log, tmp_path, again):
    """A changed file of the same size counted as finished, in silence."""
    run(*chain(log), keep=True)
    first = GridFolder(tmp_path / "grid").files(chain(log)[0].key) / "sum.txt"
    assert first.read_text() == "0100"
    first.write_text("0101")
    state = scan(Graph(chain(log)), GridFolder(tmp_path / "grid"), verify=True)
    assert list(state.damaged) == [chain(log)[0].key]
    assert "sum.txt: expected the SHA-256 of its record, found another" in state.damaged[chain(log)[0].key]
    notes = []
    run(*chain(log, cells=3), keep=True, verify=again, notify=notes.append)
    assert first.read_text() == ("0100" if again else "0101")
    assert len(notes) == again


# --- Failures ------------------------------------------------------------------------------------------


def test_a_failed_stage_keeps_its_error_and_the_rest_goes_on(run, log, tmp_path):
    paths = {"log": str(log)}
    bad = Stage(kind("fail"), {"number": 50}, paths=paths)
    below = Stage(ADD, {"number": 51}, {"model": bad.key}, paths=paths)
    stages = [bad, below, *chain(log)]
    report = run(*stages)
    assert report.failed == {bad.key: "ValueError: the loss is not a number"}
    assert report.blocked == (below.key,)
    assert started(log) == [0, 1, 100]
    error = (tmp_path / "grid" / "stages" / bad.key / "error.txt").read_text()
    assert "Traceback" in error
    assert "grid_stages.py" in error
    (log.parent / "repaired").touch()
    again = run(*stages)
    assert (again.ran, again.failed, again.blocked) == ((), report.failed, report.blocked)
    assert run(*stages, retry_failed=True).ran == (bad.key, below.key)
    assert not (tmp_path / "grid" / "stages" / bad.key / "error.txt").exists()


def test_the_checkpoint_of_a_failed_stage_is_kept_for_its_retry(run, log, tmp_path):
    first, *cells = chain(log)
    bad = Stage(kind("fail"), {"number": 50}, {"model": first.key}, paths={"log": str(log)})
    run(first, *cells, bad)
    (log.parent / "repaired").touch()
    run(first, *cells, bad, retry_failed=True)
    assert started(log) == [0, 1, 50, 100]


def test_a_stage_whose_process_dies_is_tried_again(run, log):
    stage = Stage(kind("die"), {"number": 1, "times": 2}, paths={"log": str(log)})
    assert run(stage, executor=Processes).ran == (stage.key,)
    assert len(started(log)) == 3


def test_a_stage_whose_process_always_dies_fails(run, log):
    stage = Stage(kind("die"), {"number": 1, "times": 9}, paths={"log": str(log)})
    report = run(stage, Stage(ADD, {"number": 2}), max_retries=2, executor=Processes)
    assert report.failed == {stage.key: "its process died of SIGKILL (out of memory?)"}
    assert len(started(log)) == 3
    assert len(report.ran) == 1


def test_a_stage_that_resumes_goes_on_from_what_it_left(run):
    stage = Stage(kind("resume", resumes=True))
    assert run(stage, executor=Processes).ran == (stage.key,)


@pytest.mark.parametrize(
    ("what", "message"), [("object", "not JSON serializable"), ("text", "expected result rows"), ("exit", "SystemExit")]
)
def test_a_stage_that_misbehaves_fails_alone(run, what, message):
    stage = Stage(kind("odd"), {"what": what})
    assert message in run(stage).failed[stage.key]


def test_a_full_disk_in_a_stage_stops_the_grid_and_fails_nothing(run, log, tmp_path):
    (tmp_path / "full").touch()
    stages = [Stage(kind("fill"), {"number": n}, paths={"log": str(log)}) for n in range(3)]
    with pytest.raises(OSError, match=r"No space left on device, found in fill .*; free some space") as error:
        run(*stages)
    assert error.value.errno == 28
    assert list((tmp_path / "grid" / "work").iterdir()) == []
    assert scanned(tmp_path, stages).errors == {}
    (tmp_path / "full").unlink()
    assert len(run(*stages).ran) == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_under_the_driver_leaves_no_half_record(run, log, tmp_path):
    stage = chain(log)[0]
    place = tmp_path / "grid" / "stages" / stage.key
    place.mkdir(parents=True)
    (place / f".record.json.{os.getpid()}.tmp").symlink_to("/dev/full")
    layout = GridFolder(tmp_path / "grid")
    with pytest.raises(OSError, match="No space left"):
        store.save_record(place, store.Record(stage.key, "add", 1, {}, {}, {}, ()))
    assert os.listdir(place) == []
    assert scanned(tmp_path, [stage]).records == {}
    assert layout.lock.exists() is False
    assert run(stage).ran == (stage.key,)


# --- One driver, and processes that end with it -----------------------------------------------------


def test_the_second_driver_is_refused_and_told_who_is_at_work(run, log, tmp_path):
    layout = GridFolder(tmp_path / "grid")
    with lock.driving(layout), pytest.raises(InputError, match=rf"by process {os.getpid()} on \S+ since 2"):
        run(*chain(log))
    assert not log.exists()
    assert lock.driver(layout) is None
    assert len(run(*chain(log)).ran) == 3


def test_what_a_dead_driver_wrote_into_the_lock_is_no_obstacle(run, log, tmp_path):
    (tmp_path / "grid").mkdir()
    (tmp_path / "grid" / "grid.lock").write_text('{"host": "elsewhere", "pid": 1, "since": "2026"}')
    assert len(run(*chain(log)).ran) == 3


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_driver_takes_its_workers_and_their_children_along(tmp_path, log):
    code = (
        "import sys; from pathlib import Path; from diversity.grid.graph import *\n"
        "from diversity.grid.driver import drive; from diversity.grid.local import Processes\n"
        "stage = Stage(StageKind('sleeps', 'grid_stages:sleeps'), paths={'log': sys.argv[2]})\n"
        "drive(Graph([stage]), sys.argv[1], Processes)\n"
    )
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    driver = subprocess.Popen(
        [sys.executable, "-c", code, tmp_path / "grid", log], env={**os.environ, "PYTHONPATH": path}
    )
    pids = tmp_path / "pids"
    wait_for(lambda: pids.exists() and len(pids.read_text().split()) == 2)
    (layout := GridFolder(tmp_path / "grid"))
    assert len(lock.running(layout)) == 1
    driver.kill()
    driver.wait()
    wait_for(lambda: not any(alive(int(p)) for p in pids.read_text().split()))
    assert lock.running(layout) == set()


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(condition) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_what_a_stage_prints_goes_to_its_log_and_its_share_is_its_own(run, tmp_path, monkeypatch, capfd):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    stages = [Stage(kind("environment"), {"n": n}) for n in range(4)]
    run(*stages, executor=lambda: Processes(2))
    rows = [r.rows[0] for r in scanned(tmp_path, stages).records.values()]
    threads = {r["OMP_NUM_THREADS"] for r in rows}
    assert threads == {str(max(1, len(os.sched_getaffinity(0)) // 2))}
    assert {r["CUDA_VISIBLE_DEVICES"] for r in rows} <= {"3", "5"}
    text = (tmp_path / "grid" / "stages" / stages[0].key / "log.txt").read_text()
    assert sorted(text.splitlines()) == ["printed by a child", "printed by the stage"]
    assert "printed" not in "".join(capfd.readouterr())


def test_shares_do_not_overlap(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    found = shares(3, 8, ["0", "1", "GPU-a", "4", "7", "9"], 2)
    assert [s["CUDA_VISIBLE_DEVICES"] for s in found] == ["0,1", "GPU-a,4", "7,9"]
    assert {s["OMP_NUM_THREADS"] for s in found} == {"2"}
    assert [s["OMP_NUM_THREADS"] for s in shares(4, 2, [])] == ["1"] * 4


def test_the_threads_of_the_user_and_of_the_plan_are_kept(monkeypatch):
    """Workers took the place of OMP_NUM_THREADS: tables depended on their number."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert [s["OMP_NUM_THREADS"] for s in shares(2, 8, [])] == ["1", "1"]
    monkeypatch.delenv("OMP_NUM_THREADS")
    assert [s["OMP_NUM_THREADS"] for s in shares(2, 8, [])] == ["4", "4"]
    assert {s["OMP_NUM_THREADS"] for s in Processes(2, threads=1).shares} == {"1"}


def test_more_workers_than_gpus_are_refused():
    with pytest.raises(InputError, match="expected at most 1 workers for 3 GPUs at 2 each, found 2"):
        shares(2, 8, ["0", "1", "2"], 2)
    with pytest.raises(InputError, match="at least 1 worker, found 0"):
        shares(0, 8, [])


def test_no_gpu_is_used_where_none_is_visible(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert gpus() == []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert gpus() == []


def test_a_stage_in_several_processes_gives_the_rows_of_the_first(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[1]), str(HERE)]))
    (tmp_path / "files").mkdir()
    (row,) = launch("grid_stages:ranked", {"log": tmp_path / "log"}, {"a": 1}, tmp_path / "files", 2)
    assert row == {"rank": 0, "of": 2, "a": 1}
    assert sorted((tmp_path / "log").read_text().split()) == ["0", "1"]
    with pytest.raises(RuntimeError, match="2 processes for grid_stages:fail ended with status 1"):
        launch("grid_stages:fail", {"log": tmp_path / "x" / "log"}, {}, tmp_path / "files", 2)


def test_a_killed_process_of_several_is_a_loss_and_no_failure(run, log, tmp_path, monkeypatch):
    """It counted as failed: the stage was not tried again."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(HERE.parents[1]), str(HERE)]))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    stage = Stage(kind("die", multi_gpu=True), {"number": 1, "times": 2}, paths={"log": str(log)})
    job = Job(stage.key, "grid_stages:die", {"log": str(log)}, {"number": 1, "times": 9}, str(tmp_path), multi_gpu=True)
    outcome = perform(job)
    assert (outcome.state, outcome.message) == ("lost", "one of its 2 processes died of SIGKILL")
    log.unlink()
    assert run(stage, max_retries=3).ran == (stage.key,)


def test_a_record_says_in_how_many_threads_and_processes(run, tmp_path, monkeypatch):
    """Tables depend on them by rounding, and nothing said so."""
    stage = Stage(ADD, {"number": 1})
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    run(stage)
    assert scanned(tmp_path, [stage]).records[stage.key].computed == {"threads": 3, "processes": 1}


def test_a_stage_of_several_gpus_is_launched_on_all_its_gpus(run, monkeypatch):
    from diversity.grid import job as work

    launched = []
    monkeypatch.setattr(work, "launch", lambda *given: launched.append(given[-1]) or [{"value": 1.0}])
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6")
    run(Stage(kind("add", multi_gpu=True), {"number": 1}), Stage(kind("add"), {"number": 2}))
    assert launched == [3]


# --- Clocks --------------------------------------------------------------------------------------------


def test_a_clock_that_jumps_changes_nothing(run, log, tmp_path, monkeypatch):
    import datetime as clock

    from diversity.grid import job as work

    class Jumping(clock.datetime):
        @classmethod
        def now(cls, tz=None):
            return clock.datetime(1990, 1, 1, tzinfo=tz)

    monkeypatch.setattr(work, "datetime", Jumping)
    monkeypatch.setattr(lock, "datetime", Jumping)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    stages = chain(log)
    run(*stages)
    job = work.Job("k", "grid_stages:add", {}, {"seconds": 0.05}, str(tmp_path / "k"))
    outcome = work.perform(job)
    assert outcome.start.startswith("1990")
    assert 0.05 <= outcome.seconds < 5
    for record in (tmp_path / "grid").glob("stages/*/record.json"):
        os.utime(record, (2**32, 2**32))
    assert run(*stages).ran == ()


@pytest.mark.parametrize(("seconds", "text"), [(0, "0 s"), (29, "29 s"), (3600, "1 h 0 min"), (None, "unknown")])
def test_times_in_words(seconds, text):
    assert in_words(seconds) == text
