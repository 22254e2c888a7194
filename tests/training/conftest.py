"""What the tests of training share."""

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def small():
    """The module `small.py` beside this file."""
    specification = importlib.util.spec_from_file_location("small", Path(__file__).parent / "small.py")
    module = importlib.util.module_from_spec(specification)
    sys.modules["small"] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def loaded(small, tmp_path_factory):
    """A function that makes a tiny random encoder of an architecture, loaded from its folder."""
    from diversity.training.model import load_model

    def loaded(architecture: str, **changes):
        path = tmp_path_factory.mktemp(architecture)
        return load_model(str(small.folder(path, architecture, **changes)))

    return loaded
