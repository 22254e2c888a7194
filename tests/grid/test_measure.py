"""Sets in shards: the same moments as of the whole, whatever the order, whoever is killed."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from diversity.data.shards import ShardedSet
from diversity.grid import measure
from diversity.grid.measure import Embedding, measure_store
from diversity.grid.run import Workers
from diversity.moments import moments
from diversity.scoring import embedded, reduced
from diversity.scoring.reduced import Reduced
from diversity.scoring.score import score
from diversity.types import InputError

D = 12


def vectors(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, D)).astype(np.float32) + 0.3


def write_parquet(path: Path, rows: np.ndarray, group: int = 700, **metadata: str) -> Path:
    values = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), D)
    table = pa.table({"id": pa.array(np.arange(len(rows))), "vector": values}).replace_schema_metadata(metadata or None)
    parquet.write_table(table, path, row_group_size=group)
    return path


@pytest.fixture
def shards(tmp_path):
    """Three Parquet files of several row groups, and one array."""
    folder = tmp_path / "news"
    folder.mkdir()
    for number in range(3):
        write_parquet(folder / f"part-{number}.parquet", vectors(2000, number))
    np.save(tmp_path / "wiki.npy", vectors(5000, 9))
    return tmp_path


def content(store: Path) -> dict[str, bytes]:
    return {p.relative_to(store).as_posix(): p.read_bytes() for p in sorted(store.glob("*/*.npz"))}


def test_the_moments_are_those_of_all_rows(shards, tmp_path) -> None:
    found = measure_store([str(shards / "news"), f"{shards / 'wiki.npy'}"], tmp_path / "store", rows=1000)
    assert (found.rows, found.encoder, dict(found.failed)) == ({"news": 6000, "wiki": 5000}, "precomputed", {})
    space = embedded.load_moments(["news", "wiki"], tmp_path / "store", "precomputed")
    for name, rows in {"news": np.concatenate([vectors(2000, n) for n in range(3)]), "wiki": vectors(5000, 9)}.items():
        whole, task = moments(rows), space.tasks[name]
        assert task.moments.n == whole.n
        np.testing.assert_allclose(task.moments.mean, whole.mean, atol=1e-14)
        np.testing.assert_allclose(task.moments.second, whole.second, atol=1e-14)
        unit = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        nearest = (task.rows @ unit.T).max(axis=1)
        assert len(task.rows) == embedded.ROWS_KEPT
        assert nearest.min() > 1 - 1e-5, "rows of the set"
        assert len(np.unique((task.rows @ unit.T).argmax(axis=1))) > 0.99 * len(task.rows), "each once"
    table = score(space, all_subsets=True, metrics=["vendi(q=2)", "cosine"])
    assert len(table) == 6


@pytest.mark.parametrize("order", [list(range(8)), [5, 2, 7, 0, 1, 6, 4, 3]])
def test_shards_in_any_order(order) -> None:
    parts = [reduced.reduced([(vectors(900, n), 1, 2)], seed=n) for n in range(8)]
    whole, sorted_ = sum((parts[n] for n in order), Reduced()), sum(parts, Reduced())
    np.testing.assert_allclose(whole.moments.second, sorted_.moments.second, rtol=0, atol=1e-12)
    assert np.array_equal(whole.rows, sorted_.rows)
    assert (whole.blank, whole.longer, whole.blocks) == (8, 16, 8)
    assert len(whole.rows) == embedded.ROWS_KEPT


def test_the_sample_is_uniform_over_shards_of_several_sizes() -> None:
    large = reduced.reduced([(np.tile([[1.0, 0.0]], (90_000, 1)), 0, 0)], seed=1)
    small = reduced.reduced([(np.tile([[0.0, 1.0]], (10_000, 1)), 0, 0)], seed=2)
    share = (large + small).rows[:, 1].mean()
    assert share == pytest.approx(0.1, abs=0.02)


def test_a_reduction_goes_on_from_what_it_kept(tmp_path) -> None:
    blocks = [(vectors(300, n), n % 2, 0) for n in range(9)]
    kept: list[Reduced] = []
    whole = reduced.reduced(blocks, seed=4, every=700, save=kept.append)
    assert len(kept) >= 3
    whole.save(tmp_path / "whole.npz")
    for state in kept:
        state.save(tmp_path / "part.npz")
        part = reduced.load(tmp_path / "part.npz")
        reduced.reduced(blocks[part.blocks :], seed=4, done=part).save(tmp_path / "again.npz")
        assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()


def test_more_workers_and_another_call_give_the_same_bytes(shards, tmp_path) -> None:
    sources = [str(shards / "news"), str(shards / "wiki.npy")]
    measure_store(sources, tmp_path / "one", rows=1000)
    measure_store(sources, tmp_path / "two", rows=1000, workers=2)
    first = content(tmp_path / "one")
    assert len(first) == 2
    assert first == content(tmp_path / "two")
    measure_store(sources, tmp_path / "one", rows=1000)
    assert content(tmp_path / "one") == first


def test_new_shards_are_measured_alone(shards, tmp_path) -> None:
    measure_store([str(shards / "news")], tmp_path / "store")
    before = set((tmp_path / "store" / "shards" / "stages").iterdir())
    write_parquet(shards / "news" / "part-3.parquet", vectors(100, 3))
    found = measure_store([str(shards / "news")], tmp_path / "store")
    assert found.rows == {"news": 6100}
    assert len(set((tmp_path / "store" / "shards" / "stages").iterdir()) - before) == 2, "a shard, and merged ones"


def test_a_bad_shard_fails_alone_and_is_tried_again(shards, tmp_path) -> None:
    rows = vectors(50)
    rows[3] = 0
    write_parquet(shards / "news" / "part-9.parquet", rows)
    sources = [str(shards / "news"), str(shards / "wiki.npy")]
    found = measure_store(sources, tmp_path / "store")
    assert found.rows == {"wiki": 5000}
    (message,) = found.failed.values()
    assert "only zeros in row 3" in message
    write_parquet(shards / "news" / "part-9.parquet", vectors(50))
    assert measure_store(sources, tmp_path / "store").rows == {"news": 6050, "wiki": 5000}


def test_texts_are_those_that_score_embeds(tmp_path, in_process) -> None:
    texts = [f"sentence number {n} about {'birds' if n % 2 else 'trains'}" for n in range(60)]
    parquet.write_table(pa.table({"text": [*texts[:40], ""]}), tmp_path / "a-0.parquet", row_group_size=10)
    (tmp_path / "b.jsonl").write_text("".join(f'{{"text": "{t}"}}\n' for t in texts[40:]))
    sources = [f"all={tmp_path}/a-*.parquet", str(tmp_path / "b.jsonl")]
    found = measure_store(sources, tmp_path / "store", rows=20, workers=in_process)
    assert found.rows == {"all": 40, "b": 20}
    space = embedded.load_moments(["all", "b"], tmp_path / "store")
    direct = embedded.embed_texts({"all": (texts[:40], {}), "b": (texts[40:], {})}, cache=tmp_path / "cache")
    for name, task in direct.tasks.items():
        np.testing.assert_allclose(space.tasks[name].moments.second, task.moments.second, atol=1e-6)
    assert space.tasks["all"].provenance["blank"] == 1
    assert space.fingerprint == direct.fingerprint


def test_an_address(tmp_path) -> None:
    pytest.importorskip("fsspec")
    import fsspec

    memory = fsspec.filesystem("memory")
    for number in range(2):
        write_parquet(tmp_path / "v.parquet", vectors(500, number))
        memory.pipe_file(f"/bucket/part-{number}.parquet", (tmp_path / "v.parquet").read_bytes())
    given = ShardedSet.parse("news=memory://bucket/*.parquet", 1000)
    assert (given.name, len(given.shards), given.embedded) == ("news", 2, True)
    stages = [({}, shard) for shard in given.shards]
    for number, (inputs, shard) in enumerate(stages):
        settings = {"set": "news", "file": "x", "fields": [], "groups": None, "start": 0, "stop": None, "vectors": {}}
        (tmp_path / str(number)).mkdir()
        rows = measure.reduce_shard(
            inputs, {**settings, "place": shard.place, "embedded": True}, tmp_path / str(number)
        )
        assert rows[0]["rows"] == 500
        assert sorted(p.name for p in (tmp_path / str(number)).iterdir()) == ["encoder.json", "moments.npz"]
    with pytest.raises(InputError, match="memory://nothing/\\*: expected files"):
        ShardedSet.parse("memory://nothing/*", 10)


def test_files_of_this_machine_by_address(shards, tmp_path) -> None:
    pytest.importorskip("fsspec")
    found = measure_store([f"news=file://{shards}/news/*.parquet"], tmp_path / "store")
    assert found.rows == {"news": 6000}


def test_what_does_not_fit_together_is_refused(shards, tmp_path) -> None:
    (tmp_path / "t.txt").write_text("some text\nanother\n")
    with pytest.raises(InputError, match="expected sources of vectors or of texts, found both"):
        measure_store([str(tmp_path / "t.txt"), str(shards / "wiki.npy")], tmp_path / "store")
    with pytest.raises(InputError, match="one source named wiki, found several"):
        measure_store([str(shards / "wiki.npy"), str(shards / "wiki.npy")], tmp_path / "store")
    with pytest.raises(InputError, match="expected sources to measure"):
        measure_store([], tmp_path / "store")
    one = write_parquet(tmp_path / "one.parquet", vectors(9), encoder='{"model": "a"}')
    two = write_parquet(tmp_path / "two.parquet", vectors(9), encoder='{"model": "b"}')
    with pytest.raises(InputError, match="expected vectors of one encoder"):
        measure_store([str(one), str(two)], tmp_path / "store")


def test_the_encoder_that_vectors_name(tmp_path) -> None:
    path = write_parquet(tmp_path / "one.parquet", vectors(9), encoder='{"model": "some/encoder"}')
    assert measure_store([str(path)], tmp_path / "store").encoder == "some/encoder"
    assert embedded.load_moments(["one"], tmp_path / "store", "some/encoder").fingerprint


def test_products_in_single_precision(shards, tmp_path) -> None:
    sources = [str(shards / "news"), str(shards / "wiki.npy")]
    measure_store(sources, tmp_path / "double", rows=1000)
    measure_store(sources, tmp_path / "single", rows=1000, products="fp32")
    double, single = (
        embedded.load_moments(["news", "wiki"], tmp_path / n, "precomputed") for n in ("double", "single")
    )
    for name in ("news", "wiki"):
        exact, fast = double.tasks[name], single.tasks[name]
        assert np.abs(exact.moments.second - fast.moments.second).max() < 1e-7
        assert np.abs(exact.moments.mean - fast.moments.mean).max() < 1e-7
        assert not np.array_equal(exact.moments.second, fast.moments.second)
        assert np.array_equal(exact.rows, fast.rows)


def test_the_commands(shards, tmp_path, run) -> None:
    status, out, _ = run("measure", f"news={shards / 'news'}", shards / "wiki.npy", "--output", tmp_path / "store")
    assert status == 0
    assert "news: 6,000 rows" in out
    read = ["--moments", tmp_path / "store", "--encoder", "precomputed"]
    for command in (["score", "--tasks", "news,wiki", "--metrics", "cosine"], ["distances", "--tasks", "news,wiki"]):
        status, out, errors = run(*command, *read)
        assert status == 0, errors
        assert "news" in out


# --- Killed ------------------------------------------------------------------------------------------

CALL = """
import sys
from diversity.grid import measure
measure.EVERY = 200
if __name__ == "__main__":
    measure.measure_store(sys.argv[2:], sys.argv[1], rows=400, workers=2)
