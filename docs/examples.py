"""Docstrings as Markdown: their examples fenced, for the reference and, as an extension of griffe, for mkdocstrings."""

from __future__ import annotations

import inspect

import griffe


def prose(doc: str) -> list[str]:
    """The lines of a docstring, its examples fenced."""
    lines, fenced = list[str](), False
    for line in doc.splitlines():
        example = line.startswith((">>>", "...")) or (fenced and line.strip() != "")
        if example != fenced:
            lines.append("```pycon" if example else "```")
            fenced = example
        lines.append(line)
    return [*lines, "```"] if fenced else lines


class Examples(griffe.Extension):
    """Fences the examples of every docstring."""

    def on_object(self, *, obj: griffe.Object, **_: object) -> None:
        """Called by griffe for each object that is loaded."""
        if obj.docstring and "\nExamples\n---" not in inspect.cleandoc(obj.docstring.value):  # numpydoc fences its own
            obj.docstring.value = "\n".join(prose(obj.docstring.value))
