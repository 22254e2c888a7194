"""The data of the study, sampled from the releases: `python -m analyses.study.sample DATA OUTPUT`.

Files that are trained on are linked as they are. Of those that models are evaluated on, rows are taken at equal steps, the
same in every language where rows are parallel, so that nothing is chosen by its content:

- XNLI: every premise of so many with its three hypotheses; PAWS-X: every pair of so many;
- UD and WikiANN: at most so many sentences of a language;
- XQuAD: every article of so many, from the second on (the first is three times as long as the others);
- MLQA and TyDi QA: at most so many passages of a language, each with its questions;
- BUCC (zh only): gold pairs, and of the other sentences one of so many, are dealt out in turn to a half that the threshold is
  tuned on (`dev`) and a half that is scored (`test`).

Tatoeba is whole.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path

from analyses.grid.thin import articles, rows, sentences_of, thin
from diversity import store


def sentences(path: Path, most: int) -> str:
    """At most so many sentences, at equal steps."""
    found = sentences_of(path)
    chosen = [found[i * len(found) // most] for i in range(most)] if len(found) > most else found
    return "\n".join(chosen)


def passages(path: Path, most: int) -> str:
    """At most so many passages of a SQuAD file, at equal steps."""
    content = json.loads(path.read_text("utf8"))
    places = [(a, p) for a, article in enumerate(content["data"]) for p in range(len(article["paragraphs"]))]
    kept = {places[i * len(places) // most] for i in range(most)} if len(places) > most else set(places)
    data = [
        {**article, "paragraphs": [p for n, p in enumerate(article["paragraphs"]) if (a, n) in kept]}
        for a, article in enumerate(content["data"])
    ]
    return json.dumps({**content, "data": [a for a in data if a["paragraphs"]]}, ensure_ascii=False)


def halves(folder: Path, output: Path, language: str, every: int) -> None:
    """BUCC's files of a language in two halves; both sentences of a gold pair are in one of them."""
    name = f"{language}-en.dev"
    gold = [line.split("\t") for line in (folder / f"{name}.gold").read_text("utf8").splitlines() if line.strip()]
    half: dict[str, int] = {}
    for number, (foreign, english) in enumerate(gold):
        side = half.get(foreign, half.get(english, number % 2))
        half[foreign] = half[english] = side
    for part, split in enumerate(("dev", "test")):
        kept = [f"{a}\t{b}\n" for a, b in gold if half[a] == half[b] == part]
        store.write(output / f"{language}-en.{split}.gold", "".join(kept))
        for side in (language, "en"):
            lines = (folder / f"{name}.{side}").read_text("utf8").splitlines(keepends=True)
            dealt = [number // every % 2 if number % every == 0 else None for number in range(len(lines))]
            own = [
                line
                for line, other in zip(lines, dealt, strict=True)
                if half.get(line.split("\t")[0].strip(), other) == part
            ]
            store.write(output / f"{language}-en.{split}.{side}", "".join(own))


def main() -> None:
    """Write the folder and say how many files differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--premises", type=int, default=8, help="XNLI: one premise of so many (default: %(default)s)")
    parser.add_argument("--pairs", type=int, default=5, help="PAWS-X: one pair of so many (default: %(default)s)")
    parser.add_argument("--sentences", type=int, default=120, help="UD, WikiANN: of a language (default: %(default)s)")
    parser.add_argument("--articles", type=int, default=8, help="XQuAD: one article of so many (default: %(default)s)")
    parser.add_argument("--passages", type=int, default=100, help="MLQA, TyDi QA: of a language (default: %(default)s)")
    parser.add_argument("--bucc", type=int, default=5, help="BUCC: one sentence of so many (default: %(default)s)")
    given = parser.parse_args()
    tagged, read = partial(sentences, most=given.sentences), partial(passages, most=given.passages)
    sampled = {
        "xnli/dev-*.tsv": partial(rows, every=given.premises, together=3),
        "pawsx/test-*.tsv": partial(rows, every=given.pairs),
        "udpos/test-*.tsv": tagged,
        "panx/test-*.tsv": tagged,
        "panx/dev-[!e]*.tsv": tagged,  # the split of languages without a test file; dev-en.tsv is that of training
        "panx/dev-e[!n]*.tsv": tagged,
        "xquad/xquad.*.json": partial(articles, every=given.articles),
        "mlqa/MLQA_V1/dev/*.json": read,
        "tydiqa/tydiqa-goldp-v1.1-dev/*.json": read,
    }
    written = thin(given.data, given.output, sampled)
    for path in (given.output / "bucc2018").iterdir():
        path.unlink()
    halves(given.data / "bucc2018", given.output / "bucc2018", "zh", given.bucc)
    print(written, "files sampled")


if __name__ == "__main__":
    main()