"""
KILLS = int(os.environ.get("KILLS", "6" if os.environ.get("DIVERSITY_LONG") == "1" else "3"))  # 100 were tried


def test_killed_at_any_moment_the_bytes_are_the_same(shards, tmp_path) -> None:
    sources = [str(shards / "news"), str(shards / "wiki.npy")]
    measure_store(sources, tmp_path / "whole", rows=400)
    expected, rng, kills, round_ = content(tmp_path / "whole"), random.Random(0), 0, 0
    while kills < KILLS:
        store, round_ = tmp_path / f"killed-{round_}", round_ + 1
        while True:
            process = subprocess.Popen(
                [sys.executable, "-c", CALL, str(store), *sources], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                process.wait(rng.uniform(0.5, 4.0))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                process.wait()
                kills += 1
                time.sleep(0.05)
                if kills >= KILLS:
                    break
                continue
            assert process.returncode == 0
            break
        measure_store(sources, store, rows=400)
        assert content(store) == expected


def test_the_sample_is_the_same_however_a_job_travels(shards, tmp_path) -> None:
    """Ray hands tuples on as they are, a worker of one machine has lists: the seed was drawn from either."""
    place = str(shards / "news" / "part-0.parquet")
    part = {"set": "news", "file": "part-0.parquet", "fields": ["vector"], "start": 0, "stop": None}
    settings = {**part, "vectors": {}, "place": place, "embedded": True}
    for name, groups in (("list", [0, 1]), ("tuple", (0, 1))):
        (tmp_path / name).mkdir()
        measure.reduce_shard({}, {**settings, "groups": groups}, tmp_path / name)
    assert (tmp_path / "list" / "moments.npz").read_bytes() == (tmp_path / "tuple" / "moments.npz").read_bytes()


def test_ray_gives_the_same_bytes(shards, tmp_path) -> None:
    pytest.importorskip("ray")
    sources = [str(shards / "news"), str(shards / "wiki.npy")]
    measure_store(sources, tmp_path / "one", rows=1000)
    measure_store(sources, tmp_path / "two", rows=1000, workers=Workers(ray="local"))
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_settings_of_the_encoder_are_checked_where_it_is_loaded() -> None:
    assert Embedding().load().name == "all-MiniLM-L6-v2"
