"""A sample of every door of `tests/fuzz.py`: valid inputs with something wrong in them."""

import importlib
import random
import sys
from pathlib import Path

import pytest

COUNTS = {"texts": 60, "tables": 12, "submissions": 60, "plans": 60, "options": 60}


@pytest.mark.parametrize("door", COUNTS)
def test_every_answer_is_right_or_one_line(door, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    seed = random.randrange(2**32)
    fuzz = importlib.import_module("fuzz")
    assert fuzz.run(door, COUNTS[door], seed) == []


def test_a_case_that_goes_wrong_is_counted(monkeypatch, capsys):
    monkeypatch.syspath_prepend(Path(__file__).parent)
    fuzz = importlib.import_module("fuzz")
    plans = importlib.import_module("fuzz_plans")
    monkeypatch.setattr(plans, "case", lambda rng, folder: 1 / 0)
    monkeypatch.setitem(sys.modules, "fuzz_plans", plans)
    (line,) = fuzz.run("plans", 1, 7)
    assert line.startswith("plans 7:0: ZeroDivisionError")
    assert "1 inputs" in capsys.readouterr().out
