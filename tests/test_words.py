"""Words for a reader: short sentences, and none of the words that readers stumbled over."""

import re
import sys
from pathlib import Path

import pytest
import typer.main

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))

import blocks  # noqa: E402  (docs/blocks.py)

MOST = 30  # words of a sentence
# Spelled out where an idiom would do, or idiom where a plain word would.
RETIRED = re.compile(
    r"\b(told|brings?|brought|holds? \w+ against|hold against|goes with|hangs? on|what there is|besides|of its own)\b",
    flags=re.IGNORECASE,
)
ORDINARY = {  # where the word is ordinary English
    "told": ("be told apart",),
    "bring": ("texts bring what",),
    "of its own": ("in a process of its own", "is one of its own", "in an environment of its own"),
}


def prose(text: str) -> list[str]:
    """The sentences of a page: no code, tables, headings or addresses."""
    text = re.sub(r"^```.*?^```|<!--.*?-->", "", text, flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)
    paragraphs = re.split(r"\n\s*\n|\n(?=\s*(?:[-*>]|\d+\.) )", text)
    kept = [p for p in paragraphs if p.strip() and not p.lstrip().startswith(("|", "#", "!"))]
    return [s for p in kept for s in re.split(r"(?<=[.:;?!])[*\"')]*\s+", " ".join(p.split()))]


def helps() -> dict[str, str]:
    """The help of every command, and that of each of its options."""
    found = {}

    def walk(command, name):
        found[name] = command.help or ""
        for parameter in getattr(command, "params", ()):
            found[f"{name} {'/'.join(parameter.opts)}"] = getattr(parameter, "help", "") or ""
        for inner, sub in getattr(command, "commands", {}).items():
            walk(sub, f"{name} {inner}")

    from diversity.cli import app

    walk(typer.main.get_command(app), "diversity")
    return found


def retired(text: str) -> list[str]:
    """The retired words in a text, with what stands around them."""
    text = " ".join(text.split())
    around = [text[max(0, m.start() - 30) : m.end() + 30] for m in RETIRED.finditer(text)]
    allowed = [phrase for phrases in ORDINARY.values() for phrase in phrases]
    return [a for a in around if not any(phrase in a for phrase in allowed)]


@pytest.mark.parametrize("page", [*blocks.pages(), *(ROOT / "docs" / "reference").glob("*.md")], ids=lambda p: p.stem)
def test_no_page_has_a_retired_word(page):
    assert retired(re.sub(r"^```.*?^```", "", page.read_text("utf8"), flags=re.MULTILINE | re.DOTALL)) == []


def test_no_help_has_a_retired_word():
    assert {name: words for name, text in helps().items() if (words := retired(text))} == {}


@pytest.mark.parametrize("page", blocks.pages(), ids=lambda p: p.stem)
def test_sentences_are_short(page):
    assert [s for s in prose(page.read_text("utf8")) if len(s.split()) > MOST] == []


def test_sentences_of_the_help_are_short():
    long = {name: s for name, text in helps().items() for s in prose(text) if len(s.split()) > MOST}
    assert long == {}
