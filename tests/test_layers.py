"""The layers of the design, enforced over the syntax trees: a module imports from its own room or from below."""

import ast
from collections import defaultdict
from collections.abc import Iterator
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
    {"tasks", "metrics", "studies"},
    {"data"},
    {"moments", "results", "store", "catalog", "display"},
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
TREES = {path: ast.parse(path.read_text("utf8")) for path in MODULES}
OUTSIDE = [
    path for folder in ("tests", "benchmarks", "analyses") for path in sorted((PACKAGE.parent / folder).rglob("*.py"))
]
MOST, MANY, FEW = 10, 8, 5  # parameters of a function; how many functions may have more than MANY
KNOWN_TWICE: set[str] = set()
KNOWN_LONG: set[str] = set()
PRIVATE = 3  # private names that tests and benchmarks reach


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
    for other in imported_rooms(TREES[path]):
        assert other == here or LEVEL[other] > LEVEL[here], f"{path.name} imports {other}, which is not below it"


def test_the_check_sees_an_import_upwards() -> None:
    assert imported_rooms(ast.parse("def f():\n    from diversity import scoring\n    import diversity.cli\n")) == {
        "scoring",
        "cli",
    }


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_heavy_packages_are_imported_where_they_are_used(path: Path) -> None:
    for node in TREES[path].body:
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


def functions(path: Path) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The functions and methods of a module, each with its place."""
    for node in ast.walk(TREES[path]):
        if isinstance(node, ast.FunctionDef):
            yield f"{path.relative_to(PACKAGE)}: {node.name}", node


def parameters(node: ast.FunctionDef) -> list[str]:
    names = [a.arg for a in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return names[1:] if names[:1] in (["self"], ["cls"]) else names


def outside_the_commands() -> Iterator[tuple[str, ast.FunctionDef]]:
    for path in MODULES:
        if room(path) != "cli":
            yield from functions(path)


def test_at_most_nine_layers() -> None:
    assert len(LAYERS) <= 9
    assert sum(map(len, LAYERS)) == len(LEVEL), "a room stands in two layers"


def test_a_class_name_means_one_thing() -> None:
    places = defaultdict(list)
    for path in MODULES:
        for node in ast.walk(TREES[path]):
            if isinstance(node, ast.ClassDef):
                places[node.name].append(str(path.relative_to(PACKAGE)))
    twice = {name: where for name, where in places.items() if len(where) > 1}
    assert twice == {}


def test_functions_have_few_parameters() -> None:
    counts = {place: len(parameters(node)) for place, node in outside_the_commands()}
    assert {place: n for place, n in counts.items() if n > MOST} == {}
    many = {place: n for place, n in counts.items() if n > MANY}
    assert len(many) <= FEW, many


def test_no_function_takes_anything_by_any_name() -> None:
    loose = {
        place
        for place, node in outside_the_commands()
        if node.args.kwarg and isinstance(kind := node.args.kwarg.annotation, ast.Name) and kind.id == "Any"
    }
    assert loose == set()


def private_names(tree: ast.AST, own: str) -> set[str]:
    """Private names of the package that a module of the room `own` reaches in another room."""
    modules, reached = dict[str, str](), set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "diversity":
            for alias in node.names:
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            modules |= {(a.asname or a.name): a.name for a in node.names if a.name.startswith("diversity.")}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            reached.add(f"{modules[node.value.id]}.{node.attr}")
    return {name for name in (*reached, *modules.values()) if is_private(name) and name.split(".")[1] != own}


def is_private(name: str) -> bool:
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def test_no_private_name_is_used_from_another_room() -> None:
    reached = {str(path.relative_to(PACKAGE)): private_names(TREES[path], room(path)) for path in MODULES}
    assert {name: names for name, names in reached.items() if names} == {}


def test_tests_and_benchmarks_reach_few_private_names() -> None:
    """Those of a module: the helpers of the metrics stand in modules that begin with an underscore, for they are none."""
    reached = dict[str, set[str]]()
    for path in OUTSIDE:
        names = private_names(ast.parse(path.read_text("utf8")), "")
        files = {name: PACKAGE.parent.joinpath(*name.split(".")).with_suffix(".py") for name in names}
        reached[path.name] = {n for n in names if n.split(".")[-1].startswith("_") and not files[n].exists()}
    assert sum(map(len, reached.values())) <= PRIVATE, {name: names for name, names in reached.items() if names}


def test_the_check_sees_a_private_name() -> None:
    text = "from diversity.training import loop\nfrom diversity.data.hub import _get\nloop._step(1)\n"
    assert private_names(ast.parse(text), "grid") == {"diversity.training.loop._step", "diversity.data.hub._get"}
    assert private_names(ast.parse(text), "training") == {"diversity.data.hub._get"}
