"""The layers of the design, enforced over the syntax trees: a module imports from its own room or from below."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "diversity"
# From the top; a room is a module or a folder. What is new here must be given its place.
LAYERS = [
    {"cli"},
    {"grid", "reporting"},
    {"planning", "zeroshot"},
    {"retrieval", "training", "scoring"},
    {"features", "encoders", "stats", "xtreme"},
    {"tasks", "metrics"},
    {"data"},
    {"moments", "results", "store", "catalog"},
    {"types", "version"},
]
LEVEL = {room: depth for depth, rooms in enumerate(LAYERS) for room in rooms}
HEAVY = {
    "torch",
    "accelerate",
    "ray",
    "transformers",
    "sentence_transformers",
    "statsmodels",
    "seaborn",
    "datasets",
    "matplotlib",
    "pandas",
}
MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_rooms(tree: ast.AST) -> set[str]:
    rooms = set()
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, "imports are absolute"
            names = [f"diversity.{a.name}" for a in node.names] if node.module == "diversity" else [node.module]
        rooms |= {n.split(".")[1] for n in names if n.startswith("diversity.")}
    return rooms


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards(path: Path) -> None:
    here = room(path)
    if here in ("__init__", "__main__"):  # doors of the whole house, in no room
        return
    assert here in LEVEL, f"give {here} a place in the layers"
    for other in imported_rooms(ast.parse(path.read_text("utf8"))):
        assert other == here or LEVEL[other] > LEVEL[here], f"{path.name} imports {other}, which is not below it"


def test_the_check_sees_an_import_upwards() -> None:
    assert imported_rooms(ast.parse("def f():\n    from diversity import scoring\n    import diversity.cli\n")) == {
        "scoring",
        "cli",
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    for node in ast.parse(path.read_text("utf8")).body:
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        assert not {n.split(".")[0] for n in names} & HEAVY, f"{path.name} imports {names} at start-up"


def test_nothing_is_unpickled_and_no_remote_code_is_trusted() -> None:
    for path in MODULES:
        text = path.read_text("utf8")
        assert "import pickle" not in text
        assert "torch.load(" not in text
        assert "trust_remote_code=True" not in text
        assert "allow_pickle=True" not in text
