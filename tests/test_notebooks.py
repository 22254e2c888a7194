"""The notebooks: outputs saved and small, on the public API alone, and among what pytest runs (nbmake executes them)."""

import ast
import json
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
NOTEBOOKS = sorted((ROOT / "analyses").rglob("*.ipynb"))
BESIDE = {"published", "simulation"}  # modules of analyses/, where the notebooks run


def code(path: Path) -> list[dict]:
    return [c for c in json.loads(path.read_text("utf8"))["cells"] if c["cell_type"] == "code"]


def test_there_are_seven():
    assert len(NOTEBOOKS) == 7


def test_pytest_executes_all_of_them():
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf8"))["tool"]["pytest"]["ini_options"]
    assert "--nbmake" in options["addopts"].split()
    assert {p for pattern in options["testpaths"] for p in ROOT.glob(pattern) if p.suffix == ".ipynb"} == set(NOTEBOOKS)


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
