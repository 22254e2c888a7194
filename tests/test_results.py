"""The result row: a run has one key, whatever command made it, and every command writes the same columns."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

import diversity
from diversity import InputError, Mixture, results
from diversity.grid.driver import Policy
from diversity.planning.plans import parse_plan
from diversity.results import COLUMNS, Lineage, Run
from diversity.training.settings import changed, preset
from diversity.zeroshot.transfer import TransferSettings

SHORT = {"steps": 2, "batch": 4, "max_length": 48, "dev_examples": 2}


def test_a_run_has_the_same_key_everywhere():
    run = Run("xlm-r", Mixture.of({"mnli": 1, "qqp": 3}), "xnli", 1, {"b": 2, "a": "é"})
    same = Run("xlm-r", Mixture.of({"qqp": 0.75, "mnli": 0.25}), "xnli", 1, {"a": "é", "b": 2})
    canonical = (
        '{"mixture":{"sampling":{"cap":null,"mixed":false,"rule":"weights","temperature":2.0,'
        '"weights":{"mnli":0.25,"qqp":0.75}},"tasks":["mnli","qqp"]},'
        '"model":"xlm-r","seed":1,"settings":{"a":"\\u00e9","b":2},"target":"xnli"}'
    )
    assert run.key == same.key == hashlib.sha256(canonical.encode()).hexdigest()
    others = [replace(run, seed=2), replace(run, settings={"a": "é"}), replace(run, target="xquad")]
    others += [replace(run, revision="sha256:0"), replace(run, mixture=Mixture.of(["mnli", "qqp"]))]
    assert len({run.key, *(o.key for o in others)}) == 6


def test_what_a_study_calls_a_run_is_no_part_of_its_key():
    run = Run("xlm-r", Mixture.of(["mnli", "qqp"]), "xnli", 1)
    assert replace(run, mixture=Mixture.of(["mnli", "qqp"], "the diverse one")).key == run.key
    assert (
        Lineage("m", mixture=Mixture.of([], "baseline")).run("xnli", 1, {}).key == Lineage("m").run("xnli", 1, {}).key
    )


def test_a_table_has_the_columns_of_all_tables_and_those_that_its_rows_have():
    rows = Run("m", Mixture.of([]), "tatoeba", 1).rows({"accuracy": 50.0}, {"language": "de", "layer": 3, "new": "x"})
    table = results.table(rows, ["role"])
    assert list(table.columns) == [*results.ALWAYS, "layer", "role", "new"]
    assert str(table["layer"].dtype) == str(table["budget"].dtype) == "Int64"
    assert list(results.table([]).columns) == list(results.ALWAYS)


@pytest.mark.parametrize("cut", ["", "{", '{"model": 1}', '{"model": {"name": "m", "revision": ""}}'])
def test_a_record_that_is_not_whole_is_one_line(tmp_path, cut):
    (tmp_path / "training.json").write_text(cut)
    with pytest.raises(InputError, match=r"training.json: expected the record of a checkpoint"):
        results.lineage_of(tmp_path)


# --- One run, three commands -------------------------------------------------------------------------


@pytest.fixture(scope="module")
def grid(small, samples, tmp_path_factory, in_process):
    """A grid of the model itself and of one mixture of two tasks, on two targets: its results, model and folder."""
    folder = tmp_path_factory.mktemp("runs")
    model = small.folder(folder / "model", "bert", initializer_range=0.05)
    content = {
        "model": str(model),
        "targets": ["xnli", "tatoeba"],
        "seeds": [1],
        "data": str(samples),
        "train": {"preset": "xtreme", "sampling": "uniform", **SHORT},
        "target": SHORT,
        "predict": {"languages": ["de"], "layer": 1},
        "diversity": {"sample": 6, "metrics": ["cosine"]},
        "mixtures": [{"tasks": [], "role": "baseline"}, {"tasks": ["qqp", "mnli"], "role": "diverse", "pair": 1}],
    }
    plan = parse_plan(content, Path("plan.toml"))
    status = diversity.run_grid(plan, folder / "grid", workers=in_process, policy=Policy(keep=True))
    assert not status.failures
    return pd.read_csv(folder / "grid" / "results.csv").set_index(["mixture", "target"]), model, folder


def trained_by_hand(grid, samples) -> Path:
    _, model, folder = grid
    if not (folder / "mix").exists():
        settings = preset("xtreme")
        settings = changed(settings, **SHORT, seed=1)
        mixture = Mixture.of(["mnli", "qqp"], sampling="uniform")
        diversity.train_mix(mixture, model=str(model), data=samples, output=folder / "mix", settings=settings)
    return folder / "mix"


@pytest.mark.parametrize("mixture", ["baseline", "mnli+qqp"])
def test_transfer_retrieve_and_the_grid_give_a_run_one_key(grid, samples, mixture):
    """There were three keys for one run, and the grid's had role and pair in it."""
    table, model, folder = grid
    start = model if mixture == "baseline" else trained_by_hand(grid, samples)
    vectors = diversity.SentenceVectors(layer=1)
    settings = TransferSettings(changes=SHORT, vectors=vectors)
    done = diversity.transfer(
        str(start), ["xnli", "tatoeba"], data=samples, output=folder / f"of {mixture}", settings=settings,
        languages=["de"], seed=1,
    )  # fmt: skip
    rows = done.rows.set_index("target")
    for target in ("xnli", "tatoeba"):
        assert rows.loc[target, "run"] == table.loc[(mixture, target), "run"]
        assert rows.loc[target, "value"] == table.loc[(mixture, target), "value"]
    lineage = replace(results.lineage_of(start) or Lineage("model", pin(model)), seed=1)
    matched = diversity.retrieve(str(start), ["tatoeba"], data=samples, vectors=vectors, lineage=lineage)
    assert set(matched["run"]) == {rows.loc["tatoeba", "run"]}


def test_every_command_writes_the_columns_in_one_order(grid):
    *_, folder = grid
    columns = list(pd.read_csv(folder / "grid" / "results.csv").columns)
    assert [c for c in columns if c in COLUMNS] == [c for c in COLUMNS if c in columns]


def pin(model: Path) -> str:
    from diversity.encoders.registry import locate

    return locate(str(model))[1]


def test_roles_and_pairs_are_no_part_of_a_run(grid):
    table, *_ = grid
    assert set(table.reset_index()["role"]) == {"baseline", "diverse"}
    assert json.loads(json.dumps(sorted(set(table["run"])))) == sorted(set(table["run"]))
    assert table["run"].nunique() == 4
