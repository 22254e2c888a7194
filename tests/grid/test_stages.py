"""The functions behind the stages, on the written samples: they give what the toolkit gives when it is called directly."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from huggingface_hub import ModelCard

import diversity
from diversity.grid import stages
from diversity.grid.build import stages_of
from diversity.grid.driver import Policy
from diversity.grid.graph import Graph
from diversity.grid.job import Job, perform
from diversity.grid.layout import GridFolder
from diversity.grid.run import grid_status, run_grid
from diversity.planning.plans import parse_plan
from diversity.scoring import embedded
from diversity.types import InputError, Rows

PLAN = {
    "model": "mini",
    "targets": ["tatoeba", "xquad"],
    "seeds": [1],
    "train": {"examples": 8, "batch": 4, "max_length": 32, "dev_examples": 2},
    "target": {"steps": 2, "batch": 2, "max_length": 64, "stride": 16, "dev_examples": 2},
    "predict": {"languages": ["de"]},
    "diversity": {"sample": 6, "shards": 2, "metrics": ["cosine", "vendi(q=2)"]},
    "mixtures": [{"tasks": ["qqp", "squad_v1"]}],
}


@pytest.fixture(scope="module")
def finished(samples, tmp_path_factory):
    """All stages of a small plan, done one after the other in this process: their outcomes by kind."""
    layout = GridFolder(tmp_path_factory.mktemp("grid"))
    made = stages_of(parse_plan({**PLAN, "data": str(samples)}, Path("plan.toml")))
    found: dict[str, list] = {}
    for key, stage in made.graph.stages.items():
        inputs = {role: str(layout.work(i) / "files") for role, i in stage.inputs.items()}
        kind, settings = stage.kind, {**stage.settings, **stage.options}
        job = Job(key, kind.function, {**stage.paths, **inputs}, settings, str(layout.work(key)), kind.resumes)
        outcome = perform(job)
        assert outcome.state == "done", outcome.traceback
        found.setdefault(kind.name, []).append((layout.work(key) / "files", outcome))
    return found


def test_every_kind_has_a_function():
    for kind in stages.KINDS.values():
        module, _, name = kind.function.partition(":")
        assert module == "diversity.grid.stages"
        assert callable(getattr(stages, name)), kind.name


def test_diversity_in_shards_is_that_of_the_whole(finished, samples):
    ((_, outcome),) = finished["diversity"]
    direct = diversity.score(["qqp", "squad_v1"], data=Rows(samples, limit=6), metrics=["cosine", "vendi(q=2)"])
    assert [r["metric"] for r in outcome.rows] == direct["metric"].tolist()
    assert [r["value"] for r in outcome.rows] == pytest.approx(direct["value"].tolist(), abs=1e-6)
    assert outcome.rows[0]["tasks"] == "qqp+squad_v1"
    assert outcome.rows[0]["weights"] == "0.5+0.5"
    assert [len(finished[k]) for k in ("embed", "moments")] == [4, 2]
    assert sum(o.rows[0]["rows"] for _, o in finished["embed"]) == 12


def test_the_first_seed_of_every_mixture_comes_first_and_targets_have_their_own_seeds(samples):
    mixtures = [{"tasks": ["qqp"]}, {"tasks": ["squad_v1"]}]
    target = {**PLAN["target"], "xquad": {"seeds": [2]}}
    plan = {**PLAN, "data": str(samples), "seeds": [1, 2], "mixtures": mixtures, "target": target}
    made = stages_of(parse_plan(plan, Path("plan.toml")))
    trained = [stage.title for stage in made.graph.stages.values() if stage.kind.name == "train"]
    assert trained == ["qqp, seed 1", "squad_v1, seed 1", "qqp, seed 2", "squad_v1, seed 2"]
    cells = [(cell.run.mixture.name, cell.run.seed, cell.run.target) for cell in made.cells]
    targets = [(1, "tatoeba"), (2, "tatoeba"), (2, "xquad")]
    assert cells == [(mixture, *run) for mixture in ("qqp", "squad_v1") for run in targets]


def test_a_mixture_is_trained_to_an_ordinary_checkpoint(finished):
    ((folder, outcome),) = finished["train"]
    record = json.loads((folder / "training.json").read_text())
    assert record["mixture"]["shares"] == {"qqp": 0.5, "squad_v1": 0.5}
    assert record["result"]["examples"] == 8
    assert {r["task"] for r in outcome.rows} == {"qqp", "squad_v1"}
    assert (folder / "model.safetensors").exists()
    assert not (folder / "run").exists()


def test_targets_are_predicted_and_scored(finished, samples):
    folders = {next(p.name for p in folder.iterdir() if p.is_dir()): folder for folder, _ in finished["predict"]}
    assert sorted(p.name for p in folders["tatoeba"].iterdir()) == ["settings.json", "tatoeba"]
    rows = [row for _, outcome in finished["score"] for row in outcome.rows]
    assert sorted(r["metric"] for r in rows) == ["accuracy", "exact_match", "f1"]
    assert {(r["language"], r["split"]) for r in rows} == {("de", "test")}
    assert [r["pooling"] for r in rows if "pooling" in r] == ["mean"]
    direct = diversity.evaluate(folders["xquad"], data=samples, languages=["de"])
    assert {s.metric: s.value for s in direct.scores} == {
        r["metric"]: r["value"] for r in rows if r["metric"] != "accuracy"
    }


def test_a_target_is_tuned_with_its_head(finished):
    ((folder, outcome),) = finished["finetune"]
    assert json.loads((folder / "training.json").read_text())["result"]["steps"] == 2
    assert (folder / "heads.safetensors").exists()
    assert [r["task"] for r in outcome.rows] == ["squad_v1"]


def test_labels_that_are_withheld_are_told_in_the_rows(finished, samples, tmp_path):
    predictions = next(f for f, _ in finished["predict"] if (f / "xquad").is_dir())
    settings = {"target": "xquad", "splits": {"de": "test", "el": "test"}}
    rows = stages.score({"predictions": predictions, "data": samples}, settings, tmp_path)
    (lost,) = (r for r in rows if r["language"] == "el")
    assert (lost["status"], "value" in lost) == ("not scored", False)
    with pytest.raises(diversity.InputError, match="xquad: no language can be scored"):
        stages.score({"predictions": predictions, "data": samples}, {**settings, "splits": {"el": "test"}}, tmp_path)


def test_stages_of_a_plan_hang_together(samples):
    made = stages_of(parse_plan({**PLAN, "data": str(samples)}, Path("plan.toml")))
    assert isinstance(made.graph, Graph)
    sinks = {made.graph.stages[key].kind.name for key in made.graph.sinks}
    assert sinks == {"score", "diversity"}


def test_the_diversity_of_a_mixture_is_that_of_the_shares_it_is_trained_in(samples, small, tmp_path, in_process):
    """Equal weights were scored, and stood in the tables, whatever the sampling rule."""
    model = small.folder(tmp_path / "model", "bert")
    content = {**PLAN, "model": str(model), "data": str(samples), "targets": ["tatoeba"]}
    content["train"] = {**PLAN["train"], "sampling": "proportional"}
    content["mixtures"] = [{"tasks": ["ccg", "qqp"]}]
    plan = parse_plan(content, Path("plan.toml"))
    status = diversity.run_grid(plan, tmp_path / "grid", workers=in_process, policy=Policy(keep=True))
    assert not status.failures
    (record,) = (json.loads(p.read_text()) for p in (tmp_path / "grid" / "stages").glob("*/files/training.json"))
    shares = record["mixture"]["shares"]
    assert shares["ccg"] != shares["qqp"]
    said = "+".join(repr(shares[task]) for task in ("ccg", "qqp"))
    results, scores = (pd.read_csv(tmp_path / "grid" / name) for name in ("results.csv", "scores.csv"))
    assert set(results["weights"]) == set(scores["weights"]) == {said}
    mixture, rows = diversity.Mixture.of(shares), diversity.Rows(samples, limit=6)
    direct = diversity.score(["ccg", "qqp"], mixtures=[mixture], data=rows, metrics=["cosine"])
    assert scores.set_index("metric")["value"]["cosine"] == pytest.approx(direct["value"].iloc[0], abs=1e-6)


@pytest.mark.parametrize("table", ["train", "target"])
def test_settings_that_only_say_how_to_compute_reach_the_training(samples, table):
    """`save_every` was in the key, and redid a whole grid."""
    made = stages_of(parse_plan({**PLAN, table: {"save_every": 7}, "data": str(samples)}, Path("plan.toml")))
    kind = {"train": "train", "target": "finetune"}[table]
    (stage,) = (s for s in made.graph.stages.values() if s.kind.name == kind)
    assert stage.options["computation"]["save_every"] == 7
    assert "save_every" not in json.dumps(stage.settings)


def test_more_shards_than_texts_leave_some_empty(samples, tmp_path):
    """The dry run accepted them, and the stage failed."""
    settings = {"task": "qqp", "sample": 2, "seed": 0, "split": "train,dev", "encoder": "all-MiniLM-L6-v2", "shards": 3}
    inputs = {}
    for shard in range(3):
        inputs[f"shard{shard}"] = tmp_path / str(shard)
        inputs[f"shard{shard}"].mkdir()
        stages.embed({"data": samples}, {**settings, "shard": shard}, inputs[f"shard{shard}"])
    (tmp_path / "merged").mkdir()
    assert stages.moments(inputs, {"task": "qqp"}, tmp_path / "merged") == [{"task": "qqp", "rows": 2}]


def test_one_worker_and_two_leave_the_same_tables(samples, small, tmp_path):
    """Threads of a worker were a share of the machine's, and scores followed their number: a plan can fix it."""
    model = small.folder(tmp_path / "model", "bert", initializer_range=0.05)
    content = {**PLAN, "model": str(model), "targets": ["xquad"], "threads": 1, "data": str(samples)}
    content["target"] = {**PLAN["target"], "stride": 8, "max_length": 48}
    plan = parse_plan(content, tmp_path / "plan.toml")
    for workers in (1, 2):
        status = run_grid(plan, tmp_path / str(workers), workers=workers, policy=Policy(keep=workers == 2))
        assert not status.failures
    for name in ("results.csv", "scores.csv"):
        one, two = ((tmp_path / str(workers) / name).read_bytes() for workers in (1, 2))
        assert one.count(b"\n") > 2
        assert one == two
    assert not list((tmp_path / "1").rglob("README.md")), "used up, and removed"
    cards = {path: ModelCard.load(path) for path in (tmp_path / "2").rglob("README.md")}
    (card,) = (c for c in cards.values() if c.data.eval_results)
    rows = pd.read_csv(tmp_path / "2" / "results.csv")
    assert {r.metric_type: r.metric_value for r in card.data.eval_results} == rows.set_index("metric")[
        "value"
    ].to_dict()
    assert len(cards) == 2, "that of the mixture's checkpoint has no scores of targets"
    assert not grid_status(plan, tmp_path / "2", verify=True).damaged


