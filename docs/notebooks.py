"""`python docs/notebooks.py` runs the notebooks and saves their outputs; for mkdocs, a hook that makes pages of them."""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

FOLDER = Path(__file__).resolve().parent.parent / "analyses"


def notebooks() -> list[Path]:
    """Every notebook, in order."""
    return sorted(FOLDER.glob("*.ipynb"))


def smaller(picture: str) -> str:
    """The same picture in 64 colours, which figures of a few lines and points do not miss."""
    from PIL import Image

    written = io.BytesIO()
    Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB").quantize(64).save(written, "png", optimize=True)
    return base64.b64encode(written.getvalue()).decode()


def execute(path: Path) -> None:
    """Run a notebook where it lies, and save what it shows; no times, no numbers of cells, nothing written to stderr."""
    import nbformat
    from nbclient import NotebookClient

    book = nbformat.read(path, as_version=4)
    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(FOLDER)}}).execute()
    for cell in book.cells:
        cell.metadata = {}
        if cell.cell_type == "code":
            cell.execution_count = None
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
            for output in cell.outputs:
                output.pop("execution_count", None)
                if output.output_type == "execute_result":
                    output.execution_count = None
                data = output.get("data", {})
                data.pop("image/svg+xml", None)
                if "image/png" in data:
                    data["image/png"] = smaller(data["image/png"])
    book.metadata = {k: book.metadata[k] for k in ("kernelspec", "language_info") if k in book.metadata}
    book.metadata.language_info = {"name": "python"}
    path.write_text(json.dumps(book, indent=1, ensure_ascii=False) + "\n", "utf8")


def shown(output: dict[str, Any], name: str, pictures: dict[str, bytes]) -> Iterator[str]:
    """An output as Markdown; pictures are kept by their name."""
    data = output.get("data", {})
    if "image/png" in data:
        picture = f"{name}-{len(pictures) + 1}.png"
        pictures[picture] = base64.b64decode(data["image/png"])
        yield f"![Figure of the cell above]({picture})"
    elif "text/html" in data:
        table = re.sub(r"<style.*?</style>|\n\s*", " ", "".join(data["text/html"]), flags=re.DOTALL)
        yield re.sub(r"<table[^>]*>", "<table>", table)  # without a class: the theme lets such tables scroll
    else:
        text = "".join(data.get("text/plain", output.get("text", "")))
        lines = [textwrap.fill(x, 78) if "  " not in x.strip() else x for x in text.rstrip().splitlines()]
        yield "```text\n" + "\n".join(lines) + "\n```"


def page(path: Path) -> tuple[str, dict[str, bytes]]:
    """A notebook as a page, and its pictures."""
    pictures = dict[str, bytes]()
    lines = list[str]()
    for cell in json.loads(path.read_text("utf8"))["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            lines += [source, ""]
        else:
            lines += [f"```python\n{source}\n```", ""]
            lines += [text for o in cell["outputs"] for part in shown(o, path.stem, pictures) for text in (part, "")]
    lines += [f"The notebook: `analyses/{path.name}`."]
    return "\n".join(lines) + "\n", pictures


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Called by mkdocs: a page for each notebook."""
    from mkdocs.structure.files import File

    for path in notebooks():
        text, pictures = page(path)
        files.append(File.generated(config, f"notebooks/{path.stem}.md", content=text))
        for name, content in pictures.items():
            files.append(File.generated(config, f"notebooks/{name}", content=content))
    return files


if __name__ == "__main__":
    for named in map(Path, sys.argv[1:] or notebooks()):
        execute(named)
        print(named, f"{named.stat().st_size / 1000:.0f} kB")
