"""Readers of tagged sentences: columns, CoNLL-U, supertags in two lists, and CCGbank's derivations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from diversity.data.lines import blocks, file_name, lines
from diversity.types import BadRow, Example, Reader, Tagging

Items = Iterator[Example | BadRow]
BOUNDARY = "-DOCSTART-"  # a line of CoNLL 2003 between documents, which is no sentence


def conll(
    token: int,
    tag: int,
    *,
    width: int = 2,
    strip_language: bool = False,
    labels: Sequence[str] = (),
    withheld: bool = True,
) -> Reader:
    """One token a line in tab-separated columns, a blank line between sentences, `#` comments in wide formats.

    `token` and `tag` are column numbers, `width` is the number of columns. `strip_language` takes the `xx:` prefix of
    WikiANN's words off, which otherwise is taken off where all words of the first sentence have it. `labels` are the
    tags of a task whose words have no blanks, by which a blank in place of a tab is told. Where tags may be `withheld`, a
    sentence may have none; of a file with `labels`, all or none have.
    """

    def read(path: Path, language: str) -> Items:
        prefix, stripped = f"{language}:", True if strip_language else None
        tagged = None if withheld else True  # whether the file has tags: its first sentence tells
        for start, block in blocks(path):
            if isinstance(block, BadRow):
                yield block
                continue
            words, tags, problem = list[str](), list[str](), None
            for offset, line in enumerate(block):
                if width > 2 and line.startswith("#") and not line.startswith("#\t"):
                    continue
                cells = line.split("\t")
                usual = len(cells) == width and cells[token].strip() and " " not in cells[token]
                if not usual and (wrong := _wrong_columns(cells, width, token, labels)):
                    problem = BadRow(path, start + offset, wrong)
                    break
                words.append(cells[token if len(cells) > 1 else 0])
                if len(cells) > 1 and cells[tag].strip():
                    tags.append(cells[tag].strip())
            if problem:
                yield problem
                continue
            if not words or (len(words) == 1 and words[0].split(" ")[0] == BOUNDARY):
                continue
            if stripped is None:
                stripped = all(word.startswith(prefix) and word != prefix for word in words)
            if stripped:
                words = [word.removeprefix(prefix) for word in words]
            if stripped and not all(word.strip() for word in words):
                yield BadRow(path, start, "expected a token in the first column, found nothing")
                continue
            if tagged is None and labels:
                tagged = bool(tags)
            if len(tags) != len(words) and (tags or tagged):
                yield BadRow(path, start, f"expected a tag for each of {len(words)} tokens, found {len(tags)}")
            elif tags and tagged is False:
                yield BadRow(path, start, f"expected no tags, as in the first sentence, found {len(tags)}")
            elif not tags and all(len(word) > 1 and word in labels for word in words):
                yield BadRow(path, start, f"expected tokens, found nothing but tags: {' '.join(words[:3])}")
            else:
                yield Tagging(f"{file_name(path)}:{start}", language, tuple(words), tuple(tags) or None)

    return read


def _wrong_columns(cells: Sequence[str], width: int, token: int, labels: Sequence[str]) -> str:
    """What is wrong with a line of columns; '' where nothing is."""
    word = cells[token if len(cells) > 1 else 0]
    if not (len(cells) == width or (len(cells) == 1 and width == 2)):
        return f"expected {width} columns, found {len(cells)}"
    if not word.strip():
        return "expected a token in the first column, found nothing"
    parts = word.split(" ")
    if labels and len(parts) > 1 and parts[0] != BOUNDARY and (len(cells) == 1 or parts[-1] in labels):
        return f"expected a tab between token and tag, found a blank in {word!r}"
    return ""


# How a multiword token is tagged when its parts lie equally deep in the tree: the first of these wins. From the
# converter that XTREME used (google-research/xtreme 838c13b, third_party/ud-conversion-tools/conllu_to_conll.py).
PRECEDENCE = {
    "es": "VERB AUX PRON ADP DET",
    "fr": "VERB AUX PRON NOUN ADJ ADV ADP DET PART SCONJ CONJ",
    "it": "VERB AUX ADV PRON ADP DET INTJ",
}
PRECEDENCE_ELSE = "VERB NOUN PROPN PRON ADJ NUM ADV INTJ AUX ADP DET PART CCONJ SCONJ X PUNCT"


def conllu(path: Path, language: str) -> Items:
    """CoNLL-U, as XTREME reads it: a multiword token is one word, with the tag of the part nearest to the root.

    Empty nodes (`5.1`) are left out, spaces and U+200C inside words are removed, and sentences whose words are
    withheld (`_`) are passed over.
    """
    ranks = PRECEDENCE.get(language, PRECEDENCE_ELSE).split()
    for start, block in blocks(path):
        if isinstance(block, BadRow):
            yield block
            continue
        rows = [line.split("\t") for line in block if not line.startswith("#")]
        try:
            words, tags = _fuse(rows, ranks)
        except ValueError as error:
            yield BadRow(path, start, f"expected a sentence of CoNLL-U, found {error}")
            continue
        if words and sum(w == "_" for w in words) < max(1, len(words) - 1):
            yield Tagging(f"{file_name(path)}:{start}", language, words, tags)


def _fuse(rows: list[list[str]], ranks: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Words and tags of a sentence, each multiword token as one word; raises ValueError for columns that cannot be."""
    if wrong := next((cells for cells in rows if len(cells) != 10), None):
        raise ValueError(f"a line of {len(wrong)} columns, not 10")
    if wrong := next((c for c in rows if not re.fullmatch(r"[0-9]+(-[0-9]+|\.[0-9]+)?", c[0])), None):
        raise ValueError(f"the id {wrong[0]!r}")
    ids = [int(c[0]) for c in rows if c[0].isdigit()]
    if ids != list(range(1, len(ids) + 1)):
        raise ValueError(f"the ids {' '.join(map(str, ids))}, not 1 to {len(ids)}")
    tokens = {int(c[0]): c for c in rows if c[0].isdigit()}
    head = {i: int(c[6]) if re.fullmatch("[0-9]+", c[6]) else 0 for i, c in tokens.items()}
    spans = _multiword(rows, tokens)
    last = empty = 0
    for cells in rows:  # empty nodes stand after the word that they are numbered by, ranges before their first word
        if cells[0].isdigit():
            last, empty = int(cells[0]), 0
            continue
        first, second = map(int, re.split("[-.]", cells[0]))
        empty += "." in cells[0]
        if first != last + ("-" in cells[0]) or ("." in cells[0] and second != empty):
            raise ValueError(f"the id {cells[0]!r} after word {last}")

    def depth(token: int) -> int:
        seen = set[int]()
        while token and token not in seen:
            seen.add(token)
            token = head.get(token, 0)
        return len(seen)

    def order(token: int) -> tuple[int, int, int]:
        tag = tokens[token][3]
        return depth(token), ranks.index(tag) if tag in ranks else len(ranks), token

    words, tags, inside = list[str](), list[str](), 0
    for i in tokens:
        if i <= inside:
            continue
        span, word = spans.get(i, (range(i, i + 1), tokens[i][1]))
        inside = span[-1]
        words.append(word.replace("\u200c", "").replace(" ", "").strip())
        tags.append(tokens[min(span, key=order)][3].strip())
    if not all(words):
        raise ValueError(f"nothing in place of word {words.index('') + 1}")
    return tuple(words), tuple(tags)


