"""Run what the pages show: `python docs/blocks.py [PAGE ...]` writes the outputs anew (`--check`: status 1 if any differs).

A page is run from top to bottom in a folder of its own, which has `data/samples` and `analyses` as a clone has them. A block
with a title is a file, `python` is executed, and of `sh` and `console` the lines that call `diversity` are run; `console`
shows the output, too. `bash` is for what cannot be run here: installing, clusters, hours of training. With `--pictures`, the
picture that stands below a block is drawn again: the `figure` of a `python` block, or the file that `--plot` named.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(
    r"^```(\w+)(?: title=\"(.*?)\")?\n(.*?)^```(?=(?:\n\n!\[[^]]*\]\((.*?)\))?)", flags=re.MULTILINE | re.DOTALL
)
PROMPT = re.compile(r"\A\$ (?:.*\\\n)*.*\n")  # the command, with the lines that it goes on in
PLOTTED = re.compile(r"--plot (\S+)")
COMMAND = re.compile(r"^(?:\$ )?diversity (.*)$", flags=re.MULTILINE)
LINKS = ("data/samples", "analyses")


def pages() -> list[Path]:
    """README and every page that is written by hand."""
    found = [p for p in (ROOT / "docs").rglob("*.md") if not p.read_text("utf8").startswith("<!-- Written by")]
    return [ROOT / "README.md", *sorted(found)]


@contextlib.contextmanager
def place() -> Iterator[None]:
    """An empty folder to run a page in, with what every page may use."""
    before, environment = Path.cwd(), dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "data").mkdir()
        for name in LINKS:
            Path(folder, name).symlink_to(ROOT / name)
        os.environ |= {"DIVERSITY_CACHE": str(Path(folder, "cache")), "COLUMNS": "80", "MPLBACKEND": "agg"}
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)
            os.environ.clear()
            os.environ.update(environment)


def call(command: str) -> str:
    """What a command line prints; RuntimeError where it fails."""
    from diversity.cli import main

    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(shlex.split(command, comments=True))
        except SystemExit as stop:
            status = stop.code
    if status:
        raise RuntimeError(f"diversity {command}: status {status}\n{err.getvalue()}")
    return out.getvalue()


def run(text: str, pictures: Path | None = None) -> str:
    """The page with the outputs that its commands have now; its pictures are drawn anew in the folder of the page."""
    import matplotlib.pyplot as plt

    from diversity.catalog import own

    names: dict[str, object] = {"__name__": "page"}

    def block(match: re.Match[str]) -> str:
        kind, title, content, picture = match.groups()
        if title:
            Path(title).parent.mkdir(parents=True, exist_ok=True)
            Path(title).write_text(content, "utf8")
        elif kind == "python":
            exec(content, names)
            if pictures and picture:
                names["figure"].savefig(pictures / picture, dpi=80)  # type: ignore[attr-defined]
            plt.close("all")
        elif kind in ("sh", "console"):
            shown = [call(command) for command in COMMAND.findall(content.replace("\\\n", " "))]
            if pictures and picture and (plotted := PLOTTED.search(content)):
                shutil.copy(plotted.group(1), pictures / picture)
            if kind == "console":
                (command,) = PROMPT.findall(content)
                return f"```console\n{command}{''.join(shown)}```"
        return match.group()

    with place(), own.Inclusion((), own.folders()):
        return BLOCK.sub(block, text)


def main(arguments: list[str]) -> int:
    """Write the pages, or name those whose outputs differ."""
    named = [Path(a).resolve() for a in arguments if not a.startswith("-")] or pages()
    stale = False
    for page in named:
        text = page.read_text("utf8")
        now = run(text, page.parent if "--pictures" in arguments else None)
        if now != text:
            stale = True
            print(page.relative_to(ROOT))
            if "--check" not in arguments:
                page.write_text(now, "utf8")
    return int("--check" in arguments and stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
