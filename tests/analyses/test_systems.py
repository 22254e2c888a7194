"""The study of two systems on the same items runs, and reads files of words and tags."""

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).parents[2] / "analyses" / "systems" / "study.py"


@pytest.fixture(scope="module")
def study():
    specification = importlib.util.spec_from_file_location("systems_study", FILE)
    module = importlib.util.module_from_spec(specification)
    sys.modules["systems_study"] = module
    specification.loader.exec_module(module)
    return module


def test_levels_of_a_few_draws(study):
    table = study.levels(2, items=100)
    assert table["case"].to_list() == list(study.cases())
    assert table["coverage"].notna().sum() == 7
    assert table["level"].between(0, 1).all()


def test_published_runs(study, tmp_path, monkeypatch):
    monkeypatch.setattr(study, "REPLICATES", 200)
    gold = "Ada B-PER\nran O\n\nin O\nLagos B-LOC\n\n" * 20
    for language in study.LANGUAGES:
        (tmp_path / f"gold.{language}.txt").write_text(gold)
        for model in study.MODELS:
            for run in study.RUNS:
                (tmp_path / model / run).mkdir(parents=True, exist_ok=True)
                said = gold if model == "xlmrlarge" else gold.replace("Lagos B-LOC", "Lagos O", int(run))
                (tmp_path / model / run / f"{language}.txt").write_text(said)
    table = study.published(tmp_path).set_index(["first", "second", "language", "by"])
    assert len(table) == 18
    assert table.loc[("xlmrlarge", "mbert", "swa", "three runs"), "difference"] > 0
    assert table.loc[("xlmrbase", "mbert", "swa", "first runs"), "difference"] == 0
