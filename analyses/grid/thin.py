"""A folder of data with fewer rows to predict: `python analyses/grid/thin.py DATA OUTPUT [--premises 10 ...]`.

Everything is linked but the files that models are evaluated on, which are thinned the same way in every language, so that
parallel rows stay parallel: XNLI every 10th premise with its three hypotheses, XQuAD every 12th article, udpos and panx every
n-th sentence, so that 150 to 300 are left. Training files and Tatoeba are whole.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from pathlib import Path

from diversity import store


def rows(path: Path, every: int, together: int = 1) -> str:
    """Every so many-th group of rows that stand together, as XNLI's three of a premise."""
    lines = path.read_text("utf8").splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines) if number // together % every == 0)


def articles(path: Path, every: int) -> str:
    """Every so many-th article, from the second on: the first is three times as long as the others."""
    content = json.loads(path.read_text("utf8"))
    return json.dumps({**content, "data": content["data"][1::every]}, ensure_ascii=False)


def sentences_of(path: Path) -> list[str]:
    """The sentences of a file, which empty lines separate."""
    lines = path.read_text("utf8").splitlines(keepends=True)
    return ["".join(group) for full, group in groupby(lines, key=lambda line: bool(line.strip())) if full]


def tagged(path: Path, least: int) -> str:
    """Every n-th sentence, so that at least so many are left."""
    sentences = sentences_of(path)
    return "\n".join(sentences[:: max(1, len(sentences) // least)])


def thin(data: Path, output: Path, thinned: Mapping[str, Callable[[Path], str]]) -> int:
    """Write the folder; the number of files that were thinned."""
    shutil.copytree(data, output, copy_function=lambda a, b: os.symlink(Path(a).resolve(), b))
    written = 0
    for pattern, function in thinned.items():
        for path in sorted(data.glob(pattern)):
            place = output / path.relative_to(data)
            place.unlink()
            store.write(place, function(path))
            written += 1
    return written


def main() -> None:
    """Write the folder and say how many files differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--premises", type=int, default=10, help="XNLI: one premise of so many")
    parser.add_argument("--articles", type=int, default=12, help="XQuAD: one article of so many")
    parser.add_argument(
        "--sentences", type=int, default=150, help="udpos, panx: sentences of a language, if it has them"
    )
    given = parser.parse_args()
    sentences = partial(tagged, least=given.sentences)
    thinned = {
        "xnli/dev-*.tsv": partial(rows, every=given.premises, together=3),
        "xquad/xquad.*.json": partial(articles, every=given.articles),
        "udpos/test-*.tsv": sentences,
        "panx/test-*.tsv": sentences,
        "panx/dev-[!e]*.tsv": sentences,  # the split of languages without a test file; dev-en.tsv selects models
        "panx/dev-e[!n]*.tsv": sentences,
    }
    print(thin(given.data, given.output, thinned), "files thinned")


if __name__ == "__main__":
    main()
