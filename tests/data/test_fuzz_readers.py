"""A sample of `tests/fuzz_readers.py`: valid files of every reader with something wrong in them."""

import importlib.util
import random
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st


@pytest.fixture(scope="module")
def fuzz():
    """The module `fuzz_readers.py` (tests are no package)."""
    place = Path(__file__).parents[1] / "fuzz_readers.py"
    specification = importlib.util.spec_from_file_location("fuzz_readers", place)
    module = importlib.util.module_from_spec(specification)
    sys.modules["fuzz_readers"] = module
    specification.loader.exec_module(module)
    return module


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**64))
def test_what_is_wrong_in_a_file_is_said_and_nothing_is_changed_in_silence(fuzz, seed):
    with tempfile.TemporaryDirectory() as folder:
        fuzz.case(random.Random(seed), Path(folder))
