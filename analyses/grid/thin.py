"""A folder of data with fewer rows to predict: `python analyses/grid/thin.py DATA OUTPUT`.

Everything is linked but the files that the small grid is evaluated on, which are thinned the same way in every language,
so that parallel rows stay parallel: XNLI every 10th premise with its three hypotheses, XQuAD every 12th article, udpos every
n-th sentence, so that 150 to 300 are left. Training files and Tatoeba are whole.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from itertools import groupby
from pathlib import Path

from diversity import store

PREMISES, ARTICLES, SENTENCES = 10, 12, 150


def xnli(path: Path) -> str:
    """Every 10th premise: three rows that follow each other."""
    lines = path.read_text("utf8").splitlines(keepends=True)
    return "".join(line for number, line in enumerate(lines) if number // 3 % PREMISES == 0)


def xquad(path: Path) -> str:
    """Every 12th article, from the second on: the first is three times as long as the others."""
    content = json.loads(path.read_text("utf8"))
    return json.dumps({**content, "data": content["data"][1::ARTICLES]}, ensure_ascii=False)


def udpos(path: Path) -> str:
    """Every n-th sentence; sentences are separated by empty lines."""
    lines = path.read_text("utf8").splitlines(keepends=True)
    sentences = ["".join(group) for full, group in groupby(lines, key=lambda line: bool(line.strip())) if full]
    return "\n".join(sentences[:: max(1, len(sentences) // SENTENCES)])


THINNED = {"xnli/dev-*.tsv": xnli, "xquad/xquad.*.json": xquad, "udpos/test-*.tsv": udpos}


def thin(data: Path, output: Path) -> int:
    """Write the folder; the number of files that were thinned."""
    shutil.copytree(data, output, copy_function=lambda a, b: os.symlink(Path(a).resolve(), b))
    written = 0
    for pattern, function in THINNED.items():
        for path in sorted(data.glob(pattern)):
            place = output / path.relative_to(data)
            place.unlink()
            store.write(place, function(path))
            written += 1
    return written


if __name__ == "__main__":
    print(thin(Path(sys.argv[1]), Path(sys.argv[2])), "files thinned")
