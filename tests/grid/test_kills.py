"""Drivers and workers are killed at random moments: nothing that was finished is done again, and nothing is lost."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from diversity import store

HERE = Path(__file__).parent
KILLS, MIXTURES, SECONDS = 52, 4, 0.05
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds the processes of a driver in /proc")


def start(folder: Path) -> subprocess.Popen:
    path = os.pathsep.join([str(HERE.parents[1]), str(HERE)])
    return subprocess.Popen(
        [sys.executable, HERE / "grid_stages.py", folder, str(MIXTURES), str(SECONDS)],
        env={**os.environ, "PYTHONPATH": path},
    )


def children(pid: int) -> list[int]:
    """Worker processes of a driver."""
    try:
        return [int(c) for c in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def finished(folder: Path) -> dict[int, bytes]:
    """The stages that are done, by number: their records as they were written."""
    stages = folder / "stages"
    places = list(stages.iterdir()) if stages.is_dir() else []
    return {r.settings["number"]: (p / store.RECORD).read_bytes() for p in places if (r := store.load_record(p))}


def runs(folder: Path) -> Counter[int]:
    """How often each stage was started."""
    log = folder.with_suffix(".log")
    return Counter(map(int, log.read_text().split())) if log.exists() else Counter()


def left_over(folder: Path) -> list[Path]:
    """Whatever is there but the tables, the lock, and stages with their records."""
    known = {"grid.lock", "stages", "work", "results.csv", "results.parquet"}
    found = [p for p in folder.iterdir() if p.name not in known] + list((folder / "work").iterdir())
    for stage in (folder / "stages").iterdir():
        found += [p for p in stage.iterdir() if p.name not in ("record.json", "files", "log.txt")]
    return found


def disturb(driver: subprocess.Popen, rng: random.Random) -> int:
    """Kill workers, the driver, or both, at random moments of one life of a driver; how many kills there were."""
    kills = 0
    while driver.poll() is None:
        time.sleep(rng.uniform(0, 0.4))
        workers = children(driver.pid)
        what = rng.choice(["driver", "worker", "both", "worker"])
        victims = [] if what == "driver" else rng.sample(workers, min(len(workers), rng.choice([1, 2])))
        victims = [*victims, driver.pid] if what != "worker" else victims
        if rng.random() < 0.5:
            victims.reverse()
        if driver.poll() is None and victims:
            for pid in victims:
                kill(pid)
            kills += 1
        if driver.pid in victims:
            driver.wait()
            deadline = time.monotonic() + 10
            while any(alive(w) for w in workers):
                assert time.monotonic() < deadline, "a worker outlived its driver"
                time.sleep(0.005)
    return kills


def test_fifty_kills_change_nothing(tmp_path):
    rng = random.Random(20)
    calm = tmp_path / "calm"
    assert start(calm).wait() == 0
    assert set(runs(calm).values()) == {1}
    kills = grids = 0
    while kills < KILLS:
        folder, grids = tmp_path / f"grid{grids}", grids + 1
        done: dict[int, tuple[int, bytes]] = {}  # how often a stage had been started when it was first seen finished
        code = -1
        while code != 0:
            driver = start(folder)
            if kills < KILLS:
                kills += disturb(driver, rng)
            code = driver.wait()
            assert code in (0, -signal.SIGKILL)
            started = runs(folder)
            done = {number: (started[number], record) for number, record in finished(folder).items()} | done
        assert done.keys() == runs(folder).keys()
        for number, record in finished(folder).items():
            assert done[number] == (runs(folder)[number], record), "a stage ran again after it was finished"
        for name in ("results.csv", "results.parquet"):
            assert (folder / name).read_bytes() == (calm / name).read_bytes()
        assert left_over(folder) == []
    assert kills >= 50
