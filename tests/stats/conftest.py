"""Designs, made on the spot, for all tests of the statistics."""

import importlib.util
from pathlib import Path

import pytest

specification = importlib.util.spec_from_file_location("designs", Path(__file__).parent / "designs.py")
module = importlib.util.module_from_spec(specification)
specification.loader.exec_module(module)


@pytest.fixture(scope="session")
def designs():
    """The module `designs.py` beside this file (tests are no package)."""
    return module
