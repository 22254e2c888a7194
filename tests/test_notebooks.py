"""The notebooks: they run, outputs saved and small, on the public API alone."""

import ast
import json
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "analyses").rglob("*.ipynb"))
IN_A_KERNEL = ROOT / "analyses" / "0_own_files.ipynb"  # by nbmake; the others in this process
BESIDE = {"published", "simulation"}  # modules of analyses/, where the notebooks run


def code(path: Path) -> list[dict]:
    return [c for c in json.loads(path.read_text("utf8"))["cells"] if c["cell_type"] == "code"]


def test_there_are_seven():
    assert len(NOTEBOOKS) == 7


def test_pytest_executes_one_in_a_kernel():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["tool"]["pytest"]["ini_options"]
    assert "--nbmake" in options["addopts"].split()
    assert {ROOT / path for path in options["testpaths"] if path.endswith(".ipynb")} == {IN_A_KERNEL}


@pytest.fixture
def shell(monkeypatch):
    """IPython as a kernel has it, in this process, which has loaded the packages already."""
    import matplotlib.pyplot as plt
    import pandas as pd
    from IPython.core.interactiveshell import InteractiveShell
    from IPython.core.pylabtools import select_figure_formats
    from traitlets.config import Config

    monkeypatch.chdir(ROOT / "analyses")
    monkeypatch.syspath_prepend(str(ROOT / "analyses"))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])  # which the shell replaces
    before = set(sys.modules)
    shell = InteractiveShell(config=Config({"HistoryManager": {"enabled": False}}))
    shell.display_formatter.active_types = shell.display_formatter.format_types  # tables as HTML and figures, too
    select_figure_formats(shell, {"png"})
    yield shell
    shell.reset()
    plt.close("all")
    pd.reset_option("^display")
    for name in (set(sys.modules) - before) & BESIDE:
        del sys.modules[name]


@pytest.mark.parametrize("path", [p for p in NOTEBOOKS if p != IN_A_KERNEL], ids=lambda p: p.stem)
def test_a_notebook_runs(path, shell):
    for cell in code(path):
        shell.run_cell("".join(cell["source"])).raise_error()


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_committed_with_small_outputs_and_a_figure(path):
    """`python docs/notebooks.py` saves them."""
    outputs = [output for cell in code(path) for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    assert not any(output.get("name") == "stderr" or output["output_type"] == "error" for output in outputs)
    assert all(cell["execution_count"] is None for cell in code(path))
    assert path.stat().st_size < 300_000
    assert set(json.loads(path.read_text("utf8"))["metadata"]) == {"kernelspec", "language_info"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_uses_the_public_api_through_one_import(path):
    import diversity

    tree = ast.parse("\n".join("".join(cell["source"]) for cell in code(path)))
    imported = [a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names]
    imported += [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert imported.count("diversity") == 1
    assert not [name for name in imported if name.startswith("diversity.")]
    assert set(imported) <= {"diversity", "numpy", "pandas", "itertools", "tempfile", "pathlib", *BESIDE}
    used = {
        node.attr
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "diversity"
    }
    assert used
    assert used <= set(diversity.__all__)