def _multiword(rows: list[list[str]], tokens: dict[int, list[str]]) -> dict[int, tuple[range, str]]:
    """The multiword tokens by their first part; raises ValueError for one that has none, or that overlaps another."""
    spans, last_end, before = dict[int, tuple[range, str]](), 0, ""
    for name, word in sorted(((c[0], c[1]) for c in rows if "-" in c[0]), key=lambda item: int(item[0].split("-")[0])):
        first, last = map(int, name.split("-"))
        if not (first in tokens and last in tokens and first <= last):
            raise ValueError(f"the multiword token {name} without its parts")
        if first <= last_end:
            raise ValueError(f"the multiword tokens {before} and {name}, which overlap")
        spans[first], last_end, before = (range(first, last + 1), word), last, name
    return spans


def supertags(path: Path, language: str) -> Items:
    """`tokens <TAB> supertags` a line, both joined by spaces: the layout that jiant reads."""
    for number, line in lines(path):
        if isinstance(line, BadRow):
            yield line
            continue
        if not line.strip():
            continue
        cells = line.split("\t")
        words, tags = (tuple(filter(None, c.split(" "))) for c in cells) if len(cells) == 2 else ((), ())
        if not words or len(words) != len(tags):
            expected = "expected tokens, a tab and as many supertags"
            lengths = f"{len(words)} and {len(tags)}" if len(cells) == 2 else f"{len(cells)} columns"
            yield BadRow(path, number, f"{expected}, found {lengths}")
        else:
            yield Tagging(f"{file_name(path)}:{number}", language, words, tags)


LEAF = re.compile(r"\(<L (\S+) \S+ \S+ (\S+) \S+>\)")


def ccgbank_auto(path: Path, language: str) -> Items:
    """CCGbank's AUTO derivations: the words and the categories of the leaves `(<L N/N NNP NNP Anna N_1/N_1>)`."""
    for number, line in lines(path):
        if isinstance(line, BadRow):
            yield line
        elif line.strip() and not line.startswith("ID="):
            leaves = LEAF.findall(line)
            if leaves and len(leaves) == line.count("(<L "):
                yield Tagging(
                    f"{file_name(path)}:{number}", language, tuple(w for _, w in leaves), tuple(c for c, _ in leaves)
                )
            else:
                leaves_found = f"{len(leaves)} of {line.count('(<L ')} whole" if "(<L " in line else "none"
                yield BadRow(path, number, f"expected a CCGbank derivation with leaves (<L ...>), found {leaves_found}")
