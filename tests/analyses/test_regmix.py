"""The study of RegMix's runs on tables of the same shape: it runs, goes on where it stopped, and finds what was put in."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FILE = Path(__file__).parents[2] / "analyses" / "regmix" / "study.py"
DOMAINS = ("arxiv", "law", "code", "web", "books", "wiki")


@pytest.fixture(scope="module")
def study():
    specification = importlib.util.spec_from_file_location("regmix_study", FILE)
    module = importlib.util.module_from_spec(specification)
    sys.modules["regmix_study"] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def folder(study, tmp_path, rng):
    """Losses that fall with each domain's own share, with diminishing returns, and with nothing else."""
    for place, pattern in enumerate(study.STUDIES.values()):
        weights = rng.dirichlet(np.full(len(DOMAINS), 0.5), 40 + place).round(4)
        losses = (
            3 - np.sqrt(weights) @ rng.uniform(0.5, 1.5, (len(DOMAINS), 2)) + rng.normal(0, 0.02, (len(weights), 2))
        )
        names = [f"train_the_pile_{name}" for name in DOMAINS]
        targets = [f"metric/the_pile_{name}_val_loss" for name in DOMAINS[:2]]
        for what, values, columns in (("mixture", weights, names), ("pile_loss", losses, targets)):
            table = pd.DataFrame(values, columns=columns)
            table.insert(0, "index", range(len(table)))
            table.to_csv(tmp_path / pattern.format(what), index=False)
    return tmp_path


def test_the_tables_and_more_draws(study, folder, tmp_path, monkeypatch):
    for name, value in (("CHUNK", 2), ("RELABELLINGS", 199), ("PLACEBOS", 2)):
        monkeypatch.setattr(study, name, value)
    studies = study.read(folder)
    outcomes = pd.concat([study.of_outcomes(name, one) for name, one in studies.items()])
    assert outcomes["outcome"].to_list() == ["arxiv", "law", "mean"] * 4
    means = outcomes[outcomes["outcome"] == "mean"]
    assert (means["p_given_nothing"] < 1e-4).all()  # each domain's diminishing returns pass for diversity
    assert (means["p_given_returns"] > 1e-4).all()
    assert set(study.of_domains("one", next(iter(studies.values())))["domain"]) == set(DOMAINS)
    file = tmp_path / "draws.csv"
    study.false_positives(studies, 2, file)
    before = pd.read_csv(file)
    study.false_positives(studies, 4, file)
    after = pd.read_csv(file)
    assert after.iloc[: len(before)].equals(before)
    assert len(after) == 2 * len(before)
    rates = study.rates(after)
    assert set(rates["draws"]) == {4}
    of_hill = rates[(rates["diversity"] == "hill") & (rates["null"] == "returns")]
    assert (of_hill["naive"] == 1).all()
    assert (of_hill["labels"] == 0).all()
