"""What starts quickly starts without the heavy packages."""

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "sentence_transformers", "pandas")


def loaded_by(arguments: list[str]) -> set[str]:
    """The heavy packages that a command has loaded when it ends."""
    code = (
        "import sys, io, contextlib\n"
        "from diversity.cli import main\n"
        "try:\n"
        "    with contextlib.redirect_stdout(io.StringIO()):\n"
        f"        main({arguments!r})\n"
        "except SystemExit as stop:\n"
        "    assert not stop.code, stop.code\n"
        f"print([m for m in {HEAVY!r} if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(ast_list(done.stdout))


def ast_list(text: str) -> list[str]:
    import ast

    found = ast.literal_eval(text.strip().splitlines()[-1])
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["tasks"],
        ["metrics"],
        ["score", "--help"],
        ["distances", "--help"],
        ["data", "--help"],
        ["retrieve", "--help"],
    ],
)
def test_help_and_lists_load_nothing_heavy(arguments: list[str]) -> None:
    assert loaded_by(arguments) == set()


def test_scoring_from_shipped_moments_loads_no_torch() -> None:
    assert loaded_by(["score", "--tasks", "squad_v1,mnli"]) == {"pandas"}


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = f"import sys, diversity; dir(diversity); print([m for m in {HEAVY!r} + ('numpy',) if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