def test_shards_of_several_encoders_are_not_merged(tmp_path):
    """One precision in one shard and another in the next gave the moments of a mixture of both, without a word."""
    inputs, rows = {}, np.random.default_rng(0).normal(size=(8, 3))
    for number, precision in enumerate(("fp32", "bf16")):
        inputs[f"shard{number}"] = tmp_path / str(number)
        shard = embedded.measured(rows, provenance={"encoder": {"name": "e", "precision": precision}})
        embedded.save_moments(embedded.EmbeddedTasks("moments", {"qqp": shard}), inputs[f"shard{number}"])
    (tmp_path / "merged").mkdir()
    message = "expected vectors of one encoder, found shard 0 with precision 'fp32' and shard 1 with precision 'bf16'"
    with pytest.raises(InputError, match=message):
        stages.moments(inputs, {"task": "qqp"}, tmp_path / "merged")
    assert not any((tmp_path / "merged").iterdir())


def test_a_mixture_may_be_merged_from_its_tasks_in_place_of_training(samples, tmp_path):
    mixtures = [{"tasks": []}, {"tasks": ["qqp"]}, {"tasks": ["squad_v1"]}, {"tasks": ["qqp", "squad_v1"]}]
    changes = {"data": str(samples), "targets": ["tatoeba"], "target": {}, "mixtures": mixtures}
    plans = [
        parse_plan({**PLAN, **changes, "train": {**PLAN["train"], "merge": merge}}, Path("plan.toml"))
        for merge in (False, True)
    ]
    trained, merged = (stages_of(plan) for plan in plans)
    kinds = [[s.kind.name for s in made.graph.stages.values()] for made in (trained, merged)]
    assert [(k.count("train"), k.count("merge")) for k in kinds] == [(3, 0), (2, 1)]
    runs = [{c.run.mixture.name: c.run.key for c in made.cells} for made in (trained, merged)]
    assert {name for name in runs[0] if runs[0][name] != runs[1][name]} == {"qqp+squad_v1"}
    status = run_grid(plans[1], tmp_path / "grid")
    assert status.done, status.failures
    results = pd.read_csv(tmp_path / "grid" / "results.csv")
    assert set(results["mixture"]) == {"baseline", "qqp", "squad_v1", "qqp+squad_v1"}
    (record,) = [
        r for r in (tmp_path / "grid" / "stages").glob("*/record.json") if json.loads(r.read_text())["kind"] == "merge"
    ]
    assert json.loads(record.read_text())["settings"]["weights"] == {"qqp": 0.5, "squad_v1": 0.5}
