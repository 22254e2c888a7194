"""What the tests share: the written samples, the real data where it is there, a fake hub, and files made on the spot."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parent

# A thread for each worker where tests run side by side: threads that spin while they wait are slower than one.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

collect_ignore_glob = ["fuzz_*.py"]  # run by hand; they import each other, as scripts do

# Files that take longest, longest first: a long one that comes last keeps one worker busy while the other has nothing left.
LONGEST = (
    "tests/test_documentation.py",
    "tests/cli/test_cli.py",
    "tests/stats/test_fit.py",
    "tests/grid/test_stages.py",
    "tests/training/test_loop.py",
    "tests/stats/test_simulation.py",
    "tests/reporting/test_report.py",
    "tests/grid/test_run.py",
    "tests/test_notebooks.py",
    "tests/planning/test_design.py",
    "tests/stats/test_declared.py",
    "tests/stats/test_compare.py",
    "tests/metrics/test_pairwise.py",
    "tests/scoring/test_propose.py",
    "tests/data/test_check.py",
    "tests/catalog/test_whole_way.py",
    "tests/reporting/test_site.py",
    "tests/grid/test_kills.py",
    "analyses/0_own_files.ipynb",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; `make test` hands files out in this order."""
    order = {str(REPOSITORY / path): number for number, path in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(str(item.path), len(order)))


# No test asks the real hub for anything. (A test that fetches does so in a process of its own, from the fake one.)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")


def beside(file: str, name: str = "") -> ModuleType:
    """The module of a file beside this one, by its own name or another (tests are no package)."""
    specification = importlib.util.spec_from_file_location(name or file, HERE / f"{file}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator of random numbers, of a fixed seed."""
    return np.random.default_rng(0)


@pytest.fixture
def run(capsys):
    """Run a command line in this process: its exit status, output and errors."""

    from diversity.cli import main

    def call(*arguments):
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        out = capsys.readouterr()
        return stop.value.code or 0, out.out, out.err

    return call


@pytest.fixture(scope="session")
def samples() -> Path:
    """The samples that were written for the toolkit, in the formats of the releases."""
    return REPOSITORY / "data" / "samples"


@pytest.fixture(scope="session")
def files() -> Path:
    """Small files that only tests read."""
    return HERE / "files"


@pytest.fixture(scope="session")
def real() -> Path:
    """The folder of real data in the formats of the releases."""
    folder = os.environ.get("DIVERSITY_DATA")
    if not folder:
        pytest.skip("DIVERSITY_DATA does not name a folder of real data")
    return Path(folder)


@pytest.fixture
def write(tmp_path):
    """A function that writes a file, with its folders: text as UTF-8, without touching its line ends."""

    def write(name: str, content: str | bytes) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


@pytest.fixture(scope="session")
def hub_module():
    """The module `hub.py` beside this file (tests are no package)."""
    return beside("hub", "fake_hub")


@pytest.fixture
def hub(hub_module):
    """A running fake hub, empty."""
    with hub_module.FakeHub() as running:
        yield running


@pytest.fixture
def reached(hub, tmp_path, monkeypatch):
    """The fake hub, which this process reaches in place of the real one, with caches that are empty."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.endpoint + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("DIVERSITY_CACHE", str(tmp_path / "cache"))
    return hub


@pytest.fixture
def command(tmp_path):
    """A function that starts Python on arguments in a process that knows only the hub at `endpoint`."""

    def command(endpoint: str, *arguments: str) -> subprocess.Popen[str]:
        outside = ("HF_", "HUGGING_FACE_", "HUGGINGFACE_")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(outside) and not name.lower().endswith("_proxy")
        }
        environment |= {
            "HF_ENDPOINT": endpoint,
            "HF_HOME": str(tmp_path / "hf_home"),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "PYTHONPATH": str(REPOSITORY),
        }
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return command


@pytest.fixture(scope="session")
def small():
    """The module `small.py` beside this file."""
    return beside("small")


@pytest.fixture(scope="session")
def loaded(small, tmp_path_factory):
    """A function that makes a tiny random encoder of an architecture, loaded from its folder."""
    from diversity.encoders.pretrained import load_model

    def loaded(architecture: str, **changes):
        path = tmp_path_factory.mktemp(architecture)
        return load_model(str(small.folder(path, architecture, **changes)))

    return loaded


@pytest.fixture(scope="session")
def designs():
    """The module `designs.py` beside this file: designs, made on the spot, for all tests of the statistics."""
    return beside("designs")


@pytest.fixture(scope="session")
def in_process():
    """Workers that do the stages of a grid in this process, one after the other, for tests of what the stages leave."""
    from diversity.grid.job import Job, Outcome, perform
    from diversity.grid.run import Workers

    class Here:
        def __init__(self) -> None:
            self.ended: list[Outcome] = []

        def free(self) -> int:
            return 1 - len(self.ended)

        def submit(self, job: Job) -> None:
            self.ended.append(perform(job))

        def wait(self, timeout: float) -> list[Outcome]:
            ended, self.ended = self.ended, []
            return ended

        def close(self) -> None:
            pass

    class InProcess(Workers):
        def executor(self, threads: int | None):
            return Here

    return InProcess()


@pytest.fixture(autouse=True)
def _nothing_stays_included():
    """Folders that a test includes are forgotten after it."""
    from diversity.catalog import own

    with own.Inclusion((), own.folders()):
        yield
