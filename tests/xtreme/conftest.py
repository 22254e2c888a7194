"""What the tests of the benchmark share: a made-up submission, and folders of a few lines."""

import importlib.util
import json
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def submission():
    """The module `submission.py` beside this file (tests are no package)."""
    specification = importlib.util.spec_from_file_location("submission", HERE / "submission.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden(submission):
    """The numbers that the benchmark's own script gives for the made-up submissions, by version."""
    return json.loads(submission.GOLDEN.read_text("utf8"))


@pytest.fixture(scope="session")
def whole(submission, tmp_path_factory):
    """Folders of predictions and labels of all nine tasks."""
    return submission.write(tmp_path_factory.mktemp("xtreme"), "xtreme", "xtreme")


@pytest.fixture
def small(tmp_path):
    """Folders of predictions and labels of bucc2018, which has four languages: each with F1 0.5."""
    for language in ("de", "fr", "ru", "zh"):
        for side, pair in (("labels", "b"), ("predictions", "c")):
            path = tmp_path / side / "bucc2018" / f"test-{language}.tsv"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{language}-1\ten-a\n{language}-2\ten-{pair}\n", "utf8")
    return tmp_path / "predictions", tmp_path / "labels"
