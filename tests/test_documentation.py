"""What the documentation shows is what the commands print; what it names is there."""

import re
import shlex
import sys
from pathlib import Path

import pytest

from diversity.cli import main

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text("utf8")
sys.path.insert(0, str(ROOT / "docs"))

import blocks  # noqa: E402  (docs/blocks.py)


@pytest.mark.parametrize("page", blocks.pages(), ids=lambda page: page.stem)
def test_what_a_page_shows_runs_and_prints_that(page):
    text = page.read_text("utf8")
    assert blocks.run(text) == text, "python docs/blocks.py writes the outputs anew"


def test_the_readme_shows_an_output_and_pictures():
    assert len(re.findall("^```console", README, flags=re.MULTILINE)) == 1
    pictures = re.findall(r"!\[[^]]+\]\((.*?)\)", README)
    assert len(pictures) == 2
    assert all((ROOT / picture).stat().st_size < 100_000 for picture in pictures)


@pytest.mark.parametrize("page", ["README.md", "data/README.md", "CONTRIBUTING.md"])
def test_links_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text("utf8")):
        assert target.startswith("http") or (path.parent / target).exists(), target


def test_the_citation_is_valid_and_of_this_version():
    import yaml  # of mkdocs

    import diversity

    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf8"))
    known = "cff-version message type title abstract authors version license keywords".split()
    assert set(cited) <= set(known)  # of the keys of version 1.2.0 those in use
    assert {"cff-version", "message", "title", "authors"} <= set(cited)  # the keys that it requires
    assert (cited["cff-version"], cited["type"], cited["license"]) == ("1.2.0", "software", "Apache-2.0")
    assert cited["authors"]
    assert all(set(author) == {"name"} for author in cited["authors"])
    assert cited["version"] == diversity.__version__
    assert len(set(cited["keywords"])) == len(cited["keywords"])


def test_what_contributing_names_is_there():
    text = (ROOT / "CONTRIBUTING.md").read_text("utf8")
    targets = re.findall(r"^make (\w+)", text, flags=re.MULTILINE)
    assert len(targets) == 5
    made = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf8"), flags=re.MULTILINE)
    assert set(targets) <= set(made)
    named = [p for p in re.findall(r"`([\w./]+/[\w./]*)`", text) if p != "site/"]
    assert len(named) > 8
    assert all((ROOT / path).exists() for path in named)


def shown_options(text):
    """The options that are shown of each command: {("grid", "run"): {"--output", ...}}."""
    found = {}
    for line in re.findall(r"^diversity (.*?)(?:  #.*)?$", text, flags=re.MULTILINE):
        words = shlex.split(line)
        name = tuple(words[: 2 if words[0] in ("grid", "data") else 1])
        found.setdefault(name, set()).update(w for w in words if w.startswith("--"))
    return found


@pytest.mark.parametrize(("name", "options"), shown_options(README).items())
def test_commands_in_the_readme_have_the_options_that_are_shown(name, options, capsys):
    with pytest.raises(SystemExit) as stop:
        main([*name, "--help"])
    assert not stop.value.code
    assert options <= set(re.findall(r"--[a-z][a-z-]*", capsys.readouterr().out))


def test_the_pages_show_the_examples_that_ship():
    page = (ROOT / "docs" / "howto" / "target.md").read_text("utf8")
    files = list((ROOT / "data" / "examples" / "tasks").glob("*.toml"))
    assert len(files) == 3
    assert all(f'```toml title="mine/tasks/{f.name}"\n{f.read_text("utf8")}```' in page for f in files)


def test_the_reference_is_what_the_code_says():
    import subprocess

    done = subprocess.run([sys.executable, ROOT / "docs" / "reference.py", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
