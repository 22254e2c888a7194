"""The promise of the defaults, in small: level, coverage and the slope that was put in, within Monte-Carlo error."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

FOLDER = Path(__file__).parents[2] / "analyses" / "simulation"


@pytest.fixture(scope="module")
def study():
    specification = importlib.util.spec_from_file_location("simulation_study", FOLDER / "study.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["simulation_study"] = module
    specification.loader.exec_module(module)
    return module


def error(share, outcomes):
    """Three Monte-Carlo standard errors, doubled for outcomes that share a drawn diversity."""
    return 3 * math.sqrt(2 * share * (1 - share) / outcomes)


def test_levels(study, monkeypatch):
    monkeypatch.setattr(study, "PERMUTATIONS", 299)
    monkeypatch.setattr(study, "SIZES", {n: study.SIZES[n] for n in ("all 511", "84 triples", "36 pairs + 9 singles")})
    rng = np.random.default_rng(11)
    rejected: dict = {}
    for name, found in study.draw(20, 20, 0.0, rng):
        for method, numbers in found.items():
            rejected.setdefault((name, method), []).extend(numbers[0] <= 0.05)
    rate = {key: np.mean(v) for key, v in rejected.items()}
    within = error(0.05, 400)
    for name in ("all 511", "84 triples", "36 pairs + 9 singles"):
        assert rate[name, "task labels"] == pytest.approx(0.05, abs=within)
        assert rate[name, "REML, Satterthwaite"] == pytest.approx(0.05, abs=within)
    assert rate["all 511", "OLS"] > 0.4
    assert rate["84 triples", "OLS"] > 0.15


def test_coverage_and_the_known_slope(study, monkeypatch):
    monkeypatch.setattr(study, "PERMUTATIONS", 299)
    monkeypatch.setattr(study, "SIZES", {"84 triples": (3,)})
    table = study.coverage(20, 15, np.random.default_rng(12)).set_index(["design", "method"])
    for method in ("task labels", "REML, Satterthwaite"):
        line = table.loc["84 triples", method]
        assert line["coverage"] == pytest.approx(0.95, abs=error(0.05, 300))
        assert line["slope"] == pytest.approx(0.5, abs=4 * line["slope_error"])
    assert table.loc[("84 triples", "OLS"), "coverage"] < 0.88


def test_the_published_study_says_the_same():
    if not (FOLDER / "rates.csv").exists():
        pytest.skip("the study has not been run here: python analyses/simulation/study.py")
    rates = pd.read_csv(FOLDER / "rates.csv").set_index(["design", "method"])["rate"]
    for name in ("all 511", "84 triples", "36 pairs", "36 pairs + 9 singles", "9 singles"):
        assert 0.03 <= rates[name, "task labels"] <= 0.07
    assert rates["all 511", "OLS"] > 0.4
    assert (rates[:, "REML, Satterthwaite"].between(0.03, 0.07)).all()
    held = pd.read_csv(FOLDER / "coverage.csv").set_index(["design", "method"])["coverage"]
    for method in ("task labels", "REML, Satterthwaite"):
        assert held[:, method].between(0.93, 0.97).all()
    slope = pd.read_csv(FOLDER / "coverage.csv").set_index(["design", "method"])
    assert ((slope["slope"] - 0.5).abs() < 4 * slope["slope_error"] + 1e-3).all()
    curves = pd.read_csv(FOLDER / "power.csv")
    for _, curve in curves.groupby(["design", "method"]):
        assert curve["power"].is_monotonic_increasing or curve["power"].diff().min() > -0.06
